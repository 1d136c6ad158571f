"""The charger's driver against its stand-in, paced like a line, on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controller.app.linked import linked
from controller.runtime.pollers import CHARGER_S, RETRY_S
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, LinkTimeout, RemoteWireError, WrongInstrument
from drivers.families.charger import EXCHANGE_S, ProbusCharger, open_fug_hck
from drivers.ports import CapacitorCharger, Identity
from firmware_sim.link_faults import FAULTS, LinkFaults
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.probus import ProbusSession
from tests.unit.links.peers import Peers
from tests.unit.links.wire_bench import under

FIRST_WORDS = {
    b"\n*IDN?\n": b"FUG HCK 2000 - 4 000 MOD 1\n",
    b">M0I ?\n": b"M0I:0\n",
    b">M1I ?\n": b"M1I:4\n",
}
"""What is asked when the port is opened, and how a charger answers whose converters are fast enough."""


ANSWER_S = 0.14
"""The longest answer of a healthy charger: 95 ms on the line and 40 ms of conversion."""


class Bench:
    """A charger with a small capacitor behind a faulty link."""

    def __init__(self) -> None:
        self.load = SmallCapacitor()
        self.panel = CapacitorChargerPanel(self.load.read, self.load.drive)
        self.faults = LinkFaults()

    def _serve(self) -> SessionProtocol:
        return SessionProtocol(lambda: self.faults.wrap(ProbusSession(self.panel, self.load.advance), serial=True))

    async def open(self, identity: str = "HCK 2000 - 4000") -> ProbusCharger:
        return await open_fug_hck("charger", linked(self._serve), identity=identity)


def test_a_charge_and_what_it_costs_in_time() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        charger = await Bench().open()
        port: CapacitorCharger = charger
        assert await port.identify() == Identity("FuG", "HCK 2000-4000", "17022-01-01", "")
        await port.configure(3000.0, 1.0)
        await port.output(True)
        await asyncio.sleep(1.0)
        begin = loop.time()
        reading = await port.read()
        assert 0.05 < loop.time() - begin < 0.1, "three exchanges at 9600 baud"
        assert 800 < reading.voltage_v < 1000
        assert (reading.current_a, reading.output_on, reading.constant_voltage) == (1.0, True, False)
        await asyncio.sleep(10.0)
        reading = await port.read()
        assert (reading.voltage_v, reading.constant_voltage) == (3000.0, True)
        await port.output(False)
        assert (await port.read()).output_on is False
        await port.close()

    run_virtual(main())


def test_what_the_rig_does_not_expect_is_not_opened() -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="HCK 2000 - 4 000"):
            await Bench().open("HCK 800 - 20000")

    run_virtual(main())


@pytest.mark.parametrize(("voltage_v", "current_a", "error"), [(4001.0, 1.0, "E5"), (100.0, 1.5, "E5")])
def test_a_refused_set_point_is_named(voltage_v: float, current_a: float, error: str) -> None:
    async def main() -> None:
        charger = await Bench().open()
        with pytest.raises(InstrumentRefused, match=error):
            await charger.configure(voltage_v, current_a)
        assert (await charger.read()).voltage_v == 0.0, "the link is still good"

    run_virtual(main())


def test_a_set_point_that_reads_back_differently_is_refused() -> None:
    bench = Bench()

    async def main() -> None:
        charger = await bench.open()
        real = bench.panel._set
        bench.panel._set = lambda name, value: real(name, value * 0.9 if name == "S0" else value)  # type: ignore[method-assign]
        with pytest.raises(InstrumentRefused, match="reads back 900"):
            await charger.configure(1000.0, 1.0)

    run_virtual(main())


def test_local_mode_is_a_refusal() -> None:
    async def main() -> None:
        bench = Bench()
        charger = await bench.open()
        bench.panel.inject("refuses")
        with pytest.raises(InstrumentRefused, match="E11"):
            await charger.output(True)

    run_virtual(main())


@pytest.mark.parametrize("fault", FAULTS)
def test_every_link_fault_ends_within_the_deadline_and_heals(fault: str) -> None:
    """A harmful one in its named error, a harmless one in the right answer."""

    async def main() -> None:
        bench = Bench()
        charger = await bench.open()
        bench.faults.inject(fault)
        reading = await under(fault, EXCHANGE_S - ANSWER_S, 3 * EXCHANGE_S + 0.01, charger.read())
        assert reading is None or reading.voltage_v == 0.0
        bench.faults.inject(fault, False)
        await asyncio.sleep(20.0)
        assert (await charger.read()).voltage_v == 0.0

    run_virtual(main())


def test_an_answer_for_another_register_is_refused() -> None:
    def answer(peer: object, data: bytes) -> None:
        reply = FIRST_WORDS.get(data, b"M1:+1.0E+00\n")
        peer.say(reply)  # type: ignore[attr-defined]

    async def main() -> None:
        charger = await open_fug_hck("charger", Peers(answer).connect, identity="HCK")
        with pytest.raises(RemoteWireError, match="read_M0"):
            await charger.read()

    run_virtual(main())


def test_nothing_is_written_twice() -> None:
    sent: list[bytes] = []

    def answer(peer: object, data: bytes) -> None:
        if data in FIRST_WORDS:
            peer.say(FIRST_WORDS[data])  # type: ignore[attr-defined]
        else:
            sent.append(data)

    async def main() -> None:
        charger = await open_fug_hck("charger", Peers(answer).connect, identity="HCK")
        with pytest.raises(LinkTimeout):
            await charger.output(True)
        assert sent == [b">BON 1\n"]

    run_virtual(main())


def test_slow_converters_are_made_fast_enough_before_a_deadline_depends_on_them() -> None:
    async def main() -> None:
        bench = Bench()
        bench.panel.execute(b">M0I 7", 0)
        bench.panel.execute(b">M1I 3", 0)
        await bench.open()
        assert bench.panel.execute(b">M0I ?", 0) == b"M0I:4\n"
        assert bench.panel.execute(b">M1I ?", 0) == b"M1I:3\n", "fast enough, so it is left alone"

    run_virtual(main())


@pytest.mark.parametrize(("delay_s", "answered"), [(0.83 * EXCHANGE_S, True), (1.1 * EXCHANGE_S, False)])
def test_a_slow_answer_is_taken_until_the_deadline(delay_s: float, answered: bool) -> None:
    """The longest legitimate exchange is ``ANSWER_S``."""

    def answer(peer: object, data: bytes) -> None:
        reply = FIRST_WORDS.get(data)
        delay = 0.0 if reply else delay_s
        reply = reply or {b">M0 ?\n": b"M0:+1.0E+00\n", b">M1 ?\n": b"M1:+1.0E+00\n"}.get(data, b"KS:00100000\n")
        asyncio.get_running_loop().call_later(delay, peer.say, reply)  # type: ignore[attr-defined]

    async def main() -> None:
        charger = await open_fug_hck("charger", Peers(answer).connect, identity="HCK")
        if answered:
            assert (await charger.read()).output_on
        else:
            with pytest.raises(LinkTimeout):
                await charger.read()
        await charger.close()

    run_virtual(main())


def on_silence(then: Callable[[Bench, ProbusCharger, float], Awaitable[None]], after_s: float) -> None:
    """Open a charger, let it fall silent ``after_s`` after a good reading, miss one, and go on with ``then``.

    That also hears when the good reading was over.
    """

    async def main() -> None:
        bench = Bench()
        charger = await bench.open()
        await charger.read()
        answered_s = asyncio.get_running_loop().time()
        bench.faults.inject("silent")
        await asyncio.sleep(after_s)
        with pytest.raises(LinkTimeout):
            await charger.read()
        await then(bench, charger, answered_s)

    run_virtual(main())


def test_two_misses_and_the_pauses_around_them_end_within_a_second() -> None:
    """safety.md 2.3 row 10, from the last answer of a reading to the second miss."""

    async def then(bench: Bench, charger: ProbusCharger, answered_s: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(RETRY_S)
        with pytest.raises(LinkTimeout):
            await charger.read()
        assert loop.time() - answered_s <= 1.0

    on_silence(then, CHARGER_S)


def test_after_one_lost_answer_the_next_reading_is_right_and_in_time() -> None:
    """What a drained line costs fits into one deadline."""

    async def then(bench: Bench, charger: ProbusCharger, answered_s: float) -> None:
        loop = asyncio.get_running_loop()
        bench.faults.inject("silent", False)
        await asyncio.sleep(RETRY_S)
        begin = loop.time()
        assert (await charger.read()).voltage_v == 0.0
        assert loop.time() - begin < EXCHANGE_S

    on_silence(then, 0.0)
