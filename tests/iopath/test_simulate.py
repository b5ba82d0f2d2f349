"""The simulation: it agrees with the closed form, keeps Little's law, and is the same for the same seed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sriovlab as sl
from sriovlab.errors import PathError
from sriovlab.iopath.path import path_names, requests_of
from sriovlab.iopath.request import KINDS
from sriovlab.iopath.trace import Trace

CASES = [
    (f"{name}+{mode}" if name != "native" else name, kind)
    for name in path_names()
    for kind in requests_of(name)
    for mode in ("posted", "trapped")
]


@pytest.mark.parametrize(("path", "kind"), CASES)
def test_one_request_at_a_time_agrees_within_a_hundredth(path: str, kind: str) -> None:
    request = KINDS[kind]()
    closed, run = (
        sl.predict(path, request, queue_depth=1),
        sl.simulate(path, request, queue_depth=1, requests=60),
    )
    assert run.latency_us == pytest.approx(closed.latency_us, rel=0.01)
    assert run.throughput_per_s == pytest.approx(closed.throughput_per_s.typical, rel=0.01)
    assert run.exits / run.count == pytest.approx(closed.exits_per_request, rel=0.01)


@pytest.mark.parametrize(("path", "kind"), CASES)
@pytest.mark.parametrize("vms", [1, 3])
def test_a_saturated_closed_loop_agrees_within_two_hundredths(path: str, kind: str, vms: int) -> None:
    request, knobs = KINDS[kind](), {"queue_depth": 64, "vms": vms}
    closed, run = sl.predict(path, request, **knobs), sl.simulate(path, request, requests=4000, **knobs)
    assert run.throughput_per_s == pytest.approx(closed.throughput_per_s.typical, rel=0.02)
    # Where a sent packet waits, before it leaves or after, the closed form shares out by visits.
    assert run.latency_us == pytest.approx(closed.latency_us, rel=0.05 if kind == "send" else 0.02)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_random_arrivals_at_one_server_wait_as_in_m_d_1(load: float) -> None:
    knobs = {"media_iops": 100_000, "rate": 100_000 * load}
    run = sl.simulate("sriov+posted", requests=100_000, seed=1, **knobs)
    service = 10_000.0
    alone = sl.predict("sriov+posted", vcpu="running").unloaded_ns.typical
    expected = alone + load * service / (2 * (1 - load))
    assert sl.predict("sriov+posted", **knobs).latency_ns.typical == pytest.approx(expected, rel=1e-6)
    assert run.latency_ns == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("path", "request_", "knobs", "bound"),
    [
        ("virtio", sl.Read(), {"media_iops": 100_000, "queue_depth": 32}, "media"),
        ("sriov", sl.Read(), {"vf_iops": 50_000, "queue_depth": 32, "vms": 4}, "vf"),
        ("vhost", sl.Read(), {"vms": 10, "backend_cores": 1, "queue_depth": 4}, "backend"),
        ("vhost-user", sl.Read(), {"vms": 12, "vcpus": 4, "queue_depth": 64}, "backend"),
        (
            "sriov",
            sl.Receive(65536),
            {"iommu_misses_per_page": 1.76, "line_rate_gbit_s": 200, "vcpus": 8},
            "iommu",
        ),
        ("sriov", sl.Receive(65536), {"line_rate_gbit_s": 10, "vms": 2}, "line"),
        ("sriov", sl.Read(), {"pcie_gbit_s": 4, "queue_depth": 64}, "pcie"),
        ("sriov+trapped", sl.Receive(), {"interrupt_throttle_hz": 8000, "queue_depth": 256}, "vcpu"),
        ("sriov+trapped", sl.Read(), {"interrupts_per_vm_s": 48_000, "queue_depth": 64}, "vcpu"),
        ("sriov+trapped", sl.Read(), {"completions_per_interrupt": 4, "queue_depth": 64}, "vcpu"),
        ("sriov", sl.Read(), {"exits_per_request": 2.5, "bare_metal_rate": 1e5, "queue_depth": 64}, "vcpu"),
        ("sriov", sl.Read(), {"host_cores": 4, "vms": 8, "queue_depth": 32}, "host-cpu"),
    ],
)
def test_each_bound_is_met_on_both_sides(path: str, request_: sl.Read, knobs: dict, bound: str) -> None:
    closed, run = sl.predict(path, request_, **knobs), sl.simulate(path, request_, requests=8000, **knobs)
    assert closed.bottleneck == run.bottleneck == bound
    assert run.throughput_per_s == pytest.approx(closed.throughput_per_s.typical, rel=0.02)


WORKLOADS = st.fixed_dictionaries(
    {"vms": st.integers(1, 4)},
    optional={
        "backend_cores": st.integers(1, 3),
        "vcpus": st.integers(1, 3),
        "media_iops": st.floats(1e4, 1e6),
        "interrupt_throttle_hz": st.floats(1e3, 1e5),
        "completions_per_interrupt": st.integers(1, 8),
        "host_cores": st.integers(1, 8),
        "vf_gbit_s": st.floats(0.5, 20),
        "clock_ghz": st.floats(1, 5),
        "media_us": st.floats(0, 200),
    },
)
LOADS = st.one_of(
    st.fixed_dictionaries({"queue_depth": st.integers(1, 24)}),
    st.fixed_dictionaries({"rate": st.floats(1e3, 3e5)}),
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(CASES), WORKLOADS, LOADS, st.integers(1, 120), st.integers(0, 5))
def test_every_request_ends_once_and_littles_law_holds(
    case: tuple[str, str], workload: dict, load: dict, count: int, seed: int
) -> None:
    path, kind = case
    run = sl.simulate(path, KINDS[kind](), requests=count, seed=seed, **workload, **load)

    requests = list(run.requests())
    assert len(requests) == count
    assert all(r.end_ns > r.start_ns >= 0 for r in requests)
    # The number in flight, added up over time, is the sum of all latencies: N = X R.
    span = max(run.ends) - min(run.starts)
    mean = sum(r.latency_ns for r in requests) / count
    assert _area_in_flight(run) / span == pytest.approx(count / span * mean)
    assert run.in_flight == pytest.approx(_area_in_flight(run) / span)
    assert all(0 <= used <= 1.6 for used in run.utilisation.values())


def _area_in_flight(run: Trace) -> float:
    """The area under the number in flight, swept from event to event."""
    events = sorted([(t, 1) for t in run.starts] + [(t, -1) for t in run.ends])
    area, flying, before = 0.0, 0, events[0][0]
    for now, change in events:
        area += flying * (now - before)
        flying, before = flying + change, now
    assert flying == 0
    return area


def test_the_same_seed_is_the_same_run_and_another_is_another() -> None:
    first, again, other = (sl.simulate("virtio", rate=50_000, requests=200, seed=s) for s in (1, 1, 2))
    assert list(first.traced_hops()) == list(again.traced_hops())
    assert first.ends != other.ends


def test_requests_of_three_vms_queue_at_one_back_end_and_flow_past_it() -> None:
    through = sl.simulate("vhost", queue_depth=4, vms=3, backend_cores=1, requests=12)
    past = sl.simulate("sriov", queue_depth=4, vms=3, requests=12)

    def waited(run: Trace) -> float:
        backend = {i for i, hop in enumerate(run.hops) if hop.server.value == "backend"}
        return sum(t.waited_ns for t in run.traced_hops() if t.hop in backend)

    assert waited(through) > 20_000
    assert waited(past) == 0
    assert through.skipped_kicks > 0


def test_a_noisy_neighbour_hurts_at_a_shared_back_end_and_not_beside_a_limit_of_its_own() -> None:
    shared = sl.simulate("vhost", queue_depth=(1, 64), backend_cores=1, requests=4000)
    alone = sl.simulate("vhost", queue_depth=(1, 1), backend_cores=1, requests=400)
    assert shared.of_vm(0)[1] > 3 * alone.of_vm(0)[1]

    knobs = {"queue_depth": (1, 64), "media_iops": 300_000}
    free = sl.simulate("sriov", requests=4000, **knobs)
    limited = sl.simulate("sriov", requests=4000, vf_iops=(None, 100_000), **knobs)
    assert limited.of_vm(0)[1] < free.of_vm(0)[1] / 2
    assert limited.of_vm(1)[0] == pytest.approx(100_000, rel=0.02)


def test_fewer_interrupts_than_packets_when_they_are_moderated() -> None:
    run = sl.simulate(
        "sriov+trapped", sl.Receive(), queue_depth=256, interrupt_throttle_hz=8000, requests=4000
    )
    assert run.interrupts < run.count / 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"requests": 0}, "requests is 0"),
        ({"requests": 1.5}, "requests is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"rate": 1e3, "arrivals": "odd"}, "expected one of poisson, even"),
        ({"vf_iops": (1.0, 2.0), "vms": 3}, "vf_iops has 2 numbers for 3 VMs"),
    ],
)
def test_bad_input_is_named(arguments: dict, said: str) -> None:
    with pytest.raises(PathError, match=said):
        sl.simulate("sriov", **arguments)


def test_percentiles_rise_and_a_percent_out_of_range_is_refused() -> None:
    run = sl.simulate("virtio", rate=80_000, requests=2000)
    assert run.percentile_us(50) <= run.percentile_us(99) <= run.percentile_us(100)
    with pytest.raises(ValueError, match="expected 0 to 100"):
        run.percentile_us(101)
