"""``step`` piece by piece: counters, trips, rows, outputs and marks, each at its edge."""

import pytest

from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.guards import GUARD_BITS, GUARDS
from firmware_sim.plc.levels import Aim, Aux, Band, Latch, Proof
from firmware_sim.plc.machine import ControlState, Outputs, step, unlockable
from firmware_sim.plc.table import RULES, Rules, make_rules, without
from firmware_sim.plc.trips import PREDICATES
from tests.unit.plc.kit import ARMED, control_in, levels_in
from tests.unit.plc.test_guards import T

S = PlcState
C = PlcCommand
Changes = dict[str, object]
STILL = Rules(dict.fromkeys(S, ()), RULES.guards, dict.fromkeys(S, ()))
"""No rows and no trips: what is left of a scan is counting."""


def scan(state: PlcState, control: Changes, levels: Changes, rules: Rules = RULES) -> tuple[ControlState, Outputs]:
    return step(control_in(state, **control), levels_in(state, **levels), T, rules)


# counter -> (state, control, levels in which it counts, its limit, [(control, levels) that put it back to zero])
COUNTERS: dict[str, tuple[PlcState, Changes, Changes, int, list[tuple[Changes, Changes]]]] = {
    "t": (S.FLOAT, {}, {}, 32, []),
    "steady": (S.CHARGE, {}, {"aim": Aim.IN}, 6, [({}, {"aim": Aim.BELOW}), ({}, {"aim": Aim.ABOVE})]),
    "dump_t": (S.DUMPING, {}, {}, 19, [({"dump_a_open": True}, {}), ({"dump_b_open": True}, {})]),
    "dwell": (S.DUMPING, {}, {}, 8, [({}, {"dump_a": Aux.BETWEEN}), ({}, {"dump_b": Aux.OPEN})]),
    "quiet": (S.DUMPING, {"misfire": True}, {}, 29, [({"misfire": False}, {}), ({}, {"modules": Band.LOW})]),
    "contactor_moving": (S.FLOAT, {}, {"contactor": Aux.BETWEEN}, 4, [({}, {"contactor": Aux.CLOSED})]),
    "dumps_moving": (S.FLOAT, {}, {"dump_a": Aux.BETWEEN}, 10, [({}, {"dump_a": Aux.OPEN})]),
    "charger_moving": (S.ISOLATE, {}, {"charger_inhibited": False}, 12, [({}, {"charger_inhibited": True})]),
    "mismatch": (S.FLOAT, {}, {"mismatch": True}, 2, [({}, {"mismatch": False})]),
    "spread": (S.FLOAT, {}, {"spread": True}, 3, [({}, {"spread": False})]),
    "discrepancy": (S.SAFE, {}, {"door_1": False}, 15, [({}, {"door_1": True}), ({}, {"door_2": False})]),
}


@pytest.mark.parametrize("name", COUNTERS)
def test_counter_counts_to_its_limit_and_back_to_zero(name: str) -> None:
    state, control, levels, limit, resets = COUNTERS[name]
    for before in range(limit + 1):
        after, _ = scan(state, control | {name: before}, levels, STILL)
        assert getattr(after, name) == min(before + 1, limit)
    for other_control, other_levels in resets:
        for before in (1, limit):
            after, _ = scan(state, control | other_control | {name: before}, levels | other_levels, STILL)
            assert getattr(after, name) == 0


def test_a_partial_shot_counts_the_quiet_time_as_a_misfire_does() -> None:
    after, _ = scan(S.DUMPING, {"partial": True, "quiet": 3}, {}, STILL)
    assert after.quiet == 4


@pytest.mark.parametrize("name", ["contactor_moving", "dumps_moving", "charger_moving", "mismatch", "spread"])
def test_shot_counts_nothing_that_emi_can_fake(name: str) -> None:
    _, _, levels, _, _ = COUNTERS[name]
    for before in (0, 1):
        assert getattr(scan(S.SHOT, {name: before}, levels, STILL)[0], name) == 0


def test_doors_are_compared_in_shot_too() -> None:
    assert scan(S.SHOT, {"discrepancy": 4}, {"door_2": False}, STILL)[0].discrepancy == 5


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
def test_time_in_state_runs_where_it_is_limited(state: PlcState) -> None:
    after, _ = scan(state, {"t": 4}, {}, STILL)
    assert after.t == (0 if state in (S.SAFE, S.TEST, S.LOCKOUT) else 5)
    after, _ = scan(state, {"steady": 4}, {"aim": Aim.IN}, STILL)
    assert after.steady == (5 if state is S.CHARGE else 0)


@pytest.mark.parametrize("commanded", [True, False])
@pytest.mark.parametrize("aux", Aux, ids=lambda aux: aux.name)
@pytest.mark.parametrize("side", ["dump_a", "dump_b"])
def test_dump_contacts_are_compared_with_their_own_command(side: str, aux: Aux, commanded: bool) -> None:
    other = "dump_b" if side == "dump_a" else "dump_a"
    control = {f"{side}_open": commanded, f"{other}_open": not commanded, "dumps_moving": 2}
    levels = {side: aux, other: Aux.CLOSED if commanded else Aux.OPEN}
    after, _ = scan(S.FLOAT, control, levels, STILL)
    assert after.dumps_moving == (0 if aux is (Aux.OPEN if commanded else Aux.CLOSED) else 3)


@pytest.mark.parametrize("commanded", [True, False])
@pytest.mark.parametrize("aux", Aux, ids=lambda aux: aux.name)
def test_contactor_contacts_are_compared_with_its_command(aux: Aux, commanded: bool) -> None:
    after, _ = scan(S.FLOAT, {"contactor_close": commanded, "contactor_moving": 2}, {"contactor": aux}, STILL)
    assert after.contactor_moving == (0 if aux is (Aux.CLOSED if commanded else Aux.OPEN) else 3)


@pytest.mark.parametrize(
    ("enabled", "inhibited", "moving"), [(True, False, 0), (True, True, 0), (False, True, 0), (False, False, 3)]
)
def test_charger_may_be_inhibited_at_any_time_but_not_enabled(enabled: bool, inhibited: bool, moving: int) -> None:
    control = {"charger_enable": enabled, "charger_moving": 2}
    assert scan(S.FLOAT, control, {"charger_inhibited": inhibited}, STILL)[0].charger_moving == moving


MARKS = ("contactor_close", "charger_enable", "fired", "misfire", "partial", "reset_held")


@pytest.mark.parametrize("name", (*MARKS, "dump_a_open", "dump_b_open", "current_wait", "single"))
def test_counting_leaves_commands_and_marks_alone(name: str) -> None:
    dark = dict.fromkeys((*MARKS, "dump_a_open", "dump_b_open", "current_wait", "single"), False)
    control = dark | {name: True, "trips": 5, "first_fault": 4}
    levels = {"zero_current": False, "local_reset": name == "reset_held"}
    after, _ = scan(S.DUMPING, control, levels, STILL)
    assert {field: getattr(after, field) for field in dark} == dark | {name: True}
    assert (after.state, after.trips, after.first_fault) == (S.DUMPING, 5, 4)


# ---- dumps that wait, and dumps alone -------------------------------------------------------------------------------


def test_dumps_wait_for_zero_current_or_their_time() -> None:
    waiting: Changes = {"dump_a_open": True, "dump_b_open": True, "current_wait": True}
    for t, flowing, open_still in ((3, True, True), (4, True, False), (0, True, True), (0, False, False)):
        after, out = scan(S.DUMPING, waiting | {"t": t}, {"zero_current": not flowing, "dump_a": Aux.OPEN}, STILL)
        assert (after.dump_a_open, after.dump_b_open, after.current_wait) == (open_still,) * 3
        assert (out.dump_a_open, out.dump_b_open) == (open_still,) * 2


def test_waiting_for_current_forgets_that_one_dump_was_to_close_alone() -> None:
    after, _ = scan(S.DUMPING, {"dump_b_open": True, "current_wait": True, "single": True}, {}, STILL)
    assert not (after.dump_b_open or after.single or after.current_wait)


def test_single_dump_becomes_both_after_its_time() -> None:
    for t, alone in ((7, True), (8, False), (9, False)):
        after, out = scan(S.DUMPING, {"dump_b_open": True, "single": True, "t": t}, {"dump_b": Aux.OPEN}, STILL)
        assert (after.single, after.dump_a_open, after.dump_b_open) == (alone, False, alone)
        assert out.dump_b_open is alone
    after, _ = scan(S.DUMPING, {"dump_b_open": True, "t": 20}, {"dump_b": Aux.OPEN}, STILL)
    assert after.dump_b_open, "only a single dump ends by itself"


# ---- trips ----------------------------------------------------------------------------------------------------------


def test_trip_from_a_charged_state_takes_everything_off_at_once() -> None:
    after, out = scan(S.FLOAT, {"t": 9, "steady": 3, "dump_t": 0, "single": True}, {"estop_ok": False})
    assert after._replace(dwell=0) == ControlState(
        state=S.TRIP, trips=int(Trip.ESTOP), first_fault=int(Trip.ESTOP), steady=0
    )
    assert out == Outputs(False, False, False, False, False, False, True, None, 0)


def test_trip_in_shot_waits_for_the_current_with_dumps_as_they_are() -> None:
    after, out = scan(S.SHOT, {"t": 3}, {"estop_ok": False, "zero_current": False})
    assert (after.state, after.t, after.current_wait) == (S.TRIP, 0, True)
    assert (out.dump_a_open, out.dump_b_open, out.gate_open, out.fire) == (True, True, False, False)
    after, out = scan(S.SHOT, {"dump_a_open": False}, {"estop_ok": False})
    assert (out.dump_a_open, out.dump_b_open) == (False, True)
    after, out = scan(S.SHOT, {"dump_b_open": False}, {"estop_ok": False})
    assert (out.dump_a_open, out.dump_b_open) == (True, False)


@pytest.mark.parametrize(
    ("latch", "misfire", "partial"), [(Latch.NONE, True, False), (Latch.SOME, False, True), (Latch.ALL, False, False)]
)
def test_trip_in_shot_is_marked_by_the_latches(latch: Latch, misfire: bool, partial: bool) -> None:
    after, _ = scan(S.SHOT, {}, {"estop_ok": False, "latch": latch})
    assert (after.misfire, after.partial) == (misfire, partial)
    after, _ = scan(S.FLOAT, {}, {"estop_ok": False, "latch": latch})
    assert (after.misfire, after.partial) == (False, False)
    after, _ = scan(S.DUMPING, {"misfire": True, "partial": True}, {"estop_ok": False, "latch": latch})
    assert (after.misfire, after.partial) == (True, True)


def test_trip_while_dumping_keeps_its_times_and_its_wait() -> None:
    after, _ = scan(S.DUMPING, {"t": 3, "dump_t": 11}, {"estop_ok": False})
    assert (after.state, after.t, after.dump_t, after.current_wait) == (S.TRIP, 4, 12, False)
    waiting: Changes = {"t": 1, "dump_a_open": True, "dump_b_open": True, "current_wait": True}
    open_dumps = {"dump_a": Aux.OPEN, "dump_b": Aux.OPEN, "zero_current": False}
    after, out = scan(S.DUMPING, waiting, open_dumps | {"estop_ok": False})
    assert (after.t, after.current_wait, out.dump_a_open, out.dump_b_open) == (2, True, True, True)
    after, out = scan(S.OPENING, {"t": 5, "dump_t": 0}, {"estop_ok": False})
    assert (after.t, after.dump_t) == (0, 0)
    after, out = scan(S.SAFE, {"dump_t": 11}, {"estop_ok": False})
    assert (after.t, after.dump_t) == (0, 0), "the time of another dump"
    after, out = scan(S.DUMPING, {"single": True, "dump_b_open": True}, {"estop_ok": False, "dump_b": Aux.OPEN})
    assert (after.single, out.dump_b_open) == (False, False), "both dumps close in a trip"


def test_charge_that_ends_is_not_steady_any_more() -> None:
    for levels in ({"estop_ok": False}, {"command": C.DUMP}):
        after, _ = scan(S.CHARGE, {"steady": 3}, {"aim": Aim.IN} | levels)
        assert (after.state in (S.TRIP, S.DUMPING), after.steady) == (True, 0)


def test_dump_time_begins_with_the_dump() -> None:
    """Even if the dumps were closed before, which in FLOAT is a mismatch of its own."""
    after, _ = scan(S.FLOAT, {"dump_a_open": False, "dump_b_open": False, "dump_t": 5}, {"command": C.DUMP})
    assert (after.state, after.dump_t) == (S.DUMPING, 0)


def test_first_fault_stays_and_trips_add_up() -> None:
    after, _ = scan(S.DUMPING, {"trips": 1 << 7, "first_fault": 1 << 7}, {"estop_ok": False})
    assert (after.trips, after.first_fault) == (1 << 7 | Trip.ESTOP, 1 << 7)
    after, out = scan(S.TRIP, {"trips": 1 << 7, "first_fault": 1 << 7}, {"estop_ok": False, "door_1": False})
    assert (after.trips, after.first_fault) == (1 << 7 | Trip.ESTOP | Trip.DOOR_1, 1 << 7)
    assert after.state is S.TRIP and out.ack is None


LEADING: dict[Trip, Changes] = {
    Trip.DOOR_1: {"door_1": False},
    Trip.DOOR_2: {"door_2": False},
    Trip.ESTOP: {"estop_ok": False},
    Trip.KEY: {"operator_key": False},
    Trip.HEARTBEAT: {"heartbeat": False},
    Trip.HW_OVERVOLTAGE: {"hw_overvoltage_ok": False},
    Trip.PREFIRE: {"falling": True},
    Trip.POSITION: {"positions_ok": False},
    Trip.GROUND_STICK: {"ground_stick_stowed": False},
    Trip.SEARCH: {"search_complete": False},
}
FOLLOWING: dict[Trip, tuple[Changes, Changes]] = {
    Trip.DOOR_DISCREPANCY: ({"discrepancy": 14}, {}),
    Trip.PROBE_INVALID: ({}, {"a": Band.INVALID}),
    Trip.PROBE_MISMATCH: ({"mismatch": 1}, {"mismatch": True}),
    Trip.OVERVOLTAGE: ({}, {"a": Band.OVER}),
    Trip.MODULE_LIMIT: ({}, {"module_limit": True}),
    Trip.CHARGE_ENVELOPE: ({}, {"envelope_left": True}),
}


@pytest.mark.parametrize("cause", LEADING, ids=lambda cause: cause.name)
def test_contacts_and_latches_are_named_before_what_a_pulse_makes_probes_read(cause: Trip) -> None:
    levels = LEADING[cause]
    for control, garbage in FOLLOWING.values():
        if control.get("discrepancy") and "door" not in str(levels):
            garbage = garbage | {"door_2": False}
        after, _ = scan(S.CHARGE, control, garbage | levels)
        named = Trip.DOOR_2 if "door_2" in garbage and cause > Trip.DOOR_2 else cause
        assert after.first_fault == named
    after, _ = scan(S.CHARGE, {}, levels | {"search_complete": False})
    assert after.first_fault == cause, "of two leading causes the first of the list"


def test_of_what_follows_the_first_of_the_list_is_named() -> None:
    after, _ = scan(S.CHARGE, {"mismatch": 1}, {"a": Band.INVALID, "mismatch": True, "envelope_left": True})
    assert after.trips == Trip.PROBE_INVALID | Trip.PROBE_MISMATCH | Trip.CHARGE_ENVELOPE
    assert after.first_fault == Trip.PROBE_INVALID


def test_path_under_test_hides_its_own_trips_and_no_other() -> None:
    after, _ = scan(S.SAFE, {}, {"estop_ok": False, "under_test": int(Trip.ESTOP)})
    assert after.state is S.SAFE and after.trips == 0
    after, _ = scan(S.SAFE, {}, {"estop_ok": False, "module_limit": True, "under_test": int(Trip.ESTOP)})
    assert after.trips == Trip.MODULE_LIMIT
    after, _ = scan(S.SAFE, {}, {"estop_ok": False, "under_test": int(Trip.DOOR_1)})
    assert after.trips == Trip.ESTOP


@pytest.mark.parametrize(("command", "ack"), [(C.NONE, None), (C.DUMP, Refusal.ACCEPTED), (C.ISOLATE, Refusal.TRIPPED)])
def test_answer_to_a_command_on_the_scan_of_a_trip(command: PlcCommand, ack: Refusal | None) -> None:
    _, out = scan(S.FLOAT, {}, {"estop_ok": False, "command": command})
    assert (out.ack, out.guards) == (ack, 0)


# ---- rows and answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "command", "ack"),
    [
        (S.SAFE, C.NONE, None),
        (S.SAFE, C.DUMP, Refusal.ACCEPTED),
        (S.TEST, C.DUMP, Refusal.ACCEPTED),
        (S.SAFE, C.FIRE, Refusal.WRONG_STATE),
        (S.LOCKOUT, C.PERMIT, Refusal.WRONG_STATE),
        (S.FLOAT, C.ISOLATE, Refusal.ACCEPTED),
    ],
)
def test_answer_without_guards(state: PlcState, command: PlcCommand, ack: Refusal | None) -> None:
    after, out = scan(state, {}, {"command": command})
    assert (out.ack, out.guards) == (ack, 0)
    assert after.state is (S.ISOLATE if command is C.ISOLATE else state)


@pytest.mark.parametrize(
    ("levels", "control", "ack", "false"),
    [
        ({"warned": False}, {}, Refusal.GUARD, ("warned",)),
        (
            {"consent": False, "warned": False, "latch": Latch.SOME},
            {},
            Refusal.GUARD,
            ("consent", "warned", "latches_clear"),
        ),
        ({"operator_key": False}, {}, Refusal.TRIPPED, ("no_trip",)),
        ({"operator_key": False, "warned": False}, {}, Refusal.TRIPPED, ("no_trip", "warned")),
        ({"token": Refusal.MASK_MISMATCH}, {}, Refusal.MASK_MISMATCH, ("token_valid",)),
        ({"token": Refusal.STALE_EPOCH, "operator_key": False}, {}, Refusal.STALE_EPOCH, ("token_valid", "no_trip")),
    ],
)
def test_refused_permit_says_why_and_by_which_guards(
    levels: Changes, control: Changes, ack: Refusal, false: tuple[str, ...]
) -> None:
    after, out = scan(S.SAFE, control, levels | {"command": C.PERMIT})
    assert (out.ack, out.guards) == (ack, sum(GUARD_BITS[name] for name in false))
    assert after.state is S.SAFE


@pytest.mark.parametrize(
    ("levels", "ack", "false"),
    [
        ({}, Refusal.TOKEN_USED, ("token_unused",)),
        ({"consent": False}, Refusal.TOKEN_USED, ("token_unused", "consent")),
        ({"token": Refusal.BAD_TOKEN}, Refusal.BAD_TOKEN, ("token_valid", "token_unused")),
    ],
)
def test_fire_with_a_used_token(levels: Changes, ack: Refusal, false: tuple[str, ...]) -> None:
    after, out = scan(S.FIREWIN, {"fired": True}, levels | {"command": C.FIRE})
    assert (out.ack, out.guards) == (ack, sum(GUARD_BITS[name] for name in false))
    assert after.state is S.FIREWIN and not out.fire


def test_refused_command_does_not_hold_up_the_rows_below_it() -> None:
    after, out = scan(S.OPENING, {"t": 11}, {"command": C.CHARGE, "dump_a": Aux.BETWEEN})
    assert after.state is S.DUMPING
    assert (out.ack, out.guards) == (Refusal.GUARD, GUARD_BITS["dumps_open"])
    after, out = scan(S.OPENING, {"t": 11}, {"command": C.CHARGE})
    assert after.state is S.CHARGE and (out.ack, out.guards) == (Refusal.ACCEPTED, 0)
    after, out = scan(S.CHARGE, {"steady": 5}, {"command": C.FIRE, "aim": Aim.IN})
    assert after.state is S.FLOAT and (out.ack, out.guards) == (Refusal.WRONG_STATE, 0)


# ---- entering a state -----------------------------------------------------------------------------------------------

BEFORE: Changes = {"t": 4, "steady": 2, "trips": 5, "first_fault": 4, "misfire": True, "partial": True, "fired": True}
AGAIN: Changes = {"dwell": 8, "quiet": 29, "dump_t": 3}


def test_permit_forgets_the_last_shot() -> None:
    after, out = scan(S.SAFE, BEFORE | AGAIN, {"command": C.PERMIT})
    assert after == ControlState(state=S.OPENING, dump_a_open=True, dump_b_open=True, dwell=8, quiet=29, dump_t=4)
    assert out == Outputs(True, True, False, False, False, False, True, Refusal.ACCEPTED, 0)


@pytest.mark.parametrize(
    ("state", "control", "levels", "target", "on"),
    [
        (S.OPENING, {}, {"command": C.CHARGE}, S.CHARGE, True),
        (S.CHARGE, {"steady": 5}, {"aim": Aim.IN}, S.FLOAT, True),
        (S.FLOAT, {}, {"command": C.ISOLATE}, S.ISOLATE, False),
        (S.ISOLATE, {}, {"command": C.FIRE_ENABLE}, S.FIREWIN, False),
    ],
)
def test_armed_state_keeps_the_marks_and_drives_its_outputs(
    state: PlcState, control: Changes, levels: Changes, target: PlcState, on: bool
) -> None:
    marks: Changes = {"t": 4, "trips": 5, "first_fault": 4, "misfire": True, "partial": True, "fired": True}
    after, out = scan(state, marks | {"steady": 2, "single": True, "current_wait": False} | control, levels)
    expected = control_in(target, trips=5, first_fault=4, misfire=True, partial=True, fired=True, quiet=after.quiet)
    assert after == expected and after.t == 0
    assert (out.contactor_close, out.charger_enable, out.dump_a_open, out.dump_b_open) == (on, on, True, True)
    assert (out.fire, out.gate_open) == (False, False)


def test_nothing_is_fired_before_fire() -> None:
    for state, levels in ((S.OPENING, {"command": C.CHARGE}), (S.ISOLATE, {"command": C.FIRE_ENABLE})):
        assert scan(state, {}, levels)[0].fired is False
    after, out = scan(S.FIREWIN, {}, {"command": C.FIRE})
    assert after == control_in(S.SHOT) and after.fired is True
    assert out == Outputs(True, True, False, False, True, True, True, Refusal.ACCEPTED, 0)


def test_safe_keeps_the_marks_of_the_shot_and_forgets_its_trips() -> None:
    after, out = scan(S.DUMPING, BEFORE | AGAIN, {})
    assert after == ControlState(state=S.SAFE, misfire=True, partial=True, fired=True, dwell=8, quiet=29, dump_t=4)
    assert out.door_lock is False


def test_test_and_lockout_keep_the_trips() -> None:
    key = {"maintenance_key": True, "charger_locked_out": True, "command": C.ENTER_TEST}
    after, _ = scan(S.SAFE, BEFORE, key)
    assert (after.state, after.trips, after.first_fault, after.t, after.steady) == (S.TEST, 5, 4, 0, 0)
    after, out = scan(S.TRIP, BEFORE | {"dump_t": 18, "dump_a_open": False}, {"a": Band.LOW})
    assert (after.state, after.trips, after.first_fault, after.t) == (S.LOCKOUT, 5, 4, 0)
    assert not (out.dump_a_open or out.dump_b_open) and out.door_lock


def test_lockout_closes_a_dump_that_was_still_alone_or_waiting() -> None:
    stuck: Changes = {
        "dump_t": 19,
        "single": True,
        "current_wait": True,
        "contactor_close": True,
        "charger_enable": True,
    }
    rules = Rules(RULES.rows, RULES.guards, dict.fromkeys(S, ()))
    after, out = scan(S.DUMPING, stuck, {"a": Band.LOW, "zero_current": False}, rules)
    assert after.state is S.LOCKOUT
    assert not (after.single or after.current_wait or out.contactor_close or out.charger_enable)


# ---- dumps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "a_open", "b_open", "single"),
    [(C.DUMP, False, False, False), (C.DUMP_A, False, True, True), (C.DUMP_B, True, False, True)],
)
def test_dump_begins_with_everything_off(command: PlcCommand, a_open: bool, b_open: bool, single: bool) -> None:
    low = {"a": Band.LOW, "b": Band.LOW, "modules": Band.LOW}
    marks: Changes = {"t": 4, "steady": 2, "dump_t": 0, "trips": 5, "first_fault": 4, "misfire": True, "partial": True}
    after, out = scan(S.FLOAT, marks, low | {"command": command})
    assert after == ControlState(
        state=S.DUMPING,
        dump_a_open=a_open,
        dump_b_open=b_open,
        single=single,
        trips=5,
        first_fault=4,
        quiet=after.quiet,
    )
    assert out == Outputs(a_open, b_open, False, False, False, False, True, Refusal.ACCEPTED, 0)


@pytest.mark.parametrize(
    ("latch", "misfire", "partial"), [(Latch.NONE, True, False), (Latch.SOME, False, True), (Latch.ALL, False, False)]
)
@pytest.mark.parametrize("hurried", [True, False])
def test_end_of_shot_is_marked_by_the_latches(hurried: bool, latch: Latch, misfire: bool, partial: bool) -> None:
    control: Changes = {"t": 2 if hurried else 6, "dwell": 0}
    after, out = scan(S.SHOT, control, {"latch": latch} | ({"command": C.DUMP} if hurried else {}))
    assert after == ControlState(
        state=S.DUMPING,
        dump_a_open=True,
        dump_b_open=True,
        current_wait=True,
        fired=True,
        misfire=misfire,
        partial=partial,
    )
    assert (out.dump_a_open, out.dump_b_open, out.gate_open, out.fire) == (True, True, False, False)


def test_dump_of_a_charged_bank_is_no_misfire() -> None:
    for state in (S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN):
        after, _ = scan(state, {}, {"command": C.DUMP})
        assert (after.misfire, after.partial, after.current_wait, after.dump_a_open) == (False, False, False, False)


def test_dump_again_closes_what_was_still_open() -> None:
    after, out = scan(S.DUMPING, {"dump_b_open": True, "single": True, "t": 3}, {"command": C.DUMP, "dump_b": Aux.OPEN})
    assert (after.state, after.t, after.single, out.dump_a_open, out.dump_b_open) == (S.DUMPING, 4, False, False, False)
    after, out = scan(S.DUMPING, {"dump_a_open": True, "single": True}, {"command": C.DUMP, "dump_a": Aux.OPEN})
    assert (after.single, out.dump_a_open, out.dump_b_open) == (False, False, False)


def test_rehearsal_pulses_and_changes_nothing() -> None:
    after, out = scan(S.TEST, {}, {"command": C.REHEARSE})
    assert after == control_in(S.TEST, dump_t=6) and out.fire and not out.gate_open


# ---- outputs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("pressed", [True, False])
def test_reset_key_is_remembered_for_its_edge(held: bool, pressed: bool) -> None:
    after, _ = scan(S.SAFE, {"reset_held": held}, {"local_reset": pressed})
    assert after.reset_held is pressed
    after, _ = scan(S.FLOAT, {"reset_held": held}, {"local_reset": pressed, "estop_ok": False})
    assert after.reset_held is pressed, "on the scan of a trip too"


@pytest.mark.parametrize(
    ("control", "levels", "unlocked"),
    [
        ({}, {}, True),
        ({"dwell": 6}, {}, False),
        ({"dwell": 7}, {}, True),
        ({}, {"dump_a": Aux.BETWEEN}, False),
        ({}, {"modules": Band.SAFE}, True),
        ({}, {"a": Band.INVALID, "under_test": int(Trip.PROBE_INVALID)}, False),
    ],
)
def test_doors_unlock_only_when_nothing_is_left(control: Changes, levels: Changes, unlocked: bool) -> None:
    _, out = scan(S.SAFE, control, levels)
    assert out.door_lock is not unlocked
    assert unlockable(control_in(S.SAFE, dwell=8), levels_in(S.SAFE, **levels), T) is (
        unlocked or control.get("dwell") == 6
    )


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
def test_gate_is_open_in_shot_alone(state: PlcState) -> None:
    _, out = scan(state, {}, {"proof": Proof.OPEN})
    assert out.gate_open is (state is S.SHOT)
    assert out.door_lock is (state not in (S.SAFE, S.TEST))
    assert (out.dump_a_open, out.dump_b_open) == (state in ARMED,) * 2


# ---- rules for mutation tests ---------------------------------------------------------------------------------------


def test_rules_without_a_guard_or_a_trip() -> None:
    for name in GUARDS:
        rules = without(name)
        assert {other for other in GUARDS if rules.guards[other] is not GUARDS[other]} == {name}
        assert rules.guards[name](ControlState(), levels_in(S.SAFE), T) is True
        assert rules.trips == make_rules().trips
    for cause in PREDICATES:
        rules = without(str(cause.name))
        assert rules.guards == GUARDS and rules.rows == make_rules().rows
        for state in S:
            changed = [
                bit
                for (bit, old), (_, new) in zip(make_rules().trips[state], rules.trips[state], strict=True)
                if old is not new
            ]
            acts = int(cause) in [bit for bit, _ in make_rules().trips[state]]
            assert changed == ([int(cause)] if acts else [])
            assert not any(new(ControlState(), levels_in(S.SAFE), T) for bit, new in rules.trips[state] if bit == cause)
    with pytest.raises(KeyError):
        without("TEA")
