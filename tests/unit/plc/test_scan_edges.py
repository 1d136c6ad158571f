"""The joined PLC at its edges: the last scan that still counts, the first that does not, and what a restart renews."""

from dataclasses import replace

import pytest

from drivers.wire.plc import EventCode, PlcCommand, PlcState, Refusal, Trip
from drivers.wire.plc_arguments import FireEnableArguments, encode_fire_enable
from firmware_sim.plc.levels import Proof
from firmware_sim.plc.plc import Plc
from firmware_sim.plc.trend import SETTLE_SCANS
from firmware_sim.signals import FieldInputs
from tests.unit.plc.kit import CHARGED, LIMITS, TIMES, Station, control_in

S = PlcState
C = PlcCommand
STORED = {"control", "permit", "bands", "times", "_tested", "_horn_from"}


@pytest.fixture
def station() -> Station:
    return Station()


# ---- what the guards are told -------------------------------------------------------------------------------------


def test_permit_is_judged_on_the_same_warning_as_the_status_shows(station: Station) -> None:
    """The horn's second, then 30 s: on both edges the guard and the status block say the same."""
    station.scan(TIMES.dwell)
    assert not station.plc.levels.facts.warned, "nobody was ever warned"
    station.do(C.WARN)
    plc, began = station.plc, station.plc.scan_number
    for age, warned in ((1, False), (50, False), (99, False), (100, True), (101, True), (3100, True), (3101, False)):
        plc.scan_number = began + age - 1
        plc.scan(station.bench.inputs)
        assert plc.levels.facts.warned is warned is plc.warned, age


def test_permit_is_judged_on_a_self_test_of_the_last_eight_hours(station: Station) -> None:
    station.ready()
    plc = station.plc
    plc.scan_number = plc._tested + 8 * 3600 * 100 - 1
    for fresh in (True, False):
        plc.scan(station.bench.inputs)
        assert plc.levels.facts.self_test_fresh is fresh is plc.self_test_fresh


def test_envelope_of_the_charge_is_not_judged_after_it(station: Station) -> None:
    """The time in FLOAT begins at zero: a full bank would be far above what a ramp can reach by then."""
    station.reach(S.FLOAT)
    for _ in range(5):
        station.scan()
        assert station.state is S.FLOAT and not station.plc.levels.facts.envelope_left


@pytest.mark.parametrize("state", CHARGED)
def test_collapse_is_a_pre_fire_in_every_charged_state(station: Station, state: PlcState) -> None:
    station.reach(state, 1000.0)
    if state is S.CHARGE:
        station.scan(200)
    station.bench.voltage_v *= 0.5
    station.scan()
    assert station.plc.levels.facts.falling
    assert station.state is S.TRIP and station.plc.trips & Trip.PREFIRE


# ---- commands -------------------------------------------------------------------------------------------------------


def test_warn_is_answered_without_a_guard(station: Station) -> None:
    station.scan(TIMES.dwell)
    for command in (C.WARN, C.SELF_TEST):
        status = station.do(command)
        event = station.plc.events[-1]
        assert (status.ack, status.guards) == (Refusal.ACCEPTED, 0)
        assert (event.code, event.detail, event.value) == (EventCode.COMMAND, command * 256, 0.0)


def test_fire_enable_in_shot_does_not_change_which_modules_have_to_fire(station: Station) -> None:
    """One of four fired. With the mask of that one alone the scan that looks at the latches would find them all."""
    station.bench.will_fire = 0b0001
    station.reach(S.SHOT, 400.0)
    while station.state is S.SHOT:
        asked = FireEnableArguments(station.token, station.plc.nonce, 0b0001, 0.005)
        assert station.do(C.FIRE_ENABLE, encode_fire_enable(asked)).ack is Refusal.WRONG_STATE
    assert station.state is S.DUMPING and station.plc.control.partial, "somebody must wait for the others"


def test_armed_bench_is_never_taken_over_however_long_nobody_spoke() -> None:
    station = Station()
    station.scan(4)
    for state, answer in ((S.FLOAT, Refusal.WRONG_CONNECTION), (S.SHOT, Refusal.WRONG_CONNECTION)):
        station.plc.control = control_in(state)
        assert not station.plc.link.fresh(station.plc.scan_number)
        assert station.exchange().ack is answer and station.plc.link.epoch == 0
    station.plc.control = control_in(S.SAFE)
    assert station.exchange().ack is Refusal.ACCEPTED and station.plc.link.epoch == 1


def test_every_boot_has_nonces_of_its_own() -> None:
    """What was recorded before a restart is good for nothing after it."""
    assert len({Plc(LIMITS, 1, boot_id).nonce for boot_id in range(20)}) == 20
    station = Station()
    before = station.plc.nonce
    station.plc.inject("reboot")
    assert station.plc.nonce != before


def test_unknown_fault_is_named() -> None:
    with pytest.raises(KeyError, match="no-such-fault"):
        Plc(LIMITS, 1, 3).inject("no-such-fault")


# ---- the proof ------------------------------------------------------------------------------------------------------


def test_fit_waits_for_contacts_that_are_proven_closed(station: Station) -> None:
    """While a dump travels nothing is measured; the fit begins with the fifth scan on which both are closed."""
    station.reach(S.FLOAT, 1000.0)
    station.force.update(dump_a_closed=False, dump_a_open=False)
    station.do(C.DUMP)
    station.scan(3)
    assert station.state is S.DUMPING and station.plc.proof.fitted
    assert station.plc.control.dwell == 0 and station.plc.proof._decays is None
    station.force.clear()
    for closed in range(1, SETTLE_SCANS + 2):
        station.scan()
        assert station.plc.control.dwell == closed
        assert (station.plc.proof._decays is not None) is (closed > SETTLE_SCANS)


def test_fit_begins_anew_on_the_scan_on_which_the_current_has_ended(station: Station) -> None:
    station.bench.will_fire = 0
    station.reach(S.SHOT, 1000.0)
    station.force["zero_current"] = False
    station.until(S.DUMPING)
    station.scan(3)
    assert station.plc.control.current_wait and station.plc.proof.fitted
    station.force["zero_current"] = True
    station.bench.voltage_v = 0.0
    station.scan()
    assert not station.plc.control.current_wait and station.plc.proof.fitted is False


def test_proof_and_trip_are_stamped_with_their_scans(station: Station) -> None:
    station.reach(S.FLOAT, 1000.0)
    station.do(C.DUMP)
    while station.plc.proof.level is Proof.OPEN:
        station.scan()
    event = station.plc.events[-1]
    assert (event.code, event.scan) == (EventCode.PROOF, station.plc.scan_number)
    station.force["estop_ok"] = False
    station.scan()
    trip, state = station.plc.events[-2:]
    assert (trip.code, state.code) == (EventCode.TRIP, EventCode.STATE)
    assert trip.scan == state.scan == station.plc.scan_number


@pytest.mark.parametrize("cause", ["restart", "memory"])
def test_whoever_forgot_the_permit_proves_the_whole_bank_safe(cause: str) -> None:
    """V_safe is 31.6 V for all four modules here, 50 V for one: 150 V are above four times the first only."""
    plc = Plc(replace(LIMITS, energy_safe_j=2.0), 1, 3)
    if cause == "restart":
        plc.inject("reboot")
    else:
        plc.scan(FieldInputs(module_v=[0.0] * 4))
        plc._tested ^= 1
    plc.scan(FieldInputs(module_v=[150.0] * 4, probe_a_v=150.0, probe_b_v=150.0))
    assert plc.control.state is S.TRIP and plc.proof.fitted is True


# ---- the fault memory_flip ------------------------------------------------------------------------------------------


def test_flip_hits_one_stored_part_and_over_the_boots_every_one() -> None:
    plc = Plc(LIMITS, 1, 3)
    before = {name: getattr(plc, name) for name in STORED}
    hit = set()
    for plc.boot_id in range(400):
        plc._turn_over()
        changed = [name for name in STORED if getattr(plc, name) != before[name]]
        assert len(changed) == 1
        hit.update(changed)
        setattr(plc, changed[0], before[changed[0]])
    assert hit == STORED
