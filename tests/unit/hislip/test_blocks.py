"""Blocks in many messages: straight into the caller's memory, whatever comes between, and never beyond their end."""

import asyncio
import itertools

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import RemoteWireError
from drivers.transports.hislip_channels import Replies
from drivers.wire import hislip
from drivers.wire.block import SCRATCH_BYTES, BlockReader
from drivers.wire.hislip import ANSWER_MAX, HEADER_BYTES, Error, Kind, Message
from firmware_sim.personalities.dsox import open_standalone
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.scpi import ScpiSession
from tests.unit.hislip.test_client import Box, Channel, echo, reply

DATA = bytes(index * 7 % 251 for index in range(20_000))
WHOLE = b"#8%08d" % len(DATA) + DATA + b"\n"


def parts(message: Message, size: int) -> list[Message]:
    """The block as Data ... DataEnd of ``size`` bytes each."""
    cut = [WHOLE[at : at + size] for at in range(0, len(WHOLE), size)]
    return [reply(message, piece, Kind.DATA) for piece in cut[:-1]] + [reply(message, cut[-1])]


CUTS = [
    (size, piece)
    for size, piece in itertools.product([5, 16, 999, 9000], [1, 15, 16, 17, 33, 1015, 9016, 10**6])
    if size * piece >= 80  # below it is the same, only longer
]


@pytest.mark.parametrize(("size", "piece"), CUTS)
def test_what_comes_between_the_messages_of_a_block_is_no_part_of_it(size: int, piece: int) -> None:
    def answer(channel: Channel, message: Message) -> None:
        said: list[Message] = []
        for part in parts(message, size):
            late = Message(Kind.DATA_END, 0, message.parameter - 2, b"late" * 5)
            said += [part, late, reply(message, b"", Kind.DATA), Message(Kind.INTERRUPTED, 0, 0, b"x" * 20)]
        channel.say(*said, piece=piece)

    async def main() -> None:
        box = Box(answer)
        link = box.link()
        out = bytearray(b"\xee" * 30_000)
        assert await link.query_block(b"WAV:DATA?\n", out, timeout_s=5.0) == len(DATA)
        assert out[: len(DATA)] == DATA
        assert out[len(DATA) :] == b"\xee" * (30_000 - len(DATA)), "written beyond the block"
        box.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert len(box.made) == 2

    run_virtual(main())


@pytest.mark.parametrize("piece", [1, 20, 10**6])
def test_an_error_amid_a_block_is_read_as_one_and_not_into_the_callers_memory(piece: int) -> None:
    def answer(channel: Channel, message: Message) -> None:
        first, second = parts(message, 15_000)
        channel.say(first, hislip.problem(Error.UNIDENTIFIED, "the record is gone"), piece=piece)
        channel.say(second)

    async def main() -> None:
        box = Box(answer)
        link = box.link()
        out = bytearray(b"\xee" * len(DATA))
        with pytest.raises(RemoteWireError, match="the record is gone"):
            await link.query_block(b"WAV:DATA?\n", out, timeout_s=1.0)
        at = 15_000 - 10
        assert out[:at] == DATA[:at] and out[at + HEADER_BYTES :] == b"\xee" * (len(DATA) - at - HEADER_BYTES)
        box.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"

    run_virtual(main())


@pytest.mark.parametrize("behind", [b"nonsense, no header", b"HS\xff"])
def test_nonsense_behind_a_message_of_a_block_ends_the_connection(behind: bytes) -> None:
    def answer(channel: Channel, message: Message) -> None:
        channel.say(parts(message, 15_000)[0])
        channel.transport.write(behind + bytes([255] * 20))

    async def main() -> None:
        box = Box(answer)
        link = box.link()
        with pytest.raises(RemoteWireError, match=r"is no HiSLIP message|claims"):
            await link.query_block(b"WAV:DATA?\n", bytearray(len(DATA)), timeout_s=1.0)
        box.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert len(box.made) == 4, "reconnected"

    run_virtual(main())


class Nobody:
    """The link of channels that must have nothing to report."""

    def stray(self, problem: str) -> None:
        raise AssertionError(problem)

    def broken(self, problem: str) -> None:
        raise AssertionError(problem)

    def refused(self, message: Message) -> None:
        raise AssertionError(message)

    def service_requested(self, status: int) -> None:
        raise AssertionError(status)


async def test_one_read_takes_a_message_and_the_next_header() -> None:
    asked = Message(Kind.DATA_END, 0, hislip.FIRST_ID)
    size = len(DATA)
    stream = memoryview(b"".join(message.encode() for message in parts(asked, 1000)))
    out, replies = bytearray(size), Replies(Nobody())
    replies.expected_id = hislip.FIRST_ID
    replies.expect(b"\n", 0, block=BlockReader(out))
    waiter = replies.waiter = asyncio.get_running_loop().create_future()
    reads = scratch = 0
    while len(stream):
        buffer = replies.get_buffer(-1)
        count = min(len(buffer), len(stream))
        scratch += len(buffer) if buffer.obj is not out else 0
        buffer[:count], stream = stream[:count], stream[count:]
        replies.buffer_updated(count)
        reads += 1
    assert waiter.done() and out == DATA
    rest = (size - SCRATCH_BYTES) // 1000
    assert reads <= rest + 3, "one for the beginning, one for each message, one or two for the end"


async def test_after_a_failure_the_rest_goes_neither_to_the_caller_nor_into_memory() -> None:
    out, replies = bytearray(len(DATA)), Replies(Nobody())
    replies.expected_id = hislip.FIRST_ID
    replies.expect(b"\n", 0, block=BlockReader(out))
    waiter = replies.waiter = asyncio.get_running_loop().create_future()
    stream = memoryview(reply(Message(Kind.DATA_END, 0, hislip.FIRST_ID), WHOLE).encode())
    while len(stream):
        buffer = replies.get_buffer(-1)
        count = min(len(buffer), len(stream), 1000)
        if len(stream) < 15_000:
            replies.fail(ValueError("given up"))
            buffer = replies.get_buffer(-1)
            assert buffer.obj is not out
        buffer[:count], stream = stream[:count], stream[count:]
        replies.buffer_updated(count)
    assert isinstance(waiter.exception(), ValueError)
    assert not replies._held and replies._left == 0


def test_the_instrument_may_send_16_mib_at_a_time() -> None:
    box = Box(echo)

    async def main() -> None:
        await box.link().open(1.0)

    run_virtual(main())
    asked = hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE, ANSWER_MAX)
    assert asked in box.heard and ANSWER_MAX == 16 << 20


def test_a_stand_in_sends_a_large_record_in_one_message_and_does_not_copy_it() -> None:
    scope = open_standalone("MY00000001")
    server = HislipServer(lambda: ScpiSession(scope, held=True))
    sync, events = server.open_session(), server.open_session()
    sync.feed(hislip.Initialize().message().encode(), 0)
    events.feed(hislip.async_initialize(1).encode(), 0)
    events.feed(hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE, ANSWER_MAX).encode(), 0)

    now_ns = 0

    def ask(text: bytes) -> list[Chunk]:
        nonlocal now_ns
        said = sync.feed(Message(Kind.DATA_END, 0, hislip.FIRST_ID, text).encode(), now_ns)
        while sync.waiting:
            now_ns += 10**9
            said += sync.tick(now_ns)
        return said

    ask(b":WAV:POIN:MODE RAW;:WAV:POIN 2000000;FORM WORD;:DIGitize CHAN1\n")
    answers = [ask(b":WAV:DATA?\n") for _ in range(2)]
    large = [chunk.data for answer in answers for chunk in answer if len(chunk.data) > 65_536]
    assert len(large) == 2 and len(large[0]) > 1 << 20
    assert isinstance(large[0], memoryview) and isinstance(large[1], memoryview)
    assert large[0].obj is large[1].obj, "copied"
    for answer in answers:
        header = hislip.parse_header(answer[0].data)
        assert header.kind == Kind.DATA_END
        assert header.size == sum(len(chunk.data) for chunk in answer) - HEADER_BYTES
