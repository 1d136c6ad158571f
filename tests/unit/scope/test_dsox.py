"""The DSO-X stand-in: run control, trigger, ADC, records, faults (instruments.md 2.1, 4b)."""

import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest

from drivers.wire.dsox import ROWS
from firmware_sim.personalities.dsox import FAULTS, Dsox, open_standalone
from firmware_sim.personalities.dsox_commands import ATTRIBUTES
from tests.unit.scope.bench import MS, Bench, pulse


def codes_of(reply: bytes, kind: str) -> npt.NDArray[np.int64]:
    length = int(reply[2:10])
    assert reply[:2] == b"#8" and len(reply) == length + 11 and reply[-1:] == b"\n"
    return np.frombuffer(reply[10:-1], dtype=kind).astype(np.int64)


def read_words(bench: Bench, channel: int, points: int = 2000) -> npt.NDArray[np.int64]:
    bench.ask(f":WAV:POIN:MODE RAW;:WAV:POIN {points};FORM WORD;BYT LSBF;UNS 1;SOUR CHAN{channel}")
    return codes_of(bench.ask(":WAV:DATA?"), "<u2")


def fire(bench: Bench) -> None:
    assert bench.scope.trigger(bench.now_ns, "EXT")
    bench.now_ns += 25 * MS


def preamble(bench: Bench) -> list[float]:
    return [float(text) for text in bench.ask(":WAV:PRE?").split(b",")]


def test_power_on_dumps_are_those_of_the_manual() -> None:
    bench = Bench()
    assert bench.ask(":CHANnel1?") == (
        b':CHAN1:RANG +40.0E+00;OFFS +0.00000E+00;COUP DC;IMP ONEM;DISP 1;BWL 0;INV 0;LAB "1";UNIT VOLT;'
        b"PROB +10E+00;PROB:SKEW +0.00E+00;STYP SING\n"
    )
    assert bench.ask(":TIMebase?") == b":TIM:MODE MAIN;REF CENT;MAIN:RANG +1.00E-03;POS +0.0E+00\n"


def test_every_row_of_the_dialect_is_carried_out() -> None:
    bench = Bench(open_standalone("MY1"))
    for row in ROWS.values():
        if not row.pattern.endswith("?") or row.pattern.startswith("*"):
            continue
        values = {"channel": 2} if row.suffix else {}
        reply = bench.ask(row.request(**values).decode().strip())
        assert reply.endswith(b"\n"), row.name
        if row.name not in ("display.data?", "waveform.data?"):
            row.parse_reply(reply)
    assert bench.ask(":SYST:ERR?") == b'+0,"No error"\n'


def test_every_setting_reads_back_what_was_written() -> None:
    for name in ATTRIBUTES:
        bench = Bench()
        query = ROWS[f"{name}?"]
        channel = {"channel": 3} if query.suffix else {}
        before = query.parse_reply(bench.ask(query.request(**channel).decode().strip()))
        bench.ask(ROWS[name].request(**channel, **before).decode().strip())
        assert bench.ask(":SYST:ERR?") == b'+0,"No error"\n', name
        assert query.parse_reply(bench.ask(query.request(**channel).decode().strip())) == before


def test_label_is_cut_to_ten_and_upper_case() -> None:
    bench = Bench()
    assert bench.ask(':CHAN2:LAB "i total; amps";LAB?') == b'"I TOTAL; A"\n'


def test_probe_factor_rescales_range_offset_and_level() -> None:
    bench = Bench()
    bench.ask(":TRIG:LEV 5;:CHAN1:OFFS 2;PROB 1")
    assert bench.ask(":CHAN1:RANG?;OFFS?;:TRIG:LEV?") == b"+4.00E+00;+200.000E-03;+500.000E-03\n"
    bench.ask(":CHAN1:RANG 41")
    assert bench.ask(":SYST:ERR?").startswith(b"-222")


def test_single_shot_goes_through_filling_armed_storing_stopped() -> None:
    bench = Bench()
    bench.ask(":TIM:RANG 20 ms;POS 8 ms;:TRIG:SOUR EXT;:AER?;:SINGle")
    assert bench.ask(":OPER:COND?;:AER?", step_ns=0) == b"+8;+0\n"
    assert not bench.scope.trigger(bench.now_ns + MS, "EXT")  # too early: the pre-trigger memory is not full
    assert bench.ask(":OPER:COND?;:AER?;:AER?", step_ns=10 * MS) == b"+40;+1;+0\n"
    assert not bench.scope.trigger(bench.now_ns, "CHAN1")
    assert bench.scope.trigger(bench.now_ns, "EXT")
    assert not bench.scope.trigger(bench.now_ns, "EXT")
    assert bench.ask(":OPER:COND?;:TER?;:TER?", step_ns=17 * MS) == b"+8;+1;+0\n"
    assert bench.ask(":OPER:COND?;:OPER?;:OPER?", step_ns=2 * MS) == b"+0;+40;+0\n"


def test_operation_events_reach_the_status_byte() -> None:
    bench = Bench()
    bench.ask(":STOP;*CLS;:OPEE 32")
    bench.arm()
    assert bench.ask("*STB?") == b"128\n"
    assert bench.ask(":OPER?;*STB?") == b"+40;16\n"


def test_a_single_shot_never_triggers_by_itself_and_its_old_record_is_gone() -> None:
    bench = Bench()
    bench.arm()
    bench.ask(":TRIG:SWE AUTO")
    assert bench.ask(":OPER:COND?", step_ns=3600 * 1000 * MS) == b"+40\n"
    assert bench.ask(":WAV:DATA?") == b""
    assert bench.ask(":SYST:ERR?").startswith(b"-230")


def test_a_scope_just_connected_runs_and_answers() -> None:
    bench = Bench()
    bench.now_ns = 0
    assert len(codes_of(bench.ask(":WAV:DATA?"), "u1")) == 1000
    assert bench.ask(":OPER:COND?", step_ns=500 * MS) in (b"+8\n", b"+40\n")


def test_word_record_is_the_signal_within_the_adc_step() -> None:
    bench = Bench()
    bench.arm()
    fire(bench)
    codes = read_words(bench, 3)
    _, kind, points, _, x_increment, x_origin, _, y_increment, y_origin, y_reference = preamble(bench)
    times = np.arange(points) * x_increment + x_origin
    expected = pulse(2, times)
    assert kind == 3 and x_origin == -0.002 and x_increment == 1e-5 and y_reference == 32768
    difference = (codes - y_reference) * y_increment + y_origin - expected
    step_v = 8.0 / 4096
    assert np.abs(difference).max() < 2 * step_v
    assert 0.2 * step_v < difference.std() < 0.5 * step_v


def test_normal_records_have_eight_bits() -> None:
    bench = Bench()
    bench.arm()
    bench.ask(":STOP;:ACQ:TYPE NORM;:SINGle")
    bench.now_ns += 10 * MS
    bench.ask(":AER?")
    fire(bench)
    assert set(read_words(bench, 1) % 256) == {0}
    bench.ask(":WAV:FORM BYTE")
    octets = codes_of(bench.ask(":WAV:DATA?"), "u1")
    assert np.array_equal(octets, read_words(bench, 1) >> 8)


def test_read_out_forms_agree() -> None:
    bench = Bench()
    bench.arm()
    fire(bench)
    words = read_words(bench, 2)
    assert np.array_equal(codes_of(bench.ask(":WAV:BYT MSBF;:WAV:DATA?"), ">u2"), words)
    assert np.array_equal(codes_of(bench.ask(":WAV:UNS 0;:WAV:DATA?"), ">i2"), words - 32768)
    assert preamble(bench)[9] == 0
    text = bench.ask(":WAV:FORM ASC;:WAV:DATA?")
    volts = [float(part) for part in text[10:-1].split(b",")]
    assert volts == pytest.approx(((words - 32768) * 8 / 65536).tolist(), rel=1e-5, abs=1e-9)


def test_clipping_marks_both_ends_and_never_sends_a_hole() -> None:
    bench = Bench()
    bench.arm()
    bench.ask(":STOP;:CHAN4:RANG 0.2;OFFS 0;:SINGle")
    bench.now_ns += 10 * MS
    bench.ask(":AER?")
    fire(bench)
    codes = read_words(bench, 4)
    assert {int(codes.min()), int(codes.max())} == {1, 65535}
    bench.ask(":WAV:FORM BYTE")
    octets = codes_of(bench.ask(":WAV:DATA?"), "u1")
    assert (octets.min(), octets.max()) == (1, 255)


def test_peak_detect_returns_pairs_that_enclose_the_signal() -> None:
    bench = Bench(Dsox("MY1", lambda channel, t: np.where(np.mod(t, 1e-4) < 2e-6, 2.0, 0.0), 1))
    bench.arm()
    bench.ask(":STOP;:ACQ:TYPE PEAK;:SINGle")
    bench.now_ns += 10 * MS
    bench.ask(":AER?")
    fire(bench)
    codes = read_words(bench, 1, points=4000)
    low, high = codes[0::2], codes[1::2]
    assert np.all(low <= high)
    assert (high > 32768 + 8192).mean() > 0.05 and (low < 32768 + 1024).all()


def test_averaging_lowers_the_noise() -> None:
    spread = []
    for kind in ("NORM", "AVER"):
        bench = Bench(Dsox("MY1", lambda channel, t: np.full_like(t, 0.01), 1))
        bench.arm()
        bench.ask(f":STOP;:ACQ:TYPE {kind};COUN 64;:SINGle")
        bench.now_ns += 10 * MS
        bench.ask(":AER?")
        fire(bench)
        spread.append(float(read_words(bench, 1).std()))
    assert spread[1] < spread[0] / 5


def test_the_record_keeps_the_settings_of_its_capture() -> None:
    bench = Bench()
    bench.arm()
    fire(bench)
    before = read_words(bench, 2), preamble(bench)
    bench.ask(":CHAN2:RANG 2;OFFS 1;:TIM:RANG 1;:ACQ:TYPE NORM")
    assert np.array_equal(read_words(bench, 2), before[0]) and preamble(bench) == before[1]


def test_noise_follows_seed_shot_channel_and_serial() -> None:
    def record(seed: int, shots: int = 1, channel: int = 1, serial: str = "MY1") -> bytes:
        bench = Bench(Dsox(serial, lambda _, t: np.zeros_like(t), seed))
        for _ in range(shots):
            bench.arm()
            fire(bench)
        bench.ask(":CHAN3:RANG 8")
        return read_words(bench, channel).tobytes()

    same = record(1)
    assert record(1) == same
    assert len({same, record(2), record(1, shots=2), record(1, channel=2), record(1, serial="MY2")}) == 5


def test_unattended_sweeps_do_not_shift_the_noise_of_shots() -> None:
    records = []
    for idle_ns in (0, 5_000 * MS):
        bench = Bench()
        bench.ask("*ESE?", step_ns=idle_ns + MS)
        bench.ask(":WAV:DATA?")
        bench.arm()
        fire(bench)
        records.append(read_words(bench, 1).tobytes())
    assert records[0] == records[1]


def test_points_are_limited_by_memory_mode_and_sample_rate() -> None:
    bench = Bench()
    bench.ask(":TIM:RANG 1 us")
    assert bench.ask(":ACQ:SRAT?;POIN?") == b"+4.00E+09;+4000\n"
    assert bench.ask(":WAV:POIN:MODE RAW;:WAV:POIN 1000000;POIN?") == b"+4000\n"
    bench.ask(":TIM:RANG 20 ms")
    assert bench.ask(":ACQ:SRAT?;POIN?") == b"+200E+06;+4000000\n"
    assert bench.ask(":waveform:points normal;:WAV:POIN?;:SYST:ERR?", step_ns=200 * MS) == b'+62500;+0,"No error"\n'
    bench.ask(":WAV:POIN 5000000")
    assert bench.ask(":SYST:ERR?").startswith(b"-222")


def test_a_channel_trigger_is_found_in_the_signal() -> None:
    bench = Bench(Dsox("MY1", lambda channel, t: np.clip(t, 0, 5e-3) * 400, 1))
    bench.arm()
    bench.ask(":STOP;:TRIG:SOUR CHAN2;LEV 1;:SINGle")
    bench.now_ns += 10 * MS
    assert bench.ask(":AER?") == b"+1\n"
    t0_ns = bench.now_ns
    assert bench.scope.trigger(t0_ns, "EXT") is False
    assert bench.scope.trigger_from_signal(t0_ns, 0.01)
    bench.now_ns += 25 * MS
    codes = read_words(bench, 2)
    at_trigger = int(codes[200])  # 2 ms of pre-trigger, 10 us per point
    assert (at_trigger - 32768) * 8 / 65536 == pytest.approx(1.0, abs=0.3)
    bench.arm()
    bench.ask(":STOP;:TRIG:SOUR CHAN2;SLOP NEG;:SINGle")
    bench.now_ns += 10 * MS
    assert not bench.scope.trigger_from_signal(bench.now_ns, 0.01)


def test_force_ends_an_armed_acquisition_and_is_refused_when_stopped() -> None:
    bench = Bench()
    bench.arm()
    bench.ask(":TRIG:FORC")
    assert bench.ask(":OPER:COND?", step_ns=25 * MS) == b"+0\n"
    assert len(read_words(bench, 1)) == 2000
    bench.ask(":TRIG:FORC")
    assert bench.ask(":SYST:ERR?").startswith(b"-211")


def test_digitize_holds_the_parser_until_triggered() -> None:
    bench = Bench()
    bench.ask(":TRIG:SOUR EXT;SWE NORM;:CHAN1:DISP 0")
    assert bench.ask(":DIGitize CHAN1;:CHAN1:DISP?") == b""
    assert bench.session.waiting
    assert bench.wait(1000 * MS) == b""
    assert bench.scope.trigger(bench.now_ns, "EXT")
    assert bench.wait(MS) == b"1\n"
    assert not bench.session.waiting


def test_digitize_in_auto_triggers_by_itself() -> None:
    bench = Bench()
    assert bench.ask(":DIGitize;:TER?") == b""
    assert bench.wait(100 * MS) == b"+1\n"


def test_standing_alone_a_signal_through_the_level_triggers_a_single_shot() -> None:
    bench = Bench(open_standalone("MY1"))
    bench.ask(":TRIG:SOUR CHAN2;LEV 0;:SINGle")
    assert bench.ask(":OPER:COND?", step_ns=50 * MS) == b"+0\n"
    assert float(bench.ask(":MEAS:FREQ? CHAN2")) == pytest.approx(5000, rel=0.01)
    assert float(bench.ask(":MEAS:VPP? CHAN2")) == pytest.approx(10, rel=0.1)
    bench.ask("*RST;:SINGle")
    assert bench.ask(":OPER:COND?", step_ns=50 * MS) == b"+40\n"  # channel 1 never passes the power-on level


def test_a_measurement_that_cannot_be_made_is_overflow() -> None:
    bench = Bench()
    bench.arm()
    assert bench.ask(":MEAS:VMAX?") == b"+9.9E+37\n"


def test_faults() -> None:
    assert set(FAULTS) == {"not_armed", "wrong_setup", "clipped", "dead_channel", "never_triggers"}
    bench = Bench()
    bench.arm()
    bench.scope.inject("never_triggers")
    assert not bench.scope.trigger(bench.now_ns, "EXT")
    bench.scope.inject("never_triggers", False)
    bench.scope.inject("not_armed")
    assert bench.ask(":OPER:COND?") == b"+0\n"
    bench.ask(":SINGle")
    assert bench.ask(":OPER:COND?", step_ns=50 * MS) == b"+0\n"
    bench.scope.inject("not_armed", False)
    bench.scope.inject("wrong_setup")
    assert bench.ask(":CHAN1:RANG?") == b"+16.0E+00\n"
    bench.scope.inject("dead_channel")
    bench.arm()
    fire(bench)
    assert np.abs(read_words(bench, 1) - 32768).max() <= 32
    assert np.abs(read_words(bench, 2) - 32768).max() > 1000
    bench.scope.inject("clipped")
    bench.arm()
    fire(bench)
    assert set(read_words(bench, 2)) == {65535}
    assert bench.ask("*TST?") == b"1\n"
    with pytest.raises(KeyError):
        bench.scope.inject("no_such_fault")


def test_front_panel_turns_a_knob() -> None:
    bench = Bench()
    bench.scope.front_panel(":CHANnel2:RANGe", "4")
    assert bench.ask(":CHAN2:RANG?") == b"+4.00E+00\n"


def test_screen_images_can_be_decoded_and_show_the_trace() -> None:
    bench = Bench()
    bench.arm()
    bench.ask(":hardcopy:inksaver off;:BLANk CHAN2;:BLANk CHAN3;:BLANk CHAN4")
    fire(bench)
    reply = bench.ask(":display:data? PNG, COLor")
    png = reply[10:-1]
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert (width, height, depth, colour) == (800, 480, 8, 2)
    start = png.index(b"IDAT")
    length = struct.unpack(">I", png[start - 4 : start])[0]
    rows = np.frombuffer(zlib.decompress(png[start + 4 : start + 4 + length]), np.uint8).reshape(480, 1 + 3 * 800)
    picture = rows[:, 1:].reshape(480, 800, 3)
    bmp = np.frombuffer(bench.ask(":DISP:DATA? BMP, COLor")[10 + 54 : -1], np.uint8).reshape(480, 800, 3)
    assert np.array_equal(bmp[::-1, :, ::-1], picture)
    yellow = np.argwhere((picture == (255, 255, 0)).all(axis=2))
    assert len(yellow) > 800
    assert len(set(yellow[:, 1].tolist())) == 800  # the trace crosses the whole screen


def test_a_long_record_is_computed_in_slices_and_is_the_same_for_everybody() -> None:
    bench = Bench()
    bench.arm()
    fire(bench)
    bench.ask(":WAV:POIN:MODE RAW;:WAV:POIN 100000;FORM WORD;BYT LSBF;UNS 1;SOUR CHAN1")
    assert bench.ask(":WAV:DATA?") == b""
    replies = [bench.wait(MS) for _ in range(6)]
    assert replies[:5] == [b""] * 5 and not bench.session.waiting
    codes = codes_of(replies[5], "<u2")
    _, _, points, _, x_increment, x_origin, _, y_increment, y_origin, y_reference = preamble(bench)
    expected = pulse(0, np.arange(points) * x_increment + x_origin)
    assert np.abs((codes - y_reference) * y_increment + y_origin - expected).max() < 2 * 8.0 / 4096
    assert np.array_equal(codes_of(bench.ask(":WAV:DATA?"), "<u2"), codes)
    bench.ask(":WAV:FORM ASC;:WAV:DATA?")
    text = b"".join(bench.wait(MS) for _ in range(8))
    assert len(text[10:-1].split(b",")) == 100_000


def test_a_record_replaced_while_it_is_computed_is_an_error_not_a_mixture() -> None:
    bench = Bench()
    bench.arm()
    fire(bench)
    bench.ask(":WAV:POIN:MODE RAW;:WAV:POIN 100000;DATA?")
    other = Bench(bench.scope)
    other.now_ns = bench.now_ns
    other.ask(":SINGle")
    bench.wait(MS)
    assert bench.ask(":SYST:ERR?").startswith(b"-230")


def test_bandwidth_limit_and_ac_coupling_shape_the_signal() -> None:
    def edge(_: int, t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(t >= 0, 1.0, 0.0)

    bench = Bench(Dsox("MY1", edge, 1))
    bench.arm()
    bench.ask(":STOP;:TIM:RANG 200 ns;POS 0;:CHAN1:BWL 1;:CHAN2:COUP AC;:SINGle")
    bench.now_ns += 10 * MS
    bench.ask(":AER?")
    fire(bench)
    limited, coupled, plain = (read_words(bench, channel, points=800) - 32768 for channel in (1, 2, 3))
    volt = 8192
    assert plain[401] == pytest.approx(volt, abs=64)
    after_one_tau = 400 + round(1 / (2 * np.pi * 20e6) / 250e-12)
    assert limited[after_one_tau] == pytest.approx(volt * (1 - np.exp(-1)), rel=0.05)
    assert coupled.mean() == pytest.approx(0, abs=16) and coupled[-1] == pytest.approx(volt / 2, abs=64)


def test_a_word_record_travels_without_a_copy() -> None:
    bench = Bench()
    bench.arm()
    fire(bench)
    bench.ask(":WAV:POIN:MODE RAW;:WAV:POIN 2000;FORM WORD;BYT LSBF;UNS 1;SOUR CHAN1")
    _, data, _ = bench.session.feed(b":WAV:DATA?\n", bench.now_ns)
    assert bench.scope.record is not None and isinstance(data.data, memoryview)
    assert np.shares_memory(np.frombuffer(data.data, np.uint8), bench.scope.record.record.codes(0, 2000))


@pytest.mark.parametrize("message", [":ACQ:MODE ETIM", ":TIM:MODE ROLL", ":TRIG:MODE GLIT", ":TRIG:SLOP EITH"])
def test_modes_that_are_not_modelled_are_refused(message: str) -> None:
    bench = Bench()
    bench.ask(message)
    assert bench.ask(":SYST:ERR?").startswith(b'-221,"')


def test_points_speak_of_the_settings_and_the_preamble_of_the_record() -> None:
    bench = Bench()
    bench.ask(":TIM:RANG 100 ns;:RUN")
    bench.ask(":STOP;:TIM:RANG 20 ms;:WAV:POIN:MODE RAW;:WAV:POIN 25000", step_ns=200 * MS)
    assert bench.ask(":WAV:POIN?") == b"+25000\n"
    assert preamble(bench)[2] == 400


def test_many_record_lengths_do_not_pile_up() -> None:
    bench = Bench()
    bench.arm()
    fire(bench)
    first = read_words(bench, 1, points=100).tobytes()
    for points in range(101, 140):
        read_words(bench, 1, points=points)
    assert bench.scope.record is not None and len(bench.scope.record.record._codes) <= 16
    assert read_words(bench, 1, points=100).tobytes() == first


def test_segmented_memory_keeps_every_trigger_with_its_time() -> None:
    bench = Bench()
    bench.arm()
    bench.ask(":STOP;:ACQ:MODE SEGM;:ACQ:SEGM:COUN 3;:SINGle;*OPC")
    for gap_ms in (0, 5, 70):
        bench.now_ns += 10 * MS  # the pre-trigger memory fills again for each segment
        assert bench.ask(":OPER:COND?", step_ns=gap_ms * MS) == b"+40\n"
        fire(bench)
    assert bench.ask(":OPER:COND?;:WAV:SEGM:COUN?;*ESR?") == b"+0;+3;129\n"
    last = read_words(bench, 1).tobytes()
    tags = []
    for number in (1, 2, 3):
        tags.append(float(bench.ask(f":ACQ:SEGM:IND {number};:WAV:SEGM:TTAG?")))
        words = read_words(bench, 1)
        assert words[1900] < words[250] and words[100] < 32768 - 2000  # each has the pulse at its own trigger
    assert tags == pytest.approx([0.0, 0.040, 0.145]) and words.tobytes() == last
    assert len({bench.ask(f":ACQ:SEGM:IND {n};:WAV:DATA?") for n in (1, 2, 3)}) == 3
    bench.ask(":ACQ:SEGM:IND 4")
    assert bench.ask(":SYST:ERR?").startswith(b"-222")
