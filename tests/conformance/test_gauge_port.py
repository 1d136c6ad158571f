"""What every VacuumGauge must do, whatever its model: one row of ``INSTRUMENTS`` each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused
from drivers.families.vacuum_gauge import open_tpg_256a, open_tpg_262
from drivers.ports import GaugeStatus, Identity, PressureReading, VacuumGauge
from drivers.wire.tpg import TPG_256A, TPG_262, GaugeModel
from firmware_sim.personalities.tpg import NO_SENSOR, GaugePanel, Head
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.tpg import GaugeSession
from tests.conformance.port_bench import PortCase, Question, Stage, Trial

DEADLINE_S = 3.0
LATE_S = 20.0
"""A line cannot be reconnected: what a dripping one still holds has to come first."""


@dataclass(frozen=True)
class Row:
    """One implementation. Gauge 1 can be switched and reads 3.2e-4 Pa, gauge 2 is missing; ``units``: by hand."""

    model: str
    gauges: int
    open: Callable[..., Awaitable[VacuumGauge]]
    make: Callable[[], tuple[Callable[[], Session], Callable[[bytes], object]]]
    units: tuple[bytes, ...]
    identity: Identity


def make_tpg(model: GaugeModel) -> tuple[Callable[[], Session], Callable[[bytes], object]]:
    heads = [Head("PKR", lambda: 3.2e-4), Head(NO_SENSOR)]
    if model.gauges > 2:
        heads += [Head("TPR", lambda: 5.0), Head("IKR", lambda: 1e9), Head("CMR", lambda: 0.0), Head(NO_SENSOR)]
    panel = GaugePanel(model, heads)
    return lambda: GaugeSession(panel), panel.request


UNITS = (b"UNI,0", b"UNI,1", b"UNI,2")

INSTRUMENTS = (
    Row("TPG 262", 2, open_tpg_262, lambda: make_tpg(TPG_262), UNITS, Identity("Pfeiffer", "TPG 262", "", "")),
    Row("TPG 256A", 6, open_tpg_256a, lambda: make_tpg(TPG_256A), UNITS, Identity("Pfeiffer", "TPG 256A", "", "")),
)


class Bench:
    """One controller on its stage, by a line."""

    def __init__(self, row: Row) -> None:
        session, self.tamper = row.make()
        self.stage: Stage[VacuumGauge] = Stage("vacuum_gauge", session, row.open, row.model, serial=True)


def trial(row: Row) -> Trial:
    def right(held: Mapping[int, PressureReading]) -> bool:
        return held[1].status is GaugeStatus.OK and held[1].pressure_pa == pytest.approx(3.2e-4, rel=0.005)

    async def switch(port: VacuumGauge) -> None:
        await port.switch(1, True)

    question = Question(lambda port: port.read(), right, DEADLINE_S)
    return Trial(Bench(row).stage, (question,), commands=(switch,), beside=switch)


PORT_CASES = tuple(
    PortCase("vacuum_gauge", row.model, partial(trial, row), row.identity, ("VGC 503",), healed_s=LATE_S)
    for row in INSTRUMENTS
)


@pytest.fixture(params=INSTRUMENTS, ids=lambda row: row.model)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_every_gauge_is_read_in_pascals_whatever_the_unit(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        for unit in row.units:
            bench.tamper(unit)
            held = await port.read()
            assert list(held) == list(range(1, row.gauges + 1))
            assert held[1].status is GaugeStatus.OK
            assert held[1].pressure_pa == pytest.approx(3.2e-4, rel=0.005), unit
            assert held[2].status is GaugeStatus.NO_SENSOR
        await port.close()

    run_virtual(main())


def test_a_gauge_is_switched_and_says_so(row: Row) -> None:
    async def main() -> None:
        bench = Bench(row)
        port = await bench.stage.open()
        await port.switch(1, False)
        assert (await port.read())[1].status is GaugeStatus.OFF
        await port.switch(1, True)
        assert (await port.read())[1].status is GaugeStatus.OK
        for gauge in (2, 0, row.gauges + 1):
            with pytest.raises(InstrumentRefused):
                await port.switch(gauge, True)
        assert (await port.read())[1].status is GaugeStatus.OK, "the next one is right"

    run_virtual(main())
