"""The stand-ins alone: the rig process without a core, until somebody asks it to stop."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.app.children import STOP_TIMEOUT_S, first_object, module_command, start_child


async def run_standins(
    rig: str,
    seed: int,
    instrument: str,
    faults: tuple[str, ...],
    tape: str,
    log_dir: Path,
    on_ready: Callable[[Mapping[str, Any]], None],
    stopped: asyncio.Event,
    command: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Start the rig process and keep it until ``stopped`` is set or it ends by itself.

    ``on_ready`` gets the endpoints object of design.md section 4. Returns why it refused to start, or that it
    died; empty when it was stopped as asked. Raises ChildFailed when it never became ready.
    """
    order = json.dumps({"rig": rig, "seed": seed, "instrument": instrument, "faults": faults, "tape": tape}).encode()
    child = await start_child("rig", command or module_command("controller.app.rig_process"), order, log_dir)
    try:
        said = await first_object(child)
        if "refused" in said:
            return tuple(str(problem) for problem in said["refused"])
        on_ready(said)
        return await _until_stopped(child.process, stopped)
    finally:
        await child.stop(STOP_TIMEOUT_S)


async def _until_stopped(process: asyncio.subprocess.Process, stopped: asyncio.Event) -> tuple[str, ...]:
    died = asyncio.create_task(process.wait(), name="stand-ins: process")
    asked = asyncio.create_task(stopped.wait(), name="stand-ins: stop")
    done, waiting = await asyncio.wait({died, asked}, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    return ("the stand-ins ended by themselves; their log says why",) if asked not in done else ()
