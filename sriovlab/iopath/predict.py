"""The closed form: what a path gives under a load, from the costs of its hops and the limits of the machine.

    X = min(bounds), as in capacity.py                requests a second
    closed load, N in flight:  R = max(R0, N / X)     Little's law
    open load, at random:      R = R0 + the wait at the slowest server, rho S / (2 (1 - rho))

Servers of fixed times in a row make a request wait once, at the slowest of them, whatever their order (Friedman 1965);
those of one VM and those that all share count apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..errors import PathError
from .bind import resolved
from .capacity import RING, Capacity, Shares, is_stream
from .costing import priced, pricing
from .journey import ExitPlace, Hop, Per, Server, Span
from .limits import INF, LEVELS
from .path import Path, parse_path
from .prediction import PAYERS, Prediction
from .program import steps_of
from .request import Read, Request
from .setting import Setting, setting_of
from .workload import known_work

if TYPE_CHECKING:
    from ..model.topology import Topology


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
    request = checked_request(request)
    chosen = setting_of(setting, knobs)
    whole, holding = resolved(
        parse_path(path), request, chosen, can_post=can_post(host), is_stream=is_stream(request, chosen)
    )
    price = pricing(request, chosen)
    hops = known_work(priced(whole.name, holding, price), chosen)
    levels = {level: Capacity(whole, request, chosen, price, hops, level) for level in LEVELS}
    return _prediction(whole, request, chosen, hops, levels)


def checked_request(request: Request | None) -> Request:
    """The request, a read of 4 KiB unless given.

    Raises:
        PathError: it is no request.
    """
    if request is None:
        return Read()
    if not isinstance(request, Request):
        raise PathError(
            f"request is {request!r}, expected Read, Write, Send, Receive or Message, such as Read(4096)"
        )
    return request


def can_post(host: Topology | None) -> bool:
    """Whether interrupts are posted where nobody said so: without a host yes, else as its IOMMUs can."""
    if host is None:
        return True
    known = [unit.posted_interrupts for unit in host.iommus]
    return bool(known) and all(known)


# -- under a load ---------------------------------------------------------------------------------


def _in_flight(request: Request, setting: Setting) -> float:
    if setting.depths is not None:
        return float(sum(setting.depths))
    return float(setting.vms * (RING if is_stream(request, setting) else 1))


class _Load:
    """One level of the costs under the load that the setting asks for."""

    def __init__(self, hops: tuple[Hop, ...], capacity: Capacity, alone_ns: float) -> None:
        setting, request = capacity.setting, capacity.request
        flying = _in_flight(request, setting)
        self.bounds, self.wake = capacity.saturation(flying)
        bottleneck = min(self.bounds, key=lambda name: self.bounds[name], default="latency")
        self.most = self.bounds.get(bottleneck, INF)
        if setting.rate is not None:
            offered = setting.rate * setting.vms
            is_too_much = offered >= self.most
            self.rate, self.bottleneck = (self.most, bottleneck) if is_too_much else (offered, "offered")
            if not is_too_much:
                self.wake = capacity.wake_at(offered, flying)
            self.latency = INF if is_too_much else _open_latency(hops, capacity, offered, self.wake)
        else:
            taken, after = _cycle(hops, capacity.level, request.kind == "send", alone_ns)
            if capacity.throttle is not None and any(hop.is_delivery for hop in hops):
                # What is in flight completes with one interrupt, and the next comes a period later.
                taken = max(taken, 1e9 / capacity.throttle - after)
            self.rate, self.latency, self.bottleneck = flying * 1e9 / (taken + after), taken, "latency"
            if self.rate >= self.most:
                self.rate, self.bottleneck = self.most, bottleneck
                queueing = (flying * 1e9 / self.most if self.most else INF) - taken - after
                self.latency = taken + max(0.0, queueing) * _waited_part(hops, bottleneck, request)
            else:
                self._meet_awake(hops, capacity, flying, taken, after)
        self.shares = capacity.shares(self.rate, self.wake)

    def _meet_awake(
        self, hops: tuple[Hop, ...], capacity: Capacity, flying: float, taken: float, after: float
    ) -> None:
        """Fewer kicks and wake-ups make the requests quicker, and quicker requests meet the back end awake more often."""
        self.wake = 1.0
        parts = [
            getattr(hop.elapsed_ns, capacity.level)
            for hop in hops
            if hop.is_waited_for and hop.per in (Per.KICK, Per.WAKE)
        ]
        if not parts or not capacity.can_wake:
            return
        for _ in range(4):
            self.wake = capacity.wake_at(self.rate, flying)
            self.latency = taken - (1.0 - self.wake) * sum(parts)
            self.rate = min(self.most, flying * 1e9 / (self.latency + after))
        if self.rate >= self.most:
            self.bottleneck = min(self.bounds, key=lambda name: self.bounds[name])
            self.latency = max(self.latency, (flying * 1e9 / self.most if self.most else INF) - after)


def _cycle(hops: tuple[Hop, ...], level: str, holds_ring: bool, alone_ns: float) -> tuple[float, float]:
    """The latency of a request that follows another at once, and how long its place stays taken after it.

    What the vCPU has to do after the answer delays the next request, and may delay its own answer.
    """
    if not holds_ring and not any(hop.cpu_ns.typical for hop in hops if not hop.is_waited_for):
        return alone_ns, 0.0
    busy, answered, last = 0.0, alone_ns, 0.0
    for _ in range(2):
        ready, aside, was_late, free = 0.0, 0.0, False, busy
        for hop in hops:
            start = aside if was_late and not hop.is_waited_for else ready
            if hop.server is Server.VCPU and hop.cpu_ns.typical:
                start = max(start, free)
                free = start + getattr(hop.cpu_ns, level)
            end = start + getattr(hop.elapsed_ns, level)
            was_late = not hop.is_waited_for
            if was_late:
                aside = end
            else:
                ready = end
        answered, last = ready, max(ready, aside)
        busy = max(0.0, free - (last if holds_ring else answered))
    return answered, last - answered if holds_ring else 0.0


def _waited_part(hops: tuple[Hop, ...], bottleneck: str, request: Request) -> float:
    """The part of the queueing that comes before the answer: a sent packet queues again for its completion."""
    if request.kind != "send":
        return 1.0
    visits = [
        step.is_waited_for
        for step in steps_of(hops)
        if step.server.value == bottleneck and step.busy_ns and step.per in (Per.REQUEST, Per.INTERRUPT)
    ]
    return sum(visits) / len(visits) if visits else 1.0


def _open_latency(hops: tuple[Hop, ...], capacity: Capacity, rate: float, wake: float) -> float:
    """Latency where requests arrive at random: hops as often as they happen, and the waits."""
    shares = capacity.shares(rate, wake)
    often = {Per.REQUEST: 1.0, Per.INTERRUPT: shares.interrupt, Per.KICK: wake, Per.WAKE: wake}
    alone = sum(getattr(hop.elapsed_ns, capacity.level) * often[hop.per] for hop in hops if hop.is_waited_for)
    moderated = 0.0
    if capacity.throttle is not None and any(hop.is_delivery and hop.is_waited_for for hop in hops):
        # Whoever completes within a period P after an interrupt waits for its end, P / 2 on average.
        period = 1e9 / capacity.throttle
        expected = rate / capacity.setting.vms * period / 1e9
        moderated = expected * period / 2 / (expected + math.exp(-expected))
    return float(alone) + moderated + _waiting(capacity, shares, rate)


def _waiting(capacity: Capacity, shares: Shares, rate: float) -> float:
    """Time that a request waits at servers when requests arrive at random (M/D/1)."""
    setting = capacity.setting
    own = [_wait(shares.of(capacity.demand.servers[Server.VCPU]), rate / setting.vms, setting.vcpus)]
    common = [0.0]
    if capacity.backend_cores:
        backend = _wait(shares.of(capacity.demand.servers[Server.BACKEND]), rate, capacity.backend_cores)
        common.append(backend)
    for limit in capacity.limits.values():
        if limit.each_vm_ns is None:
            common.append(_wait(limit.ns, rate, 1))
        else:
            own += [_wait(ns, rate / setting.vms, 1) for ns in limit.each_vm_ns]
    return max(own) + max(common) if setting.vms > 1 else max(*own, *common)


def _wait(service_ns: float, rate: float, servers: int) -> float:
    load = min(service_ns * rate / servers / 1e9, 1 - 1e-9)
    if servers == 1:
        return load * service_ns / (2 * (1 - load))
    # Sakasegawa's approximation of M/M/c, halved for fixed times.
    crowd: float = load ** (math.sqrt(2 * (servers + 1)) - 1)
    return service_ns * crowd / (servers * (1 - load)) / 2


# -- together -------------------------------------------------------------------------------------


def _prediction(
    path: Path, request: Request, setting: Setting, hops: tuple[Hop, ...], levels: dict[str, Capacity]
) -> Prediction:
    unloaded = Span(*(sum(getattr(h.elapsed_ns, level) for h in hops if h.is_waited_for) for level in LEVELS))
    loads = {level: _Load(hops, levels[level], getattr(unloaded, level)) for level in LEVELS}
    usual = loads["typical"]
    rate = usual.rate
    # CPU at the typical rate, so that dear costs do not look cheap because they do less.
    cores = {
        level: levels[level].cores(rate, levels[level].shares(rate, loads[level].wake)) for level in LEVELS
    }
    exits, counts = _counts(hops, usual.shares)
    exits_per_s = sum(exits.values()) * rate + levels["typical"].timer_exits_per_s()
    delivery = [hop.elapsed_ns for hop in hops if hop.is_delivery]
    return Prediction(
        path=str(path),
        request=request,
        setting=setting,
        hops=hops,
        unloaded_ns=unloaded,
        latency_ns=_span(loads[level].latency for level in LEVELS),
        throughput_per_s=_span(loads[level].rate for level in LEVELS),
        capacity_per_s=_span(loads[level].most for level in LEVELS),
        bounds={name: _span(loads[level].bounds[name] for level in LEVELS) for name in usual.bounds},
        bottleneck=usual.bottleneck,
        cores={payer: _span(cores[level][payer] for level in LEVELS) for payer in PAYERS},
        exits=exits,
        interrupt_ns=sum(delivery, Span(0.0, 0.0, 0.0)),
        exits_per_s=exits_per_s,
        **counts,
    )


def _span(values: Any) -> Span:
    """Low, typical and high from the three levels; cheap costs may give the high value."""
    low, typical, high = values
    return Span(min(low, high, typical), typical, max(low, high, typical))


def _counts(hops: tuple[Hop, ...], shares: Shares) -> tuple[dict[ExitPlace, float], dict[str, float]]:
    """Exits by place, and the other counts, for each request at these shares."""
    exits = dict.fromkeys(ExitPlace, 0.0)
    counts = {"user_exits": 0.0, "copies": 0.0, "context_switches": 0.0, "kicks": 0.0, "interrupts": 0.0}
    for hop in hops:
        times = {Per.REQUEST: 1.0, Per.INTERRUPT: shares.interrupt}.get(hop.per, shares.wake)
        for place, count in hop.exits.items():
            exits[place] += count * times
        for name in ("user_exits", "copies", "context_switches"):
            counts[name] += getattr(hop, name) * times
        counts["kicks"] += hop.exits.get(ExitPlace.SUBMISSION, 0.0) * times
    if any(hop.is_delivery for hop in hops):
        counts["interrupts"] = shares.interrupt
    return exits, counts
