"""Every sample file is read with its key numbers; every format, damaged, is a sentence with the file and the field."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovlab.errors import MeasurementError, SriovlabError
from sriovlab.iopath.measured import Measurement, read_measurement

DATA = Path(__file__).resolve().parent.parent / "data" / "measured"
KVM_PAIR = ("kvm-before.txt", "kvm-after.txt")

# What each file says: source, request, depth, latency in us, rate per second, Gbit/s, exits; None where it does not.
KEY_NUMBERS: dict[
    str, tuple[str, str | None, int | None, float | None, float | None, float | None, float | None]
] = {
    "fio2-randread.json": ("fio", "read:4096", 1, 45.63, 21653.33, 0.709536, None),
    "fio3-mixed-group.json": ("fio", None, 16, 255.0, 50_000, 3.2768, None),
    "fio3-one-after-another.json": ("fio", "read:4096", 8, 239.0, 33333.33, 1.092267, None),
    "fio3-randread.json": ("fio", "read:4096", 1, 15.9143, 61530, 2.016215, None),
    "fio3-two-jobs.json": ("fio", "read:4096", 16, 119.0, 133333.33, 4.369067, None),
    "iperf3-stream.jsonl": ("iperf3", "send", None, None, None, 9.4, None),
    "iperf3-tcp-p4.json": ("iperf3", "send", None, None, None, 23.52, None),
    "iperf3-tcp-reverse.json": ("iperf3", "receive", None, None, None, 17.09, None),
    "iperf3-udp.json": ("iperf3", "send:1448", None, None, 100_000, 1.1584, None),
    "netperf-omni-k.txt": ("netperf", "message:1", 1, 25.125, 39603.96, None, None),
    "netperf-omni-o.csv": ("netperf", "send", None, None, None, 23.41011, None),
    "netperf-tcp-maerts-cpu.txt": ("netperf", "receive", None, None, None, 9.227469, None),
    "netperf-tcp-rr.txt": ("netperf", "message:64", 1, 25.0, 40_000, None, None),
    "netperf-tcp-stream.txt": ("netperf", "send", None, None, None, 9.41261, None),
    "netperf-udp-rr-cpu.txt": ("netperf", "message:1", 4, 25.0, 160_000, None, None),
    "netperf-udp-stream.txt": ("netperf", "send:1400", None, None, 850_000, 9.52, None),
    "perf-kvm-amd.txt": ("perf-kvm", None, None, None, None, None, 166_290),
    "perf-kvm-intel.txt": ("perf-kvm", None, None, None, None, None, 600_739),
    "perf-kvm-live.txt": ("perf-kvm", None, None, None, None, None, 4000),
    "sockperf-2-under-load.txt": ("sockperf", "message", None, 31.25, 10_100, None, None),
    "sockperf-ping-pong.txt": ("sockperf", "message:64", 1, 25.0, 40_000, None, None),
}
# Of these no measurement comes: iperf3 failed, and counters of one moment are half of a pair.
REFUSED = {"iperf3-error.json": "Connection refused", **dict.fromkeys(KVM_PAIR, "give a pair")}


def job_of(name: str) -> str | None:
    return "b" if name == "fio3-one-after-another.json" else None


def message(source: object) -> str:
    with pytest.raises(MeasurementError) as caught:
        read_measurement(source)
    return str(caught.value)


def copy_with(tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = (DATA / name).read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / name
    file.write_text(text.replace(old, new), encoding="utf-8")
    return file


def test_every_sample_file_has_its_line_here() -> None:
    files = {p.name for p in DATA.iterdir()} - {"README.md"}

    assert files == KEY_NUMBERS.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", sorted(KEY_NUMBERS))
def test_a_sample_file_is_read_with_its_key_numbers(name: str) -> None:
    source, request, depth, *numbers = KEY_NUMBERS[name]

    found = read_measurement(DATA / name, job=job_of(name))

    assert (found.source, found.request_text, found.depth) == (source, request, depth)
    read = [found.latency_us, found.rate_per_s, found.throughput_gbit_s, found.exits]
    assert read == [None if number is None else pytest.approx(number, rel=1e-6) for number in numbers]


def test_the_two_dumps_of_counters_are_one_measurement() -> None:
    found = read_measurement(tuple(DATA / name for name in KVM_PAIR), requests=2000)

    assert (found.source, found.exits, found.user_exits) == ("kvm-counters", 21_076, 14_097)
    assert found.exits_per_request == pytest.approx(10.538)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_no_measurement_says_why_and_in_which_file(name: str) -> None:
    said = message(DATA / name)

    assert said.startswith(f"{DATA / name}: ")
    assert REFUSED[name] in said


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("fio3-randread.json", '"iops" : 61530.0', '"iops" : NaN', "jobs[0].read.iops is nan"),
        ("fio3-randread.json", '"iops" : 61530.0', '"iops" : -4', "jobs[0].read.iops is -4"),
        ("fio3-randread.json", '"iops" : 61530.0', '"iops" : [1]', "jobs[0].read.iops is [1]"),
        ("fio3-randread.json", '"iops" : 61530.0', '"iops" : 1e300', "jobs[0].read.iops is 1e+300"),
        ("fio3-randread.json", '"iops" : 61530.0', '"iopps" : 1', "iops is missing in jobs[0].read"),
        ("fio2-randread.json", '"jobs"', '"jobz"', "jobs is missing"),
        ("iperf3-tcp-p4.json", '"end"', '"fin"', "end is missing"),
        ("iperf3-stream.jsonl", "9400000000.0", "-1", "sum_received.bits_per_second is -1"),
        ("netperf-tcp-rr.txt", "20000.00", "-20000", "Trans. Rate is '-20000', expected a number"),
        ("netperf-tcp-rr.txt", "20000.00", "nan", "no row under `Socket Size Request Resp."),
        ("netperf-tcp-stream.txt", "9412.61", "-9412.61", "is '-9412.61', expected a number"),
        ("sockperf-ping-pong.txt", "avg-latency=25.000", "avg-latency=nan", "avg-latency is 'nan'"),
        ("perf-kvm-intel.txt", "Total Samples:600739", "Total Samples:-1", "Total Samples"),
    ],
)
def test_a_damaged_number_is_named_with_file_and_field(
    tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    file = copy_with(tmp_path, name, old, new)

    sentence = message(file)

    assert sentence.startswith(f"{file}: ")
    assert said in sentence


@pytest.mark.parametrize("bad", ["nan", "-5", "1.5", "9" * 400, "", "many"])
def test_a_damaged_counter_is_named_with_file_or_side(bad: str) -> None:
    before, after = {"exits": 1, "halt_exits": 1}, {"exits": 9, "halt_exits": bad}

    assert "after.halt_exits is " in message((before, after))


@pytest.mark.parametrize("name", sorted(p for p in KEY_NUMBERS if p.endswith(".json")))
@pytest.mark.parametrize("share", [0.05, 0.4, 0.9, 0.995])
def test_json_that_was_cut_is_a_sentence_with_the_line(tmp_path: Path, name: str, share: float) -> None:
    file = tmp_path / name
    raw = (DATA / name).read_bytes().rstrip()
    file.write_bytes(raw[: int(len(raw) * share)])

    assert message(file).startswith(f"{file}: line ")


@pytest.mark.parametrize("raw", [b"", b" \n\t\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_file_with_nothing_in_it_is_empty(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(raw)

    assert message(file).startswith(f"{file}: empty, expected ")


@pytest.mark.parametrize("key", ["jobs", "end", "before", "fio version", "data"])
def test_deep_json_under_any_key_is_a_sentence(tmp_path: Path, key: str) -> None:
    file = tmp_path / "deep.json"
    file.write_text('{"' + key + '": ' + '{"a":[' * 100_000 + "]}" * 100_000 + "}")

    assert message(file).startswith(f"{file}: the JSON is nested too deep")


@pytest.mark.parametrize("wrong", [[], {}, "x", 7, None, True, [[]], [None], [{}], {"read": 3}])
def test_a_part_of_the_wrong_type_is_said_to_be_so(wrong: object) -> None:
    for key in ("jobs", "end", "client_stats"):
        said = message({key: wrong, "start": {}})
        assert "the data given" in said
        assert "expected" in said


# -- fuzz -----------------------------------------------------------------------------------------------

FUZZ = settings(max_examples=60, deadline=None)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.sampled_from([10**400, "1e9", "-1", "4k"])
)  # fmt: skip
KEYS = st.sampled_from(
    [
        "jobs", "jobname", "groupid", "error", "read", "write", "iops", "runtime", "total_ios", "io_bytes", "lat_ns", "mean",
        "percentile", "job options", "start", "end", "test_start", "sum_received", "sum_sent", "sum", "bits_per_second",
        "seconds", "before", "after", "exits", "exit_reasons", "event", "data", "fio version",
    ]
)  # fmt: skip
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5)
    ),
    max_size=5,
)


def is_sound(found: Measurement) -> bool:
    numbers = (found.latency_us, found.rate_per_s, found.throughput_gbit_s, found.cpu_cores, found.exits)
    return all(number is None or (math.isfinite(number) and number >= 0) for number in numbers)


def survives(source: object) -> None:
    try:
        found = read_measurement(source)
    except SriovlabError as err:
        sentence = str(err)
    else:
        assert is_sound(found)
        sentence = repr(found)
    assert 0 < len(sentence) < 2000


@FUZZ
@given(st.sampled_from(sorted(KEY_NUMBERS)), st.data())
def test_bytes_put_in_taken_out_or_doubled_give_a_measurement_or_a_sentence(
    name: str, data: st.DataObject
) -> None:
    raw = (DATA / name).read_bytes()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(raw))] * 2)))
    middle = data.draw(st.one_of(st.binary(max_size=20), st.just(raw[start:end] * 2), st.just(b"")))

    survives(raw[:start] + middle + raw[end:])


@FUZZ
@given(TREES)
def test_any_structure_of_the_keys_we_know_is_a_measurement_or_a_sentence(tree: dict[str, object]) -> None:
    survives(tree)
    survives(json.dumps(tree))
    survives((tree, tree))


def test_a_row_of_udp_that_is_cut_says_what_is_missing() -> None:
    whole = (DATA / "netperf-udp-stream.txt").read_text()
    rows = [line for line in whole.splitlines() if len(line.split()) >= 4 and line.split()[0].isdigit()]
    cut = whole
    for row in rows:
        cut = cut.replace(row, " ".join(row.split()[:3]))
    assert cut != whole

    with pytest.raises(SriovlabError, match="expected six or more"):
        read_measurement(cut)
