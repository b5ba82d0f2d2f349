"""The evidence as tables: the model beside published results, and beside counted VM exits."""

from __future__ import annotations

from ..facts.book import facts
from ..i18n import Words, words
from ..iopath.evidence import Claim, EvidenceRow, ExitRow, evidence, exit_evidence
from .tables import Table, figure_text

_COLUMNS = ("observation", "path", "request", "quantity", "published", "predicted", "range", "error", "tolerance",
            "claim", "without", "note", "source")  # fmt: skip
_PLACES = ("registers", "user", "delivery", "eoi", "halt", "other", "total")


def evidence_table() -> Table:
    """Every calibration observation: published, predicted with its range, error, claim, source."""
    return Table(
        title=words("evidence.title"),
        columns=tuple(words(f"evidence.column.{name}") for name in _COLUMNS),
        rows=tuple(_row(row) for row in evidence()),
        notes=(words("evidence.legend"), words("evidence.legend.times")),
    )


def _error(value: float | None, is_absolute: bool) -> str | None:
    if value is None:
        return None
    digits = 3 if is_absolute else 1
    # Rounded first, so that a little less than nothing is no "-0.0".
    rounded = round(value if is_absolute else 100 * value, digits) or 0.0
    text = f"{rounded:+.{digits}f}" if rounded else f"{rounded:.{digits}f}"
    return text if is_absolute else f"{text} %"


def _row(row: EvidenceRow) -> tuple[Words | str | float | None, ...]:
    span = row.predicted
    tolerance = f"± {row.tolerance:g}" if row.is_absolute else f"± {100 * row.tolerance:g} %"
    return (
        row.observation.id,
        row.path,
        row.request,
        words(f"evidence.quantity.{row.quantity}"),
        row.observation.value,
        span.typical,
        f"{figure_text(span.low)} – {figure_text(span.high)}",
        _error(row.error, row.is_absolute),
        tolerance,
        words(f"evidence.claim.{row.claim.value}"),
        _error(row.leave_one_out, row.is_absolute) if row.claim is Claim.FITTED else None,
        words(f"evidence.note.{row.note}") if row.note else "",
        row.observation.citation or "",
    )


def costs_table() -> Table:
    """Every number of facts/: value, range, unit, how it is known, what it is, where it stands."""
    rows = []
    for key, one in facts().items():
        kind = words(f"model.kind.{one.kind}")
        rows.append((key, one.value, one.low, one.high, one.unit, kind, one.applies, one.citation or ""))
    names = ("number", "value", "low", "high", "unit", "known", "applies", "source")
    return Table(
        title=words("model.costs-title"),
        columns=tuple(words(f"model.column.{name}") for name in names),
        rows=tuple(rows),
    )


def exits_table() -> Table:
    """VM exits of one read by device and place: counted, and as the model has them."""
    rows: list[tuple[Words | str | float | None, ...]] = []
    for row in exit_evidence():
        for place in _PLACES:
            counted, halted, running = _counts(row, place)
            rows.append(
                (
                    words(f"evidence.exits.device.{row.count.id}"),
                    words(f"evidence.exits.place.{place}"),
                    counted,
                    halted,
                    running,
                    words(f"evidence.exits.meaning.{place}") if place != "total" else "",
                )
            )
    return Table(
        title=words("evidence.exits.title"),
        columns=tuple(
            words(f"evidence.exits.column.{name}")
            for name in ("device", "place", "counted", "halted", "running", "meaning")
        ),
        rows=tuple(rows),
        notes=(words("evidence.exits.note"),),
    )


def _counts(row: ExitRow, place: str) -> tuple[float, float, float]:
    if place == "user":
        return row.count.user_mmio, row.user_halted, row.user_halted
    if place == "total":
        return row.count.total, sum(row.halted.values()), sum(row.running.values())
    return row.counted[place], row.halted[place], row.running[place]
