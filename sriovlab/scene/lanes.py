"""Where the boxes of a lane stand, and the ways between them.

Every lane has the same tiers as bands. The IOMMU is a gate on what the device sends, not a box that a
doorbell meets; guest memory spans both guest tiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ..iopath.journey import Hop, Tier

TIERS = tuple(Tier)
GUTTER = 116.0
GAP = 8.0
BAND = 44.0
TOP = 92.0
LANE = 410.0
CAPTION_TOP = TOP + len(TIERS) * BAND + 4
CAPTION_HEIGHT = 28.0
WATERFALL_TOP = CAPTION_TOP + CAPTION_HEIGHT + 8
BAR = 24.0


@dataclass(frozen=True)
class Place:
    """The centre and size of a station within a lane, in px from the lane's left and the bands' top."""

    x: float
    y: float
    width: float
    height: float


def picture_width(lanes: int) -> float:
    """The width of a picture with so many lanes, in px; 944 for two."""
    return GUTTER + lanes * LANE + (lanes - 1) * GAP


def band_middle(tier: Tier) -> float:
    """The middle of a tier's band, in px from the bands' top."""
    return (TIERS.index(tier) + 0.5) * BAND


_MEMORY = Place(358, BAND, 92, 2 * BAND - 12)
_PLACES = {
    "application": (88.0, Tier.APPLICATION, 112.0),
    "guest-driver": (88.0, Tier.GUEST_KERNEL, 150.0),
    "vmm-thread": (112.0, Tier.VMM, 164.0),
    "host-driver": (58.0, Tier.HOST_KERNEL, 96.0),
    "vhost-worker": (156.0, Tier.HOST_KERNEL, 92.0),
    "kvm": (238.0, Tier.HOST_KERNEL, 60.0),
    "port": (88.0, Tier.PCIE, 120.0),
    "iommu": (286.0, Tier.PCIE, 232.0),
    "function": (166.0, Tier.DEVICE, 170.0),
    "media": (166.0, Tier.MEDIA, 150.0),
}


def place_of(role: str) -> Place:
    """Where the station of this role stands in a lane."""
    if role == "guest-memory":
        return _MEMORY
    x, tier, width = _PLACES[role]
    return Place(x, band_middle(tier), width, 28.0)


Point = tuple[float, float]

# Ways of their own where a straight one would cross a box; keys are (start, end) with the gate passed.
# Points are px from the lane's left and the bands' top; None stands for "straight on" inside a box.


def _side(role: str, side: int, dy: float = 0.0) -> Point:
    place = place_of(role)
    return place.x + side * place.width / 2, place.y + dy


def _top(role: str, dx: float = 0.0) -> Point:
    place = place_of(role)
    return place.x + dx, place.y - place.height / 2


def _bottom(role: str, dx: float = 0.0) -> Point:
    place = place_of(role)
    return place.x + dx, place.y + place.height / 2


def _vertical(*points: Point) -> str:
    """A smooth way through points that leaves and meets each upright."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (ax, ay), (bx, by) in pairwise(points):
        middle = (ay + by) / 2
        parts.append(f"C{ax:.1f} {middle:.1f} {bx:.1f} {middle:.1f} {bx:.1f} {by:.1f}")
    return "".join(parts)


def _level(a: Point, b: Point) -> str:
    """A way that leaves sideways and meets the other sideways."""
    middle = (a[0] + b[0]) / 2
    return f"M{a[0]:.1f} {a[1]:.1f}C{middle:.1f} {a[1]:.1f} {middle:.1f} {b[1]:.1f} {b[0]:.1f} {b[1]:.1f}"


def _elbow(a: Point, b: Point) -> str:
    """A way that leaves sideways and meets the other upright."""
    return f"M{a[0]:.1f} {a[1]:.1f}C{b[0]:.1f} {a[1]:.1f} {b[0]:.1f} {a[1]:.1f} {b[0]:.1f} {b[1]:.1f}"


def _elbow_up(a: Point, b: Point) -> str:
    """A way that leaves upright and meets the other sideways."""
    return f"M{a[0]:.1f} {a[1]:.1f}C{a[0]:.1f} {b[1]:.1f} {a[0]:.1f} {b[1]:.1f} {b[0]:.1f} {b[1]:.1f}"


def _hump(a: Point, b: Point, dy: float) -> str:
    """A short way between neighbours, over or under the gap between them."""
    return (
        f"M{a[0]:.1f} {a[1]:.1f}C{a[0]:.1f} {a[1] + dy:.1f} {b[0]:.1f} {b[1] + dy:.1f} {b[0]:.1f} {b[1]:.1f}"
    )


def route(hop: Hop) -> str:
    """The SVG path of a hop, in px from the lane's left and the bands' top."""
    key = (hop.start, hop.end)
    if hop.start == hop.end:
        place = place_of(hop.start)
        y = place.y + place.height / 2
        return f"M{place.x - place.width / 2 + 10:.1f} {y:.1f}L{place.x + place.width / 2 - 10:.1f} {y:.1f}"
    special = _SPECIAL.get(key)
    if special is not None:
        return special
    if place_of(hop.start).y < place_of(hop.end).y:
        return _vertical(_bottom(hop.start, -10), _top(hop.end, -10))
    return _vertical(_top(hop.start, 10), _bottom(hop.end, 10))


def _through_gate(start: Point, x: float, end: Point) -> str:
    """From below through the IOMMU at x, straight, and on upwards; or the other way round."""
    gate_top, gate_bottom = _top("iommu")[1], _bottom("iommu")[1]
    first, second = (gate_bottom, gate_top) if start[1] > end[1] else (gate_top, gate_bottom)
    return (
        _vertical(start, (x, first))
        + f"L{x:.1f} {second:.1f}"
        + _vertical((x, second), end).replace("M", "L", 1)
    )


def _down_through_port() -> str:
    x = place_of("port").x - 26
    port_top, port_bottom = _top("port")[1], _bottom("port")[1]
    return f"L{x:.1f} {port_top:.1f}L{x:.1f} {port_bottom:.1f}" + _vertical(
        (x, port_bottom), _top("function", -60)
    ).replace("M", "L", 1)


_GATE_MEMORY, _GATE_HOST, _GATE_KVM, _GATE_GUEST = 352.0, 184.0, 236.0, 210.0

_SPECIAL = {
    ("application", "guest-driver"): _vertical(_bottom("application", -14), _top("guest-driver", -14)),
    ("guest-driver", "application"): _vertical(_top("guest-driver", 14), _bottom("application", 14)),
    ("guest-driver", "guest-memory"): _level(
        _side("guest-driver", 1, -6), _side("guest-memory", -1, BAND / 2 - 6)
    ),
    ("guest-driver", "kvm"): _elbow(_side("guest-driver", 1, 6), _top("kvm", 18)),
    ("kvm", "guest-driver"): _elbow_up(_top("kvm", -4), _side("guest-driver", 1, 1)),
    ("kvm", "vmm-thread"): _elbow_up(_top("kvm", -20), _side("vmm-thread", 1, -5)),
    ("vmm-thread", "kvm"): _elbow(_side("vmm-thread", 1, 6), _top("kvm", -12)),
    ("vmm-thread", "guest-memory"): _elbow(_side("vmm-thread", 1, 0), _bottom("guest-memory", -24)),
    ("vmm-thread", "host-driver"): _vertical(_bottom("vmm-thread", -36), _top("host-driver", -12)),
    ("host-driver", "vmm-thread"): _vertical(_top("host-driver", 14), _bottom("vmm-thread", -10)),
    ("host-driver", "function"): _vertical(
        _bottom("host-driver", -26), (place_of("port").x - 26, _top("port")[1])
    )
    + _down_through_port(),
    ("guest-driver", "function"): _vertical(
        _bottom("guest-driver", -26), (place_of("port").x - 26, _top("port")[1])
    )
    + _down_through_port(),
    ("guest-memory", "function"): _through_gate(
        _bottom("guest-memory", 14), _GATE_MEMORY + 28, _top("function", 70)
    ),
    ("function", "guest-memory"): _through_gate(
        _top("function", 62), _GATE_MEMORY - 26, _bottom("guest-memory", -10)
    ),
    ("function", "host-driver"): _through_gate(_top("function", 22), _GATE_HOST, _bottom("host-driver", 34)),
    ("function", "kvm"): _through_gate(_top("function", 36), _GATE_KVM, _bottom("kvm", 0)),
    ("function", "guest-driver"): _through_gate(
        _top("function", 30), _GATE_GUEST, _side("guest-driver", 1, 8)
    ),
    ("guest-driver", "vmm-thread"): _elbow(_side("guest-driver", 1, 6), _top("vmm-thread", 66)),
    ("guest-driver", "iommu"): _elbow(_side("guest-driver", 1, 10), _top("iommu", 4)),
    ("guest-memory", "vmm-thread"): _elbow_up(_bottom("guest-memory", -36), _side("vmm-thread", 1, 7)),
    ("vmm-thread", "function"): _vertical(
        _bottom("vmm-thread", -50), (place_of("port").x - 26, _top("port")[1])
    )
    + _down_through_port(),
    ("function", "vmm-thread"): _through_gate(_top("function", 22), _GATE_HOST, _bottom("vmm-thread", 66)),
    ("kvm", "vhost-worker"): _hump(_top("kvm", -18), _top("vhost-worker", 30), -14),
    ("vhost-worker", "kvm"): _hump(_bottom("vhost-worker", 30), _bottom("kvm", -18), 14),
    ("vhost-worker", "host-driver"): _hump(_top("vhost-worker", -30), _top("host-driver", 30), -14),
    ("host-driver", "vhost-worker"): _hump(_bottom("host-driver", 30), _bottom("vhost-worker", -30), 14),
    ("vhost-worker", "guest-memory"): _vertical(_top("vhost-worker", 12), _bottom("guest-memory", -24)),
    ("media", "function"): _vertical(_top("media", 16), _bottom("function", 16)),
    ("function", "media"): _vertical(_bottom("function", -16), _top("media", -16)),
    ("media", "guest-memory"): _vertical(_top("media", 16), _bottom("function", 16))
    + f"L{place_of('function').x + 50:.1f} {_top('function')[1]:.1f}"
    + _through_gate(_top("function", 50), _GATE_MEMORY, _bottom("guest-memory", 0)).replace("M", "L", 1),
}
# Fetching from the host's own memory, and reading a packet from it, go through the gate, not the port.
_FETCH = {
    "host-driver": _through_gate(_bottom("host-driver", 42), _GATE_HOST + 16, _top("function", 8)),
    "vmm-thread": _through_gate(_bottom("vmm-thread", 76), _GATE_HOST + 16, _top("function", 8)),
}


def hop_path(hop: Hop) -> str:
    """The way of a hop; a DMA out of host memory passes the IOMMU and not the doorbell's way."""
    if hop.start in _FETCH and hop.end == "function" and "iommu" in hop.via:
        return _FETCH[hop.start]
    return route(hop)
