"""The knobs of the model: what of machine, device and load a prediction depends on."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

from ..errors import PathError
from ..facts.book import STANDARD, Book, read_costs

MEDIA = ("optane", "nand")
VCPU_STATES = ("halted", "running", "descheduled")
PAGE_SIZES = {"4k": 4 << 10, "2m": 2 << 20, "1g": 1 << 30}
# IOTLB entries inferred by measurement (fact iotlb_miss_2018); the working set of a VM's rings and buffers.
IOTLB_ENTRIES = 64
WORKING_SET = 4 << 20


_LEAST = 1e-6
# Knobs that take one number, or one for each VM.
_EACH_VM = ("queue_depth", "vf_iops", "vf_gbit_s")


def _knob(
    default: object, low: float | None = None, *, whole: bool = False, high: float = math.inf
) -> object:
    return field(default=default, metadata={"low": low, "whole": whole, "high": high})


@dataclass(frozen=True)
class Setting:
    """Everything a prediction depends on beside path and request; None is "not said", and binds nothing.

    Load:
        vms: VMs that do the same.
        queue_depth: Requests that each VM keeps in flight, or one number for each VM, so that one may be a noisy
            neighbour. Unless given: 1 for reads, writes and messages, and as many as keep it busy for
            packets.
        rate: Requests a second that each VM offers, whether answered or not; in place of a queue depth.
    Machine:
        clock_ghz: Clock that software costs are scaled to; unless given, each cost keeps the clock of the machine it
            was measured on.
        vcpus: vCPUs of each VM, each with a queue of its own.
        backend_cores: Cores that all VMs' back ends share; unless given, a thread for each VM, or one
            polling core.
        host_cores: Cores of the host, for vCPUs and back ends together.
        vcpu: `halted` (idle until the answer comes), `running` or `descheduled` (preempted) when the
            interrupt arrives. Unless given: halted at queue depth 1, running above.
        haltpoll: The guest polls before it halts; the same as the path's option.
        syscalls_per_message: System calls of the VMM for one message received and one sent.
        timer_hz: Timer interrupts of each running vCPU.
    Device:
        media: `optane` or `nand`; media_us the drive's own time in place of it, or bare_metal_us the
            whole latency measured on bare metal, from which its own time follows.
        media_iops: Requests a second that the drive carries.
        line_rate_gbit_s: The network line. pcie_gbit_s: payload rate of the PCIe link.
        mtu, segment_bytes: Bytes of a frame's IP packet, and of the largest piece that the stack hands on.
        vf_iops, vf_gbit_s: Limits of one VF, or one number for each VM's (None for a VF without).
        iommu_page: `4k`, `2m` or `1g`, the pages of the IOMMU's tables.
        iommu_misses_per_page: Page-table reads for 4 KiB moved; in place of what iommu_page gives.
    Interrupts:
        interrupt_throttle_hz: Most interrupts a second of one VM's vector (ITR).
        interrupts_per_vm_s: Interrupts a second of one VM, where they are known.
        completions_per_interrupt: Completions that share one interrupt at least.
        exits_per_request: VM exits of one request, where they are known. exit_cycles: what one of them costs.
        bare_metal_rate: Requests a second of the same work on bare metal, on as many saturated cores as the VM has
            vCPUs. With it, the guest's own work follows from this rate and not from the hops.
    Costs:
        costs: A TOML file with costs of your own, or a Book.
    """

    vms: int = _knob(1, 1, whole=True)  # type: ignore[assignment]
    queue_depth: int | tuple[int, ...] | None = _knob(None, 1, whole=True)  # type: ignore[assignment]
    rate: float | None = _knob(None, 0)  # type: ignore[assignment]
    clock_ghz: float | None = _knob(None, 0)  # type: ignore[assignment]
    vcpus: int = _knob(1, 1, whole=True)  # type: ignore[assignment]
    backend_cores: int | None = _knob(None, 1, whole=True)  # type: ignore[assignment]
    host_cores: int | None = _knob(None, 1, whole=True)  # type: ignore[assignment]
    vcpu: str | None = None
    haltpoll: bool = False
    syscalls_per_message: float | None = _knob(None, -1)  # type: ignore[assignment]
    timer_hz: float = _knob(0.0, -1)  # type: ignore[assignment]
    media: str = "optane"
    media_us: float | None = _knob(None, -1)  # type: ignore[assignment]
    bare_metal_us: float | None = _knob(None, 0)  # type: ignore[assignment]
    media_iops: float | None = _knob(None, 0)  # type: ignore[assignment]
    line_rate_gbit_s: float = _knob(25.0, 0)  # type: ignore[assignment]
    pcie_gbit_s: float | None = _knob(None, 0)  # type: ignore[assignment]
    mtu: int = _knob(1500, 100, whole=True, high=65535)  # type: ignore[assignment]
    segment_bytes: int = _knob(65536, 100, whole=True, high=1 << 20)  # type: ignore[assignment]
    vf_iops: float | tuple[float | None, ...] | None = _knob(None, 0)  # type: ignore[assignment]
    vf_gbit_s: float | tuple[float | None, ...] | None = _knob(None, 0)  # type: ignore[assignment]
    iommu_page: str | None = None
    iommu_misses_per_page: float | None = _knob(None, -1)  # type: ignore[assignment]
    interrupt_throttle_hz: float | None = _knob(None, 0)  # type: ignore[assignment]
    interrupts_per_vm_s: float | None = _knob(None, -1)  # type: ignore[assignment]
    completions_per_interrupt: float = _knob(1.0, 1)  # type: ignore[assignment]
    exits_per_request: float | None = _knob(None, -1)  # type: ignore[assignment]
    exit_cycles: float | None = _knob(None, 0)  # type: ignore[assignment]
    bare_metal_rate: float | None = _knob(None, 0)  # type: ignore[assignment]
    costs: Book | str | os.PathLike[str] = STANDARD

    def __post_init__(self) -> None:
        for knob in fields(self):
            if "low" in knob.metadata:
                self._check(knob.name, knob.metadata)
        if self.media not in MEDIA:
            raise PathError(f"media {self.media!r}: expected one of {', '.join(MEDIA)}")
        if self.vcpu is not None and self.vcpu not in VCPU_STATES:
            raise PathError(f"vcpu {self.vcpu!r}: expected one of {', '.join(VCPU_STATES)}")
        if self.iommu_page is not None and self.iommu_page not in PAGE_SIZES:
            raise PathError(f"iommu_page {self.iommu_page!r}: expected one of {', '.join(PAGE_SIZES)}")
        if not isinstance(self.haltpoll, bool):
            raise PathError(f"haltpoll is {self.haltpoll!r}, expected True or False")
        if self.rate is not None and self.queue_depth is not None:
            raise PathError("rate and queue_depth are both given; a load is open or closed, so give one")
        if self.media_us is not None and self.bare_metal_us is not None:
            raise PathError("media_us and bare_metal_us are both given; give one")
        for name in _EACH_VM:
            value = getattr(self, name)
            if isinstance(value, tuple):
                if self.vms not in (1, len(value)):
                    raise PathError(
                        f"{name} has {len(value)} numbers for {self.vms} VMs, expected one for each"
                    )
                object.__setattr__(self, "vms", len(value))
        if not isinstance(self.costs, Book):
            object.__setattr__(self, "costs", read_costs(self.costs))

    def _check(self, name: str, rule: Mapping[str, float]) -> None:
        value = getattr(self, name)
        if name in _EACH_VM and isinstance(value, Sequence) and not isinstance(value, str):
            value = tuple(value)
            object.__setattr__(self, name, value)
            if not value:
                raise PathError(f"{name} is empty, expected a number for each VM")
        for number in value if isinstance(value, tuple) else (value,):
            if number is None and next(f for f in fields(self) if f.name == name).default is None:
                continue
            wanted = "a whole number" if rule["whole"] else "a number"
            is_right = isinstance(number, int) if rule["whole"] else isinstance(number, int | float)
            if isinstance(number, bool) or not is_right or not math.isfinite(number):
                raise PathError(f"{name} is {number!r}, expected {wanted}")
            low, high = rule["low"], rule["high"]
            # A low of 0 is not reached, nor is what nobody means and no quotient can hold; -1 stands for "0 or more".
            is_low = number < 0 if low == -1 else number < _LEAST if low == 0 else number < low
            if is_low or number > high:
                least = (
                    "0 or more"
                    if low == -1
                    else f"more than 0, at least {_LEAST:g}"
                    if low == 0
                    else f"{low:g} or more"
                )
                most = "" if high == math.inf else f", at most {high:,.0f}"
                raise PathError(f"{name} is {number!r}, expected {wanted}, {least}{most}")

    @property
    def queue_depth_text(self) -> int | str | None:
        """The queue depth in one cell of a table."""
        return (
            "+".join(map(str, self.queue_depth)) if isinstance(self.queue_depth, tuple) else self.queue_depth
        )

    def for_each_vm(self, name: str) -> tuple[float | None, ...]:
        """A knob that takes a number for each VM, as one for each."""
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (value,) * self.vms

    @property
    def book(self) -> Book:
        """The facts in use."""
        assert isinstance(self.costs, Book)
        return self.costs

    @cached_property
    def depths(self) -> tuple[int, ...] | None:
        """The queue depth of each VM, None where it is not said."""
        if self.queue_depth is None:
            return None
        return self.queue_depth if isinstance(self.queue_depth, tuple) else (self.queue_depth,) * self.vms

    @cached_property
    def iommu_reads(self) -> float:
        """IOMMU page-table reads for each 4 KiB moved.

        4 KiB mappings: as measured with five flows. Larger pages: a read for each page that does not stay
        in the IOTLB, whose reach is entries x page size against the VMs' rings and buffers; one read,
        since the upper levels stay in the paging-structure caches.
        """
        if self.iommu_misses_per_page is not None:
            return float(self.iommu_misses_per_page)
        if self.iommu_page is None:
            return 0.0
        if self.iommu_page == "4k":
            return self.book["iommu_reads_5flow"].value
        reach = IOTLB_ENTRIES * PAGE_SIZES[self.iommu_page]
        return max(0.0, 1.0 - reach / (self.vms * WORKING_SET))


KNOBS = tuple(f.name for f in fields(Setting))


def setting_of(given: Setting | None, knobs: dict[str, object]) -> Setting:
    """A setting from knobs by name.

    Raises:
        PathError: a knob nobody knows, or a value it does not take; lists what there is.
    """
    for name in knobs:
        if name not in KNOBS:
            close = difflib.get_close_matches(name, KNOBS, 1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise PathError(f"no knob is called {name!r}; {hint}there are {', '.join(KNOBS)}")
    if given is None:
        return Setting(**knobs)  # type: ignore[arg-type]
    if not isinstance(given, Setting):
        raise PathError(f"setting is {given!r}, expected a Setting")
    return Setting(**{**{name: getattr(given, name) for name in KNOBS}, **knobs})
