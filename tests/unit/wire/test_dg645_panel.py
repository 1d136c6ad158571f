"""The DG645's trigger logic, delays and error queue (instruments.md 2.7)."""

import pytest

from firmware_sim.personalities.dg645 import DelayGeneratorPanel, OutputEdges
from firmware_sim.sessions.dg645 import open_dg645_session

MS = 1_000_000
PROGRAM = b"DLAY 2,0,1e-5;DLAY 3,2,1e-6;DLAY 4,2,1e-5;DLAY 5,4,1e-6;DLAY 6,0,3e-5;DLAY 7,6,1e-6"


class Bench:
    """A panel with its cycles collected."""

    def __init__(self) -> None:
        self.cycles: list[OutputEdges] = []
        self.panel = DelayGeneratorPanel(self.cycles.append)

    def say(self, line: bytes, now_ns: int = 0) -> bytes:
        return self.panel.execute(line, now_ns)


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.say(PROGRAM)
    assert made.say(b"LERR?") == b"0\r\n"
    return made


@pytest.mark.parametrize("source", [0, 1, 2, 3, 4, 6])
def test_trg_fires_nothing_but_in_single_shot(bench: Bench, source: int) -> None:
    bench.say(b"TSRC %d" % source)
    bench.say(b"*TRG", 5 * MS)
    assert bench.cycles == []
    assert bench.say(b"INSR?") == b"0\r\n"
    assert bench.say(b"LERR?") == (b"0\r\n" if source in (3, 4) else b"11\r\n")
    assert bench.panel.armed == (source in (3, 4))


def test_trg_in_single_shot_fires_one_cycle(bench: Bench) -> None:
    bench.say(b"TSRC 5;*TRG", 1000)
    assert bench.cycles == [OutputEdges(1000, 11_000, 21_000, 31_000, None)]
    assert bench.say(b"INSR?", 1001) == b"1\r\n"
    assert bench.say(b"INSR?", 33_000) == b"4\r\n", "end of delay, and the trigger bit was cleared by reading"


@pytest.mark.parametrize(("source", "rising"), [(1, True), (2, False), (3, True), (4, False)])
def test_an_external_edge_counts_only_in_its_own_direction(bench: Bench, source: int, rising: bool) -> None:
    bench.say(b"TSRC %d" % source)
    if source in (3, 4):
        assert bench.panel.trigger_input(0, rising=rising) is None, "not armed"
        bench.say(b"*TRG")
    assert bench.panel.trigger_input(0, rising=not rising) is None
    assert bench.panel.trigger_input(0, rising=rising, level_v=0.5) is None, "below TLVL"
    edges = bench.panel.trigger_input(5, rising=rising)
    assert edges == OutputEdges(5, 10_005, 20_005, 30_005, None)
    again = bench.panel.trigger_input(50 * MS, rising=rising)
    assert (again is None) is (source in (3, 4)), "armed once"


@pytest.mark.parametrize("source", [0, 5, 6])
def test_an_external_edge_is_nothing_to_an_internal_source(bench: Bench, source: int) -> None:
    bench.say(b"TSRC %d" % source)
    assert bench.panel.trigger_input(0) is None


def test_an_edge_during_a_cycle_or_the_hold_off_sets_rate(bench: Bench) -> None:
    bench.say(b"TSRC 1;HOLD 0.5")
    assert bench.panel.trigger_input(0) is not None
    assert bench.panel.trigger_input(20_000) is None
    assert bench.say(b"INSR?", 25_000) == b"3\r\n"
    assert bench.panel.trigger_input(499 * MS) is None
    assert bench.panel.trigger_input(500 * MS) is not None


def test_changing_the_source_disarms(bench: Bench) -> None:
    bench.say(b"TSRC 3;*TRG")
    bench.say(b"TSRC 3")
    assert bench.panel.trigger_input(0) is None


def test_the_rate_generator_runs_by_itself(bench: Bench) -> None:
    session = open_dg645_session(bench.panel)
    waited = session.waiting
    session.feed(b"TRAT 1000\nTSRC 0\n", 0)
    assert (waited, session.waiting) == (False, True)
    for now_ms in range(6):
        session.tick(now_ms * MS)
    assert [edges.t0_ns for edges in bench.cycles] == [n * MS for n in range(1, 6)]


def test_delays_follow_the_channel_they_are_linked_to(bench: Bench) -> None:
    assert bench.say(b"DLAY?4") == b"2,+0.000010000000\r\n"
    bench.say(b"DLAY 2,0,1e-3;TSRC 5;*TRG")
    assert bench.cycles[0].ab_ns == 1_000_000
    assert bench.cycles[0].cd_ns == 1_010_000


def test_link_moves_the_reference_and_keeps_the_time(bench: Bench) -> None:
    assert bench.say(b"LINK 6,4;LINK?6") == b"4\r\n"
    assert bench.say(b"DLAY?6") == b"4,+0.000010000000\r\n"
    bench.say(b"TSRC 5;*TRG")
    assert bench.cycles[0].ef_ns == 30_000


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"DLAY 2,4,0", 13),
        (b"DLAY 2,2,0", 13),
        (b"DLAY 2,1,0", 13),
        (b"DLAY 2,0,-1", 12),
        (b"DLAY 3,2,2000", 12),
        (b"DLAY 0,2,0", 10),
        (b"DLAY 2,0", 116),
        (b"DLAY 2,0,1,2", 115),
        (b"DLAY 2,,1", 114),
        (b"DLAY 2,0,abc", 118),
        (b"DLAY x,0,1", 120),
        (b"TSRC 7", 10),
        (b"TSRC 1.5", 120),
        (b"LAMP 1,9", 10),
        (b"LAMP 1,nan", 118),
        (b"FIRE", 111),
        (b"*TRG?", 112),
        (b"LERR", 113),
        (b"INSR 1", 113),
        (b"%%%", 110),
        (b"*RCL 3", 14),
    ],
)
def test_each_mistake_has_its_number_and_changes_nothing(bench: Bench, line: bytes, error: int) -> None:
    before = bench.say(b"DLAY?2;DLAY?6;TSRC?;LAMP?1")
    assert bench.say(line) == b""
    assert bench.say(b"LERR?;LERR?") == b"%d\r\n0\r\n" % error
    assert bench.say(b"DLAY?2;DLAY?6;TSRC?;LAMP?1") == before
    assert int(bench.say(b"*ESR?")) & (16 if error < 110 else 32)


def test_the_error_queue_is_bounded(bench: Bench) -> None:
    for _ in range(100):
        bench.say(b"FIRE")
    codes = [bench.say(b"LERR?") for _ in range(21)]
    assert codes == [b"111\r\n"] * 19 + [b"254\r\n", b"0\r\n"]


def test_settings_are_saved_and_recalled(bench: Bench) -> None:
    bench.say(b"LAMP 1,4.5;*SAV 3;*RST")
    assert bench.say(b"LAMP?1;DLAY?2;TSRC?") == b"+2.50\r\n0,+0.000000000000\r\n5\r\n"
    bench.say(b"*RCL 3")
    assert bench.say(b"LAMP?1;DLAY?2") == b"+4.50\r\n0,+0.000010000000\r\n"


def test_steps_move_by_their_size_within_the_limits(bench: Bench) -> None:
    assert bench.say(b"SSDL 2,1e-6;SPDL 2,-3;DLAY?2") == b"0,+0.000007000000\r\n"
    assert bench.say(b"LAMP 1,5;SSLA 1,0.5;SPLA 1,-1;LAMP?1") == b"+4.50\r\n"
    assert bench.say(b"SPLA 1,9;LERR?;LAMP?1") == b"10\r\n+4.50\r\n"


def test_status_byte(bench: Bench) -> None:
    bench.say(b"*CLS;INSE 1;*ESE 32;*SRE 1;TSRC 5;*TRG", 0)
    assert bench.say(b"*STB?", 10) == b"67\r\n", "event, busy, request"
    bench.say(b"FIRE", 10)
    assert bench.say(b"*STB?", MS) == b"97\r\n", "event, standard event, request"


def test_a_burst_reports_its_own_end(bench: Bench) -> None:
    bench.say(b"BURM 1;BURC 3;BURP 1e-4;BURD 1e-5;TSRC 5;*TRG", 0)
    assert bench.cycles[0].ab_ns == 20_000
    assert bench.say(b"INSR?", 100_000) == b"1\r\n"
    assert bench.say(b"INSR?", 300_000) == b"8\r\n"


def test_the_session_serves_every_spelling_of_a_line(bench: Bench) -> None:
    session = open_dg645_session(bench.panel)
    assert session.feed(b"\n", 0) == []
    assert session.feed(b"*IDN", 0) == []
    assert session.feed(b"?\r\n", 0)[0].data == b"Stanford Research Systems,DG645,s/n001234,ver1.14.10E\r\n"
    assert session.feed(b"TLVL1.50\nTLVL?\nLAMP? 1\n", 0)[0].data == b"+1.50\r\n+2.50\r\n"


def test_faults_of_the_instrument(bench: Bench) -> None:
    bench.say(b"TSRC 1")
    bench.panel.inject("no_trigger")
    assert bench.panel.trigger_input(0) is None
    bench.panel.inject("no_trigger", False)
    assert bench.panel.trigger_input(0) is not None
    bench.panel.inject("false_trigger")
    bench.say(b"*IDN?", 700 * MS)
    assert [edges.t0_ns for edges in bench.cycles] == [700 * MS]
    with pytest.raises(KeyError):
        bench.panel.inject("unknown")
