"""PURE: one client's conversation with a LeCroy: messages end with LF, except inside a block that a command carries.

On a socket replies go out at once; a ``held`` session keeps them for :meth:`LeCroySession.fetch` (VXI-11, HiSLIP).
"""

from drivers.wire.block import HEADER_MAX, BadBlock, parse_header
from drivers.wire.scpi import MESSAGE_MAX, ScpiError
from firmware_sim.personalities.lecroy import LeCroy
from firmware_sim.sessions.base import Chunk

PANEL_MAX = 1 << 20
"""Largest block a command may carry: a panel is about 200 kB."""


class LeCroySession:
    """One connection to ``device``."""

    def __init__(self, device: LeCroy, held: bool = False) -> None:
        self._device = device
        self._held = held
        self._buffer = bytearray()
        self._output: list[Chunk] = []
        self.unread = False

    @property
    def device(self) -> LeCroy:
        """The instrument behind this connection."""
        return self._device

    @property
    def waiting(self) -> bool:
        """Never: every command ends at once."""
        return False

    @property
    def has_output(self) -> bool:
        """True while :meth:`fetch` has something to give."""
        return bool(self._output)

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Take bytes from the client; returns what goes back now."""
        self._device.advance(now_ns)
        self._buffer += data
        sent: list[Chunk] = []
        while (message := self._take_message()) is not None:
            sent += self._run(message)
        if not self._held:
            return sent
        self._output += sent
        return []

    def end(self, now_ns: int) -> list[Chunk]:
        """The transport's END: what is in the buffer is a whole message."""
        return self.feed(b"" if self._buffer.endswith(b"\n") or not self._buffer else b"\n", now_ns)

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let time pass."""
        self._device.advance(now_ns)
        return []

    def fetch(self) -> list[Chunk]:
        """A ``held`` client reads; -420 when nothing was asked."""
        if not self._output:
            self._device.status.report(ScpiError(-420))
        output, self._output = self._output, []
        return output

    def clear(self) -> None:
        """Device clear: input and output are dropped."""
        self._buffer.clear()
        self._output.clear()

    def status_byte(self) -> int:
        """The status byte as a serial poll sees it."""
        return self._device.status.byte(0, self.unread or bool(self._output))

    def _take_message(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        mark = self._buffer.find(b" #")
        limit = MESSAGE_MAX
        carries = bytes(self._buffer[: max(mark, 0)]).strip().upper() in (b"PNSU", b"PANEL_SETUP")
        if carries and (end < 0 or mark < end):
            end, limit = self._block_end(mark + 1), PANEL_MAX
        if end < 0:
            if len(self._buffer) > limit:
                self._buffer.clear()
                self._device.status.report(ScpiError(-363))
            return None
        message = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return message

    def _block_end(self, start: int) -> int:
        """Where the message with a block at ``start`` ends; -1 while it is incomplete."""
        try:
            found = parse_header(self._buffer[start : start + HEADER_MAX])
        except BadBlock:
            return self._buffer.find(b"\n")
        if found is None or found[1] > PANEL_MAX:
            return -1
        end = start + found[0] + found[1]
        return end if len(self._buffer) > end else -1

    def _run(self, message: bytes) -> list[Chunk]:
        """The units of one message in order; an error ends it."""
        if message[:5].upper() == b"PNSU " or message[:12].upper() == b"PANEL_SETUP ":
            units = [_without_header(message)]
        else:
            units = [unit.strip() for unit in message.split(b";")]
        chunks: list[Chunk] = []
        try:
            for unit in filter(None, units):
                answer = self._device.execute(unit)
                if answer is not None:
                    parts = answer if isinstance(answer, tuple) else (answer,)
                    chunks += [Chunk(b";")] if chunks else []
                    chunks += [Chunk(part) for part in parts if len(part)]
        except ScpiError as error:
            self._device.status.report(error)
        return [*chunks, Chunk(b"\n")] if chunks else []


def _without_header(message: bytes) -> bytes:
    """``PNSU #9...data`` -> ``PNSU data``. Raises nothing: a bad block is refused by the instrument."""
    name, _, block = message.partition(b" ")
    try:
        found = parse_header(block)
    except BadBlock:
        return message
    return message if found is None else name + b" " + block[found[0] :]
