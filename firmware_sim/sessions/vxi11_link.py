"""PURE: one link of a VXI-11 instrument: what its client wrote, and what it has not read yet."""

from collections import deque
from collections.abc import Callable
from enum import IntEnum, IntFlag

from drivers.wire.scpi import ScpiError
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.service import ServiceRequest

READ_MAX = 1 << 20
"""Bytes in one answer to device_read at most; the client reads on (reason 0)."""


class DeviceError(IntEnum):
    """Error codes (VXI-11 table B.2)."""

    NONE = 0
    SYNTAX = 1
    NOT_ACCESSIBLE = 3
    INVALID_LINK = 4
    PARAMETER = 5
    NO_CHANNEL = 6
    NOT_SUPPORTED = 8
    OUT_OF_RESOURCES = 9
    LOCKED = 11
    NO_LOCK = 12
    IO_TIMEOUT = 15
    IO_ERROR = 17
    INVALID_ADDRESS = 21
    ABORT = 23
    CHANNEL_EXISTS = 29


class Refused(Exception):
    """A call that ends with an error code."""

    def __init__(self, code: DeviceError) -> None:
        super().__init__(code.name)
        self.code = code


class Flags(IntFlag):
    """Flags of a call (VXI-11 section B.5.3)."""

    WAIT_LOCK = 1
    END = 8
    TERMCHAR_SET = 128


class Reason(IntFlag):
    """Why device_read ended."""

    REQCNT = 1
    CHR = 2
    END = 4


class Link:
    """Made by create_link. ``interrupt`` is called when service is requested while SRQ is enabled."""

    def __init__(self, number: int, scpi: ScpiSession, interrupt: Callable[[bytes], None]) -> None:
        self.number = number
        self.srq: bytes | None = None
        self.aborted = False
        self._scpi = scpi
        self._service = ServiceRequest(scpi)
        self._interrupt = interrupt
        self._views: deque[memoryview] = deque()
        scpi.device.status.watchers.append(self.review)

    @property
    def waiting(self) -> bool:
        """True while something of this link depends on time: a held parser, a request for service to come."""
        device = self._scpi.device
        return self._scpi.waiting or (self.srq is not None and device.status.sre != 0 and device.pending())

    def go_on(self, now_ns: int) -> None:
        """Let time pass."""
        self._scpi.tick(now_ns)
        self.review()

    def review(self) -> None:
        """The status may have changed."""
        if self._service.review() and self.srq is not None:
            self._interrupt(self.srq)

    def write(self, data: bytes, end: bool, now_ns: int) -> None:
        """device_write: a new message before the last answer is read to its end interrupts it (-410)."""
        if self._views:
            self._drop()
            self._scpi.device.status.report(ScpiError(-410))
        self._scpi.feed(data, now_ns)
        if end:
            self._scpi.end(now_ns)
        self.review()

    def begin_read(self) -> None:
        """device_read begins: with nothing asked for there will be no answer (-420)."""
        if not (self._views or self._scpi.has_output or self._scpi.waiting):
            self._scpi.fetch()
            self.review()

    def take(self, size: int, end: bytes) -> tuple[Reason, list[memoryview]] | None:
        """At most ``size`` bytes of the answer, up to ``end`` when that is given; None while there is no answer."""
        if not self._views:
            if not self._scpi.has_output:
                return None
            views = (memoryview(chunk.data).cast("B") for chunk in self._scpi.fetch())
            self._views.extend(view for view in views if len(view))
            self._scpi.unread = True
        limit, taken, reason = min(size, READ_MAX), [], Reason(0)
        left = limit
        while left and self._views and not reason:
            view = self._views.popleft()
            found = bytes(view[:left]).find(end) if end else -1
            count = found + 1 if found >= 0 else min(left, len(view))
            reason = Reason.CHR if found >= 0 else Reason(0)
            taken.append(view[:count])
            left -= count
            if count < len(view):
                self._views.appendleft(view[count:])
        if not self._views:
            reason |= Reason.END
            self._scpi.unread = False
            self.review()
        return (reason | Reason.REQCNT if left == 0 and limit == size else reason), taken

    def poll(self, now_ns: int) -> int:
        """device_readstb: a serial poll."""
        self._scpi.tick(now_ns)
        self._scpi.device.advance(now_ns)
        return self._service.poll()

    def trigger(self, now_ns: int) -> None:
        """device_trigger: the group execute trigger."""
        self._scpi.feed(b"*TRG\n", now_ns)
        self.review()

    def clear(self) -> None:
        """device_clear: input, a held parser and the answer are gone; registers stay."""
        self._drop()
        self._scpi.clear()
        self.review()

    def close(self) -> None:
        """The link is no more."""
        self.srq = None
        watchers = self._scpi.device.status.watchers
        if self.review in watchers:
            watchers.remove(self.review)

    def _drop(self) -> None:
        self._views.clear()
        self._scpi.unread = False
