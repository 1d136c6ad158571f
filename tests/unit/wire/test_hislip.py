"""The HiSLIP codec against bytes typed by hand, cut anywhere, too large, endless and senseless."""

import random
from pathlib import Path

import pytest

from drivers.wire import hislip
from drivers.wire.hislip import (
    BadHeader,
    BadMessage,
    Error,
    Fatal,
    Initialize,
    InitializeResponse,
    Kind,
    Message,
    MessageReader,
    Oversized,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "hislip.txt"


def vectors() -> list[tuple[str, bytes, Message]]:
    found = []
    for line in VECTORS.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            name, typed, spelling, sheet = (part.strip() for part in line.split(" | "))
            assert any(char.isdigit() for char in sheet), f"{name}: cites no section"
            found.append((name, bytes.fromhex(typed), eval(spelling, vars(hislip))))  # our own file
    return found


ALL = vectors()


@pytest.mark.parametrize(("typed", "message"), [case[1:] for case in ALL], ids=[case[0] for case in ALL])
def test_vector(typed: bytes, message: Message) -> None:
    assert message.encode() == typed
    assert list(MessageReader().feed(typed)) == [message]
    header = hislip.parse_header(b"before" + typed, 6)
    assert header == (message.kind, message.control, message.parameter, len(message.payload))


def test_every_message_type_has_a_vector() -> None:
    assert {message.kind for _, _, message in ALL} == set(Kind)


def test_messages_with_fields_read_back() -> None:
    first = Initialize(b"hislip0", b"SG", 0x0100)
    assert Initialize.of(first.message()) == first
    assert InitializeResponse.of(InitializeResponse(0xABCD, True).message()) == InitializeResponse(0xABCD, True)
    assert hislip.size_in(hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE, 0x2000)) == 0x2000
    with pytest.raises(BadMessage, match="8 belong"):
        hislip.size_in(Message(Kind.ASYNC_MAX_MESSAGE_SIZE, payload=b"\0\0\x10\0"))
    with pytest.raises(BadMessage, match="257 bytes"):
        Initialize.of(Message(Kind.INITIALIZE, payload=bytes(257)))


def test_a_problem_reads_well() -> None:
    refused = hislip.problem(Fatal.TOO_MANY_CLIENTS, "33 of 32")
    assert hislip.describe_problem(refused) == "HiSLIP fatal error: too many clients ('33 of 32')"
    assert hislip.describe_problem(hislip.problem(Error.TOO_LARGE, "")) == "HiSLIP error: too large"
    assert hislip.describe_problem(Message(Kind.ERROR, 77)) == "HiSLIP error: code 77"


def test_the_whole_stream_may_be_cut_anywhere() -> None:
    stream = b"".join(typed for _, typed, _ in ALL)
    expected = [message for _, _, message in ALL]
    chance = random.Random(7)
    for _ in range(100):
        reader, got, at = MessageReader(), [], 0
        while at < len(stream):
            size = chance.choice((1, 2, 15, 16, 17, 40, 300))
            got += list(reader.feed(stream[at : at + size]))
            at += size
        assert got == expected


def test_a_message_that_is_too_large_is_skipped_and_the_next_is_read() -> None:
    big = Message(Kind.DATA_END, 0, 1, bytes(1001)).encode()
    after = Message(Kind.TRIGGER, 0, 2)
    for piece in (1, 7, 5000):
        reader, got = MessageReader(limit=1000), []
        stream = big + after.encode()
        for at in range(0, len(stream), piece):
            got += list(reader.feed(stream[at : at + piece]))
            assert len(reader._held) < 1100
        assert got == [Oversized(Kind.DATA_END, 1001), after]
    lock = Message(Kind.ASYNC_LOCK, 1, 0, bytes(hislip.CONTROL_MAX + 1)).encode()
    assert list(MessageReader().feed(lock)) == [Oversized(Kind.ASYNC_LOCK, hislip.CONTROL_MAX + 1)]


@pytest.mark.parametrize("size", [hislip.SKIP_MAX + 1, 2**63, 2**64 - 1])
def test_an_endless_message_is_no_message(size: int) -> None:
    with pytest.raises(BadHeader, match=f"claims {size} bytes"):
        list(MessageReader().feed(hislip.encode_header(Kind.DATA, 0, 0, size)))


@pytest.mark.parametrize("noise", [b"*IDN?\n" + bytes(10), b"SH" + bytes(14), b"\xff" * 16])
def test_noise_is_no_message(noise: bytes) -> None:
    with pytest.raises(BadHeader, match="is no HiSLIP message"):
        list(MessageReader().feed(noise))
