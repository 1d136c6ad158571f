"""The servers of the stream benchmark, each a process on uvloop that does what it is told line by line on stdin.

``floor``: raw WebSocket frames, the handshake by hand, nothing else; ``preframed``: the same one frame for ever.
``ours``: the panel's stream behind uvicorn. ``bus``: a core's bus. Commands: ``max`` publishes as fast as the viewers
read, ``pace HZ`` at a rate, ``idle`` not at all, ``attach ADDRESS`` listens to a bus, ``falls`` prints how often a
viewer fell behind. First line out: the port. Run: ``python -m tests.benchmarks.stream_servers KIND CORE``.
"""

import asyncio
import base64
import hashlib
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, cast

import uvicorn
import uvloop

from controller.messages import ChannelInfo, Frame, Hello, SourceInfo, WordInfo
from controller.panel.feed import Feed
from controller.panel.live import LiveState
from controller.panel.stream import Broadcaster
from controller.panel.viewer import BINARY, websocket_header
from controller.panel.websocket import stream_protocol
from controller.runtime.bus import Bus
from controller.telemetry.frames import RowLayout, encode_row, message

CHANNELS = 100
BATCH = 16
"""Frames published per turn of the loop at most: uvloop writes once per turn, so this is kind to the floor."""

HELLO = Hello(
    "bench",
    "full",
    "Full",
    1,
    "id",
    tuple(ChannelInfo(f"channel_{n}", f"Channel {n}", "V", "plc") for n in range(CHANNELS)),
    (),
    3000.0,
    True,
    session="run-1",
    sources=(SourceInfo("plc", "PLC", 0.1),),
    words=(WordInfo("inputs", ("A", "B")),),
    states=("OFF", "SAFE"),
)
LAYOUT = RowLayout.of(HELLO)
VALUES = tuple(1000.0 + 0.37 * n for n in range(CHANNELS))
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(seq: int, t_ns: int) -> Frame:
    return Frame(seq, t_ns, VALUES, "SAFE", 1, None, 0.001, (3,), (0.001,), 0.0)


class Source:
    """Publishes frames as it is told. ``blocked`` says whether a viewer's socket is full; ``freed`` is set when not."""

    def __init__(self, publish: Callable[[Frame], None], blocked: Callable[[], bool]) -> None:
        self.publish = publish
        self.blocked = blocked
        self.freed = asyncio.Event()
        self.order = "idle"
        self.told = asyncio.Event()

    def tell(self, order: str) -> None:
        self.order = order
        self.told.set()
        self.freed.set()

    async def run(self) -> None:
        while True:
            self.told.clear()
            if self.order == "max":
                await self.flat_out()
            elif self.order.startswith("pace"):
                await self.paced(float(self.order.split()[1]))
            else:
                await self.told.wait()

    async def flat_out(self) -> None:
        fixed = frame(0, 0)
        while not self.told.is_set():
            for _ in range(BATCH):
                self.publish(fixed)
                if self.blocked():
                    break
            if self.blocked():
                self.freed.clear()
                await self.freed.wait()
            else:
                await asyncio.sleep(0)

    async def paced(self, rate_hz: float) -> None:
        loop = asyncio.get_running_loop()
        start, count = loop.time(), 0
        while not self.told.is_set():
            count += 1
            await asyncio.sleep(start + count / rate_hz - loop.time())
            self.publish(frame(count, int(loop.time() * 1e9)))


class Floor:
    """Every frame to every connection, encoded once (``encode``) or not at all."""

    def __init__(self, encode: bool) -> None:
        self.writers: list[Callable[[bytes], Any]] = []
        self.paused = 0
        self.seq = 0
        self.encode = encode
        self.data = b""
        self.source = Source(self.publish, lambda: self.paused > 0 or not self.writers)

    def publish(self, each: Frame) -> None:
        if self.encode or not self.data or each.t_ns:
            self.seq += 1
            body = message([encode_row(LAYOUT, each, self.seq)], self.seq, LAYOUT)
            self.data = websocket_header(BINARY, len(body)) + body
        for write in self.writers:
            write(self.data)

    async def serve(self, sock: socket.socket) -> None:
        await asyncio.get_running_loop().create_server(lambda: FloorConnection(self), sock=sock)
        await self.source.run()


class FloorConnection(asyncio.Protocol):
    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.transport: asyncio.Transport | None = None
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        key = next(line[19:] for line in data.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: "))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.floor.writers.append(self.transport.write)
        self.floor.source.freed.set()

    def pause_writing(self) -> None:
        self.paused = True
        self.floor.paused += 1

    def resume_writing(self) -> None:
        self.paused = False
        self.floor.paused -= 1
        self.floor.source.freed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        assert self.transport is not None
        if self.paused:
            self.floor.paused -= 1
        if self.transport.write in self.floor.writers:
            self.floor.writers.remove(self.transport.write)
        self.floor.source.freed.set()


class Signalling(Broadcaster):
    """Tells the source when every viewer keeps up again."""

    def __init__(self, live: LiveState) -> None:
        super().__init__(live, "benchmark")
        self.freed = asyncio.Event()
        self.falls = 0
        self._paused = 0

    def _list_writers(self) -> None:
        super()._list_writers()
        paused = sum(viewer.paused for viewer in self._viewers)
        self.falls += paused > self._paused
        self._paused = paused
        self.freed.set()

    def behind(self) -> bool:
        return len(self._writers) < len(self._viewers) or not self._viewers


class Ours:
    """The panel's stream as the panel composes it, fed by the source or by a bus."""

    def __init__(self) -> None:
        self.live = LiveState()
        self.stream = Signalling(self.live)
        self.source = Source(self.take, self.stream.behind)
        self.source.freed = self.stream.freed
        self.feed = Feed([self.live.take, self.stream.take], self.link)

    def link(self, link: str) -> None:
        self.live.set_link(link)
        self.stream.set_link(link)

    def take(self, each: Frame) -> None:
        self.live.take(each)
        self.stream.take(each)

    async def serve(self, sock: socket.socket) -> None:
        self.live.take(HELLO)
        self.stream.take(HELLO)
        protocol = stream_protocol(self.stream, frozenset({"127.0.0.1"}))
        config = uvicorn.Config(no_app, ws=protocol, http="httptools", lifespan="off", log_config=None)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.feed.run(), name="feed")
            group.create_task(self.source.run(), name="source")
            group.create_task(uvicorn.Server(config).serve([sock]), name="uvicorn")


async def no_app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("the benchmark opens WebSockets only")


class CoreBus:
    """A core's bus with nothing else behind it; ``sock`` is not used: the bus has its own port."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.source = Source(self.bus.publish, lambda: False)

    async def serve(self, sock: socket.socket) -> None:
        _, port = await self.bus.serve()
        self.bus.publish(HELLO)
        print(port, flush=True)
        await self.source.run()


async def main(kind: str) -> None:
    """Serve until stdin ends."""
    made: dict[str, Callable[[], Floor | Ours | CoreBus]] = {
        "floor": lambda: Floor(encode=True),
        "preframed": lambda: Floor(encode=False),
        "ours": Ours,
        "bus": CoreBus,
    }
    server = made[kind]()
    serving: asyncio.Task[None] | None = None

    def command() -> None:
        line = sys.stdin.readline().strip()
        if not line:
            os._exit(0)
        if line.startswith("attach ") and isinstance(server, Ours):
            server.feed.attach(line.split()[1])
        elif line == "falls" and isinstance(server, Ours):
            print(server.stream.falls, flush=True)
        else:
            server.source.tell(line)

    asyncio.get_running_loop().add_reader(0, command)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        if kind != "bus":
            print(sock.getsockname()[1], flush=True)
        serving = asyncio.create_task(server.serve(sock), name="serving")
        await serving


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[2])})
    uvloop.run(main(sys.argv[1]))
