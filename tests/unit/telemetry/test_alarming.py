"""What the core makes of frames: each rule of the bench with the smallest fault that breaks it, and nothing else."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.messages import Frame
from controller.runtime.alarming import EARLY_MAX
from controller.telemetry.alarms import AlarmState, Standing
from drivers.wire.plc import RUN_TRIPS, Trip
from tests.unit.telemetry.bench import AT_REST, FRAME_NS, RIG, Watched, status_of, words


@pytest.fixture
def bench() -> Watched:
    watched = Watched()
    watched.second()
    assert watched.take() == []
    return watched


# alarm -> the fault, and for how many frames of 20 ms it may last before it is an alarm
WRITTEN = [
    ("bank_high_a", {"values": {"probe_a": 3051.0}}, 10),
    ("bank_high_b", {"values": {"probe_b": 3051.0}}, 10),
    ("charger_voltage_high", {"values": {"charger_voltage": 3051.0}}, 50),
    ("charger_current_high", {"values": {"charger_current": 1.06}}, 50),
    ("plc_silent", {"ages": {"plc": 0.51}}, 25),
    ("daq_silent", {"ages": {"daq": 0.51}}, 100),
    ("charger_silent", {"ages": {"charger": 2.1}}, 150),
    ("lockout", {"state": "LOCKOUT"}, 0),
    ("misfire", {"points": ["flags.MISFIRE"]}, 0),
    ("partial_fire", {"points": ["flags.PARTIAL"]}, 0),
    ("energy_at_rest", {"points": ["-flags.ENERGY_SAFE"]}, 150),
    ("dump_a_at_rest", {"points": ["-inputs.DUMP_A_CLOSED"]}, 25),
    ("dump_b_at_rest", {"points": ["-inputs.DUMP_B_CLOSED"], "state": "LOCKOUT"}, 25),
    ("contactor_at_rest", {"points": ["-inputs.CONTACTOR_OPEN"], "state": "TRIP"}, 25),
    ("charger_at_rest", {"points": ["-inputs.CHARGER_INHIBITED"], "state": "TEST"}, 25),
]


def fault(bench: Watched, frames: int, fault: dict[str, object]) -> None:
    rest = {key: value for key, value in fault.items() if key != "points"}
    bench.frames(frames, *fault.get("points", []), **rest)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(("alarm", "what", "frames"), WRITTEN, ids=[row[0] for row in WRITTEN])
def test_each_rule_is_an_alarm_after_its_delay_and_no_sooner(
    bench: Watched, alarm: str, what: dict[str, object], frames: int
) -> None:
    if frames:
        fault(bench, frames - 5, what)
        assert (alarm, "UNACK_ALARM") not in bench.take()
    fault(bench, 11, what)
    assert (alarm, "UNACK_ALARM") in bench.take()


@pytest.mark.parametrize(("alarm", "what", "frames"), WRITTEN, ids=[row[0] for row in WRITTEN])
def test_each_rule_returns_after_its_delay_unless_it_latches(
    bench: Watched, alarm: str, what: dict[str, object], frames: int
) -> None:
    fault(bench, frames + 11, what)
    bench.take()
    bench.frames(45)
    assert bench.take() == []
    bench.frames(11)
    latching = next(row.latching for row in RIG.alarms if row.id == alarm)
    assert (alarm, "LATCH_UNACK" if latching else "RTN_UNACK") in bench.take()


def test_every_rule_of_the_bench_is_in_a_test() -> None:
    elsewhere = {"journal_dead", "instrument_lost", "core_late", "disk_low"}
    assert {row.id for row in RIG.alarms} == {alarm for alarm, _, _ in WRITTEN} | elsewhere


@pytest.mark.parametrize("trip", [trip for trip in Trip if trip not in RUN_TRIPS], ids=lambda trip: trip.name)
def test_a_trip_is_an_alarm_in_the_very_frame_that_shows_it(bench: Watched, trip: Trip) -> None:
    bench.frames(1, f"trips.{trip.name}")
    row = RIG.interlock(str(trip.name))
    assert row is not None
    (message,) = bench.said
    assert (message.id, message.title, message.guidance) == (f"trip_{row.id}", row.title, row.guidance)
    assert (message.priority, message.state, message.active) == ("critical", "UNACK_ALARM", True)
    assert (message.order, message.count, message.raised_utc) == (1, 1, f"label {bench.t_ns}")
    bench.said.clear()
    bench.frames(1)
    assert bench.take() == [(f"trip_{row.id}", "LATCH_UNACK")]


def test_the_first_fault_is_the_one_that_the_plc_saw_first(bench: Watched) -> None:
    bench.situation.status = status_of(first_fault=Trip.OVERVOLTAGE.bit_length())
    bench.frames(1, "trips.DOOR_1", "trips.OVERVOLTAGE", "trips.REBOUND")
    assert [(m.id, m.order, m.text) for m in bench.said] == [
        ("trip_overvoltage", 1, "the PLC's first fault"),
        ("trip_door_1", 2, ""),
        ("trip_rebound", 3, ""),
    ]
    bench.said.clear()
    bench.frames(10, "trips.DOOR_1", "trips.OVERVOLTAGE", "trips.REBOUND", "trips.KEY")
    assert [(m.id, m.order) for m in bench.said] == [("trip_operator_key", 4)]
    bench.said.clear()
    bench.frames(1)
    assert {(m.state, m.order) for m in bench.said} == {("LATCH_UNACK", 0)}


def test_a_trip_whose_first_fault_is_not_known_comes_in_the_order_of_the_bits(bench: Watched) -> None:
    bench.frames(1, "trips.REBOUND", "trips.DOOR_1")
    assert [m.id for m in bench.said] == ["trip_door_1", "trip_rebound"]


def test_a_fresh_value_that_is_no_number_is_not_healthy(bench: Watched) -> None:
    bench.second(values={"probe_a": math.nan})
    (message,) = bench.said
    assert (message.id, message.value, message.text) == ("bank_high_a", None, "no valid number")


@given(st.lists(st.sampled_from([math.nan, -math.inf, math.inf, 3100.0, 3021.0]), min_size=1, max_size=40))
def test_no_value_but_a_healthy_one_lets_an_alarm_return(values: list[float]) -> None:
    """3021 V is below the bound but within its deadband; minus infinity is below everything, but no voltage."""
    bench = Watched()
    bench.second(values={"probe_a": 3060.0})
    bench.take()
    for value in values:
        bench.second(values={"probe_a": value})
    assert bench.alarming.book.standing("bank_high_a").state is AlarmState.UNACK_ALARM


def test_a_value_that_is_too_old_neither_raises_nor_returns(bench: Watched) -> None:
    bench.frames(200, values={"charger_voltage": 3060.0}, ages={"charger": 2.1})
    assert bench.take() == [("charger_silent", "UNACK_ALARM")]
    bench.second(values={"charger_voltage": 3060.0})
    bench.second(values={"charger_voltage": 3060.0})
    assert ("charger_voltage_high", "UNACK_ALARM") in bench.take()
    bench.frames(200, ages={"charger": 2.1})
    assert ("charger_voltage_high", "RTN_UNACK") not in bench.take()
    bench.second()
    bench.second()
    assert ("charger_voltage_high", "RTN_UNACK") in bench.take()


def test_nothing_is_judged_by_the_words_of_a_plc_that_is_silent(bench: Watched) -> None:
    bench.second("flags.MISFIRE", "-inputs.DUMP_A_CLOSED", ages={"plc": 3.0})
    assert bench.take() == [("plc_silent", "UNACK_ALARM")]


def test_what_was_never_read_is_too_old(bench: Watched) -> None:
    for _ in range(6):
        bench.second(status=False, state="UNKNOWN")
    assert {alarm for alarm, _ in bench.take()} == {"plc_silent", "daq_silent", "charger_silent"}


def test_a_plc_with_fewer_modules_than_rig_yaml_is_judged_by_its_points_alone(bench: Watched) -> None:
    frame = Frame(1, bench.t_ns, (4000.0,) * 3, "SAFE", -1, None, 0.0, words("flags.MISFIRE", *AT_REST), (0.0,) * 3)
    for n in range(1, 100):
        moved = msgspec.structs.replace(frame, t_ns=bench.t_ns + n * FRAME_NS)
        bench.alarming.on_frame(moved, bench.situation)
    assert bench.take() == [("misfire", "UNACK_ALARM")]


def test_the_self_test_and_the_pulse_disturb_nobody(bench: Watched) -> None:
    wild = {"probe_a": 8000.0, "probe_b": math.nan}
    bench.second("flags.SELF_TEST_RUNNING", "-inputs.DUMP_A_CLOSED", "-inputs.CONTACTOR_OPEN", values=wild)
    bench.second(values=wild, state="SHOT")
    bench.situation.fire_ns = bench.t_ns
    bench.frames(12, values=wild, state="DUMPING")
    assert bench.take() == []
    bench.situation.fire_ns = None
    bench.second(values=wild)
    assert {alarm for alarm, _ in bench.take()} == {"bank_high_a", "bank_high_b"}


def test_a_rule_for_some_states_is_judged_in_no_other(bench: Watched) -> None:
    bench.second("-inputs.DUMP_A_CLOSED", "-inputs.CONTACTOR_OPEN", state="CHARGE")
    assert bench.take() == []
    bench.second("-inputs.DUMP_A_CLOSED")
    assert bench.take() == [("dump_a_at_rest", "UNACK_ALARM")]
    bench.second("-inputs.DUMP_A_CLOSED", state="CHARGE")
    bench.second(state="CHARGE")
    bench.second(state="CHARGE")
    assert bench.take() == []
    bench.second()
    bench.second()
    assert bench.take() == [("dump_a_at_rest", "RTN_UNACK")]


def test_a_healthy_value_within_its_deadband_is_no_end(bench: Watched) -> None:
    bench.second(values={"probe_a": 3060.0})
    bench.second(values={"probe_a": 3021.0})
    bench.second(values={"probe_a": 3021.0})
    assert bench.take() == [("bank_high_a", "UNACK_ALARM")]
    bench.second(values={"probe_a": 3019.0})
    bench.second(values={"probe_a": 3019.0})
    assert bench.take() == [("bank_high_a", "RTN_UNACK")]


def test_the_worst_value_is_told_once_a_second(bench: Watched) -> None:
    for step in range(200):
        bench.frames(1, values={"probe_a": 3060.0 + step})
    assert bench.said[0].value is not None and bench.said[0].value < 3080.0
    assert 3 <= len(bench.said) <= 6
    assert bench.said[-1].value is not None and bench.said[-1].value > 3200.0
    assert {m.unit for m in bench.said} == {"V"}


def test_the_core_tells_about_itself(bench: Watched) -> None:
    bench.situation.journal_alive = False
    bench.situation.lost_required = "daq"
    bench.situation.lost_optional["scope_1"] = "no answer"
    bench.frames(5)
    assert [(m.id, m.state, m.text) for m in bench.said] == [
        ("journal_dead", "UNACK_ALARM", ""),
        ("instrument_lost", "UNACK_ALARM", "daq, scope_1"),
    ]


def test_a_frame_now_and_then_is_late_and_three_in_a_minute_are_an_alarm(bench: Watched) -> None:
    for _ in range(4):
        bench.second(late_s=0.3)
        for _ in range(40):
            bench.second()
    assert bench.take() == []
    for _ in range(3):
        bench.second(late_s=0.11)
        bench.second()
    ((alarm, state),) = bench.take()[:1]
    assert (alarm, state) == ("core_late", "UNACK_ALARM")


def test_a_full_disk_is_an_alarm_and_an_unknown_one_is_none(bench: Watched) -> None:
    bench.alarming.see_disk(2e9)
    bench.second()
    bench.alarming.see_disk(0.9e9)
    for _ in range(11):
        bench.second()
    assert [(m.id, m.value, m.unit) for m in bench.said] == [("disk_low", 0.9e9, "B")]


def test_a_shelf_ends_by_itself(bench: Watched) -> None:
    bench.frames(1, "trips.DOOR_1")
    bench.alarming.book.shelve("trip_door_1", bench.t_ns, bench.t_ns + 500_000_000)
    bench.take()
    bench.frames(20, "trips.DOOR_1")
    assert bench.take() == [("trip_door_1", "SHELVED")]
    bench.frames(10, "trips.DOOR_1")
    assert bench.take() == [("trip_door_1", "UNACK_ALARM")]


def test_another_life_is_shown_at_once_and_judged_anew(bench: Watched) -> None:
    again = Watched()
    kept = (
        Standing("trip_door_1", AlarmState.UNACK_ALARM, order=1, count=2, raised_utc="yesterday"),
        Standing("dump_a_at_rest", AlarmState.UNACK_ALARM, order=2, count=1),
        Standing("misfire", AlarmState.LATCH_UNACK, count=1),
        Standing("removed", AlarmState.RTN_UNACK),
    )
    assert again.alarming.restore(kept, 5) == ("removed",)
    again.frames(5, status=False, state="UNKNOWN")
    assert [(m.id, m.state, m.order, m.raised_utc) for m in again.said] == [
        ("trip_door_1", "UNACK_ALARM", 1, "yesterday"),
        ("dump_a_at_rest", "UNACK_ALARM", 2, ""),
        ("misfire", "LATCH_UNACK", 0, ""),
    ]
    again.take()
    again.frames(1)
    assert again.take() == [("trip_door_1", "LATCH_UNACK")]
    again.second()
    again.frames(10)
    assert ("dump_a_at_rest", "RTN_UNACK") in again.take()
    assert again.alarming.book.standing("misfire").state is AlarmState.LATCH_UNACK


def test_what_is_kept_is_what_is_not_normal() -> None:
    kept: list[tuple[str, ...]] = []
    bench = Watched()
    bench.alarming = type(bench.alarming)(
        RIG, bench.hear, lambda: "", lambda standings: kept.append(tuple(s.id for s in standings))
    )
    bench.second()
    assert kept == []
    bench.frames(1, "trips.DOOR_1")
    bench.frames(1)
    assert kept == [("trip_door_1",)] * 2


def test_early_notices_wait_for_somebody_to_listen() -> None:
    bench = Watched()
    for number in range(EARLY_MAX + 1):
        bench.alarming.note_early(f"notice {number}")
    assert bench.events == []
    bench.second()
    assert [event.text for event in bench.events] == [f"notice {n}" for n in range(1, EARLY_MAX + 1)]
    assert {(event.source, event.kind) for event in bench.events} == {("alarms", "warning")}
