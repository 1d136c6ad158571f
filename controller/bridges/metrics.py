"""What Prometheus scrapes: the latest frame and a few counts, made into text only when somebody asks.

Names follow Prometheus' conventions (https://prometheus.io/docs/practices/naming/): base units in the name, `_total`
for counters. A value that is stale or not valid has no sample, so that a graph shows a gap and never a flat lie.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from controller.bridges.mqtt import MqttStatus
from controller.messages import AlarmChanged, Event, Finished, Frame, Hello, Message
from controller.rig.model import Rig
from controller.telemetry.alarms import UNACKNOWLEDGED, AlarmState, Priority

ALARMS_MAX = 1024
"""Alarms counted; the rig has a few dozen."""

LINKS = ("none", "connected", "lost")
MODES = ("run", "recover", "watch")

VERDICTS = ("pass", "inconclusive", "fail", "aborted", "error")
"""Counted from zero on, so that the first one is seen as an increase (design.md section 4)."""

LATENESS_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""From on time to a missed heartbeat; a frame's period is 0.02 s, and uvloop counts in 1 ms."""

UNIT_NAMES = {
    "V": "volts",
    "A": "amperes",
    "s": "seconds",
    "J": "joules",
    "W": "watts",
    "Hz": "hertz",
    "Pa": "pascals",
    "T": "teslas",
    "degC": "celsius",
}
"""Unit of a channel -> the end of its metric's name; other units share the metric ``sparkgap_channel_value``."""

_UNACKNOWLEDGED = frozenset(state.value for state in UNACKNOWLEDGED)


class Metrics:
    """What one panel knows about one bench. ``now_s`` is the loop's time, the clock of Frame.t_ns."""

    def __init__(self, rig: Rig, version: str, now_s: Callable[[], float]) -> None:
        self._build = {"version": version, "rig": rig.name, "config_sha256": rig.sha256}
        self._plc = next((spec.name for spec in rig.instruments if spec.port == "RigPlc"), "")
        self._now_s = now_s
        self._link = "none"
        self._hello: Hello | None = None
        self._frame: Frame | None = None
        self._seq: int | None = None
        self._frames = 0
        self._lost = 0
        self._late_counts = [0] * (len(LATENESS_BUCKETS_S) + 1)
        self._late_sum_s = 0.0
        self._late_max_s = 0.0
        self._alarms: dict[str, AlarmChanged] = {}
        self._shots: Counter[str] = Counter()
        self._trips: dict[str, int] = {row.plc_trip: 0 for row in rig.interlocks}
        self._stream = (0, 0, 0)
        self._mqtt: MqttStatus | None = None
        self._registry = CollectorRegistry()
        self._registry.register(_Page(self))
        ProcessCollector(registry=self._registry)

    def take(self, message: Message) -> None:
        """Keep what ``message`` says; for a frame that is a reference and four sums."""
        if isinstance(message, Frame):
            self._on_frame(message)
        elif isinstance(message, Hello):
            if self._hello is None or message.session != self._hello.session:
                self._late_max_s, self._seq = 0.0, None
            self._hello, self._frame = message, None
        elif isinstance(message, AlarmChanged):
            if message.id in self._alarms or len(self._alarms) < ALARMS_MAX:
                self._alarms[message.id] = message
        elif isinstance(message, Finished):
            self._shots[message.verdict] += 1
        elif isinstance(message, Event) and message.kind == "trip":
            cause = message.text.removeprefix("trip ")
            if cause in self._trips:
                self._trips[cause] += 1

    def set_link(self, link: str) -> None:
        """The panel's link to the core: none, connected or lost."""
        self._link = link

    def observe_stream(self, viewers: int, sent: int, dropped: int) -> None:
        """Counts of the WebSocket stream, told just before :meth:`render`."""
        self._stream = (viewers, sent, dropped)

    def observe_mqtt(self, status: MqttStatus) -> None:
        """State of the MQTT bridge, told just before :meth:`render`; never told: no broker, no metrics of it."""
        self._mqtt = status

    def render(self) -> tuple[bytes, str]:
        """The page of /metrics and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def _on_frame(self, frame: Frame) -> None:
        if self._seq is not None and frame.seq > self._seq + 1:
            self._lost += frame.seq - self._seq - 1
        self._frame, self._seq = frame, frame.seq
        self._frames += 1
        late_s = frame.late_s
        self._late_counts[bisect_left(LATENESS_BUCKETS_S, late_s)] += 1
        self._late_sum_s += late_s
        self._late_max_s = max(self._late_max_s, late_s)

    def families(self) -> Iterator[Metric]:
        """Everything as Prometheus' metric families."""
        yield InfoMetricFamily("sparkgap_build", "The panel's version and the bench's file.", self._build)
        yield from self._bench()
        yield from self._sources()
        yield from self._channels()
        yield from self._alarm_counts()
        shots = CounterMetricFamily(
            "sparkgap_shots_finished", "Runs that ended while this panel watched.", labels=["verdict"]
        )
        for verdict in dict.fromkeys((*VERDICTS, *sorted(self._shots))):
            shots.add_metric([verdict], self._shots[verdict])
        yield shots
        trips = CounterMetricFamily("sparkgap_trips", "Trips of the PLC since this panel started.", labels=["cause"])
        for cause, count in self._trips.items():
            trips.add_metric([cause], count)
        yield trips
        yield from self._core()
        yield from self._outward()

    def _bench(self) -> Iterator[Metric]:
        yield _one_of("sparkgap_link", "The panel's link to the core.", LINKS, self._link)
        mode = self._hello.mode if self._hello else ""
        yield _one_of("sparkgap_mode", "What the core is there for.", MODES, mode)
        states = self._hello.states if self._hello else ()
        current = self._frame.plc_state if self._frame and not self._stale().get(self._plc, True) else ""
        yield _one_of("sparkgap_plc_state", "The PLC's state; none is 1 when it is stale.", states, current)

    def _ages_s(self) -> tuple[float, ...]:
        """Age of every source now: what the frame says, and the frame's own age on top."""
        if self._hello is None or self._frame is None or not self._frame.ages_s:
            return (math.inf,) * len(self._hello.sources if self._hello else ())
        older_s = max(0.0, self._now_s() - self._frame.t_ns * 1e-9)
        return tuple(age_s + older_s for age_s in self._frame.ages_s)

    def _stale(self) -> dict[str, bool]:
        sources = self._hello.sources if self._hello else ()
        return {
            source.name: not (self._link == "connected" and age_s <= source.stale_after_s)
            for source, age_s in zip(sources, self._ages_s(), strict=False)
        }

    def _sources(self) -> Iterator[Metric]:
        sources = self._hello.sources if self._hello else ()
        age = GaugeMetricFamily("sparkgap_source_age_seconds", "Age of an instrument's values.", labels=["source"])
        for source, age_s in zip(sources, self._ages_s(), strict=False):
            age.add_metric([source.name], age_s)
        yield age
        stale = GaugeMetricFamily("sparkgap_source_stale", "1: its values may not be believed.", labels=["source"])
        for name, old in self._stale().items():
            stale.add_metric([name], old)
        yield stale

    def _channels(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        stale = self._stale()
        values = self._frame.values if self._frame else ()
        labels, text = ["channel", "group", "source", "unit"], "Values that are valid and fresh."
        for info, value in zip(self._hello.channels if self._hello else (), values, strict=False):
            name = f"sparkgap_channel_{UNIT_NAMES.get(info.unit, 'value')}"
            family = families.setdefault(name, GaugeMetricFamily(name, text, labels=labels))
            if math.isfinite(value) and not stale.get(info.source, True):
                family.add_metric([info.name, info.group, info.source, info.unit], value)
        yield from families.values()

    def _alarm_counts(self) -> Iterator[Metric]:
        shown = [alarm for alarm in self._alarms.values() if alarm.state != AlarmState.SHELVED.value]
        active = Counter(alarm.priority for alarm in shown if alarm.active)
        waiting = Counter(alarm.priority for alarm in shown if alarm.state in _UNACKNOWLEDGED)
        for name, text, counts in (
            ("sparkgap_alarms_active", "Alarms whose cause holds now, without shelved ones.", active),
            ("sparkgap_alarms_unacknowledged", "Alarms that nobody has acknowledged.", waiting),
        ):
            family = GaugeMetricFamily(name, text, labels=["priority"])
            for priority in Priority:
                family.add_metric([priority.value], counts[priority.value])
            yield family

    def _core(self) -> Iterator[Metric]:
        bounds = [*(f"{bound:g}" for bound in LATENESS_BUCKETS_S), "+Inf"]
        buckets = list(zip(bounds, accumulate(self._late_counts), strict=True))
        text = "How late the core made its frames."
        yield HistogramMetricFamily("sparkgap_core_frame_lateness_seconds", text, buckets, self._late_sum_s)
        yield _gauge("sparkgap_core_frame_lateness_max_seconds", "The latest frame of this core.", self._late_max_s)
        yield _counter("sparkgap_frames_received", "Frames that reached the panel.", self._frames)
        yield _counter("sparkgap_frames_lost", "Frames that the core made and the panel did not get.", self._lost)

    def _outward(self) -> Iterator[Metric]:
        viewers, sent, dropped = self._stream
        yield _gauge("sparkgap_viewers", "Pages that follow the stream.", viewers)
        yield _counter("sparkgap_stream_frames_sent", "Frames sent to viewers.", sent)
        yield _counter("sparkgap_stream_frames_dropped", "Frames that slow viewers did not get.", dropped)
        if self._mqtt is None:
            return
        status = self._mqtt
        yield _gauge("sparkgap_mqtt_connected", "1: the broker takes messages.", status.connected)
        yield _counter("sparkgap_mqtt_connections", "Connections made to the broker.", status.connections)
        yield _counter("sparkgap_mqtt_published", "Messages the broker took.", status.published)
        yield _gauge("sparkgap_mqtt_waiting", "Messages that wait for the broker.", status.waiting)
        kinds = CounterMetricFamily("sparkgap_mqtt_dropped", "Messages that did not fit the queue.", labels=["kind"])
        kinds.add_metric(["telemetry"], status.dropped_telemetry)
        kinds.add_metric(["report"], status.dropped_reports)
        yield kinds


class _Page(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        return self._metrics.families()


def _one_of(name: str, text: str, states: Iterable[str], current: str) -> Metric:
    """A set of states: one sample per state, 1 for the current one."""
    family = GaugeMetricFamily(name, text, labels=["state"])
    for state in states:
        family.add_metric([state], state == current)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value)
