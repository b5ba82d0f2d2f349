"""The waterfalls below the lanes: where the time of one request goes, hop by hop, on one axis."""

from __future__ import annotations

from collections.abc import Sequence

from ..i18n import Words, words
from ..iopath.journey import Actor, Hop, Journey
from .axis import Axis
from .lanes import BAR, GUTTER, WATERFALL_TOP
from .measure import fit
from .phrases import microseconds, row_title, spell
from .shapes import Box, Line, Shape, Text

# Px from where the axis is cut to the middle of the mark.
_BREAK = 8.0


def waterfall(journeys: Sequence[Journey], axis: Axis) -> list[Shape]:
    """A bar for each journey's hops on one axis, its total at its end, and the axis below."""
    shapes: list[Shape] = []
    bottom = WATERFALL_TOP + len(journeys) * (BAR + 4)
    for index, journey in enumerate(journeys):
        y = WATERFALL_TOP + index * (BAR + 4)
        title = row_title(journey, journeys, GUTTER - 20, 14)
        shapes.append(Text(f"row-{index}", 14, y + BAR / 2, title, "ink", weight=600))
        for position, (hop, start) in enumerate(zip(journey.hops, journey.starts_ns, strict=True)):
            if not hop.is_waited_for or hop.elapsed_ns.typical <= 0:
                continue
            left = axis.px(start)
            width = max(1.5, axis.px(start + hop.elapsed_ns.typical) - left)
            is_same = hop.is_shared and all(_has(other, hop) for other in journeys)
            role = "bar-shared" if is_same else f"bar-{hop.actor.value}"
            x, room = _beside_the_break(axis, left, width)
            label = _bar_label(journey, hop, room, is_same=is_same)
            shapes.append(
                Box(
                    f"bar-{index}-{position}", GUTTER + left, y, width, BAR, role,
                    label if room == width else None, title=spell(hop.label), radius=2,
                )
            )  # fmt: skip
            if label is not None and room != width:
                shapes.append(
                    Text(
                        f"label-{index}-{position}",
                        GUTTER + x + room / 2,
                        y + BAR / 2,
                        label,
                        role,
                        anchor="middle",
                    )
                )
        total = journey.latency_ns
        text = f"{microseconds(total.typical)} µs"
        shapes.append(
            Text(
                f"total-{index}",
                GUTTER + axis.px(total.typical) + 8,
                y + BAR / 2,
                Words.plain(text),
                "ink",
                weight=700,
            )
        )
    step = _axis_step(axis.end_ns - (axis.cut_to - axis.cut_from))
    for i in range(int(axis.end_ns / step) + 1):
        if axis.cut_from < i * step < axis.cut_to:
            continue
        x = GUTTER + axis.px(i * step)
        shapes.append(Line(f"tick-{i}", f"M{x:.1f} {bottom}V{bottom + 5}", "axis"))
        shapes.append(
            Text(
                f"tick-label-{i}",
                x,
                bottom + 15,
                Words.plain(f"{i * step / 1000:g} µs"),
                "dim",
                size=14,
                anchor="middle",
            )
        )
    if axis.cut_px:
        x = GUTTER + axis.px(axis.cut_from) + _BREAK
        top = WATERFALL_TOP - 3
        for dx in (-4, 4):
            zigzag = f"M{x + dx:.1f} {top}" + "".join(
                f"l{3 if i % 2 else -3} 7" for i in range(4 * len(journeys) + 1)
            )
            shapes.append(Line(f"break-{dx + 4}", zigzag, "break", title=words("player.break")))
    return shapes


def _beside_the_break(axis: Axis, left: float, width: float) -> tuple[float, float]:
    """Where a bar's label has room, and how much: the wider side of the break, where the bar goes through it."""
    middle = axis.px(axis.cut_from) + _BREAK
    if not axis.cut_px or not left < middle < left + width:
        return left, width
    before, after = middle - left - 2 * _BREAK, left + width - middle - 2 * _BREAK
    return (left, before) if before > after else (middle + 2 * _BREAK, after)


def _has(journey: Journey, hop: Hop) -> bool:
    """Whether a journey has a hop that takes as long and is shared."""
    name = hop.id.partition(".")[2]
    return any(
        other.id.partition(".")[2] == name and other.elapsed_ns == hop.elapsed_ns for other in journey.hops
    )


def _bar_label(journey: Journey, hop: Hop, width: float, *, is_same: bool) -> Words | None:
    kind = "shared" if hop.id.endswith(".media") else "same"
    candidates = [f"player.bar.{kind}", f"player.bar.{kind}-short"] if is_same else []
    if hop.exits:
        candidates.append("player.bar.exit")
    is_machine = journey.route == "native" and hop.actor is Actor.GUEST
    candidates.append("player.bar.native" if is_machine else f"player.bar.{hop.actor.value}")
    for key in candidates:
        label = words(key)
        if fit(label, width - 8, 14) == label:
            return label
    return None


def _axis_step(end: float) -> float:
    for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        if end / (step * 1000) <= 8:
            return step * 1000.0
    return end
