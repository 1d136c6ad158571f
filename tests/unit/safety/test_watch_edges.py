"""The controller's watch at the edges of its rules: what is still healthy, what is no longer, and what it remembers."""

import math
from dataclasses import replace

import pytest

from controller.safety import watch
from controller.safety.bench import ARMED, DE_ENERGISED, BenchState, Reading
from controller.safety.watch import COUNT_MAX, NEVER_WRONG, RULES, Action, Levels, WatchLimits, WatchState

S = BenchState
LIMITS = WatchLimits(max_voltage_v=1000.0, mismatch_v=16.0, ramp_v_per_s=128.0, zero_v=50.0)
HEALTHY = Reading(
    state=S.CHARGE,
    age_s=0.0,
    loop_gap_s=0.0,
    boot_id=7,
    probe_a_v=512.0,
    probe_b_v=512.0,
    witness_v=512.0,
    module_v=(512.0, 512.0),
    target_v=640.0,
    proven_safe=False,
    journal_alive=True,
    lost_instrument="",
    trips=(),
    state_age_s=4.0,
)
# level -> (a reading that is just healthy, one that is not)
EDGES: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("status_fresh", {"age_s": 0.3}, {"age_s": 0.3001}),
    ("status_fresh", {"age_s": 0.0}, {"age_s": math.nan}),
    ("loop_on_time", {"loop_gap_s": 0.2}, {"loop_gap_s": 0.2001}),
    ("same_boot", {"boot_id": 7}, {"boot_id": 6}),
    ("probes_valid", {"probe_a_v": -20.0}, {"probe_a_v": -20.1}),
    ("probes_valid", {"probe_b_v": -20.0}, {"probe_b_v": -20.1}),
    ("probes_valid", {"probe_a_v": 1200.0}, {"probe_a_v": 1200.1}),
    ("probes_valid", {"probe_b_v": 1200.0}, {"probe_b_v": 1200.1}),
    ("probes_valid", {}, {"probe_b_v": math.nan}),
    ("probes_agree", {"probe_a_v": 528.0}, {"probe_a_v": 528.1}),
    ("probes_agree", {"probe_a_v": 496.0}, {"probe_a_v": 495.9}),
    ("witness_agrees", {"witness_v": 528.0}, {"witness_v": 528.1}),
    ("witness_agrees", {"witness_v": 496.0}, {"witness_v": 495.9}),
    ("witness_agrees", {"probe_b_v": 900.0}, {"probe_a_v": 900.0}),
    ("witness_agrees", {"witness_v": None}, {"witness_v": math.nan}),
    ("below_limit", {"probe_a_v": 1000.0}, {"probe_a_v": 1000.1}),
    ("below_limit", {"probe_b_v": 1000.0}, {"probe_b_v": 1000.1}),
    ("below_limit", {"module_v": (0.0, 1000.0)}, {"module_v": (0.0, 1000.1)}),
    ("below_limit", {"module_v": ()}, {"module_v": (math.nan,)}),
    ("below_limit", {}, {"module_v": (-math.inf,)}),
    ("journal_alive", {}, {"journal_alive": False}),
    ("instruments_present", {}, {"lost_instrument": "scope_1"}),
    ("bench_known", {"state": S.SAFE}, {"state": S.UNKNOWN}),
    ("zero_at_start", {"state": S.CHARGE}, {"state": S.OPENING}),
    # a tenth of the ramp time of 5 s; three tenths of the 64 V that are planned by then
    ("rising", {"state_age_s": 0.49, "probe_a_v": 0.0}, {"state_age_s": 0.5, "probe_a_v": 0.0}),
    ("rising", {"state_age_s": 0.5, "probe_a_v": 19.2}, {"state_age_s": 0.5, "probe_a_v": 19.1}),
    ("rising", {"state_age_s": 0.5, "probe_b_v": 19.2}, {"state_age_s": 0.5, "probe_b_v": 19.1}),
    ("rising", {"state_age_s": 9.0, "probe_b_v": 192.0}, {"state_age_s": 9.0, "probe_b_v": 191.9}),
    ("rising", {"state": S.FLOAT, "probe_a_v": 0.0}, {"state": S.CHARGE, "probe_a_v": 0.0}),
    ("charge_agrees", {"state": S.FLOAT}, {"state": S.ISOLATE}),
    ("charge_agrees", {"state": S.CHARGE}, {"state": S.FIREWIN}),
    ("charge_agrees", {"state": S.FLOAT, "charge_v": 512.0}, {"state": S.FLOAT, "charge_v": 600.0}),
    (
        "charge_agrees",
        {"state": S.ISOLATE, "charge_v": 600.0, "charge_doubt_v": 30.0},
        {"state": S.ISOLATE, "charge_v": 600.0, "charge_doubt_v": 27.0},
    ),
    (
        "charge_agrees",
        {"state": S.FIREWIN, "charge_v": 512.0},
        {"state": S.FIREWIN, "charge_v": 512.0, "probe_b_v": 400.0},
    ),
    (
        "charge_agrees",
        {"state": S.FIREWIN, "charge_v": 512.0},
        {"state": S.FIREWIN, "charge_v": 512.0, "probe_a_v": 400.0},
    ),
]


def seen(changes: dict[str, object], quiet: bool = False, boot_id: int | None = 7) -> Levels:
    return watch.classify(replace(HEALTHY, **changes), LIMITS, boot_id, quiet)  # type: ignore[arg-type]


@pytest.mark.parametrize(("level", "right", "wrong"), EDGES)
def test_level_changes_at_its_edge(level: str, right: dict[str, object], wrong: dict[str, object]) -> None:
    assert getattr(seen(right), level) is True
    assert getattr(seen(wrong), level) is False


def test_zero_check_is_within_the_limit_on_both_sides() -> None:
    for volts, zero in ((50.0, True), (-50.0, True), (50.1, False), (-50.1, False)):
        for name, value in (("probe_a_v", volts), ("probe_b_v", volts), ("module_v", (0.0, volts))):
            cold = {"state": S.OPENING, "probe_a_v": 0.0, "probe_b_v": 0.0, "module_v": (0.0, 0.0)}
            assert seen(cold | {name: value}).zero_at_start is zero


@pytest.mark.parametrize(("target_v", "ramp_v_per_s", "judged_s"), [(640.0, 512.0, 0.5), (640.0, 32.0, 1.5)])
def test_rise_is_judged_after_half_a_second_to_one_and_a_half(
    target_v: float, ramp_v_per_s: float, judged_s: float
) -> None:
    """A tenth of the ramp (0.125 s and 2 s here), but not before 0.5 s and not after 1.5 s."""
    limits = replace(LIMITS, ramp_v_per_s=ramp_v_per_s)
    flat = replace(HEALTHY, target_v=target_v, probe_a_v=0.0)
    assert watch.classify(replace(flat, state_age_s=judged_s - 0.01), limits, 7, False).rising
    assert not watch.classify(replace(flat, state_age_s=judged_s), limits, 7, False).rising


def test_without_a_ramp_nothing_is_expected_to_rise() -> None:
    flat = replace(HEALTHY, probe_a_v=0.0)
    assert watch.classify(flat, replace(LIMITS, ramp_v_per_s=0.0), 7, False).rising
    assert not watch.classify(flat, replace(LIMITS, ramp_v_per_s=0.5, zero_v=1.0), 7, False).rising


def test_first_boot_id_is_whatever_the_plc_says() -> None:
    assert seen({"boot_id": 99}, boot_id=None).same_boot
    assert not seen({"boot_id": 99}, boot_id=0).same_boot


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
def test_the_watch_is_armed_where_energy_may_be(state: BenchState) -> None:
    armed = {S.OPENING, S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN, S.SHOT, S.RUN}
    assert armed == ARMED
    assert seen({"state": state}).armed is (state in armed or state is S.UNKNOWN)


def test_safe_can_only_be_proven_where_nothing_is_energised() -> None:
    assert {S.SAFE, S.TEST, S.TRIP} == DE_ENERGISED


def test_pulse_hides_what_the_emi_makes_of_probes_and_nothing_else() -> None:
    garbage = {"probe_a_v": math.nan, "probe_b_v": 9e9, "witness_v": -9e9, "module_v": (math.inf,)}
    levels = seen(garbage | {"state": S.SHOT}, quiet=True)
    assert levels.probes_valid and levels.probes_agree and levels.witness_agrees and levels.below_limit
    levels = seen({"age_s": 9.0, "loop_gap_s": 9.0, "boot_id": 1, "journal_alive": False}, quiet=True)
    assert not (levels.status_fresh or levels.loop_on_time or levels.same_boot or levels.journal_alive)


# ---- what is remembered ---------------------------------------------------------------------------------------------

GOOD = seen({})
REST = seen({"state": S.SAFE})
STALE = replace(GOOD, status_fresh=False)
TORN = replace(GOOD, probes_agree=False)


def test_defaults_are_those_of_the_bench() -> None:
    assert (LIMITS.status_age_s, LIMITS.loop_gap_s) == (0.3, 0.2), "300 ms and 200 ms (safety.md 3.2)"
    assert (watch.RISE_SHARE, watch.RISE_MIN_S, watch.RISE_MAX_S, watch.RISE_PART) == (0.1, 0.5, 1.5, 0.3)
    plain = WatchLimits(max_voltage_v=1.0, mismatch_v=1.0)
    assert (plain.ramp_v_per_s, plain.zero_v) == (0.0, 50.0)
    bare = Reading(*[getattr(HEALTHY, name) for name in list(HEALTHY.__slots__)[:13]])
    assert (bare.state_age_s, bare.charge_v, bare.charge_doubt_v) == (0.0, None, 0.0), "no doubt that nobody gave"
    judged = Levels(*[getattr(GOOD, name) for name in list(GOOD.__slots__)[:11]])
    assert judged == GOOD, "what is judged in one state only is healthy in the others"
    assert WatchState() == WatchState(None, (), Action.NONE, "")
    assert Action.DUMP > Action.NONE


def test_rest_forgets_what_was_wrong_and_learns_the_boot_id() -> None:
    state = watch.step(WatchState(boot_id=3, wrong=(1,) * len(RULES)), REST, 7)
    assert (state.boot_id, state.wrong, state.action, state.cause) == (7, NEVER_WRONG, Action.NONE, "")
    assert len(NEVER_WRONG) == len(RULES) and not any(NEVER_WRONG)


def test_rest_keeps_a_decision() -> None:
    decided = WatchState(7, NEVER_WRONG, Action.DUMP, "loop-gap")
    assert watch.step(decided, REST, 7) == decided
    assert watch.step(decided, REST, 8) == replace(decided, boot_id=8)


def test_nothing_new_is_the_same_object() -> None:
    """Twenty readings a second for hours: at rest and in good health the watch allocates nothing."""
    rested = watch.step(WatchState(), REST, 7)
    assert rested == WatchState(7, NEVER_WRONG)
    assert watch.step(rested, REST, 7) is rested
    assert watch.step(rested, GOOD, 7) is rested


@pytest.mark.parametrize("boot_id", [7, 8])
def test_armed_watch_keeps_the_boot_id_it_rested_with(boot_id: int) -> None:
    rested = watch.step(WatchState(), REST, 7)
    for levels in (GOOD, TORN, STALE):
        assert watch.step(rested, levels, boot_id).boot_id == 7


def test_counters_count_saturate_and_start_again() -> None:
    place = [rule.name for rule in RULES].index("probe-mismatch")
    state = watch.step(WatchState(), REST, 7)
    for count in range(1, COUNT_MAX + 20):
        state = watch.step(state, TORN, 7)
        assert state.wrong[place] == min(count, 100)
        assert sum(state.wrong) == state.wrong[place]
        assert (state.action is Action.DUMP) is (count > 2)
    assert watch.step(state, GOOD, 7) == WatchState(7, NEVER_WRONG, Action.DUMP, "probe-mismatch")


def test_first_cause_stays_and_counters_go_on() -> None:
    state = watch.step(watch.step(WatchState(), REST, 7), STALE, 7)
    assert (state.cause, state.wrong[0]) == ("status-stale", 1)
    state = watch.step(state, replace(GOOD, journal_alive=False), 7)
    assert (state.cause, state.wrong[0], sum(state.wrong)) == ("status-stale", 0, 1)


def test_of_two_rules_at_once_the_first_of_the_table_is_the_cause() -> None:
    rested = watch.step(WatchState(), REST, 7)
    assert watch.step(rested, replace(GOOD, journal_alive=False, same_boot=False), 7).cause == "plc-rebooted"


def test_an_armed_watch_that_never_rested_counts_all_the_same() -> None:
    assert watch.step(WatchState(), STALE, 7).action is Action.DUMP
    assert watch.step(WatchState(), GOOD, 7).wrong == NEVER_WRONG


def test_reasons_are_the_tables_own() -> None:
    assert watch.reason("status-stale") == "the PLC's status is older than 300 ms"
    assert watch.reason("state-unknown") == "the PLC reports a state this controller does not know"
    assert len({watch.reason(rule.name) for rule in RULES}) == len(RULES)
    assert watch.reason("operator") == "operator", "a cause of somebody else's is its own sentence"


def test_while_pulses_come_the_store_swings_below_its_target_and_never_above() -> None:
    """Between two pulses it is empty, and what the DAQ read of it belongs to another moment."""
    low = {"state": S.RUN, "target_v": 800.0, "probe_a_v": 10.0, "probe_b_v": 10.0, "module_v": (), "charge_v": None}
    levels = seen(low | {"witness_v": 790.0})
    assert levels.witness_agrees and levels.within_target and levels.rising and levels.charge_agrees
    assert not seen(low | {"state": S.FLOAT, "witness_v": 790.0}).witness_agrees
    assert not seen(low | {"probe_b_v": 500.0}).probes_agree
    high = replace(HEALTHY, state=S.RUN, target_v=800.0, probe_a_v=850.0, probe_b_v=850.0)
    assert not watch.classify(high, replace(LIMITS, above_target_v=40.0), 7, quiet=False).within_target
