"""PURE: the rig PLC's register table and the blocks it makes, written once and used by both ends.

Project-defined (instruments.md 2.11: no public map exists). Values wider than a register are big-endian, high
word first, as the LabJack's are. docs/reference/plc-map.md is this table in print; a test compares them.
Every block ends with the CRC-32 (zlib polynomial) of the bytes before it.
"""

import struct
import zlib
from dataclasses import dataclass

from drivers.wire.plc import (
    MODULES_MAX,
    PlcEvent,
    PlcRequest,
    PlcStatus,
    command_of,
    flags_of,
    inputs_of,
    outputs_of,
    refusal_of,
    state_of,
    trips_of,
)
from drivers.wire.plc_arguments import ARGUMENTS_MAX
from drivers.wire.plc_run import WINDOWS_MAX, PlcRunStatus, inhibit_of, run_flags_of

EVENTS_MAX = 256
"""Entries of the ring: at 10 ms per scan a whole shot with its trips fits many times over."""
EVENT_REGISTERS = 12
EVENTS_PER_READ = 125 // EVENT_REGISTERS
"""FC3 carries at most 125 registers."""

REQUEST_ADDRESS = 0
STATUS_ADDRESS = 100
RUN_ADDRESS = 300
"""The run block, on benches with a ``run:`` section; an illegal address on others."""
RING_ADDRESS = 1000


@dataclass(frozen=True, slots=True)
class Register:
    """One row of the map. ``count`` is in values, not registers; ``type`` is u16, u32, u64 or f32."""

    name: str
    address: int
    count: int
    type: str
    scale: float
    unit: str
    access: str
    meaning: str

    @property
    def width(self) -> int:
        """Registers this row occupies."""
        return self.count * TYPES[self.type][1]


TYPES = {"u16": ("H", 1), "u32": ("I", 2), "u64": ("Q", 4), "f32": ("f", 2)}
"""Type name -> (struct code, registers)."""

_REQUEST_ROWS = (
    ("command", 1, "u16", "", "PlcCommand"),
    ("argument_count", 1, "u16", "", "how many argument registers the command uses"),
    ("sequence", 1, "u32", "", "rises by one with every exchange"),
    ("epoch", 1, "u32", "", "fencing token of the controller; a higher one takes over an idle bench"),
    ("connection_id", 1, "u32", "", "chosen by the controller, constant within an epoch"),
    ("age_echo", 1, "u32", "scans", "scan number of the status block last received"),
    ("arguments", ARGUMENTS_MAX, "u16", "", "by command, see below; unused ones are zero"),
    ("request_crc", 1, "u32", "", "CRC-32 of the request block before it"),
)
_STATUS_ROWS = (
    ("state", 1, "u16", "", "PlcState"),
    ("ack", 1, "u16", "", "Refusal of the last command"),
    ("state_age", 1, "u32", "ms", "time in this state"),
    ("boot_id", 1, "u32", "", "changes with every start of the PLC"),
    ("scan", 1, "u32", "scans", "scans since boot, 10 ms each"),
    ("rig_id", 1, "u32", "", "which rig this is"),
    ("limits_hash", 1, "u64", "", "first 8 bytes of the sha256 of the PLC's limits file"),
    ("status_epoch", 1, "u32", "", "epoch of the controller that holds the bench"),
    ("status_connection_id", 1, "u32", "", "connection id of that controller"),
    ("ack_sequence", 1, "u32", "", "sequence of the last command answered"),
    ("guards", 1, "u32", "", "false guards of the last refused command, one bit each"),
    ("nonce", 1, "u32", "", "must come back in CHARGE, FIRE_ENABLE and FIRE"),
    ("inputs", 1, "u32", "", "Input bits"),
    ("outputs", 1, "u32", "", "Output bits"),
    ("flags", 1, "u32", "", "Flag bits"),
    ("trips", 1, "u32", "", "Trip bits, latched until the local reset"),
    ("first_fault", 1, "u16", "", "index of the first trip bit + 1, 0 = none"),
    ("latches", 1, "u16", "", "current latches, module 1 = bit 0"),
    ("positions", 1, "u16", "", "position switches, module 1 = bit 0"),
    ("confirmed_mask", 1, "u16", "", "modules the permit confirmed"),
    ("probe_a", 1, "f32", "V", "probe A"),
    ("probe_b", 1, "f32", "V", "probe B"),
    ("module_v", MODULES_MAX, "f32", "V", "module readbacks; NaN beyond module_count"),
    ("target", 1, "f32", "V", "target of the permit"),
    ("v_safe", 1, "f32", "V", "safe-to-approach voltage of the confirmed mask"),
    ("shot", 1, "u32", "", "permitted shot"),
    ("event_head", 1, "u32", "", "number the next event will get"),
    ("module_count", 1, "u16", "", "modules this rig has"),
    ("self_test_passed", 1, "u16", "", "interlock paths that passed the last self-test"),
    ("self_test_total", 1, "u16", "", "interlock paths in all"),
    ("self_test_failed", 1, "u16", "", "interlock paths that failed it, one bit each (self-test.md)"),
    ("status_crc", 1, "u32", "", "CRC-32 of the status block before it"),
)
_RUN_ROWS = (
    ("run_scan", 1, "u32", "scans", "scan of this block"),
    ("run_flags", 1, "u16", "", "RunFlag bits"),
    ("inhibit", 1, "u16", "", "InhibitCause bits that keep the pulse gate shut"),
    ("retries_left", 1, "u16", "", "free places of the retry budget"),
    ("window_count", 1, "u16", "", "windows of this rig, in the order of its limits file"),
    ("windows_lost", 1, "u16", "", "windows left for their debounce and not back yet, one bit each"),
    ("windows_dead", 1, "u16", "", "live zeros lost or readings that are none, one bit each"),
    ("windows_cold", 1, "u16", "", "windows whose warm-up time is not over, one bit each"),
    ("auxiliaries", 1, "u16", "", "auxiliaries that are on, one bit each"),
    ("auxiliaries_asked", 1, "u16", "", "auxiliaries that were asked for and not stopped since"),
    ("run_reserved", 1, "u16", "", "0"),
    ("run_age", 1, "u32", "ms", "time of FLOAT and RUN since the permit's first RUN"),
    ("pulses", 1, "u32", "", "pulses counted in this run"),
    ("pulses_asked", 1, "u32", "", "pulses the run was asked for, 0 = no number"),
    ("pulse_counter", 1, "u32", "", "the rig's own pulse counter"),
    ("window_values", WINDOWS_MAX, "f32", "", "readings in each window's own unit; NaN: none, or beyond window_count"),
    ("run_crc", 1, "u32", "", "CRC-32 of the run block before it"),
)
_EVENT_ROWS = (
    ("number", 1, "u32", "", "counts from 0 since boot; sits in slot number mod 256"),
    ("event_scan", 1, "u32", "scans", "monotonic stamp"),
    ("code", 1, "u16", "", "EventCode"),
    ("is_first_fault", 1, "u16", "", "1 for the trip that came first"),
    ("detail", 1, "u32", "", "by code"),
    ("value", 1, "f32", "", "by code"),
    ("event_crc", 1, "u32", "", "CRC-32 of the entry before it"),
)


def _place(rows: tuple[tuple[str, int, str, str, str], ...], start: int, access: str) -> tuple[Register, ...]:
    placed: list[Register] = []
    address = start
    for name, count, kind, unit, meaning in rows:
        placed.append(Register(name, address, count, kind, 1.0, unit, access, meaning))
        address += placed[-1].width
    return tuple(placed)


def _layout(rows: tuple[Register, ...]) -> struct.Struct:
    return struct.Struct(">" + "".join(f"{row.count}{TYPES[row.type][0]}" for row in rows))


REQUEST = _place(_REQUEST_ROWS, REQUEST_ADDRESS, "rw")
STATUS = _place(_STATUS_ROWS, STATUS_ADDRESS, "r")
RUN = _place(_RUN_ROWS, RUN_ADDRESS, "r")
EVENT = _place(_EVENT_ROWS, RING_ADDRESS, "r")
REQUEST_REGISTERS = sum(row.width for row in REQUEST)
STATUS_REGISTERS = sum(row.width for row in STATUS)
RUN_REGISTERS = sum(row.width for row in RUN)

_REQUEST_BODY = _layout(REQUEST[:-1])
_STATUS_BODY = _layout(STATUS[:-1])
_RUN_BODY = _layout(RUN[:-1])
_EVENT_BODY = _layout(EVENT[:-1])
_CRC = struct.Struct(">I")
_NO_MODULES = (float("nan"),) * MODULES_MAX
_NO_WINDOWS = (float("nan"),) * WINDOWS_MAX
_NO_ARGUMENTS = (0,) * ARGUMENTS_MAX


class ChecksumError(ValueError):
    """A block whose CRC-32 does not fit its bytes."""


def _seal(body: bytes) -> bytes:
    return body + _CRC.pack(zlib.crc32(body))


def _open(block: bytes, size: int, what: str) -> None:
    if len(block) != size + _CRC.size:
        raise ValueError(f"{what} of {len(block)} bytes where {size + _CRC.size} belong")
    if _CRC.unpack_from(block, size)[0] != zlib.crc32(block[:size]):
        raise ChecksumError(f"{what} with a wrong CRC-32")


def encode_request(request: PlcRequest) -> bytes:
    """The request block as bytes. Raises ValueError for too many arguments or a number that does not fit."""
    given = request.arguments
    if len(given) > ARGUMENTS_MAX:
        raise ValueError(f"{len(given)} arguments where at most {ARGUMENTS_MAX} fit")
    arguments = given + _NO_ARGUMENTS[len(given) :] if given else _NO_ARGUMENTS
    try:
        body = _REQUEST_BODY.pack(
            request.command,
            len(given),
            request.sequence,
            request.epoch,
            request.connection_id,
            request.age_echo,
            *arguments,
        )
    except struct.error as problem:
        raise ValueError(f"a request field does not fit its register: {problem}") from problem
    return _seal(body)


def decode_request(block: bytes) -> PlcRequest:
    """Read a request block. Raises ChecksumError, or ValueError for a length, count or command that cannot be."""
    _open(block, _REQUEST_BODY.size, "request block")
    command, count, sequence, epoch, connection_id, age_echo, *arguments = _REQUEST_BODY.unpack_from(block)
    if count > ARGUMENTS_MAX:
        raise ValueError(f"{count} arguments where at most {ARGUMENTS_MAX} fit")
    return PlcRequest(command_of(command), tuple(arguments[:count]), sequence, epoch, connection_id, age_echo)


def encode_status(status: PlcStatus) -> bytes:
    """The status block as bytes."""
    module_v = status.module_v
    body = _STATUS_BODY.pack(
        status.state,
        status.ack,
        status.state_age_ms,
        status.boot_id,
        status.scan,
        status.rig_id,
        status.limits_hash,
        status.epoch,
        status.connection_id,
        status.ack_sequence,
        status.guards,
        status.nonce,
        status.inputs,
        status.outputs,
        status.flags,
        status.trips,
        status.first_fault,
        status.latches,
        status.positions,
        status.confirmed_mask,
        status.probe_a_v,
        status.probe_b_v,
        *(module_v + _NO_MODULES[len(module_v) :]),
        status.target_v,
        status.v_safe_v,
        status.shot,
        status.event_head,
        len(module_v),
        status.self_test_passed,
        status.self_test_total,
        status.self_test_failed,
    )
    return _seal(body)


def decode_status(block: bytes) -> PlcStatus:
    """Read a status block. Raises ChecksumError, or ValueError for a length, state or bit that cannot be."""
    _open(block, _STATUS_BODY.size, "status block")
    f = _STATUS_BODY.unpack_from(block)
    modules = f[34]
    if modules > MODULES_MAX:
        raise ValueError(f"{modules} modules where at most {MODULES_MAX} fit")
    return PlcStatus(
        state=state_of(f[0]),
        state_age_ms=f[2],
        boot_id=f[3],
        scan=f[4],
        rig_id=f[5],
        limits_hash=f[6],
        epoch=f[7],
        connection_id=f[8],
        ack_sequence=f[9],
        ack=refusal_of(f[1]),
        guards=f[10],
        nonce=f[11],
        inputs=inputs_of(f[12]),
        outputs=outputs_of(f[13]),
        flags=flags_of(f[14]),
        trips=trips_of(f[15]),
        first_fault=f[16],
        latches=f[17],
        positions=f[18],
        confirmed_mask=f[19],
        probe_a_v=f[20],
        probe_b_v=f[21],
        module_v=f[22 : 22 + modules],
        target_v=f[30],
        v_safe_v=f[31],
        shot=f[32],
        event_head=f[33],
        self_test_passed=f[35],
        self_test_total=f[36],
        self_test_failed=f[37],
    )


def encode_run_status(status: PlcRunStatus) -> bytes:
    """The run block as bytes."""
    values = status.window_values
    body = _RUN_BODY.pack(
        status.scan,
        status.flags,
        status.inhibit,
        status.retries_left,
        len(values),
        status.windows_lost,
        status.windows_dead,
        status.windows_cold,
        status.auxiliaries,
        status.auxiliaries_asked,
        0,
        status.run_age_ms,
        status.pulses,
        status.pulses_asked,
        status.pulse_counter,
        *(values + _NO_WINDOWS[len(values) :]),
    )
    return _seal(body)


def decode_run_status(block: bytes) -> PlcRunStatus:
    """Read a run block. Raises ChecksumError, or ValueError for a length, bit or count that cannot be."""
    _open(block, _RUN_BODY.size, "run block")
    f = _RUN_BODY.unpack_from(block)
    windows = f[4]
    if windows > WINDOWS_MAX:
        raise ValueError(f"{windows} windows where at most {WINDOWS_MAX} fit")
    return PlcRunStatus(
        scan=f[0],
        flags=run_flags_of(f[1]),
        inhibit=inhibit_of(f[2]),
        retries_left=f[3],
        run_age_ms=f[11],
        pulses=f[12],
        pulses_asked=f[13],
        pulse_counter=f[14],
        windows_lost=f[5],
        windows_dead=f[6],
        windows_cold=f[7],
        auxiliaries=f[8],
        auxiliaries_asked=f[9],
        window_values=f[15 : 15 + windows],
    )


def event_address(number: int) -> int:
    """First register of the ring slot that event ``number`` uses."""
    return RING_ADDRESS + (number % EVENTS_MAX) * EVENT_REGISTERS


def encode_event(event: PlcEvent) -> bytes:
    """One ring slot as bytes."""
    return _seal(_EVENT_BODY.pack(event.number, event.scan, event.code, event.first_fault, event.detail, event.value))


def decode_event(slot: bytes) -> PlcEvent | None:
    """Read a ring slot; None for one never written (all zero). Raises ChecksumError or ValueError."""
    if not any(slot) and len(slot) == EVENT_REGISTERS * 2:
        return None
    _open(slot, _EVENT_BODY.size, "event")
    number, scan, code, first, detail, value = _EVENT_BODY.unpack_from(slot)
    return PlcEvent(number, scan, code, detail, value, bool(first))
