"""PURE: CSV of scopes, spreadsheets and ``sparkgap shots export``: heading lines, then time and one column per trace.

Columns are separated by comma, semicolon (then a decimal comma is read too) or tab. The last heading line names the
columns: ``t_s,value_V``, ``Time,Ampl``, ``TIME,CH1``, ``time (s),Total current (A)``.
"""

import re
from io import StringIO

import numpy as np

from controller.shots.imports.trace import TRACES_MAX, BadFile, Trace, from_values

HEADING_LINES_MAX = 100
"""Lines before the first row of numbers: Tektronix writes about twenty."""

_UNIT = re.compile(r"\s*[(\[]([^()\[\]]{1,12})[)\]]\s*$|^value_(.{1,12})$")


def read_csv(data: bytes, name: str) -> list[Trace]:
    """The traces of a CSV file; ``name`` is for a trace that the file does not name. Raises BadFile."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = text.splitlines()
    first, separator = _first_row(lines)
    heading = _heading(lines[:first], separator)
    body = "\n".join(lines[first:])
    if separator == ";":
        body = body.replace(",", ".")
    try:
        table = np.loadtxt(StringIO(body), delimiter=separator, dtype=np.float64, ndmin=2, comments=None)
    except ValueError as error:
        problem = f"row of numbers expected: {str(error)[:120]}"
        raise BadFile(problem, "keep rows of numbers after the heading") from None
    if table.shape[1] < 2 or table.shape[1] > TRACES_MAX + 1:
        raise BadFile(f"{table.shape[1]} columns", "give a column of times and one per trace")
    traces = []
    for column in range(1, table.shape[1]):
        label = heading[column] if len(heading) == table.shape[1] else ""
        found = _UNIT.search(label)
        unit = next((part for part in found.groups() if part), "1") if found is not None else "1"
        title = "" if found is not None and found.group(2) else _UNIT.sub("", label).strip()
        traces.append(from_values(title or name, unit, table[:, 0], table[:, column]))
    return traces


def _first_row(lines: list[str]) -> tuple[int, str]:
    """Index of the first row of numbers, and what separates them."""
    for index, line in enumerate(lines[: HEADING_LINES_MAX + 1]):
        for separator in ("\t", ";", ","):
            cells = line.replace(",", ".").split(separator) if separator == ";" else line.split(separator)
            if len(cells) >= 2 and all(_is_number(cell) for cell in cells):
                return index, separator
    raise BadFile(f"no row of numbers in its first {HEADING_LINES_MAX} lines", "give columns of time and values")


def _heading(lines: list[str], separator: str) -> list[str]:
    named = [line for line in lines if line.strip() and not line.startswith("#")]
    return [cell.strip().strip('"').lstrip("'") for cell in named[-1].split(separator)] if named else []


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
