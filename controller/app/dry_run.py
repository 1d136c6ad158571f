"""The whole profile on the twin, on virtual time, into a folder that is thrown away: what would the scopes show?"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from controller.app.preflight import prepare
from controller.app.twin import Prediction, predict
from controller.app.virtual import run_virtual
from controller.messages import Finished, Message, RunConfig
from controller.shots.model import ShotRecord
from controller.shots.reader import read_record
from controller.shots.signals import scale_values, time_axis


@dataclass(frozen=True, slots=True)
class Envelope:
    """The predicted extent of one channel, in ``unit``; times in seconds from T0 (slow channels: from the start)."""

    channel: str
    title: str
    unit: str
    lowest: float
    highest: float
    lowest_at_s: float
    highest_at_s: float


def dry_run(config: RunConfig) -> tuple[Finished, tuple[Envelope, ...], Prediction]:
    """Run the profile on the twin: its end, each channel's envelope (none without a record), the twin's own pulse.

    Raises Refused as the run itself would.
    """
    with tempfile.TemporaryDirectory(prefix="sparkgap-dry-run-") as folder:
        finished = run_virtual(msgspec.structs.replace(config, out=folder, catalogue=""), _ignore, _never)
        record = Path(finished.record) if finished.record else None
        prepared = prepare(msgspec.structs.replace(config, out=folder))
        found = envelopes(read_record(record)) if record is not None else ()
        return finished, found, predict(prepared.plan, config.rig)


def envelopes(record: ShotRecord) -> tuple[Envelope, ...]:
    """Extent of every waveform, then of every slow channel."""
    series = [(c.channel, c.title, c.unit, time_axis(c), scale_values(c)) for c in record.captures]
    series += [(log.name, log.title, log.unit, log.t_s, log.value) for log in record.slow_logs]
    found = []
    for name, title, unit, t_s, values in series:
        if np.isfinite(values).any():
            low, high = int(np.nanargmin(values)), int(np.nanargmax(values))
            extent = (float(values[low]), float(values[high]), float(t_s[low]), float(t_s[high]))
            found.append(Envelope(name, title or name, unit, *extent))
    return tuple(found)


def _ignore(message: Message) -> None:
    """A dry run shows its result, not its progress."""


def _never() -> str:
    return ""
