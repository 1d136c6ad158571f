"""The link-shell faults as a pure filter, and the server's pacing of what comes out."""

import asyncio

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import run_virtual
from firmware_sim.link_faults import FAULTS, LinkFaults, rewrite_text
from firmware_sim.servers.tcp import SessionProtocol, serve_tcp
from firmware_sim.sessions.base import Chunk


class Parrot:
    """Answers with a fixed reply, in two pieces with a pause between when ``paced``."""

    waiting = False

    def __init__(self, reply: bytes, paced: bool = False) -> None:
        self.reply = reply
        self.heard = b""
        self.paced = paced

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        self.heard += data
        if self.paced:
            return [Chunk(self.reply[:4], 1000), Chunk(self.reply[4:], 500)]
        return [Chunk(self.reply)]

    def tick(self, now_ns: int) -> list[Chunk]:
        return [Chunk(self.reply)]


def through(fault: str, reply: bytes, paced: bool = False) -> list[Chunk]:
    faults = LinkFaults()
    faults.inject(fault)
    return faults.wrap(Parrot(reply, paced)).feed(b"?\n", 0)


@pytest.mark.parametrize(
    ("reply", "spoilt"),
    [
        (b"M0:+1.5E+03\n", b"M0:NAN\n"),
        (b"0,+0.000010000000\r\n", b"NAN,NAN\r\n"),
        (b"+0,+0,+1000,-.5\n", b"NAN,NAN,NAN,NAN\n"),
        (b"E0\n", b"E0\n"),
        (b"DG645,s/n001234,ver1.14.10E\r\n", b"DG645,s/n001234,ver1.14.10E\r\n"),
        (b"#800000003123\n", b"#800000003123\n"),
    ],
)
def test_nan_replaces_numbers_and_nothing_else(reply: bytes, spoilt: bytes) -> None:
    assert b"".join(bytes(chunk.data) for chunk in through("nan", reply)) == spoilt
    assert rewrite_text("overflow", reply) == spoilt.replace(b"NAN", b"9.9E37")


@pytest.mark.parametrize(
    ("request_frame", "spoilt"),
    [
        ("0001 0000 0007 01 03 04 41200000", "0001 0000 0007 01 03 04 7fc00000"),
        ("0002 0000 0005 01 03 02 3132", "0002 0000 0005 01 03 02 7fc0"),
        ("0003 0000 0003 01 83 02", "0003 0000 0003 01 83 02"),
    ],
)
def test_nan_in_modbus_registers(request_frame: str, spoilt: str) -> None:
    out = b"".join(bytes(chunk.data) for chunk in through("nan", bytes.fromhex(request_frame)))
    assert out == bytes.fromhex(spoilt)


def test_a_number_cut_by_pacing_is_replaced_whole_and_in_its_time() -> None:
    assert through("nan", b"M0:+1.5E+03\n", paced=True) == [Chunk(b"", 1500), Chunk(b"M0:NAN\n")]


def test_silence_hang_up_garbage_and_a_gigabyte() -> None:
    assert through("silent", b"1\n") == []
    assert through("close", b"1\n") == [Chunk(b"", 0, True)]
    garbage = through("garbage", b"1.5\r\n")[1].data
    assert garbage != b"1.5\r\n"
    assert bytes(garbage).endswith(b"\n")
    assert b"".join(bytes(chunk.data) for chunk in through("huge_block", b"1\n")) == b"#99999999991\n"


def test_a_silent_instrument_did_not_hear_the_command() -> None:
    faults = LinkFaults()
    parrot = Parrot(b"1\n")
    session = faults.wrap(parrot)
    faults.inject("silent")
    session.feed(b"FIRE\n", 0)
    assert session.tick(0) == []
    faults.inject("silent", False)
    assert session.feed(b"?\n", 0) == [Chunk(b"1\n")]
    assert parrot.heard == b"?\n"


def test_faults_have_descriptions_and_unknown_ones_are_refused() -> None:
    faults = LinkFaults()
    assert faults.FAULTS is FAULTS
    for fault in faults.FAULTS:
        faults.inject(fault)
        faults.inject(fault, False)
    assert not faults.active
    with pytest.raises(KeyError):
        faults.inject("unknown")


def test_slow_is_one_byte_per_second_on_the_wire() -> None:
    arrived: list[tuple[float, bytes]] = []

    class Client(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            arrived.append((round(asyncio.get_running_loop().time(), 3), data))

    async def main() -> None:
        faults = LinkFaults()
        faults.inject("slow")
        connect = linked(lambda: SessionProtocol(lambda: faults.wrap(Parrot(b"abc\n"))))
        transport, _ = await connect(Client)
        transport.write(b"?\n")
        await asyncio.sleep(10.0)
        assert arrived == [(0.0, b"a"), (1.0, b"b"), (2.0, b"c"), (3.0, b"\n")]
        transport.close()
        await asyncio.sleep(0.1)

    run_virtual(main())


def test_a_waiting_session_is_ticked_and_only_then() -> None:
    ticks: list[int] = []

    class Late:
        """Answers three milliseconds after it was asked."""

        waiting = False

        def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
            self.waiting = True
            return []

        def tick(self, now_ns: int) -> list[Chunk]:
            ticks.append(now_ns)
            if now_ns < 3_000_000:
                return []
            self.waiting = False
            return [Chunk(b"done\n")]

    got: list[bytes] = []

    class Client(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            got.append(data)

    async def main() -> None:
        transport, _ = await linked(lambda: SessionProtocol(Late))(Client)
        transport.write(b"*OPC?\n")
        await asyncio.sleep(1.0)
        assert got == [b"done\n"]
        assert ticks == [1_000_000, 2_000_000, 3_000_000]
        transport.close()
        await asyncio.sleep(0.1)

    run_virtual(main())


def spoilt(fault: str, replies: int = 2, seed: int = 0, serial: bool = False) -> list[list[Chunk]]:
    faults = LinkFaults(seed=seed)
    session = faults.wrap(Parrot(b"12345678\n"), serial=serial)
    session.feed(b"?\n", 0)
    faults.inject(fault)
    return [session.feed(b"?\n", number) for number in range(replies)]


def joined(chunks: list[Chunk]) -> bytes:
    return b"".join(bytes(chunk.data) for chunk in chunks)


def test_what_the_wire_does_to_two_answers() -> None:
    true = b"12345678\n"
    assert [joined(chunks) for chunks in spoilt("drop")] == [b"", true]
    assert [joined(chunks) for chunks in spoilt("merge")] == [b"", true + true]
    assert [joined(chunks) for chunks in spoilt("duplicate")] == [true + true] * 2
    assert [joined(chunks) for chunks in spoilt("wrong_end")] == [b"12345678\r"] * 2
    assert all(true.startswith(joined(chunks)) and joined(chunks) != true for chunks in spoilt("truncated"))
    assert [joined(chunks) for chunks in spoilt("half_open")] == [b"", b""]
    for fault in ("delay", "jitter", "split"):
        assert [joined(chunks) for chunks in spoilt(fault)] == [true, true]
    assert len(spoilt("split")[0]) == 1 + len(true)
    assert sum(chunk.duration_ns for chunk in spoilt("delay")[0]) == 400_000_000


def test_a_line_has_no_connection_to_reset_or_to_leave_half_open() -> None:
    assert spoilt("reset")[0][-1] == Chunk(close=True, reset=True)
    assert not any(chunk.close for chunk in spoilt("reset", serial=True)[0])
    for serial, answers in ((False, b""), (True, b"12345678\n")):
        faults = LinkFaults()
        session = faults.wrap(Parrot(b"12345678\n"), serial=serial)
        session.feed(b"?\n", 0)
        faults.inject("half_open")
        assert session.feed(b"?\n", 1) == []
        faults.inject("half_open", on=False)
        assert joined(session.feed(b"?\n", 2)) == answers


def test_noise_follows_from_the_seed() -> None:
    first, again, other = (spoilt("jitter", 8, seed) for seed in (1, 1, 2))
    assert first == again != other


async def test_a_reset_arrives_as_one() -> None:
    faults = LinkFaults()
    faults.inject("reset")
    server = await serve_tcp(lambda: faults.wrap(Parrot(b"12345678\n")))
    host, port = server.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"?\n")
    with pytest.raises(ConnectionResetError):
        await reader.read()
        await reader.read()
    writer.close()
    await server.close()
