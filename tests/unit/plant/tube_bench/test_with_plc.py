"""The rig PLC's own code on this plant: RUN, pulse inhibit, slow interlocks, dead PLC; what cools stays on."""

import pytest

from drivers.wire.plc import PlcCommand, PlcState, Trip
from drivers.wire.plc_run import InhibitCause
from hil_rigs.microwave_bench.plant import build
from tests.unit.plant.tube_bench.station import ALL_ON, TubeStation
from tests.unit.plant.tube_bench.support import PLANT_YAML

S = PlcState


def running(dbm: float = 14.0) -> TubeStation:
    station = TubeStation(build(PLANT_YAML, 1))
    station.plant.drive("rf_source_power_dbm", dbm)
    station.float_on()
    station.run()
    return station


def test_run_fires_every_trigger_and_the_counters_agree():
    station = running()
    station.scan(1000)
    assert station.state is S.RUN and not station.plc.trips
    assert 500 <= station.plant.pulses <= 501
    assert station.plant.pulses - station.status.pulses <= 1
    station.do(PlcCommand.HOLD)
    pulses = station.plant.pulses
    station.scan(100)
    assert station.state is S.FLOAT and station.plant.pulses == pulses and not station.plc.trips
    station.do(PlcCommand.DUMP)
    station.until(S.SAFE, 3000)
    assert station.plant.truth().highest_v < 50.0 and station.plant.inputs.auxiliaries == ALL_ON


def test_an_arc_inhibits_and_the_run_goes_on_until_the_budget_is_spent():
    station = running()
    station.scan(50)
    plant = station.plant
    for arc in range(1, 5):
        plant.inject("arc_waveguide")
        station.scan(4)
        plant.inject("arc_waveguide", on=False)
        assert station.status.inhibit & InhibitCause.ARC and station.state is S.RUN
        assert station.status.retries_left == 4 - arc
        pulses = plant.pulses
        station.scan(150)
        assert station.state is S.RUN and plant.pulses > pulses, "let go after the hold-off"
    plant.inject("arc_waveguide")
    station.scan(4)
    assert station.state is S.TRIP and station.plc.trips == Trip.RETRIES
    station.scan(100)
    assert plant.truth().highest_v < 50.0 and plant.inputs.auxiliaries == ALL_ON


def test_a_vacuum_leak_holds_the_pulses_and_trips_nothing_at_first():
    station = running()
    station.plant.inject("vacuum_leak")
    station.scan(100)
    assert station.status.inhibit & (InhibitCause.VACUUM | InhibitCause.WINDOW)
    pulses = station.plant.pulses
    station.scan(100)
    assert station.plant.pulses == pulses
    assert station.plant.read("pressure_pa") > 1.33e-4


@pytest.mark.parametrize(
    ("fault", "within_s", "off"),
    [
        ("flow_tube_lost", 4.0, 4),  # the heater goes with its own cooling
        ("flow_magnet_lost", 4.0, 0),
        ("flow_load_lost", 4.0, 0),
        ("heater_open", 1.0, 0),
        ("magnet_drift", 1.0, 0),
        ("leakage_high", 0.5, 0),
        ("leakage_monitor_dead", 0.15, 0),
        ("xray_high", 1.0, 0),
        ("xray_monitor_dead", 0.15, 0),
    ],
)
def test_a_slow_interlock_trips_and_stops_only_what_its_fault_demands(fault, within_s, off):
    station = running()
    station.scan(50)
    station.plant.inject(fault)
    station.scan(round(within_s * 100))
    assert station.state is S.TRIP and station.plc.trips == Trip.WINDOW
    assert not station.plc.outputs.pulse_gate
    station.scan(100)
    assert station.plant.truth().highest_v < 50.0
    assert station.plant.inputs.auxiliaries & ~off == ALL_ON & ~off & ~(8 if "magnet_lost" in fault else 0)
    assert station.plant.log and any(f"fault plant.{fault} acts:" in text for _, text in station.plant.log)


def test_a_dead_plc_leaves_cooling_and_heater_on_and_the_line_dumped():
    station = running()
    station.scan(50)
    station.plc.inject("dead")
    station.alive = False
    pulses = station.plant.pulses
    station.scan(200)
    truth = station.plant.truth()
    assert not truth.commanded and truth.dump_a_closed and truth.dump_b_closed and truth.highest_v < 50.0
    assert station.plant.inputs.auxiliaries == ALL_ON
    assert station.plant.pulses <= pulses + 3, "until L0 took the gate away"


def test_the_emergency_stop_needs_no_plc():
    station = running()
    station.scan(50)
    station.plant.people.estop_pressed = True
    station.scan()
    assert not station.plant.gate.open and not station.plant.truth().commanded
    station.scan(60)
    assert station.plant.truth().highest_v < 50.0 and station.state is S.TRIP
    assert station.plant.inputs.auxiliaries == ALL_ON


def test_a_generator_that_fires_into_a_stuck_gate_trips_the_plc():
    station = running()
    station.do(PlcCommand.HOLD)
    station.plant.inject("pulse_gate_stuck_open")
    station.until(S.TRIP, 50)
    assert station.plc.trips & (Trip.PULSE_OVERRUN | Trip.PREFIRE)


def test_a_thyratron_that_fires_by_itself_in_float_is_a_trip():
    station = running()
    station.do(PlcCommand.HOLD)
    station.scan(50)
    station.plant.inject("thyratron_prefires")
    station.until(S.TRIP, 50)
    assert station.plant.truth().pulses == station.plant.pulses


def test_a_welded_contactor_locks_out_nothing_that_dumps_do_not_empty():
    station = running()
    station.plant.inject("contactor_welded")
    station.do(PlcCommand.DUMP)
    station.scan(300)
    assert station.plant.truth().contactor_closed and station.plant.truth().highest_v < 50.0
    assert any("fault plant.contactor_welded acts:" in text for _, text in station.plant.log)
    assert station.state is not S.SAFE or station.plc.trips


def test_the_self_test_finds_dead_relays_on_this_bench_too():
    station = TubeStation(build(PLANT_YAML, 1))
    station.plant.inject("selftest_probe_a_dead")
    station.ready()
    assert station.plc.test.failed == ("probe_a",)
