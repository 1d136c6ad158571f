"""The exploration's own assumptions, each checked; and every rule is shown able to fail."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from drivers.wire.plc import PlcCommand, PlcState
from firmware_sim.plc.levels import Levels
from firmware_sim.plc.machine import ControlState, Outputs, step
from firmware_sim.plc.table import RULES
from tests.formal.bench_levels import LEVELS, SHORT, Drive
from tests.formal.choices import BAD, LOOKED_AT, Choice, Outcome, bench_part, project, relax, run_choice, run_choices
from tests.formal.explorer import explore
from tests.formal.plc_model import INITIAL, Model, ScanKey
from tests.formal.plc_runs import exact_model, healthy, single_faults, spread_out
from tests.formal.rule_words import Scan, Truth
from tests.formal.rules import PLANT_RULES, RULES_OF, SCAN_RULES

S = PlcState
pytestmark = pytest.mark.timeout(600)
SAMPLE = 400
"""Scans looked at per check: the assumptions are structural, so a spread-out sample shows a wrong one."""


def _keys(count: int = SAMPLE) -> list[ScanKey]:
    healthy()
    return [key for _, key in zip(range(count), spread_out(list(exact_model().scans)), strict=False)]


def _scan(control: ControlState, key: ScanKey, choice: Choice) -> Outcome:
    return run_choice(control, key[1], bench_part(key[1]), key[2], RULES, choice)


def test_projection() -> None:
    """What ``project`` drops is never read again: from the raw and the projected state every scan ends the same."""
    draw = random.Random(1)
    healthy()
    raws: dict[ControlState, list[ControlState]] = {}
    for raw, kept in exact_model().raw.items():
        raws.setdefault(kept, []).append(raw)
    compared = 0
    for key in _keys():
        for raw in raws.get(key[0], [])[:3]:
            assert project(project(raw)) == project(raw) == key[0]
            for outcome in draw.sample(list(run_choices(key[0], key[1], key[2], RULES)), 8):
                other = _scan(raw, key, outcome.choice)
                assert project(other.control) == project(outcome.control), outcome.choice
                assert other.out == outcome.out
                compared += 1
    assert compared > SAMPLE


def test_relaxed_states_only_allow_more() -> None:
    """What ``relax`` drops in TRIP only forbids the reset: everything else is the same, SAFE is merely easier."""
    for key in _keys():
        if key[0].state is not S.TRIP or relax(key[0]) == key[0]:
            continue
        for outcome in run_choices(key[0], key[1], key[2], RULES):
            other = _scan(relax(key[0]), key, outcome.choice)
            easier = other.control.state is S.SAFE and outcome.control.state is S.TRIP
            assert easier or relax(other.control) == relax(outcome.control)


def test_inputs_not_looked_at() -> None:
    """Inputs that LOOKED_AT leaves out of a state do nothing there, with any command."""
    for key in _keys():
        state = key[0].state
        for name in set(BAD) - set(LOOKED_AT[state]) - {"current", "falling"}:
            for command in PlcCommand:
                quiet = _scan(key[0], key, Choice(command))
                bad = _scan(key[0], key, Choice(command, (name,)))
                assert project(bad.control) == project(quiet.control), (state, name, command)
                assert bad.out.fire == quiet.out.fire


_ONWARD = frozenset({S.OPENING, S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN, S.SHOT, S.TEST})


def test_bad_inputs_only_add_reasons() -> None:
    """Any number of bad inputs together: what one of them forbids or trips, no other allows again."""
    draw = random.Random(2)
    healthy()
    busy = [key for key in exact_model().scans if LOOKED_AT[key[0].state]]
    for key in draw.sample(busy, SAMPLE):
        names = [name for name in LOOKED_AT[key[0].state] if name != "falling" or key[1].falling is None]
        group = tuple(draw.sample(names, draw.randint(2, len(names))))
        for command in PlcCommand:
            together = _scan(key[0], key, Choice(command, group))
            singles = [_scan(key[0], key, Choice(command, (name,))) for name in group if name != "doors"]
            tripped = any(one.control.state is S.TRIP for one in singles)
            if tripped and key[0].state is not S.TRIP:
                assert together.control.state is S.TRIP
            if together.control.state in _ONWARD and together.control.state is not key[0].state:
                assert all(one.control.state is together.control.state for one in singles)
            assert not together.out.fire or all(one.out.fire for one in singles)


def _corruptions(outcome: Outcome) -> Iterator[tuple[ControlState, Outputs]]:
    """The outcome with one thing wrong: another state, another value in one field, another output."""
    after, out = outcome.control, outcome.out
    for state in S:
        yield after._replace(state=state), out
        yield ControlState(state=state), out
    for name, value in after._asdict().items():
        if name in ("state", "pulse"):  # which this bench has not: test_run_exploration.py
            continue
        others: tuple[Any, ...] = (not value,) if isinstance(value, bool) else (0, value + 1, 99)
        for other in others:
            yield after._replace(**{name: other}), out
    for name, value in out._asdict().items():
        if isinstance(value, bool):
            changed: dict[str, Any] = {name: not value}
            flipped = out._replace(**changed)
            yield after, flipped
            # an output and the state that it belongs to, wrong together
            for state in (S.SAFE, S.CHARGE, S.SHOT, S.DUMPING):
                yield after._replace(state=state), flipped
    yield after, out._replace(contactor_close=True, charger_enable=True)
    yield after, out._replace(ack=None)


def _states_only(outcome: Outcome) -> Iterator[tuple[ControlState, Outputs]]:
    for state in S:
        yield outcome.control._replace(state=state), outcome.out
        yield ControlState(state=state), outcome.out
    yield outcome.control._replace(t=99), outcome.out
    yield outcome.control, outcome.out._replace(fire=not outcome.out.fire)


FULLY = 40
"""Scans whose results are corrupted in every way; what is left after them fails by a wrong state, clock or pulse."""


def test_every_scan_rule_can_fail() -> None:
    """For each rule there is a reachable scan and one corruption of its result that only a broken PLC would give."""
    pending = {rule.id for rule in SCAN_RULES}
    assert len(pending) == len(SCAN_RULES), "ids are unique"
    keys = [*_keys(FULLY * 4), *spread_out(list(single_faults().model.scans))]
    for number, (control, seen, stuck) in enumerate(keys):
        here = {rule.id for pair, rules in RULES_OF.items() if pair[0] is control.state for rule in rules} & pending
        if not here:
            continue
        corrupt = _corruptions if number < FULLY else _states_only
        for outcome in run_choices(control, seen, stuck, RULES):
            for after, out in corrupt(outcome):
                scan = Scan(control, outcome.levels, after, out, not outcome.levels.door_1)
                for rule in RULES_OF[control.state, after.state]:
                    if rule.id in pending and not rule.holds(scan):
                        pending.discard(rule.id)
        if not pending:
            return
    assert not pending


def test_every_plant_rule_can_fail() -> None:
    """A fixed truth for each: what the rule forbids, it sees."""
    safe, plant = INITIAL[0]
    off = Outputs(False, False, False, False, False, False, False, None, 0)
    wrong = [plant._replace(level=level) for level in range(LEVELS)]
    wrong += [plant._replace(dump_a=1), plant._replace(contactor=2), plant._replace(dump_a=1, dump_b=1, level=3)]
    truths = [
        Truth(safe._replace(state=before), safe._replace(state=after), out, bench, drive, pressed, False)
        for before in S
        for after in S
        for bench in wrong
        for out in (off, off._replace(fire=True, door_lock=True))
        for drive, pressed in ((Drive(), False), (Drive(charger_enable=True), True))
    ]
    for rule in PLANT_RULES:
        assert any(truth.before.state in rule.sources and not rule.holds(truth) for truth in truths), rule.id


def test_a_seeded_defect_is_found_with_its_trace() -> None:
    """The defect of safety.md 3.6: FIRE without looking at the voltage again. The explorer finds and explains it."""
    from firmware_sim.plc.table import without
    from tests.formal.plc_model import render

    model = Model(without("in_tolerance"))
    wanted = {"P16 voltage", "P16 true"}
    graph = explore(INITIAL, model.successors, stop=lambda: wanted <= {rule for rule, _ in model.violations})
    found = {violation.rule: violation for violation in model.violations.values()}
    assert wanted <= found.keys()
    text = render(graph, found["P16 true"])
    assert "FIREWIN" in text and "breaks P16 true" in text


def test_short_times_are_the_same_machine() -> None:
    """``SHORT`` is used by every scan: a state that lasts its limit ends on that scan, not sooner."""
    control = ControlState(state=S.FLOAT, dump_a_open=True, dump_b_open=True, contactor_close=True, charger_enable=True)
    key = next(key for key in _keys(10**6) if key[0].state is S.FLOAT and key[0].t == 0)
    levels: Levels = _scan(control, key, Choice()).levels
    lasted = 0
    while control.state is S.FLOAT:
        control, _ = step(control, levels, SHORT)
        lasted += 1
    assert (control.state, lasted) == (S.DUMPING, SHORT.float)
