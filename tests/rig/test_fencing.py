"""The rig link over real sockets: a stand-in process, controllers made of the drivers, and a proxy that errs.

The eight communication errors of safety.md 4.3 on heartbeat and FIRE, and two controllers fenced by their epochs. All
32 cells, on the same bytes and with exact scan counts, are in tests/unit/plc/test_link.py.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from controller.app.preflight import read_rig
from drivers.errors import LinkTimeout
from drivers.families.charger import open_fug_hck
from drivers.families.rig_plc import ModbusRigPlc, open_rig_plc
from drivers.transports.serial import serial_port
from drivers.transports.tcp import tcp
from drivers.wire.plc import (
    ARMED_STATES,
    EventCode,
    Flag,
    PlcCommand,
    PlcEvent,
    PlcRequest,
    PlcState,
    PlcStatus,
    Refusal,
    Trip,
)
from drivers.wire.plc_arguments import (
    FireEnableArguments,
    PermitArguments,
    PermitToken,
    encode_fire_enable,
    encode_permit,
    encode_shot,
)
from tests.rig.running_sim import RunningSim, running_sim
from tests.rig.wire_proxy import WireProxy, corrupt, drop, hold, proxied, repeat

C, S = PlcCommand, PlcState
BEAT_S = 0.05
WAIT_MAX_S = 40.0
"""A self-test takes three seconds, on a loaded machine more."""

LATE_S = 0.32
"""More than the 0.3 s that a status may be old, less than the watchdog's half second."""

WATCHDOG_SCANS = 50
TARGET_V, RAMP_V_PER_S = 100.0, 100.0
CONTACTOR_TRAVEL_MS = 100
"""Opening, bounce and the PLC's filter, with room: plc.yaml gives 32 ms to the contactor itself."""
SLOW_V, SLOW_V_PER_S = 300.0, 15.0


class Hand:
    """A controller without a sequencer: it beats, and sends what it is told to."""

    def __init__(self, plc: ModbusRigPlc, epoch: int, connection_id: int) -> None:
        self.plc, self.epoch, self.connection_id = plc, epoch, connection_id
        self.sequence, self.scan, self.nonce, self.shot = 0, 0, 0, 0

    def request(self, command: PlcCommand = C.NONE, arguments: tuple[int, ...] = ()) -> PlcRequest:
        self.sequence += 1
        return PlcRequest(command, arguments, self.sequence, self.epoch, self.connection_id, self.scan)

    async def send(self, request: PlcRequest) -> PlcStatus:
        status = await self.plc.exchange(request)
        self.scan, self.nonce = status.scan, status.nonce
        return status

    async def beat(self) -> PlcStatus:
        return await self.send(self.request())

    async def until(self, holds: Callable[[PlcStatus], bool]) -> PlcStatus:
        """Beat until a status has it. The first one that does."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_MAX_S
        while not holds(status := await self.beat()):
            assert loop.time() < deadline, status
            await asyncio.sleep(BEAT_S)
        return status

    async def do(self, command: PlcCommand, arguments: tuple[int, ...] = ()) -> PlcStatus:
        """Send a command and beat until it is answered."""
        request = self.request(command, arguments)
        await self.send(request)
        status = await self.until(lambda status: status.ack_sequence == request.sequence)
        assert status.ack is Refusal.ACCEPTED, (command, status.ack, status.guards, status.trips)
        return status

    @property
    def token(self) -> PermitToken:
        return PermitToken(1, self.epoch, 0x1234567890ABCDEF, self.shot, 0b1111)

    def fire(self) -> PlcRequest:
        return self.request(C.FIRE, encode_shot(self.shot, self.nonce))

    async def charge(self, target_v: float, ramp_v_per_s: float) -> None:
        """From SAFE to CHARGE."""
        self.shot += 1
        await self.until(lambda status: status.state is S.SAFE and Flag.DWELL_DONE in status.flags)
        if Flag.SELF_TEST_FRESH not in (await self.beat()).flags:
            await self.do(C.SELF_TEST)
            await self.until(lambda status: Flag.SELF_TEST_FRESH in status.flags)
        await self.do(C.WARN)
        await self.until(lambda status: Flag.WARNED in status.flags)
        await self.do(C.PERMIT, encode_permit(PermitArguments(self.token, target_v, ramp_v_per_s, 5.0)))
        await self.until(lambda status: Flag.DUMPS_PROVEN_OPEN in status.flags)
        await self.do(C.CHARGE, encode_shot(self.shot, self.nonce))

    async def window(self) -> None:
        """From SAFE to FIREWIN."""
        await self.charge(TARGET_V, RAMP_V_PER_S)
        await self.until(lambda status: status.state is S.FLOAT)
        await self.do(C.ISOLATE)
        await self.until(lambda status: status.state is S.ISOLATE and status.state_age_ms >= CONTACTOR_TRAVEL_MS)
        await self.until(lambda status: Flag.IN_TOLERANCE in status.flags)
        await self.do(C.FIRE_ENABLE, encode_fire_enable(FireEnableArguments(self.token, self.nonce, 0b1111, 0.005)))

    async def events(self) -> tuple[PlcEvent, ...]:
        head = (await self.plc.read_status()).event_head
        return await self.plc.read_events(max(0, head - 256), min(head, 256))

    async def fires(self) -> int:
        return sum(event.code == EventCode.FIRE for event in await self.events())


@asynccontextmanager
async def joined(port: int, epoch: int, connection_id: int) -> AsyncIterator[Hand]:
    plc = await open_rig_plc("plc", tcp("127.0.0.1", port), rig_id=read_rig("railgun_bench")[0].rig_id)
    try:
        yield Hand(plc, epoch, connection_id)
    finally:
        await plc.close()


@asynccontextmanager
async def charging(sim: RunningSim, target_v: float, current_a: float) -> AsyncIterator[None]:
    """The charger's set-points and output on, as a run has them; the PLC's inhibit decides."""
    charger = await open_fug_hck("charger", serial_port(sim.address("charger")), identity="FUG HCK 2000 - 4000")
    try:
        await charger.configure(target_v, current_a)
        await charger.output(True)
        yield
    finally:
        await charger.close()


async def answer_to(proxy: WireProxy, count: int) -> PlcStatus:
    """The PLC's answer number ``count``, also to what no client waits for."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 5.0
    while len(proxy.answers) < count:
        assert loop.time() < deadline, "the PLC did not answer"
        await asyncio.sleep(0.002)
    return proxy.answers[count - 1]


async def err(proxy: WireProxy, hand: Hand, other: Hand, make: Callable[[], PlcRequest]) -> dict[str, Refusal]:
    """Each error on a message of its own; what the PLC said. Between them the controller beats."""
    said: dict[str, Refusal] = {}
    proxy.next.append(corrupt)
    said["corruption"] = (await hand.send(make())).ack
    await hand.beat()
    proxy.answers.clear()
    jump = make()
    proxy.insert(replace(jump, sequence=jump.sequence + 1000))
    said["insertion"] = (await answer_to(proxy, 1)).ack
    await hand.beat()
    said["masquerade"] = (await other.plc.exchange(replace(make(), connection_id=other.connection_id))).ack
    usurper = replace(make(), connection_id=other.connection_id, epoch=hand.epoch + 1)
    assert (await other.plc.exchange(usurper)).ack is Refusal.WRONG_CONNECTION
    said["addressing"] = (await hand.plc.exchange(replace(make(), epoch=hand.epoch - 1))).ack
    await hand.beat()
    proxy.next.append(hold)
    with pytest.raises(LinkTimeout):
        await hand.send(make())
    await hand.beat()
    proxy.answers.clear()
    proxy.release()
    said["wrong sequence"] = (await answer_to(proxy, 1)).ack
    await hand.beat()
    return said


async def delayed(proxy: WireProxy, hand: Hand, request: PlcRequest) -> Refusal:
    """``request`` kept back for longer than a status may be old, with silence meanwhile."""
    proxy.answers.clear()
    proxy.next.append(hold)
    waiting = asyncio.create_task(hand.plc.exchange(request), name="held exchange")
    await asyncio.sleep(LATE_S)
    proxy.release()
    with pytest.raises(LinkTimeout):
        await waiting
    return (await answer_to(proxy, 1)).ack


SAID = {
    "corruption": Refusal.BAD_CHECKSUM,
    "insertion": Refusal.BAD_SEQUENCE,
    "masquerade": Refusal.WRONG_CONNECTION,
    "addressing": Refusal.STALE_EPOCH,
    "wrong sequence": Refusal.BAD_SEQUENCE,
}


@pytest.mark.timeout(120)
async def test_heartbeat_errors_and_two_controllers_on_one_rig(tmp_path: Path, figure: Callable[..., None]) -> None:
    with running_sim("railgun_bench", cwd=tmp_path) as sim:
        host_port = sim.address("plc")
        direct = int(host_port.rpartition(":")[2])
        async with (
            proxied(host_port) as (proxy, port),
            joined(port, 7, 70) as old,
            joined(direct, 8, 80) as new,
            charging(sim, SLOW_V, SLOW_V_PER_S * 4e-3),
        ):
            await old.until(lambda status: (status.epoch, status.connection_id) == (7, 70))
            assert (await new.beat()).ack is Refusal.WRONG_CONNECTION, "the bench is held"
            await old.charge(SLOW_V, SLOW_V_PER_S)
            # the eight errors, on heartbeats beside a charging bank: refused, and the bench goes on
            assert await err(proxy, old, new, old.request) == SAID
            proxy.answers.clear()
            proxy.next.append(repeat)
            await old.beat()
            assert (await answer_to(proxy, 2)).ack is Refusal.BAD_SEQUENCE
            proxy.next.append(drop)
            with pytest.raises(LinkTimeout):
                await old.beat()
            await old.beat()
            assert await delayed(proxy, old, old.request()) is Refusal.LATE
            assert (await old.beat()).state is S.CHARGE
            assert (await new.beat()).ack is Refusal.WRONG_CONNECTION, "nobody takes an armed bench"
            # nothing but bad heartbeats: the rig ends by itself, in its own time
            heard = (await old.beat()).scan
            proxy.always = corrupt
            await old.until(lambda status: status.state not in ARMED_STATES)
            trip = next(event for event in await old.events() if event.code == EventCode.TRIP)
            assert trip.detail == Trip.HEARTBEAT and trip.first_fault
            assert heard + WATCHDOG_SCANS <= trip.scan <= heard + WATCHDOG_SCANS + 1
            assert proxy.tampered > WATCHDOG_SCANS // 10
            proxy.always = None
            await _fenced(old, new)
            figure("rig_link.sockets_heartbeat", errors=8, trip_scans=trip.scan - heard, watchdog_scans=WATCHDOG_SCANS)


async def _fenced(old: Hand, new: Hand) -> None:
    """The successor takes the abandoned bench; whatever the old one still sends is refused by the rig."""
    await asyncio.sleep(0.6)  # longer than the watchdog: the old controller is silent
    status = await new.until(lambda status: status.epoch == 8)
    assert status.connection_id == 80
    commands = (C.NONE, C.PERMIT, C.CHARGE, C.FIRE_ENABLE, C.FIRE, C.WARN)
    before = await new.beat()
    for command in commands:
        refused = await old.send(old.request(command, encode_shot(old.shot, old.nonce)))
        assert refused.ack is Refusal.STALE_EPOCH and refused.epoch == 8
        accepted = await new.beat()
        assert accepted.ack_sequence == before.ack_sequence and accepted.connection_id == 80
    assert await new.fires() == 0


@pytest.mark.timeout(120)
async def test_fire_errors_never_fire_and_a_good_one_fires_once(tmp_path: Path, figure: Callable[..., None]) -> None:
    with running_sim("railgun_bench", cwd=tmp_path) as sim:
        host_port = sim.address("plc")
        direct = int(host_port.rpartition(":")[2])
        async with (
            proxied(host_port) as (proxy, port),
            joined(port, 7, 70) as hand,
            joined(direct, 9, 90) as other,
            charging(sim, TARGET_V, RAMP_V_PER_S * 4e-3),
        ):
            await hand.window()
            assert await err(proxy, hand, other, hand.fire) == SAID
            await hand.until(lambda status: status.state is S.DUMPING)  # the window closes by itself
            assert await hand.fires() == 0
            await hand.window()
            proxy.next.append(drop)
            with pytest.raises(LinkTimeout):
                await hand.send(hand.fire())
            await hand.beat()
            assert await delayed(proxy, hand, hand.fire()) is Refusal.LATE
            await hand.until(lambda status: status.state is S.DUMPING)
            assert await hand.fires() == 0
            await hand.window()
            proxy.answers.clear()
            proxy.next.append(repeat)
            good = hand.fire()
            await hand.send(good)
            assert (await answer_to(proxy, 2)).ack is Refusal.BAD_SEQUENCE, "the repetition"
            await hand.until(lambda status: status.state is S.DUMPING)
            for stale in (good, replace(good, sequence=hand.sequence + 1, age_echo=hand.scan)):
                hand.sequence += 1
                await hand.plc.exchange(stale)
                await hand.beat()
            assert await hand.fires() == 1
            fired = [event.detail for event in await hand.events() if event.code == EventCode.FIRE]
            assert fired == [hand.shot]
            figure("rig_link.sockets_fire", errors=8, good=1, fires=len(fired))
