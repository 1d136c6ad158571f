"""Whose the bench is: a run begins only with a PLC in SAFE that takes this controller for its own."""

import asyncio

from controller.app.preflight import Prepared
from controller.rig.source import Problem, Refused
from controller.runtime.bench import Bench
from controller.runtime.orders import ShotTicket
from drivers.errors import InstrumentError
from drivers.wire.plc import PlcCommand, PlcRequest, PlcState, Refusal

PLC_ASK_S = 0.06
"""Time between the first questions to the PLC: it may need a scan to accept a new controller."""

PLC_ASKS = 5
"""How often a PLC that another controller has just left is asked before it counts as taken."""


def connection_id(shot_id: str) -> int:
    """The controller's connection id on the PLC link: 31 bits of the shot id, never zero."""
    return int(shot_id[:8], 16) & 0x7FFFFFFF | 1


async def claim_bench(bench: Bench, prepared: Prepared, ticket: ShotTicket) -> None:
    """The PLC is in SAFE and takes us for its controller; a bench left charged is dumped before anything else."""
    identity = connection_id(ticket.shot_id)
    status = None
    for turn in range(1, PLC_ASKS + 1):
        age_echo = 0 if status is None else status.scan
        request = PlcRequest(sequence=turn, epoch=ticket.epoch, connection_id=identity, age_echo=age_echo)
        try:
            status = await bench.plc.exchange(request)
        except InstrumentError as trouble:
            raise refuse_plc(prepared, trouble.problem, "check the PLC's link") from None
        if status.state not in (PlcState.SAFE, PlcState.TEST):
            break
        if (status.epoch, status.connection_id) == (ticket.epoch, identity):
            return
        await asyncio.sleep(PLC_ASK_S)
    assert status is not None
    if status.state in (PlcState.SAFE, PlcState.TEST):
        if status.ack is Refusal.STALE_EPOCH:
            remedy = f"use the catalogue that counted to {status.epoch}: shot numbers of a rig are never reused"
            raise refuse_plc(prepared, f"the PLC has seen epoch {status.epoch}, this is {ticket.epoch}", remedy)
        raise refuse_plc(prepared, "another controller holds the bench", "end that one first, only one may")
    causes = ", ".join(str(trip.name) for trip in type(status.trips) if trip & status.trips)
    await bench.plc.exchange(PlcRequest(PlcCommand.DUMP))
    remedy = "find the cause, then reset at the local console"
    raise refuse_plc(prepared, f"the PLC is in {status.state.name}{f' ({causes})' if causes else ''}", remedy)


def refuse_plc(prepared: Prepared, problem: str, remedy: str) -> Refused:
    """The refusal of a run for what its PLC is or says."""
    return Refused([Problem(prepared.rig.name, 0, "plc", problem, remedy)])
