"""One stand-in alone on a free port or pty, useful without any bench (``sparkgap sim --instrument``)."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from controller.rig.source import Problem, Refused
from firmware_sim.personalities.dg645 import DelayGeneratorPanel
from firmware_sim.personalities.dsox import open_standalone
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel, SmallCapacitor
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.servers.tcp import serve_tcp
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.dg645 import open_dg645_session
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.sessions.probus import ProbusSession
from firmware_sim.sessions.scpi import ScpiSession


@dataclass(frozen=True, slots=True)
class Single:
    """A running stand-in: its published endpoints and how to stop it."""

    endpoints: Mapping[str, str]
    close: Callable[[], Coroutine[Any, Any, None]]


Open = Callable[[int], Callable[[], Session]]


def _scope(seed: int) -> Callable[[], Session]:
    panel = open_standalone("MY00000001", seed)
    return lambda: ScpiSession(panel)


def _charger(seed: int) -> Callable[[], Session]:
    load = SmallCapacitor()
    panel = CapacitorChargerPanel(load.read, load.drive)
    return lambda: ProbusSession(panel, load.advance)


def _delay(seed: int) -> Callable[[], Session]:
    panel = DelayGeneratorPanel()
    return lambda: open_dg645_session(panel)


def _labjack(seed: int) -> Callable[[], Session]:
    panel = LabJackT7(470012345, lambda index: 0.1 * index)
    return lambda: ModbusSession(panel)


STANDALONE: Mapping[str, tuple[str, Open]] = {
    "FuG HCK 2000-4000": ("serial", _charger),
    "SRS DG645": ("socket", _delay),
    "Keysight DSO-X 3014A": ("socket", _scope),
    "LabJack T7": ("modbus", _labjack),
}
"""Model name -> (transport, opener)."""


def require_standalone(model: str) -> None:
    """Raise Refused for a model that does not stand alone."""
    if model not in STANDALONE:
        remedy = f"models that stand alone: {', '.join(STANDALONE)}"
        raise Refused([Problem("--instrument", 0, "", f"there is no stand-in called {model!r}", remedy)])


async def serve_single(model: str, seed: int) -> Single:
    """Start the stand-in of ``model``. Raises Refused for one that does not stand alone."""
    require_standalone(model)
    transport, open_model = STANDALONE[model]
    open_session = open_model(seed)
    loop = asyncio.get_running_loop()
    origin_ns = round(loop.time() * 1e9)

    def now_ns() -> int:
        return round(loop.time() * 1e9) - origin_ns

    if transport == "serial":
        from firmware_sim.servers.pty import serve_pty  # POSIX only

        pty = await serve_pty(open_session, now_ns=now_ns)
        return Single({transport: pty.address}, pty.close)
    server = await serve_tcp(open_session, now_ns=now_ns)
    return Single({transport: server.address}, server.close)
