"""Shots that a dead controller left unfinished: close their journals and say in the catalogue what is known of them.

The last record of an interrupted journal decides the text; a fire intent without a result is resolved by the PLC's
own ring of events (safety.md 6).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.app.booking import JOURNAL_NAME
from controller.app.unstored import settle
from controller.rig.source import Problem, Refused
from controller.shots.catalogue import Catalogue
from controller.shots.journal import JournalCorrupt, JournalError, JournalSealed
from controller.shots.journal_file import JournalFile, load_journal
from drivers.errors import InstrumentError
from drivers.ports import RigPlc
from drivers.wire.plc import EventCode, PlcEvent, PlcStatus

RING_EVENTS = 256
"""Events the PLC's ring holds."""

TRIGGERED = frozenset({"fire_intent", "capture_start"})
"""Journal records after which a scope may hold something: fire, and the transfer that follows every other trigger."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """One interrupted shot: what its journal says, and whether its fire pulse went out (None: never intended)."""

    number: int
    last: str
    fired: bool | None
    folder: Path
    in_scopes: bool = True
    """False when the journal shows that no trigger was meant to reach the scopes."""


async def read_ring(plc: RigPlc, status: PlcStatus | None) -> tuple[PlcEvent, ...]:
    """The PLC's own account of what it did; empty when it does not tell."""
    if status is None:
        return ()
    first = max(0, status.event_head - RING_EVENTS)
    try:
        return await plc.read_events(first, status.event_head - first)
    except InstrumentError:
        return ()


def require_sound_journals(catalogue: Catalogue, rig: str, out: Path) -> None:
    """Raise Refused, changing nothing, when an unfinished shot's journal is damaged or newer than this program."""
    problems = []
    for number in catalogue.unfinished(rig):
        path = _folder_of(out, number) / JOURNAL_NAME
        try:
            if path.is_file():
                load_journal(path)
        except JournalCorrupt as trouble:
            remedy = f"move {path.parent} away and have it looked at; the next run books shot {number} as interrupted"
            problems.append(Problem(str(path), 0, "", trouble.problem, remedy))
        except JournalError as trouble:
            problems.append(Problem(str(path), 0, "", trouble.problem, trouble.remedy))
    if problems:
        raise Refused(problems)


def book_interrupted(catalogue: Catalogue, rig: str, out: Path, events: Sequence[PlcEvent]) -> tuple[Interrupted, ...]:
    """Close the journals of unfinished shots and mark them; a fire intent without result is resolved by the ring."""
    booked = []
    for number in catalogue.unfinished(rig):
        shot = _inspect(out, number, events)
        catalogue.mark_interrupted(number, describe(shot))
        settle(catalogue, number, shot.folder, shot.in_scopes)
        booked.append(shot)
    return tuple(booked)


def _folder_of(out: Path, number: int) -> Path:
    """The shot's folder, or ``out`` itself when it has none."""
    return next(iter(sorted(out.glob(f"{number:06d}-*"))), out)


def _inspect(out: Path, number: int, events: Sequence[PlcEvent]) -> Interrupted:
    folder = _folder_of(out, number)
    if folder == out:
        return Interrupted(number, "", None, out, False)
    try:
        journal, scan = JournalFile.recover(folder / JOURNAL_NAME, 0)
        journal.close()
        kinds = scan.kinds()
    except JournalSealed:
        return Interrupted(number, "sealed", None, folder)
    except (JournalError, OSError) as trouble:
        return Interrupted(number, str(trouble), None, folder)
    fired = None
    if "fire_intent" in kinds and "fire_result" not in kinds:
        fired = any(event.code == EventCode.FIRE and event.detail == number for event in events)
    return Interrupted(number, kinds[-1] if kinds else "", fired, folder, not TRIGGERED.isdisjoint(kinds))


def describe(shot: Interrupted) -> str:
    """What the catalogue says of an interrupted shot."""
    text = f"the controller died after journal record {shot.last!r}" if shot.last else "the controller died at once"
    if shot.fired is None:
        return text
    answer = "was given" if shot.fired else "was not given"
    return f"{text}; UNKNOWN-FIRED, resolved by the PLC's ring: the fire pulse {answer}"
