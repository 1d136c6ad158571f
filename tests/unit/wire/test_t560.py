"""The T560's panel and socket (instruments.md 2.8): habits of its clients byte for byte, installs, shots."""

import pytest

from drivers.wire.t560 import T560
from firmware_sim.personalities.dg645 import OutputEdges
from firmware_sim.personalities.t560 import INSERTION_NS, INSTALL_NS, T560Panel
from firmware_sim.sessions.t560 import BYTE_NS, T560Session

MS = 1_000_000
S = 1_000_000_000


class Bench:
    """A panel, one session and what came out."""

    def __init__(self) -> None:
        self.cycles: list[OutputEdges] = []
        self.panel = T560Panel(self.cycles.append)
        self.session = T560Session(self.panel)
        self.now_ns = S

    def say(self, data: bytes) -> bytes:
        chunks = self.session.feed(data, self.now_ns)
        self.now_ns += MS
        return b"".join(bytes(chunk.data) for chunk in chunks)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_clients_start_and_its_queries(bench: Bench) -> None:
    """client H: AU 1, all four channels off, then settings and their read-back."""
    script = [
        (b"AU 1\r", b"OK\r\n"),
        *((b"%cS OFF\r" % channel, b"OK\r\n") for channel in b"ABCD"),
        (b"AU\r", b"1\r\n"),
        (b"AD 0.000001500000s\r", b"OK\r\n"),
        (b"AW 0.000010000000s\r", b"OK\r\n"),
        (b"AS ON\r", b"OK\r\n"),
        (b"AS\r", b"Ch A  POS  ON  Dly  00.000,001,500,000  Wid  00.000,010,000,000\r\n"),
        (b"TR REM\r", b"OK\r\n"),
        (b"TR\r", b"Trig REM HIZ Level 1.250 Div 0000000000 SYN 00010000.00\r\n"),
        (b"GA\r", b"Gate OFF POS HIZ Shots 0000000000\r\n"),
        (b"CL OU\r", b"OK\r\n"),
        (b"SA\r", b"OK\r\n"),
        (b"RE\r", b"OK\r\n"),
        (b"FI\r", b"OK\r\n"),
    ]
    for request, reply in script:
        assert bench.say(request) == reply, request
    assert len(bench.cycles) == 1
    edges = bench.cycles[0]
    assert (edges.ab_ns, edges.cd_ns) == (edges.t0_ns + INSERTION_NS + 1500, None)


def test_another_clients_long_words_and_plain_numbers(bench: Bench) -> None:
    """A second independent driver: long words in any case, ns suffixes, float(...) on what a query answers."""
    for line in (b"LOAD DEFAULT", b"AUTOINSTALL 1", b"CLOCK IN", b"TRIGGER INT", b"VERBOSE 0", b"TDIV 88", b"aset POS"):
        assert bench.say(line + b"\r") == b"OK\r\n", line
    assert bench.say(b"adelay 12.5n\r") == b"OK\r\n"
    assert float(bench.say(b"adelay\r")) == 12.5e-9
    assert float(bench.say(b"TD\r")) == 88
    assert bench.say(b"aset\r").split(b" ")[3:6] == [b"POS", b"", b"OFF"]
    assert bench.say(b"TR\r").startswith(b"Trig SYN ")


def test_a_chain_answers_on_one_line_and_ends_at_the_first_refusal(bench: Bench) -> None:
    assert bench.say(b"TL 1.25;TL;AW 2.5m\r") == b"OK;1.250;OK\r\n"
    assert bench.say(b"AD 1u;XX;AD 2u\r") == b"OK;??\r\n"
    assert bench.say(b"AD\r") == b"0.000001000000\r\n", "what follows ?? is skipped"
    assert bench.say(b"AD 11;AD 3u\r") == b"??\r\n"
    assert bench.say(b"BD\r") == b"0.000000000000\r\n"


@pytest.mark.parametrize(
    "refused",
    [
        b"FI",
        b"AD -1u",
        b"AD 10.1",
        b"TL 0.2",
        b"TL 3.4",
        b"SY 17M",
        b"SY 0.01",
        b"AU 3",
        b"TR",
        b"AS MAYBE",
        b"A",
        b"FI 1",
    ],
)
def test_what_cannot_be_is_refused(bench: Bench, refused: bytes) -> None:
    bench.say(b"TR OFF\r")
    if refused != b"TR":
        assert bench.say(refused + b"\r") == b"??\r\n"
    assert bench.say(b"TR\r").startswith(b"Trig OFF"), "and nothing has changed"


def test_line_feeds_count_for_nothing_and_a_backspace_empties_the_buffer(bench: Bench) -> None:
    assert bench.say(b"\n\nA\nU\n\r\n") == b"1\r\n"
    assert bench.say(b"AD 5u;garbage") == b""
    assert bench.say(b"\x08AU\r") == b"1\r\n"
    assert bench.say(b"AD\r") == b"0.000000000000\r\n"
    assert bench.say(b"\r\r") == b"", "an empty line is no command"


def test_the_buffer_holds_256_bytes(bench: Bench) -> None:
    assert bench.say(b";" * 254 + b"AU\r") == b"1\r\n"
    assert bench.say(b";" * 255 + b"AU\r") == b"??\r\n"
    assert bench.say(b"x" * 100_000) == b""
    assert len(bench.session._held) <= 257
    assert bench.say(b"\r") == b"??\r\n"
    assert bench.say(b"AU\r") == b"1\r\n"


@pytest.mark.parametrize("cut", range(1, 9))
def test_requests_split_anywhere(bench: Bench, cut: int) -> None:
    request = b"AU;GA;AU\r"
    assert bench.say(request[:cut]) + bench.say(request[cut:]) == b"1;Gate OFF POS HIZ Shots 0000000000;1\r\n"


def test_an_answer_takes_the_serial_engines_time(bench: Bench) -> None:
    first, second = bench.session.feed(b"AU\r", bench.now_ns)
    assert first.data == b""
    assert first.duration_ns == 300_000 + 5 * BYTE_NS
    assert second.data == b"1\r\n"
    page = bench.session.feed(b"STATUS\r", bench.now_ns)
    assert 400 * MS < page[0].duration_ns < 600 * MS
    assert bytes(page[1].data).endswith(b"\r\n")
    assert bytes(page[1].data).count(b"\r") == 1, "one answer, whatever a client reads up to"


def test_an_install_ends_the_cycle_and_blinds_for_350_us(bench: Bench) -> None:
    panel = bench.panel
    bench.say(b"AD 1;AS ON;TR POS\r")
    t_ns = bench.now_ns + 10 * MS
    assert panel.trigger_input(t_ns) is not None
    assert panel.trigger_input(t_ns + 10 * MS) is None, "busy until the end of delay"
    panel.execute(b"BD 1u", t_ns + 20 * MS)
    assert panel.trigger_input(t_ns + 20 * MS + INSTALL_NS - 1) is None, "blind"
    assert panel.trigger_input(t_ns + 20 * MS + INSTALL_NS) is not None, "the running cycle was aborted"
    assert panel.shots == 2


def test_without_auto_install_settings_wait_for_install(bench: Bench) -> None:
    panel = bench.panel
    bench.say(b"AS ON;AW 1u;TR POS;AU 0;AD 5u\r")
    edges = panel.trigger_input(bench.now_ns + MS)
    assert edges is not None
    assert edges.ab_ns == edges.t0_ns + INSERTION_NS
    assert bench.say(b"AD\r") == b"0.000005000000\r\n", "the query tells what was programmed"
    bench.say(b"IN\r")
    edges = panel.trigger_input(bench.now_ns + MS)
    assert edges is not None
    assert edges.ab_ns == edges.t0_ns + INSERTION_NS + 5000


def test_queued_settings_are_installed_at_the_end_of_delay(bench: Bench) -> None:
    panel = bench.panel
    bench.say(b"AS ON;AD 0.1;TR POS\r")
    t_ns = bench.now_ns + MS
    first = panel.trigger_input(t_ns)
    assert first is not None
    panel.execute(b"AU 2;AD 1u", t_ns + MS)
    assert panel.wants_time
    assert panel.trigger_input(t_ns + 50 * MS) is None, "the cycle goes on"
    end_ns = t_ns + 100 * MS + INSERTION_NS + 1000
    panel.advance(end_ns)
    assert not panel.wants_time
    edges = panel.trigger_input(end_ns + INSTALL_NS)
    assert edges is not None
    assert edges.ab_ns == edges.t0_ns + INSERTION_NS + 1000


def test_gate_divisor_level_and_edge(bench: Bench) -> None:
    panel = bench.panel
    bench.say(b"AS ON;TR NEG;TL 2;TD 3\r")
    t_ns = bench.now_ns + S
    assert panel.trigger_input(t_ns) is None, "rising"
    assert panel.trigger_input(t_ns, rising=False, level_v=1.9) is None, "too low"
    taken = [panel.trigger_input(t_ns + n * MS, rising=False) is not None for n in range(6)]
    assert taken == [False, False, True, False, False, True]
    bench.say(b"TD 0;GA INP\r")
    panel.gate_open = False
    assert panel.trigger_input(t_ns + 20 * MS, rising=False) is None
    bench.say(b"GA NEG\r")
    assert panel.trigger_input(t_ns + 30 * MS, rising=False) is not None
    assert bench.say(b"GA\r") == b"Gate INP NEG HIZ Shots 0000000003\r\n"


def test_the_synthesizer_counts_every_period(bench: Bench) -> None:
    panel = bench.panel
    bench.say(b"SY 1k;TR SYN\r")
    assert bench.session.waiting
    start_ns = bench.now_ns
    panel.advance(start_ns)
    panel.advance(start_ns + 10 * MS)
    assert panel.shots == 10
    assert len(bench.cycles) == 1, "periods in one call are reported once"
    bench.say(b"TR OFF\r")
    assert not bench.session.waiting


def test_power_on_values_and_memory(bench: Bench) -> None:
    bench.say(b"AD 7u;SA;AD 8u;RE\r")
    assert bench.say(b"AD\r") == b"0.000007000000\r\n"
    assert T560["AD?"].parse_reply(bench.say(b"LO DEFAULT;AD\r").split(b";")[1]) == {"value": 0.0}
