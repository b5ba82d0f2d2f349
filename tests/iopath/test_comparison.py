"""What the model itself made with one knob turned is explained by that knob first, and what fits needs no explanation."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovlab.errors import MeasurementError, SriovlabError
from sriovlab.i18n import LANGUAGES, Words, topic_keys
from sriovlab.iopath.comparison import Comparison, Quantity, Verdict, compare_with
from sriovlab.iopath.measured import Measurement, read_measurement
from sriovlab.iopath.measured.causes import changes_of, ties_of
from sriovlab.iopath.measured.rows import distance
from sriovlab.iopath.predict import predict
from sriovlab.iopath.prediction import Prediction
from sriovlab.iopath.request import Message, Read, Request, Send
from sriovlab.scene.measured_table import causes_table, comparison_table, spell_measured

DATA = Path(__file__).resolve().parent.parent / "data" / "measured"
COUNT = 100_000


def measured(made: Prediction, **others: Any) -> Measurement:
    """What a tool would have measured in one VM of a machine that does exactly as the model says."""
    return Measurement(
        "own",
        "made",
        **{
            "kind": made.request.kind,
            "size": made.request.size,
            "latency_us": made.latency_ns.typical / 1000,
            "rate_per_s": made.throughput_per_s.typical / made.setting.vms,
            "requests": COUNT,
            "exits": made.exits_per_s / made.throughput_per_s.typical * COUNT,
            "interrupts": made.interrupts * COUNT,
            **others,
        },
    )


def keys(comparison: Comparison) -> set[str]:
    return {label.key for label in comparison.findings}


# -- causes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "knobs", "other_path", "other_knobs", "first"),
    [
        ("virtio", {}, "virtio", {"clock_ghz": 1.2}, "clock_ghz=1.2"),
        ("virtio", {"clock_ghz": 3.0}, "virtio", {"clock_ghz": 1.5}, "clock_ghz=1.5"),
        ("sriov", {}, "sriov", {"clock_ghz": 1.2}, "clock_ghz=1.2"),
        ("virtio", {}, "virtio+iothread", {}, "virtio+iothread+posted"),
        ("virtio+iothread", {}, "virtio", {}, "virtio+posted"),
        ("virtio", {}, "virtio", {"media_us": 80.0}, "media_us=80"),
        ("sriov", {}, "sriov", {"media_us": 80.0}, "media_us=80"),
        ("sriov", {}, "sriov+trapped", {}, "sriov+trapped"),
        ("sriov", {"queue_depth": 32}, "sriov", {"queue_depth": 8}, "queue_depth=8"),
        ("sriov", {}, "sriov", {"media": "nand"}, "media='nand'"),
        ("emulated:ahci", {}, "virtio", {}, "virtio+posted"),
    ],
)
def test_what_one_change_made_is_explained_by_that_change_first(
    path: str, knobs: dict[str, Any], other_path: str, other_knobs: dict[str, Any], first: str
) -> None:
    made = predict(other_path, **other_knobs)

    comparison = compare_with(predict(path, **knobs), measured(made))

    assert comparison.causes[0].change.text == first
    assert comparison.causes[0].explained > 0.98
    assert comparison.causes[0].error_left < 0.01


@pytest.mark.parametrize("ghz", [0.9, 1.7, 5.5])
def test_a_clock_is_found_to_a_percent(ghz: float) -> None:
    comparison = compare_with(predict("virtio", clock_ghz=3.0), measured(predict("virtio", clock_ghz=ghz)))

    assert comparison.causes[0].change.knobs["clock_ghz"] == pytest.approx(ghz, rel=0.01)


def test_a_limit_of_the_rate_is_among_the_equal_causes_and_a_run_alone_would_tell() -> None:
    base = predict("sriov", queue_depth=32)

    comparison = compare_with(base, measured(predict("sriov", queue_depth=32, vf_iops=100_000.0)))

    tied = {cause.change.name for cause in ties_of(comparison.causes)}
    assert {"media_iops", "vf_iops", "media_us"} <= tied
    assert {"undecided", "tell.alone"} <= keys(comparison)


def test_a_guest_that_never_halts_looks_the_same_by_three_names() -> None:
    comparison = compare_with(predict("sriov"), measured(predict("sriov", vcpu="running")))

    texts = {cause.change.text for cause in ties_of(comparison.causes)}
    assert {"vcpu='running'", "sriov+haltpoll+posted"} <= texts
    assert "undecided" in keys(comparison)


def test_causes_are_ranked_each_once_and_each_does_better_than_nothing() -> None:
    comparison = compare_with(predict("virtio"), measured(predict("emulated:ahci")))

    scores = [cause.score for cause in comparison.causes]
    assert scores == sorted(scores)
    assert len({cause.change.name for cause in comparison.causes}) == len(scores)
    for cause in comparison.causes:
        assert cause.error_left < comparison.error
        assert cause.explained == pytest.approx(1 - cause.error_left / comparison.error)


def test_the_pieces_of_a_stream_are_a_cause_where_the_tool_does_not_know_them() -> None:
    stream = Measurement("iperf3", "tcp", kind="send", throughput_gbit_s=23.5)

    comparison = compare_with(predict("sriov", Send(1500)), stream)

    assert "request=send:65536" in {cause.change.text for cause in comparison.causes}


# -- inside ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "request_", "knobs"),
    [
        ("virtio", Read(4096), {}),
        ("sriov", Read(4096), {"queue_depth": 32}),
        ("emulated:ahci", Read(4096), {}),
        ("vhost", Message(64), {}),
        ("sriov", Read(4096), {"vms": 4, "queue_depth": 8, "media_iops": 400_000.0}),
    ],
)
def test_what_the_model_itself_says_is_inside_and_needs_no_cause(
    path: str, request_: Request, knobs: dict[str, Any]
) -> None:
    base = predict(path, request_, **knobs)

    comparison = compare_with(base, measured(base))

    assert comparison.is_inside
    assert {row.verdict for row in comparison.rows} == {Verdict.INSIDE}
    assert "inside.all" in keys(comparison)
    assert comparison.error == pytest.approx(0, abs=1e-9)
    assert comparison.causes == ()


def test_a_clock_within_the_range_is_said_not_to_be_needed() -> None:
    comparison = compare_with(predict("virtio"), measured(predict("virtio", clock_ghz=1.2)))

    assert comparison.is_inside
    assert {"inside.all", "best.not-needed"} <= keys(comparison)
    assert "undecided" not in keys(comparison)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "inside"), (5.0, "above"), (0.1, "below")])
def test_a_latency_beside_the_range_is_above_or_below(factor: float, verdict: str) -> None:
    base = predict("virtio")

    row = compare_with(base, Measurement("own", "mine", latency_us=base.latency_us * factor)).row("latency")

    assert row.verdict == verdict
    assert row.ratio == pytest.approx(factor)


@pytest.mark.parametrize(("share", "verdict"), [(0.98, Verdict.INSIDE), (0.94, Verdict.BELOW)])
def test_at_a_limit_the_range_has_the_width_of_two_runs(share: float, verdict: Verdict) -> None:
    base = predict("sriov", Send(65536))
    span = base.throughput_gbit_s
    assert span.low == pytest.approx(span.high)

    comparison = compare_with(base, Measurement("own", "mine", throughput_gbit_s=share * span.typical))

    assert comparison.row(Quantity.THROUGHPUT).verdict is verdict
    assert "met.line" in keys(comparison)


# -- findings -------------------------------------------------------------------------------------------


def test_a_run_that_was_asked_otherwise_says_so_and_the_tools_own_word_is_tried_first() -> None:
    made = predict("virtio", queue_depth=16)

    comparison = compare_with(predict("virtio"), measured(made, queue_depth=4, jobs=4))

    assert "differs.depth" in keys(comparison)
    assert comparison.causes[0].change.text == "queue_depth=16"
    assert "differs.request" in keys(compare_with(predict("virtio"), measured(made, size=8192)))


@pytest.mark.parametrize(("told", "key"), [(32, "little.below-told"), (2, "little.above-told")])
def test_littles_law_tells_a_depth_that_was_not_kept(told: int, key: str) -> None:
    ours = Measurement("own", "mine", kind="read", size=4096, queue_depth=told, latency_us=80.0, rate_per_s=100_000.0)  # fmt: skip

    comparison = compare_with(predict("sriov", queue_depth=told), ours)

    label = next(label for label in comparison.findings if label.key == key)
    assert label.slots == {"flying": "8", "told": str(told)}


def test_more_than_the_line_carries_is_beyond_it() -> None:
    ours = Measurement("own", "mine", kind="send", throughput_gbit_s=40.0)

    assert "beyond.line" in keys(compare_with(predict("sriov", Send(65536)), ours))


def test_exits_that_the_path_cannot_make_are_named_with_their_place() -> None:
    base = predict("virtio")
    ours = measured(base, exits=9.0 * COUNT, exits_by_reason={"EPT_MISCONFIG": 8.0 * COUNT})

    comparison = compare_with(base, ours)

    label = next(label for label in comparison.findings if label.key == "too-many.device")
    assert (label.slots["measured"], label.slots["most"]) == ("8", "1")


def test_exits_without_a_number_of_requests_are_not_compared_and_this_is_said() -> None:
    ours = replace(read_measurement(DATA / "perf-kvm-intel.txt"), latency_us=46.0)

    comparison = compare_with(predict("virtio"), ours)

    assert "missing.requests" in keys(comparison)
    assert [row.quantity for row in comparison.rows] == [Quantity.LATENCY]


def test_fio_joined_with_perf_has_time_and_exits_in_one_comparison() -> None:
    fio = read_measurement(DATA / "fio3-randread.json")
    both = fio.joined(read_measurement(DATA / "perf-kvm-intel.txt"))

    quantities = {row.quantity for row in compare_with(predict("sriov"), both).rows}

    assert {Quantity.LATENCY, Quantity.RATE, Quantity.CPU, Quantity.EXITS, Quantity.EXITS_HALT} <= quantities


# -- errors ---------------------------------------------------------------------------------------------


def test_without_anything_to_compare_there_is_a_sentence() -> None:
    with pytest.raises(MeasurementError, match="give requests="):
        compare_with(predict("virtio"), read_measurement(DATA / "perf-kvm-intel.txt"))
    with pytest.raises(MeasurementError, match="measure latency, rate or exits"):
        compare_with(predict("virtio"), Measurement("own", "mine"))


def test_what_is_no_prediction_or_no_measurement_is_a_sentence() -> None:
    base = predict("virtio")

    with pytest.raises(MeasurementError, match="expected what predict"):
        compare_with("virtio", measured(base))  # type: ignore[arg-type]
    with pytest.raises(MeasurementError, match="expected what read_measurement"):
        compare_with(base, {"latency": 45})  # type: ignore[arg-type]


def test_a_quantity_that_was_not_measured_lists_those_that_were() -> None:
    comparison = compare_with(predict("virtio"), Measurement("own", "mine", latency_us=45.0))

    with pytest.raises(MeasurementError, match=r"'cpu' was measured; there are latency"):
        comparison.row("cpu")


# -- tables ---------------------------------------------------------------------------------------------


def test_the_tables_speak_both_languages() -> None:
    made = predict("virtio", queue_depth=16, media_us=80.0)
    comparison = compare_with(
        predict("virtio"), measured(made, queue_depth=16, cpu_cores=0.4, cpu_of="process")
    )

    for table in (comparison_table(comparison), causes_table(comparison)):
        spoken = [table.title, *table.columns, *table.notes]
        spoken += [cell for row in table.rows for cell in row if isinstance(cell, Words)]
        assert table.rows
        for sentence in spoken:
            english, chinese = (sentence.in_language(language) for language in LANGUAGES)
            assert english
            assert chinese
            assert "{" not in english + chinese
            assert not any("\u4e00" <= c <= "\u9fff" for c in english)
        assert table.title.in_language("zh") != table.title.in_language("en")


def test_the_table_has_a_row_for_each_quantity_with_range_and_ratio() -> None:
    base = predict("virtio")
    comparison = compare_with(base, measured(base))

    table = comparison_table(comparison)

    assert len(table.rows) == len(comparison.rows)
    span = base.latency_ns
    assert list(table.rows[0][1:6]) == [
        *(pytest.approx(ns / 1000) for ns in (span.low, span.typical, span.high, span.typical)),
        pytest.approx(1.0),
    ]


def test_every_quantity_and_verdict_has_its_word() -> None:
    known = topic_keys("measured", "en")

    assert {f"quantity.{quantity}" for quantity in Quantity} <= known.keys()
    assert {f"verdict.{verdict}" for verdict in Verdict} <= known.keys()


@pytest.mark.parametrize("path", ["native", "virtio", "sriov+trapped", "vhost-user", "emulated:microvm"])
@pytest.mark.parametrize("asked", [Read(4096), Send(1500)], ids=["read", "send"])
def test_every_change_that_is_tried_can_be_said_in_both_languages(path: str, asked: Request) -> None:
    base = predict(path, asked, queue_depth=8)
    ours = measured(base, queue_depth=2, size=64, throughput_gbit_s=5.0)

    for change in changes_of(base, ours):
        spoken = spell_measured(change.label)
        assert spoken.in_language("en") != spoken.in_language("zh")


def test_a_comparison_shows_itself_in_one_line() -> None:
    comparison = compare_with(predict("virtio"), Measurement("own", "mine", latency_us=45.0))

    assert repr(comparison).startswith("<Comparison virtio+posted, read:4096 with own 'mine': latency ")
    assert "45 measured, inside" in repr(comparison)


# -- fuzz -----------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.none(), st.sampled_from([5e-324, 1e-300, 1.0, 1e18]), st.floats(1e-6, 1e9, allow_nan=False)
)
COUNTS = st.one_of(st.none(), st.sampled_from([1, 32, 10**18]))
MEASUREMENTS = st.builds(
    Measurement,
    st.just("own"),
    st.just("any"),
    kind=st.sampled_from([None, "read", "write", "send", "receive", "message"]),
    size=st.sampled_from([None, 1, 4096, 10**9]),
    queue_depth=COUNTS,
    jobs=COUNTS,
    latency_us=NUMBERS,
    rate_per_s=NUMBERS,
    throughput_gbit_s=NUMBERS,
    cpu_cores=NUMBERS,
    interrupts=NUMBERS,
    exits=NUMBERS,
    user_exits=NUMBERS,
    requests=COUNTS,
    exits_by_reason=st.dictionaries(
        st.sampled_from(["HLT", "MSR_WRITE", "mmio_exits", "EPT_MISCONFIG", "CPUID"]), st.floats(0, 1e18)
    ),
)
BASES = (
    predict("virtio"),
    predict("sriov", queue_depth=(1, 7)),
    predict("virtio+iothread", rate=1e9),
    predict("vhost-user", Send(1500)),
    predict("emulated:e1000", Message(64)),
    predict("native"),
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(BASES), MEASUREMENTS)
def test_any_measurement_gives_finite_tables_or_a_sentence(base: Prediction, ours: Measurement) -> None:
    try:
        comparison = compare_with(base, ours)
    except SriovlabError:
        return
    assert math.isfinite(comparison.error)
    assert all(0 < cause.explained <= 1 for cause in comparison.causes)
    assert distance(comparison.rows) == comparison.error
    assert comparison_table(comparison).rows
    assert len(causes_table(comparison).rows) == len(comparison.causes)
