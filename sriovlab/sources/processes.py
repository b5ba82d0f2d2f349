"""The virtual machines of a host, from /proc: processes that hold a KVM VM or a VFIO device.

A process is a VM when one of its file descriptors is an `anon_inode:kvm-vm`, a VFIO group
(`/dev/vfio/17`) or a VFIO device (`/dev/vfio/devices/vfio3`). Its command line says the rest.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import Any, Dict, List, Optional, Set, Tuple

from ..model.nouns import Function, VirtualMachine, VmDevice
from .reader import Reader

_VMMS = (
    ("qemu", "qemu"),
    ("kvm", "qemu"),
    ("cloud-hypervisor", "cloud-hypervisor"),
    ("firecracker", "firecracker"),
    ("crosvm", "crosvm"),
)
_MEDIATED = re.compile(
    r"(virtio-(blk|net|scsi)|vhost-user-(blk|scsi)|e1000e?|rtl8139|igb|ide-hd|scsi-hd|nvme|usb-storage)(-pci|-ccw|-device)?(-(non-)?transitional)?$"
)
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def read_virtual_machines(reader: Reader, host: str, functions: List[Function]) -> Tuple[VirtualMachine, ...]:
    """All VMs whose process can be seen; a warning says so when other users' processes cannot."""
    by_group: Dict[int, List[str]] = {}
    by_device: Dict[str, str] = {}
    by_address: Dict[str, str] = {f.address: f.id for f in functions}
    for function in functions:
        if function.iommu_group is not None and "vfio" in (function.driver or ""):
            by_group.setdefault(function.iommu_group, []).append(function.id)
        for name in function.vfio_devices:
            by_device[name] = function.id
    machines: List[VirtualMachine] = []
    names: Set[str] = set()
    hidden = 0
    for pid in sorted((int(n) for n in reader.tree.names("/proc") if n.isdigit())):
        base = f"/proc/{pid}"
        try:
            descriptors = reader.tree.list(f"{base}/fd")
        except PermissionError:
            hidden += 1
            continue
        except OSError:
            continue
        targets = [reader.tree.link(f"{base}/fd/{d}") or "" for d in descriptors]
        groups = sorted(
            {int(m.group(1)) for t in targets for m in [re.fullmatch(r"/dev/vfio/(\d+)", t)] if m}
        )
        devices = sorted(
            {m.group(1) for t in targets for m in [re.fullmatch(r"/dev/vfio/devices/(vfio\d+)", t)] if m}
        )
        is_kvm = any(t.startswith("anon_inode:") and "kvm-vm" in t for t in targets)
        if not (groups or devices or is_kvm):
            continue
        arguments = _arguments(reader, base)
        held = _held(arguments, groups, devices, by_group, by_device, by_address, functions)
        name = _unique(_name(arguments) or f"pid{pid}", names)
        machines.append(
            VirtualMachine(
                id=f"vm:{name}",
                host=host,
                name=name,
                vmm=_vmm(arguments, reader.text(f"{base}/comm", "host")),
                functions=held,
                pid=pid,
                vcpus=_vcpus(arguments, targets),
                memory_bytes=_memory(arguments),
                is_kvm=is_kvm,
                cpus_allowed=_cpus_allowed(reader, base),
                devices=_devices(arguments),
            )
        )
    if hidden:
        reader.warn(
            host,
            f"the open files of {hidden} processes of other users could not be read; "
            "VMs may be missing, capture again as root to see them",
        )
    return tuple(machines)


def _arguments(reader: Reader, base: str) -> List[str]:
    data = reader.data(f"{base}/cmdline", "host") or b""
    return [part.decode("utf-8", "replace") for part in data.rstrip(b"\0").split(b"\0")] if data else []


def _options(arguments: List[str], flag: str) -> List[str]:
    """The values after `-flag` or `--flag`."""
    flags = (f"-{flag}", f"--{flag}")
    return [arguments[i + 1] for i, a in enumerate(arguments[:-1]) if a in flags]


def _fields(value: str) -> Dict[str, str]:
    """A QEMU option as a dict; its first bare word is under `driver`. Both of QEMU's forms: a,b=c and JSON."""
    if value.startswith("{"):
        try:
            table: Any = json.loads(value)
        except ValueError:
            return {}
        return {k: str(v) for k, v in table.items()} if isinstance(table, dict) else {}
    fields: Dict[str, str] = {}
    for i, part in enumerate(re.split(r"(?<!,),(?!,)", value)):
        key, equals, word = part.partition("=")
        if equals:
            fields[key] = word.replace(",,", ",")
        elif i == 0:
            fields["driver"] = part
    return fields


def _name(arguments: List[str]) -> Optional[str]:
    for value in _options(arguments, "name"):
        fields = _fields(value)
        found = fields.get("guest") or fields.get("driver")
        if found:
            return found
    for flag in ("id", "api-sock", "api-socket"):
        for value in _options(arguments, flag):
            return posixpath.basename(value).rsplit(".", 1)[0] or None
    return None


def _unique(name: str, names: Set[str]) -> str:
    found, count = name, 2
    while found in names:
        found, count = f"{name}-{count}", count + 1
    names.add(found)
    return found


def _vmm(arguments: List[str], comm: Optional[str]) -> str:
    program = posixpath.basename(arguments[0]) if arguments else comm or ""
    for word, vmm in _VMMS:
        if word in program or word in (comm or ""):
            return vmm
    return comm or "unknown"


def _vcpus(arguments: List[str], targets: List[str]) -> Optional[int]:
    for value in _options(arguments, "smp"):
        fields = _fields(value)
        count = fields.get("cpus") or fields.get("driver")
        if count and count.isdigit():
            return int(count)
    for value in _options(arguments, "cpus"):
        count = _fields(value).get("boot", value)
        if count.isdigit():
            return int(count)
    vcpus = {t for t in targets if "kvm-vcpu" in t}
    return len(vcpus) or None


def _memory(arguments: List[str]) -> Optional[int]:
    for value in _options(arguments, "m") + _options(arguments, "memory"):
        fields = _fields(value)
        match = re.fullmatch(r"(\d+)([kmgtKMGT]?)[bB]?", fields.get("size") or fields.get("driver") or "")
        if match:
            # QEMU's -m counts MiB where no unit is given.
            return int(match.group(1)) * _UNITS[match.group(2).lower() or "m"]
    return None


def _cpus_allowed(reader: Reader, base: str) -> Optional[str]:
    match = re.search(
        r"^Cpus_allowed_list:\s*(\S+)", reader.text(f"{base}/status", "host") or "", re.MULTILINE
    )
    return match.group(1) if match else None


def _held(
    arguments: List[str],
    groups: List[int],
    devices: List[str],
    by_group: Dict[int, List[str]],
    by_device: Dict[str, str],
    by_address: Dict[str, str],
    functions: List[Function],
) -> Tuple[str, ...]:
    """The functions a process holds: all of its open groups and devices.

    Where the command line names functions of an open group, it holds those and not their neighbours.
    """
    named = set()
    for value in [*_options(arguments, "device")]:
        fields = _fields(value)
        if (fields.get("driver") or "").startswith("vfio-pci"):
            text = fields.get("host") or posixpath.basename(fields.get("sysfsdev") or "")
            for candidate in (text, f"0000:{text}"):
                if candidate in by_address:
                    named.add(by_address[candidate])
    held = {by_device[name] for name in devices if name in by_device}
    for number in groups:
        members = by_group.get(number) or [f.id for f in functions if f.iommu_group == number]
        chosen = named.intersection(members)
        held.update(chosen or members)
    order = {f.id: i for i, f in enumerate(functions)}
    return tuple(sorted(held, key=lambda i: order[i]))


def _devices(arguments: List[str]) -> Tuple[VmDevice, ...]:
    """The mediated devices of a QEMU command line, with the back end that serves each."""
    netdevs = {f.get("id", ""): f for f in map(_fields, _options(arguments, "netdev"))}
    drives: Dict[str, Dict[str, str]] = {}
    for f in map(_fields, _options(arguments, "drive")):
        drives[f.get("id", "")] = f
    for value in _options(arguments, "blockdev"):
        f = _fields(value)
        drives[f.get("node-name", "")] = f
    found = []
    for value in _options(arguments, "device"):
        fields = _fields(value)
        match = _MEDIATED.match(fields.get("driver") or "")
        if match is None:
            continue
        kind = match.group(1)
        backend: Optional[str] = None
        is_vhost: Optional[bool] = None
        if "netdev" in fields:
            netdev = netdevs.get(fields["netdev"], {})
            # libvirt passes the tap as a descriptor; then the name of the interface is not on the command line.
            kind_of_net = netdev.get("driver") or netdev.get("type")
            backend = netdev.get("ifname") or kind_of_net
            if kind_of_net == "tap":
                is_vhost = netdev.get("vhost") in ("on", "True", "true") or "vhostfd" in netdev
            elif kind_of_net is not None:
                is_vhost = kind_of_net == "vhost-vdpa"
        elif "drive" in fields:
            drive = drives.get(fields["drive"], {})
            path = drive.get("file") or drive.get("filename") or ""
            backend = posixpath.basename(path) or None
        found.append(VmDevice(kind, backend, is_vhost, fields.get("iothread")))
    return tuple(found)
