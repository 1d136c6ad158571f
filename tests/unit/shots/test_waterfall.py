"""A train as a picture: extremes of every cell, at any size, and what a cell shows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.shots.model import PulseTrain
from controller.shots.pulses import typical_noise, typical_pulse
from controller.shots.signals import scale_values, time_axis
from controller.shots.waterfall import View, reduce_train, shown_values
from tests.unit.shots.trains import train

INF = float("inf")
BROKEN = 3127


@pytest.fixture(scope="module")
def long() -> PulseTrain:
    return train()


def small(counts: list[list[int]], scale: float, dtype: str) -> PulseTrain:
    whole = train(2, missing=(), broken=())
    raw = np.array(counts, dtype=dtype)
    return PulseTrain(replace(whole.capture, raw=raw, scale=scale), np.arange(len(counts), dtype=np.int64), len(counts))


@given(
    st.integers(1, 9).flatmap(
        lambda width: st.lists(
            st.lists(st.integers(-32_768, 32_767), min_size=width, max_size=width), min_size=1, max_size=12
        )
    ),
    st.sampled_from([25_000.0, -3.0]),
    st.integers(-1, 12),
    st.integers(-1, 12),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_every_cell_has_the_extremes_of_its_samples(
    counts: list[list[int]], scale: float, a: int, b: int, rows: int, columns: int
) -> None:
    whole = small(counts, scale, "int16")
    typical, values, t_s = typical_pulse(whole), scale_values(whole.capture), time_axis(whole.capture)
    view = View(min(a, b), max(a, b), float(t_s[0]), float(t_s[-1]), rows, columns)
    found = reduce_train(whole, typical, view)
    first, last = max(view.first, 0), min(view.last + 1, len(counts))
    if last <= first:
        assert found.low.size == 0
        return
    assert (found.row_edges[0], found.row_edges[-1]) == (first, last)
    assert found.low.shape == (min(rows, last - first), min(columns, t_s.size)) == found.high.shape
    unit = whole.capture.y_increment_v * scale
    for i in range(found.low.shape[0]):
        for j in range(found.low.shape[1]):
            cell = values[
                found.row_edges[i] : found.row_edges[i + 1], found.column_edges[j] : found.column_edges[j + 1]
            ]
            ends = sorted((found.low[i, j] * unit, found.high[i, j] * unit))
            assert ends == pytest.approx([cell.min(), cell.max()])
            assert found.low[i, j] * unit <= found.high[i, j] * unit


@pytest.mark.parametrize(("rows", "columns"), [(240, 400), (120, 200), (24, 40), (5, 10)])
def test_a_breakdown_in_one_of_five_thousand_pulses_stays_visible(rows: int, columns: int, long: PulseTrain) -> None:
    clean = replace(long, capture=replace(long.capture, raw=long.capture.raw.copy()))
    clean.capture.raw[[1200, 1201, 3900]] = clean.capture.raw[0]
    view = View(0, long.segments - 1, -INF, INF, rows, columns)
    noise = typical_noise(clean, typical_pulse(clean))

    def shown(of: PulseTrain) -> np.ndarray:
        found = reduce_train(of, typical_pulse(clean), view)
        unit = of.capture.y_increment_v * of.capture.scale
        return shown_values(found, found.low.astype(np.float64) * unit, found.high.astype(np.float64) * unit, noise)

    broken = shown(clean)
    clean.capture.raw[BROKEN] = clean.capture.raw[0]
    healthy = shown(clean)
    different = np.abs(broken - healthy)
    row = int(np.argmax(different.max(axis=1)))
    assert row == BROKEN * rows // long.segments
    assert different[row].max() > 0.5 * 80_000.0, "the cell shows the breakdown, not the pulses beside it"
    others = np.delete(different, row, axis=0)
    assert others.size == 0 or others.max() == 0.0


def test_one_pulse_is_shown_sample_by_sample(long: PulseTrain) -> None:
    found = reduce_train(long, typical_pulse(long), View(BROKEN, BROKEN, -INF, INF, 1, 2000))
    assert found.low.shape == (1, long.points) and np.array_equal(found.low[0], long.capture.raw[BROKEN])
    assert np.array_equal(found.t_s, time_axis(long.capture))


def test_a_quiet_cell_shows_its_middle_not_its_noise(long: PulseTrain) -> None:
    typical = typical_pulse(long)
    found = reduce_train(long, typical, View(0, 999, -INF, -5e-7, 50, 40))
    unit = long.capture.y_increment_v * long.capture.scale
    low, high = found.low.astype(np.float64) * unit, found.high.astype(np.float64) * unit
    shown = shown_values(found, low, high, typical_noise(long, typical))
    assert np.allclose(shown, 0.5 * (low + high)) and np.ptp(high - low) > 0.0


def test_nothing_is_asked_for_outside_the_record(long: PulseTrain) -> None:
    typical = typical_pulse(long)
    for view in (View(6000, 7000, -INF, INF, 10, 10), View(0, 10, 1.0, 2.0, 10, 10)):
        found = reduce_train(long, typical, view)
        assert found.low.size == 0 and found.t_s.size == 0
