"""Every path, request, interrupt mode and vCPU state as a lane: words, boxes and ways, without a browser."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from functools import cache

import pytest

import sriovlab as sl
from sriovlab.errors import PathError
from sriovlab.i18n import LANGUAGES, topic_keys
from sriovlab.iopath.costing import hop_library
from sriovlab.iopath.journey import ExitPlace, Hop, Journey
from sriovlab.iopath.path import MODES, parse_path, path_data, path_names, requests_of
from sriovlab.iopath.request import KINDS
from sriovlab.iopath.setting import VCPU_STATES
from sriovlab.scene.lanes import (
    CAPTION_TOP,
    GAP,
    GUTTER,
    LANE,
    TIERS,
    TOP,
    Layout,
    Place,
    band_middle,
    layout_of,
)
from sriovlab.scene.measure import text_width
from sriovlab.scene.phrases import spell
from sriovlab.scene.player import MOST_LANES, player_scene
from sriovlab.scene.shapes import Box, Scene, Text
from sriovlab.scene.ways import hop_path

Point = tuple[float, float]
Area = tuple[float, float, float, float]


def option_sets(name: str) -> Iterator[str]:
    """The path with every set of options that it takes."""
    options = path_data(name)["options"]
    for count in range(len(options) + 1):
        for chosen in itertools.combinations(options, count):
            text = "+".join((name, *chosen))
            try:
                parse_path(text)
            except PathError:
                continue
            yield text


@cache
def journeys_of(name: str) -> dict[str, list[Journey]]:
    """All journeys of a path, by the request they carry."""
    host = sl.synthetic("nvme[vfs=4] nic[vfs=4]", vms=2)
    # On bare metal no interrupt is delivered to a guest, and no vCPU halts.
    modes = ("",) if name == "native" else tuple(f"+{mode}" for mode in MODES)
    states = ("running",) if name == "native" else VCPU_STATES
    return {
        kind: [
            sl.journey(host, path + mode, KINDS[kind](), vcpu=vcpu)
            for path in option_sets(name)
            for mode in modes
            for vcpu in states
        ]
        for kind in requests_of(name)
    }


def every_journey(name: str) -> Iterator[Journey]:
    return itertools.chain.from_iterable(journeys_of(name).values())


def scenes_of(name: str) -> Iterator[tuple[Scene, list[Journey]]]:
    """All journeys of a path, as many side by side as a picture takes."""
    for journeys in journeys_of(name).values():
        for start in range(0, len(journeys), MOST_LANES):
            chosen = journeys[start : start + MOST_LANES]
            chosen += chosen[:1] if len(chosen) == 1 else []
            yield player_scene(chosen), chosen


def area(box: Box) -> Area:
    return box.x, box.y, box.x + box.width, box.y + box.height


def area_of(text: Text, language: str) -> Area:
    width = text_width(text.words.in_language(language), text.size, is_bold=text.weight > 500)
    left = text.x - {"start": 0.0, "middle": width / 2, "end": width}[text.anchor]
    return left, text.y - text.size / 2, left + width, text.y + text.size / 2


def overlaps(a: Area, b: Area, slack: float = 0.5) -> bool:
    return a[0] < b[2] - slack and b[0] < a[2] - slack and a[1] < b[3] - slack and b[1] < a[3] - slack


def points_along(d: str, step: float = 2.0) -> list[Point]:
    """Points on an SVG path of M, L and C, about `step` px apart."""
    found: list[Point] = []
    for command, numbers in re.findall(r"([MLC])([^MLC]*)", d):
        values = [float(n) for n in numbers.split()]
        pairs = list(zip(values[::2], values[1::2], strict=True))
        if command == "M":
            found.append(pairs[0])
            continue
        start = found[-1]
        count = max(2, math.ceil(math.dist(start, pairs[-1]) / step))
        for i in range(1, count + 1):
            t = i / count
            if command == "L":
                a, b = start, pairs[0]
                found.append((a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t))
                continue
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            corners = (start, *pairs)
            found.append(
                (
                    sum(w * p[0] for w, p in zip(weights, corners, strict=True)),
                    sum(w * p[1] for w, p in zip(weights, corners, strict=True)),
                )
            )
    return found


def is_inside(point: Point, place: Place, edge: float = 1.0) -> bool:
    return (
        place.left + edge < point[0] < place.right - edge
        and place.top + edge < point[1] < place.bottom - edge
    )


def lanes_that_differ(name: str) -> list[tuple[Journey, Layout, dict[str, Hop]]]:
    """Journeys of a path whose lanes look different, with their ways."""
    found = {}
    for journey in every_journey(name):
        layout = layout_of(journey)
        ways = {hop_path(layout, hop): hop for hop in journey.hops if hop.start != hop.end}
        found.setdefault(
            (frozenset(ways), frozenset(s.id for s in journey.stations)), (journey, layout, ways)
        )
    return list(found.values())


@pytest.mark.parametrize("name", path_names())
def test_every_lane_plays_with_words_in_both_languages(name: str) -> None:
    for scene, journeys in scenes_of(name):
        assert scene.timeline is not None
        for lane, journey in zip(scene.timeline["lanes"], journeys, strict=True):
            assert len(lane["hops"]) == len(journey.hops)
            for hop in lane["hops"]:
                for words in (hop["caption"], hop["why"]):
                    assert words["en"]
                    assert words["zh"]
                    assert "{" not in words["en"] + words["zh"]
                for language in ("en", "zh"):
                    caption = "▶ " + hop["caption"][language]
                    assert text_width(caption, 14) <= LANE - 24, caption


@pytest.mark.parametrize("name", path_names())
def test_boxes_stand_apart_inside_the_picture_and_hold_their_labels(name: str) -> None:
    seen: set[tuple[object, ...]] = set()
    for scene, _ in scenes_of(name):
        for index in range(MOST_LANES):
            boxes = [s for s in scene.shapes if isinstance(s, Box) and s.id.startswith(f"station-{index}-")]
            key = tuple((b.id.split("-", 2)[2], b.label) for b in boxes)
            if key in seen:
                continue
            seen.add(key)
            left = GUTTER + index * (LANE + GAP)
            for box in boxes:
                assert left <= box.x
                assert box.x + box.width <= left + LANE
                assert box.y >= TOP
                assert box.y + box.height <= CAPTION_TOP
                assert box.label is not None
                for language in ("en", "zh"):
                    said = box.label.in_language(language)
                    assert "…" not in said, f"{name}: {box.title}"
                    assert text_width(said, box.size) <= box.width - 6, said
            for a, b in itertools.combinations(boxes, 2):
                assert not overlaps(area(a), area(b)), (a.id, b.id)


@pytest.mark.parametrize("name", path_names())
def test_texts_stand_apart_and_nothing_is_cut(name: str) -> None:
    for scene, journeys in scenes_of(name):
        # Four lanes of one path share their texts, and so do most scenes: two lanes of each are enough.
        shown = [s for s in scene.shapes if not s.view]
        boxes = [area(s) for s in shown if isinstance(s, Box) and s.id.startswith(("station-", "what-if-"))]
        for language in ("en", "zh"):
            texts = [
                (s, area_of(s, language))
                for s in shown
                if isinstance(s, Text)
                and s.id.startswith(("lane-title", "bypassed", "no-hyp", "vmm-as", "kernel-as", "unit"))
            ]
            for text, place in texts:
                assert "…" not in text.words.in_language(language), text.words
                assert not any(overlaps(place, box) for box in boxes), (journeys[0].path, text.id)
            for (a, p), (b, q) in itertools.combinations(texts, 2):
                assert not overlaps(p, q), (a.id, b.id)
        assert scene.timeline is not None
        for beat in scene.timeline["beats"]:
            assert "…" not in beat["words"]["en"] + beat["words"]["zh"]


@pytest.mark.parametrize("name", path_names())
def test_no_way_passes_through_a_box_that_it_does_not_stop_at_or_pass(name: str) -> None:
    for journey, layout, ways in lanes_that_differ(name):
        for d, hop in ways.items():
            may = {hop.start, hop.end, *hop.via}
            points = points_along(d)
            for station in journey.stations:
                if station.id not in may:
                    crossed = [p for p in points if is_inside(p, layout[station.role])]
                    assert not crossed, f"{journey.path} {journey.request}: {hop.id} crosses {station.id}"
            for role, end in ((hop.start, points[0]), (hop.end, points[-1])):
                place = layout[role]
                gap = max(
                    place.left - end[0], end[0] - place.right, place.top - end[1], end[1] - place.bottom
                )
                assert abs(gap) < 0.2, f"{hop.id} ends {gap} px off {role}"


@pytest.mark.parametrize("name", path_names())
def test_no_way_lies_on_another_or_runs_through_a_text(name: str) -> None:
    for journey, _, ways in lanes_that_differ(name):
        sampled = [(hop, points_along(d)) for d, hop in ways.items()]
        for (a, ours), (b, theirs) in itertools.combinations(sampled, 2):
            if {a.start, a.end} == {b.start, b.end} and ours[0] == theirs[-1] and ours[-1] == theirs[0]:
                # One way that is gone both ways.
                continue
            near = sum(any(math.dist(p, q) < 3.5 for q in theirs) for p in ours)
            # Crossing takes a few points, lying on one another many.
            assert near <= 6, f"{journey.path} {journey.request}: {a.id} lies on {b.id}"
        scene = player_scene([journey, journey])
        notes = [
            s
            for s in scene.shapes
            if isinstance(s, Text) and not s.view and s.id.endswith("-0") and TOP < s.y < CAPTION_TOP
        ]
        for note, language in itertools.product(notes, ("en", "zh")):
            x0, y0, x1, y1 = area_of(note, language)
            for hop, points in sampled:
                inside = [p for p in points if x0 < p[0] + GUTTER < x1 and y0 < p[1] + TOP < y1]
                assert not inside, f"{journey.path}: {hop.id} runs through {note.id}"


@pytest.mark.parametrize("name", path_names())
def test_each_station_stands_in_its_own_band(name: str) -> None:
    for journey, layout, _ in lanes_that_differ(name):
        for station in journey.stations:
            if station.role != "guest-memory":
                assert layout[station.role].y == band_middle(TIERS[TIERS.index(station.tier)])


def test_lanes_tell_native_mediated_and_bypass_apart() -> None:
    host = sl.synthetic("nvme[vfs=4] nic[vfs=4]", vms=2)
    scene = player_scene(
        [sl.journey(host, path) for path in ("native", "vhost", "virtio", "sriov+userspace")]
    )
    roles = {s.id: s.role for s in scene.shapes if isinstance(s, Box) and s.id.startswith("band-")}
    hypervisor = [(roles[f"band-{i}-vmm"], roles[f"band-{i}-host-kernel"]) for i in range(4)]
    assert hypervisor == [
        ("band-none", "band-none"),
        ("band-bypassed", "band-host"),
        ("band-vmm", "band-host"),
        ("band-bypassed", "band-bypassed"),
    ]
    texts = {s.id: s.words for s in scene.shapes if isinstance(s, Text)}
    assert "no-hypervisor-2-0" in texts
    assert texts["vmm-aside-1"].en == "QEMU: set-up only"
    assert texts["bypassed-3-3"].en == "set-up only"
    assert texts["kernel-aside-3"].en == "not on this path"
    assert texts["tier-guest-kernel"].en == "Kernel"


def test_every_hop_of_the_library_and_every_option_of_a_path_has_words() -> None:
    labels = {entry.get("label", name) for name, entry in hop_library().items()} | {"known-exits"}
    for language in LANGUAGES:
        keys = topic_keys("iopath", language)
        assert {f"hop.{label}" for label in labels} | {f"hop.{label}.why" for label in labels} <= keys.keys()
        stage = topic_keys("player", language)
        bases = [name.replace(":", "-") for name in path_names()]
        assert {f"{kind}.{base}" for kind in ("lane", "short") for base in bases} <= stage.keys()
        assert {f"place.{place.value}" for place in ExitPlace} <= stage.keys()
        assert {f"request.{kind}" for kind in KINDS} <= stage.keys()


def test_the_words_of_a_lane_hold_for_its_path() -> None:
    host = sl.synthetic("nvme[vfs=4] nic[vfs=4]", vms=2)

    def said(path: str, request: object) -> str:
        journey = sl.journey(host, path, request)
        return " ".join(
            spell(label).en
            for label in (*(h.label for h in journey.hops), *(s.label for s in journey.stations))
        )

    assert "VF" not in said("native", sl.Read())
    assert "guest" not in said("native", sl.Receive())
    assert "DMA into memory of vm0" in said("sriov", sl.Read())
    assert "Firecracker" in said("emulated:microvm", sl.Send())
    assert "QEMU" not in said("emulated:microvm", sl.Send())
    assert "QEMU" not in said("vhost-user", sl.Write())
    assert "SPDK driver" in said("sriov+userspace", sl.Write())
    assert "used ring" not in said("emulated:ahci", sl.Read())
    assert "system call" not in said("sriov+userspace", sl.Read())


@pytest.mark.parametrize("request_", [sl.Read(), sl.Receive(), sl.Message()], ids=lambda r: r.kind)
def test_a_bar_is_the_same_for_all_only_where_all_have_it(request_: sl.Read) -> None:
    host = sl.synthetic("nvme[vfs=4] nic[vfs=4]", vms=2)
    # A polling switch waits for no interrupt of the adapter, so it knows no moderation.
    journeys = [sl.journey(host, path, request_) for path in ("vhost-user", "sriov")]
    bars = [s for s in player_scene(journeys).shapes if isinstance(s, Box) and s.role == "bar-shared"]
    counts = [sum(bar.id.startswith(f"bar-{i}-") for bar in bars) for i in range(2)]
    assert counts[0] == counts[1] > 0


def test_headlines_fit_the_paths_that_are_compared() -> None:
    host = sl.synthetic("nvme[vfs=4] nic[vfs=4]", vms=2)

    def headlines(*paths: str, **options: object) -> str:
        scene = sl.compare(host, *paths, **options).scene  # type: ignore[arg-type]
        assert scene.timeline is not None
        return " ".join(beat["words"]["en"] for beat in scene.timeline["beats"])

    assert "Left enters the hypervisor" in headlines("virtio", "sriov")
    assert "Left" not in headlines("sriov", "virtio")
    assert "Left" not in headlines("virtio", "vhost")
    assert "what does the VM add" in headlines("native", "sriov")
    assert "an exit to user space" in headlines("emulated:ahci", "virtio")
    assert "copies the packet into the guest" in headlines("vhost", "sriov", request=sl.Receive())
    assert "reads guest memory by DMA" in headlines("virtio", "sriov", request=sl.Write())
    assert "media" not in headlines("virtio", "sriov", request=sl.Send())
    assert "SR-IOV + trapped" in headlines("sriov+trapped", "sriov+posted", queue_depth=4)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_view_of_many_vms_stays_inside_the_picture(count: int) -> None:
    host = sl.synthetic("nvme[vfs=4] nic[vfs=4]", vms=2)
    paths = ("emulated:nvme", "vhost-user", "native", "sriov")[:count]
    scene = player_scene([sl.journey(host, path) for path in paths])
    for shape in scene.shapes:
        if isinstance(shape, Text) and shape.view:
            for language in ("en", "zh"):
                x0, y0, x1, y1 = area_of(shape, language)
                assert 0 <= x0 < x1 <= scene.width
                assert 0 <= y0 < y1 <= scene.height
    texts = [area_of(s, "en") for s in scene.shapes if isinstance(s, Text) and s.view]
    for a, b in itertools.combinations(texts, 2):
        assert not overlaps(a, b)


def test_an_emulated_drives_registers_exit_into_the_vmm() -> None:
    host = sl.synthetic("nvme[vfs=4]", vms=1)
    lane = sl.journey(host, "emulated:ahci")
    ways = {
        hop_path(layout_of(lane), hop)
        for hop in lane.hops
        if (hop.start, hop.end) == ("guest-driver", "vmm-thread")
    }
    assert len(ways) == 2
