"""A path on a given host: which of its own PF, VF, port, IOMMU and VM a request would pass.

What the host lacks is assumed and becomes a doubt; the journey then plays as "what if".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PathError
from ..model.nouns import Function, FunctionKind, Iommu, VirtualMachine
from ..model.topology import Topology
from .costing import MEDIA, conditions, priced_hops
from .journey import Doubt, Evidence, Journey, Label, Station, Tier
from .path import Path, parse_path
from .request import Read, Request

_CLASS = {"read": "0108", "send": "02"}
_MEDIATED = {"read": ("virtio-blk", "virtio-scsi"), "send": ("virtio-net",)}
_GUEST_DRIVER = {
    ("virtio", "read"): "virtio-blk",
    ("virtio", "send"): "virtio-net",
    ("sriov", "read"): "nvme",
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
    media: str = "optane",
    vcpu: str = "halted",
) -> Journey:
    """One request's journey over a path on this host, hop by hop, with costs.

    Args:
        path: As `parse_path` reads it. Without an interrupt mode, the host decides: posted where its
            IOMMU can post, else trapped.
        request: `Read(4096)` unless given, or `Send(1500)`.
        vm: Name or id of a VM; else one that holds a fitting VF, else the first.
        function: Address or id of the VF or PF to use.
        media: `optane` or `nand`, for a read.
        vcpu: `halted`, as after a blocking call at queue depth 1, or `running`, in a busy guest.
    Raises:
        PathError: an unknown path, VM, function, medium or vCPU state; lists those there are.
    """
    request = request or Read()
    if media not in MEDIA:
        raise PathError(f"media {media!r}: expected one of {', '.join(MEDIA)}")
    if vcpu not in ("halted", "running"):
        raise PathError(f"vcpu {vcpu!r}: expected halted or running")
    parsed = parse_path(path)
    parts = _find(topology, parsed, request, vm, function)
    mode = parsed.mode or ("posted" if _can_post(topology, parts) else "trapped")
    whole = Path(parsed.name, mode, parsed.options)
    # Nobody waits for a packet to be sent, so the vCPU goes on running.
    is_halted = vcpu == "halted" and request.kind == "read"
    slots = _slots(parts, parsed, request)
    holding = conditions(mode, is_halted=is_halted, options=parsed.options)
    return Journey(
        path=str(whole),
        request=request.text,
        stations=_stations(topology, parts, parsed, request, slots, media),
        hops=priced_hops(parsed.name, request.kind, holding, media, slots),
        doubts=_doubts(topology, parts, whole, request, slots),
        vm=parts.vm.id if parts.vm else None,
        function=parts.function.id if parts.function else None,
    )


# -- finding the parts --------------------------------------------------------------------------


def _fits(function: Function, request: Request) -> bool:
    return (function.class_code or "").startswith(_CLASS[request.kind])


def _find(topology: Topology, path: Path, request: Request, vm: str | None, function: str | None) -> _Parts:
    chosen = _function(topology, function)
    machine = _machine(topology, request, vm, chosen)
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


def _slots(parts: _Parts, path: Path, request: Request) -> dict[str, str]:
    pf_driver = (parts.pf.driver if parts.pf else None) or ("nvme" if request.kind == "read" else "igb")
    guest = _GUEST_DRIVER.get((path.name, request.kind)) or _VF_DRIVERS.get(pf_driver, pf_driver)
    return {
        "vm": parts.vm.name if parts.vm else "VM",
        "vmm": "QEMU" if parts.vm is None or parts.vm.vmm == "qemu" else parts.vm.vmm,
        "pf": f"PF {short_address(parts.pf)}" if parts.pf else "PF",
        "vf": f"VF {short_address(parts.vf)}" if parts.vf else "VF",
        "function": f"{'VF' if path.name == 'sriov' else 'PF'} {short_address(parts.function)}".strip()
        if parts.function
        else ("VF" if path.name == "sriov" else "PF"),
        "port": short_address(parts.port) if parts.port else "",
        "iommu": parts.iommu.name if parts.iommu else "IOMMU",
        "driver": pf_driver,
        "guest_driver": guest,
        "call": "pread()" if request.kind == "read" else "send()",
        "size": f"{request.size:,}",
    }


def _stations(
    topology: Topology, parts: _Parts, path: Path, request: Request, slots: dict[str, str], media: str
) -> tuple[Station, ...]:
    known = Evidence.DESCRIBED if any(h.source == "described" for h in topology.hosts) else Evidence.SEEN

    def evidence(thing: object) -> Evidence:
        return known if thing is not None else Evidence.ASSUMED

    def of(role: str, tier: Tier, thing: Function | Iommu | VirtualMachine | None, key: str = "") -> Station:
        label = Label(f"station.{key or role}", slots)
        return Station(role, tier, role, label, evidence(thing), thing.id if thing else None)

    in_guest = parts.vm
    stations = [
        of("application", Tier.APPLICATION, None),
        of("guest-driver", Tier.GUEST_KERNEL, None),
        of("guest-memory", Tier.GUEST_KERNEL, in_guest),
        of("kvm", Tier.HOST_KERNEL, in_guest),
    ]
    if path.name == "virtio":
        key = "vmm-iothread" if "iothread" in path.options else "vmm-thread"
        stations += [
            of("vmm-thread", Tier.VMM, in_guest, key),
            of("host-driver", Tier.HOST_KERNEL, parts.pf if parts.pf and parts.pf.driver else None),
        ]
    stations += [
        of("port", Tier.PCIE, parts.port, "port" if parts.port else "port-unknown"),
        of("iommu", Tier.PCIE, parts.iommu),
        of("function", Tier.DEVICE, parts.function),
        of("media", Tier.MEDIA, None, f"media-{media}" if request.kind == "read" else "wire"),
    ]
    return tuple(stations)


def _doubts(
    topology: Topology, parts: _Parts, path: Path, request: Request, slots: dict[str, str]
) -> tuple[Doubt, ...]:
    found: list[Doubt] = []

    def doubt(key: str, thing: str | None = None) -> None:
        found.append(Doubt(Label(f"doubt.{key}", slots), thing))

    machine = parts.vm
    if machine is None:
        doubt("no-vm")
    if path.name == "virtio":
        if machine is not None and not any(d.kind in _MEDIATED[request.kind] for d in machine.devices):
            doubt("no-virtio-disk" if request.kind == "read" else "no-virtio-net", machine.id)
        elif (
            machine is not None
            and request.kind == "send"
            and all(d.is_vhost for d in machine.devices if d.kind == "virtio-net")
        ):
            doubt("vhost", machine.id)
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
