"""``sparkgap campaign`` with fake cells: a process of its own, so that it can be interrupted."""

import os
import sys
import time
from typing import Any

from controller.campaign import cell_job
from controller.campaign.model import Cell, CellResult
from controller.cli import campaign_run
from controller.cli.entry import invoke
from tests.campaign import fake_cells

MARK = "SPARKGAP_TEST_MARK"


def slow_at_fire(cell: Cell) -> CellResult:
    """Every cell at fire takes for ever, and says into a named pipe that it has begun."""
    if cell.step == "fire":
        with open(os.environ[MARK], "w", encoding="ascii") as pipe:
            pipe.write(f"{os.getpid()}\n")
        time.sleep(600)
    return fake_cells.judged(cell)


RUNS = {"judged": fake_cells.judged, "passing": fake_cells.passing, "slow": slow_at_fire}


def patch(target: Any, run: str) -> None:
    """Put the fake table, profiles and cells in the place of the real ones."""
    target(campaign_run, "table_for", lambda rig: fake_cells.HAZARDS)
    target(campaign_run, "load_profiles", profiles)
    target(
        campaign_run,
        "list_cells",
        lambda rig, found, subset, seed, table: fake_cells.cells(found, seed)[:: 7 if subset else 1],
    )
    target(campaign_run, "cell_job", lambda cells, keep: cell_job.cell_job(cells, keep, RUNS[run]))


def profiles(rig: str, names: tuple[str, ...] = ()) -> Any:
    return tuple(profile for profile in fake_cells.PROFILES if not names or profile.name in names)


if __name__ == "__main__":
    patch(setattr, sys.argv[1])
    sys.exit(invoke(sys.argv[2:]))
