"""Requests for service that nobody reads: they wait in the instrument, and only so many."""

import asyncio
from typing import cast

from controller.runtime.virtual_loop import run_virtual
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.vxi11_interrupt import UNREAD_MAX, InterruptChannel

FLOOD = 10 * UNREAD_MAX


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def test_before_anybody_takes_the_connection() -> None:
    channel = InterruptChannel()
    for _ in range(FLOOD):
        channel.interrupt(b"handle")
    channel.hang_up()
    chunks = channel.tick(0)
    assert len(chunks) == UNREAD_MAX + 1
    assert chunks[-1] == Chunk(close=True), "the end is never dropped"
    channel.interrupt(b"handle")
    assert len(channel.tick(0)) == 1, "what was read makes room"


def test_while_the_client_does_not_read() -> None:
    async def main() -> None:
        channel, wire = InterruptChannel(), Wire()
        protocol = SessionProtocol(lambda: channel)
        protocol.connection_made(cast(asyncio.Transport, wire))
        channel.interrupt(b"handle")
        await asyncio.sleep(0.01)
        assert len(wire.written) == 1
        protocol.pause_writing()
        for _ in range(FLOOD):
            channel.interrupt(b"handle")
            await asyncio.sleep(0)
        assert len(wire.written) == 1, "the transport's buffer has no bound of its own"
        protocol.resume_writing()
        await asyncio.sleep(0.01)
        assert len(wire.written) == 1 + UNREAD_MAX
        channel.interrupt(b"handle")
        await asyncio.sleep(0.01)
        assert len(wire.written) == 2 + UNREAD_MAX
        protocol.connection_lost(None)

    run_virtual(main())
