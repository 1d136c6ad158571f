"""The port mapper's answers, and the codec both VXI-11 programs rest on."""

import struct

import pytest

from firmware_sim.sessions import rpc
from firmware_sim.sessions.portmap import RECORD_MAX, TCP, UDP, Mapping, PortMapper

CORE = 0x0607AF


def call(procedure: int, *arguments: int, version: int = 2, program: int = 100_000) -> bytes:
    return rpc.encode_call(7, program, version, procedure, rpc.u32(*arguments))


def ports(mapper: PortMapper, procedure: int, *arguments: int) -> bytes:
    reply = mapper.answer(call(procedure, *arguments))
    assert reply is not None and reply[:24] == rpc.u32(7, 1, 0, 0, 0, 0)
    return reply[24:]


@pytest.fixture
def mapper() -> PortMapper:
    return PortMapper([Mapping(CORE, 1, TCP, 4711)])


def test_where_the_core_channel_is(mapper: PortMapper) -> None:
    assert ports(mapper, 0) == b""
    assert ports(mapper, 3, CORE, 1, TCP, 0) == rpc.u32(4711)
    assert ports(mapper, 3, CORE, 3, TCP, 0) == rpc.u32(4711)  # the version there is
    assert ports(mapper, 3, CORE, 1, UDP, 0) == rpc.u32(0)
    assert ports(mapper, 3, 100_003, 2, TCP, 0) == rpc.u32(0)
    assert ports(mapper, 1, CORE, 1, TCP, 99) == rpc.u32(0)
    assert ports(mapper, 2, CORE, 1, TCP, 99) == rpc.u32(0)
    assert ports(mapper, 3, CORE, 1, TCP, 0) == rpc.u32(4711)


def test_the_whole_list(mapper: PortMapper) -> None:
    rows = [(100_000, 2, TCP, 111), (100_000, 2, UDP, 111), (CORE, 1, TCP, 4711)]
    assert ports(mapper, 4) == b"".join(rpc.u32(1, *row) for row in rows) + rpc.u32(0)


def test_what_it_refuses(mapper: PortMapper) -> None:
    assert mapper.answer(call(3, version=3)) == rpc.u32(7, 1, 0, 0, 0, 2, 2, 2)
    assert mapper.answer(call(9)) == rpc.u32(7, 1, 0, 0, 0, 3)
    assert mapper.answer(call(3, CORE)) == rpc.u32(7, 1, 0, 0, 0, 4)
    assert mapper.answer(call(3, program=5)) == rpc.u32(7, 1, 0, 0, 0, 1)
    assert mapper.answer(b"") is None
    assert mapper.answer(rpc.u32(1, 1, 2)) is None
    assert mapper.answer(rpc.u32(7, 0, 2, 100_000, 2, 0, 0, 401) + bytes(404) + rpc.u32(0, 0)) is None


def test_over_tcp_in_any_pieces(mapper: PortMapper) -> None:
    session = mapper.open_session()
    wire = b"".join(bytes(chunk.data) for chunk in rpc.record(call(0))) * 2
    got = b"".join(bytes(c.data) for at in range(len(wire)) for c in session.feed(wire[at : at + 1], 0))
    assert got == (struct.pack(">I", 0x8000_0018) + rpc.u32(7, 1, 0, 0, 0, 0)) * 2
    assert session.tick(0) == []
    assert session.feed(struct.pack(">I", RECORD_MAX + 1), 0)[-1].close
    assert mapper.open_session().feed(struct.pack(">II", 0x8000_0004, 1), 0)[-1].close


def test_numbers_and_bytes() -> None:
    reader = rpc.Unpacker(rpc.i32(-5) + rpc.u32(9, 7) + rpc.opaque(b"abcde") + rpc.opaque(b""))
    assert (reader.i32(), reader.u32(), reader.boolean()) == (-5, 9, True)
    assert (reader.opaque(5), reader.opaque(0)) == (b"abcde", b"")
    for bad in (rpc.opaque(b"abcde")[:-1], rpc.u32(6), b"\0\0\0"):
        with pytest.raises(rpc.BadArguments):
            rpc.Unpacker(bad).opaque(5)
