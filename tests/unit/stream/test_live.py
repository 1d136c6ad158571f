"""The fold of the bus: what belongs to a core goes with it, what belongs to the bench stays."""

import pytest

from controller.messages import AlarmChanged, Event, Finished, StepEntered
from controller.panel.live import ALARMS_MAX, EVENTS_MAX, LiveState
from tests.unit.stream.fakes import frame, hello

FINISHED = Finished(1, "id", "fail", "aborted", "", "", "", "", "", 3)


def enter(index: int, phase: str = "enter") -> StepEntered:
    return StepEntered(0, index, f"s{index}", phase)


def alarm(name: str, state: str = "UNACK_ALARM") -> AlarmChanged:
    return AlarmChanged(name, name, "high", state, True, 0)


def test_steps_are_marked_as_they_go() -> None:
    live = LiveState()
    live.take(hello(steps=3))
    assert live.marks == ["pending"] * 3
    live.take(enter(0))
    live.take(enter(0, "done"))
    live.take(enter(1))
    assert live.marks == ["done", "running", "pending"]
    live.take(enter(2))  # an abort jumps: step 1 was never left
    assert live.marks == ["done", "broken", "running"]
    live.take(FINISHED)
    assert live.marks == ["done", "broken", "broken"]
    assert live.finished is FINISHED


def test_a_step_that_is_not_in_the_plan_changes_nothing() -> None:
    live = LiveState()
    live.take(enter(0))
    live.take(hello(steps=1))
    live.take(enter(1))
    live.take(enter(-1))
    assert live.marks == ["pending"]


def test_another_core_starts_afresh_and_alarms_and_events_stay() -> None:
    live = LiveState()
    for message in (hello(), frame(1), enter(0), FINISHED, alarm("a"), Event(1, "plc", "trip", "arc")):
        live.take(message)
    assert live.frame is not None
    live.take(hello("run-2"))
    assert (live.frame, live.finished, live.marks) == (None, None, ["pending", "pending"])
    assert list(live.alarms) == ["a"]
    assert [event.text for event in live.events] == ["arc"]


def test_who_finds_the_bench_watched_learns_how_the_last_run_ended() -> None:
    live = LiveState()
    for message in (hello(), FINISHED, hello("watch-1", steps=0, mode="watch")):
        live.take(message)
    assert (live.marks, live.finished) == ([], FINISHED)
    live.take(hello("run-2"))
    assert live.finished is None


def test_the_same_core_again_changes_nothing() -> None:
    live = LiveState()
    for message in (hello(), frame(1), enter(0), hello()):
        live.take(message)
    assert live.marks == ["running", "pending"]
    assert live.frame == frame(1)


def test_the_next_plan_of_the_same_core_starts_afresh() -> None:
    live = LiveState()
    for message in (hello(), enter(0), hello(steps=3)):
        live.take(message)
    assert live.marks == ["pending"] * 3


def test_alarms_are_kept_by_id_in_the_order_of_their_last_change_and_bounded() -> None:
    live = LiveState()
    for name in ("a", "b"):
        live.take(alarm(name))
    live.take(alarm("a", "RTN_UNACK"))
    assert [(each.id, each.state) for each in live.alarms.values()] == [("b", "UNACK_ALARM"), ("a", "RTN_UNACK")]
    for number in range(ALARMS_MAX):
        live.take(alarm(str(number)))
    assert len(live.alarms) == ALARMS_MAX
    assert "a" not in live.alarms


def test_events_are_bounded() -> None:
    live = LiveState()
    for number in range(EVENTS_MAX + 3):
        live.take(Event(number, "plc", "info", ""))
    assert (len(live.events), live.events[0].t_ns) == (EVENTS_MAX, 3)


def test_the_link_is_one_of_three() -> None:
    live = LiveState()
    assert live.link == "none"
    live.set_link("lost")
    assert live.link == "lost"
    with pytest.raises(ValueError, match="link 'gone' is none of none, connected, lost"):
        live.set_link("gone")
