"""The shipped bench that pulses a tube, warm, its instruments on links in memory; the PLC's outputs are the test's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from controller.app.benches import build_plant
from controller.app.instruments import open_bench
from controller.app.preflight import read_rig
from controller.app.rig_sim import AHEAD_SCANS, SCAN_NS, SimulatedRig
from controller.runtime.bench import Bench
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import run_virtual
from drivers.ports import DelayPlan, RfPlan
from firmware_sim.signals import FieldOutputs
from tests.unit.plant.tube_bench.support import ALL_ON, warm_utilities

NAME = "microwave_bench"
LINE_V = 24_350.0
RATE_HZ = 50.0
WIDTH_S = 3.0e-6
DRIVE_DBM = 17.0
POLL_S = 0.5

T = TypeVar("T")


class HandedRig(SimulatedRig):
    """A bench whose PLC listens and commands nothing: ``out`` does."""

    def __init__(self, seed: int = 1) -> None:
        rig, files = read_rig(NAME)
        plc = files.plc.read_text(encoding="utf-8")
        super().__init__(rig, build_plant(NAME, seed), plc, str(files.plc), seed, inline)
        room: Any = self.plant.room  # type: ignore[attr-defined]
        room.services.state, room.services.drive, room.thyratron = warm_utilities()
        self.out = FieldOutputs(auxiliaries=ALL_ON)

    def _scan(self, t_ns: int) -> None:
        for look in self._each_scan:
            look(t_ns)
        self.plant.tick(t_ns, self.out)
        self.plc.scan(self.plant.inputs)
        if self.plc.scan_number % AHEAD_SCANS == 0:
            self._look_ahead()


async def ready(sim: HandedRig, bench: Bench) -> None:
    """Services on, line charged, drive on, gate open: the next trigger makes a pulse."""
    others: Any = bench.others
    for name, volts, amperes in (("heater_supply", 24.0, 25.0), ("magnet_supply", 40.0, 50.0)):
        await others[name].configure(volts, amperes)
        await others[name].output(True)
    await others["chiller"].configure(25.0)
    await others["chiller"].run(True)
    await others["rf_source"].configure(RfPlan(2.856e9, DRIVE_DBM, pulse_width_s=WIDTH_S))
    await others["rf_source"].output(True)
    await bench.delay.configure(DelayPlan((0.0, 0.0, 0.0, 0.0), 10e-6, 10e-6))
    sim.out.dump_a_open = sim.out.dump_b_open = True
    await asyncio.sleep(0.1)
    sim.out.contactor_close = sim.out.charger_enable = True
    await bench.charger.configure(LINE_V, 0.4)
    await bench.charger.output(True)
    await asyncio.sleep(0.5)
    sim.out.pulse_gate = True
    await asyncio.sleep(2 * SCAN_NS * 1e-9)


async def pulses(bench: Bench, seconds: float) -> None:
    """Triggers for so long, then none; the charger is asked as its watchdog wants it."""
    await bench.delay.run_at(RATE_HZ)  # type: ignore[attr-defined]
    end_s = asyncio.get_running_loop().time() + seconds
    while (left_s := end_s - asyncio.get_running_loop().time()) > 0.0:
        await bench.charger.read()
        await asyncio.sleep(min(left_s, POLL_S))
    await bench.delay.halt()  # type: ignore[attr-defined]


def on_tube_rig(body: Callable[[HandedRig, Bench], Awaitable[T]], seed: int = 1) -> T:
    """Run ``body`` on the bench, :func:`ready`, on virtual time."""

    async def run() -> T:
        sim = HandedRig(seed)
        sim.start()
        try:
            bench, _ = await open_bench(sim.rig, sim.connects())
            try:
                await ready(sim, bench)
                return await body(sim, bench)
            finally:
                await bench.close()
        finally:
            await sim.stop()

    return run_virtual(run())
