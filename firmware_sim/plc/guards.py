"""PURE: the named guards of the PLC's state table. Their order gives the bit in the status block's ``guards``."""

from typing import TYPE_CHECKING

from drivers.wire.plc import Guard, PlcState, Refusal, Trip
from firmware_sim.plc.levels import (
    AIM_ABOVE,
    AIM_IN,
    AUX_CLOSED,
    AUX_OPEN,
    BAND_LOW,
    BAND_SAFE,
    BAND_ZERO,
    LATCH_ALL,
    LATCH_NONE,
    LATCH_SOME,
    Levels,
    Proof,
)
from firmware_sim.plc.settings import Times
from firmware_sim.plc.trips import ACTS, PERMITTED, PREDICATES, STANDING, Predicate

if TYPE_CHECKING:
    from firmware_sim.plc.machine import ControlState


def _energy_safe(c: "ControlState", v: Levels, t: Times) -> bool:
    """Both probes and every module, switched-out ones included, valid and at or below V_safe."""
    return BAND_ZERO <= v.a <= BAND_SAFE and BAND_ZERO <= v.b <= BAND_SAFE and BAND_ZERO <= v.modules <= BAND_SAFE


def _low_voltage(c: "ControlState", v: Levels, t: Times) -> bool:
    return BAND_ZERO <= v.a <= BAND_LOW and BAND_ZERO <= v.b <= BAND_LOW and BAND_ZERO <= v.modules <= BAND_LOW


def _no_trip(c: "ControlState", v: Levels, t: Times) -> bool:
    return not any(PREDICATES[cause](c, v, t) for cause in PERMITTED)


_LASTING = tuple((cause, PREDICATES[cause], PlcState.DUMPING in ACTS[cause]) for cause in Trip if cause in STANDING)


def _cause_gone(c: "ControlState", v: Levels, t: Times) -> bool:
    """No standing cause that acts while dumping is present, nor one of those that tripped."""
    return not any((acts or c.trips & cause) and present(c, v, t) for cause, present, acts in _LASTING)


GUARDS: dict[str, Predicate] = {
    "token_valid": lambda c, v, t: v.facts.token is Refusal.ACCEPTED,
    "token_unused": lambda c, v, t: not c.fired,
    "no_trip": _no_trip,
    "dumps_closed": lambda c, v, t: v.dump_a is AUX_CLOSED and v.dump_b is AUX_CLOSED,
    "dumps_open": lambda c, v, t: v.dump_a is AUX_OPEN and v.dump_b is AUX_OPEN,
    "energy_safe": _energy_safe,
    "zero_volts": lambda c, v, t: v.a is BAND_ZERO and v.b is BAND_ZERO and v.modules is BAND_ZERO,
    "low_voltage": _low_voltage,
    "in_tolerance": lambda c, v, t: v.aim is AIM_IN,
    "steady": lambda c, v, t: c.steady >= t.in_tolerance,
    "contactor_open": lambda c, v, t: v.contactor is AUX_OPEN,
    "charger_inhibited": lambda c, v, t: v.charger_inhibited,
    "charger_locked_out": lambda c, v, t: v.charger_locked_out,
    "zero_current": lambda c, v, t: v.zero_current,
    "self_test_fresh": lambda c, v, t: v.facts.self_test_fresh,
    "no_test_running": lambda c, v, t: not v.facts.under_test,
    "search_complete": lambda c, v, t: v.search_complete,
    "ground_stick_stowed": lambda c, v, t: v.ground_stick_stowed,
    "warned": lambda c, v, t: v.facts.warned,
    "consent": lambda c, v, t: v.consent,
    "maintenance_key": lambda c, v, t: v.maintenance_key,
    "latches_clear": lambda c, v, t: v.latch is LATCH_NONE,
    "latches_all": lambda c, v, t: v.latch is LATCH_ALL,
    "latches_some": lambda c, v, t: v.latch is LATCH_SOME,
    "dwell_done": lambda c, v, t: c.dwell >= t.dwell,
    "approach_allowed": lambda c, v, t: not (c.misfire or c.partial) or c.quiet >= t.no_approach,
    "proof_holds": lambda c, v, t: v.facts.proof is Proof.HOLDS,
    "proof_not_failed": lambda c, v, t: v.facts.proof is not Proof.FAILED,
    "reset_edge": lambda c, v, t: v.local_reset and not c.reset_held,
    "cause_gone": _cause_gone,
    "discrepancy_released": lambda c, v, t: not c.trips & Trip.DOOR_DISCREPANCY or v.maintenance_key,
    "open_time_over": lambda c, v, t: c.t > t.open,
    "float_time_over": lambda c, v, t: c.t >= t.float,
    "isolate_time_over": lambda c, v, t: c.t >= t.isolate,
    "fire_time_over": lambda c, v, t: c.t >= t.fire,
    "shot_time_over": lambda c, v, t: c.t >= t.shot,
    "dump_time_over": lambda c, v, t: c.dump_t >= t.dump,
    "energy_left": lambda c, v, t: not (_energy_safe(c, v, t) and v.dump_a is AUX_CLOSED and v.dump_b is AUX_CLOSED),
    "proof_failed": lambda c, v, t: v.facts.proof is Proof.FAILED,
    "test_lost": lambda c, v, t: (
        not (
            v.maintenance_key
            and v.charger_locked_out
            and v.dump_a is AUX_CLOSED
            and v.dump_b is AUX_CLOSED
            and _energy_safe(c, v, t)
        )
    ),
}
"""Name -> "the guard is true". ``c`` is the state after this scan's counting: ``c.t`` is 1 on the scan after entry."""

RUN_GUARDS: dict[str, Predicate] = {
    "windows_fit": lambda c, v, t: v.facts.run.fit,
    "windows_back": lambda c, v, t: not (c.trips & Trip.WINDOW and v.facts.run.window_trip),
    "inhibit_clear": lambda c, v, t: not c.pulse.inhibit,
    "run_time_left": lambda c, v, t: c.pulse.t < t.run.run,
    "run_time_over": lambda c, v, t: c.pulse.t >= t.run.run,
    "pulses_done": lambda c, v, t: t.run.pulses > 0 and c.pulse.pulses >= t.run.pulses,
    "windows_unfit": lambda c, v, t: not v.facts.run.fit,
    "no_consent": lambda c, v, t: not v.consent,
    "dumps_not_open": lambda c, v, t: v.dump_a is not AUX_OPEN or v.dump_b is not AUX_OPEN,
    "contactor_closed": lambda c, v, t: v.contactor is AUX_CLOSED,
    "contactor_not_closed": lambda c, v, t: v.contactor is not AUX_CLOSED,
    "above_aim": lambda c, v, t: v.aim is AIM_ABOVE,
}
"""The guards that only a bench that runs has."""

GUARD_BITS: dict[str, int] = {str(guard.name).lower(): int(guard) for guard in Guard}
"""Guards that commands meet -> bit of ``guards`` in the status block (docs/reference/plc-map.md)."""
