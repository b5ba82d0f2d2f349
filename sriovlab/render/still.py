"""A player's scene where no script runs: one moment as a still, or the whole as an animated SVG.

The animated one uses SMIL, so it moves inside an `<img>`, in a saved notebook nobody trusts yet too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..i18n import Words
from ..scene.axis import axis_from
from ..scene.phrases import microseconds
from ..scene.shapes import Scene, Shape, Text
from .svg import number, render_svg
from .themes import theme_named

GLYPHS = {"command": "M-8 -9L10 0L-8 9Z", "data": "M-9 -9h18v18h-18Z", "interrupt": "M0 -11L11 0L0 11L-11 0Z"}
MARKS = {"command": "▶", "data": "■", "interrupt": "◆"}
_HOLD = 3.0


def _done(start: float, end: float, t: float) -> float:
    if t <= start:
        return 1.0 if t == start == end else 0.0
    return 1.0 if end <= start else min(1.0, (t - start) / (end - start))


def score_at(lane: dict[str, Any], t: float) -> dict[str, float]:
    """Hypervisor CPU and elapsed time in ns and VM exits of one lane at `t`, as the stage counts them."""
    cpu = exits = last = 0.0
    for _, index, start, end, _ in lane["trace"]:
        hop = lane["hops"][index]
        part = _done(start, end, t)
        if hop["waited"]:
            last = max(last, end)
        if part > 0:
            cpu += hop["cpu"][1] * part if hop["isHypervisor"] else 0.0
            exits += sum(hop["exits"].values())
    return {"cpu": cpu, "exits": exits, "elapsed": min(t, last), "end": last}


def current_hop(lane: dict[str, Any], t: float) -> tuple[int, float]:
    """The hop that the first request of a lane is on at `t`, and the part of it that is done."""
    found = (0, 0.0)
    for request, index, start, end, _ in lane["trace"]:
        if request == 0 and lane["hops"][index]["waited"] and start <= t and end > start:
            found = (index, _done(start, end, t))
    return found


def _written(scene: Scene, t: float) -> Scene:
    """The scene with its scores, captions and headline as they are at `t`."""
    timeline = scene.timeline or {}
    values: dict[str, Words] = {}
    for index, lane in enumerate(timeline["lanes"]):
        score = score_at(lane, t)
        values[f"cpu-{index}"] = Words.plain(microseconds(score["cpu"]))
        values[f"exits-{index}"] = Words.plain(f"{score['exits']:.0f}")
        values[f"elapsed-{index}"] = Words.plain(microseconds(score["elapsed"]))
        hop = lane["hops"][current_hop(lane, t)[0]]
        mark = "✓" if t >= score["end"] else MARKS[hop["stream"]]
        values[f"caption-{index}"] = Words(f"{mark} {hop['caption']['en']}", f"{mark} {hop['caption']['zh']}")
    beat = [b for b in timeline["beats"] if b["t"] <= t][-1]["words"]
    values["beat"] = Words(**beat)
    shapes: list[Shape] = [
        replace(shape, words=values[shape.slot])
        if isinstance(shape, Text) and shape.slot in values
        else shape
        for shape in scene.shapes
    ]
    return replace(scene, shapes=tuple(shapes))


def still_svg(scene: Scene, t: float | None = None, *, theme: str = "light", language: str = "en") -> str:
    """The picture at `t` ns, its end unless given."""
    timeline = scene.timeline or {}
    t = timeline["last_ns"] if t is None else t
    look = theme_named(theme)
    trails: list[str] = []
    for lane in timeline["lanes"]:
        for request, index, start, end, _ in lane["trace"]:
            hop = lane["hops"][index]
            paint = look.paint(hop["stream"])
            if request == 0 and _done(start, end, t) >= 1:
                dash = f' stroke-dasharray="{paint.dash}"' if paint.dash else ""
                trails.append(
                    f'<path d="{hop["d"]}" fill="none" stroke="{paint.stroke}" stroke-width="{paint.width}"{dash}/>'
                )
    return _assemble(_written(scene, t), trails, [], theme, language)


def _assemble(scene: Scene, under: list[str], over: list[str], theme: str, language: str) -> str:
    svg = render_svg(scene, theme=theme, language=language, extra="\n".join(over))
    # Trails go below the boxes, so that no line crosses a label.
    at = svg.index('<g id="station-')
    return svg[:at] + "\n".join(under) + "\n" + svg[at:]


def animated_svg(scene: Scene, *, theme: str = "light", language: str = "en") -> str:
    """The whole play of the first request as an SVG that moves by itself and loops; no script in it."""
    timeline = scene.timeline or {}
    look = theme_named(theme)
    seconds = float(timeline["seconds"])
    total = seconds + _HOLD
    last = float(timeline["last_ns"])
    axis = axis_from(timeline["axis"])
    under, over = [], []

    def share(ns: float) -> float:
        return min(1.0, axis.px(ns) / axis.px(last) * seconds / total)

    for lane in timeline["lanes"]:
        for request, index, start, end, _ in lane["trace"]:
            hop = lane["hops"][index]
            if request != 0 or end <= start:
                continue
            a, b = share(start), share(end)
            paint = look.paint(hop["stream"])
            under.append(
                f'<path d="{hop["d"]}" fill="none" stroke="{paint.stroke}" stroke-width="{paint.width}" pathLength="1" '
                f'stroke-dasharray="1 1" stroke-dashoffset="1" opacity="0">{_animate("stroke-dashoffset", (1, 1, 0, 0), a, b, total)}'
                f"{_switch(a, 1.0, total)}</path>"
            )
            if hop["waited"]:
                over.append(
                    f'<path d="{GLYPHS[hop["stream"]]}" fill="{paint.stroke}" stroke="{look.paper}" stroke-width="2" opacity="0">'
                    f'<animateMotion dur="{number(total)}s" repeatCount="indefinite" calcMode="linear" path="{hop["d"]}" '
                    f'keyPoints="0;0;1;1" keyTimes="0;{a:.4f};{b:.4f};1"/>{_switch(a, b, total)}</path>'
                )
    stop = axis.px(last)
    bars = [shape for shape in scene.shapes if shape.id.startswith("bar-")]
    top = min(bar.y for bar in bars if not isinstance(bar, Text) and hasattr(bar, "y")) - 4
    over.append(
        f'<line x1="{timeline["axis"]["x"]}" x2="{timeline["axis"]["x"]}" y1="{top}" y2="{top + 6 + 28 * len(timeline["lanes"])}" stroke="{look.ink}" stroke-width="2">'
        f'<animateTransform attributeName="transform" type="translate" dur="{number(total)}s" repeatCount="indefinite" '
        f'values="0 0;{number(stop)} 0;{number(stop)} 0" keyTimes="0;{share(last):.4f};1"/></line>'
    )
    return _assemble(_written(scene, last), under, over, theme, language)


def _animate(name: str, values: tuple[float, ...], a: float, b: float, total: float) -> str:
    return (
        f'<animate attributeName="{name}" dur="{number(total)}s" repeatCount="indefinite" '
        f'values="{";".join(map(number, values))}" keyTimes="0;{a:.4f};{b:.4f};1"/>'
    )


def _switch(a: float, b: float, total: float) -> str:
    """Visible from a to b, in shares of the loop."""
    values, times = ("0;1;0", f"0;{a:.4f};{b:.4f}") if b < 1 else ("0;1", f"0;{a:.4f}")
    if a == 0:
        values, times = ("1;0", f"0;{b:.4f}") if b < 1 else ("1;1", "0;1")
    return (
        f'<animate attributeName="opacity" calcMode="discrete" dur="{number(total)}s" repeatCount="indefinite" '
        f'values="{values}" keyTimes="{times}"/>'
    )
