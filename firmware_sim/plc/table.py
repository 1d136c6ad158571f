"""PURE: the state tables of bench.md section 2, as data: of a bench that fires once, and of one that runs."""

from collections.abc import Mapping
from typing import NamedTuple

from drivers.wire.plc import PlcCommand, PlcState, Trip
from firmware_sim.plc.guards import GUARDS, RUN_GUARDS
from firmware_sim.plc.trips import ACTS, PREDICATES, RUN_ACTS, RUN_PREDICATES, STANDING, Predicate

S = PlcState
C = PlcCommand
ALL_GUARDS: Mapping[str, Predicate] = {**GUARDS, **RUN_GUARDS}
ALL_PREDICATES: Mapping[Trip, Predicate] = {**PREDICATES, **RUN_PREDICATES}
ALL_ACTS: Mapping[Trip, frozenset[PlcState]] = {**ACTS, **RUN_ACTS}


class Row(NamedTuple):
    """One row: from ``source``, on ``command`` (None: by itself), when all ``guards`` hold, to ``target``."""

    name: str
    source: PlcState
    command: PlcCommand | None
    guards: tuple[str, ...]
    target: PlcState


_FIRE_GUARDS = ("in_tolerance", "charger_inhibited", "zero_current", "contactor_open", "consent")
_SAFE_AGAIN = ("energy_safe", "dumps_closed", "dwell_done", "approach_allowed", "no_test_running")
_RESET_GUARDS = ("reset_edge", *_SAFE_AGAIN, "proof_not_failed", "cause_gone", "discrepancy_released")
_PERMIT_GUARDS = (
    "token_valid",
    "no_trip",
    "dumps_closed",
    "energy_safe",
    "contactor_open",
    "self_test_fresh",
    "no_test_running",
    "search_complete",
    "ground_stick_stowed",
    "latches_clear",
    "warned",
    "consent",
)
_ENTER_TEST_GUARDS = ("maintenance_key", "charger_locked_out", "dumps_closed", "energy_safe", "no_test_running")

TABLE: tuple[Row, ...] = (
    Row("enter_test", S.SAFE, C.ENTER_TEST, _ENTER_TEST_GUARDS, S.TEST),
    Row("permit", S.SAFE, C.PERMIT, _PERMIT_GUARDS, S.OPENING),
    Row("test_lost", S.TEST, None, ("test_lost",), S.SAFE),
    Row("leave_test", S.TEST, C.LEAVE_TEST, (), S.SAFE),
    Row("rehearse", S.TEST, C.REHEARSE, ("zero_volts",), S.TEST),
    Row("dump_opening", S.OPENING, C.DUMP, (), S.DUMPING),
    Row("charge", S.OPENING, C.CHARGE, ("token_valid", "dumps_open"), S.CHARGE),
    Row("open_late", S.OPENING, None, ("open_time_over",), S.DUMPING),
    Row("dump_charge", S.CHARGE, C.DUMP, (), S.DUMPING),
    Row("charged", S.CHARGE, None, ("steady",), S.FLOAT),
    Row("dump_float", S.FLOAT, C.DUMP, (), S.DUMPING),
    Row("isolate", S.FLOAT, C.ISOLATE, (), S.ISOLATE),
    Row("float_late", S.FLOAT, None, ("float_time_over",), S.DUMPING),
    Row("dump_isolate", S.ISOLATE, C.DUMP, (), S.DUMPING),
    Row("fire_enable", S.ISOLATE, C.FIRE_ENABLE, ("token_valid", *_FIRE_GUARDS), S.FIREWIN),
    Row("isolate_late", S.ISOLATE, None, ("isolate_time_over",), S.DUMPING),
    Row("dump_firewin", S.FIREWIN, C.DUMP, (), S.DUMPING),
    Row(
        "fire",
        S.FIREWIN,
        C.FIRE,
        ("token_valid", "token_unused", *_FIRE_GUARDS, "dumps_open", "latches_clear"),
        S.SHOT,
    ),
    Row("fire_late", S.FIREWIN, None, ("fire_time_over",), S.DUMPING),
    Row("dump_shot", S.SHOT, C.DUMP, (), S.DUMPING),
    Row("shot_done", S.SHOT, None, ("shot_time_over", "latches_all"), S.DUMPING),
    Row("shot_partial", S.SHOT, None, ("shot_time_over", "latches_some"), S.DUMPING),
    Row("shot_misfire", S.SHOT, None, ("shot_time_over", "latches_clear"), S.DUMPING),
    Row("dump_locked", S.DUMPING, None, ("dump_time_over", "energy_left", "no_test_running"), S.LOCKOUT),
    Row("proof_locked", S.DUMPING, None, ("dump_time_over", "proof_failed"), S.LOCKOUT),
    Row("dump_again", S.DUMPING, C.DUMP, (), S.DUMPING),
    Row("dumped", S.DUMPING, None, (*_SAFE_AGAIN, "proof_holds"), S.SAFE),
    Row("trip_locked", S.TRIP, None, ("dump_time_over", "energy_left", "no_test_running"), S.LOCKOUT),
    Row("proof_locked_trip", S.TRIP, None, ("dump_time_over", "proof_failed"), S.LOCKOUT),
    Row("dump_tripped", S.TRIP, C.DUMP, (), S.TRIP),
    Row("reset", S.TRIP, None, _RESET_GUARDS, S.SAFE),
    Row("dump_lockout", S.LOCKOUT, C.DUMP, (), S.LOCKOUT),
    *(
        Row(f"{command.name.lower()}_{state.name.lower()}", state, command, ("low_voltage",), S.DUMPING)
        for state in (S.OPENING, S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN)
        for command in (C.DUMP_A, C.DUMP_B)
    ),
)
"""The table of bench.md section 2. ``any | trip -> TRIP`` and ``SAFE | DUMP`` (nothing to do) are in ``step``."""


_GONE = frozenset({S.ISOLATE, S.FIREWIN, S.SHOT})
_WITH_WINDOWS = frozenset({"permit", "charge"})


def _adapt(row: Row) -> Row:
    """A row of the first table on a bench that runs: its windows are asked at every step towards high voltage."""
    if row.name in _WITH_WINDOWS:
        return row._replace(guards=(*row.guards, "windows_fit"))
    return row._replace(guards=(*row.guards, "windows_back")) if row.name == "reset" else row


_RUN_GUARDS = (
    "token_valid",
    "in_tolerance",
    "dumps_open",
    "contactor_closed",
    "windows_fit",
    "inhibit_clear",
    "latches_clear",
    "consent",
    "run_time_left",
)

RUN_TABLE: tuple[Row, ...] = (
    *(_adapt(row) for row in TABLE if row.source not in _GONE and row.target not in _GONE),
    Row("run", S.FLOAT, C.RUN, _RUN_GUARDS, S.RUN),
    Row("dump_run", S.RUN, C.DUMP, (), S.DUMPING),
    Row("run_late", S.RUN, None, ("run_time_over",), S.DUMPING),
    Row("hold", S.RUN, C.HOLD, (), S.FLOAT),
    Row("pulses_done", S.RUN, None, ("pulses_done",), S.FLOAT),
    Row("windows_lost", S.RUN, None, ("windows_unfit",), S.FLOAT),
    Row("consent_lost", S.RUN, None, ("no_consent",), S.FLOAT),
    Row("dumps_lost", S.RUN, None, ("dumps_not_open",), S.FLOAT),
    Row("contactor_lost", S.RUN, None, ("contactor_not_closed",), S.FLOAT),
    Row("aim_left", S.RUN, None, ("above_aim",), S.FLOAT),
)
"""The same for a bench that runs (microwave part): RUN instead of ISOLATE, FIREWIN and SHOT.

What RUN needs is asked on every scan: what trips ends it in TRIP, everything else in FLOAT. While it runs the voltage
may swing with the pulses, so that only its upper side is judged.
"""


class Rules(NamedTuple):
    """Table, guards and trips together, indexed by state. ``without`` makes the variants of a mutation test."""

    rows: Mapping[PlcState, tuple[Row, ...]]
    guards: Mapping[str, Predicate]
    trips: Mapping[PlcState, tuple[tuple[int, Predicate], ...]]


def make_rules(
    table: tuple[Row, ...] = TABLE,
    guards: Mapping[str, Predicate] = GUARDS,
    trips: Mapping[Trip, Predicate] = PREDICATES,
    acts: Mapping[Trip, frozenset[PlcState]] = ACTS,
) -> Rules:
    """Index a table for ``step``."""
    rows = {state: tuple(row for row in table if row.source is state) for state in S}
    acting = {state: tuple((int(cause), trips[cause]) for cause in trips if state in acts[cause]) for state in S}
    acting[S.TRIP] = tuple((int(cause), trips[cause]) for cause in STANDING if S.DUMPING in acts[cause])
    return Rules(rows, guards, acting)


def make_run_rules(
    table: tuple[Row, ...] = RUN_TABLE,
    guards: Mapping[str, Predicate] = ALL_GUARDS,
    trips: Mapping[Trip, Predicate] = ALL_PREDICATES,
) -> Rules:
    """The same for a bench that runs."""
    return make_rules(table, guards, trips, ALL_ACTS)


def without(guard: str) -> Rules:
    """Rules in which one named guard always holds, or the trip of that name never comes: for mutation tests."""
    if guard in GUARDS:
        return make_rules(guards={**GUARDS, guard: lambda c, v, t: True})
    cause = Trip[guard]
    return make_rules(trips={**PREDICATES, cause: lambda c, v, t: False})


def without_running(guard: str) -> Rules:
    """The same for a bench that runs."""
    if guard in ALL_GUARDS:
        return make_run_rules(guards={**ALL_GUARDS, guard: lambda c, v, t: True})
    cause = Trip[guard]
    return make_run_rules(trips={**ALL_PREDICATES, cause: lambda c, v, t: False})


RULES = make_rules()
RUN_RULES = make_run_rules()
