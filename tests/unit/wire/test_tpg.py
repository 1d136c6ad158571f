"""The Pfeiffer controllers' panel and line (instruments.md 2.9, 4b): client habits byte for byte."""

import pytest

from drivers.wire.tpg import TPG_256A, TPG_262, GaugeModel
from firmware_sim.personalities.tpg import NO_SENSOR, GaugePanel, Head, open_standalone
from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.serial_line import BURST_BYTES
from firmware_sim.sessions.tpg import GaugeSession

S = 1_000_000_000
ACK, NAK = b"\x06\r\n", b"\x15\r\n"


class Line:
    """One serial line, with a pressure that the test sets in mbar."""

    def __init__(self, model: GaugeModel = TPG_262, kinds: tuple[str, ...] = ("PKR", NO_SENSOR)) -> None:
        self.mbar = 8.34567e-6
        self.panel = GaugePanel(model, [Head(kind, lambda: self.mbar * 100) for kind in kinds])
        self.session = GaugeSession(self.panel)
        self.now_ns = 0

    def say(self, data: bytes) -> bytes:
        self.now_ns += S // 10
        return text(self.session.feed(data, self.now_ns))


def text(chunks: list[Chunk]) -> bytes:
    return b"".join(bytes(chunk.data) for chunk in chunks)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.mark.parametrize("enq", [b"\x05", b"\x05\r\n"])
def test_both_clients_ways_of_asking(line: Line, enq: bytes) -> None:
    """client P sends the bare ENQ, client H ENQ CR LF: the byte itself acts, what follows means nothing."""
    script = [
        (b"PR1\r\n", ACK),
        (enq, b"0,+8.3500E-06\r\n"),
        (enq, b"0,+8.3500E-06\r\n"),
        (b"PRX\r", ACK),
        (enq, b"0,+8.3500E-06,5,+2.0000E-02\r\n"),
        (b"TID\r\n", ACK),
        (enq, b"PKR,noSEn\r\n"),
        (b" U N I , 2 \r\n", ACK),
        (enq, b"2\r\n"),
        (b"PR1\r\n", ACK),
        (enq, b"0,+8.3500E-04\r\n"),
        (b"PR2\r\n", ACK),
        (enq, b"5,+2.0000E+00\r\n"),
        (b"SEN,2,2\r\n", ACK),
        (enq, b"2,0\r\n"),
        (b"ERR\r\n", ACK),
        (enq, b"0000\r\n"),
    ]
    for request, reply in script:
        assert line.say(request) == reply, request


def test_a_third_client_sends_request_and_enq_in_one(line: Line) -> None:
    assert line.say(b"PR1\r\n\x05") == ACK + b"0,+8.3500E-06\r\n"


def test_repeated_enq_gives_fresh_data(line: Line) -> None:
    line.say(b"PR1\r\n")
    assert line.say(b"\x05") == b"0,+8.3500E-06\r\n"
    line.mbar = 1e-4
    assert line.say(b"\x05") == b"0,+1.0000E-04\r\n"


def test_nak_and_the_error_word(line: Line) -> None:
    assert line.say(b"\x05") == b"0000\r\n", "ENQ without a request"
    assert line.say(b"XYZ\r\n") == NAK
    assert line.say(b"\x05") == b"0001\r\n", "syntax"
    assert line.say(b"\x05") == b"0000\r\n", "cleared on read"
    assert line.say(b"UNI,7\r\n") == NAK
    assert line.say(b"ERR\r\n") == ACK
    assert line.say(b"\x05") == b"0010\r\n", "bad parameter"
    assert line.say(b"DGS,1,0\r\n") == NAK
    assert line.say(b"QQQ\r\n") == NAK
    assert line.say(b"\x05") == b"0101\r\n", "no hardware, and syntax"
    assert line.say(b"SP1,0,2.0E-5,1.0E-5\r\n") == NAK
    assert line.say(b"UNI\r\n") == ACK
    assert line.say(b"\x05") == b"0\r\n", "a good request answers with its data"


def test_etx_clears_and_stray_ends_mean_nothing(line: Line) -> None:
    assert line.say(b"PR1\r\n") == ACK
    assert line.say(b"half a requ\x03\r\n\r\n\n\r") == b""
    assert line.say(b"\x05") == b"0000\r\n", "the request was forgotten, and nothing was a syntax error"
    assert line.say(b"PR\x03PR1\r") == ACK
    assert line.say(b"PR1\x05") == b"0,+8.3500E-06\r\n", "ENQ drops a half request"
    assert line.say(b"x" * 100_000) == b""
    assert len(line.session._held) <= 81
    assert line.say(b"\r") == NAK


def test_statuses_and_ranges(line: Line) -> None:
    line.say(b"PR1\r\n")
    for mbar, reply in (
        (1e-12, b"1,+5.0000E-09\r\n"),
        (5e3, b"2,+1.0000E+03\r\n"),
        (float("nan"), b"2,+1.0000E+03\r\n"),
    ):
        line.mbar = mbar
        assert line.say(b"\x05") == reply
    line.say(b"SEN,1,0\r\n")
    line.say(b"PR1\r\n")
    assert line.say(b"\x05")[:1] == b"4"
    line.panel.inject("sensor_error")
    assert line.say(b"\x05")[:1] == b"3"


def test_linear_gauges_have_four_decimals() -> None:
    line = Line(TPG_262, ("CMR", "TPR"))
    line.mbar = 1.234567
    line.say(b"PRX\r\n")
    assert line.say(b"\x05") == b"0,+1.2346E+00,0,+1.2300E+00\r\n"
    assert line.say(b"SEN\r\n\x05") == ACK + b"0,0\r\n"


def test_six_channels() -> None:
    line = Line(TPG_256A, ("PKR", NO_SENSOR, "TPR", "IKR", "CMR", "IMR"))
    line.mbar = 1e-3
    assert line.say(b"TID\r\n\x05") == ACK + b"PKR,noSENSOR,TPR,IKR,CMR,IMR\r\n"
    wanted = b"0,+1.0000E-03,5,+2.0000E-02,0,+1.0000E-03,0,+1.0000E-03,0,+1.0000E-03,0,+1.0000E-03\r\n"
    assert line.say(b"PRX\r\n\x05") == ACK + wanted
    assert line.say(b"PR6\r\n\x05") == ACK + b"0,+1.0000E-03\r\n"
    assert line.say(b"SEN,0,0,0,1,0,1\r\n\x05") == ACK + b"2,0,0,1,0,1\r\n"
    assert line.say(b"PR7\r\n") == NAK
    assert line.say(b"DGS,0,0,0,0,0,1\r\n") == ACK


def test_relays_switch_with_their_hysteresis(line: Line) -> None:
    line.say(b"SP1,0,1.0E-05,2.0E-05\r\n")
    states = []
    for mbar in (1e-4, 1.5e-5, 9e-6, 1.5e-5, 3e-5):
        line.mbar = mbar
        line.say(b"SPS\r\n")
        states.append(line.say(b"\x05")[:1])
    assert states == [b"0", b"0", b"1", b"1", b"0"]
    line.say(b"UNI,2\r\n")
    assert line.say(b"SP1\r\n\x05") == ACK + b"0,+1.0000E-03,+2.0000E-03\r\n", "thresholds keep their pressure"


def test_continuous_output_until_any_character(line: Line) -> None:
    reading = b"0,+8.3500E-06,5,+2.0000E-02\r\n"
    assert line.say(b"COM,0\r\n") == ACK + reading, "right after ACK; the LF belongs to the request"
    assert line.session.waiting
    start_ns = line.now_ns
    assert text(line.session.tick(start_ns + S // 20)) == b""
    assert text(line.session.tick(start_ns + S // 10)) == reading
    assert text(line.session.tick(start_ns + S // 10 + 1)) == b""
    assert text(line.session.tick(start_ns + 2 * S)) == reading, "what was missed is not made up for"
    line.now_ns = start_ns + 2 * S
    assert line.say(b"P") == b""
    assert not line.session.waiting
    assert text(line.session.tick(line.now_ns + 10 * S)) == b""
    assert line.say(b"R1\r\n") == ACK


def test_the_line_takes_its_time(line: Line) -> None:
    chunks = line.session.feed(b"PRX\r\n\x05", 0)
    total_ns = sum(chunk.duration_ns for chunk in chunks)
    assert total_ns == (6 + 3 + 29) * (10 * S // 9600)
    assert max(len(chunk.data) for chunk in chunks) <= BURST_BYTES


@pytest.mark.parametrize("cut", range(1, 10))
def test_requests_split_anywhere(line: Line, cut: int) -> None:
    request = b"PR1\r\n\x05UNI\r\n\x05"
    assert line.say(request[:cut]) + line.say(request[cut:]) == ACK + b"0,+8.3500E-06\r\n" + ACK + b"0\r\n"


@pytest.mark.parametrize("model", [TPG_262, TPG_256A], ids=lambda model: model.slug)
def test_standing_alone_the_chamber_is_pumped_down(model: GaugeModel) -> None:
    session = GaugeSession(open_standalone(model))
    first = text(session.feed(b"PRX\r\n\x05", 0)).split(b"\r\n")[1].split(b",")
    later = text(session.feed(b"\x05", 60 * S)).split(b",")
    assert first[0] == later[0] == b"0"
    assert float(later[1]) < float(first[1]) / 5
    assert first[2] == b"5"
    assert len(first) == 2 * model.gauges
