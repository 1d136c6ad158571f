"""Read again what the scopes still hold of a shot whose transfer failed (bench.md 3, item 8). Nothing is written to
any instrument, nothing is armed."""

import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import partial
from pathlib import Path
from typing import cast

from controller.app.learned_scopes import open_model
from controller.app.proof import safe_now
from controller.app.recovery import open_plc, plc_name
from controller.app.unstored import RAW, planned
from controller.rig import load_rig
from controller.rig.model import Rig
from controller.rig.source import Problem, Refused
from controller.runtime.offload import Offload
from controller.runtime.recording import capture_of
from controller.runtime.scope_records import read_channel, scope_setup
from controller.sequencer.plan import ScopePlan
from controller.shots.capture_store import CaptureStore, CaptureUnusable
from controller.shots.catalogue import Catalogue, ShotEntry, Unstored
from controller.shots.model import ShotRecord
from controller.shots.reader import read_record
from drivers.errors import InstrumentError
from drivers.ports import Oscilloscope, ScopeChannel, ScopeSetup, ScopeState
from drivers.transports.route import Route
from drivers.wire.plc import PlcRequest, PlcState

TOLERANCE = 0.005
"""Read-back against plan, relative: a scope keeps its settings in three figures."""

_WAITING = (ScopeState.ARMED, ScopeState.ARMING)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A shot with unstored records: its entry, the notes, its folder, its rig's calibration, its scopes' serials."""

    entry: ShotEntry
    notes: tuple[Unstored, ...]
    folder: Path
    rig: Rig
    serials: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was stored now, and why the rest was not."""

    paths: tuple[Path, ...]
    problems: tuple[Problem, ...]


def look_up(catalogue: Catalogue, entry: ShotEntry, record: Path | None, folder: Path, present: Rig) -> Wanted:
    """What is missing of a shot. The calibration is the shot's own: from its record, or ``present`` if that is it.

    Raises Refused when nothing is missing, or the rig file has changed since and no record keeps the old one.
    """
    place = f"shot {entry.number}"
    notes = catalogue.unstored(number=entry.number)
    if not notes:
        remedy = "`sparkgap shots export` writes what is in the record"
        raise Refused([Problem(place, 0, "", "no scope holds an unstored record of it", remedy)])
    if record is not None:
        kept: ShotRecord = read_record(record)
        serials = {use.name: use.serial for use in kept.instruments}
        return Wanted(entry, notes, folder, load_rig(kept.rig_text, str(record)), serials)
    if present.sha256 != entry.rig_sha256:
        remedy = "put that rig.yaml back: its calibration belongs to the samples"
        raise Refused([Problem(place, 0, "rig", "was made with another rig.yaml, and it has no record", remedy)])
    return Wanted(entry, notes, folder, present, {})


async def fetch(
    wanted: Wanted, present: Rig, connects: Mapping[str, Route], catalogue: Catalogue, offload: Offload, utc: str
) -> Fetched:
    """Store every planned channel that is missing, scope by scope, and take the notes of complete scopes away.

    Raises Refused unless the PLC says SAFE and proves it.
    """
    await _require_safe(present, connects[plc_name(present)])
    paths: list[Path] = []
    problems: list[Problem] = []
    for note in wanted.notes:
        try:
            async for path in _fetch_scope(
                wanted, planned(note), present, connects[note.instrument], catalogue, offload
            ):
                paths.append(path)
        except (InstrumentError, CaptureUnusable) as trouble:
            remedy = trouble.remedy if isinstance(trouble, CaptureUnusable) else _remedy(note)
            problems.append(Problem(f"shot {note.number}", 0, note.instrument, trouble.problem, remedy))
            continue
        except _NotItsRecord as trouble:
            problems.append(Problem(f"shot {note.number}", 0, note.instrument, str(trouble), _remedy(note)))
            continue
        await offload(partial(_close, catalogue, note, utc))
    return Fetched(tuple(paths), tuple(problems))


class _NotItsRecord(Exception):
    """What the scope holds, if anything, is not this shot's."""


def _remedy(note: Unstored) -> str:
    return f"put right what is wrong and fetch again, or give the record up with `run --waive {note.instrument}`"


def _close(catalogue: Catalogue, note: Unstored, utc: str) -> None:
    catalogue.comment(note.number, utc, "sparkgap", f"{note.instrument}: fetched after the shot, beside the record")
    catalogue.clear_unstored(note.number, note.instrument)


async def _require_safe(rig: Rig, connect: Route) -> None:
    """One look at the PLC under epoch 0, which holds nothing and may command nothing."""
    name = plc_name(rig)
    try:
        plc = await open_plc(rig, connect)
        try:
            status = await plc.exchange(PlcRequest())
        finally:
            await plc.close()
    except InstrumentError as trouble:
        raise Refused([Problem(rig.name, 0, name, trouble.problem, "check the PLC's link")]) from None
    if status.state is not PlcState.SAFE or not safe_now(status):
        remedy = "bring the bench to SAFE first; records are read from a dead bench only"
        raise Refused([Problem(rig.name, 0, name, f"is in {status.state.name}, not proven safe", remedy)])


async def _fetch_scope(
    wanted: Wanted, plan: ScopePlan, present: Rig, connect: Route, catalogue: Catalogue, offload: Offload
) -> AsyncIterator[Path]:
    spec = present.instrument(plan.instrument)
    scope = cast(Oscilloscope, await open_model(spec.model, spec.name, connect, identity=spec.identity))
    try:
        await _require_same(scope, plan, wanted.serials.get(plan.instrument, ""))
        async for path in _store_missing(scope, plan, wanted, catalogue, offload):
            yield path
    finally:
        await scope.close()


async def _require_same(scope: Oscilloscope, plan: ScopePlan, serial: str) -> None:
    """The same scope, in the same setup, that does not wait for another trigger."""
    found = (await scope.identify()).serial
    if serial and found != serial:
        raise _NotItsRecord(f"is the scope with serial number {found}; the shot used {serial}")
    if await scope.state() in _WAITING:
        raise _NotItsRecord("was armed again since: the record of this shot is gone")
    changes = changed(scope_setup(plan), await scope.read_back())
    if changes:
        raise _NotItsRecord(f"was changed since the shot: {', '.join(changes)}")


async def _store_missing(
    scope: Oscilloscope, plan: ScopePlan, wanted: Wanted, catalogue: Catalogue, offload: Offload
) -> AsyncIterator[Path]:
    store = CaptureStore(wanted.folder / RAW)
    day = date.fromisoformat(wanted.entry.started_utc[:10])
    stored = await offload(store.channels)
    for channel in plan.channels:
        if channel.channel in stored:
            continue
        recorded = await read_channel(scope, channel.source, plan.segments)
        capture = capture_of(wanted.rig.channel(channel.channel), plan.instrument, recorded, day)
        sha256 = await offload(partial(store.save, capture))
        path = store.folder / f"{channel.channel}.raw"
        await offload(partial(catalogue.add_file, wanted.entry.number, f"raw:{channel.channel}", str(path), sha256))
        yield path


def changed(planned_setup: ScopeSetup, held: ScopeSetup) -> list[str]:
    """What differs beyond :data:`TOLERANCE`, for a person; labels, which a scope shortens, do not count."""
    wanted = {channel.source: channel for channel in planned_setup.channels}
    shown = {channel.source: channel for channel in held.channels}
    changes = [f"{source} is {'on' if source in shown else 'off'}" for source in sorted(set(wanted) ^ set(shown))]
    for source in sorted(set(wanted) & set(shown)):
        own = [item.name for item in fields(ScopeChannel) if item.name not in ("source", "label")]
        changes += [f"{source} {text}" for text in _unlike(wanted[source], shown[source], own, wanted[source].range_v)]
    own = [item.name for item in fields(ScopeSetup) if item.name != "channels"]
    return changes + _unlike(planned_setup, held, own, planned_setup.window_s)


def _unlike(before: object, after: object, names: list[str], full_scale: float) -> list[str]:
    """Fields that differ; numbers may by :data:`TOLERANCE` of themselves or of the full scale beside them."""
    changes = []
    for name in names:
        old, new = getattr(before, name), getattr(after, name)
        near = isinstance(old, float) and math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE * full_scale)
        if old != new and not near:
            changes.append(f"{name} {old} -> {new}")
    return changes
