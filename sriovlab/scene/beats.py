"""The headline of the player: what it says from which time on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..i18n import Words, words
from ..iopath.journey import Journey
from ..iopath.trace import TracedHop
from .lanes import picture_width
from .measure import fit
from .phrases import HYPERVISOR, is_past, microseconds


def finish(journey: Journey, trace: Sequence[TracedHop]) -> float:
    """When the last request of a trace is answered, in ns."""
    return max(float(t.end_ns) for t in trace if journey.hops[t.hop].is_waited_for)


_ENTERS = ("kick", "kick-user", "ahci-issue", "nvme-tail", "e1000-tail")


def beats(
    journeys: Sequence[Journey], finishes: Sequence[float], in_flight: int, vms: int
) -> list[dict[str, Any]]:
    """What the headline says from which time on, in ns."""
    opening = words("player.beat.who")
    if in_flight > 1:
        opening = words("player.beat.queue", count=in_flight, vms=vms)
    found: list[tuple[float, Words]] = [(0.0, opening)]
    # "Left" and "right" are true only where the hypervisor is on the left and passed by on the right.
    is_contrast = journeys[0].route == "mediated" and journeys[-1].route == "bypass"
    for journey in journeys if is_contrast and in_flight == 1 else ():
        is_bypass = is_past(journey)
        for hop, start in zip(journey.hops, journey.starts_ns, strict=True):
            name = hop.id.partition(".")[2]
            if name in _ENTERS and not is_bypass:
                found.append((start, words("player.beat.enters")))
            elif hop.is_shared and is_bypass:
                found.append((start, words("player.beat.shared")))
            elif name in ("data", "payload", "receive-data", "write-data") and is_bypass:
                found.append((start, words("player.beat.data")))
            elif name.startswith("msi-host") and is_bypass:
                found.append((start, words("player.beat.interrupt")))
    ends = sorted((finish, i) for i, finish in enumerate(finishes))
    first, last = ends[0], ends[-1]
    if last[0] > first[0]:
        key = "first-done" if journeys[last[1]].route == "mediated" else "first-done-plain"
        names = {"first": _short(journeys[first[1]]), "last": _short(journeys[last[1]])}
        found.append((first[0], words(f"player.beat.{key}", **names)))
    added = journeys[last[1]].cpu_ns(*HYPERVISOR).typical
    kept = journeys[first[1]].cpu_ns(*HYPERVISOR).typical
    found.append(
        (
            last[0] - 1,
            words(
                "player.beat.end",
                last=_short(journeys[last[1]]),
                more=microseconds(
                    max(0.0, journeys[last[1]].latency_ns.typical - journeys[first[1]].latency_ns.typical)
                ),
                cpu=microseconds(added),
                other=microseconds(kept),
                exits=f"{journeys[last[1]].exits():g}",
                fewer=f"{journeys[first[1]].exits():g}",
            ),
        )
    )
    found.sort(key=lambda beat: beat[0])
    return [
        {"t": round(t), "words": asdict(fit(w, picture_width(len(journeys)) - 20, 17, is_bold=True))}
        for t, w in found
    ]


def _short(journey: Journey) -> Words:
    return words(f"player.short.{journey.path.partition('+')[0].replace(':', '-')}")
