"""The re-arm rule: a scope is not armed again until its record is stored or waived by name (bench.md 3, item 8).

A note per scope is made before it is armed, so that it outlives a crash, and taken away when its channels are on the
disk or no trigger came. Stand-ins have no such notes: they lose their memory when a run ends (decision 9).
"""

from pathlib import Path

import msgspec

from controller.messages import RunConfig
from controller.rig.model import Rig
from controller.rig.source import Problem, Refused
from controller.runtime.core import Outcome
from controller.sequencer.plan import Plan, ScopePlan, StepKind
from controller.shots.capture_store import CaptureStore
from controller.shots.catalogue import Catalogue, Unstored

RAW = "raw"
"""Folder of the raw captures inside a shot's folder."""

AUTHOR = "sparkgap"
"""Who signs the remarks about notes when no person does."""

_TRIGGERING = frozenset({StepKind.FIRE, StepKind.REHEARSE, StepKind.FORCE_TRIGGER})


def require_stored(catalogue: Catalogue, rig: Rig, config: RunConfig) -> None:
    """Raise Refused while a scope of the rig may hold a record that is neither stored nor waived."""
    problems = [
        Problem(
            f"shot {note.number}",
            0,
            note.instrument,
            "its record is not stored, and arming would clear it",
            f"`sparkgap shots fetch {note.number} --lab {config.lab}`, or give it up with --waive {note.instrument}",
        )
        for note in catalogue.unstored(rig.name)
        if note.instrument not in config.waive
    ]
    if problems:
        raise Refused(problems)


def note_scopes(catalogue: Catalogue, rig: Rig, config: RunConfig, plan: Plan, number: int) -> None:
    """Give up what was waived, with a remark on the shot that lost it, and note this shot's scopes."""
    for note in catalogue.unstored(rig.name):
        if note.instrument in config.waive:
            text = f"{note.instrument}: its record was never stored; waived for shot {number}"
            catalogue.comment(note.number, config.started_utc, config.operator, text)
            catalogue.clear_unstored(note.number, note.instrument)
    for scope in plan.scopes:
        catalogue.note_unstored(number, scope.instrument, msgspec.json.encode(scope).decode())


def planned(note: Unstored) -> ScopePlan:
    """The acquisition that the note is about."""
    return msgspec.json.decode(note.setup, type=ScopePlan)


def triggered(plan: Plan, outcome: Outcome) -> bool:
    """True when a trigger may have reached the scopes: fire, rehearsal, force trigger, or current by itself."""
    reached = plan.steps[: outcome.state.step + 1]
    status = outcome.situation.status
    return (
        outcome.situation.fire_ns is not None
        or any(step.kind in _TRIGGERING for step in reached)
        or (status is not None and status.latches != 0)
    )


def settle(catalogue: Catalogue, number: int, folder: Path, may_hold: bool) -> None:
    """Take away the notes of a shot's scopes that are stored completely, or all when no trigger can have come."""
    stored = CaptureStore(folder / RAW).channels()
    for note in catalogue.unstored(number=number):
        if not may_hold or all(channel.channel in stored for channel in planned(note).channels):
            catalogue.clear_unstored(number, note.instrument)
