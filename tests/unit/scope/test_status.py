"""IEEE 488.2 status through the wire, as conformance clients poke at it (instruments.md 2.0)."""

import pytest

from firmware_sim.personalities.status488 import ERRORS_MAX
from tests.unit.scope.bench import MS, Bench


def test_power_on_is_told_once() -> None:
    bench = Bench()
    assert bench.ask("*ESR?") == b"128\n"
    assert bench.ask("*ESR?") == b"0\n"


@pytest.mark.parametrize("terminator", ["\n", "\r\n"])
def test_both_line_ends_are_accepted(terminator: str) -> None:
    bench = Bench()
    assert bench.ask("*IDN?", terminator) == b"KEYSIGHT TECHNOLOGIES,DSO-X 3014A,MY00000001,02.50.2019022736\n"
    assert bench.ask(":SYSTem:ERRor?", terminator) == b'+0,"No error"\n'


def test_end_without_terminator_ends_a_message() -> None:
    bench = Bench()
    assert bench.ask("*ESE?", terminator="") == b""
    assert bench.session.end(bench.now_ns)[0].data == b"0\n"


def test_a_message_split_anywhere_is_the_same_message() -> None:
    bench = Bench()
    message = ":CHAN1:RANG 4;RANG?;*ESE?"
    pieces = [bench.ask(char, terminator="", step_ns=0) for char in message]
    assert set(pieces) == {b""}
    assert bench.ask("") == b"+4.00E+00;0\n"


@pytest.mark.parametrize(
    ("message", "code", "bit"),
    [
        (":NONSense 1", -113, 32),
        (":CHAN1:RANG", -109, 32),
        (":CHAN1:RANG 1,2", -108, 32),
        (":CHAN1:RANG 1 A", -131, 32),
        (":CHAN1:RANG 1E9", -222, 16),
        (":CHAN1:COUP SIDEWAYS", -224, 16),
        (":CHAN7:RANG 1", -114, 32),
        ("*SAV 99", -222, 16),
        ("*FOO", -113, 32),
        ("*ESE 256", -222, 16),
    ],
)
def test_errors_reach_queue_event_register_and_status_byte(message: str, code: int, bit: int) -> None:
    bench = Bench()
    bench.ask("*CLS;*ESE 255;*SRE 4")
    assert bench.ask(message) == b""
    assert bench.ask("*STB?") == b"100\n"  # MSG 4, ESB 32, MSS 64
    assert int(bench.ask("*ESR?")) == bit
    assert bench.ask(":SYST:ERR?").startswith(f'{code},"'.encode())
    assert bench.ask("*STB?") == b"0\n"


def test_a_command_error_discards_the_rest_of_its_message_only() -> None:
    bench = Bench()
    assert bench.ask("*ESE 1;:NONSENSE;*ESE 2") == b""
    assert bench.ask("*ESE?") == b"1\n"


def test_an_execution_error_leaves_the_old_value_and_the_rest_of_the_message() -> None:
    bench = Bench()
    bench.ask(":CHAN1:RANG 4;RANG 1E9;OFFS 1")
    assert bench.ask(":CHAN1:RANG?;OFFS?") == b"+4.00E+00;+1.00000E+00\n"


def test_queue_overflow_replaces_the_last_entry() -> None:
    bench = Bench()
    for _ in range(ERRORS_MAX + 5):
        bench.ask(":BAD")
    answers = [bench.ask(":SYST:ERR?") for _ in range(ERRORS_MAX + 1)]
    assert answers[:-2] == [b'-113,"Undefined header"\n'] * (ERRORS_MAX - 1)
    assert answers[-2:] == [b'-350,"Queue overflow"\n', b'+0,"No error"\n']


def test_mav_tells_of_output_in_the_same_message() -> None:
    assert Bench().ask("*IDN?;*STB?").endswith(b";16\n")


def test_cls_clears_events_and_queue_but_not_the_enables() -> None:
    bench = Bench()
    bench.ask("*ESE 255;*SRE 32;:BAD;*CLS")
    bench.ask("*CLS")
    assert bench.ask("*STB?;*ESR?;*ESE?;*SRE?") == b"0;0;255;32\n"


def test_sre_cannot_enable_the_summary_itself() -> None:
    assert Bench().ask("*SRE 255;*SRE?") == b"191\n"


def test_opening_order_of_rsinstrument() -> None:
    bench = Bench()
    for message, reply in (
        ("*CLS", b""), ("*STB?", b"0\n"), ("*ESE 1", b""), ("*SRE 0", b""), ("*CLS", b""), ("*OPC?", b"1\n"),
        ("*STB?", b"0\n"), ("*IDN?", b"KEYSIGHT"), ("*STB?", b"0\n"), (":NOSUCH", b""), ("*STB?", b"4\n"),
        ("SYST:ERR?", b"-113"), ("*STB?", b"0\n"), (":CHAN1:RANG 4;*OPC", b""), ("*STB?", b"32\n"), ("*ESR?", b"33\n"),
        ("*STB?", b"0\n"),
    ):  # fmt: skip
        assert bench.ask(message, step_ns=0).startswith(reply) if reply else bench.ask(message, step_ns=0) == b"", (
            message
        )


def test_opc_waits_for_the_acquisition() -> None:
    bench = Bench()
    bench.arm()
    bench.ask("*CLS;*ESE 1;*OPC")
    assert bench.ask("*ESR?;*STB?") == b"0;16\n"
    assert bench.scope.trigger(bench.now_ns, "EXT")
    assert bench.ask("*STB?") == b"1\n"  # TRG; stored only after the window
    bench.now_ns += 20 * MS
    assert bench.ask("*STB?;*ESR?") == b"33;1\n"


def test_opc_query_and_wai_hold_the_parser_of_this_session_only() -> None:
    bench = Bench()
    bench.arm()
    other = Bench(bench.scope)
    assert bench.ask("*IDN?;*WAI;*OPC?") == b""
    assert bench.session.waiting
    assert bench.ask("*ESE?") == b""
    other.now_ns = bench.now_ns
    assert other.ask("*ESE?") == b"0\n"
    bench.scope.trigger(other.now_ns, "EXT")
    bench.now_ns = other.now_ns
    assert bench.wait(5 * MS) == b""
    assert bench.wait(20 * MS) == b"KEYSIGHT TECHNOLOGIES,DSO-X 3014A,MY00000001,02.50.2019022736;1\n0\n"


def test_cls_forgets_a_pending_opc() -> None:
    bench = Bench()
    bench.arm()
    bench.ask("*OPC;*CLS")
    bench.scope.trigger(bench.now_ns, "EXT")
    bench.now_ns += 30 * MS
    assert bench.ask("*ESR?") == b"0\n"


def test_save_and_recall() -> None:
    bench = Bench()
    bench.ask(":CHAN2:RANG 4;:TIM:RANG 2ms;*SAV 3;*RST")
    assert bench.ask(":CHAN2:RANG?;:TIM:RANG?") == b"+40.0E+00;+1.00E-03\n"
    assert bench.ask("*RCL 3;:CHAN2:RANG?;:TIM:RANG?") == b"+4.00E+00;+2.00E-03\n"


def test_a_held_reply_is_interrupted_by_the_next_message() -> None:
    bench = Bench(held=True)
    bench.ask("*CLS;*IDN?")
    assert bench.session.status_byte() & 16
    bench.ask("*ESE?")
    assert [chunk.data for chunk in bench.session.fetch()] == [b"0\n"]
    bench.ask(":SYST:ERR?;*ESR?")
    assert bench.session.fetch()[0].data == b'-410,"Query INTERRUPTED";4\n'


def test_reading_without_a_question_is_unterminated() -> None:
    bench = Bench(held=True)
    assert bench.session.fetch() == []
    bench.ask(":SYST:ERR?")
    assert bench.session.fetch()[0].data == b'-420,"Query UNTERMINATED"\n'


def test_device_clear_drops_input_output_and_a_held_parser() -> None:
    bench = Bench()
    bench.arm()
    bench.ask("*OPC?")
    bench.ask("*IDN", terminator="")
    bench.session.clear()
    assert not bench.session.waiting
    assert bench.ask("*ESE?") == b"0\n"


def test_a_line_that_never_ends_is_an_overrun() -> None:
    bench = Bench()
    bench.ask("x" * 70_000, terminator="")
    assert bench.ask(":SYST:ERR?").startswith(b'-363,"')
