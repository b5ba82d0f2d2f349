"""The chart with a slider: every position computed beforehand, moved in the browser in well under 100 ms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from sriovlab.iopath.predict import predict
from sriovlab.render.charts import chart
from sriovlab.widget.chart import chart_module, chart_style, chart_widget, on_shared_axes

DEPTHS = [1, 2, 4, 8, 16, 32, 64]


@pytest.fixture(scope="module")
def moved() -> Any:
    return chart_widget("scaling", knob="queue_depth", values=DEPTHS, paths=("virtio", "sriov"))


def test_each_position_is_the_chart_of_that_value(moved: Any) -> None:
    moved.index = 3
    assert moved.chart.scene.answer == chart("scaling", paths=("virtio", "sriov"), queue_depth=8).scene.answer
    line = next(t for t in moved.state()["frames"][3]["data"] if t.get("name") == "sriov+posted")
    assert line["y"][0] == predict("sriov", vms=1, queue_depth=8, host_cores=16).throughput_per_s.typical
    assert "queue_depth = 8" in repr(moved)
    moved.index = 0


def test_axes_stay_while_the_slider_moves(moved: Any) -> None:
    frames = moved.state()["frames"]
    for axis in ("xaxis", "yaxis", "yaxis2"):
        assert len({tuple(frame["layout"][axis]["range"]) for frame in frames}) == 1
    highest = max(y for frame in frames for t in frame["data"] if t.get("name") for y in t["y"])
    assert highest < max(frames[0]["layout"]["yaxis"]["range"][1], frames[0]["layout"]["yaxis2"]["range"][1])


def test_shared_axes_cover_each_chart() -> None:
    scenes = [chart("break-even", vms=n).scene for n in (1, 16)]
    one, many = on_shared_axes(scenes)
    assert one.panels[0].y == many.panels[0].y
    assert one.panels[0].y.low <= min(s.panels[0].y.low for s in scenes)  # type: ignore[union-attr, operator, type-var]


def test_the_widget_has_every_trait_that_the_module_reads(moved: Any) -> None:
    read = {"frames", "labels", "knob", "index", "theme", "config"}
    assert read == set(moved.state())
    assert read <= set(moved.widget.trait_names(sync=True))
    for name in read:
        assert f'model.get("{name}")' in chart_module()


def test_a_saved_notebook_has_the_picture_and_the_table(moved: Any) -> None:
    bundle, _ = moved._repr_mimebundle_()
    assert "<table" in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"values": []}, "expected 1 to 60"),
        ({"values": [1], "queue_depth": 3}, "cannot be fixed too"),
        ({"values": [1, 0]}, "queue_depth is 0"),
    ],
)
def test_bad_values_fail_before_anything_shows(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        chart_widget("scaling", knob="queue_depth", **arguments)


def test_a_place_beside_the_slider_is_refused(moved: Any) -> None:
    with pytest.raises(ValueError, match="expected 0 to 6"):
        moved.index = 7


PAGE = """<!doctype html><meta charset="utf-8"><style>{style}</style><div id="here"></div>
<script type="application/json" id="state">{state}</script>
<script type="module">
{module}
const state = JSON.parse(document.getElementById("state").textContent);
window.saved = 0;
const model = {{ get: (k) => state[k], set: (k, v) => {{ state[k] = v; }}, on() {{}}, off() {{}}, save_changes() {{ window.saved += 1; }} }};
widget.render({{ model, el: document.getElementById("here") }});
window.ready = true;
</script>"""
MOVE = """async () => {
  const slider = document.querySelector(".sl-chart-slider"), plot = document.querySelector(".sl-chart-plot"), times = [];
  for (const place of [1, 2, 3, 4, 5, 6, 3, 0]) {
    const begin = performance.now();
    const drawn = new Promise((done) => plot.once("plotly_afterplot", done));
    slider.value = place;
    slider.dispatchEvent(new Event("input"));
    await drawn;
    await new Promise((done) => requestAnimationFrame(done));
    times.push(performance.now() - begin);
  }
  return times;
}"""


@pytest.mark.browser
def test_moving_the_slider_moves_the_chart_in_under_100_ms(
    moved: Any, tmp_path: Path, browser: Browser
) -> None:
    state = json.dumps(moved.state()).replace("<", "\\u003c")
    module = chart_module().replace("export default", "const widget =").replace("export const", "const")
    path = tmp_path / "slider.html"
    path.write_text(PAGE.format(style=chart_style(), state=state, module=module), encoding="utf-8")
    page = browser.new_page(viewport={"width": 960, "height": 800})
    problems: list[str] = []
    page.on(
        "request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else problems.append(r.url)
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function("window.ready === true")

    times = sorted(page.evaluate(MOVE))

    print("ms for each move:", [round(t) for t in times])
    assert times[len(times) // 2] < 100, times
    page.locator(".sl-chart-slider").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".sl-chart-value").inner_text() == "2"
    assert page.evaluate("window.saved") == 9
    assert page.evaluate("window.Plotly === undefined")
    page.close()
    assert problems == []
