"""The wall clock: it labels, it never times. Everything that waits or measures asks the event loop (design.md 2)."""

import time
from datetime import UTC, date, datetime


def utc_label() -> str:
    """Now in UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def utc_date() -> date:
    """Today's date in UTC: what calibration due dates are compared with."""
    return datetime.now(UTC).date()


def shared_clock_ns() -> int:
    """The monotonic clock that all processes of this machine share: compares their stamps in evidence, times nothing.

    (A loop's own time may be as old as the present turn of the loop.)
    """
    return time.monotonic_ns()
