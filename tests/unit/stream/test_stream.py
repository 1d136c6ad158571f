"""The broadcaster: no gap, no overlap, whatever order things happen in; and what a viewer is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from controller.messages import AlarmChanged, Event, Finished, StepEntered
from controller.panel import viewer as viewer_module
from controller.panel.live import LiveState
from controller.panel.stream import VIEWERS_MAX, Broadcaster
from controller.panel.viewer import LAG_ROWS_MAX, TOO_SLOW, Wanted
from controller.telemetry.frames import RowLayout
from controller.telemetry.ring import RowRing
from tests.unit.stream.fakes import FakePort, frame, hello, join

EVENT = Event(1, "plc", "info", "hello there")


class Bench:
    """A broadcaster and its live state, fed together as the panel does it."""

    def __init__(self, frames: int = 0, **kinds: Any) -> None:
        self.live = LiveState()
        self.stream = Broadcaster(self.live, "panel-1")
        self.count = 0
        self.channels = 2
        self.take(hello(**kinds))
        self.publish(frames)

    def take(self, message: Any) -> None:
        self.live.take(message)
        self.stream.take(message)

    def publish(self, frames: int = 1) -> None:
        for _ in range(frames):
            self.count += 1
            self.take(frame(self.count, self.channels))


def kinds(port: FakePort) -> list[str]:
    return [text["type"] for text in port.texts]


def test_a_viewer_hears_the_snapshot_its_backfill_and_then_live() -> None:
    bench = Bench(frames=10)
    port = join(bench.stream, Wanted(backfill_s=0.1))
    bench.publish(2)
    snapshot, *between, live = port.heard[:-2]
    assert (snapshot["type"], snapshot["protocol"], snapshot["stream"], snapshot["head"]) == (
        "snapshot",
        1,
        "panel-1",
        10,
    )
    assert snapshot["row"] == {"bytes": 40, "sources": 1, "words": 1, "channels": 2}
    assert between == [5, 6, 7, 8, 9, 10]
    assert live == {"type": "live", "seq": 11}
    assert port.heard[-2:] == [11, 12]
    assert port.rows[0].t_s == pytest.approx(0.1)
    assert bench.stream.head == 12


def test_without_a_wish_there_is_no_backfill() -> None:
    bench = Bench(frames=10)
    port = join(bench.stream)
    bench.publish()
    assert port.seqs == [11]


def test_before_any_core_the_snapshot_says_so() -> None:
    stream = Broadcaster(LiveState(), "s")
    stream.take(frame(1))  # nobody's: no hello said what is in it
    port = join(stream, Wanted(backfill_s=60.0))
    assert port.texts[0]["hello"] is None
    assert port.texts[0]["row"] is None
    assert port.texts[0]["link"] == "none"
    assert port.texts[1] == {"type": "live", "seq": 1}
    stream.take(hello())
    stream.set_link("connected")
    stream.take(frame(1))
    assert kinds(port)[2:] == ["hello", "link"]
    assert port.seqs == [1]


def test_the_snapshot_holds_what_is_known() -> None:
    bench = Bench(frames=1)
    alarm = AlarmChanged("a", "A", "high", "UNACK_ALARM", True, 5)
    for message in (StepEntered(1, 0, "s0", "enter"), EVENT, alarm):
        bench.take(message)
    bench.live.set_link("connected")
    (snapshot, _) = join(bench.stream).texts
    assert snapshot["marks"] == ["running", "pending"]
    assert snapshot["events"][0]["text"] == "hello there"
    assert snapshot["alarms"][0]["id"] == "a"
    assert (snapshot["link"], snapshot["finished"]) == ("connected", None)


@pytest.mark.parametrize(("after", "expected"), [(7, [8, 9, 10, 11]), (10, [11]), (11, [9, 10, 11]), (0, None)])
def test_a_viewer_that_comes_back_goes_on_where_it_was(after: int, expected: list[int] | None) -> None:
    bench = Bench(frames=10)
    port = join(bench.stream, Wanted(backfill_s=0.02, stream="panel-1", after=after))
    bench.publish()
    assert port.seqs == (expected or list(range(1, 12)))
    assert "dropped" not in kinds(port)


def test_another_panels_numbers_mean_nothing_here() -> None:
    bench = Bench(frames=10)
    port = join(bench.stream, Wanted(backfill_s=0.02, stream="panel-0", after=3))
    assert port.seqs == [9, 10]
    assert join(bench.stream, Wanted(stream="panel-0", after=3)).seqs == list(range(1, 11))
    assert join(bench.stream, Wanted(backfill_s=0.0, stream="panel-0", after=3)).seqs == []


def test_rows_that_left_the_ring_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.telemetry.ring.BYTES_MAX", 40 * 4)
    bench = Bench(frames=10)
    port = join(bench.stream, Wanted(stream="panel-1", after=2))
    assert port.texts[1] == {"type": "dropped", "frames": 4, "from": 3, "to": 6}
    assert port.seqs == [7, 8, 9, 10]


def test_every_message_is_encoded_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    written: list[bytes] = []
    for _ in range(3):
        port = join(bench.stream)
        monkeypatch.setattr(port, "write", written.append)
    bench.publish()
    bench.take(EVENT)
    assert len(written) == 6
    assert len({id(data) for data in written}) == 2


def test_a_stalled_viewer_jumps_to_the_newest_is_told_and_misses_no_text() -> None:
    bench = Bench()
    slow, fast = join(bench.stream, room=1000), join(bench.stream)
    slow.settle()
    bench.publish(LAG_ROWS_MAX // 2)
    bench.take(EVENT)
    bench.publish(LAG_ROWS_MAX)
    stalled_at = slow.seqs[-1]
    slow.drain()
    slow.settle()
    bench.publish()
    total = bench.count
    dropped = {"type": "dropped", "frames": total - 2 - stalled_at, "from": stalled_at + 1, "to": total - 2}
    assert slow.texts[-2:] == [dropped, {"type": "event", **fast.texts[-1]}]
    assert slow.seqs == [*range(1, stalled_at + 1), total - 1, total]
    assert fast.seqs == list(range(1, total + 1))
    stats = bench.stream.stats()
    assert (stats.viewers, stats.frames_dropped) == (2, dropped["frames"])
    assert stats.frames_sent == len(slow.rows) + len(fast.rows)


def test_a_viewer_a_little_behind_catches_up_in_few_messages_and_loses_nothing() -> None:
    bench = Bench()
    port = join(bench.stream, room=1000)
    bench.publish(LAG_ROWS_MAX // 2)
    messages = port.frames_received
    port.settle()
    assert port.seqs == list(range(1, bench.count + 1))
    assert port.frames_received - messages < 20


def test_a_viewer_that_misses_even_the_texts_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer_module, "TEXTS_MAX", 8)
    bench = Bench(frames=1)
    port = join(bench.stream, room=1)
    for _ in range(9):
        bench.take(EVENT)
    port.drain()
    assert port.closed == (TOO_SLOW, "too far behind")


def test_the_texts_kept_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer_module, "TEXT_BYTES_MAX", 200)
    log = viewer_module.Log()
    for _ in range(10):
        log.add_text(b"x" * 90)
    assert (log.first_text, log.next_text) == (8, 10)
    log.add_text(b"x" * 1000)
    assert (log.first_text, log.text(10)) == (10, (0, b"x" * 1000))


def test_the_next_core_goes_on_counting_and_keeps_the_rows() -> None:
    bench = Bench(frames=3)
    port = join(bench.stream)
    bench.take(Finished(1, "id", "pass", "completed", "", "", "", "", "", 0))
    bench.take(hello("watch-1"))
    bench.publish(2)
    assert kinds(port)[2:] == ["finished", "hello"]
    assert port.seqs == [4, 5]
    assert join(bench.stream, Wanted(backfill_s=60.0)).seqs == [1, 2, 3, 4, 5]


def test_rows_of_other_channels_are_not_mixed() -> None:
    bench = Bench(frames=3)
    stalled = join(bench.stream, Wanted(backfill_s=60.0), room=1)
    bench.take(hello("run-2", channels=5))
    bench.channels = 5
    bench.publish(2)
    assert [len(row.values) for row in join(bench.stream, Wanted(backfill_s=60.0)).rows] == [5, 5]
    stalled.settle()
    assert kinds(stalled) == ["snapshot", "dropped", "hello", "live"]
    assert [(row.seq, len(row.values)) for row in stalled.rows] == [(4, 5), (5, 5)]


def test_the_house_is_full_after_so_many() -> None:
    bench = Bench()
    ports = [join(bench.stream) for _ in range(VIEWERS_MAX)]
    assert bench.stream.full
    assert bench.stream.join(FakePort(), Wanted()) is None
    assert ports[0].viewer is not None
    bench.stream.leave(ports[0].viewer)
    bench.stream.leave(ports[0].viewer)
    bench.publish()
    assert ports[0].seqs == []
    assert bench.stream.stats().viewers == VIEWERS_MAX - 1
    assert bench.stream.stats().frames_sent == VIEWERS_MAX - 1


def test_one_viewers_backfill_is_served_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer_module, "BURST_BYTES", 4000)
    monkeypatch.setattr(viewer_module, "CHUNK_BYTES", 1000)
    bench = Bench(frames=500)
    port = join(bench.stream, Wanted(backfill_s=600.0))
    assert 0 < len(port.rows) < 200
    bench.publish(3)
    port.settle()
    assert port.seqs == list(range(1, 504))
    assert kinds(port) == ["snapshot", "live"]


@given(st.integers(0, 200), st.integers(1, 4000))
def test_a_message_is_whole_in_any_chunk_size(count: int, chunk: int) -> None:
    bench = Bench(frames=count)
    before, viewer_module.CHUNK_BYTES = viewer_module.CHUNK_BYTES, chunk
    try:
        assert join(bench.stream, Wanted(backfill_s=600.0)).seqs == list(range(1, count + 1))
    finally:
        viewer_module.CHUNK_BYTES = before


class Interleavings(RuleBasedStateMachine):
    """Publish, join, drain, come and go in any order: every viewer's account of it has no gap and no overlap."""

    ports = Bundle("ports")

    def __init__(self) -> None:
        super().__init__()
        self.before = (viewer_module.LAG_ROWS_MAX, viewer_module.CHUNK_BYTES, viewer_module.BURST_BYTES)
        viewer_module.LAG_ROWS_MAX, viewer_module.CHUNK_BYTES, viewer_module.BURST_BYTES = 12, 100, 600
        self.bench = Bench()
        self.bench.stream._log.ring = RowRing(RowLayout.of(hello()), rows=20)
        self.everyone: list[tuple[FakePort, int, int]] = []
        self.texts: list[str] = []

    def teardown(self) -> None:
        for port, first, told in self.everyone:
            port.settle()
            self.check(port, first, told)
            if port.viewer is not None:
                said = [text["text"] for text in port.texts if text["type"] == "event"]
                assert said == self.texts[told:]
                assert self.reached(port, first) == self.bench.count
        viewer_module.LAG_ROWS_MAX, viewer_module.CHUNK_BYTES, viewer_module.BURST_BYTES = self.before

    @rule(count=st.integers(1, 15))
    def publish(self, count: int) -> None:
        self.bench.publish(count)

    @rule()
    def say(self) -> None:
        self.texts.append(f"text {len(self.texts)} behind {self.bench.count}")
        self.bench.take(Event(1, "plc", "info", self.texts[-1]))

    @rule(
        target=ports, room=st.sampled_from((1, 60, 300, 2000, 1 << 40)), backfill_s=st.sampled_from((0.0, 0.2, 600.0))
    )
    def come(self, room: int, backfill_s: float) -> FakePort:
        return self.seat(Wanted(backfill_s=backfill_s), room)

    @rule(target=ports, room=st.sampled_from((1, 300, 1 << 40)), after=st.integers(0, 100))
    def come_back(self, room: int, after: int) -> FakePort:
        return self.seat(Wanted(stream="panel-1", after=after), room)

    def seat(self, wanted: Wanted, room: int) -> FakePort:
        first = self.bench.stream._first_row(wanted)
        port = FakePort(room)
        port.viewer = self.bench.stream.join(port, wanted)
        if port.viewer is None:
            return port
        self.everyone.append((port, first, len(self.texts)))
        self.bench.stream.greet(port.viewer)
        return port

    @rule(port=ports)
    def drain(self, port: FakePort) -> None:
        port.drain()

    @rule(port=ports)
    def pause(self, port: FakePort) -> None:
        if port.viewer is not None and not port.paused:
            port.paused = True
            port.viewer.pause()

    @rule(port=ports)
    def tick(self, port: FakePort) -> None:
        port.tick()

    @rule(port=ports)
    def go(self, port: FakePort) -> None:
        if port.viewer is not None:
            self.bench.stream.leave(port.viewer)
            port.viewer = None
            port.paused = False
            port.later.clear()

    @invariant()
    def accounts_are_whole(self) -> None:
        for port, first, told in self.everyone:
            self.check(port, first, told)

    def check(self, port: FakePort, first: int, told: int) -> None:
        """Each row is the successor of the one before, or what "dropped" says is between them; texts are in place."""
        expected = first
        texts = [*self.texts[told:], f"behind {1 << 60}"]
        for said in port.heard:
            if isinstance(said, int):
                assert said == expected
                assert int(texts[0].split()[-1]) >= said
                expected += 1
            elif said["type"] == "dropped":
                assert said["from"] == expected
                assert said["to"] == said["from"] + said["frames"] - 1
                expected = said["to"] + 1
            elif said["type"] == "live":
                assert said["seq"] == expected
            elif said["type"] == "event":
                assert said["text"] == texts.pop(0)
                assert int(said["text"].split()[-1]) < expected

    def reached(self, port: FakePort, first: int) -> int:
        """The last row that was sent, or told to be dropped."""
        last = first - 1
        for said in port.heard:
            if isinstance(said, int):
                last = said
            elif said["type"] == "dropped":
                last = said["to"]
        return last


TestInterleavings = Interleavings.TestCase
