"""What the conformance suites of the instrument ports share: one implementation with its stand-in, on virtual time.

A suite says in ``PORT_CASES`` how each of its implementations is asked; test_all_ports.py asks them what every port
must do, whatever the instrument.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from controller.app.linked import linked
from drivers.errors import LinkError, RemoteWireError
from drivers.ports import Identity, Instrument
from firmware_sim.link_faults import LinkFaults
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import SessionFactory

Port = TypeVar("Port", bound=Instrument)

BROKEN_LINKS = ("silent", "garbage", "close", "slow", "no_end", "huge_block", "unsolicited")
"""Faults that make every answer of a protocol wrong: the driver must say so, whatever the instrument is."""

MODBUS_ASKED = 4
"""Questions while a fault acts: one more than the missed deadlines after which a Modbus connection is replaced."""

MODBUS_SURVIVES = frozenset({"duplicate"})
"""What Modbus tells from an answer by the number of its transaction."""

HEALED_S = 90.0
"""A line that dripped one byte per second is quiet again after this long: the longest answer is shorter."""


@dataclass
class Stage(Generic[Port]):
    """One stand-in behind a link that can be broken, on a line if ``serial``.

    ``open_port`` opens the driver under test on it, as ``name``.
    """

    name: str
    open_session: SessionFactory
    open_port: Callable[..., Awaitable[Port]]
    identity: str
    serial: bool = False
    faults: LinkFaults = field(default_factory=lambda: LinkFaults(seed=3))
    refuse: bool = False

    async def open(self, identity: str | None = None) -> Port:
        """Open the driver, by default with the identity that fits."""
        return await self.open_port(self.name, self.connect, identity=self.identity if identity is None else identity)

    async def connect(
        self, factory: Callable[[], asyncio.BaseProtocol]
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """The way to the stand-in; nobody listens there while ``refuse``."""
        if self.refuse:
            raise ConnectionRefusedError("nobody listens")
        return await linked(self._serve)(factory)

    def _serve(self) -> SessionProtocol:
        return SessionProtocol(lambda: self.faults.wrap(self.open_session(), serial=self.serial))


Job = Callable[[Any], Awaitable[object]]
"""Something that is done with an open port."""


async def identify(port: Instrument) -> object:
    """What every port can be asked."""
    return await port.identify()


async def nothing(port: Instrument) -> None:
    """For a trial that needs no such job."""


@dataclass(frozen=True)
class Question:
    """Changes nothing; ``right`` judges its answer on a healthy link, a broken one is noticed ``within_s``."""

    ask: Job
    right: Callable[[Any], bool]
    within_s: float


@dataclass(frozen=True)
class Trial:
    """One implementation on its stage, and what is done with it.

    ``prepare`` comes first, on a healthy link; ``commands`` may change something. ``beside`` is what another task does
    at the same time without changing an answer, ``turn`` makes an old answer wrong, and ``afterwards`` comes last, on
    the healed link.
    """

    stage: Stage[Any]
    questions: tuple[Question, ...]
    commands: tuple[Job, ...]
    prepare: Job = nothing
    beside: Job = identify
    turn: Callable[[], object] | None = None
    afterwards: Job = nothing


@dataclass(frozen=True)
class PortCase:
    """One implementation of the port of ``kind`` (``Model.kind``), and what is known of it.

    ``others`` are identities that it does not have. A command on a broken link ends within ``command_s``; ``healed_s``
    after it the link works. ``survives``: the faults through which the protocol brings the right answer; ``asked``: how
    often it is asked under a fault.
    """

    kind: str
    name: str
    trial: Callable[[], Trial]
    identity: Identity
    others: tuple[str, ...]
    command_s: float = 1.0
    healed_s: float = 0.0
    survives: frozenset[str] = frozenset()
    asked: int = 1


async def first_good(ask: Callable[[], Awaitable[Any]], within_s: float = HEALED_S) -> Any:
    """The first answer that comes once a link has healed; an answer is never wrong, it may only be missing."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while True:
        try:
            return await ask()
        except (LinkError, RemoteWireError):
            if loop.time() >= end:
                raise
            await asyncio.sleep(0.05)
