"""Guards and trips one by one, at their edges, and the whole table as bench.md section 2 and safety.md 3.1 have it."""

import pytest

from drivers.wire.plc import Guard, PlcState, Refusal, Trip
from firmware_sim.plc.guards import GUARD_BITS, GUARDS
from firmware_sim.plc.levels import Aim, Aux, Band, Latch, Proof
from firmware_sim.plc.machine import ControlState, step
from firmware_sim.plc.settings import Times
from firmware_sim.plc.table import TABLE, make_rules
from firmware_sim.plc.trips import ACTS, PERMITTED, PREDICATES, STANDING
from tests.unit.plc.kit import control_in, levels_in

S = PlcState
Changes = dict[str, object]

T = Times(
    open=11,
    charge=23,
    float=31,
    isolate=13,
    fire=17,
    shot=7,
    current_wait=5,
    dump=19,
    single_dump=9,
    dwell=8,
    no_approach=29,
    in_tolerance=6,
    contactor_travel=4,
    dump_travel=10,
    charger_travel=12,
    mismatch_debounce=2,
    spread_debounce=3,
    discrepancy_debounce=15,
    top=32,
)
"""No two alike: a guard that looks at another's limit shows."""

# guard -> situations (control, levels) in which it just holds, and in which it just does not
EDGES: dict[str, tuple[list[tuple[Changes, Changes]], list[tuple[Changes, Changes]]]] = {
    "token_valid": ([({}, {})], [({}, {"token": refusal}) for refusal in Refusal if refusal]),
    "token_unused": ([({}, {})], [({"fired": True}, {})]),
    "dumps_closed": (
        [({}, {})],
        [({}, {side: aux}) for side in ("dump_a", "dump_b") for aux in (Aux.OPEN, Aux.BETWEEN, Aux.BOTH)],
    ),
    "dumps_open": (
        [({}, {"dump_a": Aux.OPEN, "dump_b": Aux.OPEN})],
        [
            ({}, {"dump_a": Aux.OPEN, "dump_b": Aux.OPEN} | {side: aux})
            for side in ("dump_a", "dump_b")
            for aux in (Aux.CLOSED, Aux.BETWEEN, Aux.BOTH)
        ],
    ),
    "energy_safe": (
        [({}, {where: band}) for where in ("a", "b", "modules") for band in (Band.ZERO, Band.SAFE)],
        [({}, {where: band}) for where in ("a", "b", "modules") for band in (Band.INVALID, Band.LOW, Band.OVER)],
    ),
    "low_voltage": (
        [({}, {where: band}) for where in ("a", "b", "modules") for band in (Band.ZERO, Band.SAFE, Band.LOW)],
        [({}, {where: band}) for where in ("a", "b", "modules") for band in (Band.INVALID, Band.HIGH, Band.OVER)],
    ),
    "zero_volts": (
        [({}, {})],
        [({}, {where: band}) for where in ("a", "b", "modules") for band in (Band.INVALID, Band.SAFE)],
    ),
    "in_tolerance": ([({}, {"aim": Aim.IN})], [({}, {"aim": Aim.BELOW}), ({}, {"aim": Aim.ABOVE})]),
    "steady": ([({"steady": 6}, {})], [({"steady": 5}, {})]),
    "contactor_open": ([({}, {})], [({}, {"contactor": aux}) for aux in (Aux.CLOSED, Aux.BETWEEN, Aux.BOTH)]),
    "charger_inhibited": ([({}, {})], [({}, {"charger_inhibited": False})]),
    "charger_locked_out": ([({}, {"charger_locked_out": True})], [({}, {})]),
    "zero_current": ([({}, {})], [({}, {"zero_current": False})]),
    "self_test_fresh": ([({}, {})], [({}, {"self_test_fresh": False})]),
    "no_test_running": ([({}, {})], [({}, {"under_test": 1}), ({}, {"under_test": 1 << 20})]),
    "search_complete": ([({}, {})], [({}, {"search_complete": False})]),
    "ground_stick_stowed": ([({}, {})], [({}, {"ground_stick_stowed": False})]),
    "warned": ([({}, {})], [({}, {"warned": False})]),
    "consent": ([({}, {})], [({}, {"consent": False})]),
    "maintenance_key": ([({}, {"maintenance_key": True})], [({}, {})]),
    "latches_clear": ([({}, {})], [({}, {"latch": Latch.SOME}), ({}, {"latch": Latch.ALL})]),
    "latches_all": ([({}, {"latch": Latch.ALL})], [({}, {"latch": Latch.SOME}), ({}, {})]),
    "latches_some": ([({}, {"latch": Latch.SOME})], [({}, {"latch": Latch.ALL}), ({}, {})]),
    "dwell_done": ([({"dwell": 8}, {})], [({"dwell": 7}, {})]),
    "approach_allowed": (
        [({}, {}), ({"misfire": True, "quiet": 29}, {}), ({"partial": True, "quiet": 29}, {})],
        [({"misfire": True, "quiet": 28}, {}), ({"partial": True, "quiet": 28}, {})],
    ),
    "proof_holds": ([({}, {})], [({}, {"proof": Proof.OPEN}), ({}, {"proof": Proof.FAILED})]),
    "proof_not_failed": ([({}, {}), ({}, {"proof": Proof.OPEN})], [({}, {"proof": Proof.FAILED})]),
    "proof_failed": ([({}, {"proof": Proof.FAILED})], [({}, {}), ({}, {"proof": Proof.OPEN})]),
    "reset_edge": (
        [({}, {"local_reset": True})],
        [({}, {}), ({"reset_held": True}, {"local_reset": True}), ({"reset_held": True}, {})],
    ),
    "discrepancy_released": (
        [({"trips": ~Trip.DOOR_DISCREPANCY}, {}), ({"trips": Trip.DOOR_DISCREPANCY}, {"maintenance_key": True})],
        [({"trips": Trip.DOOR_DISCREPANCY}, {})],
    ),
    "open_time_over": ([({"t": 12}, {})], [({"t": 11}, {})]),
    "float_time_over": ([({"t": 31}, {})], [({"t": 30}, {})]),
    "isolate_time_over": ([({"t": 13}, {})], [({"t": 12}, {})]),
    "fire_time_over": ([({"t": 17}, {})], [({"t": 16}, {})]),
    "shot_time_over": ([({"t": 7}, {})], [({"t": 6}, {})]),
    "dump_time_over": ([({"dump_t": 19}, {})], [({"dump_t": 18}, {})]),
    "energy_left": (
        [({}, {"a": Band.LOW}), ({}, {"dump_a": Aux.OPEN}), ({}, {"dump_b": Aux.BETWEEN}), ({}, {"b": Band.INVALID})],
        [({}, {}), ({}, {"a": Band.SAFE, "b": Band.SAFE, "modules": Band.SAFE})],
    ),
    "test_lost": (
        [
            ({}, {"maintenance_key": True, "charger_locked_out": True} | broken)
            for broken in (
                {"maintenance_key": False},
                {"charger_locked_out": False},
                {"dump_a": Aux.OPEN},
                {"dump_b": Aux.OPEN},
                {"modules": Band.LOW},
            )
        ],
        [({}, {"maintenance_key": True, "charger_locked_out": True})],
    ),
    "no_trip": ([({}, {}), ({}, {"modules": Band.ZERO})], [({}, {"operator_key": False}), ({}, {"door_1": False})]),
    "cause_gone": ([({}, {})], [({}, {"estop_ok": False})]),
}


def _holds(name: str, control: Changes, levels: Changes) -> bool:
    seen = levels_in(S.SAFE, **levels)
    answer = GUARDS[name](control_in(S.SAFE, dwell=0, **control) if "dwell" not in control else _with(control), seen, T)
    return bool(answer)


def _with(control: Changes) -> ControlState:
    return control_in(S.SAFE)._replace(**control)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", GUARDS)
def test_guard_at_its_edges(name: str) -> None:
    right, wrong = EDGES[name]
    for control, levels in right:
        assert _holds(name, control, levels), (control, levels)
    for control, levels in wrong:
        assert not _holds(name, control, levels), (control, levels)


def test_bits_of_the_status_block_are_those_of_the_map() -> None:
    assert {str(guard.name).lower(): guard.value for guard in Guard} == GUARD_BITS
    assert sum(GUARD_BITS.values()) == (1 << len(Guard)) - 1


# ---- trips ----------------------------------------------------------------------------------------------------------

# cause -> (situations in which it is present, in which it just is not)
PRESENT: dict[Trip, tuple[list[tuple[Changes, Changes]], list[tuple[Changes, Changes]]]] = {
    Trip.DOOR_1: ([({}, {"door_1": False})], [({}, {"door_2": False})]),
    Trip.DOOR_2: ([({}, {"door_2": False})], [({}, {"door_1": False})]),
    Trip.DOOR_DISCREPANCY: ([({"discrepancy": 15}, {})], [({"discrepancy": 14}, {})]),
    Trip.ESTOP: ([({}, {"estop_ok": False})], [({}, {})]),
    Trip.KEY: ([({}, {"operator_key": False})], [({}, {})]),
    Trip.HEARTBEAT: ([({}, {"heartbeat": False})], [({}, {})]),
    Trip.PROBE_INVALID: ([({}, {where: Band.INVALID}) for where in ("a", "b", "modules")], [({}, {})]),
    Trip.PROBE_MISMATCH: ([({"mismatch": 2}, {})], [({"mismatch": 1}, {})]),
    Trip.OVERVOLTAGE: (
        [({}, {"a": Band.OVER}), ({}, {"b": Band.OVER})],
        [({}, {"a": Band.HIGH, "b": Band.HIGH}), ({}, {"modules": Band.OVER})],
    ),
    Trip.HW_OVERVOLTAGE: ([({}, {"hw_overvoltage_ok": False})], [({}, {})]),
    Trip.CONTACTOR_MISMATCH: ([({"contactor_moving": 4}, {})], [({"contactor_moving": 3}, {})]),
    Trip.DUMP_MISMATCH: ([({"dumps_moving": 10}, {})], [({"dumps_moving": 9}, {})]),
    Trip.MODULE_LIMIT: ([({}, {"module_limit": True})], [({}, {})]),
    Trip.MODULE_SPREAD: ([({"spread": 3}, {})], [({"spread": 2}, {})]),
    Trip.CHARGE_TIME: ([({"t": 23}, {})], [({"t": 22}, {})]),
    Trip.CHARGE_ENVELOPE: ([({}, {"envelope_left": True})], [({}, {})]),
    Trip.PREFIRE: ([({}, {"latch": Latch.SOME}), ({}, {"latch": Latch.ALL}), ({}, {"falling": True})], [({}, {})]),
    Trip.POSITION: ([({}, {"positions_ok": False})], [({}, {})]),
    Trip.GROUND_STICK: ([({}, {"ground_stick_stowed": False})], [({}, {})]),
    Trip.REBOUND: (
        [({}, {where: Band.LOW}) for where in ("a", "b", "modules")],
        [({}, {"a": Band.SAFE, "b": Band.SAFE, "modules": Band.SAFE}), ({}, {"a": Band.INVALID})],
    ),
    Trip.CHARGER_UNCOMMANDED: ([({"charger_moving": 12}, {})], [({"charger_moving": 11}, {})]),
    Trip.SEARCH: ([({}, {"search_complete": False})], [({}, {})]),
}


@pytest.mark.parametrize("cause", PREDICATES, ids=lambda cause: cause.name)
def test_trip_at_its_edges(cause: Trip) -> None:
    present, absent = PRESENT[cause]
    for control, levels in present:
        assert PREDICATES[cause](_with(control), levels_in(S.SAFE, **levels), T), (control, levels)
    for control, levels in absent:
        assert not PREDICATES[cause](_with(control), levels_in(S.SAFE, **levels), T), (control, levels)


# Where each cause acts, typed from safety.md 3.1 and 3.4 and bench.md 2: SAFE, TEST, Opening, Charge, Float, Isolate,
# fireWin, sHot, Dumping, Run. People work beside a bench in SAFE; EMI fakes what it likes in SHOT; in RUN the voltage
# swings with the pulses.
WHERE = dict(zip("STOCFIWHDR", [*list(S)[:9], S.RUN], strict=True))
ACTING = {
    Trip.DOOR_1: "OCFIWRHD",
    Trip.DOOR_2: "OCFIWRHD",
    Trip.DOOR_DISCREPANCY: "OCFIWRHD",
    Trip.ESTOP: "STOCFIWRHD",
    Trip.KEY: "OCFIWRH",
    Trip.HEARTBEAT: "OCFIWRH",
    Trip.PROBE_INVALID: "STOCFIWRD",
    Trip.PROBE_MISMATCH: "OCFIWRD",
    Trip.OVERVOLTAGE: "STOCFIWRD",
    Trip.HW_OVERVOLTAGE: "STOCFIWRHD",
    Trip.CONTACTOR_MISMATCH: "STOCFIWRD",
    Trip.DUMP_MISMATCH: "STOCFIWRD",
    Trip.MODULE_LIMIT: "STOCFIWRD",
    Trip.MODULE_SPREAD: "OCFIWR",
    Trip.CHARGE_TIME: "C",
    Trip.CHARGE_ENVELOPE: "C",
    Trip.PREFIRE: "CFIW",
    Trip.POSITION: "OCFIWR",
    Trip.GROUND_STICK: "OCFIWRH",
    Trip.REBOUND: "ST",
    Trip.CHARGER_UNCOMMANDED: "STOCFIWRD",
    Trip.SEARCH: "OCFIWRH",
}
MUST_BE_GONE = {
    Trip.DOOR_1,
    Trip.DOOR_2,
    Trip.DOOR_DISCREPANCY,
    Trip.ESTOP,
    Trip.KEY,
    Trip.PROBE_INVALID,
    Trip.PROBE_MISMATCH,
    Trip.OVERVOLTAGE,
    Trip.HW_OVERVOLTAGE,
    Trip.CONTACTOR_MISMATCH,
    Trip.DUMP_MISMATCH,
    Trip.MODULE_LIMIT,
    Trip.GROUND_STICK,
    Trip.CHARGER_UNCOMMANDED,
}
"""Before a local reset. The others are events (heartbeat, pre-fire), or need people inside to put right (search)."""


def test_where_each_trip_acts() -> None:
    assert {cause: frozenset(WHERE[letter] for letter in letters) for cause, letters in ACTING.items()} == dict(ACTS)
    assert set(STANDING) == MUST_BE_GONE
    assert set(PERMITTED) == {cause for cause, letters in ACTING.items() if "O" in letters}


def _one_scan_from_present(cause: Trip, state: PlcState, changes: Changes, levels: Changes) -> ControlState:
    """Counters stand one below their limits, and the levels that drive them are wrong."""
    driving: dict[str, Changes] = {
        "discrepancy": {"door_1": False},
        "mismatch": {"mismatch": True},
        "spread": {"spread": True},
        "contactor_moving": {"contactor": Aux.BETWEEN},
        "dumps_moving": {"dump_a": Aux.BETWEEN},
        "charger_moving": {"charger_inhibited": False},
    }
    for name in changes:
        levels = levels | driving.get(name, {})
    before: Changes = {name: int(str(value)) - 1 for name, value in changes.items()}
    on = {"charger_enable": False} if cause is Trip.CHARGER_UNCOMMANDED else {}
    start = control_in(state)._replace(**before, **on)  # type: ignore[arg-type]
    after, _ = step(start, levels_in(state, **levels), T, make_rules())
    return after


@pytest.mark.parametrize("cause", PREDICATES, ids=lambda cause: cause.name)
def test_cause_trips_where_it_is_written_and_nowhere_else(cause: Trip) -> None:
    for changes, levels in PRESENT[cause][0]:
        for letter, state in WHERE.items():
            after = _one_scan_from_present(cause, state, changes, levels)
            assert bool(after.trips & cause) is (letter in ACTING[cause]), state.name
            assert not after.trips & cause or after.state is S.TRIP


@pytest.mark.parametrize("cause", PREDICATES, ids=lambda cause: cause.name)
def test_in_trip_standing_causes_of_a_dump_are_noted_and_others_are_not(cause: Trip) -> None:
    for changes, levels in PRESENT[cause][0]:
        after = _one_scan_from_present(cause, S.TRIP, changes, levels)
        assert bool(after.trips & cause) is (cause in MUST_BE_GONE and "D" in ACTING[cause])
        assert after.state is S.TRIP and after.first_fault == 0
    after = _one_scan_from_present(cause, S.LOCKOUT, *PRESENT[cause][0][0])
    assert after.trips == 0 and after.state is S.LOCKOUT


@pytest.mark.parametrize("cause", PREDICATES, ids=lambda cause: cause.name)
def test_reset_needs_the_cause_gone(cause: Trip) -> None:
    """A standing cause that acts while dumping keeps the key from working whatever tripped; another only if it did."""
    for control, levels in PRESENT[cause][0]:
        for tripped in (0, int(cause)):
            held = _with(control | {"trips": tripped})
            gone = GUARDS["cause_gone"](held, levels_in(S.SAFE, **levels), T)
            assert gone is not (cause in MUST_BE_GONE and ("D" in ACTING[cause] or bool(tripped)))


@pytest.mark.parametrize("cause", PREDICATES, ids=lambda cause: cause.name)
def test_permit_needs_every_cause_of_opening_absent(cause: Trip) -> None:
    for control, levels in PRESENT[cause][0]:
        permitted = GUARDS["no_trip"](_with(control), levels_in(S.SAFE, **levels), T)
        assert permitted is ("O" not in ACTING[cause])


# ---- the table ------------------------------------------------------------------------------------------------------

AGAIN = "energy_safe dumps_closed dwell_done approach_allowed no_test_running"
FIRING = "in_tolerance charger_inhibited zero_current contactor_open consent"
WRITTEN = f"""
enter_test        SAFE    ENTER_TEST  TEST    maintenance_key charger_locked_out dumps_closed energy_safe no_test_running
permit            SAFE    PERMIT      OPENING token_valid no_trip dumps_closed energy_safe contactor_open self_test_fresh no_test_running search_complete ground_stick_stowed latches_clear warned consent
test_lost         TEST    -           SAFE    test_lost
leave_test        TEST    LEAVE_TEST  SAFE
rehearse          TEST    REHEARSE    TEST    zero_volts
dump_opening      OPENING DUMP        DUMPING
charge            OPENING CHARGE      CHARGE  token_valid dumps_open
open_late         OPENING -           DUMPING open_time_over
dump_charge       CHARGE  DUMP        DUMPING
charged           CHARGE  -           FLOAT   steady
dump_float        FLOAT   DUMP        DUMPING
isolate           FLOAT   ISOLATE     ISOLATE
float_late        FLOAT   -           DUMPING float_time_over
dump_isolate      ISOLATE DUMP        DUMPING
fire_enable       ISOLATE FIRE_ENABLE FIREWIN token_valid {FIRING}
isolate_late      ISOLATE -           DUMPING isolate_time_over
dump_firewin      FIREWIN DUMP        DUMPING
fire              FIREWIN FIRE        SHOT    token_valid token_unused {FIRING} dumps_open latches_clear
fire_late         FIREWIN -           DUMPING fire_time_over
dump_shot         SHOT    DUMP        DUMPING
shot_done         SHOT    -           DUMPING shot_time_over latches_all
shot_partial      SHOT    -           DUMPING shot_time_over latches_some
shot_misfire      SHOT    -           DUMPING shot_time_over latches_clear
dump_locked       DUMPING -           LOCKOUT dump_time_over energy_left no_test_running
proof_locked      DUMPING -           LOCKOUT dump_time_over proof_failed
dump_again        DUMPING DUMP        DUMPING
dumped            DUMPING -           SAFE    {AGAIN} proof_holds
trip_locked       TRIP    -           LOCKOUT dump_time_over energy_left no_test_running
proof_locked_trip TRIP    -           LOCKOUT dump_time_over proof_failed
dump_tripped      TRIP    DUMP        TRIP
reset             TRIP    -           SAFE    reset_edge {AGAIN} proof_not_failed cause_gone discrepancy_released
dump_lockout      LOCKOUT DUMP        LOCKOUT
dump_a_opening    OPENING DUMP_A      DUMPING low_voltage
dump_b_opening    OPENING DUMP_B      DUMPING low_voltage
dump_a_charge     CHARGE  DUMP_A      DUMPING low_voltage
dump_b_charge     CHARGE  DUMP_B      DUMPING low_voltage
dump_a_float      FLOAT   DUMP_A      DUMPING low_voltage
dump_b_float      FLOAT   DUMP_B      DUMPING low_voltage
dump_a_isolate    ISOLATE DUMP_A      DUMPING low_voltage
dump_b_isolate    ISOLATE DUMP_B      DUMPING low_voltage
dump_a_firewin    FIREWIN DUMP_A      DUMPING low_voltage
dump_b_firewin    FIREWIN DUMP_B      DUMPING low_voltage
"""  # noqa: E501 - a table is read by its columns


def test_table_is_the_written_one_in_its_order() -> None:
    """Dropping a guard from a row leaves no trace in tests that ask the table which guards a row has."""
    rows = [
        (row.name, row.source.name, "-" if row.command is None else row.command.name, row.target.name, *row.guards)
        for row in TABLE
    ]
    assert rows == [tuple(line.split()) for line in WRITTEN.strip().splitlines()]


def test_rules_are_the_table_by_state() -> None:
    rules = make_rules()
    for state in S:
        assert rules.rows[state] == tuple(row for row in TABLE if row.source is state)
    assert set(rules.rows) == set(rules.trips) == set(S)
    assert rules.trips[S.LOCKOUT] == ()
    assert rules.guards is GUARDS
