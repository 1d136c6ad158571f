"""The panel child: lowers its priority, and only then imports what the page is made of (``controller/app/panel.py``).

The bench starts at the same time: the shot must not wait for a web framework.
"""

import asyncio
import sys

from controller.app.priority import lower_priority

FILE_BYTES_MAX = 50_000_000
"""Largest file that the panel may write: it writes logs, which turn over at a fifth of this, and nothing else."""


def bound_files() -> None:
    """A panel gone mad over its standard error must not fill the disk that the journal is on (POSIX)."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        bound = FILE_BYTES_MAX if hard == resource.RLIM_INFINITY else min(FILE_BYTES_MAX, hard)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bound, bound))


if __name__ == "__main__":
    lower_priority()
    bound_files()
    from controller.app.control import install_uvloop, wake_when_orphaned
    from controller.app.panel import main

    wake_when_orphaned()
    install_uvloop()
    sys.exit(asyncio.run(main()))
