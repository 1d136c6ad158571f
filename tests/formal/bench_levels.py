"""PURE: an abstract bench around the real ``firmware_sim.plc.machine.step``: seven levels instead of volts.

One transition is one scan: people do something, the bank and the relays move under the outputs of the last scan, the
PLC's terminals are read, ``step`` runs. Everything that could go several ways goes all of them.

**What is exact.** ``step`` itself, with the real table, guards and trips. Nothing of it is modelled.

**What is abstract.** The true voltage is one of seven levels: zero, safe, low (below 120 V), charging below the aim, in
tolerance, above the aim, over-voltage. While charging it stays, rises by one or falls by one (the controller may switch
the charger as it likes); otherwise it stays or leaks (from "charging" up); one closed dump takes a level per scan, two
take two; a pulse or a pre-fire empties the bank or leaves some of it. A contact travels for one scan, during which both
its auxiliary contacts are open. Commanded, it conducts from the scan on which it arrives; dumping counts one later.
Probes and module readback are the level, or what their fault makes of it. Two neighbouring levels count as agreeing
(the mismatch limit is 80 V), three apart never do, two apart do at the ends of the scale where the levels are narrow.

**What is arbitrary.** The controller: every command, token good or bad, heartbeat or none, on every scan. People: every
door position, key, switch and button, on every scan. Facts that come from clocks and trends (self-test fresh, warned,
envelope left, proof of safe) are arbitrary: whatever they say, no rule may break. ``falling`` may always be said and
must be said when the bank collapses by two levels without a command and no probe is broken. Test relays are energised
in SAFE (self-test), in DUMPING and TRIP (bias check).

**What this does not cover.** Analogue values, noise, NaN: ``classify`` is tested with floats in test_classify.py.
Levels assume an aim well above 200 V. What makes a proof hold, an envelope or a token good is tested where it is
computed (trend, link). Interference on a shot is represented by what it may do: SHOT blanks it, and single scans of
``falling`` and latches elsewhere. Time is scans; the thresholds are ``SHORT``.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from firmware_sim.plc.levels import Aim, Aux, Band, Latch
from firmware_sim.plc.pulses import RunTimes
from firmware_sim.plc.settings import Times
from tests.formal.bench_faults import PROBES, Condition

ZERO, SAFE, LOW, CHARGING, AIMED, ABOVE, OVER = range(7)
LEVELS = 7
LEVEL_NAMES = ("zero", "safe", "low", "charging", "in tolerance", "above aim", "over")
_BANDS = (Band.ZERO, Band.SAFE, Band.LOW, Band.HIGH, Band.HIGH, Band.HIGH, Band.OVER)
_AIMS = (Aim.BELOW, Aim.BELOW, Aim.BELOW, Aim.BELOW, Aim.IN, Aim.ABOVE, Aim.ABOVE)

SHORT = Times(
    open=2,  # a dump travels for one scan and is proven on the second: CHARGE is possible on the last scan
    charge=9,  # contactor two scans, four levels, two scans in tolerance: one scan more than needed
    float=2,  # one scan in which ISOLATE may be given, one in which it is late
    isolate=3,  # the contactor is proven open on the second scan; one to spare
    fire=2,
    shot=2,  # a trip may come before, on and after the pulse
    current_wait=2,
    dump=5,  # travel two, then 6 -> 4 -> 2 -> 0 with two paths; one path alone needs longer (safety.md 3.2)
    single_dump=2,
    dwell=2,
    no_approach=2,  # after the energy is gone, hence later than the dwell
    in_tolerance=2,
    contactor_travel=2,
    dump_travel=2,
    charger_travel=2,  # with one, a missing inhibit would always trip before a guard sees it
    mismatch_debounce=1,
    spread_debounce=1,
    discrepancy_debounce=1,
    top=10,
)
"""The same machine with times of a few scans. That none is too short is shown by every row and trip being reached."""

RUN_TIMES = RunTimes(
    run=5,
    hold_off=1,
    latch_reset=1,
    retry_window=5,
    retries=2,
    duty_pulses=1,
    duty_window=1,
    pulses=3,
)
"""Limits of a bench that runs, as short. One pulse per scan is the duty limit, a second one at once is still within it;
three are what a run asks for, so that two scans of two are over the number and over the duty."""

BETWEEN, OPEN, CLOSED = int(Aux.BETWEEN), int(Aux.OPEN), int(Aux.CLOSED)


class Plant(NamedTuple):
    """The true state of the bench after a scan. Relays are BETWEEN, OPEN or CLOSED; ``latch`` is a ``Latch``."""

    level: int = ZERO
    contactor: int = OPEN
    dump_a: int = CLOSED
    dump_b: int = CLOSED
    latch: int = 0
    overvoltage: bool = False
    fell: bool = False
    """The bank collapsed since the last scan, and nobody had asked for it."""
    frozen: tuple[int, int, int] = (-1, -1, -1)
    """What a frozen reading stays at, by PROBES; -1 while it is not frozen."""


class Drive(NamedTuple):
    """What reaches the coils: the PLC's outputs, or nothing with the e-stop chain open or the PLC dead."""

    dump_a_open: bool = False
    dump_b_open: bool = False
    contactor_close: bool = False
    charger_enable: bool = False
    fire: bool = False
    """A fire pulse with the gate open."""
    self_test: bool = False
    """The PLC may have energised the test relay of the latches, which resets them."""
    pulse_gate: bool = False
    """A bench that runs: any number of pulses may come."""


DEAD = Drive()


class Terminals(NamedTuple):
    """What the bench puts on the PLC's terminals; people and controller add theirs. None: may read either way."""

    a: Band
    b: Band
    modules: Band
    aim: Aim
    mismatch: bool
    spread: bool
    module_limit: bool
    latch: Latch
    contactor: Aux
    dump_a: Aux
    dump_b: Aux
    charger_inhibited: bool
    zero_current: bool | None
    hw_overvoltage_ok: bool
    estop_ok: bool
    falling: bool | None
    pulses: int | None = 0
    """Counted since the last scan; None: any number."""


def _move(position: int, wanted: int, stuck: int) -> int:
    if position in (wanted, stuck) and position != BETWEEN:
        return position
    return wanted if position == BETWEEN else BETWEEN


def _charges(before: Plant, contactor: int, drive: Drive, condition: Condition) -> bool:
    if "charger_dead" in condition.others or CLOSED not in (before.contactor, contactor):
        return False
    return (drive.charger_enable and not before.overvoltage) or "charger_runaway" in condition.others


def _levels(level: int, charging: bool, paths: int, rebound: bool, pulsing: bool) -> set[int]:
    """Where the voltage may be one scan later, single pulses aside."""
    if paths:
        following = {max(level - paths, ZERO)}
        if charging:  # 1 A into the dump resistors: it falls to the low level and stays there
            following |= {level} if level <= LOW else set()
            following |= {level + 1} if level < LOW else set()
    elif charging:
        following = {level, min(level + 1, OVER)}
    else:
        following = {level}
    if not paths and level >= CHARGING:
        following.add(level - 1)
    if pulsing:  # read at any moment between a pulse and the end of its recharge
        following |= {ZERO, AIMED} if charging else {ZERO}
    if rebound and level <= SAFE:
        following.add(level + 1)
    return following


def _pulses(before: Plant, level: int, drive: Drive, condition: Condition) -> Iterator[tuple[int, int, bool]]:
    """(level, latch, fell) after the pulse of this scan, commanded or not; nothing when there is none."""
    others = condition.others
    if drive.fire:
        if "no_fire" in others or "hang_fire" in others:
            yield level, before.latch, False
        elif "partial_fire" in others:
            yield from ((level, Latch.SOME, False), (SAFE, Latch.SOME, False))
        else:
            yield from ((ZERO, Latch.ALL, False), (SAFE, Latch.ALL, False))
    else:
        yield level, before.latch, False
    if ("prefire" in others or "hang_fire" in others) and before.level >= LOW:
        yield ZERO, Latch.ALL, before.level - ZERO >= 2
        yield from ((level, Latch.SOME, False), (SAFE, Latch.SOME, before.level - SAFE >= 2))


@cache
def move_plant(before: Plant, drive: Drive, condition: Condition) -> tuple[Plant, ...]:
    """Every state in which the bench may be one scan later."""
    contactor = _move(before.contactor, CLOSED if drive.contactor_close else OPEN, condition.contactor)
    dump_a = _move(before.dump_a, OPEN if drive.dump_a_open else CLOSED, condition.dump_a)
    dump_b = _move(before.dump_b, OPEN if drive.dump_b_open else CLOSED, condition.dump_b)
    paths = (before.dump_a == dump_a == CLOSED) + (before.dump_b == dump_b == CLOSED)
    charging = _charges(before, contactor, drive, condition)
    # the latches are cleared when both dumps are told to open
    opening = drive.dump_a_open and drive.dump_b_open and before.dump_a == CLOSED and before.dump_b == CLOSED
    start = before._replace(latch=0) if opening else before
    following: set[Plant] = set()
    for level in _levels(before.level, charging, paths, "rebound" in condition.others, drive.pulse_gate):
        for then, latch, fell in _pulses(start, level, drive, condition):
            latched = (before.overvoltage or then == OVER) and "comparator_dead" not in condition.others
            after = Plant(then, contactor, dump_a, dump_b, int(latch), latched, fell, before.frozen)
            following.add(after)
            if latched and then < OVER:
                following.add(after._replace(overvoltage=False))  # somebody pressed the local reset
            if drive.self_test and latch:
                following.add(after._replace(latch=0))
    return tuple(sorted(following))


_NO_READING = -1


def _reading(level: int, name: str, frozen: tuple[int, int, int], condition: Condition) -> int:
    """The level that a probe shows; -1 for none."""
    for probe, way in condition.probes:
        if probe != name:
            continue
        if way == "frozen":
            return frozen[PROBES.index(name)]
        if way == "invalid":
            return _NO_READING
        kind, _, by = way.partition("_")
        return min(level + int(by), OVER) if kind == "high" else max(level - int(by), ZERO)
    return level


def _differ(one: int, other: int) -> bool:
    """Two readings that cannot both be right: see the module's docstring for what counts as agreeing."""
    if _NO_READING in (one, other):
        return True
    gap = abs(one - other)
    return gap >= 3 or (gap == 2 and {one, other} in ({LOW, AIMED}, {CHARGING, ABOVE}))


def _aim(a: int, b: int) -> Aim:
    aims = [Aim.BELOW if reading == _NO_READING else _AIMS[reading] for reading in (a, b)]
    return Aim.IN if aims == [Aim.IN, Aim.IN] else max(Aim.BELOW, *(x for x in aims if x is not Aim.IN))


def _band(reading: int) -> Band:
    return Band.INVALID if reading == _NO_READING else _BANDS[reading]


def _pair(position: int, name: str, contacts: dict[str, bool]) -> Aux:
    opened = contacts.get(f"{name}_open", position == OPEN)
    closed = contacts.get(f"{name}_closed", position == CLOSED)
    return Aux(int(opened) + 2 * int(closed))


def _latch(latch: int, condition: Condition) -> Latch:
    if "latches_dead" in condition.others:
        return Latch.NONE
    if "latch_low" in condition.others and latch == Latch.ALL:
        return Latch.SOME
    if "latch_high" in condition.others and latch == Latch.NONE:
        return Latch.SOME
    return Latch(latch)


def _zero_current(plant: Plant, drive: Drive, condition: Condition) -> bool | None:
    flowing = plant.contactor == CLOSED and (drive.charger_enable or "charger_runaway" in condition.others)
    pulsing = plant.latch != 0 and CLOSED not in (plant.dump_a, plant.dump_b)
    return None if flowing or pulsing else True


def _pulses_counted(plant: Plant, drive: Drive, condition: Condition) -> int | None:
    if "counter_dead" in condition.others:
        return 0
    through = drive.pulse_gate or ("gate_stuck_open" in condition.others and plant.level >= CHARGING)
    return None if through or "counter_noise" in condition.others else 0


@cache
def read_terminals(plant: Plant, drive: Drive, estop_pressed: bool, condition: Condition) -> Terminals:
    """What the PLC sees of ``plant`` when ``drive`` reached the coils since the last scan."""
    a, b, modules = (_reading(plant.level, name, plant.frozen, condition) for name in PROBES)
    contacts = dict(condition.contacts)
    spread = modules != _NO_READING and modules >= CHARGING and (
        "spread" in condition.others or (abs(modules - plant.level) >= 3)
    )  # fmt: skip
    falling: bool | None = None
    if plant.fell and not condition.probes:
        falling = True
    dump_a, dump_b = _pair(plant.dump_a, "dump_a", contacts), _pair(plant.dump_b, "dump_b", contacts)
    mismatch = _differ(a, b)
    if modules != _NO_READING and (dump_a, dump_b) == (Aux.OPEN, Aux.OPEN):
        mismatch = mismatch or _differ(a, modules) or _differ(b, modules)
    zero = contacts.get("zero_current", _zero_current(plant, drive, condition))
    return Terminals(
        _band(a),
        _band(b),
        _band(modules),
        _aim(a, b),
        mismatch,
        spread,
        modules == OVER,
        _latch(plant.latch, condition),
        _pair(plant.contactor, "contactor", contacts),
        dump_a,
        dump_b,
        contacts.get("charger_inhibited", not drive.charger_enable),
        zero,
        contacts.get("hw_overvoltage_ok", not plant.overvoltage),
        contacts.get("estop_ok", not estop_pressed),
        falling,
        _pulses_counted(plant, drive, condition),
    )
