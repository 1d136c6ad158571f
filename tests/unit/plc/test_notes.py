"""What the ring says about each transition, number by number."""

import pytest

from drivers.wire.plc import EventCode, PlcState, Trip
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.notes import note_change
from firmware_sim.plc.ring import Ring
from firmware_sim.signals import FieldInputs

E, S = EventCode, PlcState
INPUTS = FieldInputs(probe_a_v=1234.5, latches=0b0101)
Said = list[tuple[int, int, int, float, bool]]


def said(before: ControlState, after: ControlState) -> Said:
    ring = Ring()
    note_change(ring, 77, before, after, INPUTS, 9)
    return [(event.scan, event.code, event.detail, event.value, event.first_fault) for event in ring.events()]


@pytest.mark.parametrize(
    ("old", "new"), [(S.SAFE, S.OPENING), (S.FLOAT, S.RUN), (S.RUN, S.FLOAT), (S.CHARGE, S.DUMPING)]
)
def test_a_transition_is_told_once(old: PlcState, new: PlcState) -> None:
    assert said(ControlState(state=old), ControlState(state=new)) == [(77, E.STATE, old << 8 | new, 1234.5, False)]


def test_a_trip_tells_its_new_causes_and_whether_it_is_the_first() -> None:
    before = ControlState(state=S.RUN, trips=int(Trip.KEY))
    after = ControlState(state=S.TRIP, trips=int(Trip.KEY | Trip.WINDOW))
    moved = (77, E.STATE, S.RUN << 8 | S.TRIP, 1234.5, False)
    assert said(before, after) == [(77, E.TRIP, int(Trip.WINDOW), 1234.5, True), moved]
    again = said(before._replace(first_fault=int(Trip.KEY)), after)
    assert again == [(77, E.TRIP, int(Trip.WINDOW), 1234.5, False), moved]


def test_fire_latches_and_misfire() -> None:
    fired = said(ControlState(state=S.FIREWIN), ControlState(state=S.SHOT))
    assert fired == [(77, E.STATE, S.FIREWIN << 8 | S.SHOT, 1234.5, False), (77, E.FIRE, 9, 1234.5, False)]
    shot, ended = ControlState(state=S.SHOT), ControlState(state=S.DUMPING)
    moved, latches = (77, E.STATE, S.SHOT << 8 | S.DUMPING, 1234.5, False), (77, E.LATCHES, 0b0101, 0.0, False)
    assert said(shot, ended) == [moved, latches]
    assert said(shot, ended._replace(misfire=True)) == [moved, latches, (77, E.MISFIRE, 1, 0.0, False)]
    assert said(shot, ended._replace(partial=True)) == [moved, latches, (77, E.MISFIRE, 2, 0.0, False)]
