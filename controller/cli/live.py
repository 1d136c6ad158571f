"""Progress on a terminal: steps with marks, PLC state, voltage against set-point, countdown, the last events."""

import os
import time
from typing import IO, Any, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller import messages
from controller.cli.keys import hush_control_keys, restore_keys
from controller.cli.view import BROKEN, DONE, PENDING, RUNNING, RunView
from controller.cli.writer import Writer

REDRAW_EVERY_S = 0.1
"""Ten pictures a second look smooth and cost a few percent of one core."""

BACKLOG_BYTES_MAX = 32 * 1024
"""With this much unread, another picture would only be dropped: skip it."""

COLUMNS_MIN = 60
"""A narrower terminal gets lines that wrap rather than a picture without text."""

LINE_COLUMNS = 110
"""Width of tables that do not go to a terminal."""

MARKS = {PENDING: ("·", "dim"), RUNNING: ("▶", "bold yellow"), DONE: ("✔", "green"), BROKEN: ("✖", "red")}
EVENT_STYLES = {"warning": "yellow", "trip": "bold red", "fault": "bold red", "operator": "cyan"}


class LiveScreen:
    """A picture redrawn in place; the terminal's own clock paces it, since on virtual time frames come in floods."""

    def __init__(self, writer: Writer) -> None:
        self.view = RunView()
        self._writer = writer
        self._console = terminal_console(writer)
        self._live = Live(
            console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False, transient=True
        )
        self._drawn_s = 0.0
        self._keys: Any = None

    def start(self) -> None:
        """Begin to draw."""
        self._keys = hush_control_keys()
        self._live.start()

    def show(self, message: messages.Message) -> None:
        """Fold a message in and redraw if it is time."""
        self.view.take(message)
        now_s = time.monotonic()
        if now_s - self._drawn_s >= REDRAW_EVERY_S and self._writer.backlog < BACKLOG_BYTES_MAX:
            self._drawn_s = now_s
            self._live.update(draw(self.view), refresh=True)

    def stopping(self, reason: str) -> None:
        """Say that the run is being brought to safe."""
        self.view.stopping = reason
        self._live.update(draw(self.view), refresh=True)

    def page(self, address: str) -> None:
        """Say where the page is, in the picture's lower edge."""
        self.view.page = address

    def stop(self) -> None:
        """Take the picture away and give the cursor back."""
        self._live.stop()
        restore_keys(self._keys)
        self._keys = None


def terminal_console(writer: Writer, columns: int | None = None) -> Console:
    """A rich console whose output goes through the writer; sized as the terminal, or ``columns`` wide without one."""
    if writer.isatty():
        size = os.get_terminal_size(writer.fileno())
        return Console(
            file=cast(IO[str], writer), force_terminal=True, width=max(size.columns, COLUMNS_MIN), height=size.lines
        )
    return Console(file=cast(IO[str], writer), width=columns or LINE_COLUMNS, color_system=None, force_terminal=False)


def draw(view: RunView) -> RenderableType:
    """The whole picture."""
    body = Table.grid(padding=(0, 2), expand=True)
    body.add_column(ratio=2)
    body.add_column(ratio=3)
    body.add_row(_steps(view), Group(_readings(view), Text(), _events(view)))
    hello = view.hello
    title = f"{hello.rig} · {hello.title} · shot {hello.shot}" if hello else "starting"
    clock = "virtual time" if hello and hello.virtual else "run time"
    border = "red" if view.stopping else "cyan"
    subtitle = f"{clock} {view.elapsed_s:.1f} s" + (f" · page {view.page}" if view.page else "")
    return Panel(body, title=title, subtitle=subtitle, border_style=border)


def _steps(view: RunView) -> Table:
    table = Table.grid(padding=(0, 1))
    for step, mark in zip(view.hello.steps if view.hello else (), view.marks, strict=True):
        sign, style = MARKS[mark]
        table.add_row(Text(sign, style), Text(step.id, style if mark != DONE else ""))
    return table


def _readings(view: RunView) -> Table:
    table = Table.grid(padding=(0, 1))
    if view.stopping:
        table.add_row(
            Text("stop", "bold red"), Text(f"{view.stopping}: dumping, waiting for proof of safety", "bold red")
        )
    if view.frame is not None:
        table.add_row("PLC", Text(view.frame.plc_state, "bold"))
        table.add_row("bank", _voltage_text(view))
        table.add_row("", ProgressBar(total=1.0, completed=view.charged_fraction, width=32))
        countdown_s = view.frame.countdown_s
        table.add_row("fire in", Text(f"{countdown_s:.1f} s", "bold magenta") if countdown_s is not None else "-")
    return table


def _voltage_text(view: RunView) -> Text:
    if view.pulsing:
        return Text(view.pulsing)
    voltage_v = view.voltage_v
    if voltage_v is None or view.hello is None:
        return Text("not valid", "yellow")
    return Text(f"{voltage_v:7.1f} V of {view.hello.target_v:.0f} V")


def _events(view: RunView) -> Table:
    table = Table.grid(padding=(0, 1))
    for event in view.events:
        style = EVENT_STYLES.get(event.kind, "")
        when = Text(f"{view.seconds(event.t_ns):7.2f} s", "dim")
        table.add_row(when, Text(f"{event.source}: {event.text}", style, overflow="ellipsis", no_wrap=True))
    return table
