"""One request's hops as a program that a simulation runs: steps, each on one server, merged where nothing can come between.

A step ends where another server takes over, where a limit is met, where something happens only sometimes (a kick,
a wake-up, an interrupt), or where the request goes on without what follows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate

from .journey import ExitPlace, Hop, Per, Server


@dataclass(frozen=True)
class Step:
    """Some hops in a row.

    Args:
        hops: Their indices in the journey.
        server: VCPU, BACKEND, HOST, or DEVICE where nothing is waited for.
        busy_ns: How long the server is taken; `elapsed_ns` until the request goes on; `offsets_ns` where each hop
            begins.
        passes: Limits that it meets at its start.
    """

    hops: tuple[int, ...]
    server: Server
    busy_ns: float
    elapsed_ns: float
    offsets_ns: tuple[float, ...]
    per: Per
    is_waited_for: bool
    passes: tuple[str, ...]
    exits: float
    user_exits: float
    kicks: float


def steps_of(hops: Sequence[Hop], limits: Collection[str] = ()) -> tuple[Step, ...]:
    """The program of one request; `limits` names those that the setting has."""
    runs: list[list[int]] = []
    before: tuple[object, ...] | None = None
    for index, hop in enumerate(hops):
        key = (hop.server, hop.per, hop.is_waited_for)
        meets = any(name in limits for name in hop.passes)
        if key == before and not meets:
            runs[-1].append(index)
        else:
            runs.append([index])
        before = key
    return tuple(_step(hops, run, limits) for run in runs)


def _step(hops: Sequence[Hop], run: Sequence[int], limits: Collection[str]) -> Step:
    chosen = [hops[index] for index in run]
    elapsed = [hop.elapsed_ns.typical for hop in chosen]
    first = chosen[0]
    return Step(
        hops=tuple(run),
        server=first.server,
        busy_ns=sum(hop.cpu_ns.typical for hop in chosen),
        elapsed_ns=sum(elapsed),
        offsets_ns=tuple(accumulate(elapsed[:-1], initial=0.0)),
        per=first.per,
        is_waited_for=first.is_waited_for,
        passes=tuple(name for name in first.passes if name in limits),
        exits=sum(sum(hop.exits.values()) for hop in chosen),
        user_exits=sum(hop.user_exits for hop in chosen),
        kicks=sum(hop.exits.get(ExitPlace.SUBMISSION, 0.0) for hop in chosen),
    )
