"""PURE: VXI-11's interrupt channel: the connection on which an instrument calls its client (section B.6.19)."""

from collections.abc import Callable
from typing import Protocol

from firmware_sim.sessions import rpc
from firmware_sim.sessions.base import Chunk, SessionFactory

INTERRUPT, VERSION = 0x0607B1, 1
DEVICE_INTR_SRQ = 30
HANDLE_MAX = 40
"""Bytes of a service request's handle (section B.6.11)."""
UNREAD_MAX = 64
"""Requests for service that wait for a client which has not taken the connection, or does not read it. All of them say
the same, that a link of this client is to be polled: what comes on top of so many is dropped [UNV]."""


class Network(Protocol):
    """What the shell offers an instrument."""

    @property
    def port(self) -> int:
        """Where the instrument's own connections come in."""
        ...

    def dial(self, host: str, port: int, open_session: SessionFactory, failed: Callable[[], None]) -> None:
        """Connect to a client; ``failed`` is called when that is not possible."""
        ...


class InterruptChannel:
    """The connection to a client that wants to hear of service requests; we are the caller on it."""

    waiting = False

    def __init__(self) -> None:
        self.connected = False
        self.ended = False
        self._outbox: list[Chunk] = []
        self._unread = 0
        self._wake: Callable[[], None] | None = None
        self._xid = 0

    def interrupt(self, handle: bytes) -> None:
        """device_intr_srq; nobody waits for its answer (section B.6.19: one-way)."""
        if self._unread >= UNREAD_MAX:
            return
        self._unread += 1
        self._xid = self._xid + 1 & 0xFFFF_FFFF
        self._say(rpc.record(rpc.encode_call(self._xid, INTERRUPT, VERSION, DEVICE_INTR_SRQ, rpc.opaque(handle))))

    def hang_up(self) -> None:
        """Close the connection after what has been said."""
        self.ended = True
        self._say([Chunk(close=True)])

    def fail(self) -> None:
        """Nobody took the connection."""
        self.ended = True

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Answers, which nobody needs."""
        return []

    def tick(self, now_ns: int) -> list[Chunk]:
        """Send what was said."""
        chunks, self._outbox, self._unread = self._outbox, [], 0
        return chunks

    def attach(self, wake: Callable[[], None]) -> None:
        """The client has taken the connection."""
        self.connected, self._wake = True, wake
        if self._outbox:
            wake()

    def detach(self) -> None:
        """The connection is gone."""
        self._wake, self.ended = None, True

    def _say(self, chunks: list[Chunk]) -> None:
        self._outbox += chunks
        if self._wake is not None:
            self._wake()
