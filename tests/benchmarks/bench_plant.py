"""How long the plant takes: microseconds per 10 ms tick, milliseconds per pulse.

Run: python -m tests.benchmarks.bench_plant
Medians of ROUNDS; the budget is 12 us per tick in steady charge and 40 ms for the default shot.
"""

from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from firmware_sim.plant.bench import BenchPlant
from firmware_sim.signals import FieldOutputs
from hil_rigs.railgun_bench.plant import build

PLANT = Path(__file__).resolve().parents[2] / "hil_rigs" / "railgun_bench" / "plant.yaml"
SCAN_NS = 10_000_000
ROUNDS = 7
TICKS = 1_000


def charge(plant: BenchPlant, out: FieldOutputs) -> list[float]:
    """Charge to 3 kV; returns microseconds per tick, one figure per round of steady charge."""
    plant.drive("charger_set_voltage_v", 3000.0)
    plant.drive("charger_set_current_a", 1.0)
    plant.drive("charger_output", 1.0)
    out.dump_a_open = out.dump_b_open = True
    scan = 0
    for scan in range(1, 11):
        plant.tick(scan * SCAN_NS, out)
    out.contactor_close = out.charger_enable = True
    figures = []
    for _ in range(ROUNDS):
        begin = perf_counter()
        for _ in range(TICKS):
            scan += 1
            plant.tick(scan * SCAN_NS, out)
        figures.append((perf_counter() - begin) / TICKS * 1e6)
    return figures


def fire(plant: BenchPlant, out: FieldOutputs) -> tuple[list[float], list[float]]:
    """Solve the default shot; milliseconds per pulse, and per scope channel of 50 000 points."""
    out.gate_open_ns = 2_000_000
    t0 = plant.t_ns + 100
    edges = plant.offer_edges(t0, (t0, t0, t0 + 150_000, t0 + 350_000, t0 + 600_000))
    if edges is None:
        raise RuntimeError("the shot was refused")
    pulses, channels = [], []
    for _ in range(ROUNDS):
        begin = perf_counter()
        record = plant.pulse(edges)
        pulses.append((perf_counter() - begin) * 1e3)
    plant.apply(record)
    times = np.linspace(-1e-3, 9e-3, 50_000)
    for _ in range(ROUNDS):
        begin = perf_counter()
        plant.scope_volts("total_current", times)
        channels.append((perf_counter() - begin) * 1e3)
    return pulses, channels


def main() -> None:
    """Print the figures."""
    plant, out = build(PLANT.read_text(encoding="utf-8"), seed=1), FieldOutputs()
    ticks = charge(plant, out)
    pulses, channels = fire(plant, out)
    print(f"tick in steady charge  {median(ticks):7.2f} us   (of {ROUNDS} x {TICKS}, worst {max(ticks):.2f} us)")
    print(f"pulse, default shot    {median(pulses):7.2f} ms   (first {pulses[0]:.2f} ms, worst {max(pulses):.2f} ms)")
    print(f"scope channel, 50 k    {median(channels):7.2f} ms   (worst {max(channels):.2f} ms)")


if __name__ == "__main__":
    main()
