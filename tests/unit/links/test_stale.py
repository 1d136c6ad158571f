"""The fault ``stale`` on every protocol: the old answer, with stamps that belong to the present question."""

import struct

import pytest

from controller.app.linked import linked, way_by
from controller.runtime.virtual_loop import run_virtual
from drivers.transports.modbus import ModbusLink
from drivers.transports.route import Hislip, make_link
from drivers.wire.modbus import ExceptionCode, Function, Request
from firmware_sim.link_faults import LinkFaults
from firmware_sim.old_answers import KEPT_MAX, OldAnswers
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.standalone import STANDALONE
from tests.unit.vxi11.bench import Bench, Caller, run

SCOPE = "Keysight DSO-X 3014A"


@pytest.mark.parametrize("transport", ["socket", "hislip"])
def test_a_text_answer_is_the_old_one_until_the_fault_is_over(transport: str) -> None:
    async def main() -> None:
        doors, acted, faults = STANDALONE[SCOPE](0), list[str](), LinkFaults()
        faults.on_act = lambda fault, what: acted.append(fault)
        join = linked(lambda: SessionProtocol(lambda: faults.wrap(doors[transport]())))
        link = make_link("scope", way_by(transport, join))
        panel = make_link("panel", linked(lambda: SessionProtocol(doors["socket"])))

        async def ask(question: bytes) -> float:
            return float(await link.query(question, timeout_s=1.0))

        await panel.send(b":CHAN1:SCAL 1;:CHAN2:SCAL 2\n", timeout_s=1.0)
        faults.inject("stale")
        assert await ask(b":CHAN1:SCAL?\n") == 1.0
        assert not acted, "a first answer is not old"
        await panel.send(b":CHAN1:SCAL 0.5\n", timeout_s=1.0)
        assert float(await panel.query(b":CHAN1:SCAL?\n", timeout_s=1.0)) == 0.5
        for _ in range(3):
            assert await ask(b":CHAN1:SCAL?\n") == 1.0
            assert await ask(b":CHAN2:SCAL?\n") == 2.0, "each question has its own old answer"
        assert set(acted) == {"stale"}
        faults.inject("stale", on=False)
        assert await ask(b":CHAN1:SCAL?\n") == 0.5
        await link.close()
        await panel.close()

    run_virtual(main())


def test_hislip_still_clears_and_polls() -> None:
    async def main() -> None:
        from drivers.transports.hislip import HislipLink

        faults = LinkFaults()
        faults.inject("stale")
        door = STANDALONE[SCOPE](0)["hislip"]
        link = HislipLink("scope", Hislip(linked(lambda: SessionProtocol(lambda: faults.wrap(door())))))
        identity = await link.query(b"*IDN?\n", timeout_s=1.0)
        await link.query(b"*ESR?\n", timeout_s=1.0)
        for _ in range(2):
            await link.send(b"*CLS;:NOSUCH\n", timeout_s=1.0)
            assert await link.status_byte(timeout_s=1.0) & 4, "only answers of the panel are old"
            await link.send(b"*CLS\n", timeout_s=1.0)
            assert not await link.status_byte(timeout_s=1.0) & 4
            await link.clear(timeout_s=1.0)
            assert await link.query(b"*IDN?\n", timeout_s=1.0) == identity
        await link.close()

    run_virtual(main())


def test_vxi11_reads_the_old_answer_to_what_was_written_last() -> None:
    async def main(bench: Bench) -> None:
        faults, panel = LinkFaults(), await bench.caller()
        caller = Caller()
        await linked(lambda: SessionProtocol(lambda: faults.wrap(bench.server())))(lambda: caller)
        await caller.create()
        other = (await panel.create())[1]
        faults.inject("stale")
        await panel.write_text(other, b":CHAN1:SCAL 1")
        assert float(await caller.ask(0, b":CHAN1:SCAL?")) == 1.0
        identity = await caller.ask(0, b"*IDN?")
        await panel.write_text(other, b":CHAN1:SCAL 5E-1")
        assert float(await caller.ask(0, b":CHAN1:SCAL?")) == 1.0
        assert await caller.ask(0, b"*IDN?") == identity
        await caller.write_text(0, b"*IDN?")
        pieces = [(await caller.read(0, 8))[2] for _ in range(len(identity) // 8 + 1)]
        assert b"".join(pieces) == identity, "no piece comes twice"
        faults.inject("stale", on=False)
        assert float(await caller.ask(0, b":CHAN1:SCAL?")) == 0.5

    run(main)


class Counting:
    answering = True
    count = 0

    def read(self, address: int, count: int) -> bytes | ExceptionCode:
        self.count += 1
        return struct.pack(">H", 100 * address + self.count) * count

    def write(self, address: int, data: bytes) -> ExceptionCode | None:
        return None

    def read_write(self, address: int, count: int, write_address: int, data: bytes) -> bytes | ExceptionCode:
        return self.read(address, count)


def test_a_modbus_frame_has_the_present_transaction() -> None:
    async def main() -> None:
        faults, device = LinkFaults(), Counting()
        faults.inject("stale")
        link = ModbusLink("daq", linked(lambda: SessionProtocol(lambda: faults.wrap(ModbusSession(device)))))

        async def read(address: int) -> int:
            data = await link.transact(Request(Function.READ_HOLDING, address, 1), timeout_s=1.0)
            return int.from_bytes(data, "big")

        assert [await read(1), await read(2), await read(1), await read(2)] == [101, 202, 101, 202]
        faults.inject("stale", on=False)
        assert await read(1) == 105
        await link.close()

    run_virtual(main())


def test_what_is_kept_is_bounded() -> None:
    old = OldAnswers()
    for number in range(4 * KEPT_MAX):
        old.instead(b"%d?\n" % number, b"%d\n" % number)
    assert len(old._kept) == KEPT_MAX
    assert old.instead(b"0?\n", b"new\n") == b"new\n"
    assert old.instead(b"1023?\n", b"new\n") == b"1023\n"


NONSENSE = [b"", b"H", b"HS", b"HS" + bytes(13), b"HS" + b"\xff" * 30, b"\x80\0\0\x18" + bytes(24)]


@pytest.mark.parametrize("question", NONSENSE)
def test_nonsense_is_passed_on(question: bytes) -> None:
    assert OldAnswers().instead(question, b"answer") == b"answer"
