"""Telemetry is thinned out, states are told when they change, silence is noticed."""

import json
from typing import Any

from controller.bridges.narrator import Narrator
from controller.bridges.topics import Place, Publication
from controller.messages import Event, Frame, Hello, StepEntered
from controller.telemetry.channels import FRAME_STALE_AFTER_S
from tests.unit.bridges.bench import FINISHED, HELLO, MS, PERIOD_NS, alarm, frame, rig

PLACE = Place("lab", "railgun_bench")
RIG = rig()


def narrator(period_s: float = 0.2) -> Narrator:
    found = Narrator(PLACE, RIG, "1", period_s)
    found.begin()
    found.set_link("connected")
    found.take(HELLO, 0)
    return found


def ends(publications: list[Publication]) -> list[str]:
    return [publication.topic.removeprefix("sparkgap/v1/lab/railgun_bench/") for publication in publications]


def state(publications: list[Publication]) -> Any:
    (found,) = (p for p in publications if p.topic.endswith("/state"))
    return json.loads(found.payload)


TLM = ["tlm/bank", "tlm/charger", "tlm/other"]


def test_50_frames_per_second_become_5_messages_per_group() -> None:
    story, told = narrator(), 0
    for seq in range(500):
        told += sum(end == "tlm/bank" for end in ends(story.take(frame(seq), seq * PERIOD_NS)))
    assert told == 50


def test_jitter_of_the_frames_does_not_change_the_rate() -> None:
    story, told = narrator(), 0
    for seq in range(500):
        late = Frame(seq, seq * PERIOD_NS + (seq * 7919 % 15) * MS, (1.0,), "SAFE", 0, None, 0.0, (), (0.0,))
        told += sum(end == "tlm/bank" for end in ends(story.take(late, late.t_ns)))
    assert told == 50


def test_every_frame_when_asked_for() -> None:
    story = narrator(0.02)
    assert all(ends(story.take(frame(seq), 0))[-3:] == TLM for seq in range(50))


def test_state_is_told_when_it_changes_and_only_then() -> None:
    story = narrator()
    assert ends(story.take(frame(0), 0)) == ["state", *TLM]
    assert ends(story.take(frame(1), 0)) == []
    assert state(story.take(frame(2, words=(0b100,)), 0))["points"]["inputs"]["DOOR_1"] is False
    assert state(story.take(frame(3, words=(0b100,), plc_state="SAFE"), 0))["plc_state"] == "SAFE"
    assert state(story.take(frame(4, words=(0b100,), plc_state="SAFE", step=-1), 0))["step"] is None
    assert ends(story.take(frame(5, words=(0b100,), plc_state="SAFE", step=-1), 0)) == []


def test_an_old_plc_status_makes_the_state_stale() -> None:
    story = narrator()
    assert state(story.take(frame(0), 0))["stale"] is False
    assert state(story.take(frame(1, ages_s=(0.6, 0.1)), 0))["stale"] is True


def test_a_lost_link_makes_state_and_last_values_stale() -> None:
    story = narrator()
    story.take(frame(0), 0)
    told = story.set_link("lost")
    assert ends(told) == ["state", *TLM]
    assert (state(told)["link"], state(told)["stale"]) == ("lost", True)
    assert json.loads(told[1].payload)["q"] == {"probe_a": "stale"}
    assert story.set_link("lost") == []


def test_a_core_that_says_nothing_is_noticed_once_and_believed_again_when_it_speaks() -> None:
    story = narrator()
    story.take(frame(0), 0)
    silence_ns = round(FRAME_STALE_AFTER_S * 1e9)
    assert story.tick(silence_ns) == []
    assert state(story.tick(silence_ns + 1))["stale"] is True
    assert story.tick(2 * silence_ns) == []
    assert state(story.take(frame(30), 2 * silence_ns))["stale"] is False


def test_a_hello_brings_the_meta_and_forgets_the_frame_of_the_core_before() -> None:
    story = narrator()
    story.take(frame(0), 0)
    told = story.take(Hello("railgun_bench", "", "", 0, "", (), (), 0.0, False, session="watch-1"), 0)
    assert ends(told) == ["$meta", "state"]
    assert state(told)["plc_state"] is None
    assert story.take(frame(1), 0)[0].topic.endswith("/state")


def test_frames_before_a_hello_mean_nothing() -> None:
    assert Narrator(PLACE, RIG, "1", 0.2).take(frame(0), 0) == []


def test_events_steps_alarms_and_results_are_all_told() -> None:
    story = narrator()
    assert ends(story.take(Event(1, "plc", "info", "hello"), 0)) == ["event"]
    assert ends(story.take(StepEntered(2, 0, "prepare", "enter"), 0)) == ["event"]
    assert ends(story.take(alarm("door_1"), 0)) == ["alarm/door_1"]
    told = story.take(FINISHED, 0)
    assert ends(told) == ["shot/2026-0007", "state"]
    assert state(told)["finished"] == {"verdict": "pass", "ended": "completed"}
