"""The stream behind a real uvicorn: who is let in, what they hear, and how it ends. On asyncio's loop and on uvloop."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from controller.messages import Event
from controller.panel import stream as stream_module
from controller.panel import websocket as websocket_module
from controller.panel.live import LiveState
from controller.panel.stream import Broadcaster
from controller.panel.viewer import Viewer, Wanted
from controller.panel.websocket import PATH, parse_wanted, stream_protocol
from controller.telemetry.frames import RowLayout, decode_message
from tests.unit.stream.fakes import frame, hello

HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
PATIENCE_S = 20.0
"""Only a test that fails waits so long."""


class Server(uvicorn.Server):
    """Uvicorn without its hands on the test runner's signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def no_app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


class Watched(Broadcaster):
    """Says when a viewer left."""

    def __init__(self, live: LiveState) -> None:
        super().__init__(live, "panel-1")
        self.changed = asyncio.Event()

    def leave(self, viewer: Viewer) -> None:
        super().leave(viewer)
        self.changed.set()

    async def until(self, viewers: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.stats().viewers != viewers:
                self.changed.clear()
                await self.changed.wait()


class Panel:
    """A panel that has only the stream. Its end waits for every connection's end."""

    def __init__(self) -> None:
        self.live = LiveState()
        self.stream = Watched(self.live)
        config = uvicorn.Config(
            no_app, ws=stream_protocol(self.stream, HOSTS), http="httptools", lifespan="off", log_config=None
        )
        self.server = Server(config)
        self.port = 0
        self.count = 0
        self.task: asyncio.Task[None] | None = None
        self.take(hello())

    def take(self, message: Any) -> None:
        self.live.take(message)
        self.stream.take(message)

    def publish(self, frames: int = 1) -> None:
        for _ in range(frames):
            self.count += 1
            self.take(frame(self.count))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Panel"]:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            self.port = sock.getsockname()[1]
            self.task = asyncio.create_task(self.server.serve([sock]), name="uvicorn")
            try:
                yield self
            finally:
                await self.end()

    async def end(self) -> None:
        assert self.task is not None
        self.server.should_exit = True
        async with asyncio.timeout(PATIENCE_S):
            await self.task

    @asynccontextmanager
    async def viewing(self, query: str = "", path: str = PATH, **options: Any) -> AsyncIterator[ClientConnection]:
        url = f"ws://127.0.0.1:{self.port}{path}{query}"
        async with connect(url, compression=None, proxy=None, open_timeout=PATIENCE_S, **options) as socket:
            yield socket


@pytest.fixture
async def panel() -> AsyncIterator[Panel]:
    async with Panel().serving() as serving:
        yield serving


async def text(viewer: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        data = await viewer.recv()
    assert isinstance(data, str)
    found: dict[str, Any] = json.loads(data)
    return found


async def seqs(viewer: ClientConnection, layout: RowLayout, count: int) -> list[int]:
    got: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(got) < count:
            data = await viewer.recv()
            assert isinstance(data, bytes)
            got += [row.seq for row in decode_message(layout, data)]
    return got


LAYOUT = RowLayout.of(hello())


async def test_a_viewer_hears_the_past_and_the_present(panel: Panel) -> None:
    panel.publish(5)
    async with panel.viewing("?backfill_s=60") as viewer:
        assert (await text(viewer))["head"] == 5
        assert await seqs(viewer, LAYOUT, 5) == [1, 2, 3, 4, 5]
        assert await text(viewer) == {"type": "live", "seq": 6}
        panel.publish(2)
        assert await seqs(viewer, LAYOUT, 2) == [6, 7]
        panel.take(Event(1, "plc", "info", "hello there"))
        assert (await text(viewer))["text"] == "hello there"
        assert viewer.response is not None
        assert "Sec-WebSocket-Extensions" not in viewer.response.headers
    await panel.stream.until(viewers=0)


async def test_a_viewer_that_comes_back_misses_nothing(panel: Panel) -> None:
    panel.publish(3)
    async with panel.viewing("?stream=panel-1&after=1") as viewer:
        await text(viewer)
        assert await seqs(viewer, LAYOUT, 2) == [2, 3]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:1"}, 101),
        ({"Host": "[::1]:80"}, 101),
        ({"Host": "LOCALHOST"}, 101),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:80"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost:8000", "Origin": "http://localhost:8000"}, 101),
        ({"Host": "localhost:8000", "Origin": "HTTP://localhost:8000"}, 403),
        ({"Host": "localhost:8000", "Origin": "http://localhost:9000"}, 403),
        ({"Host": "localhost:8000", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost:8000", "Origin": "null"}, 403),
        ({"Host": "localhost:8000", "Origin": ""}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
    ],
)
async def test_only_this_machine_and_this_panels_pages_are_let_in(
    panel: Panel, headers: dict[str, str], status: int
) -> None:
    assert (await ask(panel, PATH, headers))[0] == status


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [
        ("/", 404, b"the stream is at /api/v1/stream"),
        (PATH + "/", 404, b"the stream is at"),
        (PATH + "?backfill_s=x", 400, b"are numbers"),
        (PATH + "?backfill_s=nan", 400, b"0 or more"),
        (PATH + "?backfill_s=-1", 400, b"0 or more"),
        (PATH + "?after=1.5", 400, b"are numbers"),
        (PATH + "?" + "&".join(f"f{n}=1" for n in range(20)), 400, b"fields"),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(panel: Panel, target: str, status: int, words: bytes) -> None:
    found, body = await ask(panel, target, {"Host": "localhost"})
    assert found == status
    assert words in body


async def ask(panel: Panel, target: str, headers: dict[str, str], version: str = "13") -> tuple[int, bytes]:
    """A handshake by hand; the answer's status and what follows until the end or the first message."""
    reader, writer = await asyncio.open_connection("127.0.0.1", panel.port)
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    lines += ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Version: {version}"]
    writer.write("\r\n".join([*lines, "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "", ""]).encode())
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.readuntil(b"\r\n\r\n")
        body = b"" if b" 101 " in answer else await reader.read()
    writer.transport.abort()
    return int(answer.split()[1]), body


async def test_another_version_of_the_protocol_is_refused(panel: Panel) -> None:
    assert (await ask(panel, PATH, {"Host": "localhost"}, version="8"))[0] in (400, 426)
    await panel.stream.until(viewers=0)


@pytest.mark.parametrize(("sent", "code"), [("hello", 1003), (b"hello", 1003), ("x" * 1025, 1009)])
async def test_a_viewer_that_talks_is_shown_out(panel: Panel, sent: str | bytes, code: int) -> None:
    async with panel.viewing() as viewer:
        await viewer.send(sent)
        with pytest.raises(ConnectionClosed) as ended:
            while True:
                await viewer.recv()
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == code
    await panel.stream.until(viewers=0)


async def test_a_ping_is_answered(panel: Panel) -> None:
    async with panel.viewing() as viewer, asyncio.timeout(PATIENCE_S):
        await (await viewer.ping())


async def test_the_house_is_full_after_so_many(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "VIEWERS_MAX", 1)
    async with panel.viewing() as viewer:
        await text(viewer)
        with pytest.raises(InvalidStatus) as refused:
            async with panel.viewing():
                pass
        assert refused.value.response.status_code == 503
    await panel.stream.until(viewers=0)
    async with panel.viewing() as viewer:
        assert (await text(viewer))["type"] == "snapshot"


def silent_socket(panel: Panel) -> socket.socket:
    """A viewer that says hello and never reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", panel.port))
    sock.sendall(
        f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
    )
    return sock


async def test_a_viewer_that_does_not_read_costs_the_others_nothing(panel: Panel) -> None:
    with silent_socket(panel) as stalled:
        async with panel.viewing() as viewer:
            assert [(await text(viewer))["type"], (await text(viewer))["type"]] == ["snapshot", "live"]
            for number in range(400):
                panel.publish()
                panel.take(Event(number, "plc", "info", "x" * 65536))
                assert await seqs(viewer, LAYOUT, 1) == [number + 1]
                assert (await text(viewer))["t_ns"] == number
            sleepers = [each for each in panel.stream._viewers if not each.live]
            assert len(sleepers) == 1
        assert sleepers[0].sent + sleepers[0].dropped < 400
        stalled.close()
    await panel.stream.until(viewers=0)


async def test_a_viewer_that_is_silent_too_long_is_cut_off(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_module, "PING_S", 0.02)
    with silent_socket(panel):
        async with panel.viewing() as viewer:
            await text(viewer)
            await panel.stream.until(viewers=1)
            panel.publish()
            assert (await text(viewer))["type"] == "live"
            assert await seqs(viewer, LAYOUT, 1) == [1]


async def test_the_panels_end_is_told_and_a_stalled_viewer_does_not_delay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_module, "CLOSE_S", 0.05)
    async with Panel().serving() as panel:
        with silent_socket(panel):
            async with panel.viewing() as viewer:
                await text(viewer)
                for number in range(200):
                    panel.take(Event(number, "plc", "info", "x" * 65536))
                    while (await text(viewer)).get("t_ns") != number:
                        assert number == 0
                await panel.end()
                with pytest.raises(ConnectionClosed) as ended:
                    while True:
                        await viewer.recv()
                assert ended.value.rcvd is not None
                assert ended.value.rcvd.code == 1012


async def test_a_viewer_that_vanishes_is_forgotten(panel: Panel) -> None:
    async with panel.viewing() as viewer:
        await text(viewer)
        viewer.transport.abort()
        with contextlib.suppress(ConnectionClosed):
            await viewer.recv()
        panel.publish(3)
    await panel.stream.until(viewers=0)
    panel.publish()


async def test_nonsense_on_the_socket_is_shown_out(panel: Panel) -> None:
    with silent_socket(panel) as sock:
        sock.settimeout(PATIENCE_S)
        assert b" 101 " in await asyncio.to_thread(sock.recv, 1024)
        sock.sendall(b"\xff" * 64)
        received = b""
        while data := await asyncio.to_thread(sock.recv, 65536):
            received += data
        assert received.count(b"\x88") == 1
    await panel.stream.until(viewers=0)


@pytest.mark.parametrize(
    "scenario",
    [
        test_a_viewer_hears_the_past_and_the_present,
        test_a_viewer_that_vanishes_is_forgotten,
        test_nonsense_on_the_socket_is_shown_out,
        test_a_viewer_that_does_not_read_costs_the_others_nothing,
    ],
)
def test_it_is_the_same_on_uvloop(scenario: Callable[[Panel], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Panel().serving() as panel:
            await scenario(panel)

    uvloop.run(run())


def test_a_query_is_a_wish() -> None:
    assert parse_wanted("") == Wanted()
    assert parse_wanted("backfill_s=120") == Wanted(120.0)
    assert parse_wanted("stream=ab&after=17&backfill_s=5&unknown=1") == Wanted(5.0, "ab", 17)
