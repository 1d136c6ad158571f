"""A child that was stopped when its supervisor died, and a panel that would write without end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.running_sim import ENVIRONMENT, TIMEOUT_S

CHILD = """
import sys
from controller.app.control import wake_when_orphaned
wake_when_orphaned()
print("ready", flush=True)
sys.stdin.read()
print("ended", flush=True)
"""

PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-P", "-c", {CHILD!r}], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_stopped_child_wakes_and_ends_when_its_supervisor_is_killed() -> None:
    with subprocess.Popen((sys.executable, "-P", "-c", PARENT), env=ENVIRONMENT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        said = [parent.stdout.readline(), parent.stdout.readline()]
        pid = int(next(line for line in said if line.strip().isdigit()))
        try:
            os.kill(pid, signal.SIGSTOP)
            parent.kill()
            assert parent.communicate(timeout=TIMEOUT_S)[0] == b"ended\n"
        finally:
            if _is_alive(pid):
                os.kill(pid, signal.SIGKILL)


def _is_alive(pid: int) -> bool:
    """Still the child, and no stranger with its number."""
    try:
        return b"wake_when_orphaned" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits the size of files")
def test_a_panel_cannot_fill_the_disk_with_one_file(tmp_path: Path) -> None:
    code = """
import os
from controller.app import panel_process
panel_process.FILE_BYTES_MAX = 1000
panel_process.bound_files()
try:
    os.write(2, b"x" * 1000)
    os.write(2, b"x")
except OSError as error:
    print(error.errno)
"""
    with open(tmp_path / "panel.stderr", "wb") as stderr:
        command = (sys.executable, "-P", "-c", code)
        ended = subprocess.run(
            command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=stderr, timeout=TIMEOUT_S, check=True
        )
    assert (tmp_path / "panel.stderr").stat().st_size == 1000
    assert ended.stdout != b"", "and it is told"
