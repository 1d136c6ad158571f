"""The whole PLC of a bench that runs, scan by scan: RUN, inhibit, windows, auxiliaries, restart, memory, map."""

import math
from dataclasses import replace

import pytest

from drivers.wire.modbus import ExceptionCode
from drivers.wire.plc import EventCode, PlcCommand, PlcState, Refusal, Trip
from drivers.wire.plc_map import RUN_ADDRESS, RUN_REGISTERS, decode_run_status, encode_run_status
from drivers.wire.plc_run import InhibitCause, RunArguments, RunFlag, decode_auxiliaries, decode_run, encode_run
from firmware_sim.plc.registers import PlcRegisters
from firmware_sim.signals import RUN_SELF_TEST_PATHS
from tests.unit.plc.kit import Station
from tests.unit.plc.run_kit import AUXILIARIES, RUN, WINDOWS, RunStation

S = PlcState
C = PlcCommand
SKIPPED = 50
ALL_ON = (1 << len(AUXILIARIES)) - 1
COOLING, PUMPS, HEATER, MAGNET = (
    1 << AUXILIARIES.index(name) for name in ("cooling", "vacuum_pumps", "heater", "magnet")
)


def on_the_air(pulses: int = 0) -> RunStation:
    station = RunStation()
    station.arm(S.RUN, pulses)
    return station


def codes(station: Station) -> list[int]:
    return [event.code for event in station.plc.events]


def test_run_opens_the_gate_and_hold_shuts_it_with_high_voltage_on() -> None:
    station = on_the_air()
    assert station.plc.outputs.pulse_gate and station.status.flags & RunFlag.PULSE_GATE
    station.scan(100)
    assert station.state is S.RUN and station.status.pulses == 50
    assert station.do(C.HOLD).ack is Refusal.ACCEPTED
    out = station.plc.outputs
    assert (station.state, out.pulse_gate, out.contactor_close, out.charger_enable) == (S.FLOAT, False, True, True)
    station.scan(20)
    assert station.state is S.FLOAT and not station.plc.trips
    assert station.run().ack is Refusal.ACCEPTED
    assert EventCode.PULSES in codes(station)


def test_the_whole_voltage_of_the_line() -> None:
    station = RunStation()
    station.arm(S.RUN, target_v=24350.0)
    station.scan(10)
    assert station.state is S.RUN and station.plc.permit.target_v == 24350.0
    station.do(C.DUMP)
    station.until(S.SAFE)


def test_a_run_of_n_pulses_ends_by_itself() -> None:
    station = on_the_air(pulses=10)
    station.until(S.FLOAT, 100)
    ended = [event for event in station.plc.events if event.code == EventCode.PULSES]
    assert [(event.detail, event.value) for event in ended] == [(10, 10.0)]


def test_a_generator_that_fires_one_more_trips() -> None:
    station = on_the_air(pulses=10)
    station.scan(18)  # nine of ten
    station.run_bench.rate = 2.5
    station.until(S.TRIP, 10)
    assert station.plc.trips == Trip.PULSE_OVERRUN


def test_a_refused_permit_in_run_leaves_the_number_of_pulses_as_it_is() -> None:
    station = on_the_air(pulses=10)
    assert station.do(C.PERMIT, station.permit_arguments()).ack is not Refusal.ACCEPTED
    assert station.do(C.RUN, encode_run(RunArguments(1, station.plc.nonce, 0))).ack is Refusal.WRONG_STATE
    assert station.status.pulses_asked == 10
    station.until(S.FLOAT, 100)


def test_every_run_needs_the_nonce_that_it_finds() -> None:
    station = on_the_air()
    used = station.plc.nonce
    station.do(C.HOLD)
    assert station.run().ack is Refusal.ACCEPTED
    station.do(C.HOLD)
    assert station.do(C.RUN, encode_run(RunArguments(1, used, 0))).ack is Refusal.BAD_TOKEN
    assert station.do(C.RUN, (1, 2)).ack is Refusal.BAD_TOKEN
    assert station.run(RUN.pulses_max + 1).ack is Refusal.OUT_OF_LIMITS
    assert station.state is S.FLOAT


def test_a_silent_controller_ends_a_run_within_the_watchdog() -> None:
    station = on_the_air()
    station.alive = False
    scans = station.until(S.TRIP, 100)
    assert station.plc.trips == Trip.HEARTBEAT
    assert scans <= 52 and not station.plc.outputs.pulse_gate


def test_an_arc_shuts_the_gate_and_lets_go_after_the_hold_off() -> None:
    station = on_the_air()
    station.run_bench.latches = int(InhibitCause.ARC)
    station.scan()
    status = station.status
    assert (station.state, station.plc.outputs.pulse_gate, status.inhibit) == (S.RUN, False, InhibitCause.ARC)
    assert status.retries_left == RUN.retries - 1 and EventCode.INHIBIT in codes(station)
    station.scan(100)
    assert station.plc.outputs.latch_reset
    station.scan(2)
    assert station.plc.outputs.pulse_gate and not station.status.inhibit and not station.plc.outputs.latch_reset
    before = station.status.pulses
    station.scan(10)
    assert station.status.pulses > before


def test_the_fifth_inhibit_in_ten_minutes_trips_and_a_command_does_not_help() -> None:
    station = on_the_air()
    for _ in range(RUN.retries):
        assert station.state is S.RUN
        station.run_bench.latches = int(InhibitCause.VSWR)
        station.scan(150)
        station.do(C.HOLD)
        station.run()
    station.run_bench.latches = int(InhibitCause.VSWR)
    station.scan()
    assert (station.state, station.plc.trips) == (S.TRIP, Trip.RETRIES)


def test_a_latch_that_does_not_let_go_trips() -> None:
    station = on_the_air()
    station.force["pulse_latches"] = int(InhibitCause.OVER_CURRENT)
    station.until(S.TRIP, 200)
    assert station.plc.trips == Trip.RETRIES


def test_bad_vacuum_inhibits_until_it_is_good_for_a_minute() -> None:
    station = on_the_air()
    station.run_bench.values["vacuum_gun_torr"] = 5e-6
    station.scan()
    assert (station.state, station.status.inhibit) == (S.RUN, InhibitCause.WINDOW)
    station.run_bench.values["vacuum_gun_torr"] = 5e-7
    station.scan(200)
    assert station.status.inhibit, "not good enough to resume"
    station.run_bench.values["vacuum_gun_torr"] = 5e-8
    station.scan(SKIPPED)
    side = station.plc._run
    assert side is not None and side.memory.good[0] == SKIPPED
    good = (side.memory.good[0] + 5900, *side.memory.good[1:])
    side.memory = side.memory._replace(good=good)  # 59 s in which nothing happens
    side.store(station.plc.control.pulse, station.plc.times.run)
    station.scan(199 - SKIPPED)
    assert station.status.inhibit
    station.scan(5)
    assert station.plc.outputs.pulse_gate
    assert station.status.retries_left == RUN.retries - 1


@pytest.mark.parametrize(
    ("name", "value", "scans"),
    [
        ("flow_tube_l_per_min", 0.1, 50),
        ("temperature_tube_c", 36.0, 50),
        ("heater_current_a", 20.0, 50),
        ("magnet_current_a", 49.0, 50),
        ("rf_leakage_mw_per_cm2", 2.0, 1),
        ("xray_dose_usv_per_h", 6.0, 1),
    ],
)
def test_a_slow_interlock_trips_after_its_debounce(name: str, value: float, scans: int) -> None:
    station = on_the_air()
    station.run_bench.values[name] = value
    station.scan(scans - 1)
    assert station.state is S.RUN
    station.scan()
    assert (station.state, station.plc.trips) == (S.TRIP, Trip.WINDOW)
    told = next(event for event in reversed(station.plc.events) if event.code == EventCode.WINDOWS)
    assert (told.detail, told.value) == (1 << WINDOWS.index(name), pytest.approx(value))


@pytest.mark.parametrize("name", WINDOWS)
def test_a_dead_live_zero_trips_in_one_scan(name: str) -> None:
    station = on_the_air()
    station.run_bench.dead.add(name)
    station.scan()
    assert (station.state, station.plc.trips) == (S.TRIP, Trip.WINDOW)
    assert station.status.windows_dead == 1 << WINDOWS.index(name)


def test_a_window_that_only_permits_ends_run_in_float() -> None:
    station = on_the_air()
    station.run_bench.values["load_temperature_rise_k"] = 30.0
    station.scan(50)
    assert (station.state, station.plc.trips) == (S.FLOAT, 0)
    ack = station.run()
    assert (ack.ack, station.state) == (Refusal.GUARD, S.FLOAT)


def test_a_cold_heater_refuses_the_permit() -> None:
    station = RunStation()
    station.scan(6100)  # the vacuum is trusted after a minute, the heater not
    assert station.status.windows_lost == 0
    assert station.status.windows_cold == 1 << WINDOWS.index("heater_current_a")
    station.ready()
    status = station.do(C.PERMIT, station.permit_arguments(4000.0, 2000.0))
    assert (status.ack, status.guards) == (Refusal.GUARD, 1 << 24)


def test_a_reset_waits_for_the_window_that_tripped() -> None:
    station = on_the_air()
    station.run_bench.values["flow_load_l_per_min"] = 1.0
    station.until(S.TRIP, 60)
    station.scan(300)
    station.force["local_reset"] = True
    station.scan()
    assert station.state is S.TRIP
    station.force["local_reset"] = False
    station.run_bench.values["flow_load_l_per_min"] = 15.0
    station.scan(5)
    station.force["local_reset"] = True
    station.scan()
    assert station.state is S.SAFE
    assert station.status.retries_left == RUN.retries


# ---- what cools and heats ------------------------------------------------------------------------------------------


def everything_on() -> RunStation:
    station = RunStation()
    station.scan(2)
    assert station.do(C.AUXILIARIES, (ALL_ON,)).ack is Refusal.ACCEPTED
    station.scan(2)
    assert station.run_bench.relays == ALL_ON == station.status.auxiliaries == station.status.auxiliaries_asked
    assert EventCode.AUXILIARIES in codes(station)
    return station


@pytest.mark.parametrize("end", ["silence", "estop", "dump", "window", "dead", "reboot", "memory_flip"])
def test_nothing_that_cools_or_heats_stops_with_the_bench(end: str) -> None:
    station = everything_on()
    station.arm(S.RUN)
    if end == "silence":
        station.alive = False
    elif end == "estop":
        station.force["estop_ok"] = False
    elif end == "dump":
        station.do(C.DUMP)
    elif end == "window":
        station.run_bench.values["xray_dose_usv_per_h"] = 50.0
    else:
        station.plc.inject(end)
    for _ in range(400):
        station.scan()
        assert station.run_bench.relays == station.plc.outputs.auxiliaries == ALL_ON
    out = station.plc.outputs
    assert not (out.pulse_gate or out.contactor_close or out.charger_enable or out.dump_a_open)


def test_the_heater_stops_without_its_flow_and_the_magnet_only_without_high_voltage() -> None:
    station = everything_on()
    station.arm(S.RUN)
    station.run_bench.values["flow_tube_l_per_min"] = 0.0
    station.run_bench.values["flow_magnet_l_per_min"] = 0.0
    station.scan(49)
    assert station.run_bench.relays == ALL_ON and station.state is S.RUN
    station.scan(2)
    assert station.run_bench.relays == ALL_ON & ~HEATER, "tripped, and still high voltage"
    while station.ideal.voltage_v > 60.0:
        assert station.run_bench.relays & MAGNET
        station.scan()
    station.scan(20)
    assert station.run_bench.relays == COOLING | PUMPS, "asked for itself, whatever it served"
    station.run_bench.values |= {"flow_tube_l_per_min": 40.0, "flow_magnet_l_per_min": 10.0}
    station.scan(50)
    assert station.run_bench.relays == COOLING | PUMPS, "nothing starts again by itself"


def test_auxiliaries_go_off_only_at_rest() -> None:
    station = everything_on()
    station.arm(S.CHARGE)
    assert station.do(C.AUXILIARIES, (0,)).ack is Refusal.GUARD
    assert station.do(C.AUXILIARIES, (0x100,)).ack is Refusal.OUT_OF_LIMITS
    station.do(C.DUMP)
    station.until(S.SAFE)
    assert station.do(C.AUXILIARIES, (PUMPS,)).ack is Refusal.ACCEPTED
    station.scan(2)
    assert station.run_bench.relays == PUMPS


# ---- the self-test of its own inputs ------------------------------------------------------------------------------


def test_windows_and_latches_are_tested_without_losing_what_is_warm() -> None:
    station = everything_on()
    station.warm()
    before = station.plc._run
    assert before is not None
    memory = before.memory
    station.do(C.SELF_TEST)
    opened = set_latches = 0
    while station.plc.test.running:
        opened += all(map(math.isnan, station.status.window_values))
        set_latches += station.plc.inputs.pulse_latches == 0b1111
        assert station.run_bench.relays == ALL_ON and station.state is S.SAFE
        station.scan()
    assert opened and set_latches
    status = station.plc.status()
    assert (status.self_test_passed, status.self_test_total, status.self_test_failed) == (15, 15, 0)
    assert before.memory == memory and not station.status.windows_cold


@pytest.mark.parametrize("path", ["windows", "pulse_latches"])
def test_a_dead_relay_of_windows_or_latches_is_named_and_refuses_the_permit(path: str) -> None:
    station = RunStation()
    station.run_bench.relays_working.discard(path)
    station.warm()
    station.ready()
    status = station.plc.status()
    assert station.plc.test.failed == (path,)
    assert (status.self_test_passed, status.self_test_failed) == (14, 1 << RUN_SELF_TEST_PATHS.index(path))
    assert station.do(C.PERMIT, station.permit_arguments(4000.0, 2000.0)).ack is Refusal.GUARD


def test_an_input_that_stays_open_after_its_test_is_dead_then() -> None:
    station = RunStation()
    station.warm()
    station.do(C.SELF_TEST)
    while station.plc.outputs.self_test_path != RUN_SELF_TEST_PATHS.index("windows") + 1:
        station.scan()
    station.run_bench.dead |= set(WINDOWS)
    station.scan(3)
    assert not station.status.windows_lost, "still under test"
    while station.plc.test.running:
        station.scan()
    assert station.plc.test.failed == ("windows",)
    assert station.status.windows_lost == station.status.windows_dead == (1 << len(WINDOWS)) - 1


# ---- memory and map ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(16))
def test_one_wrong_bit_anywhere_trips_before_it_is_used(seed: int) -> None:
    station = on_the_air(pulses=1000)
    station.plc.boot_id = seed
    station.plc.inject("memory_flip")
    station.scan()
    assert station.state in (S.TRIP, S.LOCKOUT) and station.plc.trips == Trip.MEMORY
    assert not station.plc.outputs.pulse_gate


@pytest.mark.parametrize("part", ["pulse", "run", "windows"])
def test_a_wrong_bit_in_what_only_such_a_bench_has_trips(part: str) -> None:
    station = on_the_air(pulses=1000)
    plc = station.plc
    side = plc._run
    assert side is not None
    if part == "pulse":
        plc.control = plc.control._replace(pulse=plc.control.pulse._replace(ages=(6000,) * 4 + (6001,)))
    elif part == "run":
        plc.times = plc.times._replace(run=plc.times.run._replace(pulses=0))
    else:
        side.memory = side.memory._replace(good=(0, *side.memory.good[1:]))
    station.scan()
    assert plc.trips == Trip.MEMORY


def test_auxiliaries_asked_for_before_the_first_scan_are_on_after_it() -> None:
    """What is taken over from the relays comes before what is asked for; also in a PLC that restarts."""
    station = RunStation()
    for asked in (PUMPS, ALL_ON):
        station.exchange(C.AUXILIARIES, (asked,))
        station.scan()
        assert (station.plc.scan_number, station.plc.status().ack) == (1, Refusal.ACCEPTED)
        assert station.status.auxiliaries_asked == station.status.auxiliaries == asked
        station.scan()
        assert station.run_bench.relays == asked
        station.plc.inject("reboot")


def test_a_controller_that_sees_nothing_does_not_keep_a_run_alive() -> None:
    """Its requests arrive and no answer does: it echoes the last scan it knows, and that feeds no watchdog."""
    station = on_the_air()
    station.scan(100)
    station.alive = False
    seen, scans = station.plc.scan_number, 0
    while station.state is S.RUN:
        station.scan()
        scans += 1
        if scans % 5 == 0:
            station.plc.exchange(replace(station.request(), age_echo=seen))
    assert (station.state, station.plc.trips) == (S.TRIP, Trip.HEARTBEAT)
    assert scans == 30 + 50 + 1, "the oldest answer that still counts, the watchdog, one scan"
    assert not station.plc.outputs.pulse_gate


def test_a_bench_that_is_found_running_is_warm_within_two_seconds_and_not_after() -> None:
    heater = 1 << WINDOWS.index("heater_current_a")
    station = RunStation()
    station.run_bench.values["heater_current_a"] = 20.0
    station.plc.left_running()
    station.scan(199)
    assert station.status.windows_lost == station.status.windows_cold == heater
    station.run_bench.values["heater_current_a"] = 25.0
    station.scan()
    assert not station.status.windows_lost | station.status.windows_cold
    late = RunStation()
    late.run_bench.values["heater_current_a"] = 20.0
    late.plc.left_running()
    late.scan(200)
    late.run_bench.values["heater_current_a"] = 25.0
    late.scan(10)
    assert late.status.windows_cold == heater
    late.plc.inject("reboot")
    late.scan(10)
    assert late.status.windows_cold == heater and late.status.windows_lost, "a restart is no find"
    Station().plc.left_running()


def test_a_restart_forgets_the_warm_up_and_keeps_the_counter() -> None:
    station = everything_on()
    station.arm(S.RUN)
    station.plc.inject("reboot")
    station.scan(2)
    assert (station.state, station.status.auxiliaries) == (S.TRIP, ALL_ON)
    assert station.status.windows_cold == 1 << WINDOWS.index("heater_current_a")
    assert station.status.pulse_counter == station.run_bench.counter
    assert not station.plc.trips & Trip.PULSE_OVERRUN


def test_the_run_block_says_what_the_plc_says() -> None:
    station = on_the_air(pulses=1000)
    station.scan(30)
    registers = PlcRegisters(station.plc)
    block = registers.read(RUN_ADDRESS, RUN_REGISTERS)
    assert isinstance(block, bytes)
    read = decode_run_status(block)
    said = station.status
    assert read.window_values == pytest.approx(said.window_values, rel=1e-6)
    for name in said.__slots__:
        if name != "window_values":
            assert getattr(read, name) == getattr(said, name), name
    assert (read.pulses, read.pulses_asked, read.scan) == (15, 1000, station.plc.scan_number)
    assert read.run_age_ms == 300
    assert encode_run_status(read) == block
    assert registers.read(RUN_ADDRESS, RUN_REGISTERS + 1) is ExceptionCode.ILLEGAL_ADDRESS


def test_a_bench_that_fires_once_has_no_run_block_and_refuses_the_commands() -> None:
    station = Station()
    assert PlcRegisters(station.plc).read(RUN_ADDRESS, 1) is ExceptionCode.ILLEGAL_ADDRESS
    assert station.plc.run_status() is None
    for command, arguments in ((C.RUN, encode_run(RunArguments(1, 0, 0))), (C.HOLD, ()), (C.AUXILIARIES, (1,))):
        assert station.do(command, arguments).ack is Refusal.WRONG_STATE
    assert station.plc.outputs.auxiliaries == 0


def test_arguments_of_run_and_auxiliaries() -> None:
    asked = RunArguments(7, 0xFFFFFFFF, 10_000_000)
    assert decode_run(encode_run(asked)) == asked and len(encode_run(asked)) == 6
    with pytest.raises(ValueError, match="does not fit"):
        encode_run(RunArguments(-1, 0, 0))
    with pytest.raises(ValueError, match="6 belong"):
        decode_run((1, 2))
    assert decode_auxiliaries((0x55,)) == 0x55
    for registers in ((), (1, 2), (0x100,)):
        with pytest.raises(ValueError, match="one register"):
            decode_auxiliaries(registers)
