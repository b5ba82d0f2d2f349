"""Access Control Services: whether a port or function lets peers reach each other behind the IOMMU's back.

Source: PCI Express Base Specification, "ACS Extended Capability".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ..errors import ConfigSpaceError
from .config_space import ConfigSpace

ACS_CAPABILITY_ID = 0x000D

# In the order of their bits: source validation, translation blocking, P2P request redirect, P2P
# completion redirect, upstream forwarding, P2P egress control, direct translated P2P.
ACS_ABBREVIATIONS = ("SV", "TB", "RR", "CR", "UF", "EC", "DT")

# What Linux asks of every step of a path that it calls isolated.
ACS_ISOLATION = ("SV", "RR", "CR", "UF")


@dataclass(frozen=True)
class AcsCapability:
    """The services a function has and those in force, as abbreviations in the order of their bits.

    `egress_vector_bits` is the size of the egress control vector: 0 without egress control, and
    256 where its register reads 0.
    """

    capable: Tuple[str, ...]
    enabled: Tuple[str, ...]
    egress_vector_bits: int = 0

    @classmethod
    def of(cls, space: ConfigSpace) -> Optional[AcsCapability]:
        """Return the ACS capability, or None where the function has or shows none.

        Raises:
            ConfigSpaceError: the capability is cut short.
        """
        found = space.find_extended(ACS_CAPABILITY_ID)
        if found is None:
            return None
        if found.offset + 8 > len(space):
            raise ConfigSpaceError(
                f"{space.where}: ACS capability at {found.offset:#x} has 8 bytes, config space ends after "
                f"{len(space)}; capture again as root"
            )
        capable, enabled = space.u16(found.offset + 4), space.u16(found.offset + 6)
        has_egress = bool(capable & 0x20)
        return cls(
            capable=_abbreviations(capable),
            enabled=_abbreviations(enabled),
            egress_vector_bits=(capable >> 8 or 256) if has_egress else 0,
        )

    @property
    def is_isolating(self) -> bool:
        """Whether SV, RR, CR and UF are all in force, as Linux asks of every step to the root."""
        return set(ACS_ISOLATION) <= set(self.enabled)


def _abbreviations(register: int) -> Tuple[str, ...]:
    return tuple(name for bit, name in enumerate(ACS_ABBREVIATIONS) if register >> bit & 1)
