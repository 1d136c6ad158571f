"""PURE: which conditions are alarms: one per interlock row, and those that rig.yaml lists under ``alarms:``.

Conditions are named, not evaluated, here: ``controller.runtime.alarming`` looks them up in each frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from controller.rig.alarm_rows import TRIP_PREFIX
from controller.rig.fields import closest
from controller.rig.model import AlarmRow, Interlock, Rig
from controller.rig.source import Path
from controller.rig.units import spell
from controller.telemetry.alarms import AlarmSpec, Priority
from controller.telemetry.channels import telemetry_channels, telemetry_sources

NOT = "not "
"""In front of a point: it should be 1, and its alarm is that it is 0."""


class Kind(Enum):
    """What a rule looks at; ``subject`` of the rule says which one."""

    TRIP = "trip"
    """A trip of the PLC by its name; made from an interlock row."""
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
    """The rules of one bench: its interlock rows first, in their order, then ``alarms:``.

    Raises KeyError for what :func:`name_problems` reports.
    """
    limits = {source.name: source.stale_after_s for source in telemetry_sources(rig)}
    return (*(_of_interlock(row) for row in rig.interlocks), *(_of_row(row, limits) for row in rig.alarms))


def name_problems(
    rig: Rig, words: Mapping[str, Sequence[str]], states: Sequence[str]
) -> Iterator[tuple[Path, str, str]]:
    """Where in rig.yaml something is named that no frame has, what is wrong, and what would be right.

    ``words`` are the digital points of a frame by word, ``states`` the names of the PLC's states. Every trip of the
    PLC must have an interlock row: a trip that nobody explains would raise no alarm.
    """
    told = [row.plc_trip for row in rig.interlocks]
    for row in rig.interlocks:
        if row.plc_trip not in words["trips"]:
            remedy = closest(row.plc_trip, filter(None, words["trips"]))
            yield ("interlocks", row.id, "plc_trip"), f"the PLC has no trip '{row.plc_trip}'", remedy
        elif told.index(row.plc_trip) != rig.interlocks.index(row):
            yield ("interlocks", row.id, "plc_trip"), f"two rows tell about '{row.plc_trip}'", "remove one of them"
    for trip in words["trips"]:
        if trip and trip not in told:
            remedy = f"add a row with `plc_trip: {trip}` and what a person is to do"
            yield ("interlocks",), f"no row tells about the trip {trip} of the PLC", remedy
    for alarm in rig.alarms:
        yield from _row_problems(rig, alarm, words)
        named = (*alarm.states, *([alarm.subject] if alarm.kind == Kind.STATE.value else []))
        for state in named:
            if state not in states:
                yield ("alarms", alarm.id), f"the PLC has no state '{state}'", closest(state, states)


def _row_problems(rig: Rig, row: AlarmRow, words: Mapping[str, Sequence[str]]) -> Iterator[tuple[Path, str, str]]:
    path: Path = ("alarms", row.id, row.kind)
    if row.kind == Kind.SOURCE.value:
        names = [source.name for source in telemetry_sources(rig)]
        if row.subject not in names:
            yield path, f"no value of a frame comes from '{row.subject}'", closest(row.subject, names)
    elif row.kind == Kind.CHANNEL.value:
        units = {channel.name: channel.unit for channel in telemetry_channels(rig)}
        if row.subject not in units:
            yield path, f"no frame carries the channel '{row.subject}'", closest(row.subject, units)
        elif row.unit != units[row.subject]:
            bound: Path = ("alarms", row.id, "below" if row.above is None else "above")
            unit = units[row.subject]
            yield bound, f"is in {row.unit}, but the channel is in {unit}", f"write it in {unit}"
    elif row.kind == Kind.POINT.value:
        point = row.subject.removeprefix(NOT)
        word, _, bit = point.partition(".")
        if bit not in words.get(word, ()):
            known = [f"{name}.{b}" for name, bits in words.items() for b in bits if b]
            yield path, f"no frame carries the point '{point}'", closest(point, known)


def _of_interlock(row: Interlock) -> AlarmRule:
    name = f"{TRIP_PREFIX}{row.id}"
    # the PLC debounces and latches; here a trip is an alarm in the frame that shows it
    spec = AlarmSpec(name, latching=True)
    return AlarmRule(name, row.title, Priority.CRITICAL, row.guidance, Kind.TRIP, row.plc_trip, spec)


def _of_row(row: AlarmRow, limits: Mapping[str, float]) -> AlarmRule:
    kind = Kind(row.kind)
    high = limits[row.subject] if kind is Kind.SOURCE and row.above is None else row.above
    worst = 1 if high is not None else -1 if row.below is not None else 0
    return AlarmRule(
        id=row.id,
        title=row.title,
        priority=Priority(row.priority),
        guidance=row.guidance,
        kind=kind,
        subject=row.subject.removeprefix(NOT),
        spec=AlarmSpec(row.id, row.delay_s, row.count, row.within_s, row.return_delay_s, row.latching, worst),
        healthy=row.subject.startswith(NOT),
        low=row.below,
        high=high,
        deadband=row.deadband,
        unit="s" if kind is Kind.SOURCE else row.unit,
        text=_text(kind, row, high),
        states=row.states,
    )


def _text(kind: Kind, row: AlarmRow, high: float | None) -> str:
    if kind is Kind.SOURCE and high is not None:
        return f"no value for more than {spell(high, 's')}"
    if row.above is not None:
        return f"above {spell(row.above, row.unit)}"
    if row.below is not None:
        return f"below {spell(row.below, row.unit)}"
    return ""
