"""The RTO1024 stand-in: acquisition, history, data formats, files, errors (instruments.md 2.2, 4b)."""

import numpy as np
import numpy.typing as npt
import pytest

from drivers.wire.rto import INTERFACE_MESSAGES, KNOBS, ROWS
from firmware_sim.personalities.rto import Rto, open_standalone
from firmware_sim.sessions.scpi import ScpiSession
from tests.unit.scope.bench import MS, pulse


class Bench:
    """One RTO and one client; ``ask`` sends a message 1 ms after the last one."""

    def __init__(self, scope: Rto | None = None) -> None:
        self.scope = scope or Rto("200153", pulse, seed=7)
        self.session = ScpiSession(self.scope, ignored=INTERFACE_MESSAGES)
        self.now_ns = 1_000 * MS

    def ask(self, message: str, step_ns: int = MS) -> bytes:
        self.now_ns += step_ns
        chunks = self.session.feed((message + "\n").encode(), self.now_ns)
        while self.session.waiting and not chunks:
            self.now_ns += MS
            chunks = self.session.tick(self.now_ns)
        return b"".join(bytes(chunk.data) for chunk in chunks)

    def arm(self, more: str = "") -> None:
        """A 20 ms window, 2 ms before the trigger, external source."""
        self.ask("CHAN1:STAT ON;RANG 10;COUP DCL;:CHAN2:STAT ON;RANG 10;OFFS 1")
        self.ask("TIM:RANG 20e-3;REF 50;HOR:POS 8e-3;:ACQ:POIN 2000;:TRIG1:MODE NORM;SOUR EXT;LEV5 1")
        self.ask(f"{more}SINGle")
        assert self.ask("STAT:OPER:COND?", step_ns=10 * MS) == b"24\n"

    def fire(self) -> None:
        assert self.scope.trigger(self.now_ns, "EXT")
        self.now_ns += 25 * MS


def integers(reply: bytes, kind: str) -> npt.NDArray[np.int64]:
    digits = int(reply[1:2])
    length = int(reply[2 : 2 + digits])
    assert reply[:1] == b"#" and reply[2:3] != b"0", "as few digits as it takes"
    assert len(reply) == 2 + digits + length + 1 and reply[-1:] == b"\n"
    return np.frombuffer(reply[2 + digits : -1], dtype=kind).astype(np.int64)


def no_errors(bench: Bench) -> bool:
    return bench.ask("SYST:ERR:ALL?") == b'0,"No error"\n'


def test_every_query_of_the_dialect_is_answered_in_its_own_form() -> None:
    bench = Bench(open_standalone("1"))
    for row in ROWS.values():
        if not row.answers or row.pattern.startswith("*"):
            continue
        names = getattr(row, "suffix", "").split()
        if row.name == "file.data?":
            continue
        reply = bench.ask(row.request(**dict.fromkeys(names, 1)).decode().strip())
        assert reply.endswith(b"\n"), row.name
        if row.name != "data?":
            row.parse_reply(reply)
    assert no_errors(bench)


def test_every_knob_reads_back_what_was_written_at_each_of_its_numbers() -> None:
    for name, knob in KNOBS.items():
        bench = Bench()
        for number in {1, knob.count}:
            names = dict.fromkeys(knob.suffix.split(), 1)
            if knob.count > 1:
                names[knob.suffix.split()[-1]] = number
            query = ROWS[f"{name}?"]
            held = query.parse_reply(bench.ask(query.request(**names).decode().strip()))
            bench.ask(ROWS[name].request(**names, **held).decode().strip())
            assert no_errors(bench), name
            assert query.parse_reply(bench.ask(query.request(**names).decode().strip())) == held


@pytest.mark.parametrize(("bits", "kind", "codes"), [(16, "<i2", 253 * 256), (8, "i1", 253)])
def test_integers_are_the_signal_by_the_formula_of_the_sheet(bits: int, kind: str, codes: int) -> None:
    bench = Bench()
    bench.arm("CHAN2:TYPE HRES;:")
    bench.fire()
    bench.ask(f"FORMat:DATA INT,{bits};:FORMat:BORder LSBFirst;:EXPort:WAVeform:INCXvalues OFF")
    start, stop, points, values = bench.ask("CHANnel2:DATA:HEADER?").split(b",")
    assert [float(start), float(stop)] == pytest.approx([-0.002, 0.018])
    assert (int(points), int(values)) == (2000, 1)
    raw = integers(bench.ask("CHANnel2:DATA?"), kind)
    scale = float(bench.ask("CHAN2:SCAL?"))
    volts = np.asarray(raw * scale * 10 / codes + 1.0, np.float64)
    times = np.arange(2000, dtype=np.float64) * 1e-5 - 0.002
    assert float(np.abs(volts - pulse(1, np.asarray(times, np.float64))).max()) < 10 / 253 * (1.0 if bits == 8 else 0.2)
    assert no_errors(bench)


def test_byte_order_real_and_ascii_agree_with_the_integers() -> None:
    bench = Bench()
    bench.arm()
    bench.fire()
    raw = integers(bench.ask("FORM INT,16;:CHAN1:DATA?"), "<i2")
    assert np.array_equal(integers(bench.ask("FORM:BORD MSBF;:CHAN1:DATA?"), ">i2"), raw)
    volts = raw * 10 / (253 * 256)
    header = bench.ask("FORM:BORD LSBF;:FORM REAL,32;:CHAN1:DATA?")
    assert np.frombuffer(header[6:-1], "<f4") == pytest.approx(volts, abs=1e-5)
    text = bench.ask("FORM ASC;:CHAN1:WAV1:DATA:VAL?")
    assert [float(part) for part in text.split(b",")] == pytest.approx(volts.tolist(), abs=1e-6)
    pairs = np.frombuffer(bench.ask("EXP:WAV:INCX ON;:FORM REAL,32;:CHAN1:DATA?")[7:-1], "<f4").reshape(-1, 2)
    assert pairs[:, 1] == pytest.approx(volts, abs=1e-5) and pairs[0, 0] == pytest.approx(-0.002)


def test_clipped_input_stops_at_the_last_code() -> None:
    bench = Bench()
    bench.arm("CHAN1:RANG 0.1;:")
    bench.fire()
    assert set(integers(bench.ask("FORM INT,8;:CHAN1:DATA?"), "i1")) >= {-127, 127}


def test_peak_detect_has_two_values_per_sample() -> None:
    bench = Bench()
    bench.arm("CHAN1:TYPE PDET;:")
    bench.fire()
    assert bench.ask("CHAN1:DATA:HEAD?").endswith(b",2000,2\n")
    pairs = integers(bench.ask("FORM INT,16;:CHAN1:DATA?"), "<i2").reshape(2000, 2)
    assert (pairs[:, 0] <= pairs[:, 1]).all() and (pairs[:, 0] < pairs[:, 1]).any()


def segmented(bench: Bench) -> None:
    bench.arm("ACQ:COUN 3;:ACQ:SEGM:STAT ON;:CHAN:HIST ON;:")
    for number in range(3):
        bench.fire()
        assert bench.ask("ACQ:AVA?;CURR?") == b"%d;%d\n" % (number + 1, number + 1)
        bench.now_ns += 74 * MS
    assert bench.ask("STAT:OPER:COND?") == b"0\n"


def test_segments_are_kept_with_their_times() -> None:
    bench = Bench()
    segmented(bench)
    records = []
    for current in (-2, -1, 0):
        reply = bench.ask(f"CHANnel:WAVeform:HISTory:CURRent {current};CURRent?;TSRelative?")
        assert reply.split(b";")[0] == b"%d" % current
        assert float(reply.split(b";")[1]) == pytest.approx(current * 0.1)
        records.append(bench.ask("FORM INT,16;:CHAN1:DATA?"))
    assert len(set(records)) == 3, "each has its own noise"
    bench.ask("CHAN:HIST:CURR -3")
    assert bench.ask("SYST:ERR:NEXT?").startswith(b"-222")


def test_play_with_logging_writes_the_pair_of_files() -> None:
    bench = Bench()
    segmented(bench)
    bench.ask("EXPort:WAVeform:FASTexport ON;MULTichannel OFF;SOURce C1W1;NAME 'C:\\Data\\shot1.bin';DLOGging ON")
    assert bench.ask("*CLS;CHANnel:HISTory:PLAY;*OPC;*ESR?") == b"0\n"
    assert bench.ask("*OPC?") == b"1\n"
    assert bench.ask("*ESR?") == b"1\n"
    listing = bench.ask("MMEMory:CATalog? 'c:/data'")
    found = ROWS["file.catalog?"].parse_reply(listing)
    assert found["entries"][:2] == [".,DIR,0", "..,DIR,0"]
    assert [entry.split(",")[:2] for entry in found["entries"][2:]] == [["shot1.bin", "BIN"], ["shot1.Wfm.bin", "BIN"]]
    assert found["used"] == sum(int(entry.split(",")[2]) for entry in found["entries"])
    data = bench.ask("MMEM:DATA? 'C:\\Data\\shot1.Wfm.bin'")
    samples = integers(data, "<i2")[4:].reshape(3, 2000)
    assert np.array_equal(samples[2], integers(bench.ask("CHAN:HIST:CURR 0;:FORM INT,16;:CHAN1:DATA?"), "<i2"))


def test_files_are_copied_moved_deleted_and_missed() -> None:
    bench = Bench()
    bench.ask("MMEM:SAV 'setup.dfl';:CHAN3:RANG 7;:TIM:RANG 3")
    bench.ask("MMEM:COPY 'setup.dfl', 'D:\\keep\\copy.dfl';DEL 'SETUP.DFL'")
    assert no_errors(bench)
    bench.ask("MMEM:RCL 'setup.dfl'")
    assert bench.ask("SYST:ERR?").startswith(b"-256")
    bench.ask("MMEM:RCL 'd:\\keep\\copy.dfl'")
    assert no_errors(bench) and bench.ask("CHAN3:RANG?;:TIM:RANG?") == b"0.5;1E-07\n"
    bench.ask("MMEM:CAT? 'C:\\nowhere'")
    assert bench.ask("SYST:ERR?").startswith(b"-256")


def test_errors_one_by_one_counted_and_all_at_once() -> None:
    bench = Bench()
    assert bench.ask("SYST:ERR:COUN?;NEXT?") == b'0;0,"No error"\n'
    for bad in ("NOSUCH 1", "TIM:RANG 1000", "CHAN9:STAT ON"):
        bench.ask(bad)
    assert bench.ask("*STB?;SYST:ERR:COUN?") == b"4;3\n"
    assert bench.ask("SYSTem:ERRor:ALL?") == (
        b'-113,"Undefined header",-222,"Data out of range",-114,"Header suffix out of range"\n'
    )
    assert bench.ask("*STB?;SYST:ERR:COUN?") == b"0;0\n"


def test_interface_messages_are_taken_silently() -> None:
    bench = Bench()
    for line in ("&GTR", "&GTL", "&DCL", "&gtr\r"):
        assert bench.ask(line) == b""
    assert no_errors(bench)
    bench.ask("&XYZ")
    assert bench.ask("SYST:ERR?").startswith(b"-102")


def test_client_h_opens_arms_and_polls_as_it_does() -> None:
    bench = Bench()
    for line in ("&GTR", "*RST;*CLS", "SYST:DISP:UPD ON", "*ESE 127"):
        assert bench.ask(line) == b""
    bench.ask("CHANnel1:STATe ON;:CHANnel1:RANGe 10;:CHANnel1:POSition 0;:CHANnel1:OFFSet 0;:TIMebase:RANGe 0.02")
    bench.ask("TRIGger1:SOURce EXT;:TRIGger1:LEVel5 1;:TRIGger1:MODE NORMAL;:ACQuire:COUNt 1;:SINGle;*OPC")
    bench.now_ns += 20 * MS
    assert bench.session.status_byte() & 0b100100 == 0  # the poll: no error, not yet complete
    bench.fire()
    bench.now_ns += 20 * MS
    bench.scope.advance(bench.now_ns)
    assert bench.session.status_byte() & 0b100100 == 32
    assert int(bench.ask("*ESR?")) & 1
    assert bench.session.status_byte() & 0b100100 == 0


def test_a_scope_just_connected_runs_in_auto_and_a_single_shot_stays_armed() -> None:
    bench = Bench(open_standalone("7"))
    assert len(integers(bench.ask("FORM INT,8;:CHAN1:DATA?"), "i1")) == 1000
    bench.ask("SINGle")
    assert bench.ask("STAT:OPER:COND?", step_ns=60_000 * MS) == b"24\n"
    assert bench.ask("CHAN1:DATA?") == b""
    assert bench.ask("SYST:ERR?").startswith(b"-230")
    bench.ask("TRIG1:FORC")
    assert bench.ask("STAT:OPER:COND?;:ACQ:CURR?", step_ns=10 * MS) == b"0;1\n"
    assert float(bench.ask("MEAS1:RES? MAX")) == pytest.approx(0.25, abs=0.02)


def test_never_more_files_than_the_disk_holds() -> None:
    bench = Bench()
    bench.ask("MMEM:SAV 'a.dfl'")
    for number in range(1001):
        bench.ask(f"MMEM:COPY 'a.dfl', 'b{number}.dfl'", step_ns=0)
    assert b"-254" in bench.ask("SYST:ERR:ALL?")


def test_a_long_record_of_a_running_scope_is_read_to_its_end() -> None:
    bench = Bench(open_standalone("7"))
    bench.ask("ACQ:POIN 3000000;:TRIG1:LEV1 0.15;:FORM INT,8;:RUN")
    start_ns = bench.now_ns
    assert len(integers(bench.ask("CHAN1:DATA?", step_ns=300 * MS), "i1")) == 3_000_000
    assert bench.now_ns - start_ns < 2_000 * MS, "sweeps go on every 20 ms and do not begin the work again"
