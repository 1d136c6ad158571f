"""PURE: the longer predicates of the rules: clocks, counters, marks, answers, time limits."""

from collections.abc import Callable

from drivers.wire.plc import PlcCommand, PlcState, Refusal
from firmware_sim.plc.levels import Aux, Latch
from tests.formal.bench_levels import SHORT
from tests.formal.rule_demands import DUMPING_DEMANDS
from tests.formal.rule_words import (
    ARMED,
    ENDING,
    UNFIRED,
    Scan,
    both_dump,
    by,
    closed,
    counted,
    goes,
    no_energy,
    single_asked,
)

S = PlcState
C = PlcCommand


def reset_edge(s: Scan) -> bool:
    return s.seen.local_reset and not s.before.reset_held


def approachable(s: Scan) -> bool:
    return not (s.before.misfire or s.before.partial) or s.before.quiet + 1 >= SHORT.no_approach


def shot_marks(s: Scan) -> bool:
    """After SHOT: nothing fired is a misfire, some is partial, all is neither; judged by the latches of that scan."""
    if s.after.state not in ENDING:
        return True
    nothing, some = s.seen.latch is Latch.NONE, s.seen.latch is Latch.SOME
    return (s.after.misfire, s.after.partial) == (nothing, some)


def keeps_marks(s: Scan) -> bool:
    return s.after.state is S.LOCKOUT or (
        (s.after.misfire or s.after.partial) == (s.before.misfire or s.before.partial)
    )


def single_ends(s: Scan) -> bool:
    """One dump alone becomes both when its expected time has passed, or at once on DUMP or a trip."""
    over = s.before.t + 1 >= SHORT.single_dump or by(s, C.DUMP) or s.after.state is not S.DUMPING
    return not s.before.single or both_dump(s.out) or not over


def wait_ends(s: Scan) -> bool:
    """The wait for zero current ends with the current or its time, and with nothing else: no second DUMP cuts it."""
    if not s.before.current_wait:
        return True
    if s.seen.zero_current or s.before.t + 1 >= SHORT.current_wait:
        return both_dump(s.out)
    return (s.out.dump_a_open, s.out.dump_b_open) == (s.before.dump_a_open, s.before.dump_b_open)


def counts(s: Scan) -> bool:
    """Debounce, travel, dwell and no-approach counters count scans in a row, and nothing else."""
    b, a, v, t = s.before, s.after, s.seen, SHORT
    shot = b.state is S.SHOT
    agrees = v.dump_a is (Aux.OPEN if b.dump_a_open else Aux.CLOSED)
    agrees = agrees and v.dump_b is (Aux.OPEN if b.dump_b_open else Aux.CLOSED)
    contactor = v.contactor is (Aux.CLOSED if b.contactor_close else Aux.OPEN)
    return (
        counted(b.dwell, a.dwell, t.dwell, closed(v))
        and counted(b.quiet, a.quiet, t.no_approach, (b.misfire or b.partial) and no_energy(v))
        and counted(b.mismatch, a.mismatch, t.mismatch_debounce, v.mismatch and not shot)
        and counted(b.spread, a.spread, t.spread_debounce, v.spread and not shot)
        and counted(b.discrepancy, a.discrepancy, t.discrepancy_debounce, v.door_1 is not v.door_2)
        and counted(b.contactor_moving, a.contactor_moving, t.contactor_travel, not contactor and not shot)
        and counted(b.dumps_moving, a.dumps_moving, t.dump_travel, not agrees and not shot)
        and counted(
            b.charger_moving,
            a.charger_moving,
            t.charger_travel,
            not (b.charger_enable or v.charger_inhibited) and not shot,
        )
    )


def clock(s: Scan) -> bool:
    """The state's own clock starts at zero and counts every scan; the dump's clock from both dumps commanded."""
    b, a = s.before, s.after
    if b.state in ARMED and a.state is b.state and a.t != b.t + 1:
        return False
    if a.state is not b.state and a.state in ARMED | {S.DUMPING} and a.t != 0:
        return False
    if a.state in ENDING and b.state not in ENDING:
        return a.dump_t == 0
    if a.state in ENDING:
        waiting = b.dump_a_open or b.dump_b_open
        return a.dump_t == (0 if waiting else min(b.dump_t + 1, SHORT.dump))
    return True


def answers(s: Scan) -> bool:
    """A command is answered on its scan; a refused one leads nowhere: what happens then happens without it too."""
    command = s.seen.facts.command
    if command is C.NONE:
        return s.out.ack is None
    moved = s.after.state in UNFIRED | {S.SHOT, S.TEST} and s.after.state is not s.before.state
    return s.out.ack is not None and (not moved or s.before.state in (S.CHARGE, S.RUN) or s.out.ack is Refusal.ACCEPTED)


def demanded(s: Scan) -> bool:
    """Something trips DUMPING on this scan: trips come first."""
    masked = s.seen.facts.under_test
    return any(present(s.before, s.seen) and not masked & bit for bit, present in DUMPING_DEMANDS)


def slow_locks(s: Scan) -> bool:
    """Energy left or a dump not proven once T_dump is over: LOCKOUT, or TRIP first where something trips."""
    if s.before.dump_a_open or s.before.dump_b_open or s.before.dump_t + 1 < SHORT.dump or s.seen.facts.under_test:
        return True
    done = no_energy(s.seen) and closed(s.seen)
    tripped = s.before.state is S.DUMPING and demanded(s) and s.after.state is S.TRIP
    return done or tripped or s.after.state is S.LOCKOUT


def late(limit: int) -> Callable[[Scan], bool]:
    return lambda s: s.after.t < limit or s.after.state is not s.before.state


def not_early(limit: int) -> Callable[[Scan], bool]:
    """DUMPING by itself only when the time is over."""
    return lambda s: not goes(s, S.DUMPING) or by(s, C.DUMP) or single_asked(s) or s.before.t + 1 >= limit
