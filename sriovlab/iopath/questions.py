"""The questions people ask of the paths, each a pure function of what `predict` says.

Every answer is a frozen dataclass of plain tuples; `scene.charts` makes pictures and tables of them. `knobs` are
those of `Setting`, and `host` or `setting` as `predict` takes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from ..errors import PathError
from .journey import Certainty, Label, Span, hop_times
from .path import parse_path
from .predict import predict
from .prediction import Prediction, payer_of
from .request import Read, Receive, Request
from .setting import PAGE_SIZES

VM_COUNTS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64)
PACKET_RATES = tuple(round(10 ** (3 + step / 8)) for step in range(27))
INTERRUPT_RATES = (1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 4e4, 5e4, 6e4, 7e4, 8e4, 9e4, 1e5)
MISSES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.76, 2.0, 2.5, 3.0, 3.5, 4.0)


@dataclass(frozen=True)
class Curve:
    """A quantity with its range at each `x`; None where nothing can be said, such as a load that is not carried."""

    name: str
    x: tuple[float, ...]
    low: tuple[float | None, ...]
    typical: tuple[float | None, ...]
    high: tuple[float | None, ...]

    def __repr__(self) -> str:
        return f"<Curve {self.name}: {len(self.x)} points>"


def _curve(name: str, x: Iterable[float], spans: Iterable[Span | None]) -> Curve:
    found = tuple(spans)
    levels = (tuple(getattr(s, level) if s else None for s in found) for level in ("low", "typical", "high"))
    return Curve(name, tuple(x), *levels)


def path_list(paths: str | Sequence[str]) -> tuple[str, ...]:
    """The paths as canonical texts, each once.

    Raises:
        PathError: none is given, or one is unknown.
    """
    given = (paths,) if isinstance(paths, str) else tuple(paths)
    if not given:
        raise PathError("no path is given; expected one or more, such as 'virtio', 'sriov'")
    return tuple(dict.fromkeys(str(parse_path(path)) for path in given))


def _numbers(name: str, values: Iterable[float], *, least: float = 0.0) -> tuple[float, ...]:
    found = tuple(values)
    if not found or any(
        isinstance(v, bool) or not isinstance(v, int | float) or not math.isfinite(v) or v < least
        for v in found
    ):
        raise PathError(f"{name} is {found!r}, expected one or more numbers, each {least:g} or more")
    return tuple(sorted(set(found)))


def _no_knob(knobs: dict[str, Any], *names: str) -> None:
    for name in names:
        if name in knobs:
            raise PathError(f"{name} is what this question varies, so it cannot be fixed; leave it out")


# -- where the time goes --------------------------------------------------------------------------


@dataclass(frozen=True)
class TimeStep:
    """A hop: who works on it, when it begins, what it takes, and whether the application waits for it.

    The last may be `queueing`, what the load adds, or `saved`, a negative time that it saves.
    """

    hop: str
    label: Label | None
    who: str
    start_ns: float
    ns: Span
    is_waited_for: bool
    is_shared: bool
    certainty: Certainty


@dataclass(frozen=True)
class Waterfall:
    """The hops of one path in order; those waited for add up to `latency_ns`."""

    path: str
    steps: tuple[TimeStep, ...]
    latency_ns: Span


@dataclass(frozen=True)
class WhereTimeGoes:
    """The answer of `where_time_goes`."""

    request: Request
    waterfalls: tuple[Waterfall, ...]

    def __repr__(self) -> str:
        found = ", ".join(f"{w.path} {w.latency_ns.typical / 1000:.3g} us" for w in self.waterfalls)
        return f"<WhereTimeGoes {self.request.text}: {found}>"


def where_time_goes(
    paths: str | Sequence[str] = ("virtio", "sriov"), request: Request | None = None, **knobs: Any
) -> WhereTimeGoes:
    """Hop by hop, who takes how long of one request, and what waiting in line adds under this load.

    Raises:
        PathError: an unknown path or knob, or more is offered than a path carries: then it waits for ever.
    """
    asked = request or Read()
    found = [predict(path, asked, **knobs) for path in path_list(paths)]
    for prediction in found:
        if not math.isfinite(prediction.latency_ns.typical):
            raise PathError(
                f"{prediction.path} cannot carry this load ({prediction.bottleneck} is full), so a request waits for ever; "
                "offer less, or give a queue_depth in place of a rate"
            )
    return WhereTimeGoes(asked, tuple(map(_waterfall, found)))


def _waterfall(prediction: Prediction) -> Waterfall:
    steps = [
        TimeStep(
            hop.id, hop.label, payer_of(hop.actor) or "device", start, hop.elapsed_ns, hop.is_waited_for, hop.is_shared,
            hop.certainty,
        )
        for hop, (start, _) in zip(prediction.hops, hop_times(prediction.hops), strict=True)
    ]  # fmt: skip
    alone = prediction.unloaded_ns.typical
    added = prediction.latency_ns.typical - alone
    if added:
        # Under a load a request waits in line, but also finds the back end awake and needs fewer kicks and wake-ups.
        name = "queueing" if added > 0 else "saved"
        span = Span(added, added, added)
        steps.append(TimeStep(name, None, name, alone, span, True, False, Certainty.DERIVED))
    return Waterfall(prediction.path, tuple(steps), prediction.latency_ns)


# -- from 1 to 64 VMs -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Scaling:
    """The answer of `scaling`: requests a second and CPU of all VMs together, a curve for each path."""

    request: Request
    vms: tuple[int, ...]
    throughput_per_s: tuple[Curve, ...]
    cores: tuple[Curve, ...]
    bottlenecks: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        found = ", ".join(f"{c.name} {c.typical[-1]:,.0f}/s" for c in self.throughput_per_s)
        return f"<Scaling {self.request.text}, {self.vms[0]} to {self.vms[-1]} VMs: {found}>"


def scaling(
    paths: str | Sequence[str] = ("virtio", "vhost", "vhost-user", "sriov"),
    request: Request | None = None,
    vms: Iterable[int] = VM_COUNTS,
    **knobs: Any,
) -> Scaling:
    """Throughput and CPU as VMs that do the same are added."""
    asked, counts = request or Read(), tuple(int(v) for v in _numbers("vms", vms, least=1))
    names, rates, cores, bounds = path_list(paths), [], [], []
    for path in names:
        found = [predict(path, asked, vms=count, **knobs) for count in counts]
        name = found[0].path
        rates.append(_curve(name, counts, (p.throughput_per_s for p in found)))
        cores.append(_curve(name, counts, (p.cpu_cores for p in found)))
        bounds.append(tuple(p.bottleneck for p in found))
    return Scaling(asked, counts, tuple(rates), tuple(cores), tuple(bounds))


# -- what posted interrupts buy -------------------------------------------------------------------


@dataclass(frozen=True)
class PostedGain:
    """The answer of `posted_gain`: a curve for each way of delivering interrupts, by interrupts a second of a VM.

    `ratio` is the throughput beside that with no interrupts at all; `cpu_us` the CPU of one request.
    """

    request: Request
    interrupts_per_s: tuple[float, ...]
    throughput_per_s: tuple[Curve, ...]
    ratio: tuple[Curve, ...]
    exits_per_s: tuple[Curve, ...]
    cpu_us: tuple[Curve, ...]

    def __repr__(self) -> str:
        found = ", ".join(f"{c.name} {100 * (c.typical[-1] or 0):.0f} %" for c in self.ratio)
        return f"<PostedGain {self.request.text} at {self.interrupts_per_s[-1]:,.0f} interrupts/s: {found}>"


def posted_gain(
    path: str = "sriov",
    request: Request | None = None,
    interrupts_per_s: Iterable[float] = INTERRUPT_RATES,
    **knobs: Any,
) -> PostedGain:
    """What each way of delivering interrupts leaves of the throughput, as interrupts come more often.

    Raises:
        PathError: the path is `native`, or says a mode itself: the modes are what is compared.
    """
    _no_knob(knobs, "interrupts_per_vm_s")
    parsed = parse_path(path)
    if parsed.mode is not None or parsed.name == "native":
        raise PathError(
            f"path {path!r}: expected a VM's path without an interrupt mode; all three are compared"
        )
    asked, rates = request or Receive(), _numbers("interrupts_per_s", interrupts_per_s)
    free = predict(f"{parsed}+posted", asked, interrupts_per_vm_s=0.0, **knobs).throughput_per_s.typical
    columns: dict[str, list[Curve]] = {"rate": [], "ratio": [], "exits": [], "cpu": []}
    for mode in ("trapped", "apicv", "posted"):
        found = [predict(f"{parsed}+{mode}", asked, interrupts_per_vm_s=rate, **knobs) for rate in rates]
        spans = [p.throughput_per_s for p in found]
        columns["rate"].append(_curve(mode, rates, spans))
        columns["ratio"].append(_curve(mode, rates, (s * (1 / free) for s in spans)))
        columns["exits"].append(_curve(mode, rates, (Span(*(p.exits_per_s,) * 3) for p in found)))
        columns["cpu"].append(
            _curve(mode, rates, (p.cpu_cores * (1e6 / p.throughput_per_s.typical) if p.throughput_per_s.typical else None for p in found))
        )  # fmt: skip
    return PostedGain(asked, rates, *(tuple(column) for column in columns.values()))


# -- where the direct path begins to pay ----------------------------------------------------------


@dataclass(frozen=True)
class Crossing:
    """Two paths compared: the direct one takes less CPU `always`, `never`, `from` a rate on or `until` it."""

    direct: str
    other: str
    verdict: str
    rate_per_s: float | None = None
    cores: float | None = None


@dataclass(frozen=True)
class BreakEven:
    """The answer of `break_even`: CPU by packets a second of one VM, and every crossing of two curves.

    A curve ends (None) where its path carries no more; `most_per_s` says where.
    """

    request: Request
    rates_per_s: tuple[float, ...]
    cores: tuple[Curve, ...]
    crossings: tuple[Crossing, ...]
    most_per_s: tuple[float, ...]

    def __repr__(self) -> str:
        found = ", ".join(
            f"{c.direct} under {c.other} {c.verdict}" + (f" {c.rate_per_s:,.0f}/s" if c.rate_per_s else "")
            for c in self.crossings
        )
        return f"<BreakEven {self.request.text}: {found}>"


def break_even(
    paths: Sequence[str] = ("virtio", "vhost", "vhost-user", "sriov", "sriov+userspace"),
    request: Request | None = None,
    rates_per_s: Iterable[float] = PACKET_RATES,
    **knobs: Any,
) -> BreakEven:
    """From which rate on each direct path takes less CPU than each mediated one.

    Raises:
        PathError: not at least one direct path (sriov) and one other.
    """
    _no_knob(knobs, "rate", "queue_depth")
    asked, rates = request or Receive(), _numbers("rates_per_s", rates_per_s, least=1e-3)
    names = path_list(paths)
    direct = [name for name in names if parse_path(name).route == "bypass"]
    others = [name for name in names if name not in direct]
    if not direct or not others:
        raise PathError(
            f"paths are {', '.join(names)}; expected a direct one (sriov) and one to compare it with"
        )

    def cores_at(path: str, rate: float) -> Span | None:
        found = predict(path, asked, rate=rate, **knobs)
        return found.cpu_cores if found.bottleneck == "offered" else None

    curves, most = {}, []
    for path in names:
        first = predict(path, asked, rate=rates[0], **knobs)
        curves[path] = _curve(first.path, rates, (cores_at(path, rate) for rate in rates))
        most.append(first.capacity_per_s.typical / first.setting.vms)
    crossings = [
        crossing
        for one in direct
        for other in others
        for crossing in _crossings(
            curves[one], curves[other], partial(cores_at, one), partial(cores_at, other)
        )
    ]
    return BreakEven(asked, rates, tuple(curves.values()), tuple(crossings), tuple(most))


_CpuAt = Callable[[float], Span | None]


def _crossings(one: Curve, other: Curve, of_one: _CpuAt, of_other: _CpuAt) -> list[Crossing]:
    signs = [
        (x, a < b)
        for x, a, b in zip(one.x, one.typical, other.typical, strict=True)
        if a is not None and b is not None
    ]
    found = []
    for (low, is_cheaper), (high, becomes_cheaper) in pairwise(signs):
        if is_cheaper == becomes_cheaper:
            continue
        for _ in range(40):
            middle = math.sqrt(low * high)
            a, b = of_one(middle), of_other(middle)
            is_before = a is not None and b is not None and (a.typical < b.typical) == is_cheaper
            low, high = (middle, high) if is_before else (low, middle)
        at = of_one(high)
        verdict = "from" if becomes_cheaper else "until"
        found.append(Crossing(one.name, other.name, verdict, high, at.typical if at else None))
    if not found:
        is_always = bool(signs) and signs[0][1]
        found.append(Crossing(one.name, other.name, "always" if is_always else "never"))
    return found


# -- what the IOMMU costs -------------------------------------------------------------------------


@dataclass(frozen=True)
class PageMisses:
    """One page size of the IOMMU's tables: page-table reads for 4 KiB moved, and what they let through, in Gbit/s."""

    page: str
    misses: float
    gbit_s: Span


@dataclass(frozen=True)
class IommuCost:
    """The answer of `iommu_cost`: what the IOMMU lets through, by misses and by VMs; `line_gbit_s` is the line's."""

    path: str
    request: Request
    vms: int
    by_misses: Curve
    pages: tuple[PageMisses, ...]
    by_vms: tuple[Curve, ...]
    line_gbit_s: float | None

    def __repr__(self) -> str:
        found = ", ".join(f"{p.page} {p.gbit_s.typical:.3g}" for p in self.pages)
        return f"<IommuCost {self.path}, {self.request.text}, {self.vms} VMs, Gbit/s: {found}>"


def iommu_cost(
    path: str = "sriov",
    request: Request | None = None,
    misses: Iterable[float] = MISSES,
    vms: int = 64,
    vm_counts: Iterable[int] = (1, 8, 16, 24, 32, 40, 48, 64, 96, 128, 192, 256),
    **knobs: Any,
) -> IommuCost:
    """What the IOMMU's page-table reads leave of the throughput, with mappings of 4 KiB, 2 MiB and 1 GiB.

    With no misses the time of the DMA itself remains.
    """
    _no_knob(knobs, "iommu_page", "iommu_misses_per_page")
    asked = request or Receive(4096)
    counts = tuple(int(v) for v in _numbers("vm_counts", vm_counts, least=1))
    bits = asked.size * 8 / 1e9

    def bound(reads: float) -> Span:
        # No reads at all means "no IOMMU" to predict; next to none leaves the base time of a DMA.
        found = predict(path, asked, iommu_misses_per_page=max(reads, 1e-9), **knobs)
        return found.bounds["iommu"] * bits

    def reads_of(page: str, count: int) -> float:
        return float(predict(path, asked, iommu_page=page, vms=count, **knobs).setting.iommu_reads)

    steps = _numbers("misses", misses)
    base = predict(path, asked, vms=vms, **knobs)
    line = base.bounds["line"].typical * bits if "line" in base.bounds else None
    pages = tuple(PageMisses(page, reads_of(page, vms), bound(reads_of(page, vms))) for page in PAGE_SIZES)
    by_vms = tuple(
        _curve(page, counts, [bound(reads_of(page, count)) for count in counts]) for page in PAGE_SIZES
    )
    return IommuCost(base.path, asked, vms, _curve(base.path, steps, map(bound, steps)), pages, by_vms, line)
