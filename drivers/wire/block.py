"""PURE: IEEE 488.2 definite-length blocks: ``#``, one digit n, n digits of length, the data, then the terminator.

(IEEE 488.2-1992 8.7.9; instruments.md 2.1: Keysight always ``#8``, 2.3: Rigol ``#9``.) The reader writes into the
caller's memory and refuses a length larger than that memory before the first data byte arrives.
"""

HEADER_MAX = 2 + 9
"""``#`` + digit + at most 9 digits."""

SCRATCH_BYTES = 4096
"""First read of a block: header and the beginning of the data, the only bytes that are copied."""


class BadBlock(ValueError):
    """Not a definite block, or larger than was asked for."""


def header(length: int, digits: int = 8) -> bytes:
    """The block header for ``length`` bytes with ``digits`` length digits; raises ValueError when it does not fit."""
    text = f"{length:0{digits}d}"
    if length < 0 or not 1 <= digits <= 9 or len(text) > digits:
        raise ValueError(f"{length} bytes do not fit a header of {digits} digits")
    return f"#{digits}{text}".encode("ascii")


def parse_header(data: bytes | bytearray | memoryview) -> tuple[int, int] | None:
    """(header size, data length), or None while the header is incomplete; raises :class:`BadBlock`.

    ``#0`` (indefinite) is refused: its end cannot be told from data on a byte stream.
    """
    head = bytes(data[:HEADER_MAX])
    if head and head[:1] != b"#":
        raise BadBlock(f"{head!r} is not a block")
    if len(head) < 2:
        return None
    if head[1:2] not in b"123456789":
        raise BadBlock(f"{head!r} is not a definite block")
    digits = int(head[1:2])
    size = head[2 : 2 + digits]
    if size and not size.isdigit():
        raise BadBlock(f"{head!r}: the length is not a number")
    return (2 + digits, int(size)) if len(size) == digits else None


class BlockReader:
    """Receives one block into ``out``: either :meth:`feed` pieces, or fill :meth:`window` and call :meth:`wrote`.

    ``size`` is the block's data length once known. ``terminator`` must follow the data exactly.
    """

    __slots__ = ("_got", "_out", "_scratch", "_tail", "_terminator", "size")

    def __init__(self, out: bytearray | memoryview, terminator: bytes = b"\n") -> None:
        self._out = memoryview(out).cast("B")
        self._scratch = memoryview(bytearray(SCRATCH_BYTES))
        self._terminator = terminator
        self._tail = bytearray()
        self._got = 0
        self.size = -1

    def window(self) -> memoryview:
        """Writable memory for the next bytes: the caller's own once the header is known, never empty."""
        if self.size >= 0 and self._got < self.size:
            return self._out[self._got : self.size]
        return self._scratch[len(self._tail) :] if self.size < 0 else self._scratch

    def wrote(self, count: int) -> bool:
        """``count`` bytes are in the last window; True when the block is complete. Raises :class:`BadBlock`."""
        if self.size >= 0 and self._got < self.size:
            self._got += count
            return self._got == self.size and self._complete()
        if self.size < 0:
            start = len(self._tail)
            return self.feed(self._scratch[start : start + count])
        return self.feed(self._scratch[:count])

    def feed(self, data: bytes | bytearray | memoryview) -> bool:
        """Take the next bytes, cut anywhere; True when the block is complete. Raises :class:`BadBlock`."""
        if self.size < 0:
            self._tail += data
            parsed = parse_header(self._tail)
            if parsed is None:
                return False
            skip, size = parsed
            if size > len(self._out):
                raise BadBlock(f"the block claims {size} bytes where at most {len(self._out)} were asked for")
            self.size = size
            data = bytes(self._tail[skip:])
            self._tail.clear()
        room = self.size - self._got
        if room > 0 and len(data):
            piece = data[:room]
            self._out[self._got : self._got + len(piece)] = piece
            self._got += len(piece)
        self._tail += data[room:] if room < len(data) else b""
        return self._complete()

    def ended(self) -> bool:
        """The transport says that the reply is over: True when the block is whole, with or without terminator."""
        return self.size >= 0 and self._got == self.size and bytes(self._tail) in (b"", self._terminator)

    def _complete(self) -> bool:
        if self._got < self.size:
            return False
        if not self._terminator.startswith(self._tail):
            raise BadBlock(f"{bytes(self._tail[:40])!r} where {self._terminator!r} must end the block")
        return len(self._tail) == len(self._terminator)
