"""The same with many VMs: what the host's CPUs do when each VM has one request outstanding.

Each VM asks again as soon as it is answered, so it makes 1 / latency requests a second until the
device's own limit is met: X = min(n / latency, device limit). CPU of an actor, in cores, is
X x CPU time a request. Queueing is left out: the device limit caps the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PathError
from .journey import Actor, Journey, Span


@dataclass(frozen=True)
class HostLoad:
    """What `vms` VMs ask of the host: requests and exits a second, and CPU in cores by actor."""

    vms: int
    requests_per_s: Span
    exits_per_s: Span
    cores: dict[Actor, Span]

    @property
    def hypervisor_cores(self) -> Span:
        """Cores that the VMM and the host kernel use."""
        return self.cores[Actor.VMM] + self.cores[Actor.HOST_KERNEL]


def host_load(journey: Journey, vms: int = 16, *, device_limit_per_s: float | None = None) -> HostLoad:
    """The load of `vms` VMs that each keep one request of this journey in flight.

    The low of the CPU goes with the low of the costs at the typical rate, so that a slow path does
    not look cheap because it does less.

    Raises:
        PathError: `vms` is not positive.
    """
    if vms < 1:
        raise PathError(f"vms is {vms}, expected 1 or more")
    limit = device_limit_per_s if device_limit_per_s is not None else float("inf")
    latency = journey.latency_ns
    rate = Span(*(min(limit, vms * 1e9 / ns) for ns in (latency.high, latency.typical, latency.low)))
    cores = {
        actor: journey.cpu_ns(actor) * (rate.typical / 1e9)
        for actor in (Actor.GUEST, Actor.VMM, Actor.HOST_KERNEL)
    }
    return HostLoad(vms, rate, rate * journey.exits(), cores)
