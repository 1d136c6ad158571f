"""Looking ahead for breakdowns finds those that asking pulse by pulse finds, whatever the drive does in between."""

import pytest

from firmware_sim.plant.breakdown.parameters import BreakdownParameters, LawParameters, SurfaceParameters
from firmware_sim.plant.breakdown.points import RandomPoints
from firmware_sim.plant.breakdown.process import OFF, Drive, advance, fresh
from firmware_sim.plant.tube_bench.striking import Striking
from tests.unit.plant.tube_bench.support import Bench

PARAMETERS = BreakdownParameters(
    law=LawParameters(1e-3, 100e6, 200e-9), surface=SurfaceParameters(start_strength=0.98, update_pulses=500)
)
HARD, SOFT, LONG = Drive(100e6, 200e-9), Drive(96e6, 200e-9), Drive(97e6, 250e-9)


def schedule(pulse: int) -> Drive:
    """Changes of field and length, pulses without RF, single odd ones."""
    if pulse % 997 == 5:
        return OFF
    return (HARD, SOFT, OFF, LONG)[pulse // 700 % 4]


def one_by_one(seed: int, pulses: int) -> tuple[list[int], float]:
    points, state, found = RandomPoints(seed), fresh(PARAMETERS), []
    for pulse in range(pulses):
        state, struck = advance(points, PARAMETERS, state, schedule(pulse), pulse + 1)
        if struck is not None:
            found.append(struck)
    return found, state.strength


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_looking_ahead_finds_the_same_breakdowns(seed):
    striking, found = Striking(PARAMETERS, seed), []
    for pulse in range(6000):
        breakdown = striking.strike(schedule(pulse))
        if breakdown is not None:
            assert breakdown.pulse == pulse
            found.append(pulse)
    expected, strength = one_by_one(seed, 6000)
    assert found == expected and len(found) >= 3
    striking.skip()
    assert striking.state.strength == pytest.approx(strength, rel=1e-12)


def test_pulses_without_drive_are_counted_and_break_nothing_down():
    striking = Striking(PARAMETERS, 1)
    for _ in range(100):
        striking.skip()
    assert striking.pulse == 100 and striking.state.strength == 0.98
    assert striking.rate() == 0.0
    striking.strike(HARD)
    assert 1e-3 < striking.rate() < 3e-3


def test_each_load_has_its_own_surface_which_remembers():
    bench = Bench()
    window = bench.plant.dispatch.striking
    bench.plant.mount("structure")
    structure = bench.plant.dispatch.striking
    assert structure is not window
    bench.go(dbm=20.0)
    bench.plant.drive("rf_source_pulse_width_s", 200e-9)
    bench.train(0.2, reset=True)
    assert structure.pulse > 0 == window.pulse
    power_w = bench.plant.train.marks[0].shape.radiated.power_w
    field = bench.plant.dispatch.surface.field_v_per_m * (power_w / 4e6) ** 0.5
    assert field == pytest.approx(100e6, rel=0.1)
    bench.plant.mount("dummy_load")
    assert bench.plant.dispatch.striking is window
