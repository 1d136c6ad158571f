"""PURE: the last rows of the stream, as they were encoded; the oldest leave. Numbered by seq, without holes."""

import struct
from bisect import bisect_left

from controller.telemetry.frames import RowLayout

ROWS_MAX = 30_000
"""Ten minutes at 50 Hz: what a page that was just opened may want to draw."""

BYTES_MAX = 64 << 20
"""Most memory of one ring's rows: a thousand channels keep five minutes, a hundred the full ten (13 MB)."""

_T_S = struct.Struct("<d")


class RowRing:
    """Rows ``first`` .. ``head`` (both included; head is first - 1 while it is empty)."""

    def __init__(self, layout: RowLayout, first: int = 1, rows: int = ROWS_MAX) -> None:
        self.layout = layout
        self.first = first
        self.head = first - 1
        self.capacity = max(1, min(rows, BYTES_MAX // layout.row_bytes))
        self._rows = [b""] * self.capacity

    def append(self, row: bytes) -> int:
        """Take the next row and return its number. Raises ValueError on a row of another layout."""
        if len(row) != self.layout.row_bytes:
            raise ValueError(f"a row of {len(row)} bytes; this ring's rows have {self.layout.row_bytes}")
        self.head = head = self.head + 1
        if head - self.first >= self.capacity:
            self.first += 1
        self._rows[head % self.capacity] = row
        return head

    def rows(self, seq: int, count: int) -> list[bytes]:
        """At most ``count`` rows from ``seq`` on. Raises IndexError when ``seq`` has left or is to come."""
        if not self.first <= seq <= self.head:
            raise IndexError(f"row {seq} is not in the ring: it has {self.first} to {self.head}")
        count = min(count, self.head - seq + 1)
        begin = seq % self.capacity
        found = self._rows[begin : begin + count]
        return found + self._rows[: count - len(found)]

    def since(self, t_s: float) -> int:
        """Number of the first row at or after loop time ``t_s`` (head + 1 when there is none)."""
        return bisect_left(range(self.first, self.head + 1), t_s, key=self.time_s) + self.first

    def time_s(self, seq: int) -> float:
        """Loop time of row ``seq`` in seconds."""
        return float(_T_S.unpack_from(self._rows[seq % self.capacity])[0])
