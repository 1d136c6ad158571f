"""Shots through gate, pulse, sensors and interference."""

import numpy as np
import pytest

from hil_rigs.railgun_bench.plant import build, parse
from tests.unit.plant.support import PLANT_YAML, Bench

T = np.linspace(-0.5e-3, 8e-3, 17_001)


@pytest.fixture(scope="module")
def charged_record():
    bench = Bench()
    bench.charge(3000.0)
    record = bench.shoot()
    return bench, record


def test_full_shot_leaves_latches_and_an_empty_bank(charged_record):
    bench, record = charged_record
    summary = record.summary()
    print({name: round(value, 6) for name, value in summary.items()})
    assert summary["peak_a"] == pytest.approx(64.4e3, rel=0.01)
    assert summary["exit_mps"] == pytest.approx(142.9, rel=0.01)
    assert summary["residual_j"] <= 1e-5 * summary["stored_j"]
    bench.run(0.01)
    assert bench.plant.inputs.latches == 0b1111
    assert max(abs(v) for v in bench.plant.bank.voltage_v) < 50.0


def test_gate_refuses_edges_in_any_other_state():
    bench = Bench()
    bench.charge(100.0)
    assert bench.offer(gate_ns=0) is None
    assert sum("gate shut" in text for _, text in bench.plant.log) >= 4
    assert bench.plant.bank.voltage_v[0] > 95.0
    assert bench.offer(gate_ns=200_000).fire_s[2:] == (None, None)


def test_gate_shuts_after_its_time_even_while_the_output_stays():
    bench = Bench()
    bench.charge(100.0)
    bench.out.gate_open_ns = 2_000_000
    bench.run(0.02)
    t0 = bench.now_ns
    assert bench.plant.offer_edges(t0, (t0,) * 5) is None


def test_estop_and_dead_plc_shut_the_gate():
    bench = Bench()
    bench.charge(100.0)
    bench.plant.de_energise()
    bench.run(0.01)
    assert bench.offer() is None


def test_empty_bank_and_module_out_do_not_conduct():
    bench = Bench()
    bench.run(0.1)
    assert bench.offer() is None
    bench.out.gate_open_ns = 0
    bench.charge(100.0)
    bench.plant.people.positions = 0b0111
    bench.run(0.01)
    edges = bench.offer()
    assert edges is not None and edges.fire_s[3] is None and edges.fire_s[0] is not None


def test_faults_of_the_trigger_chain():
    bench = Bench()
    bench.plant.inject("module_2_no_fire")
    bench.plant.inject("module_3_late")
    bench.charge(500.0)
    record = bench.shoot()
    assert record.edges.fire_s[1] is None
    assert record.edges.fire_s[2] == pytest.approx(550e-6, abs=1e-6)
    bench.run(0.01)
    assert bench.plant.inputs.latches == 0b1101
    assert bench.plant.bank.voltage_v[1] > 200.0


def test_prefire_happens_by_itself_and_is_recorded():
    bench = Bench()
    bench.plant.inject("module_1_prefire")
    bench.charge(800.0, settle_s=0.0)
    assert any("pre-fire" in text for _, text in bench.plant.log)
    assert bench.plant.inputs.latches & 1
    assert bench.plant.record is not None and bench.plant.record.edges.spontaneous
    assert bench.plant.scope_volts("module_1_current", T).max() > 0.1
    assert bench.plant.scope_volts("t0", T).max() < 0.5


def test_rogowski_droop_matches_the_small_droop_formula(charged_record):
    bench, record = charged_record
    bench.plant.inject("no_emi")
    s = record.solution
    t = s.t_s + record.offset_s
    end = float(t[-1])
    area = float(np.trapezoid(s.load_a, s.t_s))
    later = np.full(4_000, end + 60e-9 + 5e-6)
    offset_v = bench.plant.parameters.probes["total_current"].offset_v
    measured = (bench.plant.scope_volts("total_current", later).mean() - offset_v) / 50e-6
    expected = -2 * np.pi * 0.1 * area
    print(f"droop at the end {measured:.1f} A, formula {expected:.1f} A")
    assert measured == pytest.approx(expected, rel=0.05)


def test_scope_channels_follow_the_plant(charged_record):
    bench, record = charged_record
    s, probes = record.solution, bench.plant.parameters.probes
    for name, truth in (
        ("total_current", s.load_a),
        ("module_3_current", s.current_a[2]),
        ("bus_voltage", s.capacitor_v.mean(axis=0)),
        ("muzzle_voltage", s.muzzle_v),
    ):
        probe = probes[name]
        t = np.linspace(1e-3, 4.5e-3, 5_001)
        volts = bench.plant.scope_volts(name, t) - probe.offset_v
        ideal = np.interp(t - record.offset_s - probe.delay_s, s.t_s, truth) * probe.volts_per_unit
        error = volts - ideal
        print(f"{name}: mean error {error.mean() * 1e3:.3f} mV, rms {error.std() * 1e3:.3f} mV of {ideal.max():.3f} V")
        assert abs(error.mean()) < 0.005 * np.abs(ideal).max() + probe.noise_v
        assert error.std() == pytest.approx(probe.noise_v, rel=0.1)


def test_b_dot_sees_the_armature_pass(charged_record):
    bench, record = charged_record
    s = record.solution
    passing = float(np.interp(0.30, s.position_m, s.t_s)) + record.offset_s
    t = np.linspace(1.5e-3, 4.5e-3, 30_001)
    volts = np.convolve(bench.plant.scope_volts("b_dot", t), np.ones(21) / 21, "same")
    assert t[int(np.argmax(volts))] == pytest.approx(passing, abs=60e-6)


def test_before_t0_the_bus_is_live_and_currents_are_noise(charged_record):
    bench, _ = charged_record
    early = np.linspace(-5e-4, -1e-6, 5_000)
    assert bench.plant.scope_volts("bus_voltage", early).mean() == pytest.approx(2.99, abs=0.02)
    noise = bench.plant.scope_volts("module_2_current", early)
    assert noise.std() == pytest.approx(3e-3, rel=0.1)
    assert noise.mean() == pytest.approx(-0.8e-3, abs=3e-4)


def test_noise_is_keyed_by_seed_shot_and_probe_not_by_order():
    first, second, other = Bench(seed=5), Bench(seed=5), Bench(seed=6)
    for bench in (first, second, other):
        bench.charge(60.0)
        bench.shoot()
    names = first.plant.probes
    forward = {name: first.plant.scope_volts(name, T) for name in names}
    backward = {name: second.plant.scope_volts(name, T) for name in reversed(names)}
    for name in names:
        assert (forward[name] == backward[name]).all()
        assert (forward[name] != other.plant.scope_volts(name, T)).any()
    again = first.plant.scope_volts("b_dot", T, 1)
    assert (again != forward["b_dot"]).any()
    assert first.plant.record.bursts == second.plant.record.bursts != other.plant.record.bursts
    assert (forward["module_1_current"] != forward["module_2_current"]).any()


def test_emi_on_every_shot_and_not_in_controls():
    t = np.linspace(0.0, 2e-6, 2_001)
    loud, quiet = Bench(), Bench()
    quiet.plant.inject("no_emi")
    for bench in (loud, quiet):
        bench.charge(60.0)
        bench.shoot()
        bench.run(0.01)
    difference = loud.plant.scope_volts("module_4_current", t) - quiet.plant.scope_volts("module_4_current", t)
    assert np.abs(difference).max() > 0.05
    assert np.abs(difference[t > 1.9e-6]).max() < 0.01
    assert max(abs(v) for v in loud.plant.inputs.module_v) > 60.0
    assert loud.plant.emi_until_ns - loud.plant.t0_ns > 30_000_000
    assert quiet.plant.emi_until_ns == 0
    assert len(loud.plant.record.false_edges_ns) == 3
    loud.run(0.08)
    assert max(abs(v) for v in loud.plant.inputs.module_v) < 20.0


def test_forced_acquisition_sees_the_bench_as_it_is(charged_record):
    bench, _ = charged_record
    live = bench.plant.scope_volts("total_current", T, live=True)
    assert np.abs(live).max() < 0.05
    assert bench.plant.scope_volts("t0", T, live=True).max() < 0.5
    assert bench.plant.scope_volts("t0", T).max() > 4.5
    with pytest.raises(KeyError):
        bench.plant.scope_volts("weather", T)


def test_dummy_load_and_stuck_armature():
    dummy, stuck = Bench(), Bench()
    dummy.plant.mount("dummy_load")
    stuck.plant.inject("armature_stuck")
    for bench in (dummy, stuck):
        bench.charge(1000.0)
        record = bench.shoot()
        assert record.solution.speed_mps.max() == 0.0
        assert record.summary()["residual_j"] <= 1e-5 * record.summary()["stored_j"]
    assert dummy.plant.record.summary()["contact_j"] == 0.0


def test_zero_current_returns_after_the_pulse():
    bench = Bench()
    bench.charge(3000.0)
    record = bench.shoot()
    assert record.end_ns - record.edges.t0_ns == pytest.approx(5.1e6, rel=0.05)
    bench.plant.tick(record.edges.t0_ns + 2_000_000, bench.out)
    assert not bench.plant.inputs.zero_current
    bench.run(0.02)
    assert bench.plant.inputs.zero_current


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("crowbar_v: 1.5", "crowbar_x: 1.5", "crowbar_x: unknown"),
        ("  crowbar_v: 1.5", "  # gone", "crowbar_v: missing"),
        ("crowbar_v: 1.5", "crowbar_v: .nan", "finite"),
        ("crowbar_v: 1.5", "crowbar_v: [", "plant.yaml"),
        ("crowbar_v: 1.5", "crowbar_v: fifteen", "not a number"),
        ("version: 1", "version: 2", "version 1"),
        ("switch_v: [2.0, 2.0, 2.0, 2.0]", "switch_v: [2.0, 2.0, 2.0]", "3 values for 4"),
    ],
)
def test_a_wrong_plant_file_is_refused_by_name(old, new, message):
    assert old in PLANT_YAML
    with pytest.raises(ValueError, match=message):
        build(PLANT_YAML.replace(old, new, 1), 1)


def test_plant_file_is_the_reference_bench():
    from tests.unit.plant.support import reference_bench

    reference, _, _, _ = reference_bench()
    ours = parse(PLANT_YAML).pulse
    for name in ("capacitance_f", "switch_ohm", "switch_v", "coil_h", "coil_ohm", "crowbar_v", "crowbar_ohm"):
        assert getattr(ours, name) == getattr(reference, name)
    assert ours.snubber_ohm == reference.snubber_ohm == 100.0
    assert ours.load.gradient_h_per_m == reference.load.gradient_h_per_m
