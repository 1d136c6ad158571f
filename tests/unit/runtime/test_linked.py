"""The in-memory pair behaves like a socket where drivers and stand-ins can tell."""

import asyncio

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual


class Echo(asyncio.Protocol):
    def __init__(self) -> None:
        self.lost = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost += 1


class Collect(Echo):
    def __init__(self) -> None:
        super().__init__()
        self.got = b""

    def data_received(self, data: bytes) -> None:
        self.got += data


class Buffered(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self.buffer = bytearray(3)
        self.got = b""

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.got += self.buffer[:nbytes]


def test_bytes_arrive_in_order_and_never_within_the_write() -> None:
    async def main() -> tuple[bytes, bytes]:
        transport, client = await linked(Echo)(Collect)
        assert isinstance(client, Collect)
        for piece in (b"ab", b"c", b"def"):
            transport.write(piece)
        before = client.got
        await asyncio.sleep(0.001)
        return before, client.got

    assert run_virtual(main()) == (b"", b"ABCDEF")


def test_a_buffered_protocol_gets_what_fits_its_buffer() -> None:
    async def main() -> bytes:
        transport, client = await linked(Echo)(Buffered)
        assert isinstance(client, Buffered)
        transport.write(b"0123456789")
        await asyncio.sleep(0.001)
        return client.got

    assert run_virtual(main()) == b"0123456789"


def test_paused_reading_holds_and_resuming_delivers() -> None:
    async def main() -> tuple[bytes, bytes]:
        transport, client = await linked(Echo)(Collect)
        assert isinstance(client, Collect)
        transport.pause_reading()
        transport.write(b"x")
        await asyncio.sleep(0.001)
        held = client.got
        transport.resume_reading()
        return held, client.got

    assert run_virtual(main()) == (b"", b"X")


def test_closing_one_end_tells_both_once_and_swallows_later_writes() -> None:
    async def main() -> tuple[int, int, bytes]:
        servers: list[Echo] = []

        def serve() -> Echo:
            servers.append(Echo())
            return servers[-1]

        transport, client = await linked(serve)(Collect)
        assert isinstance(client, Collect)
        transport.close()
        transport.close()
        transport.write(b"late")
        await asyncio.sleep(0.001)
        return client.lost, servers[0].lost, client.got

    assert run_virtual(main()) == (1, 1, b"")
