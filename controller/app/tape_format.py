"""A wire tape: every byte between drivers and instruments, with direction, connection, instrument and time; one file.

Layout: the line ``SPARKGAP TAPE 1\\n``, then frames ``length u32 | crc32 u32 | payload``, each payload one msgpack
array whose first element names its kind. Frames are only ever appended, each by one write: a tape that was cut off, by
a crash or within a frame, is read up to its last whole one. Every process that records begins with ``Begin``;
connections are numbered within it.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

import msgspec

VERSION = 1
MAGIC = b"SPARKGAP TAPE %d\n" % VERSION

FRAME = Struct("<II")

PAYLOAD_MAX = 1 << 26
"""Bytes of one frame: four times the longest record of any scope here; more can only be damage."""

TAPE_MAX_BYTES = 1 << 30
"""A tape ends by itself at a gibibyte (``Full`` is its last frame): a shot needs some 20 MB, a day of watching 500."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """A process begins to record. ``side`` is ``driver`` or ``stand-in``; ``config`` the run's as JSON, if it is a run.

    ``instruments``: name -> (model, transport). ``profile`` is the profile's text, so that one file is enough.
    """

    side: str
    utc: str
    virtual: bool
    instruments: dict[str, tuple[str, str]] = {}
    config: str = ""
    profile: str = ""
    version: int = VERSION


class Opened(msgspec.Struct, frozen=True, array_like=True, tag="open"):
    """Connection ``connection`` to ``instrument`` stands."""

    t_ns: int
    connection: int
    instrument: str


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="fail"):
    """Nobody answered at ``instrument``'s address."""

    t_ns: int
    instrument: str
    problem: str


class Sent(msgspec.Struct, frozen=True, array_like=True, tag="to"):
    """Bytes to the instrument."""

    t_ns: int
    connection: int
    data: bytes


class Received(msgspec.Struct, frozen=True, array_like=True, tag="from"):
    """Bytes from the instrument."""

    t_ns: int
    connection: int
    data: bytes


class Closed(msgspec.Struct, frozen=True, array_like=True, tag="close"):
    """The connection is over. ``by`` is ``driver`` or ``instrument``."""

    t_ns: int
    connection: int
    by: str
    problem: str = ""


class Ended(msgspec.Struct, frozen=True, array_like=True, tag="end"):
    """The run is over: its verdict, and its last word as JSON."""

    t_ns: int
    verdict: str
    finished: str


class Lost(msgspec.Struct, frozen=True, array_like=True, tag="lost"):
    """``frames`` could not be kept here, because the disk was too slow or failed."""

    t_ns: int
    frames: int


class Full(msgspec.Struct, frozen=True, array_like=True, tag="full"):
    """The tape has reached its bound; what followed is not on it."""

    t_ns: int


Frame = Begin | Opened | Failed | Sent | Received | Closed | Ended | Lost | Full

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


class NoTape(ValueError):
    """The file is no tape, or one of a newer version."""


def encode(frame: Frame) -> bytes:
    """One frame as it stands in the file."""
    payload = _encoder.encode(frame)
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


class Reader:
    """Iterates over a tape's frames. ``cut`` says afterwards why it ended early and where; empty for a whole tape."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.cut = ""
        self.sound_bytes = 0
        """Bytes up to the end of the last whole frame."""

    def __iter__(self) -> Iterator[Frame]:
        """Raises NoTape; OSError."""
        with open(self._path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise NoTape(f"{self._path} is no tape of version {VERSION}")
            self.sound_bytes = len(MAGIC)
            while head := file.read(FRAME.size):
                size, checksum = FRAME.unpack(head) if len(head) == FRAME.size else (PAYLOAD_MAX + 1, 0)
                payload = file.read(size) if size <= PAYLOAD_MAX else b""
                if len(payload) < size or zlib.crc32(payload) != checksum:
                    kind = "cut off" if len(payload) < size else "damaged"
                    self.cut = f"{kind} at byte {self.sound_bytes}"
                    return
                try:
                    frame = _decoder.decode(payload)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise NoTape(f"{self._path}, byte {self.sound_bytes}: {error}") from None
                self.sound_bytes += FRAME.size + size
                yield frame


def sound_bytes(path: Path) -> int:
    """Bytes of the tape up to the end of its last whole frame. Raises NoTape; OSError."""
    reader = Reader(path)
    for _ in reader:
        pass
    return reader.sound_bytes
