"""The state table: every row is reached, every guard and every trip of it matters (safety.md 3.6, bench.md 2)."""

import pytest

from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.guards import GUARD_BITS, GUARDS
from firmware_sim.plc.levels import Aim, Aux, Band, Latch, Levels, Proof
from firmware_sim.plc.machine import ControlState, step
from firmware_sim.plc.table import TABLE, Row, without
from firmware_sim.plc.trips import ACTS
from tests.unit.plc.kit import ARMED, CHARGED, TIMES, control_in, levels_in

S = PlcState
LOW = {"a": Band.LOW, "b": Band.LOW, "modules": Band.LOW, "aim": Aim.BELOW}
SAFE = {"a": Band.SAFE, "b": Band.SAFE, "modules": Band.SAFE, "aim": Aim.BELOW}

READY: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "enter_test": ({}, {"maintenance_key": True, "charger_locked_out": True}),
    "test_lost": ({}, {"maintenance_key": False}),
    "open_late": ({"t": TIMES.open}, {}),
    "charged": ({"steady": TIMES.in_tolerance - 1}, {}),
    "float_late": ({"t": TIMES.float - 1}, {}),
    "isolate_late": ({"t": TIMES.isolate - 1}, {}),
    "fire_late": ({"t": TIMES.fire - 1}, {}),
    "shot_done": ({"t": TIMES.shot - 1}, {}),
    "shot_partial": ({"t": TIMES.shot - 1}, {"latch": Latch.SOME}),
    "shot_misfire": ({"t": TIMES.shot - 1}, {"latch": Latch.NONE}),
    "dump_locked": ({"dump_t": TIMES.dump}, {"a": Band.LOW}),
    "proof_locked": ({"dump_t": TIMES.dump}, {"proof": Proof.FAILED}),
    "dump_again": ({"single": True, "dump_b_open": True}, {"proof": Proof.OPEN, "dump_b": Aux.OPEN}),
    "trip_locked": ({"dump_t": TIMES.dump}, {"a": Band.LOW}),
    "proof_locked_trip": ({"dump_t": TIMES.dump}, {"proof": Proof.FAILED}),
    "reset": ({"trips": int(Trip.KEY)}, {"local_reset": True}),
}
"""Row -> changes to the control state and the levels that make all its guards true."""

WRONG: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "token_valid": ({}, {"token": Refusal.BAD_TOKEN}),
    "token_unused": ({"fired": True}, {}),
    "no_trip": ({}, {"operator_key": False}),
    "dumps_closed": ({}, {"dump_a": Aux.BETWEEN}),
    "dumps_open": ({}, {"dump_a": Aux.BETWEEN}),
    "energy_safe": ({}, {"modules": Band.LOW}),
    "zero_volts": ({}, {"modules": Band.SAFE}),
    "low_voltage": ({}, {"modules": Band.HIGH}),
    "in_tolerance": ({}, {"aim": Aim.BELOW}),
    "steady": ({"steady": 0}, {}),
    "contactor_open": ({}, {"contactor": Aux.BETWEEN}),
    "charger_inhibited": ({}, {"charger_inhibited": False}),
    "charger_locked_out": ({}, {"charger_locked_out": False}),
    "zero_current": ({}, {"zero_current": False}),
    "self_test_fresh": ({}, {"self_test_fresh": False}),
    "no_test_running": ({}, {"under_test": int(Trip.ESTOP)}),
    "search_complete": ({}, {"search_complete": False}),
    "ground_stick_stowed": ({}, {"ground_stick_stowed": False}),
    "warned": ({}, {"warned": False}),
    "consent": ({}, {"consent": False}),
    "maintenance_key": ({}, {"maintenance_key": False}),
    "latches_clear": ({}, {"latch": Latch.SOME}),
    "latches_all": ({}, {"latch": Latch.SOME}),
    "latches_some": ({}, {"latch": Latch.NONE}),
    "dwell_done": ({"dwell": 0}, {}),
    "approach_allowed": ({"misfire": True, "quiet": 0}, {}),
    "proof_holds": ({}, {"proof": Proof.OPEN}),
    "proof_not_failed": ({}, {"proof": Proof.FAILED}),
    "reset_edge": ({"reset_held": True}, {}),
    "cause_gone": ({}, {"operator_key": False}),
    "discrepancy_released": ({"trips": int(Trip.DOOR_DISCREPANCY)}, {}),
    "open_time_over": ({"t": 0}, {}),
    "float_time_over": ({"t": 0}, {}),
    "isolate_time_over": ({"t": 0}, {}),
    "fire_time_over": ({"t": 0}, {}),
    "shot_time_over": ({"t": 0}, {}),
    "dump_time_over": ({"dump_t": 0}, {}),
    "energy_left": ({}, {"a": Band.ZERO}),
    "proof_failed": ({}, {"proof": Proof.OPEN}),
    "test_lost": ({}, {"maintenance_key": True}),
}
"""Guard -> changes that make it false in an otherwise ready row."""

CASES = [(row, guard) for row in TABLE for guard in row.guards]
MASKED = {
    # the trip of the same name comes first; the guard is the second line of P25/P16
    ("permit", "search_complete"): "SEARCH is part of no_trip",
    ("permit", "ground_stick_stowed"): "GROUND_STICK is part of no_trip",
    # PREFIRE trips on any latch before FIRE is looked at
    ("fire", "latches_clear"): "PREFIRE trips first",
    ("shot_misfire", "latches_clear"): "the two rows above it take every other case",
    ("enter_test", "energy_safe"): "REBOUND trips first",
    ("permit", "energy_safe"): "REBOUND trips first",
    ("dumped", "dumps_closed"): "the dwell counts only while both dumps are proven closed",
    ("reset", "dumps_closed"): "the dwell counts only while both dumps are proven closed",
}
"""Guards that another, earlier one covers: (row, guard) -> why switching it off alone changes nothing."""


def _situation(row: Row) -> tuple[dict[str, object], dict[str, object]]:
    control, levels = READY.get(row.name, ({}, {}))
    if row.command in (PlcCommand.DUMP_A, PlcCommand.DUMP_B):
        levels = {**LOW, "aim": Aim.IN if row.source in CHARGED else Aim.BELOW}
    if row.command is not None:
        levels = {**levels, "command": row.command}
    return dict(control), dict(levels)


def _ready(row: Row) -> Levels:
    return levels_in(row.source, **_situation(row)[1])


def _outcome(control: ControlState) -> tuple[PlcState, bool, bool]:
    return control.state, control.misfire, control.partial


def _identity(row: Row) -> str:
    return row.name


@pytest.mark.parametrize("row", TABLE, ids=_identity)
def test_row_is_reached(row: Row) -> None:
    control, levels = _situation(row)
    after, out = step(control_in(row.source, **control), levels_in(row.source, **levels), TIMES)
    assert after.state is row.target
    assert out.ack is (None if row.command is None else Refusal.ACCEPTED)
    if row.name in ("fire", "rehearse"):
        assert out.fire and out.gate_open is (row.name == "fire")
    else:
        assert not out.fire


@pytest.mark.parametrize(("row", "guard"), CASES, ids=lambda value: value if isinstance(value, str) else value.name)
def test_guard_decides(row: Row, guard: str) -> None:
    """With one guard false the row is not taken; with that guard switched off it is again."""
    control, levels = _situation(row)
    bad_control, bad_levels = WRONG[guard]
    control.update(bad_control)
    levels.update(bad_levels)
    start, seen = control_in(row.source, **control), levels_in(row.source, **levels)
    after, out = step(start, seen, TIMES)
    if row.target is not row.source:
        healthy, _ = step(control_in(row.source, **_situation(row)[0]), _ready(row), TIMES)
        assert _outcome(after) != _outcome(healthy)
    if row.command is not None:
        assert out.ack not in (None, Refusal.ACCEPTED)
        if out.ack is not Refusal.TRIPPED:
            assert out.guards & GUARD_BITS[guard]
    mutant, mutant_out = step(start, seen, TIMES, without(guard))
    if (row.name, guard) in MASKED:
        assert _outcome(mutant) == _outcome(after)
    else:
        assert (_outcome(mutant), mutant_out.ack) != (_outcome(after), out.ack)


def test_every_guard_is_used_and_reported() -> None:
    used = {guard for row in TABLE for guard in row.guards}
    assert used == set(GUARDS) == set(WRONG)
    commanded = {guard for row in TABLE if row.command is not None for guard in row.guards}
    assert commanded <= set(GUARD_BITS)


TRIPPING: dict[Trip, tuple[dict[str, object], dict[str, object]]] = {
    Trip.DOOR_1: ({}, {"door_1": False}),
    Trip.DOOR_2: ({}, {"door_2": False}),
    Trip.DOOR_DISCREPANCY: ({"discrepancy": TIMES.discrepancy_debounce}, {"door_2": False}),
    Trip.ESTOP: ({}, {"estop_ok": False}),
    Trip.KEY: ({}, {"operator_key": False}),
    Trip.HEARTBEAT: ({}, {"heartbeat": False}),
    Trip.PROBE_INVALID: ({}, {"a": Band.INVALID}),
    Trip.PROBE_MISMATCH: ({"mismatch": TIMES.mismatch_debounce - 1}, {"mismatch": True}),
    Trip.OVERVOLTAGE: ({}, {"b": Band.OVER}),
    Trip.HW_OVERVOLTAGE: ({}, {"hw_overvoltage_ok": False}),
    Trip.CONTACTOR_MISMATCH: ({"contactor_moving": TIMES.contactor_travel - 1}, {"contactor": Aux.BETWEEN}),
    Trip.DUMP_MISMATCH: ({"dumps_moving": TIMES.dump_travel - 1}, {"dump_b": Aux.BETWEEN}),
    Trip.MODULE_LIMIT: ({}, {"module_limit": True}),
    Trip.MODULE_SPREAD: ({"spread": TIMES.spread_debounce - 1}, {"spread": True}),
    Trip.CHARGE_TIME: ({"t": TIMES.charge - 1}, {}),
    Trip.CHARGE_ENVELOPE: ({}, {"envelope_left": True}),
    Trip.PREFIRE: ({}, {"falling": True}),
    Trip.POSITION: ({}, {"positions_ok": False}),
    Trip.GROUND_STICK: ({}, {"ground_stick_stowed": False}),
    Trip.REBOUND: ({}, {"modules": Band.LOW}),
    Trip.CHARGER_UNCOMMANDED: ({"charger_moving": TIMES.charger_travel - 1}, {"charger_inhibited": False}),
    Trip.SEARCH: ({}, {"search_complete": False}),
}

ACTING = [
    (cause, state)
    for cause, states in ACTS.items()
    for state in PlcState
    if state in states
    # with the charger enabled there is nothing uncommanded about it
    and not (cause is Trip.CHARGER_UNCOMMANDED and state in (S.CHARGE, S.FLOAT))
]


@pytest.mark.parametrize(("cause", "state"), ACTING, ids=lambda value: value.name)
def test_trip_acts_within_one_scan(cause: Trip, state: PlcState) -> None:
    control, levels = TRIPPING[cause]
    start, seen = control_in(state, **control), levels_in(state, **levels)
    after, out = step(start, seen, TIMES)
    assert after.state is S.TRIP
    assert after.trips & cause
    assert not (out.contactor_close or out.charger_enable or out.fire or out.gate_open)
    if state is S.SHOT:
        assert after.current_wait, "the dumps wait for the current"
    else:
        assert not (out.dump_a_open or out.dump_b_open)


@pytest.mark.parametrize(("cause", "state"), ACTING, ids=lambda value: value.name)
def test_trip_switched_off_is_missed(cause: Trip, state: PlcState) -> None:
    control, levels = TRIPPING[cause]
    start, seen = control_in(state, **control), levels_in(state, **levels)
    mutant, _ = step(start, seen, TIMES, without(str(cause.name)))
    assert not mutant.trips & cause


def test_door_estop_and_hardware_overvoltage_are_never_blanked() -> None:
    for cause in (Trip.DOOR_1, Trip.DOOR_2, Trip.ESTOP, Trip.HW_OVERVOLTAGE):
        assert S.SHOT in ACTS[cause]
    for cause in (Trip.PROBE_INVALID, Trip.PROBE_MISMATCH, Trip.DUMP_MISMATCH, Trip.CONTACTOR_MISMATCH):
        assert S.SHOT not in ACTS[cause]


def test_mismatch_counts_nothing_during_shot() -> None:
    """Garbage in SHOT must not leave half a debounce behind for DUMPING."""
    control = control_in(S.SHOT)
    for _ in range(TIMES.shot - 1):
        control, _ = step(control, levels_in(S.SHOT, mismatch=True, dump_a=Aux.BOTH, contactor=Aux.BOTH), TIMES)
    assert (control.mismatch, control.dumps_moving, control.contactor_moving) == (0, 0, 0)


@pytest.mark.parametrize("state", PlcState, ids=lambda state: state.name)
def test_dump_is_accepted_in_every_state(state: PlcState) -> None:
    after, out = step(control_in(state), levels_in(state, command=PlcCommand.DUMP), TIMES)
    assert out.ack is Refusal.ACCEPTED
    assert not out.contactor_close and not out.charger_enable
    if state in ARMED:
        assert after.state is S.DUMPING


@pytest.mark.parametrize("state", PlcState, ids=lambda state: state.name)
@pytest.mark.parametrize("command", [c for c in PlcCommand if c.value], ids=lambda command: command.name)
def test_command_out_of_order_changes_nothing(state: PlcState, command: PlcCommand) -> None:
    """SWE-134 e: 13 commands in 11 states, only the table's own cells do something."""
    legal = any(row.source is state and row.command is command for row in TABLE)
    if legal or command is PlcCommand.DUMP:
        return
    start, quiet = control_in(state), levels_in(state)
    expected, _ = step(start, quiet, TIMES)
    after, out = step(start, levels_in(state, command=command), TIMES)
    assert after == expected
    assert out.ack is Refusal.WRONG_STATE


@pytest.mark.parametrize("state", PlcState, ids=lambda state: state.name)
def test_outputs_of_state(state: PlcState) -> None:
    """P14, P15, P28, P29: supply only in CHARGE and FLOAT, never with a dump; dumps closed when not armed."""
    _, out = step(control_in(state), levels_in(state, proof=Proof.OPEN), TIMES)
    on = state in (S.CHARGE, S.FLOAT)
    assert (out.contactor_close, out.charger_enable) == (on, on)
    assert (out.dump_a_open, out.dump_b_open) == (state in ARMED, state in ARMED)
    assert out.gate_open is (state is S.SHOT)
    assert out.door_lock is (state not in (S.SAFE, S.TEST))


def test_counters_saturate() -> None:
    """No counter grows for ever, whatever state the PLC is left in."""
    for state in PlcState:
        control = control_in(state)
        seen = levels_in(state, mismatch=True, spread=True, dump_a=Aux.BETWEEN, contactor=Aux.BETWEEN, door_1=False)
        rules = without("REBOUND")._replace(trips=dict.fromkeys(PlcState, ()), rows=dict.fromkeys(PlcState, ()))
        before: ControlState | None = None
        for _ in range(TIMES.top + TIMES.no_approach):
            before, (control, _) = control, step(control, seen, TIMES, rules)
        assert control == before


def test_lockout_is_for_ever() -> None:
    control = control_in(S.LOCKOUT)
    for command in PlcCommand:
        control, _ = step(control, levels_in(S.LOCKOUT, command=command, local_reset=True), TIMES)
        assert control.state is S.LOCKOUT


def test_single_dump_becomes_both() -> None:
    """DUMP_A closes A alone, and B as well once its expected time has passed."""
    control, out = step(control_in(S.FLOAT), levels_in(S.FLOAT, **LOW, command=PlcCommand.DUMP_A), TIMES)
    assert (out.dump_a_open, out.dump_b_open) == (False, True)
    seen = levels_in(S.DUMPING, **SAFE, dump_b=Aux.OPEN, proof=Proof.OPEN)
    for _ in range(TIMES.single_dump - 1):
        control, out = step(control, seen, TIMES)
        assert (out.dump_a_open, out.dump_b_open) == (False, True)
    control, out = step(control, seen, TIMES)
    assert (out.dump_a_open, out.dump_b_open) == (False, False)


def test_dumps_wait_for_the_current_after_shot_but_not_for_long() -> None:
    start = control_in(S.SHOT, t=TIMES.shot - 1)
    control, out = step(start, levels_in(S.SHOT, zero_current=False), TIMES)
    assert control.state is S.DUMPING and out.dump_a_open and not out.gate_open
    waited = 0
    while out.dump_a_open:
        control, out = step(control, levels_in(S.SHOT, zero_current=False), TIMES)
        waited += 1
    assert waited == TIMES.current_wait
    control, out = step(start, levels_in(S.SHOT), TIMES)
    control, out = step(control, levels_in(S.SHOT), TIMES)
    assert not out.dump_a_open and not out.dump_b_open


def test_misfire_keeps_people_away_for_30_s_after_v_safe() -> None:
    control = control_in(S.DUMPING, misfire=True)
    scans = 0
    while control.state is S.DUMPING:
        control, _ = step(control, levels_in(S.DUMPING), TIMES)
        scans += 1
    assert control.state is S.SAFE
    assert scans == TIMES.no_approach == 3000
    control, _ = step(control_in(S.DUMPING, misfire=True, quiet=2000), levels_in(S.DUMPING, a=Band.LOW), TIMES)
    assert control.quiet == 0, "rebound starts the wait again"


@pytest.mark.parametrize("state", [S.DUMPING, S.TRIP])
def test_a_repeated_dump_keeps_the_bounded_wait_for_the_current(state: PlcState) -> None:
    waiting = control_in(state, current_wait=True, dump_a_open=True, dump_b_open=True, t=3, dump_t=0, trips=1)
    flowing = levels_in(state, command=PlcCommand.DUMP, zero_current=False, dump_a=Aux.OPEN, dump_b=Aux.OPEN)
    control, out = step(waiting, flowing, TIMES)
    assert out.ack is Refusal.ACCEPTED
    assert out.dump_a_open and out.dump_b_open and control.current_wait
    for _ in range(TIMES.current_wait):
        control, out = step(control, flowing, TIMES)
    assert not (out.dump_a_open or out.dump_b_open or control.current_wait), "200 ms and no longer"
    control, out = step(waiting, flowing._replace(zero_current=True), TIMES)
    assert not (out.dump_a_open or out.dump_b_open)


def test_an_open_proof_does_not_keep_a_trip_from_its_reset() -> None:
    for proof, state in ((Proof.OPEN, S.SAFE), (Proof.HOLDS, S.SAFE), (Proof.FAILED, S.TRIP)):
        control = control_in(S.TRIP, trips=int(Trip.KEY))
        after, _ = step(control, levels_in(S.TRIP, local_reset=True, proof=proof), TIMES)
        assert after.state is state
