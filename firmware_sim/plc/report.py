"""PURE: the PLC's status block, put together from its state and its terminals."""

import math
from typing import TYPE_CHECKING

from drivers.wire.plc import PlcState, PlcStatus, Refusal, flags_of, inputs_of, outputs_of, trips_of
from firmware_sim.plc.guards import GUARDS
from firmware_sim.plc.levels import AIM_IN, AUX_CLOSED, AUX_OPEN, Proof
from firmware_sim.plc.machine import unlockable
from firmware_sim.signals import FieldInputs, FieldOutputs

if TYPE_CHECKING:
    from firmware_sim.plc.plc import Plc

FINITE_MAX_V = 3.0e38
"""Largest voltage a float32 register can carry; a terminal reading beyond it is reported as NaN."""

_QUIET = frozenset({PlcState.SAFE, PlcState.TEST})
_HOLDS = Proof.HOLDS


def make_status(plc: "Plc", ack: Refusal, ack_sequence: int, guards: int) -> PlcStatus:
    """The status block with this answer to the last command."""
    control, inputs, link, permit = plc.control, plc.inputs, plc.link, plc.permit
    return PlcStatus(
        state=control.state,
        state_age_ms=plc.state_age_scans * 10,
        boot_id=plc.boot_id,
        scan=plc.scan_number,
        rig_id=plc.rig_id,
        limits_hash=plc.limits.limits_hash,
        epoch=link.epoch,
        connection_id=link.connection_id,
        ack_sequence=ack_sequence,
        ack=ack,
        guards=guards,
        nonce=plc.nonce,
        inputs=inputs_of(input_bits(inputs)),
        outputs=outputs_of(output_bits(plc.outputs)),
        flags=flags_of(flag_bits(plc)),
        trips=trips_of(control.trips),
        first_fault=control.first_fault.bit_length(),
        latches=inputs.latches,
        positions=inputs.positions,
        confirmed_mask=permit.mask,
        probe_a_v=_reported(inputs.probe_a_v),
        probe_b_v=_reported(inputs.probe_b_v),
        module_v=tuple(map(_reported, inputs.module_v)),
        target_v=permit.target_v,
        v_safe_v=plc.bands.safe_v,
        shot=permit.shot,
        event_head=plc.ring.head & 0xFFFFFFFF,
        self_test_passed=plc.test.passed,
        self_test_total=len(plc.limits.paths),
        self_test_failed=plc.test.failed_bits,
    )


def _reported(voltage_v: float) -> float:
    return voltage_v if -FINITE_MAX_V < voltage_v < FINITE_MAX_V else math.nan


def input_bits(i: FieldInputs) -> int:
    """Digital inputs as ``Input`` bits, in that enum's order."""
    return (
        i.door_1
        | i.door_2 << 1
        | i.estop_ok << 2
        | i.operator_key << 3
        | i.maintenance_key << 4
        | i.search_complete << 5
        | i.ground_stick_stowed << 6
        | i.local_reset << 7
        | i.second_consent << 8
        | i.contactor_open << 9
        | i.contactor_closed << 10
        | i.dump_a_closed << 11
        | i.dump_a_open << 12
        | i.dump_b_closed << 13
        | i.dump_b_open << 14
        | i.charger_inhibited << 15
        | i.charger_locked_out << 16
        | i.zero_current << 17
        | i.hw_overvoltage_ok << 18
    )


def output_bits(o: FieldOutputs) -> int:
    """Digital outputs as ``Output`` bits, in that enum's order."""
    return (
        o.dump_a_open
        | o.dump_b_open << 1
        | o.contactor_close << 2
        | o.charger_enable << 3
        | o.fire << 4
        | (o.gate_open_ns > 0) << 5
        | o.horn << 6
        | o.beacon << 7
        | o.door_lock << 8
    )


def flag_bits(plc: "Plc") -> int:
    """What the PLC concluded, as ``Flag`` bits in that enum's order."""
    c, v, t = plc.control, plc.levels, plc.times
    closed = v.dump_a is AUX_CLOSED and v.dump_b is AUX_CLOSED
    energy_safe = GUARDS["energy_safe"](c, v, t)
    quiet = c.state in _QUIET
    return (
        closed
        | (v.dump_a is AUX_OPEN and v.dump_b is AUX_OPEN) << 1
        | energy_safe << 2
        | plc.self_test_fresh << 3
        | plc.warned << 4
        | (v.aim is AIM_IN) << 5
        | c.misfire << 6
        | c.partial << 7
        | (c.dwell >= t.dwell) << 8
        | (plc.proof.level is _HOLDS and closed and energy_safe) << 9
        | plc.exercising << 10
        | (quiet and unlockable(c, v, t)) << 11
    )
