"""The first reason to stop, from whichever thread or signal it came."""

from collections.abc import Callable


class StopRequest:
    """Keeps the first reason and tells one listener about it; later reasons change nothing."""

    def __init__(self) -> None:
        self.reason = ""
        self._listener: Callable[[str], None] | None = None

    def __call__(self, reason: str) -> None:
        """Ask to stop. Safe in a signal handler and in any thread."""
        if not self.reason:
            self.reason = reason
            if self._listener is not None:
                self._listener(reason)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell ``listener`` (thread-safe by its own means) about the reason, now if there is one already."""
        self._listener = listener
        if self.reason:
            listener(self.reason)

    def forget(self) -> None:
        """Tell nobody any more: the listener's loop is about to close."""
        self._listener = None
