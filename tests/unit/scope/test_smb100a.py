"""The SMB100A stand-in over a SCPI session (instruments.md 2.10, 2.0, 4b): client habits, sweeps, lists, status."""

import math

import pytest

from firmware_sim.personalities.smb100a import Smb100a
from firmware_sim.sessions.scpi import ScpiSession

MS = 1_000_000
S = 1_000_000_000


class Bench:
    """A generator and one connection."""

    def __init__(self) -> None:
        self.panel = Smb100a()
        self.session = ScpiSession(self.panel)
        self.now_ns = 0

    def say(self, data: bytes, wait_ns: int = 0) -> bytes:
        self.now_ns += wait_ns
        return b"".join(bytes(chunk.data) for chunk in self.session.feed(data, self.now_ns))

    def tick(self, wait_ns: int) -> bytes:
        self.now_ns += wait_ns
        return b"".join(bytes(chunk.data) for chunk in self.session.tick(self.now_ns))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_clients_settings(bench: Bench) -> None:
    """client Q: root node given or left out, plain numbers."""
    assert bench.say(b"*IDN?\n").startswith(b"Rohde&Schwarz,SMB100A,1406.6000k02/112233,")
    for line in (
        b"SOUR:FREQ 2856000000.00", b"SOUR:POW -10.00", b"SOUR:PHAS 90", b":OUTP:STAT 1", b":SOUR:PULM:STAT 1",
        b":SOUR:PULM:SOUR EXT", b"FREQ:START 1e9", b"FREQ:STOP 2e9", b"SWE:STEP 1000000", b"SWE:DWEL 0.01",
        b"SOUR:FREQ:MODE CW", b"TRIG:FSW:SOUR AUTO",
    ):  # fmt: skip
        assert bench.say(line + b"\n") == b"", line
    questions = (
        (b"SOUR:FREQ?", b"2856000000"), (b"FREQ:CW?", b"2856000000"), (b"POW?", b"-10"), (b"SOUR:PHAS?", b"90"),
        (b":OUTP:STAT?", b"1"), (b":SOUR:PULM:STAT?", b"1"), (b":SOUR:PULM:SOUR?", b"EXT"), (b"SWE:POIN?", b"1001"),
        (b"SYST:ERR?", b'0,"No error"'), (b"SYST:ERR:ALL?", b'0,"No error"'), (b"SYST:ERR:COUN?", b"0"),
    )  # fmt: skip
    for question, answer in questions:
        assert bench.say(question + b"\n") == answer + b"\n", question


def test_the_pulse_dialect_of_another_maker(bench: Bench) -> None:
    """E8257D commands as pymeasure sends them: units in arguments, its own pulse sources."""
    script = (
        b":FREQ 2.856000e+09 Hz", b":POW -5 dBm", b":SOUR:PULM:STAT ON", b":SOUR:PULM:SOUR INT",
        b":SOUR:PULM:SOUR:INT SQU", b":SOUR:PULM:INT:FREQ 1000", b":OUTPUT ON", b":OUTPUT:MOD ON",
    )  # fmt: skip
    for line in script:
        assert bench.say(line + b"\r\n") == b"", line
    assert bench.say(b":POW?;:FREQ?;:OUTPUT?;:OUTPUT:MOD?\n") == b"-5;2856000000;1;1\n"
    assert bench.say(b"PULM:PER?;WIDT?;:SYST:ERR?\n") == b'0.001;0.0005;0,"No error"\n'
    assert bench.say(b":SOUR:PULM:SOUR:INT DOUB;:PULM:MODE?;TRIG:MODE?\n") == b"DOUB;EXT\n"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"POW 500 dBm", b'-222,"Data out of range"'),
        (b"FREQ 7GHz", b'-222,"Data out of range"'),
        (b"FREQ 1 V", b'-131,"Invalid suffix"'),
        (b"FREQ", b'-109,"Missing parameter"'),
        (b"FREQ 1,2", b'-108,"Parameter not allowed"'),
        (b"FREK 1", b'-113,"Undefined header"'),
        (b"SOUR2:FREQ 1GHz", b'-114,"Header suffix out of range"'),
        (b"TRIG:FSW", b'-221,"Settings conflict"'),
        (b"FREQ:MODE SWE;:TRIG:FSW", b'-211,"Trigger ignored"'),
    ],
)
def test_what_is_refused_leaves_the_old_value(bench: Bench, line: bytes, error: bytes) -> None:
    bench.say(b"FREQ 3GHz;:POW -7\n")
    assert bench.say(line + b"\n") == b""
    assert bench.say(b"SYST:ERR:COUN?\n") == b"1\n"
    assert bench.say(b"SYST:ERR:NEXT?\n") == error + b"\n"
    assert bench.say(b"FREQ?;:POW?\n") == b"3000000000;-7\n"


def test_all_errors_in_one_answer_and_the_status_byte(bench: Bench) -> None:
    bench.say(b"*CLS;*ESE 255\n")
    bench.say(b"POW 500\n")
    bench.say(b"FREK?\n")
    assert bench.say(b"*STB?\n") == b"36\n", "error queue and ESB"
    assert bench.say(b"SYST:ERR:ALL?\n") == b'-222,"Data out of range",-113,"Undefined header"\n'
    assert bench.say(b"*ESR?\n") == b"48\n"
    assert bench.say(b"*STB?\n") == b"0\n"


def test_units_limits_and_hardware_index(bench: Bench) -> None:
    bench.say(b"SOUR1:FREQ 2.5 GHz;:OUTP1:STAT ON;:POW 1 V\n")
    assert bench.say(b"SOUR1:FREQ?;:OUTP1?\n") == b"2500000000;1\n"
    assert float(bench.say(b"POW?\n")) == pytest.approx(13.0103, abs=1e-3)
    bench.say(b"POW 106.99dBuV\n")
    assert float(bench.say(b"POW?\n")) == pytest.approx(0.0, abs=0.001)
    assert bench.say(b"FREQ? MIN;:FREQ? MAX;:POW? MAX\n") == b"9000;6000000000;30\n"
    bench.say(b"FREQ MAX;:PULM:WIDT 250 ns;PER 10 ms\n")
    assert bench.say(b"FREQ?;:PULM:WIDT?;PER?\n") == b"6000000000;2.5E-07;0.01\n"


def test_a_single_sweep_is_pending_work(bench: Bench) -> None:
    bench.say(b"FREQ:STAR 1GHz;STOP 2GHz;:SWE:POIN 11;DWEL 10ms;:TRIG:FSW:SOUR SING;:FREQ:MODE SWE;:OUTP 1\n")
    assert bench.say(b"*CLS;*ESE 1;*OPC?\n") == b"1\n"
    assert bench.say(b"SWE:FREQ:EXEC;*OPC\n") == b""
    assert bench.say(b"*STB?;:SWE:RUNN:STAT?\n", 55 * MS) == b"0;1\n"
    assert bench.panel.frequency_hz == pytest.approx(1.5e9)
    assert bench.say(b"*OPC?\n") == b""
    assert bench.tick(50 * MS) == b""
    assert bench.tick(10 * MS) == b"1\n"
    assert bench.say(b"*STB?;*ESR?\n") == b"32;1\n"
    assert bench.say(b"*TRG;:SWE:RUNN:STAT?\n") == b"1\n"
    assert bench.say(b"SWE:RES;RUNN:STAT?\n") == b"0\n"


def test_an_endless_sweep_is_not_pending(bench: Bench) -> None:
    bench.say(b"FREQ:STAR 1GHz;STOP 2GHz;:SWE:POIN 11;DWEL 10ms;:FREQ:MODE SWE\n")
    assert bench.say(b"*OPC?;:SWE:RUNN:STAT?;:STAT:OPER:COND?\n") == b"1;1;8\n"
    bench.panel.advance(25 * MS)
    assert bench.panel.frequency_hz == pytest.approx(1.2e9)


def test_a_list_runs_point_by_point(bench: Bench) -> None:
    bench.say(b'LIST:SEL "pulse";FREQ 1GHz,1.5 GHz,2000000000;POW -10,-11,-12;DWEL 10ms;TRIG:SOUR SING\n')
    assert bench.say(b":LIST:FREQ?;FREQ:POIN?;:LIST:POW?\n") == b"1000000000,1500000000,2000000000;3;-10,-11,-12\n"
    bench.say(b"LIST:LEAR;:FREQ:MODE LIST;:LIST:TRIG:EXEC\n")
    bench.panel.advance(bench.now_ns + 15 * MS)
    assert bench.panel.frequency_hz == 1.5e9
    assert bench.say(b"SYST:ERR?;*OPC?\n", 40 * MS) == b'0,"No error";1\n'


def test_reset_save_recall(bench: Bench) -> None:
    bench.say(b"FREQ 3GHz;:OUTP ON;*SAV 3;*RST\n")
    assert bench.say(b"FREQ?;:OUTP?\n") == b"1000000000;0\n"
    assert bench.say(b"*RCL 3;:FREQ?;:OUTP?\n") == b"3000000000;1\n"
    bench.say(b"*RCL 4\n")
    assert bench.say(b"SYST:ERR?\n") == b'-222,"Data out of range"\n'


def test_faults(bench: Bench) -> None:
    bench.say(b"OUTP ON\n")
    bench.panel.inject("output_lost")
    assert bench.panel.power_dbm is None
    assert bench.say(b"OUTP?;:OUTP ON;:OUTP?\n") == b"0;1\n"
    bench.panel.inject("wrong_frequency")
    assert bench.say(b"FREQ?\n") == b"1001000000\n"
    bench.panel.inject("refuses")
    bench.say(b"FREQ 2GHz\n")
    assert bench.say(b"SYST:ERR?\n") == b'-221,"Settings conflict"\n'


OFF = 0.0
PULSED = b"PULM:STAT ON;WIDT 3us;PER 20ms;DEL 200ns;TRIG:MODE EXT"


@pytest.mark.parametrize(
    ("line", "width_s", "delay_s", "period_s"),
    [
        (b"PULM:TRIG:MODE EXT", 3e-6, 200e-9, 0.0),
        (b"PULM:TRIG:MODE EGAT", 3e-6, 200e-9, 0.0),
        (b"PULM:TRIG:MODE AUTO", 3e-6, 200e-9, 20e-3),
        (b"PULM:TRIG:MODE SING", OFF, 0.0, 0.0),
        (b"PULM:TRIG:MODE ESIN", OFF, 0.0, 0.0),
        (b"PULM:TRIG:EXT:SLOP NEG", OFF, 0.0, 0.0),
        (b"PULM:SOUR EXT", math.inf, 0.0, 0.0),
        (b"PULM:SOUR EXT;POL INV", OFF, 0.0, 0.0),
        (b"PULM:STAT OFF", math.inf, 0.0, 0.0),
        (b":OUTP:MOD OFF", math.inf, 0.0, 0.0),
        (b"MOD:STAT OFF", math.inf, 0.0, 0.0),
    ],
)
def test_what_a_trigger_makes(bench: Bench, line: bytes, width_s: float, delay_s: float, period_s: float) -> None:
    assert bench.say(PULSED + b"\n" + line + b"\nSYST:ERR?\n") == b'0,"No error"\n'
    made = bench.panel.pulses
    assert (made.width_s, made.delay_s, made.period_s) == pytest.approx((width_s, delay_s, period_s))
