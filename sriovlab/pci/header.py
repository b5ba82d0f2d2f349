"""The first 64 bytes of every configuration space: who the function is and, of a bridge, what lies below.

Source: PCI Express Base Specification, "Type 0 / Type 1 Configuration Space Header"; PC Card Standard
for type 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ..errors import ConfigSpaceError
from .config_space import HEADER_BYTES, ConfigSpace

_BAR_COUNT = {0: 6, 1: 2, 2: 1}
_SUBSYSTEM_OF_BRIDGE = 0x0D


@dataclass(frozen=True)
class Header:
    """The header of a function. Of a VF, `vendor_id` and `device_id` are 0xffff: sysfs knows better.

    `layout` is 0 for a function, 1 for a bridge, 2 for a CardBus bridge; `bars` are the raw base
    address registers of that layout; bus numbers are None where the layout has none. The class
    code has 24 bits: base class, subclass, programming interface.
    """

    vendor_id: int
    device_id: int
    command: int
    status: int
    revision: int
    class_code: int
    layout: int
    is_multifunction: bool
    bars: Tuple[int, ...]
    interrupt_pin: int
    subsystem_vendor_id: Optional[int] = None
    subsystem_device_id: Optional[int] = None
    primary_bus: Optional[int] = None
    secondary_bus: Optional[int] = None
    subordinate_bus: Optional[int] = None

    @classmethod
    def of(cls, space: ConfigSpace) -> Header:
        """Return the header of a configuration space; 64 bytes are enough.

        Raises:
            ConfigSpaceError: fewer than 64 bytes, all of them ff, or a layout that does not exist.
        """
        if len(space) < HEADER_BYTES:
            raise ConfigSpaceError(
                f"{space.where}: config space has {len(space)} bytes, the header alone has {HEADER_BYTES}; "
                "capture again"
            )
        if space.is_gone:
            raise ConfigSpaceError(
                f"{space.where}: every byte of the config space reads ff: the function does not answer"
            )
        layout = space.u8(0x0E) & 0x7F
        if layout not in _BAR_COUNT:
            raise ConfigSpaceError(
                f"{space.where}: header type at 0x0e is {layout:#04x}, expected 0x00 (function), 0x01 (bridge) "
                "or 0x02 (CardBus bridge)"
            )
        is_bridge = layout != 0
        subsystem = _subsystem(space, layout)
        return cls(
            vendor_id=space.u16(0x00),
            device_id=space.u16(0x02),
            command=space.u16(0x04),
            status=space.u16(0x06),
            revision=space.u8(0x08),
            class_code=space.u32(0x08) >> 8,
            layout=layout,
            is_multifunction=bool(space.u8(0x0E) & 0x80),
            bars=tuple(space.u32(0x10 + 4 * i) for i in range(_BAR_COUNT[layout])),
            interrupt_pin=space.u8(0x3D),
            subsystem_vendor_id=subsystem[0] if subsystem else None,
            subsystem_device_id=subsystem[1] if subsystem else None,
            primary_bus=space.u8(0x18) if is_bridge else None,
            secondary_bus=space.u8(0x19) if is_bridge else None,
            subordinate_bus=space.u8(0x1A) if is_bridge else None,
        )

    @property
    def is_bridge(self) -> bool:
        """Whether buses lie below it."""
        return self.layout != 0

    @property
    def is_memory_space_enabled(self) -> bool:
        """Whether it answers at its memory BARs; of a VF always False, since VF MSE in the PF decides."""
        return bool(self.command & 0x2)

    @property
    def is_bus_master_enabled(self) -> bool:
        """Whether it may send requests: DMA and message signalled interrupts."""
        return bool(self.command & 0x4)


def _subsystem(space: ConfigSpace, layout: int) -> Optional[Tuple[int, int]]:
    if layout == 0:
        return space.u16(0x2C), space.u16(0x2E)
    if layout == 2:
        # The CardBus header keeps them in its second part, beyond what an ordinary user may read.
        return (space.u16(0x40), space.u16(0x42)) if len(space) >= 0x44 else None
    found = space.find(_SUBSYSTEM_OF_BRIDGE)
    if found is None or found.offset + 8 > len(space):
        return None
    return space.u16(found.offset + 4), space.u16(found.offset + 6)
