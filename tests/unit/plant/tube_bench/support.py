"""Shared by the tube bench's tests: the shipped bench, warm, with the PLC's outputs in the test's hands."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from firmware_sim.plant.tube_bench.bench import TubeBench
from firmware_sim.plant.tube_bench.parameters import TubeBenchParameters
from firmware_sim.signals import FieldOutputs
from hil_rigs.microwave_bench.plant import build, parse

FOLDER = Path(__file__).resolve().parents[4] / "hil_rigs" / "microwave_bench"
PLANT_YAML = (FOLDER / "plant.yaml").read_text(encoding="utf-8")
SCAN_NS = 10_000_000
WARM_NS = 7_200_000_000_000
LINE_V = 24_350.0
DRIVE_DBM = 18.0
OFF_DBM = -200.0
ALL_ON = 15


@lru_cache(maxsize=1)
def shipped() -> TubeBenchParameters:
    return parse(PLANT_YAML)


def mapping(name: str) -> Any:
    """A YAML file of the bench's folder."""
    return YAML(typ="safe", pure=True).load((FOLDER / name).read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def warm_utilities() -> Any:
    """Two hours of everything on, computed once: the state is immutable."""
    bench = build(PLANT_YAML, 1)
    switch_on(bench)
    bench.tick(WARM_NS, FieldOutputs(auxiliaries=ALL_ON))
    return bench.room.services.state, bench.room.services.drive, bench.room.thyratron


def switch_on(bench: TubeBench) -> None:
    bench.tick(0, FieldOutputs(auxiliaries=ALL_ON))
    for name, value in (("chiller_loop_c", 25.0), ("chiller_running", 1.0)):
        bench.drive(name, value)
    bench.drive("heater_supply_current_a", 25.0)
    bench.drive("magnet_supply_current_a", 50.0)


class Bench:
    """A plant, two hours warm, at rest. ``run`` ticks, ``train`` triggers at ``hz`` as well."""

    def __init__(self, seed: int = 1, parameters: TubeBenchParameters | None = None) -> None:
        self.plant = TubeBench(parameters or shipped(), seed)
        self.out = FieldOutputs(auxiliaries=ALL_ON)
        switch_on(self.plant)
        room = self.plant.room
        state, drive, thyratron = warm_utilities()
        room.services.state, room.services.drive, room.thyratron = state, drive, thyratron
        self.now_ns = 0
        self.triggers = 0

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.now_ns += SCAN_NS
            self.plant.tick(self.now_ns, self.out)

    def charge(self, line_v: float = LINE_V) -> None:
        """Dumps open, contactor closed, line at ``line_v``."""
        self.plant.drive("charger_set_voltage_v", line_v)
        self.plant.drive("charger_set_current_a", 0.6)
        self.plant.drive("charger_output", 1.0)
        self.out.dump_a_open = self.out.dump_b_open = True
        self.run(0.1)
        self.out.contactor_close = self.out.charger_enable = True
        self.run(0.2)

    def go(self, line_v: float = LINE_V, dbm: float = DRIVE_DBM) -> None:
        """Charged, with drive, gate open."""
        self.plant.drive("rf_source_power_dbm", dbm)
        self.charge(line_v)
        self.out.pulse_gate = True
        self.run(0.02)

    def trigger(self, t_ns: int | None = None) -> bool:
        """One cycle of the delay generator now; True when a pulse came of it."""
        at_ns = self.now_ns if t_ns is None else t_ns
        self.triggers += 1
        before = self.plant.pulses
        edges = self.plant.offer_edges(at_ns, (at_ns, at_ns, None, None, None))
        if edges is not None:
            self.plant.apply(self.plant.pulse(edges))
        return self.plant.pulses > before

    def train(self, seconds: float, hz: int = 50, *, reset: bool = False) -> int:
        """Trigger at ``hz`` (a divisor of 100) for ``seconds``; how many pulses came. ``reset`` clears latches."""
        before = self.plant.pulses
        for scan in range(round(seconds * 100)):
            self.run(0.01)
            if scan % (100 // hz) == 0:
                self.trigger()
            self.out.latch_reset = reset and bool(self.plant.gate.latches)
        return self.plant.pulses - before

    def logged(self, text: str) -> list[str]:
        return [line for _, line in self.plant.log if text in line]
