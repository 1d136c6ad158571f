"""Stretches of a channel: no extreme is lost, no more points than asked for, times in order and inside the range."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.panel.waveforms import POINTS_MAX, POINTS_MIN, Stretch, capture_stretch, log_stretch
from controller.shots.model import ChannelCapture, FloatArray, SlowLog
from controller.shots.signals import scale_values, time_axis
from tests.unit.shots.samples import capture

POINTS = st.integers(POINTS_MIN, 60)
INSTANTS = st.floats(-2e-3, 12e-3)
CODES = st.lists(st.integers(0, 65535), min_size=0, max_size=300)
SAMPLE = capture(points=100)


def recorded(codes: list[int], scale: float) -> ChannelCapture:
    """A capture of these codes over 10 ms with 1 ms before T0, its delay 40 ns; a negative scale turns it over."""
    raw = np.array(codes, dtype=np.uint16)
    step_s = 10e-3 / max(len(codes), 1)
    return replace(SAMPLE, raw=raw, x_increment_s=step_s, x_origin_s=-1e-3, delay_s=40e-9, scale=scale)


def check(stretch: Stretch, t_s: FloatArray, values: FloatArray, from_s: float, to_s: float, points: int) -> None:
    """``t_s`` and ``values`` are all valid samples, computed without any short cut."""
    inside = (t_s >= from_s) & (t_s <= to_s)
    wanted = values[inside]
    assert stretch.samples == wanted.size
    assert stretch.t_s.size == stretch.low.size == stretch.high.size <= points
    assert np.all(np.diff(stretch.t_s) >= 0.0)
    assert np.all((stretch.t_s >= from_s) & (stretch.t_s <= to_s))
    assert np.all(stretch.low <= stretch.high)
    assert stretch.extent == ((t_s.min(), t_s.max()) if t_s.size else None)
    if wanted.size:
        assert (stretch.low.min(), stretch.high.max()) == (wanted.min(), wanted.max())
    if not stretch.decimated:
        assert np.array_equal(stretch.t_s, t_s[inside]) and np.array_equal(stretch.low, wanted)
        assert stretch.low is stretch.high


@given(CODES, st.sampled_from([20_000.0, -50.0, 1e-6]), INSTANTS, INSTANTS, POINTS)
def test_a_waveform_keeps_its_extremes(codes: list[int], scale: float, a_s: float, b_s: float, points: int) -> None:
    whole = recorded(codes, scale)
    from_s, to_s = sorted((a_s, b_s))
    found = capture_stretch(whole, from_s, to_s, points)
    check(found, time_axis(whole), scale_values(whole), from_s, to_s, points)


@given(
    st.lists(st.tuples(st.floats(0.0, 20.0), st.floats(-1e6, 1e6) | st.just(float("nan"))), max_size=200),
    st.floats(-15.0, 15.0),
    st.floats(-15.0, 15.0),
    POINTS,
)
def test_a_slow_channel_keeps_its_extremes(
    rows: list[tuple[float, float]], a_s: float, b_s: float, points: int
) -> None:
    """Its samples may come twice at one instant, out of order, or not be valid."""
    t_s, values = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    log = SlowLog("probe_a", "V", t_s, values)
    from_s, to_s = sorted((a_s, b_s))
    valid = np.isfinite(values)
    order = np.argsort(t_s[valid], kind="stable")
    at_s, good = (t_s[valid] - 8.0)[order], values[valid][order]
    check(log_stretch(log, 8.0, from_s, to_s, points), at_s, good, from_s, to_s, points)


@pytest.mark.parametrize("points", [POINTS_MIN, 3, 1999, 2000, POINTS_MAX])
def test_a_spike_of_one_sample_is_seen_at_every_zoom(points: int) -> None:
    whole = capture(points=50_000)
    whole.raw[31_337] = 65_000
    at_s, peak = time_axis(whole)[31_337], scale_values(whole)[31_337]
    for half_s in (1.0, 1e-3, 1e-5, 1e-9):
        found = capture_stretch(whole, at_s - half_s, at_s + half_s, points)
        assert found.high.max() == peak


def test_every_stretch_has_the_extremes_of_its_own_samples() -> None:
    whole = capture(points=1000)
    found = capture_stretch(whole, -1.0, 1.0, 7)
    edges = [n * 1000 // 7 for n in range(8)]
    parts = [scale_values(whole)[first:last] for first, last in pairwise(edges)]
    assert found.decimated
    assert found.low.tolist() == [part.min() for part in parts]
    assert found.high.tolist() == [part.max() for part in parts]


def test_the_delay_is_taken_off() -> None:
    """The sample at the instant T0 of the bench arrives ``delay_s`` later at the instrument."""
    late = replace(capture(points=1000), x_origin_s=0.0, delay_s=3e-5)
    found = capture_stretch(late, -1.0, 1.0, 2000)
    assert found.t_s[0] == -3e-5
    assert found.extent == (found.t_s[0], found.t_s[-1])


def test_nothing_in_the_range_is_nothing() -> None:
    assert capture_stretch(capture(points=100), 5.0, 6.0, 10).samples == 0
    assert capture_stretch(recorded([], 1.0), -1.0, 1.0, 10).extent is None
