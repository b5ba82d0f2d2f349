"""What the commands share: the application, the arguments they all take, the reader's language."""

from __future__ import annotations

import os
from typing import Annotated

import typer

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


def spoken_language(given: str | None) -> str:
    """The language asked for, or that of the locale.

    Raises:
        ValueError: not a language we have.
    """
    if given is not None:
        from ..i18n import check_language

        return check_language(given)
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.lower().startswith("zh") else "en"
