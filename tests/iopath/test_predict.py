"""The closed form: bounds, ranges, knobs, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sriovlab as sl
from sriovlab.errors import PathError, SriovlabError
from sriovlab.iopath.path import parse_path, path_names, requests_of
from sriovlab.iopath.request import KINDS
from sriovlab.iopath.setting import KNOBS

CASES = [(name, kind) for name in path_names() for kind in requests_of(name)]


@pytest.mark.parametrize(("path", "kind"), CASES)
def test_every_path_predicts_every_request_it_carries_with_a_range(path: str, kind: str) -> None:
    found = sl.predict(path, KINDS[kind]())
    for span in (found.latency_ns, found.throughput_per_s, found.unloaded_ns, *found.cores.values()):
        assert 0 <= span.low <= span.typical <= span.high
    assert found.latency_ns.typical > 0
    assert found.throughput_per_s.typical <= min(s.typical for s in found.bounds.values()) * (1 + 1e-9)
    assert sum(ns.typical for _, ns in found.breakdown) == pytest.approx(found.latency_ns.typical)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(CASES),
    st.integers(1, 64),
    st.integers(1, 256),
    st.sampled_from(("trapped", "posted", None)),
)
def test_littles_law_holds_in_the_closed_form(
    case: tuple[str, str], vms: int, depth: int, mode: str | None
) -> None:
    path, kind = case
    if mode is not None and path != "native":
        path = f"{path}+{mode}"
    found = sl.predict(path, KINDS[kind](), vms=vms, queue_depth=depth)
    in_flight = found.throughput_per_s.typical * found.latency_ns.typical / 1e9
    # A sent packet keeps its place in the ring after it has left.
    assert in_flight <= vms * depth * (1 + 1e-6)
    if kind != "send":
        assert in_flight == pytest.approx(vms * depth, rel=1e-6)


@pytest.mark.parametrize(
    ("path", "mmio"), [("emulated:ahci", 7), ("emulated:nvme", 2), ("virtio", 1), ("sriov", 0)]
)
def test_register_exits_are_those_that_were_counted(path: str, mmio: int) -> None:
    for mode in ("trapped", "apicv", "posted"):
        assert sl.predict(f"{path}+{mode}").mmio_exits == mmio


def test_a_saturated_vcpu_loses_what_its_interrupts_cost() -> None:
    knobs = {"bare_metal_rate": 100_000, "interrupts_per_vm_s": 48_802, "clock_ghz": 2.93}
    trapped, posted = (sl.predict(f"sriov+{mode}", sl.Send(), **knobs) for mode in ("trapped", "posted"))
    assert posted.throughput_per_s.typical == pytest.approx(100_000, rel=0.02)
    assert trapped.throughput_per_s.typical / posted.throughput_per_s.typical == pytest.approx(0.64, abs=0.03)
    assert posted.exits_per_s == 0
    assert trapped.exits_per_s == pytest.approx(2 * 48_802)
    assert trapped.interrupt_ns.typical > 5 * posted.interrupt_ns.typical


def test_exits_that_are_known_bound_the_rate_as_the_formula_says() -> None:
    found = sl.predict(
        "sriov+trapped",
        sl.Send(),
        bare_metal_rate=50_000,
        exits_per_request=3,
        exit_cycles=10_000,
        clock_ghz=2.5,
    )
    assert found.throughput_per_s.typical == pytest.approx(1e9 / (20_000 + 3 * 4_000), rel=1e-6)
    assert found.exits_per_request == pytest.approx(3)


def test_each_vm_more_at_line_rate_costs_its_interrupts_alone() -> None:
    def cores(vms: int) -> float:
        found = sl.predict(
            "sriov+trapped", sl.Receive(1500), vms=vms, line_rate_gbit_s=10, interrupts_per_vm_s=2000
        )
        assert found.bottleneck == "line"
        return found.cpu_cores.typical

    steps = [cores(n + 10) - cores(n) for n in range(10, 60, 10)]
    assert steps == pytest.approx([steps[0]] * 5)
    posted = sl.predict(
        "sriov+posted", sl.Receive(1500), vms=20, line_rate_gbit_s=10, interrupts_per_vm_s=2000
    )
    assert posted.cpu_cores.typical < cores(20)


def test_an_iommu_that_misses_bounds_a_receiver() -> None:
    found = sl.predict("sriov", sl.Receive(65536), iommu_misses_per_page=1.76, line_rate_gbit_s=100, vcpus=8)
    assert found.bottleneck == "iommu"
    assert found.throughput_gbit_s.typical == pytest.approx(4096 * 8 / (65 + 1.76 * 197), rel=1e-3)
    huge = sl.predict("sriov", sl.Receive(65536), iommu_page="1g", line_rate_gbit_s=100, vcpus=8)
    assert huge.bottleneck == "line"


def test_back_end_cores_scale_until_the_drives_do_not() -> None:
    rates = [
        sl.predict(
            "vhost-user", vms=24, queue_depth=64, backend_cores=n, media_iops=6e6
        ).throughput_per_s.typical
        for n in range(1, 7)
    ]
    assert rates[1] == pytest.approx(2 * rates[0])
    assert rates[-1] == 6e6


def test_bare_metal_latency_gives_the_media_and_the_ratio_follows() -> None:
    native, vf = (sl.predict(p, bare_metal_us=77.2) for p in ("native", "sriov+posted"))
    assert native.unloaded_ns.typical == pytest.approx(77_200)
    assert 1 < vf.latency_us / native.latency_us < 1.1


def test_the_clock_scales_software_and_not_the_device() -> None:
    slow, quick = (sl.predict("native", clock_ghz=ghz, media_us=50.0) for ghz in (1.3, 2.6))
    device = sum(h.elapsed_ns.typical for h in quick.hops if h.actor.value == "device" and h.is_waited_for)
    assert slow.unloaded_ns.typical - device == pytest.approx(2 * (quick.unloaded_ns.typical - device))


def test_more_offered_than_can_be_carried_waits_for_ever() -> None:
    found = sl.predict("sriov", rate=1e6, media_iops=500_000)
    assert found.latency_ns.typical == float("inf")
    assert found.bottleneck == "vcpu"


def test_more_interrupts_than_a_vcpu_can_take_leave_nothing() -> None:
    found = sl.predict("sriov+trapped", sl.Receive(1500), interrupts_per_vm_s=200_000)
    assert found.throughput_per_s.typical == 0
    assert found.latency_ns.typical == float("inf")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "sriov", "pcie_gbit_s": 5e-324}, "more than 0, at least 1e-06"),
        ({"path": "sriov", "media_iops": 1e-320, "queue_depth": 8}, "more than 0, at least 1e-06"),
        ({"path": "sriv"}, "did you mean sriov"),
        ({"path": "virtio", "request": "read"}, "expected Read, Write"),
        ({"path": "emulated:ahci", "request": sl.Send()}, "it carries read, write"),
        ({"path": "virtio", "queue_depth": 0}, "queue_depth is 0, expected a whole number, 1 or more"),
        ({"path": "virtio", "queue_depth": []}, "queue_depth is empty"),
        ({"path": "virtio", "queue_depth": (1, 2), "vms": 3}, "has 2 numbers for 3 VMs"),
        ({"path": "virtio", "vms": 1.5}, "vms is 1.5"),
        ({"path": "virtio", "vms": True}, "vms is True"),
        ({"path": "virtio", "clock_ghz": -1}, "clock_ghz is -1"),
        ({"path": "virtio", "clock_ghz": float("nan")}, "clock_ghz is nan"),
        ({"path": "virtio", "media": "tape"}, "expected one of optane, nand"),
        ({"path": "virtio", "depth": 3}, "no knob is called 'depth'"),
        ({"path": "virtio", "rate": 5, "queue_depth": 2}, "give one"),
        ({"path": "virtio", "bare_metal_us": 1.0}, "expected more than"),
        ({"path": "virtio", "iommu_page": "8k"}, "expected one of 4k, 2m, 1g"),
        ({"path": "native+posted"}, "leave it out"),
        ({"path": "virtio+iothread+ioeventfd-off"}, "exclude each other"),
    ],
)
def test_bad_input_names_the_field_what_was_found_and_what_is_taken(arguments: dict, said: str) -> None:
    with pytest.raises(PathError, match=said):
        sl.predict(**arguments)


def test_every_knob_has_a_sentence() -> None:
    from sriovlab.i18n import topic_keys

    said = {key.removeprefix("knob.") for key in topic_keys("model", "zh") if key.startswith("knob.")}
    assert said == set(KNOBS)


COST = '[context_switch]\nvalue = 1.9\nunit = "us"\nkind = "measured"\nsource = "our lab, 2026"\n'


def test_costs_of_ones_own_take_the_place_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "costs.toml"
    file.write_text(COST)
    quicker = sl.predict("vhost+posted", costs=file)
    assert quicker.unloaded_ns.typical < sl.predict("vhost+posted").unloaded_ns.typical
    cited = {share.source for hop in quicker.hops for share in hop.costs if share.fact == "context_switch"}
    assert cited == {"our lab, 2026"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COST.replace('source = "our lab, 2026"\n', ""), r"\[context_switch\]: source is missing"),
        (COST.replace("our lab, 2026", " "), "expected where the number is from"),
        (COST.replace("context_switch", "contxt_switch"), "did you mean context_switch"),
        (COST.replace('"us"', '"W"'), "unit is 'W'"),
        (COST.replace("1.9", '"much"'), "value is 'much', expected a number"),
        (COST + "low = 3\n", "not between low"),
        (COST.replace('"measured"', '"felt"'), "kind is 'felt'"),
        ("context_switch = 3\n", "expected a table"),
        ("[", "no TOML"),
    ],
)
def test_a_bad_cost_names_the_entry(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "costs.toml"
    file.write_text(text)
    with pytest.raises(SriovlabError, match=said):
        sl.predict("virtio", costs=file)


def test_a_missing_cost_file_is_named() -> None:
    with pytest.raises(SriovlabError, match="no-such.toml"):
        sl.predict("virtio", costs="no-such.toml")


def test_the_host_decides_on_posting() -> None:
    assert sl.predict("sriov", host=sl.load("example:cloud")).path == "sriov+trapped"
    assert str(parse_path(sl.predict("sriov").path)) == "sriov+posted"
