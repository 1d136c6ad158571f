"""The narrow bench: a small, abstract world for the PLC's real ``step``, which narrow_search.py explores.

The same world is written a second time, by hand, in plc.pml, together with the PLC itself; test_promela.py compares
the two sets of reachable states. What both texts must agree on is said in words here.

The bank has seven levels (``LEVELS``). One scan is: the bench moves as the outputs of the last scan let it, one thing
happens (``EVENTS``, or nothing), the controller sends one command or none, the PLC scans.

* Contacts: a pair that has to move is between its ends for one scan and arrives on the next.
* Bank: while the gate is open it fires (level 0, all latches), unless the event says misfire (nothing) or partial
  (level kept, some latches; what has latched stays latched while the gate is open). Otherwise, with a dump closed it
  falls by one level per scan, unless ``SLOW``. Otherwise, with the contactor closed and the charger delivering, it
  rises by one up to the target, or with ``SURGE`` beyond it; ``SLOW`` holds it. ``LEAK`` takes a level where nothing
  else moved; ``REBOUND`` brings an empty bank back to level 2 in any case.
* Charger: confirms the inhibit on the scan after it lost its enable; current is zero when it is inhibited.
* Faults, one at most, for ever: dump A jams where it is, the contactor jams where it is, probe A freezes at the level
  that it shows, the charger takes no inhibit. With a fault in place only the events of ``QUIET`` and commands go on.
* The PLC may restart, or find its memory damaged (then it assumes a misfire), before it scans: it is in TRIP and knows
  nothing. Left out in LOCKOUT, which survives both (tests of ``Plc`` see to that).
* Probe A, probe B and modules show the bank's level; probes two levels or more apart are a mismatch. The aim is IN when
  both show the target, ABOVE when one shows more, else BELOW.

All commands come alone in every state; an event comes alone, and once more together with the command that the state
waits for (``FORWARD``; ENTER_TEST and LEAVE_TEST as well where somebody is ``AT_WORK``; DUMP while current flows, and
on the scan of a reset, which it beats).
"""

from enum import IntEnum
from typing import Any, NamedTuple

from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.levels import Aim, Aux, Band, Facts, Latch, Levels, Proof
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.settings import Times

S = PlcState
C = PlcCommand

TIMES = Times(
    open=2, charge=9, float=2, isolate=2, fire=2, shot=2, current_wait=2, dump=7, single_dump=2, dwell=2,
    no_approach=2, in_tolerance=2, contactor_travel=3, dump_travel=3, charger_travel=2, mismatch_debounce=2,
    spread_debounce=2, discrepancy_debounce=2, top=10,
)  # fmt: skip
"""The machine's times cut down to a few scans each; plc.pml has the same."""

LEVELS = (Band.ZERO, Band.SAFE, Band.LOW, Band.HIGH, Band.HIGH, Band.HIGH, Band.OVER)
"""Band that each level of the bank shows: zero, safe, below 120 V, below, on and above the target, over-voltage."""
TARGET = 4
OVER = 6


class Event(IntEnum):
    """What happens on a scan. Numbers are those of plc.pml."""

    NOTHING = 0
    DOOR_1 = 1
    DOOR_2 = 2
    DOORS = 3
    ESTOP = 4
    KEY_OFF = 5
    UNSEARCHED = 6
    STICK_OUT = 7
    SILENCE = 8
    A_INVALID = 9
    B_INVALID = 10
    MODULES_INVALID = 11
    MISMATCH = 12
    A_OVER = 13
    HW_OVERVOLTAGE = 14
    MODULE_LIMIT = 15
    SPREAD = 16
    ENVELOPE = 17
    STRAY_LATCH = 18
    FALLING = 19
    POSITION = 20
    CONTACTOR_LOST = 21
    DUMP_A_LOST = 22
    DUMP_B_LOST = 23
    UNCONFIRMED = 24
    CURRENT = 25
    BAD_TOKEN = 26
    UNTESTED = 27
    UNWARNED = 28
    NO_CONSENT = 29
    MAINTENANCE = 30
    MAINTENANCE_KEY = 31
    RESET = 32
    RESET_MAINTENANCE = 33
    RESET_KEY_OFF = 34
    RESET_STICK_OUT = 35
    PROOF_FAILED = 36
    PROOF_OPEN = 37
    SLOW = 38
    SURGE = 39
    LEAK = 40
    REBOUND = 41
    MISFIRE = 42
    PARTIAL = 43
    RELAY = 44
    RELAY_RELEASED = 45
    OFF_AIM = 46
    MODULES_HIGH = 47
    JAM_DUMP_A = 48
    JAM_CONTACTOR = 49
    FREEZE_A = 50
    CHARGER_STUCK = 51
    MAINTENANCE_VOLTS = 52
    LOCKED_OUT = 53
    RESTART = 54
    MEMORY = 55
    RESET_PROOF_FAILED = 56


E = Event
QUIET = (E.NOTHING, E.RESET, E.SLOW)

AT_WORK = (E.MAINTENANCE, E.MAINTENANCE_KEY, E.MAINTENANCE_VOLTS, E.LOCKED_OUT)
"""With these SAFE gets ENTER_TEST as well, and TEST gets LEAVE_TEST."""

SHOWN: dict[Event, dict[str, object]] = {
    E.DOOR_1: {"door_1": False},
    E.DOOR_2: {"door_2": False},
    E.DOORS: {"door_1": False, "door_2": False},
    E.ESTOP: {"estop_ok": False},
    E.KEY_OFF: {"operator_key": False},
    E.UNSEARCHED: {"search_complete": False},
    E.STICK_OUT: {"ground_stick_stowed": False},
    E.SILENCE: {"heartbeat": False},
    E.A_INVALID: {"a": Band.INVALID},
    E.B_INVALID: {"b": Band.INVALID},
    E.MODULES_INVALID: {"modules": Band.INVALID},
    E.MISMATCH: {"mismatch": True},
    E.A_OVER: {"a": Band.OVER},
    E.HW_OVERVOLTAGE: {"hw_overvoltage_ok": False},
    E.MODULE_LIMIT: {"module_limit": True},
    E.SPREAD: {"spread": True},
    E.ENVELOPE: {"envelope_left": True},
    E.STRAY_LATCH: {"latch": Latch.SOME},
    E.FALLING: {"falling": True},
    E.POSITION: {"positions_ok": False},
    E.CONTACTOR_LOST: {"contactor": Aux.BETWEEN},
    E.DUMP_A_LOST: {"dump_a": Aux.BETWEEN},
    E.DUMP_B_LOST: {"dump_b": Aux.BOTH},
    E.UNCONFIRMED: {"charger_inhibited": False},
    E.CURRENT: {"zero_current": False},
    E.BAD_TOKEN: {"token": Refusal.BAD_TOKEN},
    E.UNTESTED: {"self_test_fresh": False},
    E.UNWARNED: {"warned": False},
    E.NO_CONSENT: {"consent": False},
    E.MAINTENANCE: {"maintenance_key": True, "charger_locked_out": True},
    E.MAINTENANCE_KEY: {"maintenance_key": True},
    E.MAINTENANCE_VOLTS: {"maintenance_key": True, "charger_locked_out": True, "b": Band.SAFE},
    E.LOCKED_OUT: {"charger_locked_out": True},
    E.RESET: {"local_reset": True},
    E.RESET_MAINTENANCE: {"local_reset": True, "maintenance_key": True},
    E.RESET_KEY_OFF: {"local_reset": True, "operator_key": False},
    E.RESET_STICK_OUT: {"local_reset": True, "ground_stick_stowed": False},
    E.RESET_PROOF_FAILED: {"local_reset": True, "proof": Proof.FAILED},
    E.PROOF_FAILED: {"proof": Proof.FAILED},
    E.PROOF_OPEN: {"proof": Proof.OPEN},
    E.RELAY: {"estop_ok": False, "under_test": int(Trip.ESTOP)},
    E.RELAY_RELEASED: {"under_test": int(Trip.ESTOP)},
    E.OFF_AIM: {"aim": Aim.BELOW},
    E.MODULES_HIGH: {"modules": Band.HIGH},
}
"""Event -> terminals and facts that it changes on its scan. The others change the bench itself."""

FORWARD: dict[PlcState, PlcCommand] = {
    S.SAFE: C.PERMIT,
    S.TEST: C.REHEARSE,
    S.OPENING: C.CHARGE,
    S.FLOAT: C.ISOLATE,
    S.ISOLATE: C.FIRE_ENABLE,
    S.FIREWIN: C.FIRE,
}
"""The command that a state waits for."""


FORGETS = {
    E.RESTART: ControlState(state=S.TRIP),
    E.MEMORY: ControlState(state=S.TRIP, misfire=True, trips=int(Trip.MEMORY), first_fault=int(Trip.MEMORY)),
}
"""Events after which the PLC remembers nothing (``Plc``: "reboot" and "memory_flip"): what it starts this scan with."""


class Fault(IntEnum):
    """The one thing broken for good."""

    NONE = 0
    DUMP_A = 1
    CONTACTOR = 2
    PROBE_A = 3
    CHARGER = 4


BREAKS = {
    E.JAM_DUMP_A: Fault.DUMP_A,
    E.JAM_CONTACTOR: Fault.CONTACTOR,
    E.FREEZE_A: Fault.PROBE_A,
    E.CHARGER_STUCK: Fault.CHARGER,
}


class Bench(NamedTuple):
    """The world outside the PLC."""

    bank: int = 0
    latch: Latch = Latch.NONE
    dump_a: Aux = Aux.CLOSED
    dump_b: Aux = Aux.CLOSED
    contactor: Aux = Aux.OPEN
    fault: Fault = Fault.NONE
    frozen: int = 0
    """Level that probe A shows for ever; 0 while it is well."""


class State(NamedTuple):
    """What both texts compare: the PLC's memory (see ``keep``) and the bench."""

    control: ControlState = ControlState()
    bench: Bench = Bench()


KEPT_TRIPS = int(Trip.KEY | Trip.GROUND_STICK | Trip.DOOR_DISCREPANCY)
_NO_CLOCK = frozenset({S.SAFE, S.TEST, S.LOCKOUT})


def keep(c: ControlState) -> ControlState:
    """``c`` without what no later scan reads: otherwise equal states would differ by leftovers.

    ``first_fault`` is reported, never read. Of ``trips`` the reset asks for the door discrepancy (maintenance key) and
    for the causes that do not act while dumping (key, ground stick); only TRIP asks. The dump's clock is read in
    DUMPING and TRIP alone and starts again on the way there. ``t`` in DUMPING and TRIP is read while the dumps wait for
    the current or one dump works alone. ``current_wait`` says nothing once both dumps are commanded closed. ``fired``
    is read in FIREWIN and cleared by a permit. Nothing leads out of LOCKOUT: only the outputs are left there.
    """
    state = c.state
    if state is S.LOCKOUT:
        return ControlState(state=state, dump_a_open=c.dump_a_open, dump_b_open=c.dump_b_open)
    ending = state in (S.DUMPING, S.TRIP)
    waits = c.current_wait and (c.dump_a_open or c.dump_b_open)
    return c._replace(
        first_fault=0,
        trips=c.trips & KEPT_TRIPS if state is S.TRIP else 0,
        dump_t=c.dump_t if ending else 0,
        t=0 if ending and not (waits or c.single) else c.t,
        current_wait=waits,
        fired=c.fired and not ending and state not in _NO_CLOCK,
    )


def _travel(contact: Aux, ordered: Aux, jammed: bool) -> Aux:
    if jammed or contact is ordered:
        return contact
    return ordered if contact is Aux.BETWEEN else Aux.BETWEEN


def move(c: ControlState, b: Bench, event: Event) -> Bench:
    """The bench one scan later, under the outputs that ``c`` left."""
    fault, frozen = b.fault, b.frozen
    if event in BREAKS:
        fault = BREAKS[event]
        frozen = b.bank if fault is Fault.PROBE_A else 0
    dump_a = _travel(b.dump_a, Aux.OPEN if c.dump_a_open else Aux.CLOSED, fault is Fault.DUMP_A)
    dump_b = _travel(b.dump_b, Aux.OPEN if c.dump_b_open else Aux.CLOSED, False)
    contactor = _travel(b.contactor, Aux.CLOSED if c.contactor_close else Aux.OPEN, fault is Fault.CONTACTOR)
    bank, latch = b.bank, Latch.NONE
    if c.state is S.SHOT:
        missed = {E.MISFIRE: Latch.NONE, E.PARTIAL: Latch.SOME}.get(event, Latch.ALL)
        latch = max(b.latch, missed)
        bank = 0 if latch is Latch.ALL else bank
    elif Aux.CLOSED in (dump_a, dump_b):
        bank = bank - 1 if bank and event is not E.SLOW else bank
    elif contactor is Aux.CLOSED and (c.charger_enable or fault is Fault.CHARGER):
        top = OVER if event is E.SURGE else TARGET
        bank = bank + 1 if bank < top and event is not E.SLOW else bank
    elif event is E.LEAK and bank:
        bank -= 1
    if event is E.REBOUND and bank < 2:
        bank = 2
    return Bench(bank, latch, dump_a, dump_b, contactor, fault, frozen)


def show(c: ControlState, b: Bench, event: Event, command: PlcCommand) -> Levels:
    """What the PLC sees of bench ``b`` on a scan with ``event`` and ``command``."""
    a = b.frozen if b.fault is Fault.PROBE_A else b.bank
    delivers = c.charger_enable or b.fault is Fault.CHARGER
    aim = Aim.ABOVE if max(a, b.bank) > TARGET else Aim.IN if a == b.bank == TARGET else Aim.BELOW
    shown: dict[str, Any] = SHOWN.get(event, {})
    facts = Facts(command, self_test_fresh=True, warned=True, proof=Proof.HOLDS)
    levels = Levels(
        a=LEVELS[a],
        b=LEVELS[b.bank],
        modules=LEVELS[b.bank],
        aim=aim,
        mismatch=abs(a - b.bank) >= 2,
        spread=False,
        module_limit=False,
        latch=b.latch,
        positions_ok=True,
        door_1=True,
        door_2=True,
        estop_ok=True,
        operator_key=True,
        maintenance_key=False,
        search_complete=True,
        ground_stick_stowed=True,
        local_reset=False,
        consent=True,
        contactor=b.contactor,
        dump_a=b.dump_a,
        dump_b=b.dump_b,
        charger_inhibited=not delivers,
        charger_locked_out=False,
        zero_current=not delivers,
        hw_overvoltage_ok=True,
        facts=facts._replace(**{k: v for k, v in shown.items() if k in Facts._fields}),
    )
    return levels._replace(**{k: v for k, v in shown.items() if k not in Facts._fields})


Choice = tuple[PlcCommand, Event]


def _list_choices(state: PlcState, quiet: bool) -> tuple[Choice, ...]:
    listed: list[Choice] = [(command, E.NOTHING) for command in C]
    forward = FORWARD.get(state)
    for event in QUIET[1:] if quiet else tuple(E)[1:]:
        if event in FORGETS and state is S.LOCKOUT:
            continue
        listed.append((C.NONE, event))
        if forward is not None:
            listed.append((forward, event))
    if state is S.SAFE and not quiet:
        listed += [(C.ENTER_TEST, event) for event in AT_WORK]
    if state in (S.DUMPING, S.TRIP):
        listed.append((C.DUMP, E.CURRENT))
    if state is S.TRIP:
        listed.append((C.DUMP, E.RESET))
    if state is S.TEST and not quiet:
        listed += [(C.LEAVE_TEST, event) for event in AT_WORK]
    return tuple(listed)


CHOICES = {(state, quiet): _list_choices(state, quiet) for state in S for quiet in (False, True)}
"""(PLC state, a fault is in place) -> everything that may happen on a scan."""
