"""The closed form: what a path gives under a load, from the costs of its hops and the limits of the machine.

    X = min(line, media, PCIe, IOMMU, VMs x min(vCPUs, VF), back-end cores, host cores)   requests a second
    R = max(R0, N / X)                      with N in flight (Little), or with Poisson arrivals
    R = R0 + sum of rho S / (2 (1 - rho))   over the serial servers (M/D/1)

A vCPU's and a back end's time for a request shrink as the load grows: a kick and a wake-up happen only where the back
end sleeps, r = 1 - utilisation of the back end; interrupts are shared by what arrives in one throttle period,
and by all packets of a poll (NAPI) where a receiver never catches up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import PathError
from .bind import resolved
from .costing import Pricing, priced, pricing
from .journey import Actor, ExitPlace, Hop, Per, Server, Span, hop_times
from .path import Path, parse_path, path_data
from .prediction import PAYERS, Prediction, payer_of
from .request import Read, Request
from .setting import Setting, setting_of

if TYPE_CHECKING:
    from ..model.topology import Topology

INF = float("inf")
LEVELS = ("low", "typical", "high")
# A timer interrupt without posting: it arrives, and the next one is armed.
_TIMER_EXITS = 2


def predict(
    path: str,
    request: Request | None = None,
    *,
    host: Topology | None = None,
    setting: Setting | None = None,
    **knobs: object,
) -> Prediction:
    """What the model says of a path under a load, in closed form.

    Args:
        path: As everywhere: `virtio`, `sriov+posted`, `emulated:ahci`. Without an interrupt mode the host's
            IOMMU decides, or without a host: posted.
        request: `Read(4096)` unless given; `Write`, `Send`, `Receive`, `Message`.
        host: A Topology, for its interrupt mode.
        setting: A `Setting`; `knobs` are its fields by name and go before it.
    Raises:
        PathError: an unknown path, a request that the path does not carry, a knob nobody knows or a value it
            does not take; names it, what was found and what is accepted.

    >>> import sriovlab as sl
    >>> sl.predict("sriov+posted", sl.Read(4096)).mmio_exits, sl.predict("emulated:ahci").mmio_exits
    (0.0, 7.0)
    """
    request = Read() if request is None else request
    if not isinstance(request, Request):
        raise PathError(f"request is {request!r}, expected Read, Write, Send, Receive or Message, such as Read(4096)")
    chosen = setting_of(setting, knobs)
    whole, holding = resolved(parse_path(path), request, chosen, can_post=host is None or _can_post(host))
    price = pricing(whole, request, chosen)
    return _Model(whole, holding, request, chosen, price).prediction()


def _can_post(host: Topology) -> bool:
    known = [unit.posted_interrupts for unit in host.iommus]
    return bool(known) and all(known)


@dataclass(frozen=True)
class Demand:
    """What one request asks of the servers and of who pays, at one level of the costs, in ns by `Per`."""

    servers: dict[Server, dict[Per, float]]
    payers: dict[str, dict[Per, float]]
    guest_vcpu: float


@lru_cache(maxsize=8192)
def demand_of(name: str, holding: frozenset[str], price: Pricing, level: str) -> Demand:
    """The demand of one request over a path under the conditions that hold."""
    servers = {server: dict.fromkeys(Per, 0.0) for server in Server}
    payers = {payer: dict.fromkeys(Per, 0.0) for payer in PAYERS}
    guest = 0.0
    for hop in priced(name, holding, price):
        ns = getattr(hop.cpu_ns, level)
        if not ns:
            continue
        servers[hop.server][hop.per] += ns
        payer = payer_of(hop.actor)
        if payer is not None:
            payers[payer][hop.per] += ns
        if hop.actor is Actor.GUEST and hop.server is Server.VCPU and hop.per is Per.REQUEST:
            guest += ns
    return Demand(servers, payers, guest)


@dataclass(frozen=True)
class _Shares:
    """How often what can be shared happens, per request: kicks and wake-ups, interrupts."""

    wake: float
    interrupt: float

    def of(self, parts: dict[Per, float]) -> float:
        return (
            parts[Per.REQUEST]
            + (parts[Per.KICK] + parts[Per.WAKE]) * self.wake
            + parts[Per.INTERRUPT] * self.interrupt
        )


class _Model:
    """One path, request and setting; everything it computes is a plain number for one level of the costs."""

    def __init__(
        self, path: Path, holding: frozenset[str], request: Request, setting: Setting, price: Pricing
    ) -> None:
        self.path, self.holding, self.request = path, holding, request
        self.setting, self.price = setting, price
        self.hops: tuple[Hop, ...] = priced(path.name, holding, price)
        self.demands = {level: demand_of(path.name, holding, price, level) for level in LEVELS}
        self.backend_kind: str = path_data(path.name)["backend"]
        self.is_polling_guest = bool({"poll", "userspace"} & set(path.options))
        waited = [hop for hop in self.hops if hop.is_waited_for]
        self.unloaded = Span(*(sum(getattr(h.elapsed_ns, level) for h in waited) for level in LEVELS))
        # A sent packet keeps its place in the ring until the completion has been handled.
        whole = max(end for _, end in hop_times(self.hops)) if request.kind == "send" else self.unloaded.typical
        self.tail = max(0.0, whole - self.unloaded.typical)

    def demand(self, level: str) -> Demand:
        """What a request asks for at one level of the costs."""
        return self.demands[level]

    # -- the servers ------------------------------------------------------------------------------

    @property
    def backend_cores(self) -> int:
        given = self.setting.backend_cores
        if self.backend_kind == "none":
            return 0
        return given if given is not None else self.setting.vms if self.backend_kind == "thread" else 1

    def exit_ns(self, level: str) -> float:
        """What one known exit costs the vCPU."""
        setting = self.setting
        cost, cold = setting.book["interrupt_exit"], setting.book["interrupt_exit_pollution"]
        ghz = setting.clock_ghz or cost.ghz
        if setting.exit_cycles is not None:
            return setting.exit_cycles / ghz
        index = LEVELS.index(level)
        return (cost.ns[index] * cost.ghz + cold.ns[index] * cold.ghz) / ghz

    def vcpu_ns(self, demand: Demand, shares: _Shares, level: str) -> float:
        """vCPU time of a request, without interrupts counted by the second."""
        setting, parts = self.setting, demand.servers[Server.VCPU]
        if setting.bare_metal_rate is not None:
            # The work itself follows from the bare-metal rate; what remains is what virtualization adds.
            own = setting.vcpus * 1e9 / setting.bare_metal_rate
        else:
            own = demand.guest_vcpu
        if setting.exits_per_request is not None:
            return own + setting.exits_per_request * self.exit_ns(level)
        return own + shares.of(parts) - demand.guest_vcpu

    def shares(self, level: str, rate: float, *, wake: float) -> _Shares:
        """Shares at a rate of requests of all VMs together."""
        return _Shares(wake, self.interrupt_share(level, rate))

    def interrupt_share(self, level: str, rate: float) -> float:
        """Interrupts for each request at this rate."""
        setting, per_vm = self.setting, rate / self.setting.vms
        if per_vm <= 0:
            return 1.0 / setting.completions_per_interrupt
        if setting.interrupts_per_vm_s is not None:
            return setting.interrupts_per_vm_s / per_vm
        share = 1.0 / setting.completions_per_interrupt
        if setting.interrupt_throttle_hz is not None:
            share = min(share, setting.interrupt_throttle_hz / per_vm)
        if self.request.kind == "receive" and not self.is_polling_guest:
            # NAPI: packets that arrive during a poll join it, until the poll has caught up.
            parts = self.demand(level).servers[Server.VCPU]
            gap, first = 1e9 * setting.vcpus / per_vm, parts[Per.INTERRUPT]
            left = gap - parts[Per.REQUEST]
            batch = INF if left <= 0 else first / left
            share = min(share, 1.0 / max(1.0, batch))
        return share

    def vcpu_bound(self, demand: Demand, wake: float, level: str) -> float:
        """Requests a second of one VM whose vCPUs are saturated."""
        setting, interrupt = self.setting, demand.servers[Server.VCPU][Per.INTERRUPT]
        time = setting.vcpus * 1e9
        base = self.vcpu_ns(demand, _Shares(wake, 0.0), level)
        if setting.exits_per_request is not None:
            return time / base if base else INF
        if setting.interrupts_per_vm_s is not None:
            return max(0.0, time - setting.interrupts_per_vm_s * interrupt) / base if base else INF
        if self.request.kind == "receive" and setting.interrupt_throttle_hz is None:
            return time / base if base else INF
        share = 1.0 / setting.completions_per_interrupt
        free = time / (base + interrupt * share) if base + interrupt * share else INF
        throttle = setting.interrupt_throttle_hz
        if throttle is not None and free * share > throttle:
            return max(0.0, time - throttle * interrupt) / base if base else INF
        return free

    def fixed_bounds(self, level: str) -> dict[str, float]:
        """The bounds that do not depend on how CPU is spent."""
        setting, size, price = self.setting, self.request.size, self.price
        bounds: dict[str, float] = {}
        if setting.media_iops is not None and self.request.is_storage:
            bounds["media"] = setting.media_iops
        if not self.request.is_storage:
            bounds["line"] = setting.line_rate_gbit_s * 1e9 / (8 * price.wire_bytes)
        if setting.pcie_gbit_s is not None:
            bounds["pcie"] = setting.pcie_gbit_s * 1e9 / (8 * size)
        reads = self.iommu_reads
        if reads > 0:
            index = LEVELS.index(level)
            base, each = setting.book["dma_base_l0"], setting.book["iommu_read_lm"]
            bounds["iommu"] = 1e9 / (self.request.pages * (base.ns[index] + reads * each.ns[index]))
        if self.path.route == "bypass":
            caps = []
            if setting.vf_iops is not None:
                caps.append(setting.vf_iops)
            if setting.vf_gbit_s is not None:
                caps.append(setting.vf_gbit_s * 1e9 / (8 * size))
            if caps:
                bounds["vf"] = setting.vms * min(caps)
        return bounds

    @property
    def iommu_reads(self) -> float:
        is_nested = "nested" in self.path.options
        return self.price.iommu_reads + (self.price.nested_reads if is_nested else 0.0)

    def polling_cores(self) -> float:
        """Cores that spin whether there is work or not."""
        setting = self.setting
        spinning = float(self.backend_cores) if self.backend_kind == "polling" else 0.0
        if self.is_polling_guest:
            spinning += setting.vms * setting.vcpus
        elif "haltpoll" in self.path.options:
            spinning += setting.vms
        return spinning

    # -- capacity ---------------------------------------------------------------------------------

    def capacity(self, level: str) -> tuple[dict[str, float], float]:
        """The bounds at saturation, and the share of requests that wake the back end there."""
        demand = self.demand(level)
        fixed = self.fixed_bounds(level)
        if not self.backend_cores:
            return self._with_cpu(demand, fixed, 0.0, level), 0.0
        if not self._wakes(demand):
            return self._with_cpu(demand, fixed, 0.0, level), 0.0
        if self._wake_at(demand, fixed, 0.0, level) <= 0.0:
            return self._with_cpu(demand, fixed, 0.0, level), 0.0
        wake = _bisect(lambda r: r - self._wake_at(demand, fixed, r, level))
        return self._with_cpu(demand, fixed, wake, level), wake

    def _wakes(self, demand: Demand) -> bool:
        parts = [demand.servers[s] for s in (Server.VCPU, Server.BACKEND)]
        return any(p[Per.KICK] or p[Per.WAKE] for p in parts)

    def _wake_at(self, demand: Demand, fixed: dict[str, float], wake: float, level: str) -> float:
        rate = min(self._with_cpu(demand, fixed, wake, level).values())
        return max(0.0, 1.0 - rate * self.backend_ns(demand, wake, level, rate) / 1e9 / self.backend_cores)

    def backend_ns(self, demand: Demand, wake: float, level: str, rate: float) -> float:
        parts = demand.servers[Server.BACKEND]
        interrupt = self.interrupt_share(level, rate) if parts[Per.INTERRUPT] else 0.0
        return _Shares(wake, interrupt).of(parts)

    def _with_cpu(self, demand: Demand, fixed: dict[str, float], wake: float, level: str) -> dict[str, float]:
        setting, bounds = self.setting, dict(fixed)
        per_vm = self.vcpu_bound(demand, wake, level)
        if per_vm < INF:
            bounds["vcpu"] = setting.vms * per_vm
        if self.backend_cores:
            rate = min(bounds.values(), default=INF)
            busy = self.backend_ns(demand, wake, level, rate if rate < INF else 0.0)
            if busy:
                bounds["backend"] = self.backend_cores * 1e9 / busy
        if setting.host_cores is not None:
            rate = min(bounds.values())
            whole = self._cpu_ns(demand, self.shares(level, rate, wake=wake), level)
            left = setting.host_cores - self.polling_cores() - self.timer_cores(level)
            bounds["host-cpu"] = max(0.0, left) * 1e9 / whole if whole else INF
        return bounds

    def _cpu_ns(self, demand: Demand, shares: _Shares, level: str) -> float:
        """CPU of a request that no spinning core has paid already."""
        whole = sum(self.payer_ns(demand, shares, level).values())
        if self.backend_kind == "polling":
            whole -= shares.of(demand.servers[Server.BACKEND])
        if self.is_polling_guest:
            whole -= shares.of(demand.servers[Server.VCPU])
        return whole

    def payer_ns(self, demand: Demand, shares: _Shares, level: str) -> dict[str, float]:
        """CPU of a request by who pays, in ns."""
        setting = self.setting
        found = {payer: shares.of(parts) for payer, parts in demand.payers.items()}
        if setting.bare_metal_rate is not None:
            found["guest"] += setting.vcpus * 1e9 / setting.bare_metal_rate - demand.guest_vcpu
        if setting.exits_per_request is not None:
            on_vcpu = shares.of(demand.servers[Server.VCPU]) - demand.guest_vcpu
            found["host-kernel"] += setting.exits_per_request * self.exit_ns(level) - on_vcpu
            found["host-kernel"] = max(0.0, found["host-kernel"])
        return found

    def timer_cores(self, level: str) -> float:
        setting = self.setting
        if not setting.timer_hz or self.path.name == "native":
            return 0.0
        cost = setting.book["exit_kernel_kvm_x86"].ns[LEVELS.index(level)]
        return setting.vms * setting.vcpus * setting.timer_hz * _TIMER_EXITS * cost / 1e9

    # -- the load ---------------------------------------------------------------------------------

    def in_flight(self) -> float:
        setting = self.setting
        if setting.depths is not None:
            return float(sum(setting.depths))
        return INF if self.request.kind in ("send", "receive") else float(setting.vms)

    def at_load(self, level: str) -> tuple[float, float, dict[str, float], str]:
        """Throughput, latency, bounds and bottleneck at one level of the costs."""
        bounds, _ = self.capacity(level)
        top = min(bounds, key=lambda name: bounds[name], default="latency")
        most = bounds.get(top, INF)
        alone = getattr(self.unloaded, level)
        setting = self.setting
        if setting.rate is not None:
            offered = setting.rate * setting.vms
            if offered >= most:
                return most, INF, bounds, top
            return offered, alone + self.waiting(level, offered), bounds, "offered"
        flying = self.in_flight()
        if flying == INF:
            return most, alone, bounds, top
        cycle = alone + self.tail * (alone / self.unloaded.typical if self.unloaded.typical else 1.0)
        if flying * 1e9 / cycle < most:
            return flying * 1e9 / cycle, alone, bounds, "latency"
        return most, max(alone, flying * 1e9 / most - (cycle - alone)), bounds, top

    def waiting(self, level: str, rate: float) -> float:
        """Time that a request waits at the serial servers when requests arrive at random (M/D/1)."""
        demand, setting = self.demand(level), self.setting
        shares = self.shares(level, rate, wake=self.wake_at_rate(level, rate))
        servers = [(self.vcpu_ns(demand, shares, level), rate / setting.vms / setting.vcpus)]
        if self.backend_cores:
            servers.append((shares.of(demand.servers[Server.BACKEND]), rate / self.backend_cores))
        for name, most in self.fixed_bounds(level).items():
            servers.append((1e9 * setting.vms / most, rate / setting.vms) if name == "vf" else (1e9 / most, rate))
        waits = 0.0
        for service, arrivals in servers:
            load = min(service * arrivals / 1e9, 1 - 1e-9)
            waits += load * service / (2 * (1 - load))
        return waits

    def wake_at_rate(self, level: str, rate: float) -> float:
        """The share of requests that find the back end asleep at this rate."""
        if not self.backend_cores:
            return 0.0
        # A thread of its own that serves one request at a time sleeps before each.
        depths = self.setting.depths or ((1,) * self.setting.vms if self.in_flight() < INF else None)
        is_own = self.setting.backend_cores is None and self.backend_kind == "thread"
        if is_own and self.setting.rate is None and depths is not None and max(depths) == 1:
            return 1.0
        demand = self.demand(level)
        return _bisect(
            lambda r: r
            - max(0.0, 1.0 - rate * self.backend_ns(demand, r, level, rate) / 1e9 / self.backend_cores)
        )

    # -- together ---------------------------------------------------------------------------------

    def prediction(self) -> Prediction:
        setting = self.setting
        found = {level: self.at_load(level) for level in LEVELS}
        rate, latency, _, bottleneck = found["typical"]
        # Cheap costs give the high throughput.
        throughput = Span(*sorted((found["high"][0], rate, found["low"][0])))
        names = found["typical"][2]
        bounds = {n: Span(*sorted((found["high"][2][n], names[n], found["low"][2][n]))) for n in names}
        most = {level: min(found[level][2].values(), default=INF) for level in LEVELS}
        # CPU at the typical rate, so that dear costs do not look cheap because they do less.
        wake = {level: self.wake_at_rate(level, min(rate, most[level])) for level in LEVELS}
        shares = {level: self.shares(level, rate, wake=wake[level]) for level in LEVELS}
        cores = self.cores(rate, shares)
        usual = shares["typical"]
        exits = dict.fromkeys(ExitPlace, 0.0)
        counts = {"user_exits": 0.0, "copies": 0.0, "context_switches": 0.0, "kicks": 0.0, "interrupts": 0.0}
        for hop in self.hops:
            times = {Per.REQUEST: 1.0, Per.INTERRUPT: usual.interrupt}.get(hop.per, usual.wake)
            for place, count in hop.exits.items():
                exits[place] += count * times
            for name in ("user_exits", "copies", "context_switches"):
                counts[name] += getattr(hop, name) * times
            if hop.exits.get(ExitPlace.SUBMISSION):
                counts["kicks"] += times
        if self._has_interrupt():
            counts["interrupts"] = usual.interrupt * (2 if self.request.kind == "message" else 1)
        if setting.exits_per_request is not None:
            exits = self._known_exits(exits, setting.exits_per_request)
        per_s = sum(exits.values()) * rate
        if setting.timer_hz and self.path.name != "native":
            per_s += setting.vms * setting.vcpus * setting.timer_hz * _TIMER_EXITS
        delivery = [hop.elapsed_ns for hop in self.hops if hop.is_delivery]
        return Prediction(
            path=str(self.path), request=self.request, setting=setting, hops=self.hops, unloaded_ns=self.unloaded,
            latency_ns=Span(*sorted((found["low"][1], latency, found["high"][1]))),
            throughput_per_s=throughput,
            capacity_per_s=Span(*sorted(most.values())),
            bounds=bounds, bottleneck=bottleneck, cores=cores, exits=exits,
            interrupt_ns=sum(delivery, Span(0.0, 0.0, 0.0)), exits_per_s=per_s, **counts,
        )  # fmt: skip

    def _has_interrupt(self) -> bool:
        return any(hop.is_delivery for hop in self.hops)

    def _known_exits(self, exits: dict[ExitPlace, float], known: float) -> dict[ExitPlace, float]:
        """The known number of exits, at the places where the hops have theirs."""
        whole = sum(exits.values())
        if whole == 0:
            return {**exits, ExitPlace.DELIVERY: known}
        return {place: count * known / whole for place, count in exits.items()}

    def cores(self, rate: float, shares: dict[str, _Shares]) -> dict[str, Span]:
        """CPU by who pays at a rate, in cores."""
        levels: dict[str, dict[str, float]] = {}
        for level in LEVELS:
            demand = self.demand(level)
            used = {p: ns * rate / 1e9 for p, ns in self.payer_ns(demand, shares[level], level).items()}
            used["host-kernel"] += self.timer_cores(level)
            busy = 0.0
            if self.backend_kind == "polling":
                busy += rate * shares[level].of(demand.servers[Server.BACKEND]) / 1e9
            if self.is_polling_guest or "haltpoll" in self.path.options:
                busy += rate * shares[level].of(demand.servers[Server.VCPU]) / 1e9
            used["polling"] = max(0.0, self.polling_cores() - busy)
            levels[level] = used
        return {p: Span(*sorted(levels[level][p] for level in LEVELS)) for p in PAYERS}


def _bisect(function: Callable[[float], float]) -> float:
    """The zero of a rising function on 0 to 1."""
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        if function(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def with_knobs(prediction: Prediction, **knobs: Any) -> Prediction:
    """The same path and request with other knobs."""
    return predict(prediction.path, prediction.request, setting=replace(prediction.setting, **knobs))
