"""Pauses between attempts to connect: how often is called, what is said meanwhile, who is exempt. On virtual time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from controller.app.linked import linked, way_by
from controller.runtime.pollers import RETRY_S
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import ConnectFailed, InstrumentError, WrongInstrument
from drivers.registry import MODELS
from drivers.transports.backoff import FIRST_S, MAX_S, SLACK_S, Backoff
from drivers.transports.modbus import ModbusLink
from drivers.transports.route import Hislip, Route, make_link
from drivers.transports.turns import Hello
from drivers.wire.modbus import ExceptionCode, Function, Request
from firmware_sim.link_faults import LinkFaults
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.base import SessionFactory
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.standalone import STANDALONE

HELLO = Hello(b"*IDN?\n", b"\n", lambda line: b"SMB100A" in line)
MODEL = "R&S SMB100A"


class Far:
    """An instrument that can be away; ``attempts`` are the times at which somebody tried to connect."""

    def __init__(self, door: SessionFactory) -> None:
        self._door = door
        self.away = False
        self.faults = LinkFaults()
        self.attempts: list[float] = []
        self.served: list[SessionProtocol] = []
        self._join = linked(self._serve)

    def _serve(self) -> SessionProtocol:
        self.served.append(SessionProtocol(lambda: self.faults.wrap(self._door())))
        return self.served[-1]

    async def connect(self, factory: Callable[[], asyncio.BaseProtocol]) -> Any:
        self.attempts.append(asyncio.get_running_loop().time())
        if self.away:
            raise ConnectionRefusedError("nobody listens")
        return await self._join(factory)

    async def leave(self) -> None:
        self.away = True
        for protocol in self.served:
            protocol.hang_up()
        await asyncio.sleep(0.01)  # until both ends know
        self.attempts.clear()


def way(far: Far, transport: str) -> Route:
    return Hislip(far.connect) if transport == "hislip" else far.connect


def test_the_first_retry_is_free_and_then_the_pause_doubles_up_to_its_bound() -> None:
    """safety.md 2.3 row 10 counts two misses: the second one is an attempt, not a pause."""
    backoff, now, pauses = Backoff(), 0.0, []
    for _ in range(10):
        assert backoff.left_s(now) == 0.0
        backoff.failed(now, "away")
        pauses.append(backoff.left_s(now))
        now += pauses[-1]
    assert pauses == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])
    backoff.waive()
    assert backoff.left_s(now - 1.0) == 0.0, "at once"
    backoff.failed(now, "away")
    assert backoff.left_s(now) == MAX_S, "but it goes on growing"
    backoff.succeeded()
    assert backoff.left_s(now) == 0.0
    backoff.failed(now, "away")
    assert backoff.left_s(now) == 0.0
    backoff.failed(now, "away")
    assert backoff.left_s(now) == pytest.approx(FIRST_S)


@pytest.mark.parametrize("transport", ["socket", "hislip"])
def test_an_instrument_that_is_away_is_called_ever_more_seldom(transport: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        far = Far(STANDALONE[MODEL](0)[transport])
        link = make_link("rf", way(far, transport), hello=HELLO)
        await link.open(1.0)
        await far.leave()
        told, begin = set(), loop.time()
        while loop.time() < begin + 30.0:
            asked = loop.time()
            with pytest.raises(InstrumentError) as caught:
                await link.query(b"*IDN?\n", timeout_s=1.0)
            told.add(type(caught.value))
            assert loop.time() == asked, "a refused connection costs no time, and a pause neither"
            await asyncio.sleep(RETRY_S)
        gaps = [after - before for before, after in zip(far.attempts, far.attempts[1:], strict=False)]
        assert len(far.attempts) <= 15 and max(gaps) <= MAX_S + RETRY_S + 0.001
        assert all(gap >= min(FIRST_S * 2**n, MAX_S) - SLACK_S for n, gap in enumerate(gaps[1:]))
        assert told == {ConnectFailed}

        far.away = False
        await asyncio.sleep(MAX_S)
        assert b"SMB100A" in await link.query(b"*IDN?\n", timeout_s=1.0)
        await far.leave()
        with pytest.raises(ConnectFailed):
            await link.query(b"*IDN?\n", timeout_s=1.0)
        far.away = False
        assert b"SMB100A" in await link.query(b"*IDN?\n", timeout_s=1.0), "the success had made it the first failure"
        await link.close()

    run_virtual(main())


def test_who_asks_during_a_pause_is_told_what_was_wrong_and_when_the_next_attempt_is_due() -> None:
    async def main() -> None:
        far = Far(STANDALONE[MODEL](0)["socket"])
        link = make_link("rf", far.connect, hello=HELLO)
        far.away = True
        with pytest.raises(ConnectFailed):
            await link.query(b"*IDN?\n", timeout_s=1.0)
        for _ in range(4):
            with pytest.raises(ConnectFailed, match=r"rf: nobody answers at the address: nobody listens$"):
                await link.query(b"*IDN?\n", timeout_s=1.0)
            with pytest.raises(ConnectFailed, match=r"listens; the next attempt to connect is due in 0\.\d\d s$"):
                await link.query(b"*IDN?\n", timeout_s=1.0)
            await asyncio.sleep(0.8)
        assert len(far.attempts) == 5
        await link.close()

    run_virtual(main())


def test_another_instrument_and_one_that_hangs_up_are_failed_attempts_too() -> None:
    async def main() -> None:
        far = Far(STANDALONE[MODEL](0)["socket"])
        link = make_link("rf", far.connect, hello=Hello(b"*IDN?\n", b"\n", lambda line: False))
        for _ in range(2):
            with pytest.raises(WrongInstrument):
                await link.query(b"*IDN?\n", timeout_s=1.0)
        with pytest.raises(ConnectFailed, match=r"another instrument is there.*due in"):
            await link.query(b"*IDN?\n", timeout_s=1.0)
        far.faults.inject("close")
        await asyncio.sleep(FIRST_S)
        with pytest.raises(InstrumentError):
            await link.query(b"*IDN?\n", timeout_s=1.0)
        with pytest.raises(ConnectFailed, match=r"hung up.*due in 0.20 s"):
            await link.query(b"*IDN?\n", timeout_s=1.0)
        assert len(far.attempts) == 3
        await link.close()

    run_virtual(main())


def test_an_exchange_that_is_given_up_is_no_failed_attempt() -> None:
    async def main() -> None:
        far = Far(STANDALONE[MODEL](0)["socket"])
        hangs = [True, True, True]

        async def connect(factory: Callable[[], asyncio.BaseProtocol]) -> Any:
            return await (asyncio.get_running_loop().create_future() if hangs.pop() else far.connect(factory))

        link = make_link("rf", connect, hello=HELLO)
        for _ in range(3):
            asked = asyncio.create_task(link.query(b"*IDN?\n", timeout_s=1.0), name="asked")
            await asyncio.sleep(0.01)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
        hangs.append(False)
        assert b"SMB100A" in await link.query(b"*IDN?\n", timeout_s=1.0)
        await link.close()

    run_virtual(main())


def test_opening_waits_for_no_pause() -> None:
    async def main() -> None:
        far = Far(STANDALONE[MODEL](0)["socket"])
        link = make_link("rf", far.connect, hello=HELLO)
        far.away = True
        for _ in range(5):
            with pytest.raises(ConnectFailed, match=r"nobody listens$"):
                await link.open(1.0)
        far.away = False
        await link.open(1.0)
        await link.close()

    run_virtual(main())


OFF = ["FuG HCK 2000-4000", "Technix CCR10KV-7.5KJ", "TDK-Lambda Genesys GEN80-65", MODEL]
"""What has an output to switch off; each by the transport it prefers."""


@pytest.mark.parametrize("model", OFF)
def test_off_waits_for_no_pause_and_on_does(model: str) -> None:
    async def main() -> None:
        transport = MODELS[model].endpoints[0]
        far = Far(STANDALONE[model](0)[transport])
        driver: Any = await MODELS[model].open("it", way_by(transport, far.connect), identity="")
        await far.leave()
        for _ in range(3):
            with pytest.raises(InstrumentError):
                await driver.read() if hasattr(driver, "read") else await driver.read_back()
            await asyncio.sleep(MAX_S)
        made = len(far.attempts)
        assert made == 3
        with pytest.raises(ConnectFailed):
            await driver.output(False)
        assert len(far.attempts) == made + 1
        with pytest.raises(ConnectFailed, match="due in"):
            await driver.output(True)
        assert len(far.attempts) == made + 1
        far.away = False
        await driver.output(False)
        assert len(far.attempts) == made + 2, "at once, in the middle of a pause"
        await driver.close()

    run_virtual(main())


class NoRegisters:
    answering = True

    def read(self, address: int, count: int) -> bytes | ExceptionCode:
        return b"\0\0" * count

    def write(self, address: int, data: bytes) -> ExceptionCode | None:
        return None

    def read_write(self, address: int, count: int, write_address: int, data: bytes) -> bytes | ExceptionCode:
        return b"\0\0" * count


def test_the_plcs_link_tries_again_at_once() -> None:
    """A DUMP goes out with the first exchange that can get through, however long the PLC was away."""

    async def main() -> None:
        far = Far(lambda: ModbusSession(NoRegisters()))
        link = ModbusLink("plc", far.connect)
        request = Request(Function.READ_HOLDING, 0, 1)
        far.away = True
        for count in range(1, 50):
            with pytest.raises(ConnectFailed):
                await link.transact(request, timeout_s=0.2)
            assert len(far.attempts) == count
        far.away = False
        assert await link.transact(request, timeout_s=0.2) == b"\0\0"
        await link.close()

    run_virtual(main())
