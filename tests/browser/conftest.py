"""Chromium for the tests that look at pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page; a console error, or a request beyond the page itself, fails the test at its end."""
    problems: list[str] = []
    contexts = []

    def watch(message: Any) -> None:
        if message.type == "error":
            problems.append(message.text)

    def open_it(url: str, *, width: int = 960, height: int = 560, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", watch)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith(("file:", "data:")) else problems.append(f"request to {r.url}")
            ),
        )
        page.goto(url)
        page.wait_for_selector(".sl-stage")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert problems == []
