"""A chart that stands still, as SVG: for documents, for saved notebooks without plotly, for PNG and PDF."""

from __future__ import annotations

from collections.abc import Iterable

from ..i18n import check_language
from ..scene.chart_parts import Axis, Bar, ChartScene, Kind, Panel
from ..scene.measure import text_width
from .chart_layout import (
    SMALL,
    SUB,
    TEXT,
    TITLE,
    WIDTH,
    Frame,
    Layout,
    end_names,
    fraction,
    layout,
    tick_text,
    ticks,
)
from .svg import clean
from .themes import FONTS, Theme, theme_named

_DASHES = {
    "solid": "",
    "dash": "9 5",
    "dot": "2 4",
    "dashdot": "9 4 2 4",
    "longdash": "15 6",
    "longdashdot": "15 5 2 5",
}
_SHAPES = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z", "square": "M-4-4H4V4H-4Z", "diamond": "M0-5L5 0L0 5L-5 0Z",
    "triangle-up": "M0-5L5 4H-5Z", "cross": "M-1.5-5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5Z",
    "star": "M0-6L1.6-2L6-2L2.5.8L4 5L0 2.5L-4 5L-2.5.8L-6-2L-1.6-2Z", "circle-open": "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0Z",
}  # fmt: skip
_PATTERNS = {
    "/": "M-2 2L2-2M0 8L8 0M6 10L10 6",
    "\\": "M-2 6L2 10M0 0L8 8M6-2L10 2",
    "x": "M0 0L8 8M0 8L8 0",
    ".": "M3 4h2",
    "-": "M0 4h8",
}


def chart_svg(scene: ChartScene, *, language: str = "en", theme: str = "light") -> str:
    """The chart as an SVG document that needs nothing else.

    Raises:
        ValueError: an unknown language or theme.
    """
    return _Still(scene, check_language(language), theme_named(theme)).document()


class _Still:
    def __init__(self, scene: ChartScene, language: str, paint: Theme) -> None:
        self.scene, self.language, self.paint = scene, language, paint
        self.place: Layout = layout(scene, language)
        self.out: list[str] = []

    def document(self) -> str:
        place, paint = self.place, self.paint
        title = clean(self.scene.title.in_language(self.language))
        y = 34.0
        for line in place.title:
            self.text(16, y, line, TITLE, weight=700)
            y += 26
        for line in place.subtitle:
            self.text(16, y - 4, line, SUB, colour=paint.dim)
            y += 20
        for panel, frame in zip(self.scene.panels, place.frames, strict=True):
            self.panel(panel, frame)
        body = "\n".join(self.out)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {place.height:g}" width="{WIDTH:g}" '
            f'height="{place.height:g}" role="img" font-family="{FONTS}"><title>{title}</title>{self.patterns()}'
            f'<rect width="100%" height="100%" fill="{paint.paper}"/>\n{body}</svg>\n'
        )

    # -- pieces -----------------------------------------------------------------------------------

    def text(
        self, x: float, y: float, words: str, size: float, *, anchor: str = "start", colour: str = "", weight: int = 400
    ) -> None:  # fmt: skip
        if not words:
            return
        bold = f' font-weight="{weight}"' if weight != 400 else ""
        side = f' text-anchor="{anchor}"' if anchor != "start" else ""
        fill = colour or self.paint.ink
        self.out.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}"{side}{bold}>{clean(words)}</text>'
        )

    def path(
        self, d: str, colour: str, width: float, *, dash: str = "", fill: str = "none", opacity: float = 1.0
    ) -> None:
        more = (f' stroke-dasharray="{dash}"' if dash else "") + (
            f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
        )
        self.out.append(f'<path d="{d}" fill="{fill}" stroke="{colour}" stroke-width="{width:g}"{more}/>')

    def colour(self, role: str) -> str:
        found = self.paint.paint(role)
        return self.paint.ink if role == "ink" else found.stroke if found.stroke != "none" else found.ink

    def fill(self, role: str) -> str:
        found = self.paint.paint(role)
        return found.stroke if found.fill == "none" else found.fill

    def kinds(self) -> dict[str, Kind]:
        return {name: kind for panel in self.scene.panels for name, kind in panel.kinds}

    def patterns(self) -> str:
        made = []
        for name, kind in self.kinds().items():
            base = self.paint.paper if kind.is_open else self.fill(kind.role)
            stroke = self.paint.paper if base == self.colour(kind.role) else self.colour(kind.role)
            lines = (
                f'<path d="{_PATTERNS[kind.pattern]}" stroke="{stroke}" stroke-width="1.4"/>'
                if kind.pattern
                else ""
            )
            made.append(
                f'<pattern id="k-{name}" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" fill="{base}"/>{lines}</pattern>'
            )
        return f"<defs>{''.join(made)}</defs>" if made else ""

    # -- a panel ----------------------------------------------------------------------------------

    def panel(self, panel: Panel, frame: Frame) -> None:
        place, paint = self.place, self.paint
        left, right, bottom = place.left, WIDTH - place.right, frame.top + frame.height
        faint = paint.dim
        for value in ticks(panel.x, frame.x):
            x = self.x(panel.x, frame, value)
            self.out.append(
                f'<path d="M{x:.1f} {frame.top:.1f}V{bottom + 5:.1f}" stroke="{faint}" stroke-opacity=".3"/>'
            )
            self.text(x, bottom + 19, tick_text(panel.x, value), SMALL, anchor="middle")
        self.text(
            (left + right) / 2, bottom + 38, panel.x.title.in_language(self.language), SMALL, anchor="middle"
        )
        if panel.y is not None:
            for value in ticks(panel.y, frame.y):
                y = self.y(panel, frame, value)
                self.out.append(
                    f'<path d="M{left - 5:.1f} {y:.1f}H{right:.1f}" stroke="{faint}" stroke-opacity=".3"/>'
                )
                self.text(left - 9, y + 4.5, tick_text(panel.y, value), SMALL, anchor="end")
            self.text(20, frame.top - 8, panel.y.title.in_language(self.language), SMALL)
        self.path(f"M{left:.1f} {frame.top:.1f}V{bottom:.1f}H{right:.1f}", paint.dim, 1)
        clip = f"c{len(self.out)}"
        self.out.append(f'<clipPath id="{clip}"><rect x="{left:.1f}" y="{frame.top:.1f}" width="{right - left:.1f}" height="{frame.height:.1f}"/></clipPath>')  # fmt: skip
        self.references(panel, frame)
        self.lines(panel, frame, clip)
        self.bars(panel, frame)
        for mark in panel.marks:
            x, y = self.x(panel.x, frame, mark.x), self.y(panel, frame, mark.y)
            self.marker(
                x, y, mark.symbol, self.colour(mark.role), scale=1.0 if mark.symbol.endswith("-open") else 1.6
            )
            side, shift = ("start", 9) if mark.side == "right" else ("end", -5)
            said = mark.words.in_language(self.language)
            self.text(x + shift, y - 8, said, SMALL, anchor=side, colour=self.colour(mark.role))

    def x(self, axis: Axis, frame: Frame, value: float) -> float:
        return self.place.left + self.place.plot_width * fraction(axis, frame.x, value)

    def y(self, panel: Panel, frame: Frame, value: float) -> float:
        if panel.y is None:
            return frame.top + frame.height * (value - frame.y[1]) / (frame.y[0] - frame.y[1])
        return frame.top + frame.height * (1 - fraction(panel.y, frame.y, value))

    def marker(self, x: float, y: float, symbol: str, colour: str, *, scale: float = 1.0) -> None:
        is_open = symbol.endswith("-open")
        grown = f" scale({scale:g})" if scale != 1 else ""
        look = f'fill="none" stroke="{colour}" stroke-width="2.5"' if is_open else f'fill="{colour}"'
        self.out.append(f'<path transform="translate({x:.1f} {y:.1f}){grown}" d="{_SHAPES[symbol]}" {look}/>')

    def references(self, panel: Panel, frame: Frame) -> None:
        for line in panel.references:
            words = line.words.in_language(self.language)
            if line.is_upright:
                x = self.x(panel.x, frame, line.at)
                self.path(
                    f"M{x:.1f} {frame.top:.1f}V{frame.top + frame.height:.1f}",
                    self.paint.dim,
                    1.5,
                    dash="6 4",
                )
                self.text(x, frame.top - 4, words, SMALL, colour=self.paint.dim)
            else:
                y = self.y(panel, frame, line.at)
                self.path(
                    f"M{self.place.left:.1f} {y:.1f}H{WIDTH - self.place.right:.1f}",
                    self.paint.dim,
                    1.5,
                    dash="6 4",
                )
                self.text(self.place.left + 6, y - 5, words, SMALL, colour=self.paint.dim)

    def lines(self, panel: Panel, frame: Frame, clip: str) -> None:
        self.out.append(f'<g clip-path="url(#{clip})">')
        for line in panel.lines:
            if line.low:
                known = [
                    p
                    for p in zip(line.x, line.low, line.high, strict=True)
                    if p[1] is not None and p[2] is not None
                ]
                points = [(x, high) for x, _, high in known] + [(x, low) for x, low, _ in reversed(known)]
                self.path(
                    self.polyline(panel, frame, points) + "Z",
                    "none",
                    0,
                    fill=self.colour(line.role),
                    opacity=0.1,
                )
        for line in panel.lines:
            shown = [(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None]
            self.path(
                self.polyline(panel, frame, shown), self.colour(line.role), 2.5, dash=_DASHES[line.dash]
            )
        self.out.append("</g>")
        for line in panel.lines:
            for x, y in zip(line.x, line.y, strict=True):
                if y is not None and frame.y[0] <= y <= frame.y[1]:
                    self.marker(
                        self.x(panel.x, frame, x),
                        self.y(panel, frame, y),
                        line.marker,
                        self.colour(line.role),
                    )
        for end in end_names(panel, frame):
            edge, y, colour = WIDTH - self.place.right, frame.top + end.down, self.colour(end.line.role)
            x = self.x(panel.x, frame, end.x)
            if x < edge - 1:
                self.path(
                    f"M{x:.1f} {self.y(panel, frame, end.y):.1f}L{edge:.1f} {y:.1f}", colour, 1, dash="2 3"
                )
            self.text(
                edge + 9, y + 4.5, end.line.name.in_language(self.language), SMALL, colour=colour, weight=700
            )

    def polyline(self, panel: Panel, frame: Frame, points: Iterable[tuple[float, float | None]]) -> str:
        return "M" + "L".join(
            f"{self.x(panel.x, frame, x):.1f} {self.y(panel, frame, y):.1f}"
            for x, y in points
            if y is not None
        )

    def bars(self, panel: Panel, frame: Frame) -> None:
        if self.place.key_top is not None:
            x = 16.0
            for name, kind in panel.kinds:
                words = kind.name.in_language(self.language)
                edge = self.colour(kind.role)
                self.out.append(f'<rect x="{x:.1f}" y="{self.place.key_top + 4:.1f}" width="22" height="14" fill="url(#k-{name})" stroke="{edge}" stroke-width="1.3"/>')  # fmt: skip
                self.text(x + 29, self.place.key_top + 16, words, TEXT)
                x += 52 + text_width(words, TEXT)
        for index, row in enumerate(panel.rows):
            y = self.y(panel, frame, index) + 5
            words = row.words.in_language(self.language)
            if row.is_head:
                self.text(self.place.left + 4, y, words, TEXT, weight=700)
            else:
                self.text(self.place.left - 9, y, words, TEXT, anchor="end")
        for bar in panel.bars:
            self.bar(panel, frame, bar)

    def bar(self, panel: Panel, frame: Frame, bar: Bar) -> None:
        y = self.y(panel, frame, bar.row)
        start, end = (self.x(panel.x, frame, v) for v in (bar.start, bar.end))
        edge = self.colour(self.kinds()[bar.kind].role)
        self.out.append(f'<rect x="{start:.1f}" y="{y - 7.5:.1f}" width="{max(1.0, end - start):.1f}" height="15" fill="url(#k-{bar.kind})" stroke="{edge}" stroke-width="1.3"/>')  # fmt: skip
        right = end
        if bar.low is not None and bar.high is not None and bar.high > bar.low:
            low, right = self.x(panel.x, frame, bar.low), max(end, self.x(panel.x, frame, bar.high))
            high = self.x(panel.x, frame, bar.high)
            self.path(
                f"M{low:.1f} {y:.1f}H{high:.1f}M{low:.1f} {y - 4:.1f}v8M{high:.1f} {y - 4:.1f}v8",
                self.paint.ink,
                1.2,
            )
        self.text(right + 7, y + 4.5, bar.text.in_language(self.language), SMALL)
