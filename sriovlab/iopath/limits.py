"""What bounds a rate of requests whatever the CPUs do: media, line, PCIe link, IOMMU, and the limits of a VF.

IOMMU: bytes / (l0 + M x lm) for each 4 KiB page moved, with M page-table reads (Fast & Safe IO Memory
Protection, section 2.2); `iommu_reads` of a setting gives M.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .costing import Pricing
from .path import Path
from .request import Request
from .setting import Setting

LEVELS = ("low", "typical", "high")
INF = float("inf")


@dataclass(frozen=True)
class Limit:
    """How long one request occupies what limits it, in ns.

    `each_vm_ns` holds a number for each VM where every VM has a limit of its own (its VF), else None and
    `ns` is that of what all share.
    """

    ns: float
    each_vm_ns: tuple[float, ...] | None = None

    def rate(self, vms: int) -> float:
        """Requests a second of all VMs together that it allows."""
        if self.each_vm_ns is None:
            return 1e9 / self.ns
        return sum(1e9 / ns if ns else INF for ns in self.each_vm_ns) if vms else 0.0


def iommu_reads(path: Path, price: Pricing) -> float:
    """IOMMU page-table reads for 4 KiB moved on this path."""
    return price.iommu_reads + (price.nested_reads if "nested" in path.options else 0.0)


def limits_of(
    path: Path, request: Request, setting: Setting, price: Pricing, level: str = "typical"
) -> Mapping[str, Limit]:
    """The limits that a setting has, by name, at one level of the costs."""
    size, found = request.size, {}
    if setting.media_iops is not None and request.is_storage:
        found["media"] = Limit(1e9 / setting.media_iops)
    if not request.is_storage:
        found["line"] = Limit(8 * price.wire_bytes / setting.line_rate_gbit_s)
    if setting.pcie_gbit_s is not None:
        found["pcie"] = Limit(8 * size / setting.pcie_gbit_s)
    reads = iommu_reads(path, price)
    if reads > 0:
        index = LEVELS.index(level)
        base, each = setting.book["dma_base_l0"], setting.book["iommu_read_lm"]
        found["iommu"] = Limit(request.pages * (base.ns[index] + reads * each.ns[index]))
    if path.route == "bypass" and (setting.vf_iops is not None or setting.vf_gbit_s is not None):
        each_vm = tuple(
            max(
                1e9 / iops if iops is not None else 0.0,
                8 * size / gbit if gbit is not None else 0.0,
            )
            for iops, gbit in zip(
                setting.for_each_vm("vf_iops"), setting.for_each_vm("vf_gbit_s"), strict=True
            )
        )
        found["vf"] = Limit(max(each_vm), each_vm)
    return found
