"""A core that is told nonsense, whose alarm file hangs, or that stood still when its supervisor died."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.test_watch import Child, Viewer, child, config_of, connect
from tests.rig.test_watch import rig as rig  # the bench of this module: a fixture


@pytest.fixture
def watching(rig: Child, tmp_path: Path) -> Iterator[Child]:
    with child("controller.app.core_process", config_of(rig, tmp_path / "out", "watch"), tmp_path) as core:
        yield core


def tell(core: Child, line: bytes) -> None:
    assert core.process.stdin is not None
    core.process.stdin.write(line + b"\n")
    core.process.stdin.flush()


@pytest.mark.parametrize("line", [b"garbage", b'{"abort":5}', b"\xff\xfe\x00", b"[" * 100_000])
def test_a_watch_that_is_told_nonsense_still_ends_with_its_input(watching: Child, line: bytes) -> None:
    tell(watching, line)
    assert watching.end() == 0


def test_a_run_that_is_told_nonsense_still_obeys_and_still_aborts(rig: Child, tmp_path: Path) -> None:
    with child("controller.app.core_process", config_of(rig, tmp_path / "out", "run", "full"), tmp_path) as core:
        tell(core, b"garbage")
        with connect(core.said["bus"]) as link:
            Viewer(link).frame(lambda frame: frame.plc_state == "CHARGE")
            assert core.end() == 3, "nobody is left who could stop it: it is aborted"


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs are of POSIX")
def test_a_disk_that_hangs_over_the_alarms_delays_nothing_else(rig: Child, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(
        out / "alarms.railgun_bench.json"
    )  # whoever opens it waits for the other end, forever: a disk that does not answer
    with child("controller.app.core_process", config_of(rig, out, "watch"), tmp_path) as core:
        with connect(core.said["bus"]) as link:
            Viewer(link).frame(lambda frame: frame.plc_state == "SAFE")
        assert core.end() == 0
