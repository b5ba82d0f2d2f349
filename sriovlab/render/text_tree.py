"""The topology as a tree of plain lines, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..i18n import text
from ..model.nouns import Function, FunctionKind
from ..model.topology import Topology
from ..pci.names import class_name, device_name, vendor_name
from .diagram import counts

RUN = 3


def tree_lines(topology: Topology, *, language: str = "en", is_expanded: bool = False) -> Iterator[str]:
    """One line a function, below the port that leads to it; runs of alike VFs are one line."""
    yield counts(topology).in_language(language)
    roots = [f for f in topology.functions if f.parent is None]
    yield from _branch(topology, roots, "", language, is_expanded)
    for machine in topology.virtual_machines:
        held = ", ".join(topology[i].address for i in machine.functions)
        devices = ", ".join(d.kind + (f" ({d.backend})" if d.backend else "") for d in machine.devices)
        yield f"{machine.id}  {machine.vmm}  " + "; ".join(part for part in (held, devices) if part)
    for unit in topology.iommus:
        yield f"{unit.id}  {unit.kind}  interrupt remapping {_word(unit.interrupt_remapping)}, posting {_word(unit.posted_interrupts)}"
    for warning in topology.warnings[: None if is_expanded else 5]:
        yield f"! {warning.where}: {warning.what}"
    if len(topology.warnings) > 5 and not is_expanded:
        yield f"! {len(topology.warnings) - 5} more warnings (--all)"


def _word(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"


def _branch(
    topology: Topology, functions: Sequence[Function], indent: str, language: str, is_expanded: bool
) -> Iterator[str]:
    entries = [f for f in functions if f.physical_function is None]
    for i, function in enumerate(entries):
        last = i == len(entries) - 1
        yield indent + ("└─ " if last else "├─ ") + _line(topology, function)
        deeper = indent + ("   " if last else "│  ")
        vfs = topology.vfs_of(function.id)
        children = [f for f in topology.children_of(function.id) if f.kind is not FunctionKind.VF]
        yield from _vf_lines(topology, vfs, deeper, language, is_expanded, has_more=bool(children))
        yield from _branch(topology, children, deeper, language, is_expanded)


def _vf_lines(
    topology: Topology,
    vfs: Sequence[Function],
    indent: str,
    language: str,
    is_expanded: bool,
    *,
    has_more: bool,
) -> Iterator[str]:
    runs: list[list[Function]] = []
    for vf in vfs:
        key = (vf.driver, topology.holder_of(vf))
        if (
            runs
            and not is_expanded
            and key == (runs[-1][0].driver, topology.holder_of(runs[-1][0]))
            and key[1] is None
        ):
            runs[-1].append(vf)
        else:
            runs.append([vf])
    lines: list[str] = []
    for run in runs:
        if len(run) <= RUN:
            lines += [_line(topology, vf) for vf in run]
        else:
            lines.append(_line(topology, run[0]))
            lines.append(
                text(
                    "cli.more",
                    language=language,
                    count=len(run) - 1,
                    first=run[1].address,
                    last=run[-1].address,
                )
            )
    for i, line in enumerate(lines):
        yield indent + ("└─ " if i == len(lines) - 1 and not has_more else "├─ ") + line


def _line(topology: Topology, function: Function) -> str:
    parts = [function.address, function.kind.value]
    if function.kind is FunctionKind.VF:
        parts[1] = f"vf {function.vf_index}" if function.vf_index is not None else "vf"
    else:
        name = None
        if function.vendor_id and function.device_id:
            vendor = vendor_name(function.vendor_id)
            device = device_name(function.vendor_id, function.device_id)
            name = " ".join(part for part in (vendor, device) if part) or None
        kind = class_name(function.class_code) if function.class_code and name is None else None
        parts.append(name or kind or f"{function.vendor_id}:{function.device_id}")
    state = function.sriov
    if state is not None:
        parts.append(
            f"VFs {_or_unknown(state.num_vfs)}/{_or_unknown(state.total_vfs if state.total_vfs is not None else state.driver_max_vfs)}"
        )
    parts.append(f"[{function.driver}]" if function.driver else "[-]")
    if function.iommu_group is not None:
        parts.append(f"group {function.iommu_group}")
    if function.numa_node is not None:
        parts.append(f"node {function.numa_node}")
    parts += [interface.name for interface in function.network_interfaces]
    parts += [controller.name for controller in function.nvme_controllers]
    holder = topology.holder_of(function)
    if holder is not None:
        parts.append(f"→ {holder.id}")
    return "  ".join(parts)


def _or_unknown(value: int | None) -> str:
    return "?" if value is None else str(value)
