"""The how-to for adding an instrument tells the truth: its files exist, have that many lines; its rows stand there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/add-an-instrument.md").read_text(encoding="utf-8")
FILES = re.findall(r"^\| `([^`]+)` \| (\d+) \|", PAGE, re.MULTILINE)
ROWS = re.findall(r"^\| `([^`]+\.py)` \| `([^`]+)` \|", PAGE, re.MULTILINE)

NEAR = 0.1
"""A file may grow by a tenth before the page has to say so."""


def test_the_page_names_every_file_of_the_example() -> None:
    named = {path for path, _ in FILES}
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("drivers", "firmware_sim", "tests/vectors", "tests/unit/wire")
        for path in (ROOT / folder).rglob("*lauda*")
        if path.suffix in (".py", ".txt")
    }
    assert found <= named and len(named - found) == 2, "beside them, the port and its conformance suite"


@pytest.mark.parametrize(("path", "lines"), FILES)
def test_a_file_has_as_many_lines_as_the_page_says(path: str, lines: str) -> None:
    count = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert abs(count - int(lines)) <= NEAR * count, f"{path} has {count} lines, the page says otherwise"


@pytest.mark.parametrize(("path", "row"), ROWS)
def test_a_row_stands_where_the_page_says(path: str, row: str) -> None:
    assert row in (ROOT / path).read_text(encoding="utf-8")


def test_the_tables_were_found() -> None:
    assert len(FILES) == 8 and len(ROWS) == 5


def test_the_sums_are_those_of_the_table() -> None:
    said = re.search(r"Together (\d+) lines: (\d+) of driver, (\d+) of stand-in, (\d+) of tests", PAGE)
    assert said is not None
    parts = [
        sum(int(lines) for path, lines in FILES if path.startswith(top)) for top in ("drivers", "firmware", "tests")
    ]
    assert [int(number) for number in said.groups()] == [sum(parts), *parts]
