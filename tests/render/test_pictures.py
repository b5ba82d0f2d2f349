"""Pictures: geometry over many hosts, colours that can be read, the same bytes each time."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from xml.dom import minidom

import pytest

import sriovlab as sl
from sriovlab.errors import RenderError
from sriovlab.model.topology import Topology
from sriovlab.render.svg import render_svg
from sriovlab.render.themes import THEMES
from sriovlab.scene.measure import fit_text, text_width
from sriovlab.scene.player import player_scene
from sriovlab.scene.shapes import Box, Scene, Text
from sriovlab.scene.topology import topology_scene

HOSTS = [
    *(f"example:{name}" for name in sl.examples()),
    "synthetic:nic[vfs=127]",
    "synthetic:nic[vfs=8,ports=4] nvme[vfs=64] gpu[vfs=2]",
    "synthetic: ",
    "synthetic:" + " ".join(["nvme[vfs=200]"] * 16),
]


def load(name: str) -> Topology:
    return sl.synthetic("nvme[vfs=40]", vms=40) if name == "forty VMs" else sl.load(name)


@pytest.mark.parametrize("name", [*HOSTS, "forty VMs"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_labels_stay_in_their_boxes_and_boxes_apart(name: str, language: str) -> None:
    scene = topology_scene(load(name))
    boxes = [
        s
        for s in scene.shapes
        if isinstance(s, Box) and s.role not in ("numa", "paper") and not s.id.startswith("pile")
    ]
    for box in boxes:
        assert box.x >= 0
        assert box.x + box.width <= scene.width + 1
        assert box.y + box.height <= scene.height
        if box.label is not None:
            assert text_width(box.label.in_language(language), box.size) <= box.width
    texts = [
        (t.x, t.y - 8, t.x + text_width(t.words.in_language(language), t.size), t.y + 8)
        for t in scene.shapes
        if isinstance(t, Text)
    ]
    areas = [(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes] + texts
    for a, b in itertools.combinations(areas, 2):
        assert not (a[0] < b[2] - 0.5 and b[0] < a[2] - 0.5 and a[1] < b[3] - 0.5 and b[1] < a[3] - 0.5), (
            a,
            b,
        )


@pytest.mark.parametrize("name", HOSTS)
def test_every_thing_that_is_drawn_exists(name: str) -> None:
    host = load(name)
    things = {s.thing for s in topology_scene(host).shapes if isinstance(s, Box) and s.thing}
    assert all(thing in host for thing in things)
    assert {pf.id for pf in host.physical_functions} <= things


def test_two_hosts_look_different() -> None:
    pictures = {sl.diagram(name).svg().partition("<defs>")[2] for name in HOSTS}
    assert len(pictures) == len(HOSTS)


def test_a_giant_is_a_small_picture() -> None:
    assert len(sl.diagram("synthetic:nic[vfs=65279]").svg()) < 20_000


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda t: t.name)
def test_text_can_be_read_on_its_paper(theme: object) -> None:
    look = THEMES[theme.name]  # type: ignore[attr-defined]
    assert contrast(look.ink, look.paper) >= 7
    assert contrast(look.dim, look.paper) >= 4.5
    assert contrast(look.dim, look.paint("band").fill) >= 4.5
    for role, paint in look.paints.items():
        fill = paint.fill if paint.fill.startswith("#") else look.paper
        assert contrast(paint.ink, fill) >= 4.5, role
    for stream in ("command", "data", "interrupt"):
        assert contrast(look.paint(stream).stroke, look.paint("band").fill) >= 3


def test_streams_differ_by_more_than_colour() -> None:
    looks = {
        (THEMES["light"].paint(s).width, THEMES["light"].paint(s).dash)
        for s in ("command", "data", "interrupt")
    }
    assert len(looks) == 3


@pytest.mark.parametrize("theme", list(THEMES))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_svg_is_well_formed(theme: str, language: str) -> None:
    player = sl.compare("example:cloud", language=language, theme=theme)
    for svg in (
        sl.diagram("example:cloud", language=language, theme=theme).svg(),
        player_svg(player.scene, theme, language),
    ):
        document = minidom.parseString(svg)
        assert document.getElementsByTagName("title")
        assert document.documentElement.getAttribute("lang") == language
        ids = [e.getAttribute("id") for e in document.getElementsByTagName("*") if e.hasAttribute("id")]
        assert len(ids) == len(set(ids))


def player_svg(scene: Scene, theme: str, language: str) -> str:
    return render_svg(scene, theme=theme, language=language, is_bilingual=True)


def test_the_same_input_gives_the_same_bytes_in_two_processes() -> None:
    code = (
        "import sriovlab as sl, hashlib; p = sl.compare('example:cloud'); from sriovlab.render.page import player_page;"
        "from sriovlab.render.still import animated_svg;"
        "print(hashlib.sha256((sl.diagram('example:cloud').svg() + player_page(p.scene) + animated_svg(p.scene)).encode()).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]


def test_a_player_takes_two_paths_of_one_request() -> None:
    host = sl.load("example:cloud")
    with pytest.raises(ValueError, match="two paths to 4, found 1"):
        player_scene([sl.journey(host, "virtio")])
    with pytest.raises(ValueError, match="expected the same request"):
        player_scene([sl.journey(host, "virtio"), sl.journey(host, "sriov", sl.Send())])


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.png", "x.pdf", "x.gif"])
def test_a_player_saves_each_format(tmp_path: Path, name: str) -> None:
    path = sl.compare("example:cloud").save(tmp_path / name)
    assert path.stat().st_size > 5000


def test_a_player_that_cannot_be_saved_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    player = sl.compare("example:cloud")
    with pytest.raises(RenderError, match="expected .html, .svg, .png, .pdf, .gif"):
        player.save(tmp_path / "x.mp4")
    with pytest.raises(RenderError, match="cannot be written"):
        player.save(tmp_path / "no" / "x.html")
    assert list(tmp_path.iterdir()) == []


def test_a_players_repr_is_short_and_without_an_address() -> None:
    text = repr(sl.compare("example:cloud", vm="db0"))
    assert (
        text
        == "<Player cloud, read:4096, queue depth 1: virtio+trapped: 3 exits, 47 us; sriov+trapped: 2 exits, 21 us>"
    )


def test_a_notebook_gets_a_widget_and_a_picture_that_moves_without_one() -> None:
    bundle, _ = sl.compare("example:cloud")._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"].startswith("<img ")
    assert "image/svg+xml" in sl.load("example:cloud")._repr_mimebundle_() or "IPython" not in sys.modules


def test_text_is_measured_wide_and_shortened_with_an_ellipsis() -> None:
    assert text_width("中文", 10) == 20
    assert fit_text("abcdefghij" * 5, 60, 14).endswith("…")
    assert fit_text("short", 500, 14) == "short"


def test_the_axis_breaks_where_the_media_dwarfs_the_rest_and_only_there() -> None:
    slow, quick = (sl.compare("example:cloud", media=media).scene for media in ("nand", "optane"))
    assert any(shape.id.startswith("break-") for shape in slow.shapes)
    assert not any(shape.id.startswith("break-") for shape in quick.shapes)
    bars = [s for s in slow.shapes if isinstance(s, Box) and s.id.startswith("bar-0-")]
    for a, b in itertools.pairwise(bars):
        assert a.x + a.width <= b.x + 2


def test_three_paths_stand_side_by_side() -> None:
    scene = sl.compare("example:cloud", "virtio", "virtio+iothread", "sriov", vm="db0").scene
    bands = [
        s
        for s in scene.shapes
        if isinstance(s, Box) and s.id.endswith("-application") and s.id.startswith("band-")
    ]
    assert len(bands) == 3
    assert bands[-1].x + bands[-1].width == scene.width
    assert scene.timeline is not None
    assert len(scene.timeline["lanes"]) == 3
