"""The register map: page and table agree, blocks survive the round trip, golden bytes typed by hand."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire import plc_map
from drivers.wire.modbus import ExceptionCode
from drivers.wire.plc import PlcCommand, PlcEvent, PlcRequest, PlcState
from drivers.wire.plc_arguments import (
    FireEnableArguments,
    PermitArguments,
    PermitToken,
    decode_fire_enable,
    decode_permit,
    decode_shot,
    encode_fire_enable,
    encode_permit,
    encode_shot,
)
from firmware_sim.plc.registers import PlcRegisters
from tests.unit.plc.kit import Station
from tests.unit.plc.map_page import PAGE, render

VECTORS = Path(__file__).parents[2] / "vectors" / "plc.txt"


def _vectors() -> dict[str, bytes]:
    lines = [line for line in VECTORS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = [[part.strip() for part in line.split("|")] for line in lines]
    return {row[0]: bytes.fromhex(row[2]) for row in rows}


def test_page_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m tests.unit.plc.map_page"


def test_blocks_are_contiguous_and_fit_one_exchange() -> None:
    for rows, start in ((plc_map.REQUEST, 0), (plc_map.STATUS, 100), (plc_map.EVENT, 1000)):
        address = start
        for row in rows:
            assert row.address == address
            address += row.width
    assert plc_map.REQUEST_REGISTERS <= 121 and plc_map.STATUS_REGISTERS <= 125, "FC 23 limits"
    assert plc_map.EVENTS_PER_READ * plc_map.EVENT_REGISTERS <= 125


def test_golden_request_blocks() -> None:
    vectors = _vectors()
    beat = PlcRequest(PlcCommand.NONE, (), 7, 2, 777, 300)
    assert plc_map.encode_request(beat) == vectors["heartbeat"]
    assert plc_map.decode_request(vectors["heartbeat"]) == beat
    fire = PlcRequest(PlcCommand.FIRE, encode_shot(17, 0xDEADBEEF), 8, 2, 777, 301)
    assert plc_map.encode_request(fire) == vectors["fire"]
    assert decode_shot(plc_map.decode_request(vectors["fire"]).arguments) == (17, 0xDEADBEEF)


def test_golden_event() -> None:
    event = PlcEvent(261, 1600, 3, 1, 3000.0, True)
    assert plc_map.encode_event(event) == _vectors()["trip"]
    assert plc_map.decode_event(_vectors()["trip"]) == event
    assert plc_map.decode_event(bytes(24)) is None
    assert plc_map.event_address(261) == 1000 + 5 * 12


def test_status_round_trip_at_documented_addresses() -> None:
    station = Station()
    station.reach(PlcState.CHARGE)
    status = station.plc.status()
    block = plc_map.encode_status(status)
    again = plc_map.decode_status(block)
    assert replace(again, probe_a_v=0.0, probe_b_v=0.0, module_v=()) == replace(
        status, probe_a_v=0.0, probe_b_v=0.0, module_v=()
    )
    assert again.probe_a_v == pytest.approx(status.probe_a_v) and len(again.module_v) == 4

    def word(address: int) -> int:
        return int.from_bytes(block[2 * (address - 100) : 2 * (address - 100) + 2], "big")

    assert word(100) == PlcState.CHARGE and word(135) == 0b1111 and word(164) == 4
    assert word(106) << 16 | word(107) == status.scan


@pytest.mark.parametrize("cut", [0, 1, 55, 57, 112])
def test_block_of_another_length_is_refused(cut: int) -> None:
    with pytest.raises(ValueError):
        plc_map.decode_request(bytes(cut))
    with pytest.raises(ValueError):
        plc_map.decode_status(bytes(cut))


def test_probe_without_a_number_travels_as_nan() -> None:
    station = Station()
    station.force["probe_a_v"] = math.inf
    station.scan(3)
    assert math.isnan(plc_map.decode_status(plc_map.encode_status(station.plc.status())).probe_a_v)


TOKENS = st.builds(
    PermitToken,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
)


@given(TOKENS, st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_arguments_round_trip(token: PermitToken, target: int, mask: int, nonce: int, gate_us: int) -> None:
    permit = PermitArguments(token, target / 10.0, mask / 10.0, 1.5)
    assert decode_permit(encode_permit(permit)) == permit
    enable = FireEnableArguments(token, nonce, mask, gate_us / 1e6)
    again = decode_fire_enable(encode_fire_enable(enable))
    assert replace(again, gate_s=0.0) == replace(enable, gate_s=0.0)
    assert again.gate_s == pytest.approx(enable.gate_s)


def test_a_target_that_16_bits_cannot_hold_travels_in_32() -> None:
    token = PermitToken(1, 1, 1, 1, 15)
    for target_v, registers in ((6553.5, 14), (6553.6, 15), (24350.0, 15), (400_000.0, 15)):
        asked = PermitArguments(token, target_v, 250.0, 10.0)
        assert len(encode_permit(asked)) == registers
        assert decode_permit(encode_permit(asked)) == asked


def test_argument_that_does_not_fit_is_refused() -> None:
    token = PermitToken(1, 1, 1, 1, 15)
    with pytest.raises(ValueError):
        encode_permit(PermitArguments(token, 3000.0, 7000.0, 10.0))
    with pytest.raises(ValueError):
        encode_shot(-1, 0)
    with pytest.raises(ValueError):
        plc_map.encode_request(PlcRequest(arguments=(0,) * 17))
    with pytest.raises(ValueError):
        plc_map.encode_request(PlcRequest(sequence=2**32))


@pytest.mark.parametrize(
    ("address", "count"), [(90, 5), (0, 29), (169, 2), (170, 1), (999, 1), (1000 + 256 * 12, 1), (65535, 1)]
)
def test_address_outside_a_block(address: int, count: int) -> None:
    assert PlcRegisters(Station().plc).read(address, count) is ExceptionCode.ILLEGAL_ADDRESS


def test_part_of_a_request_is_never_taken() -> None:
    station = Station()
    registers = PlcRegisters(station.plc)
    assert registers.write(0, b"\0\1") is ExceptionCode.ILLEGAL_VALUE
    assert registers.write(100, b"\0\1") is ExceptionCode.ILLEGAL_ADDRESS
    assert registers.read(0, 28) == bytes(56)


def test_ring_page() -> None:
    station = Station()
    station.ready()
    page = PlcRegisters(station.plc).read(1000, 24)
    assert isinstance(page, bytes)
    first, second = plc_map.decode_event(page[:24]), plc_map.decode_event(page[24:])
    assert (first, second) == station.plc.events[:2]
    part = PlcRegisters(station.plc).read(1005, 3)
    assert part == page[10:16]
