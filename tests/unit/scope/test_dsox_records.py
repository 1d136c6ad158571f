"""The DSO-X stand-in's records: ADC, noise, read-out forms, points, memory (instruments.md 2.1, 4b)."""

import numpy as np
import numpy.typing as npt
import pytest

from firmware_sim.personalities.dsox import Dsox
from tests.unit.scope.bench import MS, Bench, pulse
from tests.unit.scope.dsox_kit import codes_of, fire, preamble, read_words


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
