"""The law and its anchors, exactness of any cut, what a change of the drive does, the surface, the faults."""

import json
from collections import Counter
from dataclasses import asdict, replace
from math import exp

import numpy as np
import pytest

from firmware_sim.plant.breakdown.faults import breakdown_at
from firmware_sim.plant.breakdown.parameters import (
    BreakdownParameters,
    FaultKind,
    LawParameters,
    SurfaceParameters,
    breakdown_parameters,
)
from firmware_sim.plant.breakdown.points import RandomPoints
from firmware_sim.plant.breakdown.process import OFF, BreakdownState, Drive, advance, fresh, hazard
from firmware_sim.plant.breakdown.surface import probability, scaled_field
from tests.unit.breakdown.support import AT, FIELD_V_PER_M, PULSE_S, breakdowns, steady

CONDITIONING = BreakdownParameters(
    LawParameters(1e-3, FIELD_V_PER_M, PULSE_S),
    surface=SurfaceParameters(start_strength=0.8, conditioning_pulses=2e5, hard_probability=1e-3, update_pulses=1024),
)
SCHEDULE = [
    (Drive(85e6, 100e-9), 40_000),
    (OFF, 45_000),
    (Drive(88e6, 150e-9), 120_000),
    (Drive(80e6, 150e-9), 150_000),
    (Drive(95e6, 200e-9), 300_000),
]
"""Drives and the pulse until which each is on."""


def through(seed: int, cuts: list[int], kill: bool) -> tuple[list[int], BreakdownState]:
    """The breakdowns of SCHEDULE; the stretches are cut at ``cuts``, where ``kill`` rebuilds everything from text."""
    points, state, found = RandomPoints(seed), fresh(CONDITIONING), []
    for drive, end in SCHEDULE:
        for stop in [*(cut for cut in cuts if state.pulse < cut < end), end]:
            while state.pulse < stop:
                state, pulse = advance(points, CONDITIONING, state, drive, stop)
                found += [] if pulse is None else [pulse]
            if kill:
                kept = json.loads(json.dumps(asdict(state), allow_nan=False))
                points, state = RandomPoints(seed), BreakdownState(**{**kept, "drive": Drive(**kept["drive"])})
    return found, state


def test_any_cut_and_any_kill_gives_the_same_future():
    whole, end = through(5, [], kill=False)
    assert len(whole) > 150
    generator = np.random.default_rng(1)
    for _ in range(5):
        cuts = sorted(generator.integers(1, 300_000, 20).tolist())
        assert through(5, cuts, kill=True) == (whole, end)
    assert through(6, [], kill=False)[0] != whole


def test_pulse_by_pulse_is_the_same_list():
    """A bench that asks before each pulse, and one that jumps from breakdown to breakdown."""
    drive, points = Drive(84e6, 200e-9), RandomPoints(9)
    jumping, asking = fresh(CONDITIONING), fresh(CONDITIONING)
    jumped, asked = [], []
    while jumping.pulse < 6_000:
        jumping, pulse = advance(points, CONDITIONING, jumping, drive, 6_000)
        jumped += [] if pulse is None else [pulse]
    points = RandomPoints(9)
    for number in range(6_000):
        asking, pulse = advance(points, CONDITIONING, asking, drive, number + 1)
        asked += [] if pulse is None else [pulse]
    assert len(jumped) > 5
    assert (asked, asking) == (jumped, jumping)


def test_the_future_does_not_depend_on_who_looked_before():
    points, parameters = RandomPoints(21), steady(1e-3)
    expected = breakdowns(21, parameters, 50).tolist()
    state = fresh(parameters)
    found = []
    while len(found) < 50:
        points.first_below(10_000_000, 10_002_000, lambda _: 1e-3)
        state, pulse = advance(points, parameters, state, AT, 2**44)
        found.append(pulse)
    assert found == expected


def test_golden_list():
    """Another version of numpy, or another machine, gives these very pulses."""
    assert breakdowns(2026, steady(1.31e-5), 6).tolist() == GOLDEN


GOLDEN = [31232, 138855, 193218, 195427, 361433, 364405]


def test_the_law_has_its_anchors():
    law = LawParameters(1e-5, 100e6, 250e-9)
    assert probability(law, 1.0, 128e6, 150e-9) == pytest.approx(1.3e-3, rel=0.03), "KEK to MIT, physics.md B7"
    length = 1500e-9
    heated = probability(law, 1.0, 1e8 * (length / 200e-9) ** -0.25, length) / probability(law, 1.0, 1e8, 200e-9)
    assert heated == pytest.approx(0.0065, rel=0.01), "constant pulsed heating, physics.md B7"
    assert probability(law, 1.0, 0.0, 250e-9) == 0.0
    assert probability(law, 0.9, 90e6, 250e-9) == pytest.approx(1e-5)


def test_scaled_field_is_what_the_law_leaves_constant():
    law = LawParameters(1e-5, 100e6, 250e-9)
    at = [scaled_field(law, e, t, probability(law, 1.0, e, t)) for e, t in ((1e8, 250e-9), (7e7, 50e-9), (1.2e8, 1e-6))]
    assert at == pytest.approx([at[0]] * 3)
    assert at[0] == pytest.approx(1e8 * 250e-9 ** (1 / 6) / 1e-5 ** (1 / 30))


def test_nothing_breaks_down_without_pulses():
    parameters = steady(0.5)
    state, pulse = advance(RandomPoints(1), parameters, fresh(parameters), OFF, 10**9)
    assert (pulse, state.pulse, state.strength) == (None, 10**9, 1.0)


def test_excitation_after_a_breakdown_decays_by_pulses():
    parameters = steady(1e-5)
    state, pulse = advance(RandomPoints(1), parameters, fresh(parameters), AT, 2**40)
    assert pulse is not None and state.pulse == pulse + 1
    of = hazard(parameters, state)
    added = [of(state.pulse + ahead) - 0.5e-5 for ahead in (0, 8000, 16_000)]
    assert added[0] == pytest.approx(0.5 / 8000, rel=1e-3)
    assert added[1] / added[0] == pytest.approx(exp(-1.0))
    assert added[2] / added[0] == pytest.approx(exp(-2.0))


def test_a_lower_field_calms_a_cluster_and_a_pause_does_not():
    parameters = steady(1e-5)
    struck, _ = advance(RandomPoints(1), parameters, fresh(parameters), AT, 2**40)

    def excitation(*fields: float) -> float:
        state = struck
        for field in fields:
            state, _ = advance(RandomPoints(1), parameters, state, Drive(field, PULSE_S), state.pulse)
        return state.excitation / struck.excitation

    assert excitation(0.95e8) == pytest.approx(0.95**30)
    assert excitation(0.95e8, 1e8) == pytest.approx(0.95**30), "it does not come back"
    assert excitation(1.05e8) == pytest.approx(1.0)
    assert excitation(0.0, 1e8) == pytest.approx(1.0)


def test_a_surface_conditions_by_pulses_at_a_rising_field():
    parameters = replace(CONDITIONING, law=LawParameters(1e-9, FIELD_V_PER_M, PULSE_S))
    drive = Drive(70e6, PULSE_S)
    state, pulse = advance(RandomPoints(1), parameters, fresh(parameters), drive, 200 * 1024)
    assert pulse is None
    effort = (probability(parameters.law, 0.8, 70e6, PULSE_S) / 1e-3) ** (parameters.surface.effort_exponent / 30)
    assert 0.8 < state.strength < 1.0 - 0.2 * exp(-200 * 1024 * effort / 2e5), "less effort as the surface gets better"


def test_hard_driven_pulses_condition_in_full():
    """However many breakdowns cut the way, the strength is the closed form of the number of pulses."""
    points, state, struck = RandomPoints(1), fresh(CONDITIONING), 0
    while state.pulse < 50 * 1024:
        state, pulse = advance(points, CONDITIONING, state, Drive(101e6, PULSE_S), 50 * 1024)
        struck += pulse is not None
    assert struck > 100
    assert state.strength == pytest.approx(1.0 - 0.2 * exp(-50 * 1024 / 2e5), rel=1e-12)


def test_faults_have_their_shares_and_bursts_their_range():
    parameters, points = steady(1e-5), RandomPoints(3)
    seen = [breakdown_at(points, parameters, pulse, PULSE_S) for pulse in range(4000)]
    counts = Counter(each.kind for each in seen)
    for kind, share in zip(FaultKind, parameters.shares(), strict=True):
        assert counts[kind] / 4000 == pytest.approx(share, abs=0.03)
    bursts = np.log10([each.burst_pa_m3 for each in seen])
    assert -7.0 <= bursts.min() < -6.98
    assert -5.02 < bursts.max() <= -5.0
    assert bursts.mean() == pytest.approx(-6.0, abs=0.03)
    for each in seen:
        offsets = [latch.offset_s for latch in each.latches]
        assert 0.0 <= offsets[0] < PULSE_S and offsets == sorted(offsets)
        assert (len(each.latches) == 2) is (each.kind is FaultKind.WAVEGUIDE_ARC)
    assert seen[17] == breakdown_at(RandomPoints(3), parameters, 17, PULSE_S)


LAW = {"probability": 1e-7, "field_v_per_m": 1e8, "pulse_s": 2e-7}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "law: None cannot be; write a group with probability"),
        ({"law": {"probability": 1e-7}}, "also field_v_per_m, pulse_s"),
        ({"law": {**LAW, "probability": 2.0}}, "law.probability: 2.0 cannot be; write a probability above 0"),
        ({"law": {**LAW, "field": 1.0}}, "law.field: 1.0 cannot be; write one of"),
        ({"law": {**LAW, "pulse_s": "200 ns"}}, "write a number in SI units"),
        ({"law": {**LAW, "pulse_s": float("nan")}}, "law.pulse_s: nan"),
        ({"law": LAW, "cluster": {"branching": 1.0}}, "below 1, or a cluster never ends"),
        ({"law": LAW, "surface": {"start_strength": 0.0}}, "above 0, at most 1"),
        ({"law": LAW, "faults": {"burst_min_pa_m3": 1.0}}, "not above faults.burst_max_pa_m3"),
        ({"law": LAW, "vacuum": {}}, "one of the groups"),
        ({"law": 3}, "write a group with"),
    ],
)
def test_a_wrong_number_is_named(data, said):
    with pytest.raises(ValueError, match=r"breakdown: |law: ") as error:
        breakdown_parameters(data)
    assert said in str(error.value)


def test_parameters_from_a_mapping():
    found = breakdown_parameters({"law": LAW, "cluster": {"branching": 0.4}, "surface": {"update_pulses": 100}})
    assert found.law == LawParameters(1e-7, 1e8, 2e-7)
    assert (found.cluster.branching, found.surface.update_pulses) == (0.4, 100)
