"""Made-up hosts: `synthetic("nic[vfs=8] nvme[vfs=4]", vms=3)`, and a builder for what a text cannot say.

Routing IDs follow the specification; those that wrap, collide or leave what the bus numbers hold are
refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from ..errors import TopologyError
from ..model.nouns import (
    Function,
    FunctionKind,
    Host,
    Iommu,
    IommuGroup,
    NetworkInterface,
    NumaNode,
    NvmeController,
    NvmeNamespace,
    SriovState,
    VirtualMachine,
    VmDevice,
)
from ..model.topology import Topology
from ..pci.address import Address, vf_routing_id

REACHABLE_VFS = 65_279  # 2^16 less bus 0 and PF 01:00.0
_PAGE_SIZES = (4096, 8192, 65536, 262144, 1048576, 4194304)


@dataclass(frozen=True)
class _Product:
    """What a kind of device is: ids, class, host driver, and where its VFs lie."""

    vendor_id: str
    device_id: str
    vf_device_id: str
    class_code: str
    driver: str
    vf_driver: str


PRODUCTS = {
    "nic": _Product("8086", "10c9", "10ca", "020000", "igb", "igbvf"),
    "nvme": _Product("1b36", "0010", "0010", "010802", "nvme", "nvme"),
    "gpu": _Product("1002", "66a0", "66a0", "038000", "amdgpu", "amdgpu"),
}
_NUMBERS = ("vfs", "total", "offset", "stride", "ports", "numa")
_DEVICE = re.compile(r"\s*([a-z]+)(?:\[([^\]]*)\])?")


@dataclass(frozen=True)
class Device:
    """One adapter of a synthetic host: `ports` PFs with `vfs` VFs each; `total` is TotalVFs."""

    kind: str
    vfs: int = 0
    total: int | None = None
    offset: int | None = None
    stride: int | None = None
    ports: int = 1
    numa: int | None = 0
    driver: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in PRODUCTS:
            raise ValueError(f"device {self.kind!r}: expected one of {', '.join(PRODUCTS)}")
        if not 1 <= self.ports <= 8:
            raise ValueError(f"{self.kind}: ports is {self.ports}, expected 1 to 8")
        for name in ("vfs", "total", "offset", "stride"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 0xFFFF:
                raise ValueError(
                    f"{self.kind}: {name} is {value:,}, expected 0 to 65,535, the width of its register"
                )
        if self.vfs > (self.total if self.total is not None else self.vfs):
            raise ValueError(f"{self.kind}: vfs is {self.vfs:,}, more than the total of {self.total:,}")
        if (self.vfs and self.offset == 0) or (self.vfs > 1 and self.stride == 0):
            raise ValueError(f"{self.kind}: offset and stride must not be 0 where there are VFs")


def parse_devices(text: str) -> tuple[Device, ...]:
    """The devices that a text such as `nic[vfs=8,ports=2] nvme` names.

    Raises:
        ValueError: an unknown device or option, or no number; says at which character.
    """
    devices = []
    at = 0
    while text[at:].strip():
        match = _DEVICE.match(text, at)
        if match is None:
            raise ValueError(
                f"synthetic host, character {at + 1}: found {text[at:].strip()[:20]!r}, expected a device such as nic[vfs=8]"
            )
        options: dict[str, int | str | None] = {}
        for part in filter(None, (match.group(2) or "").split(",")):
            name, _, value = (word.strip() for word in part.partition("="))
            where = f"synthetic host, character {match.start() + 1}, {match.group(1)}[{part}]"
            if name == "driver":
                options[name] = value or None
            elif name not in _NUMBERS:
                raise ValueError(f"{where}: no such option; expected {', '.join((*_NUMBERS, 'driver'))}")
            elif not value.replace("_", "").isdigit():
                raise ValueError(f"{where}: {value!r} is no number")
            else:
                options[name] = int(value)
        try:
            devices.append(Device(match.group(1), **options))  # type: ignore[arg-type]
        except ValueError as err:
            raise ValueError(f"synthetic host, character {match.start() + 1}: {err}") from None
        at = match.end()
    return tuple(devices)


def synthetic(text: str = "nic[vfs=8] nvme[vfs=4]", *, vms: int = 0, name: str = "synthetic") -> Topology:
    """A made-up host with these devices and VMs; VFs go to the VMs in turn, one of each device.

    The host has an IOMMU that remaps and posts interrupts. For anything else, see `HostBuilder`.

    Raises:
        ValueError: the text cannot be read, or `vms` is negative.
        TopologyError: routing IDs wrap or collide.
    """
    builder = HostBuilder(name)
    for device in parse_devices(text):
        builder.add(device)
    builder.add_machines(vms)
    return builder.build()


@dataclass
class HostBuilder:
    """A made-up host, piece by piece; `build` gives its topology.

    >>> HostBuilder("lab").add(Device("nvme", vfs=2)).add_machines(1).build()
    <Topology lab: 5 functions, 1 PFs, 2 VFs, 5 IOMMU groups, 1 VMs, 0 warnings>
    """

    name: str = "synthetic"
    has_iommu: bool = True
    can_remap: bool = True
    can_post: bool = True
    _functions: list[Function] = field(default_factory=list)
    _machines: list[VirtualMachine] = field(default_factory=list)
    _used: dict[int, str] = field(default_factory=dict)
    _next_bus: int = 1
    _next_port: int = 1

    def _place(self, routing_id: int, what: str) -> Address:
        address = Address.from_routing_id(0, routing_id)
        if routing_id in self._used:
            raise TopologyError(
                f"{what} and {self._used[routing_id]} would both be {address}; change offset, stride or count"
            )
        self._used[routing_id] = what
        return address

    def add(self, device: Device) -> HostBuilder:
        """Plug in a device behind a root port of its own."""
        product = PRODUCTS[device.kind]
        host = f"host:{self.name}"
        if self._next_bus > 0xFF:
            raise TopologyError(f"{device.kind}: all 256 bus numbers are taken")
        first_bus = self._next_bus
        port_address = self._place(self._next_port << 3, f"root port {self._next_port}")
        self._next_port += 1
        port_id = f"pci:{port_address}"
        below: list[Function] = []
        highest = first_bus << 8
        # Ports take turns: VF n of port p follows VF n of port p - 1.
        offset = device.offset if device.offset is not None else device.ports
        stride = device.stride if device.stride is not None else device.ports
        total = device.total if device.total is not None else device.vfs
        for port in range(device.ports):
            pf_rid = (first_bus << 8) + port
            label = f"{device.kind} PF {first_bus:02x}:00.{port}"
            pf_address = self._place(pf_rid, label)
            pf_id = f"pci:{pf_address}"
            state = SriovState(
                total_vfs=total,
                driver_max_vfs=total,
                initial_vfs=total,
                num_vfs=device.vfs,
                vf_enable=device.vfs > 0,
                vf_mse=device.vfs > 0,
                ari_capable_hierarchy=port == 0,
                first_vf_offset=offset,
                vf_stride=stride,
                vf_device_id=product.vf_device_id,
                supported_page_sizes=_PAGE_SIZES,
                system_page_size=4096,
                vf_bars=(),
            )
            base = Function(
                pf_id, host, str(pf_address), pf_rid, FunctionKind.PF,
                vendor_id=product.vendor_id, device_id=product.device_id, class_code=product.class_code,
                driver=device.driver or product.driver, numa_node=device.numa, parent=port_id, sriov=state,
            )  # fmt: skip
            below.append(self._with_children(base, device.kind, len(self._functions) + port))
            vf = replace(
                base, kind=FunctionKind.VF, device_id=product.vf_device_id, driver=product.vf_driver,
                physical_function=pf_id, sriov=None,
            )  # fmt: skip
            for index in range(device.vfs):
                rid = vf_routing_id(pf_rid, offset, stride, index)
                if pf_rid + offset + stride * index > 0xFFFF:
                    raise TopologyError(
                        f"{label}: VF {index} of {device.vfs:,} would be routing ID {pf_rid + offset + stride * index:#x}, "
                        f"beyond bus ff; at most {self._fitting(pf_rid, offset, stride):,} VFs fit here"
                    )
                address = self._place(rid, f"VF {index} of {label}")
                highest = max(highest, rid)
                text = str(address)
                below.append(replace(vf, id=f"pci:{text}", address=text, routing_id=rid, vf_index=index))
        last_bus = highest >> 8
        self._functions.append(
            Function(
                port_id,
                host,
                str(port_address),
                port_address.routing_id,
                FunctionKind.ROOT_PORT,
                vendor_id="1b36",
                device_id="000c",
                class_code="060400",
                driver="pcieport",
                numa_node=device.numa,
                secondary_bus=first_bus,
                subordinate_bus=last_bus,
                ari_forwarding=True,
            )
        )
        self._functions += below
        self._next_bus = last_bus + 1
        return self

    @staticmethod
    def _fitting(pf_rid: int, offset: int, stride: int) -> int:
        return max(0, (0xFFFF - pf_rid - offset) // stride + 1)

    @staticmethod
    def _with_children(pf: Function, kind: str, number: int) -> Function:
        if kind == "nvme":
            space = NvmeNamespace(f"nvme{number}n1", 1, 1 << 40)
            return replace(pf, nvme_controllers=(NvmeController(f"nvme{number}", 0, "live", None, (space,)),))
        if kind == "nic":
            return replace(
                pf, network_interfaces=(NetworkInterface(f"eth{number}", None, 25_000, 1500, "up"),)
            )
        return pf

    def add_machines(self, count: int, *, prefix: str = "vm") -> HostBuilder:
        """Start VMs; each takes the next free VF of every device kind, and has a virtio disk and network card.

        Raises:
            ValueError: `count` is negative.
        """
        if count < 0:
            raise ValueError(f"vms is {count}, expected 0 or more")
        free: dict[str, list[int]] = {}
        for position, function in enumerate(self._functions):
            if function.kind is FunctionKind.VF and function.driver != "vfio-pci":
                free.setdefault((function.class_code or "")[:4], []).append(position)
        for positions in free.values():
            positions.reverse()
        for _ in range(count):
            name = f"{prefix}{len(self._machines)}"
            held = []
            for positions in free.values():
                if positions:
                    position = positions.pop()
                    self._functions[position] = replace(self._functions[position], driver="vfio-pci")
                    held.append(self._functions[position].id)
            devices = (VmDevice("virtio-blk", f"{name}.raw"), VmDevice("virtio-net", f"tap-{name}", False))
            self._machines.append(
                VirtualMachine(
                    f"vm:{name}",
                    f"host:{self.name}",
                    name,
                    "qemu",
                    tuple(held),
                    vcpus=2,
                    memory_bytes=4 << 30,
                    is_kvm=True,
                    devices=devices,
                )
            )
        return self

    def build(self) -> Topology:
        """The topology of what has been added so far."""
        host = f"host:{self.name}"
        bridge = Function(
            "pci:0000:00:00.0", host, "0000:00:00.0", 0, FunctionKind.HOST_BRIDGE,
            vendor_id="8086", device_id="29c0", class_code="060000",
        )  # fmt: skip
        functions = [bridge, *sorted(self._functions, key=lambda f: f.routing_id)]
        groups: tuple[IommuGroup, ...] = ()
        iommus: tuple[Iommu, ...] = ()
        if self.has_iommu:
            functions = [replace(f, iommu_group=number) for number, f in enumerate(functions)]
            groups = tuple(
                IommuGroup(f"iommu-group:{number}", host, number, "DMA", (f.id,))
                for number, f in enumerate(functions)
            )
            members = tuple(f.id for f in functions)
            iommus = (Iommu("iommu:dmar0", host, "intel", "dmar0", self.can_remap, self.can_post, members),)
        nodes = sorted({f.numa_node for f in functions if f.numa_node is not None})
        return Topology(
            hosts=(Host(host, self.name, source="synthetic"),),
            functions=tuple(functions),
            iommus=iommus,
            iommu_groups=groups,
            numa_nodes=tuple(NumaNode(f"numa:{n}", host, n) for n in nodes),
            virtual_machines=tuple(self._machines),
        )
