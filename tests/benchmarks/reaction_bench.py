"""The bench of the reaction benchmark: PLC, charger and T7 on sockets, one thread, one epoll, stamps of its own.

It answers as the stand-ins do (their sessions, their PLC's registers), and on demand it answers a trip, or nothing but
refusals from the T7; then it stamps the reply that should cause a reaction and the first byte of the reaction.
"""

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers.wire.modbus import ExceptionCode
from drivers.wire.plc import Flag, Input, Output, PlcCommand, PlcState, PlcStatus, Refusal, Trip
from drivers.wire.plc_map import decode_request, encode_status
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.sessions.base import Session
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.sessions.probus import ProbusSession

TIMEOUT_S = 20.0
"""Longest wait for anything of one trial."""

HOLDING = PlcStatus(
    state=PlcState.FLOAT,
    state_age_ms=500,
    boot_id=7,
    scan=1000,
    rig_id=1,
    limits_hash=1,
    epoch=1,
    connection_id=1,
    ack_sequence=0,
    ack=Refusal.ACCEPTED,
    guards=0,
    nonce=1,
    inputs=Input.DOOR_1 | Input.DOOR_2 | Input.ESTOP_OK | Input.OPERATOR_KEY,
    outputs=Output(0),
    flags=Flag.DUMPS_PROVEN_OPEN,
    trips=Trip(0),
    first_fault=0,
    latches=0,
    positions=15,
    confirmed_mask=15,
    probe_a_v=0.0,
    probe_b_v=0.0,
    module_v=(0.0, 0.0, 0.0, 0.0),
    target_v=1000.0,
    v_safe_v=50.0,
    shot=1,
    event_head=0,
    self_test_passed=13,
    self_test_total=13,
)
TRIPPED = replace(HOLDING, state=PlcState.TRIP, trips=Trip.DOOR_1, first_fault=1)


SCANS = 5
"""Scans from one exchange to the next: a PLC that repeats its scan is taken for dead after 0.3 s."""


class Registers:
    """The PLC's side of FC23: one of two statuses, ever newer, and whether a DUMP came."""

    answering = True

    def __init__(self) -> None:
        self.tripped = False
        self.told_trip = False
        self.dumped = False
        self._scan = HOLDING.scan

    def read(self, address: int, count: int) -> bytes | ExceptionCode:
        return encode_status(HOLDING)[: 2 * count]

    def write(self, address: int, data: bytes) -> ExceptionCode | None:
        return ExceptionCode.ILLEGAL_FUNCTION

    def read_write(self, address: int, count: int, write_address: int, data: bytes) -> bytes | ExceptionCode:
        self.dumped = self.dumped or decode_request(data).command is PlcCommand.DUMP
        self.told_trip = self.told_trip or self.tripped
        self._scan += SCANS
        return encode_status(replace(TRIPPED if self.tripped else HOLDING, scan=self._scan))


class Daq:
    """A T7 that can be told to refuse every reading."""

    answering = True

    def __init__(self) -> None:
        self._panel = LabJackT7(470012345, lambda index: 0.0)
        self.refusing = False
        self.refused = 0

    def read(self, address: int, count: int) -> bytes | ExceptionCode:
        if self.refusing:
            self.refused += 1
            return ExceptionCode.DEVICE_FAILURE
        return self._panel.read(address, count)

    def write(self, address: int, data: bytes) -> ExceptionCode | None:
        return self._panel.write(address, data)

    def read_write(self, address: int, count: int, write_address: int, data: bytes) -> bytes | ExceptionCode:
        return ExceptionCode.ILLEGAL_FUNCTION


@dataclass(slots=True)
class _Door:
    listener: socket.socket
    open_session: Callable[[], Session] | None
    peer: socket.socket | None = None
    session: Session | None = None
    heard: bytes = b""
    heard_ns: int = 0
    said_ns: int = 0


class ReactionBench:
    """Doors by name. :meth:`turn` serves one ready socket; times are of the thread that serves them all."""

    def __init__(self) -> None:
        self.plc, self.daq = Registers(), Daq()
        self._selector = selectors.DefaultSelector()
        panel = CapacitorChargerPanel(lambda name: 0.0, lambda name, value: None)
        self.doors = {
            "plc": self._open(lambda: ModbusSession(self.plc)),
            "charger": self._open(lambda: ProbusSession(panel)),
            "daq": self._open(lambda: ModbusSession(self.daq)),
            "control": self._open(None),
            "a": self._open(None),
            "b": self._open(None),
        }

    def _open(self, open_session: Callable[[], Session] | None) -> _Door:
        listener = socket.create_server(("127.0.0.1", 0))
        door = _Door(listener, open_session)
        self._selector.register(listener, selectors.EVENT_READ, door)
        return door

    def port(self, name: str) -> int:
        """Where a door is."""
        return int(self.doors[name].listener.getsockname()[1])

    def close(self) -> None:
        """Close everything."""
        for door in self.doors.values():
            for end in (door.peer, door.listener):
                if end is not None:
                    end.close()
        self._selector.close()

    def hang_up(self, *names: str) -> None:
        """Close what is connected to these doors."""
        for name in names:
            door = self.doors[name]
            if door.peer is not None:
                self._drop(door)

    def _drop(self, door: _Door) -> None:
        assert door.peer is not None
        self._selector.unregister(door.peer)
        door.peer.close()
        door.peer, door.session = None, None

    def say(self, name: str, data: bytes) -> None:
        """Send ``data``, stamped."""
        door = self.doors[name]
        assert door.peer is not None
        door.said_ns = time.perf_counter_ns()
        door.peer.sendall(data)

    def until(self, condition: Callable[[], bool]) -> None:
        """Serve until ``condition``; raises TimeoutError."""
        deadline = time.perf_counter() + TIMEOUT_S
        while not condition():
            if time.perf_counter() > deadline:
                raise TimeoutError("the subject of the benchmark does not react")
            self._turn()

    def rest(self, duration_s: float) -> None:
        """Serve for a while."""
        end = time.perf_counter() + duration_s
        while time.perf_counter() < end:
            self._turn(end - time.perf_counter())

    def _turn(self, timeout_s: float = 0.5) -> None:
        for key, _ in self._selector.select(max(0.0, timeout_s)):
            door: _Door = key.data
            if key.fileobj is door.listener:
                door.peer, _ = door.listener.accept()
                door.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                door.session = door.open_session() if door.open_session is not None else None
                self._selector.register(door.peer, selectors.EVENT_READ, door)
            else:
                self._serve(door)

    def _serve(self, door: _Door) -> None:
        assert door.peer is not None
        data = door.peer.recv(65536)
        now_ns = time.perf_counter_ns()
        if not data:
            self._drop(door)
            return
        door.heard, door.heard_ns = data, now_ns
        if door.session is not None:
            reply = b"".join(bytes(chunk.data) for chunk in door.session.feed(data, now_ns))
            if reply:
                door.said_ns = time.perf_counter_ns()
                door.peer.sendall(reply)
