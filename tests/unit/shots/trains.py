"""A train as a bench would record it: pulses with jitter, droop and noise, a few missing, one that breaks down."""

from dataclasses import replace

import numpy as np

from controller.shots.model import FloatArray, PulseTrain, ShotRecord
from tests.unit.shots.samples import capture, shot

PERIOD_NS = 5_000_000
POINTS = 500
STEP_S = 20e-9
PRETRIGGER_S = 2e-6
TOP_V, WIDTH_S = -80_000.0, 4e-6
"""A cathode's voltage: negative, as the pulse of a modulator is."""


def broken_pulse(t_s: FloatArray, at_s: float) -> FloatArray:
    """What a breakdown leaves of a pulse: nothing from ``at_s`` on, but a swing to the other side."""
    after = np.clip(t_s - at_s, 0.0, None)
    return np.asarray(np.where(t_s < at_s, 1.0, -0.25 * np.exp(-after / 3e-7) * np.sin(after / 6e-8)))


def clean_pulses(count: int, points: int, rng: np.random.Generator) -> FloatArray:
    """Pulses of height one with 20 ns of jitter, a rise of 0.2 us and 2 % of droop, shape (count, points)."""
    t_s = np.arange(points) * STEP_S - PRETRIGGER_S
    start_s = rng.normal(0.5e-6, 10e-9, count)[:, None]
    rise = 1.0 / (1.0 + np.exp(-(t_s - start_s) / 4e-8))
    fall = 1.0 / (1.0 + np.exp((t_s - start_s - WIDTH_S) / 6e-8))
    droop = 1.0 - 0.02 * np.clip((t_s - start_s) / WIDTH_S, 0.0, 1.0)
    drift = 1.0 + 0.03 * np.sin(np.linspace(0.0, 4.0, count))[:, None]
    return np.asarray(rise * fall * droop * drift)


def train(
    count: int = 5000,
    points: int = POINTS,
    missing: tuple[int, ...] = (1200, 1201, 3900),
    broken: tuple[int, ...] = (3127,),
    planned: int | None = None,
    seed: int = 3,
    channel: str = "cathode_voltage",
) -> PulseTrain:
    """``count`` pulses at 200 Hz; 12 bit of a range of 8 V behind a divider of 25 kV/V, noise of two counts."""
    rng = np.random.default_rng(seed)
    values = clean_pulses(count, points, rng)
    t_s: FloatArray = np.arange(points, dtype=np.float64) * STEP_S - PRETRIGGER_S
    values[[index for index in missing if index < count]] = 0.0
    for index in (index for index in broken if index < count):
        values[index] *= broken_pulse(t_s, 2.1e-6)
    volts = values * TOP_V / 25_000.0 + rng.normal(0.0, 0.004, values.shape)
    raw = np.clip(np.rint(volts / 8.0 * 4096), -2047, 2047) * 16
    whole = replace(
        capture(channel, unit="V", scale=25_000.0, points=100, source="CHAN1"),
        raw=raw.astype(np.int16),
        x_increment_s=STEP_S,
        x_origin_s=-PRETRIGGER_S,
        y_increment_v=8.0 / 65_536,
        y_reference=0.0,
        full_scale=(-32_752, 32_752),
        delay_s=0.0,
    )
    trigger_ns = np.arange(count, dtype=np.int64) * PERIOD_NS
    return PulseTrain(whole, trigger_ns, count if planned is None else planned)


def train_shot(number: int = 9, trains: tuple[PulseTrain, ...] = (), captures: bool = False) -> ShotRecord:
    """A shot that recorded trains; with ``captures`` single waveforms beside them."""
    record = shot(number)
    kept = record.captures if captures else ()
    values = record.measurements if captures else record.measurements[3:6]
    return replace(
        record, trains=trains or (train(),), captures=kept, measurements=values, title="Train of pulses", verdict="pass"
    )
