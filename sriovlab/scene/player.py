"""The comparison of paths as a scene that plays: lanes side by side, scores above, waterfalls below.

Everything in it is computed from the journeys; words come from the i18n topics `player` and `iopath`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..errors import PathError
from ..i18n import Words, words
from ..iopath.journey import (
    HYPERVISOR_TIERS,
    Actor,
    Evidence,
    ExitPlace,
    Journey,
    Span,
    Station,
    Tier,
)
from ..iopath.setting import Setting
from ..iopath.simulate import simulate_journey
from ..iopath.trace import TracedHop
from .axis import axis_of
from .beats import beats, finish
from .lanes import (
    BAND,
    BAR,
    CAPTION_HEIGHT,
    CAPTION_TOP,
    GAP,
    GUTTER,
    LANE,
    TIERS,
    TOP,
    WATERFALL_TOP,
    Layout,
    band_middle,
    brings_driver,
    layout_of,
    picture_width,
)
from .many_vms import many_vms
from .measure import fit
from .phrases import HYPERVISOR, has_tier, is_past, lane_title, lane_title_within, microseconds, spell
from .shapes import Box, Line, Scene, Shape, Text
from .waterfall import waterfall
from .ways import hop_path

SECONDS = 12.0
MANY_VMS = 16
MOST_LANES = 4


def player_scene(
    journeys: Sequence[Journey],
    *,
    setting: Setting | None = None,
    many: int = MANY_VMS,
    host_name: str = "",
) -> Scene:
    """The scene of some journeys of the same request, with a timeline for the stage.

    Args:
        setting: How many VMs keep how many requests in flight, one VM with one unless given.
        many: VMs of the second view, the bars of CPU.
    Raises:
        PathError: not two journeys, or of different requests.
    """
    if not 2 <= len(journeys) <= MOST_LANES:
        raise PathError(f"a comparison shows two paths to {MOST_LANES}, found {len(journeys)}")
    if len({journey.request for journey in journeys}) > 1:
        raise PathError(
            f"the paths carry {' and '.join(j.request for j in journeys)}; expected the same request"
        )
    lane_width, width = LANE, picture_width(len(journeys))
    chosen = Setting() if setting is None else setting
    traces = [
        sorted(simulate_journey(journey, chosen).traced_hops(), key=lambda t: (t.start_ns, t.request, t.hop))
        for journey in journeys
    ]
    in_flight = sum(chosen.depths or (1,) * chosen.vms)
    longest = max(t.end_ns for trace in traces for t in trace)
    # The waterfall is that of one request, however many are in flight.
    end = _nice_end(max(journey.latency_ns.typical for journey in journeys))
    shapes: list[Shape] = [*_bands(journeys, lane_width)]
    lanes = []
    lane_shapes: list[Shape] = []
    for index, journey in enumerate(journeys):
        left = GUTTER + index * (lane_width + GAP)
        lane_shapes += _lane(journey, index, left)
        lanes.append(_lane_timeline(journey, traces[index], left, index))
    # The ways of all lanes before any box: the stage lays its trails between the two.
    shapes += sorted(lane_shapes, key=lambda shape: not isinstance(shape, Line))
    shapes += _header(journeys, lane_width)
    axis = axis_of(journeys, width - GUTTER - 96, end)
    shapes += waterfall(journeys, axis)
    shapes += _captions(len(journeys), lane_width)
    shapes += many_vms(journeys, many)
    request = _request_words(journeys[0])
    timeline: dict[str, Any] = {
        "end_ns": end,
        "last_ns": math.ceil(longest),
        "seconds": SECONDS,
        "lanes": lanes,
        "beats": beats(
            journeys, [finish(j, t) for j, t in zip(journeys, traces, strict=True)], in_flight, chosen.vms
        ),
        "axis": axis.to_json(GUTTER),
        "queue_depth": in_flight,
        "vms": chosen.vms,
    }
    return Scene(
        width=width,
        height=WATERFALL_TOP + len(journeys) * (BAR + 4) + 26,
        shapes=tuple(shapes),
        title=words("player.title", request=request, host=Words.plain(host_name or "-")),
        description=_summary(journeys),
        timeline=timeline,
    )


def _nice_end(longest: float) -> float:
    step: float = 10 ** math.floor(math.log10(longest)) / 5
    return math.ceil(longest / step) * step


def _request_words(journey: Journey) -> Words:
    kind, _, size = journey.request.partition(":")
    if kind in ("read", "write") and int(size) % 1024 == 0:
        return words(f"player.request.{kind}", size=f"{int(size) // 1024} KiB")
    return words(f"player.request.{kind}", size=f"{int(size):,} B")


def _summary(journeys: Sequence[Journey]) -> Words:
    parts = [
        words(
            "player.summary.lane",
            lane=lane_title(j),
            exits=f"{j.exits():g}",
            cpu=microseconds(j.cpu_ns(*HYPERVISOR).typical),
            low=microseconds(j.latency_ns.low),
            latency=microseconds(j.latency_ns.typical),
            high=microseconds(j.latency_ns.high),
        )
        for j in journeys
    ]
    return Words(" ".join(p.en for p in parts), "".join(p.zh for p in parts))


# -- bands, boxes -------------------------------------------------------------------------------


def _bands(journeys: Sequence[Journey], width: float) -> list[Shape]:
    shapes: list[Shape] = []
    for row, tier in enumerate(TIERS):
        y = TOP + row * BAND
        for index, journey in enumerate(journeys):
            role = _band_role(journey, tier)
            x = GUTTER + index * (width + GAP)
            shapes.append(Box(f"band-{index}-{tier.value}", x, y + 1, width, BAND - 2, role, radius=5))
        shapes.append(
            Text(f"tier-{tier.value}", 14, y + BAND / 2, words(_tier_key(tier, journeys)), "ink", weight=600)
        )
    top, bottom = TOP + 2 * BAND + 4, TOP + 4 * BAND - 4
    shapes.append(Line("bracket", f"M9 {top}H4V{bottom}H9", "bracket", title=words("player.hypervisor")))
    return shapes


def _band_role(journey: Journey, tier: Tier) -> str:
    if tier not in HYPERVISOR_TIERS:
        return "band"
    if journey.route == "native":
        return "band-none"
    if is_past(journey) or (tier is Tier.VMM and not has_tier(journey, tier)):
        return "band-bypassed"
    return "band-vmm" if tier is Tier.VMM else "band-host"


def _tier_key(tier: Tier, journeys: Sequence[Journey]) -> str:
    """The tier's name; on bare metal a kernel is no guest's."""
    if tier is Tier.GUEST_KERNEL and any(journey.route == "native" for journey in journeys):
        return "player.tier.kernel"
    return f"player.tier.{tier.value}"


def _notes(journey: Journey, index: int, left: float) -> list[Text]:
    """What is said on the bands that a request does not enter."""
    notes: list[Text] = []

    def note(name: str, x: float, y: float, said: Words, role: str) -> None:
        notes.append(Text(f"{name}-{index}", left + x, TOP + y, said, role, anchor="middle", weight=600))

    if brings_driver(journey):
        note("kernel-aside", 212, band_middle(Tier.GUEST_KERNEL), words("player.kernel-aside"), "dim")
    if is_past(journey):
        kind = "no-hypervisor" if journey.route == "native" else "bypassed"
        for row in range(3):
            # Between the doorbell's way and the interrupt's, or left of a doorbell that stands further right.
            x = 68 if brings_driver(journey) else 128
            said = words(f"player.{kind}-{row + 1}")
            note(f"{kind}-{row + 1}", x, 3 * BAND + (row - 1) * 18, said, "bypassed")
    elif not has_tier(journey, Tier.VMM):
        said = words("player.vmm-aside", vmm=Words.plain(str(journey.stations[0].label.slots["vmm"])))
        note("vmm-aside", 92, band_middle(Tier.VMM), said, "bypassed")
    return notes


_STATION_ROLES = {
    "vmm-thread": "station-vmm",
    "host-driver": "station-host",
    "vhost-worker": "station-host",
    "kvm": "station-host",
    "guest-memory": "station-memory",
    "iommu": "station-iommu",
}


def _lane(journey: Journey, index: int, left: float) -> list[Shape]:
    shapes: list[Shape] = []
    seen: set[str] = set()
    layout = layout_of(journey)
    for hop in journey.hops:
        d = _shift(hop_path(layout, hop), left, TOP)
        if d not in seen and hop.start != hop.end:
            seen.add(d)
            shapes.append(Line(f"wire-{index}-{hop.id}", d, "wire"))
    shapes += _notes(journey, index, left)
    shapes += [
        _station_box(station, index, left, layout, is_native=journey.route == "native")
        for station in journey.stations
    ]
    return shapes


def _station_box(station: Station, index: int, left: float, layout: Layout, *, is_native: bool) -> Box:
    place = layout[station.role]
    label = spell(station.label)
    note = words(f"player.evidence.{station.evidence.value}")
    assumed = station.evidence is Evidence.ASSUMED and station.role not in (
        "application",
        "guest-driver",
        "media",
    )
    title = Words(f"{label.en}: {note.en}", f"{label.zh}：{note.zh}")
    shown = fit(label, place.width - 10, 14)
    if station.role == "guest-memory":
        # The lane says whose memory it is: the machine's name stands on the box.
        owner = words("player.main") if is_native else Words.plain(str(station.label.slots["vm"]))
        shown = fit(owner, place.width - 10, 14)
    return Box(
        id=f"station-{index}-{station.id}",
        x=left + place.left,
        y=TOP + place.top,
        width=place.width,
        height=place.height,
        role=_STATION_ROLES.get(station.role, "station"),
        label=shown,
        sublabel=words("player.memory") if station.role == "guest-memory" else None,
        title=title,
        thing=station.thing,
        is_dashed=assumed,
        sub_size=14,
    )


def _shift(d: str, dx: float, dy: float) -> str:
    """A path moved; all of its commands are absolute pairs of numbers."""
    parts: list[str] = []
    for token in d.replace("M", " M ").replace("L", " L ").replace("C", " C ").split():
        if token.isalpha():
            parts.append(token)
            horizontal = True
        else:
            parts.append(f"{float(token) + (dx if horizontal else dy):.1f}")
            horizontal = not horizontal
    return " ".join(parts)


# -- the header: beats and scores ---------------------------------------------------------------


def _header(journeys: Sequence[Journey], width: float) -> list[Shape]:
    shapes: list[Shape] = [
        Text(
            "beat",
            picture_width(len(journeys)) / 2,
            14,
            words("player.beat.who"),
            "ink",
            size=17,
            anchor="middle",
            weight=650,
            slot="beat",
        ),
        Text("so-far", 14, 68, words("player.so-far"), "dim"),
    ]
    for index, journey in enumerate(journeys):
        x = GUTTER + index * (width + GAP) + 4
        role = "past" if is_past(journey) else "through"
        title = lane_title_within(journey, width - (96 if journey.doubts else 8), 15)
        shapes.append(Text(f"lane-title-{index}", x, 40, title, role, size=15, weight=650))
        if journey.doubts:
            reasons = [spell(d.label) for d in journey.doubts]
            title = Words("; ".join(r.en for r in reasons), "；".join(r.zh for r in reasons))
            shapes.append(
                Box(
                    f"what-if-{index}", x + width - 84, 29, 74, 22, "what-if", words("player.what-if"),
                    title=title, is_dashed=True, weight=600,
                )
            )  # fmt: skip
        columns = (("cpu", 0.0, "us-hypervisor"), ("exits", 178.0, "exits"), ("elapsed", 318.0, "us-elapsed"))
        for slot, dx, unit in columns:
            shapes.append(
                Text(
                    f"score-{index}-{slot}",
                    x + dx + 46,
                    68,
                    Words.plain("0"),
                    "ink",
                    24,
                    "end",
                    700,
                    slot=f"{slot}-{index}",
                )
            )
            shapes.append(Text(f"unit-{index}-{slot}", x + dx + 51, 70, words(f"player.unit.{unit}"), "dim"))
    return shapes


def _captions(count: int, width: float) -> list[Shape]:
    shapes: list[Shape] = []
    for index in range(count):
        x = GUTTER + index * (width + GAP)
        shapes.append(Box(f"caption-box-{index}", x, CAPTION_TOP, width, CAPTION_HEIGHT, "caption"))
        middle = CAPTION_TOP + CAPTION_HEIGHT / 2
        shapes.append(
            Text(f"caption-{index}", x + 12, middle, Words.plain(""), "caption", slot=f"caption-{index}")
        )
    return shapes


def _is_machine(journey: Journey, actor: Actor) -> bool:
    """Whether what is called the guest is the one machine that there is."""
    return journey.route == "native" and actor is Actor.GUEST


# -- the timeline -------------------------------------------------------------------------------


def _span(span: Span) -> list[float]:
    return [round(span.low), round(span.typical), round(span.high)]


def _lane_timeline(journey: Journey, trace: Sequence[TracedHop], left: float, index: int) -> dict[str, Any]:
    hops, layout = [], layout_of(journey)
    for hop in journey.hops:
        hops.append(
            {
                "id": hop.id,
                "d": _shift(hop_path(layout, hop), left, TOP),
                "stream": hop.stream.value,
                "actor": "native" if _is_machine(journey, hop.actor) else hop.actor.value,
                "isHypervisor": hop.actor in HYPERVISOR,
                "caption": asdict(spell(hop.label)),
                "why": asdict(words(f"iopath.{hop.label.key}.why", **hop.label.slots)),
                "elapsed": _span(hop.elapsed_ns),
                "cpu": _span(hop.cpu_ns),
                "exits": {place.value: count for place, count in hop.exits.items()},
                "waited": hop.is_waited_for,
                "certainty": hop.certainty.value,
                "sources": sorted({share.source for share in hop.costs if share.source}),
                "stations": [f"station-{index}-{name}" for name in (hop.start, *hop.via, hop.end)],
            }
        )
    return {
        "path": journey.path,
        "title": asdict(lane_title(journey)),
        "hops": hops,
        "trace": [[t.request, t.hop, round(t.start_ns), round(t.end_ns), t.vm] for t in trace],
        "latency": _span(journey.latency_ns),
        "exits": {place.value: journey.exits(place) for place in ExitPlace},
        "cpu": {
            actor.value: _span(journey.cpu_ns(actor)) for actor in (Actor.GUEST, Actor.VMM, Actor.HOST_KERNEL)
        },
        "copies": journey.total("copies"),
        "switches": journey.total("context_switches"),
        "interrupts": journey.total("interrupts"),
        "doubts": [asdict(spell(d.label)) for d in journey.doubts],
    }
