"""A comparison of prediction and measurement as tables: the quantities, and what would explain the difference."""

from __future__ import annotations

import math

from ..i18n import Words, words
from ..iopath.comparison import Comparison, Row
from ..iopath.journey import Label
from .tables import Table

_QUANTITY_COLUMNS = ("quantity", "low", "typical", "high", "measured", "ratio", "verdict")
_CAUSE_COLUMNS = ("cause", "change", "explained", "left")


def spell_measured(label: Label) -> Words:
    """The words of a label of the topic `measured`."""
    return words(f"measured.{label.key}", **label.slots)


def comparison_table(comparison: Comparison) -> Table:
    """One row a quantity: predicted low, typical and high, measured, their ratio, and whether it lies in the range.

    Notes: what was found, what to know of the measurement, and what else a number can hold.
    """
    measurement = comparison.measurement
    doubts = [doubt for row in comparison.rows for doubt in row.doubts]
    # What is said of a quantity need not be said of the tool once more.
    is_cpu_said = any(doubt.key == "doubt.cpu-process" for doubt in doubts)
    notes = [note for note in measurement.notes if not (is_cpu_said and note.key == "note.cpu-process")]
    spoken = dict.fromkeys(spell_measured(label) for label in (*comparison.findings, *notes, *doubts))
    return Table(
        title=words(
            "measured.title",
            path=comparison.prediction.path,
            request=comparison.prediction.request.text,
            source=measurement.source,
            name=measurement.name,
        ),
        columns=tuple(words(f"measured.column.{name}") for name in _QUANTITY_COLUMNS),
        rows=tuple(_cells(row) for row in comparison.rows),
        notes=tuple(spoken),
    )


def _cells(row: Row) -> tuple[Words | float | None, ...]:
    span = row.predicted
    return (
        words(f"measured.quantity.{row.quantity}"),
        span.low if span else None,
        span.typical if span else None,
        span.high if span else None,
        row.measured,
        row.ratio,
        words(f"measured.verdict.{row.verdict}"),
    )


def causes_table(comparison: Comparison) -> Table:
    """One row a change, best first: what would have to be so, how one types it, how much it explains, what is left."""
    ties = [label for label in comparison.findings if label.key.startswith(("best.", "undecided", "tell."))]
    return Table(
        title=words("measured.title.causes"),
        columns=tuple(words(f"measured.column.{name}") for name in _CAUSE_COLUMNS),
        rows=tuple(
            (
                spell_measured(cause.label),
                cause.change.text,
                100 * cause.explained,
                100 * math.expm1(cause.error_left),
            )
            for cause in comparison.causes
        ),
        notes=tuple(spell_measured(label) for label in ties),
    )
