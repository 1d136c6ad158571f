"""Take the energy away and see it proven: what recovery and the start of a run after an unproven end have in common."""

import asyncio
from collections.abc import Callable

from controller.rig.model import Rig
from controller.runtime.core import Outcome
from controller.runtime.situation import observe
from controller.safety.decay import Bleeding, wait_text
from controller.sequencer.engine import proven_safe
from drivers.errors import InstrumentError
from drivers.ports import RigPlc
from drivers.wire.plc import ARMED_STATES, PlcCommand, PlcRequest, PlcState, PlcStatus

LOOK_S = 0.1
"""Time between two looks at the PLC."""

WITHIN_S = 60.0
"""Longest wait for the PLC's proof of safe: T_dump, dwell and a misfire's no-approach time."""

NOT_VERIFIED = "NOT VERIFIED"


async def make_safe(
    plc: RigPlc, show: Callable[[PlcStatus | None], None], within_s: float = WITHIN_S
) -> tuple[PlcStatus | None, bool]:
    """Dump whatever is armed and wait for the proof. Returns the last status and whether it proves safety.

    ``show`` hears of every look, with None when the PLC did not answer.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    status: PlcStatus | None = None
    while loop.time() < deadline:
        try:
            # epoch 0 holds nothing and is refused everything, but every answer carries the status
            status = await plc.exchange(PlcRequest())
            if status.state in ARMED_STATES:
                await plc.exchange(PlcRequest(PlcCommand.DUMP))
        except InstrumentError:
            status = None
            show(None)
        else:
            show(status)
            if safe_now(status):
                return status, True
            if status.state is PlcState.LOCKOUT:
                return status, False
        await asyncio.sleep(LOOK_S)
    return status, False


def safe_now(status: PlcStatus) -> bool:
    """De-energised and proven; a bench whose dumps never opened since its PLC started needs no proof of a dump."""
    seen = observe(status, 0)
    return proven_safe(seen, opened=True) or (status.state is PlcState.SAFE and proven_safe(seen, opened=False))


def evidence_of(status: PlcStatus) -> str:
    """What the PLC showed when it proved the bench safe."""
    highest_v = max(status.probe_a_v, status.probe_b_v, *status.module_v)
    return (
        f"PLC in {status.state.name} (boot {status.boot_id}, scan {status.scan}): {highest_v:.1f} V at most on both "
        f"probes and every module (safe below {status.v_safe_v:.0f} V), both dumps proven closed"
    )


def bleeding_of(rig: Rig) -> Bleeding:
    """How the rig's bank bleeds."""
    bank = rig.bank
    tau_s = bank.bleeder_ohm * bank.module_capacitance_f * (1.0 + bank.tolerance)
    return Bleeding(tau_s, bank.overvoltage_v, bank.v_safe_v(bank.full_mask))


def unproven_text(rig: Rig, status: PlcStatus | None) -> str:
    """What is said of a bench that nobody could prove safe, and how long its bleeders need."""
    voltages_v = () if status is None else (status.probe_a_v, status.probe_b_v, *status.module_v)
    return f"treat the bench as charged: {wait_text(bleeding_of(rig), voltages_v)}"


def proof_of(rig: Rig, outcome: Outcome) -> str:
    """How safe a run left its bench."""
    status = outcome.situation.status
    if not outcome.state.safe or status is None:
        return f"{NOT_VERIFIED}: {unproven_text(rig, status)}"
    highest_v = max(status.probe_a_v, status.probe_b_v, *status.module_v)
    return (
        f"verified: {highest_v:.1f} V at most on both probes and every module (safe below {status.v_safe_v:.0f} V), "
        "both dumps proven closed"
    )
