"""A module imports only from the floors below its own; the four neighbours never meet."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "sriovlab"

# Ground floor first. Floors on one line are neighbours and may not import each other.
FLOORS = (
    ("errors",),
    ("facts",),
    ("i18n",),
    ("pci",),
    ("model",),
    ("sources", "hardware", "advice", "iopath"),
    ("scene",),
    ("render",),
    ("widget",),
    ("cli",),
)
HEIGHT = {name: height for height, names in enumerate(FLOORS) for name in names}
FRONT_DOOR = {"__init__", "__main__"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def floor_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_floors(path: Path) -> set[str]:
    """The floors that a module imports, at its top or inside a function."""
    package = ("sriovlab", *path.relative_to(PACKAGE).parent.parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = (*base, *(node.module.split(".") if node.module else ()))
            names = [(*stem, alias.name) for alias in node.names]
        found |= {name[1] for name in names if name[0] == "sriovlab" and len(name) > 1}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_go_down_only(path: Path) -> None:
    floor = floor_of(path)
    if floor in FRONT_DOOR:
        return
    assert floor in HEIGHT, f"{floor} has no place in the house; see FLOORS"
    for other in imported_floors(path) & HEIGHT.keys():
        assert other == floor or HEIGHT[other] < HEIGHT[floor], f"{floor} must not import {other}"


def test_the_check_sees_an_import_that_goes_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "pci" / "up.py"
    module.parent.mkdir()
    module.write_text("def late():\n    from ..scene import shapes\n    return shapes\n")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)

    with pytest.raises(AssertionError, match="pci must not import scene"):
        test_imports_go_down_only(module)
