"""A real simulated bench with its page, as a child of a test: ``sparkgap up`` or ``demo``, and its first line."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

TIMEOUT_S = 60
"""The slowest machine starts a bench in ten seconds, and safing takes less than forty."""

ANSWER_S = 5.0
"""Longest wait for one answer of the panel."""


@dataclass
class RunningBench:
    """The supervisor's process and what it said first; its later lines are read on a thread of their own."""

    process: "subprocess.Popen[str]"
    said: Mapping[str, Any]
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The page's address."""
        return str(self.said["panel"])

    def pid(self, name: str) -> int:
        """The process id of a child: rig, core or panel."""
        return int(self.said["pids"][name])

    def get(self, path: str) -> Any:
        """What the panel answers to a GET, as JSON."""
        with urllib.request.urlopen(self.url + path, timeout=ANSWER_S) as answer:
            return json.load(answer)

    def post(self, path: str) -> Any:
        """What the panel answers to an empty POST, as JSON."""
        request = urllib.request.Request(self.url + path, data=b"", method="POST")
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            return json.load(answer)

    def interrupt(self) -> int:
        """Ctrl-C, and the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(TIMEOUT_S)


@contextmanager
def running_bench(*arguments: str, cwd: Path) -> Iterator[RunningBench]:
    """``sparkgap ARGUMENTS --json`` until the block ends; whatever the test did, nothing of it is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "controller.cli", *arguments, "--json"],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate(timeout=TIMEOUT_S)[1])
    bench = RunningBench(process, json.loads(line))
    reader = threading.Thread(target=_read_lines, args=(bench,), daemon=True)
    reader.start()
    try:
        yield bench
    finally:
        for pid in bench.said["pids"].values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(TIMEOUT_S)
        reader.join(TIMEOUT_S)
        process.stdout.close()
        if process.stderr is not None:
            process.stderr.close()


def _read_lines(bench: RunningBench) -> None:
    assert bench.process.stdout is not None
    bench.lines.extend(line.rstrip("\n") for line in bench.process.stdout)
