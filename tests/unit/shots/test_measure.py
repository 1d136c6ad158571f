"""Measurements against shapes whose numbers are known in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from controller.sequencer.plan import Measurement
from controller.shots.measure import measure
from controller.shots.model import ChannelCapture, MeasuredValue, SlowLog
from controller.shots.quantities import FUNCTIONS, MeasureContext
from controller.shots.signals import is_clipped, scale_values, time_axis
from controller.shots.units import conversion, engineering
from tests.unit.shots.samples import CONTEXT, DUMP_S, PEAK_A, capture, pulse, slow_log


def take(
    function: str, unit: str, source: ChannelCapture | SlowLog, context: MeasureContext = CONTEXT
) -> MeasuredValue:
    name = source.channel if isinstance(source, ChannelCapture) else source.name
    spec = Measurement("m", name, function, unit, None, None)
    captures = [source] if isinstance(source, ChannelCapture) else []
    logs = [source] if isinstance(source, SlowLog) else []
    return measure(spec, captures, logs, context)


def number(value: MeasuredValue) -> float:
    assert value.value is not None, value.reason
    return value.value


def test_raw_gives_back_the_signal_within_half_a_count() -> None:
    quiet = capture(noise_v=0.0)
    truth = PEAK_A * pulse(time_axis(quiet)) + 0.02 * quiet.scale
    assert np.max(np.abs(scale_values(quiet) - truth)) <= 0.5 * 8.0 / 4096 * quiet.scale * 1.0001


@pytest.mark.parametrize("noise_v", [0.0, 0.01, 0.05])
def test_peak_is_not_biased_by_noise(noise_v: float) -> None:
    values = [number(take("peak", "A", capture(noise_v=noise_v, seed=seed))) for seed in range(20)]
    biased = [float(np.max(scale_values(capture(noise_v=noise_v, seed=seed)))) - 400.0 for seed in range(20)]
    assert abs(np.mean(values) / PEAK_A - 1.0) < 1e-3
    assert np.std(values) / PEAK_A < 2e-3
    if noise_v == 0.05:
        assert np.mean(biased) / PEAK_A - 1.0 > 0.03


def test_minimum_is_the_peak_of_the_inverted_channel() -> None:
    plain = capture(noise_v=0.0)
    assert number(take("minimum", "A", replace(plain, scale=-plain.scale))) == pytest.approx(-PEAK_A, rel=1e-3)


def test_time_of_peak_takes_off_the_channels_delay() -> None:
    rise_s, fall_s = 3e-4, 2e-3
    crest_s = np.log(fall_s / rise_s) * rise_s * fall_s / (fall_s - rise_s)
    value = take("time_of_peak", "us", capture())
    assert number(value) == pytest.approx(crest_s * 1e6, abs=10.0)
    assert value.uncertainty is not None
    assert 0.0 < value.uncertainty < 100.0


def test_integrals_match_the_closed_form() -> None:
    rise_s, fall_s, end_s = 3e-4, 2e-3, 9e-3 - 40e-9
    crest_s = np.log(fall_s / rise_s) * rise_s * fall_s / (fall_s - rise_s)
    top = np.exp(-crest_s / fall_s) - np.exp(-crest_s / rise_s)

    def area(tau_s: float) -> float:
        return tau_s * (1.0 - np.exp(-end_s / tau_s))

    charge = PEAK_A * (area(fall_s) - area(rise_s)) / top
    both_s = rise_s * fall_s / (rise_s + fall_s)
    action = PEAK_A**2 * (area(fall_s / 2) - 2 * area(both_s) + area(rise_s / 2)) / top**2
    measured = take("action_integral", "A^2 s", capture())
    assert number(take("integral", "A s", capture())) == pytest.approx(charge, rel=5e-3)
    assert number(measured) == pytest.approx(action, rel=3e-3)
    assert measured.uncertainty == pytest.approx(0.02 * action, rel=0.05)


def test_slow_quantities() -> None:
    log = slow_log("bank_voltage_a")
    assert number(take("value_at_fire", "kV", log)) == pytest.approx(3.0, abs=1e-3)
    tau = take("dump_tau", "s", log)
    assert number(tau) == pytest.approx(0.2, rel=0.01)
    assert tau.uncertainty is not None
    assert abs(number(tau) - 0.2) < 2 * tau.uncertainty
    assert number(take("end_voltage", "V", log)) == pytest.approx(0.0, abs=0.5)


def test_garbage_samples_of_a_slow_log_are_left_out() -> None:
    log = slow_log("bank_voltage_a")
    value = log.value.copy()
    value[1425:1432] = np.nan
    assert number(take("value_at_fire", "V", replace(log, value=value))) == pytest.approx(3000.0, abs=1.0)


def test_noise_and_sign() -> None:
    quiet = capture(peak=0.0)
    assert number(take("noise_rms", "A", quiet, MeasureContext())) == pytest.approx(0.01 * 20_000, rel=0.05)
    assert take("sign", "", quiet).verdict == "inconclusive"
    assert number(take("sign", "", capture())) == 1.0
    assert number(take("sign", "1", replace(capture(), scale=-1.0))) == -1.0


def test_the_sign_is_that_of_the_pulse_and_not_of_a_spike() -> None:
    weak = capture(peak=5_000.0)
    raw = weak.raw.copy()
    raw[2010:2013] = 200 * 16  # 1.5 us of interference, 14 times higher than the pulse and the other way
    assert number(take("sign", "", replace(weak, raw=raw))) == 1.0


def test_a_clipped_record_gives_no_number() -> None:
    clipped = capture(range_v=4.0)
    assert is_clipped(clipped)
    value = take("peak", "A", clipped)
    assert (value.value, value.verdict) == (None, "inconclusive")
    assert "clipped" in value.reason


def test_limits_give_verdict_and_margin() -> None:
    record = capture(noise_v=0.0)

    def judge(lower: float | None, upper: float | None) -> MeasuredValue:
        return measure(Measurement("p", record.channel, "peak", "kA", lower, upper), [record], [], CONTEXT)

    inside, low, high, near = judge(60.0, 70.0), judge(65.0, None), judge(None, 64.0), judge(64.5, 70.0)
    assert (inside.verdict, inside.reason) == ("pass", "")
    assert inside.margin == pytest.approx(4.58, abs=0.1)
    assert (low.verdict, low.reason) == ("fail", "below the lower limit")
    assert low.margin == pytest.approx(-0.42, abs=0.1)
    assert (high.verdict, high.reason) == ("fail", "above the upper limit")
    assert near.verdict == "pass"
    assert near.reason.startswith("marginal")


def test_what_keeps_a_measurement_from_a_number() -> None:
    assert "no record" in measure(Measurement("m", "gone", "peak", "A", None, 1.0), [], [], CONTEXT).reason
    assert "cannot be given in V" in take("peak", "V", capture()).reason
    assert "did not fire" in take("value_at_fire", "V", slow_log("a"), MeasureContext()).reason
    assert "did not dump" in take("dump_tau", "s", slow_log("a"), MeasureContext()).reason
    assert "no decay" in take("dump_tau", "s", slow_log("a"), MeasureContext(None, 2.0)).reason
    late = replace(capture(), x_origin_s=1e-3)
    assert {take(name, "A", late).verdict for name in ("peak", "integral", "action_integral")} == {"inconclusive"}


def test_overdue_calibration_is_said() -> None:
    assert take("peak", "A", replace(capture(), calibration_overdue=True)).reason == "calibration overdue"


def test_every_function_answers_for_both_kinds_of_source() -> None:
    for function in FUNCTIONS.values():
        for source in (capture(), slow_log("bank_voltage_a"), replace(capture(), raw=np.zeros(0, np.int16))):
            reading = function(source, CONTEXT)
            assert reading.value is not None or reading.reason


@pytest.mark.parametrize(
    ("natural", "wanted", "factor"),
    [
        ("A", "kA", 1e-3), ("s", "us", 1e6), ("A^2 s", "A²·s", 1.0), ("A^2 s", "A**2*s", 1.0), ("s", "ms", 1e3),
        ("V", "A", None), ("m", "mm", 1e3), ("V", "mV", 1e3), ("kV", "V", 1e3), ("A s", "mA s", 1e3),
        ("A^2 s", "kA^2 s", 1e-6),
    ],
)  # fmt: skip
def test_units(natural: str, wanted: str, factor: float | None) -> None:
    assert conversion(natural, wanted) == (None if factor is None else pytest.approx(factor))


def test_numbers_for_people() -> None:
    assert engineering(64580.0, "A") == "64.58 kA"
    assert engineering(-0.000792, "s") == "-792 µs"
    assert engineering(0.0, "V") == "0 V"
    assert engineering(5.5e6, "A^2 s") == "5.5e+06 A^2 s"
    assert DUMP_S > 0
