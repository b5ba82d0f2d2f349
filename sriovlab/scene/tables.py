"""A table of words and numbers: what stands beside every chart, and what reports are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..i18n import Words


@dataclass(frozen=True)
class Table:
    """Rows under named columns; `notes` are sentences that stand below it.

    A cell is Words, a text that is the same in every language, a number, or None for what is unknown.
    """

    title: Words
    columns: tuple[Words, ...]
    rows: tuple[tuple[Words | str | float | int | None, ...], ...]
    notes: tuple[Words, ...] = ()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} cells, expected {len(self.columns)}")


def figure_text(number: float, digits: int = 3) -> str:
    """A number as people read it: `digits` significant ones, no more than it is worth, thousands apart.

    >>> figure_text(45.7969), figure_text(712345.6), figure_text(0.01234), figure_text(7.0), figure_text(float("inf"))
    ('45.8', '712,000', '0.0123', '7', '∞')
    """
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    if number == 0 or math.isnan(number):
        return "0" if number == 0 else "-"
    places = digits - 1 - math.floor(math.log10(abs(number)))
    rounded = round(number, places)
    return f"{rounded:,.{max(0, places)}f}".rstrip("0").rstrip(".") if places > 0 else f"{rounded:,.0f}"


def cell_words(cell: Words | str | float | int | None) -> Words:
    """A cell as words: unknown is a dash."""
    if isinstance(cell, Words):
        return cell
    if cell is None:
        return Words.plain("–")
    return Words.plain(cell if isinstance(cell, str) else figure_text(cell))
