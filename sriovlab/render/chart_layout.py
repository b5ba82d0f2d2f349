"""Where the parts of a chart stand, in px: panels, axes, the names at the ends of lines. Both chart renderers use it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..scene.chart_parts import Axis, ChartScene, Line, Panel
from ..scene.measure import text_width

WIDTH = 960.0
TITLE, SUB, TEXT, SMALL = 20, 14, 14, 13
_ROW = 22.0
_CURVES = {1: 420.0, 2: 280.0}
_LEAST_CURVES = 215.0
_BELOW = 58.0
_NAME_GAP = 17.0
# Titles break here, so that a narrow cell of a notebook shows them whole.
_READ = 640.0


@dataclass(frozen=True)
class Frame:
    """The plot area of a panel, px from the upper left corner, and the ends of its axes."""

    top: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """A chart's size, its margins, its title in lines, and a frame for each panel."""

    height: float
    left: float
    right: float
    title: tuple[str, ...]
    subtitle: tuple[str, ...]
    frames: tuple[Frame, ...]
    key_top: float | None

    @property
    def plot_width(self) -> float:
        """Width of every plot area at the usual width of the picture."""
        return WIDTH - self.left - self.right


def wrapped(text: str, width: float, size: float) -> tuple[str, ...]:
    """The text in lines no wider than `width` px; Chinese breaks anywhere, other text at spaces."""
    lines, line = [], ""
    for word in _pieces(text):
        if line and text_width((line + word).rstrip(), size) > width:
            lines.append(line.strip())
            line = word.lstrip()
        else:
            line += word
    return (*lines, line.strip())


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for character in text:
        before = pieces[-1][-1] if pieces else ""
        goes_on = not _is_wide(character) and before != " " and not _is_wide(before)
        # Neither a space nor a closing mark may begin a line.
        if pieces and (goes_on or character in " ，。、：；？！）"):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def _is_wide(character: str) -> bool:
    return "\u2e80" <= character <= "\uffef"


def layout(scene: ChartScene, language: str) -> Layout:
    """Where everything of a chart stands."""
    title = wrapped(scene.title.in_language(language), _READ, TITLE)
    subtitle = wrapped(scene.subtitle.in_language(language), _READ, SUB)
    y = 16.0 + 26 * len(title) + 20 * len(subtitle) + 8
    rows = [row for panel in scene.panels for row in panel.rows]
    names = [line.name for panel in scene.panels for line in panel.lines]
    key_top = None
    if any(panel.kinds for panel in scene.panels):
        kinds = [kind for panel in scene.panels for _, kind in panel.kinds]
        wide = max(text_width(kind.name.in_language(language), TEXT) for kind in kinds) + 56
        key_top, y = y, y + 34 + 20 * int(wide * len(kinds) // (WIDTH - 260))
    if rows:
        widest = max(text_width(r.words.in_language(language), TEXT) for r in rows if not r.is_head)
        left, right = min(380.0, widest + 24), 150.0
    else:
        left = 84.0
        right = (
            max((text_width(name.in_language(language), SMALL, is_bold=True) for name in names), default=0.0)
            + 26
        )
    frames = []
    curves = _CURVES.get(len(scene.panels), _LEAST_CURVES)
    for panel in scene.panels:
        y += 14 if panel.rows else 30
        height = _ROW * len(panel.rows) + 8 if panel.rows else curves
        frames.append(Frame(y, height, x_range(panel), y_range(panel)))
        y += height + _BELOW
    return Layout(y, left, right, title, subtitle, tuple(frames), key_top)


def x_range(panel: Panel) -> tuple[float, float]:
    """The ends of the x axis; a tornado begins near its shortest bar, all other bars at their own low end."""
    if panel.lines:
        values = [x for line in panel.lines for x in line.x]
    else:
        values = [v for bar in panel.bars for v in (bar.start, bar.end, bar.low, bar.high) if v is not None]
    values += [reference.at for reference in panel.references if reference.is_upright]
    return _ends(panel.x, values, room=0.0 if panel.lines else 0.03)


def y_range(panel: Panel) -> tuple[float, float]:
    """The ends of the y axis; rows count downwards."""
    if panel.rows or panel.y is None:
        return (len(panel.rows) - 0.5, -0.5)
    return _ends(panel.y, [y for line in panel.lines for y in line.y if y is not None], room=0.0)


def _ends(axis: Axis, values: list[float], *, room: float) -> tuple[float, float]:
    low = axis.low if axis.low is not None else min(values, default=0.0)
    high = axis.high if axis.high is not None else max(values, default=1.0)
    if high <= low:
        high = low + (abs(low) or 1.0)
    spare = (high - low) * room
    return (low if axis.low is not None else low - spare), (high if axis.high is not None else high + spare)


def fraction(axis: Axis, ends: tuple[float, float], value: float) -> float:
    """Where a value lies between the ends of its axis, 0 to 1."""
    low, high = ends
    if axis.is_log:
        low, high, value = (math.log10(max(v, 1e-12)) for v in (low, high, value))
    return (value - low) / (high - low)


def value_at(axis: Axis, ends: tuple[float, float], share: float) -> float:
    """The value at a fraction of an axis; undoes `fraction`."""
    low, high = ends
    return float(low * (high / low) ** share) if axis.is_log else low + (high - low) * share


def ticks(axis: Axis, ends: tuple[float, float]) -> list[float]:
    """Round numbers along an axis, about six."""
    low, high = ends
    if axis.is_log:
        steps = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        found = [step * 10.0**n for n in range(first, last + 1) for step in steps]
        inside = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        # Between two powers of ten there may be one or none; then equal steps serve.
        if len(inside) > 1:
            return inside
    raw = (high - low) / 6
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_text(axis: Axis, value: float) -> str:
    """A tick's number; thousands and millions are shortened where the axis says so.

    >>> from ..i18n import Words
    >>> tick_text(Axis(Words.plain("x"), is_short=True), 2500000.0), tick_text(Axis(Words.plain("x")), 0.5)
    ('2.5M', '0.5')
    """
    if axis.is_short:
        for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= size:
                return f"{value / size:g}{letter}"
    return f"{value:g}"


@dataclass(frozen=True)
class EndName:
    """The name of a line beside the right edge, `down` px below the top; `x`, `y` is the line's last point."""

    line: Line
    x: float
    y: float
    down: float


def end_names(panel: Panel, frame: Frame) -> list[EndName]:
    """The names at the ends of lines, moved apart so that none covers another."""
    found = []
    for line in panel.lines:
        ends = [(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None]
        if ends and panel.y is not None:
            share = min(1.0, max(0.0, fraction(panel.y, frame.y, ends[-1][1])))
            found.append((line, *ends[-1], frame.height * (1 - share)))
    found.sort(key=lambda item: item[3])
    places = [item[3] for item in found]
    for _ in range(60):
        for index in range(len(places) - 1):
            overlap = _NAME_GAP - (places[index + 1] - places[index])
            if overlap > 0:
                places[index] -= overlap / 2
                places[index + 1] += overlap / 2
    # The lowest stay above the axis, and push up only those that are in their way.
    least = frame.height
    for index in reversed(range(len(places))):
        places[index] = min(places[index], least)
        least = places[index] - _NAME_GAP
    return [EndName(line, x, y, place) for (line, x, y, _), place in zip(found, places, strict=True)]
