"""The model beside every observation it may be calibrated with, and beside counted VM exits.

Each row says whether the model was fitted to it, predicts it, or only takes it as it is; a fitted one also says
how far off it would be if its own observation had been left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from ..facts.book import STANDARD, Book, Fact, fact
from ..facts.exits import ExitCount, exit_counts
from .fitting import refitted
from .journey import ExitPlace, Span
from .predict import predict
from .prediction import Prediction
from .request import KINDS

TOLERANCE = 0.15


class Claim(StrEnum):
    """What the model claims of an observation."""

    FITTED = "fitted"
    PREDICTED = "predicted"
    CONTEXT = "context"


@dataclass(frozen=True)
class EvidenceRow:
    """One observation and what the model says of it, in the unit of `quantity`.

    Args:
        error: (predicted - published) / published, or the plain difference where `is_absolute`.
        leave_one_out: The error with the parameters of a fitted row fitted to the other observations; None where
            these fix nothing.
        note: Key of a sentence in the i18n topic `evidence`, or "".
    """

    observation: Fact
    path: str
    request: str
    quantity: str
    claim: Claim
    predicted: Span
    error: float
    tolerance: float
    is_absolute: bool
    leave_one_out: float | None
    note: str

    @property
    def is_inside(self) -> bool:
        """Whether the model is within the tolerance of what was published."""
        return abs(self.error) <= self.tolerance + 1e-9


def _calls(prediction: Prediction) -> Span:
    """System calls of the VMM for one message received and one sent."""
    times = sum(
        share.times
        for hop in prediction.hops
        if hop.id.endswith(("vmm-syscalls", "vmm-syscalls-2"))
        for share in hop.costs
    )
    return Span(times, times, times)


def _exit_share(prediction: Prediction) -> Span:
    """The share of a vCPU's time that is left to the guest, by the time of its exits alone."""
    lost = prediction.cores["host-kernel"]
    return Span(1 - lost.high, 1 - lost.typical, 1 - lost.low)


def _bare_metal_share(prediction: Prediction) -> Span:
    rate = prediction.setting.bare_metal_rate
    assert rate is not None
    return prediction.throughput_per_s * (1 / rate)


def _plain(value: float) -> Span:
    return Span(value, value, value)


_QUANTITIES: dict[str, Callable[[Prediction], Span]] = {
    "latency_us": lambda p: p.latency_ns * 1e-3,
    "throughput_per_s": lambda p: p.throughput_per_s,
    "throughput_gbit_s": lambda p: p.throughput_gbit_s,
    "exits_per_s": lambda p: _plain(p.exits_per_s),
    "interrupts_per_s": lambda p: _plain(p.interrupts * p.throughput_per_s.typical),
    "guest_share": _exit_share,
    "bare_metal_share": _bare_metal_share,
    "vmm_calls": _calls,
    "segment_kb": lambda p: _plain(p.setting.segment_bytes / 1000),
}


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("evidence.toml").read_text(encoding="utf-8"))


def _predicted(entry: Mapping[str, Any], costs: Book) -> Span:
    kind, _, size = entry.get("request", "read:4096").partition(":")
    knobs = {**entry.get("knobs", {}), "costs": costs}
    prediction = predict(entry["path"], KINDS[kind](int(size)), setting=None, **knobs)
    return _QUANTITIES[entry["quantity"]](prediction)


def _error(value: float, published: float, is_absolute: bool) -> float:
    return value - published if is_absolute else (value - published) / published


def _without(key: str, entry: Mapping[str, Any]) -> float | None:
    """What the model would predict had this observation not been there."""
    seen = {name: fact(name).value for name in _table() if name != key}
    book = refitted(tuple(entry["fits"]), seen)
    return None if book is None else _predicted(entry, book).typical


@cache
def evidence() -> tuple[EvidenceRow, ...]:
    """Every observation that the model may be calibrated with, in the order of the sources."""
    return tuple(_row(key, entry) for key, entry in _table().items())


def _row(key: str, entry: Mapping[str, Any]) -> EvidenceRow:
    published, is_absolute = fact(key), bool(entry.get("is_absolute", False))
    claim, span = Claim(entry["claim"]), _predicted(entry, STANDARD)
    without = _without(key, entry) if claim is Claim.FITTED else None
    return EvidenceRow(
        observation=published,
        path=entry["path"],
        request=entry.get("request", "read:4096"),
        quantity=entry["quantity"],
        claim=claim,
        predicted=span,
        error=_error(span.typical, published.value, is_absolute),
        tolerance=entry.get("tolerance", TOLERANCE),
        is_absolute=is_absolute,
        leave_one_out=None if without is None else _error(without, published.value, is_absolute),
        note=entry.get("note", ""),
    )


# -- counted exits --------------------------------------------------------------------------------

# KVM's names for an exit, by the place where the model counts it. MSR holds EOI and the timer's writes alike.
_PLACES = {
    "registers": ("NPF",),
    "delivery": ("INTR", "VINTR"),
    "eoi": ("MSR",),
    "halt": ("HLT",),
    "other": ("IOIO", "CPUID"),
}


@dataclass(frozen=True)
class ExitRow:
    """Exits of one read as counted, and as the model has them for a vCPU that halts and for one that runs.

    `counted`, `halted` and `running` go by the place: registers (submission and the handler's), delivery, eoi,
    halt, other.
    """

    count: ExitCount
    counted: Mapping[str, float]
    halted: Mapping[str, float]
    running: Mapping[str, float]
    user_halted: float

    @property
    def is_exact(self) -> bool:
        """Whether the exits of device registers, and those that reach user space, are just those counted."""
        return self.halted["registers"] == self.count.mmio and self.user_halted == self.count.user_mmio


def _by_place(prediction: Prediction) -> dict[str, float]:
    return {
        "registers": prediction.mmio_exits,
        "delivery": prediction.exits[ExitPlace.DELIVERY],
        "eoi": prediction.exits[ExitPlace.EOI],
        "halt": prediction.exits[ExitPlace.HALT],
        "other": 0.0,
    }


@cache
def exit_evidence() -> tuple[ExitRow, ...]:
    """Counted exits of a read beside those of the hops, path by path."""
    found = []
    for count in exit_counts():
        halted, running = (predict(count.path, vcpu=state) for state in ("halted", "running"))
        counted = {
            place: sum(count.reasons.get(name, 0.0) for name in names) for place, names in _PLACES.items()
        }
        found.append(ExitRow(count, counted, _by_place(halted), _by_place(running), halted.user_exits))
    return tuple(found)
