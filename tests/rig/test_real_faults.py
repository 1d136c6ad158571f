"""A recovery without its disk and a second controller, with real processes, sockets and ptys."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.shots.catalogue import CATALOGUE_NAME
from tests.rig.test_cli_signals import Run
from tests.support import sparkgap

AGAIN = ("run", "trigger-only", "--rig", "railgun_bench", "--out", "shots")


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
        run.process.communicate()


def test_a_recovery_needs_no_disk_to_be_safe(tmp_path: Path, runs: list[Run]) -> None:
    """The catalogue is damaged when the core dies: the bench is verified all the same, the next run books the shot."""
    runs.append(run := Run(tmp_path))
    run.read_until("PLC CHARGE")
    catalogue, aside = tmp_path / "shots" / CATALOGUE_NAME, tmp_path / "aside"
    aside.mkdir()
    os.kill(run.pids["core"], signal.SIGSTOP)  # so that nothing of the database is on its way
    for file in catalogue.parent.glob(f"{CATALOGUE_NAME}*"):
        file.rename(aside / file.name)
    catalogue.write_bytes(b"no database, and long enough for one to be looked for in it" * 10)
    os.kill(run.pids["core"], signal.SIGKILL)
    code, rest = run.finish()
    assert code == 3, rest
    assert "verified by recovery" in rest, rest
    assert "not booked yet" in rest, rest
    for file in aside.iterdir():
        file.rename(catalogue.parent / file.name)
    again = sparkgap(*AGAIN, cwd=tmp_path)
    assert again.returncode in (0, 1), again.stderr
    assert [entry["ended"] for entry in run.shots()] == ["completed", "interrupted"]


def test_a_second_controller_on_the_folder_is_refused(tmp_path: Path, runs: list[Run]) -> None:
    """The first one stands still meanwhile: on a busy machine the second starts slower than a shot takes."""
    runs.append(run := Run(tmp_path))
    run.read_until("PLC CHARGE")
    first = (run.process.pid, run.pids["core"])
    try:
        for pid in first:
            os.kill(pid, signal.SIGSTOP)
        second = sparkgap(*AGAIN, cwd=tmp_path)
    finally:
        for pid in first:
            os.kill(pid, signal.SIGCONT)
    assert second.returncode == 2
    assert "another controller is using it" in second.stderr + second.stdout
    run.process.send_signal(signal.SIGINT)
    code, rest = run.finish()
    assert code == 3, rest
    run.assert_nobody_is_left()
