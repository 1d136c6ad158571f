"""A conditioning in the report: what was reached, field and pulse length over time, breakdowns."""

from dataclasses import replace

import numpy as np

from controller.shots.conditioning_sections import conditioning_figure, is_conditioning
from controller.shots.model import EventRow, ShotRecord, SlowLog
from controller.shots.report import render_report
from tests.unit.shots.samples import shot

REACHED = "reached: 87.05 MV/m, 50 ns after 9000 pulses, 2 breakdowns (2 arc in the waveguide), 50 to 190 h to the goal"


def conditioned(*texts: str) -> ShotRecord:
    sample = shot()
    start_ns = sample.identity.started_ns
    times = np.arange(0.0, 100.0, 0.25)
    field = np.where(times < 10.0, np.nan, 50e6 + 4e5 * times)
    logs = (
        *sample.slow_logs,
        SlowLog("field", "V/m", times, field, "Field"),
        SlowLog("pulse_length", "s", times, np.full(times.size, 50e-9), "Pulse length"),
    )
    rows = [EventRow(start_ns + 10**10 * n, "conditioning", "info", text) for n, text in enumerate(texts, start=2)]
    return replace(sample, slow_logs=logs, events=(*sample.events, *rows))


def test_the_report_shows_field_pulse_length_and_breakdowns_over_time() -> None:
    broke = "breakdown: arc in the waveguide in pulse 4088, 80.42 MV/m, 50 ns"
    record = conditioned(broke, "an arc: the large step down", broke.replace("4088", "5008"), REACHED)
    text = render_report(record)
    assert is_conditioning(record) and ">Conditioning</h2>" in text
    part = str(conditioning_figure(record))
    for title in ("Field", "Pulse length", "Breakdowns"):
        assert title in part
    assert REACHED.removeprefix("reached: ") in part and "first fault" in part
    assert "pulse 4088" in part and "pulse 5008" in part and "20 s" in part and "40 s" in part
    assert "large step down" not in part and part.count("<figure") == 3


def test_a_session_without_breakdowns_has_its_curves_too() -> None:
    part = str(conditioning_figure(conditioned("reached: 40.00 MV/m, 50 ns after 900 pulses, no breakdown")))
    assert part.count("<figure") == 3 and "first fault" not in part and "<table" not in part


def test_any_other_shot_says_nothing_of_it() -> None:
    assert not is_conditioning(shot()) and ">Conditioning</h2>" not in render_report(shot())
