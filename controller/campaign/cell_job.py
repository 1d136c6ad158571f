"""The cells of a campaign as a job for a pool or a cluster: each in a folder of its own, timed, kept when it failed."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from controller.app.wall_clock import shared_clock_ns
from controller.campaign.execute import run_cell
from controller.campaign.job import Job
from controller.campaign.model import Cell, CellResult, Status, Venue
from controller.campaign.summary import result_object
from controller.campaign.workplace import keeping

RESULT = "result.json"
"""The judgement of a kept cell, in its folder."""

RunCell = Callable[[Cell], CellResult]


def cell_job(cells: Sequence[Cell], keep: str = "", run: RunCell = run_cell) -> Job[Cell, CellResult]:
    """Every cell once; those with real processes first, for they take longest."""
    ordered = sorted(cells, key=lambda cell: cell.venue is not Venue.REAL)
    return Job(partial(run_in_folder, run=run, keep=keep), ordered, lost_cell)


def run_in_folder(cell: Cell, run: RunCell = run_cell, keep: str = "") -> CellResult:
    """Run one cell in a fresh temporary folder, which is removed, or moved under ``keep`` when the cell failed."""
    before, folder = tempfile.tempdir, Path(tempfile.mkdtemp(prefix="cell-"))
    tempfile.tempdir = str(folder)
    began_ns = shared_clock_ns()
    try:
        with keeping(bool(keep)):
            result = run(cell)
        result = replace(result, wall_s=(shared_clock_ns() - began_ns) / 1e9)
        if keep and result.status is Status.FAILED:
            _keep(result, folder, Path(keep))
        return result
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


def lost_cell(cell: Cell, why: str) -> CellResult:
    """A cell that has no result of its own: it failed, and why."""
    return CellResult(cell, Status.FAILED, why, 0, "", "", (), "", None, None, 0.0)


def folder_name(cell: Cell) -> str:
    """A cell's id as one name of a folder."""
    return re.sub("[/:@]", "_", cell.id)


def _keep(result: CellResult, folder: Path, keep: Path) -> None:
    place = keep / folder_name(result.cell)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, place, ignore_dangling_symlinks=True)
    text = json.dumps(result_object(result), indent=2, ensure_ascii=False)
    (place / RESULT).write_text(text + "\n", encoding="utf-8")
