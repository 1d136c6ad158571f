"""Keeps a pressed Ctrl-C from printing ``^C`` into the live picture, where the terminal allows it."""

import os
import sys
from typing import Any

if sys.platform == "win32":

    def hush_control_keys(fd: int = 0) -> None:
        """Windows consoles print no control characters: nothing to do."""

    def restore_keys(before: None, fd: int = 0) -> None:
        """Nothing was changed."""

else:
    import termios

    _LOCAL_FLAGS = 3
    """Place of the local modes in what termios.tcgetattr returns."""

    def hush_control_keys(fd: int = 0) -> list[Any] | None:
        """Switch off the echo of control characters; returns what :func:`restore_keys` takes (None: no terminal)."""
        if not os.isatty(fd):
            return None
        before = termios.tcgetattr(fd)
        quiet = termios.tcgetattr(fd)
        quiet[_LOCAL_FLAGS] &= ~termios.ECHOCTL
        termios.tcsetattr(fd, termios.TCSANOW, quiet)
        return before

    def restore_keys(before: list[Any] | None, fd: int = 0) -> None:
        """Give the terminal its echo back."""
        if before is not None:
            termios.tcsetattr(fd, termios.TCSANOW, before)
