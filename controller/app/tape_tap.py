"""What records onto a wire tape: at the driver's side of a byte stream, or at the stand-in's side of a session."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from controller.app.linked import Connect
from controller.app.tape import Tape
from controller.app.tape_format import Closed, Failed, Received, Sent
from drivers.transports.multidrop import Drop
from drivers.transports.route import Hislip, Route
from firmware_sim.sessions.base import Attached, Chunk, Session

# --- at the driver's side -------------------------------------------------------------------------------------------


def taped(routes: Mapping[str, Route], tape: Tape | None) -> dict[str, Route]:
    """``routes`` with every byte stream recorded. VISA has none: what PyVISA carries is not on a tape."""
    return dict(routes) if tape is None else {name: _taped_route(route, tape, name) for name, route in routes.items()}


def _taped_route(route: Route, tape: Tape, name: str) -> Route:
    if isinstance(route, Hislip):
        return Hislip(_taped_connect(route.connect, tape, name), route.sub_address)
    if isinstance(route, Drop):
        if not getattr(route.line.connect, "taped", False):
            route.line.connect = _taped_connect(route.line.connect, tape, name)
        return route
    return _taped_connect(route, tape, name) if callable(route) else route


def _taped_connect(connect: Any, tape: Tape, name: str) -> Any:
    async def join(factory: Callable[[], asyncio.BaseProtocol]) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        tap = Tap(factory, tape, name)
        try:
            await connect(lambda: tap)
        except OSError as error:
            tape.put(Failed(tape.now_ns(), name, str(error)))
            raise
        return tap.transport, tap.inner

    join.taped = True  # type: ignore[attr-defined]
    return cast(Connect, join)


class Tap(asyncio.Protocol):
    """Between a transport and a driver's protocol: passes everything on, and records it."""

    def __init__(self, factory: Callable[[], asyncio.BaseProtocol], tape: Tape, instrument: str) -> None:
        self.inner: Any = factory()
        self.transport: TappedTransport
        self.tape = tape
        self._instrument = instrument
        self.connection = 0
        self.left = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass on a transport that records too."""
        self.connection = self.tape.opened(self._instrument)
        self.transport = TappedTransport(cast(asyncio.Transport, transport), self)
        self.inner.connection_made(self.transport)

    def data_received(self, data: bytes) -> None:
        """Record first: what the driver makes of it comes after it."""
        self.tape.put(Received(self.tape.now_ns(), self.connection, bytes(data)))
        inner = self.inner
        if isinstance(inner, asyncio.BufferedProtocol):
            hand_over(inner, data)
        else:
            inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return cast("bool | None", self.inner.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        """Record who ended it."""
        by = "driver" if self.left else "instrument"
        self.tape.put(Closed(self.tape.now_ns(), self.connection, by, "" if exc is None else str(exc)))
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self.inner.resume_writing()


def hand_over(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Fill a buffered protocol's memory with ``data``."""
    view = memoryview(data)
    while len(view):
        room = memoryview(protocol.get_buffer(len(view))).cast("B")
        size = min(len(room), len(view))
        room[:size] = view[:size]
        protocol.buffer_updated(size)
        view = view[size:]


class TappedTransport(asyncio.Transport):
    """The transport that a driver holds while a tape runs: as the one behind, but what is written is recorded."""

    def __init__(self, inner: asyncio.Transport, tap: Tap) -> None:
        super().__init__()
        self._inner = inner
        self._tap = tap

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the one behind."""
        return self._inner.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Record, then write."""
        tap = self._tap
        tap.tape.put(Sent(tap.tape.now_ns(), tap.connection, bytes(data)))
        self._inner.write(data)

    def is_closing(self) -> bool:
        """As the one behind."""
        return self._inner.is_closing()

    def close(self) -> None:
        """As the one behind."""
        self._tap.left = True
        self._inner.close()

    def abort(self) -> None:
        """As the one behind."""
        self._tap.left = True
        self._inner.abort()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Whom the bytes go to."""
        return cast(asyncio.BaseProtocol, self._tap.inner)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the bytes to another protocol; one that fills memory gets them copied."""
        self._tap.inner = protocol

    def pause_reading(self) -> None:
        """As the one behind."""
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        """As the one behind."""
        self._inner.resume_reading()

    def is_reading(self) -> bool:
        """As the one behind."""
        return self._inner.is_reading()

    def get_write_buffer_size(self) -> int:
        """As the one behind."""
        return self._inner.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As the one behind."""
        self._inner.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        """As the one behind."""
        return self._inner.can_write_eof()


# --- at the stand-in's side -----------------------------------------------------------------------------------------


def taping(tape: Tape | None, instrument: str) -> Callable[[str, Session], Session]:
    """What is put around the sessions of ``instrument``: ``sparkgap sim --tape`` has no driver to listen at."""
    return lambda transport, session: session if tape is None else TapedSession(session, tape, instrument)


class TapedSession:
    """A session whose bytes are recorded; an answer has the time at which the line begins to carry it."""

    def __init__(self, inner: Session, tape: Tape, instrument: str) -> None:
        self._inner = inner
        self._tape = tape
        self._instrument = instrument
        self._connection = 0

    @property
    def waiting(self) -> bool:
        """As the session behind."""
        return self._inner.waiting

    @property
    def due_ns(self) -> int | None:
        """As the session behind."""
        return getattr(self._inner, "due_ns", None)

    def attach(self, wake: Callable[[], None]) -> None:
        """The connection stands."""
        self._connection = self._tape.opened(self._instrument)
        if isinstance(self._inner, Attached):
            self._inner.attach(wake)

    def detach(self) -> None:
        """The connection is gone."""
        self._tape.put(Closed(self._tape.now_ns(), self._connection, "driver"))
        if isinstance(self._inner, Attached):
            self._inner.detach()

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """As the session behind."""
        self._tape.put(Sent(self._tape.now_ns(), self._connection, bytes(data)))
        return self._answered(self._inner.feed(data, now_ns))

    def tick(self, now_ns: int) -> list[Chunk]:
        """As the session behind."""
        return self._answered(self._inner.tick(now_ns))

    def _answered(self, chunks: list[Chunk]) -> list[Chunk]:
        t_ns = self._tape.now_ns()
        for chunk in chunks:
            if len(chunk.data):
                self._tape.put(Received(t_ns, self._connection, bytes(chunk.data)))
            t_ns += chunk.duration_ns
        return chunks
