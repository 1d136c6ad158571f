"""What every implementation of the CapacitorCharger port must do. A new one is one row of ``CASES``."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from drivers.errors import ConnectFailed, InstrumentError, InstrumentRefused, LinkError, WrongInstrument
from drivers.families.charger import open_fug_hck
from drivers.families.technix import open_technix
from drivers.ports import CapacitorCharger, Identity
from drivers.transports.link import Connect
from firmware_sim.personalities.fug_hck import HCK_800_20000, HCK_2000_4000, CapacitorChargerPanel, Rating
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.personalities.technix import TechnixPanel
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.probus import ProbusSession
from firmware_sim.sessions.technix import TechnixSession
from tests.conformance.port_bench import BROKEN_LINKS, MISS_S, Stage, first_good, on_virtual_time

ChargerStage = Stage[CapacitorCharger]


@dataclass(frozen=True)
class Case:
    """One implementation: how it is set up, what it says it is, its full scale and the size of one step of it."""

    name: str
    stage: Callable[[], ChargerStage]
    identity: Identity
    voltage_v: float
    current_a: float
    step: float = 0.0


def fug(rating: Rating, capacitance_f: float, bleeder_ohm: float, identity: str) -> ChargerStage:
    load = SmallCapacitor(capacitance_f, bleeder_ohm)
    panel = CapacitorChargerPanel(load.read, load.drive, rating=rating)

    async def open_port(connect: Connect, expected: str) -> CapacitorCharger:
        return await open_fug_hck("charger", connect, identity=expected)

    return ChargerStage(lambda: ProbusSession(panel, load.advance), open_port, identity)


def technix(baud: int | None, greets: bool = False) -> ChargerStage:
    load = SmallCapacitor(100e-6, 100e3)
    panel = TechnixPanel(load.read, load.drive)
    panel.inject("greeting", greets)

    def open_session() -> Session:
        return TechnixSession(panel, load.advance, baud=baud)

    async def open_port(connect: Connect, expected: str) -> CapacitorCharger:
        return await open_technix("charger", connect, identity=expected)

    return ChargerStage(open_session, open_port, "CCR10KV-7.5KJ")


_TECHNIX = Identity("Technix", "CCR10KV-7.5KJ", "", "")
_STEP = 1 / 4095

CASES = (
    Case(
        "FuG HCK 2000-4000",
        lambda: fug(HCK_2000_4000, 1e-3, 5e3, "HCK 2000 - 4000"),
        Identity("FuG", "HCK 2000-4000", "17022-01-01", ""),
        4000.0,
        1.0,
    ),
    Case(
        "FuG HCK 800-20000",
        lambda: fug(HCK_800_20000, 10e-6, 1e6, "HCK 800 - 20 000"),
        Identity("FuG", "HCK 800-20000", "17022-01-01", ""),
        20_000.0,
        0.08,
    ),
    Case("Technix, socket", lambda: technix(None), _TECHNIX, 10_000.0, 1.5, _STEP),
    Case("Technix, socket that greets", lambda: technix(None, greets=True), _TECHNIX, 10_000.0, 1.5, _STEP),
    Case("Technix, serial", lambda: technix(9600), _TECHNIX, 10_000.0, 1.5, _STEP),
)


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_it_says_who_it_is(case: Case) -> None:
    async def main() -> None:
        charger = await case.stage().open()
        assert charger.name == "charger"
        assert await charger.identify() == case.identity
        await charger.close()

    on_virtual_time(main)


def test_another_than_the_rig_expects_is_not_opened(case: Case) -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="charger"):
            await case.stage().open("HCK 12345")

    on_virtual_time(main)


def test_it_charges_holds_and_lets_go(case: Case) -> None:
    async def main() -> None:
        charger = await case.stage().open()
        half_v, current_a = case.voltage_v / 2, case.current_a * 0.9
        await charger.configure(half_v, current_a)
        reading = await charger.read()
        assert (reading.voltage_v, reading.output_on) == (0.0, False), "set-points alone charge nothing"
        await charger.output(True)
        await asyncio.sleep(0.1)
        reading = await charger.read()
        assert 0 < reading.voltage_v < half_v
        assert reading.current_a == pytest.approx(current_a, abs=(2 * case.step + 1e-6) * case.current_a)
        assert (reading.output_on, reading.constant_voltage) == (True, False)
        await asyncio.sleep(9.0)
        reading = await charger.read()
        assert reading.voltage_v == pytest.approx(half_v, abs=(2 * case.step + 1e-6) * case.voltage_v)
        assert (reading.output_on, reading.constant_voltage) == (True, True)
        await charger.output(False)
        await asyncio.sleep(5.0)
        reading = await charger.read()
        assert 0 < reading.voltage_v < 0.7 * half_v
        assert (reading.current_a, reading.output_on) == (0.0, False)
        await charger.close()

    on_virtual_time(main)


def test_switching_twice_is_as_good_as_once(case: Case) -> None:
    async def main() -> None:
        charger = await case.stage().open()
        await charger.configure(case.voltage_v / 10, case.current_a)
        for on in (True, True, False, False, True):
            await charger.output(on)
            assert (await charger.read()).output_on is on
        await charger.close()

    on_virtual_time(main)


@pytest.mark.parametrize("beyond", [(1.01, 0.5), (0.5, 1.01), (-0.1, 0.5), (0.5, -0.1)])
def test_what_exceeds_the_rating_is_refused_and_the_link_is_good(case: Case, beyond: tuple[float, float]) -> None:
    async def main() -> None:
        charger = await case.stage().open()
        with pytest.raises(InstrumentRefused, match="charger"):
            await charger.configure(beyond[0] * case.voltage_v, beyond[1] * case.current_a)
        assert (await charger.read()).voltage_v == 0.0
        await charger.configure(case.voltage_v, case.current_a)
        await charger.close()

    on_virtual_time(main)


@pytest.mark.parametrize("fault", BROKEN_LINKS)
def test_a_broken_link_is_named_in_time_and_the_next_answer_is_right(case: Case, fault: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        stage = case.stage()
        charger = await stage.open()
        await charger.configure(case.voltage_v / 2, case.current_a)
        stage.faults.inject(fault)
        begin = loop.time()
        with pytest.raises(InstrumentError):
            await charger.read()
        assert loop.time() - begin <= MISS_S
        stage.faults.inject(fault, False)
        reading = await first_good(charger.read, InstrumentError)
        assert (reading.voltage_v, reading.output_on) == (0.0, False)
        assert await charger.identify() == case.identity
        await charger.close()

    on_virtual_time(main)


@pytest.mark.parametrize("fault", BROKEN_LINKS)
def test_a_command_on_a_broken_link_fails_within_its_deadline(case: Case, fault: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        stage = case.stage()
        charger = await stage.open()
        commands: list[Callable[[], Awaitable[None]]] = [
            lambda: charger.configure(case.voltage_v / 2, case.current_a),
            lambda: charger.output(True),
        ]
        for command in commands:
            stage.faults.inject(fault)
            begin = loop.time()
            with pytest.raises(InstrumentError):
                await command()
            assert loop.time() - begin <= 1.0
            stage.faults.inject(fault, False)
            await first_good(charger.read, InstrumentError)
        await charger.close()

    on_virtual_time(main)


def test_a_cancelled_reading_spoils_nothing(case: Case) -> None:
    async def main() -> None:
        charger = await case.stage().open()
        await charger.configure(case.voltage_v / 2, case.current_a)
        for after_s in (0.0, 0.001, 0.005, 0.02):
            reading = asyncio.create_task(charger.read(), name="reading")
            await asyncio.sleep(after_s)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            assert await charger.identify() == case.identity
        await charger.close()

    on_virtual_time(main)


def test_many_callers_share_one_charger(case: Case) -> None:
    async def main() -> None:
        charger = await case.stage().open()
        await charger.configure(case.voltage_v / 2, case.current_a)
        answers = await asyncio.gather(charger.read(), charger.identify(), charger.identify(), charger.output(False))
        assert (answers[0].voltage_v, answers[1], answers[2]) == (0.0, case.identity, case.identity)
        await charger.close()

    on_virtual_time(main)


def test_nobody_at_the_address(case: Case) -> None:
    async def main() -> None:
        stage = case.stage()
        stage.refuse = True
        with pytest.raises(ConnectFailed, match="nobody"):
            await stage.open()
        stage.refuse = False
        stage.faults.inject("silent")
        with pytest.raises(InstrumentError):
            await stage.open()

    on_virtual_time(main)


def test_closing_is_final_and_harmless(case: Case) -> None:
    async def main() -> None:
        charger = await case.stage().open()
        await charger.close()
        await charger.close()
        with pytest.raises(LinkError):
            await charger.read()

    on_virtual_time(main)
