"""PURE: the PLC's run block as values and words of a telemetry frame, in the order of the catalogue."""

import math
from collections.abc import Mapping

from controller.messages import WordInfo
from controller.rig.model import Rig
from controller.rig.polled import window_unit
from controller.rig.run_rig import RunRig
from controller.runtime.situation import RUN_AGE_S, Situation
from controller.telemetry.channels import polled_channels, pulse_channels
from drivers.wire.plc_run import InhibitCause, PlcRunStatus, RunFlag

HELD = "HELD"
"""Bit of the word ``run`` beside the PLC's own flags: somebody holds the run, and no further pulses are asked for."""

ANY = "ANY"
"""Bit of the word ``inhibit`` beside the PLC's own causes: there is one."""

_ANY_BIT = 1 << max(cause.value.bit_length() for cause in InhibitCause)
_HELD_BIT = 1 << max(flag.value.bit_length() for flag in RunFlag)


class RunValues:
    """What the run block of one rig means. A block that is too old has no values, and all its points are 0."""

    def __init__(self, rig: Rig) -> None:
        plc = next(spec.name for spec in rig.instruments if spec.port == "RigPlc")
        windows = rig.run.windows if rig.run is not None else ()
        self._windows = tuple(
            (channel.name, windows.index(channel.input), window_unit(channel.input)[1])
            for channel in polled_channels(rig)
            if channel.instrument == plc and channel.input in windows
        )
        self._counted = tuple(channel.name for channel in pulse_channels(rig, plc))
        self._words = len(run_words(rig.run))

    def values(self, situation: Situation, now_ns: int) -> dict[str, float]:
        """Value of each channel, in its unit; NaN where there is none now."""
        run = situation.run
        if run is None or (now_ns - situation.run_ns) * 1e-9 > RUN_AGE_S:
            return dict.fromkeys((*self._counted, *(name for name, _, _ in self._windows)), math.nan)
        found = _counts(situation, run)
        values = {name: found.get(name, math.nan) for name in self._counted}
        for name, index, factor in self._windows:
            raw = run.window_values[index] if index < len(run.window_values) else math.nan
            values[name] = raw * factor
        return values

    def words(self, situation: Situation, now_ns: int) -> tuple[int, ...]:
        """The words of :func:`run_words`."""
        run = situation.run
        if run is None or (now_ns - situation.run_ns) * 1e-9 > RUN_AGE_S:
            return (0,) * self._words
        held = _HELD_BIT if situation.held else 0
        return (
            int(run.flags) | held,
            int(run.inhibit) | (_ANY_BIT if run.inhibit else 0),
            run.auxiliaries,
            run.auxiliaries_asked,
            run.windows_lost,
            run.windows_cold,
        )[: self._words]


def _counts(situation: Situation, run: PlcRunStatus) -> Mapping[str, float]:
    reached = situation.reached
    return {
        "pulses": float(situation.pulses),
        "pulses_asked": float(situation.pulses_asked) if situation.pulses_asked else math.nan,
        "pulses_missing": float(situation.expected.missing),
        "inhibits": float(situation.inhibited),
        "retries_left": float(run.retries_left),
        "field": reached.field_v_per_m,
        "pulse_length": reached.pulse_s,
        "hours_to_goal": reached.hours_early,
        "hours_to_goal_late": reached.hours_late,
    }


def run_words(run: RunRig | None) -> tuple[WordInfo, ...]:
    """The digital points of a bench that pulses; windows and auxiliaries by the names of the PLC's limits file."""
    if run is None:
        return ()
    windows = tuple(name.upper() for name in run.windows)
    auxiliaries = tuple(name.upper() for name in run.auxiliaries)
    return (
        WordInfo("run", (*(str(flag.name) for flag in RunFlag), HELD)),
        WordInfo("inhibit", (*(str(cause.name) for cause in InhibitCause), ANY)),
        WordInfo("auxiliaries", auxiliaries),
        WordInfo("auxiliaries_asked", auxiliaries),
        WordInfo("windows_lost", windows),
        WordInfo("windows_cold", windows),
    )
