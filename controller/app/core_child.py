"""Following one core to its end: its bus, its last line, and killing it when it hangs."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from controller import messages
from controller.app.children import Child

STALL_TIMEOUT_S = 30.0
"""A frame leaves the core every 20 ms; without any for this long the core hangs and the PLC has long dumped."""

BUS_DRAIN_TIMEOUT_S = 2.0
"""Time to read what a core that has ended left in the bus socket."""

log = logging.getLogger("sparkgap.supervisor")


async def follow_core(
    core: Child, bus: str, take: Callable[[messages.Message], None], stall_s: float = STALL_TIMEOUT_S
) -> messages.Finished | None:
    """Hand every message of the core's bus to ``take`` until the core ends; kill it when ``stall_s`` bring none.

    Returns its last word; None when it had none, because it died or because it ran nothing (mode watch).
    """
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(_follow_bus(core, bus, take, stall_s), name="supervisor: bus")
        last = await core.read_to_end()
        await asyncio.wait({reader}, timeout=BUS_DRAIN_TIMEOUT_S)
        reader.cancel()
    try:
        return msgspec.json.decode(last, type=messages.Finished)
    except msgspec.DecodeError:
        return None


async def _follow_bus(core: Child, bus: str, take: Callable[[messages.Message], None], stall_s: float) -> None:
    """Pass every message on until the core closes the bus; kill a core that has gone silent."""
    host, _, port = bus.rpartition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError as error:
        log.error("no bus at %s: %s", bus, error)
        return
    decoder = messages.Decoder()
    try:
        while True:
            async with asyncio.timeout(stall_s):
                data = await reader.read(1 << 16)
            if not data:
                return
            for message in decoder.feed(data):
                take(message)
    except TimeoutError:
        log.error("no frame from the core for %.0f s: killed", stall_s)
        core.kill()
    except (ConnectionError, ValueError) as error:
        log.error("bus lost: %s", error)
    finally:
        writer.close()
