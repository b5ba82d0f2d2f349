"""A new public name is a decision; import stays quick."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sriovlab as sl

PUBLIC = [
    "Message",
    "Read",
    "Receive",
    "Send",
    "Setting",
    "SriovlabError",
    "Topology",
    "Write",
    "capture",
    "chart",
    "charts",
    "compare",
    "compare_with",
    "diagram",
    "examples",
    "figures",
    "journey",
    "load",
    "predict",
    "read_measurement",
    "simulate",
    "sweep",
    "synthetic",
    "__version__",
]


def test_the_public_names_are_these() -> None:
    assert sl.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(sl, name)
    assert name == "__version__" or thing.__doc__


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"it offers .*synthetic"):
        sl.lode  # noqa: B018


def test_import_loads_nothing_heavy() -> None:
    heavy = [
        "networkx",
        "IPython",
        "ipywidgets",
        "anywidget",
        "plotly",
        "graphviz",
        "rich",
        "typer",
        "cairosvg",
        "PIL",
        "numpy",
        "simpy",
    ]
    code = f"import sys, sriovlab; print(*[name for name in {heavy!r} if name in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.split() == []
