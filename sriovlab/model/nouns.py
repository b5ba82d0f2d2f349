"""The things a host is made of, as frozen dataclasses. Unknown is None, never -1 or an empty text.

Carried to hosts with Python 3.8, so standard library only and no newer syntax.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional, Tuple


class FunctionKind(str, Enum):
    """What a PCI function is, by header type, PCIe port type, class and SR-IOV capability."""

    HOST_BRIDGE = "host-bridge"
    ROOT_PORT = "root-port"
    BRIDGE = "bridge"
    UPSTREAM_PORT = "upstream-port"
    DOWNSTREAM_PORT = "downstream-port"
    PF = "pf"
    VF = "vf"
    ENDPOINT = "endpoint"
    IOMMU = "iommu"

    @property
    def is_bridge(self) -> bool:
        """Whether functions can lie below it."""
        return self in _BRIDGES


_BRIDGES = frozenset(
    (FunctionKind.ROOT_PORT, FunctionKind.BRIDGE, FunctionKind.UPSTREAM_PORT, FunctionKind.DOWNSTREAM_PORT)
)


@dataclass(frozen=True)
class Host:
    """One machine. `source` says where it comes from: sysfs, synthetic, described, lspci, ..."""

    id: str
    name: str
    kernel: Optional[str] = None
    captured_at: Optional[str] = None
    source: str = "sysfs"
    kernel_command_line: Optional[str] = None
    cpu_model: Optional[str] = None
    cpu_count: Optional[int] = None


@dataclass(frozen=True)
class VfBar:
    """One VF BAR of a PF's SR-IOV capability; VF i owns the i-th slice of `vf_bytes` from `address`.

    `vf_bytes` is what one VF gets; the capability does not hold it, the resource file does.
    """

    index: int
    address: int
    is_64bit: bool
    is_prefetchable: bool
    vf_bytes: Optional[int] = None


@dataclass(frozen=True)
class SriovState:
    """The SR-IOV facts of a PF: the registers, and beside them what the Linux driver allows.

    `total_vfs` is the TotalVFs register, `driver_max_vfs` the sysfs file sriov_totalvfs; they can
    differ. What could not be read is None. Page sizes are in bytes.
    Source: PCI Express Base Specification, SR-IOV Extended Capability; Linux sysfs-bus-pci ABI.
    """

    total_vfs: Optional[int] = None
    driver_max_vfs: Optional[int] = None
    initial_vfs: Optional[int] = None
    num_vfs: Optional[int] = None
    vf_enable: Optional[bool] = None
    vf_mse: Optional[bool] = None
    ari_capable_hierarchy: Optional[bool] = None
    first_vf_offset: Optional[int] = None
    vf_stride: Optional[int] = None
    vf_device_id: Optional[str] = None
    supported_page_sizes: Optional[Tuple[int, ...]] = None
    system_page_size: Optional[int] = None
    vf_bars: Optional[Tuple[VfBar, ...]] = None
    drivers_autoprobe: Optional[bool] = None


@dataclass(frozen=True)
class LinkState:
    """The PCIe link of a function: speeds in GT/s, widths in lanes."""

    speed_gt_s: Optional[float] = None
    width: Optional[int] = None
    max_speed_gt_s: Optional[float] = None
    max_width: Optional[int] = None


@dataclass(frozen=True)
class AcsState:
    """Access Control Services of a function: abbreviations out of SV TB RR CR UF EC DT, in this order."""

    capable: Tuple[str, ...] = ()
    enabled: Tuple[str, ...] = ()


@dataclass(frozen=True)
class NetworkInterface:
    """A network interface of the host kernel. MAC addresses are left to `ip link` and redaction."""

    name: str
    mac: Optional[str] = None
    speed_mbit_s: Optional[int] = None
    mtu: Optional[int] = None
    state: Optional[str] = None


@dataclass(frozen=True)
class NvmeNamespace:
    """An NVMe namespace seen through one controller; size in bytes."""

    name: str
    nsid: Optional[int] = None
    size_bytes: Optional[int] = None


@dataclass(frozen=True)
class NvmeController:
    """An NVMe controller that the host's nvme driver runs on a function."""

    name: str
    controller_id: Optional[int] = None
    state: Optional[str] = None
    model: Optional[str] = None
    namespaces: Tuple[NvmeNamespace, ...] = ()


@dataclass(frozen=True)
class Function:
    """One PCI function. `parent` is the id of the port or bridge above, None on a root bus.

    `routing_id` is bus << 8 | device << 3 | function. Ids as texts, hexadecimal without 0x:
    `vendor_id` and `device_id` four digits, `class_code` six.
    """

    id: str
    host: str
    address: str
    routing_id: int
    kind: FunctionKind
    vendor_id: Optional[str] = None
    device_id: Optional[str] = None
    class_code: Optional[str] = None
    driver: Optional[str] = None
    driver_override: Optional[str] = None
    numa_node: Optional[int] = None
    iommu_group: Optional[int] = None
    parent: Optional[str] = None
    physical_function: Optional[str] = None
    vf_index: Optional[int] = None
    sriov: Optional[SriovState] = None
    subsystem_vendor_id: Optional[str] = None
    subsystem_device_id: Optional[str] = None
    revision: Optional[int] = None
    physical_slot: Optional[str] = None
    secondary_bus: Optional[int] = None
    subordinate_bus: Optional[int] = None
    link: Optional[LinkState] = None
    msix_vectors: Optional[int] = None
    acs: Optional[AcsState] = None
    ari_forwarding: Optional[bool] = None
    config_bytes: Optional[int] = None
    network_interfaces: Tuple[NetworkInterface, ...] = ()
    nvme_controllers: Tuple[NvmeController, ...] = ()
    vfio_devices: Tuple[str, ...] = ()
    interrupts: Optional[int] = None


@dataclass(frozen=True)
class Iommu:
    """One IOMMU unit. None for interrupt remapping or posting means: not readable here."""

    id: str
    host: str
    kind: str
    name: str
    interrupt_remapping: Optional[bool] = None
    posted_interrupts: Optional[bool] = None
    functions: Tuple[str, ...] = ()


@dataclass(frozen=True)
class IommuGroup:
    """The smallest set of functions that VFIO may hand out together. `type` as the kernel names it."""

    id: str
    host: str
    number: int
    type: Optional[str] = None
    functions: Tuple[str, ...] = ()


@dataclass(frozen=True)
class NumaNode:
    """One NUMA node: CPU list as the kernel writes it, memory in bytes."""

    id: str
    host: str
    number: int
    cpus: Optional[str] = None
    memory_bytes: Optional[int] = None


@dataclass(frozen=True)
class VmDevice:
    """A device of a VM that its VMM emulates or mediates: kind such as virtio-blk, virtio-net, e1000, ide-hd.

    `backend` names what serves it on the host (a tap, a file's base name); `is_vhost` is True when
    the host kernel runs the data path.
    """

    kind: str
    backend: Optional[str] = None
    is_vhost: Optional[bool] = None
    iothread: Optional[str] = None


@dataclass(frozen=True)
class VirtualMachine:
    """A running VM: the functions it holds through VFIO, and its mediated devices."""

    id: str
    host: str
    name: str
    vmm: str
    functions: Tuple[str, ...] = ()
    pid: Optional[int] = None
    vcpus: Optional[int] = None
    memory_bytes: Optional[int] = None
    is_kvm: Optional[bool] = None
    cpus_allowed: Optional[str] = None
    devices: Tuple[VmDevice, ...] = ()


@dataclass(frozen=True)
class Warning_:
    """Something that could not be read or contradicts itself; the rest of the host is still there."""

    where: str
    what: str
