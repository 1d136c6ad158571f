"""Builds and runs a responder (``*.c``) pinned to one core, together with the calling process."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("responder.c")


@contextmanager
def responder(compiler: str, folder: Path, source: Path = SOURCE) -> Iterator[int]:
    """The responder's port; both sides share the last core this process may use, as long as it lasts."""
    binary = folder / "responder"
    subprocess.run([compiler, "-O2", "-o", str(binary), str(source)], check=True)
    cores = os.sched_getaffinity(0)
    core = max(cores)
    with subprocess.Popen([binary, str(core)], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        os.sched_setaffinity(0, {core})
        try:
            yield int(process.stdout.readline())
        finally:
            os.sched_setaffinity(0, cores)
            os.killpg(process.pid, signal.SIGTERM)
