"""Any bytes as a wire tape: read as they came, and as the payloads of frames whose checksums are right."""

import os
import tempfile
import zlib
from pathlib import Path

from controller.app.tape_diff import differences
from controller.app.tape_format import (
    FRAME,
    MAGIC,
    PAYLOAD_MAX,
    Begin,
    Closed,
    Ended,
    Failed,
    Frame,
    Full,
    Lost,
    NoTape,
    Opened,
    Received,
    Sent,
    encode,
)
from controller.app.tape_read import Content, read_tape
from tests.fuzz.bounds import Breach, held_bytes

CUT = b"\xf5\xf5"
"""Between two payloads."""
FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-tapes-")
HELD_FLAT, HELD_PER_BYTE = 1 << 16, 1 << 10
"""Memory of what is read, whatever the tape's size, and per byte of it."""

INSTRUMENTS = {"charger": ("FuG HCK 2000-4000", "serial"), "plc": ("Sparkgap rig PLC", "modbus")}
CONVERSATION: tuple[Frame, ...] = (
    Begin("driver", "2026-11-21T12:00:00Z", True, INSTRUMENTS, '{"seed": 1}', "profile: 1"),
    Failed(1, "plc", "refused"),
    Opened(2, 1, "charger"),
    Sent(3, 1, b">S0 1000\n"),
    Received(4, 1, b"E0\n"),
    Opened(5, 2, "plc"),
    Sent(6, 2, bytes.fromhex("000100000006010300640002")),
    Received(7, 2, bytes.fromhex("0001000000070103040002")),
    Lost(8, 3),
    Closed(9, 1, "driver"),
    Ended(10, "SAFE", "{}"),
    Full(11),
)


def framed(payloads: bytes) -> bytes:
    """Each payload with its length and checksum."""
    parts = payloads.split(CUT)
    return MAGIC + b"".join(FRAME.pack(len(part), zlib.crc32(part)) + part for part in parts)


def read(data: bytes) -> Content | None:
    """The content of a file of these bytes; None when it says that it is no tape."""
    path = Path(FOLDER.name) / f"{os.getpid()}.tape"
    path.write_bytes(data)
    try:
        return read_tape(path)
    except NoTape:
        return None


def check_tape(data: bytes) -> None:
    """Bytes as they came, after the magic, and as payloads; a tape is no other than itself."""
    for tape in (data, MAGIC + data, framed(data), framed(data)[:-1]):
        content = read(tape)
        if content is None:
            continue
        if held_bytes(content) > HELD_FLAT + HELD_PER_BYTE * len(tape):
            raise Breach(f"{held_bytes(content)} bytes are held of a tape of {len(tape)}")
        if differences(content.recordings, content.recordings):
            raise Breach("a tape differs from itself")
        differences(content.recordings, ())


def tape_seeds() -> tuple[bytes, ...]:
    """A conversation with every kind of frame, as a file and as payloads, a frame that is too long, and a cut one."""
    whole = b"".join(encode(frame) for frame in CONVERSATION)
    payloads = [encode(frame)[FRAME.size :] for frame in CONVERSATION]
    return (
        MAGIC + whole,
        whole,
        CUT.join(payloads),
        CUT.join(payloads[2:]),
        CUT.join([payloads[0], *payloads]),
        whole[:-3],
        FRAME.pack(PAYLOAD_MAX + 1, 0),
        b"",
    )
