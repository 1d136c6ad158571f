"""PURE: P8 to P13 and bench.md: what has to trip, where, and what a reset and a PERMIT wait for."""

from collections.abc import Callable
from typing import NamedTuple

from drivers.wire.plc import PlcState, Trip
from firmware_sim.plc.levels import Aux, Band, Latch, Levels
from firmware_sim.plc.machine import ControlState
from tests.formal.bench_levels import SHORT
from tests.formal.rule_words import (
    ARMED,
    CHARGED,
    IDLE,
    UNFIRED,
    WATCHED,
    Rule,
    Scan,
    goes,
)

S = PlcState


class Demand(NamedTuple):
    """A reason to stop: ``present`` on this scan in one of ``states`` means TRIP on this scan."""

    cause: Trip
    states: frozenset[PlcState]
    present: Callable[[ControlState, Levels], bool]
    sentence: str


def _invalid(c: ControlState, v: Levels) -> bool:
    return Band.INVALID in (v.a, v.b, v.modules)


def _contactor_wrong(c: ControlState, v: Levels) -> bool:
    wrong = v.contactor is not (Aux.CLOSED if c.contactor_close else Aux.OPEN)
    return wrong and c.contactor_moving + 1 >= SHORT.contactor_travel


def _dumps_wrong(c: ControlState, v: Levels) -> bool:
    wrong_a = v.dump_a is not (Aux.OPEN if c.dump_a_open else Aux.CLOSED)
    wrong_b = v.dump_b is not (Aux.OPEN if c.dump_b_open else Aux.CLOSED)
    return (wrong_a or wrong_b) and c.dumps_moving + 1 >= SHORT.dump_travel


def _uncommanded(c: ControlState, v: Levels) -> bool:
    return not c.charger_enable and not v.charger_inhibited and c.charger_moving + 1 >= SHORT.charger_travel


def _disagree(c: ControlState, v: Levels) -> bool:
    return v.door_1 is not v.door_2 and c.discrepancy + 1 >= SHORT.discrepancy_debounce


_SLOW = WATCHED - {S.SHOT}
DEMANDS: tuple[Demand, ...] = (
    Demand(Trip.DOOR_1, ARMED | {S.DUMPING}, lambda c, v: not v.door_1, "door channel 1 open"),
    Demand(Trip.DOOR_2, ARMED | {S.DUMPING}, lambda c, v: not v.door_2, "door channel 2 open"),
    Demand(Trip.DOOR_DISCREPANCY, ARMED | {S.DUMPING}, _disagree, "door channels disagree for the debounce"),
    Demand(Trip.ESTOP, WATCHED, lambda c, v: not v.estop_ok, "e-stop"),
    Demand(Trip.KEY, ARMED, lambda c, v: not v.operator_key, "operator key off"),
    Demand(Trip.HEARTBEAT, ARMED, lambda c, v: not v.facts.heartbeat, "heartbeat missing"),
    Demand(Trip.PROBE_INVALID, _SLOW, _invalid, "a probe or module without a valid reading"),
    Demand(
        Trip.PROBE_MISMATCH,
        UNFIRED | {S.DUMPING},
        lambda c, v: v.mismatch and c.mismatch + 1 >= SHORT.mismatch_debounce,
        "probes disagree for the debounce",
    ),
    Demand(Trip.OVERVOLTAGE, _SLOW, lambda c, v: Band.OVER in (v.a, v.b), "over-voltage on a probe"),
    Demand(Trip.HW_OVERVOLTAGE, WATCHED, lambda c, v: not v.hw_overvoltage_ok, "hardware over-voltage latch"),
    Demand(Trip.CONTACTOR_MISMATCH, _SLOW, _contactor_wrong, "contactor not where commanded after its travel"),
    Demand(Trip.DUMP_MISMATCH, _SLOW, _dumps_wrong, "a dump not where commanded after its travel"),
    Demand(Trip.MODULE_LIMIT, _SLOW, lambda c, v: v.module_limit, "a module above its own limit"),
    Demand(
        Trip.MODULE_SPREAD,
        UNFIRED,
        lambda c, v: v.spread and c.spread + 1 >= SHORT.spread_debounce,
        "modules apart for the debounce",
    ),
    Demand(
        Trip.CHARGE_TIME, frozenset({S.CHARGE}), lambda c, v: c.t + 1 >= SHORT.charge, "still charging after T_charge"
    ),
    Demand(Trip.CHARGE_ENVELOPE, frozenset({S.CHARGE}), lambda c, v: v.facts.envelope_left, "charge envelope left"),
    Demand(
        Trip.PREFIRE,
        CHARGED,
        lambda c, v: v.latch is not Latch.NONE or v.facts.falling,
        "a current latch, or a collapse, without fire",
    ),
    Demand(Trip.POSITION, UNFIRED, lambda c, v: not v.positions_ok, "a module position switch differs"),
    Demand(Trip.GROUND_STICK, ARMED, lambda c, v: not v.ground_stick_stowed, "ground stick not stowed"),
    Demand(
        Trip.REBOUND, IDLE, lambda c, v: max(v.a, v.b, v.modules) > Band.SAFE, "energy came back while nobody charged"
    ),
    Demand(Trip.CHARGER_UNCOMMANDED, _SLOW, _uncommanded, "charger not inhibited although told to"),
    Demand(Trip.SEARCH, ARMED, lambda c, v: not v.search_complete, "search no longer complete"),
)

STAYS = frozenset(
    {
        Trip.DOOR_1,
        Trip.DOOR_2,
        Trip.DOOR_DISCREPANCY,
        Trip.ESTOP,
        Trip.PROBE_INVALID,
        Trip.PROBE_MISMATCH,
        Trip.OVERVOLTAGE,
        Trip.HW_OVERVOLTAGE,
        Trip.CONTACTOR_MISMATCH,
        Trip.DUMP_MISMATCH,
        Trip.MODULE_LIMIT,
        Trip.CHARGER_UNCOMMANDED,
    }
)
"""Causes that say something about the bench as it is now: none may be there on a reset, whatever tripped."""


def trips(demand: Demand) -> Rule:
    bit, present = int(demand.cause), demand.present

    def holds(s: Scan) -> bool:
        if not present(s.before, s.seen) or s.seen.facts.under_test & bit:
            return True
        return s.after.state is S.TRIP and bool(s.after.trips & bit)

    return Rule(f"P8-13 {demand.cause.name}", f"{demand.sentence} trips in one scan", demand.states, holds)


def blocks_reset(demand: Demand) -> Rule:
    return Rule(
        f"P21 {demand.cause.name}",
        f"no reset while: {demand.sentence}",
        frozenset({S.TRIP}),
        lambda s: not demand.present(s.before, s.seen),
        entering=S.SAFE,
    )


def is_noted(demand: Demand) -> Rule:
    bit, present = int(demand.cause), demand.present

    def holds(s: Scan) -> bool:
        if s.after.state is not S.TRIP or not present(s.before, s.seen) or s.seen.facts.under_test & bit:
            return True
        return bool(s.after.trips & bit)

    return Rule(f"P20 {demand.cause.name}", f"noted while tripped: {demand.sentence}", frozenset({S.TRIP}), holds)


def refuses_permit(demand: Demand) -> Rule:
    return Rule(
        f"P25 {demand.cause.name}",
        f"no PERMIT while: {demand.sentence}",
        frozenset({S.SAFE}),
        lambda s: not demand.present(s.before, s.seen),
        entering=S.OPENING,
    )


_BITS = [(int(demand.cause), demand) for demand in DEMANDS]
DUMPING_DEMANDS = tuple((int(demand.cause), demand.present) for demand in DEMANDS if S.DUMPING in demand.states)


def fresh_trip(s: Scan) -> bool:
    """TRIP is entered only with causes that are present and act there: no spurious trips."""
    if not goes(s, S.TRIP):
        return True
    found = s.after.trips & ~s.before.trips
    return bool(found) and all(
        demand.present(s.before, s.seen) and s.before.state in demand.states for bit, demand in _BITS if found & bit
    )
