"""Life in a shell. HOST is a snapshot, a topology document, a sysfs folder or archive, `live`,
`example:cloud` or `synthetic:nic[vfs=8]`. Errors are one sentence, with exit status 2."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__
from .errors import RenderError, SriovlabError
from .i18n import text

app = typer.Typer(
    add_completion=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Teach and draw SR-IOV: a host's topology, and the hypervisor path beside the bypass path.",
)

Host = Annotated[
    str, typer.Argument(help="a snapshot, topology document, sysfs folder or archive, live, example:NAME")
]
Output = Annotated[str | None, typer.Option("-o", "--output", help="file to write")]
Language = Annotated[str | None, typer.Option("--language", help="en or zh; by default that of the locale")]


def _language(given: str | None) -> str:
    if given is not None:
        from .i18n import check_language

        return check_language(given)
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.lower().startswith("zh") else "en"


def _show_version(is_asked: bool) -> None:
    if is_asked:
        print(f"sriovlab {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Alone: show this host, or say what to try where it has no SR-IOV."""
    if context.invoked_subcommand is not None:
        return
    from .errors import SourceError
    from .render.text_tree import tree_lines
    from .sources.capture import capture

    language = _language(None)
    try:
        host = capture()
        if host.physical_functions or host.virtual_functions:
            print("\n".join(tree_lines(host, language=language)))
            return
    except SourceError:
        pass
    print(text("cli.tree.no-sriov", language=language))
    print(text("cli.tree.try", language=language))


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
    from .sources.capture import capture_script, capture_snapshot, write_snapshot
    from .sources.snapshot import write_whole

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
    from .sources.load import load

    if form not in ("tree", "json"):
        raise ValueError(f"--format {form}: expected tree or json")
    topology = load(host)
    if form == "json":
        print(json.dumps(topology.to_document(), indent=1, ensure_ascii=False))
        return
    from .render.text_tree import tree_lines

    print("\n".join(tree_lines(topology, language=_language(language), is_expanded=is_all)))


def _request(kind: str, size: int | None) -> Any:
    from .iopath.request import Read, Send

    kinds: dict[str, Any] = {"read": Read, "send": Send}
    if kind not in kinds:
        raise ValueError(f"--request {kind}: expected read or send")
    return kinds[kind]() if size is None else kinds[kind](size)


@app.command()
def compare(
    host: Host,
    paths: Annotated[
        str, typer.Option("--paths", help="two paths, such as virtio,sriov+posted")
    ] = "virtio,sriov",
    vm: Annotated[str | None, typer.Option("--vm", help="name of a VM")] = None,
    request: Annotated[str, typer.Option("--request", help="read or send")] = "read",
    size: Annotated[int | None, typer.Option("--bytes", help="size of the request")] = None,
    queue_depth: Annotated[int, typer.Option("--queue-depth", help="requests in flight")] = 1,
    output: Output = None,
    language: Language = None,
) -> None:
    """Compare two paths on a host: a table, or with -o a page or picture (.html .svg .png .pdf .gif)."""
    from .widget.player import compare as make

    spoken = _language(language)
    player = make(
        host,
        *paths.split(","),
        vm=vm,
        request=_request(request, size),
        queue_depth=queue_depth,
        language=spoken,
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
    from .render.diagram import diagram

    spoken = _language(language)
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
    from .widget.player import compare as make

    spoken = _language(language)
    path = make("example:cloud", "virtio", "sriov", vm="db0", language=spoken).save(output)
    print(text("cli.demo", language=spoken, path=path.resolve()))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open the course in JupyterLab; further arguments go to it."""
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise RenderError("JupyterLab is not installed: pip install 'sriovlab[lab]'")
    course = Path(__file__).resolve().parent.parent / "notebooks"
    folder = course if course.is_dir() else Path.cwd()
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", *context.args])


def main() -> None:
    """Run the command line; every error we know is one sentence and status 2."""
    try:
        app(standalone_mode=False)
        sys.stdout.flush()
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except typer.Abort:
        sys.exit(130)
    except (SriovlabError, ValueError) as err:
        _fail(str(err))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as err:
        _fail(f"{err.filename or 'sriovlab'}: {err.strerror}")
    except Exception as err:
        # click's own usage errors come as exceptions here; they carry their sentence.
        message = getattr(err, "format_message", None)
        if message is None:
            raise
        _fail(message())


def _fail(sentence: str) -> None:
    print(f"sriovlab: {sentence}", file=sys.stderr)
    sys.exit(2)
