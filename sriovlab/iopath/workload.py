"""What is known of a workload goes before what the hops say: its rate on bare metal, its exits per request.

With `bare_metal_rate` the guest's own CPU time of a request is vCPUs / rate, and its hops are scaled to that. With
`exits_per_request` the exits on the vCPU are that many, at what a trapped interrupt's exit costs or at `exit_cycles`:
X = f / (C_req + e_req x c_exit).
"""

from __future__ import annotations

from dataclasses import replace

from .journey import Actor, Certainty, CostShare, ExitPlace, Hop, Label, Per, Server, Span, Stream
from .setting import Setting


def is_own_work(hop: Hop) -> bool:
    """Whether a hop is the guest's own work, which bare metal has too."""
    return hop.actor is Actor.GUEST and hop.server is Server.VCPU and hop.per is Per.REQUEST


def known_work(hops: tuple[Hop, ...], setting: Setting) -> tuple[Hop, ...]:
    """The hops with what the setting knows of the workload in them."""
    if setting.bare_metal_rate is None and setting.exits_per_request is None:
        return hops
    if setting.bare_metal_rate is not None:
        own = sum(hop.cpu_ns.typical for hop in hops if is_own_work(hop))
        factor = setting.vcpus * 1e9 / setting.bare_metal_rate / own if own else 1.0
        hops = tuple(_scaled(hop, factor) if is_own_work(hop) else hop for hop in hops)
    if setting.exits_per_request is not None:
        hops = _with_exits(hops, setting.exits_per_request, _exit_cost(setting))
    return hops


def _scaled(hop: Hop, factor: float) -> Hop:
    """A hop of known length: the rate on bare metal was measured, so the ranges of its costs are gone."""
    shares = tuple(
        replace(share, times=share.times * factor, ns=_known(share.ns, factor)) for share in hop.costs
    )
    return replace(
        hop, elapsed_ns=_known(hop.elapsed_ns, factor), cpu_ns=_known(hop.cpu_ns, factor), costs=shares
    )


def _known(span: Span, factor: float) -> Span:
    ns = span.typical * factor
    return Span(ns, ns, ns)


def _exit_cost(setting: Setting) -> CostShare:
    """What one exit costs the vCPU, cold caches included."""
    time, cold = setting.book["interrupt_exit"], setting.book["interrupt_exit_pollution"]
    cycles, clock_ghz = setting.exit_cycles, setting.clock_ghz
    if cycles is not None:
        ns = cycles / (clock_ghz or time.ghz)
        return CostShare("exit_cycles", 1.0, Span(ns, ns, ns), Certainty.MEASURED, "the number given")
    factor = time.ghz / clock_ghz if clock_ghz else 1.0
    span = Span(*(a + b for a, b in zip(time.ns, cold.ns))) * factor
    return CostShare(time.id, 1.0, span, Certainty.DERIVED, time.citation)


def _with_exits(hops: tuple[Hop, ...], exits: float, cost: CostShare) -> tuple[Hop, ...]:
    """The hops with this many exits in all, shared out as they had them; what else the vCPU lost is in their cost."""
    whole = sum(sum(hop.exits.values()) for hop in hops)
    found = []
    for hop in hops:
        if hop.server is not Server.VCPU or is_own_work(hop):
            found.append(hop)
            continue
        part = sum(hop.exits.values()) * exits / whole if whole else 0.0
        share = replace(cost, times=part, ns=cost.ns * part)
        count = {place: number * exits / whole for place, number in hop.exits.items()}
        found.append(
            replace(
                hop, elapsed_ns=share.ns, cpu_ns=share.ns, exits=count, costs=(share,) if part else (),
                certainty=cost.certainty, per=Per.REQUEST,
            )
        )  # fmt: skip
    if not whole and exits:
        found.insert(_before_the_last(found), _known_exits(found[0], exits, cost))
    return tuple(found)


def _before_the_last(hops: list[Hop]) -> int:
    """Where the guest's last waited-for work begins."""
    return max(
        (index for index, hop in enumerate(hops) if hop.is_waited_for and is_own_work(hop)), default=len(hops)
    )


def _known_exits(first: Hop, exits: float, cost: CostShare) -> Hop:
    share = replace(cost, times=exits, ns=cost.ns * exits)
    return Hop(
        id=f"{first.id.partition('.')[0]}.known-exits",
        start="guest-driver",
        end="kvm",
        stream=Stream.INTERRUPT,
        actor=Actor.HOST_KERNEL,
        label=Label("hop.known-exits", first.label.slots),
        elapsed_ns=share.ns,
        cpu_ns=share.ns,
        exits={ExitPlace.DELIVERY: exits},
        costs=(share,),
        certainty=cost.certainty,
        server=Server.VCPU,
    )
