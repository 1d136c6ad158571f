"""The HiSLIP stand-in, message by message: what clients do, in order and out of it."""

import asyncio

import pytest

from drivers.wire import hislip
from drivers.wire.hislip import Error, Fatal, Kind, LockReply, Message, RemoteLocal
from firmware_sim.sessions.hislip import CLIENTS_MAX
from firmware_sim.sessions.hislip_client import NOTICES_UNREAD_MAX
from tests.unit.hislip.bench import Bench, Pair, Wire, run

IDN = b"KEYSIGHT TECHNOLOGIES,DSO-X 3014A,MY00000001,02.50.2019022736\n"


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
def test_a_message_ends_with_lf_crlf_or_just_end(ending: bytes) -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench, max_size=1 << 20)
        assert await pair.ask(b"*IDN?" + ending, delivered=0) == IDN
        assert await pair.ask(b"*OPC?" + ending) == b"1\n"

    run(main)


@pytest.mark.parametrize("piece", [1, 2, 5, 15, 16, 17, 33])
def test_messages_may_be_cut_anywhere(piece: int) -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench, piece, max_size=0x2000)
        pair.send(b"*ID", kind=Kind.DATA)
        assert await pair.ask(b"N?\n", delivered=0) == IDN
        assert await pair.poll(delivered=1) & 0x50 == 0

    run(main)


def test_a_c_client_with_an_empty_sub_address_and_version_7f7f() -> None:
    async def main(bench: Bench) -> None:
        wire = Wire()
        await bench.connect(lambda: wire)
        wire.write(bytes.fromhex("48530000 7f7f0000 0000000000000000"))
        welcome = await wire.next()
        assert welcome is not None and welcome[:3] == (Kind.INITIALIZE_RESPONSE, 0, 0x0100 << 16 | 1)

    run(main)


@pytest.mark.parametrize("size", [300, 0x2000, 1 << 20])
def test_a_long_reply_comes_in_messages_the_client_takes(size: int) -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench, max_size=size)
        pair.send(b":WAV:POIN:MODE RAW;:WAV:POIN 20000;FORM BYTE;:DIGitize CHAN1\n")
        message_id = pair.send(b":WAV:DATA?\n")
        data, kind = b"", int(Kind.DATA)
        while kind == Kind.DATA:
            message = await pair.sync.next()
            assert message is not None
            kind = message.kind
            assert message[1:3] == (0, message_id) and len(message.payload) <= size - hislip.HEADER_BYTES
            data += message.payload
        assert kind == Kind.DATA_END and data[:2] == b"#8" and len(data) == 10 + int(data[2:10]) + 1

    run(main)


def test_mav_until_the_client_says_that_it_was_delivered() -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench)
        assert await pair.poll() & 16 == 0
        assert await pair.ask(b"*OPC?\n", delivered=0) == b"1\n"
        assert await pair.poll() & 16 == 16
        assert await pair.poll(delivered=1) & 16 == 0
        byte = int(await pair.ask(b"*STB?\n", delivered=0))
        assert byte & 16 == 0, "told by the status query, so nothing is interrupted"
        assert await pair.ask(b"*ESR?\n") == b"128\n"

    run(main)


def test_an_answer_that_was_not_taken_is_interrupted() -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench)
        assert await pair.ask(b"*OPC?\n", delivered=0) == b"1\n"
        assert await pair.ask(b"*OPC?\n", delivered=1) == b"1\n"
        message_id = pair.send(b":SYST:ERR?\n", delivered=0)
        assert await pair.sync.next() == Message(Kind.INTERRUPTED, 0, message_id)
        assert await pair.events.next() == Message(Kind.ASYNC_INTERRUPTED, 0, message_id)
        answer = await pair.sync.next()
        assert answer is not None and answer[1:] == (0, message_id, b'-410,"Query INTERRUPTED"\n')

    run(main)


def test_a_client_that_never_says_so_gets_no_interruptions() -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench)
        for _ in range(3):
            assert await pair.ask(b"*OPC?\n", delivered=0) == b"1\n"
        assert await pair.ask(b":SYST:ERR?\n", delivered=0) == b'+0,"No error"\n'

    run(main)


def test_service_is_requested_once_for_each_reason_and_on_every_door() -> None:
    async def main(bench: Bench) -> None:
        first, second = await Pair.open(bench), await Pair.open(bench)
        assert await first.ask(b"*CLS;*ESE 32;*SRE 36;*OPC?\n", delivered=0) == b"1\n"
        second.send(b":NOSUCH 1\n")
        for pair in (first, second):
            request = await pair.events.next()
            assert request is not None and request.kind == Kind.ASYNC_SERVICE_REQUEST
            assert request.control & 0x64 == 0x64
            assert await pair.poll(delivered=1) & 0x64 == 0x64
            assert await pair.poll() & 0x64 == 0x24
        second.send(b":NOSUCH 2\n")
        assert await second.ask(b"*ESR?\n") == b"32\n"
        assert await second.poll(delivered=1) & 0x64 == 0x04, "no new reason, and ESB is gone"

    run(main)


def test_notices_that_nobody_takes_do_not_pile_up() -> None:
    server = Bench().server
    sync, events = server.open_session(), server.open_session()
    sync.feed(hislip.Initialize().message().encode(), 0)
    (session,) = server.clients
    events.feed(hislip.async_initialize(session).encode(), 0)
    message_id = hislip.FIRST_ID
    for _ in range(3 * NOTICES_UNREAD_MAX):
        sync.feed(Message(Kind.DATA_END, 0, message_id, b"*CLS;*ESE 32;*SRE 32\n").encode(), 0)
        sync.feed(Message(Kind.DATA_END, 0, message_id, b":NOSUCH 1\n").encode(), 0)
        message_id = hislip.next_id(message_id)
    assert events.unsent == NOTICES_UNREAD_MAX
    assert len(events.tick(0)) == NOTICES_UNREAD_MAX and events.unsent == 0


@pytest.mark.parametrize("lead", [0, hislip.ID_STEP], ids=["IVI-6.1", "pyvisa-py"])
def test_a_status_query_waits_for_the_message_that_was_sent_before_it(lead: int) -> None:
    """The channels are two connections: what was written first may arrive last."""

    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench)
        loop = asyncio.get_running_loop()
        for number in range(3):
            message = Message(Kind.DATA_END, 0, pair.id, b":NOSUCH 1\n" if number % 2 else b"*CLS\n")
            pair.id = hislip.next_id(pair.id)
            loop.call_later(0.003, pair.sync.say, message)
            begin = loop.time()
            pair.events.say(Message(Kind.ASYNC_STATUS_QUERY, 0, message.parameter + lead))
            answer = await pair.events.next()
            assert answer is not None and answer.control & 4 == (4 if number % 2 else 0)
            waited_s = loop.time() - begin
            assert waited_s == pytest.approx(0.005 if lead and number == 0 else 0.003, abs=0.0011)
            begin = loop.time()
            pair.events.say(Message(Kind.ASYNC_STATUS_QUERY, 0, message.parameter + lead))
            await pair.events.next()
            assert loop.time() == begin, "it is known by now what the client names"

    run(main)


def test_device_clear_frees_a_held_parser_and_sends_nothing_late() -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench)
        pair.send(b":TRIG:SOUR EXT;SWE NORM;:DIGitize CHAN1;*OPC?\n")
        pair.send(b"*IDN?\n")
        assert await pair.request(Message(Kind.ASYNC_DEVICE_CLEAR)) == Message(Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE)
        pair.send(b"*IDN?\n")  # still under way when the clear was asked for: not carried out
        pair.sync.say(Message(Kind.DEVICE_CLEAR_COMPLETE))
        assert await pair.sync.next() == Message(Kind.DEVICE_CLEAR_ACKNOWLEDGE)
        pair.id = hislip.FIRST_ID
        assert await pair.ask(b"*OPT?\n", delivered=0) == b"0\n"
        await asyncio.sleep(0.1)  # the scope has its pre-trigger samples
        assert bench.scope.trigger(round(asyncio.get_running_loop().time() * 1e9), "EXT")
        await asyncio.sleep(1.0)
        assert pair.sync.got.empty()

    run(main)


def test_locks_are_waited_for_shared_and_lost_with_their_holder() -> None:
    async def main(bench: Bench) -> None:
        first, second = await Pair.open(bench), await Pair.open(bench)
        reply = Kind.ASYNC_LOCK_RESPONSE
        assert await first.request(hislip.lock_request(0, b"team")) == Message(reply, LockReply.SUCCESS)
        assert await first.request(hislip.lock_request(0, b"team")) == Message(reply, LockReply.ERROR)
        assert await second.request(hislip.lock_request(0, b"other")) == Message(reply, LockReply.FAILURE)
        assert await second.request(hislip.lock_request(0, b"team")) == Message(reply, LockReply.SUCCESS)
        assert await first.request(hislip.lock_request(0)) == Message(reply, LockReply.SUCCESS)
        assert await second.request(Message(Kind.ASYNC_LOCK_INFO)) == hislip.lock_info_response(True, 2)
        second.send(b"*OPC?\n")
        begin = asyncio.get_running_loop().time()
        assert await second.request(hislip.lock_request(700)) == Message(reply, LockReply.FAILURE)
        assert asyncio.get_running_loop().time() - begin == pytest.approx(0.7, abs=0.005)
        assert second.sync.got.empty(), "held up behind the exclusive lock"
        first.sync.transport.close()
        answer = await second.sync.next()
        assert answer is not None and answer.payload == b"1\n"
        assert await second.request(Message(Kind.ASYNC_LOCK_INFO)) == hislip.lock_info_response(False, 1)
        assert await second.request(hislip.lock_release(0)) == Message(reply, LockReply.SHARED_RELEASED)
        assert await second.request(hislip.lock_release(0)) == Message(reply, LockReply.ERROR)
        assert await first.events.next() is None, "one channel gone, so is the other"

    run(main)


def test_remote_and_local() -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench)
        for mode in RemoteLocal:
            answer = await pair.request(Message(Kind.ASYNC_REMOTE_LOCAL_CONTROL, mode, pair.id))
            assert answer == Message(Kind.ASYNC_REMOTE_LOCAL_RESPONSE)
        answer = await pair.request(Message(Kind.ASYNC_REMOTE_LOCAL_CONTROL, 7))
        assert answer is not None and answer[:2] == (Kind.ERROR, Error.UNKNOWN_CONTROL)

    run(main)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (26, Error.UNKNOWN_TYPE),
        (127, Error.UNKNOWN_TYPE),
        (Kind.ASYNC_LOCK, Error.UNKNOWN_TYPE),
        (200, Error.UNKNOWN_VENDOR_TYPE),
    ],
)
def test_an_unknown_type_is_an_error_and_the_next_query_is_right(kind: int, code: Error) -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench)
        pair.sync.say(Message(kind, 0, 0, b"whatever"))
        answer = await pair.sync.next()
        assert answer is not None and answer[:2] == (Kind.ERROR, code)
        assert await pair.ask(b"*OPC?\n", delivered=0) == b"1\n"

    run(main)


def test_a_message_that_is_too_large_is_an_error_and_an_overrun() -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench)
        pair.send(bytes(hislip.MESSAGE_MAX + 1), kind=Kind.DATA)
        pair.send(b"the rest of it\n")
        answer = await pair.sync.next()
        assert answer is not None and answer[:2] == (Kind.ERROR, Error.TOO_LARGE)
        assert await pair.ask(b":SYST:ERR?\n", delivered=0) == b'-363,"Input buffer overrun"\n'
        assert await pair.ask(b":SYST:ERR?\n") == b'+0,"No error"\n'

    run(main)


NOISE = b"*IDN?\n" + bytes(20)
ENDLESS = hislip.encode_header(Kind.DATA, 0, 0, 1 << 63)


@pytest.mark.parametrize("noise", [NOISE, ENDLESS])
def test_noise_ends_the_connection_and_frees_what_it_held(noise: bytes) -> None:
    async def main(bench: Bench) -> None:
        pair = await Pair.open(bench)
        pair.sync.write(noise)
        answer = await pair.sync.next()
        assert answer is not None and answer[:2] == (Kind.FATAL_ERROR, Fatal.BAD_HEADER)
        assert await pair.sync.next() is None and await pair.events.next() is None
        assert not bench.server.clients and not bench.scope.status.watchers

    run(main)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (hislip.Initialize(b"inst7").message(), Fatal.BAD_INITIALIZATION),
        (hislip.Initialize(bytes(300)).message(), Fatal.BAD_INITIALIZATION),
        (hislip.async_initialize(77), Fatal.BAD_INITIALIZATION),
        (Message(Kind.DATA_END, 0, hislip.FIRST_ID, b"*IDN?\n"), Fatal.BAD_INITIALIZATION),
    ],
)
def test_a_wrong_beginning_is_refused(first: Message, code: Fatal) -> None:
    async def main(bench: Bench) -> None:
        wire = Wire()
        await bench.connect(lambda: wire)
        wire.say(first)
        answer = await wire.next()
        assert answer is not None and answer[:2] == (Kind.FATAL_ERROR, code)
        assert await wire.next() is None
        assert not bench.server.clients

    run(main)


def test_one_channel_is_not_enough_and_not_too_many_clients() -> None:
    async def main(bench: Bench) -> None:
        half = Wire()
        await bench.connect(lambda: half)
        half.say(hislip.Initialize().message())
        await half.next()
        half.say(Message(Kind.DATA_END, 0, hislip.FIRST_ID, b"*IDN?\n"))
        answer = await half.next()
        assert answer is not None and answer[:2] == (Kind.FATAL_ERROR, Fatal.NOT_BOTH_CHANNELS)
        wires = [Wire() for _ in range(CLIENTS_MAX + 1)]
        for wire in wires:
            await bench.connect(lambda wire=wire: wire)  # type: ignore[misc]
            wire.say(hislip.Initialize().message())
        answers = [await wire.next() for wire in wires]
        assert [answer.kind for answer in answers if answer][:-1] == [Kind.INITIALIZE_RESPONSE] * CLIENTS_MAX
        assert answers[-1] is not None and answers[-1][:2] == (Kind.FATAL_ERROR, Fatal.TOO_MANY_CLIENTS)
        wires[0].transport.close()
        await asyncio.sleep(0.01)
        await Pair.open(bench)

    run(main)
