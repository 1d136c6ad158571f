"""PURE: what every stand-in's session is: bytes in, timed bytes out, on an explicit clock.

A server (``firmware_sim/servers``) owns the socket or pty and the loop; a session owns the protocol. One session per
connection, one personality (the instrument's panel and memory) shared by all connections.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable


class Chunk(NamedTuple):
    """Bytes for the peer, and how long the line is busy with them before the next chunk may follow.

    ``duration_ns`` is zero on a network; on a serial line it is the transmission time. A chunk without data is a pure
    pause. ``close`` hangs up after the bytes, with ``reset`` as a crash does: the peer may lose what it has not read.
    A NamedTuple because one is made per reply on the hot path.
    """

    data: bytes | memoryview = b""
    duration_ns: int = 0
    close: bool = False
    reset: bool = False


class Session(Protocol):
    """One connection's conversation with an instrument. ``now_ns`` is the loop's time in nanoseconds.

    A session that knows when :meth:`tick` has something to do also has ``due_ns`` (int, or None for "not known").
    """

    @property
    def waiting(self) -> bool:
        """True while an answer depends on time passing; the shell then calls :meth:`tick`: every millisecond at first,
        less often the longer nothing happens, or when ``due_ns`` has come."""
        ...

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Take what arrived, split anywhere, and return what is to be sent."""
        ...

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let time pass without input."""
        ...


@runtime_checkable
class Attached(Protocol):
    """What a session has besides, when others decide when it speaks: a service request, a lock given back.

    The shell calls both; a session without them is never woken and does not hear that its connection is gone.
    """

    def attach(self, wake: Callable[[], None]) -> None:
        """The connection stands; ``wake`` makes the shell call :meth:`Session.tick` in the loop's next turn."""
        ...

    def detach(self) -> None:
        """The connection is gone; ``wake`` has no effect any more."""
        ...


SessionFactory = Callable[[], Session]
"""Makes the session of one new connection."""
