"""Which number behind a prediction matters most: each fact moved to its low and its high, alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from ..errors import PathError
from ..facts.book import Book, Fact
from .predict import predict
from .request import Read, Request

METRICS = ("latency_us", "throughput_per_s", "cores")


@dataclass(frozen=True)
class Swing:
    """One fact moved to its low and to its high alone, and what the prediction then says."""

    fact: Fact
    at_low: float
    at_high: float

    @property
    def width(self) -> float:
        """How far the prediction moves."""
        return 0.0 if self.at_low == self.at_high else abs(self.at_high - self.at_low)


@dataclass(frozen=True)
class Sensitivity:
    """The answer of `sensitivity`: the facts behind a prediction, the one that moves it most first."""

    path: str
    request: Request
    metric: str
    typical: float
    swings: tuple[Swing, ...]

    def __repr__(self) -> str:
        found = ", ".join(f"{s.fact.id} ({s.fact.kind}) {s.width:.3g}" for s in self.swings[:3])
        return f"<Sensitivity {self.path}, {self.request.text}, {self.metric} {self.typical:.3g}: {found}>"


class _Recorder(Book):
    """A book that remembers which facts were asked for."""

    def __getitem__(self, key: str) -> Fact:
        asked = self.__dict__.setdefault("asked", {})
        asked[key] = found = super().__getitem__(key)
        return found


def sensitivity(
    path: str = "virtio", request: Request | None = None, metric: str = "latency_us", **knobs: Any
) -> Sensitivity:
    """Which number behind a prediction matters most: each moved to its low and its high, alone.

    Args:
        metric: `latency_us`, `throughput_per_s` or `cores`.
    Raises:
        PathError: an unknown metric, or one that is infinite at this load.
    """
    if metric not in METRICS:
        raise PathError(f"metric {metric!r}: expected one of {', '.join(METRICS)}")
    asked = request or Read()
    base = predict(path, asked, **knobs)
    recorder = _Recorder(base.setting.book.replaced)

    def result(book: Book) -> float:
        found = predict(base.path, asked, setting=base.setting, costs=book)
        if metric == "latency_us":
            return found.latency_us
        return (found.throughput_per_s if metric == "throughput_per_s" else found.cpu_cores).typical

    typical = result(recorder)
    if not math.isfinite(typical):
        raise PathError(
            f"{metric} is infinite at this load ({base.bottleneck} is full); offer less or ask for another metric"
        )
    swings = [
        Swing(
            fact,
            *(
                result(base.setting.book.replacing([replace(fact, value=value)]))
                for value in (fact.low, fact.high)
            ),
        )
        for fact in recorder.__dict__["asked"].values()
    ]
    swings.sort(key=lambda swing: (-swing.width, swing.fact.id))
    return Sensitivity(base.path, asked, metric, typical, tuple(swings))
