"""PURE: what the PLC's terminals mean. ``classify`` turns raw inputs into small enums, the only thing ``step`` sees.

Comparisons are written so that NaN fails them: ``ok = low <= v <= high`` (safety.md 2.3 row 13).
"""

import math
from enum import IntEnum
from typing import NamedTuple

from drivers.wire.plc import PlcCommand, Refusal
from firmware_sim.plc.pulses import NOTHING_SEEN, RunSeen
from firmware_sim.plc.settings import Bands
from firmware_sim.signals import FieldInputs


class Band(IntEnum):
    """A voltage by what it allows, ordered by energy. INVALID is lowest so that ``band > SAFE`` means real energy."""

    INVALID = 0
    ZERO = 1
    SAFE = 2
    LOW = 3
    HIGH = 4
    OVER = 5


class Aim(IntEnum):
    """Both probes against the permit's target: IN when both are within tolerance, else the worse one."""

    BELOW = 0
    IN = 1
    ABOVE = 2


class Aux(IntEnum):
    """A pair of auxiliary contacts. BETWEEN is travelling (or broken), BOTH cannot be."""

    BETWEEN = 0
    OPEN = 1
    CLOSED = 2
    BOTH = 3


class Latch(IntEnum):
    """Current latches against the modules that are to fire."""

    NONE = 0
    SOME = 1
    ALL = 2


class Proof(IntEnum):
    """Proof of safe of the last dump (bench.md section 2)."""

    OPEN = 0
    HOLDS = 1
    FAILED = 2


class Facts(NamedTuple):
    """Levels that do not come from this scan's terminals alone: command, link, clocks and trends."""

    command: PlcCommand = PlcCommand.NONE
    token: Refusal = Refusal.ACCEPTED
    heartbeat: bool = True
    self_test_fresh: bool = False
    warned: bool = False
    envelope_left: bool = False
    falling: bool = False
    proof: Proof = Proof.OPEN
    under_test: int = 0
    """``Trip`` bits of the path whose test relay is energised: they are expected and do not count."""
    run: RunSeen = NOTHING_SEEN
    """What only a bench that runs has: latches, windows, counter."""


class Levels(NamedTuple):
    """Everything ``step`` may look at on one scan."""

    a: Band
    b: Band
    modules: Band
    aim: Aim
    mismatch: bool
    spread: bool
    module_limit: bool
    latch: Latch
    positions_ok: bool
    door_1: bool
    door_2: bool
    estop_ok: bool
    operator_key: bool
    maintenance_key: bool
    search_complete: bool
    ground_stick_stowed: bool
    local_reset: bool
    consent: bool
    contactor: Aux
    dump_a: Aux
    dump_b: Aux
    charger_inhibited: bool
    charger_locked_out: bool
    zero_current: bool
    hw_overvoltage_ok: bool
    facts: Facts


NO_FACTS = Facts()
_AUX = tuple(Aux)

# Finding a member in its class costs several comparisons: what every scan compares with has a name of its own.
BAND_INVALID, BAND_ZERO, BAND_SAFE, BAND_LOW, BAND_HIGH, BAND_OVER = Band
AIM_BELOW, AIM_IN, AIM_ABOVE = Aim
AUX_OPEN, AUX_CLOSED = Aux.OPEN, Aux.CLOSED
LATCH_NONE, LATCH_SOME, LATCH_ALL = Latch


def band_of(voltage_v: float, bands: Bands) -> Band:
    """The band of one voltage; non-finite or beyond full scale +-2 % is INVALID, small negatives are ZERO."""
    if not bands.valid_low_v <= voltage_v <= bands.valid_high_v:
        return BAND_INVALID
    if voltage_v > bands.low_v:
        return BAND_OVER if voltage_v >= bands.overvoltage_v else BAND_HIGH
    if voltage_v > bands.safe_v:
        return BAND_LOW
    return BAND_ZERO if voltage_v <= bands.zero_v else BAND_SAFE


def classify(inputs: FieldInputs, bands: Bands, facts: Facts = NO_FACTS) -> Levels:
    """Levels of one scan. Total: any float, any list of module readings and any mask gives an answer."""
    a_v, b_v, mismatch_v = inputs.probe_a_v, inputs.probe_b_v, bands.mismatch_v
    modules, spread, module_limit, low_v, high_v = _classify_modules(inputs.module_v, bands)
    if inputs.dump_a_open and inputs.dump_b_open:
        low_v, high_v = low_v - mismatch_v, high_v + mismatch_v
    else:  # while a dump is closed they fall by hundreds of volts between two readings of one scan
        low_v, high_v = -math.inf, math.inf
    latches = inputs.latches & bands.fire_mask
    return Levels(
        band_of(a_v, bands),
        band_of(b_v, bands),
        modules,
        _aim_of(a_v, b_v, bands),
        not (-mismatch_v <= a_v - b_v <= mismatch_v and low_v <= a_v <= high_v and low_v <= b_v <= high_v),
        spread,
        module_limit,
        LATCH_NONE if not inputs.latches else LATCH_ALL if latches == bands.fire_mask else LATCH_SOME,
        not bands.confirmed_mask or inputs.positions == bands.confirmed_mask,
        inputs.door_1,
        inputs.door_2,
        inputs.estop_ok,
        inputs.operator_key,
        inputs.maintenance_key,
        inputs.search_complete,
        inputs.ground_stick_stowed,
        inputs.local_reset,
        inputs.second_consent or not bands.consent_needed,
        _AUX[inputs.contactor_open + 2 * inputs.contactor_closed],
        _AUX[inputs.dump_a_open + 2 * inputs.dump_a_closed],
        _AUX[inputs.dump_b_open + 2 * inputs.dump_b_closed],
        inputs.charger_inhibited,
        inputs.charger_locked_out,
        inputs.zero_current,
        inputs.hw_overvoltage_ok,
        facts,
    )


def _aim_of(a_v: float, b_v: float, bands: Bands) -> Aim:
    low, high = bands.aim_low_v, bands.aim_high_v
    if low <= a_v <= high and low <= b_v <= high:
        return AIM_IN
    return AIM_ABOVE if a_v > high or b_v > high else AIM_BELOW


def _classify_modules(module_v: list[float], bands: Bands) -> tuple[Band, bool, bool, float, float]:
    """Worst band of all modules, switched-out ones included; spread within the confirmed ones; own limit.

    Also the lowest and highest reading of the confirmed modules (of all while none is): the bus hangs on them by
    resistors, so that with both dumps open a probe outside them and its tolerance is wrong, however well both probes
    agree (safety.md 2.3 row 15).
    """
    total = sum(module_v)
    if len(module_v) != bands.modules or not math.isfinite(total):
        return BAND_INVALID, False, False, -math.inf, math.inf
    lowest, highest = min(module_v), max(module_v)
    if lowest < bands.valid_low_v or highest > bands.valid_high_v:
        return BAND_INVALID, False, False, -math.inf, math.inf
    spread, low_v, high_v = False, lowest, highest
    if highest - lowest > bands.spread_floor_v:
        chosen = [v for index, v in enumerate(module_v) if bands.confirmed_mask >> index & 1]
        if chosen:
            low_v, high_v = min(chosen), max(chosen)
            gap = high_v - low_v
            spread = gap > bands.spread_floor_v and gap > bands.spread_fraction * sum(chosen) / len(chosen)
    return band_of(highest, bands), spread, highest > bands.module_limit_v, low_v, high_v
