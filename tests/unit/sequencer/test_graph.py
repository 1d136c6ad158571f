"""The order of a shot as tables: complete, without a way to fire unarmed or to end energised."""

from collections.abc import Iterator

import pytest

from controller.sequencer.graph import FIRST, FOLLOWERS, FORBIDDEN, LAST, LEAVES, REQUIRED, check_graph
from controller.sequencer.plan import Energy, ShotKind, Step, StepKind


def steps(*kinds: StepKind) -> list[Step]:
    return [Step(f"{kind.value}_{n}", kind, 1.0, LEAVES[kind]) for n, kind in enumerate(kinds)]


def paths(start: StepKind, length: int) -> Iterator[tuple[StepKind, ...]]:
    """Every legal walk from ``start`` to an end, revisiting no step kind."""
    stack = [(start,)]
    while stack:
        path = stack.pop()
        if path[-1] in LAST:
            yield path
        stack.extend((*path, after) for after in FOLLOWERS[path[-1]] if after not in path and len(path) < length)


ALL = [path for first in FIRST for path in paths(first, len(StepKind))]
LEGAL = [(kind, path) for path in ALL for kind in ShotKind if not list(check_graph(kind, steps(*path)))]


def test_the_tables_cover_every_step_and_kind():
    assert set(LEAVES) == set(FOLLOWERS) == set(StepKind)
    assert set(REQUIRED) == set(FORBIDDEN) == set(ShotKind)
    assert all(not set(REQUIRED[kind]) & set(FORBIDDEN[kind]) for kind in ShotKind)
    assert set().union(*ALL) == set(StepKind)


def test_on_every_walk_energy_is_gone_before_the_transfer():
    for path in ALL:
        assert LEAVES[path[-2]] is Energy.DEAD, path
        if StepKind.PERMIT in path:
            assert path.index(StepKind.PERMIT) < path.index(StepKind.VERIFY), path


def test_on_every_legal_walk_energy_and_triggers_come_in_order():
    for _, path in LEGAL:
        for first, then in (
            (StepKind.WARN, StepKind.PERMIT),
            (StepKind.PERMIT, StepKind.CHARGE),
            (StepKind.CHARGE, StepKind.FIRE),
            (StepKind.ARM, StepKind.FIRE),
            (StepKind.ISOLATE, StepKind.FIRE),
            (StepKind.ENTER_TEST, StepKind.REHEARSE),
            (StepKind.REHEARSE, StepKind.LEAVE_TEST),
        ):
            if then in path:
                assert path.index(first) < path.index(then), path


@pytest.mark.parametrize("kind", list(ShotKind))
def test_each_kind_of_shot_has_a_legal_walk(kind: ShotKind):
    legal = [path for found, path in LEGAL if found is kind]
    assert legal
    assert all(set(REQUIRED[kind]) <= set(path) for path in legal)
    fires = {ShotKind.POLARITY, ShotKind.DUMMY_LOAD, ShotKind.FULL}
    assert all((StepKind.FIRE in path) == (kind in fires) for path in legal)


def test_complaints_name_the_step_and_what_may_come():
    k = StepKind
    found = list(check_graph(ShotKind.NOISE, steps(k.ARM, k.FORCE_TRIGGER, k.CONFIGURE)))
    assert (0, "a profile cannot begin with arm", "begin with self_test or configure") in found
    assert (2, "a profile cannot end with configure", "end with transfer") in found
    assert (2, "configure cannot follow force_trigger", "after force_trigger comes transfer") in found
    assert (-1, "a noise shot needs the step transfer", "add `- step: transfer`") in found


def test_a_second_fire_and_a_second_id_are_refused():
    k = StepKind
    twice = steps(k.CONFIGURE, k.ARM, k.WARN, k.PERMIT, k.CHARGE, k.ISOLATE, k.FIRE, k.VERIFY)
    twice += [*twice[2:], *steps(k.TRANSFER)]
    found = [problem for _, problem, _ in check_graph(ShotKind.FULL, twice)]
    assert "fire comes a second time" in found
    assert "the id 'fire_6' is used twice" in found
