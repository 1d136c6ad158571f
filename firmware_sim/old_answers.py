"""PURE: what the fault ``stale`` repeats: the first answer to each question, for ever, with the present one's stamps.

A stamp is what a protocol uses to tell which question an answer belongs to: a transaction number (Modbus TCP), a
message id (HiSLIP), a call id (VXI-11). It is right even in a stale answer, or the client would see that it is another
one. An answer that the instrument itself keeps waiting for (``*OPC?``) comes as it is.
"""

import struct
from collections.abc import Iterator

from firmware_sim.wire_faults import is_modbus

KEPT_MAX = 256
"""Answers kept: a driver asks some tens of different questions; the oldest goes first."""

_HISLIP = struct.Struct("!2sBBIQ")
_HISLIP_DATA = (6, 7)
"""Data and DataEnd (IVI-6.1 table 4); whatever else travels is no answer of the instrument's panel."""

_CALL = struct.Struct(">IIIIIII")
_REPLY = struct.Struct(">IIIIIIIi")
_LAST, _VXI11, _WRITE, _READ = 0x8000_0000, 0x0607AF, 11, 12


class OldAnswers:
    """What one connection has answered so far."""

    __slots__ = ("_kept", "_pieces", "_written")

    def __init__(self) -> None:
        self._kept: dict[bytes, bytes] = {}
        self._written = b""
        self._pieces = 0

    def instead(self, question: bytes, reply: bytes) -> bytes:
        """The old answer to ``question``; ``reply`` itself when there is none, or it is no answer to a question."""
        if is_modbus(reply):
            return reply[:2] + self._first(question[2:12], reply)[2:]
        if question[:2] == b"HS":
            return self._of_hislip(question, reply)
        if _rpc_procedure(question):
            return self._of_vxi11(question, reply)
        return self._first(question, reply) if reply else reply

    def _of_hislip(self, question: bytes, reply: bytes) -> bytes:
        asked, said = list(_messages(question)), list(_messages(reply))
        if not asked or not said or any(kind not in _HISLIP_DATA for kind, *_ in (*asked, *said)):
            return reply
        kept = self._first(b"".join(text for *_, text in asked), reply)
        stamp = said[0][2]
        return b"".join(
            _HISLIP.pack(b"HS", kind, control, stamp, len(text)) + text for kind, control, _, text in _messages(kept)
        )

    def _of_vxi11(self, question: bytes, reply: bytes) -> bytes:
        """A read names no question: it is the text of the last write, and which piece of its answer is meant."""
        if _rpc_procedure(question) == _WRITE:
            self._written, self._pieces = _write_text(question), 0
        elif self._written and len(reply) >= _REPLY.size and _REPLY.unpack_from(reply)[-1] == 0:
            self._pieces += 1
            piece = self._pieces.to_bytes(4, "big") + _read_size(question)
            kept = self._first(piece + self._written, reply)
            return kept[:4] + reply[4:8] + kept[8:]
        return reply

    def _first(self, question: bytes, reply: bytes) -> bytes:
        kept = self._kept.setdefault(question, reply)
        if len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        return kept


def _messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, control code, parameter and payload of each whole HiSLIP message."""
    at = 0
    while at + _HISLIP.size <= len(data):
        prologue, kind, control, parameter, size = _HISLIP.unpack_from(data, at)
        at += _HISLIP.size
        if prologue != b"HS" or at + size > len(data):
            return
        yield kind, control, parameter, data[at : at + size]
        at += size


def _rpc_procedure(question: bytes) -> int:
    """The procedure of one whole call to a VXI-11 core channel, if it is a write or a read; else 0."""
    if len(question) < _CALL.size:
        return 0
    mark, _, call, version, program, _, procedure = _CALL.unpack_from(question)
    whole = mark == _LAST | (len(question) - 4) and (call, version, program) == (0, 2, _VXI11)
    return procedure if whole and procedure in (_WRITE, _READ) else 0


def _arguments(question: bytes) -> bytes:
    """What follows the credentials and the verifier of a call."""
    at = _CALL.size
    for _ in range(2):
        size = int.from_bytes(question[at + 4 : at + 8], "big")
        at += 8 + size + -size % 4
    return question[at:]


def _write_text(question: bytes) -> bytes:
    """device_write's data, after link, two timeouts and flags."""
    return _arguments(question)[16:]


def _read_size(question: bytes) -> bytes:
    """How much device_read takes."""
    return _arguments(question)[4:8]
