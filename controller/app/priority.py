"""How the children share a busy processor: the core and the simulated bench before everybody, the page after them.

A shot ends when its core stood still for 200 ms, and on a busy computer an ordinary process may wait that long for its
turn. Standard library only: the panel's process calls this before it imports anything else.
"""

import os
import signal
import sys
import time
from contextlib import suppress

LOOP = 2
"""Real-time priority (SCHED_RR) of a loop: before its own worker threads and those of every other bench."""

WORKERS = 1
"""Real-time priority of what works for a loop: a loop that waits for the interpreter lock waits for such a thread."""

ENDLESS_US = 1_000_000
"""Processor time without any pause that no sound thread needs: a loop pauses every few milliseconds."""

NICENESS_FIRST = -10
"""Where real time is not allowed: nine times an ordinary process's share of a busy processor."""

NICENESS_LAST = 5
"""Priority given up on POSIX: a third of the core's share of a busy processor, still enough for a lively page."""


ORDINARY = "ordinary"
"""What :func:`raise_priority` says when this account may not go before anybody."""


def raise_priority() -> str:
    """Go before the ordinary processes as far as this account may: "real time", "nice -10" or "ordinary".

    For every thread of this process, and those that start later. Root may; so may, on Linux, an account with
    ``rtprio 2`` in its limits. Called on the main thread.
    """
    if sys.platform == "win32":
        return ORDINARY
    try:
        if sys.platform == "linux":
            _schedule(os.SCHED_RR, LOOP)
            _step_back_when_endless()
            return "real time"
    except PermissionError:
        pass  # the next best is asked for
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS_FIRST)
    except PermissionError:
        return ORDINARY
    return f"nice {NICENESS_FIRST}"


def _schedule(policy: int, priority: int) -> None:
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):  # it has ended since
            os.sched_setscheduler(int(thread), policy, os.sched_param(priority))


def _step_back_when_endless() -> None:
    """Give real time back once the main thread hangs in an endless loop: who ends it must get a processor.

    The kernel sends SIGXCPU every second in which some thread of this process never paused. That thread is the main one
    if most of the time since the last signal was its own; a worker may compute for as long as it wants.
    """
    import resource  # not on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    resource.setrlimit(resource.RLIMIT_RTTIME, (ENDLESS_US, hard))
    since_s, used_s = time.monotonic(), time.thread_time()

    def look(signal_number: int, frame: object) -> None:
        nonlocal since_s, used_s
        now_s, own_s = time.monotonic(), time.thread_time()
        if own_s - used_s > (now_s - since_s) / 2:
            _schedule(os.SCHED_OTHER, 0)
        since_s, used_s = now_s, own_s

    signal.signal(signal.SIGXCPU, look)


def work_behind() -> None:
    """A worker thread's first step: behind the loop that it works for."""
    if sys.platform == "linux" and os.sched_getscheduler(0) == os.SCHED_RR:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(WORKERS))


def lower_priority() -> None:
    """Give way to the core where the platform has priorities to give up."""
    if sys.platform != "win32":
        os.nice(NICENESS_LAST)
