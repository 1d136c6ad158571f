"""Pauses between attempts to connect: an instrument that is away is not called twenty times a second.

The first failed attempt may be repeated at once: one fault that is over costs one query, and both misses after which an
instrument counts as lost (safety.md 2.3 row 10) are attempts. From the second on there is a pause, which doubles with
each further failure and ends with a success. It delays nobody: whoever asks meanwhile is told at once when the next
attempt is due. Modbus links have none (see ``modbus.py``), and a command that switches something off does not wait for
one (``retry_now``).
"""

import math

FIRST_S = 0.1
"""Pause after the second failed attempt in a row: twice a poller's time to its next try."""

MAX_S = 5.0
"""Longest pause: a person who has plugged a cable in does not wait longer."""

SLACK_S = 0.001
"""An attempt this early is on time: uvloop's clock has milliseconds."""


class Backoff:
    """When the next attempt may be made. Times are the loop's, in seconds."""

    __slots__ = ("_due", "_pause_s", "why")

    def __init__(self) -> None:
        self._due = -math.inf
        self._pause_s = 0.0
        self.why = ""
        """What was wrong the last time."""

    def left_s(self, now: float) -> float:
        """How long until the next attempt is due; 0.0 when it is."""
        left_s = self._due - now
        return left_s if left_s > SLACK_S else 0.0

    def failed(self, now: float, why: str) -> None:
        """An attempt failed."""
        self._due = now + self._pause_s
        self._pause_s = min(max(2.0 * self._pause_s, FIRST_S), MAX_S)
        self.why = why

    def succeeded(self) -> None:
        """The next failure is a first one again."""
        self._due, self._pause_s = -math.inf, 0.0

    def waive(self) -> None:
        """The next attempt is due at once; if it fails, the pause goes on growing."""
        self._due = -math.inf
