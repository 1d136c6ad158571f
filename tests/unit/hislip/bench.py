"""Scopes behind HiSLIP joined in memory, and a client of bare messages whose every byte the test decides."""

import asyncio
from collections.abc import Callable

from controller.app.linked import linked
from drivers.transports.hislip import HislipLink
from drivers.transports.link import Hello
from drivers.transports.route import Hislip
from drivers.wire import hislip
from drivers.wire.hislip import Kind, Message, MessageReader
from firmware_sim.personalities.dsox import Dsox, open_standalone
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.scpi import ScpiSession

HELLO = Hello(b"*IDN?\n", b"\n", lambda line: b"DSO-X" in line)


class Bench:
    """One scope and its HiSLIP door."""

    def __init__(self) -> None:
        self.scope: Dsox = open_standalone("MY00000001")
        self.server = HislipServer(lambda: ScpiSession(self.scope, held=True))
        self.protocols: list[SessionProtocol] = []
        self.connect = linked(self._serve)

    def _serve(self) -> SessionProtocol:
        self.protocols.append(SessionProtocol(self.server.open_session))
        return self.protocols[-1]

    def link(self) -> HislipLink:
        return HislipLink("scope", Hislip(self.connect), hello=HELLO)


class Wire(asyncio.Protocol):
    """One connection of bare messages. ``piece`` cuts everything that is sent."""

    def __init__(self, piece: int = 1 << 30) -> None:
        self._piece = piece
        self._reader = MessageReader()
        self.raw = b""
        self.got: asyncio.Queue[Message | None] = asyncio.Queue()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.got.put_nowait(None)

    def data_received(self, data: bytes) -> None:
        self.raw += data
        for message in self._reader.feed(data):
            assert isinstance(message, Message)
            self.got.put_nowait(message)

    def say(self, message: Message) -> None:
        self.write(message.encode())

    def write(self, data: bytes) -> None:
        for at in range(0, len(data), self._piece):
            self.transport.write(data[at : at + self._piece])

    async def next(self) -> Message | None:
        """The next message, None when the other side has hung up."""
        async with asyncio.timeout(5.0):
            return await self.got.get()


class Pair:
    """A client's two channels."""

    def __init__(self, sync: Wire, events: Wire) -> None:
        self.sync, self.events = sync, events
        self.id = hislip.FIRST_ID

    @classmethod
    async def open(cls, bench: Bench, piece: int = 1 << 30, max_size: int | None = None) -> "Pair":
        sync, events = Wire(piece), Wire(piece)
        await bench.connect(lambda: sync)
        sync.say(hislip.Initialize().message())
        welcome = await sync.next()
        assert welcome is not None and (welcome.kind, welcome.control) == (Kind.INITIALIZE_RESPONSE, 0)
        assert welcome.parameter >> 16 == hislip.VERSION
        await bench.connect(lambda: events)
        events.say(hislip.async_initialize(welcome.parameter & 0xFFFF))
        assert await events.next() == hislip.async_initialize_response(b"KT")
        if max_size is not None:
            events.say(hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE, max_size))
            ours = hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE_RESPONSE, hislip.MESSAGE_MAX)
            assert await events.next() == ours
        return cls(sync, events)

    def send(self, text: bytes, delivered: int = 0, kind: Kind = Kind.DATA_END) -> int:
        message_id, self.id = self.id, hislip.next_id(self.id)
        self.sync.say(Message(kind, delivered, message_id, text))
        return message_id

    async def ask(self, text: bytes, delivered: int = 1) -> bytes:
        message_id = self.send(text, delivered)
        answer = await self.sync.next()
        assert answer is not None and answer[:3] == (Kind.DATA_END, 0, message_id), answer
        return answer.payload

    async def poll(self, delivered: int = 0) -> int:
        self.events.say(Message(Kind.ASYNC_STATUS_QUERY, delivered, self.id))
        answer = await self.events.next()
        assert answer is not None and answer.kind == Kind.ASYNC_STATUS_RESPONSE, answer
        return answer.control

    async def request(self, message: Message) -> Message | None:
        self.events.say(message)
        return await self.events.next()


def run(main: Callable[[Bench], object]) -> None:
    """``main(bench)`` on virtual time."""
    from controller.runtime.virtual_loop import run_virtual

    async def body() -> None:
        await main(Bench())  # type: ignore[misc]

    run_virtual(body())
