"""The questions by name: what is asked, with which knobs unless others are given, and the picture of the answer."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import PathError
from ..facts.book import Book
from ..i18n import Words, text, words
from ..iopath import density, questions
from ..iopath import sensitivity as sensitivity_
from ..iopath.request import KINDS, Request
from ..iopath.setting import KNOBS
from .chart_bars import request_words, sensitivity_chart, vms_per_host_chart, where_time_goes_chart
from .chart_curves import break_even_chart, iommu_cost_chart, posted_gain_chart, scaling_chart
from .chart_parts import ChartScene


@dataclass(frozen=True)
class Question:
    """How a question is answered and drawn; `examples` are knobs that make a telling picture where none are given."""

    ask: Callable[..., Any]
    draw: Callable[..., ChartScene]
    examples: Mapping[str, Any] = field(default_factory=dict)


QUESTIONS: dict[str, Question] = {
    "where-time-goes": Question(questions.where_time_goes, where_time_goes_chart),
    "scaling": Question(questions.scaling, scaling_chart, {"queue_depth": 8, "host_cores": 16}),
    "vms-per-host": Question(
        density.vms_per_host,
        vms_per_host_chart,
        {"rate": 20_000.0, "host_cores": 32, "line_rate_gbit_s": 100.0, "vfs": 64, "queues": 128, "vectors": 129},
    ),
    "posted-gain": Question(questions.posted_gain, posted_gain_chart),
    "break-even": Question(questions.break_even, break_even_chart, {"vms": 4}),
    "iommu-cost": Question(questions.iommu_cost, iommu_cost_chart, {"line_rate_gbit_s": 100.0, "mtu": 9000}),
    "sensitivity": Question(sensitivity_.sensitivity, sensitivity_chart),
}  # fmt: skip
# An example gives way to a knob that says the same in another way, or to a host that knows it.
_INSTEAD = {
    "queue_depth": ("rate",),
    "host_cores": ("host",),
    "line_rate_gbit_s": ("host",),
    "vfs": ("host",),
    "queues": ("host",),
    "vectors": ("host",),
}


def charts(language: str = "en") -> dict[str, str]:
    """The questions there are, by name, each with one sentence."""
    return {name: text(f"charts.{name}.about", language=language) for name in QUESTIONS}


def chart_scene(question: str, **knobs: Any) -> ChartScene:
    """The picture of an answer, with the same numbers as a table.

    Raises:
        PathError: an unknown question or knob, or a value it does not take; lists those there are.
    """
    name = question.replace("_", "-") if isinstance(question, str) else question
    if name not in QUESTIONS:
        raise PathError(f"question {question!r}: expected one of {', '.join(QUESTIONS)}")
    asked = QUESTIONS[name]
    own = [p for p in inspect.signature(asked.ask).parameters if p != "knobs"]
    known = (*own, "host", "setting", *(knob for knob in KNOBS if knob not in own))
    for knob in knobs:
        if knob not in known:
            close = difflib.get_close_matches(knob, known, 1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise PathError(f"{name} takes no {knob!r}; {hint}it takes {', '.join(dict.fromkeys(known))}")
    whole = {**_examples(asked, knobs), **knobs}
    if isinstance(whole.get("request"), str):
        whole["request"] = request_of(whole["request"])
    answer = asked.ask(**whole)
    extra = {"host_cores": whole["host_cores"]} if name == "scaling" and "host_cores" in whole else {}
    return asked.draw(answer, _asked(answer.request, whole), **extra)


def request_of(written: str) -> Request:
    """The request that a text such as `read:4096` means.

    Raises:
        PathError: no such kind, or no size.
    """
    kind, _, size = written.partition(":")
    if kind not in KINDS or (size and not size.isdecimal()):
        raise PathError(
            f"request {written!r}: expected KIND:BYTES with a kind of {', '.join(KINDS)}, such as read:4096"
        )
    return KINDS[kind](*([int(size)] if size else []))


def _examples(asked: Question, given: Mapping[str, Any]) -> dict[str, Any]:
    # A whole setting says everything; a knob of ours would go before it unseen.
    if "setting" in given:
        return {}
    return {
        name: value
        for name, value in asked.examples.items()
        if name not in given and not any(other in given for other in _INSTEAD.get(name, ()))
    }


def _asked(request: Request, knobs: Mapping[str, Any]) -> Words:
    said = [
        f"{name}\N{NO-BREAK SPACE}{_value(value)}"
        for name, value in knobs.items()
        if name not in ("paths", "path", "request", "host", "setting", "vm_counts", "rates_per_s", "interrupts_per_s", "misses")
        and not (name == "vms" and not isinstance(value, int))
        and value is not None
    ]  # fmt: skip
    if not said:
        return words("charts.asked", request=request_words(request))
    return words(
        "charts.asked.knobs", request=request_words(request), knobs="\N{NO-BREAK SPACE}· ".join(said)
    )


def _value(value: Any) -> str:
    if isinstance(value, Book):
        return f"{len(value.replaced)}"
    if isinstance(value, float):
        return f"{value:,g}" if value < 1e6 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
