"""A host, or several, as one value: `Topology`. Its graph is a view, its document the published form."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Mapping, Optional, Tuple

from ..errors import TopologyError
from .nouns import (
    Function,
    FunctionKind,
    Host,
    Iommu,
    IommuGroup,
    NumaNode,
    VirtualMachine,
    Warning_,
)

if TYPE_CHECKING:
    import networkx as nx

# The package's front door hangs a picture here; on its own the model shows no words.
display_hook: Optional[Callable[["Topology"], Dict[str, Any]]] = None


@dataclass(frozen=True)
class Topology:
    """The functions, IOMMUs, groups, NUMA nodes and virtual machines of one host or a fleet.

    Ids are unique across all kinds: `pci:0000:3b:02.1`, `iommu:dmar0`, `iommu-group:17`,
    `numa:1`, `vm:web0`, `host:a`; in a fleet each carries its host, `node7/pci:0000:3b:02.1`.

    Raises:
        TopologyError: two things share an id, or an id that is referred to does not exist.
    """

    hosts: Tuple[Host, ...]
    functions: Tuple[Function, ...] = ()
    iommus: Tuple[Iommu, ...] = ()
    iommu_groups: Tuple[IommuGroup, ...] = ()
    numa_nodes: Tuple[NumaNode, ...] = ()
    virtual_machines: Tuple[VirtualMachine, ...] = ()
    warnings: Tuple[Warning_, ...] = ()
    _by_id: Mapping[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)
    _vfs: Mapping[str, Tuple[Function, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _children: Mapping[str, Tuple[Function, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _iommu_of: Mapping[str, Iommu] = field(init=False, repr=False, compare=False, default_factory=dict)
    _holder_of: Mapping[str, VirtualMachine] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        by_id: Dict[str, Any] = {}
        sections: Tuple[Tuple[Any, ...], ...] = (
            self.hosts,
            self.functions,
            self.iommus,
            self.iommu_groups,
            self.numa_nodes,
            self.virtual_machines,
        )
        for things in sections:
            for thing in things:
                if thing.id in by_id:
                    raise TopologyError(
                        f"{thing.id}: two things have this id; in a fleet each id begins with its host's name"
                    )
                by_id[thing.id] = thing
        vfs: Dict[str, Any] = {}
        children: Dict[str, Any] = {}
        for function in self.functions:
            for name in ("parent", "physical_function"):
                target = getattr(function, name)
                if target is not None and not isinstance(by_id.get(target), Function):
                    raise TopologyError(f"{function.id}: {name} is {target}, and no function has that id")
            if function.physical_function is not None:
                vfs.setdefault(function.physical_function, []).append(function)
            if function.parent is not None:
                children.setdefault(function.parent, []).append(function)
        holders: Tuple[Any, ...] = (*self.iommus, *self.iommu_groups, *self.virtual_machines)
        for holder in holders:
            for target in holder.functions:
                if not isinstance(by_id.get(target), Function):
                    raise TopologyError(f"{holder.id}: holds {target}, and no function has that id")
        for members in vfs.values():
            members.sort(key=lambda f: (f.vf_index is None, f.vf_index, f.routing_id))
        object.__setattr__(self, "_by_id", by_id)
        object.__setattr__(self, "_vfs", {key: tuple(value) for key, value in vfs.items()})
        object.__setattr__(self, "_children", {key: tuple(value) for key, value in children.items()})
        object.__setattr__(
            self, "_iommu_of", {target: unit for unit in self.iommus for target in unit.functions}
        )
        object.__setattr__(
            self, "_holder_of", {target: vm for vm in self.virtual_machines for target in vm.functions}
        )

    # -- looking things up ------------------------------------------------------------------

    def __getitem__(self, thing_id: str) -> Any:
        """The thing with this id.

        Raises:
            KeyError: no such id; the text says how ids look.
        """
        try:
            return self._by_id[thing_id]
        except KeyError:
            raise KeyError(
                f"{thing_id!r}: no such id; ids look like pci:0000:3b:02.1, vm:web0, iommu-group:17"
            ) from None

    def __contains__(self, thing_id: object) -> bool:
        return thing_id in self._by_id

    def function(self, address: str) -> Function:
        """The function with this address (0000:3b:02.1, or 3b:02.1 in domain 0) or id.

        Raises:
            KeyError: no such function; the text names a few there are.
        """
        for key in (address, "pci:" + address, "pci:0000:" + address):
            found = self._by_id.get(key)
            if isinstance(found, Function):
                return found
        some = ", ".join(f.address for f in self.functions[:4])
        raise KeyError(f"{address!r}: no such function here; there are {len(self.functions)}, such as {some}")

    @property
    def physical_functions(self) -> Tuple[Function, ...]:
        """All PFs, in order of address."""
        return tuple(f for f in self.functions if f.kind is FunctionKind.PF)

    @property
    def virtual_functions(self) -> Tuple[Function, ...]:
        """All VFs, in order of address."""
        return tuple(f for f in self.functions if f.kind is FunctionKind.VF)

    def vfs_of(self, pf: str) -> Tuple[Function, ...]:
        """The VFs of a PF, by its id, in order of `vf_index`."""
        return self._vfs.get(pf, ())

    def children_of(self, port: str) -> Tuple[Function, ...]:
        """The functions right below a port or bridge, by its id."""
        return self._children.get(port, ())

    def ports_above(self, function: Function) -> Iterator[Function]:
        """The ports and bridges from a function up to its root port, nearest first."""
        seen = set()
        while function.parent is not None and function.parent not in seen:
            seen.add(function.parent)
            function = self._by_id[function.parent]
            yield function

    def iommu_of(self, function: Function) -> Optional[Iommu]:
        """The IOMMU unit that translates a function's requests, if any is known."""
        return self._iommu_of.get(function.id)

    def holder_of(self, function: Function) -> Optional[VirtualMachine]:
        """The running VM that holds a function through VFIO, if any."""
        return self._holder_of.get(function.id)

    # -- other forms ------------------------------------------------------------------------

    @property
    def graph(self) -> "nx.MultiDiGraph[str]":
        """A frozen networkx.MultiDiGraph of it; see `sriovlab.model.graph` for nodes and edges."""
        from .graph import graph_of

        return graph_of(self)

    def to_document(self) -> Dict[str, Any]:
        """The topology document, schema `sriovlab.topology/1`, as plain JSON values."""
        from .document import to_document

        return to_document(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Topology":
        """The topology that a document describes.

        Raises:
            SnapshotError: another schema, or a key that is missing or of the wrong type, by name.
        """
        from .document import from_document

        return from_document(document)

    def __repr__(self) -> str:
        names = ", ".join(host.name for host in self.hosts[:3]) + (", ..." if len(self.hosts) > 3 else "")
        return (
            f"<Topology {names}: {len(self.functions)} functions, {len(self.physical_functions)} PFs, "
            f"{len(self.virtual_functions)} VFs, {len(self.iommu_groups)} IOMMU groups, "
            f"{len(self.virtual_machines)} VMs, {len(self.warnings)} warnings>"
        )

    def _repr_mimebundle_(self, **_: Any) -> Dict[str, Any]:
        bundle: Dict[str, Any] = {"text/plain": repr(self)}
        if display_hook is not None and "IPython" in sys.modules:
            bundle.update(display_hook(self))
        return bundle
