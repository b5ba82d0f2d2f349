"""Commands of the I/O-path model: what a path gives under a load, the numbers behind it, and the evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..i18n import text
from .options import Language, Output, app, spoken_language

if TYPE_CHECKING:
    from ..scene.tables import Table

_FORMS = {".md": "markdown", ".csv": "csv", ".html": "html", ".htm": "html", ".txt": "text"}
Form = Annotated[
    str | None, typer.Option("--format", help="text, markdown, html or csv; by the suffix of -o")
]
RequestKind = Annotated[
    str, typer.Option("--request", help="read, write, send, receive or message, with :BYTES if need be")
]
Knobs = Annotated[
    list[str] | None,
    typer.Option("--set", help="a knob, such as vms=10 or media=nand; may be given many times"),
]


def request_of(text_of_it: str, size: int | None = None) -> Any:
    """The request that `read`, `write:8192` or `receive` means.

    Raises:
        ValueError: no such kind, or no size.
    """
    from ..iopath.request import KINDS

    kind, _, given = text_of_it.partition(":")
    kinds: dict[str, Any] = dict(KINDS)
    if kind not in kinds:
        raise ValueError(
            f"--request {text_of_it}: expected one of {', '.join(kinds)}, with :BYTES if need be"
        )
    if given and not given.isdecimal():
        raise ValueError(f"--request {text_of_it}: {given!r} is no number of bytes")
    whole = int(given) if given else size
    return kinds[kind]() if whole is None else kinds[kind](whole)


def knobs_of(given: list[str] | None) -> dict[str, Any]:
    """Knobs from `name=value` texts: numbers, yes or no, words, and lists with commas.

    Raises:
        ValueError: a text without `=`.
    """
    found: dict[str, Any] = {}
    for entry in given or ():
        name, is_there, value = entry.partition("=")
        if not is_there:
            raise ValueError(f"--set {entry}: expected name=value, such as vms=10")
        parts = [_value(part.strip()) for part in value.split(",")]
        found[name.strip().replace("-", "_")] = tuple(parts) if len(parts) > 1 else parts[0]
    return found


def _value(word: str) -> Any:
    if word.lower() in ("none", "true", "false"):
        return {"none": None, "true": True, "false": False}[word.lower()]
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _print_table(tables: list[Table], output: str | None, form: str | None, language: str) -> None:
    from ..render.diagram import write_file
    from ..render.tables import table_csv, table_html, table_markdown, table_page, table_text

    suffix = Path(output).suffix.lower() if output else ""
    chosen = form or _FORMS.get(suffix, "text" if not output else "")
    writers = {"text": table_text, "markdown": table_markdown, "html": table_html, "csv": table_csv}
    if chosen not in writers:
        known = ", ".join(writers)
        raise ValueError(
            f"{output or '--format ' + str(form)}: expected the format {known}, or a suffix that says so"
        )
    if chosen == "html":
        whole = table_page(tables, language)
    else:
        whole = "\n".join(writers[chosen](table, language) for table in tables)
    if output is None:
        print(whole.rstrip("\n"))
        return
    print(
        text(
            "cli.wrote",
            language=language,
            path=write_file(Path(output), (whole.rstrip("\n") + "\n").encode()),
        )
    )


@app.command()
def predict(
    paths: Annotated[list[str], typer.Argument(help="paths, such as virtio vhost sriov+posted")],
    request: RequestKind = "read",
    knobs: Knobs = None,
    hops: Annotated[bool, typer.Option("--hops", help="the latency hop by hop")] = False,
    form: Annotated[str, typer.Option("--format", help="text, markdown, html, csv or json")] = "text",
    output: Output = None,
    language: Language = None,
) -> None:
    """Say what paths give under a load: latency, throughput, CPU, exits, with ranges. `sriovlab knobs` lists the knobs."""
    from ..iopath.predict import predict as predicted
    from ..scene.prediction_tables import hops_table, predictions_table

    found = [predicted(path, request_of(request), **knobs_of(knobs)) for path in paths]
    if form == "json":
        print(json.dumps([one.record() for one in found], indent=1))
        return
    tables = [predictions_table(found)]
    if hops:
        tables += [hops_table(one) for one in found]
    _print_table(tables, output, None if output and form == "text" else form, spoken_language(language))


@app.command()
def simulate(
    path: Annotated[str, typer.Argument(help="a path, such as virtio")],
    request: RequestKind = "read",
    knobs: Knobs = None,
    requests: Annotated[int, typer.Option("--requests", help="how many in all")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="of random arrivals, with --set rate=...")] = 0,
) -> None:
    """Run many requests of many VMs event by event, and print what came of it as JSON."""
    from ..iopath.simulate import simulate as simulated

    trace = simulated(path, request_of(request), requests=requests, seed=seed, **knobs_of(knobs))
    print(json.dumps(trace.record(), indent=1))


@app.command()
def paths(language: Language = None) -> None:
    """List the paths there are, with their options and what they carry."""
    from ..scene.prediction_tables import paths_table

    _print_table([paths_table()], None, None, spoken_language(language))


@app.command()
def knobs(language: Language = None) -> None:
    """List the knobs of the model: what of machine, device and load a prediction depends on."""
    from ..scene.prediction_tables import knobs_table

    _print_table([knobs_table()], None, None, spoken_language(language))


@app.command()
def costs(
    output: Output = None,
    form: Form = None,
    language: Language = None,
) -> None:
    """List every number behind the model: value, range, how it is known, where it stands."""
    from ..scene.evidence_tables import costs_table

    _print_table([costs_table()], output, form, spoken_language(language))


@app.command()
def evidence(
    output: Output = None,
    form: Form = None,
    language: Language = None,
) -> None:
    """Lay the model beside every published result it may be calibrated with, and beside counted VM exits."""
    from ..scene.evidence_tables import evidence_table, exits_table

    _print_table([evidence_table(), exits_table()], output, form, spoken_language(language))
