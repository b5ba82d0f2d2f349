"""A builder for what the text of `synthetic` cannot say."""

from __future__ import annotations

import pytest

from sriovlab.errors import TopologyError
from sriovlab.model.nouns import FunctionKind, VmDevice
from sriovlab.sources.builder import HostBuilder
from sriovlab.sources.device import Device


def _groups(host):
    return {frozenset(f.removeprefix("pci:0000:") for f in g.functions) for g in host.iommu_groups}


def test_a_switch_without_acs_puts_each_port_and_what_hangs_below_it_in_one_group():
    builder = HostBuilder().add_switch("sw", ports=2, acs=())
    host = builder.add(Device("nvme", vfs=2), below="sw").add(Device("nic", vfs=1), below="sw").build()

    assert frozenset(("02:00.0", "03:00.0", "03:00.1", "03:00.2")) in _groups(host)
    assert frozenset(("02:01.0", "04:00.0", "04:00.1")) in _groups(host)


def test_a_switch_with_acs_leaves_every_function_a_group_of_its_own():
    builder = HostBuilder().add_switch("sw", ports=2)
    host = builder.add(Device("nvme", vfs=2), below="sw").build()

    assert {len(group) for group in _groups(host)} == {1}


def test_a_root_port_without_acs_takes_its_device_into_its_group():
    host = HostBuilder().add(Device("nvme", vfs=1), port_acs=("SV", "RR")).build()

    assert frozenset(("00:01.0", "01:00.0", "01:00.1")) in _groups(host)


def test_ports_of_an_adapter_without_acs_share_a_group_but_their_vfs_do_not():
    host = HostBuilder().add(Device("nic", vfs=1, ports=2, acs=False, device_id="1572")).build()

    assert frozenset(("01:00.0", "01:00.1")) in _groups(host)
    assert frozenset(("01:00.2",)) in _groups(host)


def test_bridges_own_the_buses_of_all_that_lies_below_them():
    builder = HostBuilder().add_switch("outer", ports=2).add_switch("inner", ports=1, below="outer")
    host = builder.add(Device("nic", vfs=300), below="inner").build()
    pf = host.physical_functions[0]

    ports = list(host.ports_above(pf))

    kinds = [port.kind for port in ports]
    assert kinds == [FunctionKind.DOWNSTREAM_PORT, FunctionKind.UPSTREAM_PORT] * 2 + [FunctionKind.ROOT_PORT]
    last_bus = max(vf.routing_id >> 8 for vf in host.virtual_functions)
    for port in ports:
        assert port.secondary_bus <= pf.routing_id >> 8 <= last_bus <= port.subordinate_bus


def test_an_address_can_be_chosen_also_in_another_domain_and_on_the_root_complex():
    builder = HostBuilder().add(Device("nvme", vfs=1), at="00:1f.0").add(Device("nic", vfs=2), at="3b:00.0")
    host = builder.add(Device("nvme", vfs=1), at="0001:81:00.0").build()

    assert [f.address for f in host.physical_functions] == ["0000:00:1f.0", "0000:3b:00.0", "0001:81:00.0"]
    assert host.function("00:1f.0").parent is None
    assert host.function("0001:81:00.0").parent == "pci:0001:00:01.0"


def test_ids_iommu_and_what_a_vm_holds_can_be_said():
    card = Device("nic", vfs=2, vendor_id="15b3", device_id="1017", vf_device_id="1018", driver="mlx5_core")
    builder = HostBuilder("farm", iommu="amd", can_post=None, group_type="identity").add(card)
    disk = VmDevice("virtio-scsi", "disk.qcow2")
    host = builder.add_machine("web", functions=("01:00.2",), devices=(disk,), vcpus=8).build()

    assert host.function("01:00.2").device_id == "1018"
    assert host.function("01:00.2").driver == "vfio-pci"
    assert host.virtual_machines[0].functions == ("pci:0000:01:00.2",)
    assert (host.iommus[0].kind, host.iommus[0].posted_interrupts) == ("amd", None)
    assert {group.type for group in host.iommu_groups} == {"identity"}
    assert HostBuilder(iommu=None).add(card).build().iommu_groups == ()


def test_forty_devices_find_forty_root_ports():
    builder = HostBuilder()
    for _ in range(40):
        builder.add(Device("nvme", vfs=1))

    assert len(builder.build().physical_functions) == 40


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda b: b.add(Device("nic"), below="sw"), "no such switch; there are none"),
        (lambda b: b.add_switch("s", ports=1).add(Device("nic"), below="s").add(Device("nic"), below="s"), "ports of"),
        (lambda b: b.add(Device("nic"), at="3b:00.0").add(Device("nic"), at="3b:00.0"), "bus 3b lies in the buses"),
        (lambda b: b.add(Device("nic", vfs=8)).add_machine("a", functions=("01:09.0",)), "no function has that"),
        (lambda b: b.add(Device("nic", vfs=300, offset=1, stride=256)), "beyond bus ff"),
        (lambda b: b.add(Device("nic", vfs=2, ports=2, offset=1, stride=1)), "would both be 0000:01:00.1"),
        (
            lambda b: b.add(Device("nic", vfs=1))
            .add_machine("a", functions=("01:00.1",))
            .add_machine("b", functions=("01:00.1",)),
            "holds already",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(build, said):
    with pytest.raises(TopologyError, match=said):
        build(HostBuilder()).build()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda b: b.add(Device("nic"), at="3b:01.0"), "device 0, function 0"),
        (lambda b: b.add(Device("nic"), port_acs=("XX",)), "no ACS bit is called 'XX'"),
        (lambda b: b.add_switch("s", ports=33), "expected 1 to 32"),
        (lambda b: b.add_machine("a", vcpus=0), "vcpus is 0"),
        (lambda b: type(b)(iommu="vax"), "expected None or one of intel"),
    ],
)
def test_wrong_arguments_are_value_errors_that_name_the_right_ones(build, said):
    with pytest.raises(ValueError, match=said):
        build(HostBuilder())
