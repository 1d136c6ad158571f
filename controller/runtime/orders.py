"""PURE: what a run's commands carry to the PLC, and what its refusals mean: it changes with the wire only."""

from dataclasses import dataclass

from controller.sequencer.plan import Plan
from drivers.wire.plc import PlcCommand, PlcStatus, Refusal
from drivers.wire.plc_arguments import (
    FireEnableArguments,
    PermitArguments,
    PermitToken,
    encode_fire_enable,
    encode_permit,
    encode_shot,
)
from drivers.wire.plc_run import RunArguments, encode_run


@dataclass(frozen=True, slots=True)
class ShotTicket:
    """What identifies the run on the wire and in the journal."""

    number: int
    shot_id: str
    rig_id: int
    epoch: int
    fire_mask: int
    gate_s: float
    ramp_v_per_s: float
    consent_input: bool
    """True on real hardware: PERMIT and FIRE need the PLC's second-consent input, whatever the energy (bench.md 2)."""


def arguments(command: PlcCommand, ticket: ShotTicket, plan: Plan, nonce: int, pulses: int = 0) -> tuple[int, ...]:
    """The registers behind ``command``; ``nonce`` is the one of the PLC's latest status. Empty for most commands.

    ``pulses`` is what RUN asks for, 0 for no number.
    """
    token = PermitToken(ticket.rig_id, ticket.epoch, int(plan.profile_sha256[:16], 16), ticket.number, plan.module_mask)
    if command is PlcCommand.PERMIT:
        return encode_permit(PermitArguments(token, plan.charge_voltage_v, ticket.ramp_v_per_s, plan.tolerance_v))
    if command is PlcCommand.FIRE_ENABLE:
        return encode_fire_enable(FireEnableArguments(token, nonce, ticket.fire_mask, ticket.gate_s))
    if command in (PlcCommand.CHARGE, PlcCommand.FIRE):
        return encode_shot(ticket.number, nonce)
    if command is PlcCommand.RUN:
        return encode_run(RunArguments(ticket.number, nonce, pulses))
    if command is PlcCommand.AUXILIARIES and plan.run is not None:
        return (plan.run.services.auxiliaries,)
    return ()


def describe_refusal(status: PlcStatus) -> str:
    """Why the PLC said no, for a person."""
    return f"{status.ack.name} (guards {status.guards:#x})" if status.ack is Refusal.GUARD else status.ack.name
