"""Scopes behind VXI-11 joined in memory, and a client of bare calls whose every byte the test decides."""

import asyncio
import struct
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from firmware_sim.personalities.dsox import Dsox, open_standalone
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import SessionFactory
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.hislip_locks import Locks
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.vxi11 import Vxi11Server

CORE, ABORT = 0x0607AF, 0x0607B0
WAIT_LOCK, END, TERMCHAR = 1, 8, 128


@dataclass
class LinkedNetwork:
    """Dials whoever the test put at ``clients``."""

    port: int
    clients: dict[tuple[str, int], Callable[[], asyncio.Protocol]]

    def dial(self, host: str, port: int, open_session: SessionFactory, failed: Callable[[], None]) -> None:
        client = self.clients.get((host, port))
        if client is None:
            failed()
            return
        connect = linked(lambda: SessionProtocol(open_session))
        self.task = asyncio.get_running_loop().create_task(connect(client), name="dial")  # type: ignore[arg-type]


class Bench:
    """One scope, its VXI-11 and HiSLIP doors with common locks."""

    def __init__(self) -> None:
        self.scope: Dsox = open_standalone("MY00000001")
        locks = Locks()
        self.server = Vxi11Server(lambda: ScpiSession(self.scope, held=True), locks)
        self.hislip = HislipServer(lambda: ScpiSession(self.scope, held=True), locks=locks)
        self.network = LinkedNetwork(4711, {})
        self.server.instrument.network = self.network
        self.connect = linked(lambda: SessionProtocol(self.server))

    async def caller(self, piece: int = 1 << 30) -> "Caller":
        caller = Caller(piece)
        await self.connect(lambda: caller)
        return caller


class Caller(asyncio.Protocol):
    """One connection; ``piece`` cuts everything that is sent, and each call is sent in fragments of ``fragment``."""

    def __init__(self, piece: int = 1 << 30) -> None:
        self._piece = piece
        self._held = b""
        self._xid = 0
        self.fragment = 1 << 30
        self.got: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.got.put_nowait(None)

    def data_received(self, data: bytes) -> None:
        self._held += data
        while len(self._held) >= 4:
            mark = int.from_bytes(self._held[:4], "big")
            assert mark & 0x8000_0000, "one fragment per answer"
            size = mark & 0x7FFF_FFFF
            if len(self._held) < 4 + size:
                return
            self.got.put_nowait(self._held[4 : 4 + size])
            self._held = self._held[4 + size :]

    def write(self, data: bytes) -> None:
        for at in range(0, len(data), self._piece):
            self.transport.write(data[at : at + self._piece])

    def send(self, procedure: int, arguments: bytes = b"", program: int = CORE, version: int = 1) -> int:
        """One call with credentials; returns its id."""
        self._xid += 1
        credentials = struct.pack(">II5sxxxII", 1, 5, b"hello", 0, 0)
        call = struct.pack(">IIIIII", self._xid, 0, 2, program, version, procedure) + credentials + arguments
        pieces = [call[at : at + self.fragment] for at in range(0, len(call), self.fragment)]
        for index, piece in enumerate(pieces):
            last = 0x8000_0000 if index == len(pieces) - 1 else 0
            self.write(struct.pack(">I", last | len(piece)) + piece)
        return self._xid

    async def reply(self, timeout_s: float = 30.0) -> bytes | None:
        async with asyncio.timeout(timeout_s):
            return await self.got.get()

    async def call(self, procedure: int, arguments: bytes = b"", program: int = CORE, version: int = 1) -> bytes:
        """The result of an accepted and successful call."""
        xid = self.send(procedure, arguments, program, version)
        return self.result(await self.reply(), xid)

    def result(self, reply: bytes | None, xid: int) -> bytes:
        assert reply is not None
        assert reply[:24] == struct.pack(">IIIIII", xid, 1, 0, 0, 0, 0)
        return reply[24:]

    # -- procedures

    async def create(self, lock: bool = False, lock_ms: int = 0, name: bytes = b"inst0") -> tuple[int, int, int, int]:
        arguments = struct.pack(">iII", -7, lock, lock_ms) + opaque(name)
        error, link, port, size = struct.unpack(">iiII", await self.call(10, arguments))
        return error, link, port, size

    async def write_text(self, link: int, text: bytes, flags: int = END, lock_ms: int = 0) -> tuple[int, int]:
        arguments = struct.pack(">iIIi", link, 1000, lock_ms, flags) + opaque(text)
        error, size = struct.unpack(">iI", await self.call(11, arguments))
        return error, size

    async def read(
        self, link: int, size: int = 4096, io_ms: int = 1000, flags: int = 0, char: int = 0, lock_ms: int = 0
    ) -> tuple[int, int, bytes]:
        return read_result(await self.call(12, read_arguments(link, size, io_ms, flags, char, lock_ms)))

    async def ask(self, link: int, text: bytes) -> bytes:
        assert await self.write_text(link, text) == (0, len(text))
        error, reason, data = await self.read(link)
        assert (error, reason) == (0, 4)
        return data

    async def poll(self, link: int) -> tuple[int, int]:
        error, status = struct.unpack(">iI", await self.call(13, generic(link)))
        return error, status

    async def plain(self, procedure: int, arguments: bytes) -> int:
        """A procedure whose result is its error code alone."""
        (error,) = struct.unpack(">i", await self.call(procedure, arguments))
        return int(error)


def opaque(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def generic(link: int, flags: int = 0, lock_ms: int = 0) -> bytes:
    return struct.pack(">iiII", link, flags, lock_ms, 1000)


def read_arguments(link: int, size: int, io_ms: int, flags: int = 0, char: int = 0, lock_ms: int = 0) -> bytes:
    return struct.pack(">iIIIiI", link, size, io_ms, lock_ms, flags, char)


def read_result(result: bytes) -> tuple[int, int, bytes]:
    error, reason, size = struct.unpack(">iiI", result[:12])
    assert len(result) == 12 + size + (-size % 4)
    return error, reason, result[12 : 12 + size]


def run(main: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    """``main(bench)`` on virtual time."""

    async def body() -> None:
        await main(Bench())

    run_virtual(body())
