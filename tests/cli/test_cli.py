"""The command line: what it prints, and errors of one sentence with status 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sriovlab as sl


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "", **environment}
    return subprocess.run(
        [sys.executable, "-m", "sriovlab", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
        check=False,
    )


def test_show_json_is_the_topology_document() -> None:
    shown = run("show", "example:cloud", "--format", "json")
    assert shown.returncode == 0
    assert json.loads(shown.stdout) == sl.load("example:cloud").to_document()


def test_show_draws_vfs_below_their_pf_and_names_their_vm() -> None:
    lines = run("show", "example:cloud").stdout.splitlines()
    (line,) = [i for i, text in enumerate(lines) if " 0000:86:00.0  pf" in text]
    assert "vf 0  [vfio-pci]" in lines[line + 1]
    assert "→ vm:db0" in lines[line + 1]


def test_runs_of_alike_vfs_are_one_line_unless_asked_for() -> None:
    short = run("show", "synthetic:nic[vfs=200]").stdout
    assert "199 more alike" in short
    assert run("show", "synthetic:nic[vfs=200]", "--all").stdout.count("vf ") >= 200


def test_compare_prints_a_table_and_writes_a_page(tmp_path: Path) -> None:
    table = run("compare", "example:cloud", "--paths", "virtio,sriov+posted").stdout
    assert "VM exits: submission" in table
    assert "cannot post interrupts" in table
    wrote = run("compare", "example:cloud", "-o", "x.html", cwd=tmp_path)
    assert wrote.returncode == 0
    assert (tmp_path / "x.html").read_text().startswith("<!doctype html>")


def test_demo_names_the_page_it_wrote(tmp_path: Path) -> None:
    ran = run("demo", cwd=tmp_path)
    assert str(tmp_path / "sriovlab-demo.html") in ran.stdout
    assert (tmp_path / "sriovlab-demo.html").stat().st_size < 150_000


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_export_writes_each_format(tmp_path: Path, suffix: str) -> None:
    assert run("export", "example:cloud", "-o", f"x.{suffix}", cwd=tmp_path).returncode == 0
    starts = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert (tmp_path / f"x.{suffix}").read_bytes().startswith(starts[suffix])


def test_the_capture_script_is_python(tmp_path: Path) -> None:
    ran = run("capture", "--script", "-o", "capture.py", cwd=tmp_path)
    assert ran.returncode == 0
    compile((tmp_path / "capture.py").read_text(), "capture.py", "exec")


def test_the_language_follows_the_locale_and_the_option() -> None:
    assert "VM 退出" in run("compare", "example:cloud", LC_ALL="zh_CN.UTF-8").stdout
    assert "VM 退出" in run("compare", "example:cloud", "--language", "zh").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nowhere"), "no such file or folder"),
        (("show", "example:clod"), "did you mean example:cloud"),
        (("show", "example:cloud", "--format", "xml"), "expected tree or json"),
        (("show", "synthetic:fridge"), "expected one of nic, nvme, gpu"),
        (("compare", "example:cloud", "--paths", "virtio,sriv"), "did you mean sriov"),
        (("compare", "example:cloud", "--paths", "virtio"), "shows two paths"),
        (("compare", "example:cloud", "--vm", "x"), "there are web0, db0, legacy0"),
        (("compare", "example:cloud", "--bytes", "0"), "expected 1 to 1,048,576"),
        (("compare", "example:cloud", "--queue-depth", "0"), "1 or more"),
        (("compare", "example:cloud", "--language", "fr"), "expected one of en, zh"),
        (("export", "example:cloud", "-o", "x.bmp"), "expected .svg, .png, .pdf"),
        (("export", "example:cloud", "-o", "/nowhere/x.svg"), "cannot be written"),
        (("export", "example:cloud", "-o", "x.svg", "--figure", "art"), "expected one of topology"),
        (("export", "example:cloud", "-o", "x.svg", "--theme", "pink"), "expected one of light, dark"),
        (("capture", "--root", "/nowhere"), "needs Linux with PCI"),
        (("shwo",), "No such command"),
        (("show", "--frmat", "x"), "No such option"),
    ],
)
def test_an_error_is_one_sentence_and_status_2(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ran = run(*arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_alone_it_shows_this_host_or_says_what_to_try() -> None:
    ran = run()
    assert ran.returncode == 0
    assert "PFs" in ran.stdout or len(ran.stdout.splitlines()) == 2


def test_a_closed_pipe_is_no_traceback() -> None:
    ran = subprocess.run(
        f"{sys.executable} -m sriovlab show example:cloud --format json | head -1", shell=True, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert "Traceback" not in ran.stderr


def test_version() -> None:
    assert run("--version").stdout.strip() == f"sriovlab {sl.__version__}"
