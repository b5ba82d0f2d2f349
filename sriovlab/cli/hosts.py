"""Commands on a host: capture, show, compare, export, demo, and the course."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import RenderError
from ..i18n import text
from .model import Knobs, RequestKind, knobs_of, request_of
from .options import Host, Language, Output, app, spoken_language


@app.command("capture")
def capture_command(
    output: Output = None,
    script: Annotated[
        bool, typer.Option("--script", help="print one Python file that captures a host on its own")
    ] = False,
    keep_identity: Annotated[
        bool, typer.Option("--keep-identity", help="keep MACs, serials, host and VM names")
    ] = False,
    root: Annotated[str, typer.Option("--root", help="folder that holds sys/ and proc/")] = "/",
) -> None:
    """Capture this host as a snapshot, redacted unless told otherwise."""
    from ..sources.capture import capture_script, capture_snapshot, write_snapshot
    from ..sources.snapshot import write_whole

    if script:
        source = capture_script()
        if output in (None, "-"):
            sys.stdout.write(source)
        else:
            write_whole(str(output), source.encode("utf-8"))
        return
    write_snapshot(capture_snapshot(root, keep_identity=keep_identity), output)


@app.command()
def show(
    host: Host = "live",
    form: Annotated[str, typer.Option("--format", help="tree or json")] = "tree",
    is_all: Annotated[bool, typer.Option("--all", help="every VF and warning on a line of its own")] = False,
    language: Language = None,
) -> None:
    """Print a host as a tree, or as the topology document."""
    from ..sources.load import load

    if form not in ("tree", "json"):
        raise ValueError(f"--format {form}: expected tree or json")
    topology = load(host)
    if form == "json":
        print(json.dumps(topology.to_document(), indent=1, ensure_ascii=False))
        return
    from ..render.text_tree import tree_lines

    print("\n".join(tree_lines(topology, language=spoken_language(language), is_expanded=is_all)))


@app.command()
def compare(
    host: Host,
    paths: Annotated[
        str, typer.Option("--paths", help="two paths, such as virtio,sriov+posted")
    ] = "virtio,sriov",
    vm: Annotated[str | None, typer.Option("--vm", help="name of a VM")] = None,
    request: RequestKind = "read",
    size: Annotated[int | None, typer.Option("--bytes", help="size of the request")] = None,
    queue_depth: Annotated[int, typer.Option("--queue-depth", help="requests each VM keeps in flight")] = 1,
    knobs: Knobs = None,
    output: Output = None,
    language: Language = None,
) -> None:
    """Compare two paths on a host: a table, or with -o a page or picture (.html .svg .png .pdf .gif)."""
    from ..widget.player import compare as make

    spoken = spoken_language(language)
    player = make(
        host,
        *paths.split(","),
        vm=vm,
        request=request_of(request, size),
        queue_depth=queue_depth,
        language=spoken,
        **knobs_of(knobs),
    )
    if output is None:
        print(player.summary())
    else:
        print(text("cli.wrote", language=spoken, path=player.save(output)))


@app.command()
def export(
    host: Host,
    output: Annotated[str, typer.Option("-o", "--output", help="file to write: .svg .png .pdf")],
    figure: Annotated[str, typer.Option("--figure", help="which figure")] = "topology",
    language: Language = None,
    theme: Annotated[str, typer.Option("--theme", help="light or dark")] = "light",
) -> None:
    """Write a figure of a host."""
    from ..render.diagram import diagram

    spoken = spoken_language(language)
    print(
        text(
            "cli.wrote",
            language=spoken,
            path=diagram(host, figure, language=spoken, theme=theme).save(output),
        )
    )


@app.command()
def demo(
    output: Annotated[str, typer.Option("-o", "--output", help="file to write")] = "sriovlab-demo.html",
    language: Language = None,
) -> None:
    """Write the animated comparison of a bundled real host as one page."""
    from ..widget.player import compare as make

    spoken = spoken_language(language)
    path = make("example:cloud", "virtio", "sriov", vm="db0", language=spoken).save(output)
    print(text("cli.demo", language=spoken, path=path.resolve()))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open the course in JupyterLab; further arguments go to it."""
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise RenderError("JupyterLab is not installed: pip install 'sriovlab[lab]'")
    course = Path(__file__).resolve().parent.parent.parent / "notebooks"
    folder = course if course.is_dir() else Path.cwd()
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", *context.args])
