"""Configuration space: both lists, and lists that lie."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovlab.errors import ConfigSpaceError
from sriovlab.pci.acs import AcsCapability
from sriovlab.pci.address import Address
from sriovlab.pci.config_space import ConfigSpace
from sriovlab.pci.express import ExpressCapability, PortType
from sriovlab.pci.header import Header
from sriovlab.pci.msix import MsixCapability


def space(size: int = 256, **places: bytes) -> ConfigSpace:
    data = bytearray(size)
    data[6], data[0x34] = 0x10, 0x40
    for name, content in places.items():
        at = int(name[1:], 16)
        data[at : at + len(content)] = content
    return ConfigSpace(bytes(data), "0000:3b:00.0")


def test_capabilities_come_in_the_order_of_the_list() -> None:
    found = space(x40=bytes([0x11, 0x50]), x50=bytes([0x10, 0x00])).capabilities
    assert [(c.id, c.offset) for c in found] == [(0x11, 0x40), (0x10, 0x50)]


def test_a_loop_is_an_error_that_says_where() -> None:
    with pytest.raises(ConfigSpaceError, match=r"0000:3b:00\.0.*0x40"):
        _ = space(x40=bytes([0x11, 0x40])).capabilities


def test_a_pointer_into_the_header_is_an_error() -> None:
    with pytest.raises(ConfigSpaceError, match="0x10"):
        _ = space(x40=bytes([0x11, 0x10])).capabilities


def test_capabilities_that_overlap_are_an_error_and_both_are_found() -> None:
    laid = space(x40=bytes([0x10, 0x48]), x48=bytes([0x11, 0x00]))
    found, problem = laid.walk_capabilities()
    assert [c.id for c in found] == [0x10, 0x11]
    assert problem is not None
    assert "0x48" in problem


def test_an_extended_loop_and_64_bytes_are_errors() -> None:
    with pytest.raises(ConfigSpaceError, match="0x100"):
        _ = space(4096, x100=(0x0D | 1 << 16 | 0x100 << 20).to_bytes(4, "little")).extended_capabilities
    with pytest.raises(ConfigSpaceError):
        _ = ConfigSpace(bytes(64)).extended_capabilities
    assert ConfigSpace(bytes(256)).extended_capabilities == ()


@given(st.binary(min_size=0, max_size=4096))
def test_no_bytes_make_the_walk_fall(data: bytes) -> None:
    ConfigSpace(data).walk_capabilities()
    ConfigSpace(data).walk_extended_capabilities()


@given(st.binary(max_size=600), st.sampled_from([64, 256, 4096]))
def test_no_bytes_make_a_decoder_fall_but_with_a_sentence(data: bytes, size: int) -> None:
    laid = ConfigSpace(data.ljust(size, b"\0")[:size])
    for decode in (Header.of, ExpressCapability.of, MsixCapability.of, AcsCapability.of):
        with contextlib.suppress(ConfigSpaceError):
            decode(laid)


def test_acs_bits_are_named_in_order() -> None:
    laid = space(
        4096,
        x100=(0x0D | 1 << 16).to_bytes(4, "little")
        + (0x5D).to_bytes(2, "little")
        + (0x1D).to_bytes(2, "little"),
    )
    acs = AcsCapability.of(laid)
    assert acs is not None
    assert acs.capable == ("SV", "RR", "CR", "UF", "DT")
    assert acs.enabled == ("SV", "RR", "CR", "UF")
    assert acs.is_isolating


def test_msix_says_how_many_vectors_and_where() -> None:
    msix = MsixCapability.of(space(x40=bytes([0x11, 0, 0x09, 0x80, 0x04, 0x20, 0, 0, 0x04, 0x30, 0, 0])))
    assert msix is not None
    assert (msix.table_size, msix.is_enabled, msix.table_bir, msix.table_offset) == (10, True, 4, 0x2000)


def test_a_root_port_and_its_link() -> None:
    data = bytearray(0x3C)
    data[0:2], data[2] = bytes([0x10, 0]), 0x42
    data[0x0C:0x10] = (0x83).to_bytes(4, "little")
    data[0x12:0x14] = (0x42).to_bytes(2, "little")
    port = ExpressCapability.of(space(x40=bytes(data)))
    assert port is not None
    assert (port.port_type, port.max_speed_gt_s, port.max_width) == (PortType.ROOT_PORT, 8.0, 8)
    assert (port.speed_gt_s, port.width) == (5.0, 4)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
def test_an_address_and_its_text_are_one(routing_id: int, domain: int) -> None:
    address = Address.from_routing_id(domain, routing_id)
    assert Address.parse(str(address)) == address
    assert address.routing_id == routing_id


@pytest.mark.parametrize("text", ["", "3b:00", "0000:3b:20.0", "0000:3b:00.8", "x"])
def test_a_bad_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address|:"):
        Address.parse(text)
