"""A whole trigger: thyratron, discharge, tube, RF envelope, scalars."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.plant.modulator.measure import crossing_s, shape_of
from firmware_sim.plant.modulator.pulse import PulseOrder, build_modulator, modulate
from firmware_sim.plant.modulator.thyratron import Refusal, ThyratronState
from firmware_sim.plant.modulator.tube import Conditions, Drive, Mode
from tests.unit.plant.modulator.support import LINE_V, MAGNETRON, bench, bench_mapping

BENCH = bench()
DRIVE = Drive(100.0, 1.0e-6, 3.5e-6, 50e-9)
ORDER = PulseOrder(7, LINE_V, DRIVE)
ARRAYS = ("line_v", "switch_a", "tube_v", "tube_a", "arc_a", "power_w", "phase_rad")


def magnetron_bench(**changes):
    data = bench_mapping()
    data["tube"] = {"magnetron": {**MAGNETRON, **changes}}
    data["circuit"]["transformer"]["ratio"] = 6.0
    return build_modulator(data)


def test_a_klystron_pulse():
    record = modulate(BENCH, ORDER, seed=1)
    s = record.scalars
    print(s)
    assert record.refusal is None
    assert record.mode is Mode.NORMAL
    assert s.flat_top_v == pytest.approx(130.96e3, rel=2e-3)
    assert s.flat_top_w == pytest.approx(12.04e6, rel=5e-3)
    assert s.line_j == pytest.approx(62.73, abs=0.01)
    assert s.rf_flat_w == pytest.approx(0.338 * s.flat_top_w, rel=5e-3)
    assert s.rf_j < 0.3 * s.tube_j
    assert s.tube_j == pytest.approx(np.trapezoid(record.tube_v * record.tube_a, record.time_s), rel=1e-3)
    assert s.backswing_v > -6e3
    assert s.arc_j == 0.0
    assert s.flux_vs == pytest.approx(12e3 * 5.2e-6, rel=0.05)
    steps = np.diff(record.time_s)
    assert steps == pytest.approx(np.full_like(steps, 4e-9))
    assert record.time_s[0] == pytest.approx(-0.5e-6, abs=4e-9)
    closing = int(np.argmax(record.switch_a > 0.0)) - 1
    assert record.time_s[closing] == pytest.approx(record.delay_s, abs=1e-12)
    assert (record.line_v[: closing + 1] == LINE_V).all()
    assert record.power_w[record.time_s < 0.9e-6].max() == 0.0
    assert all(len(getattr(record, name)) == len(record.time_s) for name in ARRAYS)


def test_equal_triggers_are_equal_and_read_only():
    one, two = modulate(BENCH, ORDER, seed=1), modulate(bench(), ORDER, seed=1)
    assert all((getattr(one, name) == getattr(two, name)).all() for name in ARRAYS)
    assert one.scalars == two.scalars
    other = modulate(BENCH, replace(ORDER, index=8), seed=1)
    assert other.delay_s != one.delay_s
    assert other.scalars.flat_top_v == pytest.approx(one.scalars.flat_top_v, rel=1e-12)
    for name in ("time_s", *ARRAYS):
        with pytest.raises(ValueError, match="read-only"):
            getattr(one, name)[0] = 1.0


def test_a_train_of_nearly_equal_pulses_is_not_solved_again():
    record = replace(BENCH.record, line_step_v=5.0)
    rounded = replace(BENCH, record=record)
    one, two, three = (
        modulate(rounded, PulseOrder(k, v, DRIVE), 1) for k, v in ((1, LINE_V), (2, LINE_V + 2.0), (1, LINE_V + 3.0))
    )
    assert one.discharge is two.discharge
    assert one.discharge is not three.discharge
    exact = modulate(BENCH, PulseOrder(2, LINE_V + 2.0, DRIVE), 1)
    assert two.scalars.flat_top_v == pytest.approx(exact.scalars.flat_top_v, rel=1.1e-4)


def test_without_drive_the_beam_flows_and_no_rf_comes():
    record = modulate(BENCH, PulseOrder(7, LINE_V), seed=1)
    assert record.power_w.max() == 0.0
    assert record.scalars.tube_j > 55.0
    assert record.scalars.rf_j == 0.0


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (replace(ORDER, thyratron=ThyratronState()), Refusal.COLD),
        (replace(ORDER, line_v=100.0), Refusal.LOW_ANODE),
        (replace(ORDER, thyratron=ThyratronState(1.0, 0.5, 1e4)), Refusal.STARVED),
    ],
)
def test_a_refused_trigger_leaves_the_line_charged(order, refusal):
    record = modulate(BENCH, order, seed=1)
    assert record.refusal is refusal
    assert record.discharge is None
    assert (record.line_v == order.line_v).all()
    assert record.tube_v.max() == record.power_w.max() == 0.0
    assert record.scalars.left_v == order.line_v
    assert record.scalars.flat_top_v == 0.0
    assert len(record.time_s) == len(record.tube_v)


def test_a_pulse_without_a_trigger_needs_no_heater():
    record = modulate(BENCH, PulseOrder(7, LINE_V, untriggered=True, thyratron=ThyratronState()), seed=1)
    assert record.delay_s == 0.0
    assert record.scalars.flat_top_v > 125e3


def test_an_arc_ends_the_rf_and_the_line_is_left_reversed():
    record = modulate(BENCH, replace(ORDER, arc_s=2.0e-6), seed=1)
    after = record.time_s > 2.3e-6
    print(record.scalars)
    assert record.power_w[after].max() < 0.01 * 4e6
    assert record.power_w[(record.time_s > 1.5e-6) & (record.time_s < 1.95e-6)].min() > 3.5e6
    assert 0.0 < record.scalars.arc_j < 10.0
    assert record.scalars.switch_a > 1900.0
    assert record.scalars.left_v < -1000.0
    normal = modulate(BENCH, ORDER, seed=1).scalars
    print(f"end-of-line clipper {record.scalars.end_of_line_a:.0f} A, in a normal pulse {normal.end_of_line_a:.0f} A")
    assert record.scalars.end_of_line_a > 4 * normal.end_of_line_a > 0.0
    first = record.time_s[np.argmax(record.arc_a > 1.0)]
    assert 2.0e-6 <= first < 2.02e-6
    shorted = modulate(BENCH, replace(ORDER, arc_s=0.0), seed=1)
    assert shorted.scalars.peak_v < 10e3
    assert shorted.scalars.rf_j < 1e-3


def test_the_ledger_closes_for_any_order():
    """Random voltages, arcs, cathodes and modes on both tubes: always solved, always closed."""
    random = np.random.default_rng(11)
    worst = 0.0
    for k in range(16):
        plant = (BENCH, magnetron_bench())[k % 2]
        order = PulseOrder(
            k,
            line_v=float(random.uniform(2.1e3, 25e3)),
            drive=DRIVE,
            conditions=Conditions(
                cathode_k=None if k % 3 else float(random.uniform(300.0, 1400.0)),
                mode=(Mode.NORMAL, Mode.MISSING)[k % 8 == 1],
            ),
            arc_s=float(random.uniform(-1e-6, 8e-6)) if k % 4 else None,
            open_load=k == 9,
        )
        record = modulate(plant, order, seed=3)
        assert record.discharge is not None
        worst = max(worst, float(np.abs(record.discharge.residual_j).max()) / record.scalars.line_j)
        assert all(np.isfinite(getattr(record, name)).all() for name in ARRAYS)
    print(f"worst residual {worst:.1e}")
    assert worst < 1e-5


def test_an_open_load_and_a_cold_cathode():
    opened = modulate(BENCH, replace(ORDER, open_load=True), seed=1)
    assert opened.scalars.peak_v > 240e3
    assert opened.scalars.tube_j == 0.0
    normal = modulate(BENCH, ORDER, seed=1)
    cold = modulate(BENCH, replace(ORDER, conditions=Conditions(cathode_k=1150.0)), seed=1)
    print(f"cold cathode {cold.scalars.flat_top_v / 1e3:.1f} kV {cold.scalars.flat_top_a:.1f} A")
    assert cold.scalars.flat_top_v > 1.1 * normal.scalars.flat_top_v
    assert cold.scalars.flat_top_a < 0.6 * normal.scalars.flat_top_a


def test_a_magnetron_in_the_same_modulator():
    record = modulate(magnetron_bench(), PulseOrder(3, 14.5e3), seed=1)
    s = record.scalars
    print(s)
    assert record.mode is Mode.NORMAL
    assert 44e3 < s.flat_top_v < 46e3
    assert 80.0 < s.flat_top_a < 110.0
    assert s.rf_flat_w == pytest.approx(2.6e6, rel=0.1)
    assert np.abs(record.discharge.residual_j).max() < 1e-5 * s.line_j
    below = record.tube_v < 41e3
    assert record.tube_a[below].max() <= 1.0


def test_a_moded_and_a_missing_magnetron_pulse_make_no_power():
    moded = modulate(magnetron_bench(slope_limit_v_per_s=1e10), PulseOrder(3, 14.5e3), seed=1)
    assert moded.mode is Mode.MODED
    assert moded.power_w.max() == 0.0
    assert moded.scalars.flat_top_v > 41e3 * 1.15
    missing = modulate(magnetron_bench(missing_share=1.0), PulseOrder(3, 14.5e3), seed=1)
    assert missing.mode is Mode.MISSING
    assert missing.scalars.peak_a < 5.0
    assert missing.scalars.peak_v > 1.8 * 6.0 * 14.5e3 / 2.0
    ordered = modulate(magnetron_bench(), PulseOrder(3, 14.5e3, conditions=Conditions(mode=Mode.MISSING)), seed=1)
    assert ordered.mode is Mode.MISSING


def test_shape_of_a_trapezium():
    times = np.arange(0.0, 10e-6, 1e-9)
    values = 1000.0 * np.clip(np.minimum((times - 1e-6) / 1e-6, (8e-6 - times) / 1e-6), 0.0, 1.0)
    shape = shape_of(times, values, 0.25, 0.75)
    assert shape is not None
    assert (shape.height, shape.ripple) == (1000.0, 0.0)
    assert shape.rise_s == pytest.approx(0.8e-6)
    assert shape.fwhm_s == pytest.approx(6e-6)
    assert crossing_s(times, values, 250.0, rising=True) == pytest.approx(1.25e-6)
    assert shape_of(times, -values, 0.25, 0.75) is None
    with pytest.raises(ValueError, match="nothing reaches"):
        crossing_s(times, values, 2000.0, rising=True)


def test_wrong_mappings_are_named():
    data = bench_mapping()
    del data["tube"]
    with pytest.raises(ValueError, match="circuit, record, thyratron, tube"):
        build_modulator(data)
    data = bench_mapping()
    data["thyratron"]["hold_off_v"] = "33 kV"
    with pytest.raises(ValueError, match=r"modulator\.thyratron\.hold_off_v: '33 kV'"):
        build_modulator(data)
    data = bench_mapping()
    data["record"]["step_s"] = 0.0
    with pytest.raises(ValueError, match="step_s is 0"):
        build_modulator(data)
