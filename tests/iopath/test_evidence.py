"""The model beside what was published and counted, and that nothing is fitted to anything else."""

from __future__ import annotations

import json

import pytest

from sriovlab.facts.book import fact, facts
from sriovlab.facts.exits import exit_counts
from sriovlab.iopath.evidence import Claim, EvidenceRow, evidence, exit_evidence
from sriovlab.iopath.fitting import fitted_parameters, fitted_value
from sriovlab.render.tables import table_html, table_text
from sriovlab.scene.evidence_tables import costs_table, evidence_table, exits_table
from tests.conftest import require_shared


@pytest.mark.parametrize("row", evidence(), ids=lambda row: row.observation.id)
def test_every_observation_is_inside_its_tolerance(row: EvidenceRow) -> None:
    assert row.is_inside, f"{row.predicted.typical} against {row.observation.value}"
    assert row.predicted.low <= row.predicted.typical <= row.predicted.high


def test_every_calibration_observation_has_a_row() -> None:
    measured = {key for key in facts() if key.startswith("c_") and key != "c_exit_eff_nehalem"}
    assert measured | {"nvme_optane_read_qd1", "nvme_nand_read_qd1"} == {r.observation.id for r in evidence()}


@pytest.mark.parametrize("parameter", fitted_parameters())
def test_a_fitted_parameter_is_what_its_observations_give(parameter: str) -> None:
    seen = {row.observation.id: row.observation.value for row in evidence()}
    assert fact(parameter).value == pytest.approx(fitted_value(parameter, seen), rel=0.02)


def test_a_fitted_row_has_a_parameter_and_only_it_is_left_out() -> None:
    for row in evidence():
        if row.claim is not Claim.FITTED:
            assert row.leave_one_out is None
    without = {r.observation.id: r.leave_one_out for r in evidence() if r.claim is Claim.FITTED}
    assert without["c_vfio_nand_read"] == pytest.approx(0.023, abs=0.01)
    assert without["nvme_nand_read_qd1"] is None


@pytest.mark.parametrize("row", exit_evidence(), ids=lambda row: row.count.id)
def test_register_exits_come_out_of_the_hops_exactly(row: object) -> None:
    assert row.is_exact  # type: ignore[attr-defined]


def test_the_counted_exits_add_up_to_the_total() -> None:
    for row in exit_evidence():
        assert sum(row.counted.values()) == pytest.approx(row.count.total, abs=0.02)


def test_the_counted_exits_are_those_of_the_recorded_runs() -> None:
    runs = json.loads(require_shared("measurements", "kvm-exits-per-read.json").read_text())
    names = {
        "ahci": "ahci",
        "nvme": "emunvme",
        "virtio": "vblk",
        "virtio-ioeventfd-off": "vblknoioeventfd",
        "vf": "vf",
    }
    for count in exit_counts():
        pair = [runs[f"{names[count.id]}.{i}"] for i in (1, 2)]
        assert count.total == pytest.approx(
            sum(r["delta"]["exits"] / r["reads"] for r in pair) / 2, abs=0.002
        )
        for reason, number in count.reasons.items():
            mean = sum(r["exit_reasons"].get(reason, 0) / r["reads"] for r in pair) / 2
            assert number == pytest.approx(mean, abs=0.002)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_tables_name_source_claim_and_range(language: str) -> None:
    shown = table_text(evidence_table(), language)
    assert "BM-Store" in shown
    assert ("predicted" if language == "en" else "预测") in shown
    assert "<td" in table_html(exits_table(), language)
    costs = table_text(costs_table(), language)
    assert "context_switch" in costs
    assert ("assumed" if language == "en" else "假设") in costs


def test_no_error_is_written_as_less_than_nothing() -> None:
    shown = table_text(evidence_table())
    assert "-0.0 %" not in shown
    assert " 0.0 %" in shown
