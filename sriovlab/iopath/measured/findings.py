"""What a comparison says in sentences: what was asked otherwise, what lies inside, queueing, bounds, exits that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from ...errors import PathError
from ..journey import Label
from ..path import MODES, parse_path
from ..predict import predict
from ..prediction import Prediction
from ..setting import VCPU_STATES
from .causes import Cause, telling_of, ties_of
from .measurement import Measurement
from .reasons import MODEL_PLACES, Place
from .rows import PLACE_OF, Row, Verdict, figure, is_endless

# Two numbers that differ by less are one, in a measurement.
_SAME = 0.1
# A bound is met from here on; a little beyond it is a clock or a header counted otherwise.
_MET, _BEYOND = 0.93, 1.03
_BOUNDS = ("line", "pcie", "vf", "media", "iommu")
# From here on a tail is longer than what queueing or a poll makes.
_LONG_TAIL = 5.0


def findings_of(
    prediction: Prediction, measurement: Measurement, rows: Sequence[Row], causes: tuple[Cause, ...]
) -> tuple[Label, ...]:
    """The sentences, most important first: labels of the topic `measured`."""
    return (
        *_asked_otherwise(prediction, measurement),
        *_inside(rows),
        *_queueing(prediction, measurement),
        *_bounds(prediction, measurement),
        *_beyond_the_path(prediction, rows),
        *_best(rows, causes),
        *_ties(measurement, rows, causes),
        *_left_out(prediction, measurement),
    )


def set_depth(prediction: Prediction) -> float | None:
    """Requests that the prediction keeps in flight in one VM; None where the load is open or endless."""
    setting = prediction.setting
    if setting.rate is not None or is_endless(prediction):
        return None
    return sum(setting.depths) / setting.vms if setting.depths else 1.0


def _asked_otherwise(prediction: Prediction, measurement: Measurement) -> Iterator[Label]:
    ours = prediction.request
    kind, size = measurement.kind or ours.kind, measurement.size or ours.size
    if (kind, size) != (ours.kind, ours.size):
        yield Label("differs.request", {"measured": f"{kind}:{size}", "predicted": ours.text})
    depth, told = set_depth(prediction), measurement.depth
    if told is not None and depth is not None and told != depth:
        yield Label("differs.depth", {"measured": str(told), "predicted": figure(depth)})


def _inside(rows: Sequence[Row]) -> Iterator[Label]:
    judged = [row for row in rows if row.verdict is not Verdict.UNCLEAR]
    inside = sum(row.verdict is Verdict.INSIDE for row in judged)
    slots = {"inside": str(inside), "count": str(len(judged))}
    if judged:
        yield Label(
            "inside.all" if inside == len(judged) else "inside.some" if inside else "inside.none", slots
        )


def _queueing(prediction: Prediction, measurement: Measurement) -> Iterator[Label]:
    """Little's law on the measured numbers: N = X x R."""
    flying = measurement.in_flight
    if flying is None:
        return
    told, ours = measurement.depth, set_depth(prediction)
    slots = {"flying": figure(flying)}
    if told is not None:
        if abs(flying - told) > _SAME * told:
            key = "little.below-told" if flying < told else "little.above-told"
            yield Label(key, {**slots, "told": str(told)})
    elif ours is not None and abs(flying - ours) > _SAME * ours:
        yield Label("little.otherwise", {**slots, "predicted": figure(ours)})


def _bounds(prediction: Prediction, measurement: Measurement) -> Iterator[Label]:
    factor = prediction.request.size * 8 / 1e9
    for name in _BOUNDS:
        span = prediction.bounds.get(name)
        if span is None:
            continue
        most = span.typical / prediction.setting.vms
        if measurement.throughput_gbit_s is not None and not prediction.request.is_storage:
            value, most, unit = measurement.throughput_gbit_s, most * factor, "Gbit/s"
        elif measurement.rate_per_s is not None:
            value, unit = measurement.rate_per_s, "/s"
        else:
            continue
        slots = {"measured": f"{figure(value)} {unit}", "most": f"{figure(most)} {unit}"}
        if value > _BEYOND * most:
            yield Label(f"beyond.{name}", slots)
        elif value >= _MET * most:
            yield Label(f"met.{name}", {**slots, "percent": figure(100 * value / most)})


def most_exits(prediction: Prediction) -> dict[Place, float]:
    """The most exits of one request at each place, over all interrupt modes and states of the vCPU."""
    path = parse_path(prediction.path)
    found = dict.fromkeys(MODEL_PLACES, 0.0)
    for mode, vcpu in product((None,) if path.name == "native" else MODES, VCPU_STATES):
        try:
            other = predict(
                str(replace(path, mode=mode)), prediction.request, setting=prediction.setting, vcpu=vcpu
            )
        except PathError:
            continue
        for place, ours in MODEL_PLACES.items():
            found[place] = max(found[place], sum(other.exits[p] for p in ours))
    return found


def _beyond_the_path(prediction: Prediction, rows: Sequence[Row]) -> Iterator[Label]:
    suspects = [row for row in rows if row.verdict is Verdict.ABOVE and row.quantity in PLACE_OF]
    if not suspects:
        return
    most = most_exits(prediction)
    for row in suspects:
        place = PLACE_OF[row.quantity]
        if row.measured > most[place] * 1.05 + 0.1:
            slots = {"measured": figure(row.measured), "most": figure(most[place]), "path": prediction.path}
            yield Label(f"too-many.{place}", slots)


def _best(rows: Sequence[Row], causes: tuple[Cause, ...]) -> Iterator[Label]:
    is_outside = any(row.verdict in (Verdict.ABOVE, Verdict.BELOW) for row in rows)
    if causes:
        share = {"percent": figure(100 * causes[0].explained, 2), "change": causes[0].change.text}
        yield Label("best.needed" if is_outside else "best.not-needed", share)
    elif is_outside:
        yield Label("best.none")


def _ties(measurement: Measurement, rows: Sequence[Row], causes: tuple[Cause, ...]) -> Iterator[Label]:
    ties = ties_of(causes)
    if len(ties) < 2 or all(row.verdict in (Verdict.INSIDE, Verdict.UNCLEAR) for row in rows):
        return
    yield Label("undecided", {"changes": ", ".join(cause.change.text for cause in ties)})
    telling = telling_of(ties, measurement)
    if telling is not None:
        yield Label(f"tell.{telling.what}", {"low": figure(telling.low), "high": figure(telling.high)})


def _left_out(prediction: Prediction, measurement: Measurement) -> Iterator[Label]:
    if measurement.exits is not None and not measurement.requests:
        yield Label("missing.requests")
    if prediction.setting.vms > 1:
        yield Label("one-of", {"vms": str(prediction.setting.vms)})
    tail, mean = measurement.percentiles_us.get(99.0), measurement.latency_us
    if tail and mean and tail > _LONG_TAIL * mean:
        yield Label("tail", {"tail": figure(tail), "times": figure(tail / mean, 2)})
    polling = prediction.cores["polling"].typical
    if measurement.cpu_cores is not None and polling > 0:
        yield Label("polling-unseen", {"cores": figure(polling)})
