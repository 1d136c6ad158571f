"""Whatever arrives at the serial power instruments, they neither break nor grow, and go on answering."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.personalities.genesys import GenesysUnit
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.personalities.technix import TechnixPanel
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.genesys import GenesysLine
from firmware_sim.sessions.probus import ProbusSession
from firmware_sim.sessions.technix import TechnixSession

S = 1_000_000_000
REPLY_MAX = 64
"""No answer is longer than this per byte of a message's end."""


def probus() -> Session:
    load = SmallCapacitor()
    return ProbusSession(CapacitorChargerPanel(load.read, load.drive), load.advance)


def technix() -> Session:
    load = SmallCapacitor(100e-6, 100e3)
    return TechnixSession(TechnixPanel(load.read, load.drive), load.advance, baud=9600)


def genesys() -> Session:
    return GenesysLine([GenesysUnit(6), GenesysUnit(7)])


WORDS: dict[Callable[[], Session], list[bytes]] = {
    probus: [b">S0 ", b">S1", b"?", b"\n", b"\r", b"\0", b"F1", b"=", b"KT", b"*IDN?", b"U", b"X", b"G1", b"1e9"],
    technix: [b"d1,", b"d2,", b"P5,1", b"P6,1", b"P7,0", b"a1", b"E", b"\r", b"4095", b"-1"],
    genesys: [
        b"ADR 6\r", b"PV ", b"OUT 1\r", b"STT?", b"\r", b"\x08", b"\\", b"$3A", b"\xaa", b"\x86", b"\xa6", b"GPV ",
        b"SENA FF\r", b"12", b"e9", b"nan",
    ],
}  # fmt: skip

LAST: dict[Callable[[], Session], tuple[bytes, bytes]] = {
    probus: (b"\n>KT 2\n*IDN?\n", b"FUG HCK 2000 - 4 000 MOD 17022-01-01\n"),
    technix: (b"\rP7,1\rE\r", b"E"),
    genesys: (b"\r\r\rADR 6\rIDN?\r", b"LAMBDA,GEN80-65\r"),
}


@pytest.mark.parametrize("make", WORDS, ids=lambda make: make.__name__)
@settings(max_examples=150)
@given(data=st.data())
def test_any_bytes(make: Callable[[], Session], data: st.DataObject) -> None:
    piece = st.one_of(st.sampled_from(WORDS[make]), st.binary(max_size=20))
    session, now_ns = make(), 0
    for part in data.draw(st.lists(piece, max_size=30)):
        now_ns += data.draw(st.sampled_from([0, 1, S]))
        said = b"".join(bytes(chunk.data) for chunk in session.feed(part, now_ns))
        assert len(said) <= REPLY_MAX * (len(part) + 1)
        session.tick(now_ns)
    request, reply = LAST[make]
    assert reply in b"".join(bytes(chunk.data) for chunk in session.feed(request, now_ns + S))
