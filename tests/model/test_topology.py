"""The topology: ids, look-ups, contradictions, and its graph."""

from __future__ import annotations

import dataclasses

import networkx as nx
import pytest

from sriovlab.errors import TopologyError
from sriovlab.model import nouns as n
from sriovlab.model.graph import EdgeKind, NodeKind
from sriovlab.model.topology import Topology


def function(
    address: str, routing_id: int, kind: n.FunctionKind = n.FunctionKind.ENDPOINT, **facts: object
) -> n.Function:
    return n.Function(f"pci:{address}", "host:a", address, routing_id, kind, **facts)  # type: ignore[arg-type]


@pytest.fixture
def host() -> Topology:
    port = function("0000:00:01.0", 0x0008, n.FunctionKind.ROOT_PORT)
    pf = function(
        "0000:01:00.0",
        0x0100,
        n.FunctionKind.PF,
        parent=port.id,
        numa_node=1,
        iommu_group=4,
        sriov=n.SriovState(num_vfs=2),
    )
    vfs = [
        function(
            f"0000:01:00.{i + 1}",
            0x0101 + i,
            n.FunctionKind.VF,
            parent=port.id,
            physical_function=pf.id,
            vf_index=i,
        )
        for i in (1, 0)
    ]
    return Topology(
        hosts=(n.Host("host:a", "a"),),
        functions=(port, pf, *vfs),
        iommus=(n.Iommu("iommu:dmar0", "host:a", "intel", "dmar0", functions=(pf.id,)),),
        iommu_groups=(n.IommuGroup("iommu-group:4", "host:a", 4, "DMA", (pf.id,)),),
        numa_nodes=(n.NumaNode("numa:1", "host:a", 1),),
        virtual_machines=(n.VirtualMachine("vm:web0", "host:a", "web0", "qemu", (vfs[0].id,)),),
    )


def test_vfs_come_in_order_of_their_index(host: Topology) -> None:
    assert [vf.address for vf in host.vfs_of("pci:0000:01:00.0")] == ["0000:01:00.1", "0000:01:00.2"]


def test_a_function_is_found_by_address_in_domain_0(host: Topology) -> None:
    assert host.function("01:00.0") is host["pci:0000:01:00.0"]


def test_a_missing_function_names_some_there_are(host: Topology) -> None:
    with pytest.raises(KeyError, match="such as 0000:00:01.0"):
        host.function("02:00.0")


def test_ports_above_go_up_to_the_root(host: Topology) -> None:
    assert [p.address for p in host.ports_above(host.function("01:00.1"))] == ["0000:00:01.0"]


def test_holder_iommu_and_children(host: Topology) -> None:
    vf = host.function("01:00.2")
    holder, unit = host.holder_of(vf), host.iommu_of(host.function("01:00.0"))
    assert holder is not None
    assert holder.name == "web0"
    assert unit is not None
    assert unit.name == "dmar0"
    assert host.iommu_of(vf) is None
    assert len(host.children_of("pci:0000:00:01.0")) == 3


def test_two_things_with_one_id_are_refused(host: Topology) -> None:
    with pytest.raises(TopologyError, match="two things have this id"):
        dataclasses.replace(host, functions=(*host.functions, host.functions[0]))


def test_a_group_that_holds_a_missing_function_is_refused(host: Topology) -> None:
    lost = n.IommuGroup("iommu-group:5", "host:a", 5, None, ("pci:0000:09:00.0",))
    with pytest.raises(TopologyError, match="holds pci:0000:09:00.0"):
        dataclasses.replace(host, iommu_groups=(lost,))


def test_a_parent_that_is_no_function_is_refused() -> None:
    with pytest.raises(TopologyError, match="parent is vm:x"):
        Topology(hosts=(n.Host("host:a", "a"),), functions=(function("0000:01:00.0", 256, parent="vm:x"),))


def test_the_repr_counts_and_holds_no_memory_address(host: Topology) -> None:
    assert repr(host) == "<Topology a: 4 functions, 1 PFs, 2 VFs, 1 IOMMU groups, 1 VMs, 0 warnings>"


def test_the_graph_has_every_thing_and_every_relation(host: Topology) -> None:
    graph = host.graph
    kinds = nx.get_node_attributes(graph, "kind")
    edges = sorted((str(kind), a, b) for a, b, kind in graph.edges(data="kind"))

    assert sorted(kinds.values()) == sorted(
        [
            NodeKind.HOST,
            *4 * [NodeKind.FUNCTION],
            NodeKind.IOMMU,
            NodeKind.IOMMU_GROUP,
            NodeKind.NUMA_NODE,
            NodeKind.VIRTUAL_MACHINE,
        ]
    )
    assert len(edges) == 3 + 2 + 1 + 1 + 1 + 1 + 1
    assert graph.edges["pci:0000:01:00.1", "pci:0000:01:00.0", 0]["vf_index"] == 0
    assert graph.nodes["pci:0000:01:00.0"]["function_kind"] is n.FunctionKind.PF
    assert (EdgeKind.HOLDS, "vm:web0", "pci:0000:01:00.2") in [
        (k, a, b) for a, b, k in graph.edges(data="kind")
    ]


def test_the_graph_is_a_frozen_view(host: Topology) -> None:
    with pytest.raises(nx.NetworkXError, match="Frozen"):
        host.graph.add_node("vm:new")
