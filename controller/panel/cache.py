"""A cache with a bound in bytes: what was not asked for longest leaves first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class ByteCache(Generic[V]):
    """Values by key, at most ``bytes_max`` together; a larger one is not kept. For one thread."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable, make: Callable[[], tuple[V, int]]) -> V:
        """The value of ``key``; made, with its size in bytes, when it is not here."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        value, size = make()
        if size <= self._bytes_max:
            self._held[key] = (value, size)
            self.bytes += size
        while self.bytes > self._bytes_max:
            _, (_, left) = self._held.popitem(last=False)
            self.bytes -= left
        return value
