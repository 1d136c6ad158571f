"""The FuG charger's panel and line (instruments.md 2.4, 4b)."""

import pytest

from drivers.wire.probus import FUG_HCK
from firmware_sim.personalities.fug_hck import HCK_800_20000, CapacitorChargerPanel
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.probus import BYTE_NS, ProbusSession

S = 1_000_000_000


class Output:
    """What hangs at the output, as the test says."""

    def __init__(self) -> None:
        self.probes = {"charger_voltage_v": 0.0, "charger_current_a": 0.0, "charger_constant_voltage": 0.0}
        self.driven: list[tuple[str, float]] = []

    def read(self, probe: str) -> float:
        return self.probes[probe]

    def drive(self, name: str, value: float) -> None:
        self.driven.append((name, value))


@pytest.fixture
def output() -> Output:
    return Output()


@pytest.fixture
def panel(output: Output) -> CapacitorChargerPanel:
    return CapacitorChargerPanel(output.read, output.drive)


def test_the_first_clients_session(panel: CapacitorChargerPanel, output: Output) -> None:
    """client H: LF or CR LF, registers, short commands at stop."""
    output.probes["charger_voltage_v"] = 1500.5
    session = ProbusSession(panel)
    script = [
        (b"*IDN?\n", b"FUG HCK 2000 - 4 000 MOD 17022-01-01\n"),
        (b"*IDN?\r\n", b"FUG HCK 2000 - 4 000 MOD 17022-01-01\n"),
        (b">S1 0.05\n", b"E0\n"),
        (b">S0 3000\n", b"E0\n"),
        (b">BON 1\n", b"E0\n"),
        (b">M0 ?\n", b"M0:+1.50050E+03\n"),
        (b">BONA ?\n", b"BONA:1\n"),
        (b"F0\n", b"E0\n"),
        (b"=\n", b"E0\n"),
    ]
    for request, reply in script:
        assert b"".join(bytes(chunk.data) for chunk in session.feed(request, 0)) == reply
    assert output.driven == [
        ("charger_set_current_a", 0.05),
        ("charger_set_voltage_v", 3000.0),
        ("charger_output", 1.0),
        ("charger_output", 0.0),
        ("charger_set_current_a", 0.0),
        ("charger_set_voltage_v", 0.0),
    ]


def test_the_first_clients_session_with_the_20_kv_model() -> None:
    """client H [RAN], byte for byte (instruments.md 2.4): it computes Imax = 2 P / V = 0.08 A from the identity."""
    load = SmallCapacitor(10e-6, 1e6)
    session = ProbusSession(CapacitorChargerPanel(load.read, load.drive, rating=HCK_800_20000), load.advance)

    def ask(request: bytes, now_ns: int) -> bytes:
        return b"".join(bytes(chunk.data) for chunk in session.feed(request, now_ns))

    identity = b"FUG HCK 800 - 20 000 MOD 17022-01-01\n"
    begin = [(b"*IDN?\n", identity), (b"*IDN?\r\n", identity), (b">S1 0.05\n", b"E0\n"), (b">S0 15000\n", b"E0\n")]
    for request, reply in (*begin, (b">BON 1\n", b"E0\n")):
        assert ask(request, 0) == reply
    assert ask(b">M0 ?\n", S // 10) == b"M0:+4.97508E+02\n"  # 0.05 A into 10 uF beside 1 MOhm
    assert ask(b">BONA ?\n", S) == b"BONA:1\n"
    assert ask(b">M0 ?\n", 10 * S) == b"M0:+1.50000E+04\n"
    assert ask(b">H1?\n", 10 * S) == b"H1:BFFF3000BFFF9FFF\n"
    assert ask(b"F0\n", 10 * S) + ask(b"=\n", 10 * S) == b"E0\nE0\n"
    assert (ask(b">S1 0.08\n", 11 * S), ask(b">S1 0.081\n", 11 * S)) == (b"E0\n", b"E5\n")
    assert (ask(b">S0 20000\n", 11 * S), ask(b">S0 20001\n", 11 * S)) == (b"E0\n", b"E5\n")


def test_request_mask_and_held_commands_show_in_the_status(panel: CapacitorChargerPanel) -> None:
    for line in (b">KQM 40", b"G1", b"U1000"):
        assert panel.execute(line, 0) == b"E0\n"
    assert panel.execute(b">KS?", 0) == b"KS:00001001\n"
    assert panel.execute(b">KQS?", 0) == b"KQS:8\n"
    assert panel.execute(b"X", 0) == b"E0\n"
    assert panel.execute(b">KQS?", 0) == b"KQS:0\n"


def test_the_second_clients_session(panel: CapacitorChargerPanel) -> None:
    """The NTN driver: NUL ends a command, the terminator of replies is chosen first."""
    session = ProbusSession(panel)
    script = [
        (b"\0\0>KT 0\0", b"E0\r\n"),
        (b">CFN?\0", b"CFN:FUG HCK 2000 - 4 000 MOD 17022-01-01\r\n"),
        (b">H1?\0", b"H1:0000000000000000\r\n"),
        (b"U1.5E3\0", b"E0\r\n"),
        (b">S0?\0", b"S0:+1.50000E+03\r\n"),
        (b"N3\0?\0", b"E0\r\n+1.50000E+03\r\n"),
        (b"Y3\0", b"E0\r"),
        (b">KS?\0", b"KS:00000001\r"),
    ]
    for request, reply in script:
        assert b"".join(bytes(chunk.data) for chunk in session.feed(request, 0)) == reply


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b">QQ 1", 2),
        (b">QQ ?", 2),
        (b"W1", 2),
        (b">S0", 1),
        (b">S0 abc", 4),
        (b">S0 nan", 4),
        (b">S0 4001", 5),
        (b">S0 -1", 5),
        (b">S1 1.1", 5),
        (b">BON 2", 4),
        (b">M0 1", 6),
        (b">KE 0", 6),
        (b"N9", 13),
        (b"F2", 4),
        (b"*RST", 10),
        (b">S0 " + b"1" * 60, 7),
    ],
)
def test_each_mistake_has_its_number(panel: CapacitorChargerPanel, output: Output, line: bytes, error: int) -> None:
    assert panel.execute(line, 0) == b"E%d\n" % error
    assert panel.execute(b">KE ?", 0) == b"KE:%d\n" % error
    assert output.driven == []


def test_every_register_of_the_table_answers_its_own_row(panel: CapacitorChargerPanel) -> None:
    for name, row in FUG_HCK.rows.items():
        if name.startswith("read_"):
            assert "value" in row.parse_reply(panel.execute(row.request()[:-1], 0)), name


def test_regulation_flags(panel: CapacitorChargerPanel, output: Output) -> None:
    assert panel.execute(b">KS?", 0) == b"KS:00000001\n"
    panel.execute(b"F1", 0)
    assert panel.execute(b">KS?", 0) == b"KS:10100001\n"
    assert (panel.execute(b">DIR?", 0), panel.execute(b">DVR?", 0)) == (b"DIR:1\n", b"DVR:0\n")
    output.probes["charger_constant_voltage"] = 1.0
    assert panel.execute(b">KS?", 0) == b"KS:01100001\n"


@pytest.mark.parametrize(
    ("mode", "up_v", "down_v"),
    [(0, 3000.0, 1000.0), (1, 1000.0, 2000.0), (2, 1000.0, 1000.0), (4, 1000.0, 1000.0)],
)
def test_ramp_modes(panel: CapacitorChargerPanel, mode: int, up_v: float, down_v: float) -> None:
    """One second into a ramp of 1000 V/s to 3 kV, and one second into the way from 3 kV down to 1 kV."""
    for line in (b"F1", b">S0R 1000", b">S0B %d" % mode, b">S0 3000"):
        assert panel.execute(line, 0) == b"E0\n"
    assert panel.ramping is (mode != 0)
    assert panel.execute(b">S0A?", S) == FUG_HCK["read_S0A"].reply(value=up_v)
    assert panel.execute(b">S0S?", S) == b"S0S:%d\n" % (mode != 0)
    assert panel.execute(b">S0A?", 4 * S) == b"S0A:+3.00000E+03\n"
    panel.execute(b">S0 1000", 4 * S)
    assert panel.execute(b">S0A?", 5 * S) == FUG_HCK["read_S0A"].reply(value=down_v)


def test_ramp_mode_4_zeroes_both_when_the_output_goes_off(panel: CapacitorChargerPanel) -> None:
    for line in (b">S0B 4", b"F1", b">S0 3000", b"F0"):
        panel.execute(line, 0)
    assert panel.execute(b">S0?", S) == b"S0:+0.00000E+00\n"
    assert panel.execute(b">S0A?", S) == b"S0A:+0.00000E+00\n"


def test_ramp_mode_3_creeps_over_the_first_volt(panel: CapacitorChargerPanel) -> None:
    for line in (b">S0R 1000", b">S0B 3", b">S0 3000"):
        panel.execute(line, 0)
    panel.advance(45 * S)
    assert float(panel.execute(b">S0A?", 45 * S)[4:]) == pytest.approx(0.49995)
    panel.advance(91 * S)
    assert 900 < float(panel.execute(b">S0A?", 91 * S)[4:]) < 1000


def test_execute_on_x(panel: CapacitorChargerPanel, output: Output) -> None:
    for line in (b"G1", b"U2000", b"I0.5", b"F1"):
        assert panel.execute(line, 0) == b"E0\n"
    assert output.driven == []
    assert panel.execute(b"X", 0) == b"E0\n"
    assert dict(output.driven) == {
        "charger_set_voltage_v": 2000.0,
        "charger_set_current_a": 0.5,
        "charger_output": 1.0,
    }


def test_requests_and_replies_take_their_time_on_the_line(panel: CapacitorChargerPanel) -> None:
    """9600 baud, 10 bits per byte: 6 + 16 bytes of `>M0 ?` and its reply are 22 byte times."""
    session = ProbusSession(panel)
    chunks = session.feed(b">M0 ?\n", 0)
    reply = b"".join(bytes(chunk.data) for chunk in chunks)
    assert reply == b"M0:+0.00000E+00\n"
    assert BYTE_NS == 1_041_666
    assert sum(chunk.duration_ns for chunk in chunks) == (6 + 16) * BYTE_NS
    assert chunks[0] == Chunk(b"", (6 + 16) * BYTE_NS), "one burst"
    assert chunks[-1].duration_ns == 0, "the last byte is out when the shell hands it over"


def test_a_busy_line_delays_the_next_reply_once(panel: CapacitorChargerPanel) -> None:
    session = ProbusSession(panel)
    first = session.feed(b"F0\n", 0)
    second = session.feed(b"F0\n", 0)
    total_ns = sum(chunk.duration_ns for chunk in (*first, *second))
    assert total_ns == (3 + 3 + 3) * BYTE_NS, "the second request travels while the first reply does"
    later = session.feed(b"F0\n", S)
    assert sum(chunk.duration_ns for chunk in later) == 6 * BYTE_NS


def test_the_small_capacitor_charges_holds_and_bleeds() -> None:
    load = SmallCapacitor()
    panel = CapacitorChargerPanel(load.read, load.drive)
    session = ProbusSession(panel, load.advance)

    def measure(now_ns: int) -> float:
        chunks = session.feed(b">M0?\n", now_ns)
        return float(b"".join(bytes(chunk.data) for chunk in chunks)[3:])

    session.feed(b">S1 1\n>S0 3000\n>BON 1\n", 0)
    rising = [measure(t * S) for t in (1, 2)]
    assert rising[0] == pytest.approx(5000 * (1 - 2.718281828 ** (-1 / 5)), rel=1e-4)
    assert rising[0] < rising[1]
    assert measure(20 * S) == 3000.0
    assert panel.execute(b">DVR?", 20 * S) == b"DVR:1\n"
    session.feed(b"F0\n", 20 * S)
    assert measure(25 * S) == pytest.approx(3000 / 2.718281828, rel=1e-4)


def test_faults_of_the_instrument(panel: CapacitorChargerPanel, output: Output) -> None:
    panel.inject("refuses")
    assert panel.execute(b">S0 100", 0) == b"E11\n"
    panel.inject("refuses", False)
    output.probes["charger_voltage_v"] = 100.0
    panel.inject("stuck_voltage")
    output.probes["charger_voltage_v"] = 200.0
    assert panel.execute(b">M0?", 0) == b"M0:+1.00000E+02\n"
