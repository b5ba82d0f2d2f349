"""Charts of curves: more VMs, more interrupts, more packets, more misses of the IOMMU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from ..i18n import Words, words
from ..iopath.path import parse_path
from ..iopath.questions import BreakEven, Crossing, Curve, IommuCost, PostedGain, Scaling
from .chart_bars import columns, notes
from .chart_parts import DASHES, MARKERS, Axis, ChartScene, Line, Mark, Panel, Reference
from .tables import Table, figure_text

_ROLES = {
    "virtio": "bar-vmm",
    "vhost": "bar-host-kernel",
    "vhost-user": "interrupt",
    "sriov": "data",
    "native": "wire",
}
_MODE_ROLES = {"trapped": "bar-vmm", "apicv": "bar-host-kernel", "posted": "data"}
_PAGE_ROLES = {"4k": "bar-vmm", "2m": "command", "1g": "data"}


def _line(curve: Curve, index: int, role: str, name: Words | None = None, factor: float = 1.0) -> Line:
    def scaled(values: Iterable[float | None]) -> tuple[float | None, ...]:
        return tuple(None if value is None else value * factor for value in values)

    is_exact = curve.low == curve.high
    return Line(
        name or Words.plain(curve.name),
        curve.x,
        scaled(curve.typical),
        role,
        DASHES[index % len(DASHES)],
        MARKERS[index % len(MARKERS)],
        () if is_exact else scaled(curve.low),
        () if is_exact else scaled(curve.high),
    )


def _path_lines(curves: Sequence[Curve]) -> tuple[Line, ...]:
    return tuple(
        _line(curve, index, _ROLES.get(parse_path(curve.name).name, "command"))
        for index, curve in enumerate(curves)
    )


def _top(lines: Iterable[Line]) -> float:
    """The highest typical value, with room above; a band may leave the picture, the curves may not."""
    found = [y for line in lines for y in line.y if y is not None]
    return 1.18 * max(found, default=1.0) or 1.0


# -- from 1 to 64 VMs -----------------------------------------------------------------------------


def scaling_chart(answer: Scaling, asked: Words, host_cores: int | None = None) -> ChartScene:
    """Throughput above, CPU below, over VMs."""
    rates, cores = _path_lines(answer.throughput_per_s), _path_lines(answer.cores)
    axis = Axis(words("charts.axis.vms"), 0.0, float(answer.vms[-1]))
    top = _top(cores) if host_cores is None else max(_top(cores), 1.18 * host_cores)
    limit = (
        ()
        if host_cores is None
        else (Reference(host_cores, words("charts.reference.cores", cores=host_cores)),)
    )
    panels = (
        Panel(axis, Axis(words("charts.axis.rate"), 0.0, _top(rates), is_short=True), rates),
        Panel(axis, Axis(words("charts.axis.cores"), 0.0, top), cores, references=limit),
    )
    rows = [
        (vms, rate.name, rate.typical[at], rate.low[at], rate.high[at], cpu.typical[at], cpu.low[at], cpu.high[at],
         words(f"charts.resource.{bounds[at]}"))
        for rate, cpu, bounds in zip(answer.throughput_per_s, answer.cores, answer.bottlenecks, strict=True)
        for at, vms in enumerate(answer.vms)
    ]  # fmt: skip
    heads = columns(
        "vms", "path", "rate", "rate-low", "rate-high", "cores", "cores-low", "cores-high", "bottleneck"
    )
    table = Table(asked, heads, tuple(rows), notes())
    return ChartScene("scaling", words("charts.scaling.title"), asked, panels, table, answer)


# -- what posted interrupts buy -------------------------------------------------------------------


def posted_gain_chart(answer: PostedGain, asked: Words) -> ChartScene:
    """Throughput, exits and CPU over the interrupts a second of one VM."""
    x = Axis(words("charts.axis.interrupts"), 0.0, answer.interrupts_per_s[-1], is_short=True)

    def lines(curves: Sequence[Curve], factor: float = 1.0) -> tuple[Line, ...]:
        return tuple(
            _line(curve, index, _MODE_ROLES[curve.name], words(f"charts.mode.{curve.name}"), factor)
            for index, curve in enumerate(curves)
        )

    ratio, exits, cpu = lines(answer.ratio, 100), lines(answer.exits_per_s), lines(answer.cpu_us)
    panels = (
        Panel(x, Axis(words("charts.axis.ratio"), 0.0, _top(ratio)), ratio),
        Panel(x, Axis(words("charts.axis.exits"), 0.0, _top(exits), is_short=True), exits),
        Panel(x, Axis(words("charts.axis.cpu-us"), 0.0, _top(cpu)), cpu),
    )
    rows = []
    for index, curve in enumerate(answer.throughput_per_s):
        ratios, exit_rates, times = answer.ratio[index], answer.exits_per_s[index], answer.cpu_us[index]
        for at, rate in enumerate(answer.interrupts_per_s):
            share = ratios.typical[at]
            rows.append(
                (rate, words(f"charts.mode.{curve.name}"), curve.typical[at], curve.low[at], curve.high[at],
                 None if share is None else 100 * share, exit_rates.typical[at], times.typical[at])
            )  # fmt: skip
    heads = columns("interrupts", "mode", "rate", "rate-low", "rate-high", "ratio", "exits", "cpu-us")
    table = Table(asked, heads, tuple(rows), notes())
    return ChartScene("posted-gain", words("charts.posted-gain.title"), asked, panels, table, answer)


# -- where the direct path begins to pay ----------------------------------------------------------


def break_even_chart(answer: BreakEven, asked: Words) -> ChartScene:
    """CPU over packets a second, both logarithmic, with a mark at every crossing."""
    lines = _path_lines(answer.cores)
    found = [y for line in lines for y in line.y if y is not None]
    last = max(
        (x for line in lines for x, y in zip(line.x, line.y, strict=True) if y is not None), default=None
    )
    x = Axis(words("charts.axis.packets"), answer.rates_per_s[0], last, is_log=True, is_short=True)
    y = Axis(
        words("charts.axis.packet-cores"),
        0.8 * min(found, default=0.1),
        1.6 * max(found, default=1.0),
        is_log=True,
    )
    rows = [
        (rate, curve.name, curve.typical[at], curve.low[at], curve.high[at])
        for curve in answer.cores
        for at, rate in enumerate(answer.rates_per_s)
    ]
    carried = [
        words("charts.carries", path=curve.name, rate=figure_text(most))
        for curve, most in zip(answer.cores, answer.most_per_s, strict=True)
    ]
    heads = columns("packets", "path", "cores", "cores-low", "cores-high")
    table = Table(asked, heads, tuple(rows), notes(*map(_verdict, answer.crossings), *carried))
    panels = (Panel(x, y, lines, marks=_crossing_marks(answer.crossings)),)
    return ChartScene("break-even", words("charts.break-even.title"), asked, panels, table, answer)


def _crossing_marks(crossings: Sequence[Crossing]) -> tuple[Mark, ...]:
    """A mark for each crossing; those that lie so close that their words would cover each other share one."""
    points = sorted(
        (c.rate_per_s, c.cores) for c in crossings if c.rate_per_s is not None and c.cores is not None
    )
    groups: list[list[tuple[float, float]]] = []
    for rate, cores in points:
        if groups and rate < 1.3 * groups[-1][0][0] and 0.7 < cores / groups[-1][0][1] < 1.4:
            groups[-1].append((rate, cores))
        else:
            groups.append([(rate, cores)])
    marks = []
    for index, group in enumerate(groups):
        ends = dict.fromkeys(figure_text(rate) for rate in (group[0][0], group[-1][0]))
        said = words("charts.crossing.mark", rate="–".join(ends))
        # The curves rise to the right, so above them the left is free; a second mark has the first on its left.
        side = "left" if index == 0 else "right"
        marks += [
            Mark(*point, said if at == 0 else Words.plain(""), "ink", "circle-open", side)
            for at, point in enumerate(group)
        ]
    return tuple(marks)


def _verdict(crossing: Crossing) -> Words:
    rate = {} if crossing.rate_per_s is None else {"rate": figure_text(crossing.rate_per_s)}
    return words(f"charts.crossing.{crossing.verdict}", direct=crossing.direct, other=crossing.other, **rate)


# -- what the IOMMU costs -------------------------------------------------------------------------


def iommu_cost_chart(answer: IommuCost, asked: Words) -> ChartScene:
    """What the IOMMU lets through: above over the misses, with the three page sizes marked; below over VMs."""
    one = _line(answer.by_misses, 0, "ink", words("charts.iommu.curve"))
    by_vms = tuple(
        _line(curve, index, _PAGE_ROLES[curve.name], words(f"charts.page.{curve.name}"))
        for index, curve in enumerate(answer.by_vms)
    )
    marks = tuple(
        Mark(p.misses, p.gbit_s.typical,
             words("charts.page.mark", pages=words(f"charts.page.{p.page}"), reads=figure_text(p.misses)),
             _PAGE_ROLES[p.page], MARKERS[index])
        for index, p in enumerate(answer.pages)
    )  # fmt: skip
    line = (
        ()
        if answer.line_gbit_s is None
        else (
            Reference(
                answer.line_gbit_s, words("charts.reference.line", rate=figure_text(answer.line_gbit_s))
            ),
        )
    )
    # Logarithmic, since next to no misses lets through many times what the line carries.
    found = [y for curve in (one, *by_vms) for y in curve.y if y is not None] + [
        answer.line_gbit_s or one.y[0] or 1.0
    ]
    y = Axis(words("charts.axis.gbit"), 0.7 * min(found), 1.5 * max(found), is_log=True)
    last = by_vms[0].x[-1]
    panels = (
        Panel(Axis(words("charts.axis.misses"), 0.0, one.x[-1]), y, (one,), marks=marks, references=line),
        Panel(Axis(words("charts.axis.vms"), 0.0, last), y, by_vms, references=line),
    )
    counts = chain.from_iterable(
        [
            (words(f"charts.page.{curve.name}"), vms, None, curve.typical[at], curve.low[at], curve.high[at])
            for at, vms in enumerate(curve.x)
        ]
        for curve in answer.by_vms
    )
    curve = answer.by_misses
    misses = [
        (None, None, reads, curve.typical[at], curve.low[at], curve.high[at])
        for at, reads in enumerate(curve.x)
    ]
    sizes = [
        (words(f"charts.page.{p.page}"), answer.vms, p.misses, p.gbit_s.typical, p.gbit_s.low, p.gbit_s.high)
        for p in answer.pages
    ]
    heads = columns("page", "vms", "misses", "gbit", "gbit-low", "gbit-high")
    table = Table(asked, heads, (*sizes, *misses, *counts), notes(words("charts.iommu.note", vms=answer.vms)))
    return ChartScene("iommu-cost", words("charts.iommu-cost.title"), asked, panels, table, answer)
