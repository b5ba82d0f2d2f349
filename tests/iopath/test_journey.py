"""Journeys: counts as measured, sums as published, and names of the host at hand."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sriovlab as sl
from sriovlab.errors import PathError
from sriovlab.facts.book import fact, facts
from sriovlab.i18n import words
from sriovlab.iopath.costing import applying, conditions, hop_library
from sriovlab.iopath.journey import Actor, Evidence, ExitPlace, Per
from sriovlab.iopath.load import host_load
from sriovlab.iopath.path import MODES, parse_path, path_data, path_names, requests_of
from sriovlab.iopath.request import KINDS
from sriovlab.iopath.setting import Setting
from sriovlab.iopath.simulate import simulate_journey
from sriovlab.model.nouns import Host
from sriovlab.model.topology import Topology
from sriovlab.sources.synthetic import Device, HostBuilder

MEDIATED = [name for name in path_names() if name != "native"]
PATHS = [f"{name}+{mode}" for name in MEDIATED for mode in MODES] + [
    f"virtio+iothread+{mode}" for mode in MODES
]
PATHS += ["native", *path_names()]
PATHS += [f"{name}+{option}" for name in path_names() for option in path_data(name)["options"]]
REQUESTS = (sl.Read(), sl.Send())
EVERY = [(path, KINDS[kind]()) for path in PATHS for kind in requests_of(parse_path(path).name)]
HYPERVISOR = (Actor.VMM, Actor.HOST_KERNEL)


@pytest.fixture(scope="module")
def cloud() -> Topology:
    return sl.load("example:cloud")


@pytest.mark.parametrize(("path", "count"), [("virtio", 1), ("sriov", 0)])
def test_submission_exits_are_those_that_were_measured(cloud: Topology, path: str, count: int) -> None:
    assert sl.journey(cloud, path).exits(ExitPlace.SUBMISSION) == count


@pytest.mark.parametrize("request_", REQUESTS)
def test_posting_takes_away_exits_and_trapping_adds_them(cloud: Topology, request_: sl.Read) -> None:
    for vcpu in ("halted", "running"):
        exits = {m: sl.journey(cloud, f"sriov+{m}", request_, vcpu=vcpu).exits() for m in MODES}
        assert exits["posted"] < exits["trapped"]
        assert exits["posted"] <= exits["apicv"] <= exits["trapped"]


def test_an_idle_vcpu_exits_even_past_the_hypervisor(cloud: Topology) -> None:
    assert sl.journey(cloud, "sriov+posted").exits(ExitPlace.HALT) == 1
    assert sl.journey(cloud, "sriov+posted", vcpu="running").exits() == 0


@pytest.mark.parametrize(
    ("path", "media", "observation"),
    [
        ("virtio+posted", "optane", "c_virtio_default"),
        ("virtio+iothread+posted", "optane", "c_virtio_iothread"),
        ("sriov+posted", "optane", "c_vfio_nohaltpoll"),
        ("sriov+posted", "nand", "c_vfio_nand_read"),
    ],
)
def test_the_sum_of_the_hops_is_the_published_time(
    cloud: Topology, path: str, media: str, observation: str
) -> None:
    published = fact(observation).ns[1]
    assert sl.journey(cloud, path, media=media).latency_ns.typical == pytest.approx(published, rel=0.15)


@pytest.mark.parametrize(("path", "request_"), EVERY, ids=lambda v: getattr(v, "text", v))
def test_every_hop_joins_its_stations_and_cites_its_costs(
    cloud: Topology, path: str, request_: sl.Read
) -> None:
    journey = sl.journey(cloud, path, request_)
    stations = {s.id for s in journey.stations}
    for hop in journey.hops:
        assert {hop.start, hop.end, *hop.via} <= stations
        assert words(f"iopath.{hop.label.key}", **hop.label.slots).zh
        assert words(f"iopath.{hop.label.key}.why", **hop.label.slots).en
        assert hop.elapsed_ns.low <= hop.elapsed_ns.typical <= hop.elapsed_ns.high
        assert hop.cpu_ns.typical <= hop.elapsed_ns.typical
        assert hop.elapsed_ns.typical == pytest.approx(sum(share.ns.typical for share in hop.costs))
        assert all(share.source for share in hop.costs if share.certainty in ("measured", "quoted"))


def test_a_doorbell_passes_the_port_and_dma_and_interrupts_pass_the_iommu(cloud: Topology) -> None:
    for path in ("virtio", "sriov"):
        for hop in sl.journey(cloud, path).hops:
            if "doorbell" in hop.id:
                assert "iommu" not in hop.via
            elif "function" in (hop.start, *hop.via) and hop.end in (
                "guest-memory",
                "kvm",
                "guest-driver",
                "host-driver",
            ):
                assert "iommu" in hop.via, hop.id


def test_the_lane_names_the_hosts_own_parts(cloud: Topology) -> None:
    past = sl.journey(cloud, "sriov", vm="db0")
    through = sl.journey(cloud, "virtio", vm="db0")
    assert (past.vm, past.function) == ("vm:db0", "pci:0000:86:00.1")
    assert through.function == "pci:0000:86:00.0"
    assert past.station("iommu").thing == "iommu:dmar0"
    assert past.station("port").thing == "pci:0000:85:00.0"
    assert past.station("function").evidence is Evidence.SEEN
    assert sl.journey(cloud, "sriov", sl.Send()).function == "pci:0000:18:10.0"


@pytest.mark.parametrize(
    ("host", "path", "options", "doubt"),
    [
        ("example:cloud", "sriov+posted", {}, "no-posting"),
        ("example:cloud", "sriov", {"vm": "legacy0"}, "not-held"),
        ("example:cloud", "virtio", {"vm": "web0", "request": sl.Send()}, "no-virtio-net"),
        ("example:cloud", "virtio", {"vm": "db0", "request": sl.Send()}, "vhost"),
        ("example:nvme-0vf", "sriov", {}, "no-vf"),
        ("example:nvme-noiommu", "sriov", {}, "no-iommu"),
        ("example:nvme-8vf", "virtio", {}, "no-vm"),
    ],
)
def test_what_the_host_cannot_do_plays_as_what_if(host: str, path: str, options: dict, doubt: str) -> None:
    journey = sl.journey(sl.load(host), path, **options)
    assert journey.is_what_if
    assert f"doubt.{doubt}" in [d.label.key for d in journey.doubts]


def test_a_host_that_can_has_no_doubt() -> None:
    host = sl.synthetic("nvme[vfs=4] nic[vfs=4]", vms=2)
    for request in REQUESTS:
        for path in ("virtio", "sriov"):
            assert sl.journey(host, path, request).doubts == ()


def test_a_host_without_anything_still_plays() -> None:
    journey = sl.journey(Topology(hosts=(Host("host:x", "x"),)), "sriov")
    assert journey.is_what_if
    assert journey.station("function").evidence is Evidence.ASSUMED


def test_the_host_decides_how_interrupts_are_delivered() -> None:
    builder = HostBuilder("x", can_post=False).add(Device("nvme", vfs=1)).add_machines(1)
    assert sl.journey(builder.build(), "sriov").path == "sriov+trapped"
    assert sl.journey(sl.synthetic("nvme[vfs=1]", vms=1), "sriov").path == "sriov+posted"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sriv", "did you mean sriov"),
        ("virtio+fast", "it takes trapped, apicv, posted, iothread"),
        ("sriov+posted+trapped", "exclude each other"),
    ],
)
def test_a_bad_path_says_which_there_are(text: str, said: str) -> None:
    with pytest.raises(PathError, match=said):
        parse_path(text)


@pytest.mark.parametrize(
    "make", [lambda: sl.Read(0), lambda: sl.Read(-1), lambda: sl.Send(2_000_000), lambda: sl.Read(True)]
)
def test_a_bad_size_names_the_range(make: object) -> None:
    with pytest.raises(PathError, match="expected 1 to"):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    "options", [{"vm": "nobody"}, {"media": "tape"}, {"vcpu": "asleep"}, {"function": "09:00.0"}]
)
def test_a_bad_option_lists_what_there_is(cloud: Topology, options: dict) -> None:
    with pytest.raises(PathError, match="expected|there are"):
        sl.journey(cloud, "sriov", **options)


def test_every_fact_a_hop_uses_exists() -> None:
    special = {"media", "line"}
    used = {key for hop in hop_library().values() for key, _ in hop.get("costs", ())}
    assert used - special <= facts().keys()


@pytest.mark.parametrize("name", path_names())
def test_low_certainty_drives_no_path_alone(name: str) -> None:
    holding = conditions(parse_path(name), "posted", "halted")
    for kind in requests_of(name):
        costs = {key for hop in applying(name, kind, holding) for key, _ in hop.get("costs", ())}
        assert any(fact(key).kind != "assumed" for key in costs - {"media", "line"}), kind


def test_every_hop_of_the_library_is_on_some_path() -> None:
    seen: set[str] = set()
    for path, request_ in EVERY:
        for mode in MODES:
            for vcpu in ("halted", "running", "descheduled"):
                parsed = parse_path(path)
                seen |= {
                    h["hop"] for h in applying(parsed.name, request_.kind, conditions(parsed, mode, vcpu))
                }
    assert set(hop_library()) == seen


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(EVERY), st.integers(1, 12), st.integers(1, 40), st.integers(1, 3))
def test_what_the_player_plays_is_whole(case: tuple, depth: int, count: int, vms: int) -> None:
    path, request_ = case
    journey = sl.journey(sl.synthetic("nvme[vfs=1] nic[vfs=1]", vms=1), path, request_)
    trace = simulate_journey(journey, Setting(queue_depth=depth, vms=vms), count)

    hops: dict[int, list[int]] = {}
    for traced in trace.traced_hops():
        assert traced.end_ns - traced.start_ns == pytest.approx(journey.hops[traced.hop].elapsed_ns.typical)
        hops.setdefault(traced.request, []).append(traced.hop)
    assert sorted(hops) == list(range(count))
    always = [i for i, hop in enumerate(journey.hops) if hop.per is Per.REQUEST]
    for taken in hops.values():
        assert len(set(taken)) == len(taken)
        assert set(always) <= set(taken)


@pytest.mark.parametrize("path", PATHS)
def test_one_request_alone_takes_its_latency(path: str) -> None:
    kind = requests_of(parse_path(path).name)[0]
    journey = sl.journey(sl.synthetic("nvme[vfs=1] nic[vfs=1]", vms=1), path, KINDS[kind]())
    (only,) = simulate_journey(journey, Setting()).requests()
    # A hop nobody waits for may hold a CPU that the next one needs.
    assert journey.latency_ns.typical <= only.latency_ns + 1e-6 <= journey.latency_ns.typical * 1.1 + 1


def test_many_vms_cost_the_host_more_through_the_hypervisor(cloud: Topology) -> None:
    through, past = (host_load(sl.journey(cloud, p), 16) for p in ("virtio", "sriov+posted"))
    a = through.hypervisor_cores.typical / through.requests_per_s.typical
    b = past.hypervisor_cores.typical / past.requests_per_s.typical
    assert a > 2 * b
    assert host_load(sl.journey(cloud, "sriov"), 16, device_limit_per_s=1000).requests_per_s.typical == 1000
    with pytest.raises(PathError, match="expected 1 or more"):
        host_load(sl.journey(cloud, "sriov"), 0)


def test_cpu_and_time_are_different_numbers(cloud: Topology) -> None:
    journey = sl.journey(cloud, "virtio")
    assert journey.cpu_ns(*HYPERVISOR).typical < journey.latency_ns.typical / 2
    assert dataclasses.replace(journey, doubts=()).is_what_if is False
