"""Traps T1-T10 of PyVISA on Linux, each against our own links on real sockets and ptys.

docs/reference/instruments/traps.md says which guard each test watches. Those of PyVISA itself (T4, T5, T6, T7 behind
VisaLink, and what VisaLink refuses to open) are in test_visa_link.py.
"""

import asyncio
import os
import time
from collections.abc import Callable

import pytest

from drivers.errors import ConnectFailed, LinkClosed, LinkTimeout
from drivers.families.technix import open_technix
from drivers.transports.hislip import HislipLink
from drivers.transports.link import Link
from drivers.transports.route import Hislip
from drivers.transports.serial import serial_port
from drivers.transports.tcp import tcp
from drivers.wire import hislip
from drivers.wire.hislip import Kind, Message
from firmware_sim.personalities.dsox import open_standalone
from firmware_sim.servers.pty import serve_pty
from firmware_sim.servers.tcp import TcpServer, serve_tcp
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.standalone import STANDALONE

posix = pytest.mark.skipif(os.name != "posix", reason="ptys exist on POSIX only")


class Scripted:
    """A session that answers each request with what the test scripted."""

    waiting = False

    def __init__(self, answer: Callable[[bytes], list[Chunk]]) -> None:
        self._answer = answer

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        return self._answer(data)

    def tick(self, now_ns: int) -> list[Chunk]:
        return []


async def serve(answer: Callable[[bytes], list[Chunk]]) -> tuple[TcpServer, Link]:
    server = await serve_tcp(lambda: Scripted(answer))
    host, _, port = server.address.rpartition(":")
    return server, Link("x", tcp(host, int(port)))


async def test_t1_a_refused_port_is_refused_when_it_is_opened() -> None:
    server, link = await serve(lambda request: [])
    await server.close()
    with pytest.raises(ConnectFailed, match="nobody answers"):
        await link.open(5.0)
    await link.close()


async def test_t2_a_peer_that_hangs_up_ends_the_exchange_at_once_and_costs_nothing() -> None:
    server, link = await serve(lambda request: [Chunk(b"12", close=True)])
    loop = asyncio.get_running_loop()
    await link.open(5.0)
    begin, cpu = loop.time(), time.process_time()
    with pytest.raises(LinkClosed):
        await link.query(b"A?\n", timeout_s=60.0)
    assert loop.time() - begin < 20.0  # PyVISA spins until its timeout
    await asyncio.sleep(0.3)
    assert time.process_time() - cpu < 0.2
    await link.close()
    await server.close()


async def test_t3_data_with_line_feeds_leave_nothing_for_the_next_query() -> None:
    def answer(request: bytes) -> list[Chunk]:
        return [Chunk(b"#14\n\n\n\n", 5_000_000), Chunk(b"\n")] if request == b"D?\n" else [Chunk(b"next\n")]

    server, link = await serve(answer)
    strays: list[int] = []
    link.stray = strays.append  # type: ignore[method-assign]
    out = bytearray(4)
    assert await link.query_block(b"D?\n", out, timeout_s=5.0) == 4
    assert out == b"\n\n\n\n"
    await asyncio.sleep(0.02)
    assert strays == []  # else a reconnect would hide it
    assert await link.query(b"N?\n", timeout_s=5.0) == b"next"
    await link.close()
    await server.close()


@pytest.mark.parametrize("door", ["tcp", pytest.param("pty", marks=posix)])
async def test_t4_a_late_answer_is_not_the_next_one(door: str) -> None:
    def answer(request: bytes) -> list[Chunk]:
        if request == b"slow\n":
            return [Chunk(duration_ns=60_000_000), Chunk(b"LATE\n")]
        return [Chunk(b"re " + request)]

    server = await (serve_tcp if door == "tcp" else serve_pty)(lambda: Scripted(answer))
    if door == "tcp":
        host, _, port = server.address.rpartition(":")
        link = Link("x", tcp(host, int(port)))
    else:
        link = Link("x", serial_port(server.address))
    await link.open(5.0)
    with pytest.raises(LinkTimeout):
        await link.query(b"slow\n", timeout_s=0.03)
    for number in range(20):
        assert await link.query(b"%d\n" % number, timeout_s=5.0) == b"re %d" % number
    await link.close()
    await server.close()


async def test_t5_many_callers_get_their_own_answers() -> None:
    server, link = await serve(lambda request: [Chunk(b"re " + request)])

    async def caller(name: int) -> None:
        for number in range(50):
            assert await link.query(b"%d.%d\n" % (name, number), timeout_s=20.0) == b"re %d.%d" % (name, number)

    await asyncio.gather(*(caller(name) for name in range(16)))
    await link.close()
    await server.close()


async def test_t6_hislip_has_trigger_status_lock_and_clear() -> None:
    scope = open_standalone("MY00000001")
    server = await serve_tcp(HislipServer(lambda: ScpiSession(scope, held=True)).open_session)
    host, _, port = server.address.rpartition(":")
    link = HislipLink("scope", Hislip(tcp(host, int(port))))
    await link.send(b":NOSUCH\n", timeout_s=5.0)
    assert await link.status_byte(timeout_s=5.0) & 4
    assert await link.lock(wait_s=0.0, timeout_s=5.0)
    assert (await link.lock_info(timeout_s=5.0)).exclusive
    await link.unlock(timeout_s=5.0)
    await link.query(b"*OPC?;:TER?\n", timeout_s=5.0)
    await link.trigger(timeout_s=5.0)
    assert await link.query(b"*OPC?;:TER?\n", timeout_s=5.0) == b"1;+1"
    await link.clear(timeout_s=5.0)
    await link.close()
    await server.close()


async def test_t8_we_offer_and_ask_for_synchronized_mode_and_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """pyvisa-py prints when the server prefers overlap: our stand-in never does, and our client asks it out of it."""
    channel = HislipServer(lambda: ScpiSession(open_standalone("MY00000001"), held=True)).open_session()
    (welcome,) = channel.feed(hislip.Initialize().message().encode(), 0)
    assert bytes(welcome.data)[2:4] == bytes((Kind.INITIALIZE_RESPONSE, 0))
    heard: list[Message] = []

    class Overlapping:
        """A server that prefers overlap mode."""

        waiting = False

        def __init__(self) -> None:
            self._reader = hislip.MessageReader()

        def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
            return [Chunk(answer.encode()) for message in self._reader.feed(data) for answer in self._answers(message)]

        def tick(self, now_ns: int) -> list[Chunk]:
            return []

        def _answers(self, message: object) -> list[Message]:
            assert isinstance(message, Message)
            heard.append(message)
            size = hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE_RESPONSE, 4096)
            known = {
                Kind.INITIALIZE: Message(Kind.INITIALIZE_RESPONSE, 1, hislip.VERSION << 16 | 7),
                Kind.ASYNC_INITIALIZE: hislip.async_initialize_response(b"XX"),
                Kind.ASYNC_MAX_MESSAGE_SIZE: size,
                Kind.ASYNC_DEVICE_CLEAR: Message(Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE, 1),
                Kind.DEVICE_CLEAR_COMPLETE: Message(Kind.DEVICE_CLEAR_ACKNOWLEDGE, 0),
                Kind.DATA_END: Message(Kind.DATA_END, 0, message.parameter, b"me\n"),
            }
            return [known[Kind(message.kind)]]

    server = await serve_tcp(Overlapping)
    host, _, port = server.address.rpartition(":")
    link = HislipLink("scope", Hislip(tcp(host, int(port))))
    assert await link.query(b"*IDN?\n", timeout_s=5.0) == b"me"
    assert [message.control for message in heard if message.kind == Kind.DEVICE_CLEAR_COMPLETE] == [0]
    await link.close()
    await server.close()
    assert capsys.readouterr() == ("", "")


@posix
async def test_t9_a_serial_line_has_one_reader() -> None:
    server = await serve_pty(lambda: Scripted(lambda request: [Chunk(b"re " + request)]))
    first, thief = Link("first", serial_port(server.address)), Link("thief", serial_port(server.address))
    await first.open(5.0)
    with pytest.raises(ConnectFailed):
        await thief.open(5.0)
    assert await first.query(b"1\n", timeout_s=5.0) == b"re 1"
    await thief.close()
    await first.close()
    await server.close()


@posix
async def test_t10_every_instrument_has_its_own_end_of_line() -> None:
    """CR alone on a serial line (Technix), and an end of several characters."""
    server = await serve_pty(STANDALONE["Technix CCR10KV-7.5KJ"](1)["serial"])
    charger = await open_technix("charger", serial_port(server.address), identity="")
    assert (await charger.identify()).model
    await charger.close()
    await server.close()
    pieces = [Chunk(b"@1ACK1.0;", 5_000_000), Chunk(b"F", 5_000_000), Chunk(b"F")]
    server = await serve_pty(lambda: Scripted(lambda request: pieces))
    link = Link("gauge", serial_port(server.address))
    for _ in range(2):
        assert await link.query(b"@1?;FF", timeout_s=5.0, terminator=b";FF") == b"@1ACK1.0"
    await link.close()
    await server.close()
