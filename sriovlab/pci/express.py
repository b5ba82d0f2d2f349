"""The PCI Express capability: what kind of port a function is, its link, and ARI forwarding.

Source: PCI Express Base Specification, "PCI Express Capability Structure".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional

from ..errors import ConfigSpaceError
from .config_space import ConfigSpace

EXPRESS_CAPABILITY_ID = 0x10


class PortType(Enum):
    """Device/Port Type, bits 7:4 of the PCI Express Capabilities register."""

    ENDPOINT = 0x0
    LEGACY_ENDPOINT = 0x1
    ROOT_PORT = 0x4
    UPSTREAM_PORT = 0x5
    DOWNSTREAM_PORT = 0x6
    PCIE_TO_PCI_BRIDGE = 0x7
    PCI_TO_PCIE_BRIDGE = 0x8
    ROOT_COMPLEX_ENDPOINT = 0x9
    ROOT_COMPLEX_EVENT_COLLECTOR = 0xA

    @property
    def has_link(self) -> bool:
        """Whether there is a link; what is part of the root complex has none."""
        return self not in (PortType.ROOT_COMPLEX_ENDPOINT, PortType.ROOT_COMPLEX_EVENT_COLLECTOR)

    @property
    def leads_down(self) -> bool:
        """Whether it is the upper end of a link: only there does ARI forwarding mean something."""
        return self in (PortType.ROOT_PORT, PortType.DOWNSTREAM_PORT)


# Link speed codes in GT/s, per direction and lane.
_SPEEDS_GT_S = {1: 2.5, 2: 5.0, 3: 8.0, 4: 16.0, 5: 32.0, 6: 64.0}


@dataclass(frozen=True)
class ExpressCapability:
    """The PCI Express capability of a function. Speeds in GT/s, widths in lanes.

    `port_type` is None for a code the specification does not name. Link fields are None where
    there is no link, or where they read 0, as in a VF and under a port with nothing in it. ARI
    forwarding is None but on root and downstream ports of version 2 or newer.
    """

    version: int
    port_type: Optional[PortType]
    port_type_code: int
    has_slot: bool
    has_flr: bool
    max_speed_gt_s: Optional[float]
    max_width: Optional[int]
    speed_gt_s: Optional[float]
    width: Optional[int]
    port_number: Optional[int]
    physical_slot_number: Optional[int]
    ari_forwarding_supported: Optional[bool]
    ari_forwarding_enabled: Optional[bool]

    @classmethod
    def of(cls, space: ConfigSpace) -> Optional[ExpressCapability]:
        """Return the PCI Express capability, or None where the function has or shows none.

        Raises:
            ConfigSpaceError: the capability is cut short.
        """
        found = space.find(EXPRESS_CAPABILITY_ID)
        if found is None:
            return None
        at = found.offset
        if at + 8 > min(len(space), 0x100):
            raise ConfigSpaceError(
                f"{space.where}: PCI Express capability at {at:#x} is cut short: config space has "
                f"{len(space)} bytes; capture again as root"
            )
        flags = space.u16(at + 0x02)
        version, code, has_slot = flags & 0xF, flags >> 4 & 0xF, bool(flags & 0x100)
        port_type = _PORT_TYPES.get(code)
        has_link = port_type is None or port_type.has_link
        end = min(len(space), 0x100)
        link_capabilities = space.u32(at + 0x0C) if has_link and at + 0x10 <= end else 0
        link_status = space.u16(at + 0x12) if has_link and at + 0x14 <= end else 0
        slot = space.u32(at + 0x14) if has_slot and at + 0x18 <= end else None
        leads_down = port_type is not None and port_type.leads_down
        has_second_half = version >= 2 and leads_down and at + 0x2A <= end
        return cls(
            version=version,
            port_type=port_type,
            port_type_code=code,
            has_slot=has_slot,
            has_flr=bool(space.u32(at + 0x04) & 1 << 28),
            max_speed_gt_s=_SPEEDS_GT_S.get(link_capabilities & 0xF),
            max_width=link_capabilities >> 4 & 0x3F or None,
            speed_gt_s=_SPEEDS_GT_S.get(link_status & 0xF),
            width=link_status >> 4 & 0x3F or None,
            port_number=link_capabilities >> 24 if link_capabilities else None,
            physical_slot_number=None if slot is None else slot >> 19,
            ari_forwarding_supported=bool(space.u32(at + 0x24) & 0x20) if has_second_half else None,
            ari_forwarding_enabled=bool(space.u16(at + 0x28) & 0x20) if has_second_half else None,
        )


_PORT_TYPES = {port_type.value: port_type for port_type in PortType}
