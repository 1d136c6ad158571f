"""The asynchronous channel of our HiSLIP client when the instrument does not keep to it."""

import asyncio
from collections.abc import Callable

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import InstrumentError, LinkClosed, LinkTimeout, RemoteWireError
from drivers.transports.hislip_channels import REQUESTS_MAX
from drivers.wire import hislip
from drivers.wire.hislip import Error, Fatal, Kind, Message
from tests.unit.hislip.test_client import Box, Channel, echo

STATUS = Message(Kind.ASYNC_STATUS_RESPONSE, 0x10)


def heard_on_events(say: Callable[[Channel], None]) -> Box:
    """An instrument that does ``say`` for every status query, and echoes the rest."""

    def answer(channel: Channel, message: Message) -> None:
        say(channel) if message.kind == Kind.ASYNC_STATUS_QUERY else echo(channel, message)

    return Box(answer)


def too_large(channel: Channel) -> None:
    channel.transport.write(hislip.encode_header(Kind.ASYNC_STATUS_RESPONSE, 0, 0, 5000) + bytes(5000))


def unasked(channel: Channel) -> None:
    channel.say(Message(Kind.ASYNC_LOCK_INFO_RESPONSE, 0))


def refuses(channel: Channel) -> None:
    channel.say(hislip.problem(Error.UNKNOWN_TYPE, "no status here"))


def gives_up(channel: Channel) -> None:
    channel.say(hislip.problem(Fatal.UNIDENTIFIED, "smoke"))


def noise(channel: Channel) -> None:
    channel.transport.write(b"no HiSLIP at all, but long enough")


def hang_up(channel: Channel) -> None:
    channel.transport.close()


def silence(channel: Channel) -> None:
    """Say nothing."""


@pytest.mark.parametrize(
    ("say", "kind", "text", "connections"),
    [
        (too_large, RemoteWireError, "5000 bytes", 4),
        (unasked, RemoteWireError, "nobody asked for", 4),
        (refuses, RemoteWireError, "no status here", 4),
        (gives_up, RemoteWireError, "smoke", 4),
        (noise, RemoteWireError, "is no HiSLIP message", 4),
        (hang_up, LinkClosed, "hung up", 4),
        (silence, LinkTimeout, "asynchronous channel", 4),
    ],
)
def test_what_is_wrong_is_named_and_both_channels_are_made_anew(
    say: Callable[[Channel], None], kind: type[InstrumentError], text: str, connections: int
) -> None:
    box = heard_on_events(say)

    async def main() -> None:
        link = box.link()
        with pytest.raises(kind, match=text):
            await link.status_byte(timeout_s=1.0)
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert len(box.made) == connections
        box.answer = heard_on_events(lambda channel: channel.say(STATUS)).answer
        assert await link.status_byte(timeout_s=1.0) == 0x10

    run_virtual(main())


def test_an_interruption_told_twice_is_no_news() -> None:
    box = heard_on_events(lambda channel: channel.say(Message(Kind.ASYNC_INTERRUPTED, 0, 2), STATUS))

    async def main() -> None:
        link = box.link()
        assert await link.status_byte(timeout_s=1.0) == 0x10
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert len(box.made) == 2

    run_virtual(main())


def test_answers_are_told_apart_by_their_kind() -> None:
    def answer(channel: Channel, message: Message) -> None:
        if message.kind == Kind.ASYNC_LOCK:
            channel.say_later(0.5, Message(Kind.ASYNC_LOCK_RESPONSE, 1))
        elif message.kind == Kind.ASYNC_STATUS_QUERY:
            channel.say(STATUS)

    async def main() -> None:
        link = Box(answer).link()
        await link.open(1.0)
        lock = asyncio.create_task(link.lock(wait_s=0.9, timeout_s=2.0), name="lock")
        await asyncio.sleep(0.1)
        assert await link.status_byte(timeout_s=0.1) == 0x10
        assert await lock

    run_virtual(main())


def test_more_requests_than_the_channel_holds_are_refused() -> None:
    async def main() -> None:
        link = heard_on_events(silence).link()
        await link.open(1.0)
        asked = [asyncio.create_task(link.status_byte(timeout_s=1.0), name="ask") for _ in range(REQUESTS_MAX + 1)]
        done = await asyncio.gather(*asked, return_exceptions=True)
        assert sum("more than 64 requests" in str(error) for error in done) == 1
        assert all(isinstance(error, InstrumentError) for error in done)

    run_virtual(main())


def test_nothing_is_kept_of_a_request_that_was_given_up() -> None:
    async def main() -> None:
        link = heard_on_events(silence).link()
        await link.open(1.0)
        events = link._events
        with pytest.raises(LinkTimeout):
            await link.status_byte(timeout_s=0.5)
        assert not events._requests

    run_virtual(main())


def test_who_waits_for_a_peer_that_does_not_read_is_told_when_it_hangs_up() -> None:
    box = Box(echo)

    async def main() -> None:
        link = box.link()
        await link.open(1.0)
        link._replies.pause_writing()
        task = asyncio.create_task(link.send(b"x\n", timeout_s=5.0), name="send")
        await asyncio.sleep(0.1)
        box.made[0].transport.close()
        with pytest.raises(LinkClosed):
            await task
        assert asyncio.get_running_loop().time() < 1.0, "at once, not at the deadline"

    run_virtual(main())
