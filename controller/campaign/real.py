"""Cells of the real venue: a whole shot with real processes, something done to one of them, and the judgement."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from controller.app.wall_clock import shared_clock_ns
from controller.campaign.deeds import DEEDS, ToolMissing
from controller.campaign.judge_real import find_problem, find_reaction, machine_lateness_s
from controller.campaign.model import Cell, CellResult, Status
from controller.campaign.power_loss import PowerLoss
from controller.campaign.real_table import BY_NAME, Expectation, RealVariant
from controller.campaign.trial_bench import Moment, Trial, TrialBench, kill_marked, run_again, trial_config
from controller.campaign.workplace import run_folder
from controller.rig.source import Refused

TRIES_MAX = 3
"""A machine that is late three times in a row is too busy for real processes: the cell fails, and says how late it was.
One try needs up to 150 s of the 180 s that a cell has, a healthy one 15 s."""

AGAIN_WITHIN_S = 75.0
"""No further try begins later than this: it would not be over in time."""

LATE_S = 0.1
"""Scans of 10 ms that come ten periods late. The product itself ends a shot when its core stood still for 200 ms or an
instrument missed a deadline, as it should: on such a machine a cell shows that, and nothing about its own row."""


def run_real_cell(cell: Cell, overrides: Mapping[str, str] | None = None) -> CellResult:
    """Run one cell in a folder of its own (``workplace.py`` says what becomes of it). Raises KeyError for no real cell.

    ``overrides`` are the profile's short parameters for campaigns. A cell that fails on a machine whose measured
    lateness explains it is tried again, and its result says so; the bars are the same for every try.
    """
    variant = BY_NAME[cell.row, cell.variant]
    began_ns = shared_clock_ns()
    late: list[float] = []
    while True:
        result, late_s = _try(cell, variant, overrides or {})
        wall_s = (shared_clock_ns() - began_ns) / 1e9
        if result.status is not Status.FAILED or late_s <= LATE_S:
            break
        late.append(late_s)
        if len(late) == TRIES_MAX or wall_s > AGAIN_WITHIN_S:
            break
    return replace(result, wall_s=wall_s, why=result.why + _about(late))


def _about(late: list[float]) -> str:
    """What is said of tries that failed on a machine that was late."""
    if not late:
        return ""
    times = ", ".join(f"{late_s:.2f} s" for late_s in late)
    return f" (failed on a machine that was late {len(late)}x: scans of 10 ms came up to {times} late)"


def _try(cell: Cell, variant: RealVariant, overrides: Mapping[str, str]) -> tuple[CellResult, float]:
    """One trial: its judgement, and how late the machine was."""
    with run_folder() as folder:
        try:
            trial = asyncio.run(bench_of(cell, folder, overrides).run())
            if trial.booked:
                again = run_again(trial_config(cell.rig, cell.profile, folder, overrides, cell.seed))
                trial = replace(trial, again=again)
        except (ToolMissing, Refused, OSError) as trouble:
            return _not_run(cell, variant, str(trouble) or type(trouble).__name__), 0.0
        finally:
            kill_marked(folder)
    return result_of(cell, variant, trial), machine_lateness_s(trial, variant)


def bench_of(cell: Cell, folder: Path, overrides: Mapping[str, str]) -> TrialBench | PowerLoss:
    """The bench of a cell, not started yet."""
    variant = BY_NAME[cell.row, cell.variant]
    config = trial_config(cell.rig, cell.profile, folder, overrides, cell.seed)
    moment = Moment(cell.step, cell.phase)
    if variant.expectation is Expectation.POWERED_AGAIN:
        return PowerLoss(folder, config, moment)
    return TrialBench(folder, config, DEEDS[cell.variant](), moment, panel=variant.panel)


def result_of(cell: Cell, variant: RealVariant, trial: Trial) -> CellResult:
    """The judgement of a trial."""
    problem = find_problem(trial, variant)
    reaction = find_reaction(trial)
    finished, booked = trial.finished, trial.booked
    last = trial.sights[-1] if trial.sights else None
    return CellResult(
        cell=cell,
        status=Status.FAILED if problem else Status.PASSED,
        why=problem or f"{trial.shown}; {variant.expectation.value}",
        exit=trial.outcome.exit,
        ended=booked[0].ended if booked else "",
        reason=finished.reason if finished is not None else "; ".join(trial.outcome.problems),
        trips=last.trips if last is not None else (),
        bench=last.state if last is not None else "",
        safe_after_s=reaction.after_s,
        command_after_s=reaction.after_s,
        limit_s=None if variant.limit_s is None else variant.limit_s + reaction.late_s,
        wall_s=0.0,
    )


def _not_run(cell: Cell, variant: RealVariant, why: str) -> CellResult:
    return CellResult(
        cell, Status.FAILED, f"it could not be run: {why}", 5, "", "", (), "", None, variant.limit_s, wall_s=0.0
    )
