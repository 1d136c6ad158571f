"""Binary replies over the link: frames and blocks, cut anywhere, refused in time, and never beyond their deadline."""

import asyncio

import pytest

from controller.runtime.virtual_loop import run_virtual
from drivers.errors import LinkTimeout, RemoteWireError
from drivers.transports.link import Link
from tests.unit.links.peers import Peer, Peers, echo


def test_a_framer_measures_binary_replies() -> None:
    frame = b"\x00\x01\x00\x00\x00\x03abc"

    def answer(peer: Peer, data: bytes) -> None:
        peer.say(frame[:4])
        peer.say_later(0.01, frame[4:])

    def measure(held: bytearray) -> int:
        return 6 + int.from_bytes(held[4:6], "big") if len(held) >= 6 else 0

    async def main() -> None:
        link = Link("plc", Peers(answer).connect)
        assert await link.query(b"?", timeout_s=1.0, framer=measure, max_bytes=260) == frame
        with pytest.raises(RemoteWireError):
            await link.query(b"?", timeout_s=1.0, framer=measure, max_bytes=8)

    run_virtual(main())


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 100, 100_000])
@pytest.mark.parametrize("size", [0, 1, 1000, 90_000])
def test_a_block_may_be_cut_anywhere(piece: int, size: int) -> None:
    data = bytes(index * 7 % 256 for index in range(size))
    whole = b"#8%08d" % size + data + b"\n"
    if len(whole) // piece > 2000:
        piece = len(whole) // 2000

    def answer(peer: Peer, request: bytes) -> None:
        for at in range(0, len(whole), piece):
            peer.say_later(0.0001 * (at // piece), whole[at : at + piece])

    async def main() -> None:
        link = Link("scope", Peers(answer).connect)
        out = bytearray(100_000)
        assert await link.query_block(b"WAV:DATA?\n", out, timeout_s=5.0) == size
        assert out[:size] == data

    run_virtual(main())


@pytest.mark.parametrize("room", [10, 100_000])
@pytest.mark.parametrize(
    "reply",
    [b"#9999999999", b"#0abc\n", b"#8000x0001a\n", b"NAN\n", b"#15hello!", b"#15helloX\n", b"#15hello\nmore"],
)
def test_a_bad_block_is_refused_before_memory_is_asked_for(room: int, reply: bytes) -> None:
    peers = Peers(lambda peer, data: peer.say(reply))

    async def main() -> None:
        link = Link("scope", peers.connect)
        with pytest.raises(RemoteWireError):
            await link.query_block(b"WAV:DATA?\n", bytearray(room), timeout_s=1.0)
        assert asyncio.get_running_loop().time() == 0.0, "refused at once, not by the deadline"
        peers.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"

    run_virtual(main())


def test_after_a_block_timed_out_nobody_writes_to_the_callers_memory() -> None:
    def answer(peer: Peer, data: bytes) -> None:
        peer.say(b"#6100000" + b"a" * 50_000)
        peer.say_later(2.0, b"b" * 50_000 + b"\n")

    peers = Peers(answer)

    async def main() -> None:
        link = Link("scope", peers.connect)
        out = bytearray(100_000)
        with pytest.raises(LinkTimeout):
            await link.query_block(b"WAV:DATA?\n", out, timeout_s=1.0)
        await asyncio.sleep(5.0)
        assert b"b" not in out
        peers.answer = echo
        assert await link.query(b"1\n", timeout_s=1.0) == b"re 1"

    run_virtual(main())
