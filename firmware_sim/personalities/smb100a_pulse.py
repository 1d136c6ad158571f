"""PURE: what an SMB100A's pulse modulator makes of a trigger edge (instruments.md 2.10; modes unverified)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PulseTiming:
    """The carrier's pulses. ``width_s`` inf: as long as the gate or for ever; 0: no trigger edge makes a pulse.

    ``delay_s`` is after the edge. ``period_s`` 0: each edge makes one; else they come by themselves, at any phase.
    """

    width_s: float
    delay_s: float = 0.0
    period_s: float = 0.0


CARRIER = PulseTiming(math.inf)
"""No pulse modulation, or one that follows the gate at its input: the trigger's own pulse is the gate."""

NOTHING = PulseTiming(0.0)


def pulses_of(values: Mapping[str, Any]) -> PulseTiming:
    """What the settings ``values`` mean. Of a double pulse or a train the first pulse counts."""
    modulated = values["pulse"] and values["modulation"] and values["output.modulation"]
    if not modulated:
        return CARRIER
    if values["pulse.source"] == "EXT":
        return CARRIER if values["pulse.polarity"] == "NORM" else NOTHING  # inverted: the gate cuts a gap
    width_s, delay_s = float(values["pulse.width"]), float(values["pulse.delay"])
    trigger = values["pulse.trigger"]
    if trigger == "AUTO":
        return PulseTiming(width_s, delay_s, float(values["pulse.period"]))
    if trigger in ("EXT", "EGAT") and values["pulse.trigger.slope"] == "POS":
        return PulseTiming(width_s, delay_s)
    return NOTHING  # single pulses by command or after arming; the end of the trigger, when the beam is long over
