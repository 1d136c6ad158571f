"""Rows 42 to 46 of the hazards (safety.md 2.3) on virtual scans of the whole PLC: what acts, and within which time.

The numbers are typed from the table, not read from plc.yaml: 1e-6 and 1e-7 Torr for 60 s, the fifth in ten minutes,
0.5 s of debounce and one scan, one second in all, 35 C, 5 %, 3600 s, 1 %, live zero.
"""

import pytest

from drivers.wire.plc import PlcState, Trip
from drivers.wire.plc_run import InhibitCause
from tests.unit.plc.run_kit import HEALTHY, RUN, WINDOWS, RunStation

S = PlcState
SECOND = 100
VACUUM = ("vacuum_gun_torr", "vacuum_window_torr")
LATCHED = {"arc": InhibitCause.ARC, "reflection": InhibitCause.VSWR, "current": InhibitCause.OVER_CURRENT}


def on_the_air() -> RunStation:
    station = RunStation()
    station.arm(S.RUN)
    station.scan(10)
    return station


def off(station: RunStation) -> bool:
    """No pulses and no charging: what the PLC commands."""
    out = station.plc.outputs
    return not (out.pulse_gate or out.contactor_close or out.charger_enable or out.dump_a_open or out.dump_b_open)


# ---- row 42: vacuum ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VACUUM)
def test_42_vacuum_holds_above_1e_6_within_a_scan(name: str) -> None:
    station = on_the_air()
    station.run_bench.values[name] = 0.99e-6
    station.scan(SECOND)
    assert station.plc.outputs.pulse_gate
    station.run_bench.values[name] = 1.01e-6
    station.scan()
    assert not station.plc.outputs.pulse_gate and station.state is S.RUN
    assert station.status.inhibit == InhibitCause.WINDOW


def test_42_vacuum_resumes_below_1e_7_for_60_s_in_a_row() -> None:
    station = on_the_air()
    values = station.run_bench.values
    values["vacuum_gun_torr"] = 1e-5
    station.scan(10)
    values["vacuum_gun_torr"] = 1.1e-7
    station.scan(SECOND)
    side = station.plc._run
    assert side is not None and station.status.inhibit
    assert side.memory.good[0] == 0, "not good enough"
    values["vacuum_gun_torr"] = 0.9e-7
    station.scan(SECOND)
    values["vacuum_gun_torr"] = 1.1e-7
    station.scan()
    values["vacuum_gun_torr"] = 0.9e-7
    station.scan(60 * SECOND - 1)
    assert station.status.windows_lost, "the minute began again"
    station.scan()
    assert not station.status.windows_lost
    station.scan(2 * SECOND)
    assert station.plc.outputs.pulse_gate and not station.plc.trips


def test_42_the_vacuum_latch_shuts_the_gate_within_a_scan() -> None:
    station = on_the_air()
    station.run_bench.latches = int(InhibitCause.VACUUM)
    station.scan()
    assert not station.plc.outputs.pulse_gate and station.status.inhibit == InhibitCause.VACUUM


# ---- rows 43 and 44: arcs and reflections --------------------------------------------------------------------------


@pytest.mark.parametrize("name", LATCHED)
def test_43_44_a_latch_shuts_the_gate_within_a_scan_and_the_fifth_in_ten_minutes_trips(name: str) -> None:
    station = on_the_air()
    for left in (3, 2, 1, 0):
        station.run_bench.latches = int(LATCHED[name])
        station.scan()
        assert not station.plc.outputs.pulse_gate
        assert (station.state, station.status.retries_left) == (S.RUN, left)
        station.scan(2 * SECOND)
        assert station.plc.outputs.pulse_gate
    station.run_bench.latches = int(LATCHED[name])
    station.scan()
    assert (station.state, station.plc.trips) == (S.TRIP, Trip.RETRIES) and off(station)


@pytest.mark.parametrize(("since", "state"), [(59_998, S.TRIP), (59_999, S.RUN)])
def test_43_ten_minutes_after_the_first_its_place_is_free_again(since: int, state: PlcState) -> None:
    station = on_the_air()
    plc, side = station.plc, station.plc._run
    assert side is not None
    plc.control = plc.control._replace(pulse=plc.control.pulse._replace(ages=(300, 5_000, 20_000, since)))
    side.store(plc.control.pulse, plc.times.run)
    station.run_bench.latches = int(InhibitCause.ARC)
    station.scan()
    assert station.state is state


def test_44_a_load_that_is_missing_ends_in_a_trip_within_seconds() -> None:
    """Every pulse is reflected: the latch comes back with the first one after each hold-off."""
    station = on_the_air()
    begun = station.scans
    while station.state is S.RUN:
        if station.plc.outputs.pulse_gate:
            station.run_bench.latches = int(InhibitCause.VSWR)
        station.scan()
    assert station.plc.trips == Trip.RETRIES and station.scans - begun < 5 * SECOND
    assert station.status.pulses <= 5, "one for each of the five"


# ---- row 45: cooling, temperature, heater, magnet ------------------------------------------------------------------

SLOW = {
    "flow_tube_l_per_min": (20.0, -0.1),
    "flow_magnet_l_per_min": (7.0, -0.1),
    "flow_load_l_per_min": (8.0, -0.1),
    "temperature_tube_c": (35.0, 0.1),
    "temperature_load_c": (70.0, 0.1),
    "heater_current_a": (25.0 * 0.95, -0.1),
    "magnet_current_a": (50.0 * 0.99, -0.1),
}
"""Window -> its bound and the way out of it."""


@pytest.mark.parametrize("name", SLOW)
def test_45_half_a_second_and_one_scan(name: str) -> None:
    bound, step = SLOW[name]
    station = on_the_air()
    station.run_bench.values[name] = bound - 0.1 * step
    station.scan(2 * SECOND)
    assert station.state is S.RUN, "within its bound"
    station.run_bench.values[name] = bound + step
    station.scan(49)
    assert station.state is S.RUN and station.plc.outputs.pulse_gate
    station.run_bench.values[name] = HEALTHY[name]
    station.scan()
    station.run_bench.values[name] = bound + step
    station.scan(49)
    assert station.state is S.RUN, "a short dip starts again"
    station.scan(2)
    assert (station.state, station.plc.trips) == (S.TRIP, Trip.WINDOW) and off(station)


@pytest.mark.parametrize(("name", "value"), [("heater_current_a", 25.0 * 1.051), ("magnet_current_a", 50.0 * 1.011)])
def test_45_too_much_trips_as_too_little_does(name: str, value: float) -> None:
    station = on_the_air()
    station.run_bench.values[name] = value
    assert station.until(S.TRIP, 2 * SECOND) <= 51
    assert station.plc.trips == Trip.WINDOW


def test_45_the_line_is_without_energy_within_a_second_of_the_fault() -> None:
    station = on_the_air()
    station.run_bench.values["flow_tube_l_per_min"] = 0.0
    station.scan(SECOND)
    assert station.state is S.TRIP and station.ideal.voltage_v < 50.0


def test_45_the_heater_is_warm_after_an_hour_and_cold_again_after_a_gap() -> None:
    station = RunStation()
    side = station.plc._run
    assert side is not None
    station.warm()
    heater = WINDOWS.index("heater_current_a")
    good = tuple(359_999 - 2 if at == heater else one for at, one in enumerate(side.memory.good))
    side.memory = side.memory._replace(good=good)
    side.store(station.plc.control.pulse, station.plc.times.run)
    station.scan(2)
    assert station.status.windows_cold == 1 << heater, "359,999 scans"
    station.scan()
    assert not station.status.windows_cold, "3600 s"
    station.run_bench.values["heater_current_a"] = 20.0
    station.scan(49)
    assert not station.status.windows_cold
    station.scan()
    station.run_bench.values["heater_current_a"] = 25.0
    station.scan(SECOND)
    assert station.status.windows_cold == 1 << heater


# ---- row 46: leakage and dose --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value"), [("rf_leakage_mw_per_cm2", 1.01), ("xray_dose_usv_per_h", 5.01)])
def test_46_a_high_monitor_trips_in_one_scan(name: str, value: float) -> None:
    station = on_the_air()
    station.run_bench.values[name] = value
    station.scan()
    assert (station.state, station.plc.trips) == (S.TRIP, Trip.WINDOW) and off(station)


@pytest.mark.parametrize(("current_ma", "state"), [(0.0, S.TRIP), (3.59, S.TRIP), (3.99, S.RUN), (21.1, S.TRIP)])
@pytest.mark.parametrize("name", ["rf_leakage_mw_per_cm2", "xray_dose_usv_per_h"])
def test_46_a_monitor_without_its_live_zero_trips_in_one_scan(name: str, current_ma: float, state: PlcState) -> None:
    station = on_the_air()
    inputs = list(station.plc.inputs.analogue)
    inputs[WINDOWS.index(name)] = current_ma
    station.force["analogue"] = inputs
    station.scan()
    assert station.state is state
    assert off(station) is (state is S.TRIP)


def test_the_table_has_every_window_that_trips() -> None:
    fast = {"rf_leakage_mw_per_cm2", "xray_dose_usv_per_h"}
    assert {w.name for w in RUN.windows if w.act.value == "trip"} == SLOW.keys() | fast
    assert {w.name for w in RUN.windows if w.act.value == "inhibit"} == set(VACUUM)
