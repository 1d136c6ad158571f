"""One controller per shot folder: an operating-system lock that dies with its process, so that none is ever stale."""

import os
import sys
from pathlib import Path

from controller.rig.source import Problem, Refused

LOCK = ".controller.lock"
"""The lock's file; it stays behind, only the lock on it counts."""


class FolderLock:
    """Held from construction to :meth:`release`. Raises Refused when another process holds it."""

    def __init__(self, folder: Path, name: str = LOCK) -> None:
        self._fd = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(self._fd)
        except OSError:
            os.close(self._fd)
            remedy = "wait for its shot to end, or give another --out"
            raise Refused([Problem(f"--out {folder}", 0, "", "another controller is using it", remedy)]) from None

    def release(self) -> None:
        """Let go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
