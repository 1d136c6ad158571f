"""What a worker's task has started and left behind, found by the worker's folder in its environment, and ended.

Children of a bench have sessions of their own, so that neither a process group nor a session finds them.
"""

import os
import signal
from pathlib import Path

PROC = Path("/proc")
"""Linux only: elsewhere children of a dead supervisor end by themselves, as they do on a real bench."""


def end_processes_of(folder: Path) -> int:
    """SIGKILL every process whose environment has ``folder`` for its temporary folder; returns how many."""
    mark = f"TMPDIR={folder}".encode()
    found = [pid for pid in _pids() if mark in _environment(pid).split(b"\0")]
    return sum(_kill(pid) for pid in found)


def _pids() -> list[int]:
    if not PROC.is_dir():
        return []
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()]


def _environment(pid: int) -> bytes:
    """Empty for a process that is another user's, or gone by now."""
    try:
        return (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return b""


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True
