"""The same runs beside the PLC's own code on an ideal bench: what the controller expects of RUN is what it does."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from controller.runtime.core import Outcome
from controller.runtime.virtual_loop import run_virtual
from controller.sequencer.engine import Ending
from controller.sequencer.plan import Plan, StepKind
from drivers.wire.plc import PlcCommand, PlcEvent, PlcRequest, PlcState, PlcStatus
from drivers.wire.plc_run import InhibitCause, PlcRunStatus
from tests.pulsed_bench import plan, rig
from tests.pulsed_bench.bench import World, make_core
from tests.unit.plc.run_kit import RunStation
from tests.unit.runtime.test_running import shortened

TARGET_V = 4000.0


@dataclass
class StationPlc:
    """The rig PLC as a port: scans every 10 ms of virtual time, whoever asks."""

    world: World
    station: RunStation
    name: str = "plc"
    scanned: int = 0
    said: list[PlcCommand] = field(default_factory=list)

    async def exchange(self, request: PlcRequest) -> PlcStatus:
        station, world = self.station, self.world
        station.run_bench.rate = world.rate_hz * 0.01
        due = round(asyncio.get_running_loop().time() * 100)
        station.scans = 0  # the bound of a test that waits for ever: here the steps have timeouts
        station.scan(due - self.scanned)
        self.scanned = due
        if request.command is not PlcCommand.NONE:
            world.say(request.command.name)
        status = station.plc.exchange(request)
        world.voltage_v, world.state, world.counter = station.ideal.voltage_v, station.state, station.run_bench.counter
        return status

    async def read_run(self) -> PlcRunStatus:
        return self.station.status

    async def read_events(self, first: int, count: int) -> tuple[PlcEvent, ...]:
        return tuple(event for event in self.station.plc.events if first <= event.number < first + count)


def low(name: str) -> Plan:
    """The plan at a voltage that is charged in two seconds."""
    whole = shortened(name)
    steps = [replace(s, voltage_v=TARGET_V) if s.kind is StepKind.CHARGE else s for s in whole.steps]
    return replace(whole, steps=tuple(steps), charge_voltage_v=TARGET_V, tolerance_v=100.0)


async def beside_plc(world: World, station: RunStation, what: Plan, folder: Path, provoke: Any = None) -> Outcome:
    """A whole run beside ``station``."""
    station.warm()
    station.alive = False
    station.ideal.target_v = what.charge_voltage_v
    core, _ = make_core(world, what, folder, fresh=True, provoke=provoke)
    setup = core._setup
    port = StationPlc(world, station)
    bench = replace(setup.bench, plc=cast(Any, port))
    again = replace(setup, bench=bench, ticket=replace(setup.ticket, rig_id=station.plc.status().rig_id))
    return await type(core)(again).run()


def test_a_counted_run_gets_its_pulses_and_not_one_more(tmp_path: Path) -> None:
    world, station = World(), RunStation()
    outcome = run_virtual(beside_plc(world, station, low("low-voltage"), tmp_path))
    assert outcome.state.ending is Ending.COMPLETED, (outcome.state.reason, outcome.trips)
    assert station.run_bench.counter == (0xFFFFFFF0 + 20) & 0xFFFFFFFF
    assert station.state is PlcState.SAFE and station.run_bench.relays == 0b1111, "what cools and heats goes on"


@pytest.mark.parametrize("name", ["single-pulse", "power-sweep", "no-drive"])
def test_plans_complete_beside_the_plc(name: str, tmp_path: Path) -> None:
    world, station = World(), RunStation()
    outcome = run_virtual(beside_plc(world, station, low(name), tmp_path))
    assert outcome.state.ending is Ending.COMPLETED, (outcome.state.reason, outcome.trips)


def test_a_latch_is_seen_and_lets_go_by_the_plcs_own_reset(tmp_path: Path) -> None:
    world, station = World(), RunStation()

    async def provoke(latch: str, on: bool) -> None:
        station.run_bench.latches |= int(InhibitCause[latch]) if on else 0

    outcome = run_virtual(beside_plc(world, station, low("vswr-trip-check"), tmp_path, provoke))
    assert outcome.state.ending is Ending.COMPLETED, (outcome.state.reason, outcome.trips)
    assert station.run_bench.latches == 0


def test_a_window_that_trips_ends_the_run_tripped(tmp_path: Path) -> None:
    world, station = World(), RunStation()

    async def main() -> Outcome:
        running = asyncio.get_running_loop().create_task(
            beside_plc(world, station, low("pulse-train"), tmp_path), name="run"
        )
        while "journal run_start" not in world.said:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.05)
        station.run_bench.values["flow_tube_l_per_min"] = 1.0
        return await running

    outcome = run_virtual(main())
    assert outcome.state.ending is Ending.TRIPPED and "WINDOW" in outcome.trips
    assert not world.drive and world.rate_hz == 0.0 and outcome.state.safe


def test_a_conditioning_goes_on_through_the_plcs_inhibit(tmp_path: Path) -> None:
    world, station = World(), RunStation()
    whole = low("conditioning")
    assert whole.run is not None and whole.run.conditioning is not None and rig().run is not None
    steps = [replace(s, duration_s=40.0) if s.kind is StepKind.CONDITION else s for s in whole.steps]
    recipe = replace(
        whole.run.conditioning.recipe, raise_pulses=100, pause_s=1.0, burst_s=0.5, vacuum_wait_s=2.0, vacuum_poll_s=0.5
    )
    conditioning = replace(whole.run.conditioning, recipe=recipe)
    whole = replace(whole, steps=tuple(steps), run=replace(whole.run, conditioning=conditioning))

    async def main() -> Outcome:
        running = asyncio.get_running_loop().create_task(beside_plc(world, station, whole, tmp_path), name="run")
        while "drive on" not in world.said:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.05)
        await asyncio.sleep(5.0)
        station.run_bench.latches |= int(InhibitCause.ARC)
        return await running

    outcome = run_virtual(main())
    assert outcome.state.ending is Ending.COMPLETED, (outcome.state.reason, outcome.trips)
    assert world.said.count("drive on") == 2 and world.said.count("RUN") == 1
    assert plan("conditioning").run is not None
