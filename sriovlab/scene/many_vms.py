"""The same with many VMs: the CPU that each path costs the host at one rate of requests, as bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ..i18n import Words, words
from ..iopath.journey import Actor, Journey
from ..iopath.load import HostLoad, host_load
from .lanes import BAR, GUTTER, TOP, WATERFALL_TOP, picture_width
from .measure import fit
from .phrases import lane_title
from .shapes import Box, Shape, Text

# Px that the notes below the bars take.
_NOTES = 66.0


def many_vms(journeys: Sequence[Journey], vms: int) -> list[Shape]:
    """CPU per 100,000 requests a second, and exits, when many VMs each keep one request in flight."""
    loads = [host_load(j, vms) for j in journeys]
    rate = min(load.requests_per_s.typical for load in loads)
    per_rate = [_at_rate(load, rate) for load in loads]
    most = max(sum(span.typical for span in load.cores.values()) for load in per_rate)
    top = TOP
    width = picture_width(len(journeys))
    shapes: list[Shape] = [
        Box(
            "many-paper",
            0,
            top - 2,
            width,
            WATERFALL_TOP + len(journeys) * (BAR + 4) + 28 - top,
            "paper",
            radius=0,
        )
    ]
    shapes.append(
        Text(
            "many-title",
            width / 2,
            top + 20,
            words("player.many.title", vms=vms, rate=_rate(rate)),
            "ink",
            17,
            "middle",
            650,
        )
    )
    scale = (width - GUTTER - 330) / most
    y = top + 60
    bottom = WATERFALL_TOP + len(journeys) * (BAR + 4) + 26
    step = min(108.0, (bottom - y - _NOTES) / len(journeys))
    for index, (journey, load) in enumerate(zip(journeys, per_rate, strict=True)):
        shapes.append(
            Text(f"many-lane-{index}", 14, y, fit(lane_title(journey), width - 40, 15), "ink", 15, weight=650)
        )
        x = GUTTER
        for actor in (Actor.VMM, Actor.HOST_KERNEL, Actor.GUEST):
            part = load.cores[actor].typical * scale
            if part < 1:
                continue
            is_machine = journey.route == "native" and actor is Actor.GUEST
            label = words("player.bar.native" if is_machine else f"player.bar.{actor.value}")
            shapes.append(
                Box(
                    f"many-{index}-{actor.value}", x, y + 18, part, 40, f"bar-{actor.value}",
                    label if fit(label, part - 8, 14) == label else None, title=_cores(load, actor), radius=3,
                )
            )  # fmt: skip
            x += part
        total = load.hypervisor_cores
        shapes.append(
            Text(
                f"many-total-{index}", x + 10, y + 30,
                words("player.many.cores", low=f"{total.low:.1f}", cores=f"{total.typical:.1f}", high=f"{total.high:.1f}"),
                "ink", 14, weight=700,
            )
        )  # fmt: skip
        exits = rate * journey.exits()
        shapes.append(
            Text(f"many-exits-{index}", x + 10, y + 50, words("player.many.exits", exits=_rate(exits)), "dim")
        )
        y += step
    shapes.append(Text("many-note", 14, y + 12, words("player.many.note"), "dim"))
    shapes.append(Text("many-note-2", 14, y + 34, words("player.many.note-2"), "dim"))
    if any(journey.path.startswith("vhost-user") for journey in journeys):
        shapes.append(Text("many-note-3", 14, y + 56, words("player.many.note-polling"), "dim"))
    return [replace(shape, view="many") for shape in shapes]


def _at_rate(load: HostLoad, rate: float) -> HostLoad:
    """The load with its CPU brought to another rate of requests."""
    factor = rate / load.requests_per_s.typical
    return replace(load, cores={actor: span * factor for actor, span in load.cores.items()})


def _rate(value: float) -> str:
    digits = max(0, int(math.log10(value)) - 1) if value >= 1 else 0
    return f"{round(value / 10**digits) * 10**digits:,.0f}"


def _cores(load: HostLoad, actor: Actor) -> Words:
    span = load.cores[actor]
    return words(
        "player.many.cores", low=f"{span.low:.1f}", cores=f"{span.typical:.1f}", high=f"{span.high:.1f}"
    )
