"""How many VMs a host carries, and what gives out first: CPU, queues, vectors, VFs, the line or another limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import PathError
from ..model.nouns import Function, FunctionKind
from .path import parse_path
from .predict import predict
from .questions import path_list
from .request import Receive, Request

if TYPE_CHECKING:
    from ..model.topology import Topology

# More VMs than this no host carries; a limit beyond it does not limit.
MOST_VMS = 4096
# Knobs whose limits are looked at on their own, so that they do not hide how much CPU the load takes.
_LIFTED: dict[str, Any] = {
    "line_rate_gbit_s": 1e9, "media_iops": None, "pcie_gbit_s": None, "vf_iops": None, "vf_gbit_s": None, "host_cores": None,
    "iommu_page": None, "iommu_misses_per_page": None,
}  # fmt: skip


@dataclass(frozen=True)
class ResourceLimit:
    """VMs that one resource suffices for: at dear costs (low), typical and cheap ones (high)."""

    resource: str
    low: int
    typical: int
    high: int


@dataclass(frozen=True)
class PathDensity:
    """The limits of one path, the tightest first; none where nothing that is known limits it."""

    path: str
    limits: tuple[ResourceLimit, ...]

    @property
    def vms(self) -> int | None:
        """VMs that the host carries on this path."""
        return self.limits[0].typical if self.limits else None

    @property
    def binding(self) -> str | None:
        """What gives out first."""
        return self.limits[0].resource if self.limits else None


@dataclass(frozen=True)
class Supply:
    """What a host and its device have to give; None is not known, and limits nothing.

    Args:
        vfs: VFs of the device. queues: queue pairs that its VFs share. vectors: MSI-X vectors that they share.
        vectors_per_vf: Size of a VF's MSI-X table.
    """

    host_cores: int | None = None
    line_rate_gbit_s: float | None = None
    vfs: int | None = None
    queues: int | None = None
    vectors: int | None = None
    vectors_per_vf: int | None = None
    device: str | None = None


@dataclass(frozen=True)
class VmsPerHost:
    """The answer of `vms_per_host`; `rate_per_s` is what each VM wants."""

    request: Request
    rate_per_s: float
    supply: Supply
    queues_per_vm: int
    vectors_per_vm: int
    paths: tuple[PathDensity, ...]

    def __repr__(self) -> str:
        found = ", ".join(
            f"{d.path} {d.vms} ({d.binding})" if d.limits else f"{d.path} no known limit" for d in self.paths
        )
        return f"<VmsPerHost {self.request.text} at {self.rate_per_s:,.0f}/s each: {found}>"


def vms_per_host(
    paths: str | Sequence[str] = ("virtio", "vhost", "vhost-user", "sriov"),
    request: Request | None = None,
    *,
    rate: float = 20_000.0,
    host: Topology | None = None,
    function: str | None = None,
    host_cores: int | None = None,
    line_rate_gbit_s: float | None = None,
    vfs: int | None = None,
    queues: int | None = None,
    vectors: int | None = None,
    vectors_per_vf: int | None = None,
    queues_per_vm: int | None = None,
    vectors_per_vm: int | None = None,
    **knobs: Any,
) -> VmsPerHost:
    """How many VMs that each want `rate` requests a second a host carries on each path, and what binds first.

    Args:
        host: A Topology, for what is known of its device and CPUs; numbers given go before it.
        function: Address or id of the PF to share; the one with the most VFs unless given.
        vfs, queues, vectors, vectors_per_vf: As in `Supply`; they bind direct paths only, since a mediated path
            shares the PF's own.
        queues_per_vm: Queue pairs of each VM, its vCPUs unless given; vectors_per_vm: one more, for the mailbox.
    Raises:
        PathError: a number that is out of range, or a function that the host does not have; names it.
    """
    asked = request or Receive()
    given = {"host_cores": host_cores, "line_rate_gbit_s": line_rate_gbit_s, "vfs": vfs, "queues": queues, "vectors": vectors,
             "vectors_per_vf": vectors_per_vf}  # fmt: skip
    for name, number in {**given, "queues_per_vm": queues_per_vm, "vectors_per_vm": vectors_per_vm}.items():
        least = 0 if name in ("vfs", "queues", "vectors", "vectors_per_vf") else 1e-9
        if number is not None and (
            isinstance(number, bool) or not isinstance(number, int | float) or not least <= number
        ):
            raise PathError(
                f"{name} is {number!r}, expected a number, {'0 or more' if least == 0 else 'more than 0'}"
            )
    for name in ("vms", "queue_depth"):
        if name in knobs:
            raise PathError(f"{name} is what this question varies, so it cannot be fixed; leave it out")
    known = supply_of(host, asked, function) if host is not None else Supply()
    supply = Supply(
        **{**vars(known), **{name: number for name, number in given.items() if number is not None}}
    )
    own_queues = queues_per_vm if queues_per_vm is not None else int(knobs.get("vcpus", 1))
    own_vectors = vectors_per_vm if vectors_per_vm is not None else own_queues + 1
    if host is not None:
        knobs["host"] = host
    found = tuple(
        _density(path, asked, rate, supply, own_queues, own_vectors, knobs) for path in path_list(paths)
    )
    return VmsPerHost(asked, rate, supply, own_queues, own_vectors, found)


def supply_of(host: Topology, request: Request, function: str | None = None) -> Supply:
    """What is known of a host's CPUs and of the PF that its VMs would share.

    Raises:
        PathError: no such function.
    """
    pf = _pf(host, request, function)
    cores = next((h.cpu_count for h in host.hosts if h.cpu_count), None)
    if pf is None:
        return Supply(host_cores=cores)
    sriov = pf.sriov
    counts = [n for n in (sriov.total_vfs, sriov.driver_max_vfs) if n is not None] if sriov else []
    speeds = [i.speed_mbit_s / 1000 for i in pf.network_interfaces if i.speed_mbit_s]
    tables = [f.msix_vectors for f in host.vfs_of(pf.id) if f.msix_vectors is not None]
    return Supply(
        host_cores=cores,
        line_rate_gbit_s=max(speeds, default=None),
        vfs=min(counts, default=None),
        vectors_per_vf=min(tables, default=None),
        device=pf.address,
    )


def _pf(host: Topology, request: Request, name: str | None) -> Function | None:
    if name is not None:
        try:
            found: Function = host.function(name)
        except KeyError as err:
            raise PathError(str(err.args[0])) from err
        return found
    wanted = "0108" if request.is_storage else "02"
    fitting = [
        f for f in host.functions if f.kind is FunctionKind.PF and (f.class_code or "").startswith(wanted)
    ]
    return max(fitting, key=lambda f: (f.sriov.total_vfs if f.sriov else None) or 0, default=None)


def _density(
    path: str, request: Request, rate: float, supply: Supply, queues: int, vectors: int, knobs: dict[str, Any]
) -> PathDensity:
    line = {} if supply.line_rate_gbit_s is None else {"line_rate_gbit_s": supply.line_rate_gbit_s}
    whole = {**line, **knobs, "rate": rate}
    one = predict(path, request, vms=1, **whole)
    limits = []
    if supply.host_cores is not None:
        lifted = {**whole, **_LIFTED}

        def fits(level: str, count: int) -> bool:
            cpu = predict(path, request, vms=count, **lifted).cpu_cores
            return bool(getattr(cpu, level) <= supply.host_cores)

        # Dear costs, the high end of the CPU, make the low count.
        limits.append(_limit("host-cpu", [partial(fits, level) for level in ("high", "typical", "low")]))

    def allows(bound: str, level: str, count: int) -> bool:
        spans = predict(path, request, vms=count, **whole).bounds
        return bound not in spans or bool(getattr(spans[bound], level) >= count * rate * (1 - 1e-9))

    for name in one.bounds:
        limits.append(_limit(name, [partial(allows, name, level) for level in ("low", "typical", "high")]))
    if parse_path(path).route == "bypass":
        limits += _of_device(supply, queues, vectors)
    known = [limit for limit in limits if limit.typical < MOST_VMS]
    known.sort(key=lambda limit: (limit.typical, limit.resource))
    return PathDensity(one.path, tuple(known))


def _of_device(supply: Supply, queues: int, vectors: int) -> list[ResourceLimit]:
    found = {}
    if supply.vfs is not None:
        found["vfs"] = supply.vfs
    if supply.queues is not None:
        found["queues"] = math.floor(supply.queues / queues)
    if supply.vectors is not None:
        found["vectors"] = math.floor(supply.vectors / vectors)
    if supply.vectors_per_vf is not None and supply.vectors_per_vf < vectors:
        # No VF of this device has as many, so no VM gets them.
        found["vectors-per-vf"] = 0
    return [ResourceLimit(name, count, count, count) for name, count in found.items()]


def _limit(resource: str, suffices: list[Callable[[int], bool]]) -> ResourceLimit:
    return ResourceLimit(resource, *map(_most, suffices))


def _most(suffices: Callable[[int], bool]) -> int:
    """The largest count, 0 to MOST_VMS, that still suffices."""
    if not suffices(1):
        return 0
    low, high = 1, 2
    while high <= MOST_VMS and suffices(high):
        low, high = high, high * 2
    high = min(high, MOST_VMS + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if suffices(middle) else (low, middle)
    return low
