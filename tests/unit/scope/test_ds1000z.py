"""The DS1074Z stand-in: status, read-out modes, batches, knobs (instruments.md 2.3)."""

import numpy as np
import numpy.typing as npt
import pytest

from drivers.families.scope_rigol import RigolModel
from drivers.ports import ScopeChannel, ScopeSetup
from drivers.wire.ds1000z import BATCH_POINTS, KNOBS, ROWS, SCALES_S
from firmware_sim.personalities.ds1000z import Ds1074z, open_standalone
from firmware_sim.sessions.scpi import ScpiSession
from tests.unit.scope.bench import MS, pulse

SERIAL = "DS1ZA123456789"


class Bench:
    """One DS1074Z and one client; ``ask`` sends a message 1 ms after the last one."""

    def __init__(self, scope: Ds1074z | None = None) -> None:
        self.scope = scope or Ds1074z(SERIAL, pulse, seed=7)
        self.session = ScpiSession(self.scope)
        self.now_ns = 1_000 * MS

    def ask(self, message: str, step_ns: int = MS) -> bytes:
        self.now_ns += step_ns
        chunks = self.session.feed((message + "\n").encode(), self.now_ns)
        while self.session.waiting and not chunks:
            self.now_ns += MS
            chunks = self.session.tick(self.now_ns)
        return b"".join(bytes(chunk.data) for chunk in chunks)

    def shot(self, more: str = "") -> None:
        """A 24 ms screen, the trigger in its middle, 12 V; stopped with a record when this returns."""
        self.ask(f":CHAN1:RANG 8;OFFS -1;:TIM:SCAL 0.002;:TRIG:EDG:LEV 0.2;{more}:SINGle")
        assert self.ask(":TRIG:STAT?", step_ns=20 * MS) == b"WAIT\n"
        self.scope.trigger(self.now_ns, "EXT")
        assert self.scope.trigger(self.now_ns, "CHAN1")
        assert self.ask(":TRIG:STAT?") == b"TD\n"
        self.now_ns += 25 * MS
        assert self.ask(":TRIG:STAT?") == b"STOP\n"


def block(reply: bytes) -> bytes:
    assert reply[:2] == b"#9" and reply[2:11].isdigit() and reply[-1:] == b"\n"
    assert len(reply) == 11 + int(reply[2:11]) + 1
    return reply[11:-1]


def preamble(bench: Bench) -> list[float]:
    return [float(text) for text in bench.ask(":WAV:PRE?").split(b",")]


def volts(codes: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], fields: list[float]) -> npt.NDArray[np.float64]:
    """By the formula of the sheet."""
    return np.asarray((codes.astype(np.float64) - fields[8] - fields[9]) * fields[7], dtype=np.float64)


def no_errors(bench: Bench) -> bool:
    return bench.ask(":SYST:ERR?") == b'0,"No error"\n'


def test_every_query_of_the_dialect_is_answered_in_its_own_form() -> None:
    bench = Bench(open_standalone(SERIAL))
    for row in ROWS.values():
        if not row.answers or row.pattern.startswith("*"):
            continue
        values = {"channel": 2} if row.suffix else {}
        if row.name == "measure?":
            values = {"item": "VPP", "source": "CHAN2"}  # type: ignore[dict-item]
        reply = bench.ask(row.request(**values).decode().strip())
        assert reply.endswith(b"\n"), row.name
        if row.name != "waveform.data?":
            row.parse_reply(reply)
    assert no_errors(bench)
    assert bench.ask("*IDN?") == b"RIGOL TECHNOLOGIES,DS1074Z,DS1ZA123456789,00.04.04.SP4\n"


def test_every_knob_reads_back_what_was_written() -> None:
    for name, knob in KNOBS.items():
        bench = Bench()
        channel = {"channel": 4} if knob.count > 1 else {}
        query = ROWS[f"{name}?"]
        held = query.parse_reply(bench.ask(query.request(**channel).decode().strip()))
        bench.ask(ROWS[name].request(**channel, **held).decode().strip())
        assert no_errors(bench), name
        assert query.parse_reply(bench.ask(query.request(**channel).decode().strip())) == held


def test_normal_is_the_screen_raw_is_the_memory_in_stop_only() -> None:
    bench = Bench()
    bench.ask(":ACQ:MDEP 120000")
    bench.shot()
    form, kind, points, count, x_increment, x_origin, *_ = preamble(bench)
    assert (form, kind, points, count) == (0, 0, 1200, 1)
    assert x_increment == pytest.approx(0.002 / 100) and x_origin == pytest.approx(-0.012)
    assert len(block(bench.ask(":WAV:DATA?"))) == 1200
    bench.ask(":WAV:MODE RAW")
    fields = preamble(bench)
    assert fields[1:3] == [2, 120_000]
    assert fields[4] == pytest.approx(1 / float(bench.ask(":ACQ:SRAT?")))
    bench.ask(":RUN")
    assert bench.ask(":WAV:DATA?", step_ns=300 * MS) == b""
    assert bench.ask(":SYST:ERR?").startswith(b"-221")
    bench.ask(":WAV:MODE MAX")
    assert len(block(bench.ask(":WAV:DATA?"))) == 1200, "MAX of a running scope is its screen"


def test_formats_agree_and_follow_the_formula_of_the_sheet() -> None:
    bench = Bench()
    bench.shot()
    octets = np.frombuffer(block(bench.ask(":WAV:FORM BYTE;:WAV:DATA?")), np.uint8)
    words = np.frombuffer(block(bench.ask(":WAV:FORM WORD;:WAV:DATA?")), "<h")
    assert np.array_equal(octets, words), "the sample is the low byte"
    fields = preamble(bench)
    assert fields[8:] == [-25, 127] and fields[7] == pytest.approx(0.04)
    times = np.asarray(np.arange(1200) * fields[4] + fields[5], dtype=np.float64)
    assert float(np.abs(volts(octets, fields) - pulse(0, times)).max()) < 0.04 * 2
    texts = block(bench.ask(":WAV:FORM ASC;:WAV:DATA?")).split(b",")
    assert [float(text) for text in texts] == pytest.approx(volts(octets, fields).tolist(), abs=1e-6)
    assert no_errors(bench)


@pytest.mark.parametrize(("form", "width"), [("BYTE", 1), ("WORD", 2), ("ASC", 0)])
def test_memory_is_read_in_batches_and_more_is_refused(form: str, width: int) -> None:
    bench = Bench()
    bench.ask(":ACQ:MDEP 1200000")
    bench.shot()
    batch = BATCH_POINTS[form]
    bench.ask(f":WAV:MODE RAW;FORM {form};STARt 1;STOP {batch + 1}")
    assert bench.ask(":WAV:DATA?") == b""
    assert bench.ask(":SYST:ERR?").startswith(b"-223")
    first = block(bench.ask(f":WAV:STOP {batch};:WAV:DATA?"))
    second = block(bench.ask(f":WAV:STAR {batch};STOP {batch + 100};:WAV:DATA?"))
    if width:
        assert len(first) == batch * width and len(second) == 101 * width
        assert first[-width:] == second[:width], "1-based and inclusive"
    else:
        assert len(first.split(b",")) == batch and first.split(b",")[-1] == second.split(b",")[0]
    bench.ask(":WAV:STAR 1200001;STOP 1200010;:WAV:DATA?")
    assert bench.ask(":SYST:ERR?").startswith(b"-222")


def test_client_q_reads_the_whole_memory_as_it_does() -> None:
    bench = Bench()
    bench.ask(":ACQ:MDEP 300000")
    assert bench.ask(":SYST:ERR?").startswith(b"-222"), "not with one channel on"
    bench.ask(":CHAN2:DISP 1;:CHAN3:DISP 1;:ACQ:MDEP 300000")
    assert no_errors(bench)
    bench.shot()
    bench.ask(":STOP")
    bench.ask(":WAV:SOUR CHAN1")
    bench.ask(":WAV:MODE RAW")
    bench.ask(":WAV:FORM WORD")
    points = int(bench.ask(":WAV:PRE?").split(b",")[2])
    record = b""
    for start in range(1, points + 1, 125_000):
        bench.ask(f":WAV:STARt {start}")
        bench.ask(f":WAV:STOP {min(points, start + 124_999)}")
        record += block(bench.ask(":WAV:DATA?"))
    codes = np.frombuffer(record, "<h")
    assert points == len(codes) == 300_000 and codes.max() < 256 and codes.min() >= 0
    fields = preamble(bench)
    assert float(volts(codes.astype(np.uint16), fields).max()) == pytest.approx(1.0, abs=0.1)


def test_channels_that_are_on_share_the_memory() -> None:
    bench = Bench()
    bench.ask(":ACQ:MDEP 24000000")
    seen = [bench.ask(":ACQ:MDEP?")]
    for message in (":CHAN2:DISP 1", ":CHAN4:DISP 1", ":CHAN2:DISP 0;:CHAN4:DISP 0"):
        seen.append(bench.ask(f"{message};:ACQ:MDEP?"))
    assert seen == [b"24000000\n", b"12000000\n", b"6000000\n", b"24000000\n"]
    assert bench.ask(":TIM:SCAL 1e-6;:ACQ:SRAT?") == b"1.000000e+09\n"
    assert bench.ask(":CHAN2:DISP 1;:ACQ:SRAT?") == b"5.000000e+08\n"


def test_time_scales_are_steps_and_offsets_have_two_limits() -> None:
    bench = Bench()
    assert bench.ask(":TIM:SCAL 0.0017;SCAL?") == b"2.000000e-03\n"
    assert (SCALES_S[0], SCALES_S[-1], len(SCALES_S)) == (5e-9, 50.0, 31)
    bench.ask(":CHAN1:RANG 2;OFFS 3")
    assert bench.ask(":SYST:ERR?").startswith(b"-222")
    bench.ask(":CHAN1:RANG 8;OFFS 3")
    assert no_errors(bench)


def test_just_connected_it_runs_in_auto_and_a_single_shot_waits() -> None:
    bench = Bench(open_standalone(SERIAL))
    assert len(block(bench.ask(":WAV:DATA?"))) == 1200
    assert bench.ask(":TRIG:SWE?") == b"AUTO\n"
    assert bench.ask(":SINGle;:TRIG:SWE?;STAT?") == b"SING;RUN\n"
    assert bench.ask(":TRIG:STAT?;POS?", step_ns=60_000 * MS) == b"WAIT;-2\n"
    assert bench.ask(":TFOR;*OPC?;:TRIG:STAT?") == b"1;STOP\n"
    assert bench.ask(":TRIG:POS?").startswith(b"600000")
    assert float(bench.ask(":MEAS:ITEM? VMAX,CHAN1")) == pytest.approx(0.26, abs=0.06)
    bench.ask(":TFOR")
    assert bench.ask(":SYST:ERR?").startswith(b"-211")
    assert bench.ask(":RUN;:TRIG:SWE?") == b"AUTO\n"


def test_a_signal_through_the_level_triggers_it() -> None:
    bench = Bench(open_standalone(SERIAL))
    bench.ask(":TRIG:EDG:LEV 0.15;:CHAN1:RANG 0.4;:SINGle")
    assert bench.ask(":TRIG:STAT?", step_ns=10 * MS) == b"STOP\n"
    octets = np.frombuffer(block(bench.ask(":WAV:DATA?")), np.uint8).astype(np.float64)
    fields = preamble(bench)
    signal = (octets - fields[8] - fields[9]) * fields[7]
    assert signal[590] < 0.1 < 0.2 < signal[612], "the rising edge is in the middle"


def test_the_driver_takes_the_depth_that_fits_the_window() -> None:
    channels = (ScopeChannel("CHAN1", 8.0, 0.5),)
    lines = b"".join(RigolModel().setup_lines("x", ScopeSetup(channels, 0.02, 0.002, "CHAN1", 1.0, 100_000)))
    assert b":TIMebase:SCALe 2.000000e-03\n" in lines and b":ACQuire:MDEPth 120000\n" in lines
    assert b":CHANnel1:OFFSet -5.000000e-01\n" in lines and b":TIMebase:OFFSet 8.000000e-03\n" in lines
