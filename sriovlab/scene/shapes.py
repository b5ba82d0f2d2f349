"""What a picture is made of: boxes, lines, texts, in pixels, with a role each. No colour, one or two languages.

A scene is plain data and goes to JSON; `render` gives the roles their colours, `stage` plays the
timeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..i18n import Words


@dataclass(frozen=True)
class Box:
    """A rectangle with its upper left corner; `thing` is the id in the topology it stands for.

    `label` is centred, `sublabel` below it; both have been fitted, `title` holds the full facts.
    """

    id: str
    x: float
    y: float
    width: float
    height: float
    role: str
    label: Words | None = None
    sublabel: Words | None = None
    title: Words | None = None
    thing: str | None = None
    is_dashed: bool = False
    size: float = 14
    sub_size: float | None = None
    radius: float = 6
    view: str = ""
    weight: int = 400


@dataclass(frozen=True)
class Line:
    """A path, `d` as in SVG; `arrow` puts a head on its end."""

    id: str
    d: str
    role: str
    title: Words | None = None
    thing: str | None = None
    has_arrow: bool = False
    is_dashed: bool = False
    view: str = ""


@dataclass(frozen=True)
class Text:
    """Words at a point; `anchor` is start, middle or end; `slot` names it for the stage, which may rewrite it."""

    id: str
    x: float
    y: float
    words: Words
    role: str
    size: float = 14
    anchor: str = "start"
    weight: int = 400
    view: str = ""
    slot: str = ""


Shape = Box | Line | Text


@dataclass(frozen=True)
class Scene:
    """A picture: shapes in the order in which they are drawn, and a timeline for one that moves."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    title: Words
    description: Words
    timeline: Mapping[str, Any] | None = field(default=None)

    def to_json(self) -> dict[str, Any]:
        """The scene as plain JSON values; each shape says its type."""
        return {
            "schema": "sriovlab.scene/1",
            "width": self.width,
            "height": self.height,
            "title": asdict(self.title),
            "description": asdict(self.description),
            "shapes": [{"type": type(shape).__name__.lower(), **asdict(shape)} for shape in self.shapes],
            "timeline": self.timeline,
        }
