"""Hosts unlike the captured ones: iommufd, libvirt's command lines, AMD and Arm IOMMUs, other VMMs, VMD domains."""

from __future__ import annotations

from sriovlab.model.nouns import FunctionKind
from sriovlab.model.topology import Topology
from sriovlab.sources.sysfs import read_topology
from sriovlab.sources.tree import MemoryTree

LIBVIRT = [
    "/usr/bin/qemu-system-x86_64", "-name", "guest=web,debug-threads=on", "-machine", "pc-q35-8.2,usb=off",
    "-m", "size=8388608k", "-smp", "4,sockets=1,cores=4,threads=1",
    "-netdev", '{"type":"tap","fd":"31","vhost":true,"vhostfd":"33","id":"hostnet0"}',
    "-device", '{"driver":"virtio-net-pci","netdev":"hostnet0","id":"net0","mac":"52:54:00:11:22:33"}',
    "-blockdev", '{"driver":"file","filename":"/images/web.qcow2","node-name":"libvirt-1-storage"}',
    "-device", '{"driver":"virtio-blk-pci","iothread":"iothread1","drive":"libvirt-1-storage"}',
    "-device", '{"driver":"vfio-pci","host":"0000:41:00.2","iommufd":"iommufd0","id":"hostdev0","fd":"23"}',
]  # fmt: skip


def host(
    devices: dict[str, dict[str, str]],
    *,
    files: dict[str, bytes] | None = None,
    links: dict[str, str] | None = None,
) -> Topology:
    """A host of functions under 0000:40:01.1; each has attribute texts, and links where a value begins with ->."""
    all_files, all_links = dict(files or {}), dict(links or {})
    for address, attributes in devices.items():
        base = (
            f"/sys/devices/pci0000:40/0000:40:01.1/{address}"
            if address != "0000:40:01.1"
            else "/sys/devices/pci0000:40/0000:40:01.1"
        )
        all_links[f"/sys/bus/pci/devices/{address}"] = "../../.." + base.removeprefix("/sys")
        for name, value in {
            "vendor": "0x15b3",
            "device": "0x101d",
            "class": "0x020000",
            **attributes,
        }.items():
            if value.startswith("->"):
                all_links[f"{base}/{name}"] = value[2:]
            else:
                all_files[f"{base}/{name}"] = value.encode() + b"\n"
    return read_topology(MemoryTree(all_files, all_links))


def process(pid: int, arguments: list[str], targets: list[str]) -> tuple[dict[str, bytes], dict[str, str]]:
    return (
        {f"/proc/{pid}/cmdline": "\0".join(arguments).encode() + b"\0", f"/proc/{pid}/comm": b"x\n"},
        {f"/proc/{pid}/fd/{i}": target for i, target in enumerate(targets)},
    )


PORT = {"0000:40:01.1": {"class": "0x060400"}}
PF = {
    "0000:41:00.0": {
        "sriov_totalvfs": "16",
        "sriov_numvfs": "2",
        "virtfn1": "->../0000:41:00.2",
        "virtfn0": "->../0000:41:00.1",
    }
}
VF = {"device": "0x101e", "physfn": "->../0000:41:00.0", "driver": "->../../../../bus/pci/drivers/vfio-pci"}


def test_a_vm_on_iommufd_holds_the_function_of_its_vfio_device() -> None:
    files, links = process(900, LIBVIRT, ["anon_inode:kvm-vm", "/dev/iommu", "/dev/vfio/devices/vfio3"])
    found = host(
        PORT | PF | {"0000:41:00.1": VF, "0000:41:00.2": {**VF, "vfio-dev/vfio3/dev": "511:3"}},
        files=files,
        links=links,
    )
    (vm,) = found.virtual_machines

    assert (vm.name, vm.vcpus, vm.memory_bytes, vm.functions) == ("web", 4, 8 << 30, ("pci:0000:41:00.2",))
    assert [(d.kind, d.backend, d.is_vhost, d.iothread) for d in vm.devices] == [
        ("virtio-net", "tap", True, None),
        ("virtio-blk", "web.qcow2", None, "iothread1"),
    ]
    assert [vf.vf_index for vf in found.vfs_of("pci:0000:41:00.0")] == [0, 1]


def test_other_vmms_are_vms_too_and_names_stay_apart() -> None:
    files, links = process(7, ["firecracker", "--id", "same"], ["anon_inode:kvm-vm"])
    more = process(
        8, ["cloud-hypervisor", "--api-socket", "/run/same.sock", "--cpus", "boot=6"], ["anon_inode:kvm-vm"]
    )
    found = host(PORT, files=files | more[0], links=links | more[1])
    assert [(vm.id, vm.vmm, vm.vcpus) for vm in found.virtual_machines] == [
        ("vm:same", "firecracker", None),
        ("vm:same-2", "cloud-hypervisor", 6),
    ]


def test_an_amd_iommu_posts_where_avic_is_on() -> None:
    unit = {"/sys/class/iommu/ivhd0": "../../devices/pci0000:00/0000:00:00.2/iommu/ivhd0"}
    for value, posts in ((b"Y\n", True), (b"N\n", False), (None, None)):
        files = {"/proc/interrupts": b"  CPU0\n 24: 5 IR-PCI-MSI-0000:41:00.0 0-edge mlx5\n"}
        if value is not None:
            files["/sys/module/kvm_amd/parameters/avic"] = value
        found = host(PORT | {"0000:41:00.0": {"iommu": "->../../x/ivhd0"}}, files=files, links=unit)
        assert (
            found.iommus[0].kind,
            found.iommus[0].interrupt_remapping,
            found.iommus[0].posted_interrupts,
        ) == ("amd", True, posts)
        assert found.function("41:00.0").interrupts == 5


def test_an_arm_host_has_groups_and_an_smmu_and_unknown_posting() -> None:
    found = host(
        PORT
        | {
            "0000:41:00.0": {
                "iommu": "->../../x/smmu3.0x0000000140000000",
                "iommu_group": "->../../../../kernel/iommu_groups/9",
            }
        }
    )
    assert (found.iommus[0].kind, found.iommus[0].posted_interrupts) == ("arm-smmu", None)
    assert [g.number for g in found.iommu_groups] == [9]


def test_posting_switched_off_on_the_command_line_is_off() -> None:
    capability = f"{1 << 59:x}\n".encode()
    files = {
        "/sys/class/iommu/dmar0/intel-iommu/cap": capability,
        "/sys/class/iommu/dmar0/intel-iommu/ecap": b"8\n",
    }
    assert host(PORT, files=files).iommus[0].posted_interrupts is True
    files["/proc/cmdline"] = b"quiet intremap=nopost\n"
    assert host(PORT, files=files).iommus[0].posted_interrupts is False


def test_a_wide_domain_and_a_mediated_device_break_nothing() -> None:
    found = host(PORT | {"10000:e1:00.0": {}, "mdev-uuid": {}})
    assert "10000:e1:00.0" in [f.address for f in found.functions]
    assert any("not a PCI address" in w.what for w in found.warnings)


def test_an_ordinary_read_still_knows_pf_vf_and_parent() -> None:
    found = host(PORT | PF | {"0000:41:00.1": VF})
    kinds = {f.address: f.kind for f in found.functions}
    assert kinds == {
        "0000:40:01.1": FunctionKind.BRIDGE,
        "0000:41:00.0": FunctionKind.PF,
        "0000:41:00.1": FunctionKind.VF,
    }
    assert found.function("41:00.1").parent == "pci:0000:40:01.1"
