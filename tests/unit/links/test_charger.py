"""The charger's driver against its stand-in, paced like a line, on virtual time."""

import asyncio

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, LinkError, LinkTimeout, RemoteWireError, WrongInstrument
from drivers.families.charger import EXCHANGE_S, ProbusCharger, open_fug_hck
from drivers.ports import CapacitorCharger, Identity
from firmware_sim.link_faults import FAULTS, LinkFaults
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel, SmallCapacitor
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.probus import ProbusSession
from tests.unit.links.peers import Peers


class Bench:
    """A charger with a small capacitor behind a faulty link."""

    def __init__(self) -> None:
        self.load = SmallCapacitor()
        self.panel = CapacitorChargerPanel(self.load.read, self.load.drive)
        self.faults = LinkFaults()

    def _serve(self) -> SessionProtocol:
        return SessionProtocol(lambda: self.faults.wrap(ProbusSession(self.panel, self.load.advance)))

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


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "stale"])
def test_every_link_fault_ends_within_the_deadline_and_heals(fault: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        bench = Bench()
        charger = await bench.open()
        bench.faults.inject(fault)
        begin = loop.time()
        with pytest.raises((LinkError, RemoteWireError, WrongInstrument, InstrumentRefused)):
            await charger.read()
        assert loop.time() - begin <= 3 * EXCHANGE_S + 0.01
        bench.faults.inject(fault, False)
        await asyncio.sleep(20.0)
        assert (await charger.read()).voltage_v == 0.0

    run_virtual(main())


def test_an_answer_for_another_register_is_refused() -> None:
    def answer(peer: object, data: bytes) -> None:
        reply = b"FUG HCK 2000 - 4 000 MOD 1\n" if b"IDN" in data else b"M1:+1.0E+00\n"
        peer.say(reply)  # type: ignore[attr-defined]

    async def main() -> None:
        charger = await open_fug_hck("charger", Peers(answer).connect, identity="HCK")
        with pytest.raises(RemoteWireError, match="read_M0"):
            await charger.read()

    run_virtual(main())


def test_nothing_is_written_twice() -> None:
    sent: list[bytes] = []

    def answer(peer: object, data: bytes) -> None:
        if b"IDN" in data:
            peer.say(b"FUG HCK 2000 - 4 000 MOD 1\n")  # type: ignore[attr-defined]
        else:
            sent.append(data)

    async def main() -> None:
        charger = await open_fug_hck("charger", Peers(answer).connect, identity="HCK")
        with pytest.raises(LinkTimeout):
            await charger.output(True)
        assert sent == [b">BON 1\n"]

    run_virtual(main())
