"""The questions: every number is predict's, crossings are crossings, limits are limits, and the ranking ranks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

import sriovlab as sl
from sriovlab.errors import PathError
from sriovlab.facts.book import STANDARD, Book, fact
from sriovlab.iopath.density import supply_of, vms_per_host
from sriovlab.iopath.predict import predict
from sriovlab.iopath.questions import break_even, iommu_cost, path_list, posted_gain, scaling, where_time_goes
from sriovlab.iopath.request import Read, Receive
from sriovlab.iopath.sensitivity import sensitivity

PATHS = ("virtio", "vhost-user", "sriov")


# -- where the time goes --------------------------------------------------------------------------


@pytest.mark.parametrize("load", [{}, {"queue_depth": 64}, {"vcpu": "descheduled"}, {"rate": 20_000.0}])
@pytest.mark.parametrize(
    "path", ["native", "emulated:ahci", "virtio", "vhost", "vhost-user", "sriov+trapped"]
)
def test_hops_waited_for_and_queueing_add_up_to_the_latency(path: str, load: dict[str, Any]) -> None:
    (waterfall,) = where_time_goes(path, Read(4096), **load).waterfalls
    predicted = predict(path, Read(4096), **load)

    waited = sum(step.ns.typical for step in waterfall.steps if step.is_waited_for)
    assert waited == pytest.approx(predicted.latency_ns.typical)
    assert [s.hop for s in waterfall.steps if s.who not in ("queueing", "saved")] == [
        h.id for h in predicted.hops
    ]


def test_a_load_that_waits_for_ever_is_refused_with_what_is_full() -> None:
    with pytest.raises(PathError, match="cannot carry this load .* offer less"):
        where_time_goes("virtio", Read(4096), rate=1e9)


# -- from 1 to 64 VMs -----------------------------------------------------------------------------


def test_scaling_is_predicts_throughput_and_cpu_at_each_count() -> None:
    answer = scaling(PATHS, Read(8192), vms=(64, 1, 7), queue_depth=4, host_cores=8)

    assert answer.vms == (1, 7, 64)
    for path, rate, cores, bounds in zip(
        PATHS, answer.throughput_per_s, answer.cores, answer.bottlenecks, strict=True
    ):
        for at, vms in enumerate(answer.vms):
            expected = predict(path, Read(8192), vms=vms, queue_depth=4, host_cores=8)
            assert rate.typical[at] == expected.throughput_per_s.typical
            assert (cores.low[at], cores.high[at]) == (expected.cpu_cores.low, expected.cpu_cores.high)
            assert bounds[at] == expected.bottleneck


@pytest.mark.parametrize("vms", [(), (0,), (1.5, math.nan), ("1",)])
def test_counts_of_vms_are_numbers_from_1(vms: Any) -> None:
    with pytest.raises(PathError, match="vms is"):
        scaling(PATHS, vms=vms)


def test_one_path_may_be_given_as_a_text_and_none_is_refused() -> None:
    assert path_list("sriov") == ("sriov",)
    assert path_list(("vhost_net", "vhost")) == ("vhost",)
    with pytest.raises(PathError, match="no path is given"):
        path_list(())


# -- how many VMs a host carries ------------------------------------------------------------------


def test_the_host_carries_the_count_that_it_says_and_not_one_more() -> None:
    answer = vms_per_host("virtio", Receive(1500), rate=30_000.0, host_cores=12, line_rate_gbit_s=100.0)
    (density,) = answer.paths
    assert density.binding == "host-cpu"
    count = density.vms
    assert count is not None

    def cores(vms: int) -> float:
        return predict(
            "virtio", Receive(1500), vms=vms, rate=30_000.0, line_rate_gbit_s=100.0
        ).cpu_cores.typical

    assert cores(count) <= 12 < cores(count + 1)
    assert density.limits[0].low <= count <= density.limits[0].high


def test_the_line_binds_where_it_is_slow() -> None:
    answer = vms_per_host(PATHS, Receive(1500), rate=10_000.0, host_cores=1000, line_rate_gbit_s=1.0)
    for density in answer.paths:
        line = predict(density.path, Receive(1500), line_rate_gbit_s=1.0).bounds["line"].typical
        assert (density.binding, density.vms) == ("line", math.floor(line / 10_000))


@pytest.mark.parametrize(
    ("supply", "binding", "vms"),
    [
        ({"vfs": 8}, "vfs", 8),
        ({"vfs": 64, "queues": 33, "queues_per_vm": 4}, "queues", 8),
        ({"vfs": 64, "vectors": 40}, "vectors", 20),
        ({"vfs": 64, "vectors_per_vf": 3, "vectors_per_vm": 5}, "vectors-per-vf", 0),
    ],
)
def test_what_a_device_has_binds_the_direct_path_alone(
    supply: dict[str, int], binding: str, vms: int
) -> None:
    answer = vms_per_host(("virtio", "sriov"), Receive(64), rate=100.0, line_rate_gbit_s=400.0, **supply)
    mediated, direct = answer.paths
    assert (direct.binding, direct.vms) == (binding, vms)
    assert binding not in [limit.resource for limit in mediated.limits]


def test_a_vm_that_wants_more_than_its_vcpu_does_is_not_carried() -> None:
    answer = vms_per_host("sriov", Receive(1500), rate=5e6, line_rate_gbit_s=400.0)
    (density,) = answer.paths
    assert (density.binding, density.vms) == ("vcpu", 0)


def test_a_hosts_own_vfs_line_and_cpus_are_taken_and_given_numbers_go_before_them() -> None:
    host = sl.load("example:cloud")
    known = supply_of(host, Receive())
    pf = host.function(known.device)
    assert known.vfs == min(n for n in (pf.sriov.total_vfs, pf.sriov.driver_max_vfs) if n is not None)
    assert known.host_cores == host.hosts[0].cpu_count

    answer = vms_per_host("sriov", Receive(), host=host, vfs=3, rate=10.0)
    assert (answer.supply.vfs, answer.supply.host_cores) == (3, known.host_cores)
    with pytest.raises(PathError):
        vms_per_host("sriov", Receive(), host=host, function="0000:ff:00.0")


def test_numbers_out_of_range_are_named() -> None:
    with pytest.raises(PathError, match="host_cores is 0"):
        vms_per_host("sriov", host_cores=0)
    with pytest.raises(PathError, match="vms is what this question varies"):
        vms_per_host("sriov", vms=3)


# -- what posted interrupts buy -------------------------------------------------------------------


def test_more_interrupts_cost_a_trapping_vm_more_and_a_posted_one_nothing() -> None:
    answer = posted_gain("sriov", Receive(1500), (1e3, 2e4, 6e4))
    trapped, apicv, posted = answer.ratio
    assert trapped.typical[0] > trapped.typical[1] > trapped.typical[2]
    assert all(a < b < c for a, b, c in zip(trapped.typical, apicv.typical, posted.typical, strict=True))
    assert posted.typical[0] == pytest.approx(posted.typical[2])
    expected = predict("sriov+trapped", Receive(1500), interrupts_per_vm_s=2e4)
    assert answer.exits_per_s[0].typical[1] == expected.exits_per_s
    assert answer.throughput_per_s[0].low[1] == expected.throughput_per_s.low


@pytest.mark.parametrize("path", ["native", "sriov+posted"])
def test_modes_are_compared_so_none_may_be_fixed(path: str) -> None:
    with pytest.raises(PathError, match="all three are compared"):
        posted_gain(path)


# -- where the direct path begins to pay ----------------------------------------------------------


def test_a_crossing_really_is_one() -> None:
    answer = break_even(("vhost", "vhost-user", "sriov+userspace"), Receive(1500), vms=4)
    found = [c for c in answer.crossings if c.rate_per_s is not None]
    assert found

    def cores(path: str, rate: float) -> float:
        return predict(path, Receive(1500), rate=rate, vms=4).cpu_cores.typical

    for crossing in found:
        before, after = 0.999 * crossing.rate_per_s, 1.001 * crossing.rate_per_s
        is_cheaper = [cores(crossing.direct, rate) < cores(crossing.other, rate) for rate in (before, after)]
        assert is_cheaper == ([False, True] if crossing.verdict == "from" else [True, False])


def test_a_path_that_is_dearer_by_a_spinning_core_never_pays_at_low_rates() -> None:
    answer = break_even(("vhost", "sriov+userspace"), Receive(64), (1.0, 10.0, 100.0))
    assert [c.verdict for c in answer.crossings] == ["never"]


def test_a_curve_ends_where_its_path_carries_no_more() -> None:
    answer = break_even(("virtio", "sriov"), Receive(1500), (1e3, 1e5, 1e7))
    for curve, most in zip(answer.cores, answer.most_per_s, strict=True):
        assert [y is not None for y in curve.typical] == [rate < most for rate in answer.rates_per_s]


@pytest.mark.parametrize("paths", [("sriov",), ("virtio", "vhost")])
def test_a_direct_and_another_path_are_needed(paths: tuple[str, ...]) -> None:
    with pytest.raises(PathError, match="expected a direct one"):
        break_even(paths)


# -- what the IOMMU costs -------------------------------------------------------------------------


def test_the_iommu_lets_through_what_predict_says_and_less_with_each_read() -> None:
    answer = iommu_cost("sriov", Receive(4096), misses=(0.5, 1.0, 2.0), line_rate_gbit_s=100.0)
    expected = predict("sriov", Receive(4096), iommu_misses_per_page=1.0).bounds["iommu"].typical
    assert answer.by_misses.typical[1] == pytest.approx(expected * 4096 * 8 / 1e9)
    assert answer.by_misses.typical[0] > answer.by_misses.typical[1] > answer.by_misses.typical[2]


def test_larger_pages_let_more_through_and_2_mib_ones_less_with_many_vms() -> None:
    small, large, huge = iommu_cost(vms=256).pages
    assert small.gbit_s.typical < large.gbit_s.typical < huge.gbit_s.typical
    assert huge.misses == 0
    curve = iommu_cost(vm_counts=(1, 512)).by_vms[1]
    assert curve.typical[0] > curve.typical[1]


# -- which fact matters most ----------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["latency_us", "cores"])
def test_a_planted_fact_that_dominates_comes_first(metric: str) -> None:
    planted = replace(fact("guest_stack_up"), low=0.001, high=900.0)
    answer = sensitivity("sriov", Read(4096), metric, costs=STANDARD.replacing([planted]))
    assert answer.swings[0].fact == planted
    widths = [swing.width for swing in answer.swings]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 10 * widths[1]


def test_each_swing_is_predict_with_that_fact_alone_moved() -> None:
    answer = sensitivity("virtio", Read(4096), queue_depth=4)
    assert len(answer.swings) > 10
    for swing in answer.swings[:5]:
        book = Book({swing.fact.id: replace(swing.fact, value=swing.fact.high)})
        assert swing.at_high == predict("virtio", Read(4096), queue_depth=4, costs=book).latency_us


def test_facts_of_limits_count_too_not_only_those_of_hops() -> None:
    answer = sensitivity(
        "sriov",
        Receive(4096),
        "throughput_per_s",
        iommu_misses_per_page=40.0,
        line_rate_gbit_s=400.0,
        vcpus=64,
    )
    assert answer.swings[0].fact.id == "iommu_read_lm"


def test_an_unknown_metric_and_an_endless_latency_are_refused() -> None:
    with pytest.raises(PathError, match="expected one of latency_us"):
        sensitivity("virtio", metric="speed")
    with pytest.raises(PathError, match="infinite at this load"):
        sensitivity("virtio", rate=1e9)


@pytest.mark.parametrize(
    ("ask", "knobs"),
    [
        (where_time_goes, {}), (scaling, {}), (posted_gain, {}), (break_even, {}), (iommu_cost, {}), (sensitivity, {}),
        (vms_per_host, {"host_cores": 8}),
    ],
)  # fmt: skip
def test_an_answer_is_told_in_one_short_line_without_an_address(ask: Any, knobs: dict[str, Any]) -> None:
    told = repr(ask(**knobs))
    assert told == repr(ask(**knobs))
    assert told.startswith("<")
    assert "\n" not in told
    assert " at 0x" not in told
    assert len(told) < 700
    with pytest.raises(PathError, match="no knob is called 'colour'"):
        ask(colour=3, **knobs)
