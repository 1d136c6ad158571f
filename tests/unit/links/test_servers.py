"""Real sockets and ptys: the same links and sessions, on asyncio and on uvloop, with the reader thread too."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import pytest

from drivers.errors import ConnectFailed, LinkClosed, LinkTimeout
from drivers.families.charger import open_fug_hck
from drivers.families.delay_generator import open_dg645
from drivers.ports import DelayPlan
from drivers.registry import MODELS, find_model
from drivers.transports.link import Link
from drivers.transports.serial import serial_port
from drivers.transports.tcp import tcp
from firmware_sim.personalities.dg645 import DelayGeneratorPanel
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.servers.pty import serve_pty
from firmware_sim.servers.tcp import PENDING_MAX, TcpServer, serve_tcp
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.dg645 import open_dg645_session
from firmware_sim.sessions.probus import ProbusSession

LOOPS = ["asyncio"] if sys.platform == "win32" else ["asyncio", "uvloop"]
posix = pytest.mark.skipif(os.name != "posix", reason="ptys exist on POSIX only")


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[None]], None]:
    """Run a coroutine on the loop of this parameter."""
    if request.param == "uvloop":
        import uvloop

        return uvloop.run  # type: ignore[return-value]
    return asyncio.run  # type: ignore[return-value]


async def turns() -> None:
    """Let the loop look at its sockets a few times."""
    for _ in range(10):
        await asyncio.sleep(0)


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


def test_the_delay_generator_over_tcp(run: Callable[[Awaitable[None]], None]) -> None:
    plan = DelayPlan((0.0, 1e-6, 2e-6, 3e-6), 1e-6, 0.1)

    async def main() -> None:
        panel = DelayGeneratorPanel()
        server = await serve_tcp(lambda: open_dg645_session(panel))
        host, _, port = server.address.rpartition(":")
        driver = await open_dg645("dg", tcp(host, int(port)), identity="DG645")
        await driver.configure(plan)
        server.hang_up()
        await asyncio.sleep(0)
        while True:
            try:
                assert await driver.read_back() == plan
                break
            except LinkClosed:
                continue
        await driver.close()
        await server.close()

    run(main())


@pytest.mark.parametrize("kind", [b"\n", b"ramp", b"\x00"])
def test_blocks_arrive_in_the_callers_memory_whatever_they_hold(
    run: Callable[[Awaitable[None]], None], kind: bytes
) -> None:
    data = (bytes(range(256)) if kind == b"ramp" else kind) * (1_000_000 // len(kind))

    async def main() -> None:
        server, link = await serve(lambda request: [Chunk(b"#9%09d" % len(data) + data + b"\n")])
        out = bytearray(len(data))
        for _ in range(3):
            out[:] = bytes(len(data))
            assert await link.query_block(b"WAV:DATA?\n", out, timeout_s=10.0) == len(data)
            assert out == data
        await link.close()
        await server.close()

    run(main())


def test_after_a_block_that_stopped_half_way_the_next_answer_is_its_own(
    run: Callable[[Awaitable[None]], None],
) -> None:
    def answer(request: bytes) -> list[Chunk]:
        if request == b"WAV:DATA?\n":
            return [Chunk(b"#9001000000" + b"a" * 500_000)]
        return [Chunk(b"re " + request)]

    async def main() -> None:
        server, link = await serve(answer)
        out = bytearray(1_000_000)
        with pytest.raises(LinkTimeout):
            await link.query_block(b"WAV:DATA?\n", out, timeout_s=0.05)
        assert await link.query(b"1\n", timeout_s=5.0) == b"re 1"
        assert await link.query(b"2\n", timeout_s=5.0) == b"re 2"
        await link.close()
        await server.close()

    run(main())


def test_nobody_listens(run: Callable[[Awaitable[None]], None]) -> None:
    async def main() -> None:
        server, link = await serve(lambda request: [])
        await server.close()
        with pytest.raises(ConnectFailed):
            await link.open(5.0)
        with pytest.raises(ConnectFailed):
            await Link("charger", serial_port("/dev/does-not-exist")).open(5.0)

    run(main())


def test_a_client_that_never_reads_is_not_read_either(run: Callable[[Awaitable[None]], None]) -> None:
    fed = 0

    def answer(request: bytes) -> list[Chunk]:
        nonlocal fed
        fed += len(request)
        return [Chunk(b"x" * 100_000)]

    async def main() -> None:
        server = await serve_tcp(lambda: Scripted(answer))
        host, _, port = server.address.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        for _ in range(200):
            writer.write(b"?" * 65536)
            await turns()
        assert fed < 200 * 65536 / 2
        writer.transport.abort()
        await server.close()

    run(main())


def test_paced_chunks_are_bounded(run: Callable[[Awaitable[None]], None]) -> None:
    fed = 0

    def answer(request: bytes) -> list[Chunk]:
        nonlocal fed
        fed += 1
        return [Chunk(b"x", 1_000_000_000)] * (PENDING_MAX + 1)

    async def main() -> None:
        server = await serve_tcp(lambda: Scripted(answer))
        host, _, port = server.address.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        for _ in range(20):
            writer.write(b"?")
            await turns()
        assert fed <= 2
        writer.transport.abort()
        await server.close()

    run(main())


BUSY_S = 5.0
"""Deadline on the real clock: this test is about ports, not about how long a busy machine lets a task wait."""


@posix
@pytest.mark.parametrize("threaded", [False, True])
def test_the_charger_over_a_pty_survives_its_clients(run: Callable[[Awaitable[None]], None], threaded: bool) -> None:
    async def main() -> None:
        load = SmallCapacitor()
        panel = CapacitorChargerPanel(load.read, load.drive)
        server = await serve_pty(lambda: ProbusSession(panel, load.advance))
        assert server.address.startswith("/dev/pts/")
        for _ in range(2):
            connect = serial_port(server.address, threaded=threaded)
            charger = await open_fug_hck("charger", connect, identity="HCK", exchange_s=BUSY_S)
            await charger.configure(1000.0, 0.5)
            reading = await charger.read()
            assert (reading.voltage_v, reading.output_on) == (0.0, False)
            await charger.close()
        await server.close()

    run(main())


@posix
def test_a_serial_line_is_drained_not_reopened(run: Callable[[Awaitable[None]], None]) -> None:
    """The DG645 has RS-232 too: its link reconnects on a network, but reopening a port would not stop a late reply."""

    async def main() -> None:
        panel = DelayGeneratorPanel()
        server = await serve_pty(lambda: open_dg645_session(panel))
        opened = 0
        connect = serial_port(server.address)

        async def counting(
            factory: Callable[[], asyncio.BaseProtocol],
        ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
            nonlocal opened
            opened += 1
            return await connect(factory)

        driver = await open_dg645("dg", counting, identity="DG645")
        driver._link.poison("as after a timeout")
        assert (await driver.identify()).serial == "s/n001234"
        assert opened == 1
        await driver.close()
        await server.close()

    run(main())


@posix
def test_two_clients_cannot_share_a_port(run: Callable[[Awaitable[None]], None]) -> None:
    async def main() -> None:
        load = SmallCapacitor()
        panel = CapacitorChargerPanel(load.read, load.drive)
        server = await serve_pty(lambda: ProbusSession(panel))
        charger = await open_fug_hck("charger", serial_port(server.address), identity="HCK")
        with pytest.raises(ConnectFailed, match="lock"):
            await open_fug_hck("thief", serial_port(server.address), identity="HCK")
        await charger.close()
        await server.close()

    run(main())


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("hck-2000-4000", "FuG HCK 2000-4000"),
        ("dg645", "SRS DG645"),
        ("dso-x-3014a", "Keysight DSO-X 3014A"),
        ("t7", "LabJack T7"),
        ("rig-plc", "Sparkgap rig PLC"),
    ],
)
def test_models_have_short_names(short: str, full: str) -> None:
    assert find_model(short) is MODELS[full]
    assert find_model(full) is MODELS[full]


@pytest.mark.parametrize("name", ["", "a", "0", "unknown", "DSO-X 3014"])
def test_an_unknown_model_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(KeyError, match="SRS DG645"):
        find_model(name)
