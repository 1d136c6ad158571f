"""The controller's watch: written rules, each with the smallest reading that breaks it."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety import watch
from controller.safety.bench import ARMED, BenchState, Reading
from controller.safety.watch import Action, WatchLimits, WatchState

LIMITS = WatchLimits(max_voltage_v=3100.0, mismatch_v=60.0, ramp_v_per_s=250.0, zero_v=50.0, above_target_v=80.0)
HEALTHY = Reading(
    state=BenchState.CHARGE,
    age_s=0.0,
    loop_gap_s=0.0,
    boot_id=7,
    probe_a_v=2000.0,
    probe_b_v=2003.0,
    witness_v=1999.0,
    module_v=(1990.0, 1995.0, 2001.0, 2002.0),
    target_v=3000.0,
    proven_safe=False,
    journal_alive=True,
    lost_instrument="",
    trips=(),
)

LOW = {"probe_a_v": 98.0, "probe_b_v": 98.0, "witness_v": 98.0, "module_v": (98.0,) * 4}
COLD = {"probe_a_v": 0.0, "probe_b_v": 0.0, "witness_v": 0.0, "module_v": (0.0,) * 4}

# The written rule list, on purpose not taken from watch.RULES: what is broken -> (cause, readings until it acts).
WRITTEN = [
    ({"age_s": 0.301}, "status-stale", 1),
    ({"loop_gap_s": 0.21}, "loop-gap", 1),
    ({"boot_id": 8}, "plc-rebooted", 1),
    ({"probe_a_v": math.nan, "probe_b_v": math.nan}, "probe-invalid", 2),
    ({"probe_a_v": -1000.0}, "probe-invalid", 2),
    ({"probe_a_v": 2100.0, "witness_v": 2100.0}, "probe-mismatch", 3),
    ({"witness_v": 1900.0}, "witness-mismatch", 3),
    ({"module_v": (1990.0, 1995.0, 2001.0, 3101.0)}, "over-limit", 2),
    ({"module_v": (1990.0, 1995.0, 2001.0, math.nan)}, "over-limit", 2),
    ({"journal_alive": False}, "journal-dead", 1),
    ({"lost_instrument": "scope_1"}, "instrument-lost", 1),
    ({"state": BenchState.OPENING}, "zero-check", 2),
    (LOW | {"state_age_s": 1.3, "probe_a_v": 97.0}, "no-rise", 2),
    ({"state": BenchState.FLOAT, "charge_v": 2290.0, "charge_doubt_v": 50.0}, "charge-estimate", 2),
    ({"state": BenchState.ISOLATE, "charge_v": None}, "charge-estimate", 2),
    ({"state": BenchState.CHARGE, "target_v": 1922.5}, "above-target", 2),
    ({"state": BenchState.FLOAT, "charge_v": 2000.0, "target_v": 1922.5}, "above-target", 2),
    ({"state": BenchState.ISOLATE, "charge_v": 2000.0, "target_v": 1922.5}, "above-target", 2),
    ({"state": BenchState.FIREWIN, "charge_v": 2000.0, "target_v": 1922.5}, "above-target", 2),
    ({"state": BenchState.FLOAT, "charge_v": 2000.0, "target_v": math.nan}, "above-target", 2),
    ({"state": BenchState.UNKNOWN}, "state-unknown", 1),
]


def test_a_bank_at_the_edge_above_its_target_is_left_alone() -> None:
    """Target 1923 V and 80 V more are the 2003 V of probe B; what was shot is nobody's target any more."""
    edge = replace(HEALTHY, state=BenchState.FLOAT, charge_v=2000.0, target_v=1923.0)
    for reading in (edge, replace(edge, state=BenchState.SHOT, target_v=100.0)):
        state = settled()
        for _ in range(4):
            state = observe(state, reading)
        assert state.action is Action.NONE


def observe(state: WatchState, reading: Reading, quiet: bool = False) -> WatchState:
    return watch.step(state, watch.classify(reading, LIMITS, state.boot_id, quiet), reading.boot_id)


def settled() -> WatchState:
    return observe(WatchState(), replace(HEALTHY, state=BenchState.SAFE))


@pytest.mark.parametrize(("broken", "cause", "readings"), WRITTEN, ids=[row[1] for row in WRITTEN])
def test_each_rule_acts_after_its_patience_and_no_sooner(broken: dict[str, object], cause: str, readings: int) -> None:
    state = settled()
    for _ in range(readings - 1):
        state = observe(state, replace(HEALTHY, **broken))
        assert state.action is Action.NONE
    state = observe(state, replace(HEALTHY, **broken))
    assert (state.action, state.cause) == (Action.DUMP, cause)
    assert watch.reason(cause) != cause


def test_every_rule_of_the_table_is_written_down_here() -> None:
    assert {rule.name for rule in watch.RULES} == {cause for _, cause, _ in WRITTEN}


@pytest.mark.parametrize("state", sorted(ARMED, key=lambda s: s.value))
def test_a_healthy_bench_is_left_alone(state: BenchState) -> None:
    watched = settled()
    for _ in range(200):
        cold = COLD if state is BenchState.OPENING else {"charge_v": 2100.0}
        watched = observe(watched, replace(HEALTHY, state=state, **cold))  # type: ignore[arg-type]
    assert watched.action is Action.NONE


def test_one_bad_reading_among_good_ones_is_forgiven() -> None:
    state = settled()
    for _ in range(50):
        state = observe(state, replace(HEALTHY, witness_v=1900.0))
        state = observe(state, HEALTHY)
    assert state.action is Action.NONE


def test_a_decision_is_never_taken_back() -> None:
    state = observe(settled(), replace(HEALTHY, journal_alive=False))
    for _ in range(10):
        state = observe(state, HEALTHY)
    assert (state.action, state.cause) == (Action.DUMP, "journal-dead")


def test_probe_readings_are_not_judged_in_the_pulse_but_the_rest_is() -> None:
    garbage = replace(HEALTHY, probe_a_v=math.nan, witness_v=9e9, module_v=(math.inf,) * 4)
    state = settled()
    for _ in range(20):
        state = observe(state, garbage, quiet=True)
    assert state.action is Action.NONE
    assert observe(state, replace(garbage, journal_alive=False), quiet=True).cause == "journal-dead"


@given(
    probe_a=st.floats(allow_nan=True, allow_infinity=True),
    probe_b=st.floats(allow_nan=True, allow_infinity=True),
    module=st.floats(allow_nan=True, allow_infinity=True),
)
def test_no_float_whatever_makes_an_unhealthy_bench_look_healthy(probe_a: float, probe_b: float, module: float) -> None:
    reading = replace(HEALTHY, probe_a_v=probe_a, probe_b_v=probe_b, witness_v=None, module_v=(module,))
    levels = watch.classify(reading, LIMITS, 7, quiet=False)
    if levels.probes_valid and levels.probes_agree and levels.below_limit:
        assert -62.0 <= probe_a <= 3100.0
        assert abs(probe_a - probe_b) <= 60.0
        assert module <= 3100.0


@pytest.mark.parametrize(
    ("target_v", "age_s", "volts", "rises"),
    [
        (3000.0, 1.19, 0.0, True),  # too early: a tenth of 12 s
        (3000.0, 1.21, 0.0, False),
        (3000.0, 1.21, 91.0, True),
        (3000.0, 1.21, 90.0, False),
        (100.0, 0.49, 0.0, True),  # never before half a second
        (100.0, 0.51, 0.0, False),
        (100.0, 0.51, 30.5, True),
        (9000.0, 1.51, 0.0, False),  # never later than 1.5 s
        (3000.0, 1.21, math.nan, False),
    ],
)
def test_a_bank_that_does_not_rise_is_noticed_within_2_s(
    target_v: float, age_s: float, volts: float, rises: bool
) -> None:
    reading = replace(HEALTHY, target_v=target_v, state_age_s=age_s, probe_a_v=volts, probe_b_v=200.0)
    assert watch.classify(reading, LIMITS, None, False).rising is rises
    assert watch.classify(replace(reading, state=BenchState.FLOAT), LIMITS, None, False).rising
    assert watch.classify(reading, replace(LIMITS, ramp_v_per_s=0.0), None, False).rising


@pytest.mark.parametrize("volts", [50.1, -50.1, math.nan])
def test_the_zero_check_looks_at_every_voltage(volts: float) -> None:
    cold = replace(HEALTHY, state=BenchState.OPENING, **COLD)  # type: ignore[arg-type]
    assert watch.classify(cold, LIMITS, None, False).zero_at_start
    for place in ({"probe_a_v": volts}, {"probe_b_v": volts}, {"module_v": (0.0, 0.0, volts, 0.0)}):
        assert not watch.classify(replace(cold, **place), LIMITS, None, False).zero_at_start  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [BenchState.FLOAT, BenchState.ISOLATE, BenchState.FIREWIN])
def test_both_probes_wrong_alike_disagree_with_the_charge(state: BenchState) -> None:
    scaled = replace(HEALTHY, state=state, charge_v=2000.0 / 0.8, charge_doubt_v=60.0)
    assert not watch.classify(scaled, LIMITS, None, False).charge_agrees
    assert watch.classify(replace(scaled, charge_v=2010.0), LIMITS, None, False).charge_agrees
    assert not watch.classify(replace(scaled, charge_v=2010.0, probe_b_v=1600.0), LIMITS, None, False).charge_agrees
    assert watch.classify(replace(scaled, charge_v=None), LIMITS, None, False).charge_agrees is (
        state is BenchState.FLOAT
    )
    for elsewhere in (BenchState.CHARGE, BenchState.OPENING, BenchState.SHOT):
        assert watch.classify(replace(scaled, state=elsewhere), LIMITS, None, False).charge_agrees
