"""`HostBuilder`: a made-up host, piece by piece, for what the text of `synthetic` cannot say.

Switches with or without ACS, addresses of one's choice, several domains, any ids, the kind of the
IOMMU, VMs that hold what one says. Routing IDs follow the specification; those that wrap, collide or
leave the buses of their bridge are refused by name. Groups follow from tree and ACS, as in Linux.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..errors import TopologyError
from ..model.linux_groups import linux_groups
from ..model.nouns import (
    AcsState,
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
from ..pci.acs import ACS_ABBREVIATIONS, ACS_ISOLATION
from ..pci.address import Address, vf_routing_id
from .device import PRODUCTS, Device

_PAGE_SIZES = (4096, 8192, 65536, 262144, 1048576, 4194304)
_PORT_ACS = ("SV", "TB", "RR", "CR", "UF")
IOMMU_KINDS = {"intel": "dmar0", "amd": "ivhd0", "arm-smmu": "smmu0", "virtio": "virtio-iommu0"}


@dataclass(frozen=True)
class _Switch:
    """A PCIe switch: one upstream port, `ports` downstream ports with these ACS bits in force."""

    name: str
    ports: int
    acs: tuple[str, ...]
    numa: int | None


@dataclass(frozen=True)
class _Slot:
    """Something plugged in: behind a root port (at a bus, where one is given), or below a switch."""

    what: Device | _Switch
    below: str | None = None
    domain: int = 0
    bus: int | None = None
    acs: tuple[str, ...] = ACS_ISOLATION


@dataclass
class HostBuilder:
    """A made-up host, piece by piece; `build` gives its topology.

    Args:
        iommu: `intel`, `amd`, `arm-smmu`, `virtio`, or None for a host without one in use.
        can_remap, can_post: Whether the IOMMU remaps and posts interrupts; None for not known.
        group_type: The type of the groups' domains as the kernel names it, such as DMA or identity.

    >>> HostBuilder("lab").add(Device("nvme", vfs=2)).add_machines(1).build()
    <Topology lab: 5 functions, 1 PFs, 2 VFs, 5 IOMMU groups, 1 VMs, 0 warnings>
    >>> host = HostBuilder("lab").add_switch("sw", acs=()).add(Device("nvme", vfs=1), below="sw").build()
    >>> [len(group.functions) for group in host.iommu_groups]
    [1, 1, 1, 3, 1]
    """

    name: str = "synthetic"
    iommu: str | None = "intel"
    can_remap: bool | None = True
    can_post: bool | None = True
    group_type: str = "DMA"
    _slots: list[_Slot] = field(default_factory=list)
    _wishes: list[tuple[VirtualMachine, tuple[str, ...] | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.iommu is not None and self.iommu not in IOMMU_KINDS:
            raise ValueError(f"iommu {self.iommu!r}: expected None or one of {', '.join(IOMMU_KINDS)}")

    # -- what is plugged in -----------------------------------------------------------------------

    def add(
        self,
        device: Device,
        *,
        below: str | None = None,
        at: str | None = None,
        port_acs: tuple[str, ...] = _PORT_ACS,
    ) -> HostBuilder:
        """Plug in a device: behind a root port of its own, or `below` a switch of this name.

        Args:
            at: The address of its first PF, such as `3b:00.0` or `0001:3b:00.0`; bus 0 means on the
                root complex itself. Else the next free bus.
            port_acs: The ACS bits in force on its root port.
        Raises:
            ValueError: an address that no device can have, an unknown ACS bit.
            TopologyError: no such switch, or it is full.
        """
        if below is not None:
            if at is not None:
                raise ValueError(
                    f"{device.kind}: its address follows from switch {below!r}; leave out `at`, or give it to the switch"
                )
            switch = self._switch(below)
            taken = sum(slot.below == below for slot in self._slots)
            if taken >= switch.ports:
                raise TopologyError(f"{device.kind}: all {switch.ports} ports of switch {below!r} are taken")
        domain, bus = self._place_of(device.kind, at)
        self._slots.append(_Slot(device, below, domain, bus, _acs_bits(device.kind, port_acs)))
        return self

    def add_switch(
        self,
        name: str,
        *,
        ports: int = 2,
        acs: tuple[str, ...] = _PORT_ACS,
        at: str | None = None,
        below: str | None = None,
        numa: int | None = 0,
    ) -> HostBuilder:
        """Plug in a PCIe switch with `ports` downstream ports, each with these ACS bits in force.

        Raises:
            ValueError: a name that is taken, fewer than 1 or more than 32 ports, an unknown ACS bit.
            TopologyError: no such switch to stand below, or it is full.
        """
        if not 1 <= ports <= 32:
            raise ValueError(f"switch {name!r}: ports is {ports}, expected 1 to 32")
        if any(isinstance(slot.what, _Switch) and slot.what.name == name for slot in self._slots):
            raise ValueError(f"switch {name!r}: there is one of this name already")
        if below is not None:
            above = self._switch(below)
            if sum(slot.below == below for slot in self._slots) >= above.ports:
                raise TopologyError(f"switch {name!r}: all {above.ports} ports of switch {below!r} are taken")
        domain, bus = self._place_of(f"switch {name!r}", at)
        switch = _Switch(name, ports, _acs_bits(f"switch {name!r}", acs), numa)
        self._slots.append(_Slot(switch, below, domain, bus))
        return self

    def _switch(self, name: str) -> _Switch:
        switches = [slot.what for slot in self._slots if isinstance(slot.what, _Switch)]
        for switch in switches:
            if switch.name == name:
                return switch
        known = ", ".join(switch.name for switch in switches) or "none"
        raise TopologyError(f"switch {name!r}: no such switch; there are {known}")

    @staticmethod
    def _place_of(what: str, at: str | None) -> tuple[int, int | None]:
        if at is None:
            return 0, None
        address = Address.parse(at)
        if address.bus and (address.device or address.function):
            raise ValueError(f"{what}: at is {at!r}; the first function below a port is device 0, function 0")
        return address.domain, address.bus if address.bus else -address.routing_id

    # -- who uses it ------------------------------------------------------------------------------

    def add_machines(self, count: int, *, prefix: str = "vm") -> HostBuilder:
        """Start VMs; each takes the next free VF of every kind of device, and has a virtio disk and network card.

        Raises:
            ValueError: `count` is negative.
        """
        if count < 0:
            raise ValueError(f"vms is {count}, expected 0 or more")
        for _ in range(count):
            name = f"{prefix}{len(self._wishes)}"
            devices = (VmDevice("virtio-blk", f"{name}.raw"), VmDevice("virtio-net", f"tap-{name}", False))
            self._wishes.append((self._machine(name, 2, 4 << 30, devices), None))
        return self

    def add_machine(
        self,
        name: str,
        *,
        functions: tuple[str, ...] = (),
        devices: tuple[VmDevice, ...] = (),
        vcpus: int = 2,
        memory_bytes: int = 4 << 30,
    ) -> HostBuilder:
        """Start one VM that holds the functions with these addresses and has these mediated devices.

        Raises:
            ValueError: no vCPU or no memory.
        """
        if vcpus < 1 or memory_bytes < 1:
            raise ValueError(
                f"VM {name!r}: vcpus is {vcpus} and memory_bytes {memory_bytes}, expected 1 or more"
            )
        self._wishes.append((self._machine(name, vcpus, memory_bytes, devices), functions))
        return self

    def _machine(
        self, name: str, vcpus: int, memory_bytes: int, devices: tuple[VmDevice, ...]
    ) -> VirtualMachine:
        return VirtualMachine(
            f"vm:{name}", f"host:{self.name}", name, "qemu",
            vcpus=vcpus, memory_bytes=memory_bytes, is_kvm=True, devices=devices,
        )  # fmt: skip

    # -- the whole --------------------------------------------------------------------------------

    def build(self) -> Topology:
        """The topology of what has been added so far.

        Raises:
            TopologyError: routing IDs wrap, collide or leave the buses there are; a VM holds a function
                that is not there, or that another VM holds.
        """
        board = _Board(f"host:{self.name}")
        for slot in self._slots:
            if slot.below is None:
                board.plug(slot, [s for s in self._slots if s.below is not None])
        functions = board.functions()
        functions, machines = self._assign(functions)
        groups: tuple[IommuGroup, ...] = ()
        iommus: tuple[Iommu, ...] = ()
        host = f"host:{self.name}"
        if self.iommu is not None:
            members = linux_groups(functions)
            number_of = {target: number for number, ids in enumerate(members) for target in ids}
            functions = [_changed(f, iommu_group=number_of[f.id]) for f in functions]
            groups = tuple(
                IommuGroup(f"iommu-group:{number}", host, number, self.group_type, ids)
                for number, ids in enumerate(members)
            )
            unit = IOMMU_KINDS[self.iommu]
            everything = tuple(f.id for f in functions)
            iommus = (
                Iommu(f"iommu:{unit}", host, self.iommu, unit, self.can_remap, self.can_post, everything),
            )
        nodes = sorted({f.numa_node for f in functions if f.numa_node is not None})
        return Topology(
            hosts=(Host(host, self.name, source="synthetic"),),
            functions=tuple(functions),
            iommus=iommus,
            iommu_groups=groups,
            numa_nodes=tuple(NumaNode(f"numa:{n}", host, n) for n in nodes),
            virtual_machines=machines,
        )

    def _assign(self, functions: list[Function]) -> tuple[list[Function], tuple[VirtualMachine, ...]]:
        position = {f.id: index for index, f in enumerate(functions)}
        holder: dict[str, str] = {}
        named = {f"pci:{Address.parse(w)}" for _, wish in self._wishes if wish for w in wish}
        free: dict[str, list[str]] = {}
        for function in reversed(functions):
            if function.kind is FunctionKind.VF and function.id not in named:
                free.setdefault((function.class_code or "")[:4], []).append(function.id)
        machines = []
        for machine, wish in self._wishes:
            if wish is None:
                held = [ids.pop() for _, ids in sorted(free.items()) if ids]
            else:
                held = [f"pci:{Address.parse(address)}" for address in wish]
            for target in held:
                if target not in position:
                    raise TopologyError(f"{machine.id}: holds {target}, and no function has that address")
                if target in holder:
                    raise TopologyError(f"{machine.id}: holds {target}, which {holder[target]} holds already")
                holder[target] = machine.id
                functions[position[target]] = replace(functions[position[target]], driver="vfio-pci")
            machines.append(replace(machine, functions=tuple(held)))
        return functions, tuple(machines)


def _changed(function: Function, **changes: object) -> Function:
    """As dataclasses.replace, at a fifth of its time: a host may have 65,279 VFs that differ in four fields."""
    copy = object.__new__(Function)
    copy.__dict__.update(function.__dict__, **changes)
    return copy


def _acs_bits(what: str, bits: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [bit for bit in bits if bit not in ACS_ABBREVIATIONS]
    if unknown:
        raise ValueError(
            f"{what}: no ACS bit is called {unknown[0]!r}; there are {', '.join(ACS_ABBREVIATIONS)}"
        )
    return tuple(bit for bit in ACS_ABBREVIATIONS if bit in bits)


class _Board:
    """Gives out buses and routing IDs while a host is built, bus by bus, as firmware does."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._made: list[Function] = []
        self._used: dict[tuple[int, int], str] = {}
        self._next_bus: dict[int, int] = {}
        self._ports: dict[int, int] = {}
        self._counts: dict[str, int] = {}

    def functions(self) -> list[Function]:
        """All functions with a host bridge per domain, in order of address."""
        domains = {int(f.address[:4], 16) for f in self._made} or {0}
        bridges = [
            Function(
                f"pci:{Address(d, 0, 0, 0)}", self.host, str(Address(d, 0, 0, 0)), 0, FunctionKind.HOST_BRIDGE,
                vendor_id="8086", device_id="29c0", class_code="060000",
            )
            for d in domains
        ]  # fmt: skip
        return sorted([*bridges, *self._made], key=lambda f: (f.address[:4], f.routing_id))

    def _place(self, domain: int, routing_id: int, what: str) -> Address:
        address = Address.from_routing_id(domain, routing_id)
        taken = self._used.get((domain, routing_id)) or ("the host bridge" if routing_id == 0 else None)
        if taken is not None:
            raise TopologyError(
                f"{what} and {taken} would both be {address}; change offset, stride, count or address"
            )
        self._used[domain, routing_id] = what
        return address

    def _bus(self, domain: int, wanted: int | None, what: str) -> int:
        next_bus = self._next_bus.get(domain, 1)
        bus = next_bus if wanted is None else wanted
        if bus > 0xFF:
            raise TopologyError(f"{what}: all 256 bus numbers are taken")
        if bus < next_bus:
            raise TopologyError(
                f"{what}: bus {bus:02x} lies in the buses given out already; {next_bus:02x} is the next free one "
                "(give out fixed addresses in rising order, and before the free ones)"
            )
        self._next_bus[domain] = bus + 1
        return bus

    def plug(self, slot: _Slot, lower: list[_Slot]) -> None:
        """Put a device or a switch, with all below it, behind a root port of its own."""
        what = slot.what.kind if isinstance(slot.what, Device) else f"switch {slot.what.name!r}"
        if slot.bus is not None and slot.bus <= 0:
            if isinstance(slot.what, _Switch):
                raise TopologyError(f"{what}: a switch stands behind a root port, on bus 1 or above")
            self._device(slot.what, slot.domain, -slot.bus, None)
            return
        number = self._ports.get(slot.domain, 0)
        if number >= 31 * 8:
            raise TopologyError(f"{what}: all {31 * 8} root ports of bus 00 are taken")
        self._ports[slot.domain] = number + 1
        # One root port to a device number, until there is none left.
        routing_id = (1 + number % 31) << 3 | number // 31
        numa = slot.what.numa
        self._port(
            FunctionKind.ROOT_PORT, slot.domain, routing_id, None, slot.acs, numa, slot, slot.bus, lower
        )

    def _port(
        self,
        kind: FunctionKind,
        domain: int,
        routing_id: int,
        parent: str | None,
        acs: tuple[str, ...],
        numa: int | None,
        slot: _Slot | None,
        wanted_bus: int | None,
        lower: list[_Slot],
    ) -> None:
        """A root or downstream port, and what is plugged into it."""
        what = f"{kind.value} {Address.from_routing_id(domain, routing_id)}"
        address = self._place(domain, routing_id, what)
        bus = self._bus(domain, wanted_bus, what)
        index = len(self._made)
        device_id = "000c" if kind is FunctionKind.ROOT_PORT else "0233"
        self._made.append(
            Function(
                f"pci:{address}", self.host, str(address), routing_id, kind,
                vendor_id="1b36" if kind is FunctionKind.ROOT_PORT else "104c", device_id=device_id,
                class_code="060400", driver="pcieport", numa_node=numa, parent=parent, secondary_bus=bus,
                acs=AcsState(acs, acs) if acs else None, ari_forwarding=True,
            )
        )  # fmt: skip
        if slot is not None and isinstance(slot.what, Device):
            self._device(slot.what, domain, bus << 8, f"pci:{address}")
        elif slot is not None and isinstance(slot.what, _Switch):
            self._insides(slot.what, domain, bus, f"pci:{address}", lower)
        self._made[index] = replace(self._made[index], subordinate_bus=self._next_bus[domain] - 1)

    def _insides(self, switch: _Switch, domain: int, bus: int, parent: str, lower: list[_Slot]) -> None:
        """The upstream port of a switch, its inner bus, and its downstream ports."""
        address = self._place(domain, bus << 8, f"upstream port of switch {switch.name!r}")
        inner = self._bus(domain, None, f"switch {switch.name!r}")
        index = len(self._made)
        self._made.append(
            Function(
                f"pci:{address}", self.host, str(address), bus << 8, FunctionKind.UPSTREAM_PORT,
                vendor_id="104c", device_id="8232", class_code="060400", driver="pcieport", numa_node=switch.numa,
                parent=parent, secondary_bus=inner,
            )
        )  # fmt: skip
        below = [slot for slot in lower if slot.below == switch.name]
        for port in range(switch.ports):
            slot = below[port] if port < len(below) else None
            rid = inner << 8 | port << 3
            self._port(
                FunctionKind.DOWNSTREAM_PORT, domain, rid, f"pci:{address}", switch.acs, switch.numa, slot, None, lower
            )  # fmt: skip
        self._made[index] = replace(self._made[index], subordinate_bus=self._next_bus[domain] - 1)

    def _device(self, device: Device, domain: int, first: int, parent: str | None) -> None:
        """The PFs of a device from routing ID `first` on, and their VFs."""
        product = PRODUCTS[device.kind]
        # Ports take turns: VF n of port p follows VF n of port p - 1.
        offset = device.offset if device.offset is not None else device.ports
        stride = device.stride if device.stride is not None else device.ports
        total = device.total if device.total is not None else device.vfs
        vf_device_id = device.vf_device_id or product.vf_device_id
        highest = first
        for port in range(device.ports):
            pf_rid = first + port
            pf_address = Address.from_routing_id(domain, pf_rid)
            label = f"{device.kind} PF {str(pf_address).removeprefix('0000:')}"
            self._place(domain, pf_rid, label)
            pf_id = f"pci:{pf_address}"
            state = SriovState(
                total_vfs=total, driver_max_vfs=total, initial_vfs=total, num_vfs=device.vfs,
                vf_enable=device.vfs > 0, vf_mse=device.vfs > 0, ari_capable_hierarchy=port == 0,
                first_vf_offset=offset, vf_stride=stride, vf_device_id=vf_device_id,
                supported_page_sizes=_PAGE_SIZES, system_page_size=4096, vf_bars=(),
            )  # fmt: skip
            has_sriov = device.total is None or device.total > 0
            base = Function(
                pf_id, self.host, str(pf_address), pf_rid, FunctionKind.PF if has_sriov else FunctionKind.ENDPOINT,
                vendor_id=device.vendor_id or product.vendor_id, device_id=device.device_id or product.device_id,
                class_code=device.class_code or product.class_code, driver=device.driver or product.driver,
                numa_node=device.numa, parent=parent, sriov=state if has_sriov else None,
                acs=AcsState(ACS_ISOLATION, ACS_ISOLATION) if device.ports > 1 and device.acs else None,
            )  # fmt: skip
            self._made.append(self._with_children(base, device.kind))
            vf = replace(
                base, kind=FunctionKind.VF, device_id=vf_device_id, driver=device.vf_driver or product.vf_driver,
                physical_function=pf_id, sriov=None, acs=None,
            )  # fmt: skip
            for index in range(device.vfs):
                rid = vf_routing_id(pf_rid, offset, stride, index)
                if pf_rid + offset + stride * index > 0xFFFF:
                    fitting = max(0, (0xFFFF - pf_rid - offset) // stride + 1)
                    raise TopologyError(
                        f"{label}: VF {index} of {device.vfs:,} would be routing ID {pf_rid + offset + stride * index:#x}, "
                        f"beyond bus ff; at most {fitting:,} VFs fit here"
                    )
                text = str(self._place(domain, rid, f"VF {index} of {label}"))
                highest = max(highest, rid)
                self._made.append(
                    _changed(vf, id=f"pci:{text}", address=text, routing_id=rid, vf_index=index)
                )
        self._next_bus[domain] = max(self._next_bus.get(domain, 1), (highest >> 8) + 1)

    def _with_children(self, pf: Function, kind: str) -> Function:
        number = self._counts.get(kind, 0)
        self._counts[kind] = number + 1
        if kind == "nvme":
            space = NvmeNamespace(f"nvme{number}n1", 1, 1 << 40)
            return replace(pf, nvme_controllers=(NvmeController(f"nvme{number}", 0, "live", None, (space,)),))
        if kind == "nic":
            interface = NetworkInterface(f"eth{number}", None, 25_000, 1500, "up")
            return replace(pf, network_interfaces=(interface,))
        return pf
