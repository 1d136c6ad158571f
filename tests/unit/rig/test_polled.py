"""Channels that are read all the time: what their instruments can be asked for, in which unit, and within what."""

import pytest

from controller.app.preflight import read_rig
from controller.rig.load import load_rig
from controller.rig.polled import window_unit
from controller.rig.source import Refused, load
from controller.rig.units import UnitError, parse, parse_any
from tests.support import ROOT

FOLDER = ROOT / "hil_rigs" / "microwave_bench"
RIG = (FOLDER / "rig.yaml").read_text(encoding="utf-8")
PLC = (FOLDER / "plc.yaml").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("input: heater_current_a\n", "input: heater_curent_a\n", "did you mean heater_current_a?"),
        ("input: bath\n", "input: bat\n", "chiller cannot be asked for 'bat' all the time; did you mean bath?"),
        ("high: 25 K\n", "high: 25 degC\n", "is in degC, but the channel is in K; use K"),
        ("low: 5 degC\n    high: 35 degC", "low: 36 degC\n    high: 35 degC", "low: is not below high"),
        ("full_scale: 1 W\n    group: pulses\n", "full_scale: 1 W\n", "judges what nobody publishes"),
        (
            "input: power\n    unit: W\n    full_scale: 1 W\n    group: pulses\n    high: 400 mW",
            "input: power\n    unit: V\n    full_scale: 1 V\n    group: pulses\n    high: 400 mV",
            "'power' is read in W, not V; use W",
        ),
    ],
)
def test_what_cannot_be_read_all_the_time_is_refused(old: str, new: str, problem: str) -> None:
    assert RIG.count(old) >= 1
    with pytest.raises(Refused) as caught:
        load_rig(RIG.replace(old, new, 1).encode(), "rig.yaml", PLC, "plc.yaml")
    assert problem in str(caught.value)


def test_limits_that_people_judge_by_are_those_of_the_plc() -> None:
    windows = load(PLC, "plc.yaml").data["windows"]
    rig = read_rig("microwave_bench")[0]
    seen = [c for c in rig.channels if c.group and c.instrument == "plc"]
    assert {c.input for c in seen} == set(windows), "every window is shown"
    for channel in seen:
        unit, factor = window_unit(channel.input)
        assert unit == channel.unit
        for name in ("low", "high"):
            told = getattr(channel, name)
            if told is not None:
                assert told == pytest.approx(windows[channel.input][name] * factor, rel=1e-3), channel.name


def test_readings_in_degrees_are_no_differences_and_flows_are_flows() -> None:
    assert parse("35 degC", "degC") == 35.0
    assert parse_any("12 l/min") == (12.0, "l/min")
    assert parse("0.5 kg/s", "kg/s") == 0.5
    assert parse("5 uSv/h", "Sv/h") == pytest.approx(5e-6)
    with pytest.raises(UnitError, match="a temperature difference"):
        parse("35 degC", "K")
