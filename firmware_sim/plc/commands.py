"""PURE: what a waiting command's token is worth on this scan, and what of it is used up when it was carried out."""

from typing import NamedTuple

from drivers.wire.plc import PlcCommand, PlcRequest, PlcState, Refusal
from firmware_sim.plc.link import Tokens
from firmware_sim.plc.settings import Permit

_BY_SHOT = frozenset({PlcCommand.CHARGE, PlcCommand.FIRE})


class Judged(NamedTuple):
    """One command's token, and what the PLC goes by from this scan on; a refused command gives it back."""

    token: Refusal = Refusal.ACCEPTED
    gate_ns: int = 0
    permit: Permit | None = None
    pulses: int = 0
    """Of the RUN that this is; 0 for any other command."""


def judge(tokens: Tokens, request: PlcRequest, epoch: int, state: PlcState, kept: Permit, positions: int) -> Judged:
    """Judge ``request`` in ``state``. ``permit`` is None where nothing changes: in a state that refuses it anyway."""
    command = request.command
    if command is PlcCommand.PERMIT:
        token, permit = tokens.judge_permit(request, epoch, positions)
        return Judged(token, permit=permit if state is PlcState.SAFE else None)
    if command is PlcCommand.FIRE_ENABLE:
        token, fire_mask, gate_ns = tokens.judge_fire_enable(request)
        chosen = fire_mask and state is PlcState.ISOLATE
        return Judged(token, gate_ns, kept._replace(fire_mask=fire_mask) if chosen else None)
    if command in _BY_SHOT:
        return Judged(tokens.judge_shot(request))
    if command is PlcCommand.RUN:
        token, pulses = tokens.judge_run(request)
        # outside RUN nothing looks at the number of pulses: a refused one leaves no trace
        asked = token is Refusal.ACCEPTED and state is PlcState.FLOAT
        return Judged(token, permit=kept if asked else None, pulses=pulses)
    return Judged()


def settle(tokens: Tokens, request: PlcRequest, gate_ns: int) -> None:
    """``request`` was carried out."""
    command = request.command
    if command is PlcCommand.PERMIT:
        tokens.use_permit(request)
    elif command is PlcCommand.FIRE_ENABLE:
        tokens.use_fire_enable(gate_ns)
    elif command in (PlcCommand.FIRE, PlcCommand.RUN):
        tokens.use_once()
