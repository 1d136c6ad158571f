"""A conditioning session over ports: what is written before the field rises, and how it goes on days later."""

import asyncio
import json
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from controller.runtime.conditioning_file import ConditioningFile
from controller.runtime.virtual_loop import run_virtual
from controller.sequencer.conditioning_recipe import ConditioningRecipe
from controller.sequencer.conditioning_state import Fault, Phase, StateRefused, start
from controller.sequencer.engine import Ending
from controller.sequencer.plan import Plan, StepKind
from drivers.errors import InstrumentError
from drivers.wire.plc_run import InhibitCause
from tests.pulsed_bench import plan
from tests.pulsed_bench.bench import Scope, World, make_core, run

QUICK = {
    "raise_pulses": 100, "window_pulses": 200_000, "recover_pulses": 50, "pause_s": 1.0, "vacuum_wait_s": 2.0,
    "vacuum_poll_s": 0.5, "raise_fraction": 0.05, "burst_s": 0.5, "arc_budget": 3,
}  # fmt: skip
RECIPE = ConditioningRecipe(50.0, 40e6, 80e6, 100e6, **QUICK)  # type: ignore[arg-type]


def quick(session_s: float = 30.0) -> Plan:
    whole = plan("conditioning")
    assert whole.run is not None and whole.run.conditioning is not None
    steps = [replace(s, duration_s=session_s) if s.kind is StepKind.CONDITION else s for s in whole.steps]
    conditioning = replace(whole.run.conditioning, recipe=RECIPE)
    return replace(whole, steps=tuple(steps), run=replace(whole.run, conditioning=conditioning))


def kept(folder: Path) -> ConditioningFile:
    return ConditioningFile(folder, "microwave_bench", "STRUCT-0001")


def levels(world: World) -> list[float]:
    """Drive powers in dBm in the order in which they were set in the session."""
    begun = world.said.index("journal run_start")
    return [float(text.split()[1]) for text in world.said[begun:] if text.startswith("drive ") and "dBm" in text]


def test_a_session_raises_the_field_and_writes_first(tmp_path: Path) -> None:
    world = World()
    files: list[int] = []
    real = os.replace

    def replaced(src: Path, dst: Path) -> None:
        world.say("file kept")
        files.append(world.counter)
        real(src, dst)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("controller.runtime.conditioning_file.os.replace", replaced)
        outcome, journal = run_virtual(run(world, quick(), tmp_path, fresh=True))
    assert outcome.state.ending is Ending.COMPLETED, outcome.state.reason
    set_dbm = levels(world)
    assert len(set_dbm) > 5 and set_dbm == sorted(set_dbm)
    begun = world.said.index("journal run_start")
    for at, text in enumerate(world.said):
        if at > begun and (text == "drive on" or (text.startswith("drive ") and "dBm" in text and text != "drive off")):
            before = [t for t in world.said[begun:at] if not t.startswith("drive ")]
            assert before[-3:] == ["file kept", "journal raise_intent", "barrier"], (text, before[-4:])
    raised = [payload["drive_w"] for kind, payload in journal.payloads if kind == "raise_intent"][1:]
    assert raised[0] == pytest.approx(0.016) and raised == sorted(raised)  # 40 of 100 MV/m at 100 mW
    shown = outcome.situation.history["field"].value
    assert [max(shown), shown[-1]] == pytest.approx([100e6 * (raised[-1] / 0.1) ** 0.5, 0.0], rel=0.01), "people see it"
    state = kept(tmp_path).begin(RECIPE, fresh=False)
    assert state.working_field_v_per_m > 45e6 and state.phase is Phase.RUN and state.fired_total > 1_000
    assert not world.drive and world.rate_hz == 0.0


def test_a_fault_takes_the_drive_away_at_once_and_steps_down(tmp_path: Path) -> None:
    world = World(causes={700: InhibitCause.ARC})
    outcome, _ = run_virtual(run(world, quick(60.0), tmp_path, fresh=True))
    assert outcome.state.ending is Ending.COMPLETED, outcome.state.reason
    state = kept(tmp_path).begin(RECIPE, fresh=False)
    assert state.bursts[list(Fault).index(Fault.WAVEGUIDE_ARC)] == 1 and state.first is not None
    assert state.invalid == 0, [note for note in world.notes if "conditioning" in note]
    dbm = levels(world)
    assert any(after < before for before, after in pairwise(dbm)), dbm


def test_the_scopes_keep_the_pulses_around_the_first_fault(tmp_path: Path) -> None:
    world = World(causes={1007: InhibitCause.ARC})  # at 20 s of pulses; the segments are full after 10 s
    outcome, _ = run_virtual(run(world, quick(60.0), tmp_path, fresh=True))
    assert outcome.state.ending is Ending.COMPLETED, outcome.state.reason
    begun = world.said.index("journal run_start")
    assert world.said[begun:].count("scope armed") == 2, "every 8 s until the fault, never after it"
    assert "stored forward_detector" in world.said
    assert any("first fault: the scopes keep the 3." in note for note in world.notes), world.notes


def test_a_scope_that_does_not_arm_again_ends_the_record_and_not_the_pulses(tmp_path: Path) -> None:
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        arm = Scope.arm

        async def refuse(self: Scope) -> None:
            if "journal run_start" in world.said:
                raise InstrumentError("scope", "no answer")
            await arm(self)

        patch.setattr(Scope, "arm", refuse)
        outcome, _ = run_virtual(run(world, quick(30.0), tmp_path, fresh=True))
    assert outcome.state.ending is Ending.COMPLETED, outcome.state.reason
    assert sum("no record of a first fault: no answer" in note for note in world.notes) == 1


def test_people_are_told_of_breakdowns_and_of_what_was_reached(tmp_path: Path) -> None:
    world = World(causes={700: InhibitCause.VSWR})
    run_virtual(run(world, quick(30.0), tmp_path, fresh=True))
    told = " ".join(world.notes)
    assert "breakdown: reflection in pulse 688, 51.05 MV/m, 50 ns" in told
    state = kept(tmp_path).begin(RECIPE, fresh=False)
    assert f"reached: {state.working_field_v_per_m / 1e6:.2f} MV/m, 50 ns after {state.fired_total} pulses" in told
    assert "1 breakdown (1 reflection), no estimate yet" in told


@pytest.mark.parametrize(
    ("latches", "first"),
    [
        (InhibitCause.ARC | InhibitCause.OVER_CURRENT, Fault.GUN_ARC),
        (InhibitCause.VACUUM | InhibitCause.VSWR | InhibitCause.ARC, Fault.WAVEGUIDE_ARC),
        (InhibitCause.VSWR | InhibitCause.VACUUM, Fault.VSWR),
    ],
)
def test_of_latches_of_one_pulse_the_cause_is_the_first_fault(
    latches: InhibitCause, first: Fault, tmp_path: Path
) -> None:
    run_virtual(run(World(causes={700: latches}), quick(30.0), tmp_path, fresh=True))
    state = kept(tmp_path).begin(RECIPE, fresh=False)
    assert state.first is not None and state.first.kind is first
    assert state.first.followers == latches.bit_count() - 1 and sum(state.bursts) == 1


def test_the_budget_of_arcs_ends_the_session_and_keeps_what_was_reached(tmp_path: Path) -> None:
    world = World(causes={300: InhibitCause.ARC, 700: InhibitCause.ARC, 1200: InhibitCause.OVER_CURRENT})
    outcome, _ = run_virtual(run(world, quick(600.0), tmp_path, fresh=True))
    assert outcome.state.ending is Ending.COMPLETED, outcome.state.reason
    assert kept(tmp_path).begin(RECIPE, fresh=False).phase is Phase.STOPPED
    assert world.now_s is not None and world.said.count("RUN") == 1
    assert any("too many arcs" in note for note in world.notes)


def test_bad_vacuum_fires_nothing(tmp_path: Path) -> None:
    world = World(pressure_pa=1e-3)
    outcome, _ = run_virtual(run(world, quick(), tmp_path, fresh=True))
    assert outcome.state.ending is Ending.COMPLETED
    begun = world.said.index("journal run_start")
    assert "drive on" not in world.said[begun:]


def test_a_gauge_that_hangs_is_no_pressure_and_never_a_higher_field(tmp_path: Path) -> None:
    world = World(broken={"gauge"})
    outcome, _ = run_virtual(run(world, quick(), tmp_path, fresh=True))
    assert outcome.state.ending is Ending.COMPLETED, outcome.state.reason
    assert "drive on" not in world.said[world.said.index("journal run_start") :]
    assert kept(tmp_path).begin(RECIPE, fresh=False).invalid > 0


def test_it_goes_on_days_later_lower_and_begins_anew_with_fresh(tmp_path: Path) -> None:
    run_virtual(run(World(), quick(), tmp_path))
    first = kept(tmp_path).begin(RECIPE, fresh=False)
    later = World(counter=123_456)  # the bench's counters have begun anew
    outcome, _ = run_virtual(run(later, quick(), tmp_path))
    assert outcome.state.ending is Ending.COMPLETED, outcome.state.reason
    second = kept(tmp_path).begin(RECIPE, fresh=False)
    assert second.pulses_total > first.pulses_total and second.working_field_v_per_m >= first.working_field_v_per_m
    reached_w = 0.1 * (first.working_field_v_per_m * (1.0 - RECIPE.resume_drop) / 100e6) ** 2
    assert 10 ** (levels(later)[0] / 10.0) * 1e-3 == pytest.approx(reached_w, rel=0.01)
    run_virtual(run(World(), quick(3.0), tmp_path, fresh=True))
    assert (tmp_path / "STRUCT-0001.before-1.json").exists()
    assert kept(tmp_path).begin(RECIPE, fresh=False).fired_total < first.fired_total


async def _killed(folder: Path, after_s: float) -> float:
    """A session whose process dies in the middle of it; the highest field that was ever set, in dBm."""
    world = World()
    core, _ = make_core(world, quick(60.0), folder, fresh=True)
    running = asyncio.get_running_loop().create_task(core.run(), name="core")
    while "journal run_start" not in world.said:  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.05)
    await asyncio.sleep(after_s)
    highest = world.most_drive_dbm
    running.cancel()
    await asyncio.wait([running])
    return highest


@pytest.mark.parametrize("after_s", [3.0, 11.3, 24.0])
def test_what_was_kept_is_never_below_the_field_that_was_set(after_s: float, tmp_path: Path) -> None:
    highest_dbm = run_virtual(_killed(tmp_path, after_s))
    state = kept(tmp_path).begin(RECIPE, fresh=False)
    held = 0.1 * (state.working_field_v_per_m / 100e6) ** 2
    assert 10 ** (highest_dbm / 10.0) * 1e-3 <= held * 1.001


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"serial": "STRUCT-0002"}, "belongs to STRUCT-0002 on microwave_bench, not to STRUCT-0001"),
        ({"rig": "other"}, "belongs to STRUCT-0001 on other"),
        ({"version": 2}, "version 2, this program knows up to 1"),
        ({"version": "1"}, "version '1'"),
        ({"state": 7}, "has no version"),
    ],
)
def test_files_that_are_refused(change: dict[str, object], complaint: str, tmp_path: Path) -> None:
    file = kept(tmp_path)
    file.keep(start(RECIPE))
    assert file.begin(RECIPE, fresh=False) == start(RECIPE)
    file.path.write_text(json.dumps(json.loads(file.path.read_text()) | change))
    with pytest.raises(StateRefused, match=complaint):
        file.begin(RECIPE, fresh=False)
    for text in ("", "{", "[]", "x" * 2_000_000):
        file.path.write_text(text)
        with pytest.raises(StateRefused):
            file.begin(RECIPE, fresh=False)


def test_a_serial_number_is_no_path(tmp_path: Path) -> None:
    for serial in ("../x", "a/b", "", ".hidden", "x" * 65):
        with pytest.raises(StateRefused, match="no serial number"):
            ConditioningFile(tmp_path, "bench", serial).begin(RECIPE, fresh=True)
