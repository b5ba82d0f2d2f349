"""A real Linux kernel with SR-IOV hardware, in QEMU: what the capture script says equals what lspci and sysfs say."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

import sriovlab as sl
from sriovlab.model.nouns import Function
from sriovlab.model.topology import Topology
from sriovlab.sources.capture import capture_script
from tests.conftest import ROOT, require_tool

pytestmark = pytest.mark.qemu
GUEST = ROOT / ".lab"
LIMIT_S = 400


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boot the guest once and return the folder of what it brought out."""
    qemu = require_tool("qemu")
    if not (GUEST / "initramfs.cpio.gz").exists():
        subprocess.run([str(ROOT / "tests/e2e/build_guest.sh"), str(GUEST)], check=True, timeout=600)
    work = tmp_path_factory.mktemp("guest")
    exchange, drive, log = work / "exchange.img", work / "drive.img", work / "serial.log"
    with tarfile.open(exchange, "w") as archive:
        script = capture_script().encode()
        member = tarfile.TarInfo("capture.py")
        member.size = len(script)
        archive.addfile(member, io.BytesIO(script))
    with exchange.open("ab") as stream:
        stream.truncate(32 << 20)
    with drive.open("wb") as stream:
        stream.truncate(16 << 20)
    command = [
        qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-accel", "tcg,thread=multi",
        "-machine", "q35", "-cpu", "qemu64,+ssse3", "-smp", "2", "-m", "1024M", "-device", "intel-iommu,intremap=on",
        "-device", "pcie-root-port,id=rp1,bus=pcie.0,chassis=1,slot=1,addr=0x4",
        "-device", "nvme-subsys,id=ss0,nqn=e2e",
        "-device", "nvme,id=pf0,serial=E2E,subsys=ss0,bus=rp1,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4,"
        "max_ioqpairs=10,msix_qsize=11",
        "-drive", f"if=none,id=d1,file={drive},format=raw", "-device", "nvme-ns,drive=d1,nsid=1,bus=pf0",
        "-drive", f"if=none,id=ex,file={exchange},format=raw,cache=unsafe",
        "-device", "virtio-blk-pci,drive=ex,serial=exchange,bus=pcie.0,addr=0x1e,disable-legacy=on,iommu_platform=on",
        "-kernel", str(GUEST / "vmlinuz"), "-initrd", str(GUEST / "initramfs.cpio.gz"),
        "-append", "console=ttyS0 panic=-1 intel_iommu=on quiet", "-serial", f"file:{log}", "-monitor", "none",
    ]  # fmt: skip
    try:
        subprocess.run(command, timeout=LIMIT_S, check=False, capture_output=True)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the guest did not end in {LIMIT_S} s; its last lines:\n{_tail(log)}")
    if "E2E: DONE" not in log.read_text(errors="replace"):
        pytest.fail(f"the guest brought nothing out; its last lines:\n{_tail(log)}")
    out = work / "out"
    with tarfile.open(exchange) as archive:
        archive.extractall(out, filter="data")
    return out


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-40:]) if log.exists() else "(none)"


@pytest.fixture(scope="session")
def as_root(guest: Path) -> Topology:
    return sl.load(guest / "root.json")


@pytest.fixture(scope="session")
def as_user(guest: Path) -> Topology:
    return sl.load(guest / "user.json")


def pf_of(host: Topology, guest: Path) -> Function:
    return host.function((guest / "pf.txt").read_text().strip())


@pytest.mark.parametrize("who", ["as_root", "as_user"])
def test_functions_ids_classes_drivers_and_vfs_are_those_of_sysfs(
    who: str, guest: Path, request: pytest.FixtureRequest
) -> None:
    host: Topology = request.getfixturevalue(who)
    expected = {}
    for line in (guest / "devices.txt").read_text().splitlines():
        address, vendor, device, class_code, _, *driver = line.split()
        expected[address] = (vendor[2:], device[2:], class_code[2:], driver[0] if driver else None)

    assert {f.address: (f.vendor_id, f.device_id, f.class_code, f.driver) for f in host.functions} == expected
    vfs = [line.split() for line in (guest / "vfs.txt").read_text().splitlines()]
    assert [(str(f.vf_index), f.address) for f in host.vfs_of(pf_of(host, guest).id)] == [
        tuple(v) for v in vfs
    ]
    assert {f.driver for f in host.virtual_functions} == {"vfio-pci", "nvme", None}


@pytest.mark.parametrize("who", ["as_root", "as_user"])
def test_groups_are_the_kernels(who: str, guest: Path, request: pytest.FixtureRequest) -> None:
    host: Topology = request.getfixturevalue(who)
    pairs = sorted(tuple(line.split()) for line in (guest / "groups.txt").read_text().splitlines())
    assert sorted((str(g.number), i[4:]) for g in host.iommu_groups for i in g.functions) == pairs
    assert pairs


def test_the_sriov_registers_are_those_lspci_prints(as_root: Topology, guest: Path) -> None:
    text = (guest / "lspci.txt").read_text()
    state = pf_of(as_root, guest).sriov
    assert state is not None

    def said(pattern: str) -> str:
        match = re.search(pattern, text)
        assert match, pattern
        return match.group(1)

    assert (state.total_vfs, state.initial_vfs, state.num_vfs) == tuple(
        int(said(rf"{name} VFs: (\d+)")) for name in ("Total", "Initial", "Number of")
    )
    assert (state.first_vf_offset, state.vf_stride) == (
        int(said(r"VF offset: (\d+)")),
        int(said(r"stride: (\d+)")),
    )
    assert state.vf_device_id == said(r"stride: \d+, Device ID: ([0-9a-f]+)")
    assert state.vf_enable is (said(r"IOVCtl:\s+Enable([+-])") == "+")
    assert state.vf_mse is (said(r"IOVCtl:.* MSE([+-])") == "+")
    assert state.ari_capable_hierarchy is (said(r"IOVCtl:.* ARIHierarchy([+-])") == "+")
    mask = int(said(r"Supported Page Size: ([0-9a-f]+)"), 16)
    assert state.supported_page_sizes == tuple(4096 << n for n in range(32) if mask >> n & 1)
    assert state.system_page_size == 4096 * int(said(r"System Page Size: ([0-9a-f]+)"), 16)


def test_an_ordinary_user_gets_the_sysfs_facts_and_no_guess(as_user: Topology, guest: Path) -> None:
    said = dict(line.split() for line in (guest / "sriov.txt").read_text().splitlines())
    pf = pf_of(as_user, guest)
    assert pf.sriov is not None

    assert pf.config_bytes == 64
    assert (pf.sriov.driver_max_vfs, pf.sriov.num_vfs) == (int(said["totalvfs"]), int(said["numvfs"]))
    assert (pf.sriov.first_vf_offset, pf.sriov.vf_stride) == (int(said["offset"]), int(said["stride"]))
    assert pf.sriov.total_vfs is None
    assert pf.sriov.vf_enable is None
    assert any(w.where == pf.id and "64 bytes" in w.what for w in as_user.warnings)
    assert any("other users" in w.what for w in as_user.warnings)


def test_the_process_that_holds_the_vf_is_a_vm(as_root: Topology, guest: Path) -> None:
    group = int((guest / "held-group.txt").read_text())
    (machine,) = as_root.virtual_machines

    assert (machine.name, machine.vmm, machine.vcpus, machine.memory_bytes) == (
        "e2e-vm",
        "qemu",
        2,
        512 << 20,
    )
    assert [as_root[i].iommu_group for i in machine.functions] == [group]


def test_the_redacted_snapshot_names_nobody_and_keeps_the_structure(as_root: Topology, guest: Path) -> None:
    text = (guest / "redacted.json").read_text()
    redacted = sl.load(guest / "redacted.json")

    assert "e2e-guest" not in text
    assert "e2e-vm" not in text
    assert [(f.id, f.kind, f.driver, f.iommu_group) for f in redacted.functions] == [
        (f.id, f.kind, f.driver, f.iommu_group) for f in as_root.functions
    ]
    assert json.loads(text)["redacted"] is True
