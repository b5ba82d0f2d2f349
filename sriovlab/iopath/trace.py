"""What a simulation saw: when each hop of each request began and ended, and what follows from it.

Kept as packed columns, so that 100,000 requests are no burden; hops are worked out when they are asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .journey import Hop
from .program import Step
from .request import Request
from .setting import Setting

# The part of the requests that comes before the steady state, and the part after it.
_EDGE = 0.1


@dataclass(frozen=True)
class TracedHop:
    """Hop `hop` of request `request` of VM `vm`, from `start_ns` to `end_ns`, `waited_ns` in a queue before."""

    request: int
    vm: int
    hop: int
    start_ns: float
    end_ns: float
    waited_ns: float = 0.0


@dataclass(frozen=True)
class TracedRequest:
    """A request of a VM, from `start_ns` to `end_ns`."""

    request: int
    vm: int
    start_ns: float
    end_ns: float

    @property
    def latency_ns(self) -> float:
        """From call to return."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, eq=False)
class Trace:
    """A run of `count` requests over a path. Times in ns from the start of the run.

    Args:
        vms, starts, ends: Of each request, by its number.
        step_request, step_index, step_start, step_waited: Of each step taken, in the order in which it was taken.
        busy_ns: How long each server was taken in all, by name; `servers` how many there are of it.
        skipped_kicks: Kicks that a running back end made needless.
        interrupts: Interrupts raised.
    """

    path: str
    request: Request
    setting: Setting
    hops: tuple[Hop, ...]
    steps: tuple[Step, ...]
    vms: array[int]
    starts: array[float]
    ends: array[float]
    step_request: array[int]
    step_index: array[int]
    step_start: array[float]
    step_waited: array[float]
    busy_ns: Mapping[str, float]
    servers: Mapping[str, int]
    kicks: float = 0.0
    skipped_kicks: float = 0.0
    interrupts: int = 0
    exits: float = 0.0
    seed: int = 0
    span_ns: float = field(default=0.0)

    @property
    def count(self) -> int:
        """Requests that ended."""
        return len(self.ends)

    @property
    def end_ns(self) -> float:
        """When the last request ended."""
        return max(self.ends)

    def requests(self) -> Iterator[TracedRequest]:
        """Every request, by number."""
        for number, (vm, start, end) in enumerate(zip(self.vms, self.starts, self.ends, strict=True)):
            yield TracedRequest(number, vm, start, end)

    def traced_hops(self) -> Iterator[TracedHop]:
        """Every hop of every request, in the order in which their steps began."""
        columns = zip(self.step_request, self.step_index, self.step_start, self.step_waited, strict=True)
        for request, index, start, waited in columns:
            step = self.steps[index]
            vm, before = self.vms[request], waited
            for hop, offset in zip(step.hops, step.offsets_ns, strict=True):
                begin = start + offset
                yield TracedHop(request, vm, hop, begin, begin + self.hops[hop].elapsed_ns.typical, before)
                before = 0.0

    # -- the steady state -------------------------------------------------------------------------

    @cached_property
    def _window(self) -> tuple[float, float]:
        """Between the tenth and the ninetieth percent of the completions; the whole run where it is short."""
        ended = sorted(self.ends)
        if len(ended) < 20:
            return min(self.starts), ended[-1]
        # All that were in flight at once begin and end together; they and as many at the end are no steady state.
        edge = min(max(int(len(ended) * _EDGE), sum(self.setting.depths or ())), len(ended) // 4)
        return ended[edge], ended[-1 - edge]

    @cached_property
    def throughput_per_s(self) -> float:
        """Requests a second of all VMs together, in the steady state: the slope of completions over time.

        The straight line of least squares, since requests that end in bursts make the ends of a window arbitrary.
        """
        begin, end = self._window
        if self.count < 20:
            return self.count * 1e9 / (end - begin)
        inside = [t for t in sorted(self.ends) if begin < t <= end]
        middle_t, middle_n = sum(inside) / len(inside), (len(inside) - 1) / 2
        both = sum((t - middle_t) * (n - middle_n) for n, t in enumerate(inside))
        spread = sum((t - middle_t) ** 2 for t in inside)
        return both / spread * 1e9 if spread else len(inside) * 1e9 / (end - begin)

    @cached_property
    def _latencies(self) -> list[float]:
        begin, end = self._window
        inside = [e - s for s, e in zip(self.starts, self.ends, strict=True) if begin < e <= end]
        return sorted(inside or [e - s for s, e in zip(self.starts, self.ends, strict=True)])

    @property
    def latency_ns(self) -> float:
        """Mean latency in the steady state."""
        return sum(self._latencies) / len(self._latencies)

    @property
    def latency_us(self) -> float:
        """Mean latency in the steady state, in us."""
        return self.latency_ns / 1000

    def percentile_us(self, percent: float) -> float:
        """A percentile of the latency in the steady state, in us.

        Raises:
            ValueError: `percent` is not between 0 and 100.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"percent is {percent}, expected 0 to 100")
        ranked = self._latencies
        return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))] / 1000

    @property
    def throughput_gbit_s(self) -> float:
        """Payload carried in the steady state, in Gbit/s."""
        return self.throughput_per_s * self.request.size * 8 / 1e9

    def of_vm(self, vm: int) -> tuple[float, float]:
        """Requests a second and mean latency in us of one VM over the whole run, by its number from 0."""
        own = [(s, e) for v, s, e in zip(self.vms, self.starts, self.ends, strict=True) if v == vm]
        if not own:
            return 0.0, float("nan")
        span = max(e for _, e in own) - min(s for s, _ in own)
        return len(own) * 1e9 / span, sum(e - s for s, e in own) / len(own) / 1000

    @property
    def in_flight(self) -> float:
        """Requests in flight on average over the whole run, by the area under their number."""
        return sum(e - s for s, e in zip(self.starts, self.ends, strict=True)) / (
            max(self.ends) - min(self.starts)
        )

    @cached_property
    def utilisation(self) -> Mapping[str, float]:
        """The share of the run that each server is taken, 0 to 1."""
        return {
            name: busy / (self.span_ns * self.servers[name]) if self.span_ns else 0.0
            for name, busy in self.busy_ns.items()
        }

    @property
    def bottleneck(self) -> str:
        """The server that is taken most of the time, or `latency` where none is for nine tenths of it."""
        name = max(self.utilisation, key=lambda n: self.utilisation[n], default="latency")
        return name if self.utilisation.get(name, 0.0) >= 0.9 else "latency"

    def record(self) -> dict[str, object]:
        """The run as one flat row."""
        return {
            "path": self.path,
            "request": self.request.text,
            "vms": self.setting.vms,
            "queue_depth": self.setting.queue_depth_text,
            "vcpus": self.setting.vcpus,
            "requests": self.count,
            "seed": self.seed,
            "latency_us": self.latency_us,
            "latency_p99_us": self.percentile_us(99),
            "throughput_per_s": self.throughput_per_s,
            "throughput_gbit_s": self.throughput_gbit_s,
            "bottleneck": self.bottleneck,
            "exits_per_request": self.exits / self.count,
            "kicks_per_request": self.kicks / self.count,
            "interrupts_per_request": self.interrupts / self.count,
        }

    def __repr__(self) -> str:
        return (
            f"<Trace {self.path}, {self.request.text}: {self.count:,} requests of {self.setting.vms} VMs, "
            f"{self.latency_us:.3g} us, {self.throughput_per_s:,.0f}/s, bound by {self.bottleneck}>"
        )
