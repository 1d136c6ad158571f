"""X3 (safety.md 3.5): every prefix of a journal, and every state of the PLC, lead to DUMP and SAFE, never to fire."""

from pathlib import Path
from typing import cast

import pytest

from controller.app.booking import JOURNAL_NAME
from controller.app.interrupted import _inspect
from controller.app.proof import make_safe
from controller.runtime.virtual_loop import run_virtual
from controller.shots.journal import BARRIERS, GENESIS, encode_record, scan_journal
from drivers.ports import RigPlc
from drivers.wire.plc import ARMED_STATES, EventCode, PlcCommand, PlcEvent, PlcRequest, PlcState, PlcStatus
from tests.unit.plc.kit import ARMED, Station
from tests.unit.plc.run_kit import RunStation

S = PlcState

SHOT = (
    *("opened", "intent", "precheck", "scope_arm_intent", "scope_armed", "permit", "dump_opened", "charge_intent"),
    *("charge_start", "progress", "charge_done", "hold", "fire_token", "fire_intent", "fire_sent", "fire_result"),
    *("dump_done", "safe_verified", "capture_start", "capture_done", "verdict", "sealed"),
)
"""A shot's journal, in order (safety.md 6)."""
PULSES = (
    *("opened", "intent", "precheck", "services_intent", "permit", "dump_opened", "charge_intent", "charge_start"),
    *("charge_done", "hold", "run_intent", "run_start", "raise_intent", "level_done", "raise_intent", "run_done"),
    *("dump_done", "safe_verified", "capture_start", "capture_done", "verdict", "sealed"),
)
"""The same of a bench that runs: nothing in it leaves open whether something was fired."""


class LookedAt:
    """A real PLC behind the port that recovery speaks to; it scans while time passes."""

    name = "plc"

    def __init__(self, station: Station) -> None:
        self.station = station
        self.asked: list[PlcRequest] = []

    async def exchange(self, request: PlcRequest) -> PlcStatus:
        self.asked.append(request)
        self.station.scan(1)
        status = self.station.plc.exchange(request)
        self.station.scan(9)
        return status


@pytest.mark.parametrize("state", sorted(S), ids=lambda state: state.name)
def test_recovery_only_ever_dumps(state: PlcState) -> None:
    """Whatever the PLC is doing when the controller dies: recovery asks as nobody, for nothing but DUMP."""
    station = Station() if state is not S.RUN else RunStation()
    if isinstance(station, RunStation):
        station.arm(S.RUN)
    else:
        station.reach(state) if state in ARMED else station.ready()
    if state in (S.DUMPING, S.TRIP, S.LOCKOUT, S.TEST):
        station.reach(S.CHARGE)
        station.plc.control = station.plc.control._replace(state=state, dump_a_open=False, dump_b_open=False)
    station.alive = False
    plc = LookedAt(station)
    before = len(station.plc.events)

    async def recover() -> bool:
        return (await make_safe(cast(RigPlc, plc), lambda status: None))[1]

    safe = run_virtual(recover())
    assert {request.command for request in plc.asked} <= {PlcCommand.NONE, PlcCommand.DUMP}
    assert all(request.epoch == 0 and request.arguments == () for request in plc.asked)
    assert station.state not in ARMED_STATES
    assert safe == (state is not S.LOCKOUT)
    later = station.plc.events[before:]
    entered = {event.detail & 0xFF for event in later if event.code == EventCode.STATE}
    assert not entered & {S.OPENING, S.CHARGE, S.FIREWIN, S.SHOT, S.RUN}
    assert not station.plc.outputs.pulse_gate
    assert not any(event.code == EventCode.FIRE for event in later)


def test_every_barrier_is_in_one_of_the_journals() -> None:
    assert {*SHOT, *PULSES} >= BARRIERS


@pytest.mark.parametrize("kinds", [SHOT, PULSES], ids=["shot", "pulses"])
def test_every_prefix_of_a_journal_leads_to_safe(kinds: tuple[str, ...], tmp_path: Path) -> None:
    """X3: after any record the verdict is about the past; UNKNOWN-FIRED is resolved by the PLC's ring, not by fire."""
    fire = PlcEvent(5, 100, EventCode.FIRE, 7, 1000.0, False)
    folder = tmp_path / "000007-full"
    folder.mkdir()
    block, previous, seq = b"", GENESIS, 0
    for count, kind in enumerate(kinds):
        record = encode_record(previous, seq, kind, {"shot": 7})
        block, previous, seq = block + record, record[-len(GENESIS) :], seq + 1
        for events in ((), (fire,), (PlcEvent(6, 101, EventCode.FIRE, 6, 1000.0, False),)):
            (folder / JOURNAL_NAME).write_bytes(block)  # as it stood when the controller died
            shot = _inspect(tmp_path, 7, events)
            unknown = "fire_intent" in kinds[: count + 1] and "fire_result" not in kinds[: count + 1]
            assert shot.last == kind
            assert shot.fired is ((events == (fire,)) if unknown else None)
        assert scan_journal(block).kinds() == kinds[: count + 1]
