"""PURE: the trip causes: a named predicate each, and the states in which it acts (safety.md 3.1, 3.4; bench.md 2).

Two departures from a flat "any trip in any state", both because people work beside a bench that is in SAFE: doors,
keys, search and heartbeat act only while armed (doors also while dumping); and in SHOT everything that EMI can
fake is blanked, never door, e-stop or hardware over-voltage.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from drivers.wire.plc import PlcState, Trip
from firmware_sim.plc.levels import BAND_OVER, BAND_SAFE, LATCH_NONE, Levels
from firmware_sim.plc.settings import Times

if TYPE_CHECKING:
    from firmware_sim.plc.machine import ControlState

Predicate = Callable[["ControlState", Levels, Times], bool]
S = PlcState

PREDICATES: dict[Trip, Predicate] = {
    Trip.DOOR_1: lambda c, v, t: not v.door_1,
    Trip.DOOR_2: lambda c, v, t: not v.door_2,
    Trip.DOOR_DISCREPANCY: lambda c, v, t: c.discrepancy >= t.discrepancy_debounce,
    Trip.ESTOP: lambda c, v, t: not v.estop_ok,
    Trip.KEY: lambda c, v, t: not v.operator_key,
    Trip.HEARTBEAT: lambda c, v, t: not v.facts.heartbeat,
    Trip.PROBE_INVALID: lambda c, v, t: not (v.a and v.b and v.modules),
    Trip.PROBE_MISMATCH: lambda c, v, t: c.mismatch >= t.mismatch_debounce,
    Trip.OVERVOLTAGE: lambda c, v, t: v.a is BAND_OVER or v.b is BAND_OVER,
    Trip.HW_OVERVOLTAGE: lambda c, v, t: not v.hw_overvoltage_ok,
    Trip.CONTACTOR_MISMATCH: lambda c, v, t: c.contactor_moving >= t.contactor_travel,
    Trip.DUMP_MISMATCH: lambda c, v, t: c.dumps_moving >= t.dump_travel,
    Trip.MODULE_LIMIT: lambda c, v, t: v.module_limit,
    Trip.MODULE_SPREAD: lambda c, v, t: c.spread >= t.spread_debounce,
    Trip.CHARGE_TIME: lambda c, v, t: c.t >= t.charge,
    Trip.CHARGE_ENVELOPE: lambda c, v, t: v.facts.envelope_left,
    Trip.PREFIRE: lambda c, v, t: v.latch is not LATCH_NONE or v.facts.falling,
    Trip.POSITION: lambda c, v, t: not v.positions_ok,
    Trip.GROUND_STICK: lambda c, v, t: not v.ground_stick_stowed,
    Trip.REBOUND: lambda c, v, t: v.a > BAND_SAFE or v.b > BAND_SAFE or v.modules > BAND_SAFE,
    Trip.CHARGER_UNCOMMANDED: lambda c, v, t: c.charger_moving >= t.charger_travel,
    Trip.SEARCH: lambda c, v, t: not v.search_complete,
}
"""Cause -> "the cause is present". Debounce counters live in the control state and count from the first bad scan."""

_QUIET = frozenset({S.SAFE, S.TEST})
_CHARGED = frozenset({S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN})
_BLANKED = _CHARGED | {S.OPENING, S.RUN}
_ARMED = _BLANKED | {S.SHOT}
_ALL = _QUIET | _ARMED | {S.DUMPING}

ACTS: Mapping[Trip, frozenset[PlcState]] = {
    Trip.DOOR_1: _ARMED | {S.DUMPING},
    Trip.DOOR_2: _ARMED | {S.DUMPING},
    Trip.DOOR_DISCREPANCY: _ARMED | {S.DUMPING},
    Trip.ESTOP: _ALL,
    Trip.KEY: _ARMED,
    Trip.HEARTBEAT: _ARMED,
    Trip.PROBE_INVALID: _ALL - {S.SHOT},
    Trip.PROBE_MISMATCH: _BLANKED | {S.DUMPING},
    Trip.OVERVOLTAGE: _ALL - {S.SHOT},
    Trip.HW_OVERVOLTAGE: _ALL,
    Trip.CONTACTOR_MISMATCH: _ALL - {S.SHOT},
    Trip.DUMP_MISMATCH: _ALL - {S.SHOT},
    Trip.MODULE_LIMIT: _ALL - {S.SHOT},
    Trip.MODULE_SPREAD: _BLANKED,
    Trip.CHARGE_TIME: frozenset({S.CHARGE}),
    Trip.CHARGE_ENVELOPE: frozenset({S.CHARGE}),
    Trip.PREFIRE: _CHARGED,
    Trip.POSITION: _BLANKED,
    Trip.GROUND_STICK: _ARMED,
    Trip.REBOUND: _QUIET,
    Trip.CHARGER_UNCOMMANDED: _ALL - {S.SHOT},
    Trip.SEARCH: _ARMED,
}
"""Cause -> states in which it trips. After SHOT each cause is judged afresh: its counters were held at zero."""

RUN_PREDICATES: dict[Trip, Predicate] = {
    Trip.WINDOW: lambda c, v, t: v.facts.run.window_trip,
    Trip.RETRIES: lambda c, v, t: c.pulse.exhausted,
    Trip.PULSE_OVERRUN: lambda c, v, t: c.pulse.overrun,
}
"""The causes that only a bench that runs has; the windows say themselves in which states they must hold."""

RUN_ACTS: Mapping[Trip, frozenset[PlcState]] = {
    Trip.WINDOW: _ARMED,
    Trip.RETRIES: frozenset({S.CHARGE, S.FLOAT, S.RUN}),
    Trip.PULSE_OVERRUN: _ARMED | {S.DUMPING},
}

STANDING = frozenset(ACTS) - {
    Trip.HEARTBEAT,
    Trip.CHARGE_TIME,
    Trip.CHARGE_ENVELOPE,
    Trip.PREFIRE,
    Trip.POSITION,
    Trip.REBOUND,
    Trip.SEARCH,
    Trip.MODULE_SPREAD,
}
"""Causes that must be gone before a local reset. The others are events, or need people inside to put right."""

PERMITTED = tuple(cause for cause, states in ACTS.items() if S.OPENING in states)
"""Causes that would trip OPENING at once: none may be present when a PERMIT is accepted."""
