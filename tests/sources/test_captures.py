"""Real hosts: every archive equals what was counted in it independently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sriovlab as sl
from sriovlab.model.topology import Topology
from sriovlab.sources.snapshot import from_document, record
from sriovlab.sources.tree import archive_tree
from tests.conftest import require_shared

CAPTURES = ("qemu-cloud-host", "qemu-nvme-0vf-intel", "qemu-nvme-4vf-noiommu", "qemu-nvme-8vf-intel")
FOREIGN = (
    "harvester-pcidevices/all-sysfs.tar.gz",
    "ghw/linux-amd64-415ee03b8c4d1c4f07ae2e9d8b3d3d6d.tar.gz",
    "hwloc/32intel64-2p8co2t+8ve.tar.bz2",
)


def capture(name: str) -> tuple[Topology, dict[str, Any]]:
    archive = require_shared("captures", f"{name}.tar.gz")
    truth = json.loads(require_shared("captures", f"{name}.truth.json").read_text())
    return sl.load(archive), truth


@pytest.mark.parametrize("name", CAPTURES)
def test_pfs_and_vfs_equal_what_lspci_said(name: str) -> None:
    host, truth = capture(name)
    registers = [
        "total_vfs",
        "initial_vfs",
        "num_vfs",
        "vf_enable",
        "vf_mse",
        "first_vf_offset",
        "vf_stride",
        "vf_device_id",
    ]

    assert [pf.address for pf in host.physical_functions] == [pf["bdf"] for pf in truth["pfs"]]
    for expected in truth["pfs"]:
        pf = host.function(expected["bdf"])
        assert pf.sriov is not None
        assert {k: getattr(pf.sriov, k) for k in registers} == {k: expected[k] for k in registers}
        assert pf.sriov.ari_capable_hierarchy == expected["ari_hierarchy"]
        found = [
            {"index": vf.vf_index, "bdf": vf.address, "present": True, "driver": vf.driver,
             "iommu_group": vf.iommu_group, "numa_node": vf.numa_node}
            for vf in host.vfs_of(pf.id)
        ]  # fmt: skip
        assert found == expected["vfs"]


@pytest.mark.parametrize("name", CAPTURES)
def test_every_function_has_its_id_class_driver_group_and_node(name: str) -> None:
    host, truth = capture(name)

    found = {
        f.address: {
            "id": f"{f.vendor_id}:{f.device_id}", "class": (f.class_code or "")[:4], "driver": f.driver,
            "iommu_group": f.iommu_group, "numa_node": f.numa_node, "physical_slot": f.physical_slot,
            "vf_of": (f.physical_function or "")[4:] or None,
        }
        for f in host.functions
    }  # fmt: skip
    assert found == truth["devices"]


@pytest.mark.parametrize("name", CAPTURES)
def test_groups_and_their_members_are_the_kernels(name: str) -> None:
    host, truth = capture(name)
    assert {str(g.number): [m[4:] for m in g.functions] for g in host.iommu_groups} == truth["iommu_groups"]


def test_running_vms_hold_what_their_open_groups_say() -> None:
    host, truth = capture("qemu-cloud-host")
    held = {vm.name: [i[4:] for i in vm.functions] for vm in host.virtual_machines if vm.functions}

    assert held == {entry["name"]: entry["devices"] for entry in truth["assigned"]}
    assert [vm.name for vm in host.virtual_machines] == [entry["name"] for entry in truth["kvm_processes"]]
    assert [d.is_vhost for vm in host.virtual_machines for d in vm.devices if d.kind == "virtio-net"] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("archive", "functions", "pfs", "driver_max", "groups"),
    [(FOREIGN[0], 208, 2, 63, 0), (FOREIGN[1], 23, 0, None, 15), (FOREIGN[2], 28, 2, 64, 0)],
)
def test_archives_of_other_projects_give_their_counts(
    archive: str, functions: int, pfs: int, driver_max: int | None, groups: int
) -> None:
    host = sl.load(require_shared("realdata", archive))

    assert (len(host.functions), len(host.physical_functions), len(host.iommu_groups)) == (
        functions,
        pfs,
        groups,
    )
    assert all(pf.sriov and pf.sriov.driver_max_vfs == driver_max for pf in host.physical_functions)
    # 64 bytes of configuration space hold no capability: the register is unknown, not guessed.
    assert all(pf.sriov and pf.sriov.total_vfs is None for pf in host.physical_functions)


@pytest.mark.parametrize(
    "archive", [*(f"captures/{n}.tar.gz" for n in CAPTURES), *(f"realdata/{n}" for n in FOREIGN)]
)
def test_a_snapshot_replays_to_the_same_topology(archive: str) -> None:
    tree = archive_tree(str(require_shared(*archive.split("/"))))
    snapshot = record(tree, keep_identity=True, name="x")
    again = from_document(json.loads(snapshot.to_json()))

    from sriovlab.sources.sysfs import read_topology

    first = read_topology(tree, name="x", captured_at=snapshot.captured_at)
    assert snapshot.topology() == first
    assert again.topology() == first


@pytest.mark.parametrize("name", sl.examples())
def test_bundled_hosts_equal_their_golden_documents(name: str, update_golden: bool) -> None:
    golden = Path(__file__).parent.parent / "golden" / "hosts" / f"{name}.json"
    document = sl.load(f"example:{name}").to_document()
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(json.dumps(document, indent=1) + "\n")
    assert document == json.loads(golden.read_text())
