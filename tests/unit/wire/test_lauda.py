"""The LAUDA PRO's panel, programmer and bath (instruments.md 2.12): client habits byte for byte, physics by balance."""

import pytest

from firmware_sim.personalities.lauda import LaudaPanel
from firmware_sim.personalities.lauda_bath import COMPRESSOR_W, LOSS_W_K, Bath
from firmware_sim.sessions.lauda import open_lauda_session

S = 1_000_000_000


class Bench:
    """A panel and one session on it."""

    def __init__(self, **bath: float) -> None:
        self.bath = Bath(**bath)  # type: ignore[arg-type]
        self.panel = LaudaPanel(self.bath)
        self.session = open_lauda_session(self.panel)
        self.now_ns = 0

    def say(self, data: bytes, wait_s: float = 0.0) -> bytes:
        self.now_ns += round(wait_s * S)
        return b"".join(bytes(chunk.data) for chunk in self.session.feed(data, self.now_ns))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_clients_session(bench: Bench) -> None:
    """client H: type, set-points, limits, run, temperatures, a ramp, and at close mode and STOP without reading."""
    assert b"PRO" in bench.say(b"TYPE\r\n")
    for command in (
        b"OUT_SP_00_20.00", b"OUT_SP_01_6", b"OUT_SP_02_2", b"OUT_SP_04_202.0", b"OUT_SP_05_-55.0", b"OUT_SP_08_0",
        b"START", b"OUT_PV_05_20.00", b"OUT_MODE_01_0", b"RMP_SELECT_1", b"RMP_OUT_02_1", b"RMP_OUT_00_25.00_1_0.00_6",
        b"RMP_START", b"RMP_PAUSE", b"RMP_CONT", b"RMP_STOP", b"RMP_RESET",
    ):  # fmt: skip
        assert bench.say(command + b"\r\n") == b"OK\r\n", command
    assert float(bench.say(b"IN_PV_00\r\n")) == pytest.approx(22.0, abs=0.1)
    assert float(bench.say(b"IN_PV_03\r\n")) == pytest.approx(22.0, abs=0.1)
    assert bench.say(b"OUT_MODE_01_0\r\nSTOP\r\n") == b"OK\r\nOK\r\n"
    assert not bench.panel.running


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\n\r"])
def test_any_end_and_blanks_for_underscores(bench: Bench, end: bytes) -> None:
    assert bench.say(b"OUT SP 00 15.5" + end) == b"OK\r\n"
    assert bench.say(b"IN SP 00" + end) == b"015.50\r\n"
    assert bench.say(b"\r\n\n\r") == b""


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (b"HELLO", 3),
        (b"OUT_SP_99_1", 3),
        (b"START_1", 3),
        (b"OUT_SP_00_warm", 5),
        (b"OUT_SP_01_9", 6),
        (b"OUT_SP_00_300.0", 6),
        (b"OUT_SP_02_3", 6),
        (b"OUT_SP_04_-52.0", 32),
        (b"OUT_SP_05_206.0", 32),
        (b"OUT_MODE_01_2", 34),
        (b"RMP_IN_00_1", 6),
        (b"RMP_START", 6),
        (b"IN_PV_03_" + b"0" * 100, 2),
    ],
)
def test_errors_have_the_manuals_numbers(bench: Bench, command: bytes, error: int) -> None:
    assert bench.say(command + b"\r\n") == b"ERR_%d\r\n" % error
    assert bench.say(b"IN_SP_00\r\n") == b"020.00\r\n", "the old value stays"


def test_without_a_probe(bench: Bench) -> None:
    panel = LaudaPanel(Bath(external=False))
    assert panel.execute(b"IN_PV_03", 0) == b"ERR_33\r\n"
    assert panel.execute(b"OUT_MODE_01_1", 0) == b"ERR_33\r\n"


def test_hanging_up_stops_nothing(bench: Bench) -> None:
    bench.say(b"OUT_SP_00_10.0\r\nSTART\r\n")
    del bench.session
    bench.session = open_lauda_session(bench.panel)
    assert bench.say(b"IN_MODE_02\r\n", 600.0) == b"0\r\n"
    assert float(bench.say(b"IN_PV_00\r\n")) < 21.0


def test_silence_beyond_the_timeout_is_safety_mode(bench: Bench) -> None:
    bench.say(b"OUT_SP_07_25.0\r\nOUT_SP_08_10\r\nOUT_SP_00_15.0\r\nSTART\r\n")
    assert bench.say(b"STAT\r\n", 9.0) == b"0000000\r\n"
    assert bench.say(b"STAT\r\n", 11.0) == b"0010000\r\n"
    assert bench.say(b"OUT_SP_00_12.0\r\n") == b"ERR_38\r\n"
    assert bench.bath.set_point_c == 25.0
    bench.say(b"START\r\n")
    assert bench.say(b"STAT\r\nOUT_SP_00_12.0\r\n") == b"0000000\r\nOK\r\n"


def test_a_programme_ramps_and_loops(bench: Bench) -> None:
    bench.say(b"RMP_SELECT_2\r\nRMP_OUT_00_30.00_10_0.00_3\r\nRMP_OUT_00_20.00_5_0.00_8\r\nRMP_OUT_02_2\r\nSTART\r\n")
    assert bench.say(b"RMP_IN_00_2\r\n") == b"020.00_005.00_000.00_008.00\r\n"
    assert bench.say(b"RMP_START\r\nOUT_SP_00_40.0\r\n") == b"OK\r\nERR_36\r\n"
    assert float(bench.say(b"IN_SP_00\r\n", 300.0)) == pytest.approx(26.0, abs=0.05), "half way from 22 to 30"
    assert bench.say(b"RMP_IN_05\r\nRMP_IN_01\r\nIN_SP_01\r\n") == b"2\r\n001\r\n003\r\n"
    bench.say(b"RMP_PAUSE\r\n")
    assert float(bench.say(b"IN_SP_00\r\n", 300.0)) == pytest.approx(26.0, abs=0.05)
    bench.say(b"RMP_CONT\r\n")
    assert bench.say(b"RMP_IN_01\r\nRMP_IN_03\r\n", 301.0) == b"002\r\n001\r\n"
    assert bench.say(b"RMP_IN_03\r\n", 300.0) == b"002\r\n"
    assert bench.say(b"RMP_IN_05\r\n", 900.0) == b"0\r\n"
    assert bench.say(b"IN_SP_00\r\n") == b"020.00\r\n"


def test_endless_programmes_of_no_time_do_not_hang(bench: Bench) -> None:
    bench.say(b"RMP_OUT_00_30.00_0_0.00_3\r\nRMP_OUT_02_0\r\nRMP_START\r\n")
    assert bench.say(b"RMP_IN_05\r\n", 10.0) == b"5\r\n"
    assert bench.say(b"RMP_STOP\r\nRMP_IN_05\r\n") == b"OK\r\n0\r\n"


def test_the_bath_obeys_its_heat_balance() -> None:
    """With the compressor at its limit the bath settles where losses and load make up for it."""
    bench = Bench(load_w=900.0)
    bench.say(b"OUT_SP_00_-30.0\r\nSTART\r\n")
    bench.say(b"TYPE\r\n", 200_000.0)
    assert bench.bath.bath_c == pytest.approx(22.0 + (900.0 - COMPRESSOR_W) / LOSS_W_K, abs=0.1)
    bench.say(b"STOP\r\n")
    bench.bath.load_w = 0.0
    bench.say(b"TYPE\r\n", 1e6)
    assert bench.bath.bath_c == pytest.approx(22.0, abs=0.01), "standing, it takes the room's temperature"


def test_faults(bench: Bench) -> None:
    bench.say(b"START\r\n")
    bench.panel.inject("refuses")
    assert bench.say(b"OUT_SP_00_10.0\r\nSTOP\r\n") == b"ERR_8\r\nERR_8\r\n"
    bench.panel.inject("refuses", False)
    bench.panel.inject("low_level")
    assert bench.say(b"STATUS\r\nSTAT\r\nIN_MODE_02\r\nSTART\r\n") == b"-1\r\n1000100\r\n1\r\nERR_8\r\n"
    with pytest.raises(KeyError):
        bench.panel.inject("on_fire")
