"""The notebook in real JupyterLab: the widget shows, the animation moves, nothing is wrong on the console."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page

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
        f"--notebook-dir={folder / 'notebooks'}", "--LabApp.collaborative=False", "--LabApp.expose_app_in_browser=True",
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
    found.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    yield found, errors, lab
    found.close()


def open_notebook(page: Page, lab: str, name: str) -> None:
    page.goto(f"{lab}/lab/tree/{name}?reset&token=t")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)


def looks(view: Page, image: Locator) -> int:
    """How many different pictures five looks at an image see."""
    seen = set()
    for _ in range(5):
        seen.add(image.screenshot())
        view.wait_for_timeout(400)
    return len(seen)


def test_a_saved_notebook_moves_before_anything_runs(page: tuple[Page, list[str], str]) -> None:
    view, _, lab = page
    open_notebook(view, lab, "zh/01-a-real-host.ipynb")
    # The notebook draws cells as they come into sight.
    image = view.locator(".jp-OutputArea img[alt*='谁经手']").first
    for _ in range(30):
        if image.count():
            break
        view.locator(".jp-Notebook .jp-WindowedPanel-outer, .jp-Notebook").first.hover()
        view.mouse.wheel(0, 500)
        view.wait_for_timeout(200)
    image.scroll_into_view_if_needed()
    assert image.evaluate("i => i.naturalWidth") > 500
    assert looks(view, image) >= 3


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

    assert stage.locator(".sl-play").is_disabled()
    stage.locator(".sl-question button").first.click()
    stage.locator(".sl-play").click()
    token = stage.locator(".sl-token").first
    places: set[Any] = set()
    for _ in range(10):
        places.add(token.get_attribute("transform"))
        view.wait_for_timeout(150)
    assert len(places) > 3
    assert errors == []


def select_comparison(view: Page) -> None:
    """Scroll to the cell that compares, and make it the active one."""
    cell = view.locator(".jp-CodeCell").filter(has_text="player = sl.compare(").first
    for _ in range(40):
        if cell.count():
            break
        view.mouse.move(700, 500)
        view.mouse.wheel(0, 300)
        view.wait_for_timeout(150)
    cell.locator(".jp-InputPrompt").first.click()


SECONDS_UNTIL_VISIBLE = """async () => {
  const start = performance.now();
  window.jupyterapp.commands.execute("notebook:run-cell");
  for (;;) {
    await new Promise(requestAnimationFrame);
    const svg = document.querySelector(".sl-stage svg.sl");
    if (svg && svg.getBoundingClientRect().width > 300) return (performance.now() - start) / 1000;
    if (performance.now() - start > 20000) return 20;
  }
}"""


def test_the_widget_is_visible_soon_after_its_cell_runs(
    page: tuple[Page, list[str], str], record_property: Callable[[str, object], None]
) -> None:
    view, errors, lab = page
    open_notebook(view, lab, "zh/01-a-real-host.ipynb")
    idle = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
    view.wait_for_selector(idle, timeout=60_000, state="attached")
    select_comparison(view)
    view.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-above')")
    view.wait_for_selector(idle, timeout=60_000, state="attached")
    assert view.locator(".sl-stage").count() == 0
    select_comparison(view)
    seconds = view.evaluate(SECONDS_UNTIL_VISIBLE)
    record_property("seconds_until_visible", seconds)
    print(f"visible {seconds:.2f} s after its cell ran")
    # The aim is 0.5 s; a machine that runs other tests beside this one gets four times that.
    assert seconds < 2
    assert errors == []


def test_the_widget_wears_the_dark_theme_of_jupyterlab(page: tuple[Page, list[str], str]) -> None:
    view, errors, _ = page
    stage = view.locator(".sl-stage").first
    paint = "e => getComputedStyle(e.querySelector('[data-slot=beat]')).fill"
    light = stage.evaluate(paint)
    view.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    view.wait_for_selector("body[data-jp-theme-light='false']", timeout=20_000, state="attached")
    dark = stage.evaluate(paint)
    view.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (light, dark)]
    assert brightness[0] < 200 < 500 < brightness[1]
    assert errors == []


def test_a_converted_page_moves_with_no_network(tmp_path: Path, browser: Browser) -> None:
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path),
         str(ROOT / "notebooks/en/01-a-real-host.ipynb")],
        check=True, capture_output=True,
    )  # fmt: skip
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    try:
        view = context.new_page()
        view.goto(f"file://{tmp_path / '01-a-real-host.html'}", wait_until="domcontentloaded")
        image = view.locator("img[alt*='who touches it']").first
        image.scroll_into_view_if_needed()
        assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") > 500
        assert looks(view, image) >= 3
    finally:
        context.close()
