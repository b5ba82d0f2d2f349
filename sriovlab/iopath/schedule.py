"""Many requests in flight: when each hop of each request begins and ends.

A small deterministic calculation. Guest work of one VM takes turns on its vCPU, work of the VMM on
its thread, host kernel work on a core; the device and its media work on all requests at once.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from ..errors import PathError
from .journey import Actor, Journey


@dataclass(frozen=True)
class TracedHop:
    """Hop `hop` of request `request`, from `start_ns` to `end_ns`."""

    request: int
    hop: int
    start_ns: float
    end_ns: float


def schedule(journey: Journey, queue_depth: int = 1, requests: int | None = None) -> tuple[TracedHop, ...]:
    """The hops of `requests` requests (one a slot unless given), `queue_depth` of them in flight, by start.

    A hop nobody waits for takes its turn too, and the request goes on without it.

    Raises:
        PathError: a queue depth or a number of requests below 1.
    """
    count = queue_depth if requests is None else requests
    if queue_depth < 1 or count < 1:
        raise PathError(f"queue_depth is {queue_depth} and requests {count}, expected 1 or more of each")
    free: dict[Actor, float] = {Actor.GUEST: 0.0, Actor.VMM: 0.0, Actor.HOST_KERNEL: 0.0}
    ready: list[tuple[float, int, int]] = [(0.0, request, 0) for request in range(min(queue_depth, count))]
    heapq.heapify(ready)
    next_request = len(ready)
    traced: list[TracedHop] = []
    while ready:
        now, request, index = heapq.heappop(ready)
        hop = journey.hops[index]
        start = max(now, free.get(hop.actor, 0.0))
        end = start + hop.elapsed_ns.typical
        if hop.actor in free:
            # Waiting keeps nobody busy; only CPU time does.
            free[hop.actor] = start + min(hop.cpu_ns.typical, hop.elapsed_ns.typical)
        traced.append(TracedHop(request, index, start, end))
        after = end if hop.is_waited_for else start
        if index + 1 < len(journey.hops):
            heapq.heappush(ready, (after, request, index + 1))
        elif next_request < count:
            heapq.heappush(ready, (after, next_request, 0))
            next_request += 1
    return tuple(sorted(traced, key=lambda t: (t.start_ns, t.request, t.hop)))
