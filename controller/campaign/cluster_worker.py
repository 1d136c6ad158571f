"""What runs inside a Dask worker: one task at a time, in a folder of its process, and never longer than it may."""

import importlib.metadata
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.campaign.kin import end_processes_of
from controller.campaign.worker import Done, Raised, attempt

OVERRUN = 75
"""Exit status of a worker whose task overran its time: its nanny starts a new one (EX_TEMPFAIL of sysexits.h)."""

_ONE_AT_A_TIME = threading.Lock()
"""A task has the process for itself: its folder for temporary files is a property of the process."""


def sparkgap_version() -> str:
    """The version that this worker has installed."""
    return importlib.metadata.version("sparkgap")


def run_on_worker(run: Callable[[Any], Any], limit_s: float, task: Any) -> Done | Raised:
    """Run one task; a task that overruns ``limit_s`` ends the worker, which Dask takes for dead."""
    with _ONE_AT_A_TIME:
        folder = Path(tempfile.mkdtemp(prefix="sparkgap-campaign-"))
        before = os.environ.get("TMPDIR"), tempfile.tempdir
        os.environ["TMPDIR"], tempfile.tempdir = str(folder), str(folder)
        timer = threading.Timer(limit_s, _give_up, (folder,))
        timer.daemon = True
        timer.start()
        try:
            return attempt(run, task)
        finally:
            timer.cancel()
            tempfile.tempdir = before[1]
            if before[0] is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before[0]
            end_processes_of(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _give_up(folder: Path) -> None:
    end_processes_of(folder)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(OVERRUN)
