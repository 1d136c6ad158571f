"""The mirror of tests/formal/symmetry.py, checked on the real ``step``, on the bench and on what the rules say."""

import pytest

from firmware_sim.plc.machine import step
from firmware_sim.plc.table import RULES
from tests.formal.bench_faults import FAULTS, condition_of
from tests.formal.bench_levels import SHORT, move_plant, read_terminals
from tests.formal.choices import run_choices
from tests.formal.plc_model import drive_of, strike
from tests.formal.plc_runs import exact_model, healthy, spread_out
from tests.formal.rule_words import Scan
from tests.formal.rules import broken_by
from tests.formal.symmetry import MIRRORS, Mirror, is_first

SCANS = 120
NODES = 60
CONDITIONS = ("a_low_3", "b_frozen", "dump_a_stuck_open", "dump_b_closed=1", "modules_high_3", "rebound")


@pytest.mark.parametrize("mirror", MIRRORS, ids=str)
def test_step_and_the_rules_see_no_difference(mirror: Mirror) -> None:
    healthy()
    keys = [key for _, key in zip(range(SCANS), spread_out(list(exact_model().scans)), strict=False)]
    broken_seen = 0
    for control, seen, stuck in keys:
        for number, outcome in enumerate(run_choices(control, seen, stuck, RULES)):
            levels = mirror.levels(outcome.levels)
            after, out = step(mirror.control(control), levels, SHORT)
            assert (after, out) == (mirror.control(outcome.control), mirror.outputs(outcome.out)), outcome.choice
            if number % 8 == 0:  # and a wrong result is judged alike: here the contactor is closed
                bad = outcome.out._replace(contactor_close=True)
                there = broken_by(Scan(control, outcome.levels, outcome.control, bad, False))
                here = broken_by(Scan(mirror.control(control), levels, after, mirror.outputs(bad), False))
                assert here == there
                broken_seen += bool(there)
    assert broken_seen


@pytest.mark.parametrize("mirror", MIRRORS, ids=str)
def test_the_bench_sees_no_difference(mirror: Mirror) -> None:
    nodes = [node for _, node in zip(range(NODES), spread_out(list(healthy().graph)), strict=False)]
    for fault in CONDITIONS:
        condition, image = condition_of(fault), condition_of(mirror.fault(fault))
        for node in nodes:
            drive = drive_of(node.control, False, condition)
            plant = strike(node, fault).plant
            moved = move_plant(plant, drive, condition)
            other = move_plant(mirror.plant(plant), mirror.drive(drive), image)
            assert {mirror.plant(after) for after in moved} == set(other)
            for after in moved:
                seen = read_terminals(after, drive, False, condition)
                there = read_terminals(mirror.plant(after), mirror.drive(drive), False, image)
                assert mirror.terminals(seen) == there


def test_every_fault_has_one_image_that_is_run() -> None:
    """No fault and no pair is lost: each is run, or is the mirror of one that is."""
    names = list(FAULTS)
    for name in names:
        assert is_first(name) or any(is_first(mirror.fault(name)) for mirror in MIRRORS)
    assert {name for name in names if not is_first(name)} == {name for name in names if name[:6] in B_SIDE}
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            assert is_first(first, second) or any(is_first(*mirror.pair(first, second)) for mirror in MIRRORS)


B_SIDE = {name[:6] for name in FAULTS if name.startswith(("b_", "dump_b"))}
