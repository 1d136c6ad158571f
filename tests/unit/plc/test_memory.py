"""SWE-134 f: the PLC trips on one wrong bit in what it remembers, before it uses it (safety.md 4.6 f)."""

import math
import struct
import zlib
from collections import Counter
from typing import Any

import pytest

from drivers.wire.plc import EventCode, PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.memory import Block, flip, layout_of, turn_over
from firmware_sim.plc.plc import Plc
from firmware_sim.plc.settings import Bands, Permit, Times, resolve_bands, resolve_times
from firmware_sim.signals import FieldInputs
from tests.unit.plc.kit import LIMITS, TIMES, S, Station

PERMIT = Permit(15, 3000.0, 250.0, 45.0, 7, 15)
PARTS = {
    "control": ControlState(state=S.CHARGE, t=123, dump_a_open=True, contactor_close=True, trips=0x101),
    "permit": PERMIT,
    "bands": resolve_bands(LIMITS, PERMIT),
    "times": resolve_times(LIMITS, PERMIT),
}


def flat(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The numbers of a block without its part of a bench that runs, which has a block of its own."""
    return tuple(value for value in values if not isinstance(value, tuple))


@pytest.mark.parametrize("name", PARTS)
def test_every_single_bit_of_every_field_shows(name: str) -> None:
    values = flat(PARTS[name])
    block = Block(layout_of(type(PARTS[name])))
    block.store(values)
    assert block.holds(values)
    for at, value in enumerate(values):
        for bit in range(64):
            damaged = flip(value, bit)
            assert not block.holds((*values[:at], damaged, *values[at + 1 :])), (at, bit)
    assert block.holds(values)


def test_a_wrong_bit_in_the_redundancy_shows_too() -> None:
    block = Block("ii")
    block.store((1, 2))
    for bit in range(64):
        block.flip_complement(bit)
        assert not block.holds((1, 2))
        block.flip_complement(bit)
    for bit in range(32):
        block.flip_crc(bit)
        assert not block.holds((1, 2))
        block.flip_crc(bit)
    assert block.holds((1, 2))


def test_the_second_copy_is_the_complement_of_every_bit_and_the_checksum_that_of_the_image() -> None:
    """What sets or clears the same cells of both copies must not be able to leave a pair that fits."""
    for layout, values in (("ii", (1, -2)), ("d", (1.5,)), ("qd", (0, 0.0))):
        image = struct.pack(f"<{layout}", *values)
        block = Block(layout)
        block.store(values)
        assert block._complement == int.from_bytes(bytes(255 - byte for byte in image), "little")
        assert block._crc == zlib.crc32(image)


def test_a_bit_of_the_redundancy_is_counted_within_it() -> None:
    """Bit 32 of an image or checksum of 32 bits is its bit 0: twice the same is no damage."""
    for name in ("flip_complement", "flip_crc"):
        block = Block("i")
        block.store((6,))
        getattr(block, name)(0)
        assert not block.holds((6,))
        getattr(block, name)(32)
        assert block.holds((6,)), name
    block.flip_complement(0)
    assert block.recall(0) == 7
    crc = block._crc
    block.flip_crc(31)
    assert block._crc == crc ^ 0x80000000


@pytest.mark.parametrize(
    ("value", "bit", "damaged"),
    [
        (1.0, 63, -1.0),
        (1.0, 52, 0.5),
        (1.0, 0, math.nextafter(1.0, 2.0)),
        (1.0, 64, math.nextafter(1.0, 2.0)),
        (math.nextafter(1.0, 2.0), 63, -math.nextafter(1.0, 2.0)),
        (6, 0, 7),
        (6, 31, 7),
        (0, 30, 1 << 30),
        (True, 5, False),
    ],
)
def test_flip_turns_exactly_that_bit(value: float, bit: int, damaged: float) -> None:
    assert flip(value, bit) == damaged


def test_the_checksum_sees_what_hits_both_copies_alike() -> None:
    block = Block("i")
    block.store((6,))
    block.flip_complement(0)
    assert not block.holds((7,))


def test_what_does_not_fit_is_no_memory() -> None:
    block = Block("i")
    block.store((0,))
    assert not block.holds((1 << 40,))
    with pytest.raises(struct.error):
        block.store((1 << 40,))


def test_the_layouts_have_a_place_for_every_field() -> None:
    for kind, parts in ((ControlState, 1), (Permit, 0), (Bands, 0), (Times, 1)):
        assert len(layout_of(kind)) == len(kind._fields) - parts
    assert layout_of(Permit) == "idddii" and layout_of(Times) == "i" * 19
    assert isinstance(ControlState()[-1], tuple) and isinstance(TIMES[-1], tuple), "the part is the last field"


def test_the_seed_chooses_among_all_fields() -> None:
    hit: Counter[str] = Counter()
    for seed in range(3000):
        name, damaged = turn_over(PARTS, seed)
        assert turn_over(PARTS, seed) == (name, damaged) or damaged != damaged
        old = PARTS[name]
        layout = f"<{layout_of(type(old))}"
        assert struct.pack(layout, *flat(damaged)) != struct.pack(layout, *flat(old))
        hit[name] += 1
    fields = sum(len(flat(values)) for values in PARTS.values())
    for name, values in PARTS.items():
        assert hit[name] == pytest.approx(3000 * len(flat(values)) / fields, rel=0.25)


def test_a_seed_means_the_same_damage_in_every_version() -> None:
    """Reports name the boot id of a fault: whoever repeats it has to see the same bit."""
    stored = {"permit": PERMIT, "mark": 0, "horn": 0}
    assert [turn_over(stored, seed) for seed in (2, 3, 4, 6, 7, 8, 10, 12, 13)] == [
        ("mark", 1 << 29),
        ("permit", PERMIT._replace(tolerance_v=41.0)),
        ("mark", 1 << 25),
        ("horn", 1 << 23),
        ("mark", 1 << 17),
        ("horn", 1 << 15),
        ("permit", PERMIT._replace(mask=15 | 1 << 21)),
        ("permit", PERMIT._replace(shot=15)),
        ("mark", 1 << 8),
    ]


def tripped(plc: Plc, state: PlcState = S.TRIP) -> None:
    out = plc.outputs
    assert plc.control.state is state
    assert plc.trips == Trip.MEMORY and plc.control.first_fault == Trip.MEMORY
    assert not (out.dump_a_open or out.dump_b_open or out.contactor_close or out.charger_enable or out.fire)
    assert out.gate_open_ns == 0
    assert not plc.self_test_fresh and not plc.warned
    last = plc.events[-1]
    assert last.code == EventCode.TRIP and last.detail == Trip.MEMORY and last.first_fault


@pytest.mark.parametrize("seed", range(1, 151))
def test_one_bit_trips_an_idle_plc(seed: int) -> None:
    plc = Plc(LIMITS, 1, seed)
    for _ in range(3):
        plc.scan(FieldInputs(module_v=[0.0] * 4))
    assert plc.control.state is S.SAFE
    plc.inject("memory_flip")
    plc.scan(FieldInputs(module_v=[0.0] * 4))
    tripped(plc)


@pytest.mark.parametrize("state", [S.OPENING, S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN, S.SHOT, S.DUMPING])
def test_one_bit_trips_from_every_state_within_its_scan(state: PlcState) -> None:
    station = Station()
    if state is S.DUMPING:
        station.reach(S.FLOAT)
        station.do(PlcCommand.DUMP)
    else:
        station.reach(state)
    assert station.state is state
    for seed in (1, 2, 3, 5, 8):
        station.plc.boot_id = seed
        station.plc.inject("memory_flip")
        station.scan()
        tripped(station.plc)
        assert station.plc.permit == Permit() and station.plc.nonce


@pytest.mark.parametrize("mark", ["_tested", "_horn_from"])
def test_the_marks_that_permit_depends_on_are_covered(mark: str) -> None:
    station = Station()
    station.ready()
    setattr(station.plc, mark, getattr(station.plc, mark) ^ 4)
    station.scan()
    tripped(station.plc)


def test_the_gate_and_the_proof_are_covered() -> None:
    for damage in ("gate", "proof"):
        station = Station()
        station.ready()
        if damage == "gate":
            station.plc._tokens.gate_ns ^= 1 << 20
        else:
            station.plc.proof.level = type(station.plc.proof.level)(station.plc.proof.level ^ 1)
        station.scan()
        tripped(station.plc)


def test_leaves_only_by_the_key_after_the_no_approach_time() -> None:
    station = Station()
    station.reach(S.FLOAT, 400.0)
    station.plc.inject("memory_flip")
    station.scan()
    tripped(station.plc)
    station.scan(200)
    for _ in range(2):  # energy and cause are gone, but a switch may hang for all the PLC knows
        station.force["local_reset"] = True
        station.scan(5)
        assert station.state is S.TRIP
        station.force["local_reset"] = False
        station.scan(5)
    station.scan(TIMES.no_approach)
    station.force["local_reset"] = True
    station.scan(2)
    assert station.state is S.SAFE and station.plc.trips == 0
    station.force["local_reset"] = False
    station.shot = 2
    station.scan(2)
    assert station.do(PlcCommand.PERMIT, station.permit_arguments()).ack is Refusal.GUARD  # not self-tested since


def test_an_undamaged_plc_never_doubts_itself() -> None:
    station = Station()
    station.reach(S.SHOT)
    station.scan(400)
    assert station.state is S.SAFE
    assert not [e for e in station.plc.events if e.code == EventCode.TRIP]


def locked_out() -> Station:
    station = Station()
    station.reach(S.FLOAT)
    station.bench.dump_tau_s = 1e6  # both dumps fail
    station.do(PlcCommand.DUMP)
    station.until(S.LOCKOUT)
    return station


@pytest.mark.parametrize("seed", range(1, 30))
def test_lockout_is_not_left_by_a_wrong_bit(seed: int) -> None:
    plc = Plc(LIMITS, 1, seed)
    plc.control = ControlState(state=S.LOCKOUT)
    plc.memory.state.store(plc._remembered())
    plc.inject("memory_flip")
    plc.scan(FieldInputs(module_v=[0.0] * 4))
    tripped(plc, S.LOCKOUT)


@pytest.mark.parametrize("bit", range(31))
def test_lockout_is_read_from_either_copy_of_the_state(bit: int) -> None:
    station = locked_out()
    station.plc.control = station.plc.control._replace(state=flip(S.LOCKOUT, bit))
    station.scan()
    tripped(station.plc, S.LOCKOUT)


def test_lockout_outlives_a_restart_of_the_plc() -> None:
    station = locked_out()
    station.plc.inject("reboot")
    station.scan(5)
    assert station.state is S.LOCKOUT
    station.force["local_reset"] = True
    station.scan(5)
    assert station.state is S.LOCKOUT


def test_a_state_that_neither_copy_knows_is_lockout() -> None:
    plc = Plc(LIMITS, 1, 7)
    plc.control = ControlState(state=flip(S.SAFE, 20))  # type: ignore[arg-type]
    plc.memory.state.store(plc._remembered())
    plc.memory.state.flip_crc(3)
    plc.scan(FieldInputs(module_v=[0.0] * 4))
    tripped(plc, S.LOCKOUT)


def test_a_restarted_plc_wants_to_see_a_charged_bank_go() -> None:
    """Above 4 V_safe only the decay proves it: what the PLC saw before it restarted is lost."""
    station = Station()
    station.reach(S.FLOAT)
    station.plc.inject("reboot")
    station.scan(2)
    assert station.state is S.TRIP and station.plc.proof.fitted
    station.scan(200)
    assert station.plc.proof.level == 1 and station.plc.proof.fitted
