"""The DSO-X stand-in: settings, run control, trigger, screen, faults (instruments.md 2.1, 4b)."""

import struct
import zlib

import numpy as np
import pytest

from drivers.wire.dsox import ROWS
from firmware_sim.personalities.dsox import FAULTS, Dsox, open_standalone
from firmware_sim.personalities.dsox_commands import ATTRIBUTES
from tests.unit.scope.bench import MS, Bench
from tests.unit.scope.dsox_kit import codes_of, fire, read_words


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


@pytest.mark.parametrize("message", [":ACQ:MODE ETIM", ":TIM:MODE ROLL", ":TRIG:MODE GLIT", ":TRIG:SLOP EITH"])
def test_modes_that_are_not_modelled_are_refused(message: str) -> None:
    bench = Bench()
    bench.ask(message)
    assert bench.ask(":SYST:ERR?").startswith(b'-221,"')
