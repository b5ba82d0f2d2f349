"""A host from its sysfs: functions, IOMMUs, groups, NUMA nodes; with procfs beside it, the VMs.

Never trusts one file: VFs are known by their physfn link, PFs by the sriov files or the capability,
parents by the device path, so that a read without privileges (64 bytes of configuration space) still
gives the same tree. Standard library only; carried to hosts with Python 3.8.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Dict, List, Optional, Tuple

from ..errors import SourceError
from ..model.nouns import Function, Host, Iommu, IommuGroup, NumaNode
from ..model.topology import Topology
from ..pci.address import Address
from .functions import read_function
from .processes import read_virtual_machines
from .reader import Reader
from .tree import FileTree

DEVICES = "/sys/bus/pci/devices"
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.IGNORECASE)
_VTD_POSTED = 1 << 59
_VTD_REMAPPING = 1 << 3


def read_topology(
    tree: FileTree, *, name: Optional[str] = None, captured_at: Optional[str] = None
) -> Topology:
    """The topology of the host whose sysfs is in `tree`; what cannot be read is in its warnings.

    Raises:
        SourceError: the tree has no `/sys/bus/pci/devices`.
    """
    reader = Reader(tree)
    try:
        entries = tree.list(DEVICES)
    except OSError as err:
        raise SourceError(
            f"{tree.origin}: {DEVICES} cannot be listed ({err.strerror}); expected a Linux host with PCI, or a copy of its sysfs"
        ) from err
    host = _read_host(reader, name, captured_at)
    addresses = []
    for entry in entries:
        if _ADDRESS.fullmatch(entry):
            addresses.append(Address.parse(entry))
        else:
            reader.warn(host.id, f"{DEVICES}/{entry}: not a PCI address, left out")
    known = frozenset(str(address) for address in addresses)
    slots = _read_slots(reader)
    interrupts = _read_interrupts(reader)
    functions: List[Function] = []
    for address in sorted(addresses):
        function = read_function(reader, host.id, address, known, slots, interrupts)
        if function is not None:
            functions.append(function)
    functions = _without_lost(reader, functions)
    machines = read_virtual_machines(reader, host.id, functions)
    return Topology(
        hosts=(host,),
        functions=tuple(functions),
        iommus=_read_iommus(reader, host.id, functions),
        iommu_groups=_read_groups(reader, host.id, functions),
        numa_nodes=_read_numa_nodes(reader, host.id),
        virtual_machines=machines,
        warnings=tuple(reader.warnings),
    )


def _without_lost(reader: Reader, functions: List[Function]) -> List[Function]:
    """The functions with references to functions that vanished while we read taken out."""
    ids = {function.id for function in functions}
    kept = []
    for function in functions:
        parent, pf = function.parent, function.physical_function
        for what, target in (("parent", parent), ("physical function", pf)):
            if target is not None and target not in ids:
                reader.warn(function.id, f"its {what} {target[4:]} is not listed in {DEVICES}")
        if {parent, pf} - ids - {None}:
            function = replace(
                function,
                parent=parent if parent in ids else None,
                physical_function=pf if pf in ids else None,
            )
        kept.append(function)
    return kept


def _read_host(reader: Reader, name: Optional[str], captured_at: Optional[str]) -> Host:
    found = (
        name
        or reader.text("/proc/sys/kernel/hostname", "host")
        or reader.text("/etc/hostname", "host")
        or "host"
    )
    version = reader.text("/proc/version", "host")
    kernel = reader.text("/proc/sys/kernel/osrelease", "host")
    if kernel is None and version is not None:
        match = re.match(r"Linux version (\S+)", version)
        kernel = match.group(1) if match else None
    model, count = None, 0
    for line in (reader.text("/proc/cpuinfo", "host") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "processor":
            count += 1
        elif key.strip() == "model name" and model is None:
            model = value.strip() or None
    return Host(
        id=f"host:{found}",
        name=found,
        kernel=kernel,
        captured_at=captured_at,
        source="sysfs",
        kernel_command_line=reader.text("/proc/cmdline", "host"),
        cpu_model=model,
        cpu_count=count or None,
    )


def _read_slots(reader: Reader) -> Dict[str, str]:
    """Physical slot names by domain:bus:device."""
    slots = {}
    for name in reader.names("/sys/bus/pci/slots", "host"):
        place = reader.text(f"/sys/bus/pci/slots/{name}/address", "host")
        if place is not None:
            slots[place.lower()] = name
    return slots


def _read_interrupts(reader: Reader) -> Dict[str, int]:
    """Interrupts counted since boot, by the number of the interrupt line, as texts."""
    counts: Dict[str, int] = {}
    cpus = 0
    for line in (reader.text("/proc/interrupts", "host") or "").splitlines():
        parts = line.split()
        if parts and parts[0].startswith("CPU"):
            cpus = len(parts)
        elif parts and parts[0].endswith(":") and parts[0][:-1].isdigit():
            counts[parts[0][:-1]] = sum(int(p) for p in parts[1 : 1 + cpus] if p.isdigit())
            where = re.search(r"([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])", line)
            if where:
                key = where.group(1)
                counts[key] = counts.get(key, 0) + counts[parts[0][:-1]]
    return counts


def _read_iommus(reader: Reader, host: str, functions: List[Function]) -> Tuple[Iommu, ...]:
    members: Dict[str, List[str]] = {}
    for function in functions:
        unit = reader.link_name(f"{DEVICES}/{function.address}/iommu")
        if unit is not None:
            members.setdefault(unit, []).append(function.id)
    units = sorted({*reader.names("/sys/class/iommu", "host"), *members})
    remaps = _uses_remapping(reader)
    command_line = reader.text("/proc/cmdline", "host") or ""
    found = []
    for unit in units:
        remapping: Optional[bool] = remaps
        posted: Optional[bool] = None
        base = f"/sys/class/iommu/{unit}"
        if unit.startswith("dmar"):
            kind = "intel"
            capability = reader.number(f"{base}/intel-iommu/cap", f"iommu:{unit}", 16)
            extended = reader.number(f"{base}/intel-iommu/ecap", f"iommu:{unit}", 16)
            if capability is not None:
                posted = bool(capability & _VTD_POSTED)
            if extended is not None:
                remapping = bool(extended & _VTD_REMAPPING)
                if remapping and remaps is False:
                    remapping = False
        elif unit.startswith("ivhd"):
            kind = "amd"
            if _amd_posts(reader) is not None:
                posted = _amd_posts(reader)
        elif "smmu" in unit:
            kind = "arm-smmu"
        elif unit.startswith("virtio") or "virtio" in (reader.link_name(f"{base}/device/driver") or ""):
            kind = "virtio"
        else:
            kind = "unknown"
        if posted and (remapping is False or "intremap=nopost" in command_line.replace(",", " intremap=")):
            posted = False
        found.append(
            Iommu(f"iommu:{unit}", host, kind, unit, remapping, posted, tuple(members.get(unit, ())))
        )
    return tuple(found)


def _uses_remapping(reader: Reader) -> Optional[bool]:
    """Whether the kernel routes MSIs through interrupt remapping: the chip names of x86 begin with IR-."""
    text = reader.text("/proc/interrupts", "host")
    if text is None or "PCI-MSI" not in text:
        return None
    return "IR-PCI-MSI" in text


def _amd_posts(reader: Reader) -> Optional[bool]:
    """Whether KVM posts device interrupts on AMD: AVIC switched on in the module; None where it cannot be told."""
    value = reader.text("/sys/module/kvm_amd/parameters/avic", "host")
    return None if value is None else value in ("Y", "1")


def _read_groups(reader: Reader, host: str, functions: List[Function]) -> Tuple[IommuGroup, ...]:
    members: Dict[int, List[str]] = {}
    for function in functions:
        if function.iommu_group is not None:
            members.setdefault(function.iommu_group, []).append(function.id)
    groups = []
    for number in sorted(members):
        group_type = reader.text(f"/sys/kernel/iommu_groups/{number}/type", f"iommu-group:{number}")
        groups.append(IommuGroup(f"iommu-group:{number}", host, number, group_type, tuple(members[number])))
    return tuple(groups)


def _read_numa_nodes(reader: Reader, host: str) -> Tuple[NumaNode, ...]:
    base = "/sys/devices/system/node"
    nodes = []
    for name in reader.names(base, "host"):
        match = re.fullmatch(r"node(\d+)", name)
        if match is None:
            continue
        memory = re.search(r"MemTotal:\s+(\d+) kB", reader.text(f"{base}/{name}/meminfo", "host") or "")
        nodes.append(
            NumaNode(
                id=f"numa:{match.group(1)}",
                host=host,
                number=int(match.group(1)),
                cpus=reader.text(f"{base}/{name}/cpulist", "host"),
                memory_bytes=int(memory.group(1)) * 1024 if memory else None,
            )
        )
    return tuple(sorted(nodes, key=lambda node: node.number))
