"""The rig child: a simulated bench, or one instrument, on real sockets and ptys (design.md 2).

First line on standard input: ``{"rig", "seed", "instrument"}``. First line on standard output: the endpoints. Then
one Control per line on standard input; when it closes, the bench is switched off.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from controller.app.benches import build_plant
from controller.app.control import Lines, go_first, install_uvloop, wake_when_orphaned
from controller.app.preflight import read_bounded, read_rig
from controller.app.rig_sim import SimulatedRig
from controller.app.single import serve_single
from controller.app.tape import Tape
from controller.app.tape_format import Begin
from controller.app.wall_clock import utc_label
from controller.messages import Control
from controller.rig.source import Refused
from controller.runtime.offload import to_thread

EXIT_BROKEN = 5
"""Internal error (design.md 4): a defect stopped the scans; standard error has the traceback."""


class Order(msgspec.Struct, frozen=True):
    """What to simulate: a bench, or one instrument by its model name."""

    rig: str = ""
    seed: int = 0
    instrument: str = ""
    faults: tuple[str, ...] = ()
    """From the start; of a bench ``target.fault``, of one instrument a fault of its links."""
    tape: str = ""


async def main(make: Callable[..., SimulatedRig] = SimulatedRig) -> int:
    """Serve until standard input closes. Returns the exit code. ``make`` makes the bench (a campaign looks on)."""
    lines = Lines()
    order = msgspec.json.decode(await lines.first(), type=Order)
    try:
        with _taping(order) as tape:
            if order.instrument:
                return await _serve_one(order, lines, tape)
            rig = await _serve_rig(order, make, tape)
            try:
                return await _obey_all(rig, lines)
            finally:
                await rig.stop()
    except Refused as refused:
        _say({"refused": [str(problem) for problem in refused.problems]})
        return 2


@contextlib.contextmanager
def _taping(order: Order) -> Iterator[Tape | None]:
    """The tape of these stand-ins, if there is to be one. Raises Refused when it cannot be written."""
    if not order.tape:
        yield None
        return
    tape = Tape(Path(order.tape), _begin(order), threaded=True)
    try:
        yield tape
    finally:
        tape.close()


def _begin(order: Order) -> Begin:
    if order.instrument:
        return Begin("stand-in", utc_label(), False, {order.instrument: (order.instrument, "")})
    model, _ = read_rig(order.rig)
    instruments = {spec.name: (spec.model, spec.transport) for spec in model.instruments}
    return Begin("stand-in", utc_label(), False, instruments)


async def _serve_one(order: Order, lines: Lines, tape: Tape | None) -> int:
    single = await serve_single(order.instrument, order.seed, order.faults, tape)
    alone = {"model": order.instrument, "endpoints": dict(single.endpoints)}
    _say({"rig": "", "instruments": {order.instrument: alone}})
    await lines.until_closed(lambda line: None)
    await single.close()
    return 0


async def _obey_all(rig: SimulatedRig, lines: Lines) -> int:
    """Obey until standard input closes. A bench that broke is switched off: its links close, nobody is fooled."""
    obeying = asyncio.create_task(
        lines.until_closed(lambda line: _obey(rig, msgspec.json.decode(line, type=Control))), name="rig control"
    )
    breaking = asyncio.create_task(rig.broken.wait(), name="rig broken")
    await asyncio.wait([obeying, breaking], return_when=asyncio.FIRST_COMPLETED)
    if obeying.done():
        breaking.cancel()
        await obeying
        return 0
    obeying.cancel()
    return EXIT_BROKEN


async def _serve_rig(order: Order, make: Callable[..., SimulatedRig], tape: Tape | None) -> SimulatedRig:
    model, files = read_rig(order.rig)
    plant = build_plant(order.rig, order.seed)
    rig = make(model, plant, read_bounded(files.plc).decode(), str(files.plc), order.seed, to_thread)
    await to_thread(_warm_up)
    go_first()
    published = await rig.serve(tape)
    rig.start()
    for fault in order.faults:
        rig.board.switch(fault, True)
    _say({"rig": model.name, "instruments": published})
    return rig


def _warm_up() -> None:
    """Import what the pulse solver needs now, not while a shot waits for it."""
    import scipy.integrate

    assert scipy.integrate is not None


def _obey(rig: SimulatedRig, control: Control) -> None:
    if control.inject:
        rig.board.switch(control.inject, True)
    if control.clear:
        rig.board.switch(control.clear, False)
    if control.press:
        rig.press(control.press)


def _say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    wake_when_orphaned()
    install_uvloop()
    sys.exit(asyncio.run(main()))
