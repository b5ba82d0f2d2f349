"""A path on a given host: which of its own PF, VF, port, IOMMU and VM a request would pass.

What the host lacks is assumed and becomes a doubt; the journey then plays as "what if".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import PathError
from ..model.nouns import Function, FunctionKind, Iommu, VirtualMachine
from ..model.topology import Topology
from .costing import conditions, priced, pricing
from .journey import Doubt, Evidence, Hop, Journey, Label, Station, Tier
from .path import Path, parse_path, path_data
from .request import Read, Request
from .setting import Setting, setting_of

_STORAGE_CLASS, _NETWORK_CLASS = "0108", "02"
_MEDIATED = {True: ("virtio-blk", "virtio-scsi"), False: ("virtio-net",)}
_EMULATED_KINDS = {"ahci": ("ide-hd", "ahci"), "nvme": ("nvme",), "e1000": ("e1000",), "microvm": ("virtio",)}
_CALLS = {
    "read": "pread()",
    "write": "pwrite()",
    "send": "send()",
    "receive": "recv()",
    "message": "send(), recv()",
}
# The driver that a guest runs on a VF, by the driver of its PF on the host.
_VF_DRIVERS = {"igb": "igbvf", "ixgbe": "ixgbevf", "i40e": "iavf", "ice": "iavf", "bnxt_en": "bnxt_en"}


@dataclass(frozen=True)
class _Parts:
    """What of the host takes part in a journey; None where it has to be assumed."""

    vm: VirtualMachine | None
    pf: Function | None
    vf: Function | None
    function: Function | None
    port: Function | None
    iommu: Iommu | None


def journey(
    topology: Topology,
    path: str,
    request: Request | None = None,
    *,
    vm: str | None = None,
    function: str | None = None,
    setting: Setting | None = None,
    **knobs: object,
) -> Journey:
    """One request's journey over a path on this host, hop by hop, with costs.

    Args:
        path: As `parse_path` reads it. Without an interrupt mode, the host decides: posted where its
            IOMMU can post, else trapped.
        request: `Read(4096)` unless given, or `Write`, `Send`, `Receive`, `Message`.
        vm: Name or id of a VM; else one that holds a fitting VF, else the first.
        function: Address or id of the VF or PF to use.
        knobs: Those of `Setting`, such as `media="nand"` or `vcpu="running"`.
    Raises:
        PathError: an unknown path, VM, function or knob, or a value it does not take; lists those there are.
    """
    request = Read() if request is None else request
    if not isinstance(request, Request):
        raise PathError(
            f"request is {request!r}, expected Read, Write, Send, Receive or Message, such as Read(4096)"
        )
    chosen = setting_of(setting, knobs)
    parsed = parse_path(path)
    parts = _find(topology, parsed, request, vm, function)
    whole, holding = resolved(parsed, request, chosen, can_post=_can_post(topology, parts) is True)
    slots = _slots(parts, whole, request, topology.hosts[0].name if topology.hosts else "host")
    hops = tuple(
        replace(hop, label=Label(hop.label.key, slots))
        for hop in priced(whole.name, holding, pricing(request, chosen))
    )
    return Journey(
        path=str(whole),
        request=request.text,
        stations=_stations(topology, parts, whole, request, slots, chosen.media, hops),
        hops=hops,
        doubts=_doubts(topology, parts, whole, request, slots),
        vm=parts.vm.id if parts.vm else None,
        function=parts.function.id if parts.function else None,
        route=whole.route,
    )


def resolved(
    path: Path, request: Request, setting: Setting, *, can_post: bool, is_stream: bool = False
) -> tuple[Path, frozenset[str]]:
    """The path with its interrupt mode, and the conditions that hold for a request in a setting.

    Unless said, the vCPU has halted where one request at a time is waited for, and runs where more are in
    flight or packets stream; nobody waits for a packet to be sent, so there it goes on running.
    """
    options = path.options
    if setting.haltpoll and "haltpoll" not in options and "haltpoll" in path_data(path.name)["options"]:
        options = tuple(sorted((*options, "haltpoll")))
    mode = path.mode or ("posted" if can_post else "trapped")
    vcpu = setting.vcpu
    if vcpu is None:
        # A stream of packets is busy; a read, a message or one packet at a time is waited for.
        is_alone = setting.rate is None and not is_stream
        is_alone = is_alone and (setting.depths is None or max(setting.depths) == 1)
        vcpu = "halted" if is_alone else "running"
    if request.kind == "send" and vcpu == "halted":
        vcpu = "running"
    if path.name == "native":
        return Path(path.name, None, options), conditions(path, "posted", "running")
    whole = Path(path.name, mode, options)
    return whole, conditions(whole, mode, vcpu)


# -- finding the parts --------------------------------------------------------------------------


def _fits(function: Function, request: Request) -> bool:
    wanted = _STORAGE_CLASS if request.is_storage else _NETWORK_CLASS
    return (function.class_code or "").startswith(wanted)


def _find(topology: Topology, path: Path, request: Request, vm: str | None, function: str | None) -> _Parts:
    chosen = _function(topology, function)
    machine = None if path.name == "native" and vm is None else _machine(topology, request, vm, chosen)
    vf = _vf(topology, request, machine, chosen)
    pf = _pf(topology, request, vf, chosen)
    used = vf if path.name == "sriov" else pf
    ports = list(topology.ports_above(used)) if used else []
    return _Parts(
        vm=machine,
        pf=pf,
        vf=vf,
        function=used,
        port=ports[0] if ports else None,
        iommu=topology.iommu_of(used) if used else None,
    )


def _function(topology: Topology, name: str | None) -> Function | None:
    if name is None:
        return None
    try:
        return topology.function(name)
    except KeyError as err:
        raise PathError(str(err.args[0])) from err


def _machine(
    topology: Topology, request: Request, name: str | None, chosen: Function | None
) -> VirtualMachine | None:
    machines = topology.virtual_machines
    if name is not None:
        for machine in machines:
            if name in (machine.name, machine.id):
                return machine
        known = ", ".join(m.name for m in machines[:8]) or "none"
        raise PathError(f"vm {name!r}: no such VM on this host; there are {known}")
    if chosen is not None and topology.holder_of(chosen) is not None:
        return topology.holder_of(chosen)
    holders = (m for m in machines if _held(topology, m, request))
    return next(holders, machines[0] if machines else None)


def _held(topology: Topology, machine: VirtualMachine, request: Request) -> Function | None:
    functions = (topology[i] for i in machine.functions)
    return next((f for f in functions if f.kind is FunctionKind.VF and _fits(f, request)), None)


def _vf(
    topology: Topology, request: Request, machine: VirtualMachine | None, chosen: Function | None
) -> Function | None:
    if chosen is not None and chosen.kind is FunctionKind.VF:
        return chosen
    if machine is not None and chosen is None:
        held = _held(topology, machine, request)
        if held is not None:
            return held
    all_vfs = topology.vfs_of(chosen.id) if chosen is not None else topology.virtual_functions
    free = [f for f in all_vfs if _fits(f, request) and topology.holder_of(f) is None]
    free.sort(key=lambda f: f.driver != "vfio-pci")
    return free[0] if free else None


def _pf(
    topology: Topology, request: Request, vf: Function | None, chosen: Function | None
) -> Function | None:
    if vf is not None and vf.physical_function is not None:
        found: Function = topology[vf.physical_function]
        return found
    if chosen is not None and chosen.kind is not FunctionKind.VF:
        return chosen
    fitting = [f for f in topology.functions if _fits(f, request) and f.kind is not FunctionKind.VF]
    fitting.sort(key=lambda f: f.kind is not FunctionKind.PF)
    return fitting[0] if fitting else None


def _can_post(topology: Topology, parts: _Parts) -> bool | None:
    if parts.iommu is not None:
        return parts.iommu.posted_interrupts
    known = [unit.posted_interrupts for unit in topology.iommus]
    return any(known) if known and None not in known else None


# -- words and boxes ----------------------------------------------------------------------------


def short_address(function: Function) -> str:
    """The address without its domain where that is 0."""
    return function.address.removeprefix("0000:")


def _guest_driver(path: Path, request: Request, pf_driver: str) -> str:
    if "userspace" in path.options:
        return "SPDK" if request.is_storage else "DPDK"
    if path.name == "native":
        return pf_driver
    if path.name == "sriov":
        return "nvme" if request.is_storage else _VF_DRIVERS.get(pf_driver, pf_driver)
    if path.name.startswith("emulated:") and path.name != "emulated:microvm":
        return path.name.partition(":")[2]
    return "virtio-blk" if request.is_storage else "virtio-net"


def _vmm(parts: _Parts, path: Path, request: Request) -> str:
    """Who serves the VM's device in user space."""
    if path.name == "vhost-user":
        return "SPDK" if request.is_storage else "DPDK"
    if path.name == "emulated:microvm":
        return "Firecracker"
    return "QEMU" if parts.vm is None or parts.vm.vmm == "qemu" else parts.vm.vmm


def slots_without_host(path: Path, request: Request) -> dict[str, str]:
    """What the names in a label's sentence are where there is no host: the plain words."""
    return _slots(_Parts(None, None, None, None, None, None), path, request)


def _slots(parts: _Parts, path: Path, request: Request, host: str = "host") -> dict[str, str]:
    pf_driver = (parts.pf.driver if parts.pf else None) or ("nvme" if request.is_storage else "igb")
    guest = _guest_driver(path, request, pf_driver)
    return {
        "vm": parts.vm.name if parts.vm else "VM",
        "owner": host if path.name == "native" else parts.vm.name if parts.vm else "VM",
        "vmm": _vmm(parts, path, request),
        "pf": f"PF {short_address(parts.pf)}" if parts.pf else "PF",
        "vf": f"VF {short_address(parts.vf)}" if parts.vf else "VF",
        "function": f"{'VF' if path.name == 'sriov' else 'PF'} {short_address(parts.function)}".strip()
        if parts.function
        else ("VF" if path.name == "sriov" else "PF"),
        "port": short_address(parts.port) if parts.port else "",
        "iommu": parts.iommu.name if parts.iommu else "IOMMU",
        "driver": pf_driver,
        "guest_driver": guest,
        "call": _CALLS[request.kind],
        "size": f"{request.size:,}",
    }


# Which box says what, where a path has a word of its own for it.
_VMM_THREAD = {
    "vhost-user": ("vhost-user-storage", "vhost-user-network"),
    "emulated:ahci": ("device-model", "device-model"),
    "emulated:nvme": ("device-model", "device-model"),
    "emulated:e1000": ("device-model", "device-model"),
    "emulated:microvm": ("microvm", "microvm"),
}


def _stations(
    topology: Topology,
    parts: _Parts,
    path: Path,
    request: Request,
    slots: dict[str, str],
    media: str,
    hops: tuple[Hop, ...],
) -> tuple[Station, ...]:
    known = Evidence.DESCRIBED if any(h.source == "described" for h in topology.hosts) else Evidence.SEEN
    used = {name for hop in hops for name in (hop.start, hop.end, *hop.via)}

    def evidence(thing: object) -> Evidence:
        return known if thing is not None else Evidence.ASSUMED

    def of(role: str, tier: Tier, thing: Function | Iommu | VirtualMachine | None, key: str = "") -> Station:
        label = Label(f"station.{key or role}", slots)
        return Station(role, tier, role, label, evidence(thing), thing.id if thing else None)

    machine, is_native = parts.vm, path.name == "native"
    is_user = "userspace" in path.options
    driver = "user-driver" if is_user else "native-driver" if is_native else ""
    thread = _VMM_THREAD.get(path.name, ("vmm-thread", "vmm-thread"))[0 if request.is_storage else 1]
    if thread == "vmm-thread" and {"iothread", "nvme-userspace"} & set(path.options):
        thread = "vmm-iothread"
    stations = [
        of("application", Tier.APPLICATION, None),
        of(
            "guest-driver",
            Tier.APPLICATION if is_user else Tier.GUEST_KERNEL,
            parts.pf if is_native and not is_user else None,
            driver,
        ),
        of("guest-memory", Tier.GUEST_KERNEL, machine, "host-memory" if is_native else ""),
        of("kvm", Tier.HOST_KERNEL, machine),
        of("vmm-thread", Tier.VMM, machine, thread),
        of("vhost-worker", Tier.HOST_KERNEL, machine),
        of("host-driver", Tier.HOST_KERNEL, parts.pf if parts.pf and parts.pf.driver else None),
        of("port", Tier.PCIE, parts.port, "port" if parts.port else "port-unknown"),
        of("iommu", Tier.PCIE, parts.iommu),
        of("function", Tier.DEVICE, parts.function),
        of("media", Tier.MEDIA, None, f"media-{media}" if request.is_storage else "wire"),
    ]
    if is_native:
        # The memory of a host is there, whether or not a VM is.
        stations[2] = replace(stations[2], evidence=known)
    always = {"guest-memory", "port", "iommu", *(() if is_native else ("kvm",))}
    return tuple(s for s in stations if s.id in used | always)


def _doubts(
    topology: Topology, parts: _Parts, path: Path, request: Request, slots: dict[str, str]
) -> tuple[Doubt, ...]:
    found: list[Doubt] = []

    def doubt(key: str, thing: str | None = None) -> None:
        found.append(Doubt(Label(f"doubt.{key}", slots), thing))

    machine = parts.vm
    if path.name == "native":
        if parts.pf is None:
            doubt("no-device")
        return tuple(found)
    if machine is None:
        doubt("no-vm")
    if path.route == "mediated":
        if machine is not None:
            missing = _missing(machine, path, request)
            if missing is not None:
                doubt(missing, machine.id)
        if parts.pf is None:
            doubt("no-device")
    else:
        if parts.vf is None:
            doubt("no-vf", parts.pf.id if parts.pf else None)
        elif machine is not None and parts.vf.id not in machine.functions:
            doubt("not-held", parts.vf.id)
        if parts.function is not None and parts.iommu is None and not topology.iommus:
            doubt("no-iommu", parts.function.id)
    if path.mode == "posted":
        can_post = _can_post(topology, parts)
        if can_post is False:
            doubt("no-posting", parts.iommu.id if parts.iommu else None)
        elif can_post is None and topology.iommus:
            doubt("posting-unknown", parts.iommu.id if parts.iommu else None)
    return tuple(found)


def _missing(machine: VirtualMachine, path: Path, request: Request) -> str | None:
    """What this VM would need for a mediated path and does not have, as the key of a doubt."""
    kinds = [d.kind for d in machine.devices]
    if path.name.startswith("emulated:"):
        wanted = _EMULATED_KINDS[path.name.partition(":")[2]]
        return None if any(kind.startswith(wanted) for kind in kinds) else "no-emulated"
    if path.name == "vhost-user":
        is_there = any(kind.startswith("vhost-user") for kind in kinds)
        return None if is_there else "no-vhost-user"
    fitting = [d for d in machine.devices if d.kind in _MEDIATED[request.is_storage]]
    if not fitting:
        return "no-virtio-disk" if request.is_storage else "no-virtio-net"
    if path.name == "virtio" and not request.is_storage and all(d.is_vhost for d in fitting):
        return "vhost"
    if path.name == "vhost" and not any(d.is_vhost for d in fitting):
        return "not-vhost"
    return None
