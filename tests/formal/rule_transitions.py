"""PURE: which state may follow which, when, on whose command; clocks, counters, marks and answers."""

from itertools import pairwise

from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.levels import Aim, Aux, Latch, Proof
from tests.formal.bench_levels import SHORT
from tests.formal.rule_checks import (
    answers,
    approachable,
    clock,
    counts,
    demanded,
    keeps_marks,
    late,
    not_early,
    reset_edge,
    shot_marks,
    single_ends,
    slow_locks,
)
from tests.formal.rule_demands import fresh_trip
from tests.formal.rule_words import (
    ALL,
    ARMED,
    ENDING,
    UNFIRED,
    WATCHED,
    Rule,
    at_zero,
    by,
    closed,
    counted,
    dwelt,
    enter,
    goes,
    no_energy,
    of,
    opened,
    single_asked,
    token_good,
)

S = PlcState
C = PlcCommand

KEY_BIT, STICK_BIT, DISCREPANCY_BIT = int(Trip.KEY), int(Trip.GROUND_STICK), int(Trip.DOOR_DISCREPANCY)

_STEPS = (S.OPENING, S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN, S.SHOT)
_ONWARD = {*pairwise(_STEPS), (S.FLOAT, S.RUN), (S.RUN, S.FLOAT)}

TRANSITIONS: tuple[Rule, ...] = (
    Rule(
        "P24 armed",
        "only SAFE to OPENING arms the bench",
        ALL - ARMED,
        lambda s: s.after.state not in ARMED or (s.before.state, s.after.state) == (S.SAFE, S.OPENING),
    ),
    Rule(
        "P26 order",
        "CHARGE, FLOAT, ISOLATE, FIREWIN and SHOT are entered each from the one before, RUN and FLOAT from each other",
        ARMED,
        lambda s: (
            s.after.state is s.before.state or s.after.state not in ARMED or (s.before.state, s.after.state) in _ONWARD
        ),
    ),
    enter(
        S.OPENING,
        "P25 permit",
        "OPENING only by PERMIT with a good token",
        of(S.SAFE),
        lambda s: by(s, C.PERMIT) and token_good(s) and s.out.ack is Refusal.ACCEPTED,
    ),
    enter(S.OPENING, "P25 energy", "no PERMIT with energy read anywhere", of(S.SAFE), lambda s: no_energy(s.seen)),
    enter(
        S.OPENING, "P25 dumps", "no PERMIT unless both dumps are proven closed", of(S.SAFE), lambda s: closed(s.seen)
    ),
    enter(
        S.OPENING,
        "P25 contactor",
        "no PERMIT unless the contactor is proven open",
        of(S.SAFE),
        lambda s: s.seen.contactor is Aux.OPEN,
    ),
    enter(
        S.OPENING, "P25 test", "no PERMIT without a fresh self-test", of(S.SAFE), lambda s: s.seen.facts.self_test_fresh
    ),
    enter(
        S.OPENING,
        "P25 relay",
        "no PERMIT while a test relay is energised",
        of(S.SAFE),
        lambda s: not s.seen.facts.under_test,
    ),
    enter(
        S.OPENING,
        "P25 warned",
        "no PERMIT before horn and beacon ran their time",
        of(S.SAFE),
        lambda s: s.seen.facts.warned,
    ),
    enter(
        S.OPENING,
        "P25 consent",
        "no PERMIT without the consent that the energy demands",
        of(S.SAFE),
        lambda s: s.seen.consent,
    ),
    enter(
        S.OPENING, "P25 latches", "no PERMIT with a current latch set", of(S.SAFE), lambda s: s.seen.latch is Latch.NONE
    ),
    enter(
        S.OPENING,
        "P25 fresh",
        "a permit starts without trips, marks or a used token",
        of(S.SAFE),
        lambda s: not (s.after.trips or s.after.misfire or s.after.partial or s.after.fired),
    ),
    enter(
        S.TEST,
        "TEST in",
        "TEST only by ENTER_TEST with key, lock-out, dumps proven closed, no energy, no relay",
        of(S.SAFE),
        lambda s: (
            by(s, C.ENTER_TEST)
            and s.seen.maintenance_key
            and s.seen.charger_locked_out
            and closed(s.seen)
            and no_energy(s.seen)
            and not s.seen.facts.under_test
        ),
    ),
    Rule(
        "TEST out",
        "TEST leaves only to SAFE (or TRIP), and by itself only when its conditions are lost",
        of(S.TEST),
        lambda s: (
            s.after.state in (S.TEST, S.SAFE, S.TRIP)
            and (
                s.after.state is not S.SAFE
                or by(s, C.LEAVE_TEST)
                or not (s.seen.maintenance_key and s.seen.charger_locked_out and closed(s.seen) and no_energy(s.seen))
            )
        ),
    ),
    Rule(
        "TEST lost",
        "TEST ends on the scan that loses its conditions",
        of(S.TEST),
        lambda s: (
            s.after.state is not S.TEST
            or (s.seen.maintenance_key and s.seen.charger_locked_out and closed(s.seen) and no_energy(s.seen))
        ),
    ),
    Rule(
        "TEST fire",
        "a rehearsal pulse only at zero volts and with the gate shut",
        of(S.TEST),
        lambda s: not s.out.fire or (by(s, C.REHEARSE) and at_zero(s.seen) and not s.out.gate_open),
    ),
    enter(
        S.CHARGE,
        "P15 charge",
        "CHARGE only by CHARGE with a good token and both dumps proven open",
        of(S.OPENING),
        lambda s: by(s, C.CHARGE) and token_good(s) and opened(s.seen),
    ),
    enter(
        S.FLOAT,
        "FLOAT in",
        "FLOAT only after the time in tolerance",
        of(S.CHARGE),
        lambda s: s.seen.aim is Aim.IN and s.before.steady + 1 >= SHORT.in_tolerance,
    ),
    Rule(
        "STEADY",
        "time in tolerance counts scans in a row",
        of(S.CHARGE),
        lambda s: (
            s.after.state is not S.CHARGE
            or counted(s.before.steady, s.after.steady, SHORT.in_tolerance, s.seen.aim is Aim.IN)
        ),
    ),
    enter(S.ISOLATE, "ISOLATE in", "ISOLATE only by ISOLATE", of(S.FLOAT), lambda s: by(s, C.ISOLATE)),
    enter(
        S.FIREWIN,
        "P26 enable",
        "FIREWIN only by FIRE_ENABLE with a good token, in tolerance, charger inhibited, no current, "
        "contactor proven open, consent",
        of(S.ISOLATE),
        lambda s: (
            by(s, C.FIRE_ENABLE)
            and token_good(s)
            and s.seen.aim is Aim.IN
            and s.seen.charger_inhibited
            and s.seen.zero_current
            and s.seen.contactor is Aux.OPEN
            and s.seen.consent
        ),
    ),
    enter(
        S.SHOT,
        "P16 fire",
        "SHOT only by FIRE with a good and unused token",
        of(S.FIREWIN),
        lambda s: by(s, C.FIRE) and token_good(s) and not s.before.fired and s.after.fired,
    ),
    enter(S.SHOT, "P16 voltage", "SHOT only in tolerance on that scan", of(S.FIREWIN), lambda s: s.seen.aim is Aim.IN),
    enter(
        S.SHOT,
        "P16 charger",
        "SHOT only with the charger inhibited on that scan",
        of(S.FIREWIN),
        lambda s: s.seen.charger_inhibited,
    ),
    enter(
        S.SHOT, "P16 current", "SHOT only with zero current on that scan", of(S.FIREWIN), lambda s: s.seen.zero_current
    ),
    enter(
        S.SHOT,
        "P16 contactor",
        "SHOT only with the contactor proven open on that scan",
        of(S.FIREWIN),
        lambda s: s.seen.contactor is Aux.OPEN,
    ),
    enter(
        S.SHOT,
        "P16 dumps",
        "SHOT only with both dumps proven open on that scan",
        of(S.FIREWIN),
        lambda s: opened(s.seen),
    ),
    enter(S.SHOT, "P16 consent", "SHOT only with consent on that scan", of(S.FIREWIN), lambda s: s.seen.consent),
    enter(
        S.SHOT,
        "P16 latch",
        "SHOT only without a current latch on that scan",
        of(S.FIREWIN),
        lambda s: s.seen.latch is Latch.NONE,
    ),
    enter(
        S.SHOT,
        "P16 safe",
        "SHOT only with doors, e-stop, key, heartbeat, search, stick good on that scan",
        of(S.FIREWIN),
        lambda s: (
            s.seen.door_1
            and s.seen.door_2
            and s.seen.estop_ok
            and s.seen.operator_key
            and s.seen.facts.heartbeat
            and s.seen.search_complete
            and s.seen.ground_stick_stowed
        ),
    ),
    Rule("P17 opening", "OPENING is bounded", of(S.OPENING), late(SHORT.open + 1)),
    Rule("P17 charge", "CHARGE is bounded", of(S.CHARGE), late(SHORT.charge)),
    Rule("P18 float", "FLOAT is bounded", of(S.FLOAT), late(SHORT.float)),
    Rule("P18 isolate", "ISOLATE is bounded", of(S.ISOLATE), late(SHORT.isolate)),
    Rule("P19 firewin", "FIREWIN is bounded", of(S.FIREWIN), late(SHORT.fire)),
    Rule("P30 shot", "SHOT is bounded", of(S.SHOT), late(SHORT.shot)),
    Rule("T opening", "OPENING does not give up early", of(S.OPENING), not_early(SHORT.open + 1)),
    Rule("T charge", "CHARGE gives up only by DUMP or TRIP", of(S.CHARGE), not_early(1_000_000)),
    Rule("T float", "FLOAT does not give up early", of(S.FLOAT), not_early(SHORT.float)),
    Rule("T isolate", "ISOLATE does not give up early", of(S.ISOLATE), not_early(SHORT.isolate)),
    Rule("T firewin", "FIREWIN does not give up early", of(S.FIREWIN), not_early(SHORT.fire)),
    Rule(
        "T shot",
        "SHOT does not end early: the pulse needs its time",
        of(S.SHOT),
        lambda s: not goes(s, S.DUMPING) or by(s, C.DUMP) or s.before.t + 1 >= SHORT.shot,
    ),
    Rule(
        "DUMP",
        "DUMP is accepted everywhere and ends every armed state on its scan",
        ALL,
        lambda s: not by(s, C.DUMP) or (s.out.ack is Refusal.ACCEPTED and s.after.state not in ARMED),
    ),
    Rule(
        "DUMP single",
        "DUMP_A and DUMP_B act only below 120 V, and close their own dump at once",
        UNFIRED,
        lambda s: (
            not (goes(s, S.DUMPING) and s.after.single)
            or (
                single_asked(s)
                and (s.out.dump_b_open if by(s, C.DUMP_A) else s.out.dump_a_open)
                and not (s.out.dump_a_open and s.out.dump_b_open)
            )
        ),
    ),
    Rule("DUMP alone", "one dump alone becomes both in time", of(S.DUMPING), single_ends),
    Rule(
        "P20 way",
        "TRIP leaves only to SAFE or LOCKOUT",
        of(S.TRIP),
        lambda s: s.after.state in (S.TRIP, S.SAFE, S.LOCKOUT),
    ),
    enter(S.SAFE, "P20 reset", "TRIP leaves to SAFE only on the edge of the local reset", of(S.TRIP), reset_edge),
    Rule("P20 held", "a reset held down is remembered", ALL, lambda s: s.after.reset_held is s.seen.local_reset),
    enter(
        S.SAFE,
        "P20 key",
        "what tripped by the key or the stick needs it back before a reset",
        of(S.TRIP),
        lambda s: (
            (s.seen.operator_key or not s.before.trips & KEY_BIT)
            and (s.seen.ground_stick_stowed or not s.before.trips & STICK_BIT)
        ),
    ),
    enter(
        S.SAFE,
        "P20 discrepancy",
        "a door discrepancy needs the maintenance key at the reset",
        of(S.TRIP),
        lambda s: s.seen.maintenance_key or not s.before.trips & DISCREPANCY_BIT,
    ),
    Rule(
        "P20 latched",
        "a cause once noted stays until the reset",
        of(S.TRIP),
        lambda s: s.after.state is not S.TRIP or not s.before.trips & ~s.after.trips,
    ),
    Rule("P22 lockout", "LOCKOUT is for ever", of(S.LOCKOUT), lambda s: s.after.state is S.LOCKOUT),
    Rule("P23 slow", "energy left or a dump not proven after T_dump is LOCKOUT, test relays aside", ENDING, slow_locks),
    Rule(
        "P23 proof",
        "a proof that failed is LOCKOUT after T_dump",
        ENDING,
        lambda s: (
            s.seen.facts.proof is not Proof.FAILED
            or s.before.dump_t + 1 < SHORT.dump
            or s.after.state is S.LOCKOUT
            or s.before.dump_a_open
            or s.before.dump_b_open
            or (s.before.state is S.DUMPING and demanded(s))
        ),
    ),
    enter(
        S.LOCKOUT,
        "P23 reason",
        "LOCKOUT only after T_dump, with energy left, a dump not proven, or a failed proof",
        ALL,
        lambda s: (
            s.before.state in ENDING
            and s.before.dump_t + 1 >= SHORT.dump
            and (not (no_energy(s.seen) and closed(s.seen)) or s.seen.facts.proof is Proof.FAILED)
        ),
    ),
    enter(
        S.LOCKOUT,
        "P23 relay",
        "a test relay makes nobody believe that energy is left",
        ENDING,
        lambda s: not s.seen.facts.under_test or s.seen.facts.proof is Proof.FAILED,
    ),
    enter(S.SAFE, "SAFE energy", "SAFE only with no energy read anywhere", ENDING, lambda s: no_energy(s.seen)),
    enter(S.SAFE, "SAFE dwell", "SAFE only with both dumps proven closed for the dwell", ENDING, dwelt),
    enter(S.SAFE, "SAFE approach", "after a misfire SAFE only after the no-approach time", ENDING, approachable),
    enter(
        S.SAFE, "SAFE relay", "SAFE only with no test relay energised", ENDING, lambda s: not s.seen.facts.under_test
    ),
    enter(
        S.SAFE,
        "SAFE proof",
        "DUMPING ends in SAFE only with the proof of safe",
        of(S.DUMPING),
        lambda s: s.seen.facts.proof is Proof.HOLDS,
    ),
    enter(
        S.SAFE,
        "P21 proof",
        "no reset while the proof of safe has failed",
        of(S.TRIP),
        lambda s: s.seen.facts.proof is not Proof.FAILED,
    ),
    Rule("SHOT marks", "the latches decide: misfire, partial or neither", of(S.SHOT), shot_marks),
    Rule("MARKS", "a misfire mark lasts as long as the dump", ENDING, keeps_marks),
    Rule("TRIP reason", "TRIP only with a cause that is present in a state where it acts", WATCHED, fresh_trip),
    Rule("COUNT", "debounce, travel, dwell and no-approach count scans in a row", ALL - {S.LOCKOUT}, counts),
    Rule("CLOCK", "the clocks of state and dump start at zero and never stop", ALL - {S.LOCKOUT}, clock),
    Rule("ACK", "every command is answered; a refused one leads nowhere", ALL, answers),
)
