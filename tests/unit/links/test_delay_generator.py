"""The delay generator's driver against its stand-in, on virtual time."""

from dataclasses import replace

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentRefused, WrongInstrument
from drivers.families.delay_generator import EXCHANGE_S, Dg645DelayGenerator, open_dg645
from drivers.ports import DelayGenerator, DelayPlan
from firmware_sim.link_faults import FAULTS, LinkFaults
from firmware_sim.personalities.dg645 import DelayGeneratorPanel, OutputEdges
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.dg645 import open_dg645_session
from tests.unit.links.wire_bench import under

PLAN = DelayPlan(delays_s=(0.0, 100e-6, 250e-6, 1e-3), width_s=10e-6, holdoff_s=0.5, level_v=5.0, trigger_level_v=1.5)


class Bench:
    """A delay generator behind a faulty link."""

    def __init__(self) -> None:
        self.cycles: list[OutputEdges] = []
        self.panel = DelayGeneratorPanel(self.cycles.append)
        self.faults = LinkFaults()

    async def open(self, identity: str = "DG645") -> Dg645DelayGenerator:
        connect = linked(lambda: SessionProtocol(lambda: self.faults.wrap(open_dg645_session(self.panel))))
        return await open_dg645("delay_generator", connect, identity=identity)


def test_program_arm_and_fire_once() -> None:
    async def main() -> None:
        bench = Bench()
        port: DelayGenerator = await bench.open()
        await port.configure(PLAN)
        assert await port.read_back() == PLAN
        assert bench.panel.trigger_input(0) is None, "programmed is not armed"
        await port.arm()
        assert await port.triggered() is False
        edges = bench.panel.trigger_input(1000)
        assert edges == OutputEdges(1000, 1000, 101_000, 251_000, 1_001_000)
        assert await port.triggered() is True
        assert await port.triggered() is False, "reading clears the latch"
        assert bench.panel.trigger_input(2_000_000_000) is None, "armed once"
        assert bench.cycles == [], "nothing in this driver fires by command"
        assert (await port.identify()).model == "DG645"
        await port.close()

    run_virtual(main())


@pytest.mark.parametrize("tampering", [b"TSRC 5", b"TSRC 1", b"BURM 1", b"DLAY 4,2,1e-6", b"LPOL 2,0", b"LAMP 3,2"])
def test_a_front_panel_change_is_found_before_anything_is_armed(tampering: bytes) -> None:
    async def main() -> None:
        bench = Bench()
        driver = await bench.open()
        await driver.configure(PLAN)
        bench.panel.execute(tampering, 0)
        with pytest.raises(InstrumentRefused):
            await driver.read_back()
        if tampering.startswith(b"TSRC"):
            with pytest.raises(InstrumentRefused, match=r"\*TRG would not arm"):
                await driver.arm()
            assert bench.cycles == []

    run_virtual(main())


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, delays_s=(0.0, 0.0, 0.0, 1999.9999999)),
        replace(PLAN, level_v=5.0, trigger_level_v=1.5, width_s=2000.0, delays_s=(1.0, 0, 0, 0)),
    ],
)
def test_a_refused_delay_is_named_with_the_instruments_error(plan: DelayPlan) -> None:
    async def main() -> None:
        driver = await Bench().open()
        with pytest.raises(InstrumentRefused, match="error 12 illegal delay"):
            await driver.configure(plan)

    run_virtual(main())


def test_old_errors_do_not_blame_a_new_command() -> None:
    async def main() -> None:
        bench = Bench()
        driver = await bench.open()
        for _ in range(30):
            bench.panel.execute(b"FIRE", 0)
        await driver.configure(PLAN)
        assert await driver.read_back() == PLAN

    run_virtual(main())


def test_another_instrument_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(WrongInstrument, match="s/n001234"):
            await Bench().open("s/n999999")

    run_virtual(main())


@pytest.mark.parametrize("fault", FAULTS)
def test_every_link_fault_is_an_error_or_harmless_and_heals(fault: str) -> None:
    async def main() -> None:
        bench = Bench()
        driver = await bench.open()
        await driver.configure(PLAN)
        bench.faults.inject(fault)
        assert await under(fault, EXCHANGE_S, 2.0, driver.read_back()) in (None, PLAN)
        bench.faults.inject(fault, False)
        assert await driver.read_back() == PLAN

    run_virtual(main())
