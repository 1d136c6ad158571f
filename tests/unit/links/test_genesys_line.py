"""Several Genesys supplies on one line: who is addressed, when, and what comes unasked."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import ConnectFailed, InstrumentRefused, LinkClosed, LinkTimeout, RemoteWireError, WrongInstrument
from drivers.families.genesys_line import ServiceRequests
from drivers.families.power_supply import EXCHANGE_S, GenesysSupply, open_genesys
from drivers.transports.link import Connect
from drivers.transports.multidrop import SharedLine
from drivers.transports.route import Visa
from drivers.wire.genesys import GENESYS, Fault, Status
from firmware_sim.personalities.genesys import GenesysUnit
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.genesys import GenesysLine
from tests.unit.links.peers import Peer, Peers


class Spy:
    """The line's session; notes when each request began to arrive."""

    def __init__(self, units: list[GenesysUnit]) -> None:
        self.inner = GenesysLine(units)
        self.heard: list[tuple[int, bytes]] = []

    @property
    def waiting(self) -> bool:
        return self.inner.waiting

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        self.heard.append((now_ns, data))
        return self.inner.feed(data, now_ns)

    def tick(self, now_ns: int) -> list[Chunk]:
        return self.inner.tick(now_ns)


class Bench:
    """A line with supplies at ``addresses``."""

    def __init__(self, *addresses: int) -> None:
        self.units = {address: GenesysUnit(address, serial=f"S-{address}") for address in addresses}
        self.spy = Spy(list(self.units.values()))
        self.opened = 0
        self.line = SharedLine(self._connect)

    async def _connect(
        self, factory: Callable[[], asyncio.BaseProtocol]
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        self.opened += 1
        return await linked(lambda: SessionProtocol(lambda: self.spy))(factory)

    async def open(self, address: int) -> GenesysSupply:
        return await open_genesys(f"supply {address}", self.line.drop(address), identity="GEN80-65")


def test_the_line_is_opened_once_and_closed_by_the_last() -> None:
    async def main() -> None:
        bench = Bench(6, 7)
        first, second = await bench.open(6), await bench.open(7)
        assert bench.opened == 1
        assert (await first.identify()).serial == "S-6"
        assert (await second.identify()).serial == "S-7"
        await first.close()
        assert (await second.identify()).serial == "S-7"
        await second.close()
        with pytest.raises(LinkClosed):
            await second.read()
        again = await bench.open(7)
        assert (bench.opened, (await again.identify()).serial) == (2, "S-7")
        await again.close()

    run_virtual(main())


def test_a_supply_is_addressed_once_and_after_a_pause() -> None:
    async def main() -> None:
        bench = Bench(6, 7)
        first, second = await bench.open(6), await bench.open(7)
        bench.spy.heard.clear()
        for supply in (second, second, first, first, second):
            await supply.read()
        asked = [data for _, data in bench.spy.heard]
        stt = b"STT?\r"
        assert asked == [stt, stt, b"ADR 6\r", stt, stt, b"ADR 7\r", stt]
        for index, (now_ns, data) in enumerate(bench.spy.heard):
            if data.startswith(b"ADR"):
                assert now_ns - bench.spy.heard[index - 1][0] >= 100_000_000 + 50_000_000, "a reply of 60 characters"
        await first.close()
        await second.close()

    run_virtual(main())


def test_both_are_read_at_once_and_nobody_gets_the_others_answer() -> None:
    async def main() -> None:
        bench = Bench(6, 7, 8, 9)
        supplies = [await bench.open(address) for address in (6, 7, 8, 9)]
        await asyncio.gather(*(supply.configure(float(supply.address), 60.0) for supply in supplies))
        await asyncio.gather(*(supply.output(True) for supply in supplies))
        await asyncio.sleep(1.0)
        for _ in range(5):
            readings = await asyncio.gather(*(supply.read() for supply in supplies))
            assert [reading.voltage_v for reading in readings] == [6.0, 7.0, 8.0, 9.0]
        for supply in supplies:
            await supply.close()

    run_virtual(main())


def test_nobody_at_an_address_is_said_so_and_harms_no_other() -> None:
    async def main() -> None:
        bench = Bench(6)
        good = await bench.open(6)
        with pytest.raises(LinkTimeout, match="supply 9: no supply answers at address 9"):
            await bench.open(9)
        assert (await good.identify()).serial == "S-6"
        await good.close()

    run_virtual(main())


def test_another_model_and_another_instrument() -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="GEN80-65"):
            await open_genesys("heater", Bench(6).line.drop(6), identity="GEN300-5")
        parrot = Peers(lambda peer, data: peer.say(b"HELLO\r"))
        with pytest.raises((WrongInstrument, LinkTimeout), match="heater"):
            await open_genesys("heater", parrot.connect, identity="GEN80-65")
        with pytest.raises(ConnectFailed, match=r"heater: .* a socket or a serial line, not by VISA: write"):
            await open_genesys("heater", Visa("GPIB0::6::INSTR"), identity="")

    run_virtual(main())


def test_service_requests_are_counted_whenever_they_come() -> None:
    async def main() -> None:
        bench = Bench(6, 7)
        first, second = await bench.open(6), await bench.open(7)
        await first.configure(20.0, 5.0)
        await first.protect(under_voltage_v=2.0, foldback=True, foldback_delay_s=0.3)
        await first.request_service(Status.FAULT, Fault.FOLDBACK)
        await first.output(True)
        await asyncio.sleep(1.0)
        assert (first.service_requests, second.service_requests) == (1, 0), "nobody was asking"
        heard = len(bench.spy.heard)
        assert (await first.read()).faults == ("foldback",)
        assert [data for _, data in bench.spy.heard[heard:]] == [b"STT?\r"], "a request does not upset the line"
        assert await first.registers() == (Status.FAULT | Status.FOLDBACK_ENABLED, Fault.FOLDBACK)
        assert await first.events() == (Status.FAULT, Fault.FOLDBACK)
        with pytest.raises(InstrumentRefused, match=r"E07 output on during a fault \(foldback\)"):
            await first.output(True)
        await first.output(False)
        assert (await first.read()).faults == ()
        bench.units[7].inject("srq_inside")
        assert (await second.identify()).serial == "S-7"
        assert second.service_requests >= 3
        await first.close()
        await second.close()

    run_virtual(main())


@pytest.mark.parametrize(
    "stream", [b"24.0!06\r00\r", b"!06\rOK\r!30\r", b"!!06\rO!0K\r!\r!1\r!123\r", b"OK\r", b"!06\r"]
)
def test_requests_are_taken_out_however_the_stream_is_split(stream: bytes) -> None:
    heard: list[int] = []
    whole = ServiceRequests(heard.append).sift(stream)
    for size in (1, 2, 3, 5):
        told: list[int] = []
        sieve = ServiceRequests(told.append)
        pieces = [sieve.sift(stream[at : at + size]) for at in range(0, len(stream), size)]
        assert (b"".join(pieces), told) == (whole, heard)
    expected = {
        b"24.0!06\r00\r": (b"24.000\r", [6]),
        b"!06\rOK\r!30\r": (b"OK\r", [6, 30]),
        b"!!06\rO!0K\r!\r!1\r!123\r": (b"!O!0K\r!\r!1\r!123\r", [6]),
        b"OK\r": (b"OK\r", []),
        b"!06\r": (b"", [6]),
    }
    assert (whole, heard) == expected[stream]


class Answering:
    """A hand-made supply: ``answers`` by request, each maybe late."""

    def __init__(self) -> None:
        self.answers: dict[bytes, bytes] = {b"ADR 6\r": b"OK\r", b"IDN?\r": b"LAMBDA,GEN80-65\r"}
        self.late_s: dict[bytes, float] = {}
        self.asked: list[bytes] = []
        self.peers = Peers(self._answer)

    def _answer(self, peer: Peer, data: bytes) -> None:
        self.asked.append(data)
        answer = self.answers.get(data, b"")
        if answer:
            peer.say_later(self.late_s.pop(data, 0.001), answer)

    async def open(self) -> GenesysSupply:
        return await open_genesys("supply", self.peers.connect, identity="GEN80-65")


STT = b"MV(24.000),PV(24.000),MC(00.000),PC(01.500),SR(05),FR(00)\r"


def test_a_late_answer_is_never_the_next_one() -> None:
    """The late OK of a set must not be taken for the OK of ADR, nor a late number for another."""

    async def main() -> None:
        supply_side = Answering()
        supply_side.answers |= {b"STT?\r": STT, b"FLT?\r": b"08\r", b"SEVE?\r": b"01\r", b"FEVE?\r": b"02\r"}
        supply = await supply_side.open()
        for late_s in (EXCHANGE_S + 0.05, EXCHANGE_S + 0.15, EXCHANGE_S + 0.21):
            supply_side.late_s[b"STT?\r"] = late_s
            with pytest.raises(LinkTimeout):
                await supply.read()
            assert await supply.events() == (Status(1), Fault(2))
        assert len(supply_side.peers.made) == 1, "a serial line is drained, not opened again"
        await supply.close()

    run_virtual(main())


@pytest.mark.parametrize("after_s", [0.2002, 0.2005, 0.2008, 0.2015])
def test_a_late_ok_is_not_taken_for_the_ok_of_adr(after_s: float) -> None:
    """After the drain the supply is addressed; an older OK that comes just then must not put all answers off by one."""

    async def main() -> None:
        supply_side = Answering()
        supply_side.answers |= {b"RMT REM\r": b"OK\r", b"SEVE?\r": b"01\r", b"FEVE?\r": b"02\r"}
        supply = await supply_side.open()
        supply_side.late_s[b"RMT REM\r"] = EXCHANGE_S + after_s
        with pytest.raises(LinkTimeout):
            await supply.configure(1.0, 1.0)
        assert await supply.events() == (Status(1), Fault(2))
        await supply.close()

    run_virtual(main())


def test_a_set_point_that_reads_back_differently_is_refused() -> None:
    async def main() -> None:
        bench = Bench(6)
        supply = await bench.open(6)
        bench.units[6].inject("wrong_set_point")
        with pytest.raises(InstrumentRefused, match="PV was set to 20 and reads back 18"):
            await supply.configure(20.0, 1.0)
        await supply.close()

    run_virtual(main())


def test_a_wrong_checksum_is_no_answer() -> None:
    async def main() -> None:
        supply_side = Answering()
        supply = await open_genesys("supply", Bench(6).line.drop(6), identity="GEN80-65", checksums=True)
        assert (await supply.identify()).model == "GEN80-65"
        await supply.close()
        supply_side.answers[b"IDN?$1A\r"] = b"LAMBDA,GEN80-65$00\r"
        with pytest.raises(WrongInstrument, match="checksum"):
            await open_genesys("supply", supply_side.peers.connect, identity="GEN80-65", checksums=True)

    run_virtual(main())


def test_a_supply_that_was_switched_off_and_on_is_addressed_again() -> None:
    async def main() -> None:
        bench = Bench(6)
        supply = await bench.open(6)
        await supply.read()
        bench.spy.inner = GenesysLine([GenesysUnit(6, serial="after")])
        with pytest.raises(LinkTimeout):
            await supply.read()
        assert (await supply.identify()).serial == "after"
        await supply.close()

    run_virtual(main())


def test_a_global_command_is_silent_and_rests() -> None:
    async def main() -> None:
        bench = Bench(6, 7)
        first, second = await bench.open(6), await bench.open(7)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await first._bus.tell_all("supply 6", GENESYS["GPV"], timeout_s=1.0, value=12)
        assert loop.time() - begin == pytest.approx(0.2)
        await asyncio.gather(first.output(True), second.output(True))
        assert [unit.pv_v for unit in bench.units.values()] == [12.0, 12.0]
        await first.close()
        await second.close()

    run_virtual(main())


async def _raises(job: Awaitable[object], error: type[Exception]) -> None:
    with pytest.raises(error):
        await job


def test_garbage_poisons_the_line_for_nobody_else() -> None:
    async def main() -> None:
        bench = Bench(6, 7)
        first, second = await bench.open(6), await bench.open(7)
        real = bench.spy.inner

        class Garbled(GenesysLine):
            def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
                chunks = real.feed(data, now_ns)
                return [Chunk(b"\x91\x92\r")] if data == b"STT?\r" else chunks

        bench.spy.inner = Garbled([])
        await _raises(first.read(), RemoteWireError)
        bench.spy.inner = real
        assert (await second.identify()).serial == "S-7"
        assert (await first.read()).faults == ()
        await first.close()
        await second.close()

    run_virtual(main())


def test_a_drop_is_a_plain_stream_too() -> None:
    async def main() -> None:
        bench = Bench(6)
        stream: Connect = bench.line.drop(6)
        transport, _ = await stream(asyncio.Protocol)
        assert bench.opened == 1
        transport.close()

    run_virtual(main())
