"""Shared by the plant's tests: the reference bench and a bench that ticks."""

import json
from dataclasses import replace
from pathlib import Path

from firmware_sim.plant.bench import BenchPlant
from firmware_sim.plant.parameters import DummyLoad, PulseParameters, parameters_from_json
from firmware_sim.signals import FieldOutputs
from hil_rigs.railgun_bench.plant import build

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "data"
PLANT_YAML = (ROOT / "hil_rigs" / "railgun_bench" / "plant.yaml").read_text(encoding="utf-8")
SCAN_NS = 10_000_000
DELAYS_NS = (0, 150_000, 350_000, 600_000)


def reference_bench() -> tuple[PulseParameters, list[float], list[float], float]:
    """bench_4x1mF.json: parameters, voltages, trigger times, end."""
    data = json.loads((DATA / "bench_4x1mF.json").read_text(encoding="utf-8"))
    return parameters_from_json(data), data["V0"], data["ttrig"], data["tend"]


def one_module(resistance_ohm: float) -> PulseParameters:
    """C = 1 mF, L = 20 uH and one resistance, a crowbar at 0 V, no snubber (physics.md C2)."""
    return PulseParameters(
        capacitance_f=(1e-3,),
        switch_ohm=(1e-6,),
        switch_v=(0.0,),
        coil_h=(20e-6,),
        coil_ohm=(resistance_ohm - 1e-6,),
        crowbar_v=0.0,
        crowbar_ohm=1e-6,
        load=DummyLoad(0.0, 0.0),
    )


class Bench:
    """A plant with the PLC's outputs in the test's hands."""

    def __init__(self, seed: int = 1) -> None:
        self.plant: BenchPlant = build(PLANT_YAML, seed)
        self.out = FieldOutputs()
        self.scan = 0

    @property
    def now_ns(self) -> int:
        return self.scan * SCAN_NS

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.scan += 1
            self.plant.tick(self.scan * SCAN_NS, self.out)

    def charge(self, voltage_v: float, current_a: float = 1.0, settle_s: float = 1.0) -> None:
        self.plant.drive("charger_set_voltage_v", voltage_v)
        self.plant.drive("charger_set_current_a", current_a)
        self.plant.drive("charger_output", 1.0)
        self.out.dump_a_open = self.out.dump_b_open = True
        self.run(0.1)
        self.out.contactor_close = self.out.charger_enable = True
        self.run(0.05 + voltage_v * 4e-3 / current_a + settle_s)
        self.out.contactor_close = self.out.charger_enable = False
        self.run(0.1)

    def offer(self, gate_ns: int = 2_000_000, delays_ns=DELAYS_NS):
        self.out.fire = gate_ns > 0
        self.out.gate_open_ns = gate_ns
        t0_ns = self.now_ns + 85
        return self.plant.offer_edges(t0_ns, (t0_ns, *(t0_ns + d for d in delays_ns)))

    def shoot(self, **options):
        edges = self.offer(**options)
        assert edges is not None
        record = self.plant.pulse(edges)
        self.plant.apply(record)
        self.out.gate_open_ns = 0
        self.out.fire = False
        return record


def without_exit(parameters: PulseParameters) -> PulseParameters:
    return replace(parameters, load=replace(parameters.load, exit_m=None))
