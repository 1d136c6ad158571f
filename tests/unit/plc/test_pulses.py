"""The pulse inhibit: every reachable state of a small one against a second account of it, and its bounds by example."""

import random

import pytest

from drivers.wire.plc import PlcState
from drivers.wire.plc_run import InhibitCause
from firmware_sim.plc.pulses import (
    NO_RUN,
    PulseState,
    RunSeen,
    RunTimes,
    advance,
    at_rest,
    resets_latches,
    retries_left,
)

S = PlcState
ARC, VACUUM, WINDOW = int(InhibitCause.ARC), int(InhibitCause.VACUUM), int(InhibitCause.WINDOW)
TIMES = RunTimes(
    run=9, hold_off=2, latch_reset=2, retry_window=7, retries=2, duty_pulses=2, duty_window=3, pulses=5
)  # fmt: skip
REST = at_rest(TIMES)
QUIET = RunSeen()
ARCED = RunSeen(causes=ARC)


def run(p: PulseState, *seen: RunSeen, state: PlcState = S.RUN, times: RunTimes = TIMES) -> PulseState:
    """These scans, all of them beginning in ``state``."""
    for one in seen:
        p = advance(p, state, one, times)
    return p


def test_a_bench_that_does_not_run_has_no_budget() -> None:
    assert at_rest(NO_RUN) == PulseState()
    assert (REST.ages, retries_left(REST, TIMES)) == ((7, 7), 2)


def test_a_cause_inhibits_on_its_scan_and_takes_a_place() -> None:
    p = run(REST, ARCED)
    assert (p.inhibit, p.hold, p.exhausted, p.ages, retries_left(p, TIMES)) == (ARC, 0, False, (0, 7), 1)


def test_a_latch_is_reset_after_the_hold_off_and_lets_go_then() -> None:
    p = run(REST, ARCED)
    for hold in (1, 2):
        assert not resets_latches(p, TIMES)
        p = run(p, ARCED)
        assert (p.inhibit, p.hold) == (ARC, hold)
    assert resets_latches(p, TIMES)
    assert run(p, QUIET).inhibit == 0
    assert not resets_latches(run(p, QUIET), TIMES)


def test_a_cause_that_is_gone_at_once_still_waits_for_the_hold_off() -> None:
    p = run(REST, ARCED, QUIET)
    assert p.inhibit == ARC
    assert run(p, QUIET).inhibit == ARC
    assert run(p, QUIET, QUIET).inhibit == 0


def test_a_latch_that_does_not_obey_its_reset_is_stuck() -> None:
    p = run(REST, *[ARCED] * 5)
    assert (p.hold, p.exhausted) == (4, False)
    p = run(p, ARCED)
    assert (p.hold, p.exhausted) == (4, True)


def test_a_window_has_to_come_back_before_the_hold_off_begins() -> None:
    soft = RunSeen(causes=WINDOW, soft=True)
    p = run(REST, *[soft] * 50)
    assert (p.inhibit, p.hold, p.exhausted) == (WINDOW, 0, False), "however long it takes: one place of the budget"
    assert retries_left(run(REST, *[soft] * 5), TIMES) == 1
    assert run(p, QUIET, QUIET).inhibit == WINDOW
    assert run(p, QUIET, QUIET, QUIET).inhibit == 0


def test_causes_gather() -> None:
    p = run(REST, ARCED, RunSeen(causes=VACUUM))
    assert p.inhibit == ARC | VACUUM and p.ages == (1, 7)


def test_a_cause_with_no_place_left_exhausts_the_budget() -> None:
    p = run(REST, ARCED, QUIET, QUIET, QUIET, ARCED)
    assert (p.inhibit, p.exhausted, p.ages) == (ARC, False, (0, 4))
    # the first place is free again seven scans after it was taken, not sooner
    later = run(p, QUIET, QUIET, QUIET)
    assert (later.inhibit, later.ages) == (0, (3, 7))
    assert not run(later, ARCED).exhausted
    fast = run(REST, ARCED, QUIET, QUIET, QUIET)._replace(ages=(0, 3))
    assert run(fast, ARCED).exhausted


@pytest.mark.parametrize("state", set(S) - {S.CHARGE, S.FLOAT, S.RUN}, ids=lambda state: state.name)
def test_without_high_voltage_nothing_is_inhibited_and_the_budget_recovers(state: PlcState) -> None:
    p = run(run(REST, ARCED), ARCED, state=state)
    assert (p.inhibit, p.hold, p.ages, p.exhausted) == (0, 0, (1, 7), False)
    assert run(p, *[ARCED] * 9, state=state).ages == (7, 7)


def pulses(count: int) -> RunSeen:
    return RunSeen(pulses=count)


def test_pulses_are_counted_while_running_only() -> None:
    p = run(REST, pulses(1), QUIET, pulses(1))
    assert (p.pulses, p.overrun) == (2, False)
    assert run(p, QUIET, state=S.FLOAT).pulses == 0


def test_a_pulse_through_a_shut_gate_is_an_overrun() -> None:
    for state in set(S) - {S.RUN}:
        assert run(REST, pulses(1), state=state).overrun, state.name
    inhibited = run(REST, ARCED)
    assert run(inhibited, pulses(1)).overrun
    assert not run(REST, RunSeen(causes=ARC, pulses=1)).overrun, "the gate was open until this scan"


def test_one_pulse_too_many_is_an_overrun() -> None:
    slow = [pulses(1), QUIET]
    p = run(REST, *slow * 5)
    assert (p.pulses, p.overrun) == (5, False)
    assert run(p, pulses(1)).overrun
    free = TIMES._replace(pulses=0)
    assert not run(p, pulses(1), times=free).overrun


def test_the_duty_limit_allows_its_number_at_once_and_its_rate_for_ever() -> None:
    free = TIMES._replace(pulses=0)
    p = REST
    for _ in range(100):
        p = run(p, pulses(2), QUIET, QUIET, times=free)
        assert not p.overrun, "two in three scans"
    assert run(REST, pulses(3), times=free).overrun
    assert not run(REST, pulses(2), times=free).overrun


def test_the_duty_limit_itself_is_allowed_and_one_more_is_not() -> None:
    free = TIMES._replace(pulses=0)
    p = run(REST, pulses(2), pulses(1), pulses(1), times=free)
    assert (p.bucket, p.overrun) == (6, False), "two pulses in three scans: the bucket is full"
    assert run(p, pulses(1), times=free).overrun
    assert run(p, QUIET, times=free).bucket == 4
    for state in (S.FLOAT, S.DUMPING):
        assert not run(REST, QUIET, state=state).overrun, "no pulse is none too many"


def test_a_run_of_one_pulse() -> None:
    one = TIMES._replace(pulses=1)
    p = run(REST, pulses(1), times=one)
    assert (p.pulses, p.overrun) == (1, False)
    assert run(p, pulses(1), times=one).overrun


def test_a_budget_of_three_places_gives_the_oldest() -> None:
    three = TIMES._replace(retries=3)
    p = run(at_rest(three)._replace(ages=(2, 4, 6)), ARCED, times=three)
    assert (p.ages, p.exhausted) == ((0, 3, 5), False), "the oldest was free on this scan"
    p = run(at_rest(three)._replace(ages=(2, 4, 5)), ARCED, times=three)
    assert (p.ages, p.exhausted) == ((0, 3, 5), True)
    p = run(at_rest(three)._replace(ages=(2, 7, 7)), ARCED, times=three)
    assert (p.ages, p.exhausted) == ((0, 3, 7), False)


def test_no_interval_has_more_pulses_than_the_duty_limit_says() -> None:
    """Whatever comes: without an overrun, T scans have at most M + M T / W pulses."""
    draw = random.Random(1)
    free = TIMES._replace(pulses=0)
    for _ in range(300):
        p, counted = REST, []
        for _ in range(40):
            count = draw.choice((0, 0, 0, 1, 1, 2, 3))
            p = run(p, pulses(count), times=free)
            if p.overrun:
                break
            counted.append(count)
        for start in range(len(counted)):
            for end in range(start + 1, len(counted) + 1):
                assert sum(counted[start:end]) <= 2 + 2 * (end - start) / 3


def test_the_permit_runs_from_its_first_run_through_every_hold() -> None:
    p = run(REST, QUIET, QUIET, state=S.FLOAT)
    assert p.t == 0
    p = run(p, QUIET)
    assert p.t == 1
    p = run(p, QUIET, QUIET, state=S.FLOAT)
    assert p.t == 3
    assert run(p, *[QUIET] * 20).t == 9, "saturates"
    for state in (S.SAFE, S.OPENING, S.DUMPING, S.TRIP, S.CHARGE):
        assert run(p, QUIET, state=state).t == 0


SEEN = (QUIET, ARCED, RunSeen(causes=WINDOW, soft=True), pulses(1), pulses(2), RunSeen(causes=ARC, pulses=1))
STATES = (S.RUN, S.FLOAT, S.DUMPING)


def test_every_state_stays_within_its_bounds() -> None:
    """All that any order of states and inputs can reach: it is finite, and each field is bounded by its limit."""
    times = RunTimes(3, 1, 2, 4, 2, 1, 2, 2)
    rest = at_rest(times)
    found, waiting = {rest}, [rest]
    while waiting:
        p = waiting.pop()
        for state in STATES:
            for seen in SEEN:
                after = advance(p, state, seen, times)
                assert 0 <= after.t <= times.run
                assert 0 <= after.hold <= times.hold_off + times.latch_reset
                assert 0 <= after.pulses <= times.pulses + 1
                assert 0 <= after.bucket <= times.duty_pulses * times.duty_window + 1
                assert len(after.ages) == times.retries and list(after.ages) == sorted(after.ages)
                assert after.ages[-1] <= times.retry_window
                if state is not S.DUMPING and seen.causes:
                    assert after.inhibit & seen.causes == seen.causes
                if not after.inhibit:
                    assert not after.hold and not after.exhausted
                if after not in found:
                    found.add(after)
                    waiting.append(after)
    assert 1_000 < len(found) < 20_000


def test_never_more_than_the_budget_is_let_go_in_any_window() -> None:
    """Against a list of times: exhausted exactly when two causes were let in within the last seven scans."""
    draw = random.Random(2)
    for _ in range(300):
        p, begun = REST, []
        for now in range(80):
            causes = draw.choice((0, 0, ARC))
            before = p
            p = run(p, RunSeen(causes=causes))
            if p.inhibit and not before.inhibit:
                recent = [then for then in begun if now - then < TIMES.retry_window]
                assert p.exhausted is (len(recent) >= TIMES.retries)
                begun.append(now)
            elif not p.inhibit:
                assert not p.exhausted
            if p.exhausted:
                break
