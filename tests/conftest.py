"""What tests share: where the captures lie, and that a missing tool is a failure under CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SRIOVLAB_SHARED", ROOT.parent / "shared"))

TOOLS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "qemu": ("qemu-system-x86_64",),
    "dot": ("dot",),
    "lspci": ("lspci",),
    "node": ("node",),
}


def require_tool(name: str) -> str:
    """The path of a program; without it the test is skipped, and fails where CI is true."""
    for candidate in TOOLS.get(name, (name,)):
        found = shutil.which(candidate) or shutil.which(candidate, path="/usr/sbin:/sbin")
        if found:
            return found
    message = f"{name} is not installed; `make test` as root installs it"
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(message)
    pytest.skip(message)


def require_shared(*parts: str) -> Path:
    """A file or folder of the shared folder; without it the test is skipped, saying which."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"shared/{'/'.join(parts)} is not beside this repository")
    return path


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    return require_shared()


ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = require_tool("chromium")
    with sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        except Exception:
            # A first launch on a cold machine may time out; once more is enough.
            running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the golden files, then read the diff"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
