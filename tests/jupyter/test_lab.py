"""The notebook in real JupyterLab: the widget shows, the animation moves, nothing is wrong on the console."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import ROOT

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(
        ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root", "--ServerApp.token=t",
        f"--notebook-dir={folder / 'notebooks'}", "--LabApp.collaborative=False",
        f"--LabApp.workspaces_dir={folder / 'workspaces'}", f"--LabApp.user_settings_dir={folder / 'settings'}",
    ]  # fmt: skip
    log = (folder / "log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{url}/api?token=t", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail(f"JupyterLab did not start:\n{(folder / 'log').read_text()[-2000:]}")
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def page(lab: str, browser: Browser) -> Iterator[tuple[Page, list[str], str]]:
    errors: list[str] = []
    found = browser.new_page(viewport={"width": 1400, "height": 1000})
    found.on("pageerror", lambda error: errors.append(str(error)))
    yield found, errors, lab
    found.close()


def open_notebook(page: Page, lab: str, name: str) -> None:
    page.goto(f"{lab}/lab/tree/{name}?reset&token=t")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)


def test_a_saved_notebook_shows_its_pictures_before_anything_runs(page: tuple[Page, list[str], str]) -> None:
    view, _, lab = page
    open_notebook(view, lab, "zh/01-a-real-host.ipynb")
    # The notebook draws cells as they come into sight.
    image = view.locator(".jp-OutputArea img[src^='data:image/svg+xml']").first
    for _ in range(30):
        if image.count():
            break
        view.locator(".jp-Notebook .jp-WindowedPanel-outer, .jp-Notebook").first.hover()
        view.mouse.wheel(0, 500)
        view.wait_for_timeout(200)
    image.scroll_into_view_if_needed()
    assert image.evaluate("i => i.naturalWidth") > 500


def test_the_widget_shows_and_moves(page: tuple[Page, list[str], str]) -> None:
    view, errors, lab = page
    open_notebook(view, lab, "en/01-a-real-host.ipynb")
    view.wait_for_selector(
        ".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=60_000, state="attached"
    )
    view.click("text=Run >> nth=0")
    view.click("text=Run All Cells")
    stage = view.locator(".sl-stage").first
    for _ in range(100):
        if stage.count():
            break
        view.mouse.move(700, 500)
        view.mouse.wheel(0, 300)
        view.wait_for_timeout(200)
    stage.wait_for(timeout=20_000)
    stage.scroll_into_view_if_needed()
    assert stage.locator("svg.sl text").count() > 30

    view.locator(".sl-play").first.click()
    token = stage.locator(".sl-token").first
    places: set[Any] = set()
    for _ in range(10):
        places.add(token.get_attribute("transform"))
        view.wait_for_timeout(150)
    assert len(places) > 3
    assert errors == []
