"""Parameters come from a mapping (plant.yaml), and a modulator's record fits the line."""

from dataclasses import asdict

import pytest

from firmware_sim.plant.modulator.parameters import read
from firmware_sim.plant.modulator.pulse import PulseOrder, modulate
from firmware_sim.plant.modulator.tube import Drive
from firmware_sim.plant.rf.chain import RfParameters, TubeOutput, solve_rf
from firmware_sim.plant.rf.interlocks import Trip
from firmware_sim.plant.rf.line import Arc
from tests.unit.plant.modulator.support import LINE_V, bench
from tests.unit.plant.rf.numbers import RF


def without_nothing(value):
    """A mapping as a file has it: keys that are None left out, tuples as lists."""
    if isinstance(value, dict):
        return {key: without_nothing(item) for key, item in value.items() if item is not None}
    return [without_nothing(item) for item in value] if isinstance(value, tuple) else value


def test_a_mapping_makes_the_parameters():
    assert read(RfParameters, without_nothing(asdict(RF)), "rf") == RF


def test_a_modulators_record_goes_down_the_line():
    """The B-parameters' klystron: 4 MW for some 5 us, quiet; a tube arc is seen in its current within the pulse."""
    drive = Drive(200.0, 0.0, 8e-6, 50e-9)

    def run(**order):
        record = modulate(bench(), PulseOrder(7, LINE_V, drive, **order), 1)
        tube = TubeOutput(record.time_s, record.power_w, record.phase_rad, record.tube_a + record.arc_a)
        return record, tube

    record, tube = run()
    done = solve_rf(RF, tube)
    print(f"{record.power_w.max() / 1e6:.2f} MW at most, {done.ledger}")
    assert not done.inhibit_next
    assert done.ledger.incident_j == pytest.approx(record.scalars.rf_j, rel=5e-3)
    into_arc = solve_rf(RF, tube, Arc(1.5e-6, 0.0, 0.0, 0.0))
    assert 4.0 < into_arc.arc_energy_j <= 10.0
    _, shorted = run(arc_s=2.5e-6)
    assert solve_rf(RF, shorted).latches.first in (Trip.ARC_CURRENT, Trip.OVER_CURRENT)
