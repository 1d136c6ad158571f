"""What is known becomes what is answered: null for what is not valid, stale for what is old."""

from dataclasses import replace
from math import inf, nan

import pytest
from msgspec import structs

from controller.messages import Finished, SourceInfo, StepInfo, Verdict
from controller.panel.live import LiveState
from controller.panel.live_answers import (
    alarms_answer,
    channels_answer,
    finite,
    frame_age_s,
    rig_answer,
    run_answer,
    state_answer,
)
from controller.telemetry.channels import FRAME_STALE_AFTER_S
from tests.unit.panel.parts import HELLO, filled, frame, rig

NOW_S = 1000.0


def test_the_state_is_the_newest_frame_under_its_names() -> None:
    answer = state_answer(filled(NOW_S), rig(), True, NOW_S)
    assert (answer.rig, answer.link, answer.stale, answer.plc_state, answer.shot) == (
        "railgun_bench",
        "connected",
        False,
        "CHARGE",
        7,
    )
    assert answer.step is not None and (answer.step.index, answer.step.id) == (1, "charge")
    probe = answer.values["probe_a"]
    assert (probe.value, probe.unit, probe.stale) == (1234.5, "V", False)
    assert answer.values["charger_voltage"].age_s == pytest.approx(0.4)
    assert answer.points == {"inputs": {"ESTOP_OK": True, "DOOR_CLOSED": True}}


def test_a_value_that_is_not_valid_is_null_and_stale() -> None:
    probe = state_answer(filled(NOW_S), rig(), True, NOW_S).values["probe_b"]
    assert (probe.value, probe.stale) == (None, True)


@pytest.mark.parametrize(
    ("later_s", "probe", "charger", "whole"),
    [(0.0, False, False, False), (0.35, True, False, False), (0.7, True, True, True)],
)
def test_each_value_grows_stale_by_its_own_source(later_s: float, probe: bool, charger: bool, whole: bool) -> None:
    answer = state_answer(filled(NOW_S), rig(), True, NOW_S + later_s)
    assert (answer.values["probe_a"].stale, answer.values["charger_voltage"].stale, answer.stale) == (
        probe,
        charger,
        whole,
    )


def test_without_a_core_everything_is_stale() -> None:
    live = filled(NOW_S)
    live.set_link("lost")
    answer = state_answer(live, rig(), True, NOW_S)
    assert answer.stale and all(value.stale for value in answer.values.values())


def test_an_old_status_of_the_plc_makes_a_fresh_frame_stale() -> None:
    live = filled(NOW_S)
    live.take(frame(round(NOW_S * 1e9), plc_age_s=FRAME_STALE_AFTER_S + 0.1))
    assert state_answer(live, rig(), True, NOW_S).stale
    live.take(frame(round(NOW_S * 1e9), plc_age_s=nan))
    answer = state_answer(live, rig(), True, NOW_S)
    assert answer.stale and answer.values["probe_a"].age_s is None


def test_before_the_first_core_there_is_nothing() -> None:
    live = LiveState()
    answer = state_answer(live, rig(), False, NOW_S)
    assert (answer.link, answer.stale, answer.values, answer.points, answer.seq, answer.simulated) == (
        "none",
        True,
        {},
        {},
        None,
        False,
    )
    assert channels_answer(live).channels == [] and run_answer(live, NOW_S).steps == []


def test_a_frame_that_is_shorter_than_the_hello_is_no_error() -> None:
    live = filled(NOW_S)
    short = structs.replace(frame(0), values=(), words=(), ages_s=(), step=99, countdown_s=nan)
    live.take(short)
    answer = state_answer(live, rig(), True, NOW_S)
    assert (answer.step, answer.countdown_s, answer.points) == (None, None, {})
    assert {value.value for value in answer.values.values()} == {None}


def test_what_has_no_limit_in_time_is_null() -> None:
    live = filled(NOW_S)
    live.take(structs.replace(HELLO, sources=(SourceInfo("plc", "PLC", inf),), steps=(StepInfo("a", "hold", inf),)))
    assert channels_answer(live).sources[0].stale_after_s is None
    assert run_answer(live, NOW_S).steps[0].timeout_s is None


def test_alarms_come_in_first_fault_order() -> None:
    answer = alarms_answer(filled(NOW_S))
    assert [alarm.id for alarm in answer.alarms] == ["first", "late", "over"]
    assert answer.alarms[1].value is None


def test_the_run_tells_its_steps_and_its_end() -> None:
    live = filled(NOW_S)
    live.take(
        Finished(
            7,
            "abc",
            "fail",
            "completed",
            "",
            "r",
            "j",
            "p",
            "s",
            1,
            (Verdict("Peak", nan, "A", None, inf, nan, "fail"),),
        )
    )
    answer = run_answer(live, NOW_S)
    assert [(step.id, step.mark) for step in answer.steps] == [("self_test", "done"), ("charge", "broken")]
    assert answer.finished is not None and answer.finished.measurements[0].value is None
    assert answer.events[0].age_s == pytest.approx(2.0)


def test_the_rig_is_told_whole() -> None:
    answer = rig_answer(rig())
    assert {item.name for item in answer.instruments} == {item.name for item in rig().instruments}
    assert answer.mimic.keys() == rig().mimic.as_json().keys()
    assert answer.limits["energy_j"] == rig().limits.energy_j
    broken = replace(rig(), limits=replace(rig().limits, energy_j=inf))
    assert rig_answer(broken).limits["energy_j"] is None


def test_numbers_and_ages() -> None:
    assert [finite(value) for value in (1.0, nan, inf, -inf, None)] == [1.0, None, None, None, None]
    assert frame_age_s(LiveState(), NOW_S) is None
    assert frame_age_s(filled(NOW_S), NOW_S - 1.0) == 0.0, "never negative"
