"""How wide a text will be, before a browser sees it: a generous estimate, so that nothing leaves its box."""

from __future__ import annotations

import unicodedata

from ..i18n import Words

_NARROW = frozenset("iljtfrI.,:;'|!()[] ·/-")
_BROAD = frozenset("mwMW@%&")


def text_width(text: str, size: float, *, is_bold: bool = False) -> float:
    """The width of a text in px at a font size: wide characters are one em, narrow ones a third."""
    ems = 0.0
    for character in text:
        if unicodedata.east_asian_width(character) in "WF":
            ems += 1.0
        elif character in _NARROW:
            ems += 0.34
        elif character in _BROAD:
            ems += 0.92
        elif character.isupper() or character.isdigit():
            ems += 0.66
        else:
            ems += 0.57
    return ems * size * (1.07 if is_bold else 1.0)


def fit_text(text: str, width: float, size: float, *, is_bold: bool = False) -> str:
    """The text, shortened with an ellipsis where it is wider than `width` px."""
    if text_width(text, size, is_bold=is_bold) <= width:
        return text
    while text and text_width(text + "…", size, is_bold=is_bold) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def fit(words: Words, width: float, size: float, *, is_bold: bool = False) -> Words:
    """Words shortened, in each language, to a width in px."""
    return Words(
        fit_text(words.en, width, size, is_bold=is_bold), fit_text(words.zh, width, size, is_bold=is_bold)
    )


def widest(words: Words, size: float) -> float:
    """The width of the wider language in px."""
    return max(text_width(words.en, size), text_width(words.zh, size))
