"""Twins share their code and their outline; a changed result is seen; the Binder folder is accepted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

ENGLISH = sorted((ROOT / "notebooks" / "en").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[str]:
    notebook = json.loads(path.read_text())
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def twin(path: Path) -> Path:
    return ROOT / "notebooks" / "zh" / path.name


@pytest.mark.parametrize("path", ENGLISH, ids=lambda p: p.stem)
def test_twins_share_every_code_cell_after_the_first(path: Path) -> None:
    ours, theirs = cells(path, "code"), cells(twin(path), "code")
    assert (ours[0], theirs[0]) == ('language = "en"', 'language = "zh"')
    assert ours[1:] == theirs[1:]


@pytest.mark.parametrize("path", ENGLISH, ids=lambda p: p.stem)
def test_twins_have_the_same_headings(path: Path) -> None:
    outline = [
        [re.findall(r"^#+", text, re.MULTILINE) for text in cells(p, "markdown")] for p in (path, twin(path))
    ]
    assert outline[0] == outline[1]


@pytest.mark.parametrize("path", [*ENGLISH, *map(twin, ENGLISH)], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_saved_notebooks_are_whole_small_and_hold_no_widget_state(path: Path) -> None:
    notebook: dict[str, Any] = json.loads(path.read_text())
    assert path.stat().st_size < 1_000_000
    assert "widgets" not in notebook["metadata"]
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    assert all(c["execution_count"] for c in code)
    assert 'src=\\"data:image/svg+xml' in path.read_text()
    if path.parent.name == "en":
        assert not re.search("[\u4e00-\u9fff]", "".join(cells(path, "markdown")))


def test_a_changed_result_fails_the_check(tmp_path: Path) -> None:
    text = ENGLISH[0].read_text()
    assert "VM exits in all               3" in text
    (tmp_path / "changed.ipynb").write_text(
        text.replace("VM exits in all               3", "VM exits in all               4", 1)
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--nbval", "--nbval-current-env",
         "--nbval-sanitize-with", str(ROOT / "tests/sanitize.cfg"), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "1 failed" in ran.stdout


def test_binder_is_accepted_by_repo2docker(tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True)
    tool = Path(sys.executable).parent / "jupyter-repo2docker"
    ran = subprocess.run(
        [str(tool), "--no-build", "--debug", "--user-id", "1000", "--user-name", "jovyan", "."],
        capture_output=True, text=True, cwd=tmp_path / "clone", check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "binder/requirements.txt" in ran.stdout + ran.stderr
