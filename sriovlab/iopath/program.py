"""One request's hops as a program that a simulation runs: steps, each on one server, merged where nothing can come between.

A step ends where another server takes over, where a limit is met, where something happens only sometimes (a kick,
a wake-up, an interrupt), or where the request goes on without what follows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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


def program_of(
    steps: Sequence[Step],
) -> tuple[tuple[tuple[int, Step], ...], Mapping[int, tuple[tuple[int, Step], ...]]]:
    """The steps that a request takes, and under each late one all that follow it without being waited for."""
    taken: list[tuple[int, Step]] = []
    tails: dict[int, list[tuple[int, Step]]] = {}
    head: int | None = None
    for index, step in enumerate(steps):
        if step.is_waited_for:
            head = None
            taken.append((index, step))
        elif head is None:
            head = index
            taken.append((index, step))
            tails[index] = [(index, step)]
        else:
            tails[head].append((index, step))
    return tuple(taken), {index: tuple(rest) for index, rest in tails.items()}


def first_interrupt(hops: Sequence[Hop], program: Sequence[tuple[int, Step]]) -> int:
    """The step at which the interrupt of a request meets a CPU, or -1."""
    waited = [(index, step) for index, step in program if step.is_waited_for]
    for index, step in waited:
        if step.per is Per.INTERRUPT:
            return index
    sent = next((i for i, hop in enumerate(hops) if hop.is_delivery and hop.is_waited_for), None)
    if sent is None:
        return -1
    return next((i for i, step in waited if step.server is Server.VCPU and step.hops[0] > sent), -1)
