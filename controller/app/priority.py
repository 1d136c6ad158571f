"""How the children share a busy processor: the core and the simulated bench before everybody, the page after them.

A shot ends when its core stood still for 200 ms, and on a busy computer an ordinary process may wait that long for its
turn. Standard library only: the panel's process calls this before it imports anything else.
"""

import os
import signal
import sys
from collections.abc import Callable
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


def raise_priority(loop_time: Callable[[], float]) -> str:
    """Go before the ordinary processes as far as this account may: "real time", "nice -10" or "ordinary".

    For every thread of this process, and those that start later. Root may; so may, on Linux, an account with
    ``rtprio 2`` in its limits. Called on the main thread; ``loop_time`` is its loop's, in seconds.
    """
    if sys.platform == "win32":
        return ORDINARY
    if sys.platform == "linux":
        with suppress(PermissionError):  # the next best is asked for
            _schedule(os.SCHED_RR, LOOP)
            _step_back_when_endless(loop_time)
            return "real time"
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS_FIRST)
    except PermissionError:
        return ORDINARY
    return f"nice {NICENESS_FIRST}"


def _schedule(policy: int, priority: int) -> None:
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):  # it has ended since
            os.sched_setscheduler(int(thread), policy, os.sched_param(priority))


def _step_back_when_endless(loop_time: Callable[[], float]) -> None:
    """Give real time back once the main thread hangs in an endless loop: who ends it must get a processor.

    The kernel sends SIGXCPU every second in which some thread of this process never paused. That thread is the main one
    if it computed for most of the loop's time since the last signal; a worker may compute for as long as it wants.
    """
    import resource  # not on Windows

    def used_s() -> float:
        usage = resource.getrusage(resource.RUSAGE_THREAD)
        return usage.ru_utime + usage.ru_stime

    _, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    resource.setrlimit(resource.RLIMIT_RTTIME, (ENDLESS_US, hard))
    before_s, before_used_s = loop_time(), used_s()

    def look(signal_number: int, frame: object) -> None:
        nonlocal before_s, before_used_s
        now_s, now_used_s = loop_time(), used_s()
        if now_used_s - before_used_s > (now_s - before_s) / 2:
            _schedule(os.SCHED_OTHER, 0)
        before_s, before_used_s = now_s, now_used_s

    signal.signal(signal.SIGXCPU, look)


def work_behind() -> None:
    """A worker thread's first step: behind the loop that it works for."""
    if sys.platform == "linux" and os.sched_getscheduler(0) == os.SCHED_RR:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(WORKERS))


def lower_priority() -> None:
    """Give way to the core where the platform has priorities to give up."""
    if sys.platform != "win32":
        os.nice(NICENESS_LAST)
