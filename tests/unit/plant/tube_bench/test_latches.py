"""Within the pulse: arcs, reflections, over-currents; the hardware in front of the thyratron (safety.md rows 42-44)."""

from dataclasses import replace

import numpy as np
import pytest

from drivers.wire.plc_run import InhibitCause
from firmware_sim.plant.tube_bench.gate import PulseLatch
from firmware_sim.plant.tube_bench.shapes import arc_j
from tests.unit.plant.tube_bench.support import Bench, shipped

WINDOW = shipped().sites["dummy_load"]
FRAIL = replace(
    shipped(),
    sites={
        "dummy_load": replace(
            WINDOW, breakdown=replace(WINDOW.breakdown, surface=replace(WINDOW.breakdown.surface, start_strength=0.74))
        )
    },
)
"""A surface that breaks down some 2e-3 times per pulse."""
ARC_MAX_J = 10.0
BLANK_MAX_S = 10e-6

STRIKES = [
    ("arc_waveguide", PulseLatch.ARC | PulseLatch.VSWR),
    ("arc_window", PulseLatch.ARC),
    ("arc_gun", PulseLatch.ARC | PulseLatch.OVER_CURRENT),
    ("load_missing", PulseLatch.VSWR),
    ("load_detuned", PulseLatch.VSWR),
]


def test_bits_are_those_that_the_plc_knows():
    for latch in PulseLatch:
        assert latch.name is not None
        assert int(InhibitCause[latch.name]) == int(latch)


@pytest.mark.parametrize(("fault", "latches"), STRIKES)
def test_a_fault_latches_within_the_pulse_and_holds_the_next(fault, latches):
    bench = Bench()
    bench.go()
    bench.plant.drive("rf_source_pulse_width_s", 4.5e-6)
    assert bench.trigger()
    usual_j = bench.plant.train.last.shape.joules.rf_j
    bench.plant.inject(fault)
    bench.run(0.02)
    assert bench.trigger()
    shape = bench.plant.train.last.shape
    assert bench.plant.gate.latches == latches
    assert shape.blanked_s is not None and shape.blanked_s - shape.radiated.from_s < BLANK_MAX_S
    assert arc_j(shape) < ARC_MAX_J and shape.joules.rf_j < 0.95 * usual_j
    bench.run(0.02)
    assert not bench.trigger()
    assert bench.plant.inputs.pulse_latches == int(latches)
    bench.plant.inject(fault, on=False)
    bench.out.latch_reset = True
    bench.run(0.02)
    assert not bench.plant.gate.latches
    assert bench.trigger() and not bench.plant.gate.latches
    assert bench.logged(f"fault plant.{fault} acts:")


def test_the_worst_arc_stays_below_ten_joules_and_would_not_without_its_latch():
    """An arc that swallows 4 MW from the beginning: 2 us of it are about 8 J."""
    bench = Bench()
    bench.go()
    bench.plant.drive("rf_source_pulse_width_s", 4.5e-6)
    bench.plant.inject("arc_window")
    bench.trigger()
    limited = bench.plant.train.last.shape
    assert 5.0 < arc_j(limited) < ARC_MAX_J
    bench.plant.inject("blanking_dead")
    bench.out.latch_reset = True
    bench.run(0.02)
    bench.trigger()
    assert arc_j(bench.plant.train.last.shape) > ARC_MAX_J
    assert bench.logged("fault plant.blanking_dead acts:")


@pytest.mark.parametrize(
    ("dead", "needed", "latched"),
    [
        ("arc_detector_dead", "arc_window", PulseLatch(0)),
        ("arc_detector_dead", "arc_waveguide", PulseLatch.VSWR),
        ("vswr_trip_dead", "load_missing", PulseLatch(0)),
        ("over_current_trip_dead", "arc_gun", PulseLatch(0)),
    ],
)
def test_a_dead_comparator_says_so_when_it_is_needed(dead, needed, latched):
    bench = Bench()
    bench.go()
    bench.plant.inject(dead)
    bench.run(0.02)
    bench.trigger()
    assert not bench.logged(f"fault plant.{dead} acts:")
    bench.plant.inject(needed)
    bench.run(0.02)
    bench.trigger()
    assert bench.plant.gate.latches == latched
    assert bench.logged(f"fault plant.{dead} acts:")


def test_a_breakdown_of_the_process_latches_frees_gas_and_is_told():
    bench = Bench(seed=2, parameters=FRAIL)
    bench.go(dbm=20.0)
    rest_pa = bench.plant.read("pressure_pa")
    while not bench.plant.gate.latches:
        assert bench.plant.pulses < 20_000
        bench.train(0.1)
    lines = bench.logged("breakdown (")
    assert len(lines) == 1 and "J into arcs" in lines[0]
    assert bench.plant.read("pressure_pa") > 1.5 * rest_pa
    bench.run(0.1)
    before = bench.plant.pulses
    bench.train(0.2)
    assert bench.plant.pulses == before
    bench.train(10.0, reset=True)
    assert bench.plant.pulses > before + 100


def test_breakdowns_do_not_depend_on_when_the_bench_was_looked_at():
    def struck(pause: bool) -> str:
        bench = Bench(seed=2, parameters=FRAIL)
        bench.go(dbm=20.0)
        while not bench.logged("breakdown ("):
            assert bench.plant.pulses < 2000
            bench.train(2.0, reset=True)
            if pause:
                bench.run(0.5)
                bench.plant.scope_volts("forward_detector", np.arange(10) * 1e-6)
        return bench.logged("breakdown (")[0]

    assert struck(False) == struck(True)


def test_the_vacuum_latch_sets_on_the_ion_pump_and_lets_go_when_it_is_good_again():
    bench = Bench()
    bench.go()
    bench.plant.inject("vacuum_burst")
    bench.run(0.01)
    assert bench.plant.gate.latches == PulseLatch.VACUUM
    assert not bench.trigger()
    bench.out.latch_reset = True
    bench.run(0.02)
    assert bench.plant.gate.latches == PulseLatch.VACUUM, "not good enough to let go"
    bench.run(5.0)
    assert bench.plant.read("ion_pump_a") < shipped().vacuum_latch.clear_a and not bench.plant.gate.latches
    assert bench.trigger()


def test_a_dead_vacuum_latch_says_so():
    bench = Bench()
    bench.go()
    bench.plant.inject("vacuum_latch_dead")
    bench.plant.inject("vacuum_leak")
    bench.run(2.0)
    assert not bench.plant.gate.latches
    assert bench.logged("fault plant.vacuum_latch_dead acts:") and bench.logged("fault plant.vacuum_leak acts:")


def test_the_duty_limiter_holds_a_generator_that_runs_away():
    bench = Bench()
    bench.go()
    t_ns = bench.now_ns
    passed = [bench.trigger(t_ns + n * 2_000_000) for n in range(20)]
    assert passed == [n % 9 == 0 for n in range(20)]
    assert bench.logged("triggers refused: duty limiter")
    bench.plant.inject("duty_limiter_dead")
    bench.run(0.1)
    t_ns = bench.now_ns
    assert bench.trigger(t_ns) and bench.trigger(t_ns + 9_000_000)
    assert bench.logged("fault plant.duty_limiter_dead acts:")


def test_a_shut_gate_passes_nothing_and_is_told_once():
    bench = Bench()
    bench.go()
    bench.out.pulse_gate = False
    assert bench.train(1.0) == 0
    assert len(bench.logged("triggers refused: gate shut")) == 1
    bench.plant.inject("pulse_gate_stuck_open")
    assert bench.train(0.1) > 0
    assert bench.logged("fault plant.pulse_gate_stuck_open acts:")


def test_a_latch_that_does_not_obey_its_reset():
    bench = Bench()
    bench.go()
    bench.plant.inject("arc_waveguide")
    bench.plant.inject("pulse_latch_stuck")
    bench.trigger()
    bench.out.latch_reset = True
    bench.run(0.2)
    assert bench.plant.gate.latches and bench.logged("fault plant.pulse_latch_stuck acts:")


KINDS = {
    "waveguide_arc": PulseLatch.ARC | PulseLatch.VSWR,
    "gun_arc": PulseLatch.ARC | PulseLatch.OVER_CURRENT,
    "vswr": PulseLatch.VSWR,
    "vacuum": PulseLatch.VACUUM,
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_of_breakdown_latches_in_its_own_way(kind):
    """A surface that breaks down in every pulse, in one way only; kinds strike early enough to be seen in the pulse."""
    little = {"burst_min_pa_m3": 1e-10, "burst_max_pa_m3": 1e-10}  # or the ion pump latches too
    only = replace(WINDOW.breakdown.faults, **{name: float(name == kind) for name in KINDS}, **little)
    surface = replace(WINDOW.breakdown.surface, start_strength=0.5)
    site = replace(WINDOW, breakdown=replace(WINDOW.breakdown, faults=only, surface=surface))
    bench = Bench(seed=5, parameters=replace(shipped(), sites={"dummy_load": site}))
    bench.go(dbm=20.0)
    seen = set()
    for _ in range(12):
        bench.train(0.02)
        seen.add(bench.plant.gate.latches)
        bench.plant.gate.latches = PulseLatch(0)
    assert KINDS[kind] in seen
    assert all(latches in KINDS[kind] for latches in seen), seen
    assert len(bench.logged(f"breakdown ({kind})")) >= 10


def test_an_arc_in_the_gun_leaves_no_reversed_line_to_the_probes():
    """The latch keeps the charger away for a second: what no clipper took the PLC would call a broken probe."""
    bench = Bench()
    bench.go()
    bench.plant.inject("arc_gun")
    bench.run(0.02)
    bench.trigger()
    bench.run(0.5)
    assert 0.0 <= bench.plant.store.voltage_v < 100.0 and bench.plant.inputs.probe_a_v > -30.0
