"""What the broker is told: every topic of design.md section 4, its payload, QoS and retain flag."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.bridges import topics
from controller.bridges.topics import Place, Publication, Standing
from controller.messages import Event, StepEntered
from tests.unit.bridges.bench import FINISHED, HELLO, alarm, frame, rig

PLACE = Place("lab", "railgun_bench")
BASE = "sparkgap/v1/lab/railgun_bench"


def body(publication: Publication) -> Any:
    return json.loads(publication.payload, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))


def test_telemetry_is_one_unretained_message_per_group_with_a_quality_for_every_value() -> None:
    found = topics.telemetry(PLACE, HELLO, frame(3, values=(1234.5, math.nan, math.inf)), stale=False)
    assert [(p.topic, p.qos, p.retain) for p in found] == [
        (f"{BASE}/tlm/bank", 0, False),
        (f"{BASE}/tlm/charger", 0, False),
        (f"{BASE}/tlm/other", 0, False),
    ]
    head = {"t_ns": 60_000_000, "seq": 3, "session": "run-7"}
    assert body(found[0]) == {**head, "v": {"probe_a": 1234.5}, "q": {"probe_a": "good"}}
    assert body(found[1]) == {**head, "v": {"charger_current": None}, "q": {"charger_current": "invalid"}}
    assert body(found[2]) == {**head, "v": {"field": None}, "q": {"field": "invalid"}}


@pytest.mark.parametrize(
    ("ages_s", "stale", "expected"),
    [
        ((0.5, 2.0), False, ["good", "good"]),
        ((0.51, 2.0), False, ["stale", "good"]),
        ((0.1, math.inf), False, ["good", "stale"]),
        ((math.nan, 0.0), False, ["stale", "good"]),
        ((0.0, 0.0), True, ["stale", "stale"]),
    ],
)
def test_quality_follows_the_age_of_the_source(ages_s: tuple[float, float], stale: bool, expected: list[str]) -> None:
    found = topics.telemetry(PLACE, HELLO, frame(1, ages_s=ages_s), stale=stale)
    assert [next(iter(body(p)["q"].values())) for p in found[:2]] == expected


def test_a_frame_without_any_status_is_invalid_throughout() -> None:
    found = topics.telemetry(PLACE, HELLO, frame(1, values=(), ages_s=(math.inf,)), stale=False)
    assert [list(body(p)["q"].values()) for p in found] == [["invalid"]] * 3


def test_meta_says_how_to_read_the_rest() -> None:
    bench = rig()
    found = topics.meta(PLACE, bench, HELLO, "1.2.3")
    said = body(found)
    assert (found.topic, found.qos, found.retain) == (f"{BASE}/$meta", 1, True)
    assert said["config_sha256"] == bench.sha256
    assert said["version"] == "1.2.3"
    assert said["channels"][0]["unit"] == "V"
    assert said["channels"][0]["high"] == 3100.0
    assert said["points"] == {"inputs": ["DOOR_1", "ESTOP"]}
    assert said["limits"]["energy_j"] == bench.limits.energy_j


def test_state_names_step_points_and_whether_it_may_be_believed() -> None:
    found = topics.state(PLACE, HELLO, Standing("connected", False, frame(9), None))
    said = body(found)
    assert (found.topic, found.qos, found.retain) == (f"{BASE}/state", 1, True)
    assert said["plc_state"] == "CHARGING"
    assert said["step"] == {"index": 1, "id": "charge", "kind": "charge"}
    assert said["points"] == {"inputs": {"DOOR_1": True, "ESTOP": True}}
    assert (said["link"], said["stale"]) == ("connected", False)


def test_state_before_anything_was_heard_claims_nothing() -> None:
    assert body(topics.state(PLACE, None, Standing("none", True, None, None))) == {
        "link": "none",
        "stale": True,
        "t_ns": None,
        "plc_state": None,
    }


def test_alarms_are_retained_events_and_shots_are_not() -> None:
    found = topics.alarm(PLACE, alarm("door_1"))
    assert (found.topic, found.qos, found.retain) == (f"{BASE}/alarm/door_1", 1, True)
    assert body(found)["guidance"] == "close it"
    event = topics.event(PLACE, "run-7", Event(5, "plc", "trip", "door 1 opened"))
    assert (event.topic, event.qos, event.retain) == (f"{BASE}/event", 1, False)
    assert body(event) == {
        "type": "event",
        "session": "run-7",
        "t_ns": 5,
        "source": "plc",
        "kind": "trip",
        "text": "door 1 opened",
    }
    assert body(topics.event(PLACE, "run-7", StepEntered(6, 1, "charge", "enter")))["type"] == "step"


def test_a_shot_has_scalars_with_units_and_verdicts_a_fingerprint_and_no_waveform() -> None:
    found = topics.shot(PLACE, HELLO, FINISHED)
    said = body(topics.with_sha256(found, "ab" * 32))
    assert (found.topic, found.qos, found.retain) == (f"{BASE}/shot/2026-0007", 1, False)
    assert said["record"] == {"path": "", "sha256": "ab" * 32}
    assert said["scalars"][0]["unit"] == "A"
    assert said["scalars"][0]["verdict"] == "pass"
    assert body(topics.with_sha256(found, None))["record"]["sha256"] is None


def test_a_shot_says_its_trips_and_whether_a_fault_was_their_cause() -> None:
    tripped = msgspec.structs.replace(FINISHED, trips=("DOOR_1", "HEARTBEAT"))
    injected = msgspec.structs.replace(tripped, faults=("plant.door_1_open@charge",))
    said = [body(topics.shot(PLACE, HELLO, message)) for message in (FINISHED, tripped, injected)]
    assert [message["trips"] for message in said] == [[], ["DOOR_1", "HEARTBEAT"], ["DOOR_1", "HEARTBEAT"]]
    assert [message["faults"] for message in said] == [[], [], ["plant.door_1_open@charge"]]
    assert [message["spurious_trips"] for message in said] == [0, 2, 0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("door_1", "door_1"),
        ("a/b", "a%2Fb"),
        ("#", "%23"),
        ("+", "%2B"),
        ("a\0b", "a%00b"),
        ("50 %", "50 %25"),
        ("", "%"),
        ("line\nbreak", "line%0Abreak"),
        ("Türe", "Türe"),
    ],
)
def test_a_name_is_one_level(name: str, expected: str) -> None:
    assert topics.level(name) == expected


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.text(max_size=300))
def test_no_name_makes_another_topic(names: list[str], site: str) -> None:
    topic = Place(site, "rig").topic("alarm", *names)
    assert topic.count("/") == 4 + len(names)
    assert topic.startswith("sparkgap/v1/")
    assert not set(topic) & set("+#\0")
    assert len(topic.encode()) <= 65_535


@given(st.text(max_size=30), st.text(max_size=30))
def test_different_names_stay_different(first: str, second: str) -> None:
    assert (topics.level(first) == topics.level(second)) == (first == second)
