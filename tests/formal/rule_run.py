"""PURE: the rules of a bench that runs: bench.md section 2 (microwave part), safety.md 2.3 rows 42 to 46, 3.4.

Written from those texts. They are judged beside all rules of rules.py but those about firing; ``RunTimes`` is
``RUN_TIMES`` but for the number of places in the budget, which a state shows by itself.
"""

from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.levels import Aim, Aux, Latch, Levels, Proof
from firmware_sim.plc.machine import ControlState
from tests.formal.bench_levels import AIMED, CLOSED, OPEN, RUN_TIMES, SAFE, SHORT
from tests.formal.rule_checks import demanded, late, slow_locks
from tests.formal.rule_demands import DEMANDS, Demand, trips
from tests.formal.rule_words import (
    ALL,
    ARMED,
    ENDING,
    WATCHED,
    PlantRule,
    Rule,
    Scan,
    by,
    enter,
    goes,
    of,
    opened,
    token_good,
)

S = PlcState
C = PlcCommand
T = RUN_TIMES
HIGH_VOLTAGE = of(S.CHARGE, S.FLOAT, S.RUN)


def _gate_was_open(c: ControlState) -> bool:
    return c.state is S.RUN and not c.pulse.inhibit


def _overrun(c: ControlState, v: Levels) -> bool:
    new = v.facts.run.pulses
    filled = c.pulse.bucket + new * T.duty_window - T.duty_pulses
    too_many = c.state is S.RUN and c.pulse.pulses + new > T.pulses
    return (new > 0 and not _gate_was_open(c)) or too_many or filled > T.duty_pulses * T.duty_window


def _no_place(c: ControlState, v: Levels) -> bool:
    """A new cause while each of the last N came less than the budget's window ago."""
    return not c.pulse.inhibit and v.facts.run.causes != 0 and all(age + 1 < T.retry_window for age in c.pulse.ages)


def _stuck(c: ControlState, v: Levels) -> bool:
    """A latch that is still set after hold-off and the time in which it must obey its reset."""
    seen = v.facts.run
    long = c.pulse.hold >= T.hold_off + T.latch_reset
    return c.pulse.inhibit != 0 and seen.causes != 0 and not seen.soft and long


RUN_DEMANDS: tuple[Demand, ...] = (
    Demand(Trip.WINDOW, ARMED, lambda c, v: v.facts.run.window_trip, "a window that trips is lost"),
    Demand(Trip.RETRIES, HIGH_VOLTAGE, lambda c, v: _no_place(c, v) or _stuck(c, v), "no retry is left"),
    Demand(Trip.PULSE_OVERRUN, ARMED | {S.DUMPING}, _overrun, "a pulse that nothing allowed, or too many"),
)


def _fresh_trip(s: Scan) -> bool:
    found = s.after.trips & ~s.before.trips
    causes = [d for d in (*DEMANDS, *RUN_DEMANDS) if found & d.cause]
    return not goes(s, S.TRIP) or (
        bool(causes) and all(d.present(s.before, s.seen) and s.before.state in d.states for d in causes)
    )


def _tripped_first(s: Scan) -> bool:
    """A trip that comes on the scan of a lockout goes first; TRIP locks on the next one."""
    return s.before.state is S.DUMPING and s.after.state is S.TRIP and (demanded(s) or _overrun(s.before, s.seen))


def _failed_proof_locks(s: Scan) -> bool:
    """Rule P23 with the trips of such a bench."""
    b = s.before
    due = b.dump_t + 1 >= SHORT.dump and not (b.dump_a_open or b.dump_b_open)
    return not due or s.seen.facts.proof is not Proof.FAILED or s.after.state is S.LOCKOUT or _tripped_first(s)


def _holds_on(s: Scan) -> bool:
    """What RUN needs on every scan, whether it is entered or stays."""
    v = s.seen
    return (
        opened(v)
        and v.contactor is Aux.CLOSED
        and v.consent
        and v.facts.run.fit
        and v.aim is not Aim.ABOVE
        and not v.facts.run.window_trip
        and v.door_1
        and v.door_2
        and v.estop_ok
        and v.operator_key
        and v.facts.heartbeat
        and v.search_complete
        and v.ground_stick_stowed
        and v.hw_overvoltage_ok
        and v.positions_ok
    )


def _inhibits(s: Scan) -> bool:
    if s.before.state not in HIGH_VOLTAGE or not s.seen.facts.run.causes:
        return True
    return not s.out.pulse_gate and (s.after.pulse.inhibit != 0 or s.after.state is S.TRIP)


def _lets_go(s: Scan) -> bool:
    """A held inhibit goes only after the hold-off, with no cause there."""
    if not s.before.pulse.inhibit or s.after.pulse.inhibit or s.before.state not in HIGH_VOLTAGE:
        return True
    over = s.before.pulse.hold >= T.hold_off and not s.seen.facts.run.causes
    return over or s.after.state is S.TRIP


def _hold_counts(s: Scan) -> bool:
    b, a, seen = s.before.pulse, s.after.pulse, s.seen.facts.run
    if not (b.inhibit and a.inhibit):
        return a.hold == 0
    return a.hold == (0 if seen.soft else min(b.hold + 1, T.hold_off + T.latch_reset))


def _budget(s: Scan) -> bool:
    """Ages count; a new cause takes the oldest place; nothing but a local reset gives one back early."""
    b, a = s.before.pulse, s.after.pulse
    if s.before.state is S.TRIP:
        return s.after.state is not S.SAFE or set(a.ages) == {T.retry_window}
    older = tuple(min(age + 1, T.retry_window) for age in b.ages)
    new = s.before.state in HIGH_VOLTAGE and not b.inhibit and s.seen.facts.run.causes != 0
    return a.ages == ((0, *older[:-1]) if new else older)


def _permit_clock(s: Scan) -> bool:
    """The permit's time counts from the first RUN through FLOAT, and nothing but a new permit starts it again."""
    b, a = s.before, s.after
    if b.state is S.RUN or (b.state is S.FLOAT and b.pulse.t):
        return a.pulse.t == min(b.pulse.t + 1, T.run)
    return a.pulse.t == 0


def _counted(s: Scan) -> bool:
    b, a, new = s.before.pulse, s.after.pulse, s.seen.facts.run.pulses
    full = T.duty_pulses * T.duty_window
    pulses = min(b.pulses + new, T.pulses + 1) if s.before.state is S.RUN else 0
    bucket = min(max(b.bucket + new * T.duty_window - T.duty_pulses, 0), full + 1)
    return (a.pulses, a.bucket) == (pulses, bucket)


_REAL = ALL - of(S.TRIP, S.LOCKOUT)
"""Where the memory of the pulse inhibit is read again."""

RUN_RULES: tuple[Rule, ...] = (
    *(trips(demand) for demand in RUN_DEMANDS),
    Rule("R reason", "TRIP only with a cause that is present in a state where it acts", WATCHED, _fresh_trip),
    Rule(
        "R slow",
        "energy left or a dump not proven after T_dump is LOCKOUT, test relays aside",
        ENDING,
        lambda s: slow_locks(s) or _tripped_first(s),
    ),
    Rule("R proof", "a proof that failed is LOCKOUT after T_dump", ENDING, _failed_proof_locks),
    Rule(
        "R states",
        "ISOLATE, FIREWIN and SHOT do not exist",
        ALL,
        lambda s: s.after.state not in (S.ISOLATE, S.FIREWIN, S.SHOT) and not s.out.gate_open,
    ),
    enter(S.OPENING, "R permit", "no PERMIT with a window lost or cold", of(S.SAFE), lambda s: s.seen.facts.run.fit),
    enter(S.CHARGE, "R charge", "no CHARGE with a window lost", of(S.OPENING), lambda s: s.seen.facts.run.fit),
    enter(
        S.RUN,
        "R run",
        "RUN only from FLOAT, by RUN with a good token, in tolerance, without inhibit or a current, permit not over",
        ALL,
        lambda s: (
            s.before.state is S.FLOAT
            and by(s, C.RUN)
            and token_good(s)
            and s.out.ack is Refusal.ACCEPTED
            and s.seen.aim is Aim.IN
            and s.seen.latch is Latch.NONE
            and not s.seen.facts.run.causes
            and not s.after.pulse.inhibit
            and s.after.pulse.t < T.run
        ),
    ),
    enter(S.RUN, "R guards", "RUN is entered only with everything that it needs", ALL, _holds_on),
    Rule(
        "R every scan",
        "RUN stays only with everything that it needs on this scan",
        of(S.RUN),
        lambda s: s.after.state is not S.RUN or _holds_on(s),
    ),
    Rule(
        "R out",
        "RUN leaves to FLOAT, DUMPING or TRIP",
        of(S.RUN),
        lambda s: s.after.state in (S.RUN, S.FLOAT, S.DUMPING, S.TRIP),
    ),
    Rule("R hold", "HOLD ends RUN on its scan", of(S.RUN), lambda s: not by(s, C.HOLD) or s.after.state is not S.RUN),
    Rule(
        "R not early",
        "RUN ends in FLOAT only by HOLD, with its pulses, or without what it needs; in DUMPING by DUMP or its time",
        of(S.RUN),
        lambda s: (
            (s.after.state is not S.FLOAT or by(s, C.HOLD) or s.after.pulse.pulses >= T.pulses or not _holds_on(s))
            and (s.after.state is not S.DUMPING or by(s, C.DUMP) or s.after.pulse.t >= T.run)
        ),
    ),
    Rule(
        "R done",
        "with its number of pulses RUN is over",
        of(S.RUN),
        lambda s: s.after.state is not S.RUN or s.before.pulse.pulses + s.seen.facts.run.pulses < T.pulses,
    ),
    Rule(
        "R late",
        "the permit's time bounds RUN",
        of(S.RUN),
        lambda s: s.after.state is not S.RUN or s.after.pulse.t < T.run,
    ),
    Rule("R bounded", "no RUN is longer than the permit", of(S.RUN), late(T.run)),
    Rule(
        "R reset",
        "no reset while a window that tripped is lost",
        of(S.TRIP),
        lambda s: s.after.state is not S.SAFE or not (s.before.trips & Trip.WINDOW and s.seen.facts.run.window_trip),
    ),
    Rule(
        "R gate",
        "the pulse gate is open exactly in RUN without an inhibit",
        ALL,
        lambda s: s.out.pulse_gate is (s.after.state is S.RUN and not s.after.pulse.inhibit),
    ),
    Rule("R inhibit", "a cause shuts the gate on its scan and is held", ALL, _inhibits),
    Rule("R lets go", "an inhibit goes only after its hold-off, without a cause", ALL, _lets_go),
    Rule("R hold-off", "the hold-off counts scans in a row without a window's cause", HIGH_VOLTAGE, _hold_counts),
    Rule("R budget", "the retry budget slides with time, and only the local reset fills it", _REAL | {S.TRIP}, _budget),
    Rule("R permit clock", "the permit's time is not stopped by HOLD", _REAL, _permit_clock),
    Rule("R counted", "pulses and duty are counted as they come", _REAL, _counted),
    Rule(
        "R places",
        "the budget has as many places as before, each bounded",
        _REAL,
        lambda s: (
            s.after.state is S.TRIP
            or s.after.state is S.LOCKOUT
            or (len(s.after.pulse.ages) == len(s.before.pulse.ages) and max(s.after.pulse.ages) <= T.retry_window)
        ),
    ),
)

RUN_PLANT_RULES: tuple[PlantRule, ...] = (
    PlantRule(
        "R true",
        "RUN is entered only at a true voltage in tolerance, contactor truly closed and dumps truly open",
        of(S.FLOAT),
        lambda t: (
            t.after.state is not S.RUN
            or (t.plant.level == AIMED and t.plant.contactor == CLOSED and t.plant.dump_a == t.plant.dump_b == OPEN)
        ),
    ),
    PlantRule(
        "R zero",
        "what the PLC takes for no high voltage is none: a magnet does not stop before",
        ALL,
        lambda t: not t.called_zero or (t.plant.level <= SAFE and t.after.state not in ARMED),
    ),
)
