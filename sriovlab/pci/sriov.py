"""The SR-IOV Extended Capability of a PF, decoded and encoded byte for byte.

Source: PCI Express Base Specification, "SR-IOV Extended Capability". The names of the fields are
those of the specification; reserved bits are kept, so that nothing is lost on the way.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Optional, Tuple

from ..errors import ConfigSpaceError
from .address import vf_routing_id
from .config_space import ConfigSpace

SRIOV_CAPABILITY_ID = 0x0010
SRIOV_BYTES = 64

_FORM = struct.Struct("<IIHHHHHBBHHHHII6II")


@dataclass(frozen=True)
class VfBarRegister:
    """One VF BAR, decoded: the address of VF 0's slice; VF i's lies i times one VF's size above it.

    `index` is the first of the one or two registers it takes.
    """

    index: int
    address: int
    is_64bit: bool
    is_prefetchable: bool


@dataclass(frozen=True)
class SriovCapability:
    """The 64 bytes of an SR-IOV Extended Capability.

    `supported_page_sizes` and `system_page_size` are the registers (bit n stands for 2^(n+12)
    bytes); in bytes they are `supported_page_sizes_bytes` and `system_page_size_bytes`.
    `vf_bar_registers` are the six raw registers, `vf_bars` what they mean. The migration state
    array lies `vf_migration_state_array_offset` bytes into BAR `vf_migration_state_bir`.
    Fields that begin with `reserved` hold reserved bits, shifted down.

    >>> pf = SriovCapability(total_vfs=8, initial_vfs=8, num_vfs=2, first_vf_offset=128, vf_stride=2)
    >>> [hex(rid) for rid in pf.vf_routing_ids(0x0100)]
    ['0x180', '0x182']
    >>> SriovCapability.decode(pf.encode()) == pf
    True
    """

    capability_id: int = SRIOV_CAPABILITY_ID
    capability_version: int = 1
    next_offset: int = 0
    vf_migration_capable: bool = False
    ari_capable_hierarchy_preserved: bool = False
    vf_10bit_tag_requester_supported: bool = False
    vf_migration_interrupt_message_number: int = 0
    vf_enable: bool = False
    vf_migration_enable: bool = False
    vf_migration_interrupt_enable: bool = False
    vf_mse: bool = False
    ari_capable_hierarchy: bool = False
    vf_10bit_tag_requester_enable: bool = False
    vf_migration_status: bool = False
    initial_vfs: int = 0
    total_vfs: int = 0
    num_vfs: int = 0
    function_dependency_link: int = 0
    first_vf_offset: int = 0
    vf_stride: int = 0
    vf_device_id: int = 0
    supported_page_sizes: int = 0
    system_page_size: int = 0
    vf_bar_registers: Tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)
    vf_migration_state_array_offset: int = 0
    vf_migration_state_bir: int = 0
    reserved_capability_bits: int = 0
    reserved_control_bits: int = 0
    reserved_status_bits: int = 0
    reserved_byte_13: int = 0
    reserved_word_18: int = 0

    @classmethod
    def decode(cls, data: bytes, where: str = "") -> SriovCapability:
        """Return the capability that begins at the first of these bytes; what follows 64 is not looked at.

        Raises:
            ConfigSpaceError: fewer than 64 bytes.
        """
        if len(data) < SRIOV_BYTES:
            raise ConfigSpaceError(
                f"{where or 'SR-IOV capability'}: the SR-IOV capability has {SRIOV_BYTES} bytes, only "
                f"{len(data)} are there; capture again as root"
            )
        parts = _FORM.unpack_from(data)
        header, capabilities, control, status = parts[:4]
        initial_vfs, total_vfs, num_vfs, dependency, reserved_13 = parts[4:9]
        offset, stride, reserved_18, vf_device_id, supported, system = parts[9:15]
        migration = parts[21]
        return cls(
            capability_id=header & 0xFFFF,
            capability_version=header >> 16 & 0xF,
            next_offset=header >> 20,
            vf_migration_capable=bool(capabilities & 1),
            ari_capable_hierarchy_preserved=bool(capabilities & 2),
            vf_10bit_tag_requester_supported=bool(capabilities & 4),
            reserved_capability_bits=capabilities >> 3 & 0x3FFFF,
            vf_migration_interrupt_message_number=capabilities >> 21,
            vf_enable=bool(control & 1),
            vf_migration_enable=bool(control & 2),
            vf_migration_interrupt_enable=bool(control & 4),
            vf_mse=bool(control & 8),
            ari_capable_hierarchy=bool(control & 16),
            vf_10bit_tag_requester_enable=bool(control & 32),
            reserved_control_bits=control >> 6,
            vf_migration_status=bool(status & 1),
            reserved_status_bits=status >> 1,
            initial_vfs=initial_vfs,
            total_vfs=total_vfs,
            num_vfs=num_vfs,
            function_dependency_link=dependency,
            reserved_byte_13=reserved_13,
            first_vf_offset=offset,
            vf_stride=stride,
            reserved_word_18=reserved_18,
            vf_device_id=vf_device_id,
            supported_page_sizes=supported,
            system_page_size=system,
            vf_bar_registers=(parts[15], parts[16], parts[17], parts[18], parts[19], parts[20]),
            vf_migration_state_bir=migration & 7,
            vf_migration_state_array_offset=migration & ~7,
        )

    @classmethod
    def of(cls, space: ConfigSpace) -> Optional[SriovCapability]:
        """Return the SR-IOV capability of a configuration space, or None where it has or shows none.

        Raises:
            ConfigSpaceError: the capability is cut short.
        """
        found = space.find_extended(SRIOV_CAPABILITY_ID)
        if found is None:
            return None
        # Not found.data: that ends early where another capability overlaps, which the walk has told.
        data = space.data[found.offset : found.offset + SRIOV_BYTES]
        return cls.decode(data, f"{space.where}: at {found.offset:#x}")

    def encode(self) -> bytes:
        """Return the 64 bytes.

        Raises:
            ValueError: a field does not fit its bits; names the field and its range.
        """
        for name, bits in _WIDTHS:
            value = getattr(self, name)
            if not 0 <= value < 1 << bits:
                raise ValueError(f"{name} is {value}; expected 0 to {(1 << bits) - 1}")
        if len(self.vf_bar_registers) != 6 or not all(0 <= r <= 0xFFFFFFFF for r in self.vf_bar_registers):
            raise ValueError(f"vf_bar_registers is {self.vf_bar_registers}; expected six 32-bit numbers")
        if self.vf_migration_state_array_offset & 7:
            raise ValueError(
                f"vf_migration_state_array_offset is {self.vf_migration_state_array_offset:#x}; "
                "expected a multiple of 8"
            )
        return _FORM.pack(
            self.capability_id | self.capability_version << 16 | self.next_offset << 20,
            int(self.vf_migration_capable)
            | self.ari_capable_hierarchy_preserved << 1
            | self.vf_10bit_tag_requester_supported << 2
            | self.reserved_capability_bits << 3
            | self.vf_migration_interrupt_message_number << 21,
            int(self.vf_enable)
            | self.vf_migration_enable << 1
            | self.vf_migration_interrupt_enable << 2
            | self.vf_mse << 3
            | self.ari_capable_hierarchy << 4
            | self.vf_10bit_tag_requester_enable << 5
            | self.reserved_control_bits << 6,
            int(self.vf_migration_status) | self.reserved_status_bits << 1,
            self.initial_vfs,
            self.total_vfs,
            self.num_vfs,
            self.function_dependency_link,
            self.reserved_byte_13,
            self.first_vf_offset,
            self.vf_stride,
            self.reserved_word_18,
            self.vf_device_id,
            self.supported_page_sizes,
            self.system_page_size,
            *self.vf_bar_registers,
            self.vf_migration_state_array_offset | self.vf_migration_state_bir,
        )

    @property
    def supported_page_sizes_bytes(self) -> Tuple[int, ...]:
        """The page sizes that the PF offers, in bytes, smallest first."""
        return tuple(1 << bit + 12 for bit in range(32) if self.supported_page_sizes >> bit & 1)

    @property
    def system_page_size_bytes(self) -> Optional[int]:
        """The page size that VF BARs are aligned to, in bytes; None unless exactly one bit is set."""
        register = self.system_page_size
        if register == 0 or register & register - 1:
            return None
        return register << 12

    @property
    def vf_bars(self) -> Tuple[VfBarRegister, ...]:
        """The VF BARs that are there, in order; a register that reads 0 or ffffffff is not.

        A VF BAR is memory, 32 or 64 bits wide; an upper half that would lie beyond the sixth
        register counts as 0.
        """
        bars = []
        index = 0
        while index < 6:
            low = self.vf_bar_registers[index]
            if low in (0, 0xFFFFFFFF):
                index += 1
                continue
            is_64bit = low >> 1 & 3 == 2
            high = self.vf_bar_registers[index + 1] if is_64bit and index < 5 else 0
            bars.append(VfBarRegister(index, high << 32 | low & ~0xF, is_64bit, bool(low & 8)))
            index += 2 if is_64bit else 1
        return tuple(bars)

    def vf_routing_ids(self, pf: int) -> Tuple[int, ...]:
        """Return the routing IDs of the NumVFs VFs of a PF with routing ID `pf`, in order of index."""
        return tuple(
            vf_routing_id(pf, self.first_vf_offset, self.vf_stride, vf_index)
            for vf_index in range(self.num_vfs)
        )


_WIDTHS = (
    ("capability_id", 16),
    ("capability_version", 4),
    ("next_offset", 12),
    ("reserved_capability_bits", 18),
    ("vf_migration_interrupt_message_number", 11),
    ("reserved_control_bits", 10),
    ("reserved_status_bits", 15),
    ("initial_vfs", 16),
    ("total_vfs", 16),
    ("num_vfs", 16),
    ("function_dependency_link", 8),
    ("reserved_byte_13", 8),
    ("first_vf_offset", 16),
    ("vf_stride", 16),
    ("reserved_word_18", 16),
    ("vf_device_id", 16),
    ("supported_page_sizes", 32),
    ("system_page_size", 32),
    ("vf_migration_state_array_offset", 32),
    ("vf_migration_state_bir", 3),
)
