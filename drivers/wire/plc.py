"""The rig PLC's vocabulary on Modbus TCP: states, commands, request and status block.

Project-defined (no public PLC map exists, instruments.md 2.11); the register numbers are the table in
``drivers/wire/plc_map.py`` and docs/reference/plc-map.md. One FC23 exchange carries a :class:`PlcRequest`
and returns a :class:`PlcStatus` (bench.md section 2, "Link"). Arguments of commands are in ``plc_arguments``.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import lru_cache

MODULES_MAX = 8
"""Registers are reserved for this many bank modules; a module mask is one bit each, module 1 = bit 0."""


class PlcState(IntEnum):
    """The PLC's states (bench.md section 2). SAFE is zero so that an unwritten register reads as no permission."""

    SAFE = 0
    TEST = 1
    OPENING = 2
    CHARGE = 3
    FLOAT = 4
    ISOLATE = 5
    FIREWIN = 6
    SHOT = 7
    DUMPING = 8
    TRIP = 9
    LOCKOUT = 10
    RUN = 11  # benches with a `run:` section only: pulses may come


ARMED_STATES = frozenset({PlcState.RUN, *(s for s in PlcState if PlcState.OPENING <= s <= PlcState.SHOT)})
"""States in which the dumps are open, so that energy may be in the bank."""


class PlcCommand(IntEnum):
    """What the controller may ask for. DUMP needs no token, no epoch and no fresh sequence."""

    NONE = 0
    SELF_TEST = 1
    WARN = 2  # horn and beacon, before PERMIT
    PERMIT = 3
    CHARGE = 4
    ISOLATE = 5
    FIRE_ENABLE = 6
    FIRE = 7
    DUMP = 8
    DUMP_A = 9
    DUMP_B = 10
    ENTER_TEST = 11
    REHEARSE = 12  # one fire pulse in TEST, gate shut
    LEAVE_TEST = 13
    RUN = 14
    HOLD = 15  # no pulses any more, high voltage stays
    AUXILIARIES = 16  # what cools and heats


class Refusal(IntEnum):
    """Why the last command was not carried out; 0 means it was."""

    ACCEPTED = 0
    WRONG_STATE = 1
    BAD_TOKEN = 2
    TOKEN_USED = 3
    WRONG_RIG = 4
    STALE_EPOCH = 5
    WRONG_CONNECTION = 6
    BAD_SEQUENCE = 7
    BAD_CHECKSUM = 8
    OUT_OF_LIMITS = 9
    GUARD = 10  # a guard of the transition is false; `guards` of the status says which
    TRIPPED = 11
    LATE = 12  # the echoed age is too old
    UNKNOWN_COMMAND = 13
    MASK_MISMATCH = 14  # module mask differs from the position switches


class Trip(IntFlag):
    """Trip causes, one bit each; also the first-fault code (the bit's index + 1, 0 = none)."""

    DOOR_1 = 1 << 0
    DOOR_2 = 1 << 1
    DOOR_DISCREPANCY = 1 << 2
    ESTOP = 1 << 3
    KEY = 1 << 4
    HEARTBEAT = 1 << 5
    PROBE_INVALID = 1 << 6
    PROBE_MISMATCH = 1 << 7
    OVERVOLTAGE = 1 << 8
    HW_OVERVOLTAGE = 1 << 9
    CONTACTOR_MISMATCH = 1 << 10
    DUMP_MISMATCH = 1 << 11
    MODULE_LIMIT = 1 << 12
    MODULE_SPREAD = 1 << 13
    CHARGE_TIME = 1 << 14
    CHARGE_ENVELOPE = 1 << 15
    PREFIRE = 1 << 16
    POSITION = 1 << 17
    GROUND_STICK = 1 << 18
    REBOUND = 1 << 19
    CHARGER_UNCOMMANDED = 1 << 20
    SEARCH = 1 << 21
    MEMORY = 1 << 22  # what the PLC remembers is not what it stored: complement or CRC-32 disagree
    WINDOW = 1 << 23  # an analogue input left its window, or a live zero is dead
    RETRIES = 1 << 24  # the pulse inhibit's budget is exhausted, or a latch does not obey its reset
    PULSE_OVERRUN = 1 << 25  # a pulse that nothing allowed, one too many, or too many per time


RUN_TRIPS = Trip.WINDOW | Trip.RETRIES | Trip.PULSE_OVERRUN
"""Causes that only a bench with a `run:` section knows."""


class Input(IntFlag):
    """The PLC's digital inputs as it sees them (healthy/closed/on = 1)."""

    DOOR_1 = 1 << 0
    DOOR_2 = 1 << 1
    ESTOP_OK = 1 << 2
    OPERATOR_KEY = 1 << 3
    MAINTENANCE_KEY = 1 << 4
    SEARCH_COMPLETE = 1 << 5
    GROUND_STICK_STOWED = 1 << 6
    LOCAL_RESET = 1 << 7
    SECOND_CONSENT = 1 << 8
    CONTACTOR_OPEN = 1 << 9
    CONTACTOR_CLOSED = 1 << 10
    DUMP_A_CLOSED = 1 << 11
    DUMP_A_OPEN = 1 << 12
    DUMP_B_CLOSED = 1 << 13
    DUMP_B_OPEN = 1 << 14
    CHARGER_INHIBITED = 1 << 15
    CHARGER_LOCKED_OUT = 1 << 16
    ZERO_CURRENT = 1 << 17
    HW_OVERVOLTAGE_OK = 1 << 18


class Output(IntFlag):
    """The PLC's digital outputs as commanded."""

    DUMP_A_OPEN = 1 << 0
    DUMP_B_OPEN = 1 << 1
    CONTACTOR_CLOSE = 1 << 2
    CHARGER_ENABLE = 1 << 3
    FIRE = 1 << 4
    GATE_OPEN = 1 << 5
    HORN = 1 << 6
    BEACON = 1 << 7
    DOOR_LOCK = 1 << 8


class Flag(IntFlag):
    """What the PLC concluded."""

    DUMPS_PROVEN_CLOSED = 1 << 0
    DUMPS_PROVEN_OPEN = 1 << 1
    ENERGY_SAFE = 1 << 2  # both probes and every module at or below V_safe
    SELF_TEST_FRESH = 1 << 3
    WARNED = 1 << 4  # horn and beacon ran their time
    IN_TOLERANCE = 1 << 5
    MISFIRE = 1 << 6
    PARTIAL = 1 << 7
    DWELL_DONE = 1 << 8
    PROOF_OF_SAFE = 1 << 9  # the proof of bench.md section 2 holds for the last dump
    SELF_TEST_RUNNING = 1 << 10  # test relays force inputs: probe readings are the test's, not the bench's
    UNLOCKED = 1 << 11


SELF_TEST_PATHS = (
    "door_1",
    "door_2",
    "estop",
    "operator_key",
    "search_complete",
    "ground_stick",
    "hw_overvoltage",
    "probe_a",
    "probe_b",
    "modules",
    "latches",
    "positions",
    "charger_inhibit",
)
"""Interlock paths with a test relay, in the order of the bits of ``self_test_failed`` (docs/reference/self-test.md).

At most 16: the bits share a word with two counts in the ring's SELF_TEST event. The PLC's side has the same list in
``firmware_sim.signals``; a test compares them.
"""
RUN_SELF_TEST_PATHS = (*SELF_TEST_PATHS, "windows", "pulse_latches")
"""Those of a bench that runs."""

WORDS_MAX = 1024
"""Distinct values of one word that are kept: a run has a few dozen; a PLC that sends noise gets no more."""

inputs_of = lru_cache(WORDS_MAX)(Input)
outputs_of = lru_cache(WORDS_MAX)(Output)
flags_of = lru_cache(WORDS_MAX)(Flag)
trips_of = lru_cache(WORDS_MAX)(Trip)
state_of = lru_cache(WORDS_MAX)(PlcState)
command_of = lru_cache(WORDS_MAX)(PlcCommand)
refusal_of = lru_cache(WORDS_MAX)(Refusal)
"""A register's number -> its name or its bits by name, as calling the enum does: for who decodes many."""


class EventCode(IntEnum):
    """What an entry of the ring says; ``detail`` and ``value`` per code are in plc-map.md."""

    BOOT = 1  # detail: boot id, low 32 bits
    STATE = 2  # detail: old state << 8 | new state; value: probe A in volts
    TRIP = 3  # detail: trip bits that are new; value: probe A in volts
    COMMAND = 4  # detail: command << 8 | refusal; value: false guards
    SELF_TEST = 5  # detail: failed paths, one bit each << 16 | paths passed << 8 | paths in all
    FIRE = 6  # detail: shot number; value: probe A in volts
    LATCHES = 7  # detail: current latches, one bit per module
    MISFIRE = 8  # detail: 1 nothing fired, 2 some modules fired
    PROOF = 9  # detail: 1 the proof of safe holds, 2 it failed; value: worst tau over the expected one
    CONTROLLER = 10  # detail: epoch taken over; value: connection id
    LIMITS = 11  # detail: high 32 bits of the limits hash
    INHIBIT = 12  # detail: causes << 16 | retries left; value: pulses of this run
    WINDOWS = 13  # detail: dead << 16 | lost, one bit per window; value: the reading of the lowest one that is new
    AUXILIARIES = 14  # detail: what was on << 16 | what is on
    PULSES = 15  # detail: pulses of the run that ended; value: how many were asked for


class Guard(IntFlag):
    """Guards that a command may meet: the bits of ``guards`` in the status block are those that were false."""

    TOKEN_VALID = 1 << 0
    TOKEN_UNUSED = 1 << 1
    NO_TRIP = 1 << 2
    DUMPS_CLOSED = 1 << 3
    DUMPS_OPEN = 1 << 4
    ENERGY_SAFE = 1 << 5
    ZERO_VOLTS = 1 << 6
    LOW_VOLTAGE = 1 << 7
    IN_TOLERANCE = 1 << 8
    CONTACTOR_OPEN = 1 << 9
    CHARGER_INHIBITED = 1 << 10
    CHARGER_LOCKED_OUT = 1 << 11
    ZERO_CURRENT = 1 << 12
    SELF_TEST_FRESH = 1 << 13
    NO_TEST_RUNNING = 1 << 14
    SEARCH_COMPLETE = 1 << 15
    GROUND_STICK_STOWED = 1 << 16
    WARNED = 1 << 17
    CONSENT = 1 << 18
    MAINTENANCE_KEY = 1 << 19
    LATCHES_CLEAR = 1 << 20
    DWELL_DONE = 1 << 21
    APPROACH_ALLOWED = 1 << 22
    PROOF_HOLDS = 1 << 23
    WINDOWS_FIT = 1 << 24
    INHIBIT_CLEAR = 1 << 25
    RUN_TIME_LEFT = 1 << 26
    CONTACTOR_CLOSED = 1 << 27


@dataclass(frozen=True, slots=True)
class PlcRequest:
    """One exchange from the controller: a command (or none) and the heartbeat.

    ``arguments`` are up to 16 registers whose meaning depends on the command, see ``plc_arguments``.
    ``age_echo`` returns the scan number of the status block last received.
    """

    command: PlcCommand = PlcCommand.NONE
    arguments: tuple[int, ...] = ()
    sequence: int = 0
    epoch: int = 0
    connection_id: int = 0
    age_echo: int = 0


@dataclass(frozen=True, slots=True)
class PlcStatus:
    """The status block: everything the controller knows about the bench's energy.

    Voltages in volts. ``scan`` counts PLC scans since boot (10 ms each); ``state_age_ms`` is the time in
    ``state``. ``ack_sequence``/``ack`` answer the last command. ``event_head`` is the number the next
    ring-buffer event will get. ``guards`` has one bit per false guard of the last refused command, ``self_test_failed``
    one per interlock path that failed the last self-test, in the order of ``SELF_TEST_PATHS``.
    """

    state: PlcState
    state_age_ms: int
    boot_id: int
    scan: int
    rig_id: int
    limits_hash: int
    epoch: int
    connection_id: int
    ack_sequence: int
    ack: Refusal
    guards: int
    nonce: int
    inputs: Input
    outputs: Output
    flags: Flag
    trips: Trip
    first_fault: int
    latches: int
    positions: int
    confirmed_mask: int
    probe_a_v: float
    probe_b_v: float
    module_v: tuple[float, ...]
    target_v: float
    v_safe_v: float
    shot: int
    event_head: int
    self_test_passed: int
    self_test_total: int
    self_test_failed: int = 0


@dataclass(frozen=True, slots=True)
class PlcEvent:
    """One entry of the PLC's 256-event ring: ``code`` and ``detail`` as listed in plc-map.md."""

    number: int
    scan: int
    code: int
    detail: int
    value: float
    first_fault: bool
