"""MSI-X and MSI: how many vectors a function has, and where its MSI-X table lies.

Source: PCI Express Base Specification, "MSI and MSI-X Capability Structures".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..errors import ConfigSpaceError
from .config_space import ConfigSpace

MSI_CAPABILITY_ID = 0x05
MSIX_CAPABILITY_ID = 0x11


@dataclass(frozen=True)
class MsixCapability:
    """MSI-X. `table_size` counts vectors, 1 to 2048; offsets are bytes into the BAR named beside them."""

    table_size: int
    is_enabled: bool
    is_masked: bool
    table_bir: int
    table_offset: int
    pba_bir: int
    pba_offset: int

    @classmethod
    def of(cls, space: ConfigSpace) -> Optional[MsixCapability]:
        """Return the MSI-X capability, or None where the function has or shows none.

        Raises:
            ConfigSpaceError: the capability is cut short.
        """
        found = space.find(MSIX_CAPABILITY_ID)
        if found is None:
            return None
        at = found.offset
        _check_length(space, at, 12, "MSI-X")
        control, table, pba = space.u16(at + 2), space.u32(at + 4), space.u32(at + 8)
        return cls(
            table_size=(control & 0x7FF) + 1,
            is_enabled=bool(control & 0x8000),
            is_masked=bool(control & 0x4000),
            table_bir=table & 7,
            table_offset=table & ~7,
            pba_bir=pba & 7,
            pba_offset=pba & ~7,
        )


@dataclass(frozen=True)
class MsiCapability:
    """MSI: the vectors that the function asks for and those it was given, powers of two up to 32."""

    is_enabled: bool
    vectors_wanted: int
    vectors_given: int
    has_64bit_address: bool
    has_per_vector_mask: bool

    @classmethod
    def of(cls, space: ConfigSpace) -> Optional[MsiCapability]:
        """Return the MSI capability, or None where the function has or shows none.

        Raises:
            ConfigSpaceError: the capability is cut short.
        """
        found = space.find(MSI_CAPABILITY_ID)
        if found is None:
            return None
        _check_length(space, found.offset, 4, "MSI")
        control = space.u16(found.offset + 2)
        return cls(
            is_enabled=bool(control & 1),
            vectors_wanted=1 << (control >> 1 & 7),
            vectors_given=1 << (control >> 4 & 7),
            has_64bit_address=bool(control & 0x80),
            has_per_vector_mask=bool(control & 0x100),
        )


def _check_length(space: ConfigSpace, offset: int, size: int, name: str) -> None:
    if offset + size > len(space):
        raise ConfigSpaceError(
            f"{space.where}: {name} capability at {offset:#x} has {size} bytes, config space ends after "
            f"{len(space)}; capture again as root"
        )
