"""The joined PLC scan by scan: its log word for word, what a restart loses, and what each command leaves behind."""

import math

import pytest

from drivers.wire.plc import EventCode, PlcCommand, PlcRequest, PlcState, Refusal, Trip
from firmware_sim.plc.levels import Proof
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.plc import MISSED_SCANS_MAX, Plc
from firmware_sim.plc.settings import Permit, resolve_bands, resolve_times
from firmware_sim.signals import SELF_TEST_PATHS, FieldInputs, FieldOutputs
from tests.unit.plc.kit import LIMITS, TIMES, Station

S = PlcState
C = PlcCommand
E = EventCode


@pytest.fixture
def station() -> Station:
    return Station()


def log(station: Station, *codes: EventCode) -> list[tuple[EventCode, int, float, bool]]:
    """The ring: code, detail, value, first fault; of ``codes`` only when some are given."""
    events = [(EventCode(e.code), e.detail, e.value, e.first_fault) for e in station.plc.events]
    return [event for event in events if not codes or event[0] in codes]


def went(old: PlcState, new: PlcState) -> int:
    return old * 256 + new


def said(command: PlcCommand, ack: Refusal = Refusal.ACCEPTED) -> int:
    return command * 256 + ack


# ---- the log --------------------------------------------------------------------------------------------------------


def test_log_of_a_whole_shot(station: Station) -> None:
    station.reach(S.SHOT, 1000.0)
    station.until(S.SAFE, 400)
    entries = log(station)
    volts = {event.detail: event.value for event in station.plc.events if event.code == E.STATE}
    assert [entry[:2] for entry in entries] == [
        (E.BOOT, 4242),
        (E.LIMITS, LIMITS.limits_hash >> 32),
        (E.CONTROLLER, 1),
        (E.COMMAND, said(C.SELF_TEST)),
        (E.SELF_TEST, 13 * 256 + 13),
        (E.COMMAND, said(C.WARN)),
        (E.STATE, went(S.SAFE, S.OPENING)),
        (E.COMMAND, said(C.PERMIT)),
        (E.STATE, went(S.OPENING, S.CHARGE)),
        (E.COMMAND, said(C.CHARGE)),
        (E.STATE, went(S.CHARGE, S.FLOAT)),
        (E.STATE, went(S.FLOAT, S.ISOLATE)),
        (E.COMMAND, said(C.ISOLATE)),
        (E.STATE, went(S.ISOLATE, S.FIREWIN)),
        (E.COMMAND, said(C.FIRE_ENABLE)),
        (E.STATE, went(S.FIREWIN, S.SHOT)),
        (E.FIRE, 1),
        (E.COMMAND, said(C.FIRE)),
        (E.STATE, went(S.SHOT, S.DUMPING)),
        (E.LATCHES, 0b1111),
        (E.PROOF, Proof.HOLDS),
        (E.STATE, went(S.DUMPING, S.SAFE)),
    ]
    assert not any(entry[3] for entry in entries)
    assert {entry[2] for entry in entries if entry[0] in (E.BOOT, E.LIMITS, E.LATCHES, E.SELF_TEST)} == {0.0}
    assert log(station, E.CONTROLLER)[0][2] == 9.0, "its connection id"
    assert log(station, E.FIRE)[0][2] == 1000.0 and log(station, E.PROOF)[0][2] == 1.0
    assert volts[went(S.FIREWIN, S.SHOT)] == volts[went(S.FLOAT, S.ISOLATE)] == 1000.0
    assert volts[went(S.SHOT, S.DUMPING)] == 0.0


def test_log_is_stamped_with_the_scan(station: Station) -> None:
    station.reach(S.SHOT, 1000.0)
    station.until(S.SAFE, 400)
    stamps = {(event.code, event.detail): event.scan for event in station.plc.events}
    assert stamps[E.BOOT, 4242] == 0 == stamps[E.LIMITS, LIMITS.limits_hash >> 32]
    assert stamps[E.CONTROLLER, 1] == 5
    fired = stamps[E.FIRE, 1]
    assert stamps[E.STATE, went(S.FIREWIN, S.SHOT)] == fired == stamps[E.COMMAND, said(C.FIRE)]
    assert stamps[E.STATE, went(S.SHOT, S.DUMPING)] == fired + 10 == stamps[E.LATCHES, 0b1111]
    safe = stamps[E.STATE, went(S.DUMPING, S.SAFE)]
    assert safe == station.plc.scan_number and stamps[E.PROOF, Proof.HOLDS] == safe - 1
    assert fired + 10 + TIMES.dwell < safe < fired + 10 + TIMES.dwell + 40


def test_refused_command_is_logged_with_its_guards(station: Station) -> None:
    station.scan(TIMES.dwell)
    status = station.do(C.PERMIT, station.permit_arguments(100.0))
    assert log(station)[-1] == (E.COMMAND, said(C.PERMIT, Refusal.GUARD), float(status.guards), False)
    assert status.guards and status.ack is Refusal.GUARD


@pytest.mark.parametrize(("will_fire", "latches", "mark"), [(0, 0, 1), (0b0011, 0b0011, 2)])
def test_log_of_a_misfire(station: Station, will_fire: int, latches: int, mark: int) -> None:
    station.bench.will_fire = will_fire
    station.reach(S.SHOT, 400.0)
    station.until(S.DUMPING)
    assert [entry[:3] for entry in log(station)[-2:]] == [(E.LATCHES, latches, 0.0), (E.MISFIRE, mark, 0.0)]
    assert {event.scan for event in station.plc.events[-2:]} == {station.plc.scan_number}


def test_log_of_a_trip_names_what_is_new_and_the_first_fault_once(station: Station) -> None:
    station.reach(S.FLOAT, 400.0)
    station.do(C.DUMP)
    station.force["operator_key"] = False
    station.scan()
    assert station.state is S.DUMPING, "the key does not matter any more"
    station.force["estop_ok"] = False
    station.scan()
    volts = station.bench.voltage_v
    assert log(station)[-2:] == [
        (E.TRIP, Trip.ESTOP, volts, True),
        (E.STATE, went(S.DUMPING, S.TRIP), volts, False),
    ]
    assert station.plc.trips == Trip.ESTOP and isinstance(station.plc.trips, Trip)
    assert station.plc.control.first_fault == Trip.ESTOP


def test_trip_with_marks_of_an_earlier_one_logs_only_its_own(station: Station) -> None:
    """TEST keeps what tripped before it was entered."""
    station.scan(20)
    station.plc.control = station.plc.control._replace(state=S.TEST, trips=1, first_fault=1)
    station.plc.memory.state.store(station.plc._remembered())
    station.force.update(estop_ok=False, maintenance_key=True, charger_locked_out=True)
    station.scan()
    assert log(station, E.TRIP) == [(E.TRIP, Trip.ESTOP, 0.0, False)]


# ---- starting -------------------------------------------------------------------------------------------------------


def test_new_plc_is_safe_dark_and_knows_nobody() -> None:
    plc = Plc(LIMITS, 7, (1 << 32) + 3)
    status = plc.status()
    assert (status.state, status.boot_id, status.scan, status.rig_id, status.epoch) == (S.SAFE, 3, 0, 7, 0)
    assert (status.ack, status.ack_sequence, status.guards, status.state_age_ms) == (Refusal.ACCEPTED, 0, 0, 0)
    assert plc.outputs == FieldOutputs() and plc.answering and not plc.exercising
    assert plc.permit == Permit() and plc.bands == resolve_bands(LIMITS, Permit())
    assert plc.control == ControlState() and plc.inputs == FieldInputs()
    assert not plc.warned and not plc.self_test_fresh
    assert Plc(LIMITS, 7, 0xFFFFFFFF).boot_id == 0xFFFFFFFF


def test_first_scan_of_a_new_plc_is_quiet() -> None:
    plc = Plc(LIMITS, 7, 3)
    out = plc.scan(FieldInputs(module_v=[0.0] * 4))
    assert out is plc.outputs and out == FieldOutputs(door_lock=True), "the dwell has just begun"
    assert plc.scan_number == 1 and plc.control.state is S.SAFE
    for _ in range(TIMES.dwell - 1):
        plc.scan(FieldInputs(module_v=[0.0] * 4))
    assert plc.outputs == FieldOutputs(), "doors unlock after the dwell"


def test_restart_loses_permit_controller_tests_and_log(station: Station) -> None:
    station.reach(S.CHARGE)
    station.plc.inject("reboot")
    plc = station.plc
    assert plc.control == ControlState(state=S.TRIP)
    assert (plc.permit, plc.link.epoch, plc.scan_number, plc.boot_id) == (Permit(), 0, 0, 4243)
    assert [e[:2] for e in log(station)] == [(E.BOOT, 4243), (E.LIMITS, LIMITS.limits_hash >> 32)]
    assert plc.outputs == FieldOutputs()
    assert not plc.self_test_fresh and not plc.warned
    plc.inject("reboot", on=False)
    assert plc.boot_id == 4243, "nothing to switch off"


@pytest.mark.parametrize(
    ("highest", "fitted"), [("probe_a_v", True), ("probe_b_v", True), ("module_v", True), ("", False)]
)
def test_restarted_plc_wants_to_see_what_is_in_the_bank_go(highest: str, fitted: bool) -> None:
    """Above 4 V_safe, on any probe or module, the decay has to fit."""
    plc = Plc(LIMITS, 1, 3)
    plc.inject("reboot")
    inputs = FieldInputs(module_v=[0.0] * 4)
    if highest:
        setattr(inputs, highest, [0.0, 0.0, 0.0, 201.0] if highest == "module_v" else 201.0)
    plc.scan(inputs)
    assert plc.proof.fitted is fitted


def test_only_the_first_scan_of_a_restart_looks_at_the_bank() -> None:
    plc = Plc(LIMITS, 1, 3)
    plc.inject("reboot")
    plc.scan(FieldInputs(module_v=[0.0] * 4))
    plc.scan(FieldInputs(module_v=[0.0] * 4, probe_a_v=201.0, probe_b_v=201.0))
    assert plc.proof.fitted is False


def test_dead_plc_keeps_its_outputs_for_four_missed_scans() -> None:
    assert MISSED_SCANS_MAX == 5
    station = Station()
    station.reach(S.SHOT)
    on = station.plc.outputs
    station.plc.inject("dead")
    for _ in range(4):
        assert station.plc.scan(FieldInputs()) is on
        assert on.dump_a_open and on.dump_b_open and on.gate_open_ns
    on.horn = on.fire = on.beacon = True
    on.self_test_path = 3
    station.plc.scan(FieldInputs())
    assert on == FieldOutputs() and station.plc.answering is False
    assert station.plc.scan_number == station.plc.events[-1].scan
    station.plc.inject("dead", on=False)
    assert station.plc.answering and station.state is S.TRIP and station.plc.boot_id == 4243
    station.plc.inject("dead")
    station.plc.scan(FieldInputs())
    assert station.plc._missed == 1, "counted from the beginning again"


def test_silent_plc_goes_on_scanning(station: Station) -> None:
    station.plc.inject("silent")
    assert station.plc.answering is False
    station.scan()
    assert station.plc.scan_number == 1
    station.plc.inject("silent", on=False)
    assert station.plc.answering is True and station.plc.boot_id == 4242


# ---- commands -------------------------------------------------------------------------------------------------------


def test_heartbeat_changes_no_acknowledgement(station: Station) -> None:
    station.scan(5)
    station.do(C.WARN)
    before = station.plc.status()
    station.scan(20)
    after = station.plc.status()
    assert (after.ack, after.ack_sequence, after.guards) == (before.ack, before.ack_sequence, before.guards)
    assert log(station)[-1][1] == said(C.WARN)


def test_command_is_carried_out_once(station: Station) -> None:
    station.ready()
    station.do(C.ISOLATE)
    count = len(log(station))
    station.scan(3)
    assert len(log(station)) == count


def test_second_command_before_the_scan_is_refused_and_dump_is_not(station: Station) -> None:
    station.scan(5)
    station.exchange(C.WARN)
    status = station.exchange(C.SELF_TEST)
    assert (status.ack, status.ack_sequence, status.guards) == (Refusal.BAD_SEQUENCE, station.sequence, 0)
    station.exchange(C.DUMP)
    station.scan()
    assert log(station)[-1][1] == said(C.DUMP)
    assert station.exchange().ack is Refusal.ACCEPTED


def test_heartbeat_leaves_a_waiting_command_alone(station: Station) -> None:
    station.scan(5)
    station.exchange(C.WARN)
    assert station.exchange().ack is Refusal.ACCEPTED
    station.scan()
    assert station.plc.outputs.horn


def test_same_controller_is_logged_once_and_each_new_one(station: Station) -> None:
    station.scan(20)
    assert log(station, E.CONTROLLER) == [(E.CONTROLLER, 1, 9.0, False)]
    station.alive = False
    station.scan(60)
    plc = station.plc
    plc.exchange(PlcRequest(C.NONE, (), 1, 4, 77, plc.scan_number))
    assert log(station, E.CONTROLLER)[1:] == [(E.CONTROLLER, 4, 77.0, False)]
    assert plc.events[-1].scan == plc.scan_number


def test_refused_permit_gives_back_the_permit_before(station: Station) -> None:
    station.ready()
    station.force["operator_key"] = False
    station.do(C.PERMIT, station.permit_arguments(100.0))
    assert station.plc.permit == Permit()
    assert station.plc.bands == resolve_bands(LIMITS, Permit()) and station.plc.times == resolve_times(LIMITS, Permit())
    nonce = station.plc.nonce
    station.force["operator_key"] = True
    assert station.do(C.PERMIT, station.permit_arguments(100.0)).ack is Refusal.ACCEPTED
    assert station.plc.permit == Permit(0b1111, 100.0, 250.0, 2.0, 1, 0b1111)
    assert station.plc.bands == resolve_bands(LIMITS, station.plc.permit)
    assert station.plc.times == resolve_times(LIMITS, station.plc.permit)
    assert station.plc.nonce != nonce, "CHARGE needs a new one"


def test_permit_in_another_state_touches_nothing(station: Station) -> None:
    station.reach(S.OPENING, 1000.0)
    station.shot = 2
    permit, nonce = station.plc.permit, station.plc.nonce
    assert station.do(C.PERMIT, station.permit_arguments(100.0)).ack is Refusal.WRONG_STATE
    assert (station.plc.permit, station.plc.nonce) == (permit, nonce)


def test_fire_enable_in_another_state_touches_nothing(station: Station) -> None:
    station.reach(S.FLOAT, 400.0)
    bands, nonce = station.plc.bands, station.plc.nonce
    assert station.do(C.FIRE_ENABLE, station.fire_enable_arguments()).ack is Refusal.WRONG_STATE
    assert (station.plc.bands, station.plc.nonce) == (bands, nonce)


def test_refused_fire_enable_leaves_the_gate_shut_and_the_nonce(station: Station) -> None:
    station.reach(S.ISOLATE, 400.0)
    station.force["second_consent"] = False
    permit, nonce = station.plc.permit, station.plc.nonce
    assert station.do(C.FIRE_ENABLE, station.fire_enable_arguments()).ack is Refusal.GUARD
    assert (station.plc.permit, station.plc.nonce, station.plc._tokens.gate_ns) == (permit, nonce, 0)


def test_refused_fire_leaves_the_nonce_and_a_carried_out_one_does_not(station: Station) -> None:
    station.reach(S.FIREWIN, 400.0)
    nonce = station.plc.nonce
    station.force["second_consent"] = False
    assert station.do(C.FIRE, station.shot_arguments()).ack is Refusal.GUARD
    assert station.plc.nonce == nonce
    station.force["second_consent"] = True
    assert station.do(C.FIRE, station.shot_arguments()).ack is Refusal.ACCEPTED
    assert station.plc.nonce != nonce


@pytest.mark.parametrize("cause", ["DUMP", "TRIP"])
def test_token_ends_with_the_shot(station: Station, cause: str) -> None:
    station.reach(S.FIREWIN, 400.0)
    if cause == "DUMP":
        station.do(C.DUMP)
    else:
        station.force["estop_ok"] = False
        station.scan()
    assert station.plc._tokens.token is None and station.plc._tokens.gate_ns == 0


# ---- horn, warning and self-test ------------------------------------------------------------------------------------


def test_horn_and_beacon_run_their_time_and_the_warning_lasts_30_s(station: Station) -> None:
    station.scan(TIMES.dwell)
    station.do(C.WARN)
    start = station.plc.scan_number
    for age in range(3200):
        out = station.plc.outputs
        assert (station.plc.scan_number - start, out.horn) == (age, age < 100)
        assert station.plc.warned is (100 <= age <= 3100)
        assert out.beacon is (age <= 3100)
        station.scan()


def test_warning_is_spent_by_the_permit(station: Station) -> None:
    station.reach(S.OPENING, 100.0)
    assert not station.plc.warned and station.plc.outputs.beacon, "lit by the state now"
    station.do(C.DUMP)
    station.until(S.SAFE, 400)
    assert not station.plc.outputs.beacon


def test_warn_and_self_test_wait_for_safe_and_for_each_other(station: Station) -> None:
    station.scan(5)
    assert station.do(C.SELF_TEST).ack is Refusal.ACCEPTED
    assert station.plc.exercising and station.do(C.WARN).ack is Refusal.WRONG_STATE
    assert station.do(C.SELF_TEST).ack is Refusal.WRONG_STATE
    while station.plc.exercising:
        assert not station.plc.outputs.horn
        station.scan()
    assert station.plc.test.passed == 13 and station.plc.self_test_fresh
    station.do(C.SELF_TEST)
    assert not station.plc.self_test_fresh, "a test begun makes the last one stale"
    flight = Station()
    flight.reach(S.FLOAT, 400.0)
    for command in (C.WARN, C.SELF_TEST):
        assert flight.do(command).ack is Refusal.WRONG_STATE
    assert flight.plc.self_test_fresh and not flight.plc.outputs.horn


def test_every_path_is_driven_in_its_order_and_hides_its_own_trip(station: Station) -> None:
    station.scan(TIMES.dwell)
    driven: list[int] = []
    station.do(C.SELF_TEST)
    while station.plc.exercising:
        path = station.plc.outputs.self_test_path
        if path and driven[-1:] != [path]:
            driven.append(path)
        station.scan()
    assert driven == list(range(1, len(SELF_TEST_PATHS) + 1))
    assert station.plc.outputs.self_test_path == 0 and station.state is S.SAFE


def test_self_test_fails_what_does_not_answer_within_its_time(station: Station) -> None:
    station.scan(TIMES.dwell)
    station.bench.test_relays = False
    station.do(C.SELF_TEST)
    scans = 0
    while station.plc.exercising:
        station.scan()
        scans += 1
    assert 1 + scans == 13 * 10, "0.1 s for each path, from the scan of the command"
    assert log(station, E.SELF_TEST) == [(E.SELF_TEST, ((1 << 13) - 1) << 16 | 13, 0.0, False)]
    assert not station.plc.self_test_fresh
    assert station.plc.events[-1].scan == station.plc.scan_number


@pytest.mark.parametrize("cause", ["estop", "rebound"])
def test_trip_stops_the_self_test_and_makes_it_stale(station: Station, cause: str) -> None:
    """The bias check begins on the scan of the trip: a relay of the self-test in its place would fail the proof."""
    station.ready()
    assert station.plc.self_test_fresh
    station.do(C.SELF_TEST)
    station.scan()
    if cause == "estop":
        station.force["estop_ok"] = False
    else:
        station.bench.voltage_v = 80.0
    station.scan()
    assert station.state is S.TRIP and not station.plc.test.running and not station.plc.self_test_fresh
    assert len(station.plc.test.failed) == 13 - station.plc.test.passed
    station.force.clear()
    station.scan(TIMES.dwell)
    assert station.plc.proof.level is Proof.HOLDS and station.state is S.TRIP
    station.force["local_reset"] = True
    station.scan()
    assert station.state is S.SAFE


# ---- trends and proof -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probe", ["probe_a_v", "probe_b_v"])
def test_charge_begins_where_the_higher_probe_is(station: Station, probe: str) -> None:
    """40 V are left: 60 V of margin above that, not above zero."""
    station.reach(S.OPENING)
    station.scan(2)
    station.force[probe] = 40.0
    station.do(C.CHARGE, station.shot_arguments())
    assert station.plc._trend._start_v == 40.0


def test_peaks_before_the_dump_count_for_its_proof_and_those_of_shot_do_not(station: Station) -> None:
    station.reach(S.SHOT, 1000.0)
    assert station.plc.proof._a_peak_v == 1000.0 == station.plc.proof._b_peak_v
    station.force["probe_a_v"] = 3000.0
    station.scan(3)
    assert station.plc.proof._a_peak_v == 1000.0
    next_shot = Station()
    next_shot.reach(S.FLOAT, 400.0)
    next_shot.do(C.DUMP)
    next_shot.until(S.SAFE, 400)
    next_shot.shot = 2
    next_shot.do(C.WARN)
    next_shot.scan(100)
    assert next_shot.do(C.PERMIT, next_shot.permit_arguments(100.0)).ack is Refusal.ACCEPTED
    assert next_shot.plc.proof._a_peak_v == 0.0, "a new shot has followed nothing yet"


def test_dump_below_four_v_safe_is_proven_by_the_bias_check_of_both_probes(station: Station) -> None:
    station.reach(S.FLOAT, 150.0)
    station.do(C.DUMP)
    assert station.plc.proof.fitted is False
    driven: list[int] = []
    for _ in range(400):
        station.scan()
        path = station.plc.outputs.self_test_path
        if path and driven[-1:] != [path]:
            driven.append(path)
        if station.state is S.SAFE:
            break
    assert driven == [8, 9] and station.state is S.SAFE
    assert log(station, E.PROOF) == [(E.PROOF, Proof.HOLDS, 1.0, False)]


def test_probe_that_cannot_be_driven_fails_the_low_voltage_proof_and_locks_out(station: Station) -> None:
    station.reach(S.FLOAT, 150.0)
    station.do(C.DUMP)
    station.force["probe_b_v"] = 0.0
    station.until(S.LOCKOUT, 400)
    assert log(station, E.PROOF) == [(E.PROOF, Proof.FAILED, 1.0, False)]


def test_proof_of_a_fitted_dump_is_logged_with_its_worst_ratio(station: Station) -> None:
    station.reach(S.FLOAT, 1000.0)
    station.bench.dump_tau_s *= 1.2
    station.do(C.DUMP)
    station.until(S.SAFE, 400)
    ((code, detail, ratio, _),) = log(station, E.PROOF)
    assert (code, detail) == (E.PROOF, Proof.HOLDS) and ratio == pytest.approx(1.2, abs=0.02)


@pytest.mark.parametrize("probe", ["probe_a_v", "probe_b_v"])
def test_probe_without_a_number_proves_nothing(station: Station, probe: str) -> None:
    station.reach(S.FLOAT, 1000.0)
    station.force[probe] = math.nan
    station.scan(60)
    assert station.state is S.TRIP and station.plc.proof.level is Proof.OPEN
    assert log(station, E.PROOF) == []


def test_fit_begins_when_the_dumps_have_closed_after_the_current(station: Station) -> None:
    """In SHOT the bank rings; what counts is what is left when the wait is over."""
    station.bench.will_fire = 0
    station.reach(S.SHOT, 1000.0)
    station.force["zero_current"] = False
    station.until(S.DUMPING)
    assert station.plc.proof.fitted is True
    station.bench.voltage_v = 0.0
    waited = 0
    while station.plc.control.current_wait:
        station.scan()
        waited += 1
    assert waited == TIMES.current_wait and station.plc.proof.fitted is False


@pytest.mark.parametrize("name", ["probe_a_v", "probe_b_v", "module_v"])
def test_highest_of_all_readings_decides_how_a_dump_is_proven(station: Station, name: str) -> None:
    station.reach(S.FLOAT, 150.0)
    station.force[name] = [150.0, 150.0, 150.0, 201.0] if name == "module_v" else 201.0
    station.do(C.DUMP)
    assert station.plc.proof.fitted is True


def test_trip_out_of_dumping_does_not_begin_the_proof_again(station: Station) -> None:
    station.reach(S.FLOAT, 1000.0)
    station.do(C.DUMP)
    station.scan(8)
    decays = station.plc.proof._decays
    assert decays is not None
    station.force["estop_ok"] = False
    station.scan()
    assert station.state is S.TRIP and station.plc.proof._decays is decays


def test_state_age_counts_from_the_scan_of_the_change(station: Station) -> None:
    station.reach(S.FLOAT, 400.0)
    station.do(C.ISOLATE)
    assert station.plc.state_age_scans == 0
    station.scan(7)
    assert station.plc.state_age_scans == 7 and station.plc.status().state_age_ms == 70


# ---- lost memory ----------------------------------------------------------------------------------------------------


def test_lost_memory_forgets_everything_but_where_it_is(station: Station) -> None:
    station.reach(S.FIREWIN, 1000.0)
    plc = station.plc
    plc.control = plc.control._replace(t=plc.control.t ^ 1)
    station.scan()
    entered = plc.scan_number
    assert plc.control._replace(dump_t=0, dwell=0, quiet=0, t=0, contactor_moving=0, dumps_moving=0) == ControlState(
        state=S.TRIP, misfire=True, trips=int(Trip.MEMORY), first_fault=int(Trip.MEMORY)
    )
    assert plc.permit == Permit() and plc._tokens.token is None and plc._tokens.gate_ns == 0
    assert not plc.self_test_fresh and not plc.warned and not plc.exercising
    assert plc.proof.fitted is True and plc.proof._a_peak_v == 0.0
    assert log(station)[-1] == (E.TRIP, Trip.MEMORY, station.bench.inputs.probe_a_v, True)
    assert plc.events[-1].scan == entered and plc.state_age_scans == 0
    station.scan(3)
    assert plc.state_age_scans == 3


def test_memory_that_is_lost_during_a_test_stops_it(station: Station) -> None:
    station.scan(TIMES.dwell)
    station.do(C.SELF_TEST)
    station.plc._tested ^= 1
    station.scan()
    assert not station.plc.exercising and station.plc.outputs.self_test_path == 0


@pytest.mark.parametrize("part", ["permit", "bands", "times"])
def test_settings_are_remembered_twice_too(station: Station, part: str) -> None:
    station.reach(S.FLOAT, 400.0)
    damaged = {
        "permit": station.plc.permit._replace(shot=9),
        "bands": station.plc.bands._replace(overvoltage_v=3101.0),
        "times": station.plc.times._replace(charge=1),
    }
    setattr(station.plc, part, damaged[part])
    station.scan()
    assert station.plc.trips == Trip.MEMORY and station.plc.times == resolve_times(LIMITS, Permit())
