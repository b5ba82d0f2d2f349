"""Prediction and measurement side by side, quantity by quantity, and one number for how far apart they are.

A load of several VMs is compared as one VM of them, since a tool runs in one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ..journey import Label, Span
from ..prediction import Prediction
from .measurement import Measurement
from .reasons import MODEL_PLACES, Place, reason_of


class Quantity(StrEnum):
    """What is compared; times in us, rates a second, the rest of one request."""

    LATENCY = "latency"
    RATE = "rate"
    THROUGHPUT = "throughput"
    CPU = "cpu"
    INTERRUPTS = "interrupts"
    EXITS = "exits"
    USER_EXITS = "user-exits"
    EXITS_DEVICE = "exits-device"
    EXITS_DELIVERY = "exits-delivery"
    EXITS_EOI = "exits-eoi"
    EXITS_HALT = "exits-halt"
    EXITS_OTHER = "exits-other"
    EXITS_UNNAMED = "exits-unnamed"


PLACE_OF = {
    Quantity.EXITS_DEVICE: Place.DEVICE, Quantity.EXITS_DELIVERY: Place.DELIVERY, Quantity.EXITS_EOI: Place.EOI,
    Quantity.EXITS_HALT: Place.HALT, Quantity.EXITS_OTHER: Place.OTHER, Quantity.EXITS_UNNAMED: Place.UNNAMED,
}  # fmt: skip
COUNTS = frozenset({Quantity.INTERRUPTS, Quantity.EXITS, Quantity.USER_EXITS, *PLACE_OF})


class Verdict(StrEnum):
    """Where the measured number lies: in the predicted range, above or below it, or it cannot be said."""

    INSIDE = "inside"
    ABOVE = "above"
    BELOW = "below"
    UNCLEAR = "unclear"


# The model gives counts without a range. A guest's own timer and house-keeping add some hundredths of an exit
# to a request, and a counter is read a moment too early or late.
_COUNT_SLACK, _COUNT_SHARE = 0.1, 0.05
# Two runs of one test differ by this much. Where a limit decides, the predicted range has no width at all, and a number a
# hair beside it is still inside.
_RUN_SHARE = 0.03
# What a count is raised by before its logarithm is taken: a tenth of an exit more or less is no great matter.
_COUNT_OFFSET = 0.25
# What no reason can tell apart for sure weighs less than what is certain.
_WEIGHTS = {Quantity.EXITS: 0.5, Quantity.EXITS_DELIVERY: 0.5, Quantity.EXITS_EOI: 0.5, Quantity.EXITS_HALT: 0.5,
            Quantity.INTERRUPTS: 0.5, Quantity.USER_EXITS: 0.5, Quantity.CPU: 0.75}  # fmt: skip
_FURTHEST = 10.0
# A reason that makes up less than this of a place is not worth a remark.
_DOUBT_SHARE = 0.05


@dataclass(frozen=True)
class Row:
    """One quantity: predicted low, typical and high (None where the model does not have it), and measured.

    `doubts` are labels of the topic `measured`: what else the measured number can hold.
    """

    quantity: Quantity
    predicted: Span | None
    measured: float
    verdict: Verdict
    doubts: tuple[Label, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Measured over typical; None where nothing was predicted, or zero."""
        return self.measured / self.predicted.typical if self.predicted and self.predicted.typical else None


def figure(number: float, digits: int = 3) -> str:
    """A number with as many digits as it is worth, without an exponent.

    >>> figure(45.797), figure(712345.6), figure(0.01234)
    ('45.8', '712,000', '0.0123')
    """
    if not math.isfinite(number):
        return "∞" if number > 0 else "-"
    text = f"{Decimal(f'{number:.{digits - 1}e}'):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def predicted(quantity: Quantity, prediction: Prediction) -> Span | None:
    """What the model says of a quantity, for one of the VMs."""
    share = 1 / prediction.setting.vms
    match quantity:
        case Quantity.LATENCY:
            return prediction.latency_ns * 1e-3
        case Quantity.RATE:
            return prediction.throughput_per_s * share
        case Quantity.THROUGHPUT:
            return prediction.throughput_gbit_s * share
        case Quantity.CPU:
            return prediction.cores["guest"] * share
        case Quantity.INTERRUPTS:
            return _exactly(prediction.interrupts)
        case Quantity.USER_EXITS:
            return _exactly(prediction.user_exits)
        case Quantity.EXITS:
            # By the second and not by the hop, so that the guest's timer is in it.
            rate = prediction.throughput_per_s.typical
            return _exactly(prediction.exits_per_s / rate if rate else prediction.exits_per_request)
    places = MODEL_PLACES.get(PLACE_OF[quantity])
    return None if places is None else _exactly(sum(prediction.exits[place] for place in places))


def _exactly(number: float) -> Span:
    return Span(number, number, number)


def _measured(measurement: Measurement) -> dict[Quantity, float]:
    """What the measurement says of each quantity that it knows."""
    found = {
        Quantity.LATENCY: measurement.latency_us,
        Quantity.RATE: measurement.rate_per_s,
        Quantity.THROUGHPUT: measurement.throughput_gbit_s,
        Quantity.CPU: measurement.cpu_cores,
        Quantity.EXITS: measurement.exits_per_request,
        Quantity.USER_EXITS: measurement.per_request(measurement.user_exits),
        Quantity.INTERRUPTS: measurement.interrupts_per_request,
    }
    by_place = measurement.exits_by_place
    for quantity, place in PLACE_OF.items():
        # A place without a single exit is known to have none, where all reasons are known.
        is_known = place in by_place or (by_place and place in MODEL_PLACES and Place.UNNAMED not in by_place)
        found[quantity] = measurement.per_request(by_place.get(place, 0.0)) if is_known else None
    return {quantity: value for quantity, value in found.items() if value is not None}


def is_endless(prediction: Prediction) -> bool:
    """Whether packets flow as fast as they can: neither a queue depth nor a rate is set."""
    setting = prediction.setting
    return (
        not prediction.request.is_storage
        and prediction.request.kind != "message"
        and (setting.queue_depth is None and setting.rate is None)
    )


def rows_of(prediction: Prediction, measurement: Measurement) -> tuple[Row, ...]:
    """One row for each quantity that was measured."""
    return tuple(
        _row(quantity, predicted(quantity, prediction), value, measurement)
        for quantity, value in _measured(measurement).items()
    )


def _row(quantity: Quantity, span: Span | None, value: float, measurement: Measurement) -> Row:
    place = PLACE_OF.get(quantity)
    names = [n for n in measurement.exits_by_reason if place is not None and reason_of(n).place is place]
    whole = sum(measurement.exits_by_reason[n] for n in names)
    weighty = [reason_of(n) for n in names if measurement.exits_by_reason[n] >= _DOUBT_SHARE * whole]
    doubts = tuple(Label(key) for key in dict.fromkeys(r.doubt for r in weighty if r.doubt))
    is_partial = any(reason_of(n).is_partial for n in names)
    if quantity is Quantity.CPU:
        doubts = (Label("doubt.cpu-process" if measurement.cpu_of == "process" else "doubt.cpu-system"),)
    if quantity is Quantity.INTERRUPTS:
        doubts = (Label("doubt.all-interrupts"),)
    if quantity is Quantity.EXITS_UNNAMED:
        doubts = (Label("doubt.unnamed"),)
    return Row(quantity, span, value, _verdict(quantity, span, value, is_partial), doubts)


def _verdict(quantity: Quantity, span: Span | None, value: float, is_partial: bool) -> Verdict:
    if span is None:
        return Verdict.UNCLEAR
    slack = max(_COUNT_SLACK, _COUNT_SHARE * span.typical) if quantity in COUNTS else 0.0
    low = min(span.low, (1 - _RUN_SHARE) * span.typical)
    high = max(span.high, (1 + _RUN_SHARE) * span.typical)
    if value > high + slack:
        return Verdict.ABOVE
    if value < low - slack:
        return Verdict.UNCLEAR if is_partial else Verdict.BELOW
    return Verdict.INSIDE


def distance(rows: Sequence[Row]) -> float:
    """How far measured and typical are apart: the root mean square of the logarithms of their ratios.

    0.7 is a factor of two. A throughput says no more than a rate does, so it counts only where no rate is known, and
    a count that holds only some of its exits only where it is too high.
    """
    known = {row.quantity for row in rows}
    weighed = squares = 0.0
    for row in rows:
        if row.predicted is None or (row.quantity is Quantity.THROUGHPUT and Quantity.RATE in known):
            continue
        if row.verdict is Verdict.UNCLEAR:
            continue
        weight = _WEIGHTS.get(row.quantity, 1.0)
        weighed += weight
        squares += weight * apart(row.quantity, row.measured, row.predicted.typical) ** 2
    return math.sqrt(squares / weighed) if weighed else 0.0


def apart(quantity: Quantity, one: float, other: float) -> float:
    """The logarithm of the ratio of two numbers of a quantity, at most 10 either way."""
    offset = _COUNT_OFFSET if quantity in COUNTS else 0.0
    one, other = one + offset, other + offset
    if one == other:
        return 0.0
    if one <= 0 or math.isinf(other):
        return -_FURTHEST
    if other <= 0 or math.isinf(one):
        return _FURTHEST
    # Two logarithms, since the ratio itself may be too large or too small for a float.
    return max(-_FURTHEST, min(_FURTHEST, math.log(one) - math.log(other)))
