"""How far a campaign is, on standard error: a bar on a terminal, now and then a line anywhere else."""

import time
from typing import Any, Protocol

from controller.cli.keys import hush_control_keys, restore_keys
from controller.cli.live import terminal_console
from controller.cli.writer import Writer

LINE_EVERY_S = 15.0
"""Often enough for a log that somebody follows, and 200 lines in an hour."""

REDRAW_EVERY_S = 0.2

BAR_COLUMNS = 16
"""What 60 columns leave beside counts and times."""


class Progress(Protocol):
    """Told of the start, of every result and of the end."""

    def start(self, total: int) -> None:
        """``total`` results are expected."""

    def advance(self, failure: str) -> None:
        """One more result; ``failure`` is why it failed, empty when it did not."""

    def stop(self) -> None:
        """No more results."""


def make_progress(what: str, errors: Writer) -> Progress:
    """A bar where there is a terminal; ``what`` is the plural of what is counted."""
    return Bar(what, errors) if errors.isatty() else Lines(what, errors)


class Lines:
    """A line when a failure comes, and a count from time to time."""

    def __init__(self, what: str, errors: Writer) -> None:
        self._what = what
        self._errors = errors
        self._total = self._done = self._failed = 0
        self._next_s = 0.0

    def start(self, total: int) -> None:
        """Say what is coming."""
        self._total = total
        self._next_s = time.monotonic() + LINE_EVERY_S
        self._errors.write_line(f"{self._what} to run: {total}")

    def advance(self, failure: str) -> None:
        """Count."""
        self._done += 1
        if failure:
            self._failed += 1
            self._errors.write_line(f"FAILED {failure}")
        if time.monotonic() >= self._next_s and self._done < self._total:
            self._next_s = time.monotonic() + LINE_EVERY_S
            self._errors.write_line(f"{self._done} of {self._total} {self._what}, {self._failed} failed")

    def stop(self) -> None:
        """Nothing to restore."""


class Bar:
    """A bar with counts, time spent and time left; failures scroll by above it."""

    def __init__(self, what: str, errors: Writer) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        console = terminal_console(errors)
        self._bar = RichProgress(
            BarColumn(bar_width=BAR_COLUMNS),
            MofNCompleteColumn(),
            TextColumn(what),
            TextColumn("{task.fields[failed]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: Any = None
        self._failed = 0
        self._drawn_s = 0.0
        self._keys: Any = None

    def start(self, total: int) -> None:
        """Begin to draw."""
        self._keys = hush_control_keys()
        self._task = self._bar.add_task("", total=total, failed="")
        self._bar.start()

    def advance(self, failure: str) -> None:
        """Count, and redraw if it is time."""
        from rich.text import Text

        if failure:
            self._failed += 1
            self._bar.console.print(Text(f"FAILED {failure}", "red"))
        self._bar.update(self._task, advance=1, failed=f"[red]{self._failed} failed[/red]" if self._failed else "")
        if time.monotonic() - self._drawn_s >= REDRAW_EVERY_S:
            self._drawn_s = time.monotonic()
            self._bar.refresh()

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()
        restore_keys(self._keys)
        self._keys = None
