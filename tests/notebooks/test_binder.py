"""What Binder will install exists for the Python that Binder will use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def resolve(requirements: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    python = (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    ran = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed",
         "--target", str(folder), "--python-version", python, "--only-binary=:all:", "-r", str(requirements)],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    if "from versions: none" in ran.stderr:
        pytest.skip("no package index answers here")
    return ran


def test_every_pinned_version_exists_for_binders_python(tmp_path: Path) -> None:
    ran = resolve(ROOT / "binder" / "requirements.txt", tmp_path)
    assert ran.returncode == 0, ran.stderr[-1500:]


def test_a_version_for_a_newer_python_only_is_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("networkx==3.7\n")  # needs Python 3.12
    assert "3.7 Requires-Python" in resolve(wrong, tmp_path).stderr
