"""Conditioning against the plant: every pulse accounted for, killed anywhere, and the same asked pulse by pulse.

A bench that breaks down a hundred times as often shows in two hours what takes the real one weeks; the 2,000 hours
themselves are `python -m tests.benchmarks.bench_conditioning --kills 20`.
"""

from dataclasses import replace

import numpy as np

from controller.sequencer.conditioning import Because, Observation
from controller.sequencer.conditioning_estimate import hours_to_goal
from controller.sequencer.conditioning_recipe import ConditioningRecipe
from controller.sequencer.conditioning_state import Fault, Phase
from firmware_sim.plant.breakdown.parameters import (
    BreakdownParameters,
    ClusterParameters,
    FaultKind,
    LawParameters,
    SurfaceParameters,
)
from tests.conditioning.simulation import Bench, Run, begin, play, run_from_text

RECIPE = ConditioningRecipe(
    rate_hz=50.0,
    start_field_v_per_m=40e6,
    normal_field_v_per_m=50e6,
    nominal_field_v_per_m=100e6,
    target_rate=1e-3,
    goal_rate=3e-5,
    raise_fraction=0.01,
    lower_fraction=0.02,
    raise_pulses=300,
    window_pulses=3_000,
    soak_pulses=10_000,
    goal_pulses=200_000,
    recover_fraction=0.02,
    recover_pulses=50,
    second_arc_s=10.0,
    arc_budget_s=15.0,
    arc_budget=4,
    progress_pulses=40_000,
)
PLANT = BreakdownParameters(
    LawParameters(probability=5e-6, field_v_per_m=100e6, pulse_s=200e-9),
    ClusterParameters(0.5, 80.0),
    SurfaceParameters(start_strength=0.45, conditioning_pulses=5e5, hard_probability=1e-3, update_pulses=512),
)
PULSES = 2_500_000


def quick(seed: int = 1) -> Bench:
    return Bench(RECIPE, PLANT, seed, person_s=120.0)


def killed(bench: Bench, kills: list[int], until: int) -> Run:
    run = begin(bench)
    for stop in [*kills, until]:
        again = replace(bench, recipe=replace(bench.recipe), breakdown=replace(bench.breakdown))
        run = play(again, run_from_text(run.to_text(), again), stop)
    return run


def test_every_pulse_is_accounted_for_and_the_goal_is_reached():
    reasons: set[Because] = set()
    estimates = []
    rungs = []

    def note(run: Run, seen: Observation) -> None:
        reasons.add(run.action.because)
        assert run.fired + run.inhibited == seen.pulse == run.plant.pulse
        assert run.control.phase.ended or run.control.fired_total == run.fired
        rungs.append(run.control.rung)
        estimates.append(hours_to_goal(RECIPE, run.control))

    end = play(quick(), begin(quick()), PULSES, note)
    print(f"{end.control.phase.value} after {end.control.total_s / 3600:.1f} h, {end.breakdowns} breakdowns, {reasons}")
    assert end.fired + end.inhibited == PULSES
    assert end.control.phase is Phase.DONE
    assert rungs == sorted(rungs) and set(rungs) == {0, 1, 2, 3}
    assert sum(end.control.bursts) == end.breakdowns > 300
    assert end.control.invalid == 0
    assert reasons >= set(Because) - {Because.INVALID, Because.BUDGET, Because.PAUSED}
    assert any(estimate is not None for estimate in estimates)


def test_killed_at_twenty_points_the_end_is_the_same():
    """With a small budget of arcs, so that it also stops and a person goes on, here and there."""
    until, bench = 600_000, replace(quick(2), recipe=replace(RECIPE, arc_budget=2))
    expected = play(bench, begin(bench), until)
    assert expected.breakdowns > 100 and expected.stops > 5
    points = np.sort(np.random.default_rng(6).integers(1, until, 20)).tolist()
    assert killed(bench, points, until) == expected
    assert play(replace(bench, seed=3), begin(bench), until) != expected


def test_asked_pulse_by_pulse_the_events_are_the_same():
    """What a bench does that lives pulse by pulse: nothing depends on where the stretches are cut."""
    begun, until, lists = play(quick(4), begin(quick(4)), 60_000), 72_000, []
    for steps in ([until], list(range(60_001, until + 1))):
        events = []

        def note(run: Run, seen: Observation, events: list[object] = events) -> None:
            events.append((seen, run.action))

        run = begun
        for stop in steps:
            run = play(quick(4), run, stop, note)
        lists.append((events, run))
    assert lists[0] == lists[1]
    assert lists[0][1].breakdowns >= begun.breakdowns + 5


def test_the_two_sides_mean_the_same_faults():
    assert [kind.value for kind in Fault] == [kind.value for kind in FaultKind]
