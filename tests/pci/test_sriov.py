"""The SR-IOV capability: byte for byte, and field for field as lspci prints it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sriovlab.errors import ConfigSpaceError
from sriovlab.pci.address import Address, vf_routing_id
from sriovlab.pci.config_space import ConfigSpace
from sriovlab.pci.sriov import SriovCapability
from tests.conftest import require_shared, require_tool

HEADER = (0x0010 | 1 << 16).to_bytes(4, "little")


@given(st.binary(min_size=60, max_size=60))
def test_any_64_bytes_come_back_as_they_were(body: bytes) -> None:
    data = HEADER + body
    assert SriovCapability.decode(data).encode() == data


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_a_routing_id_wraps_at_16_bits(pf: int, offset: int, stride: int, index: int) -> None:
    assert vf_routing_id(pf, offset, stride, index) == (pf + offset + stride * index) % 65536


def test_the_82576_puts_its_vfs_on_bus_1_with_ari_and_on_bus_2_without() -> None:
    assert str(Address.from_routing_id(0, vf_routing_id(0x0100, 128, 2, 0))) == "0000:01:10.0"
    assert str(Address.from_routing_id(0, vf_routing_id(0x0100, 384, 2, 0))) == "0000:02:10.0"


def test_a_capability_cut_short_says_so() -> None:
    with pytest.raises(ConfigSpaceError, match="0000:3b:00.0"):
        SriovCapability.decode(HEADER + bytes(20), "0000:3b:00.0")


def space_with(capability: bytes) -> bytes:
    """An SR-IOV endpoint's configuration space: header, PCIe capability, the SR-IOV capability at 0x100."""
    data = bytearray(4096)
    data[0:4] = bytes.fromhex("8680c910")
    data[6] = 0x10
    data[0x0B] = 0x02
    data[0x34] = 0x40
    data[0x40:0x44] = bytes([0x10, 0x00, 0x02, 0x00])
    data[0x100:0x140] = capability[:2] + b"\x01\x00" + capability[4:]
    return bytes(data)


def hex_dump(address: str, data: bytes) -> str:
    rows = [f"{i:03x}: " + " ".join(f"{b:02x}" for b in data[i : i + 16]) for i in range(0, len(data), 16)]
    return f"{address} Ethernet controller: x\n" + "\n".join(rows) + "\n\n"


def said_by_lspci(dump: Path) -> list[str]:
    tool = require_tool("lspci")
    output = subprocess.run(
        [tool, "-F", str(dump), "-vvv", "-D"], capture_output=True, text=True, check=True
    ).stdout
    return [block for block in output.split("\n\n") if "(SR-IOV)" in block]


def sign(value: bool) -> str:
    return "+" if value else "-"


def compare(decoded: SriovCapability, block: str) -> None:
    """Every field that lspci prints of the capability."""
    block = block[block.index("(SR-IOV)") :]

    def said(pattern: str) -> str:
        match = re.search(pattern, block)
        assert match, (pattern, block)
        return match.group(1)

    assert said(r"IOVCap:\s+Migration([+-])") == sign(decoded.vf_migration_capable)
    assert said(r"IOVCap:.* 10BitTagReq([+-])") == sign(decoded.vf_10bit_tag_requester_supported)
    if decoded.vf_migration_capable:
        assert (
            int(said(r"Interrupt Message Number:? ([0-9a-f]+)"), 16)
            == decoded.vf_migration_interrupt_message_number
        )
    assert said(r"IOVCtl:\s+Enable([+-])") == sign(decoded.vf_enable)
    assert said(r"IOVCtl:.* Migration([+-])") == sign(decoded.vf_migration_enable)
    assert said(r"IOVCtl:.* Interrupt([+-])") == sign(decoded.vf_migration_interrupt_enable)
    assert said(r"IOVCtl:.* MSE([+-])") == sign(decoded.vf_mse)
    assert said(r"IOVCtl:.* ARIHierarchy([+-])") == sign(decoded.ari_capable_hierarchy)
    assert said(r"IOVCtl:.* 10BitTagReq([+-])") == sign(decoded.vf_10bit_tag_requester_enable)
    assert said(r"IOVSta:\s+Migration([+-])") == sign(decoded.vf_migration_status)
    assert int(said(r"Initial VFs: (\d+)")) == decoded.initial_vfs
    assert int(said(r"Total VFs: (\d+)")) == decoded.total_vfs
    assert int(said(r"Number of VFs: (\d+)")) == decoded.num_vfs
    assert int(said(r"Function Dependency Link: ([0-9a-f]+)"), 16) == decoded.function_dependency_link
    assert int(said(r"VF offset: (\d+)")) == decoded.first_vf_offset
    assert int(said(r"stride: (\d+)")) == decoded.vf_stride
    assert int(said(r"Device ID: ([0-9a-f]+)"), 16) == decoded.vf_device_id
    assert int(said(r"Supported Page Size: ([0-9a-f]+)"), 16) == decoded.supported_page_sizes
    assert int(said(r"System Page Size: ([0-9a-f]+)"), 16) == decoded.system_page_size
    assert int(said(r"VF Migration: offset: ([0-9a-f]+)"), 16) == decoded.vf_migration_state_array_offset
    assert int(said(r"VF Migration: .*BIR: ([0-9a-f]+)"), 16) == decoded.vf_migration_state_bir


@pytest.mark.lspci
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=60, max_size=60), min_size=24, max_size=24))
def test_random_capabilities_read_as_lspci_reads_them(tmp_path: Path, bodies: list[bytes]) -> None:
    capabilities = [SriovCapability.decode(HEADER + body) for body in bodies]
    dump = tmp_path / "dump"
    dump.write_text(
        "".join(
            hex_dump(f"0000:{i + 1:02x}:00.0", space_with(c.encode())) for i, c in enumerate(capabilities)
        )
    )

    blocks = said_by_lspci(dump)

    assert len(blocks) == len(capabilities)
    for capability, block in zip(capabilities, blocks, strict=True):
        compare(capability, block)


def spaces(path: Path) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytearray]] = []
    for line in path.read_text(errors="replace").splitlines():
        if re.match(r"([0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] ", line):
            found.append((line.split()[0], bytearray()))
        elif re.match(r"[0-9a-f]{2,3}: ", line) and found:
            found[-1][1].extend(bytes.fromhex(line.partition(": ")[2]))
    return [(address, bytes(data)) for address, data in found]


@pytest.mark.lspci
@pytest.mark.parametrize(
    ("name", "first", "count"), [("cap-ea-1", "0002:01:00.1", 128), ("cap-pcie-2", "0000:02:10.0", 1)]
)
def test_real_dumps_read_as_lspci_reads_them(name: str, first: str, count: int) -> None:
    dump = require_shared("realdata", "pciutils", name)
    ((address, data),) = [(a, d) for a, d in spaces(dump) if ConfigSpace(d).find_extended(0x10)]
    capability = SriovCapability.of(ConfigSpace(data))
    assert capability is not None
    (block,) = said_by_lspci(dump)

    compare(capability, block)
    pf = Address.parse(address)
    ids = capability.vf_routing_ids(pf.routing_id)
    assert (str(Address.from_routing_id(pf.domain, ids[0])), len(ids)) == (first, count)
