"""kill -9 of the core beside a charged bank: the PLC dumps by itself, before any recovery could have asked it to."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from controller.app.preflight import read_rig
from controller.app.supervisor import Job, Onlooker, Outcome, Started, Supervisor
from controller.app.wall_clock import utc_label
from controller.messages import Event, Frame, Message, RunConfig
from drivers.families.rig_plc import open_rig_plc
from drivers.transports.tcp import tcp
from drivers.wire.plc import ARMED_STATES, EventCode, PlcEvent, PlcState, PlcStatus, Trip

LOOKS, LOOK_S = 200, 0.05
"""Ten seconds for a watchdog of half a second."""

RING = 256


async def kill_while_charged(tmp_path: Path) -> tuple[Outcome, PlcStatus, tuple[PlcEvent, ...], list[str]]:
    loop = asyncio.get_running_loop()
    charged: asyncio.Future[None] = loop.create_future()
    seen: dict[str, Any] = {}
    said: list[str] = []

    def note(message: Message) -> None:
        if isinstance(message, Frame) and message.plc_state == "CHARGE" and message.values[0] > 150.0:
            if not charged.done():
                charged.set_result(None)
        elif isinstance(message, Event):
            said.append(message.text)

    def note_start(started: Started) -> None:
        seen.update(pids=started.pids, plc=started.instruments["plc"]["endpoints"]["modbus"])

    config = RunConfig("railgun_bench", "full", str(tmp_path / "shots"), started_utc=utc_label())
    running = loop.create_task(Supervisor(Job(config, tmp_path), Onlooker(note, note_start)).run(), name="supervisor")
    await asyncio.wait_for(charged, 60.0)
    host, _, port = seen["plc"].rpartition(":")
    plc = await open_rig_plc("plc", tcp(host, int(port)), rig_id=read_rig("railgun_bench")[0].rig_id)
    os.kill(seen["pids"]["core"], signal.SIGKILL)
    for _ in range(LOOKS):
        status = await plc.read_status(1.0)
        if status.state not in ARMED_STATES:
            break
        await asyncio.sleep(LOOK_S)
    events = await plc.read_events(max(0, status.event_head - RING), min(RING, status.event_head))
    await plc.close()
    return await running, status, events, said


@pytest.mark.timeout(120)
def test_the_plc_dumps_by_itself_when_the_core_is_killed(tmp_path: Path) -> None:
    outcome, status, events, said = asyncio.run(kill_while_charged(tmp_path))
    assert status.state is PlcState.TRIP
    assert status.trips == Trip.HEARTBEAT
    trip = next(event for event in events if event.code == EventCode.TRIP)
    assert trip.first_fault
    assert trip.value > 150.0, "the bank was charged when the watchdog tripped"
    assert not any(event.code == EventCode.COMMAND and event.detail >> 8 == 8 for event in events), "nobody sent DUMP"
    assert outcome.exit == 3
    assert outcome.finished is not None
    assert outcome.finished.ended == "interrupted"
    assert any("recovery 1" in text for text in said)
