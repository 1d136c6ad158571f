"""The sections of a bench that runs: what the file means, and every wrong one refused by file, line and key."""

import math
from dataclasses import replace

import pytest

from drivers.wire.plc import PlcState
from firmware_sim.plc.limits import LimitsError, load_limits
from firmware_sim.plc.pulses import NO_RUN, RunTimes
from firmware_sim.plc.run_limits import resolve_run
from firmware_sim.plc.settings import Permit, power_slope_of, resolve_times
from firmware_sim.plc.trend import ChargeTrend
from firmware_sim.plc.windows import Act, Scale
from tests.unit.plc.kit import LIMITS
from tests.unit.plc.run_kit import AUXILIARIES, HEALTHY, RUN, RUN_LIMITS, RUN_TEXT, WINDOWS

S = PlcState


def problems(text: str) -> list[str]:
    with pytest.raises(LimitsError) as caught:
        load_limits(text, "plc.yaml")
    return caught.value.problems


def test_the_shipped_file() -> None:
    assert set(WINDOWS) == set(HEALTHY)
    assert AUXILIARIES == ["cooling", "vacuum_pumps", "heater", "magnet"]
    assert (RUN.retries, RUN.retry_window_s, RUN.permit_s) == (4, 600.0, 43200.0)
    vacuum, flow = RUN.windows[0], RUN.windows[WINDOWS.index("flow_tube_l_per_min")]
    assert (vacuum.high, vacuum.resume_high, vacuum.resume, vacuum.debounce) == (1e-6, 1e-7, 6000, 1)
    assert (vacuum.act, vacuum.live_zero and vacuum.live_zero.scale) == (Act.INHIBIT, Scale.LOG)
    assert (flow.act, flow.debounce, flow.resume, flow.warm_up) == (Act.TRIP, 50, 1, 0)
    assert flow.states == 1 << S.OPENING | 1 << S.CHARGE | 1 << S.FLOAT | 1 << S.RUN
    heater, magnet = (RUN.auxiliaries[AUXILIARIES.index(name)] for name in ("heater", "magnet"))
    assert heater.stops_on == 1 << WINDOWS.index("flow_tube_l_per_min") and not heater.until_hv_zero
    assert magnet.stops_on == 1 << WINDOWS.index("flow_magnet_l_per_min") and magnet.until_hv_zero
    assert RUN.auxiliaries[0].serves == 0b1100
    assert RUN.windows[WINDOWS.index("heater_current_a")].warm_up == 360_000


def test_times_in_scans() -> None:
    assert resolve_run(None, 0.01) == NO_RUN == resolve_times(LIMITS, Permit()).run
    assert resolve_run(RUN, 0.01, 7) == RunTimes(4_320_000, 100, 10, 60_000, 4, 60, 100, 7)


WRONG = [
    ("  retries: 4", "  retries: 9", "retries: 9; a whole number from 1 to 8"),
    ("  retries: 4", "  retries: 2.5", "retries: 2.5; a whole number"),
    ("  retries: 4", "  retries: true", "retries: True; a whole number"),
    ("  hold_off_s: 1.0", "  hold_off_s: 0.0", "hold_off_s: 0.0; from 0.01"),
    ("  hold_off_s: 1.0", "  hold_off_s: .nan", "hold_off_s: nan; a finite number"),
    ("  hold_off_s: 1.0", "  hold_off_s: 1 s", "hold_off_s: '1 s'; a finite number without a unit"),
    ("  hold_off_s: 1.0", "  hold_of_s: 1.0", "hold_of_s: unknown key"),
    ("  permit_s: 43200.0 ", "  # ", "permit_s: missing"),
    ("  retry_window_s: 600.0", "  retry_window_s: 3.0", "retry_window_s: over before its retries are"),
    ("  duty_window_s: 1.0", "  duty_window_s: 61.0", "duty_window_s: longer than a minute hides a burst"),
    ("  pulses_max: 10000000", "  pulses_max: 0", "pulses_max: 0; a whole number"),
    ("high: 1.0e-6, resume_high: 1.0e-7", "high: 1.0e-8, resume_high: 1.0e-7", "high: out of order"),
    ("states: [RUN], act: permit", "states: [SHOT], act: permit", "states: ['SHOT']; a list of OPENING, CHARGE"),
    ("act: permit", "act: warn", "act: 'warn'; one of trip, inhibit, permit"),
    ("states: [RUN], act: permit", "act: permit", "states: missing"),
    ("{low: -1.0, high: 25.0", "{low: -1.0, hihg: 25.0", "hihg: unknown key"),
    ("scale: log", "scale: square", "scale: 'square'; one of linear, log"),
    ("at_4_ma: 1.0e-11", "at_4_ma: 0.0", "at_4_ma: 0.0; from 1e-30"),
    ("at_4_ma: -5.0, at_20_ma: 35.0", "at_4_ma: 35.0, at_20_ma: 35.0", "at_20_ma: the value at 4 mA"),
    ("dead_below_ma: 3.6", "dead_below_ma: 4.5", "dead_below_ma: 4.5; from 0.5 to 4"),
    ("dead_above_ma: 21.0", "dead_above_ma: 19.0", "dead_above_ma: 19.0; from 20 to 30"),
    ("stops_on: [flow_tube_l_per_min]", "stops_on: [flow_tube]", "stops_on: ['flow_tube']; a list of"),
    ("serves: [heater, magnet]", "serves: [heater, cooling]", "serves: ['heater', 'cooling']; a list of"),
    ("until_hv_zero: false", "until_hv_zero: 0", "until_hv_zero: 0; true or false"),
    ("auxiliaries:  ", "auxiliary:  ", "auxiliary: unknown section"),
    ("run:\n", "running:\n", "run: missing, or no mapping"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG, ids=lambda text: str(text)[:40])
def test_what_is_wrong_is_said_with_file_and_line(old: str, new: str, message: str) -> None:
    assert RUN_TEXT.count(old) >= 1, old
    found = problems(RUN_TEXT.replace(old, new, 1))
    assert any(message in problem for problem in found), found
    assert all(problem.startswith("plc.yaml:") and int(problem.split(":")[1]) > 0 for problem in found)


def test_at_most_sixteen_windows_and_eight_auxiliaries() -> None:
    one = "  more_{}_k: {{low: 0.0, high: 1.0, debounce_s: 0.1, states: [RUN], act: permit}}\n"
    for count in (4, 5):
        text = RUN_TEXT.replace("\nauxiliaries:", "".join(one.format(n) for n in range(count)) + "\nauxiliaries:", 1)
        if count == 4:
            assert len(load_limits(text, "plc.yaml").run.windows) == 16  # type: ignore[union-attr]
        else:
            assert "more_4_k: window 17; at most 16" in problems(text)[0]
    pump = "  pump_{}: {{stops_on: [], until_hv_zero: false, serves: []}}\n"
    text = RUN_TEXT + "".join(pump.format(n) for n in range(5))
    assert "pump_4: auxiliary 9; at most 8" in problems(text)[0]


def test_a_charger_of_constant_power_is_given_its_time_and_its_curve() -> None:
    """C V^2 / 2 P: 211.6 nF at 25 kV are 66.1 J, 4 kW need 16.5 ms; V = sqrt(2 P t / C)."""
    weak = replace(RUN_LIMITS, run=RUN._replace(charge_power_w=10.0))
    permit = Permit(1, 20000.0, 2000.0, 300.0, 1, 1)
    assert power_slope_of(weak, permit) == pytest.approx(20.0 / 2.116e-7)
    assert power_slope_of(LIMITS, permit) == 0.0
    # 42.3 J at 10 W: 4.23 s beside the ramp's 10 s
    assert resolve_times(weak, permit).charge == math.ceil(100 * (3.0 + 1.25 * (10.0 + 4.232)))
    assert resolve_times(replace(RUN_LIMITS, run=RUN._replace(charge_power_w=0.0)), permit).charge == 1550
    for power_w, left in ((0.0, True), (0.2, False)):
        trend = ChargeTrend(replace(RUN_LIMITS, run=RUN._replace(charge_power_w=power_w)))
        trend.begin(permit, 0.0)
        # 0.2 W for five seconds of eight are 3.07 kV, and a sixth of it less is still right; the ramp would be at 10 kV
        trend.follow(2500.0, 2500.0, 800)
        assert trend.envelope_left is left
        trend.follow(1500.0, 1500.0, 800)
        assert trend.envelope_left
