"""The ways between the boxes of a lane: straight where boxes stand above one another, else with one or two corners.

No way crosses a box that it does not stop at or pass, and none lies on another: each has a column or a row
of its own. Nested corners keep their order, so that neighbours do not cross.
"""

from __future__ import annotations

from ..iopath.journey import Hop, Stream
from .lanes import Layout, Place

Point = tuple[float, float]
_RADIUS = 11.0
# Columns, in px from the lane's left: a doorbell's, and those of a function that reaches into guest memory.
_DOORBELL = 62.0
_WRITE, _FETCH, _DATA = 336.0, 360.0, 384.0
_POSTED = 194.0


def way(*points: Point) -> str:
    """An SVG path through points, with round corners."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        a, b = _towards(here, before), _towards(here, after)
        parts.append(
            f"L{a[0]:.1f} {a[1]:.1f}C{here[0]:.1f} {here[1]:.1f} {here[0]:.1f} {here[1]:.1f} {b[0]:.1f} {b[1]:.1f}"
        )
    parts.append(f"L{points[-1][0]:.1f} {points[-1][1]:.1f}")
    return "".join(parts)


def _towards(here: Point, there: Point) -> Point:
    """A point near `here` on the way to `there`, at most halfway, so that two corners never meet."""
    dx, dy = there[0] - here[0], there[1] - here[1]
    length = max(1e-9, (dx * dx + dy * dy) ** 0.5)
    part = min(_RADIUS / length, 0.5)
    return here[0] + dx * part, here[1] + dy * part


def hop_path(layout: Layout, hop: Hop) -> str:
    """The SVG path of a hop, in px from the lane's left and the bands' top."""
    a, b = layout[hop.start], layout[hop.end]
    if hop.start == hop.end:
        return way((a.left + 10, a.bottom), (a.right - 10, a.bottom))
    if "port" in hop.via:
        # A doorbell is a store: it goes round the gate.
        x = _DOORBELL if a.left + 6 <= _DOORBELL else a.left + 8
        return way((x, a.bottom), (x, b.top))
    found = _MAKERS.get((hop.start, hop.end)) or _MAKERS.get((hop.end, hop.start))
    if found is None:
        raise KeyError(f"{hop.id}: no way is laid from {hop.start} to {hop.end}; see scene/ways.py")
    is_forth = (hop.start, hop.end) in _MAKERS
    points = found(layout, hop, is_forth)
    return way(*(points if is_forth else points[::-1]))


# Each maker returns the points of a way from the first box of its key to the second. `is_forth` says whether the
# hop goes that way too; those that come back get a row or column of their own.


def _call(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["application"], layout["guest-driver"]
    if a.y == b.y:
        y = a.y + (-6 if is_forth else 6)
        return [(a.right, y), (b.left, y)]
    x = a.x + (-14 if is_forth else 14)
    return [(x, a.bottom), (x, b.top)]


def _queue(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["guest-driver"], layout["guest-memory"]
    return [(a.right, a.y - 9), (b.left, a.y - 9)]


def _exit(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["guest-driver"], layout["kvm"]
    dx, dy = (6, 6) if hop.stream is Stream.COMMAND else (-6, 11)
    if not is_forth:
        dx, dy = 18, 1
    return [(a.right, a.y + dy), (b.x + dx, a.y + dy), (b.x + dx, b.top)]


def _registers(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["guest-driver"], layout["vmm-thread"]
    x = a.x + (24 if hop.stream is Stream.COMMAND else 48)
    return [(x, a.bottom), (x, b.top)]


def _flush(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["guest-driver"], layout["iommu"]
    return [(a.right, a.y - 4), (304, a.y - 4), (304, b.top)]


def _notify(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["vmm-thread"], layout["kvm"]
    x, y = (b.x - 22, a.y + 9) if is_forth else (b.x - 15, a.y - 10)
    return [(a.right, y), (x, y), (x, b.top)]


def _share(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["vmm-thread"], layout["guest-memory"]
    is_used = is_forth and hop.stream is Stream.COMMAND
    x, y = (b.x - 24, a.y + 2.5) if is_used else (b.x - 37, a.y - 4.5)
    return [(a.right, y), (x, y), (x, b.bottom)]


def _stack(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["vmm-thread"], layout["host-driver"]
    columns = {(True, False): 62, (True, True): 78, (False, True): 118, (False, False): 134}
    x = columns[is_forth, hop.stream is Stream.DATA]
    return [(x, a.bottom), (x, b.top)]


def _beside(a: Place, b: Place, hop: Hop, is_forth: bool) -> list[Point]:
    """Between neighbours in one band, from the left one to the right."""
    dy = {True: 9.0, False: -8.0}[is_forth] if hop.stream is not Stream.DATA else (0.5 if is_forth else -8.0)
    return [(a.right, a.y + dy), (b.left, b.y + dy)]


def _block(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    return _beside(layout["host-driver"], layout["vhost-worker"], hop, is_forth)


def _worker(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    return _beside(layout["vhost-worker"], layout["kvm"], hop, is_forth)


def _worker_memory(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["vhost-worker"], layout["guest-memory"]
    if hop.stream is Stream.DATA:
        return [(a.x - 14, a.top), (a.x - 14, 102), (b.x - 37, 102), (b.x - 37, b.bottom)]
    return [(a.x + 10, a.top), (a.x + 10, 117), (b.x - 24, 117), (b.x - 24, b.bottom)]


def _host_dma(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    """Between the function and a driver of the host, straight through the gate."""
    a, b = layout["function"], layout[hop.end if is_forth else hop.start]
    gate = layout.gate
    x = {Stream.DATA: gate.data, Stream.INTERRUPT: gate.interrupt}.get(
        hop.stream, gate.write if is_forth else gate.fetch
    )
    return [(x, a.top), (x, b.bottom)]


def _guest_dma(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["function"], layout["guest-memory"]
    if hop.stream is Stream.DATA:
        x, y = _DATA, a.y + 8
    else:
        x, y = (_WRITE, a.y - 8) if is_forth else (_FETCH, a.y)
    return [(a.right, y), (x, y), (x, b.bottom)]


def _media_dma(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b, function = layout["media"], layout["guest-memory"], layout["function"]
    x, y = a.x + 12, function.y + 8
    return [(x, a.top), (x, y), (_DATA, y), (_DATA, b.bottom)]


def _message(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["function"], layout["kvm"]
    return [(b.x - 12, a.top), (b.x - 12, b.bottom)]


def _posted(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["function"], layout["guest-driver"]
    return [(_POSTED, a.top), (_POSTED, b.y + 11), (b.right, b.y + 11)]


def _walk(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["function"], layout["iommu"]
    return [(214, a.top), (214, b.bottom)]


def _media(layout: Layout, hop: Hop, is_forth: bool) -> list[Point]:
    a, b = layout["function"], layout["media"]
    x = b.x + (-12 if is_forth else 12)
    return [(x, a.bottom), (x, b.top)]


_MAKERS = {
    ("application", "guest-driver"): _call,
    ("guest-driver", "guest-memory"): _queue,
    ("guest-driver", "kvm"): _exit,
    ("guest-driver", "vmm-thread"): _registers,
    ("guest-driver", "iommu"): _flush,
    ("vmm-thread", "kvm"): _notify,
    ("vmm-thread", "guest-memory"): _share,
    ("vmm-thread", "host-driver"): _stack,
    ("host-driver", "vhost-worker"): _block,
    ("vhost-worker", "kvm"): _worker,
    ("vhost-worker", "guest-memory"): _worker_memory,
    ("function", "host-driver"): _host_dma,
    ("function", "vmm-thread"): _host_dma,
    ("function", "guest-memory"): _guest_dma,
    ("media", "guest-memory"): _media_dma,
    ("function", "kvm"): _message,
    ("function", "guest-driver"): _posted,
    ("function", "iommu"): _walk,
    ("function", "media"): _media,
}
