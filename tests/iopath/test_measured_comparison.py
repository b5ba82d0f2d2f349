"""Predicted beside measured: what lies inside is said to be inside, and a planted cause is found first."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from sriovlab.errors import MeasurementError
from sriovlab.i18n import LANGUAGES, slot_names, topic_keys
from sriovlab.iopath import comparison as comparison_module
from sriovlab.iopath.comparison import Comparison, Quantity, Verdict, compare_with
from sriovlab.iopath.journey import ExitPlace, Label
from sriovlab.iopath.measured import Measurement, causes, read_measurement
from sriovlab.iopath.measured.findings import most_exits
from sriovlab.iopath.measured.reasons import Place
from sriovlab.iopath.measured.rows import apart, figure
from sriovlab.iopath.path import path_names
from sriovlab.iopath.predict import predict
from sriovlab.iopath.prediction import Prediction
from sriovlab.iopath.request import Message, Read, Request, Send, Write
from sriovlab.render.tables import table_csv, table_html, table_text
from sriovlab.scene.measured_table import causes_table, comparison_table, spell_measured

from ..conftest import require_shared

DATA = Path(__file__).resolve().parent.parent / "data" / "measured"
PACKAGE = Path(comparison_module.__file__).resolve().parent
REQUESTS = 10_000
TIMES = ("latency", "rate", "cpu")
STORAGE = (*TIMES, "exits")


def measured(truth: Prediction, *what: str, noise: float = 1.02) -> Measurement:
    """What a run on a machine that behaves as `truth` would give, a little off."""
    vms, found = truth.setting.vms, dict[str, Any]()
    if "latency" in what:
        found["latency_us"] = truth.latency_us * noise
    if "rate" in what:
        found["rate_per_s"] = truth.throughput_per_s.typical / vms / noise
    if "throughput" in what:
        found["throughput_gbit_s"] = truth.throughput_gbit_s.typical / vms / noise
    if "cpu" in what:
        found |= {"cpu_cores": truth.cores["guest"].typical / vms * noise, "cpu_of": "system"}
    if "exits" in what:
        reasons = {
            "EPT_MISCONFIG": truth.mmio_exits * REQUESTS,
            "EXTERNAL_INTERRUPT": truth.exits[ExitPlace.DELIVERY] * REQUESTS,
            "APIC_WRITE": truth.exits[ExitPlace.EOI] * REQUESTS,
            "HLT": truth.exits[ExitPlace.HALT] * REQUESTS,
        }
        found |= {"exits": sum(reasons.values()), "exits_by_reason": reasons, "requests": REQUESTS}
    return Measurement("own", "planted", kind=truth.request.kind, size=truth.request.size, **found)


def found_keys(found: Comparison) -> list[str]:
    return [label.key for label in found.findings]


# -- a planted cause is found first -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "setting", "truth", "planted", "request_", "what"),
    [
        ("virtio", {}, "virtio+iothread", {}, Read(4096), TIMES),
        ("virtio", {}, "virtio+iothread", {}, Read(4096), STORAGE),
        ("virtio+iothread", {}, "virtio", {}, Read(4096), STORAGE),
        ("virtio", {}, "virtio+ioeventfd-off", {}, Write(4096), STORAGE),
        ("sriov+posted", {}, "sriov+trapped", {}, Read(4096), STORAGE),
        ("sriov+trapped", {}, "sriov+posted", {}, Message(64), ("latency", "rate", "exits")),
        ("virtio", {}, "emulated:ahci", {}, Read(4096), STORAGE),
    ],
)
def test_an_option_a_mode_or_a_path_that_was_planted_is_found_first(
    base: str,
    setting: dict[str, Any],
    truth: str,
    planted: dict[str, Any],
    request_: Request,
    what: tuple[str, ...],
) -> None:
    machine = predict(truth, request_, **setting, **planted)
    found = compare_with(predict(base, request_, **setting), measured(machine, *what))

    assert found.causes[0].change.path == machine.path
    assert found.causes[0].explained > 0.9


@pytest.mark.parametrize(
    ("path", "setting", "knob", "value", "what"),
    [
        ("virtio", {}, "clock_ghz", 1.2, TIMES),
        ("virtio", {}, "clock_ghz", 4.5, STORAGE),
        ("sriov+posted", {}, "media_us", 40.0, TIMES),
        ("virtio", {"queue_depth": 4}, "media_us", 300.0, TIMES),
    ],
)
def test_a_number_that_was_planted_is_found_first_and_nearly_right(
    path: str, setting: dict[str, Any], knob: str, value: float, what: tuple[str, ...]
) -> None:
    machine = predict(path, Read(4096), **setting, **{knob: value})
    found = compare_with(predict(path, Read(4096), **setting), measured(machine, *what))

    assert found.causes[0].change.name == knob
    assert float(found.causes[0].change.value) == pytest.approx(value, rel=0.1)


@pytest.mark.parametrize(
    ("knob", "value", "request_", "what"),
    [
        ("queue_depth", 16, Read(4096), TIMES),
        ("media", "nand", Read(4096), TIMES),
        ("vcpu", "descheduled", Read(4096), TIMES),
        ("line_rate_gbit_s", 10.0, Send(65536), ("throughput",)),
    ],
)
def test_a_choice_that_was_planted_is_found_first(
    knob: str, value: object, request_: Request, what: tuple[str, ...]
) -> None:
    machine = predict("sriov+posted", request_, **{knob: value})
    found = compare_with(predict("sriov+posted", request_), measured(machine, *what))

    assert found.causes[0].change.knobs[knob] == value


def test_a_limit_at_depth_is_among_what_explains_as_much_and_a_run_alone_would_tell() -> None:
    base = predict("sriov+posted", queue_depth=16)
    found = compare_with(base, measured(predict("sriov+posted", queue_depth=16, media_iops=60_000.0), *TIMES))

    assert {"media_us", "media_iops", "vf_iops"} <= {
        cause.change.name for cause in causes.ties_of(found.causes)
    }
    assert "tell.alone" in found_keys(found)


def test_causes_that_latency_cannot_tell_apart_say_what_would() -> None:
    slow = measured(predict("virtio", clock_ghz=1.2), "latency")
    found = compare_with(predict("virtio"), slow)

    assert {cause.change.name for cause in found.causes[:2]} == {"media_us", "clock_ghz"}
    assert "undecided" in found_keys(found)
    assert "tell.cpu" in found_keys(found)


def test_every_cause_leaves_less_than_there_was_and_they_are_ranked_by_what_is_left() -> None:
    found = compare_with(predict("virtio"), measured(predict("virtio", clock_ghz=1.2), *STORAGE))

    assert all(cause.error_left < found.error for cause in found.causes)
    assert [cause.score for cause in found.causes] == sorted(cause.score for cause in found.causes)


def test_a_cause_is_what_predict_says_when_one_types_it() -> None:
    found = compare_with(predict("virtio"), measured(predict("virtio+iothread"), *STORAGE))
    best = found.causes[0]

    again = predict(best.change.text)
    assert (again.latency_ns, again.exits) == (best.prediction.latency_ns, best.prediction.exits)


# -- rows -----------------------------------------------------------------------------------------------


def test_what_the_model_predicts_itself_lies_inside_and_needs_no_explanation() -> None:
    base = predict("virtio")
    found = compare_with(base, measured(base, *STORAGE, noise=1.0))

    assert found.is_inside
    assert (found.error, found.causes) == (0.0, ())
    assert found_keys(found) == ["inside.all"]


def test_a_difference_inside_the_range_is_said_to_be_inside_even_where_a_knob_would_explain_it() -> None:
    base = predict("virtio")
    found = compare_with(base, measured(predict("virtio", clock_ghz=2.0), "latency"))

    assert found.row("latency").verdict is Verdict.INSIDE
    assert "best.not-needed" in found_keys(found)
    assert not {"best.needed", "undecided"} & set(found_keys(found))


def test_a_row_has_low_typical_high_and_the_ratio_of_measured_to_typical() -> None:
    base = predict("sriov+posted")
    row = compare_with(base, Measurement("own", "x", latency_us=2 * base.latency_us)).row(Quantity.LATENCY)

    assert row.ratio == pytest.approx(2)
    assert row.verdict is Verdict.ABOVE
    assert row.predicted is not None
    assert row.predicted.high * 1000 == pytest.approx(base.latency_ns.high)


@pytest.mark.parametrize(
    ("more", "verdict"), [(0.05, Verdict.INSIDE), (0.5, Verdict.ABOVE), (-0.5, Verdict.BELOW)]
)
def test_a_count_has_some_slack_and_no_more(more: float, verdict: Verdict) -> None:
    base = predict("virtio")
    exits = (base.exits_per_request + more) * REQUESTS
    found = compare_with(base, Measurement("own", "x", exits=exits, requests=REQUESTS))

    assert found.row("exits").verdict is verdict


def test_counters_that_miss_some_exits_never_say_there_were_too_few() -> None:
    """debugfs counts only register accesses that went on to the VMM; a kick to KVM is not among them."""
    counters = (
        {"exits": 0, "mmio_exits": 0, "io_exits": 0},
        {"exits": 2 * REQUESTS, "mmio_exits": 0, "io_exits": 300},
    )
    found = compare_with(predict("virtio"), read_measurement(counters, requests=REQUESTS))

    assert found.row("exits-device").verdict is Verdict.UNCLEAR
    assert found.row("exits-unnamed").predicted is None


def test_several_vms_are_compared_as_one_of_them() -> None:
    base = predict("virtio", vms=4)
    found = compare_with(base, measured(base, *TIMES, noise=1.0))

    assert found.is_inside
    assert "one-of" in found_keys(found)


def test_a_place_without_exits_is_known_to_have_none_where_all_reasons_are_known() -> None:
    found = compare_with(
        predict("sriov+posted"), Measurement("own", "x", exits=10, exits_by_reason={"HLT": 10}, requests=10)
    )

    assert found.row("exits-device").measured == 0
    assert found.row("exits-device").verdict is Verdict.INSIDE


# -- findings -------------------------------------------------------------------------------------------


def test_another_request_or_depth_than_predicted_is_said_first_and_offered_as_the_change() -> None:
    fio = read_measurement(DATA / "fio3-mixed-group.json", direction="read")
    found = compare_with(predict("sriov+posted", Read(4096)), fio)

    assert found_keys(found)[:2] == ["differs.request", "differs.depth"]
    assert found.findings[0].slots == {"measured": "read:8192", "predicted": "read:4096"}
    assert found.causes[0].change.text == "queue_depth=16"


def test_littles_law_shows_a_queue_that_is_not_kept_full() -> None:
    """40,000/s at 50 us is 2 requests in flight, whatever the tool was told."""
    run = Measurement("own", "x", queue_depth=32, jobs=1, latency_us=50.0, rate_per_s=40_000.0)
    found = compare_with(predict("sriov+posted", queue_depth=32), run)

    assert Label("little.below-told", {"flying": "2", "told": "32"}) in found.findings
    assert "queue_depth=2" in {cause.change.text for cause in found.causes}


def test_a_line_that_is_met_is_named_and_one_that_is_passed_is_wrong() -> None:
    base = predict("sriov+posted", Send(65536), line_rate_gbit_s=25.0)
    most = base.bounds["line"].typical * 65536 * 8 / 1e9

    met = compare_with(base, Measurement("own", "x", throughput_gbit_s=0.97 * most))
    beyond = compare_with(base, Measurement("own", "x", throughput_gbit_s=1.5 * most))
    below = compare_with(base, Measurement("own", "x", throughput_gbit_s=0.5 * most))

    assert "met.line" in found_keys(met)
    assert "beyond.line" in found_keys(beyond)
    assert not {"met.line", "beyond.line"} & set(found_keys(below))


def test_the_drives_limit_is_met() -> None:
    base = predict("sriov+posted", queue_depth=64, media_iops=100_000.0)

    assert "met.media" in found_keys(compare_with(base, Measurement("own", "x", rate_per_s=99_000.0)))


def test_more_exits_than_the_path_can_make_name_the_place() -> None:
    seven = Measurement("own", "x", exits=70_000, exits_by_reason={"NPF": 70_000}, requests=REQUESTS)
    found = compare_with(predict("virtio"), seven)

    assert Label("too-many.device", {"measured": "7", "most": "1", "path": "virtio+posted"}) in found.findings
    assert found.causes[0].change.path == "emulated:ahci+posted"


def test_the_most_exits_of_a_path_are_over_all_modes_and_states() -> None:
    most = most_exits(predict("sriov+posted"))

    assert most[Place.DEVICE] == 0
    assert most[Place.EOI] == max(
        predict("sriov+trapped", vcpu=v).exits[ExitPlace.EOI] for v in ("halted", "running")
    )
    assert most[Place.EOI] > predict("sriov+posted").exits[ExitPlace.EOI]


def test_a_long_tail_is_said_to_be_outside_the_model() -> None:
    run = Measurement("own", "x", latency_us=16.0, percentiles_us={99.0: 160.0})

    assert (
        Label("tail", {"tail": "160", "times": "10"}) in compare_with(predict("sriov+posted"), run).findings
    )


def test_exits_without_a_number_of_requests_ask_for_it() -> None:
    perf = read_measurement(DATA / "perf-kvm-intel.txt")

    with pytest.raises(MeasurementError, match="give requests="):
        compare_with(predict("virtio"), perf)
    joined = Measurement("own", "x", latency_us=45.0).joined(perf)
    assert "missing.requests" in found_keys(compare_with(predict("virtio"), joined))


# -- what was measured ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "asked", "found_path"),
    [
        ("ahci.1", "virtio", "emulated:ahci+posted"),
        ("vblknoioeventfd.1", "virtio", "virtio+ioeventfd-off+posted"),
        ("vblk.1", "virtio", "virtio+trapped"),
        ("emunvme.1", "emulated:nvme", "emulated:nvme+trapped"),
        ("vf.1", "sriov+posted", "sriov+trapped"),
    ],
)
def test_the_measured_runs_name_the_path_and_the_mode_they_were_run_with(
    run: str, asked: str, found_path: str
) -> None:
    """The machine had no AVIC, so interrupts were trapped; see measurements/kvm-exits-per-read.md."""
    runs = json.loads(require_shared("measurements", "kvm-exits-per-read.json").read_text())
    found = compare_with(predict(asked), read_measurement(runs[run], name=run))

    assert found.causes[0].change.path == found_path


def test_the_vf_that_was_measured_makes_no_exit_at_its_registers() -> None:
    runs = json.loads(require_shared("measurements", "kvm-exits-per-read.json").read_text())
    found = compare_with(predict("sriov+trapped"), read_measurement(runs["vf.1"], name="vf"))

    assert found.row("exits-device").verdict is Verdict.INSIDE
    assert not [key for key in found_keys(found) if key == "too-many.device"]


# -- words ------------------------------------------------------------------------------------------------


def all_labels() -> list[Label]:
    """Labels of comparisons that together go through most of what can be said."""
    storage, packets = predict("sriov+posted"), predict("virtio", Send(65536))
    comparisons = [
        compare_with(predict("virtio"), read_measurement(path, requests=1000, request=Read(4096)))
        for path in sorted(DATA.glob("perf-*.txt"))
    ]
    comparisons += [
        compare_with(packets, read_measurement(path)) for path in sorted(DATA.glob("netperf-*stream*"))
    ]
    comparisons += [compare_with(storage, measured(predict("sriov+posted", vcpu="running"), *STORAGE))]
    return [
        label
        for c in comparisons
        for label in (
            *c.findings, *c.measurement.notes, *(d for r in c.rows for d in r.doubts), *(x.label for x in c.causes)
        )
    ]  # fmt: skip


def test_labels_speak_both_languages_with_all_their_slots() -> None:
    for label in all_labels():
        said = spell_measured(label)
        assert "{" not in said.en + said.zh
        assert slot_names(topic_keys("measured", "en")[label.key]) == set(label.slots)


def test_every_change_that_can_be_tried_has_its_sentence() -> None:
    keys = topic_keys("measured", "en")
    run = Measurement("own", "x", kind="read", size=8192, queue_depth=3, latency_us=900.0, rate_per_s=5000.0)
    packets = Measurement("own", "x", kind="send", throughput_gbit_s=3.0, cpu_cores=0.5)
    tried = [
        *(
            change
            for name in path_names()
            if name != "emulated:e1000"
            for change in causes._changes(predict(name), run)
        ),
        *causes._changes(
            predict("sriov+posted", queue_depth=3, interrupt_throttle_hz=8000.0, iommu_page="4k"), run
        ),
        *causes._changes(predict("sriov+posted", Send(1500)), packets),
    ]

    for change in tried:
        assert slot_names(keys[change.label.key]) == set(change.label.slots), change.text
    said = {change.label.key for change in tried}
    assert {key for key in keys if key.startswith("cause.")} == said


def test_every_sentence_of_the_topic_is_said_somewhere() -> None:
    """A key that no module names is a sentence that nobody can read."""
    files = [*PACKAGE.glob("measured/*.py"), PACKAGE.parent / "scene" / "measured_table.py"]
    source = "\n".join(file.read_text() for file in files)
    named = set(re.findall(r'"([a-z]+(?:[.-][a-z0-9-]+)+)"', source))
    families = {
        "quantity": Quantity, "verdict": Verdict, "too-many": [p for p in Place if p not in ("other", "unnamed")],
        "tell": [*causes._TELLING, "alone"], "met": ("line", "pcie", "vf", "media", "iommu"),
        "beyond": ("line", "pcie", "vf", "media", "iommu"), "column": ("quantity", "low", "typical", "high", "measured",
        "ratio", "verdict", "cause", "change", "explained", "left"),
    }  # fmt: skip
    made = {f"{family}.{member}" for family, members in families.items() for member in members}
    single = {"title", "title.causes", "undecided", "one-of", "tail", "polling-unseen"}

    unsaid = set(topic_keys("measured", "en")) - named - made - single
    assert not {key for key in unsaid if not key.startswith("cause.")}
    assert made <= set(topic_keys("measured", "en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_comparison_is_a_table_in_both_languages(language: str) -> None:
    found = compare_with(predict("virtio"), read_measurement(DATA / "fio2-randread.json"))
    text = table_text(comparison_table(found), language)

    assert ("latency, us" if language == "en" else "延迟，us") in text
    assert "45.6" in text
    assert "{" not in text
    assert table_html(causes_table(found), language).count("<tr>") == 1 + len(found.causes)


def test_a_name_from_a_file_stays_text_in_html() -> None:
    run = Measurement("own", "<script>alert(1)</script>", latency_us=45.0)

    assert "<script>" not in table_html(comparison_table(compare_with(predict("virtio"), run)))


def test_numbers_in_a_csv_are_whole_and_unknown_is_empty() -> None:
    run = Measurement("own", "x", exits=30, exits_by_reason={"CPUID": 10, "HLT": 20}, requests=10)
    lines = table_csv(comparison_table(compare_with(predict("virtio"), run))).splitlines()

    assert [line for line in lines if line.startswith('"exits: others')] == [
        '"exits: others, not in the model",,,,1.0,,cannot be said'
    ]


def test_a_comparison_shows_itself_in_one_stable_line() -> None:
    base = predict("virtio")
    found = compare_with(base, Measurement("own", "mine", latency_us=2 * base.latency_us))

    assert re.fullmatch(
        r"<Comparison virtio\+posted, read:4096 with own 'mine': latency [\d.]+ predicted, [\d.]+ measured, above; "
        r"best single change \S+>",
        repr(found),
    )
    assert repr(found) == repr(compare_with(base, found.measurement))


# -- wrong arguments, and the odd number --------------------------------------------------------------------


@pytest.mark.parametrize(("prediction", "measurement"), [(None, None), ("virtio", "fio.json"), (3, {})])
def test_what_is_no_prediction_and_no_measurement_is_named(prediction: Any, measurement: Any) -> None:
    with pytest.raises(MeasurementError, match="prediction is .*expected what predict"):
        compare_with(prediction, measurement)
    with pytest.raises(MeasurementError, match="measurement is .*expected what read_measurement"):
        compare_with(predict("virtio"), measurement)


def test_a_quantity_that_was_not_measured_lists_those_that_were() -> None:
    found = compare_with(predict("virtio"), Measurement("own", "x", latency_us=45.0))

    with pytest.raises(MeasurementError, match="there are latency"):
        found.row("cpu")


def test_an_overload_has_no_latency_and_is_compared_all_the_same() -> None:
    base = predict("virtio", rate=10_000_000.0)
    found = compare_with(base, Measurement("own", "x", latency_us=45.0, rate_per_s=20_000.0))

    assert math.isinf(base.latency_ns.typical)
    assert found.row("latency").verdict is Verdict.BELOW
    assert math.isfinite(found.error)


@pytest.mark.parametrize("path", [name for name in path_names() if name != "emulated:e1000"])
@pytest.mark.parametrize("latency_us", [1e-6, 1.0, 1e9])
def test_any_path_can_be_compared_with_any_number(path: str, latency_us: float) -> None:
    run = Measurement(
        "own", "x", latency_us=latency_us, rate_per_s=1.0, exits=1e12, requests=1, cpu_cores=0.0
    )
    found = compare_with(predict(path), run)

    assert math.isfinite(found.error)
    assert all(0 <= cause.explained <= 1 for cause in found.causes)


def test_the_distance_of_two_numbers_is_the_logarithm_of_their_ratio() -> None:
    assert apart(Quantity.LATENCY, 20, 10) == pytest.approx(math.log(2))
    assert apart(Quantity.EXITS, 0, 0) == 0
    assert apart(Quantity.LATENCY, 5, math.inf) == -10


@pytest.mark.parametrize(
    ("number", "text"), [(0.0, "0"), (999.6, "1,000"), (math.inf, "∞"), (1e-9, "0.000000001"), (100.0, "100")]
)
def test_a_figure_has_three_digits_and_no_exponent(number: float, text: str) -> None:
    assert figure(number) == text
