"""The bench's folder hangs together: plant.yaml with plc.yaml, names with contract.py; refusals say where."""

import re

import pytest

from firmware_sim.plant.contract import MEMBERS, Intention
from firmware_sim.plant.modulator.chargers import charger_fit
from firmware_sim.plant.tube_bench.bench import LOADS
from firmware_sim.plant.tube_bench.plantroom import Auxiliary
from firmware_sim.plc.windows import Scale, value_of
from hil_rigs.microwave_bench.plant import SECTIONS, build, parse
from tests.unit.plant.tube_bench.station import LIMITS
from tests.unit.plant.tube_bench.support import LINE_V, PLANT_YAML, Bench, mapping, shipped

NEEDED_READINGS = {
    *("charger_voltage_v", "charger_current_a", "charger_constant_voltage", "probe_b_daq", "charger_monitor_daq"),
    *("heater_supply_load_ohm", "magnet_supply_load_ohm", "chiller_load_w", "gun_pressure", "window_pressure"),
    *("load_inlet_daq", "load_outlet_daq", "load_flow_daq", "ion_pump_current_daq", "collector_temperature_daq"),
}
NEEDED_CONTROLS = {
    *("charger_set_voltage_v", "charger_set_current_a", "charger_output"),
    *("rf_source_frequency_hz", "rf_source_power_dbm"),
    *("rf_source_pulse_width_s", "rf_source_pulse_delay_s", "rf_source_pulse_period_s"),
    *("heater_supply_voltage_v", "heater_supply_current_a", "magnet_supply_voltage_v", "magnet_supply_current_a"),
    *("chiller_loop_c", "chiller_running"),
}


def test_the_plant_is_one_of_the_contract():
    plant = build(PLANT_YAML, 1)
    assert not [name for name in MEMBERS if not hasattr(plant, name)]
    assert plant.readings >= NEEDED_READINGS and plant.controls >= NEEDED_CONTROLS
    for name in plant.readings:
        assert isinstance(plant.read(name), float), name
    for name in plant.controls:
        plant.drive(name, 0.0)
    with pytest.raises(KeyError):
        plant.read("nothing")
    with pytest.raises(KeyError):
        plant.drive("nothing", 1.0)
    with pytest.raises(KeyError):
        plant.inject("nothing")


def test_transmitters_speak_the_plcs_language():
    """Every loop, read by the PLC's own scale, is the quantity that the window names, in its unit."""
    bench = Bench()
    bench.run(1.0)
    read = bench.plant.read
    truth = {
        "vacuum_gun_torr": read("gauge_1_pa") / 133.322368,
        "vacuum_window_torr": read("gauge_2_pa") / 133.322368,
        "flow_tube_l_per_min": 30.0,
        "flow_magnet_l_per_min": 10.02,
        "flow_load_l_per_min": read("flow_load_kg_per_s") * 60.0,
        "temperature_tube_c": read("temperature_body_k") - 273.15,
        "temperature_load_c": read("load_outlet_k") - 273.15,
        "heater_current_a": 25.0,
        "magnet_current_a": 50.0,
        "rf_leakage_mw_per_cm2": 0.0,
        "xray_dose_usv_per_h": 0.0,
        "load_temperature_rise_k": read("load_outlet_k") - read("load_inlet_k"),
    }
    windows = LIMITS.run.windows
    assert [w.name for w in windows] == list(truth)
    assert len(bench.plant.inputs.analogue) == len(windows)
    for window, ma in zip(windows, bench.plant.inputs.analogue, strict=True):
        assert value_of(ma, window) == pytest.approx(
            truth[window.name], rel=1e-3, abs=1e-12 if window.name.endswith("torr") else 1e-6
        ), window.name
        assert window.low <= truth[window.name] <= window.high, f"{window.name} is fit"
        assert (window.live_zero.scale is Scale.LOG) is window.name.endswith("torr")


def test_the_plcs_file_describes_this_plant():
    limits, slow = mapping("plc.yaml"), shipped().slow
    bank = limits["bank"]
    assert tuple(bank["capacitance_f"]) == slow.bank.capacitance_f
    assert (bank["bleeder_ohm"], bank["dump_ohm"]) == (slow.bank.bleeder_ohm, slow.bank.dump_ohm)
    assert bank["overvoltage_v"] == slow.bank.overvoltage_v and bank["target_max_v"] <= slow.charger.rated_v
    assert limits["probes"]["full_scale_v"] == slow.probe.full_scale_v
    travel = limits["travel"]
    assert slow.contactor.drop_ns * 1e-9 <= travel["contactor_open_s"]
    assert (slow.contactor.pull_ns + slow.contactor.bounce_ns) * 1e-9 <= (
        travel["contactor_close_s"] + travel["contactor_bounce_s"]
    )
    for relay in (slow.dump_a, slow.dump_b):
        assert relay.pull_ns * 1e-9 <= travel["dump_open_s"]
        assert (relay.drop_ns + relay.bounce_ns) * 1e-9 <= travel["dump_close_s"] + travel["dump_bounce_s"]
    names = [auxiliary.name for auxiliary in LIMITS.run.auxiliaries]
    assert names == ["cooling", "vacuum_pumps", "heater", "magnet"]
    assert [one.name for one in Auxiliary] == ["COOLING", "PUMPS", "HEATER", "MAGNET"]


def test_the_charger_fits_the_line_at_fifty_hertz_and_not_at_a_hundred_and_fifty():
    p = shipped()
    fit = charger_fit(p.charging, p.line_f, LINE_V, 50.0, p.slow.dead_s)
    assert fit.fits and fit.average_w == pytest.approx(3137.0, rel=1e-3)
    assert not charger_fit(p.charging, p.line_f, LINE_V, 150.0, p.slow.dead_s).fits
    assert not charger_fit(p.charging, p.line_f, 25.5e3, 50.0, p.slow.dead_s).fits


def test_the_forecast_is_that_of_the_b_parameters():
    intention = Intention(LINE_V, 0.6, 1, (0.0,), "dummy_load", True, True)
    forecast = build(PLANT_YAML, 1).forecast(intention)
    assert forecast.numbers["stored_energy_j"] == pytest.approx(62.7, rel=1e-3)
    assert forecast.numbers["charge_time_s"] == pytest.approx(LINE_V * 211.6e-9 / 0.6)
    facts = {fact.title: fact.value for fact in forecast.facts}
    assert facts["beam voltage"] == pytest.approx(130.96e3, rel=2e-3)
    stored = forecast.ledger["stored"]
    assert sum(v for k, v in forecast.ledger.items() if k != "stored") == pytest.approx(stored, rel=1e-4)
    short = build(PLANT_YAML, 1).forecast(Intention(LINE_V, 0.6, 1, (0.0,), "short", True, True))
    assert short.ledger["RF in the load"] < 0.01 * forecast.ledger["RF in the load"]
    idle = build(PLANT_YAML, 1).forecast(Intention(LINE_V, 0.6, 1, (None,), "dummy_load", True, False))
    assert not idle.ledger and idle.numbers["stored_energy_j"] > 62.0


def test_the_structure_takes_its_share_of_what_the_water_sees():
    seen = {}
    for load in ("dummy_load", "structure"):
        bench = Bench()
        bench.plant.mount(load)
        bench.plant.drive("rf_source_pulse_width_s", 200e-9)
        bench.go(dbm=5.0)  # a fresh structure bears no more
        bench.trigger()
        shape = bench.plant.train.last.shape
        assert shape.latches.first is None and shape.radiated.power_w > 1e5
        seen[load] = shape.joules
    assert seen["structure"].load_j == pytest.approx(10.0**-0.4 * seen["dummy_load"].load_j, rel=0.01)
    assert seen["structure"].walls_j > 0.5 * seen["dummy_load"].load_j


def test_loads_are_mounted_by_name():
    bench = Bench()
    bench.go()
    for load in LOADS:
        bench.plant.mount(load)
    bench.run(0.02)
    bench.trigger()
    assert bench.plant.gate.latches.name == "VSWR", "none was the last one"
    with pytest.raises(KeyError):
        bench.plant.mount("rails")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 1", "version: 2", "this reader knows version 1"),
        ("perveance: 1.94e-6", "perveance: two", "plant.yaml: modulator.tube.klystron.perveance: 'two'"),
        ("gain_db: 46.0", "gain: 46.0", "'gain' is unknown"),
        ("  dead_s: 300.0e-6", "  dead_s: .inf", "slow.dead_s: inf is not a finite number"),
        ("limiter:", "limitor:", "limiter, limitor: missing, or unknown"),
        ("[211.6e-9]", "[210.0e-9]", "right would be the line's, [2.116e-07]"),
        ("kind: forward,", "kind: sideways,", "probes.forward_detector.kind: 'sideways'"),
        ("{reading: heater_a,", "{reading: heater_w,", "transmitters[7].reading: 'heater_w'"),
        ("at_20_ma: 1.0e-3, logarithmic: true}", "at_20_ma: 0.0, logarithmic: true}", "transmitters[0]: no range"),
        ("{reading: ion_pump_a,", "{reading: ion_a,", "daq.ion_pump_current_daq.reading: 'ion_a'"),
        ("{number: 2}", "{number: 3}", "gauges.window_pressure.number: 3"),
        ("branching: 0.5", "branching: 1.5", "cluster.branching"),
    ],
)
def test_a_mistake_in_plant_yaml_is_refused_by_name(old, new, says):
    assert old in PLANT_YAML
    with pytest.raises(ValueError, match=re.escape(says)):
        build(PLANT_YAML.replace(old, new, 1), 1)


def test_no_section_may_be_missing_and_no_text_that_is_no_mapping():
    assert parse(PLANT_YAML) is parse(PLANT_YAML), "texts are remembered"
    for text in ("", "[1, 2]", "version: [", "version: 1"):
        with pytest.raises(ValueError, match=r"plant\.yaml"):
            build(text, 1)
    assert len(SECTIONS) == 15
