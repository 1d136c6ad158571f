"""PURE: which cells of a campaign are run: by id, pattern or row. What matches nothing is refused, with its likes."""

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from controller.campaign.hazards import Hazard
from controller.campaign.model import Cell
from controller.rig.source import Problem, Refused

LIKES_MAX = 3


def choose(
    cells: Sequence[Cell], only: Sequence[str], rows: Sequence[str], hazards: Sequence[Hazard]
) -> tuple[Cell, ...]:
    """The cells of ``rows`` (none: all) whose id fits one of the patterns of ``only`` (none: all).

    A pattern is an id in which ``*`` stands for any letters, ``/`` included. Raises Refused when a row does not exist
    or a pattern fits nothing.
    """
    known = {hazard.row: hazard for hazard in hazards}
    problems = [_unknown_row(row, known) for row in rows if _number(row) not in known]
    wanted = {_number(row) for row in rows}
    chosen = [cell for cell in cells if not wanted or cell.row in wanted]
    if not problems:
        problems = [_fits_nothing(pattern, cells) for pattern in only if not _fitting(pattern, chosen)]
    if problems:
        raise Refused(problems)
    if only:
        chosen = [cell for cell in chosen if any(_fits(pattern, cell) for pattern in only)]
    if not chosen:
        remedy = f"rows without cells here wait for a later issue or another profile: {_waiting(rows, known)}"
        raise Refused([Problem("--row", 0, ", ".join(rows), "has no cells to run", remedy)])
    return tuple(chosen)


def _number(row: str) -> str:
    """Rows are written with two digits; ``--row 7`` means 07."""
    return row.zfill(2)


def _fits(pattern: str, cell: Cell) -> bool:
    return fnmatchcase(cell.id, pattern)


def _fitting(pattern: str, cells: Sequence[Cell]) -> bool:
    return any(_fits(pattern, cell) for cell in cells)


def _unknown_row(row: str, known: dict[str, Hazard]) -> Problem:
    return Problem("--row", 0, row, "there is no such row of the hazard table", f"rows: {', '.join(known)}")


def _fits_nothing(pattern: str, cells: Sequence[Cell]) -> Problem:
    """Name the ids that come nearest; a long list of ids helps nobody."""
    ids = [cell.id for cell in cells]
    near = difflib.get_close_matches(pattern, ids, LIKES_MAX, 0.5)
    example = ids[0] if ids else "36.estop/full/charge:during"
    remedy = f"did you mean {' or '.join(near)}?" if near else f"ids look like {example}; * stands for any letters"
    return Problem("--only", 0, pattern, "fits no cell", remedy)


def _waiting(rows: Sequence[str], known: dict[str, Hazard]) -> str:
    return "; ".join(f"{_number(row)} {known[_number(row)].due_later or known[_number(row)].title}" for row in rows)
