"""A watching core on real sockets, a run that is aborted through its request port, and a bench that is found armed."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.app.preflight import read_rig
from controller.app.wall_clock import utc_label
from controller.app.watch import watcher_of
from controller.messages import Decoder, Event, Finished, Frame, Hello, Message, RunConfig, StepEntered
from controller.runtime.watching import Parting
from tests.rig.running_sim import ENVIRONMENT, TIMEOUT_S
from tests.virtual.virtual_bench import Bench

RIG = "railgun_bench"

FRAMES_MAX = 50 * 30
"""Half a minute of frames: what has not shown by then never will."""


@dataclass
class Child:
    """One of our processes, its first line, and its standard input kept open."""

    process: "subprocess.Popen[bytes]"
    said: dict[str, Any]

    def end(self) -> int:
        """Close its input and wait."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(TIMEOUT_S)


@contextmanager
def child(module: str, first: bytes, cwd: Path) -> Iterator[Child]:
    """``python -m MODULE`` with its first line; killed if the block leaves it running."""
    process = subprocess.Popen(
        (sys.executable, "-P", "-m", module),
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(first + b"\n")
        process.stdin.flush()
        yield Child(process, json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
        process.stdin.close()
        process.stdout.close()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A simulated bench for every test of this module; each leaves it safe."""
    order = json.dumps({"rig": RIG, "seed": 1}).encode()
    with child("controller.app.rig_process", order, tmp_path_factory.mktemp("rig")) as started:
        yield started


def config_of(rig: Child, out: Path, mode: str, profile: str = "") -> bytes:
    endpoints = {name: entry["endpoints"] for name, entry in rig.said["instruments"].items()}
    return msgspec.json.encode(
        RunConfig(RIG, profile, str(out), mode=mode, endpoints=endpoints, started_utc=utc_label())
    )


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), TIMEOUT_S)


@dataclass
class Viewer:
    """A subscriber of a core's bus."""

    link: socket.socket
    decoder: Decoder = field(default_factory=Decoder)
    seen: list[Message] = field(default_factory=list)

    def until(self, wanted: Callable[[Message], bool]) -> Message:
        """The next message of a kind; fails after FRAMES_MAX frames without it."""
        frames = 0
        while frames < FRAMES_MAX:
            data = self.link.recv(1 << 16)
            assert data, "the bus hung up early"
            for message in (messages := self.decoder.feed(data)):
                self.seen.append(message)
                if wanted(message):
                    return message
            frames += sum(isinstance(message, Frame) for message in messages)
        raise AssertionError(f"not within {FRAMES_MAX} frames; the last: {self.seen[-1]}")

    def frame(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The next frame of a kind."""
        found = self.until(lambda message: isinstance(message, Frame) and wanted(message))
        assert isinstance(found, Frame)
        return found

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.seen if isinstance(message, Event)]


def ask(address: str, line: bytes) -> dict[str, Any]:
    with connect(address) as link, link.makefile("rb") as lines:
        link.sendall(line + b"\n")
        reply: dict[str, Any] = json.loads(lines.readline())
        return reply


def test_an_idle_bench_is_watched_through_a_stopped_rig_and_left_safe(rig: Child, tmp_path: Path) -> None:
    with child("controller.app.core_process", config_of(rig, tmp_path / "out", "watch"), tmp_path) as core:
        assert sorted(core.said) == ["bus", "pid", "requests"]
        assert core.said["pid"] == core.process.pid
        with connect(core.said["bus"]) as link:
            viewer = Viewer(link)
            hello = viewer.until(lambda message: True)
            assert isinstance(hello, Hello)
            assert (hello.mode, hello.rig, hello.profile, hello.steps) == ("watch", RIG, "", ())
            stale_s = [source.stale_after_s for source in hello.sources]

            def fresh(frame: Frame) -> bool:
                return all(age <= limit for age, limit in zip(frame.ages_s, stale_s, strict=True)) and frame.words != ()

            frame = viewer.frame(lambda f: len(f.ages_s) == len(stale_s) and fresh(f))
            assert (frame.plc_state, frame.step, len(frame.values)) == ("SAFE", -1, len(hello.channels))
            assert all(abs(value) < 20.0 for value in frame.values), "an idle bench"
            assert frame.late_s >= 0.0

            reply = ask(core.said["requests"], b'{"id":3,"abort":"only looking"}')
            assert (reply["id"], reply["accepted"]) == (3, True)
            assert "DUMP" in reply["text"]
            viewer.until(lambda m: isinstance(m, Event) and m.text == "abort: only looking")

            os.kill(rig.process.pid, signal.SIGSTOP)
            try:
                stopped = viewer.frame(lambda f: all(age > limit for age, limit in zip(f.ages_s, stale_s, strict=True)))
                assert stopped.values != (), "the last values stay, with their ages"
                refused = ask(core.said["requests"], b'{"id":4,"abort":"is anybody there"}')
                assert not refused["accepted"] and "e-stop" in refused["text"]
            finally:
                os.kill(rig.process.pid, signal.SIGCONT)
            back = viewer.frame(fresh)
            assert back.t_ns > stopped.t_ns
            frames = [message for message in viewer.seen if isinstance(message, Frame)]
            assert [f.seq for f in frames] == list(range(frames[0].seq, frames[0].seq + len(frames))), "no gap"
        viewer_late = Viewer(connect(core.said["bus"]))
        assert isinstance(viewer_late.until(lambda message: True), Hello)
        assert core.end() == 0
        viewer_late.link.close()
        assert core.process.stdout is not None and core.process.stdout.read() == b"", "no last word"


def test_a_run_is_aborted_through_its_request_port(rig: Child, tmp_path: Path) -> None:
    with child("controller.app.core_process", config_of(rig, tmp_path / "out", "run", "full"), tmp_path) as core:
        with connect(core.said["bus"]) as link:
            viewer = Viewer(link)
            viewer.frame(lambda frame: frame.plc_state == "CHARGE")
            reply = ask(core.said["requests"], b'{"id":1,"abort":"a person at the page"}')
            assert reply == {
                "id": 1,
                "accepted": True,
                "text": "dumping; the run ends when the PLC proves the bench safe",
            }
            finished = viewer.until(lambda message: isinstance(message, Finished))
        assert isinstance(finished, Finished)
        assert (finished.exit, finished.ended) == (3, "aborted")
        assert "abort: a person at the page" in viewer.texts
        assert core.process.stdout is not None
        assert json.loads(core.process.stdout.readlines()[-1])["exit"] == 3
        assert core.process.wait(TIMEOUT_S) == 3


def test_a_recovery_shows_what_it_sees_and_says_that_it_dumps_anyway(rig: Child, tmp_path: Path) -> None:
    with child("controller.app.core_process", config_of(rig, tmp_path / "out", "recover", "full"), tmp_path) as core:
        with connect(core.said["bus"]) as link:
            viewer = Viewer(link)
            hello = viewer.until(lambda message: True)
            viewer.until(lambda message: isinstance(message, Finished))
        assert isinstance(hello, Hello) and hello.mode == "recover"
        assert core.process.wait(TIMEOUT_S) == 3


def test_a_watch_without_addresses_is_refused(tmp_path: Path) -> None:
    config = msgspec.json.encode(RunConfig(RIG, "", str(tmp_path / "out"), mode="watch"))
    with child("controller.app.core_process", config, tmp_path) as core:
        assert any("plc" in problem and "address" in problem for problem in core.said["refused"])
        assert core.process.wait(TIMEOUT_S) == 2


def test_a_bench_found_charging_is_dumped_by_whoever_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On virtual time: a second core watches a bench that a first one charges; taking energy away needs no permit."""
    bench = Bench(tmp_path / "shots", monkeypatch)
    heard: list[Message] = []
    watching: list[asyncio.Task[Parting]] = []

    def on_message(message: Message) -> None:
        if isinstance(message, StepEntered) and (message.id, message.phase) == ("charge", "enter"):
            asyncio.get_running_loop().call_later(1.0, begin)

    def begin() -> None:
        watcher = watcher_of(read_rig(RIG)[0], bench.rigs[-1].connects(), heard.append, "", virtual=True)
        watching.append(asyncio.get_running_loop().create_task(watcher.run(), name="second core"))

    run = bench.run(on_message=on_message)
    assert run.finished.exit == 3
    assert run.fire_pulses == 0
    run.assert_plant_is_safe()
    texts = [message.text for message in heard if isinstance(message, Event)]
    assert "the bench is in CHARGE and nothing runs here: DUMP is sent" in texts
    assert len(watching) == 1
