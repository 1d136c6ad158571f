"""What every implementation of the PowerSupply port must do. A new one is one row of ``CASES``."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused
from drivers.families.power_supply import open_genesys
from drivers.ports import Identity, PowerSupply, SupplyReading
from drivers.transports.link import Connect
from drivers.transports.multidrop import SharedLine
from firmware_sim.personalities.genesys import GenesysUnit
from firmware_sim.sessions.genesys import GenesysLine
from tests.conformance.port_bench import HEALED_S, PortCase, Question, Stage, Trial

SupplyStage = Stage[PowerSupply]

MISS_S = 1.0
"""A missed reading of a supply: it regulates by itself, and its line is slow and shared."""


@dataclass(frozen=True)
class Case:
    """One implementation on a load of ``load_ohm``: its full scale, and who it says it is."""

    name: str
    stage: Callable[[], SupplyStage]
    identity: Identity
    voltage_v: float = 80.0
    current_a: float = 65.0
    load_ohm: float = 1.0


def genesys(address: int, *, checksums: bool = False, srq_inside: bool = False) -> SupplyStage:
    units = [GenesysUnit(6, serial="A-6"), GenesysUnit(17, serial="A-17")]
    for unit in units:
        unit.inject("srq_inside", srq_inside)
    bus = GenesysLine(units)

    async def open_port(name: str, connect: Connect, *, identity: str) -> PowerSupply:
        route = connect if address == 6 else SharedLine(connect).drop(address)
        return await open_genesys(name, route, identity=identity, checksums=checksums)

    return SupplyStage("supply", lambda: bus, open_port, "LAMBDA,GEN80-65", serial=True)


def _lambda(serial: str) -> Identity:
    return Identity("LAMBDA", "GEN80-65", serial, "REV:1U:4.3")


CASES = (
    Case("Genesys at 6", lambda: genesys(6), _lambda("A-6")),
    Case("Genesys at 17 on a shared line", lambda: genesys(17), _lambda("A-17")),
    Case("Genesys with checksums", lambda: genesys(6, checksums=True), _lambda("A-6")),
    Case("Genesys with requests inside replies", lambda: genesys(6, srq_inside=True), _lambda("A-6")),
)


def trial(case: Case) -> Trial:
    """Off, with set-points."""

    def right(reading: SupplyReading) -> bool:
        return (reading.voltage_v, reading.output_on) == (0.0, False)

    return Trial(
        case.stage(),
        (Question(lambda supply: supply.read(), right, MISS_S),),
        prepare=lambda supply: supply.configure(case.voltage_v / 4, case.current_a),
        commands=(lambda supply: supply.output(True), lambda supply: supply.configure(1.0, 1.0)),
        beside=lambda supply: supply.output(False),
    )


PORT_CASES = tuple(
    PortCase("power_supply", case.name, partial(trial, case), case.identity, ("GEN300-5",), healed_s=HEALED_S)
    for case in CASES
)


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_it_holds_voltage_then_current_then_nothing(case: Case) -> None:
    async def main() -> None:
        supply = await case.stage().open()
        voltage_v = case.voltage_v / 4
        free_a = voltage_v / case.load_ohm
        await supply.configure(voltage_v, free_a * 1.5, over_voltage_v=case.voltage_v / 2)
        reading = await supply.read()
        assert (reading.voltage_v, reading.output_on, reading.faults) == (0.0, False, ())
        await supply.output(True)
        await asyncio.sleep(1.0)
        reading = await supply.read()
        assert reading.voltage_v == pytest.approx(voltage_v, abs=1e-3)
        assert reading.current_a == pytest.approx(free_a, abs=1e-3)
        assert (reading.output_on, reading.constant_voltage) == (True, True)
        await supply.configure(voltage_v, free_a / 2)
        await asyncio.sleep(1.0)
        reading = await supply.read()
        assert reading.current_a == pytest.approx(free_a / 2, abs=1e-3)
        assert (reading.output_on, reading.constant_voltage) == (True, False)
        await supply.output(False)
        await asyncio.sleep(1.0)
        reading = await supply.read()
        assert (reading.voltage_v, reading.current_a, reading.output_on) == (0.0, 0.0, False)
        await supply.close()

    run_virtual(main())


def test_protection_may_rise_and_fall_with_the_voltage(case: Case) -> None:
    async def main() -> None:
        supply = await case.stage().open()
        for part in (0.9, 0.1, 0.5, 0.05, 0.9):
            voltage_v = case.voltage_v * part
            await supply.configure(voltage_v, 1.0, over_voltage_v=max(voltage_v * 1.1, case.voltage_v / 10))
        await supply.close()

    run_virtual(main())


@pytest.mark.parametrize("beyond", [(1.1, 0.5), (0.5, 1.1), (-0.1, 0.5), (0.5, -0.1)])
def test_what_exceeds_the_rating_is_refused_and_the_link_is_good(case: Case, beyond: tuple[float, float]) -> None:
    async def main() -> None:
        supply = await case.stage().open()
        with pytest.raises(InstrumentRefused, match="supply"):
            await supply.configure(beyond[0] * case.voltage_v, beyond[1] * case.current_a)
        assert (await supply.read()).voltage_v == 0.0
        with pytest.raises(InstrumentRefused, match="supply"):
            await supply.configure(case.voltage_v / 2, 1.0, over_voltage_v=case.voltage_v / 2)
        await supply.configure(case.voltage_v / 2, 1.0)
        await supply.close()

    run_virtual(main())


def test_switching_twice_is_as_good_as_once(case: Case) -> None:
    async def main() -> None:
        supply = await case.stage().open()
        await supply.configure(case.voltage_v / 10, case.current_a)
        for on in (True, True, False, False, True):
            await supply.output(on)
            assert (await supply.read()).output_on is on
        await supply.close()

    run_virtual(main())
