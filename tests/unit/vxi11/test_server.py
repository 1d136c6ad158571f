"""The VXI-11 stand-in under bare calls on virtual time: results, error codes, waiting, locks, SRQ, abort, bounds."""

import asyncio
import struct

import pytest

from firmware_sim.sessions.vxi11 import INBOX_MAX, RECORD_MAX
from firmware_sim.sessions.vxi11_core import LINKS_MAX, RECEIVE_MAX
from tests.unit.vxi11.bench import (
    ABORT,
    CORE,
    END,
    TERMCHAR,
    WAIT_LOCK,
    Bench,
    Caller,
    generic,
    opaque,
    read_arguments,
    read_result,
    run,
)

IDN = b"KEYSIGHT TECHNOLOGIES,DSO-X 3014A,MY00000001,02.50.2019022736\n"


@pytest.mark.parametrize("piece", [1, 3, 1 << 30])
@pytest.mark.parametrize("fragment", [5, 1 << 30])
def test_a_query_however_it_is_cut(piece: int, fragment: int) -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller(piece)
        caller.fragment = fragment
        assert await caller.create() == (0, 0, 4711, RECEIVE_MAX)
        assert await caller.ask(0, b"*IDN?\r\n") == IDN
        assert await caller.ask(0, b"*IDN?") == IDN

    run(main)


def test_reasons_of_a_read() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        await caller.create()
        await caller.write_text(0, b"*IDN?")
        assert await caller.read(0, 0) == (0, 1, b"")
        assert await caller.read(0, 8) == (0, 1, IDN[:8])
        assert await caller.read(0, 100, flags=TERMCHAR, char=ord(",")) == (0, 2, b" TECHNOLOGIES,")
        assert await caller.read(0, 6, flags=TERMCHAR, char=ord("A")) == (0, 1, b"DSO-X ")
        rest = IDN[IDN.index(b"DSO") + 6 :]
        assert await caller.read(0, len(rest), flags=TERMCHAR, char=10) == (0, 7, rest)
        assert await caller.read(0, io_ms=0) == (15, 0, b"")
        assert await caller.ask(0, b":SYST:ERR?") == b'-420,"Query UNTERMINATED"\n'

    run(main)


def test_a_message_in_pieces_and_a_write_without_end() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        await caller.create()
        assert await caller.write_text(0, b"*ID", flags=0) == (0, 3)
        assert await caller.write_text(0, b"N?") == (0, 2)
        assert await caller.read(0) == (0, 4, IDN)
        assert await caller.write_text(0, b"*IDN?\n", flags=0) == (0, 6)
        assert await caller.read(0) == (0, 4, IDN)

    run(main)


def test_a_read_times_out_when_it_says_and_the_late_answer_is_not_the_next_one() -> None:
    async def main(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        caller = await bench.caller()
        await caller.create()
        await caller.write_text(0, b"*RST;:TRIG:SWE NORM;SOUR EXT;:SING")
        await caller.write_text(0, b"*OPC?")
        begin = loop.time()
        assert await caller.read(0, io_ms=250) == (15, 0, b"")
        assert loop.time() - begin == pytest.approx(0.25, abs=0.025)
        caller.send(12, read_arguments(0, 100, 5000))
        await asyncio.sleep(0.1)
        assert caller.got.empty()
        bench.scope.trigger(round(loop.time() * 1e9), "EXT")
        reply = await caller.reply()
        assert read_result(caller.result(reply, caller._xid)) == (0, 4, b"1\n")

    run(main)


def test_a_new_query_interrupts_an_answer_half_read() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        await caller.create()
        await caller.ask(0, b"*ESR?")
        await caller.write_text(0, b"*IDN?")
        await caller.read(0, 5)
        assert (await caller.poll(0))[1] & 16
        assert await caller.ask(0, b"*OPT?") == b"0\n"
        assert await caller.ask(0, b":SYST:ERR?") == b'-410,"Query INTERRUPTED"\n'
        await caller.write_text(0, b"*IDN?")
        assert await caller.ask(0, b"*OPT?") == b"0\n"
        assert await caller.ask(0, b":SYST:ERR?") == b'-410,"Query INTERRUPTED"\n'

    run(main)


def test_status_byte_clear_and_trigger() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        await caller.create()
        await caller.write_text(0, b"*CLS")
        assert await caller.poll(0) == (0, 0)
        await caller.write_text(0, b"*IDN?")
        assert await caller.poll(0) == (0, 16)
        assert await caller.plain(15, generic(0)) == 0
        assert await caller.poll(0) == (0, 0)
        assert await caller.ask(0, b"*OPT?") == b"0\n"
        await caller.write_text(0, b":NOSUCH")
        assert await caller.poll(0) == (0, 4)
        await caller.write_text(0, b"*CLS;*SRE 4")
        await caller.write_text(0, b":NOSUCH")
        assert await caller.poll(0) == (0, 68)
        assert await caller.poll(0) == (0, 4)  # a serial poll clears RQS
        assert await caller.ask(0, b"*STB?") == b"68\n"  # MSS stays
        assert await caller.plain(14, generic(0)) == 0
        assert await caller.plain(16, generic(0)) == 0
        assert await caller.plain(17, generic(0)) == 0

    run(main)


def test_device_clear_frees_a_held_parser() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        await caller.create()
        await caller.write_text(0, b"*RST;:TRIG:SWE NORM;SOUR EXT;:DIG CHAN1;*OPC?")
        assert await caller.read(0, io_ms=20) == (15, 0, b"")
        await caller.write_text(0, b"*IDN?")
        assert await caller.read(0, io_ms=20) == (15, 0, b"")
        assert await caller.plain(15, generic(0)) == 0
        assert await caller.ask(0, b"*OPT?") == b"0\n"

    run(main)


def test_error_codes_of_calls_that_cannot_be_carried_out() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        assert (await caller.create(name=b"inst7"))[0] == 3
        assert await caller.create() == (0, 0, 4711, RECEIVE_MAX)
        for procedure, tail in ((13, 4), (14, 0), (15, 0), (16, 0), (17, 0)):
            assert await caller.call(procedure, generic(99)) == struct.pack(">i", 4) + bytes(tail)
        assert await caller.write_text(99, b"x") == (4, 0)
        assert await caller.read(99) == (4, 0, b"")
        assert await caller.plain(19, struct.pack(">i", 0)) == 12
        assert await caller.plain(23, struct.pack(">i", 5)) == 4
        docmd = struct.pack(">iiIIiIi", 0, 0, 0, 0, 1, 0, 0) + opaque(b"")
        assert await caller.call(22, docmd) == struct.pack(">iI", 8, 0)
        other = await bench.caller()
        assert await other.write_text(0, b"x") == (4, 0)  # a link belongs to its connection
        assert await caller.plain(23, struct.pack(">i", 0)) == 0
        assert await caller.write_text(0, b"x") == (4, 0)

    run(main)


def test_what_the_rpc_layer_refuses() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        assert await caller.call(0) == b""
        assert await caller.call(0, program=ABORT) == b""
        for program, version, procedure, tail in (
            (CORE, 1, 99, (3,)),
            (CORE, 2, 0, (2, 1, 1)),
            (ABORT, 9, 1, (2, 1, 1)),
            (12345, 1, 0, (1,)),
            (CORE, 1, 12, (4,)),
        ):
            xid = caller.send(procedure, b"", program, version)
            assert await caller.reply() == struct.pack(f">5I{len(tail)}I", xid, 1, 0, 0, 0, *tail)
        caller.write(struct.pack(">IIII", 0x8000_000C, 5, 0, 3))
        assert await caller.reply() == struct.pack(">6I", 5, 1, 1, 0, 2, 2)
        caller.write(struct.pack(">IIII", 0x8000_000C, 5, 1, 2))
        assert await caller.reply() is None

    run(main)


def test_everything_a_client_can_pile_up_is_bounded() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        caller.write(struct.pack(">I", RECORD_MAX + 1))
        assert await caller.reply() is None
        caller = await bench.caller()
        for _ in range(1024):
            caller.write(bytes(4))
        assert await caller.reply() is None
        caller = await bench.caller()
        links = [(await caller.create())[1] for _ in range(LINKS_MAX)]
        assert len(set(links)) == LINKS_MAX
        assert (await caller.create())[0] == 9
        await caller.plain(23, struct.pack(">i", links[3]))
        assert (await caller.create())[0] == 0
        caller.send(12, read_arguments(links[0], 10, 60_000))
        for _ in range(INBOX_MAX + 1):
            caller.send(0)
        assert await caller.reply() is None
        assert bench.server.instrument.links == {} and bench.scope.status.watchers == []

    run(main)


def test_calls_behind_a_held_one_come_in_order() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        await caller.create()
        first = caller.send(12, read_arguments(0, 10, 100))
        second = caller.send(13, generic(0))
        assert read_result(caller.result(await caller.reply(), first)) == (15, 0, b"")
        caller.result(await caller.reply(), second)

    run(main)


def test_locks_hold_off_other_links_until_given_back() -> None:
    async def main(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        one, two = await bench.caller(), await bench.caller()
        a, b = (await one.create())[1], (await two.create())[1]
        assert await one.plain(18, struct.pack(">iiI", a, 0, 0)) == 0
        assert await one.plain(18, struct.pack(">iiI", a, 0, 0)) == 11
        assert await two.plain(18, struct.pack(">iiI", b, 0, 5000)) == 11
        assert await two.write_text(b, b"*IDN?") == (11, 0)
        assert await two.read(b) == (11, 0, b"")
        assert await two.poll(b) == (11, 0)
        assert await one.ask(a, b"*OPT?") == b"0\n"
        begin = loop.time()
        assert await two.write_text(b, b"*IDN?", flags=END | WAIT_LOCK, lock_ms=200) == (11, 0)
        assert loop.time() - begin == pytest.approx(0.2, abs=0.02)
        xid = two.send(18, struct.pack(">iiI", b, WAIT_LOCK, 10_000))
        await asyncio.sleep(0.05)
        assert two.got.empty()
        assert await one.plain(19, struct.pack(">i", a)) == 0
        assert two.result(await two.reply(), xid) == struct.pack(">i", 0)
        assert await one.write_text(a, b"*IDN?") == (11, 0)
        two.transport.close()
        await asyncio.sleep(0.01)
        assert await one.ask(a, b"*OPT?") == b"0\n"

    run(main)


def test_create_link_may_lock() -> None:
    async def main(bench: Bench) -> None:
        one, two = await bench.caller(), await bench.caller()
        assert (await one.create(lock=True))[0] == 0
        assert await two.create(lock=True, lock_ms=50) == (11, 0, 0, 0)
        assert len(bench.server.instrument.links) == 1
        assert (await two.create())[0] == 0

    run(main)


def test_a_lock_by_hislip_holds_off_vxi11_too() -> None:
    async def main(bench: Bench) -> None:
        from controller.app.linked import linked
        from drivers.transports.hislip import HislipLink
        from drivers.transports.route import Hislip
        from firmware_sim.servers.tcp import SessionProtocol

        hislip = HislipLink("scope", Hislip(linked(lambda: SessionProtocol(bench.hislip.open_session))))
        caller = await bench.caller()
        await caller.create()
        assert await hislip.lock(wait_s=0, timeout_s=1.0)
        assert await caller.write_text(0, b"*IDN?") == (11, 0)
        xid = caller.send(18, struct.pack(">iiI", 0, WAIT_LOCK, 10_000))
        await hislip.unlock(timeout_s=1.0)
        assert caller.result(await caller.reply(), xid) == struct.pack(">i", 0)
        assert not await hislip.lock(wait_s=0, timeout_s=1.0)
        waiting = asyncio.create_task(hislip.lock(wait_s=5.0, timeout_s=6.0), name="lock")
        await asyncio.sleep(0.1)
        begin = asyncio.get_running_loop().time()
        assert await caller.plain(19, struct.pack(">i", 0)) == 0
        assert await waiting
        assert asyncio.get_running_loop().time() - begin < 0.05
        await hislip.close()

    run(main)


def test_abort_ends_the_read_in_progress_and_no_later_one() -> None:
    async def main(bench: Bench) -> None:
        caller, aborter = await bench.caller(), await bench.caller()
        await caller.create()
        xid = caller.send(12, read_arguments(0, 10, 60_000))
        assert await aborter.call(1, struct.pack(">i", 0), ABORT) == struct.pack(">i", 0)
        assert read_result(caller.result(await caller.reply(1.0), xid)) == (23, 0, b"")
        assert await aborter.call(1, struct.pack(">i", 9), ABORT) == struct.pack(">i", 4)
        assert await aborter.call(1, struct.pack(">i", 0), ABORT) == struct.pack(">i", 0)
        assert await caller.ask(0, b"*OPT?") == b"0\n"

    run(main)


class Listener(Caller):
    """The client's end of an interrupt channel: collects calls."""


def _channel(port: int, program: int = 0x0607B1, family: int = 0) -> bytes:
    return struct.pack(">5I", 0x7F000001, port, program, 1, family)


def test_service_requests_are_called_in_by_the_instrument() -> None:
    async def main(bench: Bench) -> None:
        listener = Listener()
        bench.network.clients["127.0.0.1", 5000] = lambda: listener
        caller, other = await bench.caller(), await bench.caller()
        await caller.create()
        link = (await other.create())[1]
        assert await caller.plain(26, b"") == 6
        assert await caller.plain(25, _channel(5001)) == 6
        assert await caller.plain(25, _channel(0)) == 5
        assert await caller.plain(25, _channel(5000, family=1)) == 8
        assert await caller.plain(25, _channel(5000)) == 0
        assert await caller.plain(25, _channel(5000)) == 29
        assert await caller.plain(20, struct.pack(">iI", 0, 1) + opaque(b"my handle")) == 0
        assert await caller.call(0) == b""
        await caller.write_text(0, b"*CLS;*ESE 1;*SRE 32")
        await caller.write_text(0, b"*RST;:TRIG:SWE NORM;SOUR EXT;:SING;*OPC")
        await asyncio.sleep(0.5)
        assert listener.got.empty()
        bench.scope.trigger(round(asyncio.get_running_loop().time() * 1e9), "EXT")
        srq = await listener.reply(1.0)
        assert srq is not None
        assert srq[4:] == struct.pack(">9I", 0, 2, 0x0607B1, 1, 30, 0, 0, 0, 0) + opaque(b"my handle")
        assert (await caller.poll(0))[1] & 96 == 96
        assert listener.got.empty()
        assert (await other.poll(link))[1] & 96 == 96  # each client has its own RQS
        await caller.plain(20, struct.pack(">iI", 0, 0) + opaque(b""))
        await caller.write_text(0, b"*CLS;*SRE 4")
        await caller.write_text(0, b":NOSUCH")
        await asyncio.sleep(0.01)
        assert listener.got.empty()
        assert await caller.plain(26, b"") == 0
        assert await listener.reply(1.0) is None
        assert await caller.plain(26, b"") == 6

    run(main)


def test_a_long_record_comes_in_pieces_of_the_instruments_size() -> None:
    async def main(bench: Bench) -> None:
        caller = await bench.caller()
        await caller.create()
        await caller.write_text(0, b":DISP:DATA? BMP, COL")
        pieces, reason = [], 0
        while not reason & 4:
            error, reason, data = await caller.read(0, 0xFFFF_FFFF)
            assert error == 0 and reason in (0, 4)
            pieces.append(data)
        whole = b"".join(pieces)
        assert whole[:2] == b"#8" and len(whole) == 10 + int(whole[2:10]) + 1
        assert await caller.ask(0, b"*OPT?") == b"0\n"

    run(main)


def test_the_interrupt_channel_ends_with_its_connection() -> None:
    async def main(bench: Bench) -> None:
        listener = Listener()
        bench.network.clients["127.0.0.1", 5000] = lambda: listener
        caller = await bench.caller()
        await caller.create()
        assert await caller.plain(25, _channel(5000)) == 0
        caller.transport.close()
        assert await listener.reply(1.0) is None
        assert bench.server.instrument.links == {}

    run(main)
