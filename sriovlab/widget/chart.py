"""A chart with a slider in a notebook: every position is computed beforehand, so that moving it needs no kernel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ..errors import PathError, RenderError
from ..i18n import text
from ..render.chart_layout import x_range, y_range
from ..render.charts import CONFIG, Chart, chart, figure_json
from ..render.themes import DARK, LIGHT, Theme
from ..scene.chart_parts import Axis, ChartScene, Panel

if TYPE_CHECKING:
    import anywidget

MOST_VALUES = 60


def chart_widget(
    question: str,
    *,
    knob: str,
    values: Iterable[Any],
    language: str = "en",
    theme: str = "light",
    **knobs: Any,
) -> ChartWidget:
    """A chart whose `knob` a slider moves over `values`; axes stay the same, so that what moves is the answer.

    Raises:
        ValueError: as `chart`, for any of the values, or none or too many of them.
    """
    chosen = list(values)
    if not 0 < len(chosen) <= MOST_VALUES:
        raise PathError(f"values has {len(chosen)} entries, expected 1 to {MOST_VALUES}")
    if knob in knobs:
        raise PathError(f"{knob} is what the slider moves, so it cannot be fixed too; leave it out")
    found = [chart(question, language=language, theme=theme, **{**knobs, knob: value}) for value in chosen]
    scenes = on_shared_axes([one.scene for one in found])
    return ChartWidget(
        knob, chosen, [replace(one, scene=scene) for one, scene in zip(found, scenes, strict=True)]
    )


def on_shared_axes(scenes: Sequence[ChartScene]) -> list[ChartScene]:
    """The same charts with axes that fit all of them."""
    columns = list(zip(*(scene.panels for scene in scenes), strict=True))
    shared = [_shared(panels) for panels in columns]
    return [
        replace(scene, panels=panels) for scene, panels in zip(scenes, zip(*shared, strict=True), strict=True)
    ]


def _shared(panels: Sequence[Panel]) -> list[Panel]:
    x = _covering([x_range(panel) for panel in panels])
    y = _covering([y_range(panel) for panel in panels])

    def with_ends(axis: Axis, ends: tuple[float, float]) -> Axis:
        return replace(axis, low=ends[0], high=ends[1])

    return [
        replace(panel, x=with_ends(panel.x, x), y=None if panel.y is None else with_ends(panel.y, y))
        for panel in panels
    ]


def _covering(ends: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return min(low for low, _ in ends), max(high for _, high in ends)


class ChartWidget:
    """Charts of one question over the values of a knob; `index` is the slider's place, `chart` the one on show."""

    def __init__(self, knob: str, values: Sequence[Any], charts: Sequence[Chart]) -> None:
        self.knob, self.values, self.charts = knob, tuple(values), tuple(charts)
        self._index = 0
        self._widget: anywidget.AnyWidget | None = None

    @property
    def index(self) -> int:
        """The slider's place, counted from 0."""
        return int(self._widget.index) if self._widget is not None else self._index

    @index.setter
    def index(self, place: int) -> None:
        if not 0 <= place < len(self.values):
            raise ValueError(f"index is {place!r}, expected 0 to {len(self.values) - 1}")
        self._index = place
        if self._widget is not None:
            self._widget.index = place

    @property
    def chart(self) -> Chart:
        """The chart on show."""
        return self.charts[self.index]

    @property
    def widget(self) -> anywidget.AnyWidget:
        """The widget, made when it is first asked for.

        Raises:
            RenderError: plotly is not installed.
        """
        if self._widget is None:
            self._widget = _make_widget(self.state())
        return self._widget

    def state(self) -> dict[str, Any]:
        """What the widget's model holds."""
        frames = [figure_json(c.scene, language=c.language, theme=c.theme) for c in self.charts]
        labels = [f"{v:,}" if isinstance(v, int) and not isinstance(v, bool) else str(v) for v in self.values]
        return {
            "frames": frames,
            "labels": labels,
            "knob": self.knob,
            "index": self._index,
            "theme": self.charts[0].theme,
            "config": CONFIG,
        }

    def __repr__(self) -> str:
        return f"<ChartWidget {self.knob} = {self.values[self.index]}: {self.chart!r}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        still = self.chart._repr_mimebundle_()
        fallback = {"text/plain": repr(self), "text/html": still["text/html"]}
        try:
            made = self.widget._repr_mimebundle_(**options)
        except (ImportError, RenderError):
            return fallback
        bundle, metadata = made if isinstance(made, tuple) else (made, {})
        return {**(bundle or {}), **fallback}, metadata


@cache
def chart_module() -> str:
    """The ES module of the widget, plotly inside, so that nothing is fetched.

    Raises:
        RenderError: plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as err:
        raise RenderError(text("charts.missing-plotly")) from err
    own = files(__package__).joinpath("chart.mjs").read_text(encoding="utf-8")
    # plotly.js hangs itself on the window; what stood there before is put back.
    before, after = (
        "const slBefore = window.Plotly;",
        "const Plotly = window.Plotly; window.Plotly = slBefore;",
    )
    return f"{before}\n{get_plotlyjs()}\n{after}\n{own}"


def chart_style() -> str:
    """The style of slider and label in both themes."""
    sizes = (
        ".sl-chart{padding:4px 0}.sl-chart-knob{display:flex;align-items:center;gap:12px;padding:6px 16px;min-height:44px;"
        "font:15px system-ui,'Noto Sans','Noto Sans CJK SC',sans-serif}.sl-chart-slider{flex:1;max-width:420px;height:28px}"
        ".sl-chart-value{min-width:4em;font-weight:600;font-variant-numeric:tabular-nums}"
    )
    return sizes + "".join(_themed(theme) for theme in (LIGHT, DARK))


def _themed(theme: Theme) -> str:
    accent = theme.paint("command").stroke
    return (
        f'.sl-chart[data-theme="{theme.name}"]{{background:{theme.paper};color:{theme.ink}}}'
        f'.sl-chart[data-theme="{theme.name}"] .sl-chart-slider{{accent-color:{accent}}}'
    )


def _make_widget(state: dict[str, Any]) -> anywidget.AnyWidget:
    import anywidget
    import traitlets

    class ChartModel(anywidget.AnyWidget):  # type: ignore[misc,unused-ignore]
        """The slider and the figures in a notebook; its traits are the keys that chart.mjs names."""

        _esm = chart_module()
        _css = chart_style()
        frames: Any = traitlets.List().tag(sync=True)
        labels: Any = traitlets.List().tag(sync=True)
        knob = traitlets.Unicode().tag(sync=True)
        index = traitlets.Int(0).tag(sync=True)
        theme = traitlets.Unicode("light").tag(sync=True)
        config = traitlets.Dict().tag(sync=True)

    return ChartModel(**state)
