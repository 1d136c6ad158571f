"""How a run's end is told: exit codes, JSON, the verdict table, JUnit."""

import io
import itertools
import json
import os
from xml.etree import ElementTree

import msgspec
import pytest
from rich.console import Console

from controller.cli import result
from controller.cli.result import format_quantity, json_line, junit_xml, print_result, result_object
from controller.cli.writer import Writer
from controller.sequencer.verdict import Exit, worst_exit
from tests.unit.cli.samples import FINISHED


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((0, 1), 1), ((1, 3), 3), ((3, 5), 5), ((5, 4), 4), ((4, 3, 1, 0), 4), ((0,), 0)],
)
def test_four_wins_over_five_over_three_over_one(codes: tuple[int, ...], expected: int) -> None:
    for order in itertools.permutations(codes):
        assert worst_exit([Exit(code) for code in order]) is Exit(expected)


def test_json_result_has_the_keys_of_the_contract() -> None:
    value = json.loads(json_line(result_object(FINISHED)))
    assert list(value)[:7] == ["shot", "verdict", "ended", "record", "journal", "report", "exit"]
    assert (value["shot"], value["exit"], value["verdict"]) == (12, 1, "fail")


def test_junit_has_one_case_per_measurement_and_one_for_the_run() -> None:
    suite = ElementTree.fromstring(junit_xml(FINISHED, "full", "railgun_bench"))
    assert suite.attrib["tests"] == "4"
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("2", "0")
    failed = {case.attrib["name"] for case in suite if case.find("failure") is not None}
    assert failed == {"Muzzle voltage", "Dump tau"}


def test_junit_of_an_aborted_run_is_an_error() -> None:
    aborted = msgspec.structs.replace(FINISHED, verdict="aborted", ended="aborted", exit=3, measurements=())
    suite = ElementTree.fromstring(junit_xml(aborted, "full", "railgun_bench"))
    assert suite.attrib["errors"] == "1"
    assert suite[0].find("error").attrib["message"] == "aborted: peak current is low"


def test_the_table_shows_numbers_verdicts_and_paths() -> None:
    read_fd, write_fd = os.pipe()
    writer = Writer(write_fd)
    print_result(FINISHED, writer)
    writer.close()
    os.close(write_fd)
    with open(read_fd, "rb") as stream:
        text = stream.read().decode()
    assert "Peak current" in text and "64.58 kA" in text and "inconclusive" in text
    assert "FAIL  completed: peak current is low" in text
    for path in (FINISHED.record, FINISHED.report, FINISHED.sheet, FINISHED.journal):
        assert path in text
    assert "\x1b" not in text


@pytest.mark.parametrize(("columns", "limits"), [(60, False), (79, False), (80, True), (110, True)])
def test_a_narrow_table_keeps_what_was_measured_and_its_verdict(columns: int, limits: bool) -> None:
    console = Console(width=columns, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(result._verdict_table(FINISHED, columns))
    text = capture.get()
    for row in FINISHED.measurements:
        assert f"{row.title} " in text and row.verdict in text
    assert "64.58 kA" in text
    assert ("margin" in text) is limits


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(None, "A", "-"), (0.0, "V", "0 V"), (64580.0, "A", "64.58 kA"), (5486659.0, "A^2 s", "5.487e+06 A^2 s")],
)
def test_numbers_are_readable(value: float | None, unit: str, text: str) -> None:
    assert format_quantity(value, unit) == text


def test_an_unproven_end_has_its_last_line_in_how_long_to_stay_away() -> None:
    read_fd, write_fd = os.pipe()
    writer = Writer(write_fd)
    text = "NOT VERIFIED: treat the bench as charged: from 990 V the bleeders alone need 5 min 14 s to 50 V"
    print_result(msgspec.structs.replace(FINISHED, ended="unsafe-unconfirmed", exit=4, safe=text), writer)
    writer.close()
    os.close(write_fd)
    with open(read_fd, "rb") as stream:
        lines = stream.read().decode().splitlines()
    assert lines[-1] == f"safe    {text}"
