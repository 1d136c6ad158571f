"""PURE: how long bytes take on a serial line: requests on their way in, replies no faster than the line (2.4, 3.4)."""

from firmware_sim.sessions.base import Chunk

BITS_PER_BYTE = 10
"""8N1: start, eight data bits, stop."""

BURST_BYTES = 62
"""Bytes handed over at once, as the packet of a USB converter (FTDI: 64 with two of status);
one timer and one write per byte would cost more than it shows."""


class SerialPace:
    """One line in both directions at ``baud``."""

    __slots__ = ("_byte_ns", "_received_ns", "_sent_ns")

    def __init__(self, baud: int) -> None:
        self._byte_ns = 1_000_000_000 * BITS_PER_BYTE // baud
        self._received_ns = 0
        self._sent_ns = 0

    def hear(self, count: int, now_ns: int) -> None:
        """``count`` bytes of a request began to arrive at ``now_ns``, or when the last ones were in."""
        self._received_ns = max(now_ns, self._received_ns) + count * self._byte_ns

    def say(self, reply: bytes, now_ns: int) -> list[Chunk]:
        """``reply`` in bursts, each handed over when its last byte has left the line.

        The first chunk is the time until the first burst is out: what the request still travels, and what is still
        being sent, come before it.
        """
        if not reply:
            return []
        idle_ns = max(now_ns, self._sent_ns)
        start_ns = max(self._received_ns, idle_ns)
        self._sent_ns = start_ns + len(reply) * self._byte_ns
        bursts = [reply[at : at + BURST_BYTES] for at in range(0, len(reply), BURST_BYTES)]
        chunks = [Chunk(b"", start_ns - idle_ns + len(bursts[0]) * self._byte_ns)]
        for index, burst in enumerate(bursts):
            following = len(bursts[index + 1]) if index + 1 < len(bursts) else 0
            chunks.append(Chunk(burst, following * self._byte_ns))
        return chunks
