"""A player's scene as an animated GIF, for places that show neither HTML nor SVG: slides, mail, a wiki."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from ..errors import RenderError
from ..scene.axis import Axis, axis_from
from ..scene.shapes import Scene
from .diagram import png_bytes
from .still import GLYPHS, current_hop, score_at, still_svg
from .themes import theme_named

Point = tuple[float, float]
_STEPS = 12


def path_points(d: str) -> list[Point]:
    """The points of a path of absolute M, L and C commands, each curve in a dozen straight pieces.

    >>> path_points("M 0 0 L 4 0")
    [(0.0, 0.0), (4.0, 0.0)]
    """
    points: list[Point] = []
    tokens = d.replace("M", " M ").replace("L", " L ").replace("C", " C ").split()
    at = 0
    while at < len(tokens):
        size = 6 if tokens[at] == "C" else 2
        n = [float(token) for token in tokens[at + 1 : at + 1 + size]]
        if size == 2:
            points.append((n[0], n[1]))
        else:
            x, y = points[-1]
            for step in range(1, _STEPS + 1):
                t = step / _STEPS
                a, b, c, e = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
                points.append(
                    (a * x + b * n[0] + c * n[2] + e * n[4], a * y + b * n[1] + c * n[3] + e * n[5])
                )
        at += 1 + size
    return points


def point_along(points: list[Point], part: float) -> Point:
    """The point after `part`, 0 to 1, of the length of a way.

    >>> point_along([(0.0, 0.0), (4.0, 0.0)], 0.25)
    (1.0, 0.0)
    """
    lengths = [math.dist(a, b) for a, b in pairwise(points)]
    left = sum(lengths) * part
    for (a, b), length in zip(pairwise(points), lengths, strict=True):
        if left <= length and length > 0:
            f = left / length
            return (a[0] + (b[0] - a[0]) * f, a[1] + (b[1] - a[1]) * f)
        left -= length
    return points[-1]


def moment_svg(scene: Scene, t: float, *, theme: str = "light", language: str = "en") -> str:
    """The still at `t` ns with what is under way: each lane's token and the head on the axis."""
    timeline = scene.timeline or {}
    look = theme_named(theme)
    moving: list[str] = []
    for lane in timeline["lanes"]:
        if t >= score_at(lane, t)["end"]:
            continue
        index, part = current_hop(lane, t)
        hop = lane["hops"][index]
        x, y = point_along(path_points(hop["d"]), part)
        moving.append(
            f'<path d="{GLYPHS[hop["stream"]]}" transform="translate({x:.1f} {y:.1f})" '
            f'fill="{look.paint(hop["stream"]).stroke}" stroke="{look.paper}" stroke-width="2"/>'
        )
    axis = timeline["axis"]
    top = min(shape.y for shape in scene.shapes if shape.id.startswith("bar-") and hasattr(shape, "y")) - 4
    x = axis["x"] + axis_from(axis).px(t)
    moving.append(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + 6 + 28 * len(timeline["lanes"])}" stroke="{look.ink}" stroke-width="2"/>'
    )
    svg = still_svg(scene, t, theme=theme, language=language)
    end = svg.rindex("</svg>")
    return svg[:end] + "\n".join(moving) + "\n" + svg[end:]


def _time_at(axis: Axis, px: float) -> float:
    """The time in ns that stands at `px` of an axis; `Axis.px` the other way round."""
    left = axis.cut_from * axis.scale
    if px <= left or axis.cut_px == 0:
        return px / axis.scale
    if px < left + axis.cut_px:
        return axis.cut_from + (px - left) / axis.cut_px * (axis.cut_to - axis.cut_from)
    return axis.end_ns - (axis.width - px) / axis.scale


def frame_times(timeline: Mapping[str, Any], count: int) -> list[float]:
    """The times in ns of `count` + 1 frames: even steps on the axis, so that its break is passed quickly."""
    axis, last = axis_from(timeline["axis"]), float(timeline["last_ns"])
    if last > axis.end_ns:  # many requests go on beyond the axis, which is that of one
        return [last * number / count for number in range(count + 1)]
    return [_time_at(axis, axis.px(last) * number / count) for number in range(count + 1)]


def gif_bytes(
    scene: Scene,
    *,
    theme: str = "light",
    language: str = "en",
    frames_per_second: int = 5,
    hold_seconds: float = 3.0,
) -> bytes:
    """The whole play as a GIF that loops, its last picture held for a while.

    Raises:
        RenderError: pillow or cairosvg is missing.
    """
    try:
        from PIL import Image
    except ImportError as err:
        raise RenderError(".gif needs pillow: pip install 'sriovlab[export]'") from err
    timeline: dict[str, Any] = dict(scene.timeline or {})
    count = max(2, round(timeline["seconds"] * frames_per_second))
    moments = frame_times(timeline, count)
    frames: list[Image.Image] = []
    for number in range(count + 1):
        svg = moment_svg(scene, moments[number], theme=theme, language=language)
        with Image.open(io.BytesIO(png_bytes(svg, scale=1.0))) as picture:
            frames.append(picture.convert("RGB"))
    # One palette for all frames, from the fullest one: colours do not flicker, and frames differ in little.
    palette = frames[-1].quantize(colors=128, dither=Image.Dither.NONE)
    flat = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    step = round(1000 / frames_per_second)
    out = io.BytesIO()
    flat[0].save(
        out,
        format="GIF",
        save_all=True,
        append_images=flat[1:],
        duration=[step] * count + [round(hold_seconds * 1000)],
        loop=0,
        disposal=1,
    )
    return out.getvalue()
