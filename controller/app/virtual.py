"""The whole of Sparkgap in one process on virtual time: no socket, no thread, no waiting (design.md 2)."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from controller.app.attendant import scene_of
from controller.app.benches import build_plant
from controller.app.faultspec import due
from controller.app.inventory import fault_catalogue
from controller.app.preflight import Prepared, prepare, read_bounded
from controller.app.rig_sim import SimulatedRig
from controller.app.shot import World, run_shot
from controller.app.tape import Tape, begin_of
from controller.app.tape_tap import taped
from controller.app.twin import Prediction, foresee
from controller.messages import Finished, Message, RunConfig, StepEntered
from controller.runtime.core import Stop
from controller.runtime.offload import Offload, inline
from controller.runtime.virtual_loop import run_virtual as run_on_virtual_time
from drivers.transports.route import Route

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Virtual runs are labelled from here, one second per seed: labels must not depend on the wall clock."""

ABORT_POLL_S = 0.05
"""How often, in virtual time, the shell's wish to stop is looked at: under a millisecond of real time."""


def run_virtual(config: RunConfig, on_message: Callable[[Message], None], abort: Callable[[], str]) -> Finished:
    """Run one shot on virtual time. ``abort()`` returns a reason to stop, or an empty string.

    Raises Refused as :func:`controller.app.preflight.prepare` and the shot itself do.
    """
    label = label_of(config.seed, 0.0)
    config = msgspec.structs.replace(config, started_utc=label)
    prepared = prepare(config, fault_catalogue(config.rig))
    prediction = foresee(prepared.plan, prepared.rig, config.rig)
    return run_on_virtual_time(_run(prepared, prediction, on_message, abort))


def label_of(seed: int, after_s: float) -> str:
    """The wall-clock label of a virtual instant: follows from the seed alone."""
    return (EPOCH + timedelta(seconds=seed % 10**9 + after_s)).isoformat(timespec="milliseconds")


def scene_for(prepared: Prepared) -> tuple[str, ...]:
    """What the people at the bench do before this run."""
    return scene_of(prepared.plan, prepared.rig.bank.modules)


def world_of(
    prepared: Prepared,
    prediction: Prediction,
    connects: Mapping[str, Route],
    offload: Offload,
    publish: Callable[[Message], None],
) -> World:
    """The world of a run on the running virtual loop."""
    loop, seed = asyncio.get_running_loop(), prepared.config.seed
    return World(
        connects=connects,
        offload=offload,
        publish=publish,
        utc=lambda: label_of(seed, loop.time()),
        today=date.fromisoformat(label_of(seed, 0.0)[:10]),
        simulated=True,
        virtual=True,
        predicted=prediction.ledger,
    )


async def _run(
    prepared: Prepared, prediction: Prediction, on_message: Callable[[Message], None], abort: Callable[[], str]
) -> Finished:
    loop = asyncio.get_running_loop()
    rig = SimulatedRig(
        prepared.rig,
        build_plant(prepared.config.rig, prepared.config.seed),
        read_bounded(prepared.files.plc).decode(),
        str(prepared.files.plc),
        prepared.config.seed,
        inline,
    )
    for word in scene_for(prepared):
        rig.press(word)
    for spec in prepared.faults:
        if spec.at_start:
            rig.board.switch(spec.fault, True)

    def publish(message: Message) -> None:
        if isinstance(message, StepEntered):
            for spec, delay_s in due(prepared.faults, message.id, message.phase):
                loop.call_later(delay_s, rig.board.switch, spec.fault, True)
        on_message(message)

    def stop_when(stop: Stop) -> None:
        def poll() -> None:
            reason = abort()
            if reason:
                stop(reason)
            else:
                loop.call_later(ABORT_POLL_S, poll)

        poll()

    tape = tape_of(prepared)
    rig.start()
    try:
        world = world_of(prepared, prediction, taped(rig.connects(), tape), inline, publish)
        finished = await run_shot(prepared, world, stop_when)
        if tape is not None:
            tape.ended(finished)
        return finished
    finally:
        await rig.stop()
        if tape is not None:
            tape.close()


def tape_of(prepared: Prepared) -> Tape | None:
    """The tape of a run on virtual time, if it is to have one. Raises Refused."""
    config = prepared.config
    if not config.tape:
        return None
    begin = begin_of(config, prepared.rig, config.started_utc, virtual=True)
    return Tape(Path(config.tape), begin, threaded=False)
