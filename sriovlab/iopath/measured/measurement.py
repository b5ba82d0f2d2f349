"""A measurement as the model reads it: what was asked, how long it took, how often, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from ...errors import MeasurementError
from ..journey import Label
from ..request import KINDS
from .reading import HIGHEST, shown
from .reasons import Place, reason_of

# What the CPU figure covers: one process of the tool, or all that the tool's system did.
CPU_OF = ("process", "system")


@dataclass(frozen=True)
class Measurement:
    """One run of a tool; what it does not say is None.

    A `message` is one way, half of what a ping-pong counts, as the model's Message is: latency is half a round trip, and
    the rate counts both directions.

    Args:
        source: The format: fio, perf-kvm, kvm-counters, iperf3, sockperf, netperf, or `own`.
        name: Of the job, file or test.
        version: Of the tool.
        kind, size: Of a request: read, write, send, receive or message, and bytes.
        queue_depth: Requests that one job keeps in flight, as the tool was told; jobs: how many did so.
        latency_us: Mean, from the application's call to its return; percentiles_us by percent.
        rate_per_s: Requests a second of all jobs; throughput_gbit_s: payload.
        cpu_cores: CPU where the tool ran, in cores, of what `cpu_of` says.
        interrupts: Interrupts given to the guest in the run; interrupts_per_s where only that is known.
        exits: VM exits in the run; exits_by_reason: by the name that KVM gives, user_exits: those that went on to
            the VMM.
        requests: Requests in the run. duration_s: of the run.
        notes: What to know of these numbers, labels of the topic `measured`.
    """

    source: str
    name: str
    version: str | None = None
    kind: str | None = None
    size: int | None = None
    queue_depth: int | None = None
    jobs: int | None = None
    latency_us: float | None = None
    percentiles_us: Mapping[float, float] = field(default_factory=dict)
    rate_per_s: float | None = None
    throughput_gbit_s: float | None = None
    cpu_cores: float | None = None
    cpu_of: str | None = None
    interrupts: float | None = None
    interrupts_per_s: float | None = None
    exits: float | None = None
    exits_by_reason: Mapping[str, float] = field(default_factory=dict)
    user_exits: float | None = None
    requests: int | None = None
    duration_s: float | None = None
    notes: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        for text in ("source", "name", "version"):
            value = getattr(self, text)
            if value is not None or text != "version":
                object.__setattr__(self, text, self._name(text, value))
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is not None:
                self._check(name, value, above_zero=name in _ABOVE_ZERO, whole=name in _WHOLE)
        for name in ("percentiles_us", "exits_by_reason"):
            if not isinstance(getattr(self, name), Mapping):
                raise self._wrong(name, getattr(self, name), "a mapping")
            for key, value in getattr(self, name).items():
                self._check(f"{name}[{shown(key)}]", value)
        if self.kind is not None and self.kind not in KINDS:
            raise self._wrong("kind", self.kind, f"one of {', '.join(KINDS)}")
        if self.cpu_of is not None and self.cpu_of not in CPU_OF:
            raise self._wrong("cpu_of", self.cpu_of, f"one of {', '.join(CPU_OF)}")

    def _name(self, field_name: str, value: object) -> str:
        """A name as it can be shown and written anywhere: one line, no lone surrogates, not endless."""
        if not isinstance(value, str):
            raise MeasurementError(
                f"measurement: {field_name} is {shown(value)}, expected a text; give it a short name"
            )
        text = value.encode("utf-8", errors="replace").decode("utf-8")
        return "".join(c if c.isprintable() else " " for c in text)[:80]

    def _wrong(self, name: str, value: object, expected: str) -> MeasurementError:
        return MeasurementError(
            f"{self.source} {shown(self.name)}: {name} is {shown(value)}, expected {expected}; leave out what is not known"
        )

    def _check(self, name: str, value: object, *, above_zero: bool = False, whole: bool = False) -> None:
        kinds = int if whole else int | float
        expected = ("a whole number" if whole else "a number") + (" above 0" if above_zero else ", 0 or more")
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise self._wrong(name, value, expected)
        if not 0 <= value <= HIGHEST or not math.isfinite(value) or (above_zero and value == 0):
            raise self._wrong(name, value, expected)

    # -- what follows -----------------------------------------------------------------------------

    @property
    def request_text(self) -> str | None:
        """The request in one word, such as read:4096."""
        if self.kind is None:
            return None
        return self.kind if self.size is None else f"{self.kind}:{self.size}"

    @property
    def depth(self) -> int | None:
        """Requests that all jobs together were told to keep in flight."""
        return None if self.queue_depth is None else self.queue_depth * (self.jobs or 1)

    @property
    def in_flight(self) -> float | None:
        """Requests that were in flight on average, by Little's law: rate times latency."""
        if self.rate_per_s is None or self.latency_us is None:
            return None
        return self.rate_per_s * self.latency_us / 1e6

    def per_request(self, count: float | None) -> float | None:
        """A count of the run as one of each request; None where requests are not known."""
        return None if count is None or not self.requests else count / self.requests

    @property
    def exits_per_request(self) -> float | None:
        """VM exits of one request."""
        return self.per_request(self.exits)

    @property
    def interrupts_per_request(self) -> float | None:
        """Interrupts of one request."""
        if self.interrupts is not None:
            return self.per_request(self.interrupts)
        if self.interrupts_per_s is None or not self.rate_per_s:
            return None
        return self.interrupts_per_s / self.rate_per_s

    @property
    def exits_by_place(self) -> dict[Place, float]:
        """VM exits of the run by place; UNNAMED is what the total has beyond the reasons. Empty where no reason is known."""
        found: dict[Place, float] = {}
        for name, count in self.exits_by_reason.items():
            place = reason_of(name).place
            found[place] = found.get(place, 0.0) + count
        left = (self.exits or 0.0) - sum(found.values())
        if found and left > 0:
            found[Place.UNNAMED] = left
        return found

    def joined(self, other: Measurement) -> Measurement:
        """The same with what is unknown taken from another measurement of the same run, such as exits beside fio.

        Exits become exits of one request where either says how many requests there were.

        Raises:
            MeasurementError: they speak of different requests.
        """
        if not isinstance(other, Measurement):
            raise MeasurementError(
                f"{shown(other)} is no Measurement, expected one; read it with read_measurement"
            )
        for name in ("kind", "size"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours is not None and theirs is not None and ours != theirs:
                raise MeasurementError(
                    f"{other.source} {shown(other.name)}: {name} is {theirs!r}, expected {ours!r} as in {self.source} {shown(self.name)}; "
                    "join only measurements of the same run"
                )
        taken = {f.name: getattr(other, f.name) for f in fields(self) if getattr(self, f.name) in (None, {})}
        return replace(
            self,
            **taken,
            source=f"{self.source}+{other.source}",
            notes=(*self.notes, *(note for note in other.notes if note not in self.notes)),
        )

    def __repr__(self) -> str:
        parts = [f"{self.source} {self.name!r}"]
        for text, value in (
            ("{}", self.request_text),
            ("depth {}", self.depth),
            ("{:.4g} us", self.latency_us),
            ("{:,.0f}/s", self.rate_per_s),
            ("{:.3g} Gbit/s", self.throughput_gbit_s),
            ("{:.3g} cores", self.cpu_cores),
            ("{:,.0f} exits", self.exits if self.exits_per_request is None else None),
            ("{:.3g} exits per request", self.exits_per_request),
        ):
            if value is not None:
                parts.append(text.format(value))
        return f"<Measurement {', '.join(parts)}>"


_NUMBERS = (
    "size", "queue_depth", "jobs", "latency_us", "rate_per_s", "throughput_gbit_s", "cpu_cores", "interrupts",
    "interrupts_per_s", "exits", "user_exits", "requests", "duration_s",
)  # fmt: skip
_WHOLE = ("size", "queue_depth", "jobs", "requests")
_ABOVE_ZERO = ("size", "queue_depth", "jobs", "latency_us", "rate_per_s", "requests", "duration_s")
