"""The core's alarms: every frame is judged by the rules of rig.yaml, every change is published and kept.

The PLC's trips are judged in the frame that shows them, everything else ten times a second. What a reading is worth is
decided here: a value that is too old, forced by the PLC's self-test or disturbed by the pulse is judged by nobody (its
alarm stays as it is), a fresh one that is no number is never healthy.
"""

import math
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.messages import AlarmChanged, Event, Frame, Message, WordInfo
from controller.rig.model import Rig
from controller.runtime.frames import frame_words
from controller.runtime.situation import Situation
from controller.safety.bench import BenchState
from controller.telemetry.alarm_rules import AlarmRule, Kind, alarm_rules
from controller.telemetry.alarms import AlarmBook, Detector, Standing
from controller.telemetry.channels import STALE_AFTER_S, telemetry_channels, telemetry_sources
from drivers.wire.plc import Flag

FRAMES_PER_LOOK = 5
"""Frames of 20 ms per look at everything but the trips: no rule is about less than a tenth of a second."""

LOOKS_PER_WORST = 10
"""Looks per publication of worst values: a person reads one figure a second."""

EARLY_MAX = 8
"""Notices that wait for the first frame: one per way in which a kept file can be wrong."""

FIRST_FAULT = "the PLC's first fault"
"""What the alarm of the trip says that the PLC saw first."""

NO_NUMBER = "no valid number"
"""What the alarm of a channel says whose fresh value is NaN or infinite."""

_LARGEST = sys.float_info.max
"""The bound of a side that has none: infinity is healthy on neither."""

_SHOT = BenchState.SHOT.value
_WORDS = tuple(word.name for word in frame_words())
_TRIPS = _WORDS.index("trips")
_FLAGS = _WORDS.index("flags")
_FORCED = int(Flag.SELF_TEST_RUNNING)


@dataclass(frozen=True, slots=True)
class _Limit:
    """A channel's or a source's bounds, ready to be compared: no name is looked up while frames come."""

    index: int
    detector: Detector
    column: int
    low: float
    high: float
    deadband: float
    source: int
    stale_s: float
    states: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True)
class _Point:
    """A bit of a word; ``bad`` is the masked value that is an alarm."""

    index: int
    detector: Detector
    word: int
    mask: int
    bad: int
    states: frozenset[str]


class Alarming:
    """Judges frames. ``publish`` gets an AlarmChanged per change, ``utc()`` labels raises.

    ``stored`` is told every standing that is not normal whenever one of them changed (it must not block). The
    rig's names were checked before (``controller.app.published_names``); raises KeyError for an unknown one.
    """

    def __init__(
        self,
        rig: Rig,
        publish: Callable[[Message], None],
        utc: Callable[[], str],
        stored: Callable[[Sequence[Standing]], None] | None = None,
    ) -> None:
        self._rules = alarm_rules(rig)
        self._publish = publish
        self._stored = stored
        self.book = AlarmBook([rule.spec for rule in self._rules], utc)
        self._by_id = {rule.id: rule for rule in self._rules}
        self._bits = _bits(frame_words(rig.run))
        self._trip_points = self._point_table(Kind.TRIP)
        self._points = self._point_table(Kind.POINT)
        self._width = len(telemetry_channels(rig))
        self._limits = self._limit_table(rig)
        self._sources = self._source_table(rig)
        self._plc_stale_s = STALE_AFTER_S["RigPlc"]
        self._states = self._of_kind(Kind.STATE)
        self._health = self._of_kind(Kind.HEALTH)
        self._trips = 0
        self._seen: tuple[str, tuple[int, ...]] = ("", ())
        self._points_busy = False
        self._late_s = 0.0
        self._frames = 0
        self._looks = 0
        self._early: deque[str] = deque(maxlen=EARLY_MAX)
        self._disk_free_bytes: float | None = None  # nobody knows on virtual time

    def restore(self, kept: Iterable[Standing], now_ns: int) -> tuple[str, ...]:
        """Alarms of an earlier core, published with the first frame; returns ids that rig.yaml no longer has."""
        self._trips = -1  # what was active is judged by the first status, whatever it says
        return self.book.restore(kept, now_ns)

    def note_early(self, text: str) -> None:
        """Something a person should know that happened before anybody listens: published with the first look."""
        self._early.append(text)

    def see_disk(self, free_bytes: float) -> None:
        """Free space where shots are written, whenever somebody has looked."""
        self._disk_free_bytes = free_bytes

    def on_frame(self, frame: Frame, situation: Situation) -> None:
        """Judge one frame; call it for each, right after it was published."""
        words = frame.words
        if words and words[_TRIPS] != self._trips:
            self._judge_trips(words[_TRIPS], situation, frame.t_ns)
            self._tell()
        if frame.late_s > self._late_s:
            self._late_s = frame.late_s
        self._frames += 1
        if self._frames >= FRAMES_PER_LOOK:
            self._frames = 0
            self._look(frame, situation)

    def _judge_trips(self, trips: int, situation: Situation, t_ns: int) -> None:
        """The PLC's own first fault first, the others of the same frame in the order of their bits."""
        self._trips = trips
        status = situation.status
        first = 1 << (status.first_fault - 1) if status is not None and status.first_fault else 0
        for point in sorted(self._trip_points, key=lambda p: (p.mask != first, p.mask)):
            text = FIRST_FAULT if point.mask == first else ""
            self.book.judge(point.index, bool(trips & point.mask), t_ns, text=text)

    def _look(self, frame: Frame, situation: Situation) -> None:
        t_ns, state, words = frame.t_ns, frame.plc_state, frame.words
        forced = bool(words) and bool(words[_FLAGS] & _FORCED)
        if words and len(frame.values) == self._width:  # a PLC with other modules than rig.yaml tells nobody which
            disturbed = forced or state == _SHOT or situation.emi_left_s(t_ns) > 0.0
            self._judge_limits(frame, state, disturbed)
        self._judge_sources(frame, state)
        if words and (self._points_busy or self._seen != (state, words)):
            self._seen = (state, words)
            self._judge_points(words, state, not forced and frame.age_s <= self._plc_stale_s, t_ns)
        self._judge_health(situation, t_ns)
        self.book.expire(t_ns)
        while self._early:
            self._publish(Event(t_ns, "alarms", "warning", self._early.popleft()))
        self._tell()
        self._looks += 1
        if self._looks >= LOOKS_PER_WORST:
            self._looks = 0
            for standing in self.book.take_worsened():
                self._publish(self._message(standing))

    def _judge_limits(self, frame: Frame, state: str, disturbed: bool) -> None:
        values, ages = frame.values, frame.ages_s
        for limit in self._limits:
            value = values[limit.column]
            if limit.detector.quiet and limit.low <= value <= limit.high:
                continue
            fresh = ages[limit.source] <= limit.stale_s
            self._judge_limit(limit, value, fresh and not disturbed, state, frame.t_ns)

    def _judge_sources(self, frame: Frame, state: str) -> None:
        ages = frame.ages_s
        for limit in self._sources:
            age_s = ages[limit.source] if ages else frame.age_s
            if limit.detector.quiet and age_s <= limit.high:
                continue
            self._judge_limit(limit, age_s, True, state, frame.t_ns)

    def _judge_limit(self, limit: _Limit, value: float, known: bool, state: str, t_ns: int) -> None:
        if not known or (limit.states and state not in limit.states):
            self.book.judge(limit.index, None, t_ns)
            return
        inside = limit.deadband if limit.detector.held else 0.0
        healthy = limit.low + inside <= value <= limit.high - inside  # NaN and infinity never are
        text = limit.text if math.isfinite(value) or limit.column < 0 else NO_NUMBER
        self.book.judge(limit.index, not healthy, t_ns, value, text)

    def _judge_points(self, words: Sequence[int], state: str, trusted: bool, t_ns: int) -> None:
        self._points_busy = False
        for point in self._points:
            known = trusted and (not point.states or state in point.states)
            self.book.judge(point.index, words[point.word] & point.mask == point.bad if known else None, t_ns)
            self._points_busy |= not point.detector.quiet
        for index, rule in self._states:
            self.book.judge(index, state == rule.subject if trusted else None, t_ns)
            self._points_busy |= not self.book.detectors[index].quiet

    def _judge_health(self, situation: Situation, t_ns: int) -> None:
        late_s, self._late_s = self._late_s, 0.0
        for index, rule in self._health:
            holds, value, text = self._condition(rule, situation, late_s)
            if holds or not self.book.detectors[index].quiet:
                self.book.judge(index, holds, t_ns, value, text)

    def _condition(self, rule: AlarmRule, situation: Situation, late_s: float) -> tuple[bool | None, float | None, str]:
        if rule.subject == "late" and rule.high is not None:
            return not late_s <= rule.high, late_s, rule.text
        if rule.subject == "disk" and rule.low is not None:
            free = self._disk_free_bytes
            return None if free is None else not free >= rule.low, free, rule.text
        if rule.subject == "journal":
            return not situation.journal_alive, None, rule.text
        lost = [*([situation.lost_required] if situation.lost_required else []), *situation.lost_optional]
        return bool(lost), None, ", ".join(lost)

    def _tell(self) -> None:
        changes = self.book.take_changes()
        if not changes:
            return
        for standing in changes:
            self._publish(self._message(standing))
        if self._stored is not None:
            self._stored(self.book.standings())

    def _message(self, standing: Standing) -> AlarmChanged:
        rule = self._by_id[standing.id]
        return AlarmChanged(
            id=rule.id,
            title=rule.title,
            priority=rule.priority.value,
            state=standing.shown.value,
            active=standing.active,
            t_ns=standing.t_ns,
            raised_utc=standing.raised_utc,
            order=standing.order,
            count=standing.count,
            value=standing.worst,
            unit=rule.unit,
            text=standing.text,
            guidance=rule.guidance,
        )

    def _of_kind(self, kind: Kind) -> tuple[tuple[int, AlarmRule], ...]:
        return tuple((index, rule) for index, rule in enumerate(self._rules) if rule.kind is kind)

    def _point_table(self, kind: Kind) -> tuple[_Point, ...]:
        table = []
        for index, rule in self._of_kind(kind):
            word, mask = self._bits[f"trips.{rule.subject}" if kind is Kind.TRIP else rule.subject]
            bad = 0 if rule.healthy else mask
            table.append(_Point(index, self.book.detectors[index], word, mask, bad, frozenset(rule.states)))
        return tuple(table)

    def _limit_table(self, rig: Rig) -> tuple[_Limit, ...]:
        channels = telemetry_channels(rig)
        sources = telemetry_sources(rig)
        column = {channel.name: index for index, channel in enumerate(channels)}
        number = {source.name: index for index, source in enumerate(sources)}
        table = []
        for index, rule in self._of_kind(Kind.CHANNEL):
            source = number[channels[column[rule.subject]].source]
            table.append(self._limit(index, rule, column[rule.subject], source, sources[source].stale_after_s))
        return tuple(table)

    def _source_table(self, rig: Rig) -> tuple[_Limit, ...]:
        number = {source.name: index for index, source in enumerate(telemetry_sources(rig))}
        return tuple(
            self._limit(index, rule, -1, number[rule.subject], math.inf) for index, rule in self._of_kind(Kind.SOURCE)
        )

    def _limit(self, index: int, rule: AlarmRule, column: int, source: int, stale_s: float) -> _Limit:
        return _Limit(
            index=index,
            detector=self.book.detectors[index],
            column=column,
            low=-_LARGEST if rule.low is None else rule.low,
            high=_LARGEST if rule.high is None else rule.high,
            deadband=rule.deadband,
            source=source,
            stale_s=stale_s,
            states=frozenset(rule.states),
            text=rule.text,
        )


def _bits(words: Sequence[WordInfo]) -> Mapping[str, tuple[int, int]]:
    return {
        f"{word.name}.{bit}": (index, 1 << position)
        for index, word in enumerate(words)
        for position, bit in enumerate(word.bits)
        if bit
    }
