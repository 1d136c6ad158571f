"""One worker process of a campaign: takes a task from its pipe, runs it, sends back what came of it.

It has a folder of its own for everything temporary, a process group of its own (Ctrl-C is its parent's business), and
ends by itself when its parent is gone.
"""

import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

OUTPUT = "output.txt"
"""What a worker prints goes to this file in its folder: a terminal that shows progress is not its place."""

TRACE_LINES = 12
"""Of a traceback, as much as finds the place."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has imported what it needs."""


@dataclass(frozen=True, slots=True)
class Done:
    """What the task returned."""

    result: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The task raised: a defect of this program, in one sentence and with the end of its traceback."""

    sentence: str


def serve(connection: "Connection[Any, Any]", folder: str, nice: int, run: Callable[[Any], Any]) -> None:
    """Work until the pipe closes. The first word is :class:`Ready`, then one :class:`Done` or :class:`Raised` each."""
    settle_in(folder, nice)
    connection.send(Ready())
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(attempt(run, task))


def attempt(run: Callable[[Any], Any], task: Any) -> Done | Raised:
    """Run one task; whatever it raises becomes a word."""
    try:
        return Done(run(task))
    except Exception as error:
        trace = "".join(traceback.format_exception(error)).splitlines()[-TRACE_LINES:]
        sys.stderr.write("\n".join(trace) + "\n")
        return Raised(f"internal error: {type(error).__name__}: {error} ({_place(error)})")


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "nowhere"


def settle_in(folder: str, nice: int) -> None:
    """Make this process a worker: its own group, folder, priority and output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "posix":
        os.setpgid(0, 0)
        os.nice(nice)
    os.environ["TMPDIR"] = folder
    tempfile.tempdir = folder
    sys.stdout.flush()
    sys.stderr.flush()
    output = os.open(os.path.join(folder, OUTPUT), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    threading.Thread(target=_end_with_parent, name="campaign parent", daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would go on with its task, and nobody would read the result."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
