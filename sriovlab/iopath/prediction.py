"""What the closed form says of a path under a load: time, throughput, CPU and counts, each with its range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .journey import Actor, ExitPlace, Hop, Span
from .request import Request
from .setting import Setting

# Who pays for CPU. POLLING is the part of cores that spin whether there is work or not.
PAYERS = ("guest", "host-kernel", "vmm", "polling")
_PAYER = {Actor.GUEST: "guest", Actor.HOST_KERNEL: "host-kernel", Actor.VMM: "vmm"}


def payer_of(actor: Actor) -> str | None:
    """Who pays for what an actor does; None for the device."""
    return _PAYER.get(actor)


@dataclass(frozen=True)
class Prediction:
    """What the closed form says. Times in ns, rates per second, CPU in cores; spans are low, typical, high.

    Args:
        path: The canonical text, interrupt mode included.
        hops: One request's hops, in order.
        unloaded_ns: Latency of one request alone; `latency_ns` that under this load, infinite where more is
            offered than can be carried.
        throughput_per_s: Requests a second of all VMs together; `capacity_per_s` the most there could be.
        bounds: What could bound it, each with the requests a second it allows.
        bottleneck: The bound that is met, or `latency` where too few requests are in flight to meet any, or
            `offered` where the load asks for less.
        cores: CPU by who pays: guest, host-kernel, vmm, polling.
        exits: VM exits of one request, by place, at this load; kicks, interrupts, copies, context_switches,
            user_exits likewise.
        interrupt_ns: From the device's completion interrupt to the guest's handler.
        exits_per_s: VM exits a second of all VMs together.
    """

    path: str
    request: Request
    setting: Setting
    hops: tuple[Hop, ...]
    unloaded_ns: Span
    latency_ns: Span
    throughput_per_s: Span
    capacity_per_s: Span
    bounds: Mapping[str, Span]
    bottleneck: str
    cores: Mapping[str, Span]
    exits: Mapping[ExitPlace, float]
    user_exits: float
    kicks: float
    interrupts: float
    copies: float
    context_switches: float
    interrupt_ns: Span
    exits_per_s: float

    @property
    def throughput_gbit_s(self) -> Span:
        """Payload carried, in Gbit/s."""
        return self.throughput_per_s * (self.request.size * 8 / 1e9)

    @property
    def latency_us(self) -> float:
        """The typical latency under this load, in us."""
        return self.latency_ns.typical / 1000

    @property
    def exits_per_request(self) -> float:
        """VM exits of one request at all places."""
        return sum(self.exits.values())

    @property
    def mmio_exits(self) -> float:
        """Exits of one request that a store to, or a read of, a device register makes."""
        return self.exits[ExitPlace.SUBMISSION] + self.exits[ExitPlace.REGISTERS]

    @property
    def cpu_cores(self) -> Span:
        """CPU of all who pay, in cores."""
        return sum(self.cores.values(), Span(0.0, 0.0, 0.0))

    @property
    def cpu_percent(self) -> float:
        """The typical CPU of all who pay, in percent of one core."""
        return 100 * self.cpu_cores.typical

    @property
    def breakdown(self) -> tuple[tuple[str, Span], ...]:
        """The latency by hop: (hop id, ns) for those waited for, and `queueing` for what the load adds."""
        parts = [(hop.id, hop.elapsed_ns) for hop in self.hops if hop.is_waited_for]
        waiting = self.latency_ns.typical - self.unloaded_ns.typical
        if waiting > 0:
            parts.append(("queueing", Span(waiting, waiting, waiting)))
        return tuple(parts)

    @property
    def assumed_share(self) -> float:
        """How much of the unloaded latency rests on assumed numbers, 0 to 1."""
        waited = [share for hop in self.hops if hop.is_waited_for for share in hop.costs]
        whole = sum(share.ns.typical for share in waited)
        return sum(s.ns.typical for s in waited if s.certainty.value == "assumed") / whole if whole else 0.0

    def record(self) -> dict[str, object]:
        """The prediction as one flat row: knobs that were set, and results."""
        row: dict[str, object] = {"path": self.path, "request": self.request.text}
        row |= {
            "vms": self.setting.vms,
            "queue_depth": self.setting.queue_depth_text,
            "vcpus": self.setting.vcpus,
            "latency_us": self.latency_ns.typical / 1000,
            "latency_low_us": self.latency_ns.low / 1000,
            "latency_high_us": self.latency_ns.high / 1000,
            "throughput_per_s": self.throughput_per_s.typical,
            "throughput_low_per_s": self.throughput_per_s.low,
            "throughput_high_per_s": self.throughput_per_s.high,
            "throughput_gbit_s": self.throughput_gbit_s.typical,
            "bottleneck": self.bottleneck,
        }
        row |= {f"cores_{name.replace('-', '_')}": span.typical for name, span in self.cores.items()}
        row |= {
            "exits_per_request": self.exits_per_request,
            "exits_per_s": self.exits_per_s,
            "kicks_per_request": self.kicks,
            "interrupts_per_request": self.interrupts,
            "copies_per_request": self.copies,
            "context_switches_per_request": self.context_switches,
        }
        return row

    def __repr__(self) -> str:
        rate = f"{self.throughput_per_s.typical:,.0f}/s"
        if not self.request.is_storage:
            rate += f" ({self.throughput_gbit_s.typical:.3g} Gbit/s)"
        return (
            f"<Prediction {self.path}, {self.request.text}: {self.latency_us:.3g} us "
            f"({self.latency_ns.low / 1000:.3g} to {self.latency_ns.high / 1000:.3g}), {rate}, bound by "
            f"{self.bottleneck}, {self.cpu_cores.typical:.3g} cores, {self.exits_per_request:.3g} exits>"
        )
