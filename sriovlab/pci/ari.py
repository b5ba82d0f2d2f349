"""Alternative Routing-ID Interpretation: a device whose functions have 8-bit numbers.

Source: PCI Express Base Specification, "ARI Extended Capability".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..errors import ConfigSpaceError
from .config_space import ConfigSpace

ARI_CAPABILITY_ID = 0x000E


@dataclass(frozen=True)
class AriCapability:
    """The ARI capability. `next_function_number` is 8 bits wide; 0 ends the list of functions."""

    next_function_number: int
    mfvc_function_groups_capable: bool
    acs_function_groups_capable: bool
    mfvc_function_groups_enabled: bool
    acs_function_groups_enabled: bool
    function_group: int

    @classmethod
    def of(cls, space: ConfigSpace) -> Optional[AriCapability]:
        """Return the ARI capability, or None where the function has or shows none.

        Raises:
            ConfigSpaceError: the capability is cut short.
        """
        found = space.find_extended(ARI_CAPABILITY_ID)
        if found is None:
            return None
        if found.offset + 8 > len(space):
            raise ConfigSpaceError(
                f"{space.where}: ARI capability at {found.offset:#x} has 8 bytes, config space ends after "
                f"{len(space)}; capture again as root"
            )
        capability, control = space.u16(found.offset + 4), space.u16(found.offset + 6)
        return cls(
            next_function_number=capability >> 8,
            mfvc_function_groups_capable=bool(capability & 1),
            acs_function_groups_capable=bool(capability & 2),
            mfvc_function_groups_enabled=bool(control & 1),
            acs_function_groups_enabled=bool(control & 2),
            function_group=control >> 4 & 7,
        )
