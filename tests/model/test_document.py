"""The topology document: its schema, its keys, and the way there and back."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sriovlab as sl
from sriovlab.model import schema
from sriovlab.model.topology import Topology

PUBLISHED = Path(schema.__file__).with_name("topology.schema.json")
HOSTS = [*(f"example:{name}" for name in sl.examples()), "synthetic:nic[vfs=8,ports=2] nvme[vfs=4]"]
FUNCTION_KEYS = [
    "id",
    "host",
    "address",
    "routing_id",
    "vendor_id",
    "device_id",
    "class_code",
    "kind",
    "driver",
    "driver_override",
    "numa_node",
    "iommu_group",
    "parent",
    "physical_function",
    "vf_index",
    "sriov",
]
SRIOV_KEYS = [
    "total_vfs",
    "driver_max_vfs",
    "initial_vfs",
    "num_vfs",
    "vf_enable",
    "vf_mse",
    "ari_capable_hierarchy",
    "first_vf_offset",
    "vf_stride",
    "vf_device_id",
    "supported_page_sizes",
    "system_page_size",
    "vf_bars",
]


def test_the_published_schema_is_that_of_the_dataclasses(update_golden: bool) -> None:
    if update_golden:
        PUBLISHED.write_text(json.dumps(schema.make_schema(), indent=1) + "\n")
    assert schema.topology_schema() == schema.make_schema()


@pytest.mark.parametrize("name", HOSTS)
def test_documents_hold_to_the_schema_and_read_back(name: str) -> None:
    host = sl.load(name)
    document = json.loads(json.dumps(host.to_document()))

    jsonschema.Draft202012Validator(schema.topology_schema()).validate(document)
    assert Topology.from_document(document) == host


@pytest.mark.parametrize("key", ["schema", "functions", "warnings"])
def test_the_schema_refuses_a_document_without_a_section(key: str) -> None:
    document = sl.load("example:nvme-0vf").to_document()
    del document[key]
    with pytest.raises(jsonschema.ValidationError, match=key):
        jsonschema.Draft202012Validator(schema.topology_schema()).validate(document)


def test_the_promised_keys_are_there() -> None:
    document = sl.load("example:cloud").to_document()
    pf = next(f for f in document["functions"] if f["kind"] == "pf")
    assert pf.keys() >= set(FUNCTION_KEYS)
    assert pf["sriov"].keys() >= set(SRIOV_KEYS)
    assert document["iommus"][0].keys() >= {
        "id",
        "kind",
        "interrupt_remapping",
        "posted_interrupts",
        "functions",
    }
    assert document["iommu_groups"][0].keys() >= {"id", "number", "type", "functions"}
    assert document["virtual_machines"][0].keys() >= {"id", "name", "vmm", "functions"}
    assert document["hosts"][0].keys() >= {"id", "name", "kernel", "captured_at", "source"}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.integers(1, 4), st.integers(0, 6))
def test_any_synthetic_host_goes_there_and_back(vfs: int, ports: int, vms: int) -> None:
    host = sl.synthetic(f"nic[vfs={vfs},ports={ports}] nvme[vfs={vfs}]", vms=vms)
    assert Topology.from_document(json.loads(json.dumps(host.to_document()))) == host
    assert len(host.virtual_functions) == vfs * ports + vfs
    assert len({f.routing_id for f in host.functions}) == len(host.functions)


def test_65279_vfs_fit_behind_pf_01_00_0_and_not_one_more() -> None:
    host = sl.synthetic("nic[vfs=65279]")
    assert len(host.virtual_functions) == 65_279
    assert host.virtual_functions[-1].routing_id == 0xFFFF
    with pytest.raises(sl.SriovlabError, match="at most 65,279 VFs fit here"):
        sl.synthetic("nic[vfs=65280]")


def test_colliding_routing_ids_are_refused_by_name() -> None:
    with pytest.raises(
        sl.SriovlabError, match="VF 0 of nic PF 01:00.0 and nic PF 01:00.1|would both be 0000:01:00.1"
    ):
        sl.synthetic("nic[vfs=1,ports=2,offset=1,stride=1]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nic[vfx=1]", "character 1"),
        ("nic[vfs=1] ?", "character 11"),
        ("nic[vfs=a]", "'a' is no number"),
        ("toaster", "one of nic, nvme, gpu"),
    ],
)
def test_a_text_that_cannot_be_read_says_where(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sl.synthetic(text)
