"""Running a campaign: choose the cells, show progress, and write what came of it, whole or as far as it got."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.app.revision import revision
from controller.app.signals import StopSignals
from controller.campaign.cell_job import cell_job
from controller.campaign.cells import list_cells
from controller.campaign.choice import ROW_DIGITS, choose
from controller.campaign.execute import load_profiles, table_for
from controller.campaign.healthy import Account, Amount, UnitResult, account_object, healthy_job, lines, share
from controller.campaign.job import Job, R, T, WorkersUnusable
from controller.campaign.matrix import render
from controller.campaign.model import CellResult, Status
from controller.campaign.summary import Campaign, campaign_object
from controller.campaign.words import clock
from controller.campaign.words import crew as crew_words
from controller.cli.campaign_progress import Progress, make_progress
from controller.cli.live import terminal_console
from controller.cli.result import json_line
from controller.cli.stop import StopRequest
from controller.cli.writer import Writer
from controller.rig.source import Problem, Refused
from controller.sequencer.verdict import Exit


@dataclass(frozen=True, slots=True)
class Crew:
    """Who works: processes of this computer, or those of a Dask scheduler."""

    workers: int
    nice: int
    dask: str

    @property
    def counted(self) -> int:
        """Processes of this computer; 0 with Dask, whose workers come and go."""
        return 0 if self.dask else self.workers


@dataclass(frozen=True, slots=True)
class Faults:
    """Which cells."""

    rig: str
    profiles: tuple[str, ...]
    rows: tuple[str, ...]
    only: tuple[str, ...]
    subset: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Healthy:
    """How much of a healthy bench, and of that which stints (none named: all)."""

    rig: str
    profiles: tuple[str, ...]
    only: tuple[str, ...]
    amount: Amount


@dataclass(frozen=True, slots=True)
class Reports:
    """What is written beside the terminal's text; empty: not."""

    out: str
    html: str
    junit: str
    as_json: bool


class Desk:
    """Where a campaign is run from: its streams, the wish to stop, the clock."""

    def __init__(self) -> None:
        self.stop = StopRequest()
        self.writer = Writer(1, on_closed=lambda: self.stop("standard output closed"))
        self.errors = Writer(2)
        self._began_s = time.monotonic()

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()
        self.errors.close()

    @property
    def wall_s(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._began_s

    def run(self, job: Job[T, R], crew: Crew, progress: Progress, on_result: Callable[[R], None]) -> str:
        """Run the job; returns why it is not complete, empty when it is."""
        progress.start(len(job.tasks))
        try:
            with StopSignals(self.stop):
                complete = _run(job, crew, on_result, lambda: bool(self.stop.reason))
        except WorkersUnusable as error:
            return f"{error.problem}; {error.remedy}"
        finally:
            progress.stop()
        return "" if complete else f"stopped by {self.stop.reason}"


def _run(job: Job[T, R], crew: Crew, on_result: Callable[[R], None], stopped: Callable[[], bool]) -> bool:
    if crew.dask:
        from controller.campaign.cluster import run_on_cluster

        return run_on_cluster(job, crew.dask, on_result, stopped)
    from controller.campaign.pool import run_pool

    return run_pool(job, crew.workers, on_result, stopped, crew.nice)


def run_faults(faults: Faults, crew: Crew, reports: Reports) -> int:
    """The fault campaign. Raises Refused for everything that is wrong before the first cell."""
    profiles = load_profiles(faults.rig, faults.profiles)
    table = table_for(faults.rig)
    cells = choose(list_cells(faults.rig, profiles, faults.subset, faults.seed, table), faults.only, faults.rows, table)
    ran = {cell.row for cell in cells} | {row.zfill(ROW_DIGITS) for row in faults.rows}
    shown = table if not (faults.rows or faults.only) else tuple(hazard for hazard in table if hazard.row in ran)
    keep = _checked(reports)
    results: list[CellResult] = []
    with Desk() as desk:
        progress = make_progress("cells", desk.errors)

        def take(result: CellResult) -> None:
            results.append(result)
            failed = result.status is Status.FAILED
            progress.advance(f"{result.cell.id}: {result.why}" if failed else "")

        short = desk.run(cell_job(cells, keep), crew, progress, take)
        campaign = Campaign(
            faults.rig,
            faults.seed,
            revision(),
            desk.wall_s,
            crew.counted,
            len(cells),
            profiles,
            shown,
            tuple(results),
            short,
        )
        _write(campaign, reports, desk)
    return _exit(campaign)


def _exit(campaign: Campaign) -> int:
    if campaign.count(Status.FAILED):
        return Exit.FAILED
    return Exit.PASS if campaign.complete else Exit.ABORTED


def _checked(reports: Reports) -> str:
    """Refuse what could not be written before hours of work; returns the folder to keep failed cells in."""
    for option, name in (("--html", reports.html), ("--junit", reports.junit)):
        if name and not Path(name).absolute().parent.is_dir():
            raise Refused([Problem(option, 0, name, "its folder does not exist", "name a file in a folder that does")])
        if name and Path(name).is_dir():
            raise Refused([Problem(option, 0, name, "is a folder", "name a file")])
    if not reports.out:
        return ""
    out = Path(reports.out).absolute()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise Refused([Problem(f"--out {reports.out}", 0, "", problem, "name another folder")]) from None
    return str(out)


def _write(campaign: Campaign, reports: Reports, desk: Desk) -> None:
    files = _files(campaign, reports)
    if reports.as_json:
        desk.writer.write_line(json_line(campaign_object(campaign)))
    else:
        console = terminal_console(desk.writer)
        for part in render(campaign, console):
            with console.capture() as capture:
                console.print(part, soft_wrap=True)
            for line in capture.get().splitlines() or [""]:
                desk.writer.write_line(line.rstrip())
    for name, body in files:
        try:
            Path(name).write_bytes(body)
        except OSError as error:
            desk.errors.write_line(f"{name}: cannot be written: {error.strerror or error}")
            continue
        if not reports.as_json:
            desk.writer.write_line(f"written {name}")
    if reports.out and campaign.count(Status.FAILED) and not reports.as_json:
        desk.writer.write_line(f"failed cells left their files in {reports.out}")


def _files(campaign: Campaign, reports: Reports) -> list[tuple[str, bytes]]:
    files: list[tuple[str, bytes]] = []
    if reports.html:
        from controller.campaign.html import html_page

        files.append((reports.html, html_page(campaign).encode()))
    if reports.junit:
        from controller.campaign.junit import junit_xml

        files.append((reports.junit, junit_xml(campaign)))
    return files


def run_healthy(order: Healthy, crew: Crew, as_json: bool) -> int:
    """Complete shots and hours of watching, nothing injected. Raises Refused before the first one."""
    units = share(order.rig, order.profiles, order.amount, order.only)
    account = Account(order.rig, order.amount, len(units), revision(), workers=crew.counted)
    with Desk() as desk:
        progress = make_progress("benches", desk.errors)

        def take(result: UnitResult) -> None:
            account.take(result)
            progress.advance(result.complaint)

        account.why_short = desk.run(healthy_job(units), crew, progress, take)
        account.wall_s = desk.wall_s
        said = [json_line(account_object(account))] if as_json else [*lines(account), _pace(account)]
        for line in said:
            desk.writer.write_line(line)
    if account.failed:
        return Exit.FAILED
    return Exit.PASS if account.whole else Exit.ABORTED


def _pace(account: Account) -> str:
    return f"{clock(account.wall_s)} on {crew_words(account.workers)}"
