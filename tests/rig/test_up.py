"""``sparkgap up``, ``demo`` and ``run --panel`` for real: a bench on sockets and a pty, its page, and every way to end.

Whatever is done to the panel, the run ends as it would without one; whatever is done to the supervisor, no process is
left behind.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.rig.running_sim import ENVIRONMENT, running_sim
from tests.support import sparkgap
from tests.web.running_bench import RunningBench, running_bench

END_TIMEOUT_S = 60
"""Ending takes a second or two; the slowest machine is ten times slower."""

LOOK_S = 0.05
"""Pause between two looks at the page."""

RUN = ("run", "full", "--rig", "railgun_bench", "--set", "voltage=1 kV", "--out", "shots", "--panel")


def wait_until(seen: Callable[[], bool], what: str) -> None:
    """Look until it is there."""
    pause = threading.Event()
    for _ in range(int(END_TIMEOUT_S / LOOK_S)):
        if seen():
            return
        pause.wait(LOOK_S)
    raise AssertionError(f"never: {what}")


def state(bench: RunningBench) -> dict[str, Any]:
    """GET /api/v1/state; empty while the panel does not answer."""
    try:
        found: dict[str, Any] = bench.get("/api/v1/state")
    except OSError:
        return {}
    return found


def is_idle(shown: dict[str, Any]) -> bool:
    """Watched and safe; a watching core has said hello before its first frame has a state."""
    return (shown.get("mode"), shown.get("plc_state")) == ("watch", "SAFE")


def assert_nobody_is_left(bench: RunningBench) -> None:
    for name, pid in bench.said["pids"].items():
        wait_until(partial(has_ended, pid), f"{name} ended")


def running(pid: int) -> bool:
    """Whether a process runs; a zombie that only waits for its parent has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def has_ended(pid: int) -> bool:
    return not running(pid)


def children(pid: int) -> list[int]:
    """Process ids of the supervisor's children, now."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for text in listed for child in text.read_text(encoding="utf-8").split()]


def test_up_with_a_lab_file_watches_what_is_there_and_starts_nothing(tmp_path: Path) -> None:
    with running_sim("railgun_bench", cwd=tmp_path) as sim:
        (tmp_path / "lab.yaml").write_text(sim.lab(), encoding="utf-8")
        with running_bench("up", "railgun_bench", "--lab", "lab.yaml", "--out", "shots", cwd=tmp_path) as bench:
            assert set(bench.said["pids"]) == {"core", "panel"} and bench.said["instruments"] == {}
            wait_until(lambda: state(bench).get("plc_state") is not None, "the page shows the PLC's state")
            assert state(bench)["simulated"] is False
            bench.process.terminate()
            assert bench.wait() == 0
            assert_nobody_is_left(bench)


def test_a_killed_supervisor_takes_everybody_with_it(tmp_path: Path) -> None:
    with running_bench("up", "railgun_bench", "--out", "shots", cwd=tmp_path) as bench:
        bench.process.kill()
        bench.wait()
        assert_nobody_is_left(bench)


def test_a_reader_that_leaves_ends_it(tmp_path: Path) -> None:
    up = subprocess.Popen(
        [sys.executable, "-m", "controller.cli", "up", "railgun_bench"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with up:
        assert up.stdout is not None and up.stderr is not None
        assert "page    http://127.0.0.1:" in up.stdout.readline()
        left = children(up.pid)
        up.stdout.close()
        assert up.wait(END_TIMEOUT_S) == 0, up.stderr.read()
        assert left and not any(running(pid) for pid in left)


def test_up_shows_a_bench_brings_back_what_is_lost_and_ends_with_0(tmp_path: Path) -> None:
    """A watching core and the panel are killed one after the other; the page is where it was. Then Ctrl-C."""
    with running_bench("up", "railgun_bench", "--out", "shots", cwd=tmp_path) as bench:
        assert list(bench.said) == ["pids", "panel", "instruments"]
        assert set(bench.said["pids"]) == {"rig", "core", "panel"} and "plc" in bench.said["instruments"]
        wait_until(lambda: state(bench).get("link") == "connected", "the page shows the bench")
        os.kill(bench.pid("core"), signal.SIGKILL)
        wait_until(lambda: state(bench).get("link") == "lost", "the page says lost")
        wait_until(lambda: state(bench).get("link") == "connected", "another core is watched")
        os.kill(bench.pid("panel"), signal.SIGKILL)
        wait_until(lambda: state(bench) == {}, "the panel is gone")
        wait_until(lambda: state(bench).get("link") == "connected", "another panel has the address")
        others = children(bench.process.pid)
        assert bench.interrupt() == 0
        assert_nobody_is_left(bench)
        assert len(others) == 3 and not any(running(pid) for pid in others)


def test_stand_ins_that_die_end_it(tmp_path: Path) -> None:
    with running_bench("up", "railgun_bench", "--out", "shots", cwd=tmp_path) as bench:
        os.kill(bench.pid("rig"), signal.SIGKILL)
        assert bench.wait() == 4, "a bench that does not answer is not known to be safe"
        assert_nobody_is_left(bench)


def test_an_abort_from_the_page_ends_the_shot_and_leaves_the_demo_up(tmp_path: Path) -> None:
    with running_bench("demo", cwd=tmp_path) as bench:
        assert list(bench.said) == ["pids", "panel", "instruments"]
        wait_until(lambda: state(bench).get("plc_state") == "CHARGE", "the page shows the charge")
        request = urllib.request.Request(f"{bench.url}/api/v1/abort", data=b"{}", method="POST")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=END_TIMEOUT_S) as answer:
            assert answer.status == 202
        wait_until(lambda: bool(bench.lines), "the result")
        assert json.loads(bench.lines[0])["ended"] == "aborted"
        wait_until(lambda: is_idle(state(bench)), "the page shows the idle bench")
        assert bench.interrupt() == 3
        assert_nobody_is_left(bench)


def test_a_port_that_is_taken_is_refused_before_anything_opens(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        for command in (("up", "railgun_bench"), ("demo",), RUN):
            done = sparkgap(*command, "--port", port, cwd=tmp_path)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr == (
                f"--port: {port}: cannot be listened to on 127.0.0.1: Address already in use; "
                "end the program that uses it, give another --port, or leave --port out for a free one\n"
            )
    assert list(tmp_path.iterdir()) == []


def test_a_site_file_is_checked_before_anything_opens(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("site: 1\nname: lab\nbroker: {hast: localhost}\n", encoding="utf-8")
    for command in (("up", "railgun_bench"), ("demo",), RUN):
        done = sparkgap(*command, "--site", "site.yaml", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"{tmp_path / 'site.yaml'}:3: broker")
    (tmp_path / "site.yaml").write_text("site: 1\nname: lab\nbroker: {host: a, username: b, password_file: c}\n")
    done = sparkgap("up", "railgun_bench", "--site", "site.yaml", cwd=tmp_path)
    assert done.returncode == 2 and "broker.password_file" in done.stderr
    assert sparkgap("up", "railgun_bench", "--site", "none.yaml", cwd=tmp_path).stderr == (
        "--site: none.yaml: there is no such file; name a site.yaml, or leave it out\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("up", "nowhere"), "--rig: there is no rig called 'nowhere'; known rigs: "),
        (("up", "railgun_bench", "--sim", "--lab", "lab.yaml"), "sparkgap up: --lab and --sim exclude each other"),
        (("up", "railgun_bench", "--lab", "none.yaml"), "none.yaml: cannot be read: No such file or directory"),
        ((*RUN, "--virtual"), "sparkgap run: a run on virtual time is over before a page opens"),
        ((*RUN[:-1], "--port", "8000"), "sparkgap run: --port and --site describe the page; give --panel too"),
        (("demo", "--no-panel", "--port", "8000"), "sparkgap demo: --port and --site describe the page"),
    ],
)
def test_contradictions_are_refused(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = sparkgap(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
