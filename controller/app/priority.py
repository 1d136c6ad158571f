"""How the children share a busy processor: the core and the simulated bench before everybody, the page after them.

A shot ends when its core stood still for 200 ms, and on a busy computer an ordinary process may wait that long for its
turn. Standard library only: the panel's process calls this before it imports anything else.
"""

import os
import sys
from contextlib import suppress

LOOP = 2
"""Real-time priority (SCHED_RR) of a loop: before its own worker threads and those of every other bench. A loop that
never ends still leaves the others 5 % of each processor (``sched_rt_runtime_us``), enough to kill it."""

WORKERS = 1
"""Real-time priority of what works for a loop: a loop that waits for the interpreter lock waits for such a thread."""

NICENESS_FIRST = -10
"""Where real time is not allowed: nine times an ordinary process's share of a busy processor."""

NICENESS_LAST = 5
"""Priority given up on POSIX: a third of the core's share of a busy processor, still enough for a lively page."""


ORDINARY = "ordinary"
"""What :func:`raise_priority` says when this account may not go before anybody."""


def raise_priority() -> str:
    """Go before the ordinary processes as far as this account may: "real time", "nice -10" or "ordinary".

    For every thread of this process, and those that start later. Root may; so may, on Linux, an account with
    ``rtprio 2`` in its limits.
    """
    if sys.platform == "win32":
        return ORDINARY
    if sys.platform == "linux":
        with suppress(PermissionError):  # the next best is asked for
            for thread in os.listdir("/proc/self/task"):
                with suppress(ProcessLookupError):  # it has ended since
                    os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(LOOP))
            return "real time"
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS_FIRST)
    except PermissionError:
        return ORDINARY
    return f"nice {NICENESS_FIRST}"


def work_behind() -> None:
    """A worker thread's first step: behind the loop that it works for."""
    if sys.platform == "linux" and os.sched_getscheduler(0) == os.SCHED_RR:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(WORKERS))


def lower_priority() -> None:
    """Give way to the core where the platform has priorities to give up."""
    if sys.platform != "win32":
        os.nice(NICENESS_LAST)
