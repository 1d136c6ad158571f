"""Modbus codec: golden vectors typed from the specification, limits, and a framer that any split leaves unmoved."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wire.modbus import (
    ExceptionCode,
    Frame,
    Framer,
    Function,
    ModbusError,
    Request,
    decode_reply,
    decode_request,
    encode_exception,
    encode_frame,
    encode_reply,
    encode_request,
)
from firmware_sim.sessions.modbus import ModbusSession

VECTORS = Path(__file__).parents[2] / "vectors"


def read_vectors(name: str) -> list[tuple[str, bytes, bytes]]:
    """(name, request, reply) of a vector file."""
    lines = (VECTORS / name).read_text(encoding="utf-8").splitlines()
    rows = [[part.strip() for part in line.split("|")] for line in lines if not line.startswith("#")]
    return [(row[0], bytes.fromhex(row[1]), bytes.fromhex(row[2])) for row in rows]


MODBUS = read_vectors("modbus.txt")
READS = {
    "read_holding": bytes.fromhex("022B 0000 0064".replace(" ", "")),
    "read_input": bytes.fromhex("000A"),
    "read_write": bytes.fromhex("00FE0ACD00010003000D00FF"),
}


class Answers:
    """A device that returns what the specification's examples return."""

    answering = True

    def __init__(self, data: bytes | ExceptionCode) -> None:
        self.data = data
        self.written: list[tuple[int, bytes]] = []

    def read(self, address: int, count: int) -> bytes | ExceptionCode:
        return self.data

    def write(self, address: int, data: bytes) -> ExceptionCode | None:
        self.written.append((address, data))
        return None

    def read_write(self, address: int, count: int, write_address: int, data: bytes) -> bytes | ExceptionCode:
        self.written.append((write_address, data))
        return self.data


@pytest.mark.parametrize(("name", "request_bytes", "reply_bytes"), MODBUS, ids=[row[0] for row in MODBUS])
def test_vector_through_a_session(name: str, request_bytes: bytes, reply_bytes: bytes) -> None:
    device = Answers(READS.get(name, ExceptionCode.ILLEGAL_ADDRESS))
    chunks = ModbusSession(device).feed(request_bytes, 0)
    assert b"".join(bytes(chunk.data) for chunk in chunks) == reply_bytes


@pytest.mark.parametrize(("name", "request_bytes", "reply_bytes"), MODBUS, ids=[row[0] for row in MODBUS])
def test_vector_from_the_client_side(name: str, request_bytes: bytes, reply_bytes: bytes) -> None:
    (frame,) = Framer().feed(request_bytes)
    (answer,) = Framer().feed(reply_bytes)
    assert answer.transaction == frame.transaction
    if name in ("bad_function", "bad_count"):
        with pytest.raises(ModbusError):
            decode_request(frame.pdu)
        return
    request = decode_request(frame.pdu)
    assert encode_frame(frame.transaction, frame.unit, encode_request(request)) == request_bytes
    reply = decode_reply(request, answer.pdu)
    assert reply.data == READS.get(name, b"")
    assert reply.exception == (2 if name == "bad_address" else 0)


def test_every_function_has_a_vector() -> None:
    assert {frame.pdu[0] for row in MODBUS for frame in Framer().feed(row[1])} >= {code.value for code in Function}


FRAMES = st.lists(
    st.builds(Frame, st.integers(0, 65535), st.integers(0, 255), st.binary(min_size=1, max_size=253)), max_size=5
)


@given(FRAMES, st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_framer_does_not_care_where_the_stream_is_cut(frames: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(encode_frame(frame.transaction, frame.unit, frame.pdu) for frame in frames)
    framer, seen, at = Framer(), [], 0
    for size in [*cuts, len(stream)]:
        seen += framer.feed(stream[at : at + size])
        at += size
    assert seen == frames and framer.pending == 0


@given(st.binary(max_size=300))
def test_framer_and_requests_survive_garbage(data: bytes) -> None:
    try:
        frames = Framer().feed(data)
    except ModbusError:
        frames = [Frame(0, 0, data[:253])] if data else []
    for frame in frames:
        try:
            request = decode_request(frame.pdu)
        except ModbusError as problem:
            assert problem.code is not None
        else:
            assert decode_request(encode_request(request)) == request


@given(st.binary(max_size=300))
def test_session_survives_garbage(data: bytes) -> None:
    for chunk in ModbusSession(Answers(ExceptionCode.ILLEGAL_ADDRESS)).feed(data, 0):
        assert chunk.close or len(chunk.data) >= 9


def test_framer_holds_at_most_one_frame() -> None:
    framer = Framer()
    assert framer.feed(b"\0\1\0\0\0\xfe\1" + bytes(252)) == []
    assert framer.pending == 259
    for header in (b"\0\1\0\1\0\6\1", b"\0\1\0\0\0\xff\1", b"\0\1\0\0\0\1\1", b"GET / HTTP"):
        with pytest.raises(ModbusError):
            Framer().feed(header)


@pytest.mark.parametrize(
    "request_",
    [
        Request(Function.READ_HOLDING, 0, 126),
        Request(Function.READ_HOLDING, 0, 0),
        Request(Function.READ_HOLDING, 65535, 2),
        Request(Function.READ_INPUT, -1, 1),
        Request(Function.WRITE_MANY, 0, data=bytes(248)),
        Request(Function.WRITE_MANY, 0, data=b"\0"),
        Request(Function.WRITE_ONE, 0, data=bytes(4)),
        Request(Function.READ_WRITE, 0, 1, bytes(244), 0),
    ],
)
def test_request_beyond_the_protocol_is_never_sent(request_: Request) -> None:
    with pytest.raises(ModbusError):
        encode_request(request_)


FOREIGN = ["", "03", "0400020B", "03 04 00000000", "03 02 0000 00", "83", "8302 00", "10 0000 0001"]


@pytest.mark.parametrize("pdu", FOREIGN)
def test_reply_to_another_question_is_refused(pdu: str) -> None:
    with pytest.raises(ModbusError):
        decode_reply(Request(Function.READ_HOLDING, 0, 1), bytes.fromhex(pdu.replace(" ", "")))


def test_write_echo_must_be_exact() -> None:
    request = Request(Function.WRITE_ONE, 7, data=b"\0\1")
    assert decode_reply(request, encode_reply(request)).exception == 0
    assert decode_reply(request, encode_exception(6, 3)).exception == 3
    with pytest.raises(ModbusError):
        decode_reply(request, encode_reply(Request(Function.WRITE_ONE, 7, data=b"\0\2")))
