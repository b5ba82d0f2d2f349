"""What a redacted snapshot must not hold, as text or as bytes, and what must not change."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

import sriovlab as sl
from sriovlab.pci.address import Address
from sriovlab.sources.snapshot import Snapshot, from_document, record
from sriovlab.sources.sysfs import read_topology
from sriovlab.sources.tree import FileTree, MemoryTree, archive_tree
from tests.conftest import require_shared

MAC = "b4:96:91:0c:7e:2f"
UUID = "4c4c4544-0042-3510-8052-b9c04f4e5a32"
NQN = "nqn.2019-08.org.qemu:rack7-drive"
SERIAL = "S4YPNE0R700461"
WWN = "eui.0025385791b00a3c"
IDENTITIES = (MAC, UUID, NQN, SERIAL, WWN, "rack7node3", "payroll-db", "10.11.12.13")


def config_with_serial_number() -> bytes:
    """A configuration space with the Device Serial Number that adapters make of their MAC."""
    data = bytearray(4096)
    data[0:4] = bytes.fromhex("86801015")
    data[0x0B] = 0x02
    raw = bytes.fromhex(MAC.replace(":", ""))
    data[0x100:0x104] = (0x0003 | 1 << 16).to_bytes(4, "little")
    data[0x104:0x10C] = (raw[:3] + b"\xff\xff" + raw[3:])[::-1]
    return bytes(data)


@pytest.fixture
def tree() -> MemoryTree:
    base = "/sys/devices/pci0000:00/0000:00:03.0"
    command = "\0".join(
        [
            "/usr/bin/qemu-system-x86_64", "-name", "guest=payroll-db,debug-threads=on", "-uuid", UUID, "-smp", "4",
            "-device", "vfio-pci,host=0000:00:03.0", "-netdev", "tap,id=n,ifname=tap-payroll-db,vhost=on",
            "-device", f"virtio-net-pci,netdev=n,mac={MAC}", "-drive", "file=/vm/payroll-db.raw,if=none,id=d",
            "-device", f"virtio-blk-pci,drive=d,serial={SERIAL}", "-smbios", f"type=1,serial={SERIAL},uuid={UUID}",
            "-device", '{"driver":"e1000","mac":"' + MAC.upper() + '","netdev":"n"}',
        ]
    )  # fmt: skip
    return MemoryTree(
        {
            "/proc/sys/kernel/hostname": b"rack7node3\n",
            "/proc/version": b"Linux version 6.1.0 (build@rack7node3) #1\n",
            "/proc/cmdline": f"ro ip=10.11.12.13 nvme.hostnqn={NQN} mac={MAC.replace(':', '-')} wwn={WWN}\n".encode(),
            f"{base}/vendor": b"0x8086\n",
            f"{base}/device": b"0x1580\n",
            f"{base}/class": b"0x020000\n",
            f"{base}/config": config_with_serial_number(),
            f"{base}/numa_node": b"-1\n",
            f"{base}/net/eth0/address": MAC.encode() + b"\n",
            f"{base}/net/eth0/mtu": b"1500\n",
            "/proc/77/cmdline": command.encode() + b"\0",
            "/proc/77/comm": b"qemu-system-x86\n",
        },
        {
            "/sys/bus/pci/devices/0000:00:03.0": "../../../devices/pci0000:00/0000:00:03.0",
            f"{base}/driver": "../../../bus/pci/drivers/vfio-pci",
            f"{base}/iommu_group": "../../../kernel/iommu_groups/5",
            "/proc/77/fd/4": "anon_inode:kvm-vm",
            "/proc/77/fd/5": "/dev/vfio/5",
            "/proc/77/fd/6": "/vm/payroll-db.raw",
        },
    )


def everything(snapshot: Snapshot) -> bytes:
    """The snapshot as it travels, with all that is packed in it unpacked."""
    text = snapshot.to_json()
    packed = b"".join(base64.b64decode(m) for m in re.findall(r'"base64": "([^"]*)"', text))
    return text.encode() + packed


def forms(identity: str) -> list[bytes]:
    found = [identity.encode(), identity.upper().encode()]
    if re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", identity):
        raw = bytes.fromhex(identity.replace(":", ""))
        extended = raw[:3] + b"\xff\xff" + raw[3:]
        bare = identity.replace(":", "")
        found += [
            raw,
            raw[::-1],
            extended,
            extended[::-1],
            bare.encode(),
            identity.replace(":", "-").encode(),
        ]
    return found


@pytest.mark.parametrize("identity", IDENTITIES)
def test_no_identity_is_left_as_text_or_as_bytes(tree: MemoryTree, identity: str) -> None:
    whole = everything(record(tree))
    for form in forms(identity):
        assert form not in whole


@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_search_would_find_what_is_kept(tree: MemoryTree, identity: str) -> None:
    assert identity.encode() in everything(record(tree, keep_identity=True))


def structure(tree: FileTree, snapshot: Snapshot | None = None) -> object:
    host = snapshot.topology() if snapshot else read_topology(tree)
    return (
        [
            (f.id, f.kind, f.driver, f.iommu_group, f.numa_node, f.sriov, f.parent, len(f.network_interfaces))
            for f in host.functions
        ],
        [
            (vm.functions, vm.vcpus, vm.vmm, [(d.kind, d.is_vhost) for d in vm.devices])
            for vm in host.virtual_machines
        ],
        [(g.number, g.type, g.functions) for g in host.iommu_groups],
        host.iommus,
    )


def test_the_structure_is_unchanged(tree: MemoryTree) -> None:
    assert structure(tree, record(tree)) == structure(tree)


def test_one_identity_has_one_pseudonym_and_two_have_two(tree: MemoryTree) -> None:
    snapshot = record(tree)
    address = snapshot.files["/sys/devices/pci0000:00/0000:00:03.0/net/eth0/address"].decode().strip()
    command = snapshot.files["/proc/77/cmdline"].decode()
    assert re.fullmatch(r"02(:[0-9a-f]{2}){5}", address)
    assert f"mac={address}" in command
    assert record(tree).files == snapshot.files


def test_a_vm_named_like_a_kernel_word_breaks_nothing(tree: MemoryTree) -> None:
    tree._files["/proc/77/cmdline"] = tree._files["/proc/77/cmdline"].replace(b"payroll-db", b"pci")
    snapshot = record(tree)
    assert structure(tree, snapshot) == structure(tree)
    assert snapshot.topology().virtual_machines[0].name != "pci"


@pytest.mark.parametrize("name", ["qemu-cloud-host", "qemu-nvme-8vf-intel"])
def test_a_real_capture_names_nobody_and_keeps_its_structure(name: str) -> None:
    archive = archive_tree(str(require_shared("captures", f"{name}.tar.gz")))
    kept = record(archive, keep_identity=True)
    snapshot = record(archive)
    whole = everything(snapshot)
    identities = set(re.findall(rb"52:54:00(?::[0-9a-f]{2}){3}", everything(kept)))
    identities |= {b"web0", b"db0", b"legacy0"} if "cloud" in name else set()

    assert identities
    for identity in identities:
        for form in forms(identity.decode()):
            assert form not in whole, identity
    assert structure(archive, snapshot) == structure(archive)


def test_a_saved_snapshot_is_whole_and_reads_back(tree: MemoryTree, tmp_path: Path) -> None:
    for name in ("host.json", "host.json.gz"):
        snapshot = record(tree)
        snapshot.save(str(tmp_path / name))
        assert sl.load(tmp_path / name) == snapshot.topology()
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".sriovlab")] == []
    assert from_document(json.loads(record(tree).to_json())).is_redacted
    assert Address.parse("0000:00:03.0").routing_id == 0x18
