"""The rig PLC's vocabulary for benches that run: arguments of RUN and AUXILIARIES, and the run block.

A bench has it when its PLC's limits file has a ``run:`` section (docs/explanation/decisions/0015-plc-variant.md). The
register numbers are in ``drivers/wire/plc_map.py``; windows and auxiliaries are named, in the order of their bits, by
the rig's limits file.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import lru_cache

WINDOWS_MAX = 16
"""Analogue inputs with a window: one bit of a register each."""
AUXILIARIES_MAX = 8
"""Outputs that cool and heat: one bit each."""
PULSES_MAX = 1_000_000_000
"""What a RUN may ask for, and where the PLC's own count of a run stops: half a year at 50 Hz."""


class InhibitCause(IntFlag):
    """What keeps the pulse gate shut. Latches act in hardware within the pulse; their bits are the terminals'."""

    ARC = 1 << 0
    VSWR = 1 << 1
    OVER_CURRENT = 1 << 2
    VACUUM = 1 << 3
    WINDOW = 1 << 4
    """An analogue input whose window inhibits."""


LATCHES = int(InhibitCause.ARC | InhibitCause.VSWR | InhibitCause.OVER_CURRENT | InhibitCause.VACUUM)
"""Causes that are latched in hardware."""


class RunFlag(IntFlag):
    """What the PLC drives and concluded."""

    PULSE_GATE = 1 << 0
    LATCH_RESET = 1 << 1
    WINDOWS_FIT = 1 << 2  # every window that must hold here or in the next state does, and is warm
    HIGH_VOLTAGE_ZERO = 1 << 3


@dataclass(frozen=True, slots=True)
class PlcRunStatus:
    """The run block as of scan ``scan``; windows and auxiliaries have one bit each in the order of the limits file.

    ``window_values`` are in each window's own unit (NaN: no reading); ``run_age_ms`` is the time since the permit's
    first RUN, ``pulses`` those counted in this run of ``pulses_asked`` (0: no number), ``pulse_counter`` the rig's own.
    """

    scan: int
    flags: RunFlag
    inhibit: InhibitCause
    retries_left: int
    run_age_ms: int
    pulses: int
    pulses_asked: int
    pulse_counter: int
    windows_lost: int
    windows_dead: int
    windows_cold: int
    auxiliaries: int
    auxiliaries_asked: int
    window_values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RunArguments:
    """RUN: the permitted shot, the PLC's present nonce, and how many pulses (0: until the permit's time is over)."""

    shot: int
    nonce: int
    pulses: int


_RUN = struct.Struct(">III")

run_flags_of = lru_cache(64)(RunFlag)
inhibit_of = lru_cache(64)(InhibitCause)


def encode_run(arguments: RunArguments) -> tuple[int, ...]:
    """Argument registers of RUN. Raises ValueError for a number that its register cannot hold."""
    try:
        packed = _RUN.pack(arguments.shot, arguments.nonce, arguments.pulses)
    except struct.error as problem:
        raise ValueError(f"an argument of RUN does not fit its register: {problem}") from problem
    return struct.unpack(f">{len(packed) // 2}H", packed)


def decode_run(registers: Sequence[int]) -> RunArguments:
    """Read RUN's argument registers. Raises ValueError when there are too few or too many."""
    if len(registers) * 2 != _RUN.size:
        raise ValueError(f"{len(registers)} argument registers where {_RUN.size // 2} belong")
    return RunArguments(*_RUN.unpack(struct.pack(f">{len(registers)}H", *registers)))


def decode_auxiliaries(registers: Sequence[int]) -> int:
    """AUXILIARIES' only argument register: one bit per auxiliary that is to be on. Raises ValueError for any other."""
    if len(registers) != 1 or registers[0] >> AUXILIARIES_MAX:
        raise ValueError(f"{tuple(registers)} where one register with {AUXILIARIES_MAX} bits belongs")
    return registers[0]
