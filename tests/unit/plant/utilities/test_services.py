"""The utilities together: warm-up, one call against many, every fault, readings as plain floats."""

from dataclasses import asdict, replace
from functools import cache
from math import isfinite, isnan

import pytest

from firmware_sim.plant.modulator.parameters import read
from firmware_sim.plant.utilities.faults import list_utility_faults
from firmware_sim.plant.utilities.monitors import loop_value
from firmware_sim.plant.utilities.plantroom import (
    UtilityDrive,
    UtilityParameters,
    advance_utilities,
    running_flows,
    start_utilities,
)
from firmware_sim.plant.utilities.services import Services
from firmware_sim.plant.utilities.thermal import ThermalParameters
from firmware_sim.plant.utilities.vacuum import PA_PER_TORR
from tests.unit.plant.utilities.numbers import THERMAL, UTILITIES

IDLE = UtilityDrive(heater_on=True, heater_set_a=20.0, magnet_on=True, magnet_set_a=40.0, cooling_on=True)
RF_ON = replace(IDLE, beam_w=3170.0, rf_w=1050.0, load_w=1049.0, beam_v=131e3, beam_mean_a=0.0242)
NO_RF = replace(RF_ON, rf_w=0.0, load_w=0.0)


def warm(drive=RF_ON, hours=3.0) -> Services:
    services = Services(UTILITIES, pressure_pa=1e-4)
    services.state = warm_state(drive, hours)
    services.tick(1e-9, drive)
    return services


@cache
def warm_state(drive, hours):
    return advance_utilities(UTILITIES, start_utilities(UTILITIES, 293.15, 1e-4), drive, (), 3600.0 * hours)


def test_a_warm_bench_reads_what_its_parts_say():
    services = warm()
    read = services.readings()
    print({name: float(f"{value:.4g}") for name, value in read.items()})
    assert set(read) == set(services.names)
    assert all(isinstance(value, float) and isfinite(value) for value in read.values())
    assert read["heater_a"] == 20.0 and read["cathode_k"] == pytest.approx(1300.0, abs=0.1)
    assert read["heater_ok_s"] == pytest.approx(3 * 3600.0, rel=1e-9)
    assert read["emission_a"] > 91.9  # the klystron's current at 131 kV
    assert read["magnet_a"] == 40.0
    assert read["supply_k"] == 293.15
    assert read["calorimetric_w"] == pytest.approx(1049.0, abs=read["calorimetric_uncertainty_w"])
    assert read["gauge_1_pa"] < 1e-6 * PA_PER_TORR
    assert 4e-3 <= read["rf_leakage_a"] < 5e-3


def test_all_of_the_loads_power_reaches_the_calorimeter_but_what_its_wall_gives_to_the_air():
    state = warm().state
    into_air_w = 1.0 * (state.thermal.temperature_k[3] - 293.15)
    rise = state.calorimeter.outlet_k - state.calorimeter.inlet_k
    assert 0.05 * 4182.0 * rise == pytest.approx(1049.0 - into_air_w, rel=1e-4)


def test_the_collector_warms_up_when_the_drive_goes_off():
    services = warm()
    before = services.read("temperature_collector_k")
    services.tick(600.0, NO_RF)
    assert services.read("temperature_collector_k") > before + 0.3
    assert services.read("calorimetric_w") == pytest.approx(
        0.05 * UTILITIES.calorimeter.flow_gain * 4182.0 * UTILITIES.calorimeter.outlet_offset_k, abs=0.5
    )


@pytest.mark.parametrize(
    "faults", [(), ("flow_body_lost",), ("flow_load_lost",), ("chiller_cooling_lost", "heater_drift", "vacuum_leak")]
)
def test_one_call_equals_scans(faults):
    """Coupled parts are joined in pieces: scans agree with one call to 0.1 mK and 2e-4 of the pressure."""
    start = advance_utilities(UTILITIES, start_utilities(UTILITIES, 293.15, 1e-4), IDLE, (), 100.0)
    once = advance_utilities(UTILITIES, start, RF_ON, faults, 40.0)
    many = start
    for _ in range(400):
        many = advance_utilities(UTILITIES, many, RF_ON, faults, 0.1)
    assert once.vacuum.pressure_pa == pytest.approx(many.vacuum.pressure_pa, rel=2e-4)
    assert once.thermal.temperature_k == pytest.approx(many.thermal.temperature_k, abs=1e-4)
    assert once.calorimeter.outlet_k == pytest.approx(many.calorimeter.outlet_k, abs=1e-4)
    assert once.supply_k == pytest.approx(many.supply_k, abs=1e-4)
    assert once.cathode_k == pytest.approx(many.cathode_k, abs=1e-3)
    assert once.magnet_a == pytest.approx(many.magnet_a, rel=1e-9)
    assert once.flow_kg_per_s == pytest.approx(many.flow_kg_per_s, rel=1e-6)


def test_a_settled_bench_advances_by_days_exactly():
    start = warm().state
    once = advance_utilities(UTILITIES, start, RF_ON, (), 5 * 86400.0)
    many = start
    for _ in range(5 * 24):
        many = advance_utilities(UTILITIES, many, RF_ON, (), 3600.0)
    assert once.vacuum.pressure_pa == pytest.approx(many.vacuum.pressure_pa, rel=1e-6)
    assert once.thermal.temperature_k == pytest.approx(many.thermal.temperature_k, rel=1e-9)
    assert once.thermal.water_j == pytest.approx(many.thermal.water_j, rel=1e-6)


SHOWS = {
    "vacuum_leak": lambda r, before: r["gauge_1_pa"] > 1e-6 * PA_PER_TORR and r["ion_pump_a"] > before["ion_pump_a"],
    "turbo_stopped": lambda r, before: r["gauge_1_pa"] > 1.3 * before["gauge_1_pa"],
    "ion_pump_off": lambda r, before: r["ion_pump_a"] == 0.0 and r["gauge_1_pa"] > 2 * before["gauge_1_pa"],
    "chiller_stopped": lambda r, before: r["flow_body_kg_per_s"] < 1e-4 and r["flow_load_kg_per_s"] < 1e-4,
    "chiller_cooling_lost": lambda r, before: r["supply_k"] > before["supply_k"] + 0.2,
    "heater_drift": lambda r, before: r["heater_a"] < 0.95 * before["heater_a"] and r["heater_ok_s"] == 0.0,
    "heater_open": lambda r, before: r["heater_a"] == 0.0 and r["cathode_k"] < before["cathode_k"] - 30.0,
    "magnet_off": lambda r, before: r["magnet_a"] < 1e-3,
    "magnet_drift": lambda r, before: r["magnet_a"] == pytest.approx(1.02 * before["magnet_a"]),
    "leakage_high": lambda r, before: r["rf_leakage_a"] == 20.5e-3,
    "leakage_monitor_dead": lambda r, before: r["rf_leakage_a"] == 0.0,
    "xray_high": lambda r, before: r["xray_a"] == 20.5e-3,
    "xray_monitor_dead": lambda r, before: r["xray_a"] == 0.0,
    "flow_body_lost": lambda r, before: (
        r["flow_body_kg_per_s"] == 0.0 and r["temperature_body_k"] > before["temperature_body_k"] + 0.3
    ),
    "flow_collector_lost": lambda r, before: r["temperature_collector_k"] > before["temperature_collector_k"] + 2.0,
    "flow_magnet_lost": lambda r, before: r["temperature_magnet_k"] > before["temperature_magnet_k"] + 0.5,
    "flow_load_lost": lambda r, before: r["flow_load_kg_per_s"] == 0.0 and r["calorimetric_w"] == 0.0,
    "gauge_1_dead": lambda r, before: isnan(r["gauge_1_pa"]) and r["gauge_1_v"] == 0.0 and r["gauge_2_pa"] > 0.0,
    "gauge_2_dead": lambda r, before: isnan(r["gauge_2_pa"]) and r["gauge_1_pa"] > 0.0,
    "gauge_1_low": lambda r, before: r["gauge_1_pa"] < 0.2 * r["gauge_2_pa"] and r["gauge_1_v"] < r["gauge_2_v"],
    "gauge_2_low": lambda r, before: r["gauge_2_pa"] < 0.2 * r["gauge_1_pa"],
}


@pytest.mark.parametrize("fault", sorted(SHOWS))
def test_fault_shows_in_its_readings(fault):
    services = warm()
    before = services.readings()
    assert not SHOWS[fault](before, before)
    services.inject(fault)
    services.tick(30.0, RF_ON)
    assert SHOWS[fault](services.readings(), before), services.readings()
    assert fault in services.acting()
    services.inject(fault, on=False)
    services.tick(3600.0, RF_ON)
    assert not SHOWS[fault](services.readings(), before)
    assert services.acting() == ()


def test_frozen_sensors_keep_what_they_read():
    for fault, name, trouble in (
        ("gauge_1_frozen", "gauge_1_pa", "vacuum_leak"),
        ("gauge_2_frozen", "gauge_2_pa", "vacuum_leak"),
        ("flow_body_sensor_stuck", "flow_body_kg_per_s", "flow_body_lost"),
        ("flow_load_sensor_stuck", "flow_load_kg_per_s", "flow_load_lost"),
    ):
        services = warm()
        kept = services.read(name)
        services.inject(fault)
        assert services.acting() == ()
        services.inject(trouble)
        services.tick(10.0, RF_ON)
        assert services.read(name) == kept
        assert services.truth(name) != pytest.approx(kept, rel=0.1)
        assert fault in services.acting()


def test_a_burst_shows_on_both_gauges_and_the_pump_and_goes():
    services = warm()
    before = services.readings()
    services.inject("vacuum_burst")
    services.tick(0.05, RF_ON)
    after = services.readings()
    assert all(after[name] > 2 * before[name] for name in ("gauge_1_pa", "gauge_2_pa", "ion_pump_a"))
    services.tick(5.0, RF_ON)
    assert services.read("gauge_1_pa") == pytest.approx(before["gauge_1_pa"], rel=0.01)
    base = services.read("pressure_pa")
    services.release(2e-6)
    assert services.read("pressure_pa") - base == pytest.approx(2e-6 / 0.02, rel=1e-9)


def test_every_fault_is_tested_and_unknown_names_are_refused():
    services = warm()
    frozen = {name for name in services.FAULTS if name.endswith(("_frozen", "_sensor_stuck"))}
    assert set(services.FAULTS) == set(SHOWS) | frozen | {"vacuum_burst"}
    assert list_utility_faults(("body", "collector", "magnet", "load"), 2) == services.FAULTS
    for name in ("meteorite", ""):
        with pytest.raises(KeyError):
            services.inject(name)
        with pytest.raises(KeyError):
            services.read(name)


def as_a_file_has_it(value):
    if isinstance(value, dict):
        return {key: as_a_file_has_it(item) for key, item in value.items()}
    return [as_a_file_has_it(item) for item in value] if isinstance(value, tuple) else value


def test_a_mapping_makes_the_parameters():
    mapping = as_a_file_has_it(asdict(UTILITIES))
    assert as_a_file_has_it(asdict(read(UtilityParameters, mapping, "utilities"))) == mapping


def test_nodes_are_checked_and_cooling_off_stops_every_flow():
    with pytest.raises(ValueError, match="the first must be body"):
        start_utilities(replace(UTILITIES, thermal=ThermalParameters(THERMAL.nodes[::-1])), 293.15, 1e-4)
    assert running_flows(UTILITIES, replace(RF_ON, cooling_on=False), ()) == (False,) * 4
    assert running_flows(UTILITIES, RF_ON, ("flow_load_lost",)) == (True, True, True, False)


def test_the_pulse_rate_loop_reads_zero_leakage_as_live():
    services = warm(IDLE, 0.1)
    assert loop_value(UTILITIES.rf_monitor, services.read("rf_leakage_a")) == pytest.approx(0.0, abs=1e-12)
