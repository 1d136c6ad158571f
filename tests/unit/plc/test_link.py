"""The eight communication errors of safety.md 4.3, each against PERMIT, CHARGE, FIRE and the heartbeat.

All go through the bytes of the request block, as they would on Modbus.
"""

import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from drivers.wire.modbus import ExceptionCode
from drivers.wire.plc import PlcCommand, PlcRequest, PlcState, PlcStatus, Refusal, Trip
from drivers.wire.plc_map import (
    REQUEST_ADDRESS,
    STATUS_ADDRESS,
    STATUS_REGISTERS,
    decode_status,
    encode_request,
)
from firmware_sim.plc.link import Link
from firmware_sim.plc.plc import Plc
from firmware_sim.plc.registers import PlcRegisters
from tests.unit.plc.kit import ARMED, LIMITS, Station

S = PlcState
C = PlcCommand
WATCHDOG = round(LIMITS.watchdog_s / LIMITS.scan_s)
PLACES = {C.PERMIT: S.SAFE, C.CHARGE: S.OPENING, C.FIRE: S.FIREWIN, C.NONE: S.CHARGE}
DONE = {C.PERMIT: S.OPENING, C.CHARGE: S.CHARGE, C.FIRE: S.SHOT}
MESSAGES = {"PERMIT": C.PERMIT, "CHARGE": C.CHARGE, "FIRE": C.FIRE, "heartbeat": C.NONE}
BEAT = 5
"""Scans between two heartbeats."""


class Wire:
    """A station just before one message, and the wire on which something happens to that message."""

    def __init__(self, command: PlcCommand, rig_id: int = 1, boot_id: int = 4242) -> None:
        self.command = command
        self.station = Station()
        self.station.plc = Plc(LIMITS, rig_id, boot_id)
        self.station.epoch = 3
        self.station.reach(PLACES[command]) if rig_id == 1 else self.station.scan(10)
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
        self.assert_untouched()

    def assert_untouched(self) -> None:
        assert self.station.state is self.start
        assert self.station.bench.fires == 0
        assert self.station.plc.link._heard == self.heard, "the watchdog was fed"

    def assert_done(self) -> None:
        self.station.scan()
        assert self.station.state is DONE.get(self.command, self.start)

    def assert_ends_safe(self, noise: Callable[[], PlcStatus | None] = lambda: None) -> None:
        """Nothing good comes any more, only ``noise`` at every beat: what may hold energy ends in the watchdog's time.

        A PLC in SAFE stays there; one with open dumps is in TRIP or DUMPING, with both dumps commanded closed, one
        scan after the watchdog at the latest (a shot under way first sees its current end: 200 ms).
        """
        plc, fires = self.station.plc, self.station.bench.fires
        due = plc.link._heard + WATCHDOG + 1
        while plc.scan_number < due:
            if plc.scan_number % BEAT == 0:
                noise()
            self.station.scan()
        assert self.station.state not in ARMED
        self.station.scan(20)
        assert not (plc.outputs.dump_a_open or plc.outputs.dump_b_open or plc.outputs.charger_enable)
        assert not plc.outputs.contactor_close and self.station.bench.fires == fires
        if self.start in ARMED and self.station.state is S.TRIP:
            assert plc.trips == Trip.HEARTBEAT


def check_corruption(wire: Wire) -> None:
    """Every single flipped bit, every burst of eight, a block that came in part; however often they come."""
    block = encode_request(wire.message)
    bursts = [(1 << bit % 8, bit // 8) for bit in range(len(block) * 8)] + [(0xFF, at) for at in range(len(block))]
    for mask, at in bursts:
        bad = bytearray(block)
        bad[at] ^= mask
        status = wire.deliver_bytes(bytes(bad))
        assert status.ack is Refusal.BAD_CHECKSUM
    wire.assert_refused(status, Refusal.BAD_CHECKSUM)
    answer = wire.registers.read_write(STATUS_ADDRESS, STATUS_REGISTERS, REQUEST_ADDRESS, block[:-2])
    assert answer is ExceptionCode.ILLEGAL_VALUE
    wire.station.scan()
    wire.assert_untouched()
    wire.assert_ends_safe(lambda: wire.deliver_bytes(bytes(bad)))


def check_repetition(wire: Wire) -> None:
    """The same message again does nothing again; a controller that only repeats itself counts as silent."""
    wire.deliver(wire.message)
    wire.assert_done()
    wire.station.scan()
    state, fires, heard = wire.station.state, wire.station.bench.fires, wire.station.plc.link._heard
    assert fires == (wire.command is C.FIRE)
    assert wire.deliver(wire.message).ack is Refusal.BAD_SEQUENCE
    wire.station.scan()
    assert (wire.station.state, wire.station.bench.fires, wire.station.plc.link._heard) == (state, fires, heard)
    wire.assert_ends_safe(lambda: wire.deliver(wire.message))


def check_wrong_sequence(wire: Wire) -> None:
    """Overtaken by the next heartbeat it is void, and so is everything that comes after it in the wrong order."""
    later = replace(wire.message, command=C.NONE, arguments=(), sequence=wire.message.sequence + 1)
    wire.deliver(later)
    wire.heard = wire.station.plc.link._heard
    wire.assert_refused(wire.deliver(wire.message), Refusal.BAD_SEQUENCE)
    wire.assert_ends_safe(lambda: wire.deliver(wire.message))


def check_loss(wire: Wire) -> None:
    """Lost: nothing happens, and when all are lost an armed PLC ends by itself. One loss does not block the next."""
    wire.station.scan()
    wire.assert_untouched()
    spare = Wire(wire.command)
    spare.deliver(replace(spare.message, sequence=spare.message.sequence + 1))
    spare.assert_done()
    wire.assert_ends_safe()


def check_delay(wire: Wire) -> None:
    """Too old by its echo of the PLC's scan: void, and no sign of life either."""
    wire.station.scan(round(LIMITS.status_age_max_s / LIMITS.scan_s) + 1)
    wire.assert_refused(wire.deliver(wire.message), Refusal.LATE)
    wire.assert_ends_safe(lambda: wire.deliver(_next_of(wire)))


def _next_of(wire: Wire) -> PlcRequest:
    """The controller goes on, but every message is as late as the first."""
    wire.message = replace(wire.message, sequence=wire.message.sequence + 1)
    return wire.message


def check_insertion(wire: Wire) -> None:
    """A well-formed message far out of the sequence, or from the future."""
    jump = replace(wire.message, sequence=wire.message.sequence + 1000)
    wire.assert_refused(wire.deliver(jump), Refusal.BAD_SEQUENCE)
    future = replace(wire.message, age_echo=wire.station.plc.scan_number + 5)
    wire.assert_refused(wire.deliver(future), Refusal.LATE)
    wire.assert_ends_safe(lambda: wire.deliver(jump))


def check_masquerade(wire: Wire) -> None:
    """Another controller with the right epoch, and one with a higher epoch while the bench is held."""
    other = replace(wire.message, connection_id=1234)
    wire.assert_refused(wire.deliver(other), Refusal.WRONG_CONNECTION)
    usurper = replace(wire.message, connection_id=1234, epoch=wire.message.epoch + 1)
    wire.assert_refused(wire.deliver(usurper), Refusal.WRONG_CONNECTION)
    if wire.start in ARMED:  # in SAFE an abandoned bench may be taken over: that is how the next shot begins
        wire.assert_ends_safe(lambda: wire.deliver(usurper) if wire.station.state in ARMED else None)
    else:
        wire.assert_ends_safe(lambda: wire.deliver(other))


def check_addressing(wire: Wire) -> None:
    """Meant for an older life of this rig, or for another rig whose controller has the same epoch."""
    stale = replace(wire.message, epoch=wire.message.epoch - 1)
    wire.assert_refused(wire.deliver(stale), Refusal.STALE_EPOCH)
    foreign = Wire(wire.command, rig_id=2, boot_id=777)
    foreign.station.connection_id = 10
    stray = replace(foreign.message, connection_id=10, sequence=wire.message.sequence)
    wire.assert_refused(wire.deliver(stray), Refusal.WRONG_CONNECTION)
    wire.assert_ends_safe(lambda: wire.deliver(stale))
    misled = Wire(wire.command)  # even on the right connection its arguments betray it
    if wire.command is not C.NONE:
        arguments = stray.arguments
        if wire.command is C.PERMIT:
            own = misled.message.arguments
            arguments = (own[0], own[1] ^ 3, *own[2:])
        misled.deliver(replace(misled.message, arguments=arguments))
        misled.station.scan()
        refusal = Refusal.WRONG_RIG if wire.command is C.PERMIT else Refusal.BAD_TOKEN
        assert misled.station.plc.status().ack is refusal
        assert misled.station.state is misled.start and misled.station.bench.fires == 0


ERRORS: dict[str, Callable[[Wire], None]] = {
    "corruption": check_corruption,
    "repetition": check_repetition,
    "wrong sequence": check_wrong_sequence,
    "loss": check_loss,
    "delay": check_delay,
    "insertion": check_insertion,
    "masquerade": check_masquerade,
    "addressing": check_addressing,
}
"""safety.md 4.3."""

CELLS = [(error, message) for error in ERRORS for message in MESSAGES]


@pytest.mark.parametrize("message", MESSAGES)
def test_undisturbed(message: str) -> None:
    """The control: without an error the message does its work, so that the refusals below mean something."""
    wire = Wire(MESSAGES[message])
    wire.deliver(wire.message)
    wire.assert_done()
    assert wire.station.plc.link.sequence == wire.message.sequence
    assert wire.station.plc.link._heard > wire.heard


@pytest.mark.parametrize(("error", "message"), CELLS)
def test_error(error: str, message: str) -> None:
    """One cell: the wrong message has no effect, and where the right one's absence demands it the PLC goes to safe."""
    ERRORS[error](Wire(MESSAGES[message]))


def test_the_table_of_errors(figure: Callable[..., None]) -> None:
    """All 32 cells, for the assurance file."""
    passed = 0
    for error, message in CELLS:
        ERRORS[error](Wire(MESSAGES[message]))
        passed += 1
    assert passed == 32
    figure("rig_link.errors", cells=len(CELLS), passed=passed, errors=len(ERRORS), messages=len(MESSAGES))


# What must make a cell fail when it is broken in the link: field of the request -> the errors that rest on it.
OPEN_DOORS: dict[str, tuple[Callable[[PlcRequest, Link, int], PlcRequest], tuple[str, ...]]] = {
    "sequence": (
        lambda r, link, scan: replace(r, sequence=link.sequence + 1),
        ("repetition", "wrong sequence", "insertion"),
    ),
    "age": (lambda r, link, scan: replace(r, age_echo=scan), ("delay", "insertion")),
    "connection": (lambda r, link, scan: replace(r, connection_id=link.connection_id), ("masquerade", "addressing")),
    "epoch": (lambda r, link, scan: replace(r, epoch=link.epoch), ("addressing",)),
}


@pytest.mark.parametrize("measure", OPEN_DOORS)
def test_every_cell_rests_on_its_measure(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one measure of the link switched off the cells that rest on it fail: for every message."""
    forge, errors = OPEN_DOORS[measure]
    accept = Link.accept

    def trusting(link: Link, request: PlcRequest, scan: int, armed: bool) -> Refusal:
        held = link.epoch and request.epoch
        return accept(link, forge(request, link, scan) if held else request, scan, armed)

    for error in errors:
        for message in MESSAGES:
            wire = Wire(MESSAGES[message])
            with monkeypatch.context() as patch:
                patch.setattr(Link, "accept", trusting)
                with pytest.raises(AssertionError):
                    ERRORS[error](wire)


@pytest.mark.parametrize("message", MESSAGES)
def test_corruption_rests_on_the_checksum(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(MESSAGES[message])
    monkeypatch.setattr("drivers.wire.plc_map._open", lambda block, size, what: None)
    with pytest.raises(AssertionError):
        check_corruption(wire)


def test_loss_rests_on_the_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    for message in ("CHARGE", "FIRE", "heartbeat"):
        wire = Wire(MESSAGES[message])
        with monkeypatch.context() as patch:
            patch.setattr(Link, "fresh", lambda link, scan: True)
            if message == "FIRE":
                patch.setattr(wire.station.plc, "times", wire.station.plc.times._replace(fire=10_000))
            with pytest.raises(AssertionError):
                check_loss(wire)


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
