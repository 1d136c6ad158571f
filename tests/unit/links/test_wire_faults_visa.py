"""Every wire fault on VXI-11: PyVISA blocks on a thread, so time is real here, and all faults run side by side."""

import asyncio

import pytest

from drivers.errors import InstrumentError
from drivers.transports.route import Visa, make_link
from firmware_sim.link_faults import FAULTS, LinkFaults
from firmware_sim.servers.vxi11 import serve_vxi11
from firmware_sim.sessions.vxi11 import Vxi11Server
from firmware_sim.standalone import STANDALONE
from tests.unit.links.test_wire_faults import LIES

pytest.importorskip("pyvisa_py")

ASK_S = 1.0
LATE_S = 3.0
"""What a busy machine may add; a blocked call would add its whole patience, which has no end."""

HEALTHY_S = 30.0
"""Deadline of what has to succeed: it is about being right, not about being quick on a busy machine."""

MODEL = "R&S SMB100A"
QUESTION = b"*IDN?\n"


def text_of(answer: bytes) -> bytes:
    """END ends a message: another character before it is the text's own, and parsers take it for white space."""
    return answer.rstrip()


async def judge(fault: str) -> str:
    """What is wrong with this fault's row; empty when nothing is."""
    loop = asyncio.get_running_loop()
    acted: set[str] = set()
    faults = LinkFaults(on_act=lambda name, what: acted.add(name), seed=11)
    door = STANDALONE[MODEL](0)["vxi11"]
    assert isinstance(door, Vxi11Server)
    server = await serve_vxi11(door, around=faults.wrap)
    host, _, port = server.address.partition(":")
    link = make_link("it", Visa(f"TCPIP::{host}{',' + port if port else ''}::inst0::INSTR", "@py"))
    try:
        right = await link.query(QUESTION, timeout_s=HEALTHY_S)
        faults.inject(fault)
        for _ in range(2):
            begin = loop.time()
            try:
                answer = await link.query(QUESTION, timeout_s=ASK_S)
            except InstrumentError:
                answer = right
            if text_of(answer) != text_of(right):
                return f"{fault}: {answer!r}"
            if loop.time() - begin > ASK_S + LATE_S:
                return f"{fault}: {loop.time() - begin:.1f} s"
        faults.inject(fault, on=False)
        answer = await link.query(QUESTION, timeout_s=HEALTHY_S)
        return "" if answer == right and fault in acted else f"{fault}: {answer!r} afterwards, acted: {acted}"
    except InstrumentError as error:
        return f"{fault}: {error} when it was over"
    finally:
        await link.close()
        await server.close()


async def test_an_error_or_the_right_answer_in_time_and_the_next_is_right() -> None:
    found = await asyncio.gather(*(judge(fault) for fault in FAULTS if fault not in LIES))
    assert [problem for problem in found if problem] == []
