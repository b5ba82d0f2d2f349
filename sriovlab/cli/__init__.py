"""Life in a shell. HOST is a snapshot, a topology document, a sysfs folder or archive, `live`,
`example:cloud` or `synthetic:nic[vfs=8]`. Errors are one sentence, with exit status 2."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from .. import __version__
from ..errors import SriovlabError
from ..i18n import text
from . import hosts as hosts
from . import model as model
from .options import app, spoken_language


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
    from ..errors import SourceError
    from ..render.text_tree import tree_lines
    from ..sources.capture import capture

    language = spoken_language(None)
    try:
        host = capture()
        if host.physical_functions or host.virtual_functions:
            print("\n".join(tree_lines(host, language=language)))
            return
    except SourceError:
        pass
    print(text("cli.tree.no-sriov", language=language))
    print(text("cli.tree.try", language=language))


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
