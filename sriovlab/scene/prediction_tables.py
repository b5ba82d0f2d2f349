"""Predictions as tables: paths side by side, one path hop by hop, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from ..i18n import Words, words
from ..iopath.bind import slots_without_host
from ..iopath.journey import Actor, Span
from ..iopath.path import MODES, parse_path, path_data, path_names, requests_of
from ..iopath.prediction import PAYERS, Prediction
from ..iopath.setting import MEDIA, PAGE_SIZES, VCPU_STATES, Setting
from .tables import Table, figure_text


def _range(span: Span, factor: float = 1.0) -> str:
    low, typical, high = (figure_text(value * factor) for value in (span.low, span.typical, span.high))
    return typical if low == high else f"{typical} ({low} – {high})"


def predictions_table(predictions: Sequence[Prediction]) -> Table:
    """One column a path: latency, throughput, CPU by who pays, exits and other counts, each with its range."""

    def row(key: str, cells: Sequence[Words | str | float]) -> tuple[Words | str | float, ...]:
        return (words(f"model.row.{key}"), *cells)

    rows = [
        row("latency", [_range(p.latency_ns, 1e-3) for p in predictions]),
        row("throughput", [_range(p.throughput_per_s) for p in predictions]),
    ]
    if not all(p.request.is_storage for p in predictions):
        rows.append(row("gbit", [_range(p.throughput_gbit_s) for p in predictions]))
    rows.append(row("bottleneck", [words(f"model.bound.{p.bottleneck}") for p in predictions]))
    rows += [row(f"cpu.{payer}", [_range(p.cores[payer]) for p in predictions]) for payer in PAYERS]
    for name in ("exits_per_request", "user_exits", "kicks", "interrupts", "copies", "context_switches"):
        rows.append(row(name.replace("_", "-"), [getattr(p, name) for p in predictions]))
    rows.append(row("assumed", [f"{100 * p.assumed_share:.0f} %" for p in predictions]))
    return Table(
        title=words("model.title", request=predictions[0].request.text),
        columns=(Words.plain(""), *(Words.plain(p.path) for p in predictions)),
        rows=tuple(rows),
        notes=(words("model.note"),),
    )


def hops_table(prediction: Prediction) -> Table:
    """The way of one request hop by hop: who does it, how long it takes, exits, how its cost is known."""
    path = parse_path(prediction.path)
    slots = slots_without_host(path, prediction.request)
    rows: list[tuple[Words | str | float | None, ...]] = []
    for hop in prediction.hops:
        label = replace(hop.label, slots=slots)
        rows.append(
            (
                words(f"iopath.{label.key}", **label.slots),
                words(f"player.actor.{hop.actor.value}"),
                _range(hop.elapsed_ns, 1e-3),
                None if hop.actor is Actor.DEVICE else _range(hop.cpu_ns, 1e-3),
                sum(hop.exits.values()) or None,
                words(f"model.waited.{'yes' if hop.is_waited_for else 'no'}"),
                words(f"player.detail.certainty.{hop.certainty.value}"),
            )
        )
    if prediction.latency_ns.typical > prediction.unloaded_ns.typical:
        waiting = prediction.breakdown[-1][1].typical / 1000
        rows.append((words("model.queueing"), "", waiting, None, None, words("model.waited.yes"), ""))
    names = ("hop", "actor", "elapsed", "cpu", "exits", "waited", "known")
    return Table(
        title=words("model.hops-title", path=prediction.path, request=prediction.request.text),
        columns=tuple(words(f"model.column.{name}") for name in names),
        rows=tuple(rows),
    )


def paths_table() -> Table:
    """Every path: how it goes, its options, the requests it carries."""
    rows = []
    for name in path_names():
        data = path_data(name)
        modes = "" if name == "native" else f"{', '.join(MODES)}; "
        rows.append(
            (name, words(f"model.route.{data['route']}"), modes + ", ".join(data["options"]), ", ".join(requests_of(name)))
        )  # fmt: skip
    return Table(
        title=words("model.paths-title"),
        columns=tuple(words(f"model.column.{name}") for name in ("path", "route", "options", "requests")),
        rows=tuple(rows),
    )


def knobs_table() -> Table:
    """Every knob of the model with what it is unless given, and one sentence."""
    choices = {"media": MEDIA, "vcpu": VCPU_STATES, "iommu_page": tuple(PAGE_SIZES)}
    rows = []
    for knob in fields(Setting):
        default = "" if knob.default is None or knob.name == "costs" else str(knob.default)
        rows.append(
            (knob.name, default, ", ".join(choices.get(knob.name, ())), words(f"model.knob.{knob.name}"))
        )
    return Table(
        title=words("model.knobs-title"),
        columns=tuple(words(f"model.column.{name}") for name in ("knob", "default", "choices", "meaning")),
        rows=tuple(rows),
    )
