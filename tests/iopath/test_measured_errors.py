"""Whatever a file holds, what comes out is a measurement or a sentence: file, field, found, expected, what to do."""

from __future__ import annotations

import copy
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sriovlab.errors import MeasurementError, SriovlabError
from sriovlab.iopath.measured import Measurement, read_measurement
from sriovlab.iopath.measured.reading import LIMIT_BYTES
from sriovlab.iopath.request import Read

DATA = Path(__file__).resolve().parent.parent / "data" / "measured"
FILES = sorted(p for p in DATA.iterdir() if p.name != "README.md")
DOCUMENTS = {
    p.name: json.loads(re.sub(r"(?m)\A(fio: .*\n)+", "", p.read_text())) for p in FILES if p.suffix == ".json"
}


def message(source: object, **options: Any) -> str:
    with pytest.raises(MeasurementError) as caught:
        read_measurement(source, **options)
    return str(caught.value)


def fio_with(value: object, *way: str) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENTS["fio3-randread.json"])
    place = document["jobs"][0]
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    return document


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1, 1e30, 10**400, "fast", None, True, [], {}])
def test_a_rate_that_is_no_rate_is_named_with_file_field_and_what_was_found(
    bad: object,
) -> None:
    said = message(fio_with(bad, "read", "iops"))

    assert "the data given" in said
    assert "iops" in said
    assert "expected" in said or "is missing" in said
    assert "--output-format=json" in said


def test_the_file_and_the_way_to_the_field_stand_in_the_error(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(fio_with(-5, "read", "clat_ns", "percentile", "99.000000")))

    assert message(file).startswith(
        f"{file}: jobs[0].read.clat_ns.percentile.99.000000 is -5, expected a number from 0 to 1e+18; run fio again"
    )


def test_nan_as_json_writes_it_is_refused() -> None:
    text = (DATA / "fio3-randread.json").read_text().replace('"iops" : 61530.0', '"iops" : NaN')

    assert "jobs[0].read.iops is nan" in message(text)


def test_a_file_that_was_cut_off_says_in_which_line(tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    text = (DATA / "fio3-randread.json").read_text()
    file.write_text(text[: len(text) // 2])

    assert re.search(
        r"cut\.json: line \d+: the JSON ends too early, expected a whole document", message(file)
    )


def test_json_nested_too_deep_is_a_sentence() -> None:
    assert "nested too deep" in message('{"jobs": ' + "[" * 200_000 + "]" * 200_000 + "}")


def test_a_number_with_too_many_digits_is_a_sentence() -> None:
    assert "no JSON" in message('{"jobs": ' + "9" * 5000 + "}")


@pytest.mark.parametrize("empty", ["", "   \n", b"", b"\n\n"])
def test_nothing_is_said_to_be_nothing(empty: object) -> None:
    assert "empty" in message(empty)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as out:
        out.truncate(LIMIT_BYTES + 1)

    assert "more than 32 MiB" in message(file)


def test_bytes_that_are_no_text_say_where() -> None:
    assert "byte 3 is no text" in message(b"abc\xff\xff")


def test_a_text_with_a_byte_order_mark_is_read() -> None:
    text = (DATA / "sockperf-ping-pong.txt").read_text()

    assert read_measurement(text.encode("utf-16")).latency_us == 25.0
    assert read_measurement(text.encode("utf-8-sig")).latency_us == 25.0


def test_a_missing_file_and_a_pipe_are_refused_before_they_are_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert "no such file" in message(tmp_path / "nothing.json")
    assert "not a regular file" in message(pipe)
    assert "no such file" in message("run.json")


@pytest.mark.parametrize("name", ["a\0b", "x" * 3000])
def test_a_name_that_can_be_no_file_is_a_sentence(name: str) -> None:
    assert "check the name" in message(name)


def test_an_error_of_iperf3_is_told_as_iperf3_told_it() -> None:
    assert "unable to connect to server: Connection refused" in message(DATA / "iperf3-error.json")


def test_a_job_that_failed_is_no_measurement() -> None:
    assert "jobs[0].error is 5, expected 0" in message(fio_with(5, "error"))


def test_a_job_without_requests_is_no_measurement() -> None:
    assert "no finished requests" in message(fio_with(0, "read", "total_ios"))
    assert "no finished write requests" in message(DATA / "fio3-randread.json", direction="write")


def test_jobs_one_after_another_list_their_names() -> None:
    assert "one of a, b" in message(DATA / "fio3-one-after-another.json")
    assert "there are a, b" in message(DATA / "fio3-one-after-another.json", job="c")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("fio-3.35\nStarting 1 process\n  read: IOPS=61.5k\n", "--output-format=json"),
        ("[ ID] Interval           Transfer     Bitrate\n", "run it with -J"),
        ("exits 5\nhalt_exits 3\n", "give a pair"),
        ('{"hello": 1}', "the JSON has hello"),
        (
            "Analyze events for all VMs, all VCPUs:\n\n  MMIO Access    Samples  Samples%     Time%\n",
            "--event=vmexit",
        ),
        ("sockperf: Summary: Message Rate is 1000 [msg/sec]\n", "a throughput test"),
        ("sockperf: ERROR: can't bind\n", "can't bind"),
        ("[1, 2,\n3]", "expected fio JSON"),
    ],
)
def test_what_is_nearly_right_says_how_to_get_it_right(text: str, hint: str) -> None:
    assert hint in message(text)


def test_a_table_whose_total_is_less_than_its_rows_was_damaged() -> None:
    text = (DATA / "perf-kvm-intel.txt").read_text().replace("Total Samples:600739", "Total Samples:7")

    assert "Total Samples is 7, expected at least 600739" in message(text)


def test_a_row_of_perf_that_cannot_be_read_is_shown() -> None:
    text = (DATA / "perf-kvm-intel.txt").read_text().replace("199871    33.27%", "199871    33.27")

    assert re.search(r"line \d+ is 'HLT ", message(text))


def test_counters_that_fell_are_a_swapped_pair() -> None:
    said = message((DATA / "kvm-after.txt", DATA / "kvm-before.txt"))

    assert "exits fell from 64543 to 43467" in said
    assert "swapped" in said


def test_a_folder_of_several_vms_names_them(tmp_path: Path) -> None:
    for vm in ("100-11", "200-11"):
        (tmp_path / "before" / vm).mkdir(parents=True)
        (tmp_path / "before" / vm / "exits").write_text("1")
    (tmp_path / "after").mkdir()

    assert "2 VMs (100-11, 200-11)" in message(tmp_path)


def test_a_counter_that_is_no_number_names_the_counter() -> None:
    assert "before.exits is 'many', expected a number" in message(({"exits": "many"}, {"exits": 5}))


@pytest.mark.parametrize("source", [3, None, (1, 2, 3), object(), ({}, {}), (None, 3), [b"", b""], ("", "")])
def test_what_is_no_measurement_at_all_is_a_sentence(source: object) -> None:
    assert "expected" in message(source)


@pytest.mark.parametrize(
    "options",
    [{"requests": 0}, {"requests": True}, {"requests": 1.5}, {"seconds": -1}, {"seconds": math.nan}, {"request": 4096}, {"name": 7}, {"direction": "up"}],
)  # fmt: skip
def test_an_option_of_the_wrong_kind_is_named(options: dict[str, Any]) -> None:
    assert next(iter(options)) in message(DATA / "fio3-randread.json", **options)


@pytest.mark.parametrize(
    "field", [{"latency_us": -1.0}, {"latency_us": 0}, {"size": 1.5}, {"kind": "erase"}, {"exits": math.inf}, {"percentiles_us": {99.0: math.nan}}, {"cpu_of": "cat"}]
)  # fmt: skip
def test_a_measurement_of_ones_own_is_checked_too(field: dict[str, Any]) -> None:
    with pytest.raises(MeasurementError, match="expected"):
        Measurement("own", "mine", **field)


def test_a_name_can_be_written_anywhere() -> None:
    found = read_measurement(fio_with("\ud800bad\nname" + "x" * 500, "jobname"))

    assert found.name.encode("utf-8").decode().startswith("?bad name")
    assert len(found.name) == 80


def test_measurements_of_different_requests_do_not_join() -> None:
    fio = read_measurement(DATA / "fio3-randread.json")

    with pytest.raises(MeasurementError, match="size is 8192, expected 4096"):
        fio.joined(read_measurement(DATA / "perf-kvm-intel.txt", request=Read(8192)))


# -- fuzz: only our own exceptions come out -------------------------------------------------------------

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.just(10**5000),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just({"mean": 1, "percentile": {"x": 1}}),
    st.just("9" * 50),
)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def survives(source: object) -> None:
    try:
        found = read_measurement(source)
    except SriovlabError as err:
        sentence = str(err)
    else:
        sentence = repr(found)
        assert all(math.isfinite(count) for count in found.exits_by_place.values())
    assert 0 < len(sentence) < 2000


def _ways(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(deeper for key, inner in pairs for deeper in _ways(inner, (*way, key)))]


@FUZZ
@given(st.data())
def test_any_field_of_a_document_may_hold_anything(data: st.DataObject) -> None:
    document = copy.deepcopy(DOCUMENTS[data.draw(st.sampled_from(sorted(DOCUMENTS)))])
    for _ in range(data.draw(st.integers(1, 3))):
        way = data.draw(st.sampled_from([w for w in _ways(document) if w]))
        place: Any = document
        for key in way[:-1]:
            place = place[key]
        if data.draw(st.booleans()) and isinstance(place, dict):
            del place[way[-1]]
        else:
            place[way[-1]] = copy.deepcopy(data.draw(ODD))
    survives(document)


@FUZZ
@given(st.data())
def test_any_byte_of_a_file_may_be_another(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(FILES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] = data.draw(st.integers(0, 255))
    start, end = sorted((data.draw(st.integers(0, 40)), data.draw(st.integers(len(raw) // 3, len(raw)))))
    survives(bytes(raw[start:end]))


@FUZZ
@given(st.data())
def test_any_word_of_a_text_may_be_another(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([p for p in FILES if p.suffix in (".txt", ".csv")])).read_text()
    words = re.findall(r"\S+|\s+", text)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = data.draw(
            st.sampled_from(["nan", "-1", "1e400", "9" * 60, "", "0", "%", "\n", "inf", "us", "x"])
        )
    survives("".join(words))


@FUZZ
@given(
    st.one_of(
        st.text(),
        st.binary(),
        st.dictionaries(
            st.sampled_from(["jobs", "before", "after", "end", "start", "error", "event", "data"]), ODD
        ),
    )
)
def test_anything_at_all_is_a_measurement_or_a_sentence(source: object) -> None:
    survives(source)


@FUZZ
@given(
    st.dictionaries(st.sampled_from(["exits", "mmio_exits", "irq_injections", "halt_exits"]), ODD),
    st.binary(),
)
def test_any_pair_of_counters_is_a_measurement_or_a_sentence(before: dict[str, Any], after: bytes) -> None:
    survives((before, before))
    survives((before, after))


def test_a_long_line_does_not_keep_the_reader_busy() -> None:
    for filling in (" " * 1_000_000, "\n" * 1_000_000, "a/" * 500_000, "1" * 1_000_000):
        survives("exits 1\n" + filling + "x")
        survives("sockperf: \n" + filling)
        survives("MIGRATED TCP STREAM TEST\n" + filling + "bytes")
        survives("Analyze events for x\n" + filling + "VM-EXIT")
