"""The link's promises, byte by byte and second by second on virtual time."""

import asyncio
from collections.abc import Callable

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import (
    ConnectFailed,
    InstrumentError,
    LinkClosed,
    LinkError,
    LinkTimeout,
    RemoteWireError,
    WrongInstrument,
)
from drivers.transports.link import TURNS_MAX, Hello, Link, Recovery
from drivers.wire.dialect import Real, Template, TextRow
from tests.unit.links.peers import Peer, Peers, echo

ECHO = Hello(b"who\n", b"\n", lambda line: line == b"me")


async def failure(link: Link, request: bytes, timeout_s: float = 1.0, max_bytes: int = 100) -> InstrumentError:
    with pytest.raises(InstrumentError) as caught:
        await link.query(request, timeout_s=timeout_s, max_bytes=max_bytes)
    return caught.value


@pytest.mark.parametrize("recovery", list(Recovery))
@pytest.mark.parametrize("late_s", [1.001, 1.05, 1.15, 2.5])
def test_a_late_reply_is_never_the_next_answer(recovery: Recovery, late_s: float) -> None:
    def answer(peer: Peer, data: bytes) -> None:
        if data == b"slow\n":
            peer.say_later(late_s, b"LATE\n")
        else:
            echo(peer, data)

    async def main() -> None:
        link = Link("charger", Peers(answer).connect, recovery=recovery, hello=ECHO)
        await link.open(1.0)
        assert isinstance(await failure(link, b"slow\n"), LinkTimeout)
        for number in range(40):
            request = f"{number}\n".encode()
            assert await link.query(request, timeout_s=1.0) == b"re " + request[:-1]
            await asyncio.sleep(0.05)

    run_virtual(main())


def test_replies_of_a_stale_hello_are_not_taken_for_answers() -> None:
    """The peer is dead for a while and then answers everything, hellos of failed recoveries included."""
    held: list[bytes] = []
    dead = False

    def answer(peer: Peer, data: bytes) -> None:
        if dead:
            held.append(data)
            return
        for request in (*held, data):
            echo(peer, request)
        held.clear()

    async def main() -> None:
        nonlocal dead
        link = Link("charger", Peers(answer).connect, recovery=Recovery.DRAIN, hello=ECHO)
        await link.open(1.0)
        dead = True
        for number in range(3):
            assert isinstance(await failure(link, f"lost {number}\n".encode()), LinkTimeout)
        dead = False
        answers = []
        for number in range(10):
            try:
                answers.append((number, await link.query(f"{number}\n".encode(), timeout_s=1.0)))
            except InstrumentError:
                continue
        assert len(answers) >= 8
        assert all(reply == f"re {number}".encode() for number, reply in answers)

    run_virtual(main())


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_reply_may_be_cut_anywhere(cut: int) -> None:
    whole = b"1.25E+03 V\r\n"

    def answer(peer: Peer, data: bytes) -> None:
        peer.say(whole[:cut])
        peer.say_later(0.1, whole[cut:])

    async def main() -> None:
        link = Link("x", Peers(answer).connect)
        assert await link.query(b"?\n", timeout_s=1.0, terminator=b"\r\n") == b"1.25E+03 V"

    run_virtual(main())


def test_two_replies_in_one_piece_are_refused_and_not_kept() -> None:
    replies = [b"a\nb\n", b"c\n"]

    async def main() -> None:
        link = Link("x", Peers(lambda peer, data: peer.say(replies.pop(0))).connect)
        error = await failure(link, b"1\n")
        assert isinstance(error, RemoteWireError)
        assert await link.query(b"2\n", timeout_s=1.0) == b"c"

    run_virtual(main())


def test_bytes_that_nobody_asked_for_are_never_an_answer() -> None:
    peers = Peers(echo)

    async def main() -> None:
        link = Link("x", peers.connect)
        await link.open(1.0)
        peers.made[-1].say(b"noise\n")
        await asyncio.sleep(0.01)
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        assert len(peers.made) == 2
        assert peers.made[0].lost

    run_virtual(main())


def drip(peer: Peer, data: bytes) -> None:
    for second in range(1, 100):
        peer.say_later(float(second), b"1")


def flood(peer: Peer, data: bytes) -> None:
    peer.say(b"x" * 1000)


def hang_up_in_the_middle(peer: Peer, data: bytes) -> None:
    peer.say(b"12")
    asyncio.get_running_loop().call_later(0.1, peer.transport.close)


@pytest.mark.parametrize(
    ("answer", "kind", "after_s"),
    [(drip, LinkTimeout, 5.0), (flood, RemoteWireError, 0.0), (hang_up_in_the_middle, LinkClosed, 0.1)],
)
def test_what_an_instrument_may_do_ends_within_the_total_deadline(
    answer: Callable[[Peer, bytes], None], kind: type[InstrumentError], after_s: float
) -> None:
    peers = Peers(answer)

    async def main() -> None:
        link = Link("scope_1", peers.connect)
        await link.open(1.0)
        begin = asyncio.get_running_loop().time()
        error = await failure(link, b"read\n", timeout_s=5.0)
        assert type(error) is kind
        assert error.instrument == "scope_1"
        assert asyncio.get_running_loop().time() - begin == pytest.approx(after_s)
        assert b"".join(peer.got for peer in peers.made) == b"read\n", "a request was sent twice"
        peers.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"

    run_virtual(main())


def test_an_early_timer_does_not_shorten_a_later_exchange() -> None:
    """One timer serves all exchanges: left over from a short deadline it must not end a longer one, nor the reverse."""

    def answer(peer: Peer, data: bytes) -> None:
        peer.say_later(float(data.split()[0]), b"ok\n")

    async def main() -> None:
        link = Link("x", Peers(answer).connect)
        assert await link.query(b"0.1\n", timeout_s=1.0) == b"ok"
        assert await link.query(b"5\n", timeout_s=6.0) == b"ok"
        begin = asyncio.get_running_loop().time()
        assert isinstance(await failure(link, b"3\n", timeout_s=0.5), LinkTimeout)
        assert asyncio.get_running_loop().time() - begin == pytest.approx(0.5)

    run_virtual(main())


def test_one_exchange_at_a_time_in_the_order_of_the_callers() -> None:
    under_way = 0

    def answer(peer: Peer, data: bytes) -> None:
        nonlocal under_way
        assert data.count(b"\n") == 1
        under_way += 1
        assert under_way == 1

        def finish() -> None:
            nonlocal under_way
            under_way -= 1
            peer.say(b"re " + data)

        asyncio.get_running_loop().call_later(0.1, finish)

    async def main() -> None:
        link = Link("x", Peers(answer).connect)
        answers = await asyncio.gather(*(link.query(f"{n}\n".encode(), timeout_s=2.0) for n in range(10)))
        assert answers == [f"re {n}".encode() for n in range(10)]

    run_virtual(main())


def test_waiting_for_the_turn_counts_and_is_bounded() -> None:
    peers = Peers(lambda peer, data: peer.say_later(3.0, b"ok\n"))

    async def main() -> None:
        link = Link("x", peers.connect)
        first = asyncio.create_task(link.query(b"1\n", timeout_s=5.0))
        await asyncio.sleep(0)
        assert isinstance(await failure(link, b"2\n", timeout_s=1.0), LinkTimeout)
        others = [asyncio.create_task(link.query(b"n\n", timeout_s=0.5)) for _ in range(TURNS_MAX)]
        await asyncio.sleep(0)
        assert type(await failure(link, b"3\n", timeout_s=0.5)) is LinkError
        assert await first == b"ok"
        assert all(isinstance(e, LinkTimeout) for e in await asyncio.gather(*others, return_exceptions=True))
        assert peers.made[0].got == b"1\n"

    run_virtual(main())


def test_a_cancelled_exchange_leaves_nothing_for_the_next() -> None:
    def answer(peer: Peer, data: bytes) -> None:
        peer.say_later(0.5, b"re " + data)

    async def main() -> None:
        link = Link("x", Peers(answer).connect)
        task = asyncio.create_task(link.query(b"1\n", timeout_s=5.0))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await link.query(b"2\n", timeout_s=5.0) == b"re 2"

    run_virtual(main())


@pytest.mark.parametrize("reply", [b"NAN\n", b"9.9E37\n", b"-inf\n", b"\xff\xfe\n", b"\n", b"1.5 1.5\n"])
def test_a_reply_that_cannot_be_right_poisons_the_link(reply: bytes) -> None:
    row = TextRow("volts", Template("V?"), Template("{v}", {"v": Real()}))
    peers = Peers(lambda peer, data: peer.say(reply))

    async def main() -> None:
        link = Link("x", peers.connect)
        with pytest.raises(RemoteWireError):
            await link.ask(row, timeout_s=1.0)
        peers.answer = lambda peer, data: peer.say(b"1.5\n")
        assert await link.ask(row, timeout_s=1.0) == {"v": 1.5}
        assert len(peers.made) == 2

    run_virtual(main())


def test_an_instrument_that_ends_its_lines_otherwise_is_another_one_and_half_a_line_is_none() -> None:
    peers = Peers(lambda peer, data: peer.say(b"scope 7\n"))

    async def main() -> None:
        link = Link("delay", peers.connect, hello=Hello(b"*IDN?\n", b"\r\n", lambda answer: b"DG" in answer))
        with pytest.raises(WrongInstrument, match="another instrument is there, which answered 'scope 7'"):
            await link.open(1.0)
        peers.answer = lambda peer, data: peer.say(b"DG6")
        with pytest.raises(LinkTimeout):
            await link.open(1.0)

    run_virtual(main())


@pytest.mark.parametrize("recovery", list(Recovery))
def test_another_instrument_is_refused_at_every_connect(recovery: Recovery) -> None:
    peers = Peers(lambda peer, data: peer.say(b"somebody else\n"))

    async def main() -> None:
        link = Link("charger", peers.connect, recovery=recovery, hello=ECHO)
        with pytest.raises(WrongInstrument, match="somebody else"):
            await link.open(1.0)
        peers.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"
        peers.answer = lambda peer, data: peer.say(b"somebody else\n")
        peers.made[-1].transport.close()
        await asyncio.sleep(0.01)
        assert isinstance(await failure(link, b"2\n"), WrongInstrument)
        assert all(b"2\n" not in peer.got for peer in peers.made)

    run_virtual(main())


def test_nobody_there_is_named() -> None:
    peers = Peers(echo)
    peers.refuse = True

    async def main() -> None:
        link = Link("scope_2", peers.connect)
        error = await failure(link, b"1\n")
        assert isinstance(error, ConnectFailed)
        assert str(error) == "scope_2: nobody answers at the address: nobody listens"
        peers.refuse = False
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"

    run_virtual(main())


def test_a_connection_that_never_comes_ends_at_the_deadline() -> None:
    async def never(factory: Callable[[], asyncio.BaseProtocol]) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        await asyncio.sleep(1e6)
        raise OSError("unreachable")

    async def main() -> None:
        with pytest.raises(LinkTimeout):
            await Link("x", never).open(3.0)
        assert asyncio.get_running_loop().time() == pytest.approx(3.0)

    run_virtual(main())


def test_a_babbling_line_is_given_up_at_the_deadline() -> None:
    def answer(peer: Peer, data: bytes) -> None:
        for moment in range(1, 2000):
            peer.say_later(moment * 0.01, b"garbage\n")

    async def main() -> None:
        link = Link("x", Peers(answer).connect, recovery=Recovery.DRAIN, hello=ECHO)
        with pytest.raises(InstrumentError):
            await link.open(2.0)
        with pytest.raises(LinkTimeout):
            await link.open(2.0)
        assert asyncio.get_running_loop().time() <= 4.5

    run_virtual(main())


def test_close_is_final_and_quiet() -> None:
    peers = Peers(lambda peer, data: None)

    async def main() -> None:
        link = Link("x", peers.connect)
        task = asyncio.create_task(link.query(b"1\n", timeout_s=5.0))
        await asyncio.sleep(0.1)
        await link.close()
        await link.close()
        with pytest.raises(LinkClosed):
            await task
        assert isinstance(await failure(link, b"2\n"), LinkClosed)
        assert len(peers.made) == 1

    run_virtual(main())


def test_send_waits_for_a_peer_that_does_not_read() -> None:
    peers = Peers(echo)

    async def main() -> None:
        link = Link("x", peers.connect)
        await link.send(b"SET 1\n", timeout_s=1.0)
        await asyncio.sleep(0)
        assert peers.made[0].got == b"SET 1\n"
        link._receiver.pause_writing()
        with pytest.raises(LinkTimeout):
            await link.send(b"SET 2\n", timeout_s=1.0)

    run_virtual(main())
