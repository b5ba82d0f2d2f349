"""What each tool wrote is read as the tool means it: units, directions, round trips, several jobs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sriovlab.iopath.measured import FORMATS, Measurement, read_measurement
from sriovlab.iopath.measured.reasons import Place, reason_of
from sriovlab.iopath.request import Read

from ..conftest import require_shared

DATA = Path(__file__).resolve().parent.parent / "data" / "measured"


def note_keys(measurement: Measurement) -> set[str]:
    return {note.key for note in measurement.notes}


def test_every_format_is_recognised_by_its_content_alone() -> None:
    names = (
        "fio3-randread.json", "perf-kvm-intel.txt", "iperf3-udp.json", "sockperf-ping-pong.txt", "netperf-tcp-rr.txt",
    )  # fmt: skip
    found = {read_measurement((DATA / name).read_text()).source for name in names}

    assert found | {"kvm-counters"} == set(FORMATS)


# -- fio ----------------------------------------------------------------------------------------------


def test_fio_3_gives_nanoseconds_and_warnings_before_the_json_are_passed_over() -> None:
    found = read_measurement(DATA / "fio3-randread.json")

    assert (found.name, found.version, found.request_text, found.depth) == (
        "vf-randread",
        "fio-3.35",
        "read:4096",
        1,
    )
    assert found.latency_us == pytest.approx(15.9143)
    assert found.percentiles_us[99.0] == pytest.approx(27.008)
    assert found.rate_per_s == pytest.approx(61530)
    assert found.throughput_gbit_s == pytest.approx(61530 * 4096 * 8 / 1e9)
    assert found.cpu_cores == pytest.approx(0.1624)
    assert (found.requests, found.duration_s) == (1845900, 30.0)


def test_fio_2_gives_microseconds_and_kibibytes() -> None:
    found = read_measurement(DATA / "fio2-randread.json")

    assert found.latency_us == pytest.approx(45.63)
    assert found.size == 4096
    assert found.throughput_gbit_s == pytest.approx(5196800 * 1024 * 8 / 60 / 1e9)
    assert found.percentiles_us[99.0] == 65


def test_a_group_of_fio_jobs_counts_its_clones_and_a_mix_has_no_kind() -> None:
    found = read_measurement(DATA / "fio3-mixed-group.json")

    assert (found.kind, found.size, found.jobs, found.depth) == (None, 8192, 4, 16)
    assert found.latency_us == pytest.approx((700_000 * 300 + 300_000 * 150) / 1_000_000)
    assert found.rate_per_s == pytest.approx(50_000)
    assert found.cpu_cores == pytest.approx(1.0)
    assert "note.mixed" in note_keys(found)


def test_percentiles_of_two_directions_are_joined_from_the_bins_of_json_plus() -> None:
    found = read_measurement(DATA / "fio3-mixed-group.json")

    # 200,000 at 9 us, 90,000 at 11, 100,000 at 12 make 390,000; the next 500,000 are at 16 us.
    assert found.percentiles_us[50.0] == 16.0
    assert found.percentiles_us[99.0] == 60.0


def test_one_direction_of_a_mix_is_a_measurement_of_its_own() -> None:
    found = read_measurement(DATA / "fio3-mixed-group.json", direction="write")

    assert (found.kind, found.rate_per_s, found.latency_us) == (
        "write",
        pytest.approx(15_000),
        pytest.approx(150),
    )


def test_fio_jobs_that_ran_together_are_summed_and_weighed_by_their_requests() -> None:
    found = read_measurement(DATA / "fio3-two-jobs.json")

    assert (found.jobs, found.depth, found.requests) == (2, 16, 4_000_000)
    assert found.latency_us == pytest.approx((3 * 79 + 239) / 4)
    assert found.percentiles_us == {}
    assert "note.percentiles-apart" in note_keys(found)


def test_of_fio_jobs_that_ran_one_after_another_one_is_named() -> None:
    assert read_measurement(DATA / "fio3-one-after-another.json", job="b").latency_us == pytest.approx(239)


def test_a_blocking_engine_keeps_one_request_whatever_the_depth_says() -> None:
    text = (
        (DATA / "fio3-randread.json")
        .read_text()
        .replace("libaio", "psync")
        .replace('"iodepth" : "1"', '"iodepth" : "32"')
    )
    found = read_measurement(text)

    assert found.depth == 1
    assert "note.blocking-engine" in note_keys(found)


def test_a_block_size_that_the_bytes_moved_contradict_gives_way_to_them() -> None:
    text = (DATA / "fio3-randread.json").read_text().replace('"bs" : "4k"', '"bs" : "64k"')

    assert read_measurement(text).size == 4096


def test_the_clients_of_a_fio_server_are_read_from_their_sum() -> None:
    _, _, body = (DATA / "fio3-randread.json").read_text().partition("{")
    document = json.loads("{" + body)
    whole = {**document["jobs"][0], "jobname": "All clients"}
    del document["jobs"]
    document["client_stats"] = [{**whole, "jobname": "one"}, whole]

    assert read_measurement(document).requests == 1845900


# -- perf kvm and KVM's counters ----------------------------------------------------------------------


def test_the_exits_of_perf_are_by_reason_and_become_exits_of_a_request() -> None:
    found = read_measurement(DATA / "perf-kvm-intel.txt", requests=200_000, request=Read(4096))

    assert (found.exits, found.request_text) == (600_739, "read:4096")
    assert found.exits_by_place[Place.DEVICE] == 200_012
    assert found.exits_by_place[Place.EOI] == 198_402
    assert found.exits_by_place[Place.DELIVERY] == 2204 + 180
    assert found.exits_per_request == pytest.approx(3.003695)


def test_the_names_that_amd_has_go_to_the_same_places() -> None:
    by_place = read_measurement(DATA / "perf-kvm-amd.txt").exits_by_place

    assert by_place == {
        Place.DELIVERY: 81_200 + 15_300, Place.HALT: 35_800, Place.EOI: 28_300, Place.DEVICE: 5_670, Place.OTHER: 20,
    }  # fmt: skip


def test_tables_that_perf_prints_one_after_another_are_summed() -> None:
    found = read_measurement(DATA / "perf-kvm-live.txt")

    assert found.exits_by_reason == {"EPT_MISCONFIG": 2200, "HLT": 1800}
    assert {"note.summed", "note.all-vms"} <= note_keys(found)


@pytest.mark.parametrize(
    ("intel", "amd"),
    [
        ("EXTERNAL_INTERRUPT", "INTR"),
        ("IO_INSTRUCTION", "io"),
        ("INTERRUPT_WINDOW", "vintr"),
        ("MSR_WRITE", "msr"),
    ],
)
def test_intel_and_amd_names_of_one_reason_are_one(intel: str, amd: str) -> None:
    assert reason_of(intel) == reason_of(amd)
    assert reason_of(intel).place is not Place.OTHER


def test_counters_are_what_they_rose_by_and_the_rest_is_unnamed() -> None:
    found = read_measurement((DATA / "kvm-before.txt", DATA / "kvm-after.txt"), requests=2000)

    assert found.exits == 21_076
    assert found.user_exits == 14_097
    assert found.interrupts_per_request == pytest.approx(1.9435)
    assert found.exits_by_place[Place.UNNAMED] == 21_076 - 14_000 - 97 - 681 - 2319 - 1444


def test_counters_from_folders_texts_and_mappings_are_the_same(tmp_path: Path) -> None:
    mappings = []
    for which in ("before", "after"):
        text = (DATA / f"kvm-{which}.txt").read_text()
        counters = dict(line.rsplit("/", 1)[-1].replace(":", " ").split() for line in text.splitlines())
        folder = tmp_path / which / "20411-11"
        (folder / "vcpu0").mkdir(parents=True)
        for name, value in counters.items():
            (folder / name).write_text(value + "\n")
        mappings.append({name: int(value) for name, value in counters.items()})
    texts = tuple((DATA / f"kvm-{which}.txt").read_text() for which in ("before", "after"))

    from_texts = read_measurement(texts, name="run")
    assert read_measurement(tuple(mappings), name="run") == from_texts
    assert read_measurement(tmp_path, name="run") == from_texts


def test_the_measured_exits_per_read_are_found_again() -> None:
    runs = json.loads(require_shared("measurements", "kvm-exits-per-read.json").read_text())
    device = {}
    for name in ("ahci.1", "emunvme.2", "vblk.1", "vf.1"):
        run = runs[name]
        found = read_measurement(run, name=name)
        assert found.exits_per_request == pytest.approx(run["per_read"]["exits"], abs=0.01)
        assert found.requests == 2000
        # Ports are in it too: the console of this guest.
        device[name] = found.exits_by_place[Place.DEVICE] / 2000 - run["per_read"]["io_exits"]

    assert device == pytest.approx({"ahci.1": 7.0, "emunvme.2": 2.0, "vblk.1": 1.0, "vf.1": 0.0}, abs=0.001)


# -- iperf3, sockperf, netperf ------------------------------------------------------------------------


def test_parallel_streams_of_iperf3_are_summed_as_they_arrived() -> None:
    found = read_measurement(DATA / "iperf3-tcp-p4.json")

    assert (found.kind, found.jobs, found.throughput_gbit_s) == ("send", 4, pytest.approx(23.52))
    assert (found.cpu_cores, found.cpu_of) == (pytest.approx(0.61239), "process")
    assert found.rate_per_s is None


def test_the_reverse_of_iperf3_receives() -> None:
    assert read_measurement(DATA / "iperf3-tcp-reverse.json").kind == "receive"


def test_udp_packets_that_were_lost_do_not_count() -> None:
    found = read_measurement(DATA / "iperf3-udp.json")

    assert (found.request_text, found.rate_per_s, found.requests) == (
        "send:1448",
        pytest.approx(100_000),
        1_000_000,
    )


def test_a_stream_of_iperf3_events_is_read_to_its_end() -> None:
    assert read_measurement(DATA / "iperf3-stream.jsonl").throughput_gbit_s == pytest.approx(9.4)


def test_what_iperf3_sent_stands_in_where_the_server_said_nothing() -> None:
    document = json.loads((DATA / "iperf3-tcp-p4.json").read_text())
    document["end"]["sum_received"]["bits_per_second"] = 0
    found = read_measurement(document)

    assert found.throughput_gbit_s == pytest.approx(23.6)
    assert "note.sent-only" in note_keys(found)


def test_a_ping_pong_is_half_a_round_trip_and_two_messages() -> None:
    found = read_measurement(DATA / "sockperf-ping-pong.txt")

    assert (found.request_text, found.latency_us, found.depth) == ("message:64", 25.0, 1)
    assert found.rate_per_s == pytest.approx(40_000)
    assert found.in_flight == pytest.approx(1.0)
    assert (found.percentiles_us[0.0], found.percentiles_us[99.0]) == (17.75, 40.25)


def test_sockperf_under_load_counts_what_was_sent_and_what_was_answered() -> None:
    found = read_measurement(DATA / "sockperf-2-under-load.txt")

    assert (found.latency_us, found.queue_depth) == (31.25, None)
    assert found.rate_per_s == pytest.approx((100_000 + 1000) / 10)
    assert "note.dropped" in note_keys(found)


def test_a_full_round_trip_of_sockperf_is_halved() -> None:
    text = "sockperf: ====> avg-rtt=50.000 (std-dev=1)\nsockperf: ---> percentile 50.000 =   48.000\n"
    found = read_measurement(text)

    assert (found.latency_us, found.percentiles_us) == (25.0, {50.0: 24.0})


def test_transactions_of_netperf_are_round_trips() -> None:
    found = read_measurement(DATA / "netperf-tcp-rr.txt")

    assert (found.request_text, found.latency_us, found.rate_per_s) == ("message:64", 25.0, 40_000)


def test_a_burst_of_netperf_is_a_queue_depth_and_cpu_of_all_is_no_number_of_cores() -> None:
    found = read_measurement(DATA / "netperf-udp-rr-cpu.txt")

    assert (found.depth, found.in_flight, found.cpu_cores) == (4, pytest.approx(4.0), None)
    assert "note.cpu-of-all" in note_keys(found)


@pytest.mark.parametrize(
    ("name", "kind", "gbit_s"),
    [
        ("netperf-tcp-stream.txt", "send", 9.41261),
        ("netperf-tcp-maerts-cpu.txt", "receive", 1100 * (1 << 20) * 8 / 1e9),
        ("netperf-udp-stream.txt", "send", 9.52),
        ("netperf-omni-o.csv", "send", 23.41011),
    ],
)
def test_streams_of_netperf_have_direction_and_unit(name: str, kind: str, gbit_s: float) -> None:
    found = read_measurement(DATA / name)

    assert (found.kind, found.throughput_gbit_s) == (kind, pytest.approx(gbit_s))


def test_udp_messages_of_netperf_are_those_that_arrived() -> None:
    found = read_measurement(DATA / "netperf-udp-stream.txt")

    assert (found.size, found.rate_per_s) == (1400, pytest.approx(850_000))


def test_the_keys_of_netperf_give_percentiles_and_cores() -> None:
    found = read_measurement(DATA / "netperf-omni-k.txt")

    assert found.latency_us == pytest.approx(50.25 / 2)
    assert found.percentiles_us == {0.0: 19.0, 50.0: 24.5, 90.0: 27.5, 99.0: 42.0, 100.0: 1050.0}
    assert (found.cpu_cores, found.cpu_of) == (pytest.approx(0.5), "system")


# -- measurements joined ------------------------------------------------------------------------------


def test_exits_join_what_fio_measured_and_become_exits_of_its_requests() -> None:
    fio = read_measurement(DATA / "fio3-randread.json")
    joined = fio.joined(read_measurement(DATA / "perf-kvm-intel.txt"))

    assert joined.latency_us == fio.latency_us
    assert joined.exits_per_request == pytest.approx(600_739 / 1_845_900)
    assert joined.source == "fio+perf-kvm"


def test_what_the_caller_knows_goes_before_what_the_tool_says() -> None:
    found = read_measurement(DATA / "netperf-tcp-rr.txt", name="mine", seconds=5, requests=7)

    assert (found.name, found.duration_s, found.requests) == ("mine", 5.0, 7)


def test_a_measurement_shows_itself_in_one_line() -> None:
    assert repr(read_measurement(DATA / "fio3-randread.json")) == (
        "<Measurement fio 'vf-randread', read:4096, depth 1, 15.91 us, 61,530/s, 2.02 Gbit/s, 0.162 cores>"
    )
