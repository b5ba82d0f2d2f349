"""How long `import sriovlab` takes in a fresh interpreter; asked for: under 0.3 s."""

from __future__ import annotations

import subprocess
import sys
from typing import Any


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_bare_interpreter(benchmark: Any) -> None:
    benchmark.pedantic(run, args=("pass",), rounds=7, warmup_rounds=1)


def test_import_sriovlab(benchmark: Any) -> None:
    benchmark.pedantic(run, args=("import sriovlab",), rounds=7, warmup_rounds=1)
