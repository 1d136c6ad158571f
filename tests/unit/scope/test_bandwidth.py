"""The bandwidth limit of a scope stand-in, by the closed form of one pole, however dense the samples are."""

import time

import numpy as np
import numpy.typing as npt
import pytest

from firmware_sim.personalities.scope_record import SLICE_POINTS, Adc, Inlet, ScopeRecord, Sweep

BANDWIDTH_HZ = 20e6
TAU_S = 1.0 / (2 * np.pi * BANDWIDTH_HZ)
ADC = Adc(span=65_000, centre=32_768, quantum=1, lowest=1, highest=65_535, mark_low=0, mark_high=65_535)

Array = npt.NDArray[np.float64]


def step_at_zero(channel: int, t_s: Array) -> Array:
    return np.where(t_s >= 0.0, 1.0, 0.0)


def record(range_s: float, start_s: float = 0.0) -> ScopeRecord:
    inlet = Inlet(range_v=4.0, centre_v=0.0, bandwidth_hz=BANDWIDTH_HZ)
    return ScopeRecord(Sweep((inlet,), start_s, range_s, ADC, noise=0.0), step_at_zero, (1,), 0.0)


@pytest.mark.parametrize(
    ("range_s", "points"),
    [(20 * TAU_S, 2_000), (20 * TAU_S, 40_000), (2 * TAU_S, 50_000), (TAU_S * 1e-3, 2_000)],
    ids=["on the samples", "on its own grid", "in several slices", "far below a time constant"],
)
def test_a_step_rises_as_one_pole_does(range_s: float, points: int) -> None:
    made = record(range_s).volts_of(0, points)
    t_s = np.arange(points) * (range_s / points)
    # the step is seen up to one sample of the filter late: 1 / POLE_SAMPLES of a time constant, or of the record's
    late = max(range_s / points / TAU_S, 1 / 200)
    assert made == pytest.approx(1.0 - np.exp(-t_s / TAU_S), abs=1.1 * late + 2e-4)


def test_slices_join_without_a_seam() -> None:
    points = 3 * SLICE_POINTS
    made = record(4 * TAU_S, -TAU_S).volts_of(0, points)
    assert np.abs(np.diff(made)).max() < 2 * (4 / points) + 2 * 4.0 / ADC.span


def test_samples_that_lie_almost_on_each_other_cost_no_more_than_others() -> None:
    start = time.process_time()
    record(1e-15).codes(0, SLICE_POINTS)
    assert time.process_time() - start < 1.0
