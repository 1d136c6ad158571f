"""Which of the three ways to show a run fits standard output: a live picture, plain lines, or JSON only."""

import os
from typing import Protocol

from controller import messages
from controller.cli.lines import LineScreen, WatchScreen
from controller.cli.writer import Writer


class Screen(Protocol):
    """Shows a run while it runs. No method blocks."""

    def start(self) -> None:
        """Begin to show."""
        ...

    def show(self, message: messages.Message) -> None:
        """Take one message from the bus."""
        ...

    def stopping(self, reason: str) -> None:
        """Say that the run is being brought to safe."""
        ...

    def page(self, address: str) -> None:
        """Say where the page is."""
        ...

    def stop(self) -> None:
        """Give the terminal back."""
        ...


class SilentScreen:
    """For ``--json``: standard output belongs to the two objects."""

    def start(self) -> None:
        """Nothing to show."""

    def show(self, message: messages.Message) -> None:
        """Nothing to show."""

    def stopping(self, reason: str) -> None:
        """Nothing to show."""

    def page(self, address: str) -> None:
        """Nothing to show: the first object names it."""

    def stop(self) -> None:
        """Nothing to restore."""


def choose_screen(writer: Writer, as_json: bool, watching: bool = False) -> Screen:
    """A live picture on a capable terminal, plain lines elsewhere, nothing with ``--json``.

    A bench that is only watched gets lines everywhere: its picture is the page.
    """
    if as_json:
        return SilentScreen()
    if watching:
        return WatchScreen(writer)
    if writer.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from controller.cli.live import LiveScreen

        return LiveScreen(writer)
    return LineScreen(writer)
