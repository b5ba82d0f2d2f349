"""A chart as a value: plotly in a notebook, a page that stands alone, a still picture, or its table."""

from __future__ import annotations

import json
import math
import os
from base64 import b64encode
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RenderError
from ..i18n import Words, check_language, text
from ..scene.chart_parts import Axis, Bar, ChartScene, Kind, Panel
from ..scene.charts import chart_scene
from ..sources.load import load
from .chart_layout import (
    SMALL,
    SUB,
    TEXT,
    TITLE,
    Frame,
    Layout,
    end_names,
    layout,
    tick_text,
    ticks,
    value_at,
)
from .chart_still import chart_svg
from .diagram import SUFFIXES, save_svg, write_file
from .tables import table_csv, table_html, table_markdown, table_text
from .themes import FONTS, Theme, theme_named

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLOTLY_MIME = "application/vnd.plotly.v1+json"
CHART_SUFFIXES = (".html", *SUFFIXES, ".csv", ".md")
# Nothing of ours is sent anywhere: no logo with a link, no button that uploads to plotly's cloud.
CONFIG = {"displaylogo": False, "showSendToCloud": False, "plotlyServerURL": "", "responsive": True}


def chart(question: str, *, language: str = "en", theme: str = "light", **knobs: Any) -> Chart:
    """The answer to a question about paths, as a chart with its data as a table.

    Args:
        question: One of those that `charts()` lists, such as `scaling`.
        knobs: What the question takes (`paths`, `request`, `vms`, ...), and those of `Setting`. `host` may be anything
            that `load` takes.
    Raises:
        ValueError: an unknown question, knob, language or theme, or a value it does not take; lists those there are.

    >>> import sriovlab as sl
    >>> chart("scaling", paths=("virtio", "sriov"), vms=(1, 64))
    <Chart scaling: ...>
    """
    check_language(language)
    theme_named(theme)
    if knobs.get("host") is not None:
        knobs["host"] = load(knobs["host"])
    return Chart(chart_scene(question, **knobs), language, theme)


@dataclass(frozen=True)
class Chart:
    """One chart in a language and a theme; `scene.answer` holds the numbers as the question returned them."""

    scene: ChartScene
    language: str = "en"
    theme: str = "light"

    def figure(self) -> go.Figure:
        """The chart as a plotly figure.

        Raises:
            RenderError: plotly is not installed.
        """
        return figure(self.scene, language=self.language, theme=self.theme)

    def svg(self) -> str:
        """The chart as an SVG document."""
        return chart_svg(self.scene, language=self.language, theme=self.theme)

    @property
    def table(self) -> str:
        """The numbers as plain text."""
        return table_text(self._titled(), self.language)

    def save(self, path: str | os.PathLike[str], *, scale: float = 2.0) -> Path:
        """Write the chart: .html is a page with plotly and the table inside, .svg .png .pdf are still, .csv .md the table.

        Raises:
            RenderError: an unknown suffix, a missing package, or a place that cannot be written.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in CHART_SUFFIXES:
            raise RenderError(
                f"{target}: {suffix or 'no suffix'} is no format we write; expected {', '.join(CHART_SUFFIXES)}"
            )
        if suffix in SUFFIXES:
            return save_svg(self.svg(), target, scale=scale)
        written = {".html": self.page, ".csv": self._csv, ".md": self._markdown}[suffix]()
        return write_file(target, written.encode("utf-8"))

    def page(self) -> str:
        """A page that stands alone: chart, table and plotly itself in one file that loads nothing.

        Raises:
            RenderError: plotly is not installed.
        """
        paint = theme_named(self.theme)
        drawn = self.figure().to_html(full_html=False, include_plotlyjs=True, config=CONFIG, div_id="chart")
        return _PAGE.format(
            language=self.language,
            title=escape(self.scene.title.in_language(self.language)),
            fonts=FONTS,
            paper=paint.paper,
            ink=paint.ink,
            line=paint.dim,
            drawn=drawn,
            table=table_html(self.scene.table, self.language),
        )

    def _titled(self) -> Any:
        return replace(self.scene.table, title=self.scene.title)

    def _csv(self) -> str:
        return table_csv(self.scene.table, self.language)

    def _markdown(self) -> str:
        return table_markdown(self._titled(), self.language)

    def __repr__(self) -> str:
        return f"<Chart {self.scene.question}: {self.scene.answer!r}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        image = b64encode(self.svg().encode("utf-8")).decode("ascii")
        title = escape(self.scene.title.in_language(self.language), quote=True)
        fallback = (
            f'<img alt="{title}" style="max-width:100%" src="data:image/svg+xml;base64,{image}">'
            + table_html(self.scene.table, self.language)
        )
        bundle = {"text/plain": self.table, "text/html": fallback}
        try:
            drawn = json.loads(self.figure().to_json())
        except RenderError:
            note = text("charts.missing-plotly", language=self.language)
            return {**bundle, "text/html": f"<p>{escape(note)}</p>{fallback}"}
        return {PLOTLY_MIME: {**drawn, "config": CONFIG}, **bundle}


_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:">
<title>{title}</title>
<style>
body{{margin:0 auto;max-width:1200px;padding:0 8px 24px;background:{paper};color:{ink};font-family:{fonts}}}
.table{{max-height:32em;overflow:auto;margin:8px 12px}}
table{{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}}
caption{{text-align:left;padding:4px 0;font-weight:600}}
th,td{{padding:3px 10px;text-align:left;border-bottom:1px solid {line}}}
th{{position:sticky;top:0;background:{paper}}}
.sl-note{{font-size:14px;margin:6px 12px}}
</style></head><body><main>{drawn}
<div class="table" tabindex="0">{table}</div></main></body></html>
"""


# -- the plotly figure ----------------------------------------------------------------------------


def figure(scene: ChartScene, *, language: str = "en", theme: str = "light") -> go.Figure:
    """A chart as a plotly figure.

    Raises:
        RenderError: plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError as err:
        raise RenderError(text("charts.missing-plotly", language=language)) from err
    return go.Figure(figure_json(scene, language=language, theme=theme))


def figure_json(scene: ChartScene, *, language: str = "en", theme: str = "light") -> dict[str, Any]:
    """A chart as plotly's JSON: data and layout in plain values."""
    paint, place = theme_named(theme), layout(scene, language)
    data: list[dict[str, Any]] = []
    drawn: dict[str, Any] = {"annotations": [], "shapes": []}
    for number, (panel, frame) in enumerate(zip(scene.panels, place.frames, strict=True), start=1):
        _add_panel(data, drawn, panel, frame, number, place, paint, language)
    bottom = place.frames[-1].top + place.frames[-1].height
    drawn |= {
        "template": "none",
        "height": place.height,
        "margin": {"l": place.left, "r": place.right, "t": place.frames[0].top, "b": place.height - bottom},
        "paper_bgcolor": paint.paper,
        "plot_bgcolor": paint.paper,
        "font": {"family": FONTS, "size": TEXT, "color": paint.ink},
        "showlegend": place.key_top is not None,
        "barmode": "overlay",
        "bargap": 0.28,
        "hovermode": "closest",
        "legend": {
            "orientation": "h", "xref": "container", "yref": "container", "x": 0.012, "xanchor": "left", "yanchor": "top",
            "y": 1 - (place.key_top or 0) / place.height, "itemclick": False, "itemdoubleclick": False, "font": {"size": TEXT},
            "traceorder": "normal",
        },
    }  # fmt: skip
    drawn["annotations"] += _heads(place, paint)
    return {"data": data, "layout": drawn}


def _heads(place: Layout, paint: Theme) -> list[dict[str, Any]]:
    """Title and subtitle; plotly's own title does not keep clear of the edge when it has two lines."""
    at = {
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "top",
        "xshift": 16 - place.left,
    }
    top = place.frames[0].top
    below = 12 + 26 * len(place.title)
    return [
        {**_text(f"<b>{_lines(place.title)}</b>", paint.ink, size=TITLE), **at, "yshift": top - 10},
        {**_text(_lines(place.subtitle), paint.dim, size=SUB), **at, "yshift": top - below},
    ]  # fmt: skip


def _lines(parts: tuple[str, ...]) -> str:
    return "<br>".join(escape(part, quote=False) for part in parts)


def _add_panel(
    data: list[dict[str, Any]], drawn: dict[str, Any], panel: Panel, frame: Frame, number: int, place: Layout,
    paint: Theme, language: str,
) -> None:  # fmt: skip
    suffix = "" if number == 1 else str(number)
    first, last = place.frames[0].top, place.frames[-1].top + place.frames[-1].height
    span = last - first
    on = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    domain = [1 - (frame.top + frame.height - first) / span, 1 - (frame.top - first) / span]
    drawn[f"xaxis{suffix}"] = {**_axis(panel.x, frame.x, paint, language), "anchor": on["yaxis"]}
    if panel.y is None:
        drawn[f"yaxis{suffix}"] = {
            "domain": domain, "range": list(frame.y), "tickvals": list(range(len(panel.rows))), "zeroline": False,
            "ticktext": ["" if r.is_head else escape(r.words.in_language(language), quote=False) + " " for r in panel.rows],
            "showgrid": False, "fixedrange": True, "tickfont": {"size": TEXT},
        }  # fmt: skip
    else:
        # Above the panel it reads without turning one's head, and Chinese stands upright.
        upright = _axis(panel.y, frame.y, paint, language)
        drawn[f"yaxis{suffix}"] = {**upright, "domain": domain, "anchor": on["xaxis"], "title": None}
        drawn["annotations"].append(
            {**_text(_said(panel.y.title, language), paint.ink, size=SMALL), "xref": "paper", "yref": "paper",
             "x": 0, "y": domain[1], "xanchor": "left", "yanchor": "bottom", "xshift": -place.left + 20, "yshift": 5}
        )  # fmt: skip
    _add_lines(data, drawn, panel, frame, on, paint, language)
    _add_bars(data, drawn, panel, on, paint, language)
    for mark in panel.marks:
        data.append({
            "type": "scatter", "mode": "markers", "x": [mark.x], "y": [mark.y], "showlegend": False, **on,
            "marker": {"symbol": mark.symbol, "size": 13, "color": _colour(paint, mark.role), "line": {"width": 2.5}},
            "hovertemplate": escape(mark.words.in_language(language)) + "<extra></extra>",
        })  # fmt: skip
        if not mark.words.in_language(language):
            continue
        drawn["annotations"].append(
            {**_text(_said(mark.words, language), _colour(paint, mark.role), size=SMALL), **_at(panel, mark.x, mark.y, on),
             "xanchor": "left" if mark.side == "right" else "right", "yanchor": "bottom", "yshift": 6,
             "xshift": 8 if mark.side == "right" else -4, "bgcolor": _faded(paint.paper, 0.75)}
        )  # fmt: skip
    for reference in panel.references:
        axis, other = ("x", "y") if reference.is_upright else ("y", "x")
        drawn["shapes"].append({
            "type": "line", f"{axis}ref": on[f"{axis}axis"], f"{other}ref": f"{on[f'{other}axis']} domain",
            f"{axis}0": reference.at, f"{axis}1": reference.at, f"{other}0": 0, f"{other}1": 1,
            "line": {"color": paint.dim, "width": 1.5, "dash": "dash"},
        })  # fmt: skip
        across = panel.x if reference.is_upright else panel.y
        at = reference.at if across is None else _placed(across, reference.at)
        corner = {"x": at, "y": 1} if reference.is_upright else {"x": 0, "y": at}
        drawn["annotations"].append(
            {**_text(_said(reference.words, language), paint.dim, size=SMALL), f"{axis}ref": on[f"{axis}axis"],
             f"{other}ref": f"{on[f'{other}axis']} domain", **corner, "xanchor": "left", "yanchor": "bottom",
             "xshift": 0 if reference.is_upright else 6, "yshift": 1,
             "bgcolor": _faded(paint.paper, 0.75)}
        )  # fmt: skip


def _axis(axis: Axis, ends: tuple[float, float], paint: Theme, language: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": {"text": escape(axis.title.in_language(language), quote=False), "standoff": 8, "font": {"size": SMALL}},
        "range": [math.log10(v) for v in ends] if axis.is_log else list(ends),
        "type": "log" if axis.is_log else "linear",
        "gridcolor": _faded(paint.dim, 0.25), "linecolor": paint.dim, "showline": True, "zeroline": False, "ticks": "outside",
        "tickcolor": paint.dim, "tickformat": "~s" if axis.is_short else "~g", "tickfont": {"size": SMALL}, "automargin": False,
    }  # fmt: skip
    if axis.is_log:
        places = ticks(axis, ends)
        found |= {"tickvals": places, "ticktext": [tick_text(axis, place) for place in places]}
    return found


def _add_lines(
    data: list[dict[str, Any]], drawn: dict[str, Any], panel: Panel, frame: Frame, on: dict[str, str], paint: Theme, language: str
) -> None:  # fmt: skip
    for line in panel.lines:
        if line.low:
            known = [
                p
                for p in zip(line.x, line.low, line.high, strict=True)
                if p[1] is not None and p[2] is not None
            ]
            data.append({
                "type": "scatter", "x": [p[0] for p in known] + [p[0] for p in reversed(known)], **on, "showlegend": False,
                "y": [p[2] for p in known] + [p[1] for p in reversed(known)], "fill": "toself", "hoverinfo": "skip",
                "fillcolor": _faded(_colour(paint, line.role), 0.08), "line": {"width": 0}, "mode": "lines",
            })  # fmt: skip
    for line in panel.lines:
        colour, name = _colour(paint, line.role), line.name.in_language(language)
        data.append({
            "type": "scatter", "mode": "lines+markers", "x": list(line.x), "y": list(line.y), "name": escape(name), **on,
            "line": {"color": colour, "width": 2.5, "dash": line.dash}, "marker": {"symbol": line.marker, "size": 7, "color": colour}, "cliponaxis": False,
            "showlegend": False, "hovertemplate": "%{fullData.name}<br>%{x:,.4~g}: %{y:,.4~g}<extra></extra>",
        })  # fmt: skip
    if panel.y is None:
        return
    for end in end_names(panel, frame):
        colour, edge = _colour(paint, end.line.role), frame.x[1]
        height = value_at(panel.y, frame.y, 1 - end.down / frame.height)
        if end.x < edge:
            # Its path carries no more, so the line ends early; a thin one leads to its name.
            data.append({
                "type": "scatter", "mode": "lines", "x": [end.x, edge], "y": [end.y, height], **on, "showlegend": False,
                "hoverinfo": "skip", "line": {"color": colour, "width": 1, "dash": "dot"}, "cliponaxis": False,
            })  # fmt: skip
        drawn["annotations"].append(
            {**_text(f"<b>{_said(end.line.name, language)}</b>", colour, size=SMALL), **_at(panel, edge, height, on),
             "xanchor": "left", "yanchor": "middle", "xshift": 9}
        )  # fmt: skip


def _add_bars(
    data: list[dict[str, Any]], drawn: dict[str, Any], panel: Panel, on: dict[str, str], paint: Theme, language: str
) -> None:  # fmt: skip
    for name, kind in panel.kinds:
        bars = [bar for bar in panel.bars if bar.kind == name]
        if not bars:
            continue
        ranged = [bar for bar in bars if bar.low is not None and bar.high is not None and bar.high > bar.low]
        data.append({
            "type": "bar", "orientation": "h", "name": escape(kind.name.in_language(language)), **on, "showlegend": True,
            "y": [b.row for b in bars], "base": [b.start for b in bars], "x": [b.end - b.start for b in bars],
            "width": 0.68, "marker": _bar_marker(kind, paint), "customdata": [b.text.in_language(language) for b in bars],
            "hovertemplate": f"{escape(kind.name.in_language(language))}: %{{customdata}}<extra></extra>", "cliponaxis": False,
        })  # fmt: skip
        if ranged:
            points = [(x, b.row) for b in ranged for x in (b.low, b.high, None)]
            data.append({
                "type": "scatter", "mode": "lines+markers", "x": [p[0] for p in points], "y": [p[1] for p in points], **on,
                "line": {"color": paint.ink, "width": 1.2}, "marker": {"symbol": "line-ns-open", "size": 7, "color": paint.ink},
                "showlegend": False, "hoverinfo": "skip",
            })  # fmt: skip
    for bar in panel.bars:
        if bar.text.in_language(language):
            drawn["annotations"].append(
                {**_text(_said(bar.text, language), paint.ink, size=SMALL), **_at(panel, _right_end(bar), bar.row, on),
                 "xanchor": "left", "yanchor": "middle", "xshift": 7}
            )  # fmt: skip
    for index, row in enumerate(panel.rows):
        if row.is_head:
            drawn["annotations"].append(
                {**_text(f"<b>{_said(row.words, language)}</b>", paint.ink, size=TEXT),
                 "xref": f"{on['xaxis']} domain", "yref": on["yaxis"], "x": 0, "y": index, "xanchor": "left", "xshift": 2}
            )  # fmt: skip


def _right_end(bar: Bar) -> float:
    return max(bar.end, bar.high if bar.high is not None else bar.end)


def _bar_marker(kind: Kind, paint: Theme) -> dict[str, Any]:
    edge = _colour(paint, kind.role)
    fill = paint.paper if kind.is_open else _fill(paint, kind.role)
    pattern = {
        "shape": kind.pattern,
        "fgcolor": paint.paper if fill == edge else edge,
        "bgcolor": fill,
        "size": 7,
        "solidity": 0.25,
    }
    return {
        "color": fill,
        "line": {"color": edge, "width": 1.3},
        **({"pattern": pattern} if kind.pattern else {}),
    }


def _colour(paint: Theme, role: str) -> str:
    found = paint.paint(role)
    return paint.ink if role == "ink" else found.stroke if found.stroke != "none" else found.ink


def _fill(paint: Theme, role: str) -> str:
    found = paint.paint(role)
    return found.stroke if found.fill == "none" else found.fill


def _placed(axis: Axis, value: float) -> float:
    """A value as an annotation wants it, which on a logarithmic axis is its logarithm."""
    return math.log10(value) if axis.is_log else value


def _at(panel: Panel, x: float, y: float, on: dict[str, str]) -> dict[str, Any]:
    height = y if panel.y is None else _placed(panel.y, y)
    return {"xref": on["xaxis"], "yref": on["yaxis"], "x": _placed(panel.x, x), "y": height}


def _text(words: str, colour: str, *, size: int) -> dict[str, Any]:
    return {"text": words, "showarrow": False, "font": {"size": size, "color": colour}, "align": "left"}


def _said(words: Words, language: str) -> str:
    """Words as plotly shows them, which reads a few HTML tags in every text."""
    return escape(words.in_language(language), quote=False)


def _faded(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
