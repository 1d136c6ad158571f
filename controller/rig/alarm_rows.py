"""PURE: the shape of rig.yaml's ``alarms:`` section, and how it becomes :class:`~controller.rig.model.AlarmRow`.

What a row looks at is one of ``channel``, ``source``, ``point``, ``state`` and ``health``; the bounds that it may have
beside it are in :data:`BOUNDS`. Whether a frame has what is named is checked where a bench is composed
(``controller.telemetry.alarm_rules.name_problems``).
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from controller.rig.fields import AnyQuantity, Quantity, Seconds, StrictModel
from controller.rig.model import AlarmRow
from controller.rig.source import Document, Path, Problem

ALARMS_MAX = 200
"""Rows of ``alarms:``; nobody can act on more."""

COUNT_MAX = 100
"""The largest ``count``: so many times are remembered per alarm."""

WAIT_MAX_S = 3600.0
"""The longest ``delay``, ``within`` and ``return_delay``: an alarm that comes an hour late is none."""

DISK_BYTES_MIN = 1e6
"""The smallest bound for the disk: below it, `MB` was meant."""

TRIP_PREFIX = "trip_"
"""Ids that belong to the rows of ``interlocks:``: each of them is an alarm by itself."""

SUBJECTS = ("channel", "source", "point", "state", "health")

BOUNDS: Mapping[str, tuple[tuple[str, ...], str, bool]] = {
    "channel": (("above", "below"), "", True),
    "source": (("above",), "s", False),
    "point": ((), "", False),
    "state": ((), "", False),
    "health late": (("above",), "s", True),
    "health disk": (("below",), "B", True),
    "health journal": ((), "", False),
    "health instrument": ((), "", False),
}
"""What is looked at -> the bounds it may have, their unit (empty: the channel's), and whether it needs one."""

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Point = Annotated[str, Field(pattern=r"^(not )?[a-z][a-z0-9_]{0,39}\.[A-Z][A-Z0-9_]{0,39}$")]
StateName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")]


class AlarmFile(StrictModel):
    """One entry of ``alarms:``. ``point`` raises the alarm while it is 1, or with ``not`` before it while it is 0."""

    title: Text
    priority: Literal["critical", "high", "medium", "low"]
    guidance: Text
    channel: Id | None = None
    source: Id | None = None
    point: Point | None = None
    state: StateName | None = None
    health: Literal["late", "journal", "instrument", "disk"] | None = None
    above: AnyQuantity | None = None
    below: AnyQuantity | None = None
    deadband: AnyQuantity | None = None
    states: Annotated[list[StateName], Field(max_length=20)] = Field(default_factory=list)
    delay: Seconds = 0.0
    count: Annotated[int, Field(ge=2, le=COUNT_MAX)] | None = None
    within: Seconds | None = None
    return_delay: Seconds = 1.0
    latching: bool = False


def read_alarms(files: Mapping[str, AlarmFile]) -> tuple[AlarmRow, ...]:
    """The rows of a section without problems (see :func:`alarm_problems`)."""
    return tuple(_row(name, file) for name, file in files.items())


def _row(name: str, file: AlarmFile) -> AlarmRow:
    kind = _subjects(file)[0]
    bound = file.above or file.below
    return AlarmRow(
        id=name,
        title=file.title,
        priority=file.priority,
        guidance=file.guidance,
        kind=kind,
        subject=str(getattr(file, kind)),
        above=None if file.above is None else file.above.value,
        below=None if file.below is None else file.below.value,
        unit="" if bound is None else bound.unit,
        deadband=0.0 if file.deadband is None else file.deadband.value,
        states=tuple(file.states),
        delay_s=file.delay,
        count=file.count or 0,
        within_s=file.within or 0.0,
        return_delay_s=file.return_delay,
        latching=file.latching,
    )


def _subjects(file: AlarmFile) -> list[str]:
    return [name for name in SUBJECTS if getattr(file, name) is not None]


def alarm_problems(document: Document, files: Mapping[str, AlarmFile]) -> Iterator[Problem]:
    """What is wrong with the section beyond its shape, each by file and line."""
    if len(files) > ALARMS_MAX:
        problem = f"{len(files)} alarms; nobody can act on more than {ALARMS_MAX}"
        yield document.problem(("alarms",), problem, "leave out what nobody would act on")
    for name, file in files.items():
        path: Path = ("alarms", name)
        if name.startswith(TRIP_PREFIX):
            problem = f"names that start with {TRIP_PREFIX} belong to the rows of interlocks"
            yield document.problem(path, problem, f"write for example {name.removeprefix(TRIP_PREFIX)}_alarm")
        found = _subjects(file)
        if len(found) != 1:
            problem = f"looks at {' and '.join(found)}" if found else "looks at nothing"
            yield document.problem(path, problem, f"give it exactly one of {', '.join(SUBJECTS)}")
            continue
        yield from _bound_problems(document, path, file, found[0])
        yield from _time_problems(document, path, file)


def _bound_problems(document: Document, path: Path, file: AlarmFile, kind: str) -> Iterator[Problem]:
    what = f"health {file.health}" if kind == "health" else kind
    allowed, unit, needed = BOUNDS[what]
    given = {name: value for name in ("above", "below") if (value := getattr(file, name)) is not None}
    choice = " or ".join(allowed)
    for name, value in given.items():
        if name not in allowed:
            remedy = f"write {choice}" if allowed else "remove it"
            yield document.problem((*path, name), f"`{what}` has no such bound", remedy)
        elif unit and value.unit != unit:
            yield document.problem((*path, name), f"is in {value.unit}", f"write it in {unit}")
    if needed and not given:
        yield document.problem(path, f"`{what}` has no bound", f"add `{choice}: ...`")
    if len(given) == 2 and len(allowed) == 2:
        yield document.problem(path, "has two bounds", "write two alarms: each has its own guidance")
    yield from _deadband_problems(document, path, file, given, kind)
    if what == "health disk" and file.below is not None and file.below.value < DISK_BYTES_MIN:
        yield document.problem((*path, "below"), "is less than 1 MB", "write for example `below: 1 GB`")


def _deadband_problems(
    document: Document, path: Path, file: AlarmFile, given: Mapping[str, Quantity], kind: str
) -> Iterator[Problem]:
    if file.deadband is None:
        return
    place: Path = (*path, "deadband")
    if kind != "channel":
        yield document.problem(place, "belongs to a channel's bound", "remove it")
    elif file.deadband.value < 0.0:
        yield document.problem(place, "is negative", "write how far inside its bound a value is healthy again")
    elif any(file.deadband.unit != bound.unit for bound in given.values()):
        yield document.problem(place, f"is in {file.deadband.unit}", "write it in the unit of the bound")


def _time_problems(document: Document, path: Path, file: AlarmFile) -> Iterator[Problem]:
    for name in ("delay", "within", "return_delay"):
        if (getattr(file, name) or 0.0) > WAIT_MAX_S:
            yield document.problem((*path, name), "is longer than an hour", "write at most 1 h")
    if file.count is not None and not file.within:
        yield document.problem(path, "counts, but within no time", "add for example `within: 60 s`")
    if file.within is not None and file.count is None:
        yield document.problem((*path, "within"), "nothing is counted", "add for example `count: 3`, or remove it")
    if file.count is not None and file.delay <= 0.0:
        problem = "without a delay the first occurrence is an alarm, and counting changes nothing"
        yield document.problem((*path, "count"), problem, "add for example `delay: 1 s`, or remove it")
