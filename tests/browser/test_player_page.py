"""The standalone page in Chromium: what a person sees and does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

import sriovlab as sl

pytestmark = pytest.mark.browser
Opener = Callable[..., Page]

OVERLAPS = """() => {
  const shown = [...document.querySelectorAll('svg.sl text')].filter(t => t.textContent && t.getClientRects().length && !t.closest('[data-view]'));
  const boxes = shown.map(t => [t.textContent, t.getBoundingClientRect()]);
  const found = [];
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    const [a, p] = boxes[i], [b, q] = boxes[j];
    if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 4 && q.top < p.bottom - 4) found.push(a + ' / ' + b);
  }
  return found;
}"""
LEAVES = """() => [...document.querySelectorAll('svg.sl g > rect + text')].filter(t => t.getClientRects().length).filter(t => {
  const r = t.parentNode.querySelector('rect').getBoundingClientRect(), b = t.getBoundingClientRect();
  return b.left < r.left - 1 || b.right > r.right + 1;
}).map(t => t.textContent)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("pages")
    sl.compare("example:cloud", "virtio", "sriov", vm="db0").save(target / "read.html")
    sl.compare("example:cloud", "virtio", "sriov+posted", vm="web0", request=sl.Send()).save(
        target / "send.html"
    )
    sl.compare("example:cloud", "virtio", "sriov", queue_depth=32).save(target / "busy.html")
    sl.compare("example:nvme-noiommu", "virtio+iothread", "sriov+posted").save(target / "none.html")
    host = sl.synthetic("nvme[vfs=4] nic[vfs=4]", vms=2)
    sl.compare(host, "vhost", "sriov", request=sl.Receive()).save(target / "receive.html")
    sl.compare(host, "native+userspace", "sriov+userspace").save(target / "user.html")
    sl.compare(host, "emulated:ahci", "vhost-user", request=sl.Write()).save(target / "emulated.html")
    return target


def at(folder: Path, name: str, seconds: float = 0) -> str:
    return f"file://{folder / name}.html?t={seconds}"


@pytest.mark.parametrize("name", ["read", "send", "busy", "none"])
def test_the_page_is_small(folder: Path, name: str) -> None:
    assert (folder / f"{name}.html").stat().st_size < 150_000


@pytest.mark.parametrize("name", ["read", "send", "none", "receive", "user", "emulated"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("seconds", [2, 5, 10, 12])
def test_no_label_overlaps_another_or_leaves_its_box(
    folder: Path, open_page: Opener, name: str, language: str, seconds: int
) -> None:
    page = open_page(at(folder, name, seconds))
    if language == "zh":
        page.click("[data-key=language]")

    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(LEAVES) == []


def test_lanes_scores_and_controls_fit_without_scrolling(folder: Path, open_page: Opener) -> None:
    page = open_page(at(folder, "read"))
    assert page.evaluate("document.documentElement.scrollHeight") <= 560
    assert page.evaluate("document.documentElement.scrollWidth") <= 960
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('svg.sl text')].map(t => parseFloat(getComputedStyle(t).fontSize)))"
    )
    assert smallest >= 14


def test_32_requests_in_flight_play_at_55_frames_a_second(folder: Path, open_page: Opener) -> None:
    page = open_page(at(folder, "busy"))
    page.click(".sl-play")
    gaps = page.evaluate(
        """() => new Promise(resolve => { const times = []; const step = now => { times.push(now);
        if (times.length < 150) requestAnimationFrame(step); else resolve(times.slice(1).map((t, i) => t - times[i])); };
        requestAnimationFrame(step); })"""
    )
    assert sorted(gaps)[len(gaps) // 2] <= 1000 / 55
    assert page.evaluate("document.querySelector('.sl-stage').player.t") > 0


def test_play_ends_with_the_scores_of_the_journeys(folder: Path, open_page: Opener) -> None:
    journeys = sl.compare("example:cloud", "virtio", "sriov", vm="db0").journeys
    page = open_page(at(folder, "read", 12))
    for index, journey in enumerate(journeys):
        assert page.text_content(f'[data-slot="exits-{index}"]') == f"{journey.exits():.0f}"
        assert (
            page.text_content(f'[data-slot="elapsed-{index}"]') == f"{journey.latency_ns.typical / 1000:.0f}"
        )


def test_everything_is_reached_and_done_by_keyboard(folder: Path, open_page: Opener) -> None:
    page = open_page(at(folder, "read"))
    total = page.locator(".sl-button:visible, .sl-scrub").count()
    reached: set[Any] = set()
    for _ in range(total):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.key ?? document.activeElement.className"))
    assert len(reached) == total
    page.keyboard.press("End")
    assert "✓" in str(page.text_content('[data-slot="caption-0"]'))
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.querySelector('.sl-stage').player.t") > 0
    page.locator("#bar-0-0").focus()
    page.keyboard.press("Enter")
    assert page.inner_text(".sl-detail")
    page.keyboard.press("Escape")
    assert page.locator(".sl-detail").is_hidden()


def test_the_chinese_page_holds_no_english_sentence(folder: Path, open_page: Opener) -> None:
    page = open_page(at(folder, "read", 5))
    page.click("[data-key=language]")
    texts = page.evaluate("[...document.querySelectorAll('svg.sl text, .sl-button')].map(t => t.textContent)")
    for text in texts:
        english = [
            w
            for w in text.replace("·", " ").split()
            if w.isascii() and w.isalpha() and w.islower() and len(w) > 2
        ]
        assert set(english) <= {"nvme", "virtio", "trapped", "posted", "iothread"}, text


def test_the_bypass_lane_says_what_if_where_the_host_cannot(folder: Path, open_page: Opener) -> None:
    page = open_page(at(folder, "none"))
    page.click("#what-if-1")
    assert "IOMMU" in page.inner_text(".sl-detail")


def test_a_phone_shows_one_lane_and_both_scores(folder: Path, open_page: Opener) -> None:
    page = open_page(at(folder, "read", 12), width=390, height=800)
    assert page.locator(".sl-scores div").count() == 2
    assert page.evaluate("document.querySelector('svg.sl').viewBox.baseVal.width") < 450
    page.click("[data-key=lane-switch]")
    assert page.evaluate("document.querySelector('svg.sl').viewBox.baseVal.x") > 450
    small = page.evaluate(
        "[...document.querySelectorAll('.sl-button')].filter(b => b.offsetParent && Math.min(b.offsetWidth, b.offsetHeight) < 44).length"
    )
    assert small == 0


def test_reduced_motion_goes_from_still_to_still(folder: Path, open_page: Opener) -> None:
    page = open_page(at(folder, "read"), reduced_motion="reduce")
    page.click(".sl-play")
    page.wait_for_timeout(400)
    first = page.evaluate("document.querySelector('.sl-stage').player.t")
    page.wait_for_timeout(300)
    assert page.evaluate("document.querySelector('.sl-stage').player.t") == first


def test_a_hostile_vm_name_stays_text(tmp_path: Path, open_page: Opener) -> None:
    import dataclasses

    host = sl.load("example:cloud")
    name = '</script><img src=x onerror="document.title=1">\u202e\x07'
    machines = tuple(
        dataclasses.replace(vm, name=name) if vm.name == "db0" else vm for vm in host.virtual_machines
    )
    host = dataclasses.replace(host, virtual_machines=machines)
    player = sl.compare(host, vm=name)
    page = open_page(f"file://{player.save(tmp_path / 'x.html')}")
    assert page.locator("img").count() == 0
    sl.diagram(host).save(tmp_path / "x.svg")
    from xml.dom import minidom

    assert minidom.parse(str(tmp_path / "x.svg"))


def test_play_waits_for_a_guess_and_shows_it_beside_the_result(tmp_path: Path, open_page: Opener) -> None:
    player = sl.compare("example:cloud", "virtio", "sriov", vm="db0", predict=True)
    page = open_page(f"file://{player.save(tmp_path / 'x.html')}")
    assert page.locator(".sl-play").is_disabled()
    page.click(".sl-question button >> nth=0")
    page.keyboard.press("End")
    said = page.inner_text(".sl-question")
    assert "You said 0" in said
    assert f"it was {player.journeys[1].exits():.0f}" in said
