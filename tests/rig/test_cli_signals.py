"""Stopping a real run on sockets and a pty while it charges: signals, closed and unread output, dead children.

Each case ends with a dump that was verified (exit 3), a shot in the catalogue, and no process left behind.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
END_TIMEOUT_S = 60
"""A dump with its proof takes about two seconds; the slowest machine is ten times slower."""

COMMAND = ("run", "full", "--rig", "railgun_bench", "--set", "voltage=1 kV", "--out", "shots")


class Run:
    """One run as a child of the test, its lines, and its children found through /proc."""

    def __init__(self, cwd: Path, *options: str, **streams: int) -> None:
        self.cwd = cwd
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "controller.cli", *COMMAND, *options],
            cwd=cwd,
            env=environment,
            stderr=subprocess.PIPE,
            stdout=streams.get("stdout", subprocess.PIPE),
            start_new_session=True,
        )
        self.pids: dict[str, int] = {}

    def read_until(self, text: str) -> None:
        """Read lines until one contains ``text``."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line.decode():
                self.pids = self.find_children()
                return
        raise AssertionError(f"the run ended before {text!r}: {self.process.communicate()[1].decode()}")

    def find_children(self) -> dict[str, int]:
        """Role -> process id of the supervisor's children."""
        listed = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        pids = [int(pid) for children in listed for pid in children.read_text().split()]
        names = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in pids}
        return {role: pid for role in ("rig", "core") for pid, name in names.items() if f"{role}_process" in name}

    def finish(self) -> tuple[int, str]:
        """Exit code and the rest of the standard output."""
        out, _ = self.process.communicate(timeout=END_TIMEOUT_S)
        return self.process.returncode, (out or b"").decode()

    def shots(self) -> list[dict[str, str]]:
        """The catalogue, newest first."""
        listed = subprocess.run(
            [sys.executable, "-m", "controller.cli", "shots", "list", "--out", "shots", "--json"],
            cwd=self.cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            timeout=END_TIMEOUT_S,
            check=True,
        )
        found: list[dict[str, str]] = json.loads(listed.stdout)
        return found

    def assert_nobody_is_left(self) -> None:
        """Neither rig nor core runs any more (a zombie that only waits for its parent has ended)."""
        for pid in self.pids.values():
            stat = Path(f"/proc/{pid}/stat")
            assert not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
        run.process.communicate()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_charging_dumps_and_verifies(name: str, tmp_path: Path, runs: list[Run]) -> None:
    runs.append(run := Run(tmp_path))
    run.read_until("PLC CHARGE")
    run.process.send_signal(getattr(signal, name))
    run.read_until(f"{name}: dumping")
    run.process.send_signal(signal.SIGINT)  # impatience changes nothing
    code, rest = run.finish()
    assert code == 3, rest
    assert "safe    verified" in rest and "dumping, waiting" not in rest
    assert [(shot["verdict"], shot["ended"]) for shot in run.shots()] == [("aborted", "aborted")]
    run.assert_nobody_is_left()


def test_a_reader_that_leaves_after_one_line_aborts_the_run(tmp_path: Path, runs: list[Run]) -> None:
    runs.append(run := Run(tmp_path))
    run.read_until("PLC CHARGE")
    assert run.process.stdout is not None
    run.process.stdout.close()
    run.process.wait(END_TIMEOUT_S)
    assert run.process.returncode == 3
    assert [shot["ended"] for shot in run.shots()] == ["aborted"]
    run.assert_nobody_is_left()


def test_an_unread_pipe_delays_nothing(tmp_path: Path, runs: list[Run]) -> None:
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    filled = 0
    while filled < 1 << 20:
        try:
            filled += os.write(write_fd, b"\n" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(write_fd, True)
    runs.append(run := Run(tmp_path, stdout=write_fd))
    os.close(write_fd)
    run.process.wait(END_TIMEOUT_S)
    os.close(read_fd)
    assert run.process.returncode in (0, 1)  # the limits hold for 3 kV, this is 1 kV
    assert [shot["ended"] for shot in run.shots()] == ["completed"]


def test_a_killed_supervisor_leaves_a_core_that_dumps_and_ends_before_the_rig(tmp_path: Path, runs: list[Run]) -> None:
    runs.append(run := Run(tmp_path))
    run.read_until("PLC CHARGE")
    watched = {role: os.pidfd_open(pid) for role, pid in run.pids.items()}
    run.process.kill()
    for role in ("core", "rig"):
        assert wait_for_end(watched[role]), f"{role} still runs"
        os.close(watched[role])
    assert [shot["ended"] for shot in run.shots()] == ["aborted"]


def wait_for_end(descriptor: int) -> bool:
    """Whether the process behind a pidfd ends in time."""
    import select

    readable, _, _ = select.select([descriptor], [], [], END_TIMEOUT_S)
    return bool(readable)
