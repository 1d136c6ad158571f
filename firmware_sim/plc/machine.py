"""PURE: the PLC's state machine: ``step(control, levels, times) -> (control, outputs)``, the table of bench.md 2.

Nothing here sees a voltage or a clock: levels in, small enums, booleans and saturating scan counters out, so that
the reachable states can be explored exhaustively. Trips come first, then the rows of the state from the top.
"""

from typing import NamedTuple

from drivers.wire.plc import ARMED_STATES, PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.guards import GUARD_BITS, GUARDS
from firmware_sim.plc.levels import AIM_IN, AUX_CLOSED, AUX_OPEN, Latch, Levels
from firmware_sim.plc.pulses import AT_REST, NO_RUN, PulseState, advance, at_rest
from firmware_sim.plc.settings import Times
from firmware_sim.plc.table import RULES, Row, Rules
from firmware_sim.signals import FieldOutputs

S = PlcState
C = PlcCommand


class ControlState(NamedTuple):
    """The whole memory of the state machine. Counters are scans and saturate at the limit they are compared with."""

    state: PlcState = S.SAFE
    t: int = 0
    steady: int = 0
    dump_t: int = 0
    """Scans since both dumps were commanded closed; keeps running from DUMPING into TRIP."""
    dwell: int = 0
    """Scans since both dumps were proven closed."""
    quiet: int = 0
    """After a misfire: scans since the energy was last seen safe."""
    contactor_moving: int = 0
    dumps_moving: int = 0
    charger_moving: int = 0
    mismatch: int = 0
    spread: int = 0
    discrepancy: int = 0
    contactor_close: bool = False
    charger_enable: bool = False
    dump_a_open: bool = False
    dump_b_open: bool = False
    current_wait: bool = False
    """After SHOT the dumps wait, boundedly, for the current to end."""
    single: bool = False
    fired: bool = False
    misfire: bool = False
    partial: bool = False
    reset_held: bool = False
    trips: int = 0
    """Bits of ``Trip``, as a plain integer: this is compared on every scan."""
    first_fault: int = 0
    pulse: PulseState = AT_REST
    """Beside all that: the pulse inhibit. Constant on a bench that does not run; the last field, for memory.py."""


class Outputs(NamedTuple):
    """What the PLC drives after this scan, and its answer to this scan's command (None: no command was there)."""

    dump_a_open: bool
    dump_b_open: bool
    contactor_close: bool
    charger_enable: bool
    fire: bool
    gate_open: bool
    door_lock: bool
    ack: Refusal | None
    guards: int
    pulse_gate: bool = False


_LEADING = int(
    Trip.DOOR_1
    | Trip.DOOR_2
    | Trip.ESTOP
    | Trip.KEY
    | Trip.HEARTBEAT
    | Trip.HW_OVERVOLTAGE
    | Trip.PREFIRE
    | Trip.POSITION
    | Trip.GROUND_STICK
    | Trip.SEARCH
)


def step(control: ControlState, levels: Levels, times: Times, rules: Rules = RULES) -> tuple[ControlState, Outputs]:
    """One scan: count, look for trips, then take the first row whose command and guards fit."""
    counted = _count(control, levels, times)
    state = counted.state
    command = levels.facts.command
    trips = _find_trips(counted, levels, times, rules)
    if trips and state is S.TRIP:
        counted = counted._replace(trips=counted.trips | trips)
    elif trips:
        ack = None if command is C.NONE else Refusal.ACCEPTED if command is C.DUMP else Refusal.TRIPPED
        return _drive(_trip(counted, trips, levels), levels, times, False, ack, 0)
    taken, ack, guards = _choose(counted, levels, times, rules)
    after = counted if taken is None else _enter(counted, taken, levels, times)
    fire = taken is not None and taken.name in ("fire", "rehearse")
    return _drive(after, levels, times, fire, ack, guards)


_SHOT, _CHARGE, _RUN, _NONE = S.SHOT, S.CHARGE, S.RUN, C.NONE
_SUPPLIED = frozenset({S.CHARGE, S.FLOAT, S.RUN})
_QUIET = frozenset({S.SAFE, S.TEST})
_UNTIMED = _QUIET | {S.LOCKOUT}


def _count(c: ControlState, v: Levels, times: Times) -> ControlState:
    """Advance every saturating counter by this scan."""
    state, t, dump_a, dump_b = c.state, c.t, v.dump_a, v.dump_b
    shot = state is _SHOT
    closed = dump_a is AUX_CLOSED and dump_b is AUX_CLOSED
    agrees = (dump_a is (AUX_OPEN if c.dump_a_open else AUX_CLOSED)) and (
        dump_b is (AUX_OPEN if c.dump_b_open else AUX_CLOSED)
    )
    contactor = v.contactor is (AUX_CLOSED if c.contactor_close else AUX_OPEN)
    charger = c.charger_enable or v.charger_inhibited
    safe = (c.misfire or c.partial) and GUARDS["energy_safe"](c, v, times)
    dump_a_open, dump_b_open, current_wait, single = _dump_commands(c, v, times)
    return ControlState(
        state,
        0 if state in _UNTIMED else t + 1 if t < times.top else t,
        (c.steady + 1 if c.steady < times.in_tolerance else c.steady) if v.aim is AIM_IN and state is _CHARGE else 0,
        0 if c.dump_a_open or c.dump_b_open else c.dump_t + 1 if c.dump_t < times.dump else c.dump_t,
        (c.dwell + 1 if c.dwell < times.dwell else c.dwell) if closed else 0,
        (c.quiet + 1 if c.quiet < times.no_approach else c.quiet) if safe else 0,
        0 if contactor or shot else min(c.contactor_moving + 1, times.contactor_travel),
        0 if agrees or shot else min(c.dumps_moving + 1, times.dump_travel),
        0 if charger or shot else min(c.charger_moving + 1, times.charger_travel),
        min(c.mismatch + 1, times.mismatch_debounce) if v.mismatch and not shot else 0,
        min(c.spread + 1, times.spread_debounce) if v.spread and not shot else 0,
        min(c.discrepancy + 1, times.discrepancy_debounce) if v.door_1 is not v.door_2 else 0,
        c.contactor_close,
        c.charger_enable,
        dump_a_open,
        dump_b_open,
        current_wait,
        single,
        c.fired,
        c.misfire,
        c.partial,
        c.reset_held,
        c.trips,
        c.first_fault,
        c.pulse if times.run is NO_RUN else advance(c.pulse, state, v.facts.run, times.run),
    )


def _dump_commands(c: ControlState, v: Levels, times: Times) -> tuple[bool, bool, bool, bool]:
    """dump_a_open, dump_b_open, current_wait and single: what a dump in progress does by itself."""
    if c.current_wait and (v.zero_current or c.t + 1 >= times.current_wait):
        return False, False, False, False
    if c.single and c.t + 1 >= times.single_dump:
        return False, False, False, False
    return c.dump_a_open, c.dump_b_open, c.current_wait, c.single


def _find_trips(c: ControlState, v: Levels, times: Times, rules: Rules) -> int:
    found = 0
    for cause, present in rules.trips[c.state]:
        if present(c, v, times):
            found |= cause
    return found & ~v.facts.under_test if found else 0


def _choose(c: ControlState, v: Levels, times: Times, rules: Rules) -> tuple[Row | None, Refusal | None, int]:
    """First row that fits; else how the command was refused and by which guards."""
    command, guards = v.facts.command, rules.guards
    ack: Refusal | None = None
    if command is not _NONE:
        # where the dumps are closed already, DUMP has nothing left to do and is carried out
        ack = Refusal.ACCEPTED if command is C.DUMP else Refusal.WRONG_STATE
    false_guards = 0
    for row in rules.rows[c.state]:
        asked = row.command
        if asked is None:
            for name in row.guards:
                if not guards[name](c, v, times):
                    break
            else:
                return row, ack, false_guards
        elif asked is command:
            false = [name for name in row.guards if not guards[name](c, v, times)]
            if not false:
                return row, Refusal.ACCEPTED, false_guards
            ack, false_guards = _refuse(v, false)
    return None, ack, false_guards


def _refuse(v: Levels, false: list[str]) -> tuple[Refusal, int]:
    bits = sum(GUARD_BITS.get(name, 0) for name in false)
    if "token_valid" in false:
        return v.facts.token, bits
    if "token_unused" in false:
        return Refusal.TOKEN_USED, bits
    return (Refusal.TRIPPED if "no_trip" in false else Refusal.GUARD), bits


def _first_of(trips: int) -> int:
    """The cause to name first of several on one scan: contacts and latches before what a pulse makes probes read."""
    leading = trips & _LEADING or trips
    return leading & -leading


def _trip(c: ControlState, trips: int, v: Levels) -> ControlState:
    """Enter TRIP: everything off at once, dumps closed, or after SHOT once the current has ended."""
    wait = c.state is S.SHOT or c.current_wait
    return c._replace(
        state=S.TRIP,
        t=0 if c.state is not S.DUMPING else c.t,
        steady=0,
        dump_t=c.dump_t if c.state is S.DUMPING else 0,
        contactor_close=False,
        charger_enable=False,
        dump_a_open=c.dump_a_open and wait,
        dump_b_open=c.dump_b_open and wait,
        current_wait=wait,
        single=False,
        trips=c.trips | trips,
        first_fault=c.first_fault or _first_of(trips),
        misfire=c.misfire or (c.state is S.SHOT and v.latch is Latch.NONE),
        partial=c.partial or (c.state is S.SHOT and v.latch is Latch.SOME),
    )


def _enter(c: ControlState, row: Row, v: Levels, times: Times) -> ControlState:
    """The state after ``row``: outputs that the target commands, timers and marks."""
    target = row.target
    if target is c.state:
        if row.command is not C.DUMP:
            return c
        wait = c.current_wait  # asked again: the bounded wait for zero current goes on
        return c._replace(dump_a_open=c.dump_a_open and wait, dump_b_open=c.dump_b_open and wait, single=False)
    if target is S.DUMPING:
        return _start_dump(c, row, v)
    opened = target in ARMED_STATES
    cleared = target in (S.SAFE, S.OPENING)
    return c._replace(
        state=target,
        t=0,
        steady=0,
        contactor_close=target in _SUPPLIED,
        charger_enable=target in _SUPPLIED,
        dump_a_open=opened,
        dump_b_open=opened,
        current_wait=False,
        single=False,
        fired=target is S.SHOT or (c.fired and target is not S.OPENING),
        misfire=c.misfire and target is not S.OPENING,
        partial=c.partial and target is not S.OPENING,
        trips=0 if cleared else c.trips,
        first_fault=0 if cleared else c.first_fault,
        # only a person's reset fills the retry budget
        pulse=at_rest(times.run) if row.name == "reset" else c.pulse,
    )


def _start_dump(c: ControlState, row: Row, v: Levels) -> ControlState:
    """Begin a dump. One commanded inside SHOT is marked by the latches too: an unfired module may still hang."""
    wait = c.state is S.SHOT
    hurried = row.name == "dump_shot"
    single = row.command in (C.DUMP_A, C.DUMP_B)
    return c._replace(
        state=S.DUMPING,
        t=0,
        steady=0,
        dump_t=0,
        contactor_close=False,
        charger_enable=False,
        dump_a_open=wait or row.command is C.DUMP_B,
        dump_b_open=wait or row.command is C.DUMP_A,
        current_wait=wait,
        single=single,
        misfire=row.name == "shot_misfire" or (hurried and v.latch is Latch.NONE),
        partial=row.name == "shot_partial" or (hurried and v.latch is Latch.SOME),
    )


def _drive(
    c: ControlState, v: Levels, times: Times, fire: bool, ack: Refusal | None, guards: int
) -> tuple[ControlState, Outputs]:
    if c.reset_held is not v.local_reset:
        c = c._replace(reset_held=v.local_reset)
    locked = c.state not in _QUIET or not unlockable(c, v, times)
    return c, Outputs(
        c.dump_a_open,
        c.dump_b_open,
        c.contactor_close,
        c.charger_enable,
        fire,
        c.state is _SHOT,
        locked,
        ack,
        guards,
        c.state is _RUN and not c.pulse.inhibit,
    )


def drive(out: Outputs, gate_ns: int, outputs: FieldOutputs) -> None:
    """Onto the terminals; ``gate_ns`` is how long the trigger gate opens when it does."""
    outputs.dump_a_open = out.dump_a_open
    outputs.dump_b_open = out.dump_b_open
    outputs.contactor_close = out.contactor_close
    outputs.charger_enable = out.charger_enable
    outputs.fire = out.fire
    outputs.gate_open_ns = gate_ns if out.gate_open else 0
    outputs.door_lock = out.door_lock
    outputs.pulse_gate = out.pulse_gate


def high_voltage_zero(c: ControlState, v: Levels, times: Times) -> bool:
    """What the PLC takes for it: not armed, both probes and every module safe. Until then a magnet stays on."""
    return c.state not in ARMED_STATES and GUARDS["energy_safe"](c, v, times)


def unlockable(c: ControlState, v: Levels, times: Times) -> bool:
    """UNLOCK of safety.md 3.1: both probes and every module safe, dumps proven closed, dwell over (state aside)."""
    return all(GUARDS[name](c, v, times) for name in ("energy_safe", "dumps_closed", "dwell_done"))
