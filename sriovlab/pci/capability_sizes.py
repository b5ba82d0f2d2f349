"""How many bytes a capability surely has: its fixed part, for the check that two do not overlap.

A capability not listed counts with its header alone, so that an unknown one never raises a false
alarm. Source: PCI Express Base Specification, the register layout of each capability; PCI Local Bus
Specification 3.0 for MSI.
"""

from __future__ import annotations

import struct

_STANDARD = {
    0x01: 8,  # power management
    0x03: 8,  # vital product data
    0x04: 4,  # slot identification
    0x06: 4,  # CompactPCI hot swap
    0x07: 8,  # PCI-X, of a function; a bridge has more
    0x0D: 8,  # bridge subsystem vendor ID
    0x11: 12,  # MSI-X
    0x13: 6,  # advanced features
}

_EXTENDED = {
    0x0001: 0x2C,  # advanced error reporting, of an endpoint
    0x0003: 0x0C,  # device serial number
    0x0004: 0x10,  # power budgeting
    0x000D: 6,  # ACS; 8 with an egress vector
    0x000E: 8,  # ARI
    0x000F: 8,  # ATS
    0x0010: 0x40,  # SR-IOV
    0x0013: 0x10,  # page request
    0x0018: 8,  # latency tolerance reporting
    0x001B: 8,  # PASID
    0x001F: 0x0C,  # precision time measurement
}


def standard_capability_bytes(capability_id: int, data: bytes) -> int:
    """Return the fixed size of a capability of the first list, in bytes; `data` begins at its ID."""
    if capability_id == 0x05 and len(data) >= 4:
        (control,) = struct.unpack_from("<H", data, 2)
        has_64bit_address, has_mask = bool(control & 0x80), bool(control & 0x100)
        return (24 if has_mask else 14) if has_64bit_address else (20 if has_mask else 10)
    if capability_id == 0x09 and len(data) >= 3:
        return max(data[2], 3)
    if capability_id == 0x10 and len(data) >= 4:
        # Version 1 ends, for an endpoint, after the link registers; version 2 has all of them.
        version, port_type = data[2] & 0xF, data[2] >> 4
        if version >= 2:
            return 0x3C
        return 0x14 if port_type in (0, 1, 7, 8) else 0x0C if port_type in (9, 10) else 0x20
    return _STANDARD.get(capability_id, 2)


def extended_capability_bytes(capability_id: int, data: bytes) -> int:
    """Return the fixed size of a capability of the second list, in bytes; `data` begins at its header."""
    if capability_id in (0x000B, 0x0023) and len(data) >= 8:
        # Vendor-specific and designated vendor-specific capabilities tell their length.
        header: int = struct.unpack_from("<I", data, 4)[0]
        return max(header >> 20, 8)
    return _EXTENDED.get(capability_id, 4)
