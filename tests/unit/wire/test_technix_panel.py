"""The Technix charger's panel, socket and line (instruments.md 2.5)."""

import pytest

from drivers.wire.technix import Status, code_of, value_of
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.personalities.technix import WATCHDOG_S, TechnixPanel
from firmware_sim.sessions.technix import GREETING, TechnixSession

S = 1_000_000_000
IDLE = Status.HV_OFF
ON = Status.HV_ON | Status.OUTPUT


class Desk:
    """One charger with a small capacitor, and somebody who types."""

    def __init__(self, baud: int | None = None, fault: str = "") -> None:
        self.load = SmallCapacitor(100e-6, 100e3)
        self.panel = TechnixPanel(self.load.read, self.load.drive)
        if fault:
            self.panel.inject(fault)
        self.session = TechnixSession(self.panel, self.load.advance, baud=baud)
        self.now_ns = 0

    def ask(self, request: bytes) -> bytes:
        return b"".join(bytes(chunk.data) for chunk in self.session.feed(request, self.now_ns))

    def status(self) -> Status:
        return Status(int(self.ask(b"E\r")[1:-1]))

    def start(self) -> None:
        for request in (b"P7,0\r", b"P6,1\r", b"P6,0\r", b"P8,0\r"):
            assert self.ask(request) == request

    def pulse(self, number: int) -> None:
        for level in (1, 0):
            assert self.ask(b"P%d,%d\r" % (number, level)) == b"P%d,%d\r" % (number, level)


def test_the_first_clients_session() -> None:
    """client H [RAN]: its start order, its truncated set-points, on pulse, polling, off pulse."""
    desk = Desk()
    assert desk.status() == IDLE | Status.LOCAL
    desk.start()
    assert desk.ask(b"E\r") == b"E32\r"
    assert desk.ask(b"d1,2047\r") + desk.ask(b"d2,4095\r") == b"d1,2047\rd2,4095\r"
    desk.pulse(5)
    assert desk.status() == ON
    desk.now_ns = S // 10
    assert desk.ask(b"a1\r") == b"a1611\r"  # 1.5 A into 100 uF beside 100 kOhm for 0.1 s: 1492.5 V
    assert desk.ask(b"a2\r") == b"a24095\r"
    desk.now_ns = S
    assert desk.ask(b"a1\r") == b"a12047\r"
    assert desk.status() == ON | Status.VOLTAGE_REGULATION
    desk.pulse(6)
    assert desk.status() == IDLE
    desk.now_ns = 11 * S
    assert desk.ask(b"a1\r") == b"a1753\r"  # one time constant later


def test_codes_are_truncated() -> None:
    assert code_of(5000.0, 10_000.0) == 2047
    assert code_of(10_000.0, 10_000.0) == 4095
    assert code_of(0.0, 10_000.0) == 0
    for code in range(4096):
        assert code_of(value_of(code, 1.5), 1.5) == code
    for beyond in (-0.001, 10_000.001, float("nan")):
        with pytest.raises(ValueError, match="outside"):
            code_of(beyond, 10_000.0)


@pytest.mark.parametrize(
    "line", [b"d1,4096", b"d1", b"d3,1", b"P9,1", b"P5,2", b"a3", b"E?", b"*IDN?", b"d1,-1", b"d1,1.5", b"x" * 500]
)
def test_what_it_does_not_know_it_does_not_answer(line: bytes) -> None:
    desk = Desk()
    assert desk.ask(line + b"\r") == b""
    assert desk.ask(b"E\r") == b"E96\r"


def test_local_mode_echoes_and_ignores_but_obeys_off() -> None:
    desk = Desk()
    desk.start()
    desk.ask(b"d1,4095\rd2,4095\r")
    desk.pulse(5)
    desk.ask(b"P7,1\r")
    assert desk.ask(b"d1,0\r") == b"d1,0\r"
    desk.now_ns = S // 10
    assert desk.ask(b"a1\r") == b"a1611\r"
    desk.pulse(6)
    desk.pulse(5)
    assert desk.status() == IDLE | Status.LOCAL


def test_inhibit_holds_the_output_without_switching_off() -> None:
    desk = Desk()
    desk.start()
    desk.ask(b"d1,4095\rd2,4095\r")
    desk.pulse(5)
    desk.ask(b"P8,1\r")
    assert desk.status() == Status.HV_ON | Status.INHIBIT
    desk.now_ns = S
    assert desk.ask(b"a1\r") == b"a10\r"
    desk.ask(b"P8,0\r")
    assert desk.status() == ON


def test_an_open_interlock_latches_a_fault_that_hv_off_clears() -> None:
    desk = Desk()
    desk.start()
    desk.ask(b"d1,4095\rd2,4095\r")
    desk.pulse(5)
    desk.panel.inject("interlock_open")
    assert desk.status() == IDLE | Status.INTERLOCK_OPEN | Status.FAULT
    desk.pulse(6)
    assert Status.FAULT in desk.status(), "its cause is still there"
    desk.panel.inject("interlock_open", False)
    assert desk.status() == IDLE | Status.FAULT
    desk.pulse(5)
    assert desk.status() == IDLE | Status.FAULT
    desk.pulse(6)
    desk.pulse(5)
    assert desk.status() == ON


def test_an_internal_fault_is_not_cleared() -> None:
    desk = Desk(fault="internal_fault")
    desk.start()
    desk.pulse(5)
    assert desk.status() == IDLE | Status.FAULT


def test_the_watchdog_misses_its_host() -> None:
    desk = Desk()
    desk.start()
    desk.ask(b"d1,4095\rd2,4095\r")
    desk.pulse(5)
    desk.now_ns = round(WATCHDOG_S * S) - 1
    assert desk.status() == ON | Status.VOLTAGE_REGULATION
    desk.now_ns += round(WATCHDOG_S * S)
    assert desk.status() == IDLE | Status.FAULT
    assert desk.ask(b"a1\r") == b"a14095\r"
    desk.pulse(6)
    desk.pulse(5)
    desk.now_ns += round((WATCHDOG_S + 10.0) * S)
    assert desk.ask(b"a1\r") == b"a11506\r", "off at its own time: one time constant of the bleeder ago"


def test_a_module_that_greets_says_it_once_and_first() -> None:
    desk = Desk(fault="greeting")
    assert desk.session.waiting
    assert [bytes(chunk.data) for chunk in desk.session.tick(0)] == [GREETING]
    assert (desk.session.tick(0), desk.session.waiting) == ([], False)
    hasty = Desk(fault="greeting")
    assert hasty.ask(b"E\r") == GREETING + b"E96\r"
    assert Desk(baud=9600, fault="greeting").ask(b"E\r") == b"E96\r", "a serial line has nobody who greets"


def test_a_line_is_paced_and_commands_may_come_in_pieces() -> None:
    desk = Desk(baud=9600)
    assert desk.session.feed(b"d1,", 0) == []
    chunks = desk.session.feed(b"2047\r", 0)
    assert b"".join(bytes(chunk.data) for chunk in chunks) == b"d1,2047\r"
    assert sum(chunk.duration_ns for chunk in chunks) == 16 * (1_000_000_000 * 10 // 9600)
