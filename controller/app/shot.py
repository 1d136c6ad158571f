"""One shot from the first connection to the last file: the same for real time and virtual time."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from controller import messages
from controller.app.alarm_file import kept_alarms
from controller.app.booking import Booking, book_refusal, book_shot, open_catalogue, refusal_of
from controller.app.claim import PLC_ASKS, claim_bench, connection_id, refuse_plc
from controller.app.folder_lock import FolderLock
from controller.app.instruments import open_bench
from controller.app.interrupted import book_interrupted, describe, read_ring, require_sound_journals
from controller.app.preflight import Prepared, conditioning_folder
from controller.app.proof import proof_of
from controller.app.shot_files import ShotFiles
from controller.app.unconfirmed import Mark, mark_file, require_proof, set_mark
from controller.app.unstored import RAW, note_scopes, require_stored, triggered
from controller.app.wear import wear_of
from controller.messages import Finished, Message, StepEntered
from controller.rig.source import Problem, Refused
from controller.runtime.actions import ActionFailed
from controller.runtime.alarming import Alarming
from controller.runtime.bench import Bench
from controller.runtime.core import Core, CoreSetup, Outcome, Stop
from controller.runtime.offload import Offload, to_daemon_thread
from controller.runtime.recording import (
    Background,
    build_record,
    capture_of,
    captures_of,
    seconds,
    slow_logs_of,
)
from controller.runtime.scope_records import Recorded
from controller.sequencer.engine import Ending
from controller.sequencer.verdict import Exit, Verdict, exit_code, overall
from controller.shots.capture_store import CaptureStore, CaptureUnusable
from controller.shots.catalogue import Catalogue, CatalogueUnusable
from controller.shots.measure import measure_all
from controller.shots.model import EventRow, MeasuredValue
from controller.shots.quantities import MeasureContext
from drivers.errors import InstrumentError
from drivers.ports import Identity
from drivers.transports.route import Route
from drivers.wire.plc import PlcRequest

EVENTS_MAX = 10_000
"""Events kept for the record; a run that has more is broken, and its journal and log have the rest."""


@dataclass(frozen=True, slots=True)
class World:
    """What differs between real and virtual time: where instruments are, how blocking work is done, what day it is."""

    connects: Mapping[str, Route]
    offload: Offload
    publish: Callable[[Message], None]
    utc: Callable[[], str]
    today: date
    simulated: bool
    virtual: bool
    predicted: Mapping[str, float]
    files: bool = True
    """False for the trials of a campaign: they leave a journal and a catalogue, but no record, report and sheet."""


class EventLog:
    """Publishes every message and keeps the events for the record."""

    def __init__(self, publish: Callable[[Message], None]) -> None:
        self._publish = publish
        self.rows: list[EventRow] = []

    def __call__(self, message: Message) -> None:
        """Pass ``message`` on."""
        if isinstance(message, messages.Event):
            self._keep(EventRow(message.t_ns, message.source, message.kind, message.text))
        elif isinstance(message, StepEntered):
            self._keep(EventRow(message.t_ns, "sequencer", "step", f"{message.id}: {message.phase}"))
        self._publish(message)

    def _keep(self, row: EventRow) -> None:
        if len(self.rows) < EVENTS_MAX:
            self.rows.append(row)


async def run_shot(prepared: Prepared, world: World, stop_when: Callable[[Stop], None]) -> Finished:
    """Run one prepared shot. ``stop_when`` is given the function that aborts the run.

    Raises Refused for everything that keeps the shot from starting: nothing was energised then.
    """
    lock = FolderLock(prepared.out)
    try:
        out = None if world.virtual else prepared.out
        async with kept_alarms(prepared.rig, out, world.publish, world.utc, to_daemon_thread) as alarming:
            return await _run_locked(prepared, world, stop_when, alarming)
    finally:
        lock.release()


async def _run_locked(
    prepared: Prepared, world: World, stop_when: Callable[[Stop], None], alarming: Alarming
) -> Finished:
    """What is on the disk is looked at before any instrument is."""
    catalogue = await world.offload(lambda: open_catalogue(prepared.config, prepared.out))
    try:
        await world.offload(lambda: _require_sound(catalogue, prepared))
        bench, identities = await open_bench(prepared.rig, world.connects)
        try:
            return await _run_on(bench, identities, catalogue, prepared, world, stop_when, alarming)
        finally:
            await bench.close()
    finally:
        await world.offload(catalogue.close)


def _require_sound(catalogue: Catalogue, prepared: Prepared) -> None:
    try:
        require_sound_journals(catalogue, prepared.rig.name, prepared.out)
    except CatalogueUnusable as trouble:
        raise refusal_of(trouble) from None


async def _run_on(
    bench: Bench,
    identities: Mapping[str, Identity],
    catalogue: Catalogue,
    prepared: Prepared,
    world: World,
    stop_when: Callable[[Stop], None],
    alarming: Alarming,
) -> Finished:
    log = EventLog(world.publish)
    try:
        booking = await _begin(bench, catalogue, prepared, world, log)
    except CatalogueUnusable as trouble:
        raise refusal_of(trouble) from None
    core = Core(
        CoreSetup(
            prepared.plan,
            prepared.rig,
            bench,
            booking.journal,
            booking.ticket,
            world.offload,
            log,
            lambda channel, instrument, waveform: _store(prepared, world, booking, channel, instrument, waveform),
            connection_id(booking.ticket.shot_id),
            PLC_ASKS,
            world.virtual,
            prepared.config.started_utc,
            alarming,
            conditioning=conditioning_folder(prepared.out),
            fresh=prepared.config.fresh,
        )
    )
    stop_when(core.stop)
    outcome = await core.run()
    return await _conclude(prepared, world, booking, outcome, identities, log)


async def _begin(bench: Bench, catalogue: Catalogue, prepared: Prepared, world: World, log: EventLog) -> Booking:
    """Everything before the first command: what was left by others, this shot's booking, the PLC is ours."""
    evidence = await _require_proof(bench, prepared, world, catalogue, log)
    await _book_interrupted(bench, prepared, world, catalogue, log)
    if not world.simulated:
        await world.offload(lambda: require_stored(catalogue, prepared.rig, prepared.config))
    booking = await book_shot(prepared, catalogue, world.offload, not world.simulated, evidence)
    try:
        await claim_bench(bench, prepared, booking.ticket)
    except Refused as refused:
        raise await book_refusal(booking, refused, world.offload) from None
    if not world.simulated:
        number = booking.ticket.number
        await world.offload(lambda: note_scopes(catalogue, prepared.rig, prepared.config, prepared.plan, number))
    return booking


async def _require_proof(bench: Bench, prepared: Prepared, world: World, catalogue: Catalogue, log: EventLog) -> str:
    """A bench that nobody has proven safe since is proven now, or nothing begins. Returns the evidence."""
    rig = prepared.rig
    loop = asyncio.get_running_loop()
    path = mark_file(prepared.config, rig)
    unfinished = await world.offload(lambda: catalogue.unfinished(rig.name))

    def tell(text: str) -> None:
        log(messages.Event(round(loop.time() * 1e9), "recovery", "warning", text))

    try:
        return await require_proof(bench.plc, rig, path, world.utc(), tuple(unfinished), world.offload, tell)
    except OSError as trouble:
        raise Refused([Problem(str(path), 0, "unsafe-unconfirmed", str(trouble), "make it writable")]) from None


async def _book_interrupted(
    bench: Bench, prepared: Prepared, world: World, catalogue: Catalogue, log: EventLog
) -> None:
    """Recovery at start: shots of this rig that a dead controller left unfinished are booked before the next one."""
    if not await world.offload(lambda: catalogue.unfinished(prepared.rig.name)):
        return
    try:
        # epoch 0 holds nothing and is refused everything, but every answer carries the status
        status = await bench.plc.exchange(PlcRequest())
    except InstrumentError as trouble:
        raise refuse_plc(prepared, trouble.problem, "check the PLC's link") from None
    events = await read_ring(bench.plc, status)
    booked = await world.offload(lambda: book_interrupted(catalogue, prepared.rig.name, prepared.out, events))
    now_ns = round(asyncio.get_running_loop().time() * 1e9)
    for shot in booked:
        log(messages.Event(now_ns, "recovery", "warning", f"shot {shot.number} was interrupted: {describe(shot)}"))


async def _store(
    prepared: Prepared, world: World, booking: Booking, channel: str, instrument: str, waveform: Recorded
) -> None:
    """Keep a waveform on the disk before anything is made of it."""
    capture = capture_of(prepared.rig.channel(channel), instrument, waveform, world.today)
    try:
        await world.offload(lambda: CaptureStore(booking.folder / RAW).save(capture))
    except CaptureUnusable as trouble:
        raise ActionFailed(str(trouble)) from trouble


async def _conclude(
    prepared: Prepared,
    world: World,
    booking: Booking,
    outcome: Outcome,
    identities: Mapping[str, Identity],
    log: EventLog,
) -> Finished:
    plan, situation = prepared.plan, outcome.situation
    background = Background(
        plan,
        prepared.rig,
        prepared.config,
        booking.ticket,
        identities,
        world.utc(),
        world.today,
        prepared.rig.self_test_paths,
        world.simulated,
        world.predicted,
    )
    captures = captures_of(outcome, prepared.rig, world.today)
    logs = slow_logs_of(outcome)
    t0_s, dump_s, safe_s = (seconds(outcome, t) for t in (situation.fire_ns, situation.dump_ns, situation.safe_ns))
    context = MeasureContext(t0_s, dump_s, safe_s, outcome.levels)
    values = await world.offload(lambda: measure_all(plan.measurements, captures, logs, context))
    ending = outcome.state.ending
    unmarked = await _leave_mark(prepared, world, booking, outcome, log) if ending is Ending.UNSAFE else ""
    verdict = overall(ending, [Verdict[value.verdict.upper()] for value in values])
    files = ShotFiles(world.offload, booking, world.files)
    journal = await files.journal_bytes({"verdict": verdict.label, "ended": ending.value})
    record = build_record(
        background, outcome, captures, logs, values, log.rows, verdict.label, journal, booking.journal.head.hex()
    )
    trouble = await files.write(record)
    verdict = _spoilt(verdict, ending, trouble)
    reason = _joined(outcome.state.reason, trouble, unmarked)
    wear = wear_of(record, prepared.rig.bank.module_capacitance_f)
    unbooked = await files.book(background, verdict, ending, reason, wear, triggered(plan, outcome), outcome.trips)
    verdict, reason = _spoilt(verdict, ending, unbooked), _joined(reason, unbooked)
    code = exit_code(ending, verdict)
    return _finished(prepared, booking, files, outcome, verdict, reason, values, code)


def _spoilt(verdict: Verdict, ending: Ending, trouble: str) -> Verdict:
    """Only a complete shot is spoilt by a lost file: one that was aborted or tripped says so with its exit code."""
    return max(verdict, Verdict.ERROR) if trouble and ending is Ending.COMPLETED else verdict


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


async def _leave_mark(prepared: Prepared, world: World, booking: Booking, outcome: Outcome, log: EventLog) -> str:
    """Nobody proved the bench safe: the next run has to. Returns what went wrong with the mark, empty for nothing."""
    rig, shot, why = prepared.rig, booking.ticket.number, outcome.state.reason
    log(messages.Event(outcome.end_ns, "core", "fault", f"unsafe-unconfirmed; {proof_of(rig, outcome)}"))
    mark = Mark(world.utc(), shot, f"shot {shot} ended without a proof of safe: {why}")
    try:
        await world.offload(lambda: set_mark(mark_file(prepared.config, rig), mark))
    except OSError as trouble:
        return f"the mark that the bench is unproven could not be written: {trouble}"
    return ""


def _finished(
    prepared: Prepared,
    booking: Booking,
    files: ShotFiles,
    outcome: Outcome,
    verdict: Verdict,
    reason: str,
    values: tuple[MeasuredValue, ...],
    code: Exit,
) -> Finished:
    return Finished(
        shot=booking.ticket.number,
        shot_id=booking.ticket.shot_id,
        verdict=verdict.label,
        ended=outcome.state.ending.value,
        reason=reason,
        record=files.path("record"),
        journal=str(booking.journal.path),
        report=files.path("report"),
        sheet=files.path("sheet"),
        exit=int(code),
        measurements=tuple(
            messages.Verdict(v.title, v.value, v.unit, v.lower, v.upper, v.margin, v.verdict) for v in values
        ),
        safe=proof_of(prepared.rig, outcome),
        trips=outcome.trips,
        faults=prepared.config.faults,
    )
