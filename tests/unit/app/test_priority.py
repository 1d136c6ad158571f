"""Who goes first: what an account may have is asked for in order, and a process really gets what is reported."""

import asyncio
import os
import subprocess
import sys

import pytest

from controller.app import control, priority

CHILD = """
import asyncio, os, threading
from controller.app import control, priority

early = threading.Event()
threading.Thread(target=early.wait, daemon=True).start()

def mine():
    return f"{os.sched_getscheduler(0)}/{os.sched_getparam(0).sched_priority}/{os.getpriority(os.PRIO_PROCESS, 0)}"

async def main():
    control.go_first()
    others = {os.sched_getparam(int(task)).sched_priority for task in os.listdir("/proc/self/task")}
    print(mine(), await asyncio.to_thread(mine), *others)

asyncio.run(main())
"""


HUNG = """
import asyncio, os, sys, time
from controller.app import control, priority

priority.ENDLESS_US = 50_000

def compute():
    end_s = time.monotonic() + 0.4
    while time.monotonic() < end_s:
        pass

async def main():
    control.go_first()
    before = os.sched_getscheduler(0)
    if sys.argv[1] == "loop":
        compute()
    else:
        await asyncio.to_thread(compute)
    print(before, os.sched_getscheduler(0))

asyncio.run(main())
"""


@pytest.mark.parametrize("where", ["loop", "worker"])
def test_a_loop_that_never_ends_gives_real_time_back_and_one_with_a_busy_worker_keeps_it(where: str) -> None:
    said = subprocess.run([sys.executable, "-c", HUNG, where], capture_output=True, text=True, timeout=30, check=True)
    before, after = map(int, said.stdout.split())
    assert after == (os.SCHED_OTHER if where == "loop" else before)


def deny(*wanted: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_loop_goes_first_and_its_workers_right_behind_it() -> None:
    """As far as this account may: in a process of its own, because a priority cannot be given back."""
    said = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=30, check=True)
    expected = {
        "real time": (f"{os.SCHED_RR}/{priority.LOOP}/0", f"{os.SCHED_RR}/{priority.WORKERS}/0", str(priority.LOOP)),
        "nice -10": (f"{os.SCHED_OTHER}/0/-10", f"{os.SCHED_OTHER}/0/-10", "0"),
        "ordinary": (f"{os.SCHED_OTHER}/0/{os.nice(0)}", f"{os.SCHED_OTHER}/0/{os.nice(0)}", "0"),
    }
    asked = [sys.executable, "-c", "from controller.app.priority import *; print(raise_priority(lambda: 0.0))"]
    may = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    loop, worker, others = said.stdout.split()
    if may == "real time":  # niceness is kept and means nothing
        loop, worker = (f"{text.rsplit('/', 1)[0]}/0" for text in (loop, worker))
    assert (loop, worker, others) == expected[may]
    assert ("rtprio 2" in said.stderr) == (may == priority.ORDINARY)


def test_without_the_right_to_real_time_niceness_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr(os, "sched_setscheduler", deny)
    monkeypatch.setattr(os, "setpriority", lambda which, who, value: asked.append((which, who, value)))
    assert priority.raise_priority(lambda: 0.0) == "nice -10"
    assert asked == [(os.PRIO_PROCESS, 0, priority.NICENESS_FIRST)]


async def test_an_account_without_any_right_runs_on_and_says_what_would_help(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "sched_setscheduler", deny)
    monkeypatch.setattr(os, "setpriority", deny)
    control.go_first()
    assert "allow this account `rtprio 2`" in caplog.text
    assert await asyncio.to_thread(lambda: 7) == 7


def test_a_thread_that_ended_meanwhile_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*wanted: object) -> None:
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(os, "sched_setscheduler", ended)
    monkeypatch.setattr(priority, "_step_back_when_endless", lambda clock: None)  # pytest's own process stays as it is
    assert priority.raise_priority(lambda: 0.0) == "real time"
