"""PURE: the locks of one instrument (IVI-6.1 section 6.5): one exclusive lock, or clients that share one by name.

One object per instrument: its HiSLIP and VXI-11 clients lock each other out.
"""

from collections.abc import Callable, Hashable

from drivers.wire.hislip import LockReply


class Locks:
    """Who may work with the instrument. Holders are any hashable keys, one per client."""

    def __init__(self) -> None:
        self._exclusive: Hashable | None = None
        self._shared: dict[Hashable, bytes] = {}
        self.watchers: list[Callable[[int], None]] = []
        """Whoever serves clients that may wait: called with the time when a lock was given back."""

    def changed(self, now_ns: int) -> None:
        """A lock was given back."""
        for watcher in tuple(self.watchers):
            watcher(now_ns)

    def request(self, client: Hashable, name: bytes) -> LockReply:
        """The exclusive lock, or with a ``name`` that shared one. FAILURE: not free now. ERROR: held already.

        A client that shares a lock may ask for the exclusive one on top; the others that share it wait then.
        """
        if name:
            if client in self._shared:
                return LockReply.ERROR
            others = set(self._shared.values())
            if (self._exclusive is not None and self._exclusive != client) or (others and others != {name}):
                return LockReply.FAILURE
            self._shared[client] = name
            return LockReply.SUCCESS
        if self._exclusive == client:
            return LockReply.ERROR
        if self._exclusive is not None or (self._shared and client not in self._shared):
            return LockReply.FAILURE
        self._exclusive = client
        return LockReply.SUCCESS

    def release(self, client: Hashable) -> LockReply:
        """Give back the exclusive lock first, then the shared one. ERROR: holds none."""
        if self._exclusive == client:
            self._exclusive = None
            return LockReply.SUCCESS
        return LockReply.ERROR if self._shared.pop(client, None) is None else LockReply.SHARED_RELEASED

    def drop(self, client: Hashable) -> None:
        """The client is gone, and with it what it held."""
        self._shared.pop(client, None)
        if self._exclusive == client:
            self._exclusive = None

    def allow(self, client: Hashable) -> bool:
        """May this client's messages be carried out now?"""
        if self._exclusive is not None:
            return self._exclusive == client
        return not self._shared or client in self._shared

    @property
    def exclusive(self) -> bool:
        """True while somebody has the instrument alone."""
        return self._exclusive is not None

    @property
    def holders(self) -> int:
        """Clients that hold any lock."""
        return len({*self._shared, *(() if self._exclusive is None else (self._exclusive,))})
