"""PURE: one client's conversation with a SCPI instrument: bytes in, chunks out.

IEEE 488.2 message exchange: LF, CRLF or a transport's END terminates a message; units run in order, replies of one
message are joined by ``;`` and end with LF; a command error discards the rest of its message. ``*WAI``, ``*OPC?``
and blocking commands (``:DIGitize``) hold this session's parser until the instrument's pending work is done.
"""

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from drivers.wire.scpi import MESSAGE_MAX, ScpiError, Unit, parse_message, parse_number, refuse_arguments
from firmware_sim.personalities.status488 import Status488
from firmware_sim.sessions.base import Chunk

COMPILED_MAX = 1024
"""Distinct messages remembered as compiled: a polling client uses tens; a fuzzer must not grow the table."""

BACKLOG_MAX = 16 * MESSAGE_MAX
"""Bytes kept unread while the parser is held; more is an input buffer overrun (-363)."""

REPLY_SEPARATOR = b";"


class Wait(Enum):
    """What a handler returns instead of a reply when the instrument is busy."""

    THEN_CONTINUE = "hold the parser, then go on with the next unit"
    THEN_RETRY = "hold the parser, then run this unit again"
    UNTIL_TICK = "work is under way: run this unit again at the next tick"


Reply = bytes | tuple[bytes | memoryview, ...] | Wait | None
Handler = Callable[[], Reply]


class ScpiDevice(Protocol):
    """What a session needs of a personality."""

    status: Status488
    identification: str

    def compile(self, unit: Unit) -> Handler:
        """A callable that carries out one unit; raises ScpiError for what the grammar refuses."""
        ...

    def advance(self, now_ns: int) -> None:
        """Bring the instrument to this instant."""
        ...

    def pending(self) -> bool:
        """True while overlapped work (an acquisition) is unfinished."""
        ...

    def device_bits(self) -> int:
        """Status-byte bits that belong to the instrument (TRG, USR, QUES, OPER)."""
        ...

    def clear_events(self) -> None:
        """``*CLS`` of the instrument's own event registers."""
        ...

    def reset(self) -> None:
        """``*RST``."""
        ...

    def save(self, register: int) -> None:
        """``*SAV``."""
        ...

    def recall(self, register: int) -> None:
        """``*RCL``."""
        ...

    def group_trigger(self) -> Reply:
        """``*TRG`` and the bus trigger."""
        ...

    def self_test(self) -> int:
        """``*TST?``: 0 means passed."""
        ...


class ScpiSession:
    """One connection. ``held`` keeps replies for :meth:`fetch` (HiSLIP, VXI-11); a socket sends at once.

    ``ignored`` are upper-case lines that the instrument takes and does nothing about: ``&GTR`` of R&S scopes.
    """

    def __init__(self, device: ScpiDevice, held: bool = False, ignored: frozenset[bytes] = frozenset()) -> None:
        self._device = device
        self._held = held
        self._ignored = ignored
        self._buffer = bytearray()
        self._compiled: dict[bytes, tuple[Handler, ...]] = {}
        self._steps: tuple[Handler, ...] = ()
        self._next = 0
        self._active = False
        self._working = False
        self._replies: list[bytes | tuple[bytes | memoryview, ...]] = []
        self._output: list[Chunk] = []
        self.waiting = False
        self.unread = False
        """The transport has sent a reply that the client has not taken yet (HiSLIP): it counts as output for MAV."""

    @property
    def device(self) -> ScpiDevice:
        """The instrument behind this connection."""
        return self._device

    @property
    def has_output(self) -> bool:
        """True while :meth:`fetch` has something to give."""
        return bool(self._output)

    @property
    def due_ns(self) -> int | None:
        """At once while work is under way: a long record is computed in hundreds of slices, one a tick."""
        return 0 if self._working else None

    # ------------------------------------------------------------------------------------- transport

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Take bytes from the client; returns what goes back now."""
        self._device.advance(now_ns)
        if not (self.waiting or self._buffer) and data.find(b"\n") == len(data) - 1:
            steps = self._compiled.get(data)
            if steps is not None and len(steps) == 1 and not self._held:
                chunks = self._run_single(steps)
                self._notify()
                return chunks
        self._buffer += data
        limit = BACKLOG_MAX if self.waiting else MESSAGE_MAX
        if len(self._buffer) > limit and self._buffer.find(b"\n", 0, MESSAGE_MAX) < 0:
            self._buffer.clear()
            self._device.status.report(ScpiError(-363))
        elif len(self._buffer) > BACKLOG_MAX:
            del self._buffer[BACKLOG_MAX:]
            self._device.status.report(ScpiError(-363))
        return self._process()

    def end(self, now_ns: int) -> list[Chunk]:
        """The transport's END: what is in the buffer is a whole message, terminator or not."""
        self._device.advance(now_ns)
        if self._buffer and not self._buffer.endswith(b"\n"):
            self._buffer += b"\n"
        return self._process()

    def tick(self, now_ns: int) -> list[Chunk]:
        """Called while :attr:`waiting`: continues once the pending work is done."""
        self._device.advance(now_ns)
        if self.waiting and (self._working or not self._device.pending()):
            self.waiting = self._working = False
            return self._process()
        return []

    def fetch(self) -> list[Chunk]:
        """A ``held`` client reads: the waiting reply, or nothing and -420 when nothing was asked."""
        if not self._output and not self.waiting:
            self._device.status.report(ScpiError(-420))
        output, self._output = self._output, []
        return output

    def clear(self) -> None:
        """Device clear: input, output and a held parser are dropped; registers stay."""
        self._buffer.clear()
        self._output.clear()
        self._drop_message()
        self._device.status.cancel_opc()

    def status_byte(self) -> int:
        """The status byte as a serial poll sees it; MAV tells of output not yet read."""
        output = self.unread or bool(self._replies or self._output)
        return self._device.status.byte(self._device.device_bits(), output)

    def _notify(self) -> None:
        if self._device.status.watchers:
            self._device.status.notify()

    # ------------------------------------------------------------------------------------- execution

    def _run_single(self, steps: tuple[Handler, ...]) -> list[Chunk]:
        """The hot path: a remembered message of one unit with nothing else going on."""
        try:
            reply = steps[0]()
        except ScpiError as error:
            self._device.status.report(error)
            return []
        if type(reply) is bytes:
            return [Chunk(reply + b"\n")]
        if reply is None:
            return []
        self._steps, self._next, self._active = steps, 0, True
        self._take(reply)
        return self._process()

    def _process(self) -> list[Chunk]:
        """Run whole messages until the buffer is empty or the parser is held."""
        sent: list[Chunk] = []
        while not self.waiting:
            if not self._active and not self._begin_message():
                break
            while self._next < len(self._steps) and not self.waiting:
                self._step()
            if not self.waiting:
                sent += self._finish_message()
        self._notify()
        return sent

    def _begin_message(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            return False
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if self._output:
            self._output.clear()
            self._device.status.report(ScpiError(-410))
        steps = self._compiled.get(line)
        if steps is None:
            steps = self._compile(line.rstrip(b"\r\n"))
            if len(self._compiled) >= COMPILED_MAX:
                self._compiled.clear()
            self._compiled[line] = steps
        self._steps, self._next, self._active = steps, 0, True
        return True

    def _compile(self, message: bytes) -> tuple[Handler, ...]:
        """Handlers for the units of a message; the first command error becomes the last handler."""
        steps: list[Handler] = []
        if message.strip().upper() in self._ignored:
            return ()
        try:
            for unit in parse_message(message):
                steps.append(self._common(unit) if unit.path[0].startswith("*") else self._device.compile(unit))
        except ScpiError as error:
            steps.append(_raiser(error))
        return tuple(steps)

    def _step(self) -> None:
        try:
            reply = self._steps[self._next]()
        except ScpiError as error:
            self._device.status.report(error)
            reply = None
        self._take(reply)

    def _take(self, reply: Reply) -> None:
        """Account for one handler's outcome."""
        if isinstance(reply, Wait):
            self._working = reply is Wait.UNTIL_TICK
            self.waiting = self._working or self._device.pending()
            self._next += reply is Wait.THEN_CONTINUE
            return
        self._next += 1
        if reply is not None:
            self._replies.append(reply)

    def _finish_message(self) -> list[Chunk]:
        """Join the replies of the message that just ended."""
        replies, self._replies = self._replies, []
        self._steps, self._next, self._active = (), 0, False
        if not replies:
            return []
        parts: list[bytes | memoryview] = []
        for index, reply in enumerate(replies):
            if index:
                parts.append(REPLY_SEPARATOR)
            parts.extend((reply,) if isinstance(reply, bytes) else reply)
        parts.append(b"\n")
        chunks = _join(parts)
        if self._held:
            self._output += chunks
            return []
        return chunks

    def _drop_message(self) -> None:
        self._steps, self._next, self._active = (), 0, False
        self._replies.clear()
        self.waiting = self._working = False

    # ------------------------------------------------------------------------------- common commands

    def _common(self, unit: Unit) -> Handler:
        """Handler of a common command or query. Raises ScpiError."""
        name = unit.path[0][1:]
        if unit.query:
            query = self._queries().get(name)
            if query is None:
                raise ScpiError(-113, unit.path[0])
            refuse_arguments(unit.arguments, 0, 0)
            return query
        if name in ("ESE", "SRE", "SAV", "RCL", "PSC"):
            refuse_arguments(unit.arguments, 1, 1)
            value = round(parse_number(unit.arguments[0]))
            return lambda: self._write(name, value)
        command = self._commands().get(name)
        if command is None:
            raise ScpiError(-113, unit.path[0])
        refuse_arguments(unit.arguments, 0, 0)
        return command

    def _queries(self) -> dict[str, Handler]:
        device, status = self._device, self._device.status
        return {
            "IDN": lambda: device.identification.encode(),
            "ESE": lambda: b"%d" % status.ese,
            "SRE": lambda: b"%d" % status.sre,
            "ESR": self._read_esr,
            "STB": lambda: b"%d" % self.status_byte(),
            "OPC": lambda: Wait.THEN_RETRY if device.pending() else b"1",
            "TST": lambda: b"%d" % device.self_test(),
            "OPT": lambda: b"0",
        }

    def _commands(self) -> dict[str, Handler]:
        device = self._device
        return {
            "CLS": self._clear_status,
            "OPC": self._want_opc,
            "WAI": lambda: Wait.THEN_CONTINUE if device.pending() else None,
            "RST": self._reset,
            "TRG": device.group_trigger,
        }

    def _read_esr(self) -> Reply:
        return b"%d" % self._device.status.read_esr()

    def _clear_status(self) -> Reply:
        self._device.status.clear()
        self._device.clear_events()
        return None

    def _want_opc(self) -> Reply:
        status = self._device.status
        status.want_opc()
        status.settle(self._device.pending())
        return None

    def _reset(self) -> Reply:
        self._device.status.cancel_opc()
        self._device.reset()
        return None

    def _write(self, name: str, value: int) -> Reply:
        device = self._device
        if name in ("ESE", "SRE"):
            if not 0 <= value <= 255:
                raise ScpiError(-222)
            if name == "ESE":
                device.status.ese = value
            else:
                device.status.sre = value & ~0x40
        elif name == "SAV":
            device.save(value)
        elif name == "RCL":
            device.recall(value)
        return None


def _raiser(error: ScpiError) -> Handler:
    """A handler that reports the same command error each time its message arrives."""

    def handler() -> Reply:
        raise ScpiError(error.code)

    return handler


def _join(parts: list[bytes | memoryview]) -> list[Chunk]:
    """Chunks for the wire: neighbouring texts become one, views are passed on uncopied."""
    chunks: list[Chunk] = []
    text = b""
    for part in parts:
        if isinstance(part, bytes):
            text += part
            continue
        if text:
            chunks.append(Chunk(text))
            text = b""
        chunks.append(Chunk(part))
    if text:
        chunks.append(Chunk(text))
    return chunks
