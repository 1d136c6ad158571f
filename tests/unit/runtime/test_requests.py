"""The request port: an abort is heard at once, whatever else arrives; nothing that arrives can raise into the core."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from controller.runtime import requests
from controller.runtime.requests import (
    CONNECTIONS_MAX,
    LINE_BYTES_MAX,
    LINES_MAX,
    REASON_CHARS_MAX,
    Answer,
    RequestPort,
    readable,
)

DEADLINE_S = 5.0


class Core:
    """What the port speaks to: notes the reasons."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def abort(self, reason: str) -> Answer:
        self.reasons.append(reason)
        return Answer(True, "dumping; wait for the proof")


class Peer:
    """One connection's other end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def ask(self, line: bytes) -> dict[str, Any]:
        self.writer.write(line)
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self._reader.readline(), DEADLINE_S)
        said: dict[str, Any] = json.loads(line)
        return said

    async def gone(self) -> bool:
        return await asyncio.wait_for(self._reader.read(1), DEADLINE_S) == b""


@asynccontextmanager
async def served(core: Core, peers: int = 1) -> AsyncIterator[list[Peer]]:
    port = RequestPort(core.abort)
    host, _, number = (await port.serve()).rpartition(":")
    opened = [Peer(*await asyncio.open_connection(host, int(number))) for _ in range(peers)]
    try:
        yield opened
    finally:
        port.close()
        for peer in opened:
            peer.writer.close()


async def test_an_abort_is_carried_out_and_answered() -> None:
    core = Core()
    async with served(core) as (peer,):
        reply = await peer.ask(b'{"id":7,"abort":"smoke"}\n')
    assert reply == {"id": 7, "accepted": True, "text": "dumping; wait for the proof"}
    assert core.reasons == ["smoke"]


@pytest.mark.parametrize(
    ("line", "number", "says"),
    [
        (b"garbage", 0, "not a request (JSON is malformed"),
        (b"", 0, "not a request (Input data was truncated)"),
        (b"[]", 0, "not a request (Expected `object`, got `array`)"),
        (b'{"abort":"x"}', 0, "missing required field `id`"),
        (b'{"id":"1","abort":"x"}', 0, "Expected `int`, got `str`"),
        (b'{"id":1,"abort":5}', 0, "Expected `str`, got `int`"),
        (b'{"id":4}', 4, "nothing was asked for"),
        (b'{"id":4,"fire":"now"}', 4, "nothing was asked for"),
        (b"\xff\xfe{\x00", 0, "not a request"),
        (b'{"id":1,"abort":"\xff"}', 0, "not a request"),
        (b"[" * 4000, 0, "not a request"),
    ],
)
async def test_whatever_is_no_request_gets_a_sentence_and_the_connection_lives(
    line: bytes, number: int, says: str
) -> None:
    core = Core()
    async with served(core) as (peer,):
        reply = await peer.ask(line + b"\n")
        assert (reply["id"], reply["accepted"]) == (number, False)
        assert says in reply["text"]
        assert core.reasons == []
        assert (await peer.ask(b'{"id":2,"abort":"now"}\n'))["accepted"]


async def test_a_line_may_come_in_pieces_and_several_in_one() -> None:
    core = Core()
    async with served(core) as (peer,):
        peer.writer.write(b'{"id":1,"ab')
        await peer.writer.drain()
        await asyncio.sleep(0)
        replies = [
            await peer.ask(b'ort":"a"}\n{"id":2,"abort":"b"}\n{"id":3}'),
            await peer.hear(),
            await peer.ask(b"\n"),
        ]
    assert [(reply["id"], reply["accepted"]) for reply in replies] == [(1, True), (2, True), (3, False)]
    assert core.reasons == ["a", "b"]


@pytest.mark.parametrize(
    ("flood", "says"),
    [
        (b"x" * (LINE_BYTES_MAX + 1), f"longer than {LINE_BYTES_MAX} bytes"),
        (b"x" * (LINE_BYTES_MAX + 1) + b"\n", f"a line of {LINE_BYTES_MAX + 1} bytes"),
    ],
)
async def test_a_line_without_end_is_refused_and_hung_up_on(flood: bytes, says: str) -> None:
    async with served(Core()) as (peer,):
        assert says in (await peer.ask(flood))["text"]
        assert await peer.gone()


async def test_a_flood_of_lines_is_hung_up_on_but_its_abort_is_heard() -> None:
    core = Core()
    async with served(core) as (peer,):
        peer.writer.write(b'{"id":1,"abort":"first"}\n' + b"{}\n" * 2 * LINES_MAX)
        replies = [await peer.hear() for _ in range(LINES_MAX + 1)]
        assert await peer.gone()
    assert replies[0]["accepted"]
    assert replies[-1]["text"] == f"more than {LINES_MAX} lines at once; wait for each answer"
    assert core.reasons == ["first"]


async def test_a_line_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "LINE_DEADLINE_S", 0.01)
    async with served(Core()) as (peer,):
        assert "did not end within 0.01 s" in (await peer.ask(b'{"id":1'))["text"]
        assert await peer.gone()


async def test_who_holds_every_connection_open_cannot_keep_an_abort_out() -> None:
    core = Core()
    async with served(core, CONNECTIONS_MAX) as peers:
        for number, peer in enumerate(peers):
            await peer.ask(b'{"id":%d}\n' % number)
        await peers[0].ask(b'{"id":1}\n')
        host, number = peers[0].writer.get_extra_info("peername")[:2]
        late = Peer(*await asyncio.open_connection(host, number))
        assert (await late.ask(b'{"id":99,"abort":"let me in"}\n'))["accepted"]
        assert await peers[1].gone(), "the one silent longest"
        assert not (await peers[0].ask(b'{"id":5}\n'))["accepted"], "still there"
        late.writer.close()
    assert core.reasons == ["let me in"]


async def test_closing_hangs_up_on_everybody() -> None:
    port = RequestPort(Core().abort)
    host, _, number = (await port.serve()).rpartition(":")
    peer = Peer(*await asyncio.open_connection(host, int(number)))
    await peer.ask(b'{"id":1}\n')
    port.close()
    assert await peer.gone()
    peer.writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection(host, int(number))


def test_a_reason_becomes_one_short_printable_line() -> None:
    assert readable("  smoke\n\x1b[31m in \t the bay\u202e ") == "smoke [31m in the bay"
    assert readable("\n\x00") == "no reason given"
    assert len(readable("é" * 10_000)) == REASON_CHARS_MAX


async def test_a_flood_of_connections_keeps_no_abort_out_that_was_sent_already() -> None:
    """The operating system accepts connections before the loop looks at one: the abort waits in the middle of them."""
    heard = asyncio.Event()

    def abort(reason: str) -> Answer:
        heard.set()
        return Answer(True, reason)

    port = RequestPort(abort)
    host, _, number = (await port.serve()).rpartition(":")
    links = [socket.create_connection((host, int(number)), DEADLINE_S) for _ in range(2)]
    links[1].sendall(b'{"id":1,"abort":"smoke"}\n')
    links += [socket.create_connection((host, int(number)), DEADLINE_S) for _ in range(3 * CONNECTIONS_MAX)]
    try:
        await asyncio.wait_for(heard.wait(), DEADLINE_S)
    finally:
        port.close()
        for link in links:
            link.close()
        await asyncio.sleep(0)
