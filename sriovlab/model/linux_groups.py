"""IOMMU groups as Linux forms them from the tree and the ACS bits in force.

Source: Linux, drivers/iommu/iommu.c, `pci_device_group`, and drivers/pci/pci.c, `pci_acs_enabled`
(before the rework of switches proposed in 2025).
"""

from __future__ import annotations

import re
from typing import Dict, FrozenSet, List, Sequence, Tuple

from ..pci.acs import ACS_ISOLATION
from .nouns import Function, FunctionKind

# Multifunction adapters that have no ACS capability and whose makers say that their functions do not
# reach each other; Linux takes them as isolated. Vendor, then device ids.
_KEPT_APART: Dict[str, FrozenSet[str]] = {
    vendor: frozenset(re.findall("[0-9a-f]{4}", devices))
    for vendor, devices in {
        # Intel 82571, 82575, 82576, 82580, 82598, 82599, I219, I350
        "8086": "105e 105f 1060 10d9, 10a7 10a9 10d6, 10c9 10e6 10e7 10e8 150a 150d 1518 1526, "
        "1509 150e 150f 1510 1511 1516 1527, 10c6 10db 10dd, 10e1 10f1 10f7 10f8 10f9 10fa 10fb 10fc "
        "1507 1514 151c 1529 152a 154d 154f 1551 1558, 15b7 15b8, 1521 1522 1523 1524",
        "1924": "0903 0923 0a03",
        "19a2": "0710",
        "10df": "0720",
    }.items()
}
_PORTS = (FunctionKind.ROOT_PORT, FunctionKind.DOWNSTREAM_PORT)


def linux_groups(functions: Sequence[Function]) -> Tuple[Tuple[str, ...], ...]:
    """Return the groups of one host's functions, each a tuple of ids, in the order the kernel would number them.

    Functions are taken bus by bus, as the kernel meets them, VFs last. Of the kernel's device quirks those of
    multifunction network adapters are known; DMA aliases beyond conventional bridges are not. Where a function's ACS is None it counts as
    having none.
    """
    by_id = {f.id: f for f in functions}
    siblings: Dict[Tuple[str, int], List[Function]] = {}
    for function in functions:
        # Linux makes VFs with multifunction = 0, so they never merge with their neighbours.
        if function.kind is not FunctionKind.VF:
            slot = (function.address.rpartition(":")[0], function.routing_id >> 3)
            siblings.setdefault(slot, []).append(function)

    def neighbours(function: Function) -> List[Function]:
        if function.kind is FunctionKind.VF:
            return []
        slot = (function.address.rpartition(":")[0], function.routing_id >> 3)
        return [f for f in siblings[slot] if f is not function]

    def is_isolated(function: Function) -> bool:
        if function.kind is FunctionKind.BRIDGE:
            return False
        if function.kind not in _PORTS and function.device_id in _KEPT_APART.get(
            function.vendor_id or "", ()
        ):
            return True
        if function.kind in _PORTS or neighbours(function):
            return function.acs is not None and set(function.acs.enabled) >= set(ACS_ISOLATION)
        return True

    # Thousands of VFs hang below one port: each way up is walked once.
    path_isolated: Dict[str, bool] = {}

    def is_path_isolated(port: Function) -> bool:
        known = path_isolated.get(port.id)
        if known is None:
            above = None if port.parent is None else by_id[port.parent]
            known = is_isolated(port) and (above is None or is_path_isolated(above))
            path_isolated[port.id] = known
        return known

    group_of: Dict[str, int] = {}
    groups: List[List[str]] = []
    order = sorted(functions, key=lambda f: (f.kind is FunctionKind.VF, f.address[:-8], f.routing_id))
    for function in order:
        number = None
        step = function
        # A VF on a bus of its own number still hangs below its PF's port, which `parent` says.
        while step.parent is not None:
            above = by_id[step.parent]
            if is_path_isolated(above):
                break
            step = above
            number = group_of.get(step.id)
            if number is not None:
                break
        if number is None and not is_isolated(step):
            met = (group_of.get(f.id) for f in neighbours(step) if not is_isolated(f))
            number = next((n for n in met if n is not None), None)
        if number is None:
            number = len(groups)
            groups.append([])
        groups[number].append(function.id)
        group_of[function.id] = number
    return tuple(tuple(members) for members in groups)
