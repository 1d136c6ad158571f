"""The panel child: lowers its priority, and only then imports what the page is made of (``controller/app/panel.py``).

The bench starts at the same time: the shot must not wait for a web framework.
"""

import asyncio
import os
import sys

NICENESS = 5
"""Priority given up on POSIX: a third of the core's share of a busy processor, still enough for a lively page."""


def lower_priority() -> None:
    """Give way to the core where the platform has priorities to give up."""
    if sys.platform != "win32":
        os.nice(NICENESS)


if __name__ == "__main__":
    lower_priority()
    from controller.app.control import install_uvloop
    from controller.app.panel import main

    install_uvloop()
    sys.exit(asyncio.run(main()))
