"""The slow part: charging, dumping, rebound, relays, the hard-wired chain."""

from dataclasses import replace
from itertools import pairwise
from math import exp, isnan, log

import pytest

from drivers.wire.plc import SELF_TEST_PATHS
from firmware_sim.plant.bank import DUMP_A, DUMP_B, Bank
from firmware_sim.plant.parameters import BankParameters, RelayParameters
from firmware_sim.plant.relays import Relay, Stuck
from hil_rigs.railgun_bench.plant import parse
from tests.unit.plant.support import PLANT_YAML, SCAN_NS, Bench

MS = 1_000_000


def plain_bank(**changes) -> Bank:
    bank: BankParameters = parse(PLANT_YAML).bank
    return Bank(replace(bank, absorption=(), **changes))


def test_constant_current_charge_closed_form():
    bank, time_s = plain_bank(), 0.0
    while bank.voltage_v[0] < 2500.0:
        current, regulating = bank.step(SCAN_NS, 0, 3000.0, 1.0)
        assert (current, regulating) == (1.0, False)
        time_s += 0.01
    tau = 100e3 * 1e-3
    expected = 0.25 * 100e3 * (1.0 - exp(-time_s / tau))
    print(f"{bank.voltage_v[0]:.6f} V after {time_s:.2f} s, closed form {expected:.6f} V")
    assert bank.voltage_v[0] == pytest.approx(expected, rel=1e-9)


def test_18_kj_in_24_s_at_half_an_ampere():
    bank = plain_bank(bleeder_ohm=1e12)
    for _ in range(2400):
        bank.step(SCAN_NS, 0, 4000.0, 0.5)
    assert bank.voltage_v[0] == pytest.approx(3000.0, rel=1e-6)
    assert bank.stored_j() == pytest.approx(18e3, rel=1e-6)


def test_constant_voltage_settles_without_overshoot():
    bank = plain_bank()
    highest = 0.0
    for _ in range(1500):
        current, regulating = bank.step(SCAN_NS, 0, 3000.0, 1.0)
        highest = max(highest, *bank.voltage_v, bank.bus_v)
    assert highest <= 3000.0
    assert regulating
    leak = 3000.0 / (100e3 + 40.0)
    assert bank.voltage_v[0] == pytest.approx(3000.0 - 40.0 * leak, abs=0.05)
    assert current == pytest.approx(4 * leak, rel=0.01)


@pytest.mark.parametrize(("dumps", "ohm"), [(DUMP_A, 200.0), (DUMP_A | DUMP_B, 100.0), (0, None)])
def test_dump_decay_is_rc(dumps, ohm):
    bank = plain_bank()
    bank.voltage_v[:] = [3000.0] * 4
    siemens = 1 / 100e3 + (1 / ohm if ohm else 0.0)
    for n in range(1, 61):
        bank.step(SCAN_NS, dumps, 0.0, 0.0)
        assert bank.voltage_v[2] == pytest.approx(3000.0 * exp(-n * 0.01 * siemens / 1e-3), rel=1e-9)


def test_rebound_after_a_short_dump():
    bench = Bench()
    bench.charge(3000.0, settle_s=20.0)
    plant, out = bench.plant, bench.out
    out.dump_a_open = out.dump_b_open = False
    bench.run(2.0)
    dumped = plant.bank.voltage_v[0]
    out.dump_a_open = out.dump_b_open = True
    bench.run(30.0)
    rebound = plant.bank.voltage_v[0]
    print(f"{dumped:.2f} V after the dump, {rebound:.1f} V 30 s later")
    assert dumped < 5.0
    assert 5.0 < rebound < 36.0


def test_rebound_fault_and_leak_fault():
    bench = Bench()
    bench.plant.inject("rebound_high")
    bench.charge(1000.0, settle_s=10.0)
    bench.plant.inject("module_2_leak")
    bench.run(2.0)
    volts = bench.plant.bank.voltage_v
    assert volts[1] < volts[0] - 5.0  # the others feed it through the charge resistors
    assert volts[0] < 920.0
    bench.plant.inject("module_2_leak", False)
    bench.out.dump_a_open = bench.out.dump_b_open = False
    bench.run(1.0)
    bench.out.dump_a_open = bench.out.dump_b_open = True
    bench.run(10.0)
    assert bench.plant.bank.voltage_v[0] > 15.0


def test_relay_travel_and_bounce():
    relay = Relay(RelayParameters(pull_ns=20 * MS, drop_ns=15 * MS, bounce_ns=4 * MS), normally_closed=True)
    relay.command(True, 0)
    relay.advance(19 * MS)
    assert relay.closed and relay.moving and not relay.proven_closed
    relay.advance(20 * MS)
    assert relay.proven_open
    relay.command(False, 100 * MS)
    seen = []
    for t in range(100 * MS, 121 * MS, MS // 10):
        relay.advance(t)
        seen.append(relay.closed)
    toggles = sum(a is not b for a, b in pairwise(seen))
    assert toggles == 7  # makes, three bounces of two toggles each
    assert seen[149] is False and seen[150] is True
    assert relay.proven_closed
    assert relay.next_change_ns() is None


def test_stuck_relay_sticks_where_it_gets():
    relay = Relay(RelayParameters(10, 10, 0), normally_closed=False)
    relay.stick(Stuck.CLOSED, 0)
    assert relay.proven_open
    relay.command(True, 0)
    relay.advance(10)
    relay.command(False, 20)
    relay.advance(100)
    assert relay.proven_closed
    relay.stick(Stuck.NOT, 200)
    relay.advance(300)
    assert relay.proven_open


def test_contacts_are_reported_only_after_their_travel():
    bench = Bench()
    bench.out.dump_a_open = bench.out.dump_b_open = True
    states = []
    for _ in range(5):
        bench.run(0.01)
        states.append((bench.plant.inputs.dump_a_closed, bench.plant.inputs.dump_a_open))
    assert states == [(False, False), (False, False), (False, True), (False, True), (False, True)]


def test_estop_acts_without_the_plc():
    bench = Bench()
    bench.plant.drive("charger_set_voltage_v", 500.0)
    bench.plant.drive("charger_set_current_a", 1.0)
    bench.plant.drive("charger_output", 1.0)
    bench.out.dump_a_open = bench.out.dump_b_open = bench.out.contactor_close = bench.out.charger_enable = True
    bench.run(1.5)
    assert bench.plant.bank.voltage_v[0] > 100.0
    bench.plant.people.at(bench.now_ns + SCAN_NS, "estop_pressed", 1)
    bench.run(1.0)
    inputs = bench.plant.inputs
    assert not inputs.estop_ok and inputs.charger_inhibited
    assert inputs.contactor_open and inputs.dump_a_closed and inputs.dump_b_closed
    assert bench.plant.bank.voltage_v[0] < 5.0


def test_dead_plc_de_energises_everything():
    bench = Bench()
    bench.charge(300.0)
    bench.plant.de_energise()
    bench.run(1.5)
    assert bench.plant.inputs.dump_a_closed and bench.plant.inputs.dump_b_closed
    assert bench.plant.bank.voltage_v[0] < 5.0
    bench.plant.energise()
    bench.run(0.1)
    assert bench.plant.inputs.dump_a_open


def test_overvoltage_comparator_inhibits_a_charger_that_ignores_its_set_point():
    bench = Bench()
    bench.plant.inject("overvoltage")
    bench.charge(3000.0, settle_s=3.0)
    highest = max(bench.plant.bank.voltage_v)
    assert not bench.plant.inputs.hw_overvoltage_ok
    print(f"latched; bank at {highest:.0f} V")
    assert highest < 3105.0
    bench.out.dump_a_open = bench.out.dump_b_open = False
    bench.plant.people.press_reset(bench.now_ns + 1_000 * MS)
    bench.run(1.5)
    assert bench.plant.inputs.hw_overvoltage_ok


def test_module_that_is_out_is_not_charged_but_reads():
    bench = Bench()
    bench.plant.people.positions = 0b1011
    bench.plant.bank.voltage_v[2] = 77.0
    bench.charge(200.0)
    assert bench.plant.bank.voltage_v[0] == pytest.approx(200.0, rel=0.01)
    assert 50.0 < bench.plant.bank.voltage_v[2] <= 77.0  # only its own dumps touched it, before they opened
    assert bench.plant.inputs.module_v[2] == pytest.approx(bench.plant.bank.voltage_v[2], abs=2.0)
    assert bench.plant.inputs.positions == 0b1011


def test_every_self_test_path_shows_its_trip_value():
    bench = Bench()
    bench.run(0.05)
    for number, name in enumerate(SELF_TEST_PATHS, start=1):
        bench.out.self_test_path = number
        bench.run(0.01)
        inputs = bench.plant.inputs
        digital = {
            "door_1": inputs.door_1,
            "door_2": inputs.door_2,
            "estop": inputs.estop_ok,
            "operator_key": inputs.operator_key,
            "search_complete": inputs.search_complete,
            "ground_stick": inputs.ground_stick_stowed,
            "hw_overvoltage": inputs.hw_overvoltage_ok,
            "probe_a": inputs.probe_a_v < 4080.0,
            "probe_b": inputs.probe_b_v < 4080.0,
            "modules": max(inputs.module_v) < 4080.0,
            "latches": not inputs.latches,
            "positions": inputs.positions == 0b1111,
            "charger_inhibit": inputs.charger_inhibited,
        }
        assert [path for path, healthy in digital.items() if not healthy] == [name]
    bench.out.self_test_path = 0
    bench.run(0.01)
    assert bench.plant.inputs.door_1 and abs(bench.plant.inputs.probe_b_v) < 10.0


def test_probe_faults():
    bench = Bench()
    bench.charge(1000.0)
    plant = bench.plant
    plant.inject("probe_a_nan")
    bench.run(0.01)
    assert isnan(plant.inputs.probe_a_v)
    plant.inject("probe_a_nan", on=False)
    plant.inject("probe_a_gain")
    plant.inject("probe_b_frozen")
    bench.out.dump_a_open = bench.out.dump_b_open = False
    before = plant.inputs.probe_b_v
    bench.run(0.05)
    assert plant.inputs.probe_b_v == before
    assert plant.inputs.probe_a_v == pytest.approx(1.15 * plant.bank.bus_v, rel=0.01)


@pytest.mark.parametrize("fault", ["contactor_welded", "contactor_stuck_open", "charger_dead", "charger_runaway"])
def test_charge_path_faults(fault):
    bench = Bench()
    bench.plant.inject(fault)
    bench.charge(400.0)
    inputs, volts = bench.plant.inputs, bench.plant.bank.voltage_v[0]
    if fault == "contactor_welded":
        assert inputs.contactor_closed and volts == pytest.approx(400.0, rel=0.02)
    elif fault == "charger_runaway":
        assert volts > 500.0
    else:
        assert volts < 1.0


def test_every_fault_can_be_injected_and_cleared():
    bench = Bench()
    for fault in bench.plant.FAULTS:
        bench.plant.inject(fault)
        bench.run(0.02)
        bench.plant.inject(fault, on=False)
    bench.run(0.2)
    assert bench.plant.inputs.contactor_open and bench.plant.inputs.dump_a_closed
    with pytest.raises(KeyError):
        bench.plant.inject("meteorite")


def test_readings_and_drives_by_name():
    bench = Bench()
    bench.charge(1000.0)
    assert bench.plant.read("charger_voltage_v") == pytest.approx(1000.0, rel=0.3)
    assert bench.plant.read("probe_b_daq") == pytest.approx(1.0, rel=0.02)
    with pytest.raises(KeyError):
        bench.plant.read("weather")
    with pytest.raises(KeyError):
        bench.plant.drive("weather", 1.0)
    with pytest.raises(ValueError, match="no such input"):
        bench.plant.people.at(0, "weather", 1)


def test_discharge_time_of_the_reference():
    """physics.md C2: 50 ohm on 4 mF, tau 0.2 s, to 50 V in 0.819 s."""
    assert 0.2 * log(3000.0 / 50.0) == pytest.approx(0.819, abs=5e-4)
    bank = plain_bank(bleeder_ohm=1e12)
    bank.voltage_v[:] = [3000.0] * 4
    steps = 0
    while bank.voltage_v[0] > 50.0:
        bank.step(1 * MS, DUMP_A, 0.0, 0.0)
        steps += 1
    assert steps == pytest.approx(819, abs=1)
