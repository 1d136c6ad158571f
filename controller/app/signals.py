"""The signals that end a run, turned into one callback with a reason; only the supervisor's process uses this."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Everything a person, a service manager or a closing terminal sends; names that a platform lacks are left out."""


class StopSignals:
    """Context manager: while active, each stop signal calls ``on_stop(name)`` instead of ending the process."""

    def __init__(self, on_stop: Callable[[str], None]) -> None:
        self._on_stop = on_stop
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        for name in STOP_SIGNALS:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._on_stop(signal.Signals(number).name)
