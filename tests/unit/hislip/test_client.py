"""Our HiSLIP client against an instrument whose every byte and moment the test decides, on virtual time."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from drivers.errors import ConnectFailed, InstrumentError, LinkClosed, LinkTimeout, RemoteWireError, WrongInstrument
from drivers.transports.hislip import HislipLink
from drivers.transports.link import Hello
from drivers.transports.route import Hislip
from drivers.wire import hislip
from drivers.wire.hislip import ANY_ID, FIRST_ID, Kind, Message, MessageReader

HELLO = Hello(b"who\n", b"\n", lambda line: line == b"me")


class Channel(asyncio.Protocol):
    """The instrument's end of one connection."""

    def __init__(self, box: "Box") -> None:
        self.box = box
        self.transport: Any = None
        self.reader = MessageReader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for message in self.reader.feed(data):
            assert isinstance(message, Message)
            self.box.heard.append(message)
            self.box.hear(self, message)

    def say(self, *messages: Message, piece: int = 1 << 30) -> None:
        data = b"".join(message.encode() for message in messages)
        for at in range(0, len(data), piece):
            self.transport.write(data[at : at + piece])

    def say_later(self, delay_s: float, message: Message) -> None:
        self.box.pending.append(asyncio.get_running_loop().call_later(delay_s, self.say, message))


class Box:
    """An instrument that does the handshakes and leaves Data to ``answer(channel, message)``."""

    def __init__(self, answer: Callable[[Channel, Message], None]) -> None:
        self.answer = answer
        self.heard: list[Message] = []
        self.made: list[Channel] = []
        self.pending: list[asyncio.TimerHandle] = []
        self.deaf: set[int] = set()
        self.refuse = False
        self.overlap = False
        self.max_size = 1 << 20
        self._join = linked(self._serve)

    def _serve(self) -> Channel:
        self.made.append(Channel(self))
        return self.made[-1]

    async def connect(self, factory: Callable[[], asyncio.BaseProtocol]) -> Any:
        if self.refuse:
            raise ConnectionRefusedError("nobody listens")
        return await self._join(factory)

    def hear(self, channel: Channel, message: Message) -> None:
        if message.kind in self.deaf:
            return
        if message.kind == Kind.ASYNC_DEVICE_CLEAR:
            for timer in self.pending:
                timer.cancel()
        said = {
            Kind.INITIALIZE: hislip.InitializeResponse(5, self.overlap).message(),
            Kind.ASYNC_INITIALIZE: hislip.async_initialize_response(b"KT"),
            Kind.ASYNC_MAX_MESSAGE_SIZE: hislip.max_message_size(Kind.ASYNC_MAX_MESSAGE_SIZE_RESPONSE, self.max_size),
            Kind.ASYNC_DEVICE_CLEAR: Message(Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE),
            Kind.DEVICE_CLEAR_COMPLETE: Message(Kind.DEVICE_CLEAR_ACKNOWLEDGE),
        }.get(Kind(message.kind))
        if said is not None:
            channel.say(said)
        elif message.payload == b"who\n":
            channel.say(reply(message, b"me\n"))
        else:
            self.answer(channel, message)

    def link(self) -> HislipLink:
        return HislipLink("scope_1", Hislip(self.connect), hello=HELLO)


def reply(message: Message, payload: bytes, kind: Kind = Kind.DATA_END) -> Message:
    return Message(kind, 0, message.parameter, payload)


def echo(channel: Channel, message: Message) -> None:
    if message.kind == Kind.DATA_END:
        channel.say(reply(message, b"re " + message.payload))


async def failure(link: HislipLink, request: bytes, timeout_s: float = 1.0, max_bytes: int = 100) -> InstrumentError:
    begin = asyncio.get_running_loop().time()
    with pytest.raises(InstrumentError) as caught:
        await link.query(request, timeout_s=timeout_s, max_bytes=max_bytes)
    assert asyncio.get_running_loop().time() - begin <= timeout_s + 0.002, "later than its deadline"
    assert caught.value.instrument == "scope_1"
    return caught.value


def test_ids_step_by_two_tell_delivery_and_restart_after_a_clear() -> None:
    box = Box(echo)

    async def main() -> None:
        link = box.link()
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        await link.send(b"2\n", timeout_s=1.0)
        assert await link.query(b"2b\n", timeout_s=1.0) == b"re 2b"
        await link.clear(timeout_s=1.0)
        assert await link.query(b"3\n", timeout_s=1.0) == b"re 3"
        await link.trigger(timeout_s=1.0)
        await link.close()

    run_virtual(main())
    sync = [message for message in box.heard if message.kind in (Kind.DATA_END, Kind.TRIGGER)]
    assert [message[1:] for message in sync] == [
        (0, FIRST_ID, b"who\n"),
        (1, FIRST_ID + 2, b"1\n"),
        (1, FIRST_ID + 4, b"2\n"),
        (0, FIRST_ID + 6, b"2b\n"),
        (0, FIRST_ID, b"who\n"),
        (1, FIRST_ID + 2, b"3\n"),
        (1, FIRST_ID + 4, b""),
    ]


@pytest.mark.parametrize("late_s", [1.001, 1.2, 1.5, 4.0])
def test_a_late_reply_is_never_the_next_answer(late_s: float) -> None:
    def answer(channel: Channel, message: Message) -> None:
        if message.payload == b"slow\n":
            asyncio.get_running_loop().call_later(late_s, channel.say, reply(message, b"LATE\n"))  # cleared or not
        else:
            echo(channel, message)

    async def main() -> None:
        link = Box(answer).link()
        assert isinstance(await failure(link, b"slow\n"), LinkTimeout)
        for number in range(60):
            assert await link.query(b"%d\n" % number, timeout_s=1.0) == b"re %d" % number
            await asyncio.sleep(0.05)

    run_virtual(main())


def test_a_cancelled_exchange_is_cleared_not_reconnected() -> None:
    box = Box(lambda channel, message: channel.say_later(0.5, reply(message, b"re " + message.payload)))

    async def main() -> None:
        link = box.link()
        task = asyncio.create_task(link.query(b"1\n", timeout_s=5.0))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await link.query(b"2\n", timeout_s=5.0) == b"re 2"
        assert len(box.made) == 2

    run_virtual(main())


@pytest.mark.parametrize("piece", [1, 3, 15, 16, 17, 25, 1000])
def test_replies_may_be_cut_anywhere_and_come_in_several_messages(piece: int) -> None:
    def answer(channel: Channel, message: Message) -> None:
        parts = [reply(message, b"1.25", Kind.DATA), reply(message, b"", Kind.DATA)]
        channel.say(*parts, Message(Kind.DATA_END, 0, ANY_ID, b"E+03\n"), piece=piece)

    async def main() -> None:
        link = Box(answer).link()
        for _ in range(3):
            assert await link.query(b"?\n", timeout_s=1.0) == b"1.25E+03"

    run_virtual(main())


CUTS = [
    (size, piece, message_max)
    for size, piece, message_max in itertools.product([0, 1, 1000, 20_000], [1, 16, 1000, 10**6], [1, 7, 1000, 10**6])
    if size // min(piece, message_max) <= 1500  # beyond it is the same, only longer
]


@pytest.mark.parametrize(("size", "piece", "message_max"), CUTS)
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_block_may_be_cut_anywhere(size: int, piece: int, message_max: int, end: bytes) -> None:
    data = bytes(index * 7 % 256 for index in range(size))
    whole = b"#8%08d" % size + data + end

    def answer(channel: Channel, message: Message) -> None:
        at = range(0, len(whole), message_max)
        parts = [reply(message, whole[i : i + message_max], Kind.DATA) for i in at[:-1]]
        channel.say(*parts, reply(message, whole[at[-1] :]), piece=piece)

    async def main() -> None:
        box = Box(answer)
        link = box.link()
        out = bytearray(20_000)
        for _ in range(2):
            assert await link.query_block(b"WAV:DATA?\n", out, timeout_s=5.0) == size
            assert out[:size] == data
        assert len(box.made) == 2
        box.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"

    run_virtual(main())


@pytest.mark.parametrize(
    "payload",
    [
        b"#9999999999",
        b"#0abc\n",
        b"#8000x0001a\n",
        b"NAN\n",
        b"#15hell",
        b"#15hello\nmore",
        b"#15helloX",
        b"#6100000x",
        b"",
    ],
)
def test_a_bad_block_is_refused_and_the_next_query_is_right(payload: bytes) -> None:
    box = Box(lambda channel, message: channel.say(reply(message, payload)))

    async def main() -> None:
        link = box.link()
        with pytest.raises(RemoteWireError):
            await link.query_block(b"WAV:DATA?\n", bytearray(90_000), timeout_s=1.0)
        box.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert len(box.made) == 2, "cleared, not reconnected"

    run_virtual(main())


def test_after_a_timeout_nothing_writes_to_the_callers_memory() -> None:
    def answer(channel: Channel, message: Message) -> None:
        whole = reply(message, b"#800050000" + b"x" * 50_000 + b"\n").encode()
        channel.transport.write(whole[:20_000])
        asyncio.get_running_loop().call_later(2.0, channel.transport.write, whole[20_000:])

    async def main() -> None:
        box = Box(answer)
        link = box.link()
        out = bytearray(50_000)
        with pytest.raises(LinkTimeout):
            await link.query_block(b"WAV:DATA?\n", out, timeout_s=1.0)
        out[:] = bytes(50_000)
        await asyncio.sleep(2.0)
        assert out == bytes(50_000)
        box.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"

    run_virtual(main())


@pytest.mark.parametrize(
    "deaf", [Kind.INITIALIZE, Kind.ASYNC_INITIALIZE, Kind.ASYNC_MAX_MESSAGE_SIZE], ids=lambda kind: kind.name
)
def test_a_half_open_instrument_ends_at_the_deadline_and_is_tried_again(deaf: Kind) -> None:
    box = Box(echo)
    box.deaf = {deaf}

    async def main() -> None:
        link = box.link()
        assert isinstance(await failure(link, b"1\n"), LinkTimeout)
        box.deaf = set()
        assert await link.query(b"2\n", timeout_s=1.0) == b"re 2"

    run_virtual(main())


@pytest.mark.parametrize("deaf", [Kind.ASYNC_DEVICE_CLEAR, Kind.DEVICE_CLEAR_COMPLETE], ids=lambda kind: kind.name)
def test_what_does_not_clear_is_reconnected_within_the_same_deadline(deaf: Kind) -> None:
    box = Box(lambda channel, message: None)
    box.deaf = {deaf}

    async def main() -> None:
        link = box.link()
        assert isinstance(await failure(link, b"1\n", timeout_s=0.5), LinkTimeout)
        box.answer = echo
        assert await link.query(b"2\n", timeout_s=0.9) == b"re 2"
        assert len(box.made) == 4

    run_virtual(main())


def test_a_status_query_works_beside_a_query_and_its_late_answer_is_never_the_next() -> None:
    def answer(channel: Channel, message: Message) -> None:
        if message.kind == Kind.ASYNC_STATUS_QUERY:
            channel.say_later(delay_s, Message(Kind.ASYNC_STATUS_RESPONSE, status))
        elif message.kind == Kind.DATA_END:
            channel.say_later(0.5, reply(message, b"done\n"))

    delay_s, status = 0.01, 0x10

    async def main() -> None:
        nonlocal delay_s, status
        link = Box(answer).link()
        task = asyncio.create_task(link.query(b"slow\n", timeout_s=2.0))
        await asyncio.sleep(0.1)
        assert await link.status_byte(timeout_s=1.0) == 0x10
        assert await task == b"done"
        delay_s = 1.5
        with pytest.raises(LinkTimeout, match="asynchronous channel"):
            await link.status_byte(timeout_s=1.0)
        delay_s, status = 0.01, 0x20
        for _ in range(100):
            assert await link.status_byte(timeout_s=1.0) == 0x20
        await link.close()

    run_virtual(main())


def test_a_service_request_is_passed_on_and_a_lone_answer_is_not_kept() -> None:
    box = Box(echo)
    requests: list[int] = []

    async def main() -> None:
        link = box.link()
        link.on_service_request = requests.append
        await link.open(1.0)
        box.made[1].say(Message(Kind.ASYNC_SERVICE_REQUEST, 0x50))
        await asyncio.sleep(0.01)
        box.made[0].say(Message(Kind.DATA_END, 0, ANY_ID, b"nobody asked\n"))
        await asyncio.sleep(0.01)
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert len(box.made) == 2

    run_virtual(main())
    assert requests == [0x50]


def test_another_instrument_is_refused_and_nobody_there_is_named() -> None:
    async def main() -> None:
        box = Box(echo)
        stranger = HislipLink("scope_1", Hislip(box.connect), hello=Hello(b"*IDN?\n", b"\n", lambda line: False))
        with pytest.raises(WrongInstrument, match="answered 're \\*IDN\\?'"):
            await stranger.open(1.0)
        box.refuse = True
        with pytest.raises(ConnectFailed, match="nobody listens"):
            await box.link().open(1.0)

    run_virtual(main())


def test_a_server_that_prefers_overlap_is_asked_for_synchronized_mode() -> None:
    box = Box(echo)
    box.overlap = True

    async def main() -> None:
        assert await box.link().query(b"1\n", timeout_s=1.0) == b"re 1"

    run_virtual(main())
    assert Message(Kind.DEVICE_CLEAR_COMPLETE, 0) in box.heard


def test_a_long_request_goes_in_pieces_of_the_instruments_size() -> None:
    box = Box(echo)
    box.max_size = 16 + 100

    async def main() -> None:
        link = box.link()
        await link.send(b"x" * 100, timeout_s=1.0)
        await link.send(b"y" * 250, timeout_s=1.0)
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"

    run_virtual(main())
    data = [(m.kind, m.parameter - FIRST_ID, m.payload) for m in box.heard if m.kind in (Kind.DATA, Kind.DATA_END)]
    assert data[1:5] == [
        (Kind.DATA_END, 2, b"x" * 100),
        (Kind.DATA, 4, b"y" * 100),
        (Kind.DATA, 6, b"y" * 100),
        (Kind.DATA_END, 8, b"y" * 50),
    ]


def test_close_is_final_and_quiet() -> None:
    box = Box(lambda channel, message: None)

    async def main() -> None:
        link = box.link()
        task = asyncio.create_task(link.query(b"1\n", timeout_s=5.0))
        await asyncio.sleep(0.1)
        await link.close()
        await link.close()
        with pytest.raises(LinkClosed):
            await task
        assert isinstance(await failure(link, b"2\n"), LinkClosed)
        assert len(box.made) == 2

    run_virtual(main())
