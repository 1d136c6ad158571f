"""What is explored holds for a bench because of its plc.yaml: every bench folder, shipped or not, is held to it here.

The exploration runs the real ``step`` with times of a few scans (``SHORT``). It says something about a bench when that
bench's own times stand in the same order: what must have happened before a limit runs out can have happened.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from controller.app.locate import rig_files, rig_names
from drivers.wire.plc import PlcState
from firmware_sim.plc.limits import PlcLimits, load_limits
from firmware_sim.plc.settings import Permit, Times, resolve_times
from tests.formal.bench_levels import SHORT
from tests.formal.plc_runs import healthy
from tests.formal.run_world import healthy_run
from tests.support import ROOT

pytestmark = pytest.mark.timeout(900)  # the explorations are seconds of CPU, but the cores are shared
BENCHES = (*rig_names(), str(ROOT / "tests" / "toy_bench"))

ORDER: Mapping[str, Callable[[Times], bool]] = {
    "the dumps open within OPENING": lambda t: t.open >= t.dump_travel,
    "the contactor closes and the aim is held within CHARGE": lambda t: t.charge > t.contactor_travel + t.in_tolerance,
    "the contactor opens within ISOLATE": lambda t: t.isolate > t.contactor_travel,
    "the inhibit is missed by a guard before it trips": lambda t: t.charger_travel >= 2,
    "the dumps close within DUMPING": lambda t: t.dump > t.dump_travel,
    "nobody approaches before the dwell is over": lambda t: t.no_approach >= t.dwell,
    "a debounce is one scan at least": lambda t: (
        min(t.mismatch_debounce, t.spread_debounce, t.discrepancy_debounce) >= 1
    ),
    "the counter saturates above every limit": lambda t: (
        t.top > max(t.open, t.charge, t.float, t.isolate, t.fire, t.shot, t.current_wait, t.single_dump)
    ),
}
"""What the comments of ``SHORT`` say, as relations."""


def limits_of(rig: str) -> PlcLimits:
    path = rig_files(rig).plc
    return load_limits(path.read_text(encoding="utf-8"), str(path))


def full_permit(limits: PlcLimits, target_v: float) -> Permit:
    """Every module, at the slowest ramp that keeps the order honest: the fastest one that is allowed."""
    mask = (1 << len(limits.capacitance_f)) - 1
    return Permit(mask=mask, target_v=target_v, ramp_v_per_s=limits.ramp_max_v_per_s)


@pytest.mark.parametrize("relation", ORDER)
def test_the_short_times_keep_the_order(relation: str) -> None:
    assert ORDER[relation](SHORT)


@pytest.mark.parametrize("rig", BENCHES, ids=lambda rig: Path(rig).name)
@pytest.mark.parametrize("relation", ORDER)
def test_a_bench_s_times_keep_the_order(relation: str, rig: str) -> None:
    limits = limits_of(rig)
    for target_v in (limits.v_safe_max_v, limits.target_max_v):
        assert ORDER[relation](resolve_times(limits, full_permit(limits, target_v)))


def test_a_bench_that_breaks_the_order_is_seen() -> None:
    path = rig_files(BENCHES[-1]).plc
    text = path.read_text(encoding="utf-8").replace("isolate_s: 0.5", "isolate_s: 0.05")
    limits = load_limits(text, str(path))
    times = resolve_times(limits, full_permit(limits, limits.target_max_v))
    assert not ORDER["the contactor opens within ISOLATE"](times)


@pytest.mark.parametrize("rig", BENCHES, ids=lambda rig: Path(rig).name)
def test_the_machine_that_a_bench_s_file_asks_for_breaks_no_rule(rig: str) -> None:
    """The table with RUN where plc.yaml has a ``run:`` section, else the one that fires once; arbitrary controller
    and people. The graphs are those of test_plc_exploration and test_run_exploration, shared in one process."""
    runs = limits_of(rig).run is not None
    run = healthy_run()[1] if runs else healthy()
    assert not run.violations
    met = {node.control.state for node in run.graph}
    assert met >= {PlcState.SAFE, PlcState.FLOAT, PlcState.DUMPING, PlcState.TRIP, PlcState.LOCKOUT}
    assert (PlcState.RUN in met, PlcState.SHOT in met) == (runs, not runs)
