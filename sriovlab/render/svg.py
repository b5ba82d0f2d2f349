"""A scene as SVG: presentation attributes with plain colours, so that every reader understands them.

Every shape has an id, classes and `data-id` (the id in the topology). Same scene, same bytes.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from ..i18n import Words, check_language
from ..scene.shapes import Box, Line, Scene, Shape, Text
from .themes import FONTS, Theme, theme_named

_FORBIDDEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535, *range(55296, 57344)), "�")
# Marks that turn the direction of the text after them, and would rearrange a label's neighbours.
_FORBIDDEN |= dict.fromkeys((*range(8234, 8239), *range(8294, 8298), 8206, 8207), "")


def clean(text: str) -> str:
    """A text as XML can hold it: without control characters and direction marks, escaped."""
    return escape(text.translate(_FORBIDDEN))


def _attribute(text: str) -> str:
    return quoteattr(text.translate(_FORBIDDEN))


def number(value: float) -> str:
    """A number with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def render_svg(
    scene: Scene,
    *,
    theme: str = "light",
    language: str = "en",
    is_bilingual: bool = False,
    hidden_views: tuple[str, ...] = ("many",),
    extra: str = "",
) -> str:
    """The scene as an SVG document.

    Args:
        theme: `light` or `dark`.
        is_bilingual: Put both languages on every text, as `data-en` and `data-zh`, for the stage.
        hidden_views: Views that are not shown.
        extra: SVG text put before the end, such as tokens.
    Raises:
        ValueError: an unknown theme or language.
    """
    check_language(language)
    look = theme_named(theme)
    draw = _Drawing(look, language, is_bilingual)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sl" width="{number(scene.width)}" height="{number(scene.height)}" '
        f'viewBox="0 0 {number(scene.width)} {number(scene.height)}" role="group" lang="{language}" '
        f'aria-label={_attribute(scene.title.in_language(language))} font-family="{FONTS}" font-size="14">',
        f"<title>{clean(scene.title.in_language(language))}</title>",
        f"<desc>{clean(scene.description.in_language(language))}</desc>",
        draw.definitions(),
        f'<rect class="s-paper" width="100%" height="100%" fill="{look.paper}"/>',
    ]
    parts += [draw.shape(shape) for shape in scene.shapes if not shape.view]
    for view in dict.fromkeys(shape.view for shape in scene.shapes if shape.view):
        display = ' style="display:none"' if view in hidden_views else ""
        parts.append(f'<g data-view="{view}"{display}>')
        parts += [draw.shape(shape) for shape in scene.shapes if shape.view == view]
        parts.append("</g>")
    parts += [extra, "</svg>"]
    return "\n".join(part for part in parts if part) + "\n"


class _Drawing:
    """One rendering: a theme and a language."""

    def __init__(self, theme: Theme, language: str, is_bilingual: bool) -> None:
        self.theme, self.language, self.is_bilingual = theme, language, is_bilingual

    def definitions(self) -> str:
        stripe = self.theme.paints["band-vmm"].fill
        bar = self.theme.paints["bar-device"].fill
        line = self.theme.paints["bar-device"].stroke
        head = self.theme.paints["holds"].stroke
        return (
            '<defs><pattern id="hatch" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            f'<rect class="hatch-a" width="9" height="9" fill="{self.theme.paper}"/>'
            f'<rect class="hatch-b" width="3" height="9" fill="{stripe}"/></pattern>'
            '<pattern id="shared" width="6" height="6" patternUnits="userSpaceOnUse">'
            f'<rect class="shared-a" width="6" height="6" fill="{bar}"/>'
            f'<circle cx="2" cy="2" r="0.8" fill="{line}"/></pattern>'
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
            f'<path d="M0 0L8 4L0 8Z" fill="{head}"/></marker></defs>'
        )

    def shape(self, shape: Shape) -> str:
        if isinstance(shape, Box):
            return self._box(shape)
        if isinstance(shape, Line):
            return self._line(shape)
        return self._text(shape)

    def _identity(self, shape: Box | Line) -> str:
        thing = f" data-id={_attribute(shape.thing)}" if shape.thing else ""
        return f'id={_attribute(shape.id)} class="g-{shape.role}"{thing}'

    def _title(self, title: Words | None) -> str:
        return "" if title is None else f"<title>{clean(title.in_language(self.language))}</title>"

    def _box(self, box: Box) -> str:
        paint = self.theme.paint(box.role)
        dash = "5 4" if box.is_dashed else paint.dash
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        parts = [
            f"<g {self._identity(box)}>{self._title(box.title)}"
            f'<rect class="s-{box.role}" x="{number(box.x)}" y="{number(box.y)}" width="{number(box.width)}" '
            f'height="{number(box.height)}" rx="{number(box.radius)}" fill="{paint.fill}" stroke="{paint.stroke}" '
            f'stroke-width="{number(paint.width)}"{dashes}/>'
        ]
        middle = box.x + box.width / 2
        lines = [words for words in (box.label, box.sublabel) if words is not None]
        for i, words in enumerate(lines):
            y = box.y + box.height / 2 + (i - (len(lines) - 1) / 2) * box.size * 1.25
            weight = box.weight if i == 0 else 400
            parts.append(
                self._words(
                    words,
                    middle,
                    y,
                    box.role,
                    box.size if i == 0 else box.sub_size or box.size * 0.92,
                    "middle",
                    weight,
                )
            )
        return "".join(parts) + "</g>"

    def _line(self, line: Line) -> str:
        paint = self.theme.paint(line.role)
        dash = "5 4" if line.is_dashed else paint.dash
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        arrow = ' marker-end="url(#head)"' if line.has_arrow else ""
        return (
            f"<g {self._identity(line)}>{self._title(line.title)}"
            f'<path class="s-{line.role}" d="{line.d}" fill="none" stroke="{paint.stroke}" '
            f'stroke-width="{number(paint.width)}"{dashes}{arrow}/></g>'
        )

    def _text(self, text: Text) -> str:
        return self._words(
            text.words, text.x, text.y, text.role, text.size, text.anchor, text.weight, text.id, text.slot
        )

    def _words(
        self,
        words: Words,
        x: float,
        y: float,
        role: str,
        size: float,
        anchor: str,
        weight: int,
        identity: str = "",
        slot: str = "",
    ) -> str:
        ink = self.theme.dim if role in ("dim", "tag") else self.theme.paint(role).ink
        both = (
            f" data-en={_attribute(words.en)} data-zh={_attribute(words.zh)}"
            if self.is_bilingual and words.en != words.zh
            else ""
        )
        bold = f' font-weight="{weight}"' if weight != 400 else ""
        name = (f" id={_attribute(identity)}" if identity else "") + (f' data-slot="{slot}"' if slot else "")
        # dy in place of dominant-baseline, which converters of SVG do not know.
        return (
            f'<text{name} class="r-{role}" x="{number(x)}" y="{number(y + size * 0.35)}" font-size="{number(size)}" '
            f'text-anchor="{anchor}"{bold} fill="{ink}"{both}>{clean(words.in_language(self.language))}</text>'
        )
