"""Charts: both languages, both themes, values that are predict's, files that load nothing."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.dom import minidom

import pytest
from playwright.sync_api import Browser

from sriovlab.errors import RenderError
from sriovlab.iopath.predict import predict
from sriovlab.iopath.request import Read
from sriovlab.render.chart_layout import SMALL, WIDTH, end_names, fraction, layout, ticks, value_at, wrapped
from sriovlab.render.charts import PLOTLY_MIME, chart
from sriovlab.render.themes import THEMES
from sriovlab.scene.chart_parts import Axis
from sriovlab.scene.charts import QUESTIONS, charts, request_of
from sriovlab.scene.measure import text_width

NAMES = tuple(QUESTIONS)
EVERY = [(name, language, theme) for name in NAMES for language, theme in (("en", "light"), ("zh", "dark"))]


def texts(figure: dict[str, Any]) -> list[str]:
    """Every text that a reader of the still figure sees."""
    layout_ = figure["layout"]
    found = [a["text"] for a in layout_["annotations"]]
    for name, axis in layout_.items():
        if name.startswith(("xaxis", "yaxis")):
            found += [axis.get("title", {}).get("text", ""), *map(str, axis.get("ticktext", []))]
    return [*found, *(t["name"] for t in figure["data"] if t.get("showlegend"))]


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def test_the_questions_are_listed_in_both_languages() -> None:
    english, chinese = charts(), charts("zh")
    assert english.keys() == chinese.keys() == QUESTIONS.keys()
    assert not any(map(is_chinese, english.values()))
    assert all(map(is_chinese, chinese.values()))


@pytest.mark.parametrize(("name", "language", "theme"), EVERY)
def test_plotly_accepts_every_chart_and_it_speaks_its_language(name: str, language: str, theme: str) -> None:
    figure = json.loads(chart(name, language=language, theme=theme).figure().to_json())
    said = texts(figure)
    assert any(map(is_chinese, said)) == (language == "zh")
    assert figure["layout"]["paper_bgcolor"] == THEMES[theme].paper
    assert "NaN" not in json.dumps(figure)
    assert "Infinity" not in json.dumps(figure)


@pytest.mark.parametrize(("name", "language", "theme"), EVERY)
def test_the_still_picture_is_xml_whose_texts_stay_inside(name: str, language: str, theme: str) -> None:
    svg = chart(name, language=language, theme=theme).svg()
    document = minidom.parseString(svg)
    said = list(document.getElementsByTagName("text"))
    assert any(is_chinese(n.firstChild.data) for n in said) == (language == "zh")
    for node in said:
        words, size = node.firstChild.data, float(node.getAttribute("font-size"))
        wide = text_width(words, size)
        begin = float(node.getAttribute("x")) - {"middle": wide / 2, "end": wide}.get(
            node.getAttribute("text-anchor"), 0
        )
        assert begin >= 0, words
        assert begin + 0.94 * wide <= WIDTH, words
        assert size >= SMALL
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_lines_show_what_predict_says() -> None:
    shown = chart("scaling", paths=("virtio", "sriov"), request=Read(8192), vms=(1, 5, 64), queue_depth=2)
    lines = [t for t in shown.figure().data if t.mode == "lines+markers"]
    rates, cores = lines[:2], lines[2:]
    for path, rate, cpu in zip(("virtio", "sriov"), rates, cores, strict=True):
        expected = [predict(path, Read(8192), vms=v, queue_depth=2, host_cores=16) for v in (1, 5, 64)]
        assert list(rate.y) == [p.throughput_per_s.typical for p in expected]
        assert list(cpu.y) == [p.cpu_cores.typical for p in expected]


def test_bars_of_a_waterfall_end_where_the_latency_ends() -> None:
    shown = chart("where-time-goes", paths="virtio")
    bars = [t for t in shown.figure().data if t.type == "bar" and t.name != "nobody waits for it"]
    end = max(b + x for t in bars for b, x in zip(t.base, t.x, strict=True))
    assert end == pytest.approx(predict("virtio").latency_us)


def test_many_paths_become_one_row_each_and_the_table_keeps_every_hop() -> None:
    paths = ("native", "emulated:ahci", "emulated:nvme", "virtio", "vhost", "vhost-user", "sriov")
    scene = chart("where-time-goes", paths=paths).scene
    assert len(scene.panels[0].rows) == len(paths)
    assert len(scene.table.rows) > 80


@pytest.mark.parametrize("name", NAMES)
def test_no_two_lines_or_kinds_of_bars_differ_by_colour_alone(name: str) -> None:
    for panel in chart(name).scene.panels:
        looks = [(line.dash, line.marker) for line in panel.lines]
        assert len(set(looks)) == len(looks)
        patterns = [(kind.pattern, kind.is_open) for _, kind in panel.kinds]
        assert len(set(patterns)) == len(patterns)


@pytest.mark.parametrize("paths", [("virtio", "vhost", "vhost-user", "sriov", "native", "emulated:nvme")])
def test_names_at_the_ends_of_lines_keep_apart_and_inside(paths: tuple[str, ...]) -> None:
    scene = chart("scaling", paths=paths, host_cores=4).scene
    for panel, frame in zip(scene.panels, layout(scene, "en").frames, strict=True):
        places = sorted(name.down for name in end_names(panel, frame))
        assert len(places) == len(paths)
        assert all(b - a > 15 for a, b in pairwise(places))
        assert places[0] > -30
        assert places[-1] <= frame.height + 1e-6


def test_break_even_marks_its_crossings() -> None:
    shown = chart("break-even", paths=("vhost", "sriov+userspace"), vms=4)
    (crossing,) = shown.scene.answer.crossings  # type: ignore[attr-defined]
    (mark,) = shown.scene.panels[0].marks
    assert (mark.x, mark.y) == (crossing.rate_per_s, crossing.cores)
    assert any("sriov+userspace" in note.en and "from" in note.en for note in shown.scene.table.notes)


# -- as a value -----------------------------------------------------------------------------------


def test_a_notebook_gets_plotly_a_picture_with_the_table_and_plain_text() -> None:
    bundle = chart("sensitivity", language="zh")._repr_mimebundle_()
    assert set(bundle) == {PLOTLY_MIME, "text/html", "text/plain"}
    assert bundle[PLOTLY_MIME]["config"]["showSendToCloud"] is False
    assert "<table" in bundle["text/html"]
    assert "data:image/svg+xml;base64," in bundle["text/html"]
    assert "ov_virtio_default_us" in bundle["text/plain"]
    assert json.loads(json.dumps(bundle)) == bundle


def test_a_chart_is_the_same_each_time() -> None:
    assert chart("scaling")._repr_mimebundle_() == chart("scaling")._repr_mimebundle_()
    assert repr(chart("scaling")) == repr(chart("scaling"))


@pytest.mark.parametrize("suffix", [".html", ".svg", ".png", ".csv", ".md"])
def test_every_format_is_written_whole(tmp_path: Path, suffix: str) -> None:
    path = chart("posted-gain").save(tmp_path / f"chart{suffix}")
    data = path.read_bytes()
    begins = {
        ".html": b"<!doctype html>",
        ".svg": b"<svg ",
        ".png": b"\x89PNG",
        ".csv": b"interrupts/s,",
        ".md": b"**",
    }
    assert data.startswith(begins[suffix])
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_csv_has_the_numbers_unrounded(tmp_path: Path) -> None:
    path = chart("scaling", paths="sriov", vms=(3,)).save(tmp_path / "x.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    expected = predict("sriov", vms=3, queue_depth=8, host_cores=16)
    assert float(rows[0]["requests/s"]) == expected.throughput_per_s.typical


def test_an_unknown_suffix_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"expected \.html, \.svg, \.png, \.pdf, \.csv, \.md"):
        chart("scaling").save(tmp_path / "x.xlsx")


def test_without_plotly_there_is_a_sentence_and_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    shown = chart("scaling")
    with pytest.raises(RenderError, match="pip install plotly"):
        shown.save(tmp_path / "x.html")
    bundle = shown._repr_mimebundle_()
    assert PLOTLY_MIME not in bundle
    assert "pip install plotly" in bundle["text/html"]
    assert "<table" in bundle["text/html"]
    assert shown.save(tmp_path / "x.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"question": "scalling"}, "expected one of where-time-goes, scaling"),
        ({"question": "scaling", "colour": 1}, "takes no 'colour'"),
        ({"question": "scaling", "path": "virtio"}, "did you mean paths"),
        ({"question": "scaling", "queue_depth": 0}, "queue_depth is 0"),
        ({"question": "scaling", "language": "fr"}, "expected one of en, zh"),
        ({"question": "scaling", "theme": "pink"}, "expected one of light, dark"),
        ({"question": "scaling", "request": "erase:1"}, "expected KIND:BYTES"),
        ({"question": "sensitivity", "paths": ("virtio",)}, "did you mean path"),
    ],
)
def test_bad_input_is_named_with_what_there_is(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        chart(**arguments)


def test_a_request_may_be_written_and_a_question_spelt_as_its_function() -> None:
    assert request_of("write:512").text == "write:512"
    assert chart("where_time_goes", request="write:512").scene.answer.request.text == "write:512"  # type: ignore[attr-defined]


def test_examples_give_way_to_what_is_said() -> None:
    assert "queue_depth" not in chart("scaling", rate=100.0).scene.subtitle.en
    assert "host_cores" not in chart("vms-per-host", host="example:cloud").scene.subtitle.en
    assert "queue_depth\N{NO-BREAK SPACE}2" in chart("scaling", queue_depth=2).scene.subtitle.en


def test_one_point_and_no_throughput_are_drawn_too() -> None:
    for name, knobs in (
        ("scaling", {"vms": (1,)}),
        ("vms-per-host", {"rate": 1e9}),
        ("vms-per-host", {"host_cores": None, "vfs": 0}),
        ("sensitivity", {"metric": "throughput_per_s", "path": "native"}),
        ("iommu-cost", {"request": "read:4096"}),
    ):
        shown = chart(name, **knobs)
        assert json.loads(shown.figure().to_json())["data"]
        assert minidom.parseString(shown.svg())


# -- where things stand ---------------------------------------------------------------------------


def test_a_title_breaks_into_lines_that_fit_in_both_languages() -> None:
    for text in ("many words " * 40, "很长的标题，没有空格。" * 20):
        lines = wrapped(text.strip(), 300, 14)
        assert len(lines) > 3
        assert all(text_width(line, 14) <= 320 for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert not any(line[0] in "，。 " for line in lines)


@pytest.mark.parametrize("axis", [Axis(None), Axis(None, is_log=True)])  # type: ignore[arg-type]
def test_fraction_and_value_undo_each_other(axis: Axis) -> None:
    for value in (2.0, 17.0, 900.0):
        assert value_at(axis, (1.0, 1000.0), fraction(axis, (1.0, 1000.0), value)) == pytest.approx(value)


@pytest.mark.parametrize("ends", [(0.0, 7.0), (35.2, 56.1), (0.0, 1e7), (3.0, 900.0), (1e-3, 40.0)])
@pytest.mark.parametrize("is_log", [False, True])
def test_ticks_are_a_handful_inside_the_axis(ends: tuple[float, float], is_log: bool) -> None:
    if is_log and ends[0] == 0:
        ends = (1.0, ends[1])
    found = ticks(Axis(None, is_log=is_log), ends)  # type: ignore[arg-type]
    assert 2 <= len(found) <= 9
    assert all(ends[0] - 1e-9 <= tick <= ends[1] * (1 + 1e-9) for tick in found)
    assert all(math.isfinite(tick) for tick in found)


@pytest.mark.browser
def test_a_saved_page_draws_itself_and_asks_for_nothing(tmp_path: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 960, "height": 700})
    problems: list[str] = []
    page.on(
        "request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else problems.append(r.url)
    )
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(chart("scaling", language="zh", theme="dark").save(tmp_path / "x.html").as_uri())
    page.wait_for_selector("#chart .trace.scatter")
    assert page.locator("#chart .annotation-text").filter(has_text="sriov+posted").count() == 2
    assert page.locator("table tr").count() > 60
    page.close()
    assert problems == []
