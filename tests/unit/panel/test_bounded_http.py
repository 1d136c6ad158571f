"""HTTP with bounds behind a real uvicorn: who pours, waits or sends ahead is hung up on, and the next one is heard."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
import uvicorn

from controller.panel import bounded_http
from controller.panel.bounded_http import HEAD_BYTES_MAX, PIPELINED_MAX, REQUEST_BYTES_MAX, http_protocol

PATIENCE_S = 10.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Server(uvicorn.Server):
    """Uvicorn without its hands on the test runner's signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class App:
    """Answers 200 without looking at the body; ``gate`` holds the answers up."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await self.gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def served(app: App) -> AsyncIterator[tuple[str, int]]:
    config = uvicorn.Config(app, http=http_protocol(), ws="none", lifespan="off", log_config=None)
    config.timeout_graceful_shutdown = 1
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]), name="uvicorn")
        try:
            yield listener.getsockname()[:2]
        finally:
            app.gate.set()
            server.should_exit = True
            await task


async def told(address: tuple[str, int], *pieces: bytes) -> bytes:
    """Everything that comes back until the panel hangs up."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
            heard = b""
            with suppress(ConnectionError):
                while data := await reader.read(1 << 16):
                    heard += data
            return heard
    finally:
        writer.transport.abort()


async def test_an_address_without_end_is_refused_before_it_is_joined() -> None:
    app = App()
    async with served(app) as address:
        heard = await told(address, b"GET /", *[b"a" * 65536] * 100)
    assert heard == b"" or heard.startswith(b"HTTP/1.1 431 ")  # a reset may overtake the answer
    assert app.asked == 0


async def test_a_head_that_is_too_long_is_told_so() -> None:
    app = App()
    async with served(app) as address:
        head = b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 90) for n in range(HEAD_BYTES_MAX // 90))
        assert (await told(address, head)).startswith(b"HTTP/1.1 431 ")
        heard = await told(address, b"GET / HTTP/1.1\r\nconnection: close\r\nx: %s\r\n\r\n" % (b"y" * 20_000))
        assert heard.startswith(b"HTTP/1.1 200 "), "a large cookie is none of our business"
    assert app.asked == 1


async def test_a_body_without_end_is_answered_and_hung_up_on() -> None:
    app = App()
    async with served(app) as address:
        head = b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n"
        await told(address, head, *[b"a" * 65536] * (4 + REQUEST_BYTES_MAX // 65536))
    assert app.asked == 1


async def test_trailers_without_end_are_no_way_round() -> None:
    app = App()
    async with served(app) as address:
        head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
        await told(address, head, *[b"x: " + b"y" * 1000 + b"\r\n"] * 1000)
    assert app.asked == 1


async def test_who_sends_ahead_too_much_is_hung_up_on() -> None:
    app = App()
    app.gate.clear()
    async with served(app) as address:
        await told(address, GET * 10 * PIPELINED_MAX)
    assert app.asked == 1, "the first; the others would have had to wait for it"


async def test_what_is_sent_ahead_within_reason_is_answered() -> None:
    app = App()
    async with served(app) as address:
        last = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n"
        heard = await told(address, GET * (PIPELINED_MAX - 1) + last)
    assert heard.count(b"HTTP/1.1 200 ") == app.asked == PIPELINED_MAX


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nx-", b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc"])
async def test_a_request_that_does_not_end_is_given_up(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "REQUEST_S", 0.05)
    app = App()
    async with served(app) as address:
        await told(address, begun)  # ends because it is hung up on


async def test_a_full_house_lets_one_more_in_and_shows_out_who_was_silent_longest() -> None:
    bounded = 8
    app = App()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_http, "CONNECTIONS_MAX", bounded)
        async with served(app) as address:
            links = [await asyncio.open_connection(*address) for _ in range(bounded)]
            links[0][1].write(GET)  # not silent
            async with asyncio.timeout(PATIENCE_S):
                assert (await links[0][0].readline()).startswith(b"HTTP/1.1 200 ")
            heard = await told(address, GET.replace(b"Host: x", b"connection: close"))
            assert heard.startswith(b"HTTP/1.1 200 ")
            async with asyncio.timeout(PATIENCE_S):
                with suppress(ConnectionError):
                    assert await links[1][0].read() == b"", "the eldest of those who said nothing"
            assert not links[0][0].at_eof()
            for _, writer in links:
                writer.transport.abort()
