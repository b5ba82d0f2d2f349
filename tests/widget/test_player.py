"""The player as a value in a notebook: its traits, its fallback, its words, its files."""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.dom import minidom

import pytest
from PIL import Image

import sriovlab as sl
from sriovlab.errors import RenderError, SriovlabError
from sriovlab.render.movie import frame_times, moment_svg, path_points, point_along
from sriovlab.render.page import stage_module
from sriovlab.scene.axis import axis_from

HOSTILE = "<script>alert(1)</script>\"&'</svg>]]>"


@pytest.fixture(scope="module")
def player() -> Any:
    return sl.compare("example:cloud", "virtio", "sriov", vm="db0")


def hostile_host() -> sl.Topology:
    document = json.dumps(sl.load("example:cloud").to_document())
    return sl.Topology.from_document(json.loads(document.replace('"legacy0"', json.dumps(HOSTILE))))


def test_the_widget_has_every_trait_that_the_stage_reads(player: Any) -> None:
    read = set(re.findall(r'model\.get\("(\w+)"\)', stage_module()))
    assert read
    assert read <= set(player.widget.traits(sync=True))
    assert player.widget.language == "en"
    assert player.widget.timeline["lanes"][0]["path"] == player.journeys[0].path


def test_a_saved_output_holds_a_picture_that_moves_without_a_kernel(player: Any) -> None:
    made = player._repr_mimebundle_()
    data = made[0] if isinstance(made, tuple) else made
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"] == repr(player)
    source = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', data["text/html"])
    assert source is not None
    svg = minidom.parseString(base64.b64decode(source[1]))
    assert svg.getElementsByTagName("animateMotion")
    assert not svg.getElementsByTagName("script")


def test_without_anywidget_the_picture_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    data = sl.compare("example:cloud")._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html"}


def test_importing_the_package_imports_no_widget() -> None:
    code = "import sys, sriovlab; print([m for m in ('anywidget', 'ipywidgets', 'IPython', 'PIL') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_repr_says_host_request_paths_exits_and_time(player: Any) -> None:
    shown = repr(player)
    for journey in player.journeys:
        assert f"{journey.path}: {journey.exits():g} exits" in shown
    assert "cloud" in shown
    assert "read:4096" in shown
    assert "0x" not in shown
    assert repr(sl.compare("example:cloud", "virtio", "sriov+posted", vm="db0")) != shown
    assert repr(sl.compare("example:cloud", vm="db0", queue_depth=4)) != shown


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_summary_is_a_table_whose_columns_stand_below_each_other(language: str) -> None:
    lines = sl.compare("example:cloud", vm="db0", language=language).summary().splitlines()
    # Wide and narrow letters are counted apart: a browser's wide letter is not two narrow ones.
    starts = set()
    for line in lines[1:]:
        label = re.match(r"^(.*?\S)[ \u3000]{2,}", line)
        assert label is not None
        before = line[: label.end()]
        wide = sum("\u2e80" <= c <= "\uffef" for c in before)
        starts.add((wide, len(before) - wide))
    assert len(lines) == 13
    assert len(starts) == 1


def test_hostile_names_stay_text_in_all_that_is_made(tmp_path: Path) -> None:
    player = sl.compare(hostile_host(), vm=HOSTILE)
    # This machine holds no VF, so the lane says by name that it is assumed to.
    assert "alert(1)" in json.dumps(player.widget.timeline)
    assert HOSTILE in player.summary()
    for picture in (player.widget.svg, moment_svg(player.scene, 1000.0)):
        assert not minidom.parseString(picture).getElementsByTagName("script")
    assert player._repr_mimebundle_()[0]["text/html"].count("<") == 1
    page = player.save(tmp_path / "x.html").read_text()
    assert "<script>alert(1)" not in page
    assert player.save(tmp_path / "x.svg").read_text().count("</svg>") == 1


def test_the_gif_moves_holds_its_end_and_repeats(tmp_path: Path, player: Any) -> None:
    path = player.save(tmp_path / "x.gif")
    with Image.open(path) as film:
        assert film.n_frames > 30
        assert film.info["loop"] == 0
        shown = set()
        for frame in range(0, film.n_frames, 6):
            film.seek(frame)
            shown.add(film.convert("RGB").tobytes())
        assert len(shown) > 8
        film.seek(film.n_frames - 1)
        assert film.info["duration"] >= 2000
    assert path.stat().st_size < 500_000


def test_a_gif_without_pillow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, player: Any
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(RenderError, match=r"pillow.*sriovlab\[export\]"):
        player.save(tmp_path / "x.gif")
    assert list(tmp_path.iterdir()) == []


def test_a_token_goes_at_even_speed_along_a_bent_way() -> None:
    points = path_points("M 0 0 L 10 0 C 20 0 20 0 20 10")
    assert points[0] == (0, 0)
    assert points[-1] == (20, 10)
    places = [point_along(points, part / 10) for part in range(11)]
    steps = [math.dist(a, b) for a, b in itertools.pairwise(places)]
    assert max(steps) < 1.25 * min(steps)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(SriovlabError, match="db9"):
        sl.compare("example:cloud", vm="db9")
    with pytest.raises(SriovlabError, match="teleport"):
        sl.compare("example:cloud", "teleport", "sriov")
    with pytest.raises(ValueError, match="'fr'"):
        sl.compare("example:cloud", language="fr")


def test_a_film_gives_slow_media_no_more_frames_than_its_place_on_the_axis() -> None:
    slow = sl.compare("example:cloud", vm="db0", media="nand").scene.timeline
    assert slow is not None
    axis = axis_from(slow["axis"])
    assert axis.cut_px > 0
    times = frame_times(slow, 60)
    step = axis.px(slow["last_ns"]) / 60
    assert [axis.px(t) for t in times] == pytest.approx([step * number for number in range(61)])
    assert sum(axis.cut_from < t < axis.cut_to for t in times) <= axis.cut_px / step + 1


def test_a_film_of_many_requests_goes_on_to_the_last() -> None:
    busy = sl.compare("example:cloud", vm="db0", queue_depth=32).scene.timeline
    assert busy is not None
    assert busy["last_ns"] > busy["axis"]["end_ns"]
    times = frame_times(busy, 10)
    assert times[-1] == busy["last_ns"]
    assert len(set(times)) == 11
