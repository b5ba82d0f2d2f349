"""Runs of a real machine beside the model, and what holds of every change and every sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sriovlab.i18n import topic_keys
from sriovlab.iopath import comparison as comparison_module
from sriovlab.iopath.comparison import Comparison, Quantity, Verdict, compare_with
from sriovlab.iopath.journey import ExitPlace
from sriovlab.iopath.measured import Measurement, read_measurement
from sriovlab.iopath.measured.causes import changes_of
from sriovlab.iopath.measured.findings import most_exits
from sriovlab.iopath.measured.reasons import Place
from sriovlab.iopath.predict import predict
from sriovlab.iopath.request import Read, Send
from sriovlab.render.tables import table_csv, table_html
from sriovlab.scene.measured_table import causes_table, comparison_table

from ..conftest import require_shared

IOPATH = Path(comparison_module.__file__).resolve().parent


def run_of(name: str) -> Measurement:
    runs: dict[str, Any] = json.loads(require_shared("measurements", "kvm-exits-per-read.json").read_text())
    return read_measurement(runs[name], name=name)


def keys(comparison: Comparison) -> set[str]:
    return {label.key for label in comparison.findings}


# -- 2,000 reads of a machine without AVIC, so its interrupts were trapped ------------------------------


@pytest.mark.parametrize(
    ("run", "asked", "found_path"),
    [
        ("ahci.1", "virtio", "emulated:ahci+posted"),
        ("vblknoioeventfd.1", "virtio", "virtio+ioeventfd-off+posted"),
        ("vblk.1", "virtio", "virtio+trapped"),
        ("emunvme.1", "emulated:nvme", "emulated:nvme+trapped"),
    ],
)
def test_measured_exits_name_the_path_and_the_mode_they_were_made_with(
    run: str, asked: str, found_path: str
) -> None:
    assert compare_with(predict(asked), run_of(run)).causes[0].change.path == found_path


def test_the_measured_vf_makes_no_exit_at_its_registers_but_is_not_without_exits() -> None:
    comparison = compare_with(predict("sriov+trapped"), run_of("vf.1"))

    assert comparison.row("exits-device").verdict is Verdict.INSIDE
    assert comparison.row("exits").measured > 1.6
    assert "too-many.device" not in keys(comparison)


def test_seven_exits_at_the_registers_are_more_than_virtio_can_make() -> None:
    comparison = compare_with(predict("virtio"), run_of("ahci.2"))

    said = next(label for label in comparison.findings if label.key == "too-many.device")
    assert said.slots == {"measured": "7.05", "most": "1", "path": "virtio+posted"}


def test_the_most_exits_of_a_path_are_over_all_modes_and_states() -> None:
    most = most_exits(predict("sriov+posted"))

    assert most[Place.DEVICE] == 0
    assert most[Place.EOI] == predict("sriov+trapped").exits[ExitPlace.EOI]
    assert most[Place.EOI] > predict("sriov+posted").exits[ExitPlace.EOI]


def test_counters_that_miss_kicks_never_say_there_were_too_few() -> None:
    """debugfs counts only register accesses that went on to the VMM; a kick that KVM answers is not among them."""
    after = {"exits": 2000, "mmio_exits": 0, "io_exits": 30}
    run = read_measurement((dict.fromkeys(after, 0), after), requests=1000)
    comparison = compare_with(predict("virtio"), run)

    assert comparison.row("exits-device").verdict is Verdict.UNCLEAR
    assert comparison.row("exits-unnamed").predicted is None


# -- changes ----------------------------------------------------------------------------------------------


def test_a_knob_as_one_types_it_is_the_number_that_was_tried() -> None:
    run = Measurement("own", "x", kind="send", size=1500, queue_depth=12_345, throughput_gbit_s=3.21987)
    bases = (predict("sriov", Send(1500)), predict("virtio", Send(1500), queue_depth=4))
    typed = [
        (change.value, change.knobs[change.name])
        for base in bases
        for change in changes_of(base, run)
        if isinstance(change.knobs.get(change.name), int | float)
    ]

    assert ("12345", 12_345) in typed
    assert ("16384", 16_384) in typed
    assert all(float(text) == value for text, value in typed)


def test_two_changes_at_once_are_offered_only_where_they_do_better_than_one() -> None:
    """A trapped interrupt that finds the vCPU running needs both; one that finds it halted needs the mode alone."""

    def best(vcpu: str) -> str:
        truth = predict("sriov+trapped", vcpu=vcpu)
        reasons = {
            "INTR": truth.exits[ExitPlace.DELIVERY],
            "MSR": truth.exits[ExitPlace.EOI],
            "HLT": truth.exits[ExitPlace.HALT],
        }
        run = Measurement(
            "own",
            "x",
            latency_us=truth.latency_us,
            exits=sum(reasons.values()),
            exits_by_reason=reasons,
            requests=1,
        )
        return compare_with(predict("sriov+posted", Read(4096)), run).causes[0].change.text

    assert best("running") == "sriov+trapped, vcpu='running'"
    assert best("halted") == "sriov+trapped"


# -- words and tables ---------------------------------------------------------------------------------------


def test_no_sentence_of_the_topic_is_one_that_nobody_says() -> None:
    files = [*IOPATH.glob("measured/*.py"), IOPATH.parent / "scene" / "measured_table.py"]
    source = "\n".join(file.read_text(encoding="utf-8") for file in files)
    whole = set(re.findall(r'"(?:measured\.)?([a-z]+(?:[.-][a-z0-9-]+)*)"', source))
    families = set(re.findall(r'f"(?:measured\.)?([a-z-]+)\.\{', source)) | {"cause", "column"}

    unsaid = {
        key for key in topic_keys("measured", "en") if key not in whole and key.split(".")[0] not in families
    }
    assert not unsaid
    assert {"quantity", "verdict", "met", "beyond", "too-many", "tell"} <= families


def test_a_name_from_a_file_stays_text_in_html() -> None:
    run = Measurement("own", "<script>alert(1)</script>", latency_us=200.0)
    comparison = compare_with(predict("virtio"), run)

    assert "<script>" not in table_html(comparison_table(comparison))
    assert table_html(causes_table(comparison)).count("<tr>") == 1 + len(comparison.causes)


def test_what_the_model_does_not_have_is_an_empty_cell() -> None:
    run = Measurement("own", "x", exits=30, exits_by_reason={"CPUID": 10, "HLT": 20}, requests=10)
    lines = table_csv(comparison_table(compare_with(predict("virtio"), run))).splitlines()

    other = topic_keys("measured", "en")[f"quantity.{Quantity.EXITS_OTHER}"]
    assert f'"{other}",,,,1.0,,cannot be said' in lines
