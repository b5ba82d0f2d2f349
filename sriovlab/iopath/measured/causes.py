"""What could explain a difference: each knob, option, interrupt mode and path, changed alone and tried with predict().

Ranked by the distance left. A number that is free to be anything fits almost everything, so it is charged a little for
that (PENALTY), and a plain choice that fits as well goes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ...errors import PathError
from ..journey import Label
from ..path import MODES, Path, parse_path, path_data, path_names, requests_of
from ..predict import predict
from ..prediction import Prediction
from ..request import KINDS, Request
from .measurement import Measurement
from .rows import Quantity, distance, figure, is_endless, predicted, rows_of


class Freedom(StrEnum):
    """How free a change is to fit what was measured."""

    SAID = "said"  # the tool itself says so
    CHOICE = "choice"  # one of a few: an option, a mode, a state
    STEP = "step"  # one of the usual numbers
    PATH = "path"  # another path altogether
    FIT = "fit"  # any number in a range
    CAP = "cap"  # a limit put where the measurement lies


PENALTY = {Freedom.SAID: 0.0, Freedom.CHOICE: 0.0, Freedom.STEP: 0.01, Freedom.PATH: 0.02, Freedom.FIT: 0.02,
           Freedom.CAP: 0.05}  # fmt: skip
# A cause has to take away this much of the distance, in whole and as a share of it.
_LEAST, _LEAST_SHARE = 0.01, 0.1
# As good as the best: what the spread of two runs of one test can do.
TIE = 0.03
_MOST = 6

# A packet, a jumbo frame, a TLS record, and the most that TCP hands on at once.
_PIECES = (1500, 9000, 16384, 65536)
_LINE_RATES = (1.0, 2.5, 5.0, 10.0, 20.0, 25.0, 40.0, 50.0, 100.0, 200.0, 400.0)
_STEPS: Mapping[str, tuple[object, ...]] = {
    "vcpus": (1, 2, 4, 8, 16),
    "timer_hz": (0.0, 100.0, 250.0, 1000.0, 4000.0),
    "completions_per_interrupt": (1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
    "interrupt_throttle_hz": (None, 1000.0, 2000.0, 4000.0, 8000.0, 10000.0, 20000.0, 50000.0, 100000.0),
    "backend_cores": (1, 2, 4),
}
_PACKET_STEPS: Mapping[str, tuple[object, ...]] = {
    "line_rate_gbit_s": _LINE_RATES, "mtu": (1500, 9000), "segment_bytes": (1500, 16384, 65536),
}  # fmt: skip
_CHOICES: Mapping[str, tuple[object, ...]] = {
    "vcpu": ("halted", "running", "descheduled"), "iommu_page": (None, "4k", "2m", "1g"),
}  # fmt: skip
# Clocks of servers and laptops, boost included; media from persistent memory to a busy disk.
_CLOCK_GHZ, _MEDIA_US = (0.8, 6.0), (1.0, 30_000.0)
_GRID, _STEPS_IN = 13, 14
_ALONE = 1.5
# A limit of less than 1 kbit/s, or of a request in eleven days, is none that a machine has.
_LEAST_LIMIT = 1e-6


@dataclass(frozen=True)
class Change:
    """One change: what is changed, to what, and the arguments of predict() that do so."""

    name: str
    value: str
    label: Label
    freedom: Freedom
    knobs: Mapping[str, Any] = field(default_factory=dict)
    path: str | None = None
    request: Request | None = None

    @property
    def text(self) -> str:
        """The change as one types it: `clock_ghz=1.2`, `virtio+iothread`."""
        if self.path is None:
            return f"{self.name}={self.value}"
        return ", ".join((self.path, *(f"{k}={v!r}" for k, v in self.knobs.items() if k != "haltpoll")))


@dataclass(frozen=True)
class Cause:
    """A change and what it gives. `error_left` is the distance that remains, `explained` the share that went."""

    change: Change
    prediction: Prediction
    error_left: float
    explained: float

    @property
    def score(self) -> float:
        """What causes are ranked by: the error left and the charge for freedom."""
        return self.error_left + PENALTY[self.change.freedom]

    @property
    def label(self) -> Label:
        """What would have to be so, as a sentence of the topic `measured`."""
        return self.change.label


def causes_of(prediction: Prediction, measurement: Measurement, error: float) -> tuple[Cause, ...]:
    """The changes that bring the prediction closer to what was measured, best first, each name once."""
    best: dict[str, Cause] = {}
    for change in changes_of(prediction, measurement):
        found = _tried(change, prediction)
        if found is None:
            continue
        left = distance(rows_of(found, measurement))
        if error - left < max(_LEAST, _LEAST_SHARE * error):
            continue
        cause = Cause(change, found, left, 1 - left / error)
        # Options and modes are changes of their own; values of one knob are not.
        if change.name not in best or cause.score < best[change.name].score:
            best[change.name] = cause
    ranked = sorted(best.values(), key=lambda c: (c.score, c.change.text))
    return tuple(c for c in ranked if not _is_needless(c, best))[:_MOST]


def _is_needless(cause: Cause, others: Mapping[str, Cause]) -> bool:
    """Whether a change of two things does no better than one of the two."""
    parts = cause.change.name.split(", ")
    return len(parts) > 1 and any(
        part in others and others[part].error_left < cause.error_left + _LEAST for part in parts
    )


def ties_of(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """The causes that explain as much as the best does, the best included."""
    return tuple(c for c in causes if c.error_left - causes[0].error_left <= TIE) if causes else ()


def _tried(change: Change, base: Prediction) -> Prediction | None:
    try:
        return predict(
            change.path or base.path, change.request or base.request, setting=base.setting, **change.knobs
        )
    except PathError:
        # The path does not carry the request, or two knobs exclude each other: no such machine.
        return None


def changes_of(base: Prediction, measurement: Measurement) -> Iterator[Change]:
    """Every change that is tried; some are of machines that cannot be, and predict() refuses those."""
    yield from _said(base, measurement)
    yield from _pieces(base, measurement)
    yield from _paths(base)
    setting = base.setting
    steps = {**_STEPS, **({} if base.request.is_storage else _PACKET_STEPS)}
    for freedom, table in ((Freedom.CHOICE, _CHOICES), (Freedom.STEP, steps)):
        for name, values in table.items():
            for value in values:
                if value != getattr(setting, name):
                    yield _knob(name, value, freedom)
    if setting.rate is None and measurement.in_flight is not None and not is_endless(base):
        yield _knob("queue_depth", max(1, round(measurement.in_flight)), Freedom.STEP)
    if base.request.is_storage:
        for media in ("optane", "nand"):
            yield _knob("media", media, Freedom.CHOICE, media_us=None, bare_metal_us=None)
    yield from _caps(base, measurement)
    yield from _fits(base, measurement)


def _knob(name: str, value: object, freedom: Freedom, **others: object) -> Change:
    """A knob at a value; the value is in the key where it is a word or nothing at all, else in a slot."""
    knobs = {name: value, **others}
    if isinstance(value, int | float):
        # As one types it, so that typing it gives what was tried: not rounded.
        label = Label(f"cause.{name}", {"value": figure(value, 6)})
        return Change(name, f"{value:.12g}", label, freedom, knobs)
    return Change(name, repr(value), Label(f"cause.{name}.{str(value).lower()}"), freedom, knobs)


def _said(base: Prediction, measurement: Measurement) -> Iterator[Change]:
    """What the tool itself says was asked, where the prediction has it otherwise."""
    kind, size = measurement.kind or base.request.kind, measurement.size or base.request.size
    if (kind, size) != (base.request.kind, base.request.size) and size <= KINDS[kind].largest:
        request = KINDS[kind](size)
        yield Change(
            "request",
            request.text,
            Label("cause.request", {"value": request.text}),
            Freedom.SAID,
            request=request,
        )
    depth = measurement.depth
    if depth is not None and base.setting.depths != (depth,) * base.setting.vms:
        yield _knob("queue_depth", depth, Freedom.SAID, rate=None)


def _pieces(base: Prediction, measurement: Measurement) -> Iterator[Change]:
    """Sizes of the pieces that a stack cuts a stream into; a tool that measures a stream does not know them."""
    is_stream = measurement.size is None and measurement.rate_per_s is None
    kind = measurement.kind or base.request.kind
    if not is_stream or measurement.throughput_gbit_s is None or kind not in ("send", "receive"):
        return
    for size in _PIECES:
        request = KINDS[kind](size)
        if request != base.request:
            label = Label("cause.segment_bytes", {"value": figure(size, 5)})
            yield Change("request", request.text, label, Freedom.STEP, request=request)


def _paths(base: Prediction) -> Iterator[Change]:
    """Each option put on or left out, each other interrupt mode, and each other path."""
    path = parse_path(base.path)
    for option in path_data(path.name)["options"]:
        is_on = option in path.options
        others = (
            tuple(o for o in path.options if o != option) if is_on else tuple(sorted((*path.options, option)))
        )
        text = str(Path(path.name, path.mode, others))
        key = "cause.option-off" if is_on else "cause.option-on"
        knobs = {"haltpoll": not is_on} if option == "haltpoll" else {}
        yield Change(f"+{option}", option, Label(key, {"value": option}), Freedom.CHOICE, knobs, text)
    for mode in MODES:
        if path.mode is not None and mode != path.mode:
            text = str(Path(path.name, mode, path.options))
            yield Change(f"+{mode}", mode, Label(f"cause.mode.{mode}"), Freedom.CHOICE, {}, text)
            # Where an interrupt exits depends on both: a halted vCPU has left the guest already.
            for vcpu in ("halted", "running"):
                yield Change(
                    f"+{mode}, vcpu",
                    vcpu,
                    Label(f"cause.mode-and-vcpu.{vcpu}", {"mode": mode}),
                    Freedom.STEP,
                    {"vcpu": vcpu},
                    text,
                )
    for name in path_names():
        if name != path.name and base.request.kind in requests_of(name):
            same_mode = None if name == "native" else path.mode
            text = str(Path(name, same_mode))
            yield Change(f"path {name}", name, Label("cause.path", {"value": name}), Freedom.PATH, {}, text)


def _caps(base: Prediction, measurement: Measurement) -> Iterator[Change]:
    """Limits of drive, VF and link where the measured rate or throughput would meet them."""
    vms = base.setting.vms
    rate, gbit_s = measurement.rate_per_s, measurement.throughput_gbit_s
    is_bypass = parse_path(base.path).route == "bypass"
    # One request at a time meets no limit of a rate.
    flying = measurement.in_flight or measurement.depth or sum(base.setting.depths or (1,)) / vms
    if base.request.is_storage and rate and flying > _ALONE:
        limits = {"media_iops": rate * vms, "vf_iops": rate}
    elif gbit_s and not base.request.is_storage:
        limits = {"pcie_gbit_s": gbit_s * vms, "vf_gbit_s": gbit_s}
    else:
        limits = {}
    for name, most in limits.items():
        if most >= _LEAST_LIMIT and (is_bypass or not name.startswith("vf_")):
            yield _knob(name, _rounded(most), Freedom.CAP)


def _fits(base: Prediction, measurement: Measurement) -> Iterator[Change]:
    """Knobs that take any number, at the one that fits best."""
    ranges = {"clock_ghz": _CLOCK_GHZ}
    if base.request.is_storage:
        ranges["media_us"] = _MEDIA_US
    for name, (low, high) in ranges.items():
        others = {"bare_metal_us": None} if name == "media_us" else {}

        def left(value: float, name: str = name, others: Mapping[str, Any] = others) -> float:
            found = _tried(_knob(name, value, Freedom.FIT, **others), base)
            return math.inf if found is None else distance(rows_of(found, measurement))

        yield _knob(name, _rounded(_lowest(left, low, high)), Freedom.FIT, **others)


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function is lowest: on a grid of equal ratios, then by sections around the best point."""
    ratio = (high / low) ** (1 / (_GRID - 1))
    best = min((low * ratio**i for i in range(_GRID)), key=function)
    start, end = max(low, best / ratio), min(high, best * ratio)
    for _ in range(_STEPS_IN):
        third = (end / start) ** (1 / 3)
        one, two = start * third, end / third
        start, end = (start, two) if function(one) <= function(two) else (one, end)
    return math.sqrt(start * end)


# What one could measure beside what one has, in the order of how easily that is done.
_TELLING = (Quantity.LATENCY, Quantity.RATE, Quantity.CPU, Quantity.EXITS, Quantity.INTERRUPTS)
_APART = math.log(1.1)


@dataclass(frozen=True)
class Telling:
    """What to measure to tell causes apart: `what` completes the key `tell.`; `low` and `high` is what they predict."""

    what: str
    low: float
    high: float


def telling_of(ties: tuple[Cause, ...], measurement: Measurement) -> Telling | None:
    """What would tell apart causes that explain as much as each other, where they differ most.

    A quantity that was not measured yet, or the latency of one request alone where several were in flight.
    """
    if len(ties) < 2:
        return None
    known = {row.quantity for row in rows_of(ties[0].prediction, measurement)}
    if Quantity.THROUGHPUT in known:
        known.add(Quantity.RATE)
    found: list[Telling] = []
    for quantity in _TELLING:
        spans = [predicted(quantity, cause.prediction) for cause in ties] if quantity not in known else []
        found += _spread(str(quantity), [span.typical for span in spans if span is not None], len(ties))
    flying = measurement.in_flight or measurement.depth
    if flying is not None and flying > _ALONE:
        found += _spread("alone", [cause.prediction.unloaded_ns.typical / 1000 for cause in ties], len(ties))
    return max(found, key=lambda t: t.high / t.low, default=None)


def _spread(what: str, values: list[float], wanted: int) -> list[Telling]:
    good = [value for value in values if math.isfinite(value) and value > 0]
    if len(good) < wanted or math.log(max(good) / min(good)) <= _APART:
        return []
    return [Telling(what, min(good), max(good))]
