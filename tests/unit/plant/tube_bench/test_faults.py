"""Every fault of the bench says when it first does something: the evidence on which a judge insists."""

import pytest

from firmware_sim.signals import RUN_SELF_TEST_PATHS
from hil_rigs.microwave_bench.plant import build
from tests.unit.plant.tube_bench.support import ALL_ON, PLANT_YAML, Bench, mapping

PAIRED = {
    "arc_detector_dead": "arc_window",
    "vswr_trip_dead": "load_missing",
    "over_current_trip_dead": "arc_gun",
    "blanking_dead": "arc_window",
    "vacuum_latch_dead": "vacuum_leak",
    "pulse_latch_stuck": "arc_window",
    "gauge_1_frozen": "vacuum_leak",
    "gauge_2_frozen": "vacuum_leak",
    "flow_tube_sensor_stuck": "flow_tube_lost",
    "flow_magnet_sensor_stuck": "flow_magnet_lost",
    "flow_load_sensor_stuck": "flow_load_lost",
    "door_1_stuck": "door_open",
    "door_2_stuck": "door_open",
}
"""Faults that show only when something else happens."""

SLOW = {"thyratron_starved"}
"""Its reservoir takes minutes: test_thyratron.py."""


def acts_of(fault: str) -> list[str]:
    """A charge, half a second of pulses, a dump, with ``fault`` injected before the gate opens."""
    bench = Bench()
    plant = bench.plant
    before = fault.startswith(("contactor_stuck", "dump_a_stuck_closed", "dump_b_stuck_closed", "charger_"))
    if before:
        plant.inject(fault)
    bench.go()
    if not before:
        plant.inject(fault)
    if fault == "cold_start":
        plant.people.left_running = True
    if fault in PAIRED:
        bench.run(0.05)
        plant.inject(PAIRED[fault])
    if fault == "duty_limiter_dead":
        bench.trigger()
        bench.trigger(bench.now_ns + 5_000_000)
    if fault == "pulse_gate_stuck_open":
        bench.out.pulse_gate = False
    if fault == "overvoltage":
        plant.drive("charger_set_voltage_v", 20e3)
    if fault.startswith("selftest_"):
        path = fault.removeprefix("selftest_").removesuffix("_dead")
        bench.out.self_test_path = RUN_SELF_TEST_PATHS.index(path) + 1
    bench.train(0.5, reset=True)
    bench.run(1.0)
    bench.out.pulse_gate = bench.out.contactor_close = bench.out.charger_enable = False
    bench.out.dump_a_open = bench.out.dump_b_open = False
    bench.run(1.0)
    prefix = f"fault plant.{fault} acts: "
    return [text.removeprefix(prefix) for text in bench.logged(prefix)]


@pytest.mark.parametrize("fault", sorted(set(build(PLANT_YAML, 1).FAULTS) - SLOW))
def test_it_says_once_what_it_does(fault):
    said = acts_of(fault)
    assert len(said) == 1 and said[0], said


def test_nothing_is_said_on_a_healthy_bench_and_again_after_a_new_injection():
    bench = Bench()
    bench.go()
    bench.train(0.2)
    assert not bench.logged(" acts: ")
    for _ in range(2):
        bench.plant.inject("arc_window")
        bench.train(0.04)
        bench.plant.inject("arc_window", on=False)
        bench.train(0.1, reset=True)
    assert len(bench.logged("fault plant.arc_window acts: ")) == 2


def test_a_welded_contactor_and_dead_outputs_leave_the_rest_to_the_dumps():
    bench = Bench()
    bench.go()
    bench.plant.inject("contactor_welded")
    bench.plant.de_energise()
    bench.run(1.0)
    truth = bench.plant.truth()
    assert truth.contactor_closed and truth.dump_a_closed and truth.dump_b_closed and truth.highest_v < 50.0
    assert bench.plant.inputs.auxiliaries == ALL_ON and not bench.plant.gate.open
    bench.out.auxiliaries = 0
    bench.run(0.1)
    assert bench.plant.inputs.auxiliaries == ALL_ON, "bistable: without power they stay"
    bench.out.auxiliaries = ALL_ON
    bench.plant.energise()
    bench.run(0.01)
    assert bench.plant.gate.open, "the PLC is back"


@pytest.mark.parametrize(("fault", "tau_s"), [("dump_a_stuck_open", 0.0995), ("no", 0.0497)])
def test_the_line_decays_through_the_dumps_that_close(fault, tau_s):
    bench = Bench()
    bench.charge(20e3)
    if fault in bench.plant.FAULTS:
        bench.plant.inject(fault)
    bench.out.dump_a_open = bench.out.dump_b_open = bench.out.contactor_close = bench.out.charger_enable = False
    bench.run(0.1)
    first_v = bench.plant.store.voltage_v
    bench.run(tau_s)
    assert bench.plant.store.voltage_v == pytest.approx(first_v / 2.71828, rel=0.06)


@pytest.mark.parametrize("probe", ["a", "b"])
def test_an_offset_is_beyond_what_two_probes_of_this_range_may_differ(probe):
    bench = Bench()
    bench.charge()
    bench.plant.inject(f"probe_{probe}_offset")
    bench.run(0.05)
    readings = {"a": bench.plant.inputs.probe_a_v, "b": bench.plant.inputs.probe_b_v}
    other = readings["b" if probe == "a" else "a"]
    assert readings[probe] - other == pytest.approx(0.075 * 30e3, abs=30.0)
    assert readings[probe] - other > mapping("plc.yaml")["probes"]["mismatch_v"]
    assert bench.logged(f"fault plant.probe_{probe}_offset acts fully: ")
