"""PURE: what the ring says about a transition of the state machine."""

from drivers.wire.plc import EventCode, PlcState
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.ring import Ring
from firmware_sim.signals import FieldInputs


def note_change(
    ring: Ring, scan: int, before: ControlState, after: ControlState, inputs: FieldInputs, shot: int
) -> None:
    """Record that ``before`` became ``after``, another state, on ``scan``; ``shot`` is the permit's."""
    old, new, a_v = before.state, after.state, inputs.probe_a_v
    if new is PlcState.TRIP:
        ring.record(scan, EventCode.TRIP, after.trips & ~before.trips, a_v, first_fault=not before.first_fault)
    ring.record(scan, EventCode.STATE, old << 8 | new, a_v)
    if new is PlcState.SHOT:
        ring.record(scan, EventCode.FIRE, shot, a_v)
    if old is PlcState.SHOT:
        ring.record(scan, EventCode.LATCHES, inputs.latches)
        if after.misfire or after.partial:
            ring.record(scan, EventCode.MISFIRE, 1 if after.misfire else 2)
