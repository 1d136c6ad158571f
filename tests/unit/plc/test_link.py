"""The eight communication errors of safety.md 4.3, each against PERMIT, CHARGE, FIRE and the heartbeat.

All go through the bytes of the request block, as they would on Modbus.
"""

import zlib
from dataclasses import replace

import pytest

from drivers.wire.plc import PlcCommand, PlcRequest, PlcState, PlcStatus, Refusal
from drivers.wire.plc_map import (
    REQUEST_ADDRESS,
    STATUS_ADDRESS,
    STATUS_REGISTERS,
    decode_status,
    encode_request,
)
from firmware_sim.plc.registers import PlcRegisters
from tests.unit.plc.kit import ARMED, LIMITS, Station

S = PlcState
C = PlcCommand
WATCHDOG = round(LIMITS.watchdog_s / LIMITS.scan_s)
PLACES = {C.PERMIT: S.SAFE, C.CHARGE: S.OPENING, C.FIRE: S.FIREWIN, C.NONE: S.CHARGE}
DONE = {C.PERMIT: S.OPENING, C.CHARGE: S.CHARGE, C.FIRE: S.SHOT}


class Wire:
    """A station just before one message, and the wire on which something happens to that message."""

    def __init__(self, command: PlcCommand) -> None:
        self.command = command
        self.station = Station()
        self.station.reach(PLACES[command])
        self.station.alive = False
        if command is C.CHARGE:
            self.station.scan(2)
        self.registers = PlcRegisters(self.station.plc)
        arguments: tuple[int, ...] = ()
        if command is C.PERMIT:
            arguments = self.station.permit_arguments()
        elif command is not C.NONE:
            arguments = self.station.shot_arguments()
        self.message = self.station.request(command, arguments)
        self.start = self.station.state
        self.heard = self.station.plc.link._heard

    def deliver(self, request: PlcRequest) -> PlcStatus:
        return self.deliver_bytes(encode_request(request))

    def deliver_bytes(self, block: bytes) -> PlcStatus:
        answer = self.registers.read_write(STATUS_ADDRESS, STATUS_REGISTERS, REQUEST_ADDRESS, block)
        assert isinstance(answer, bytes)
        return decode_status(answer)

    def assert_refused(self, status: PlcStatus, refusal: Refusal) -> None:
        """The message did nothing: no transition, no pulse, and no food for the watchdog."""
        assert status.ack is refusal
        self.station.scan()
        assert self.station.state is self.start
        assert self.station.bench.fires == 0
        assert self.station.plc.link._heard == self.heard, "the watchdog was fed"

    def assert_done(self) -> None:
        self.station.scan()
        assert self.station.state is DONE.get(self.command, self.start)


@pytest.fixture(params=[C.PERMIT, C.CHARGE, C.FIRE, C.NONE], ids=["PERMIT", "CHARGE", "FIRE", "heartbeat"])
def wire(request: pytest.FixtureRequest) -> Wire:
    return Wire(request.param)


def test_undisturbed(wire: Wire) -> None:
    """The control: without an error the message does its work, so that the refusals below mean something."""
    wire.deliver(wire.message)
    wire.assert_done()
    assert wire.station.plc.link.sequence == wire.message.sequence


def test_corruption(wire: Wire) -> None:
    """Every single flipped bit is seen."""
    block = bytearray(encode_request(wire.message))
    for position in range(len(block) * 8):
        bad = bytearray(block)
        bad[position // 8] ^= 1 << position % 8
        status = wire.deliver_bytes(bytes(bad))
        assert status.ack is Refusal.BAD_CHECKSUM
    wire.assert_refused(status, Refusal.BAD_CHECKSUM)


def test_repetition(wire: Wire) -> None:
    wire.deliver(wire.message)
    wire.assert_done()
    wire.station.scan()
    state, fires, heard = wire.station.state, wire.station.bench.fires, wire.station.plc.link._heard
    assert fires == (wire.command is C.FIRE)
    assert wire.deliver(wire.message).ack is Refusal.BAD_SEQUENCE
    wire.station.scan()
    assert (wire.station.state, wire.station.bench.fires, wire.station.plc.link._heard) == (state, fires, heard)


def test_wrong_sequence(wire: Wire) -> None:
    later = replace(wire.message, command=C.NONE, arguments=(), sequence=wire.message.sequence + 1)
    wire.deliver(later)
    assert wire.deliver(wire.message).ack is Refusal.BAD_SEQUENCE
    wire.station.scan()
    assert wire.station.state is wire.start and wire.station.bench.fires == 0


def test_loss(wire: Wire) -> None:
    """Lost messages: an armed PLC ends by itself, and one lost exchange does not block the next."""
    wire.deliver(replace(wire.message, sequence=wire.message.sequence + 1))
    wire.assert_done()
    wire.station.scan(WATCHDOG + 1)
    if wire.start in ARMED or wire.command is C.PERMIT:
        assert wire.station.state not in ARMED


def test_delay(wire: Wire) -> None:
    wire.station.scan(round(LIMITS.status_age_max_s / LIMITS.scan_s) + 1)
    wire.assert_refused(wire.deliver(wire.message), Refusal.LATE)


def test_insertion(wire: Wire) -> None:
    """A well-formed message far out of the sequence, or from the future."""
    jump = replace(wire.message, sequence=wire.message.sequence + 1000)
    wire.assert_refused(wire.deliver(jump), Refusal.BAD_SEQUENCE)
    future = replace(wire.message, age_echo=wire.station.plc.scan_number + 5)
    wire.assert_refused(wire.deliver(future), Refusal.LATE)


def test_masquerade(wire: Wire) -> None:
    """Another controller with the right epoch, and one with a higher epoch while the bench is held."""
    other = replace(wire.message, connection_id=1234)
    wire.assert_refused(wire.deliver(other), Refusal.WRONG_CONNECTION)
    usurper = replace(wire.message, connection_id=1234, epoch=wire.message.epoch + 1)
    wire.assert_refused(wire.deliver(usurper), Refusal.WRONG_CONNECTION)


def test_addressing(wire: Wire) -> None:
    """A message meant for another rig or an older life of this one."""
    stale = replace(wire.message, epoch=wire.message.epoch - 1)
    wire.assert_refused(wire.deliver(stale), Refusal.STALE_EPOCH)
    if wire.command is C.PERMIT:
        foreign = (wire.message.arguments[0], wire.message.arguments[1] ^ 1, *wire.message.arguments[2:])
        wire.deliver(replace(wire.message, arguments=foreign))
        wire.station.scan()
        assert wire.station.plc.status().ack is Refusal.WRONG_RIG and wire.station.state is S.SAFE


def test_two_controllers_are_never_both_accepted() -> None:
    """X4: in any interleaving the PLC obeys one epoch; the other learns that it is fenced."""
    first = Station()
    first.scan(10)
    plc = first.plc
    for turn in range(200):
        mine = first.exchange()
        assert mine.epoch == 1 and mine.connection_id == 9
        theirs = plc.exchange(PlcRequest(C.SELF_TEST, (), turn + 1, 2, 77, plc.scan_number))
        assert theirs.ack is Refusal.WRONG_CONNECTION and theirs.epoch == 1
        first.scan(3)
    assert not plc.test.running


def test_successor_takes_over_an_abandoned_bench_and_fences_the_old_one() -> None:
    old = Station()
    old.reach(S.CHARGE)
    old.alive = False
    old.scan(WATCHDOG + 2)
    assert old.state is S.TRIP
    plc = old.plc
    status = plc.exchange(PlcRequest(C.NONE, (), 1, 2, 10, plc.scan_number))
    assert (status.epoch, status.connection_id) == (2, 10)
    assert old.exchange().ack is Refusal.STALE_EPOCH


def test_second_command_waits_for_the_answer_to_the_first() -> None:
    station = Station()
    station.scan(10)
    station.exchange(C.WARN)
    assert station.exchange(C.SELF_TEST).ack is Refusal.BAD_SEQUENCE
    station.scan()
    assert station.plc.outputs.horn and not station.plc.test.running


def test_dump_overtakes_a_waiting_command() -> None:
    station = Station()
    station.reach(S.FIREWIN)
    station.exchange(C.FIRE, station.shot_arguments())
    station.exchange(C.DUMP)
    station.scan()
    assert station.state is S.DUMPING and station.bench.fires == 0


def test_unknown_command_is_refused() -> None:
    station = Station()
    registers = PlcRegisters(station.plc)
    block = bytearray(encode_request(station.request()))
    block[1] = 99
    sealed = bytes(block[:-4]) + zlib.crc32(bytes(block[:-4])).to_bytes(4, "big")
    answer = registers.read_write(STATUS_ADDRESS, STATUS_REGISTERS, REQUEST_ADDRESS, sealed)
    assert isinstance(answer, bytes) and decode_status(answer).ack is Refusal.UNKNOWN_COMMAND
