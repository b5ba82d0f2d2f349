"""The configuration space of one function, and the walk of its two lists of capabilities.

Source: PCI Express Base Specification, "PCI-compatible Configuration Registers" and "Extended
Capabilities": the first list begins at the pointer in the header and stays below 0x100, the
second begins at 0x100.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from ..errors import ConfigSpaceError
from .capability_sizes import extended_capability_bytes, standard_capability_bytes

HEADER_BYTES = 0x40
CONVENTIONAL_BYTES = 0x100
EXTENDED_BYTES = 0x1000

_STATUS = 0x06
_STATUS_CAPABILITY_LIST = 0x10
_HEADER_TYPE = 0x0E
_POINTER = 0x34
_CARDBUS_POINTER = 0x14


@dataclass(frozen=True)
class Capability:
    """A capability of the first list. `data` runs from its ID to the next one, or to where the list must end."""

    id: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class ExtendedCapability:
    """A capability of the second list. `data` runs from its header to the next one or to the end."""

    id: int
    version: int
    offset: int
    data: bytes


class ConfigSpace:
    """The bytes of a function's configuration space, as far as they could be read.

    Args:
        data: 64 bytes (all that an ordinary user may read), 256 or 4096; any other length up to
            4096 is a read that was cut short.
        where: Whose bytes these are, for error messages, for example `0000:3b:00.0`.
    Raises:
        ConfigSpaceError: more than 4096 bytes.

    >>> ConfigSpace(bytes.fromhex("86 80 c9 10"), where="0000:01:00.0").u16(2) == 0x10c9
    True
    """

    def __init__(self, data: bytes, where: str = "") -> None:
        self.data = bytes(data)
        self.where = where or "config space"
        if len(self.data) > EXTENDED_BYTES:
            raise ConfigSpaceError(
                f"{self.where}: config space has {len(self.data)} bytes, a function has at most "
                f"{EXTENDED_BYTES}; is this file a configuration space?"
            )
        self._standard: Optional[Tuple[Tuple[Capability, ...], Optional[str]]] = None
        self._extended: Optional[Tuple[Tuple[ExtendedCapability, ...], Optional[str]]] = None

    def __len__(self) -> int:
        return len(self.data)

    def __bytes__(self) -> bytes:
        return self.data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConfigSpace) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"<ConfigSpace {self.where}: {len(self.data)} bytes>"

    # -- reading ----------------------------------------------------------------------------

    def _read(self, form: str, offset: int, size: int) -> int:
        if offset < 0 or offset + size > len(self.data):
            raise ConfigSpaceError(
                f"{self.where}: {size} bytes at {offset:#x} lie beyond the {len(self.data)} bytes that "
                "were read; capture again as root"
            )
        return int(struct.unpack_from(form, self.data, offset)[0])

    def u8(self, offset: int) -> int:
        """The byte at an offset. Raises ConfigSpaceError beyond what was read."""
        return self._read("<B", offset, 1)

    def u16(self, offset: int) -> int:
        """The little-endian 16-bit number at an offset. Raises ConfigSpaceError beyond what was read."""
        return self._read("<H", offset, 2)

    def u32(self, offset: int) -> int:
        """The little-endian 32-bit number at an offset. Raises ConfigSpaceError beyond what was read."""
        return self._read("<I", offset, 4)

    @property
    def is_truncated(self) -> bool:
        """Whether the read stopped before an end that a configuration space can have.

        64 bytes are what an ordinary user gets; 256 are a whole space, of a function that has no
        extended one or on a machine that cannot reach it.
        """
        return len(self.data) not in (CONVENTIONAL_BYTES, EXTENDED_BYTES)

    @property
    def is_gone(self) -> bool:
        """Whether every byte is ff: nobody answered. A VF answers, with ff in its first four bytes alone."""
        return len(self.data) > 0 and self.data.count(0xFF) == len(self.data)

    # -- the two lists ----------------------------------------------------------------------

    @property
    def capabilities(self) -> Tuple[Capability, ...]:
        """The capabilities of the first list, in the order of the list.

        Raises:
            ConfigSpaceError: the list loops, is cut off, overlaps itself or points astray.
        """
        found, problem = self.walk_capabilities()
        if problem is not None:
            raise ConfigSpaceError(problem)
        return found

    @property
    def extended_capabilities(self) -> Tuple[ExtendedCapability, ...]:
        """The capabilities of the second list, in the order of the list; none in 256 bytes.

        Raises:
            ConfigSpaceError: fewer than 256 bytes were read, or the list loops, is cut off,
                overlaps itself or points astray.
        """
        found, problem = self.walk_extended_capabilities()
        if problem is not None:
            raise ConfigSpaceError(problem)
        return found

    def find(self, capability_id: int) -> Optional[Capability]:
        """The first capability of the first list with this ID, from as much of the list as can be walked."""
        return next((c for c in self.walk_capabilities()[0] if c.id == capability_id), None)

    def find_extended(self, capability_id: int) -> Optional[ExtendedCapability]:
        """The first capability of the second list with this ID, from as much of the list as can be walked."""
        return next((c for c in self.walk_extended_capabilities()[0] if c.id == capability_id), None)

    def walk_capabilities(self) -> Tuple[Tuple[Capability, ...], Optional[str]]:
        """Return the capabilities that the first list leads to, and what is wrong with it or None.

        Never raises. A loop, a pointer astray or the end of the bytes ends the walk; an overlap is
        told and the walk goes on, since the pointers still hold.
        """
        if self._standard is None:
            self._standard = self._walk_standard()
        return self._standard

    def walk_extended_capabilities(self) -> Tuple[Tuple[ExtendedCapability, ...], Optional[str]]:
        """Return the capabilities that the second list leads to, and what is wrong with it or None.

        Never raises; see `walk_capabilities`. 256 bytes are a space without a second list.
        """
        if self._extended is None:
            self._extended = self._walk_extended()
        return self._extended

    def _walk_standard(self) -> Tuple[Tuple[Capability, ...], Optional[str]]:
        if self.is_gone:
            return (), self._gone()
        if len(self.data) < HEADER_BYTES:
            return (), (
                f"{self.where}: config space has {len(self.data)} bytes, the header alone has "
                f"{HEADER_BYTES}; capture again"
            )
        if not self.u16(_STATUS) & _STATUS_CAPABILITY_LIST:
            return (), None
        is_cardbus = self.u8(_HEADER_TYPE) & 0x7F == 2
        came_from = _CARDBUS_POINTER if is_cardbus else _POINTER
        # The two low bits are reserved; the specification has software mask them.
        offset = self.u8(came_from) & ~3
        end = min(len(self.data), CONVENTIONAL_BYTES)
        offsets: List[int] = []
        problem: Optional[str] = None
        while offset:
            if offset < HEADER_BYTES:
                problem = self._astray(came_from, offset, HEADER_BYTES)
            elif offset in offsets:
                problem = self._loop(came_from, offset)
            elif offset + 2 > end:
                problem = self._cut(f"the capability at {offset:#04x}")
            elif self.data[offset] == 0xFF:
                problem = f"{self.where}: capability at {offset:#04x}: reads ff, expected a capability ID"
            if problem is not None:
                break
            offsets.append(offset)
            came_from, offset = offset + 1, self.data[offset + 1] & ~3
        found = []
        for start, stop in self._extents(offsets, end):
            found.append(Capability(self.data[start], start, self.data[start:stop]))
        sizes = {c.offset: standard_capability_bytes(c.id, self.data[c.offset : end]) for c in found}
        return tuple(found), problem or self._overlap_or_cut(sizes, end, CONVENTIONAL_BYTES)

    def _walk_extended(self) -> Tuple[Tuple[ExtendedCapability, ...], Optional[str]]:
        if self.is_gone:
            return (), self._gone()
        if len(self.data) < CONVENTIONAL_BYTES:
            return (), (
                f"{self.where}: config space has {len(self.data)} bytes, extended capabilities begin at "
                "0x100; an unprivileged read stops early, so capture again as root"
            )
        if len(self.data) == CONVENTIONAL_BYTES:
            return (), None
        offsets: List[int] = []
        problem: Optional[str] = None
        came_from, offset = CONVENTIONAL_BYTES, CONVENTIONAL_BYTES
        while offset:
            if offset < CONVENTIONAL_BYTES:
                problem = self._astray(came_from, offset, CONVENTIONAL_BYTES)
            elif offset in offsets:
                problem = self._loop(came_from, offset)
            elif offset + 4 > len(self.data):
                problem = self._cut(f"the extended capability at {offset:#05x}")
            if problem is not None:
                break
            header = self.u32(offset)
            if header == 0xFFFFFFFF and offset != CONVENTIONAL_BYTES:
                problem = f"{self.where}: extended capability at {offset:#05x}: reads ff, expected a header"
                break
            # Nothing at 0x100 is how a function says that it has no second list.
            if header in (0, 0xFFFFFFFF):
                break
            offsets.append(offset)
            came_from, offset = offset, header >> 20 & ~3
        found = []
        for start, stop in self._extents(offsets, len(self.data)):
            header = self.u32(start)
            found.append(
                ExtendedCapability(header & 0xFFFF, header >> 16 & 0xF, start, self.data[start:stop])
            )
        sizes = {c.offset: extended_capability_bytes(c.id, self.data[c.offset :]) for c in found}
        return tuple(found), problem or self._overlap_or_cut(sizes, len(self.data), EXTENDED_BYTES)

    # -- what can be wrong ------------------------------------------------------------------

    @staticmethod
    def _extents(offsets: List[int], end: int) -> List[Tuple[int, int]]:
        bounds = sorted([*offsets, end])
        return [(offset, bounds[bisect_right(bounds, offset)]) for offset in offsets]

    def _overlap_or_cut(self, sizes: Dict[int, int], end: int, limit: int) -> Optional[str]:
        previous = None
        for offset in sorted(sizes):
            if previous is not None and previous + sizes[previous] > offset:
                return (
                    f"{self.where}: capability at {offset:#04x} overlaps the one at {previous:#04x}, "
                    f"which has {sizes[previous]} bytes"
                )
            previous = offset
        if previous is not None and previous + sizes[previous] > end:
            if end < limit:
                return self._cut(f"the capability at {previous:#04x} ({sizes[previous]} bytes)")
            return (
                f"{self.where}: capability at {previous:#04x} has {sizes[previous]} bytes and runs beyond "
                f"{limit:#x}, where its list must end"
            )
        return None

    def _gone(self) -> str:
        return (
            f"{self.where}: every byte of the config space reads ff: the function does not answer; it was "
            "removed, is powered down (D3cold) or hangs"
        )

    def _loop(self, came_from: int, offset: int) -> str:
        return (
            f"{self.where}: capability at {offset:#04x}: the pointer at {came_from:#04x} leads back to it, "
            "so the list is a loop"
        )

    def _astray(self, came_from: int, offset: int, lowest: int) -> str:
        return (
            f"{self.where}: the pointer at {came_from:#04x} leads to {offset:#04x}, capabilities of this "
            f"list begin at {lowest:#x} or above"
        )

    def _cut(self, what: str) -> str:
        reason = (
            "an unprivileged read stops early, so capture again as root"
            if len(self.data) < CONVENTIONAL_BYTES
            else "capture again"
            if self.is_truncated
            else "the pointer is wrong"
        )
        return f"{self.where}: {what} lies beyond the {len(self.data)} bytes that were read; {reason}"
