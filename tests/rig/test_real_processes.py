"""Real processes: KILL, STOP and TERM of core, panel and rig, a hang, a jumping clock, a failing disk, a dead broker.

The same cells as ``sparkgap campaign railgun_bench`` runs at every step of the full profile, at a few steps here. They
wait most of the time, so several benches run at once. Each is judged by the PLC's own ring, by what the simulated plant
did and by what lies on the disk; how long after a kill the dump was commanded, by the stamps of the PLC's scans.
"""

import asyncio
import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from controller.app.core_child import STALL_TIMEOUT_S
from controller.app.faultspec import Phase
from controller.app.plc_reader import ARMED
from controller.campaign.judge_real import find_problem, find_reaction, highest_lateness_s
from controller.campaign.model import Cell, Venue
from controller.campaign.real import bench_of
from controller.campaign.real_table import BY_NAME, REAL_VARIANTS, Expectation
from controller.campaign.trial_bench import Trial, TrialBench, kill_marked, run_again, trial_config

AT_ONCE = 4
"""Benches at a time: they wait most of the time, and start on two cores."""

QUICK = {"voltage": "1 kV", "hold": "0 s"}

CELLS = (
    ("core_hung", "charge"),  # the supervisor gives a silent core 30 s, so this one first
    ("power_lost", "charge"),
    ("core_terminated", "charge"),
    ("core_stopped", "isolate"),
    ("rig_hung", "self_test"),
    ("rig_killed", "charge"),
    ("rig_terminated", "verify"),
    ("rig_stopped", "countdown"),
    ("panel_killed", "charge"),
    ("panel_stopped", "permit"),
    ("panel_terminated", "fire"),
    ("core_killed", "fire"),
    ("fsync_eio", "charge"),
    ("clock_back", "charge"),
    ("broker_stopped", "countdown"),
)

TIMED = frozenset({"core_killed", "core_terminated", "core_stopped", "core_hung", "power_lost"})

pytestmark = pytest.mark.timeout(300)


def cell_of(name: str, step: str) -> Cell:
    (variant,) = (entry for entry in REAL_VARIANTS if entry.name == name)
    return Cell("railgun_bench", "full", variant.row, name, step, Phase.DURING, 1, Venue.REAL)


async def run_all(folder: Path) -> list[Trial]:
    places = asyncio.Semaphore(AT_ONCE)

    async def run_one(name: str, step: str) -> Trial:
        place = folder / f"{name}-{step}"
        place.mkdir()
        bench = bench_of(cell_of(name, step), place, QUICK)
        if name == "core_hung" and isinstance(bench, TrialBench):
            bench.stall_s = STALL_TIMEOUT_S
        async with places:
            try:
                return await bench.run()
            finally:
                kill_marked(place)

    return list(await asyncio.gather(*(run_one(*cell) for cell in CELLS)))


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], Trial]:
    folder = tmp_path_factory.mktemp("trials")
    found = dict(zip(CELLS, asyncio.run(run_all(folder)), strict=True))
    for (name, step), trial in found.items():
        if trial.booked:
            config = trial_config("railgun_bench", "full", folder / f"{name}-{step}", QUICK, 1)
            found[name, step] = replace(trial, again=run_again(config))
    return found


@pytest.mark.parametrize(("name", "step"), CELLS)
def test_what_is_done_to_a_process_ends_as_it_has_to(
    name: str, step: str, trials: Mapping[tuple[str, str], Trial]
) -> None:
    cell = cell_of(name, step)
    assert find_problem(trials[name, step], BY_NAME[cell.row, name]) == ""


def test_from_a_kill_to_the_dump_by_the_stamps_of_the_plc(
    trials: Mapping[tuple[str, str], Trial], figure: Callable[..., None]
) -> None:
    """At most 600 ms and what the scans of a busy machine were late by (the judge checks each one)."""
    reactions = [find_reaction(trial) for (name, _), trial in trials.items() if name in TIMED]
    armed = [reaction for reaction in reactions if reaction.state in ARMED]
    times_s = [reaction.after_s for reaction in armed if reaction.after_s is not None]
    assert len(times_s) == len(armed) >= 3
    assert all(after_s <= 0.6 + reaction.late_s for after_s, reaction in zip(times_s, armed, strict=True))
    figure(
        "kill_to_dump.real_ms",
        p50=round(1e3 * statistics.median(times_s), 1),
        max=round(1e3 * max(times_s), 1),
        scan_lateness_max=round(1e3 * max(highest_lateness_s(trial.sights) for trial in trials.values()), 1),
        n=len(times_s),
    )


def test_every_signal_to_every_process_is_here() -> None:
    named = {name for name, _ in CELLS}
    for role in ("core", "panel", "rig"):
        assert {f"{role}_killed", f"{role}_terminated", f"{role}_stopped"} <= named
    assert {BY_NAME[cell_of(*cell).row, cell[0]].expectation for cell in CELLS} >= {
        Expectation.RECOVERED,
        Expectation.ABORTED,
        Expectation.UNTOUCHED,
        Expectation.LOST,
    }
