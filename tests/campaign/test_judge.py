"""The judge itself: a trial that is right passes, and each way in which it could be wrong fails with its sentence."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.app.faultspec import Phase
from controller.app.trial import BenchFacts, Running, Trial
from controller.app.trial_watch import Inhibit, Point
from controller.campaign.hazard_types import Excuse, Injection, Limit, Variant
from controller.campaign.judge import judge
from controller.campaign.model import Cell, CellResult, Status
from controller.campaign.profiles import Moment, Stage
from controller.messages import Finished

MS = 1_000_000
CELL = Cell("railgun_bench", "full", "36", "estop", "charge", Phase.DURING, 1)
MOMENT = Moment("full", "full", "charge", "charge", Phase.DURING, Stage.CHARGE)
VARIANT = Variant("estop", Injection(("plant.estop",)), Limit(scans=2), trips=("ESTOP",), says=("a word",))
FACTS = BenchFacts(50.0, 0.66, 1.0, {"dump": 0.66, "dwell": 1.0}, 0.01)


def finished(exit_code: int, ended: str, reason: str = "", safe: str = "verified: 0.2 V") -> Finished:
    return Finished(1, "", "aborted", ended, reason, "", "", "", "", exit_code, safe=safe)


def point(t_ms: int, state: str, commanded: bool, closed: bool = True, high_v: float = 0.0) -> Point:
    return Point(t_ms * MS, state, commanded, False, closed, closed, high_v)


CONTROL = Trial(
    finished=finished(1, "completed"),
    refusal="",
    died=False,
    points=(point(0, "SAFE", False), point(1000, "CHARGE", True, False), point(3000, "SAFE", False)),
    first_faults=(),
    trips=(),
    injected_ns=None,
    ended_ns=6000 * MS,
    fire_pulses=1,
    energised_until_ns=2900 * MS,
    final_v=0.3,
    raised_v=2.0,
    log=((0, "contactor 0 dump A 0 dump B 0 charger 0"),),
    facts=FACTS,
)
RIGHT = replace(
    CONTROL,
    finished=finished(3, "tripped", "step charge: the PLC tripped: ESTOP"),
    points=(point(0, "SAFE", False), point(1000, "CHARGE", True, False), point(2020, "TRIP", False, True, 400.0)),
    first_faults=("ESTOP",),
    trips=("ESTOP",),
    injected_ns=2000 * MS,
    fire_pulses=0,
    energised_until_ns=2300 * MS,
    log=((2000 * MS, "fault plant.estop on"), (2010 * MS, "fault plant.estop acts: the loop is open")),
)
SAME = replace(CONTROL, injected_ns=2000 * MS, log=((2000 * MS, "fault plant.estop on"),))


def verdict(trial: Trial, variant: Variant = VARIANT) -> CellResult:
    return judge(CELL, variant, MOMENT, trial, CONTROL)


def test_a_right_reaction_passes_with_what_was_seen() -> None:
    result = verdict(RIGHT)
    assert (result.status, result.exit, result.ended, result.bench) == (Status.PASSED, 3, "tripped", "TRIP")
    assert result.safe_after_s == pytest.approx(0.29)
    assert result.limit_s == pytest.approx(0.03)
    assert "the loop is open" in result.why


WRONG: dict[str, tuple[Callable[[Trial], Trial], str]] = {
    "moment": (lambda t: replace(t, injected_ns=None), "its moment never came"),
    "not on": (lambda t: replace(t, log=t.log[1:]), "expected the plant's log to show plant.estop active"),
    "no act": (lambda t: replace(t, log=t.log[:1]), "does not show that the fault did anything"),
    "two pulses": (lambda t: replace(t, fire_pulses=2), "expected one fire pulse at most, got 2"),
    "exit": (lambda t: replace(t, finished=finished(1, "tripped", "ESTOP")), "expected exit 3"),
    "unsafe but 3": (
        lambda t: replace(t, finished=finished(3, "tripped", "ESTOP", "NOT VERIFIED")),
        "contradicts what is said of safety",
    ),
    "safe but 4": (
        lambda t: replace(t, finished=finished(4, "unsafe-unconfirmed", "ESTOP", "verified: 0 V")),
        "contradicts what is said of safety",
    ),
    "exit 4 of a row without it": (
        lambda t: replace(t, finished=finished(4, "unsafe-unconfirmed", "ESTOP", "NOT VERIFIED")),
        "expected exit 3, got 4",
    ),
    "powered": (
        lambda t: replace(t, points=(*t.points, point(5000, "TRIP", True))),
        "its coils or its charger are powered",
    ),
    "charged": (lambda t: replace(t, final_v=400.0), "below 50 V at the end, got 400 V"),
    "dumps open": (
        lambda t: replace(t, points=(*t.points[:2], point(2020, "TRIP", False, False))),
        "both are open",
    ),
    "raised": (lambda t: replace(t, raised_v=60.0), "the bank rose by 60 V"),
    "wrong cause": (
        lambda t: replace(t, first_faults=("KEY",), finished=finished(3, "tripped", "KEY")),
        "expected ESTOP or 'a word' as the reason",
    ),
    "late": (
        lambda t: replace(t, points=(*t.points[:2], point(2300, "TRIP", False))),
        "expected the safe command within 30 ms (2 scans), took 0.29 s",
    ),
    "slow dump": (
        lambda t: replace(t, energised_until_ns=5000 * MS),
        "expected the bank empty or locked out within 0.69 s, took 2.99 s",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_criterion_can_fail(case: str) -> None:
    spoil, sentence = WRONG[case]
    result = verdict(spoil(RIGHT))
    assert result.status is Status.FAILED
    assert sentence in result.why


def test_a_claim_that_the_relays_contradict_fails() -> None:
    half = RIGHT.points[2]._replace(dump_b_closed=False)
    result = verdict(replace(RIGHT, points=(*RIGHT.points[:2], half)))
    assert result.status is Status.FAILED and "a dump relay is open" in result.why


def test_the_controls_outcome_needs_a_rule_that_says_why() -> None:
    result = verdict(SAME)
    assert result.status is Status.FAILED and "no rule says why" in result.why
    excused = replace(VARIANT, excuses=(Excuse("it cannot show here", frozenset({Stage.CHARGE})),))
    assert (verdict(SAME, excused).status, verdict(SAME, excused).why) == (Status.NOT_APPLICABLE, "it cannot show here")
    elsewhere = replace(VARIANT, excuses=(Excuse("it cannot show there", frozenset({Stage.COLD})),))
    assert verdict(SAME, elsewhere).status is Status.FAILED


def test_the_first_fault_of_the_plc_is_the_reason_whatever_the_controller_says() -> None:
    told = replace(RIGHT, first_faults=("KEY",), finished=finished(3, "tripped", "a word"))
    assert verdict(told).status is Status.FAILED
    assert verdict(replace(told, first_faults=())).status is Status.PASSED


def test_a_fault_that_shows_while_all_power_is_away_has_to_trip_in_time() -> None:
    idle = (point(0, "SAFE", False), point(1000, "CHARGE", True, False), point(1900, "DUMPING", False))
    early = replace(RIGHT, points=(*idle, point(2040, "TRIP", False)))
    assert verdict(early).status is Status.PASSED
    late = verdict(replace(RIGHT, points=(*idle, point(2100, "TRIP", False))))
    assert late.status is Status.FAILED and "expected the trip within 30 ms (2 scans), took 0.09 s" in late.why


def test_a_rule_about_what_the_fault_did_in_vain_needs_a_fault_that_acted() -> None:
    excused = replace(VARIANT, excuses=(Excuse("hold-off refuses it", acted=True),))
    idle = verdict(SAME, excused)
    assert idle.status is Status.FAILED and "expected the fault to act in vain (hold-off refuses it)" in idle.why


def test_a_fault_that_acted_and_changed_nothing_passes_with_its_excuse() -> None:
    excused = replace(VARIANT, excuses=(Excuse("hold-off refuses it"),))
    acted = replace(SAME, log=(*SAME.log, (2010 * MS, "fault plant.estop acts: a second edge")))
    assert verdict(acted, excused).status is Status.PASSED


def test_an_excuse_does_not_excuse_the_wrong_reaction() -> None:
    excused = replace(VARIANT, excuses=(Excuse("it cannot show here"),))
    wrong = replace(RIGHT, first_faults=("KEY",), finished=finished(3, "tripped", "KEY"))
    assert verdict(wrong, excused).status is Status.FAILED


def test_of_several_faults_each_has_to_act_or_a_rule_says_why_one_cannot() -> None:
    two = replace(VARIANT, injection=Injection(("plant.estop",), then=("plant.key_off",), after_s=0.1))
    half = replace(RIGHT, log=(*RIGHT.log, (2100 * MS, "fault plant.key_off on")))
    result = verdict(half, two)
    assert result.status is Status.FAILED and "does not show that of plant.key_off" in result.why
    whole = replace(half, log=(*half.log, (2110 * MS, "fault plant.key_off acts: the key reads off")))
    assert verdict(whole, two).status is Status.PASSED
    ruled = replace(two, excuses=(Excuse("the key has nothing to forbid"),))
    assert (verdict(half, ruled).status, verdict(half, ruled).why) == (
        Status.NOT_APPLICABLE,
        "the key has nothing to forbid",
    )


def test_a_fault_that_the_record_has_to_note_needs_a_warning_that_says_it() -> None:
    noted = replace(VARIANT, excuses=(Excuse("the record is marked", noted="changed since arming"),))
    acted = replace(SAME, log=(*SAME.log, (2010 * MS, "fault plant.estop acts: a knob is turned")))
    result = verdict(acted, noted)
    assert result.status is Status.FAILED and "a warning in the record that says 'changed since arming'" in result.why
    told = replace(acted, warnings=("scope_1: changed since arming: range",))
    assert verdict(told, noted).status is Status.PASSED


def test_a_door_that_is_open_before_energy_is_gone_fails_whatever_the_row() -> None:
    result = verdict(replace(RIGHT, unlocked_v=51.0))
    assert result.status is Status.FAILED and "it was open at 51 V" in result.why


def test_some_stages_have_another_limit() -> None:
    slow = replace(RIGHT, points=(*RIGHT.points[:2], point(2100, "TRIP", False, True, 400.0)))
    assert verdict(slow).status is Status.FAILED
    there = replace(VARIANT, instead=(frozenset({Stage.CHARGE}), Limit(seconds=0.2)))
    assert verdict(slow, there).status is Status.PASSED
    elsewhere = replace(VARIANT, instead=(frozenset({Stage.FIRE}), Limit(seconds=0.2)))
    assert verdict(slow, elsewhere).status is Status.FAILED


def test_a_rule_may_let_a_fault_spoil_a_measurement_but_nothing_else() -> None:
    acted = (*SAME.log, (2010 * MS, "fault plant.estop acts: reads 42 V at 36 V"))
    spoilt = replace(SAME, finished=finished(1, "completed"), log=acted)
    good = replace(CONTROL, finished=finished(0, "completed"))
    rule = Excuse("a measured decay is spoilt", frozenset({Stage.CHARGE}), marks=True)
    unruled = replace(VARIANT, limit=Limit(event="before fire"))
    marked = replace(unruled, excuses=(rule,))
    assert judge(CELL, marked, MOMENT, spoilt, good).status is Status.PASSED
    assert judge(CELL, unruled, MOMENT, spoilt, good).status is Status.FAILED
    elsewhere = replace(unruled, excuses=(replace(rule, stages=frozenset({Stage.VERIFY})),))
    assert judge(CELL, elsewhere, MOMENT, spoilt, good).status is Status.FAILED
    unmarked = replace(unruled, excuses=(replace(rule, marks=False),))
    assert judge(CELL, unmarked, MOMENT, spoilt, good).status is Status.FAILED
    aborted = replace(spoilt, finished=finished(3, "aborted", "a wrong reason"))
    assert judge(CELL, marked, MOMENT, aborted, good).status is Status.FAILED


def test_what_others_attempt_must_be_refused() -> None:
    guarded = replace(VARIANT, excuses=(Excuse("refused"),), answers=("STALE_EPOCH", "WRONG_CONNECTION"))
    log = (*SAME.log, (2010 * MS, "fault plant.estop acts: epoch 7 asks: STALE_EPOCH, WRONG_CONNECTION"))
    assert verdict(replace(SAME, log=log), guarded).status is Status.PASSED
    log = (*SAME.log, (2010 * MS, "fault plant.estop acts: epoch 7 asks: ACCEPTED, WRONG_CONNECTION"))
    result = verdict(replace(SAME, log=log), guarded)
    assert result.status is Status.FAILED and "expected it to be refused" in result.why


def test_before_fire_means_no_pulse() -> None:
    early = replace(VARIANT, limit=Limit(event="before fire"))
    assert verdict(RIGHT, early).status is Status.PASSED
    shot = (*RIGHT.points[:2], point(2015, "SHOT", True, False), RIGHT.points[2])
    fired = verdict(replace(RIGHT, fire_pulses=1, points=shot), early)
    before = (RIGHT.points[0], point(1000, "SHOT", True, False), RIGHT.points[2])
    assert verdict(replace(RIGHT, fire_pulses=1, points=before), early).status is Status.PASSED
    assert fired.status is Status.FAILED and "expected no fire" in fired.why


def test_a_lockout_is_an_end_and_a_run_that_died_is_another_outcome() -> None:
    locked = replace(
        RIGHT,
        finished=finished(4, "unsafe-unconfirmed", "ESTOP", "NOT VERIFIED"),
        points=(*RIGHT.points, point(2650, "LOCKOUT", False, False, 900.0)),
        final_v=850.0,
        energised_until_ns=6000 * MS,
    )
    row = replace(VARIANT, exits=(4,))
    assert verdict(locked, row).status is Status.PASSED
    powered = replace(locked, points=(*RIGHT.points, point(2650, "LOCKOUT", True, False, 900.0)))
    assert "its coils or its charger are powered" in verdict(powered, row).why
    half = replace(locked, points=(*RIGHT.points, point(2650, "LOCKOUT", False, True, 900.0)))
    assert "below 50 V at the end, got 850 V" in verdict(half, row).why, "a closed dump empties the bank, locked or not"
    late = replace(locked, points=(*RIGHT.points, point(2800, "LOCKOUT", False, False, 900.0)))
    assert "locked out within 0.69 s, took 0.79 s" in verdict(late, row).why
    died = replace(SAME, died=True)
    assert verdict(died).status is Status.FAILED


def test_a_cause_that_keeps_the_bench_from_being_armed_is_a_right_reason() -> None:
    refused = replace(
        RIGHT,
        points=(point(0, "SAFE", False),),
        finished=finished(3, "aborted", "step self_test: self-test failed: 12 of 13 interlock paths passed"),
        first_faults=(),
    )
    assert verdict(refused).status is Status.PASSED
    armed = replace(refused, points=RIGHT.points)
    assert verdict(armed).status is Status.FAILED


# --- a bench that runs -----------------------------------------------------------------------------------------------

ARC = Variant(
    "arc",
    Injection(("plant.arc",)),
    Limit(scans=1),
    trips=("RETRIES",),
    exits=(3, 0),
    inhibits=("ARC",),
)
SHUT = Running(inhibits=(Inhibit(2010 * MS, ("ARC",)), Inhibit(3100 * MS, ())), pulses=7, arc_j=3.0, arc_s=2e-6)
ARCED = replace(
    CONTROL,
    injected_ns=2000 * MS,
    log=((2000 * MS, "fault plant.arc on"), (2000 * MS, "fault plant.arc acts: 3.00 J into an arc")),
    running=SHUT,
)


def test_an_inhibit_is_a_right_reaction_and_the_run_goes_on() -> None:
    result = verdict(ARCED, ARC)
    assert result.status is Status.PASSED, result.why


RUN_WRONG: dict[str, tuple[Running, str]] = {
    "never shut": (replace(SHUT, inhibits=()), "no rule says why"),
    "another cause": (replace(SHUT, inhibits=(Inhibit(2010 * MS, ("VACUUM",)),)), "expected RETRIES as the reason"),
    "late": (replace(SHUT, inhibits=(Inhibit(2100 * MS, ("ARC",)),)), "expected the pulses inhibited within 20 ms"),
    "stray": (replace(SHUT, stray_pulses=1), "expected no pulse that nothing allowed, got 1"),
    "joules": (replace(SHUT, arc_j=10.5), "expected at most 10 J into an arc, got 10.5 J"),
    "time": (replace(SHUT, arc_s=11e-6), "expected drive off within 10 us, took 11.0 us"),
    "services": (replace(SHUT, services_lost=0b100), "but auxiliaries 0b0100 went off"),
}


@pytest.mark.parametrize("name", RUN_WRONG)
def test_each_way_to_be_wrong_with_pulses_fails(name: str) -> None:
    running, sentence = RUN_WRONG[name]
    result = verdict(replace(ARCED, running=running), ARC)
    assert result.status is Status.FAILED
    assert sentence in result.why


def test_a_row_that_makes_stray_pulses_may_have_them() -> None:
    stray = replace(ARCED, running=replace(SHUT, stray_pulses=1))
    assert verdict(stray, replace(ARC, trips=("PULSE_OVERRUN",))).status is Status.PASSED


def test_what_is_watched_while_armed_counts_from_there() -> None:
    """The fault shows in SAFE; the PLC has to take the power away a scan after it was let in."""
    variant = Variant("flow", Injection(("plant.flow",)), Limit(scans=2), says=("windows",), armed=True)
    trial = replace(
        CONTROL,
        finished=finished(3, "aborted", "step charge: windows"),
        points=(point(0, "SAFE", False), point(1000, "OPENING", True, False), point(1020, "DUMPING", False)),
        injected_ns=300 * MS,
        fire_pulses=0,
        energised_until_ns=0,
        log=((300 * MS, "fault plant.flow on"), (310 * MS, "fault plant.flow acts: it shows")),
    )
    assert verdict(trial, variant).status is Status.PASSED
    late = verdict(trial, replace(variant, armed=False))
    assert late.status is Status.FAILED and "took 0.71 s" in late.why
