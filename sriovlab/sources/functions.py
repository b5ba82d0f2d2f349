"""One PCI function from its folder in sysfs and, where it can be read, its configuration space."""

from __future__ import annotations

import posixpath
import re
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Tuple

from ..errors import ConfigSpaceError
from ..model.nouns import (
    AcsState,
    Function,
    FunctionKind,
    LinkState,
    NetworkInterface,
    NvmeController,
    NvmeNamespace,
    SriovState,
    VfBar,
)
from ..pci.acs import AcsCapability
from ..pci.address import Address
from ..pci.config_space import ConfigSpace
from ..pci.express import ExpressCapability, PortType
from ..pci.header import Header
from ..pci.msix import MsixCapability
from ..pci.sriov import SriovCapability
from .reader import Reader

DEVICES = "/sys/bus/pci/devices"
_SRIOV_RESOURCE = 7  # lines of `resource`: six BARs, the ROM, then the six VF BARs


def read_function(
    reader: Reader,
    host: str,
    address: Address,
    known: FrozenSet[str],
    slots: Dict[str, str],
    interrupts: Dict[str, int],
) -> Optional[Function]:
    """The function at `address`, None when it vanished while it was read."""
    base, where = f"{DEVICES}/{address}", f"pci:{address}"
    if reader.tree.link(base) is None and not reader.names(base, where):
        reader.warn(where, f"{base} vanished while it was read")
        return None
    try:
        place = reader.tree.resolve(base)
    except OSError as err:
        reader.warn(where, f"{base} leads nowhere: {err.strerror}")
        return None
    space = _read_space(reader, base, where)
    header = _decode(reader, where, Header.of, space)
    express = _decode(reader, where, ExpressCapability.of, space)
    msix = _decode(reader, where, MsixCapability.of, space)
    acs = _decode(reader, where, AcsCapability.of, space)

    vendor = _hexadecimal(reader.text(f"{base}/vendor", where), 4)
    device = _hexadecimal(reader.text(f"{base}/device", where), 4)
    class_code = _hexadecimal(reader.text(f"{base}/class", where), 6)
    if header is not None:
        if header.vendor_id != 0xFFFF:
            vendor = vendor or f"{header.vendor_id:04x}"
            device = device or f"{header.device_id:04x}"
        class_code = class_code or f"{header.class_code:06x}"
    if vendor is None and class_code is None:
        reader.warn(
            where, f"{base} has neither vendor nor class; it vanished while it was read, or was not copied"
        )

    physfn = reader.link_name(f"{base}/physfn")
    sriov = None if physfn else _read_sriov(reader, base, where, space)
    parent = _parent(place, known)
    numa = reader.number(f"{base}/numa_node", where)
    group = reader.link_name(f"{base}/iommu_group")
    override = reader.text(f"{base}/driver_override", where)
    return Function(
        id=where,
        host=host,
        address=str(address),
        routing_id=address.routing_id,
        kind=_kind(class_code, express, physfn is not None, sriov is not None, header),
        vendor_id=vendor,
        device_id=device,
        class_code=class_code,
        driver=reader.link_name(f"{base}/driver"),
        driver_override=None if override in (None, "(null)") else override,
        # sysfs says -1 for "no NUMA node"; as None it can never slip into a sum or a list index.
        numa_node=numa if numa is not None and numa >= 0 else None,
        iommu_group=int(group) if group is not None and group.isdigit() else None,
        parent=parent,
        physical_function=f"pci:{physfn}" if physfn else None,
        vf_index=_vf_index(reader, address, physfn),
        sriov=sriov,
        subsystem_vendor_id=_hexadecimal(reader.text(f"{base}/subsystem_vendor", where), 4),
        subsystem_device_id=_hexadecimal(reader.text(f"{base}/subsystem_device", where), 4),
        revision=reader.number(f"{base}/revision", where),
        physical_slot=slots.get(str(address).rsplit(".", 1)[0]),
        secondary_bus=header.secondary_bus if header else None,
        subordinate_bus=header.subordinate_bus if header else None,
        link=_read_link(reader, base, where, express),
        msix_vectors=msix.table_size if msix else None,
        acs=AcsState(acs.capable, acs.enabled) if acs else None,
        ari_forwarding=express.ari_forwarding_enabled if express else None,
        config_bytes=len(space) if space is not None else None,
        network_interfaces=_read_interfaces(reader, base, where),
        nvme_controllers=_read_nvme(reader, base, where),
        vfio_devices=reader.names(f"{base}/vfio-dev", where),
        interrupts=_interrupts(reader, base, where, str(address), interrupts),
    )


def _decode(
    reader: Reader, where: str, decode: Callable[[ConfigSpace], Any], space: Optional[ConfigSpace]
) -> Any:
    if space is None:
        return None
    try:
        return decode(space)
    except ConfigSpaceError as err:
        if not space.is_truncated:
            reader.warn(where, str(err))
        return None


def _read_space(reader: Reader, base: str, where: str) -> Optional[ConfigSpace]:
    data = reader.data(f"{base}/config", where)
    if not data:
        return None
    space = ConfigSpace(data[:4096], where[4:])
    if space.is_gone:
        reader.warn(where, "its configuration space reads ff throughout: the device does not answer")
        return None
    if space.is_truncated:
        reader.warn(
            where, f"config space stops at {len(space)} bytes; capture again as root for its capabilities"
        )
        return space
    for problem in (space.walk_capabilities()[1], space.walk_extended_capabilities()[1]):
        if problem is not None:
            reader.warn(where, problem)
    return space


def _hexadecimal(text: Optional[str], digits: int) -> Optional[str]:
    if text is None or not re.fullmatch(r"(0x)?[0-9a-fA-F]{1,8}", text):
        return None
    return f"{int(text, 16):0{digits}x}"


def _parent(place: str, known: FrozenSet[str]) -> Optional[str]:
    """The nearest function above in the device path /sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0."""
    for part in reversed(posixpath.dirname(place).split("/")):
        if part in known:
            return f"pci:{part}"
    return None


def _vf_index(reader: Reader, address: Address, physfn: Optional[str]) -> Optional[int]:
    if physfn is None:
        return None
    folder = f"{DEVICES}/{physfn}"
    for name in reader.names(folder, f"pci:{physfn}"):
        if (
            name.startswith("virtfn")
            and name[6:].isdigit()
            and reader.link_name(f"{folder}/{name}") == str(address)
        ):
            return int(name[6:])
    return None


_PORTS = {
    PortType.ROOT_PORT: FunctionKind.ROOT_PORT,
    PortType.UPSTREAM_PORT: FunctionKind.UPSTREAM_PORT,
    PortType.DOWNSTREAM_PORT: FunctionKind.DOWNSTREAM_PORT,
}


def _kind(
    class_code: Optional[str],
    express: Optional[ExpressCapability],
    is_vf: bool,
    is_pf: bool,
    header: Optional[Header],
) -> FunctionKind:
    if is_vf:
        return FunctionKind.VF
    if is_pf:
        return FunctionKind.PF
    base = (class_code or "")[:4]
    if base == "0600":
        return FunctionKind.HOST_BRIDGE
    if base == "0806":
        return FunctionKind.IOMMU
    if base in ("0604", "0609") or (header is not None and header.is_bridge):
        if express is not None and express.port_type is not None:
            return _PORTS.get(express.port_type, FunctionKind.BRIDGE)
        return FunctionKind.BRIDGE
    return FunctionKind.ENDPOINT


def _read_sriov(reader: Reader, base: str, where: str, space: Optional[ConfigSpace]) -> Optional[SriovState]:
    usable = reader.number(f"{base}/sriov_totalvfs", where)
    capability = _decode(reader, where, SriovCapability.of, space)
    if usable is None and capability is None:
        return None
    autoprobe = reader.text(f"{base}/sriov_drivers_autoprobe", where)
    is_autoprobed = None if autoprobe is None else autoprobe in ("1", "Y", "y")
    num_vfs = reader.number(f"{base}/sriov_numvfs", where)
    offset = reader.number(f"{base}/sriov_offset", where)
    stride = reader.number(f"{base}/sriov_stride", where)
    vf_device = _hexadecimal(reader.text(f"{base}/sriov_vf_device", where), 4)
    if capability is None:
        return SriovState(
            driver_max_vfs=usable,
            num_vfs=num_vfs,
            first_vf_offset=offset,
            vf_stride=stride,
            vf_device_id=vf_device,
            drivers_autoprobe=is_autoprobed,
        )
    sizes = _vf_bar_bytes(reader, base, where, capability.total_vfs)
    return SriovState(
        total_vfs=capability.total_vfs,
        driver_max_vfs=usable,
        initial_vfs=capability.initial_vfs,
        num_vfs=capability.num_vfs,
        vf_enable=capability.vf_enable,
        vf_mse=capability.vf_mse,
        ari_capable_hierarchy=capability.ari_capable_hierarchy,
        first_vf_offset=capability.first_vf_offset,
        vf_stride=capability.vf_stride,
        vf_device_id=f"{capability.vf_device_id:04x}",
        supported_page_sizes=capability.supported_page_sizes_bytes,
        system_page_size=capability.system_page_size_bytes,
        vf_bars=tuple(
            VfBar(bar.index, bar.address, bar.is_64bit, bar.is_prefetchable, sizes.get(bar.index))
            for bar in capability.vf_bars
        ),
        drivers_autoprobe=is_autoprobed,
    )


def _vf_bar_bytes(reader: Reader, base: str, where: str, total_vfs: int) -> Dict[int, int]:
    """Bytes of each VF BAR for one VF: the kernel reserves TotalVFs slices in the `resource` file."""
    sizes: Dict[int, int] = {}
    lines = (reader.text(f"{base}/resource", where) or "").splitlines()
    for index, line in enumerate(lines[_SRIOV_RESOURCE : _SRIOV_RESOURCE + 6]):
        parts = line.split()
        try:
            start, end = int(parts[0], 16), int(parts[1], 16)
        except (IndexError, ValueError):
            continue
        if end > start and total_vfs:
            sizes[index] = (end - start + 1) // total_vfs
    return sizes


def _read_link(
    reader: Reader, base: str, where: str, express: Optional[ExpressCapability]
) -> Optional[LinkState]:
    speed = _speed(reader.text(f"{base}/current_link_speed", where))
    max_speed = _speed(reader.text(f"{base}/max_link_speed", where))
    width = _width(reader.text(f"{base}/current_link_width", where))
    max_width = _width(reader.text(f"{base}/max_link_width", where))
    if express is not None:
        speed = speed if speed is not None else express.speed_gt_s
        max_speed = max_speed if max_speed is not None else express.max_speed_gt_s
        width = width if width is not None else express.width or None
        max_width = max_width if max_width is not None else express.max_width or None
    if speed is None and max_speed is None and width is None and max_width is None:
        return None
    return LinkState(speed, width, max_speed, max_width)


def _speed(text: Optional[str]) -> Optional[float]:
    match = re.match(r"([0-9.]+) GT/s", text or "")
    return float(match.group(1)) if match else None


def _width(text: Optional[str]) -> Optional[int]:
    # The kernel says 0 or 255 where there is no link.
    return int(text) if text and text.isdigit() and 0 < int(text) < 255 else None


def _read_interfaces(reader: Reader, base: str, where: str) -> Tuple[NetworkInterface, ...]:
    found: List[NetworkInterface] = []
    for folder in (
        f"{base}/net",
        *(f"{base}/{n}/net" for n in reader.names(base, where) if n.startswith("virtio")),
    ):
        for name in reader.names(folder, where):
            place = f"{folder}/{name}"
            speed, mtu = reader.text(f"{place}/speed", where), reader.text(f"{place}/mtu", where)
            found.append(
                NetworkInterface(
                    name=name,
                    mac=reader.text(f"{place}/address", where),
                    speed_mbit_s=int(speed) if speed and speed.isdigit() else None,
                    mtu=int(mtu) if mtu and mtu.isdigit() else None,
                    state=reader.text(f"{place}/operstate", where),
                )
            )
    return tuple(found)


_NAMESPACE = re.compile(r"nvme\d+(c\d+)?n\d+")


def _read_nvme(reader: Reader, base: str, where: str) -> Tuple[NvmeController, ...]:
    controllers = []
    for name in reader.names(f"{base}/nvme", where):
        place = f"{base}/nvme/{name}"
        namespaces = []
        for entry in reader.names(place, where):
            if not _NAMESPACE.fullmatch(entry):
                continue
            sectors = reader.text(f"{place}/{entry}/size", where)
            nsid = reader.text(f"{place}/{entry}/nsid", where)
            number = nsid if nsid is not None else entry.rsplit("n", 1)[1]
            namespaces.append(
                NvmeNamespace(
                    name=entry,
                    nsid=int(number) if number.isdigit() else None,
                    size_bytes=int(sectors) * 512 if sectors and sectors.isdigit() else None,
                )
            )
        controller_id = reader.text(f"{place}/cntlid", where)
        controllers.append(
            NvmeController(
                name=name,
                controller_id=int(controller_id) if controller_id and controller_id.isdigit() else None,
                state=reader.text(f"{place}/state", where),
                model=reader.text(f"{place}/model", where),
                namespaces=tuple(namespaces),
            )
        )
    return tuple(controllers)


def _interrupts(reader: Reader, base: str, where: str, address: str, counts: Dict[str, int]) -> Optional[int]:
    if not counts:
        return None
    if address in counts:
        return counts[address]
    lines = [n for n in reader.names(f"{base}/msi_irqs", where) if n in counts]
    return sum(counts[n] for n in lines) if lines else None
