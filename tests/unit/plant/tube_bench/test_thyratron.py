"""The thyratron on the bench: missing pulses, firing by itself, latch-through, warm-up."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.plant.tube_bench.gate import PulseLatch
from tests.unit.plant.tube_bench.support import LINE_V, Bench, shipped


def test_a_cold_thyratron_does_not_fire():
    bench = Bench()
    bench.plant.room.thyratron = replace(bench.plant.room.thyratron, heater=0.5)
    bench.go()
    assert not bench.trigger()
    assert bench.logged("pulse missing, cathode is cold")
    assert bench.plant.store.voltage_v > 24e3


def test_a_dead_grid_driver_fires_nothing():
    bench = Bench()
    bench.go()
    bench.plant.inject("thyratron_dead")
    assert not bench.trigger()
    assert bench.logged("fault plant.thyratron_dead acts:")


def test_a_starved_thyratron_misses_pulses_once_its_reservoir_has_cooled():
    bench = Bench()
    bench.go()
    bench.plant.inject("thyratron_starved")
    assert bench.train(1.0) == 50
    room = bench.plant.room
    for _ in range(15):  # 25 minutes, then pulses again
        room.advance(room._t_ns + 100_000_000_000)
    bench.now_ns = room._t_ns
    bench.run(0.05)
    came = bench.train(20.0)
    assert 850 <= came < 1000, "one in 25 goes missing"
    assert bench.logged("fault plant.thyratron_starved acts:") and bench.logged("pulse missing, too little hydrogen")


def test_a_thyratron_that_fires_by_itself_sets_the_current_latch_of_a_shut_gate():
    bench = Bench()
    bench.charge()
    bench.plant.inject("thyratron_prefires")
    bench.run(0.01)
    edges = bench.plant.spontaneous
    assert edges is not None and not edges.allowed
    bench.plant.apply(bench.plant.pulse(edges))
    assert bench.plant.spontaneous is None and bench.plant.pulses == 1
    bench.plant.inject("thyratron_prefires", on=False)
    bench.run(0.02)
    assert bench.plant.inputs.latches == 1 and bench.plant.inputs.pulse_counter == 1
    assert bench.logged("fault plant.thyratron_prefires acts:")
    assert bench.plant.scope_volts("t0", np.full(1, 0.5e-6))[0] < 1.0, "nobody sent a T0"


def test_left_alone_the_next_tick_carries_it_out():
    bench = Bench()
    bench.charge()
    bench.plant.inject("thyratron_prefires")
    bench.run(0.02)
    assert bench.plant.pulses == 1


def test_how_often_it_fires_by_itself_follows_the_hazard():
    """Hold-off lowered until it fires twice a second: 40 +- 4 deviations in 20 s of charged line."""
    slow = replace(shipped().modulator.thyratron, hold_off_v=24_350.0, spontaneous_hz=2.0, spontaneous_spread=0.02)
    parameters = replace(shipped(), modulator=replace(shipped().modulator, thyratron=slow))
    bench = Bench(parameters=parameters)
    bench.charge()
    bench.run(20.0)
    assert bench.plant.pulses == pytest.approx(40, abs=4 * 40**0.5)


def test_whether_it_latches_through_is_drawn_when_it_is_close():
    """A recovery for which the recharge comes within the scatter of hold-off: some pulses latch, most do not."""
    bench = Bench()
    dispatch, state = bench.plant.dispatch, bench.plant.room.thyratron
    slow = replace(shipped().slow, recovery_fault=1.0)
    latched = {}
    for recovery_s in (15e-6, 8.4e-3, 30e-3):
        thyratron = replace(shipped().modulator.thyratron, recovery_s=recovery_s, hold_spread=0.1)
        modulator = replace(shipped().modulator, thyratron=thyratron)
        dispatch.parameters = replace(shipped(), slow=slow, modulator=modulator)
        latched[recovery_s] = sum(dispatch.latches_through(n, LINE_V, -200.0, state, ()) for n in range(100))
    assert latched[15e-6] == 0 and latched[30e-3] == 100
    assert 0 < latched[8.4e-3] < 100


def test_latch_through_is_an_over_current_and_ends_with_the_charge():
    bench = Bench()
    bench.go()
    bench.train(0.2)
    assert not bench.plant.store.latched
    bench.plant.inject("thyratron_latch_through")
    bench.train(0.1)
    assert bench.plant.gate.latches == PulseLatch.OVER_CURRENT
    assert bench.logged("fault plant.thyratron_latch_through acts:")
    assert not bench.plant.store.latched, "the latch inhibits the charger as well"
    assert bench.plant.charger.inhibited and abs(bench.plant.store.voltage_v) < 1.0
    assert bench.logged("the thyratron lets go")


@pytest.mark.parametrize("line_v", [2_250.0, 2_500.0, 5_000.0, 10_000.0])
def test_a_tenth_of_the_voltage_leaves_next_to_nothing_and_is_no_latch_through(line_v):
    """A tube that takes little current reflects: the switch conducts on until the line is as good as empty (B1)."""
    bench = Bench()
    bench.go(line_v)
    assert bench.trigger()
    assert abs(bench.plant.store.voltage_v) < 0.05 * line_v
    bench.run(0.02)
    assert bench.train(1.0) == 50
    assert not bench.logged("latch-through")
