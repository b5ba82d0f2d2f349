"""What a chart is made of: panels with lines and bars over axes, in words of both languages. No colour, no pixels.

Colour is never the only sign: each line has a dash, a marker and its name at its end, each bar a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..i18n import Words
from .tables import Table

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
PATTERNS = ("", "/", "\\", "x", ".", "-")


@dataclass(frozen=True)
class Axis:
    """An axis: what it measures, its end points (taken from the data where None), and whether it is logarithmic.

    `is_short` shortens thousands and millions to k and M.
    """

    title: Words
    low: float | None = None
    high: float | None = None
    is_log: bool = False
    is_short: bool = False


@dataclass(frozen=True)
class Line:
    """Points joined by a line; None breaks it. `low` and `high` are its band."""

    name: Words
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    role: str
    dash: str = "solid"
    marker: str = "circle"
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Bar:
    """A bar from `start` to `end` in a row; `text` stands at its end; `low` to `high` is the range of that end."""

    row: int
    start: float
    end: float
    kind: str
    text: Words
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Kind:
    """What bars of one kind have in common; `is_open` draws only the outline."""

    name: Words
    role: str
    pattern: str = ""
    is_open: bool = False


@dataclass(frozen=True)
class Mark:
    """A point with words beside it, on the `side` that is freer: left or right."""

    x: float
    y: float
    words: Words
    role: str
    symbol: str = "diamond"
    side: str = "right"


@dataclass(frozen=True)
class Reference:
    """A straight line across the panel at a value of y, or of x where `is_upright`."""

    at: float
    words: Words
    is_upright: bool = False


@dataclass(frozen=True)
class Row:
    """The name of a row of bars; a head has no bar of its own and stands out."""

    words: Words
    is_head: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes; `rows` name the places of bars, top to bottom, in place of a y axis."""

    x: Axis
    y: Axis | None = None
    lines: tuple[Line, ...] = ()
    rows: tuple[Row, ...] = ()
    bars: tuple[Bar, ...] = ()
    kinds: tuple[tuple[str, Kind], ...] = ()
    marks: tuple[Mark, ...] = ()
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class ChartScene:
    """A chart: the question, what was asked for, its panels from top to bottom, and the same numbers as a table."""

    question: str
    title: Words
    subtitle: Words
    panels: tuple[Panel, ...]
    table: Table
    answer: object
