"""The status block: every bit and field from its own terminal, output or conclusion (docs/reference/plc-map.md)."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from drivers.wire.plc import Flag, Input, Output, PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.levels import Aim, Aux, Band, Proof
from firmware_sim.plc.plc import Plc
from firmware_sim.plc.report import FINITE_MAX_V, flag_bits, input_bits, make_status, output_bits
from firmware_sim.signals import FieldInputs, FieldOutputs
from tests.unit.plc.kit import LIMITS, TIMES, Station, control_in, levels_in

S = PlcState
INPUTS = {
    "door_1": Input.DOOR_1,
    "door_2": Input.DOOR_2,
    "estop_ok": Input.ESTOP_OK,
    "operator_key": Input.OPERATOR_KEY,
    "maintenance_key": Input.MAINTENANCE_KEY,
    "search_complete": Input.SEARCH_COMPLETE,
    "ground_stick_stowed": Input.GROUND_STICK_STOWED,
    "local_reset": Input.LOCAL_RESET,
    "second_consent": Input.SECOND_CONSENT,
    "contactor_open": Input.CONTACTOR_OPEN,
    "contactor_closed": Input.CONTACTOR_CLOSED,
    "dump_a_closed": Input.DUMP_A_CLOSED,
    "dump_a_open": Input.DUMP_A_OPEN,
    "dump_b_closed": Input.DUMP_B_CLOSED,
    "dump_b_open": Input.DUMP_B_OPEN,
    "charger_inhibited": Input.CHARGER_INHIBITED,
    "charger_locked_out": Input.CHARGER_LOCKED_OUT,
    "zero_current": Input.ZERO_CURRENT,
    "hw_overvoltage_ok": Input.HW_OVERVOLTAGE_OK,
}
OUTPUTS = {
    "dump_a_open": Output.DUMP_A_OPEN,
    "dump_b_open": Output.DUMP_B_OPEN,
    "contactor_close": Output.CONTACTOR_CLOSE,
    "charger_enable": Output.CHARGER_ENABLE,
    "fire": Output.FIRE,
    "gate_open_ns": Output.GATE_OPEN,
    "horn": Output.HORN,
    "beacon": Output.BEACON,
    "door_lock": Output.DOOR_LOCK,
}


def test_every_input_and_output_has_its_bit() -> None:
    assert set(INPUTS.values()) == set(Input) and set(OUTPUTS.values()) == set(Output)
    dark = FieldInputs(**dict.fromkeys(INPUTS, False))
    for name, bit in INPUTS.items():
        assert input_bits(replace(dark, **{name: True})) == bit, name
    bright = FieldInputs(**dict.fromkeys(INPUTS, True))
    for name, bit in INPUTS.items():
        assert input_bits(replace(bright, **{name: False})) == int(~bit), name
    for name, bit in OUTPUTS.items():
        assert output_bits(replace(FieldOutputs(), **{name: 1 if name == "gate_open_ns" else True})) == bit, name
    assert output_bits(FieldOutputs()) == 0 == input_bits(dark)


def idle() -> Plc:
    """A PLC in SAFE with nothing concluded: dumps travelling, energy left, no test, no warning."""
    plc = Plc(LIMITS, 1, 4242)
    plc.levels = levels_in(S.SAFE, dump_a=Aux.BETWEEN, dump_b=Aux.BETWEEN, a=Band.HIGH)
    plc.control = control_in(S.SAFE, dwell=0)
    return plc


def see(plc: Plc, state: PlcState = S.SAFE, dwell: int = 0, **changes: object) -> None:
    plc.levels = levels_in(S.SAFE, **changes)
    plc.control = control_in(state, dwell=dwell)


def conclude(plc: Plc, name: str) -> None:
    """Make one conclusion true, and as little else as can be."""
    apart = {"dump_a": Aux.BETWEEN, "dump_b": Aux.BETWEEN, "a": Band.HIGH}
    control = plc.control
    match name:
        case "DUMPS_PROVEN_CLOSED":
            see(plc, a=Band.HIGH)
        case "DUMPS_PROVEN_OPEN":
            see(plc, a=Band.HIGH, dump_a=Aux.OPEN, dump_b=Aux.OPEN)
        case "ENERGY_SAFE":
            see(plc, dump_a=Aux.BETWEEN, dump_b=Aux.BETWEEN)
        case "SELF_TEST_FRESH":
            plc._tested = 0
        case "WARNED":
            plc._horn_from, plc.scan_number = 0, 200
        case "IN_TOLERANCE":
            see(plc, **apart, aim=Aim.IN)
        case "MISFIRE":
            plc.control = control._replace(misfire=True)
        case "PARTIAL":
            plc.control = control._replace(partial=True)
        case "DWELL_DONE":
            plc.control = control._replace(dwell=TIMES.dwell)
        case "SELF_TEST_RUNNING":
            plc.test.start(LIMITS.paths)


ALONE = [flag for flag in Flag if flag not in (Flag.PROOF_OF_SAFE, Flag.UNLOCKED)]


@pytest.mark.parametrize("flag", ALONE, ids=lambda flag: flag.name)
def test_conclusion_has_its_bit(flag: Flag) -> None:
    plc = idle()
    assert flag_bits(plc) == 0
    conclude(plc, str(flag.name))
    assert flag_bits(plc) == flag


@pytest.mark.parametrize("side", ["dump_a", "dump_b"])
def test_one_dump_alone_is_neither_closed_nor_open(side: str) -> None:
    for aux in (Aux.CLOSED, Aux.OPEN):
        plc = idle()
        other = "dump_b" if side == "dump_a" else "dump_a"
        see(plc, a=Band.HIGH, **{side: aux, other: Aux.BETWEEN})
        assert flag_bits(plc) == 0


CLOSED_AND_SAFE = Flag.DUMPS_PROVEN_CLOSED | Flag.ENERGY_SAFE


def test_proof_of_safe_needs_closed_dumps_and_no_energy_now() -> None:
    plc = idle()
    plc.proof.level = Proof.HOLDS
    assert flag_bits(plc) == 0
    see(plc)
    assert flag_bits(plc) == CLOSED_AND_SAFE | Flag.PROOF_OF_SAFE
    see(plc, modules=Band.LOW)
    assert flag_bits(plc) == Flag.DUMPS_PROVEN_CLOSED
    see(plc, dump_b=Aux.BETWEEN)
    assert flag_bits(plc) == Flag.ENERGY_SAFE
    see(plc)
    for level in (Proof.OPEN, Proof.FAILED):
        plc.proof.level = level
        assert flag_bits(plc) == CLOSED_AND_SAFE


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
def test_door_is_unlocked_only_in_safe_and_test_after_the_dwell(state: PlcState) -> None:
    plc = idle()
    see(plc, state, dwell=TIMES.dwell)
    expected = CLOSED_AND_SAFE | Flag.DWELL_DONE
    assert flag_bits(plc) == (expected | Flag.UNLOCKED if state in (S.SAFE, S.TEST) else expected)
    see(plc, state, dwell=TIMES.dwell - 1)
    assert flag_bits(plc) == CLOSED_AND_SAFE


@pytest.fixture(scope="module")
def tripped() -> Station:
    """A station that was tripped out of FLOAT at 1000 V by door 2 and the e-stop, and let stand for 25 scans."""
    station = Station()
    station.reach(S.FLOAT, 1000.0)
    station.force.update(door_2=False, estop_ok=False)
    station.scan(26)
    station.bench.inputs.latches, station.bench.inputs.positions = 0b0101, 0b0111
    station.force.update(positions=0b0111, latches=0b0101)
    station.plc.inputs.module_v[:] = [1.0, 2.0, math.inf, -4.0]
    station.plc.inputs.probe_a_v, station.plc.inputs.probe_b_v = 1.25, -math.inf
    station.plc.inputs.latches, station.plc.inputs.positions = 0b0101, 0b0111
    return station


FIELDS: dict[str, Callable[[Plc], object]] = {
    "state": lambda plc: S.TRIP,
    "state_age_ms": lambda plc: 250,
    "boot_id": lambda plc: 4242,
    "scan": lambda plc: plc.scan_number,
    "rig_id": lambda plc: 1,
    "limits_hash": lambda plc: LIMITS.limits_hash,
    "epoch": lambda plc: 1,
    "connection_id": lambda plc: 9,
    "ack_sequence": lambda plc: 77,
    "ack": lambda plc: Refusal.GUARD,
    "guards": lambda plc: 5,
    "nonce": lambda plc: plc.nonce,
    "trips": lambda plc: Trip.DOOR_2 | Trip.ESTOP | Trip.DOOR_DISCREPANCY,
    "first_fault": lambda plc: 2,
    "latches": lambda plc: 0b0101,
    "positions": lambda plc: 0b0111,
    "confirmed_mask": lambda plc: 0b1111,
    "probe_a_v": lambda plc: 1.25,
    "target_v": lambda plc: 1000.0,
    "v_safe_v": lambda plc: 50.0,
    "shot": lambda plc: 1,
    "event_head": lambda plc: len(plc.events),
    "self_test_passed": lambda plc: 13,
    "self_test_total": lambda plc: 13,
    "self_test_failed": lambda plc: 0,
}


@pytest.mark.parametrize("name", FIELDS)
def test_field_of_the_status_block(tripped: Station, name: str) -> None:
    status = make_status(tripped.plc, Refusal.GUARD, 77, 5)
    assert getattr(status, name) == FIELDS[name](tripped.plc)


def test_words_of_bits_are_those_of_inputs_outputs_and_conclusions(tripped: Station) -> None:
    status = make_status(tripped.plc, Refusal.ACCEPTED, 0, 0)
    assert status.inputs == input_bits(tripped.plc.inputs) and not status.inputs & Input.ESTOP_OK
    assert status.outputs == Output.BEACON | Output.DOOR_LOCK
    assert status.flags == flag_bits(tripped.plc)
    assert status.flags & Flag.DUMPS_PROVEN_CLOSED


def test_terminals_without_a_number_are_reported_as_nan(tripped: Station) -> None:
    status = make_status(tripped.plc, Refusal.ACCEPTED, 0, 0)
    assert math.isnan(status.probe_b_v)
    assert status.module_v[:2] == (1.0, 2.0) and math.isnan(status.module_v[2]) and status.module_v[3] == -4.0


@pytest.mark.parametrize(
    ("voltage_v", "carried"), [(2.9e38, True), (FINITE_MAX_V, False), (-FINITE_MAX_V, False), (-2.9e38, True)]
)
def test_what_a_register_cannot_carry_is_nan(voltage_v: float, carried: bool) -> None:
    """float32 ends at 3.4e38."""
    plc = idle()
    plc.inputs = FieldInputs(probe_a_v=voltage_v, module_v=[0.0] * 4)
    reported = plc.status().probe_a_v
    assert reported == voltage_v if carried else math.isnan(reported)
    assert FINITE_MAX_V == 3.0e38


def test_failed_paths_are_named_by_their_bits() -> None:
    plc = idle()
    plc.test.start(LIMITS.paths)
    plc.test.stop()
    status = plc.status()
    assert (status.self_test_passed, status.self_test_total, status.self_test_failed) == (0, 13, (1 << 13) - 1)


def test_event_head_wraps_at_32_bits() -> None:
    plc = idle()
    plc.ring.head = (1 << 32) + 5
    assert plc.status().event_head == 5
    plc.ring.head = (1 << 32) - 1
    assert plc.status().event_head == 0xFFFFFFFF


def test_status_answers_the_last_command_and_a_refusal_only_its_own() -> None:
    station = Station()
    station.scan(10)
    status = station.do(PlcCommand.ISOLATE)
    assert (status.ack, status.ack_sequence, status.guards) == (Refusal.WRONG_STATE, station.sequence, 0)
    refused = station.plc.refuse(Refusal.BAD_CHECKSUM, 99)
    assert (refused.ack, refused.ack_sequence, refused.guards) == (Refusal.BAD_CHECKSUM, 99, 0)
    assert station.plc.status() == status
