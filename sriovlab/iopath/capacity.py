"""What bounds a path: the demand of one request on each server, and how much of it can be shared.

    X = min(line, media, PCIe, IOMMU, VMs x min(vCPUs, VF), back-end cores, host cores)

A kick and a wake-up happen only where the back end sleeps. A saturated vCPU submits in bursts, one for all that it
keeps in flight: the back end wakes once a burst, unless it is done before the vCPU comes with the next request. A
saturated device sends requests round at its own pace, and the back end wakes for each that finds it done. With arrivals
at random it sleeps as often as it is idle, 1 - utilisation.
Interrupts are shared by what completes in one throttle period, and by all packets of a poll (NAPI).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .costing import Pricing
from .journey import Hop, Per, Server
from .limits import INF, LEVELS, limits_of
from .path import Path, path_data
from .prediction import PAYERS, payer_of
from .request import Request
from .setting import Setting

# Descriptors that a sender keeps in its ring, and packets that a sender far away keeps in flight.
RING = 256
# A timer interrupt without posting: it arrives, and the next one is armed.
_TIMER_EXITS = 2


def is_stream(request: Request, setting: Setting) -> bool:
    """Whether packets flow as fast as they can: no queue depth and no rate is given."""
    return request.kind in ("send", "receive") and setting.depths is None and setting.rate is None


def throttle_hz(request: Request, setting: Setting) -> float | None:
    """Most interrupts a second of one VM's vector: as set, or for a stream of packets what adapters come with."""
    if setting.interrupt_throttle_hz is not None:
        return setting.interrupt_throttle_hz
    is_known = setting.interrupts_per_vm_s is not None or setting.completions_per_interrupt > 1
    return None if is_known or not is_stream(request, setting) else setting.book["nic_throttle"].value


def is_polling_guest(path: Path) -> bool:
    """Whether the guest polls for completions itself, in its kernel or in user space."""
    return bool({"poll", "userspace"} & set(path.options))


def backend_cores(path: Path, setting: Setting) -> int:
    """Threads or cores that serve the VMs' requests; 0 on paths without a back end."""
    kind = path_data(path.name)["backend"]
    if kind == "none":
        return 0
    given = setting.backend_cores
    return given if given is not None else setting.vms if kind == "thread" else 1


def spinning_cores(path: Path, setting: Setting) -> float:
    """Cores that spin whether there is work or not."""
    spinning = float(backend_cores(path, setting)) if path_data(path.name)["backend"] == "polling" else 0.0
    if is_polling_guest(path):
        spinning += setting.vms * setting.vcpus
    elif "haltpoll" in path.options:
        spinning += setting.vms
    return spinning


@dataclass(frozen=True)
class Shares:
    """How often what can be shared happens, for each request: kicks and wake-ups, interrupts."""

    wake: float
    interrupt: float

    def of(self, parts: dict[Per, float]) -> float:
        """The sum of parts at these shares."""
        return (
            parts[Per.REQUEST]
            + (parts[Per.KICK] + parts[Per.WAKE]) * self.wake
            + parts[Per.INTERRUPT] * self.interrupt
        )


class Demand:
    """What one request asks of the servers and of who pays, in ns by `Per`, at one level of the costs."""

    def __init__(self, hops: tuple[Hop, ...], level: str) -> None:
        self.servers = {server: dict.fromkeys(Per, 0.0) for server in Server}
        self.payers = {payer: dict.fromkeys(Per, 0.0) for payer in PAYERS}
        # vCPU time on the way to the back end, the spacing of requests in a burst; then the back end's until it asks the device.
        self.submission = dict.fromkeys(Per, 0.0)
        self.handover = dict.fromkeys(Per, 0.0)
        # How long the back end takes to wake: CPU and wait together, for each wake-up.
        self.waking = 0.0
        place = self.submission
        for hop in hops:
            ns = getattr(hop.cpu_ns, level)
            if hop.per is Per.WAKE and hop.server is Server.BACKEND:
                self.waking += getattr(hop.elapsed_ns, level)
            if hop.is_waited_for:
                if hop.server is Server.BACKEND and place is self.submission:
                    place = self.handover
                if hop.server is Server.DEVICE:
                    place = {}
                if place and hop.server in (Server.VCPU, Server.BACKEND):
                    place[hop.per] += ns
            if not ns:
                continue
            self.servers[hop.server][hop.per] += ns
            payer = payer_of(hop.actor)
            if payer is not None:
                self.payers[payer][hop.per] += ns


class Capacity:
    """A path, request and setting at one level of the costs: what it asks for, and what bounds it."""

    def __init__(
        self,
        path: Path,
        request: Request,
        setting: Setting,
        price: Pricing,
        hops: tuple[Hop, ...],
        level: str,
    ) -> None:
        self.path, self.request, self.setting, self.level = path, request, setting, level
        self.demand = Demand(hops, level)
        self.limits = limits_of(path, request, setting, price, level)
        self.fixed = {name: limit.rate(setting.vms) for name, limit in self.limits.items()}
        self.backend_cores = backend_cores(path, setting)
        self.is_polling_backend = path_data(path.name)["backend"] == "polling"
        self.is_polling_guest = is_polling_guest(path)
        self.spinning = spinning_cores(path, setting)
        self.throttle = throttle_hz(request, setting)
        vcpu, backend = self.demand.servers[Server.VCPU], self.demand.servers[Server.BACKEND]
        self.can_wake = bool(self.backend_cores) and any(
            parts[Per.KICK] or parts[Per.WAKE] for parts in (vcpu, backend)
        )

    # -- what is shared ---------------------------------------------------------------------------

    def interrupt_share(self, rate: float) -> float:
        """Interrupts for each request at this rate of all VMs together."""
        setting, per_vm = self.setting, rate / self.setting.vms
        share = 1.0 / setting.completions_per_interrupt
        if per_vm <= 0:
            return share
        if setting.interrupts_per_vm_s is not None:
            return setting.interrupts_per_vm_s / per_vm
        if self.throttle is not None:
            share = min(share, self.throttle / per_vm)
        elif self.request.kind == "receive" and not self.is_polling_guest:
            # NAPI: packets that arrive during a poll join it, until the poll has caught up.
            parts = self.demand.servers[Server.VCPU]
            left = 1e9 * setting.vcpus / per_vm - parts[Per.REQUEST]
            batch = parts[Per.INTERRUPT] / left if left > 0 else INF
            share = min(share, 1.0 / max(1.0, batch))
        return share

    def shares(self, rate: float, wake: float) -> Shares:
        """Shares at a rate of requests of all VMs together."""
        return Shares(wake, self.interrupt_share(rate))

    # -- bounds -----------------------------------------------------------------------------------

    def vcpu_bound(self, wake: float) -> float:
        """Requests a second of one VM whose vCPUs are saturated."""
        setting, parts = self.setting, self.demand.servers[Server.VCPU]
        time, interrupt = setting.vcpus * 1e9, parts[Per.INTERRUPT]
        base = Shares(wake, 0.0).of(parts)
        if not base and not interrupt:
            return INF
        if setting.interrupts_per_vm_s is not None:
            return max(0.0, time - setting.interrupts_per_vm_s * interrupt) / base if base else INF
        throttle = self.throttle
        if self.request.kind == "receive" and not self.is_polling_guest and throttle is None:
            # A saturated receiver polls all the time.
            return time / base if base else INF
        share = 1.0 / setting.completions_per_interrupt
        whole = base + interrupt * share
        free = time / whole if whole else INF
        if throttle is not None and free * share > throttle:
            return max(0.0, time - throttle * interrupt) / base if base else INF
        return free

    def backend_ns(self, wake: float, rate: float) -> float:
        """Time of the back end for a request."""
        return self.shares(rate, wake).of(self.demand.servers[Server.BACKEND])

    def bounds_at(self, wake: float) -> dict[str, float]:
        """Requests a second that each bound allows, where this share of requests wakes the back end."""
        setting, bounds = self.setting, dict(self.fixed)
        per_vm = self.vcpu_bound(wake)
        if per_vm < INF:
            bounds["vcpu"] = setting.vms * per_vm
        if self.backend_cores:
            rate = min(bounds.values(), default=0.0)
            busy = self.backend_ns(wake, rate)
            if busy:
                bounds["backend"] = self.backend_cores * 1e9 / busy
        if setting.host_cores is not None:
            rate = min(bounds.values(), default=0.0)
            whole = self.paid_ns(self.shares(rate, wake))
            left = max(0.0, setting.host_cores - self.spinning - self.timer_cores())
            bounds["host-cpu"] = left * 1e9 / whole if whole else INF
        return bounds

    def saturation(self, in_flight: float) -> tuple[dict[str, float], float]:
        """The bounds with so many requests in flight as it takes, and the share of them that wakes the back end."""
        if not self.can_wake:
            return self.bounds_at(0.0), 0.0
        least = min(1.0, self.setting.vms / in_flight)
        wake = max(least, _root(self._idle_in_a_burst))
        bounds = self.bounds_at(wake)
        bottleneck = min(bounds, key=lambda name: bounds[name])
        if bottleneck == "backend":
            wake = 0.0
        elif bottleneck in self.fixed:
            wake = max(least, _root(self._idle_at_the_pace))
        return self.bounds_at(wake), wake

    def _idle_in_a_burst(self, wake: float) -> float:
        """Time that the back end sleeps between two requests of a burst; negative where it falls behind."""
        shares = Shares(wake, 0.0)
        if not any(self.demand.handover.values()):
            # Nothing comes from the vCPU: packets arrive in bursts.
            return -INF
        spacing = (
            shares.of(self.demand.submission) * self.backend_cores / self.setting.vms / self.setting.vcpus
        )
        return spacing - shares.of(self.demand.handover)

    def _idle_at_the_pace(self, wake: float) -> float:
        """Time that the back end sleeps for each request where a limit sets the pace."""
        rate = min(self.fixed.values())
        return self.backend_cores * 1e9 / rate - self.backend_ns(wake, rate)

    def wake_at(self, rate: float, in_flight: float) -> float:
        """The share of requests that find the back end asleep at a rate below saturation."""
        if not self.can_wake:
            return 0.0
        if self.setting.rate is None and in_flight <= self.backend_cores:
            # One request at a time for each thread: it sleeps before each.
            return 1.0

        def idle(wake: float) -> float:
            # Whoever comes while it is being woken needs no kick.
            parts = self.demand.servers[Server.BACKEND]
            busy = self.backend_ns(wake, rate) + wake * (self.demand.waking - parts[Per.WAKE])
            return 1.0 - wake - rate * busy / 1e9 / self.backend_cores

        return _root(idle, is_fraction=True)

    # -- who pays ---------------------------------------------------------------------------------

    def payer_ns(self, shares: Shares) -> dict[str, float]:
        """CPU of a request by who pays, in ns."""
        return {payer: shares.of(parts) for payer, parts in self.demand.payers.items()}

    def paid_ns(self, shares: Shares) -> float:
        """CPU of a request that no spinning core has paid already."""
        whole = sum(self.payer_ns(shares).values())
        if self.is_polling_backend:
            whole -= shares.of(self.demand.servers[Server.BACKEND])
        if self.is_polling_guest:
            whole -= shares.of(self.demand.servers[Server.VCPU])
        return whole

    def timer_exits_per_s(self) -> float:
        """VM exits of the guests' timers."""
        setting = self.setting
        if not setting.timer_hz or self.path.name == "native":
            return 0.0
        return setting.vms * setting.vcpus * setting.timer_hz * _TIMER_EXITS

    def timer_cores(self) -> float:
        """CPU of the guests' timer exits, in cores."""
        cost = self.setting.book["exit_kernel_kvm_x86"].ns[LEVELS.index(self.level)]
        return self.timer_exits_per_s() * cost / 1e9

    def cores(self, rate: float, shares: Shares) -> dict[str, float]:
        """CPU by who pays at a rate, in cores."""
        used = {payer: ns * rate / 1e9 for payer, ns in self.payer_ns(shares).items()}
        used["host-kernel"] += self.timer_cores()
        busy = 0.0
        if self.is_polling_backend:
            busy += rate * shares.of(self.demand.servers[Server.BACKEND]) / 1e9
        if self.is_polling_guest or "haltpoll" in self.path.options:
            busy += rate * shares.of(self.demand.servers[Server.VCPU]) / 1e9
        used["polling"] = max(0.0, self.spinning - busy)
        return used


def _root(idle: Callable[[float], float], *, is_fraction: bool = False) -> float:
    """The share at which a back end is just busy: 1 where it is idle even then, 0 where it is busy without."""
    if not is_fraction and idle(1.0) >= 0:
        return 1.0
    if idle(0.0) <= 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        if idle(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
