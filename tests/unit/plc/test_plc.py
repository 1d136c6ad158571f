"""The joined PLC on an ideal bench: whole shots, watchdog, tokens, fencing, proof of safe, faults."""

import math
from itertools import pairwise

import pytest

from drivers.wire.plc import (
    RUN_SELF_TEST_PATHS,
    SELF_TEST_PATHS,
    EventCode,
    Flag,
    Guard,
    PlcCommand,
    PlcRequest,
    PlcState,
    Refusal,
    Trip,
)
from drivers.wire.plc_arguments import PermitArguments, encode_permit, encode_shot
from firmware_sim import signals
from firmware_sim.plc.plc import MISSED_SCANS_MAX, Plc
from firmware_sim.signals import FieldInputs
from tests.unit.plc.kit import ARMED, CHARGED, LIMITS, TIMES, Station

S = PlcState
C = PlcCommand


@pytest.fixture
def station() -> Station:
    return Station()


def test_full_shot_returns_to_safe_and_proves_it(station: Station) -> None:
    station.reach(S.SHOT)
    assert station.plc.outputs.fire and station.plc.outputs.gate_open_ns == 5_000_000
    station.scan()
    assert not station.plc.outputs.fire and station.plc.outputs.gate_open_ns == 5_000_000
    assert station.until(S.DUMPING) == TIMES.shot - 1
    assert station.plc.outputs.gate_open_ns == 0
    station.until(S.SAFE, 200)
    status = station.plc.status()
    assert status.flags & Flag.PROOF_OF_SAFE and status.flags & Flag.UNLOCKED
    assert not status.flags & (Flag.MISFIRE | Flag.PARTIAL)
    assert station.bench.fires == 1 and status.trips == 0
    states = [event.detail & 0xFF for event in station.plc.events if event.code == EventCode.STATE]
    assert states == [S.OPENING, S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN, S.SHOT, S.DUMPING, S.SAFE]


@pytest.mark.parametrize("state", (S.OPENING, *CHARGED), ids=lambda state: state.name)
def test_watchdog_ends_an_armed_state(station: Station, state: PlcState) -> None:
    """SHOT is left out: it lasts 100 ms, less than the watchdog."""
    station.reach(state)
    station.alive = False
    last = station.plc.scan_number
    watchdog = round(LIMITS.watchdog_s / LIMITS.scan_s)
    trips = {S.OPENING: Trip.HEARTBEAT, S.CHARGE: Trip.HEARTBEAT, S.FLOAT: Trip.HEARTBEAT}
    while station.state in ARMED:
        station.scan()
    elapsed = station.plc.scan_number - last
    assert elapsed <= watchdog + 1, "500 ms and one scan"
    if state in trips:
        assert station.plc.trips == trips[state] and station.plc.status().first_fault == 6
    assert not station.plc.outputs.charger_enable


@pytest.mark.parametrize("state", CHARGED, ids=lambda state: state.name)
def test_door_in_a_charged_state_trips_in_one_scan(station: Station, state: PlcState) -> None:
    station.reach(state)
    station.force["door_1"] = False
    station.scan()
    assert station.state is S.TRIP and Trip.DOOR_1 in station.plc.trips
    first = [event for event in station.plc.events if event.code == EventCode.TRIP]
    assert len(first) == 1 and first[0].first_fault and first[0].detail & Trip.DOOR_1


def test_trip_leaves_only_by_local_reset_with_cause_and_energy_gone(station: Station) -> None:
    station.reach(S.CHARGE)
    station.force["estop_ok"] = False
    station.scan()
    station.force["local_reset"] = True
    station.scan(300)
    assert station.state is S.TRIP, "cause present"
    station.force["estop_ok"] = True
    station.scan(10)
    assert station.state is S.TRIP, "the button was held, no edge"
    station.force["local_reset"] = False
    station.scan(2)
    station.force["local_reset"] = True
    station.scan(1)
    assert station.state is S.SAFE and station.plc.trips == 0
    assert not station.plc.status().flags & Flag.SELF_TEST_FRESH, "a trip voids the self-test"


def test_both_dumps_failing_is_lockout(station: Station) -> None:
    station.reach(S.CHARGE)
    station.bench.dump_tau_s = 100.0
    station.do(C.DUMP)
    assert station.until(S.LOCKOUT, 200) <= TIMES.dump + 1
    station.force["local_reset"] = True
    station.bench.voltage_v = 0.0
    station.scan(500)
    assert station.state is S.LOCKOUT


def test_one_dump_path_of_two_is_not_believed(station: Station) -> None:
    """A decay with twice the expected RC fails the proof (or the supervision) and locks out."""
    station.reach(S.FLOAT)
    station.bench.dump_tau_s = 0.2
    station.do(C.DUMP)
    station.until(S.LOCKOUT, 200)
    assert not station.plc.status().flags & Flag.PROOF_OF_SAFE


def test_probe_that_does_not_answer_its_bias_check_is_no_proof(station: Station) -> None:
    station.reach(S.FLOAT, 100.0)
    station.bench.test_relays = False
    station.do(C.DUMP)
    station.until(S.LOCKOUT, 400)
    proofs = [event.detail for event in station.plc.events if event.code == EventCode.PROOF]
    assert proofs == [2]


@pytest.mark.parametrize(("fired", "flag", "detail"), [(0, Flag.MISFIRE, 1), (0b0011, Flag.PARTIAL, 2)])
def test_misfire_dumps_at_once_and_waits_30_s(station: Station, fired: int, flag: Flag, detail: int) -> None:
    station.bench.will_fire = fired
    station.reach(S.SHOT)
    station.until(S.DUMPING)
    station.scan(2)
    assert not station.plc.outputs.dump_a_open and not station.plc.outputs.dump_b_open
    assert station.plc.status().flags & flag
    assert station.until(S.SAFE, 4000) > TIMES.no_approach
    assert [e.detail for e in station.plc.events if e.code == EventCode.MISFIRE] == [detail]


def test_prefire_while_charged_trips(station: Station) -> None:
    station.reach(S.FIREWIN)
    station.bench.voltage_v = 0.0
    station.bench.inputs.latches = 0b1111
    station.scan()
    assert station.state is S.TRIP and Trip.PREFIRE in station.plc.trips


def test_collapse_without_a_latch_is_a_prefire_too(station: Station) -> None:
    station.reach(S.ISOLATE)
    station.bench.voltage_v *= 0.95
    station.scan()
    assert station.plc.trips == Trip.PREFIRE


def test_slow_leak_is_no_prefire(station: Station) -> None:
    """A bleeder's decay over the longest stay is not taken for a collapse."""
    station.reach(S.ISOLATE)
    for _ in range(40):
        station.bench.voltage_v *= math.exp(-0.01 / (LIMITS.bleeder_ohm * LIMITS.capacitance_f[0]))
        station.scan()
    assert station.state is S.ISOLATE


def test_fire_with_collapsed_voltage_never_pulses(station: Station) -> None:
    """The error the prototype's model checking found: FIRE and pre-fire on the same scan (safety.md 3.6)."""
    station.reach(S.FIREWIN)
    station.exchange(C.FIRE, station.shot_arguments())
    station.bench.voltage_v = 0.0
    station.scan()
    assert station.state is S.TRIP and station.bench.fires == 0 and not station.plc.outputs.fire


def test_charge_that_does_not_rise_leaves_the_envelope(station: Station) -> None:
    station.reach(S.OPENING)
    station.bench.ramp_v_per_s = 0.0
    station.scan(2)
    station.do(C.CHARGE, station.shot_arguments())
    station.until(S.TRIP, 1000)
    assert station.plc.trips == Trip.CHARGE_ENVELOPE


def test_charge_that_runs_away_leaves_the_envelope(station: Station) -> None:
    station.reach(S.CHARGE)
    station.bench.ramp_v_per_s = 1000.0
    took = station.until(S.TRIP, 100)
    assert station.plc.trips == Trip.CHARGE_ENVELOPE and took < 20


def test_charge_that_stops_short_runs_out_of_time(station: Station) -> None:
    station.reach(S.OPENING)
    station.scan(2)
    station.bench.target_v = 2900.0
    station.do(C.CHARGE, station.shot_arguments())
    assert station.until(S.TRIP, 3000) <= TIMES.charge
    assert station.plc.trips & (Trip.CHARGE_TIME | Trip.CHARGE_ENVELOPE)


def test_contactor_mismatch_waits_for_travel_and_two_scans(station: Station) -> None:
    station.reach(S.FLOAT)
    station.force.update(contactor_open=False, contactor_closed=False)
    took = station.until(S.TRIP, 50)
    assert took == TIMES.contactor_travel == 6


def test_shot_blanks_probe_garbage_but_not_the_estop(station: Station) -> None:
    station.reach(S.SHOT)
    station.force.update(probe_a_v=math.nan, probe_b_v=9000.0, dump_a_closed=True, contactor_open=False)
    station.scan(3)
    assert station.state is S.SHOT
    station.force["estop_ok"] = False
    station.scan()
    assert station.plc.trips == Trip.ESTOP


def test_rebound_in_safe_trips(station: Station) -> None:
    station.reach(S.SAFE)
    station.bench.voltage_v = 80.0
    station.scan()
    assert station.plc.trips == Trip.REBOUND and station.plc.outputs.door_lock


def test_single_dump_only_at_low_voltage(station: Station) -> None:
    station.reach(S.FLOAT, 200.0)
    status = station.do(C.DUMP_A)
    assert status.ack is Refusal.GUARD and station.state is S.FLOAT
    low = Station()
    low.reach(S.FLOAT, 100.0)
    assert low.do(C.DUMP_A).ack is Refusal.ACCEPTED
    assert (low.plc.outputs.dump_a_open, low.plc.outputs.dump_b_open) == (False, True)
    low.until(S.SAFE, 400)
    assert low.plc.status().flags & Flag.PROOF_OF_SAFE


def test_test_state_rehearses_with_the_gate_shut(station: Station) -> None:
    station.reach(S.SAFE)
    station.force.update(maintenance_key=True, charger_locked_out=True)
    assert station.do(C.ENTER_TEST).ack is Refusal.ACCEPTED
    assert station.do(C.REHEARSE).ack is Refusal.ACCEPTED
    assert station.plc.outputs.fire and station.plc.outputs.gate_open_ns == 0
    assert station.do(C.PERMIT, station.permit_arguments()).ack is Refusal.WRONG_STATE
    assert not station.plc.outputs.fire
    station.force["maintenance_key"] = False
    station.scan()
    assert station.state is S.SAFE


def test_both_ends_of_the_wire_list_the_same_paths() -> None:
    assert SELF_TEST_PATHS == signals.SELF_TEST_PATHS
    assert RUN_SELF_TEST_PATHS == signals.RUN_SELF_TEST_PATHS
    assert len(RUN_SELF_TEST_PATHS) <= 16


def test_self_test_names_the_path_that_does_not_answer(station: Station) -> None:
    station.scan(TIMES.dwell)
    station.force["hw_overvoltage_ok"] = True
    station.do(C.SELF_TEST)
    while station.plc.test.running:
        station.scan()
    assert station.plc.test.failed == ("hw_overvoltage",)
    status = station.plc.status()
    assert (status.self_test_passed, status.self_test_total) == (12, 13) == (12, len(SELF_TEST_PATHS))
    assert not status.flags & Flag.SELF_TEST_FRESH and station.state is S.SAFE


def test_self_test_is_fresh_for_8_h(station: Station) -> None:
    station.reach(S.SAFE)
    station.alive = False
    tested = next(e.scan for e in station.plc.events if e.code == EventCode.SELF_TEST)
    station.plc.scan_number = tested + 8 * 360_000
    assert station.plc.self_test_fresh
    station.plc.scan_number += 1
    assert not station.plc.self_test_fresh


def test_horn_runs_its_time_and_the_warning_expires(station: Station) -> None:
    station.scan(TIMES.dwell)
    station.do(C.WARN)
    horn = 0
    while station.plc.outputs.horn:
        horn += 1
        station.scan()
    assert horn == 100 and station.plc.warned
    station.scan(round(LIMITS.warned_valid_s * 100) + 1)
    assert not station.plc.warned


def test_permit_needs_consent_only_above_the_energy(station: Station) -> None:
    station.force["second_consent"] = False
    station.ready()
    status = station.do(C.PERMIT, station.permit_arguments(3000.0))
    assert status.ack is Refusal.GUARD and station.state is S.SAFE and status.confirmed_mask == 0
    assert station.do(C.PERMIT, station.permit_arguments(100.0)).ack is Refusal.ACCEPTED


@pytest.mark.parametrize(
    ("target_v", "ramp_v_per_s"), [(3000.1, 250.0), (0.0, 250.0), (1000.0, 250.1), (1000.0, 9.9), (6553.5, 250.0)]
)
def test_permit_beyond_the_plcs_own_limits(station: Station, target_v: float, ramp_v_per_s: float) -> None:
    station.ready()
    assert station.do(C.PERMIT, station.permit_arguments(target_v, ramp_v_per_s)).ack is Refusal.OUT_OF_LIMITS
    assert station.state is S.SAFE


def test_permit_token_is_bound_and_single_use(station: Station) -> None:
    station.ready()
    good = station.token
    wrong = {
        Refusal.WRONG_RIG: {"rig_id": 2},
        Refusal.STALE_EPOCH: {"epoch": 7},
        Refusal.BAD_TOKEN: {"profile_hash": 0},
        Refusal.MASK_MISMATCH: {"module_mask": 0b0111},
    }
    for refusal, change in wrong.items():
        fields = {name: getattr(good, name) for name in good.__slots__} | change
        token = type(good)(**fields)
        assert station.do(C.PERMIT, encode_permit(PermitArguments(token, 100.0, 250.0, 2.0))).ack is refusal
    assert station.do(C.PERMIT, station.permit_arguments(100.0)).ack is Refusal.ACCEPTED
    station.do(C.DUMP)
    station.until(S.SAFE, 400)
    station.do(C.WARN)
    station.scan(110)
    assert station.do(C.PERMIT, station.permit_arguments(100.0)).ack is Refusal.TOKEN_USED
    station.shot = 2
    assert station.do(C.PERMIT, station.permit_arguments(100.0)).ack is Refusal.ACCEPTED


def test_fire_needs_the_present_nonce(station: Station) -> None:
    station.reach(S.ISOLATE)
    old = station.shot_arguments()
    station.scan(2)
    station.do(C.FIRE_ENABLE, station.fire_enable_arguments())
    assert station.do(C.FIRE, old).ack is Refusal.BAD_TOKEN
    assert station.do(C.FIRE, encode_shot(2, station.plc.nonce)).ack is Refusal.BAD_TOKEN
    assert station.do(C.FIRE, ()).ack is Refusal.BAD_TOKEN
    assert station.bench.fires == 0 and station.state is S.FIREWIN


def test_fire_enable_keeps_the_gate_and_the_mask_in_bounds(station: Station) -> None:
    from drivers.wire.plc_arguments import FireEnableArguments, encode_fire_enable

    station.reach(S.ISOLATE)
    nonce = station.plc.nonce
    for mask, gate_s in ((0b10000, 0.005), (0, 0.005), (0b1111, 0.021), (0b1111, 0.0)):
        arguments = encode_fire_enable(FireEnableArguments(station.token, nonce, mask, gate_s))
        assert station.do(C.FIRE_ENABLE, arguments).ack is Refusal.OUT_OF_LIMITS
    arguments = encode_fire_enable(FireEnableArguments(station.token, nonce, 0b0001, 0.02))
    assert station.do(C.FIRE_ENABLE, arguments).ack is Refusal.ACCEPTED
    assert station.plc.bands.fire_mask == 0b0001


def test_dump_needs_neither_epoch_nor_sequence(station: Station) -> None:
    station.reach(S.CHARGE)
    station.plc.exchange(PlcRequest(C.DUMP))
    station.scan()
    assert station.state is S.DUMPING


def test_dead_plc_is_de_energised_after_five_missed_scans(station: Station) -> None:
    station.reach(S.CHARGE)
    station.plc.inject("dead")
    for missed in range(1, MISSED_SCANS_MAX + 1):
        out = station.plc.scan(FieldInputs())
        assert out.charger_enable is (missed < MISSED_SCANS_MAX)
    assert not (out.dump_a_open or out.dump_b_open or out.contactor_close)
    assert not station.plc.answering


def test_rebooted_plc_is_in_trip_with_another_boot_id(station: Station) -> None:
    station.reach(S.CHARGE)
    station.plc.inject("reboot")
    status = station.plc.status()
    assert status.state is S.TRIP and status.boot_id == 4243 and status.epoch == 0
    assert not station.plc.outputs.charger_enable and not station.plc.outputs.dump_a_open


def test_unknown_fault_is_refused(station: Station) -> None:
    with pytest.raises(KeyError):
        station.plc.inject("tea")
    assert set(Plc.FAULTS) == {"dead", "reboot", "silent", "memory_flip"}


def test_ring_keeps_256_events_with_monotonic_stamps(station: Station) -> None:
    station.ready()
    for _ in range(300):
        station.do(C.ISOLATE)
    events = station.plc.events
    assert len(events) == 256
    assert [event.number for event in events] == list(range(events[0].number, events[0].number + 256))
    assert all(a.scan <= b.scan for a, b in pairwise(events))


def test_same_inputs_same_events() -> None:
    runs = []
    for _ in range(2):
        station = Station()
        station.reach(S.SHOT)
        station.until(S.SAFE, 400)
        runs.append((station.plc.events, station.plc.status()))
    assert str(runs[0]) == str(runs[1])


def test_a_trip_makes_the_self_test_old_and_the_next_permit_needs_a_new_one(station: Station) -> None:
    station.reach(S.FLOAT, 400.0)
    assert station.plc.self_test_fresh
    station.force["door_1"] = station.force["door_2"] = False
    station.scan(2)
    assert station.state is S.TRIP and not station.plc.self_test_fresh
    station.force.clear()
    station.scan(300)
    station.force["local_reset"] = True
    station.scan(2)
    station.force.clear()
    station.bench.inputs.local_reset = False
    assert station.state is S.SAFE and not station.plc.self_test_fresh
    station.do(C.WARN)
    while not station.plc.warned:
        station.scan()
    station.shot = 2
    status = station.do(C.PERMIT, station.permit_arguments())
    assert status.ack is Refusal.GUARD and status.guards == Guard.SELF_TEST_FRESH
    station.ready()
    assert station.do(C.PERMIT, station.permit_arguments()).ack is Refusal.ACCEPTED
