"""The step x fault matrix for a terminal: one block per profile, rows are hazards, three columns per step.

A hazard is one row that shows the worst of its variants; a variant that failed gets a row of its own below it.
"""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich.console import Console, RenderableType
from rich.text import Text

from controller.app.faultspec import Phase
from controller.campaign.cells import REAL_SCOPE
from controller.campaign.model import CellResult, Status, Venue
from controller.campaign.summary import Block, Campaign, Row, slowest, timing, worst
from controller.campaign.words import clock, crew, verdict_word

SYMBOLS = {Status.PASSED: "•", Status.FAILED: "✗", Status.NOT_APPLICABLE: "–"}
STYLES = {Status.PASSED: "green", Status.FAILED: "bold white on red", Status.NOT_APPLICABLE: "bright_black"}
NOT_RUN = " "

PHASES = len(Phase)

STEP_COLUMNS_MIN = PHASES
STEP_COLUMNS_MAX = 14
"""The longest step name has 13 letters."""

NAME_COLUMNS = (18, 60)
"""Narrowest and widest column of row names."""

COUNT_COLUMNS = 12
"""``1234 of 1234``, right of the steps."""

FAILURES_SHOWN = 50
"""More failures than a person reads have one cause; all of them are in the reports."""

EXCUSES_SHOWN = 12


def render(campaign: Campaign, console: Console) -> Iterator[RenderableType]:
    """The blocks, the legend, why cells were not applicable, the failures, and one line that says it all."""
    told: set[str] = set()
    for block in campaign.blocks():
        yield from _block(block, console.width, told)
        yield Text("")
    yield _legend()
    if any(result.cell.venue is Venue.REAL for result in campaign.results):
        yield from _wrapped(f"@real: {REAL_SCOPE}", console.width)
    yield from _excuses(campaign)
    yield from _due_later(campaign)
    yield from _failures(campaign)
    yield Text("")
    yield summary_line(campaign)


def _block(block: Block, width: int, told: set[str]) -> Iterator[Text]:
    """The matrix of a profile. Step names that had to be cut are explained below it, once: ``told`` are those."""
    lines = list(_lines(block.rows))
    names = [name for name, _, _ in lines]
    steps = block.steps
    wanted = max(max(map(len, steps)), STEP_COLUMNS_MIN)
    spare = width - COUNT_COLUMNS - 2 - len(steps) * (wanted + 1)
    most = width - COUNT_COLUMNS - 2 - len(steps) * (STEP_COLUMNS_MIN + 1)
    narrowest, widest = NAME_COLUMNS
    name_columns = max(narrowest, min(max(map(len, names)), widest, max(width // 3, spare), most))
    left = width - name_columns - COUNT_COLUMNS - 2
    columns = max(STEP_COLUMNS_MIN, min(wanted, STEP_COLUMNS_MAX, left // len(steps) - 1))
    yield Text(f"{block.profile.name}", "bold").append(f"  {_overrides(block)}", "bright_black")
    heads = (" ".join(step[:columns].ljust(columns) for step in steps)).rstrip()
    yield Text(" " * (name_columns + 2) + heads, "bright_black", no_wrap=True)
    for name, rows, nested in lines:
        yield _line(name, rows, nested, steps, name_columns, columns)
    cut = [f"{step[:columns]} {step}" for step in steps if len(step) > columns]
    if not told.issuperset(cut):
        told.update(cut)
        yield from _wrapped(f"steps: {', '.join(cut)}", width)


def _wrapped(words: str, width: int) -> Iterator[Text]:
    for line in wrap(words, width, subsequent_indent="  "):
        yield Text(line, "bright_black")


def _overrides(block: Block) -> str:
    return ", ".join(f"{name} {value}" for name, value in block.profile.overrides.items())


def _lines(rows: Sequence[Row]) -> Iterator[tuple[str, tuple[Row, ...], bool]]:
    """(name, rows it stands for, nested): a hazard, then its failed variants where it has several."""
    numbers = dict.fromkeys(row.hazard.row for row in rows)
    for number in numbers:
        group = tuple(row for row in rows if row.hazard.row == number)
        yield f"{number} {group[0].hazard.title}", group, False
        for row in group:
            if row.failed:
                yield row.label, (row,), True


def _line(
    name: str,
    rows: Sequence[Row],
    nested: bool,
    steps: Sequence[str],
    name_columns: int,
    columns: int,
) -> Text:
    shown = ("   " if nested else "") + name
    shown = shown if len(shown) <= name_columns else shown[: name_columns - 1] + "…"
    failed = sum(row.failed for row in rows)
    line = Text(shown.ljust(name_columns) + "  ", "red" if failed else "", no_wrap=True)
    for step in steps:
        for phase in Phase:
            found = [row.results[step, phase].status for row in rows if (step, phase) in row.results]
            status = worst(found)
            line.append(NOT_RUN if status is None else SYMBOLS[status], "" if status is None else STYLES[status])
        line.append(" " * (columns - PHASES + 1))
    ran = sum(len(row.results) for row in rows)
    passed = sum(result.status is Status.PASSED for row in rows for result in row.results.values())
    count = f"{failed} FAILED" if failed else f"{passed} of {ran}"
    return line.append(count.rjust(COUNT_COLUMNS), "bold red" if failed else "bright_black")


def _legend() -> Text:
    text = Text("per step: before, during, after   ", "bright_black")
    for status, name in (
        (Status.PASSED, "passed"),
        (Status.FAILED, "failed"),
        (Status.NOT_APPLICABLE, "not applicable"),
    ):
        text.append(SYMBOLS[status], STYLES[status]).append(f" {name}   ", "bright_black")
    return text.append("\nblank: not run   counts at the right: passed of run", "bright_black")


def _excuses(campaign: Campaign) -> Iterator[Text]:
    excuses = campaign.excuses()
    if excuses:
        yield Text("")
        yield Text("Not applicable, because", "bold")
    for why, count in excuses[:EXCUSES_SHOWN]:
        yield Text(f"{count:6}  {why}")
    rest = excuses[EXCUSES_SHOWN:]
    if rest:
        yield Text(f"{sum(count for _, count in rest):6}  {len(rest)} more reasons; --html and --json have them all")


def _due_later(campaign: Campaign) -> Iterator[Text]:
    for hazard in campaign.due_later():
        yield Text(f"Row {hazard.row} ({hazard.title}) is due later: {hazard.due_later}", "bright_black")


def _failures(campaign: Campaign) -> Iterator[Text]:
    failures = campaign.failures
    if failures:
        yield Text("")
        yield Text(f"{len(failures)} failed", "bold red")
    for result in failures[:FAILURES_SHOWN]:
        yield from failure_lines(result)
    if len(failures) > FAILURES_SHOWN:
        yield Text(f"... and {len(failures) - FAILURES_SHOWN} more; --html, --junit and --json have them all")


def failure_lines(result: CellResult) -> tuple[Text, Text]:
    """What failed and why; and the line that runs it again."""
    return Text(f"{result.cell.id}: {result.why}", "red"), Text(f"    {result.cell.replay}")


def summary_line(campaign: Campaign) -> Text:
    """Counts, the closest call, time."""
    counts = {status: campaign.count(status) for status in Status}
    failed = counts[Status.FAILED]
    style = "bold red" if failed else "bold green" if campaign.complete else "bold yellow"
    text = Text().append(f"{verdict_word(campaign)}  ", style)
    cells = (
        f"{len(campaign.results):,} of {campaign.planned:,} cells"
        if not campaign.complete
        else f"{campaign.planned:,} cell{'s' if campaign.planned != 1 else ''}"
    )
    text.append(
        f"{cells}: {counts[Status.PASSED]:,} passed, {failed:,} failed, "
        f"{counts[Status.NOT_APPLICABLE]:,} not applicable"
    )
    text.append(f"; {clock(campaign.wall_s)} on {crew(campaign.workers)}")
    text.append(f"; seed {campaign.seed}")
    closest = slowest(campaign.results)
    if closest is not None:
        text.append(f"\nleast time to spare: {closest.cell.id}, {timing(closest)}")
    if campaign.why_short:
        text.append(f"\n{campaign.why_short}: {campaign.planned - len(campaign.results)} cells were not run", "yellow")
    return text
