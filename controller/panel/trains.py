"""PURE: a picture of a train as the route answers it: two arrays of counts, and what makes values of them."""

from base64 import b64encode
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from controller.panel.live_answers import finite
from controller.panel.train_schemas import TrainAnswer, TrainStatisticAnswer
from controller.shots.model import FloatArray, PulseTrain, RawArray
from controller.shots.pulses import (
    PulseTable,
    deviations,
    pulse_table,
    statistics_of,
    typical_noise,
    typical_pulse,
    worst_pulse,
)
from controller.shots.signals import time_axis
from controller.shots.waterfall import NOISE_FACTOR, View, Waterfall, reduce_train

ROWS_MAX, ROWS_DEFAULT = 1_000, 240
COLUMNS_MAX, COLUMNS_DEFAULT = 2_000, 400
"""More than any screen has; a single pulse may have more columns than a picture of thousands."""

CELLS_MAX = 250_000
"""Rows times columns: an answer stays below two megabytes."""

MISSING_NAMED_MAX = 100
"""Pulses that are missing by number; their count says how many there are."""

UINT16_MIDDLE = 32_768


@dataclass(frozen=True, slots=True)
class LoadedTrain:
    """A train with what every picture of it needs; made once, kept while somebody looks at it."""

    train: PulseTrain
    typical: FloatArray
    noise: float
    distance: FloatArray
    table: PulseTable

    @property
    def nbytes(self) -> int:
        """Its size, for the cache."""
        arrays = (self.train.capture.raw, self.train.trigger_ns, self.typical, self.distance, self.table.peak)
        return sum(array.nbytes for array in arrays) + 3 * self.table.peak.nbytes


@dataclass(frozen=True, slots=True)
class TrainPicture:
    """A train and the part of it that was asked for."""

    loaded: LoadedTrain
    waterfall: Waterfall


def load_train(train: PulseTrain) -> LoadedTrain:
    """Everything that does not depend on what is looked at."""
    typical = typical_pulse(train)
    noise = typical_noise(train, typical)
    return LoadedTrain(train, typical, noise, deviations(train, typical), pulse_table(train))


def picture(loaded: LoadedTrain, view: View) -> TrainPicture:
    """The part that ``view`` asks for."""
    return TrainPicture(loaded, reduce_train(loaded.train, loaded.typical, view))


def train_answer(number: int, found: TrainPicture) -> TrainAnswer:
    """The picture with its axes, its statistics, and the pulses worth a look."""
    loaded, waterfall = found.loaded, found.waterfall
    train, capture = loaded.train, loaded.train.capture
    t_s, rows = time_axis(capture), waterfall.row_edges
    shift = UINT16_MIDDLE if capture.raw.dtype == np.uint16 else 0
    worst = worst_pulse(loaded.distance, loaded.table.missing)
    missing = np.flatnonzero(loaded.table.missing)[:MISSING_NAMED_MAX]
    return TrainAnswer(
        shot=number,
        channel=capture.channel,
        title=capture.title,
        unit=capture.unit,
        pulses=train.segments,
        planned=train.planned,
        samples=train.points,
        from_s=float(t_s[0]) if t_s.size else None,
        to_s=float(t_s[-1]) if t_s.size else None,
        duration_s=float(train.trigger_ns[-1]) * 1e-9 if train.segments else 0.0,
        step_s=capture.x_increment_s,
        rows=(rows + 1).tolist(),
        trigger_s=(train.trigger_ns[rows[:-1]] * 1e-9).tolist(),
        t=waterfall.t_s.tolist(),
        low=_packed(waterfall.low, shift),
        high=_packed(waterfall.high, shift),
        scale=capture.y_increment_v * capture.scale,
        offset=(capture.y_origin_v + (shift - capture.y_reference) * capture.y_increment_v) * capture.scale,
        typical_low=waterfall.typical_low.tolist(),
        typical_high=waterfall.typical_high.tolist(),
        quiet=NOISE_FACTOR * loaded.noise,
        worst=None if worst is None else worst + 1,
        unusual=[int(first + np.argmax(loaded.distance[first:end])) + 1 for first, end in pairwise(rows.tolist())],
        missing=loaded.table.missing_count,
        missing_pulses=(missing + 1).tolist(),
        statistics=[
            TrainStatisticAnswer(
                quantity=item.quantity,
                unit=item.unit,
                count=item.count,
                min=finite(item.minimum),
                mean=finite(item.mean),
                max=finite(item.maximum),
                std=finite(item.std),
            )
            for item in statistics_of(loaded.table, capture.unit)
        ],
        relative_u95=capture.uncertainty,
    )


def _packed(counts: RawArray, shift: int) -> str:
    """Counts as little-endian 16-bit integers in base64, row after row."""
    return b64encode((counts.astype(np.int32) - shift).astype("<i2").tobytes()).decode("ascii")
