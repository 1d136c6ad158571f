"""After a crash: look at the bench, take the energy away, prove it, and book what was interrupted (safety.md 6).

Nothing is ever resumed and nothing is ever fired again. The last record of an interrupted journal decides the text;
the action is always the same.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from controller.app.booking import JOURNAL_NAME, open_catalogue
from controller.app.folder_lock import FolderLock
from controller.app.interrupted import Interrupted, book_interrupted, describe, read_ring
from controller.app.proof import NOT_VERIFIED, evidence_of, make_safe, unproven_text
from controller.app.shot import World
from controller.app.unconfirmed import Mark, clear_mark, mark_file, set_mark
from controller.messages import Finished, RunConfig
from controller.rig.model import Rig
from controller.rig.source import Refused
from controller.runtime.frames import FrameMaker, hello_of
from controller.runtime.situation import Situation
from controller.sequencer.engine import Ending
from controller.shots.catalogue import CatalogueUnusable
from controller.shots.journal import JournalError
from drivers.errors import InstrumentError
from drivers.ports import RigPlc
from drivers.registry import open_instrument
from drivers.transports.route import Route
from drivers.wire.plc import PlcEvent, PlcStatus

BOOKING_S = 20.0
"""Longest wait for the disk once the bench is safe; the supervisor takes a core for hung after 30 s without a frame."""


async def recover(rig: Rig, config: RunConfig, world: World) -> Finished:
    """Take the energy away and prove it; only then look at the disk and book every unfinished shot of the rig.

    Never raises for a bench that does not answer, nor for a folder, catalogue or journal that cannot be used: what
    could not be booked is said, and booked when the next run starts.
    """
    status, safe, events, reason = await _take_energy_away(rig, config, world)
    ending = (status, safe, reason)
    booked: Sequence[Interrupted] = ()
    try:
        async with asyncio.timeout(BOOKING_S):
            booked = await world.offload(lambda: _book(rig, config, events, ending, world.utc()))
    except TimeoutError:
        reason += f"; the shot is not booked yet: the disk did not answer within {BOOKING_S:.0f} s"
    except (Refused, CatalogueUnusable, JournalError, OSError) as trouble:
        reason += f"; the shot is not booked yet: {trouble}"
    return _finished(rig, booked, status, safe, reason)


async def _take_energy_away(
    rig: Rig, config: RunConfig, world: World
) -> tuple[PlcStatus | None, bool, tuple[PlcEvent, ...], str]:
    """(the last status, whether it proves safety, the PLC's ring, why this was needed). No disk is asked."""
    try:
        plc = await open_plc(rig, world.connects[plc_name(rig)])
    except InstrumentError as trouble:
        return None, False, (), str(trouble)
    try:
        status, safe = await make_safe(plc, _onlooker(rig, config, world))
        return status, safe, await read_ring(plc, status), "the controller died during the shot"
    finally:
        await plc.close()


def _book(
    rig: Rig, config: RunConfig, events: tuple[PlcEvent, ...], ending: tuple[PlcStatus | None, bool, str], utc: str
) -> Sequence[Interrupted]:
    """Blocking: mark or unmark the bench, close the journals of unfinished shots and enter what is known.

    The mark comes first: a booked shot does not stand for it any more. Raises what the disk makes it.
    """
    out, (status, safe, reason) = Path(config.out), ending
    lock = FolderLock(out)
    try:
        if safe and status is not None:
            clear_mark(mark_file(config, rig), utc, f"by recovery: {evidence_of(status)}")
        else:
            set_mark(mark_file(config, rig), Mark(utc, 0, f"recovery could not prove the bench safe: {reason}"))
        catalogue = open_catalogue(config, out)
        try:
            return book_interrupted(catalogue, rig.name, out, events)
        finally:
            catalogue.close()
    finally:
        lock.release()


def plc_name(rig: Rig) -> str:
    """The rig PLC's name among the instruments."""
    return next(spec.name for spec in rig.instruments if spec.port == "RigPlc")


async def open_plc(rig: Rig, connect: Route) -> RigPlc:
    """Route to the PLC alone."""
    spec = rig.instrument(plc_name(rig))
    return cast(RigPlc, await open_instrument(spec.model, spec.name, connect, identity=spec.identity))


def _onlooker(rig: Rig, config: RunConfig, world: World) -> Callable[[PlcStatus | None], None]:
    """Shows every look at the PLC to whoever listens on the bus; a look without an answer only lets the values age."""
    loop = asyncio.get_running_loop()
    situation = Situation(round(loop.time() * 1e9))
    maker = FrameMaker(situation, rig)
    world.publish(hello_of(rig, None, 0, "", world.virtual, "recover", config.started_utc))

    def show(status: PlcStatus | None) -> None:
        now_ns = round(loop.time() * 1e9)
        if status is not None:
            situation.status, situation.status_ns = status, now_ns
        world.publish(maker.make(now_ns, -1, None, 0.0))

    return show


def _finished(rig: Rig, booked: Sequence[Interrupted], status: PlcStatus | None, safe: bool, reason: str) -> Finished:
    shot = booked[-1] if booked else None
    where = "no status" if status is None else f"PLC in {status.state.name}"
    return Finished(
        shot=0 if shot is None else shot.number,
        shot_id="",
        verdict="aborted",
        ended="interrupted" if safe else Ending.UNSAFE.value,
        reason=f"{reason}; {describe(shot)}" if shot is not None else reason,
        record="",
        journal="" if shot is None else str(shot.folder / JOURNAL_NAME),
        report="",
        sheet="",
        exit=3 if safe else 4,
        safe=f"verified by recovery ({where})" if safe else f"{NOT_VERIFIED} ({where}): {unproven_text(rig, status)}",
    )
