"""What every implementation of the CapacitorCharger port must do. A new one is one row of ``CASES``."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from controller.runtime.pollers import CHARGER_S, RETRY_S
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused
from drivers.families.charger import open_fug_hck
from drivers.families.technix import open_technix, open_technix_25_kv
from drivers.ports import CapacitorCharger, ChargerReading, Identity
from drivers.wire.technix import CCR10KV_7_5KJ, CCR25KV_7_5KJ
from drivers.wire.technix import Rating as TechnixRating
from firmware_sim.personalities.fug_hck import HCK_800_20000, HCK_2000_4000, CapacitorChargerPanel, Rating
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.personalities.technix import TechnixPanel
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.probus import ProbusSession
from firmware_sim.sessions.technix import TechnixSession
from tests.conformance.port_bench import HEALED_S, PortCase, Question, Stage, Trial

ChargerStage = Stage[CapacitorCharger]

MISS_S = (1.0 - CHARGER_S - RETRY_S) / 2
"""A missed reading must end so soon that a period, two misses and the pause between them take no more than the second
of safety.md 2.3 row 10."""


@dataclass(frozen=True)
class Case:
    """One implementation: how it is set up, what it says it is, its full scale and the size of one step of it."""

    name: str
    stage: Callable[[], ChargerStage]
    identity: Identity
    voltage_v: float
    current_a: float
    step: float = 0.0
    survives: frozenset[str] = frozenset()


def fug(rating: Rating, capacitance_f: float, bleeder_ohm: float, identity: str) -> ChargerStage:
    load = SmallCapacitor(capacitance_f, bleeder_ohm)
    panel = CapacitorChargerPanel(load.read, load.drive, rating=rating)
    return ChargerStage("charger", lambda: ProbusSession(panel, load.advance), open_fug_hck, identity)


def technix(baud: int | None, greets: bool = False, rating: TechnixRating = CCR10KV_7_5KJ) -> ChargerStage:
    load = SmallCapacitor(100e-6 if rating is CCR10KV_7_5KJ else 10e-6, 100e3)
    panel = TechnixPanel(load.read, load.drive, rating=rating)
    panel.inject("greeting", greets)

    def open_session() -> Session:
        return TechnixSession(panel, load.advance, baud=baud)

    return ChargerStage("charger", open_session, _OPEN[rating], rating.model)


_OPEN = {CCR10KV_7_5KJ: open_technix, CCR25KV_7_5KJ: open_technix_25_kv}
_TECHNIX = Identity("Technix", "CCR10KV-7.5KJ", "", "")
_TECHNIX_25 = Identity("Technix", "CCR25KV-7.5KJ", "", "")
_STEP = 1 / 4095
_SURVIVES = frozenset({"nan", "overflow"})
"""Its replies are a letter and a code: no number stands alone in them."""

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
    Case("Technix, socket", lambda: technix(None), _TECHNIX, 10_000.0, 1.5, _STEP, _SURVIVES),
    Case("Technix, socket that greets", lambda: technix(None, greets=True), _TECHNIX, 10_000.0, 1.5, _STEP, _SURVIVES),
    Case("Technix, serial", lambda: technix(9600), _TECHNIX, 10_000.0, 1.5, _STEP, _SURVIVES),
    Case(
        "Technix 25 kV, socket",
        lambda: technix(None, rating=CCR25KV_7_5KJ),
        _TECHNIX_25,
        25_000.0,
        0.6,
        _STEP,
        _SURVIVES,
    ),
)


def trial(case: Case) -> Trial:
    """Off, with set-points."""

    async def configure(charger: CapacitorCharger) -> None:
        await charger.configure(case.voltage_v / 2, case.current_a)

    def right(reading: ChargerReading) -> bool:
        return (reading.voltage_v, reading.output_on) == (0.0, False)

    return Trial(
        case.stage(),
        (Question(lambda charger: charger.read(), right, MISS_S),),
        prepare=configure,
        commands=(configure, lambda charger: charger.output(True)),
        beside=lambda charger: charger.output(False),
    )


PORT_CASES = tuple(
    PortCase(
        "charger", case.name, partial(trial, case), case.identity, ("HCK 12345",),
        healed_s=HEALED_S, survives=case.survives,
    )
    for case in CASES
)  # fmt: skip


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


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

    run_virtual(main())


def test_switching_twice_is_as_good_as_once(case: Case) -> None:
    async def main() -> None:
        charger = await case.stage().open()
        await charger.configure(case.voltage_v / 10, case.current_a)
        for on in (True, True, False, False, True):
            await charger.output(on)
            assert (await charger.read()).output_on is on
        await charger.close()

    run_virtual(main())


@pytest.mark.parametrize("beyond", [(1.01, 0.5), (0.5, 1.01), (-0.1, 0.5), (0.5, -0.1)])
def test_what_exceeds_the_rating_is_refused_and_the_link_is_good(case: Case, beyond: tuple[float, float]) -> None:
    async def main() -> None:
        charger = await case.stage().open()
        with pytest.raises(InstrumentRefused, match="charger"):
            await charger.configure(beyond[0] * case.voltage_v, beyond[1] * case.current_a)
        assert (await charger.read()).voltage_v == 0.0
        await charger.configure(case.voltage_v, case.current_a)
        await charger.close()

    run_virtual(main())
