"""Ten minutes of conditioning on the whole virtual bench give the event list of the fast simulation (issue 6, Show).

Every breakdown in the same pulse, of the same kind and with the same gas; every decision for the same reason, to the
last bit of the field, with the same faults. The pulses that a decision knew of may differ by what one run block holds:
with the shipped numbers none does. What the fast simulation is given is in timeline.py and
full_bench.py: numbers of the files, times of the links, and when the session began.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from controller.sequencer.conditioning_estimate import hours_to_goal
from controller.sequencer.conditioning_state import ConditioningState, start
from controller.shots.conditioning_sections import conditioning_figure, is_conditioning
from tests.conditioning.full_bench import Whole, hasty_bench, run_whole, state_of, stated
from tests.conditioning.timeline import Bench, Decided, Struck, session

BASE_PA = 1.35e-6
"""Of the shipped bench: its gauges show 1.15e-6 to 1.5e-6 in such a session."""

SESSION_S = 600.0
SLACK = 3
"""Pulses: 50 ms at 50 Hz. Where a gauge passes a threshold on the edge of a scan, the gate opens sooner or later."""

KEPT_S = 60.0
"""What is on the disk is never older (conditioner.KEEP_S)."""

pytestmark = pytest.mark.timeout(600)


@lru_cache
def ten_minutes() -> tuple[Whole, Bench]:
    """The session that both tests look at, and what its bench's files say."""
    with TemporaryDirectory() as name:
        folder = hasty_bench(Path(name))
        whole = run_whole(folder, Path(name) / "shots", "10 min")
        return whole, stated(folder, BASE_PA)


def same_events(mine: Sequence[Struck | Decided], theirs: Sequence[Struck | Decided]) -> int:
    """Fails where two lists are not the same; how many events agree to the pulse as well."""
    for number, (one, other) in enumerate(zip(mine, theirs, strict=False)):
        where = f"event {number}: fast simulation and whole bench, behind {mine[max(0, number - 1)]}"
        if isinstance(one, Decided) and isinstance(other, Decided):
            assert abs(one.pulse - other.pulse) <= SLACK, where
            assert replace(one, pulse=0, faults=()) == replace(other, pulse=0, faults=()), where
            assert [kind for kind, _ in one.faults] == [kind for kind, _ in other.faults], where
            for (_, pulse), (_, known) in zip(one.faults, other.faults, strict=True):
                assert pulse == known, where
        else:
            assert one == other, where
    assert len(mine) == len(theirs)
    return sum(one == other for one, other in zip(mine, theirs, strict=True))


def counters(state: ConditioningState) -> dict[str, Any]:
    """What counts pulses and seconds to the last one; the rest of two states must be equal."""
    names = ("pulse", "fired", "time_s", "pulses_total", "fired_total", "total_s", "since_s", "good_since_s", "arcs_s")
    names += ("level_pulses", "soaked_pulses", "window", "goal", "progress")
    return {name: getattr(state, name) for name in names}


def test_ten_minutes_have_the_same_events() -> None:
    whole, bench = ten_minutes()
    assert whole.finished is not None and whole.finished.ended == "completed", whole.finished
    quick = session(bench, whole.began, 1, start(bench.recipe), SESSION_S)
    struck = [event for event in quick.events if isinstance(event, Struck)]
    made = Counter(event.because for event in quick.events if isinstance(event, Decided))
    print(f"{len(struck)} breakdowns, {made.total()} decisions: {made}")
    exact = same_events(quick.events, whole.events)
    print(f"{exact} of {len(quick.events)} events agree in everything")
    assert replace(quick.state, **counters(whole.states[-1])) == whole.states[-1]
    # the list is worth comparing: all kinds, all answers
    assert len(struck) >= 20 and {event.kind for event in struck} == {"waveguide_arc", "gun_arc", "vswr", "vacuum"}
    assert set(made) >= {"RAISED", "HELD", "LOWERED", "ARC", "SECOND_ARC", "MINOR", "PRESSURE", "RECOVERING", "LONGER"}
    assert not quick.state.phase.ended and quick.state.invalid == 0 and quick.state.rung >= 1
    # and it follows from the seed and from the times that are stated
    assert session(bench, whole.began, 2, start(bench.recipe), SESSION_S).events != whole.events
    late = replace(bench, clock=replace(bench.clock, gauge_ns=(25_000_000, 39_583_333)))
    assert session(late, whole.began, 1, start(bench.recipe), SESSION_S).events != whole.events


def test_the_scopes_hold_the_pulse_of_the_first_fault_and_people_are_told() -> None:
    whole, bench = ten_minutes()
    assert whole.record is not None
    first = next(event for event in whole.events if isinstance(event, Decided) and event.faults)
    train = next(t.capture for t in whole.record.trains if t.capture.channel == "reflected_detector")
    volts = (train.raw - train.y_reference) * train.y_increment_v + train.y_origin_v
    peaks = volts.max(axis=1)
    at = int(peaks.argmax())
    assert first.faults[0][0] == "waveguide_arc", "it reflects: seed 1"
    # pulses before it, its own, the triggers after it find the gate shut
    assert (
        10 < at < peaks.size - 10 and peaks[at] > peaks[at - 10 : at].max() + 0.2 > peaks[at + 1 : at + 10].max() + 0.8
    )
    told = " ".join(whole.texts)
    assert f"breakdown: arc in the waveguide in pulse {first.faults[0][1]}, " in told
    assert "first fault: the scopes keep the" in told and "reached: " in told and "h to the goal" in told
    assert is_conditioning(whole.record) and "What latched first" in str(conditioning_figure(whole.record))
    assert hours_to_goal(bench.recipe, whole.states[-1]) is not None


def test_killed_at_any_decision_it_goes_on_days_later_as_if_nothing_had_been(tmp_path: Path) -> None:
    """What a killed process leaves is the file as it was; the surface remembers by itself."""
    whole, bench = ten_minutes()
    states, files = whole.states, whole.files
    for known, text in zip(states, files[1:], strict=False):
        if not text:
            assert known.fired_total == 0, "before the first field nothing is lost"
            continue
        kept = state_of(text, bench.recipe)
        assert kept in states and known.time_s - kept.time_s <= KEPT_S
        assert kept.working_field_v_per_m * (1.0 - kept.drop) >= known.working_field_v_per_m * (1.0 - known.drop) - 1.0
    at = max(n for n, raised in enumerate(whole.raised[:-1]) if raised)
    left = state_of(files[at + 1], bench.recipe)
    assert left == states[at], "killed behind a raise nothing is lost"
    folder, surface = hasty_bench(tmp_path), whole.surfaces[at + 1]
    again = run_whole(folder, tmp_path / "shots", "90 s", file=files[at + 1], surface=surface)
    assert again.finished is not None and again.finished.ended == "completed", again.finished
    quick = session(bench, again.began, 1, left, 90.0, surface)
    same_events(quick.events, again.events)
    assert again.states[-1] == state_of(again.file, bench.recipe)
    assert replace(quick.state, **counters(again.states[-1])) == again.states[-1]
    assert quick.state.rung >= left.rung and quick.state.pulses_total > left.pulses_total + 1_000
    fields = [event.field_v_per_m for event in again.events if isinstance(event, Decided) and event.field_v_per_m]
    assert fields[0] == pytest.approx(left.working_field_v_per_m * (1.0 - bench.recipe.resume_drop))
