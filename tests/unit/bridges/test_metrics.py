"""/metrics parses, has the units in its names, and shows a gap where a value may not be believed."""

import json
import math
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controller.bridges.metrics import UNIT_NAMES, Metrics
from controller.bridges.mqtt import MqttStatus
from controller.messages import ChannelInfo, Event, Frame, Hello
from controller.sequencer.verdict import Verdict
from drivers.wire.plc import RUN_TRIPS, Trip
from tests.unit.bridges.bench import CHANNELS, FINISHED, HELLO, alarm, frame, rig

DASHBOARD = Path(__file__).parents[3] / "configs" / "grafana" / "sparkgap.json"
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "scrape-metrics.md"
RIG = rig()


class Scrape:
    """Metrics with a clock that the test sets, and what a scrape of them gives."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.metrics = Metrics(RIG, "1.2.3", lambda: self.now_s)

    def samples(self) -> dict[tuple[str, str], float]:
        """(name, values of its labels in the order of their names) -> value."""
        text, kind = self.metrics.render()
        assert kind.startswith("text/plain")
        return {
            (sample.name, " ".join(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
        }


def heard() -> Scrape:
    scrape = Scrape()
    scrape.metrics.set_link("connected")
    scrape.metrics.take(HELLO)
    return scrape


def test_before_anything_was_heard_there_is_no_value_and_no_state() -> None:
    found = Scrape().samples()
    assert found["sparkgap_link", "none"] == 1
    assert found["sparkgap_build_info", f"{RIG.sha256} railgun_bench 1.2.3"] == 1
    assert not [name for name, _ in found if name.startswith(("sparkgap_channel", "sparkgap_mqtt"))]
    assert found["sparkgap_alarms_active", "critical"] == 0


def test_values_carry_their_unit_in_the_name() -> None:
    scrape = heard()
    scrape.metrics.take(frame(0))
    found = scrape.samples()
    assert found["sparkgap_channel_volts", "probe_a bank plc V"] == 1234.5
    assert found["sparkgap_channel_amperes", "charger_current charger charger A"] == 0.5
    assert found["sparkgap_channel_value", "field  charger T/s"] == 1.0
    assert found["sparkgap_plc_state", "CHARGING"] == 1
    assert found["sparkgap_plc_state", "SAFE"] == 0
    assert found["sparkgap_mode", "run"] == 1


def test_invalid_values_have_no_sample() -> None:
    scrape = heard()
    scrape.metrics.take(frame(0, values=(math.nan, math.inf, 1.0)))
    assert [labels for name, labels in scrape.samples() if name.startswith("sparkgap_channel")] == [
        "field  charger T/s"
    ]


def test_ages_go_on_growing_when_the_core_is_silent_and_stale_values_vanish() -> None:
    scrape = heard()
    scrape.metrics.take(frame(0))
    scrape.now_s = 0.6
    found = scrape.samples()
    assert found["sparkgap_source_age_seconds", "plc"] == pytest.approx(0.61)
    assert (found["sparkgap_source_stale", "plc"], found["sparkgap_source_stale", "charger"]) == (1, 0)
    assert ("sparkgap_channel_volts", "probe_a bank plc V") not in found
    assert ("sparkgap_channel_amperes", "charger_current charger charger A") in found
    assert found["sparkgap_plc_state", "CHARGING"] == 0


def test_a_lost_link_makes_everything_stale() -> None:
    scrape = heard()
    scrape.metrics.take(frame(0))
    scrape.metrics.set_link("lost")
    found = scrape.samples()
    assert found["sparkgap_link", "lost"] == 1
    assert (found["sparkgap_source_stale", "plc"], found["sparkgap_source_stale", "charger"]) == (1, 1)
    assert not [name for name, _ in found if name.startswith("sparkgap_channel")]


def test_lateness_is_a_histogram_with_its_maximum() -> None:
    scrape = heard()
    for seq, late_s in enumerate((0.0, 0.00005, 0.003, 0.7)):
        scrape.metrics.take(frame(seq, late_s=late_s))
    found = scrape.samples()
    name = "sparkgap_core_frame_lateness_seconds"
    assert found[f"{name}_bucket", "0.001"] == 2
    assert found[f"{name}_bucket", "0.005"] == 3
    assert found[f"{name}_bucket", "0.5"] == 3
    assert found[f"{name}_bucket", "+Inf"] == found[f"{name}_count", ""] == 4
    assert found[f"{name}_sum", ""] == pytest.approx(0.70305)
    assert found["sparkgap_core_frame_lateness_max_seconds", ""] == 0.7


def test_jumps_of_the_sequence_are_lost_frames_but_not_over_two_cores() -> None:
    scrape = heard()
    for seq in (0, 1, 5, 6):
        scrape.metrics.take(frame(seq))
    scrape.metrics.take(HELLO)  # the same core, heard again after a pause
    scrape.metrics.take(frame(8))
    scrape.metrics.take(Hello("railgun_bench", "", "", 0, "", CHANNELS, (), 0.0, False, session="watch-1"))
    scrape.metrics.take(frame(100))
    found = scrape.samples()
    assert found["sparkgap_frames_lost_total", ""] == 4
    assert found["sparkgap_frames_received_total", ""] == 6


def test_alarms_by_priority_shots_by_verdict() -> None:
    scrape = heard()
    for message in (
        alarm("a"),
        alarm("b", "RTN_UNACK", active=False),
        alarm("c", "ACK_ALARM"),
        alarm("d", "SHELVED"),
        alarm("e", "NORMAL", active=False, priority="low"),
        FINISHED,
    ):
        scrape.metrics.take(message)
    found = scrape.samples()
    assert found["sparkgap_alarms_active", "high"] == 2
    assert found["sparkgap_alarms_unacknowledged", "high"] == 2
    assert found["sparkgap_alarms_active", "low"] == 0
    shots = {verdict: value for (name, verdict), value in found.items() if name == "sparkgap_shots_finished_total"}
    assert shots == {**dict.fromkeys((verdict.label for verdict in Verdict), 0), "pass": 1}


def test_what_the_stream_and_the_broker_do() -> None:
    scrape = heard()
    scrape.metrics.observe_stream(3, 1000, 7)
    scrape.metrics.observe_mqtt(MqttStatus("connected", "", 41, 5, 1, 2, 1))
    found = scrape.samples()
    assert (found["sparkgap_viewers", ""], found["sparkgap_stream_frames_dropped_total", ""]) == (3, 7)
    assert found["sparkgap_stream_frames_sent_total", ""] == 1000
    assert (found["sparkgap_mqtt_connected", ""], found["sparkgap_mqtt_published_total", ""]) == (1, 41)
    assert found["sparkgap_mqtt_dropped_total", "telemetry"] == 5
    assert found["sparkgap_mqtt_dropped_total", "report"] == 1


def everything() -> set[str]:
    """The name of every sample that a panel can ever show."""
    scrape = heard()
    units = (*UNIT_NAMES, "T/s")
    channels = tuple(ChannelInfo(f"c{n}", "", unit, "plc", "g") for n, unit in enumerate(units))
    scrape.metrics.take(Hello("r", "", "", 0, "", channels, (), 0.0, False, sources=HELLO.sources, states=("SAFE",)))
    scrape.metrics.take(frame(0, values=(1.0,) * len(units)))
    scrape.metrics.take(FINISHED)
    scrape.metrics.observe_mqtt(MqttStatus())
    return {name for name, _ in scrape.samples()}


def test_the_dashboard_asks_only_for_what_there_is() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    known = everything()
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    targets = [target for panel in panels for target in panel["targets"]]
    asked = {name for target in targets for name in re.findall(r"\b(?:sparkgap|process)_\w+", target["expr"])}
    asked |= {
        name for variable in dashboard["templating"]["list"] for name in re.findall(r"sparkgap_\w+", str(variable))
    }
    assert len(asked) > 15
    assert asked <= known
    assert all(target["datasource"]["uid"] == "${datasource}" for target in targets)
    assert "://" not in DASHBOARD.read_text(encoding="utf-8")
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_documentation_names_only_what_there_is() -> None:
    named = re.findall(r"\bsparkgap_\w+", PAGE.read_text(encoding="utf-8"))
    bases = {name.removesuffix("_bucket") for name in everything()}
    assert len(set(named)) > 15
    assert set(named) <= bases


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells
        assert all(0 <= x < 24 for x, _ in cells)
        taken |= cells


def test_a_frame_is_kept_and_not_rendered() -> None:
    wide = Frame(0, 0, tuple(float(n) for n in range(100)), "SAFE", 0, None, 0.0, (), (0.0,))
    scrape = heard()
    scrape.metrics.take(wide)
    assert scrape.metrics._frame is wide


def test_trips_are_counted_by_cause_and_nothing_else_is() -> None:
    scrape = heard()
    assert {value for (name, _), value in scrape.samples().items() if name == "sparkgap_trips_total"} == {0}
    for kind, text in (("trip", "trip ESTOP"), ("trip", "trip ESTOP"), ("trip", "trip TEA"), ("info", "trip KEY")):
        scrape.metrics.take(Event(0, "plc", kind, text))
    counted = {cause: value for (name, cause), value in scrape.samples().items() if name == "sparkgap_trips_total"}
    assert {cause: value for cause, value in counted.items() if value} == {"ESTOP": 2}
    assert len(counted) == len(Trip) - RUN_TRIPS.value.bit_count(), "this bench fires once"
