"""Argument registers of the commands that carry a permit: the token, the charge, the fire mask (plc-map.md)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

ARGUMENTS_MAX = 16
"""Argument registers of a request (plc-map.md)."""

_PERMIT = struct.Struct(">IIQIHHHH")
_PERMIT_HIGH = struct.Struct(">IIQIHIHH")
"""With a target of 32 bits: what 16 bits of 0.1 V cannot hold (6.5 kV) travels so. The count of registers tells."""
_FIRE_ENABLE = struct.Struct(">IIQIHIHI")
_SHOT = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class PermitToken:
    """What a PERMIT is bound to; ``profile_hash`` is the first 8 bytes of the profile's sha256."""

    rig_id: int
    epoch: int
    profile_hash: int
    shot: int
    module_mask: int


@dataclass(frozen=True, slots=True)
class PermitArguments:
    """PERMIT: the token and the plan of the charge (volts, volts per second, volts)."""

    token: PermitToken
    target_v: float
    ramp_v_per_s: float
    tolerance_v: float


@dataclass(frozen=True, slots=True)
class FireEnableArguments:
    """FIRE_ENABLE: the permit's token again, the PLC's nonce, modules to be fired and how long the gate opens."""

    token: PermitToken
    nonce: int
    fire_mask: int
    gate_s: float


def encode_permit(arguments: PermitArguments) -> tuple[int, ...]:
    """Argument registers of PERMIT. Raises ValueError for a number that its register cannot hold."""
    token, target = arguments.token, round(arguments.target_v * 10.0)
    return _registers(
        _PERMIT if target <= 0xFFFF else _PERMIT_HIGH,
        token.rig_id,
        token.epoch,
        token.profile_hash,
        token.shot,
        token.module_mask,
        target,
        round(arguments.ramp_v_per_s * 10.0),
        round(arguments.tolerance_v * 10.0),
    )


def decode_permit(registers: Sequence[int]) -> PermitArguments:
    """Read PERMIT's argument registers. Raises ValueError when there are too few or too many."""
    fields = _values(_PERMIT_HIGH if len(registers) * 2 == _PERMIT_HIGH.size else _PERMIT, registers)
    return PermitArguments(PermitToken(*fields[:5]), fields[5] / 10.0, fields[6] / 10.0, fields[7] / 10.0)


def encode_fire_enable(arguments: FireEnableArguments) -> tuple[int, ...]:
    """Argument registers of FIRE_ENABLE; ``gate_s`` travels in microseconds. Raises ValueError out of range."""
    token = arguments.token
    return _registers(
        _FIRE_ENABLE,
        token.rig_id,
        token.epoch,
        token.profile_hash,
        token.shot,
        token.module_mask,
        arguments.nonce,
        arguments.fire_mask,
        round(arguments.gate_s * 1e6),
    )


def decode_fire_enable(registers: Sequence[int]) -> FireEnableArguments:
    """Read FIRE_ENABLE's argument registers. Raises ValueError when there are too few or too many."""
    fields = _values(_FIRE_ENABLE, registers)
    return FireEnableArguments(PermitToken(*fields[:5]), fields[5], fields[6], fields[7] / 1e6)


def encode_shot(shot: int, nonce: int) -> tuple[int, ...]:
    """Argument registers of CHARGE and FIRE: the permitted shot and the PLC's present nonce."""
    return _registers(_SHOT, shot, nonce)


def decode_shot(registers: Sequence[int]) -> tuple[int, int]:
    """Read (shot, nonce). Raises ValueError when there are too few or too many registers."""
    shot, nonce = _values(_SHOT, registers)
    return shot, nonce


def _registers(layout: struct.Struct, *values: int) -> tuple[int, ...]:
    try:
        packed = layout.pack(*values)
    except struct.error as problem:
        raise ValueError(f"a command argument does not fit its register: {problem}") from problem
    return struct.unpack(f">{len(packed) // 2}H", packed)


def _values(layout: struct.Struct, registers: Sequence[int]) -> tuple[int, ...]:
    if len(registers) * 2 != layout.size:
        raise ValueError(f"{len(registers)} argument registers where {layout.size // 2} belong")
    return layout.unpack(struct.pack(f">{len(registers)}H", *registers))
