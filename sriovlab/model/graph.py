"""The networkx view of a topology: node and edge attributes, documented and enough to redraw any picture.

Nodes: every thing of the topology under its id. Attributes of a node: `kind` (a `NodeKind` value)
and all fields of its dataclass except `id`, by name; a function's own kind is `function_kind`.

Edges, with `kind` an `EdgeKind` value, from requester towards completer:

- `upstream`: a function to the port or bridge above it.
- `virtual-function-of`: a VF to its PF; attribute `vf_index`.
- `translated-by`: a function to its IOMMU unit.
- `member-of`: a function to its IOMMU group.
- `near`: a function to its NUMA node.
- `holds`: a VM to a function it was given.
- `runs-on`: a VM to its host.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import networkx as nx

if TYPE_CHECKING:
    from .topology import Topology


class NodeKind(str, Enum):
    """What a node of the graph stands for."""

    HOST = "host"
    FUNCTION = "function"
    IOMMU = "iommu"
    IOMMU_GROUP = "iommu-group"
    NUMA_NODE = "numa-node"
    VIRTUAL_MACHINE = "virtual-machine"


class EdgeKind(str, Enum):
    """Why two nodes are joined."""

    UPSTREAM = "upstream"
    VIRTUAL_FUNCTION_OF = "virtual-function-of"
    TRANSLATED_BY = "translated-by"
    MEMBER_OF = "member-of"
    NEAR = "near"
    HOLDS = "holds"
    RUNS_ON = "runs-on"


def _attributes(thing: Any, kind: NodeKind) -> dict[str, Any]:
    attributes = dict(vars(thing))
    del attributes["id"]
    if kind is NodeKind.FUNCTION:
        attributes["function_kind"] = attributes.pop("kind")
    elif "kind" in attributes:
        attributes["iommu_kind"] = attributes.pop("kind")
    attributes["kind"] = kind
    return attributes


def graph_of(topology: Topology) -> nx.MultiDiGraph[str]:
    """The frozen graph of a topology; see the module for its nodes and edges."""
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=", ".join(host.name for host in topology.hosts))
    sections = (
        (topology.hosts, NodeKind.HOST),
        (topology.functions, NodeKind.FUNCTION),
        (topology.iommus, NodeKind.IOMMU),
        (topology.iommu_groups, NodeKind.IOMMU_GROUP),
        (topology.numa_nodes, NodeKind.NUMA_NODE),
        (topology.virtual_machines, NodeKind.VIRTUAL_MACHINE),
    )
    for things, kind in sections:
        graph.add_nodes_from((thing.id, _attributes(thing, kind)) for thing in things)
    numa = {(node.host, node.number): node.id for node in topology.numa_nodes}
    for function in topology.functions:
        if function.parent is not None:
            graph.add_edge(function.id, function.parent, kind=EdgeKind.UPSTREAM)
        if function.physical_function is not None:
            graph.add_edge(
                function.id,
                function.physical_function,
                kind=EdgeKind.VIRTUAL_FUNCTION_OF,
                vf_index=function.vf_index,
            )
        node = None if function.numa_node is None else numa.get((function.host, function.numa_node))
        if node is not None:
            graph.add_edge(function.id, node, kind=EdgeKind.NEAR)
    for unit in topology.iommus:
        graph.add_edges_from((target, unit.id, {"kind": EdgeKind.TRANSLATED_BY}) for target in unit.functions)
    for group in topology.iommu_groups:
        graph.add_edges_from((target, group.id, {"kind": EdgeKind.MEMBER_OF}) for target in group.functions)
    for vm in topology.virtual_machines:
        graph.add_edge(vm.id, vm.host, kind=EdgeKind.RUNS_ON)
        graph.add_edges_from((vm.id, target, {"kind": EdgeKind.HOLDS}) for target in vm.functions)
    return nx.freeze(graph)  # type: ignore[no-any-return]
