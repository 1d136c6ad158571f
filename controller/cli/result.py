"""How a run ended, for people (verdict table and paths), for programs (one JSON object) and for CI (JUnit)."""

import json
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from controller import messages
from controller.cli.writer import Writer
from controller.sequencer.verdict import Exit
from controller.shots.units import engineering

DIGITS = 4
"""Significant digits for people; the record has all of them."""

NUMBERS = ("value", "lower", "upper", "margin")
"""A measurement's numbers in the verdict table, in its columns' order; all of them stand in the report."""

COLUMNS_FOR_LIMITS = 80
"""A narrower terminal gets the value alone: a title that nobody can read makes every number useless."""

VERDICT_STYLES = {"pass": "green", "inconclusive": "yellow", "fail": "red", "aborted": "red", "error": "bold red"}

ENDED_BADLY = ("aborted", "error")


def result_object(finished: messages.Finished) -> dict[str, Any]:
    """The last line of ``run --json`` (design.md section 4)."""
    return {
        "shot": finished.shot,
        "verdict": finished.verdict,
        "ended": finished.ended,
        "record": finished.record,
        "journal": finished.journal,
        "report": finished.report,
        "exit": finished.exit,
        "shot_id": finished.shot_id,
        "reason": finished.reason,
        "safe": finished.safe,
        "trips": list(finished.trips),
        "faults": list(finished.faults),
        "spurious_trips": finished.spurious_trips,
    }


def json_line(value: Mapping[str, Any]) -> str:
    """One object on one line."""
    return json.dumps(value, ensure_ascii=False)


def print_result(finished: messages.Finished, writer: Writer) -> None:
    """The verdict table, how it ended, how safety was proven, and the paths. Not droppable."""
    for line in _render(finished, writer).splitlines():
        writer.write_line(line.rstrip())


def _render(finished: messages.Finished, writer: Writer) -> str:
    from rich.text import Text

    from controller.cli.live import terminal_console

    console = terminal_console(writer)
    with console.capture() as capture:
        if finished.measurements:
            console.print(_verdict_table(finished, console.width))
        style = VERDICT_STYLES.get(finished.verdict, "")
        summary = Text(f"{finished.verdict.upper()}", style).append(f"  {finished.ended}", "")
        console.print(summary.append(f": {finished.reason}" if finished.reason else ""))
        unproven = finished.exit == Exit.UNSAFE
        names = ("record", "report", "sheet", "journal")
        # nobody may overlook how long to stay away: then it is the last line
        for name in (*names, "safe") if unproven else ("safe", *names):
            text = getattr(finished, name)
            if text:
                style = "bold red" if unproven and name == "safe" else ""
                console.print(Text(f"{name:8}{text}", style), soft_wrap=True)
    return capture.get()


def _verdict_table(finished: messages.Finished, columns: int) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"Shot {finished.shot}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    shown = NUMBERS if columns >= COLUMNS_FOR_LIMITS else NUMBERS[:1]
    table.add_column("measurement")
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in finished.measurements:
        numbers = [format_quantity(getattr(row, name), row.unit) for name in shown]
        table.add_row(row.title, *numbers, Text(row.verdict, VERDICT_STYLES.get(row.verdict, "")))
    return table


def format_quantity(value: float | None, unit: str) -> str:
    """A number for people, with a prefix where the unit takes one; ``-`` for nothing."""
    return "-" if value is None else engineering(value, unit, DIGITS)


def junit_xml(finished: messages.Finished, profile: str, rig: str) -> bytes:
    """A JUnit suite: one case per measurement, and one for the run itself (how it ended, and proven safe)."""
    suite = ElementTree.Element("testsuite", name=f"{rig}/{profile}")
    failures = errors = 0
    run = ElementTree.SubElement(suite, "testcase", classname=rig, name=f"{profile}: ran and proven safe")
    if finished.verdict in ENDED_BADLY or finished.exit > 1:
        errors += 1
        note = ElementTree.SubElement(run, "error", message=f"{finished.ended}: {finished.reason}")
        note.text = finished.safe
    for row in finished.measurements:
        case = ElementTree.SubElement(suite, "testcase", classname=f"{rig}.{profile}", name=row.title)
        if row.verdict != "pass":
            failures += 1
            limits = f"{format_quantity(row.lower, row.unit)} .. {format_quantity(row.upper, row.unit)}"
            text = f"{row.verdict}: {format_quantity(row.value, row.unit)}, limits {limits}"
            ElementTree.SubElement(case, "failure", message=text)
    suite.set("tests", str(1 + len(finished.measurements)))
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    suite.set("skipped", "0")
    body: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return body
