"""The tracing side: starts the forge, has jobs run under strace, and counts or injects their system calls."""

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALLS = ("write", "pwrite64", "fsync", "fdatasync")
"""How data gets to the disk here: the journal and reports, SQLite and HDF5, and their barriers."""

JOB_TIMEOUT_S = 60.0

ATTACHED = re.compile(r"attached")


@dataclass(frozen=True, slots=True)
class Point:
    """The ``number``-th call (from 1) of ``call`` in a job, and what is done to it: KILL, EIO, ENOSPC or SHORT."""

    call: str
    number: int
    harm: str

    @property
    def inject(self) -> str:
        """strace's words for it."""
        how = "signal=SIGKILL" if self.harm == "KILL" else f"error={self.harm}"
        return f"inject={self.call}:{how}:when={self.number}"


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended: its exit status (negative: the signal) and what the witness kept of the bench."""

    status: int
    events: list[list[Any]]
    voltage_v: float
    state: str
    finished: dict[str, Any] | None

    @property
    def before(self) -> dict[str, Any]:
        """The bench as the next controller finds it."""
        return {"events": self.events, "voltage_v": self.voltage_v, "state": self.state}


class Forge:
    """One forge process. Use as a context manager; not shared between threads."""

    def __init__(self, strace: str, scratch: Path) -> None:
        self._strace = strace
        self._scratch = scratch
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Forge":
        command = [sys.executable, "-m", "tests.crash.forge"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *raised: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(JOB_TIMEOUT_S)
        self._process.stdout.close()

    def _ask(self, text: str) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def run(self, order: dict[str, Any]) -> End:
        """One job, untraced."""
        self._ask(json.dumps(order))
        return End(**self._ask(""))

    def trace(self, order: dict[str, Any], *expressions: str) -> tuple[End, list[str]]:
        """One job under strace: how it ended, and the lines of the trace (calls with the names of their files)."""
        pid = self._ask(json.dumps(order))["pid"]
        out = self._scratch / "trace"
        calls = ",".join(CALLS)
        options = [part for expression in (f"trace={calls}", *expressions) for part in ("-e", expression)]
        command = [self._strace, "-f", "-y", "-p", str(pid), "-o", str(out), *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            line = tracer.stderr.readline()
            assert ATTACHED.search(line), line
            end = End(**self._ask(""))
            tracer.communicate(timeout=JOB_TIMEOUT_S)
        return end, out.read_text(encoding="utf-8", errors="replace").splitlines()

    def harm(self, order: dict[str, Any], point: Point) -> End:
        """One job in which one call is harmed."""
        if point.harm == "SHORT":
            return self.run({**order, "short": point.number})
        return self.trace(order, point.inject)[0]


CALL = re.compile(r"^\d+\s+(\w+)\((\d+)<([^>]*)>")


def count_calls(lines: list[str], folder: Path) -> tuple[Counter[str], list[tuple[str, int, str]]]:
    """Calls of a trace by name, and every one into ``folder`` as (call, its number from 1, file name)."""
    counts: Counter[str] = Counter()
    inside: list[tuple[str, int, str]] = []
    for line in lines:
        call = CALL.match(line)
        if call is None:
            continue
        counts[call[1]] += 1
        if call[3].startswith(str(folder)):
            inside.append((call[1], counts[call[1]], Path(call[3]).name))
    return counts, inside
