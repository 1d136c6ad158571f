"""The alarm machine: the written table, and what must hold whatever happens in whatever order."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.telemetry.alarms import (
    COUNT_MAX,
    SHELF_MAX_S,
    UNACKNOWLEDGED,
    AlarmBook,
    AlarmEvent,
    AlarmSpec,
    AlarmState,
    Detector,
    Standing,
    transition,
)

S = 1_000_000_000

# Written from ISA-18.2's states as Yamcs names them, on purpose not taken from the code: rows are states, columns are
# RAISE, RETURN, LATCH, ACKNOWLEDGE, RESET; a dash changes nothing.
WRITTEN = """
NORMAL       UNACK_ALARM  -          -            -          -
UNACK_ALARM  -            RTN_UNACK  LATCH_UNACK  ACK_ALARM  -
ACK_ALARM    -            NORMAL     LATCH_ACK    -          -
RTN_UNACK    UNACK_ALARM  -          -            NORMAL     -
LATCH_UNACK  UNACK_ALARM  -          -            LATCH_ACK  RTN_UNACK
LATCH_ACK    UNACK_ALARM  -          -            -          NORMAL
"""
COLUMNS = ("RAISE", "RETURN", "LATCH", "ACKNOWLEDGE", "RESET")
CELLS = [
    (row.split()[0], event, target)
    for row in WRITTEN.strip().splitlines()
    for event, target in zip(COLUMNS, row.split()[1:], strict=True)
]


@pytest.mark.parametrize(("state", "event", "target"), CELLS, ids=[f"{s}-{e}" for s, e, _ in CELLS])
def test_the_table_is_the_written_one(state: str, event: str, target: str) -> None:
    found = transition(AlarmState[state], AlarmEvent[event])
    assert found is (None if target == "-" else AlarmState[target])


def test_the_written_table_has_every_state_but_the_shelf_and_every_event_but_its_two() -> None:
    assert {s for s, _, _ in CELLS} == {state.name for state in AlarmState} - {"SHELVED"}
    assert set(COLUMNS) == {event.name for event in AlarmEvent} - {"SHELVE", "UNSHELVE"}


def book(*specs: AlarmSpec) -> AlarmBook:
    return AlarmBook(specs, lambda: "2026-01-01T00:00:00.000+00:00")


def test_a_raise_says_when_with_which_value_and_which_in_order() -> None:
    alarms = book(AlarmSpec("a", worst=1), AlarmSpec("b"))
    alarms.judge(0, True, S, 5.0, "above 4 V")
    assert alarms.take_changes() == (
        Standing("a", AlarmState.UNACK_ALARM, None, 1, 1, "2026-01-01T00:00:00.000+00:00", 5.0, "above 4 V", S),
    )
    alarms.judge(1, True, 2 * S)
    assert [s.order for s in alarms.take_changes()] == [2]


def test_the_worst_value_is_kept_and_is_no_change_by_itself() -> None:
    alarms = book(AlarmSpec("high", worst=1), AlarmSpec("low", worst=-1), AlarmSpec("none"))
    for t, value in enumerate((5.0, 7.0, float("nan"), 6.0), start=1):
        for index in range(3):
            alarms.judge(index, True, t * S, value)
    assert [s.worst for s in alarms.take_changes()] == [7.0, 5.0, 5.0]
    assert alarms.take_worsened() == ()
    alarms.judge(0, True, 9 * S, 8.0)
    assert alarms.take_changes() == ()
    assert [s.worst for s in alarms.take_worsened()] == [8.0]


def test_a_disturbance_ends_with_its_last_active_alarm_and_the_next_counts_from_one() -> None:
    alarms = book(AlarmSpec("a"), AlarmSpec("b"), AlarmSpec("c"))
    alarms.judge(1, True, 1)
    alarms.judge(0, True, 2)
    alarms.judge(1, False, 3)
    alarms.judge(1, True, 4)  # again in the same disturbance: it keeps its number
    assert [alarms.standing(name).order for name in "abc"] == [2, 1, 0]
    assert alarms.standing("b").count == 2
    alarms.judge(0, False, 5)
    alarms.judge(1, False, 6)
    assert [alarms.standing(name).order for name in "abc"] == [0, 0, 0]
    alarms.judge(2, True, 7)
    assert alarms.standing("c").order == 1


def test_what_cannot_be_judged_stays_as_it_is_and_runs_no_delay() -> None:
    detector = Detector(AlarmSpec("a", delay_s=2.0, return_delay_s=2.0))
    assert [detector.judge(True, 0), detector.judge(None, 1 * S), detector.judge(True, 2 * S)] == [False] * 3
    assert detector.judge(True, 4 * S)
    assert [detector.judge(False, 5 * S), detector.judge(None, 9 * S), detector.judge(False, 10 * S)] == [True] * 3
    assert not detector.judge(False, 12 * S)


def test_a_count_catches_what_never_holds_for_the_delay() -> None:
    spec = AlarmSpec("a", delay_s=1.0, count=3, within_s=10.0, return_delay_s=1.0)
    detector = Detector(spec)
    seen = [detector.judge(holds, t * S // 10) for t, holds in enumerate([True, False] * 3)]
    assert seen == [False, False, False, False, True, True]
    assert not detector.judge(False, 2 * S)
    assert not detector.judge(True, 3 * S)  # what was counted before the alarm is not counted again
    slow = Detector(spec)
    assert not any(slow.judge(holds, 10 * t * S) for t, holds in enumerate([True, False] * 5))


def test_raises_are_counted_since_it_was_last_normal_and_the_count_has_an_end() -> None:
    alarms = book(AlarmSpec("a"))
    for t in range(3):
        alarms.judge(0, True, 2 * t)
        alarms.judge(0, False, 2 * t + 1)
    assert alarms.standing("a").count == 3
    alarms.acknowledge("a", 10)
    assert alarms.standing("a") == Standing("a", raised_utc=alarms.standing("a").raised_utc, t_ns=10)
    alarms.restore([replace(alarms.standing("a"), state=AlarmState.RTN_UNACK, count=COUNT_MAX)], 11)
    alarms.judge(0, True, 12)
    assert alarms.standing("a").count == COUNT_MAX


def test_a_shelf_hides_everything_and_loses_nothing() -> None:
    alarms = book(AlarmSpec("a", latching=True))
    assert alarms.shelve("a", 0, 10 * S)
    assert not alarms.shelve("a", 0, 10 * S)
    alarms.judge(0, True, S)
    assert alarms.standing("a").shown is AlarmState.SHELVED
    assert alarms.standing("a").order == 0
    alarms.judge(0, False, 2 * S)
    alarms.expire(10 * S - 1)
    assert alarms.standing("a").shown is AlarmState.SHELVED
    alarms.expire(10 * S)
    assert alarms.standing("a").shown is AlarmState.LATCH_UNACK
    assert not alarms.shelved
    assert not alarms.unshelve("a", 11 * S)


def test_an_active_alarm_off_the_shelf_joins_the_disturbance_and_one_on_it_does_not_prolong_it() -> None:
    alarms = book(AlarmSpec("a"), AlarmSpec("b"))
    alarms.judge(0, True, 1)
    alarms.judge(1, True, 2)
    alarms.shelve("a", 3, 4)
    alarms.judge(1, False, 5)
    assert [alarms.standing(name).order for name in "ab"] == [0, 0]
    alarms.unshelve("a", 6)
    assert alarms.standing("a").order == 1


@pytest.mark.parametrize("until_s", [0.0, -1.0, SHELF_MAX_S + 1.0])
def test_a_shelf_has_an_end_that_is_not_far(until_s: float) -> None:
    with pytest.raises(ValueError, match=r"at most 12 h"):
        book(AlarmSpec("a")).shelve("a", 0, round(until_s * 1e9))


def test_two_alarms_of_one_name_are_a_defect_and_an_unknown_one_is_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        book(AlarmSpec("a"), AlarmSpec("a"))
    with pytest.raises(KeyError):
        book(AlarmSpec("a")).acknowledge("b", 0)


def test_another_life_goes_on_counting() -> None:
    alarms = book(AlarmSpec("a"), AlarmSpec("b"))
    alarms.restore([Standing("a", AlarmState.UNACK_ALARM, order=3, count=1)], 1)
    alarms.judge(1, True, 2)
    assert alarms.standing("b").order == 4


def test_another_life_goes_on_where_the_first_ended() -> None:
    specs = (AlarmSpec("a"), AlarmSpec("b", latching=True), AlarmSpec("c"))
    first = book(*specs)
    for index in (2, 0, 1):
        first.judge(index, True, index)
    first.judge(1, False, 9)
    first.shelve("c", 9, 10)
    second = book(*specs)
    assert second.restore([*first.standings(), Standing("gone", AlarmState.RTN_UNACK)], 100) == ("gone",)
    assert [second.standing(name).shown.name for name in "abc"] == ["UNACK_ALARM", "LATCH_UNACK", "UNACK_ALARM"]
    assert [second.standing(name).order for name in "abc"] == [2, 3, 4]  # c is shown again and joins
    second.judge(0, None, 101)  # nobody can say yet: it stays
    assert second.standing("a").active
    second.judge(0, False, 102)
    second.judge(2, False, 103)
    assert [second.standing(name).shown.name for name in "abc"] == ["RTN_UNACK", "LATCH_UNACK", "RTN_UNACK"]


SPECS = (AlarmSpec("plain"), AlarmSpec("latching", latching=True), AlarmSpec("slow", delay_s=2.0, return_delay_s=3.0))
CONDITION = st.sampled_from([True, False, None])
OPERATION = st.one_of(
    st.tuples(st.just("judge"), st.integers(0, 2), CONDITION),
    st.tuples(st.sampled_from(["acknowledge", "reset", "unshelve", "shelve"]), st.integers(0, 2), st.none()),
)


def apply(alarms: AlarmBook, what: str, index: int, holds: bool | None, t_ns: int) -> bool:
    if what == "judge":
        alarms.judge(index, holds, t_ns)
        return False
    if what == "shelve":
        return alarms.shelve(SPECS[index].id, t_ns, t_ns + 5 * S)
    return bool(getattr(alarms, what)(SPECS[index].id, t_ns))


@given(st.lists(OPERATION, max_size=60))
def test_an_unacknowledged_alarm_is_never_lost_and_a_latched_one_needs_its_reset(
    operations: list[tuple[str, int, bool | None]],
) -> None:
    alarms = book(*SPECS)
    unacknowledged: set[int] = set()
    latched: set[int] = set()
    counts = [0, 0, 0]
    for t, (what, index, holds) in enumerate(operations):
        taken = apply(alarms, what, index, holds, t * S)
        if taken and what == "acknowledge":
            unacknowledged.discard(index)
        if taken and what == "reset":
            latched.discard(index)
        standing = alarms.standing(SPECS[index].id)
        if standing.count > counts[index]:
            unacknowledged.add(index)
            latched |= {index} if SPECS[index].latching else set()
        counts = [alarms.standing(spec.id).count for spec in SPECS]
        for number in unacknowledged:
            assert alarms.standing(SPECS[number].id).state in UNACKNOWLEDGED
        for number in latched:
            assert alarms.standing(SPECS[number].id).state is not AlarmState.NORMAL
        assert [d.active for d in alarms.detectors] == [alarms.standing(s.id).active for s in SPECS]


@given(st.lists(OPERATION, max_size=60))
def test_the_order_of_a_disturbance_is_that_of_its_raises_and_never_changes(
    operations: list[tuple[str, int, bool | None]],
) -> None:
    alarms = book(*SPECS)
    order: dict[str, int] = {}
    for t, (what, index, holds) in enumerate(operations):
        apply(alarms, what, index, holds, t * S)
        standings = [alarms.standing(spec.id) for spec in SPECS]
        if not any(s.active and s.shown is not AlarmState.SHELVED for s in standings):
            order.clear()
        for standing in standings:
            if standing.shown is AlarmState.SHELVED:
                order.pop(standing.id, None)
            elif standing.order:
                assert order.setdefault(standing.id, standing.order) == standing.order
            else:
                assert standing.id not in order
                assert not standing.active
        numbers = [s.order for s in standings if s.order]
        assert len(set(numbers)) == len(numbers)


@given(st.lists(OPERATION, max_size=60))
def test_changes_tell_everything(operations: list[tuple[str, int, bool | None]]) -> None:
    alarms = book(*SPECS)
    heard = {spec.id: Standing(spec.id) for spec in SPECS}
    for t, (what, index, holds) in enumerate(operations):
        apply(alarms, what, index, holds, t * S)
        heard |= {standing.id: standing for standing in alarms.take_changes()}
        assert heard == {spec.id: alarms.standing(spec.id) for spec in SPECS}


TENTHS = st.integers(0, 40)


@given(
    st.lists(st.tuples(st.integers(1, 30), CONDITION), min_size=1, max_size=80),
    TENTHS,
    st.integers(1, 40),
    st.integers(0, 5),
    TENTHS,
)
def test_chatter_raises_at_most_once_per_return_delay_and_never_without_cause(
    steps: list[tuple[int, bool | None]], delay: int, return_delay: int, count: int, within: int
) -> None:
    spec = AlarmSpec("a", delay / 10, count, within / 10, return_delay / 10)
    detector = Detector(spec)
    t, raises, came, held_since, before = 0, [], [], None, False
    for gap, holds in steps:
        t += gap
        if holds is None:
            held_since = None
        elif not holds:
            held_since, before = None, False
        else:
            came += [] if before else [t]
            held_since, before = (t if held_since is None else held_since), True
        was = detector.active
        if detector.judge(holds, t * S // 10) and not was:
            raises.append(t)
            often = count > 0 and len([c for c in came if t - c <= within]) >= count
            assert holds and held_since is not None and (t - held_since >= delay or often)
        if was and not detector.active:
            assert holds is False
    assert all(later - earlier > return_delay for earlier, later in pairwise(raises))
    assert len(raises) <= 1 + t // return_delay


@given(st.lists(st.tuples(st.integers(1, 30), CONDITION), max_size=60))
def test_who_is_quiet_may_be_left_alone(steps: list[tuple[int, bool | None]]) -> None:
    """The evaluation skips a quiet detector whose condition does not hold: with the same result."""
    spec = AlarmSpec("a", 0.5, 3, 4.0, 1.0)
    told, skipped, t = Detector(spec), Detector(spec), 0
    for gap, holds in steps:
        t += gap
        told.judge(holds, t * S // 10)
        if holds or not skipped.quiet:
            skipped.judge(holds, t * S // 10)
        assert skipped.active == told.active


def test_the_page_shows_this_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "alarms.md").read_text(encoding="utf-8")
    _, _, rest = page.partition(f"| | {' | '.join(COLUMNS)} |\n")
    table = rest.partition("\n\n")[0].splitlines()[1:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    cells = [(row[0], event, cell or "-") for row in rows for event, cell in zip(COLUMNS, row[1:], strict=True)]
    assert cells == CELLS
