"""Alarms that outlive their core: kill -9 between raise and return loses nothing. Real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.messages import AlarmChanged, Control, Decoder, Message, RunConfig
from tests.rig.running_sim import ENVIRONMENT, TIMEOUT_S


class Process:
    """A child of the test: what it says first, and lines to tell it."""

    def __init__(self, module: str, first: bytes, cwd: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=cwd,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._tell(first)
        assert self.process.stdout is not None
        self.said: dict[str, Any] = json.loads(self.process.stdout.readline())

    def _tell(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def control(self, **what: str) -> None:
        self._tell(msgspec.json.encode(Control(**what)))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=TIMEOUT_S)


class Core(Process):
    """A core that watches the stand-ins of ``rig``, and its bus."""

    def __init__(self, rig: Process, cwd: Path) -> None:
        endpoints = {name: entry["endpoints"] for name, entry in rig.said["instruments"].items()}
        config = RunConfig("railgun_bench", "full", str(cwd / "shots"), endpoints=endpoints, mode="watch")
        super().__init__("controller.app.core_process", msgspec.json.encode(config), cwd)
        host, _, port = self.said["bus"].rpartition(":")
        self._link = socket.create_connection((host, int(port)), TIMEOUT_S)
        self._decoder = Decoder()
        self._heard: list[Message] = []

    def alarm(self, wanted: Callable[[AlarmChanged], bool]) -> AlarmChanged:
        """Wait for the next alarm like that."""
        while True:
            while self._heard:
                message = self._heard.pop(0)
                if isinstance(message, AlarmChanged) and wanted(message):
                    return message
            data = self._link.recv(1 << 16)
            assert data, "the core hung up"
            self._heard += self._decoder.feed(data)

    def end(self) -> None:
        self._link.close()
        super().end()


@pytest.fixture
def children() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for child in reversed(started):
        child.end()


def test_a_core_killed_between_raise_and_return_is_followed_by_one_that_knows(
    tmp_path: Path, children: list[Process]
) -> None:
    rig = Process("controller.app.rig_process", b'{"rig": "railgun_bench", "seed": 1}', tmp_path)
    children.append(rig)
    children.append(first := Core(rig, tmp_path))
    rig.control(inject="plant.estop")
    raised = first.alarm(lambda alarm: alarm.id == "trip_estop")
    assert (raised.state, raised.order, raised.text) == ("UNACK_ALARM", 1, "the PLC's first fault")
    kept = tmp_path / "shots" / "alarms.railgun_bench.json"
    wait_for_text(kept, "trip_estop")
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait(TIMEOUT_S)

    children.append(second := Core(rig, tmp_path))
    again = second.alarm(lambda alarm: alarm.id == "trip_estop")
    assert (again.state, again.active, again.order, again.count) == ("UNACK_ALARM", True, 1, 1)
    assert again.raised_utc == raised.raised_utc  # it is the same alarm, not another one of the same cause
    second.process.kill()
    second.process.wait(TIMEOUT_S)

    rig.control(clear="plant.estop")
    rig.control(press="local_reset")
    children.append(third := Core(rig, tmp_path))
    gone = third.alarm(lambda alarm: alarm.id == "trip_estop" and not alarm.active)
    assert (gone.state, gone.raised_utc, gone.count) == ("LATCH_UNACK", raised.raised_utc, 1)


def wait_for_text(path: Path, text: str) -> None:
    """Until the file has it; the test's own timeout ends a wait for nothing."""
    while not path.is_file() or text not in path.read_text(encoding="utf-8"):
        os.sched_yield()
