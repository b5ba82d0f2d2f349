"""The headline of the player: what it says from which time on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..i18n import Words, words
from ..iopath.journey import Hop, Journey
from ..iopath.trace import TracedHop
from .lanes import picture_width
from .measure import fit
from .phrases import HYPERVISOR, microseconds, short_title

Beat = tuple[float, Words]


def finish(journey: Journey, trace: Sequence[TracedHop]) -> float:
    """When the last request of a trace is answered, in ns."""
    return max(float(t.end_ns) for t in trace if journey.hops[t.hop].is_waited_for)


# What the headline says when a hop of the first or of the last lane begins, by the routes of the two. "Left" and
# "right" are true only for such pairs.
_FIRST = {
    ("mediated", "bypass"): {
        **dict.fromkeys(("kick", "kick-user", "ahci-issue", "nvme-tail", "e1000-tail"), "enters"),
        **dict.fromkeys(("user-sees", "switch-sees"), "polls"),
    },
    ("native", "bypass"): {"doorbell": "doorbells"},
}
_RECEIVING = dict.fromkeys(("vhost-copy", "vmm-copy", "user-switch"), "copied")
_MOVING = {"data": "data", "receive-data": "data", "payload": "data-out", "write-data": "data-out"}
_HOST = ("msi-host", "msi-host-running", "msi-host-descheduled")
_LAST = {
    ("mediated", "bypass"): {**_MOVING, **dict.fromkeys(_HOST, "interrupt"), "msi-posted": "posted"},
    ("native", "bypass"): {**_MOVING, **dict.fromkeys(_HOST, "interrupt-native")},
}
# What is said of a lane by its name, where all of them go through the hypervisor.
_THROUGH = {
    **dict.fromkeys(("ahci-issue", "nvme-tail", "e1000-tail", "e1000-acknowledge"), "registers"),
    **dict.fromkeys(("user-sees", "switch-sees"), "core"),
    **dict.fromkeys(("vhost-parse", "vhost-net-parse"), "in-kernel"),
    "kick": "kick",
}
_SHARED = {"media": "shared", "wire": "line", "wire-in": "line"}


def beats(
    journeys: Sequence[Journey], finishes: Sequence[float], in_flight: int, vms: int
) -> list[dict[str, Any]]:
    """What the headline says from which time on, in ns."""
    found: list[Beat] = [(0.0, _opening(journeys, in_flight, vms))]
    if in_flight == 1:
        found += _on_the_way(journeys[0], journeys[-1])
        if {journey.route for journey in journeys} == {"mediated"}:
            found += _through(journeys)
    found += _endings(journeys, finishes)
    found.sort(key=lambda beat: beat[0])
    return [
        {"t": round(t), "words": asdict(fit(w, picture_width(len(journeys)) - 20, 17, is_bold=True))}
        for t, w in found
    ]


def _opening(journeys: Sequence[Journey], in_flight: int, vms: int) -> Words:
    if in_flight > 1:
        key = "player.beat.queue-one" if vms == 1 else "player.beat.queue"
        return words(key, count=in_flight, vms=vms)
    routes = {journey.route for journey in journeys}
    if "native" in routes and len(routes) > 1:
        return words("player.beat.who-native" if "mediated" in routes else "player.beat.who-native-past")
    if routes == {"mediated"}:
        return words("player.beat.who-through")
    return words("player.beat.who-past" if routes == {"bypass"} else "player.beat.who")


def _on_the_way(left: Journey, right: Journey) -> list[Beat]:
    routes = (left.route, right.route)
    is_received = left.request.startswith("receive")
    first = _FIRST.get(routes, {}) | (_RECEIVING if is_received and routes == ("mediated", "bypass") else {})
    last = _LAST.get(routes, {}) | (_SHARED if left.route != right.route else {})
    found: dict[str, float] = {}
    for journey, said in ((left, first), (right, last)):
        for hop, start in zip(journey.hops, journey.starts_ns, strict=True):
            if hop.is_waited_for and _name(hop) in said:
                found.setdefault(said[_name(hop)], start)
    return [(start, words(f"player.beat.{key}")) for key, start in found.items()]


def _through(journeys: Sequence[Journey]) -> list[Beat]:
    found: dict[tuple[str, int], Beat] = {}
    for index, journey in enumerate(journeys):
        for hop, start in zip(journey.hops, journey.starts_ns, strict=True):
            key = _THROUGH.get(_name(hop), "")
            if key and hop.is_waited_for:
                said = words(f"player.beat.{key}", lane=short_title(journey, journeys))
                found.setdefault((key, index), (start, said))
    return list(found.values())


def _name(hop: Hop) -> str:
    return hop.id.partition(".")[2]


def _endings(journeys: Sequence[Journey], finishes: Sequence[float]) -> list[Beat]:
    ends = sorted((when, i) for i, when in enumerate(finishes))
    first, last = ends[0], ends[-1]
    quick, slow = journeys[first[1]], journeys[last[1]]
    found: list[Beat] = []
    if last[0] > first[0]:
        key = "first-done" if slow.route == "mediated" else "first-done-plain"
        names = {"first": short_title(quick, journeys), "last": short_title(slow, journeys)}
        found.append((first[0], words(f"player.beat.{key}", **names)))
    end = words(
        "player.beat.end",
        last=short_title(slow, journeys),
        more=microseconds(max(0.0, slow.latency_ns.typical - quick.latency_ns.typical)),
        cpu=microseconds(slow.cpu_ns(*HYPERVISOR).typical),
        other=microseconds(quick.cpu_ns(*HYPERVISOR).typical),
        exits=f"{slow.exits():g}",
        fewer=f"{quick.exits():g}",
    )
    return [*found, (last[0] - 1, end)]
