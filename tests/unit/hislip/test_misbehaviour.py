"""Whatever an instrument does on HiSLIP is named within the deadline, and the next query is right."""

import asyncio
from collections.abc import Callable

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentError, LinkClosed, LinkTimeout, RemoteWireError
from drivers.wire import hislip
from drivers.wire.hislip import ANY_ID, Error, Fatal, Kind, Message
from tests.unit.hislip.test_client import Box, Channel, echo, failure, reply


def wrong_id(channel: Channel, message: Message) -> None:
    channel.say(Message(Kind.DATA_END, 0, message.parameter - 2, b"stale\n"))


def two_lines(channel: Channel, message: Message) -> None:
    channel.say(reply(message, b"a\nb\n"))


def flood(channel: Channel, message: Message) -> None:
    channel.say(reply(message, b"x" * 1000))


def flood_line(channel: Channel, message: Message) -> None:
    channel.say(reply(message, b"x" * 1000 + b"\n"))


def two_lines_cut_between(channel: Channel, message: Message) -> None:
    whole = reply(message, b"a\nb\n").encode()
    channel.transport.write(whole[:-2])
    asyncio.get_running_loop().call_later(0.1, channel.transport.write, whole[-2:])


def one_byte_too_much(channel: Channel, message: Message) -> None:
    channel.say(reply(message, b"x" * 101))


def flood_in_pieces(channel: Channel, message: Message) -> None:
    channel.say(*[reply(message, b"xxxxxxxxxx", Kind.DATA)] * 50)


def endless(channel: Channel, message: Message) -> None:
    channel.transport.write(hislip.encode_header(Kind.DATA_END, 0, message.parameter, 1 << 63))


def drip(channel: Channel, message: Message) -> None:
    whole = reply(message, b"x" * 50 + b"\n").encode()
    for second, at in enumerate(range(len(whole)), 1):
        asyncio.get_running_loop().call_later(second, channel.transport.write, whole[at : at + 1])


def noise(channel: Channel, message: Message) -> None:
    channel.transport.write(b"1.25E+03\r\n" * 5)


def other_prologue(channel: Channel, message: Message) -> None:
    channel.transport.write(b"HX" + reply(message, b"12\n").encode()[2:])


def hang_up(channel: Channel, message: Message) -> None:
    channel.transport.write(reply(message, b"12\n").encode()[:17])
    channel.transport.close()


def hang_up_the_other(channel: Channel, message: Message) -> None:
    channel.box.made[-1].transport.close()


def refuses(channel: Channel, message: Message) -> None:
    channel.say(hislip.problem(Error.TOO_LARGE, "1 MiB is enough"))


def gives_up(channel: Channel, message: Message) -> None:
    channel.say(hislip.problem(Fatal.UNIDENTIFIED, "smoke"))


def impossible(channel: Channel, message: Message) -> None:
    channel.say(Message(99, 0, 0, b"?"))


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (wrong_id, LinkTimeout, "1 answers to other messages were dropped"),
        (two_lines, RemoteWireError, "2 bytes after the end"),
        (two_lines_cut_between, RemoteWireError, "2 bytes after the end"),
        (flood, RemoteWireError, "more than 100 bytes"),
        (flood_line, RemoteWireError, "more than 100 bytes"),
        (one_byte_too_much, RemoteWireError, "more than 100 bytes"),
        (flood_in_pieces, RemoteWireError, "more than 100 bytes"),
        (endless, RemoteWireError, "claims"),
        (drip, LinkTimeout, "no complete answer"),
        (noise, RemoteWireError, "is no HiSLIP message"),
        (other_prologue, RemoteWireError, "is no HiSLIP message"),
        (hang_up, LinkClosed, "hung up"),
        (hang_up_the_other, LinkClosed, "hung up"),
        (refuses, RemoteWireError, "too large ('1 MiB is enough')"),
        (gives_up, RemoteWireError, "fatal error: unidentified ('smoke')"),
        (impossible, LinkTimeout, "no complete answer"),
    ],
)
def test_whatever_happens_is_named_in_time_and_the_next_query_is_right(
    answer: Callable[[Channel, Message], None], kind: type[InstrumentError], text: str
) -> None:
    box = Box(answer)

    async def main() -> None:
        link = box.link()
        for number in range(3):
            box.answer = answer
            error = await failure(link, b"read\n")
            assert type(error) is kind and text in str(error), error
            box.answer = echo
            assert await link.query(b"%d\n" % number, timeout_s=1.0) == b"re %d" % number
        assert sum(message.payload == b"read\n" for message in box.heard) == 3, "a request was sent twice"

    run_virtual(main())


def test_an_answer_that_end_closes_is_not_joined_with_what_follows_in_the_same_read() -> None:
    def answer(channel: Channel, message: Message) -> None:
        channel.say(reply(message, b"12"), Message(Kind.DATA_END, 0, ANY_ID, b"unasked\n"))

    async def main() -> None:
        box = Box(answer)
        link = box.link()
        assert await link.query(b"read\n", timeout_s=1.0) == b"12"
        box.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert sum(message.kind == Kind.ASYNC_DEVICE_CLEAR for message in box.heard) == 1, "cleared once"

    run_virtual(main())


def test_the_last_of_several_messages_is_not_taken_for_the_whole_answer() -> None:
    def answer(channel: Channel, message: Message) -> None:
        channel.say(reply(message, b"1.25", Kind.DATA))
        channel.say_later(0.1, reply(message, b"E+03\n"))

    async def main() -> None:
        assert await Box(answer).link().query(b"?\n", timeout_s=1.0) == b"1.25E+03"

    run_virtual(main())


def test_the_answer_to_a_cancelled_exchange_is_dropped_when_it_comes() -> None:
    box = Box(lambda channel, message: channel.say_later(0.5, reply(message, b"late\n")))

    async def main() -> None:
        link = box.link()
        task = asyncio.create_task(link.query(b"1\n", timeout_s=5.0), name="cancelled")
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(1.0)
        box.answer = echo
        assert await link.query(b"2\n", timeout_s=1.0) == b"re 2"
        assert len(box.made) == 2, "cleared, not reconnected"

    run_virtual(main())


def test_an_answer_that_looks_like_a_header_in_the_middle_is_still_one_answer() -> None:
    text = b""

    def answer(channel: Channel, message: Message) -> None:
        nonlocal text
        text = b"12" + reply(message, b"no\n").encode()
        whole = reply(message, text).encode()
        channel.transport.write(whole[:18])
        asyncio.get_running_loop().call_later(0.1, channel.transport.write, whole[18:])

    async def main() -> None:
        assert await Box(answer).link().query(b"?\n", timeout_s=1.0) == text[:-1]

    run_virtual(main())


def test_a_header_cut_where_another_message_follows_leaves_the_stream_readable() -> None:
    def answer(channel: Channel, message: Message) -> None:
        whole = reply(message, b"12\n").encode()
        other = Message(Kind.DATA_END, 0, ANY_ID, b"unasked\n").encode()
        loop = asyncio.get_running_loop()
        channel.transport.write(whole[:5])
        loop.call_later(0.1, channel.transport.write, whole[5:] + other[:5])
        loop.call_later(0.2, channel.transport.write, other[5:])

    async def main() -> None:
        box = Box(answer)
        link = box.link()
        assert await link.query(b"read\n", timeout_s=1.0) == b"12"
        await asyncio.sleep(0.5)
        box.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert len(box.made) == 2, "cleared, not reconnected"

    run_virtual(main())


def test_a_stale_message_amid_an_answer_in_parts_takes_nothing_away() -> None:
    def answer(channel: Channel, message: Message) -> None:
        stale = Message(Kind.DATA_END, 0, message.parameter - 2, b"stale\n")
        channel.say(reply(message, b"1.25", Kind.DATA), stale, reply(message, b"E+03\n"))

    async def main() -> None:
        assert await Box(answer).link().query(b"?\n", timeout_s=1.0) == b"1.25E+03"

    run_virtual(main())


def test_what_came_before_an_interruption_is_forgotten() -> None:
    def answer(channel: Channel, message: Message) -> None:
        interrupted = Message(Kind.INTERRUPTED, 0, message.parameter)
        channel.say(Message(Kind.DATA, 0, ANY_ID, b"old"), interrupted, reply(message, b"new\n"))

    async def main() -> None:
        assert await Box(answer).link().query(b"?\n", timeout_s=1.0) == b"new"

    run_virtual(main())


@pytest.mark.parametrize("size", [0, 3, 100])
def test_an_answer_of_another_length_than_its_frame_is_refused(size: int) -> None:
    box = Box(lambda channel, message: channel.say(reply(message, b"12345")))

    async def main() -> None:
        link = box.link()
        with pytest.raises(RemoteWireError, match=f"5 bytes where {size} belong"):
            await link.query(b"?\n", timeout_s=1.0, framer=lambda held: size)
        assert await link.query(b"?\n", timeout_s=1.0, framer=lambda held: 5) == b"12345"

    run_virtual(main())


@pytest.mark.parametrize(
    "message",
    [
        Message(99, 0, 0, b"?"),
        Message(Kind.DATA_END, 0, ANY_ID, b"unasked\n"),
        hislip.problem(Error.UNIDENTIFIED, "late"),
    ],
)
def test_what_comes_while_nobody_asks_is_cleared_before_the_next_exchange(message: Message) -> None:
    box = Box(echo)

    async def main() -> None:
        link = box.link()
        await link.open(1.0)
        box.made[0].say(message)
        await asyncio.sleep(0.1)
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert sum(heard.kind == Kind.ASYNC_DEVICE_CLEAR for heard in box.heard) == 1 and len(box.made) == 2

    run_virtual(main())
