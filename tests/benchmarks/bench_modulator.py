"""How long a trigger of the modulator takes: solved anew, remembered, and with an arc in the pulse.

Run: python -m tests.benchmarks.bench_modulator
Medians of ROUNDS, processor time; the budget is 20 ms anew, 5 ms remembered (a train at 50 Hz has 20 ms per pulse).
"""

from dataclasses import replace
from statistics import median
from time import process_time

from firmware_sim.plant.modulator.pulse import ModulatorParameters, PulseOrder, modulate
from firmware_sim.plant.modulator.tube import Drive
from tests.unit.plant.modulator.support import LINE_V, bench

ROUNDS = 15


def milliseconds(plant: ModulatorParameters, orders: list[PulseOrder]) -> float:
    """Median of the triggers' times."""
    figures = []
    for order in orders:
        begin = process_time()
        modulate(plant, order, seed=1)
        figures.append((process_time() - begin) * 1e3)
    return median(figures)


def main() -> None:
    """Print the three figures."""
    plant = bench()
    first = PulseOrder(0, LINE_V, Drive(100.0, 1.0e-6, 3.5e-6, 50e-9))
    modulate(plant, first, seed=1)
    anew = [replace(first, index=k, line_v=LINE_V + k + 1) for k in range(ROUNDS)]
    same = [replace(first, index=k) for k in range(ROUNDS)]
    arcs = [replace(first, index=k, arc_s=2e-6) for k in range(ROUNDS)]
    for name, orders in (("solved anew", anew), ("remembered", same), ("arc in the pulse", arcs)):
        print(f"{name:18} {milliseconds(plant, orders):6.2f} ms")


if __name__ == "__main__":
    main()
