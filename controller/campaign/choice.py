"""PURE: which cells of a campaign are run: by id, pattern or row. What matches nothing is refused, with its likes."""

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from controller.campaign.hazards import Hazard
from controller.campaign.model import Cell
from controller.rig.source import Problem, Refused

LIKES_MAX = 3

ROW_DIGITS = 2
"""Ids begin with the row."""


def choose(
    cells: Sequence[Cell], only: Sequence[str], rows: Sequence[str], hazards: Sequence[Hazard]
) -> tuple[Cell, ...]:
    """The cells of ``rows`` (none: all) whose id fits one of the patterns of ``only`` (none: all).

    A pattern is an id in which ``*`` stands for any letters, ``/`` included. Raises Refused when a row does not exist
    or a pattern fits nothing.
    """
    known = {hazard.row: hazard for hazard in hazards}
    problems = [_unknown_row(row, known) for row in rows if _number(row) not in known]
    wanted = dict.fromkeys(_number(row) for row in rows)
    chosen = [cell for cell in cells if not wanted or cell.row in wanted]
    if not problems and not chosen:
        problems = [_no_cells("--row", row, known[row]) for row in wanted]
    if not problems:
        problems = [_fits_nothing(pattern, cells, chosen, known) for pattern in only if not _fitting(pattern, chosen)]
    if problems:
        raise Refused(problems)
    return tuple(cell for cell in chosen if not only or any(_fits(pattern, cell) for pattern in only))


def _number(row: str) -> str:
    """Rows are written with two digits; ``--row 7`` means 07."""
    return row.zfill(ROW_DIGITS)


def _fits(pattern: str, cell: Cell) -> bool:
    return fnmatchcase(cell.id, pattern)


def _fitting(pattern: str, cells: Sequence[Cell]) -> bool:
    return any(_fits(pattern, cell) for cell in cells)


def _unknown_row(row: str, known: dict[str, Hazard]) -> Problem:
    return Problem("--row", 0, row, "there is no such row of the hazard table", f"rows: {', '.join(known)}")


def _no_cells(option: str, asked: str, hazard: Hazard) -> Problem:
    """A row that exists and cannot be run: it waits for what is not built yet, or has no cells in these profiles."""
    if hazard.due_later:
        problem = f"row {hazard.row} ({hazard.title}) is due later: {hazard.due_later}"
        return Problem(option, 0, asked, problem, "there is nothing to run before that is built")
    problem = f"row {hazard.row} ({hazard.title}) has no cells in what was chosen"
    return Problem(option, 0, asked, problem, "leave --profile and --subset out")


def _fits_nothing(pattern: str, cells: Sequence[Cell], chosen: Sequence[Cell], known: dict[str, Hazard]) -> Problem:
    """Name the ids that come nearest; a long list of ids helps nobody."""
    if _fitting(pattern, cells):
        return Problem("--only", 0, pattern, "fits no cell of the chosen rows", "leave --row out, or name its row")
    asked = known.get(pattern[:ROW_DIGITS])
    ids = [cell.id for cell in chosen]
    if asked is not None and all(cell.row != asked.row for cell in cells):
        return _no_cells("--only", pattern, asked)
    near = difflib.get_close_matches(pattern, ids, LIKES_MAX, 0.5)
    example = ids[0] if ids else "36.estop/full/charge:during"
    remedy = f"did you mean {' or '.join(near)}?" if near else f"ids look like {example}; * stands for any letters"
    return Problem("--only", 0, pattern, "fits no cell", remedy)
