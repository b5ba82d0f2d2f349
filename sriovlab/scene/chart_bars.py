"""Charts of bars: where the time goes, what gives out first on a host, which fact matters most."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..i18n import Words, words
from ..iopath.bind import slots_without_host
from ..iopath.density import PathDensity, ResourceLimit, VmsPerHost
from ..iopath.journey import Label
from ..iopath.path import parse_path
from ..iopath.questions import TimeStep, Waterfall, WhereTimeGoes
from ..iopath.request import Request
from ..iopath.sensitivity import Sensitivity
from .chart_parts import Axis, Bar, ChartScene, Kind, Panel, Reference, Row
from .phrases import spell
from .tables import Table, figure_text

# More rows than this make the picture too tall; then each path is one row.
MOST_ROWS = 44
_MOST_FACTS = 14
_WHO_ROLES = {
    "guest": ("bar-guest", ""),
    "vmm": ("bar-vmm", "/"),
    "host-kernel": ("bar-host-kernel", "\\"),
    "device": ("bar-device", "."),
    "queueing": ("interrupt", "x"),
}
_CERTAINTY_ROLES = {
    "measured": ("data", ""),
    "quoted": ("command", "."),
    "derived": ("bar-host-kernel", "\\"),
    "assumed": ("bar-vmm", "/"),
}


def request_words(request: Request) -> Words:
    """The request as people say it."""
    return words(f"charts.request.{request.kind}", size=f"{request.size:,}")


def _range(low: float, high: float) -> dict[str, str]:
    return {"low": figure_text(low), "high": figure_text(high)}


# -- where the time goes --------------------------------------------------------------------------


def where_time_goes_chart(answer: WhereTimeGoes, asked: Words) -> ChartScene:
    """A row for each hop, or for each path where there are many; the table has every hop."""
    shown = [[s for s in w.steps if s.ns.typical != 0] for w in answer.waterfalls]
    count = sum(len(steps) + 1 for steps in shown)
    panel = _hop_rows(answer, shown) if count <= MOST_ROWS else _path_rows(answer, shown)
    return ChartScene(
        "where-time-goes",
        words("charts.where-time-goes.title", request=request_words(answer.request)),
        asked,
        (panel,),
        _time_table(answer, asked),
        answer,
    )


def _hop_rows(answer: WhereTimeGoes, shown: list[list[TimeStep]]) -> Panel:
    rows: list[Row] = []
    bars: list[Bar] = []
    for waterfall, steps in zip(answer.waterfalls, shown, strict=True):
        rows.append(Row(_total(waterfall), is_head=True))
        for step in steps:
            begin, us = step.start_ns / 1000, step.ns.typical / 1000
            kind = step.who if step.is_waited_for else "late"
            bars.append(
                Bar(len(rows), min(begin, begin + us), max(begin, begin + us), kind, words("charts.us", us=figure_text(us, 2)),
                    begin + step.ns.low / 1000, begin + step.ns.high / 1000)
            )  # fmt: skip
            rows.append(Row(_step_name(waterfall, step, answer.request)))
    return Panel(Axis(words("charts.axis.us"), low=0.0), rows=tuple(rows), bars=tuple(bars), kinds=_who(bars))


def _path_rows(answer: WhereTimeGoes, shown: list[list[TimeStep]]) -> Panel:
    bars = []
    for row, (waterfall, steps) in enumerate(zip(answer.waterfalls, shown, strict=True)):
        waited = [step for step in steps if step.is_waited_for]
        now = 0.0
        for step in waited:
            us = step.ns.typical / 1000
            bars.append(Bar(row, min(now, now + us), max(now, now + us), step.who, Words.plain("")))
            now += us
        # The whole stands at the end of the last piece.
        latency, last = waterfall.latency_ns, bars[-1]
        bars[-1] = Bar(
            row, last.start, last.end, last.kind,
            words("charts.us", us=figure_text(latency.typical / 1000)), latency.low / 1000, latency.high / 1000,
        )  # fmt: skip
    rows = tuple(Row(Words.plain(w.path)) for w in answer.waterfalls)
    return Panel(Axis(words("charts.axis.us"), low=0.0), rows=rows, bars=tuple(bars), kinds=_who(bars))


def _total(waterfall: Waterfall) -> Words:
    us = waterfall.latency_ns * 1e-3
    return words(
        "charts.path.total", path=waterfall.path, us=figure_text(us.typical), **_range(us.low, us.high)
    )


def _step_name(waterfall: Waterfall, step: TimeStep, request: Request) -> Words:
    if step.label is None:
        return words(f"charts.step.{step.hop}")
    return hop_words(step.label, waterfall.path, request)


def hop_words(label: Label, path: str, request: Request) -> Words:
    """A hop's name where no host gives the names of its parts."""
    slots = slots_without_host(parse_path(path), request)
    return spell(Label(label.key, slots))


def _who(bars: Iterable[Bar]) -> tuple[tuple[str, Kind], ...]:
    used = {bar.kind for bar in bars}
    found = [
        (who, Kind(words(f"charts.who.{who}"), role, pattern))
        for who, (role, pattern) in _WHO_ROLES.items()
        if who in used
    ]
    if "saved" in used:
        found.append(("saved", Kind(words("charts.who.saved"), "interrupt", "-", is_open=True)))
    if "late" in used:
        found.append(("late", Kind(words("charts.who.late"), "bar-device", is_open=True)))
    return tuple(found)


def _time_table(answer: WhereTimeGoes, asked: Words) -> Table:
    names = ("path", "hop", "who", "start", "us", "low", "high", "waited", "certainty")
    rows = [
        (
            waterfall.path,
            _step_name(waterfall, step, answer.request),
            words(f"charts.who.{step.who}"),
            step.start_ns / 1000,
            step.ns.typical / 1000,
            step.ns.low / 1000,
            step.ns.high / 1000,
            words("charts.yes" if step.is_waited_for else "charts.no"),
            words(f"charts.certainty.{step.certainty.value}"),
        )
        for waterfall in answer.waterfalls
        for step in waterfall.steps
    ]
    return Table(asked, columns(*names), tuple(rows), notes())


def columns(*names: str) -> tuple[Words, ...]:
    """The heads of columns."""
    return tuple(words(f"charts.column.{name}") for name in names)


def notes(*more: Words) -> tuple[Words, ...]:
    """What stands below every table, and before it what this one has to add."""
    return (*more, words("charts.note.range"), words("charts.note.closed-form"))


# -- how many VMs a host carries --------------------------------------------------------------------


def vms_per_host_chart(answer: VmsPerHost, asked: Words) -> ChartScene:
    """For each path a bar for each limit, the tightest first."""
    rows: list[Row] = []
    bars: list[Bar] = []
    most = max((density.vms or 0 for density in answer.paths), default=0)
    # A limit far beyond the one that binds is told by its number; its bar would squeeze the others.
    edge = max(4.0, 2.5 * most)
    for density in answer.paths:
        rows.append(Row(_density_words(density), is_head=True))
        for limit in density.limits:
            kind = "binds" if limit.typical == density.vms else "spare"
            bars.append(
                Bar(len(rows), 0.0, min(edge, limit.typical), kind, _count(limit, edge),
                    min(edge, limit.low), min(edge, limit.high))
            )  # fmt: skip
            rows.append(Row(words(f"charts.resource.{limit.resource}")))
    kinds = (
        ("binds", Kind(words("charts.limit.binds"), "bar-vmm", "/")),
        ("spare", Kind(words("charts.limit.spare"), "bar-device", "")),
    )
    panel = Panel(Axis(words("charts.axis.vms"), 0.0, edge), rows=tuple(rows), bars=tuple(bars), kinds=kinds)
    table = Table(
        asked,
        columns("path", "resource", "vms", "low", "high", "binds"),
        tuple(
            (density.path, words(f"charts.resource.{limit.resource}"), limit.typical, limit.low, limit.high,
             words("charts.yes" if limit.typical == density.vms else "charts.no"))
            for density in answer.paths
            for limit in density.limits
        ),
        notes(*_density_notes(answer)),
    )  # fmt: skip
    return ChartScene("vms-per-host", words("charts.vms-per-host.title"), asked, (panel,), table, answer)


def _density_words(density: PathDensity) -> Words:
    if density.vms is None:
        return words("charts.density.none", path=density.path)
    binding = [
        words(f"charts.resource.{limit.resource}") for limit in density.limits if limit.typical == density.vms
    ]
    both = Words(", ".join(w.en for w in binding), "、".join(w.zh for w in binding))
    return words("charts.density.path", path=density.path, vms=density.vms, resource=both)


def _count(limit: ResourceLimit, edge: float) -> Words:
    key = "count" if limit.low == limit.high else "range"
    said = words(f"charts.limit.{key}", typical=limit.typical, low=limit.low, high=limit.high)
    return words("charts.limit.beyond", count=said) if limit.typical > edge else said


def _density_notes(answer: VmsPerHost) -> list[Words]:
    found = [
        words("charts.density.note", rate=figure_text(answer.rate_per_s), queues=answer.queues_per_vm, vectors=answer.vectors_per_vm)
    ]  # fmt: skip
    if answer.supply.device is not None:
        found.append(words("charts.density.device", device=answer.supply.device))
    return found


# -- which fact matters most -------------------------------------------------------------------------


def sensitivity_chart(answer: Sensitivity, asked: Words) -> ChartScene:
    """A tornado: the fact that moves the prediction most on top."""
    moving = [s for s in answer.swings if s.width > 1e-9 * abs(answer.typical)]
    shown = moving[:_MOST_FACTS]
    bars = []
    for row, swing in enumerate(shown):
        low, high = sorted((swing.at_low, swing.at_high))
        if not math.isfinite(high):
            high = 4 * answer.typical
        bars.append(Bar(row, low, high, swing.fact.kind, words("charts.swing.text", **_range(*sorted((swing.at_low, swing.at_high))))))  # fmt: skip
    rows = tuple(
        Row(words("charts.swing.row", fact=s.fact.id, certainty=words(f"charts.certainty.{s.fact.kind}"))) for s in shown
    )  # fmt: skip
    used = {bar.kind for bar in bars}
    kinds = tuple(
        (name, Kind(words(f"charts.certainty.{name}"), role, pattern))
        for name, (role, pattern) in _CERTAINTY_ROLES.items()
        if name in used
    )
    reference = Reference(
        answer.typical,
        words("charts.reference.prediction", value=figure_text(answer.typical)),
        is_upright=True,
    )
    is_rate = answer.metric == "throughput_per_s"
    panel = Panel(
        Axis(words(f"charts.axis.{answer.metric}"), is_short=is_rate),
        rows=rows, bars=tuple(bars), kinds=kinds, references=(reference,),
    )  # fmt: skip
    table = Table(
        asked,
        columns("fact", "certainty", "value", "low", "high", "unit", "at-low", "at-high", "swing", "source"),
        tuple(
            (s.fact.id, words(f"charts.certainty.{s.fact.kind}"), s.fact.value, s.fact.low, s.fact.high, s.fact.unit,
             s.at_low, s.at_high, s.width, s.fact.citation)
            for s in moving
        ),
        (words("charts.swing.note"), words("charts.swing.fixed", count=len(answer.swings) - len(moving)), words("charts.note.closed-form")),
    )  # fmt: skip
    title = words("charts.sensitivity.title", path=answer.path)
    return ChartScene("sensitivity", title, asked, (panel,), table, answer)
