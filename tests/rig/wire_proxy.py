"""A Modbus TCP proxy that does to a controller's exchanges what a bad network does. One upstream, a few clients."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from drivers.wire.modbus import (
    MBAP_SIZE,
    Frame,
    Framer,
    Function,
    Request,
    decode_request,
    encode_frame,
    encode_request,
)
from drivers.wire.plc import PlcRequest, PlcStatus
from drivers.wire.plc_map import REQUEST_ADDRESS, STATUS_ADDRESS, STATUS_REGISTERS, decode_status
from drivers.wire.plc_map import encode_request as encode_block

KEPT_MAX = 256
"""Answers, waiting tampers and held frames that are remembered: a test has a few dozen."""

READ_MAX_BYTES = 4096
FIRST_BLOCK = 10
"""Bytes of an FC 23 request before the request block: function, two spans, byte count."""

Tamper = Callable[["WireProxy", bytes], list[bytes]]
"""What becomes of one exchange on its way to the PLC: frames to send instead, in order."""


def corrupt(proxy: "WireProxy", frame: bytes) -> list[bytes]:
    """One bit of the request block is flipped; Modbus itself has no checksum over TCP."""
    at = MBAP_SIZE + FIRST_BLOCK + 9
    return [frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :]]


def repeat(proxy: "WireProxy", frame: bytes) -> list[bytes]:
    """The same frame twice."""
    return [frame, frame]


def drop(proxy: "WireProxy", frame: bytes) -> list[bytes]:
    """Nothing arrives."""
    return []


def hold(proxy: "WireProxy", frame: bytes) -> list[bytes]:
    """Kept back until :meth:`WireProxy.release`."""
    proxy.held.append(frame)
    return []


class WireProxy:
    """``next`` holds what happens to the coming exchanges, one each; ``always`` to all that follow."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self.next: deque[Tamper] = deque(maxlen=KEPT_MAX)
        self.always: Tamper | None = None
        self.held: deque[bytes] = deque(maxlen=KEPT_MAX)
        self.answers: deque[PlcStatus] = deque(maxlen=KEPT_MAX)
        self.tampered = 0
        self._to_plc: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def release(self) -> None:
        """Send what was held."""
        while self.held:
            self._send(self.held.popleft())

    def insert(self, request: PlcRequest) -> None:
        """Put an exchange of somebody else's into the connection."""
        block = Request(Function.READ_WRITE, STATUS_ADDRESS, STATUS_REGISTERS, encode_block(request), REQUEST_ADDRESS)
        self._send(encode_frame(0xFFF0, 1, encode_request(block)))

    def _send(self, frame: bytes) -> None:
        assert self._to_plc is not None, "no client has connected"
        self._to_plc.write(frame)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until either side closes."""
        plc_reader, self._to_plc = await asyncio.open_connection(*self._upstream)
        down = asyncio.create_task(self._down(plc_reader, writer), name="proxy down")
        self._tasks.add(down)
        framer = Framer()
        try:
            while data := await reader.read(READ_MAX_BYTES):
                for frame in framer.feed(data):
                    for changed in self._tamper(frame):
                        self._send(changed)
        finally:
            down.cancel()
            await asyncio.wait([down])
            self._tasks.discard(down)
            self._to_plc.close()
            writer.close()

    def _tamper(self, frame: Frame) -> list[bytes]:
        raw = encode_frame(frame.transaction, frame.unit, frame.pdu)
        if frame.pdu[0] != Function.READ_WRITE:
            return [raw]
        tamper = self.next.popleft() if self.next else self.always
        if tamper is None:
            return [raw]
        self.tampered += 1
        assert decode_request(frame.pdu).write_address == REQUEST_ADDRESS
        return tamper(self, raw)

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer()
        while data := await reader.read(READ_MAX_BYTES):
            for frame in framer.feed(data):
                if frame.pdu[0] == Function.READ_WRITE:
                    self.answers.append(decode_status(frame.pdu[2:]))
            writer.write(data)


@asynccontextmanager
async def proxied(address: str) -> AsyncIterator[tuple[WireProxy, int]]:
    """A proxy before ``address`` and its port, until the block ends."""
    host, _, port = address.rpartition(":")
    proxy = WireProxy(host, int(port))
    clients: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        clients.add(task)
        try:
            await proxy.serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            clients.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(clients):
            task.cancel()
        if clients:
            await asyncio.wait(list(clients))
