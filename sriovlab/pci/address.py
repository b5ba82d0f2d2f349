"""The address of a PCI function: its text (domain:bus:device.function) and its 16-bit routing ID."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

_FORM = re.compile(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Address:
    """Where a PCI function is. Ordered as `lspci` lists them.

    Args:
        domain: 0 to 0xffffffff; 16 bits from firmware, more where Linux makes domains up, as for
            drives behind Intel VMD (`10000:`).
        bus: 0 to 255. device: 0 to 31. function: 0 to 7.
    Raises:
        ValueError: a number out of range.

    >>> str(Address.parse("3b:02.1")), hex(Address.parse("0000:3b:02.1").routing_id)
    ('0000:3b:02.1', '0x3b11')
    """

    domain: int
    bus: int
    device: int
    function: int

    def __post_init__(self) -> None:
        if not (
            0 <= self.domain <= 0xFFFFFFFF
            and 0 <= self.bus <= 0xFF
            and 0 <= self.device <= 0x1F
            and 0 <= self.function <= 7
        ):
            raise ValueError(
                f"domain {self.domain:#x}, bus {self.bus:#x}, device {self.device:#x}, function "
                f"{self.function:#x}: expected at most 0xffffffff, 0xff, 0x1f and 7"
            )

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that a text names; a text without a domain is in domain 0.

        Raises:
            ValueError: the text is no address; says how one looks.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no PCI address; expected the form 0000:3b:02.1 or 3b:02.1")
        domain, bus, device, function = (int(part or "0", 16) for part in match.groups())
        if device > 0x1F:
            raise ValueError(f"{text!r} is no PCI address: device {device:02x} is above 1f")
        return cls(domain, bus, device, function)

    @classmethod
    def from_routing_id(cls, domain: int, routing_id: int) -> Address:
        """The address of a routing ID: bus in the high byte, device and function in the low one.

        Raises:
            ValueError: the routing ID has more than 16 bits.
        """
        if not 0 <= routing_id <= 0xFFFF:
            raise ValueError(f"routing ID {routing_id:#x}: expected 0 to 0xffff")
        return cls(domain, routing_id >> 8, routing_id >> 3 & 0x1F, routing_id & 7)

    @property
    def routing_id(self) -> int:
        """Bus << 8 | device << 3 | function: the Requester ID of this function's own requests."""
        return self.bus << 8 | self.device << 3 | self.function

    @property
    def ari_function_number(self) -> int:
        """The 8-bit function number that the low byte is where ARI is in force; the device is then 0.

        Source: PCI Express Base Specification, "Alternative Routing-ID Interpretation".
        """
        return self.device << 3 | self.function

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.device:02x}.{self.function:x}"


def vf_routing_id(pf: int, offset: int, stride: int, vf_index: int) -> int:
    """Return the 16-bit routing ID of one virtual function; the sum wraps at 16 bits.

    Args:
        pf: Routing ID of the PF, bus number in the high byte.
        offset, stride: Fields 0x14 and 0x16 of the SR-IOV capability, in routing IDs.
        vf_index: Counts from 0.
    Raises:
        ValueError: `vf_index` is negative.
    Source: PCI Express Base Specification, SR-IOV, "First VF Offset" and "VF Stride".

    >>> hex(vf_routing_id(0x3B00, offset=0x80, stride=2, vf_index=1))
    '0x3b82'
    """
    if vf_index < 0:
        raise ValueError(f"vf_index {vf_index} is negative; it counts from 0 as virtfn0 does")
    return (pf + offset + vf_index * stride) & 0xFFFF


def vf_index_of(pf: int, offset: int, stride: int, num_vfs: int, routing_id: int) -> Optional[int]:
    """Return which VF of a PF has this routing ID, from 0, or None if none of its `num_vfs` has.

    >>> vf_index_of(0x3B00, offset=0x80, stride=2, num_vfs=4, routing_id=0x3B86)
    3
    """
    distance = (routing_id - pf - offset) & 0xFFFF
    if stride == 0:
        return 0 if distance == 0 and num_vfs > 0 else None
    vf_index, rest = divmod(distance, stride)
    return vf_index if rest == 0 and vf_index < num_vfs else None
