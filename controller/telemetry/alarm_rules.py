"""PURE: which conditions are alarms: one per interlock row, and those that rig.yaml lists under ``alarms:``.

Conditions are named, not evaluated, here: ``controller.runtime.alarming`` looks them up in each frame.
"""

from dataclasses import dataclass
from enum import Enum

from controller.rig.model import Rig
from controller.telemetry.alarms import AlarmSpec, Priority

TRIP_PREFIX = "trip_"
"""Ids of the interlock rows' alarms start with this, so that no rule of ``alarms:`` can have the same."""


class Kind(Enum):
    """What a rule looks at; ``subject`` of the rule says which one."""

    POINT = "point"
    """A bit of a word of the frame, "word.BIT", that should be ``healthy``."""
    CHANNEL = "channel"
    """A value of the frame, that should be from ``low`` to ``high``."""
    SOURCE = "source"
    """The age of an instrument's values in seconds, that should be at most ``high``."""
    STATE = "state"
    """A state of the PLC that should not be."""
    HEALTH = "health"
    """The core itself: late, journal, instrument, disk."""


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """One alarm: what a person reads, what is looked at, and how it becomes an alarm (``spec``).

    ``low`` and ``high`` bound what is healthy, in ``unit``; once outside, it is healthy again when it is inside by
    ``deadband``. ``states`` are the PLC states in which it is judged at all, none meaning every state.
    """

    id: str
    title: str
    priority: Priority
    guidance: str
    kind: Kind
    subject: str
    spec: AlarmSpec
    healthy: bool = False
    low: float | None = None
    high: float | None = None
    deadband: float = 0.0
    unit: str = ""
    text: str = ""
    states: tuple[str, ...] = ()


def alarm_rules(rig: Rig) -> tuple[AlarmRule, ...]:
    """The rules of one bench: its interlock rows first, in their order, then ``alarms:``."""
    return tuple(
        AlarmRule(
            id=f"{TRIP_PREFIX}{row.id}",
            title=row.title,
            priority=Priority.CRITICAL,
            guidance=row.guidance,
            kind=Kind.POINT,
            subject=f"trips.{row.plc_trip}",
            spec=AlarmSpec(f"{TRIP_PREFIX}{row.id}", latching=True),
        )
        for row in rig.interlocks
    )
