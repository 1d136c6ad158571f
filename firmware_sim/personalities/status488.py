"""PURE: the IEEE 488.2 status model with SCPI error queue (instruments.md 2.0).

One object per instrument, shared by its connections; whether output waits (MAV) is the connection's to say.
"""

from collections import deque
from collections.abc import Callable
from enum import IntFlag

from drivers.wire.scpi import ERROR_TEXTS, ScpiError, format_quoted

ERRORS_MAX = 30
"""Entries the error queue holds, as InfiniiVision scopes do; one more turns the last into -350."""


class Stb(IntFlag):
    """Status byte. Bit 2 is the error/event queue (Keysight calls it MSG), bits 0 and 1 belong to the device."""

    TRG = 1
    USR = 2
    MSG = 4
    QUES = 8
    MAV = 16
    ESB = 32
    MSS = 64
    OPER = 128


class Esr(IntFlag):
    """Standard event status register."""

    OPC = 1
    RQC = 2
    QYE = 4
    DDE = 8
    EXE = 16
    CME = 32
    URQ = 64
    PON = 128


_CLASS_BITS = ((-199, -100, Esr.CME), (-299, -200, Esr.EXE), (-399, -300, Esr.DDE), (-499, -400, Esr.QYE))


def event_bit(code: int) -> Esr:
    """The standard event bit an error number sets; positive (device) errors set DDE."""
    if code > 0:
        return Esr.DDE
    for lowest, highest, bit in _CLASS_BITS:
        if lowest <= code <= highest:
            return bit
    return Esr(0)


class Status488:
    """Event and enable registers, error queue and the operation-complete request of one instrument.

    ``signed_zero`` selects ``+0,"No error"`` (Keysight) over ``0,"No error"``.
    """

    __slots__ = ("_errors", "_opc_wanted", "ese", "esr", "signed_zero", "sre", "watchers")

    def __init__(self, signed_zero: bool = True) -> None:
        self.signed_zero = signed_zero
        self.ese = 0
        self.sre = 0
        self.esr = int(Esr.PON)
        self._errors: deque[tuple[int, str]] = deque(maxlen=ERRORS_MAX)
        self._opc_wanted = False
        self.watchers: list[Callable[[], None]] = []
        """Who wants to hear, after each message of any connection, that the status may have changed (for SRQ)."""

    def notify(self) -> None:
        """Tell the watchers."""
        for watcher in tuple(self.watchers):
            watcher()

    def report(self, error: ScpiError) -> None:
        """Queue an error and set its event bit; a full queue keeps its oldest and ends with -350."""
        self.esr |= event_bit(error.code)
        if len(self._errors) >= ERRORS_MAX:
            self._errors[-1] = (-350, ERROR_TEXTS[-350])
            self.esr |= Esr.DDE
            return
        self._errors.append((error.code, ERROR_TEXTS[error.code]))

    def next_error(self) -> str:
        """Take the oldest error as ``:SYSTem:ERRor?`` prints it."""
        if not self._errors:
            return '+0,"No error"' if self.signed_zero else '0,"No error"'
        code, text = self._errors.popleft()
        return f"{code:+d},{format_quoted(text)}"

    @property
    def error_count(self) -> int:
        """Errors waiting in the queue."""
        return len(self._errors)

    def read_esr(self) -> int:
        """``*ESR?``: reading clears."""
        value, self.esr = self.esr, 0
        return value

    def clear(self) -> None:
        """``*CLS``: event register, error queue and a pending ``*OPC`` go; enable registers stay."""
        self.esr = 0
        self._errors.clear()
        self._opc_wanted = False

    def want_opc(self) -> None:
        """``*OPC``: set ESR bit 0 once no operation is pending; see :meth:`settle`."""
        self._opc_wanted = True

    def settle(self, pending: bool) -> None:
        """Tell the model whether work is pending; grants a waiting ``*OPC`` when none is."""
        if self._opc_wanted and not pending:
            self._opc_wanted = False
            self.esr |= Esr.OPC

    def cancel_opc(self) -> None:
        """``*RST`` and device clear: forget a waiting ``*OPC`` without touching the registers."""
        self._opc_wanted = False

    def byte(self, device_bits: int, message_available: bool) -> int:
        """The status byte with MSS in bit 6; ``device_bits`` are TRG, USR, QUES and OPER of the instrument."""
        value = device_bits
        if self._errors:
            value |= Stb.MSG
        if message_available:
            value |= Stb.MAV
        if self.esr & self.ese:
            value |= Stb.ESB
        if value & self.sre & ~Stb.MSS:
            value |= Stb.MSS
        return int(value)
