"""The time axis below the lanes: straight, or with a marked break where all lanes wait for the same media."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..iopath.journey import Journey

BREAK_PX = 64.0


@dataclass(frozen=True)
class Axis:
    """Time in ns to px from the axis' left; between `cut_from` and `cut_to` time is squeezed into `cut_px`."""

    width: float
    end_ns: float
    cut_from: float = 0.0
    cut_to: float = 0.0
    cut_px: float = 0.0

    @property
    def scale(self) -> float:
        """Px a ns, outside the break."""
        return (self.width - self.cut_px) / (self.end_ns - (self.cut_to - self.cut_from))

    def px(self, t: float) -> float:
        """Where `t` stands, at most at the end."""
        t = min(t, self.end_ns)
        if t <= self.cut_from or self.cut_px == 0:
            return t * self.scale
        if t < self.cut_to:
            return self.cut_from * self.scale + self.cut_px * (t - self.cut_from) / (
                self.cut_to - self.cut_from
            )
        return self.width - (self.end_ns - t) * self.scale

    def to_json(self, x: float) -> dict[str, Any]:
        """The axis for the stage; `x` is where it begins in the picture."""
        return {"x": x, **asdict(self)}


def axis_from(data: Mapping[str, Any]) -> Axis:
    """The axis that a timeline holds."""
    return Axis(**{key: value for key, value in data.items() if key != "x"})


def axis_of(journeys: Sequence[Journey], width: float, end_ns: float) -> Axis:
    """The axis of some journeys: broken where the time that all spend on the media at once is more than four tenths of the longest."""
    starts, ends = [0.0], [end_ns]
    for journey in journeys:
        shared = [
            (start, start + hop.elapsed_ns.typical)
            for hop, start in zip(journey.hops, journey.starts_ns, strict=True)
            if hop.is_shared
        ]
        starts.append(max((a for a, _ in shared), default=end_ns))
        ends.append(min((b for _, b in shared), default=0.0))
    begin, finish = max(starts), min(ends)
    if finish - begin < 0.4 * max(journey.latency_ns.typical for journey in journeys):
        return Axis(width, end_ns)
    # A piece of the media stays on both sides, so that the bar is seen to go on.
    edge = (end_ns - (finish - begin)) / 8
    return Axis(width, end_ns, begin + edge, finish - edge, BREAK_PX)
