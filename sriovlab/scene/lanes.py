"""Where the boxes of a lane stand: the same tiers as bands in every lane, the boxes as its path needs them.

The IOMMU is a gate on what the device sends, not a box that a doorbell meets; guest memory spans both
guest tiers. Boxes stand above one another so that ways between them can go straight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..iopath.journey import Journey, Tier

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
BOX = 28.0


@dataclass(frozen=True)
class Place:
    """The centre and size of a station within a lane, in px from the lane's left and the bands' top."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """The left side."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """The right side."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """The upper side."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """The lower side."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Gate:
    """Where DMA and interrupts of the host's own driver pass the IOMMU: px from the lane's left, by stream."""

    write: float
    fetch: float
    data: float
    interrupt: float


@dataclass(frozen=True)
class Layout:
    """The boxes of one lane by role, and the columns of its gate."""

    places: Mapping[str, Place]
    gate: Gate

    def __getitem__(self, role: str) -> Place:
        return self.places[role]


def picture_width(lanes: int) -> float:
    """The width of a picture with so many lanes, in px; 944 for two."""
    return GUTTER + lanes * LANE + (lanes - 1) * GAP


def band_middle(tier: Tier) -> float:
    """The middle of a tier's band, in px from the bands' top."""
    return (TIERS.index(tier) + 0.5) * BAND


def _box(left: float, right: float, tier: Tier) -> Place:
    return Place((left + right) / 2, band_middle(tier), right - left, BOX)


_COMMON = {
    "application": _box(25, 137, Tier.APPLICATION),
    "guest-driver": _box(12, 150, Tier.GUEST_KERNEL),
    "guest-memory": Place(358, BAND, 92, 2 * BAND - 12),
    "vmm-thread": _box(26, 206, Tier.VMM),
    "host-driver": _box(26, 206, Tier.HOST_KERNEL),
    "kvm": _box(218, 278, Tier.HOST_KERNEL),
    "port": _box(28, 148, Tier.PCIE),
    "iommu": _box(156, 404, Tier.PCIE),
    "function": _box(44, 252, Tier.DEVICE),
    "media": _box(73, 223, Tier.MEDIA),
}
# Three boxes share the host kernel's band: the worker stands between the driver and KVM.
_VHOST = {
    "host-driver": _box(8, 158, Tier.HOST_KERNEL),
    "vhost-worker": _box(176, 240, Tier.HOST_KERNEL),
    "kvm": _box(258, 310, Tier.HOST_KERNEL),
    "port": _box(4, 108, Tier.PCIE),
    "iommu": _box(114, 404, Tier.PCIE),
}
# The application brings its own driver: both stand in the upper band, the kernel's stays empty.
_USER = {
    "application": _box(8, 108, Tier.APPLICATION),
    "guest-driver": _box(128, 244, Tier.APPLICATION),
}


def layout_of(journey: Journey) -> Layout:
    """The layout that a journey's lane takes."""
    places, gate = dict(_COMMON), Gate(166, 176, 186, 197)
    if any(station.role == "vhost-worker" for station in journey.stations):
        places |= _VHOST
        gate = Gate(120, 130, 140, 151)
    if brings_driver(journey):
        places |= _USER
    return Layout(places, gate)


def brings_driver(journey: Journey) -> bool:
    """Whether the application brings its own driver, so that its kernel is not asked."""
    return any(s.role == "guest-driver" and s.tier is Tier.APPLICATION for s in journey.stations)
