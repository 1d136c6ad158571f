"""Running the stand-ins for people (a table) and programs (one line of endpoints), until a signal."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.app.children import ChildFailed
from controller.app.locate import data_dir
from controller.app.logs import LOGS
from controller.app.signals import StopSignals
from controller.app.single import require_standalone
from controller.app.standins import run_standins
from controller.app.tape import require_new
from controller.cli.result import json_line
from controller.cli.stop import StopRequest
from controller.cli.writer import Writer
from controller.rig.source import Problem, Refused
from controller.sequencer.verdict import Exit


@dataclass(frozen=True, slots=True)
class Order:
    """What to simulate: a whole bench, or one model of instrument."""

    rig: str
    seed: int
    instrument: str
    out: str
    as_json: bool
    faults: tuple[str, ...] = ()
    tape: str = ""


def simulate(order: Order) -> int:
    """Run the stand-ins until asked to stop; exit code 0 then, 2 when refused, 5 when they died."""
    if order.instrument:
        require_standalone(order.instrument, order.faults)
    elif order.faults:
        from controller.app.faultspec import check_faults
        from controller.app.inventory import fault_catalogue

        check_faults(order.faults, fault_catalogue(order.rig), ())
    require_new(order.tape)
    stop = StopRequest()
    writer = Writer(1, on_closed=lambda: stop("standard output closed"))
    errors = Writer(2)
    try:
        with StopSignals(stop):
            return asyncio.run(_run(order, stop, writer, errors))
    finally:
        writer.close()
        errors.close()


async def _run(order: Order, stop: StopRequest, writer: Writer, errors: Writer) -> int:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    ready = False

    def announce(said: Mapping[str, Any]) -> None:
        nonlocal ready
        ready = True
        for line in [json_line(said)] if order.as_json else endpoint_lines(said):
            writer.write_line(line)

    log_dir = _make_log_dir(Path(order.out) if order.out else data_dir())
    stop.listen(lambda reason: _set_from_anywhere(loop, stopped))
    try:
        problems = await run_standins(
            order.rig, order.seed, order.instrument, order.faults, order.tape, log_dir, announce, stopped
        )
    except ChildFailed as error:
        problems, ready = (str(error),), True
    finally:
        stop.forget()
    for problem in problems:
        errors.write_line(problem)
    if not problems:
        return Exit.PASS
    if stop.reason:
        return Exit.ABORTED
    if not ready:
        return Exit.REFUSED
    errors.write_line(f"log: {log_dir}")
    return Exit.INTERNAL


def _make_log_dir(out: Path) -> Path:
    try:
        (out / LOGS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise Refused([Problem(f"--out {out}", 0, "", problem, "name another folder")]) from None
    return out / LOGS


def _set_from_anywhere(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


def endpoint_lines(said: Mapping[str, Any]) -> list[str]:
    """The endpoints as aligned text: instrument, model, transport and address."""
    lines = [f"{said['rig'] or 'one instrument alone'}: stand-ins are up, Ctrl-C ends them"]
    return lines + instrument_lines(said["instruments"])


def instrument_lines(instruments: Mapping[str, Any]) -> list[str]:
    """One aligned line per instrument."""
    return [f"  {name:<16} {entry['model']:<22} {_addresses(entry)}" for name, entry in instruments.items()]


def _addresses(entry: Mapping[str, Any]) -> str:
    return "  ".join(f"{transport} {address}" for transport, address in entry["endpoints"].items())
