"""The waterfalls below the lanes: where the time of one request goes, hop by hop, on one axis."""

from __future__ import annotations

from collections.abc import Sequence

from ..i18n import Words, words
from ..iopath.journey import Hop, Journey
from .axis import Axis
from .lanes import BAR, GUTTER, WATERFALL_TOP
from .measure import fit
from .phrases import microseconds, spell
from .shapes import Box, Line, Shape, Text


def waterfall(journeys: Sequence[Journey], axis: Axis) -> list[Shape]:
    """A bar for each journey's hops on one axis, its total at its end, and the axis below."""
    shapes: list[Shape] = []
    bottom = WATERFALL_TOP + len(journeys) * (BAR + 4)
    for index, journey in enumerate(journeys):
        y = WATERFALL_TOP + index * (BAR + 4)
        key = {"native": "player.row.native", "bypass": "player.row.past"}.get(
            journey.route, "player.row.through"
        )
        shapes.append(Text(f"row-{index}", 14, y + BAR / 2, words(key), "ink", weight=600))
        for position, (hop, start) in enumerate(zip(journey.hops, journey.starts_ns, strict=True)):
            if not hop.is_waited_for or hop.elapsed_ns.typical <= 0:
                continue
            width = max(1.5, axis.px(start + hop.elapsed_ns.typical) - axis.px(start))
            role = "bar-shared" if hop.is_shared else f"bar-{hop.actor.value}"
            shapes.append(
                Box(
                    f"bar-{index}-{position}", GUTTER + axis.px(start), y, width, BAR, role,
                    _bar_label(hop, width), title=spell(hop.label), radius=2,
                )
            )  # fmt: skip
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
        x = GUTTER + axis.px(axis.cut_from) + 8
        top = WATERFALL_TOP - 3
        for dx in (-4, 4):
            zigzag = f"M{x + dx:.1f} {top}" + "".join(
                f"l{3 if i % 2 else -3} 7" for i in range(4 * len(journeys) + 1)
            )
            shapes.append(Line(f"break-{dx + 4}", zigzag, "break", title=words("player.break")))
    return shapes


def _bar_label(hop: Hop, width: float) -> Words | None:
    kind = "shared" if hop.id.endswith(".media") else "same"
    candidates = [f"player.bar.{kind}", f"player.bar.{kind}-short"] if hop.is_shared else []
    if hop.exits:
        candidates.append("player.bar.exit")
    candidates.append(f"player.bar.{hop.actor.value}")
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
