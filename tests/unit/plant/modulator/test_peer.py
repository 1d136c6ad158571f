"""The discharge against ngspice on the same circuit, at most 1 ns per step, on ngspice's own time points."""

import numpy as np
import pytest

from firmware_sim.plant.modulator.discharge import solve_discharge
from tests.support import require_tool
from tests.unit.plant.modulator.netlist import run_ngspice, write_netlist
from tests.unit.plant.modulator.support import (
    CLIPPER,
    LINE,
    LINE_V,
    PERVEANCE,
    SERIES_OHM,
    TRANSFORMER,
    diode,
    reference_circuit,
)

END_S = 8e-6
STEP_S = 1e-9
BAR = 5e-4

CIRCUITS = {
    "B-parameters": {},
    "clippers": {
        "switch": {"resistance_ohm": SERIES_OHM, "reverse": True},
        "line": {**LINE, "section_ohm": 0.02},
        "transformer": {**TRANSFORMER, "winding_ohm": 0.05, "core_ohm": 2e3},
        "backswing_clipper": CLIPPER,
        "end_of_line_clipper": {"threshold_v": 100.0, "resistance_ohm": 12.0},
    },
    "thyratron": {"switch": {"resistance_ohm": SERIES_OHM, "drop_v": 100.0}, "backswing_clipper": CLIPPER},
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_ngspice_on_the_same_circuit(name, tmp_path):
    tool = require_tool("ngspice")
    p = reference_circuit(**CIRCUITS[name])
    out = tmp_path / "modulator.txt"
    rows = run_ngspice(tool, write_netlist(p, PERVEANCE, LINE_V, END_S, STEP_S, out), END_S, tmp_path, out)
    assert np.diff(rows[:, 0]).max() <= 1.0001 * STEP_S
    solution = solve_discharge(p, diode, LINE_V, rows[:, 0])
    peak_v, peak_a, amps = solution.tube_v.max(), solution.tube_a.max(), solution.switch_a.max()
    spice_v = 11.0 * rows[:, 1]
    volts = np.abs(solution.tube_v - spice_v).max() / peak_v
    tube = np.abs(solution.tube_a - diode(np.maximum(spice_v, 0.0))).max() / peak_a
    switch = np.abs(solution.switch_a - rows[:, 2]).max() / amps
    line = max(np.abs(solution.line_v[k] - rows[:, c]).max() / LINE_V for k, c in ((0, 3), (-1, 4)))
    print(
        f"{name}: {len(rows)} points, of peak: tube {volts:.1e} V {tube:.1e} A, switch {switch:.1e} A, line {line:.1e}"
    )
    assert volts <= BAR
    assert tube <= BAR
    assert switch <= BAR
    assert line <= BAR
