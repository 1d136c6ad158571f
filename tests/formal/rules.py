"""PURE: the rules of safety.md 3.5 as amended by bench.md section 2, written from those texts alone.

Nothing here comes from the PLC's table, guards or trips: only its vocabulary (states, commands, levels) is shared.
``SCAN_RULES`` judge one scan by what the PLC saw and did; ``PLANT_RULES`` by what was true on the bench.

Amendments (bench.md): states SAFE, TEST, OPENING, CHARGE, FLOAT, ISOLATE, FIREWIN, SHOT, DUMPING, TRIP, LOCKOUT.
Doors act while armed or dumping, keys, search and heartbeat while armed, because people work beside a bench in SAFE.
The supply is on in CHARGE and FLOAT (P29). SHOT has a length and blanks what interference can fake (P30). DUMP_A and
DUMP_B close one path below 120 V and both later (P28). Consent, latches, warning, search and proof are bench.md's.
"""

from collections.abc import Callable, Iterable, Mapping

from drivers.wire.plc import PlcCommand, PlcState
from tests.formal.bench_levels import AIMED, CLOSED, OPEN, OVER, SAFE
from tests.formal.rule_checks import wait_ends
from tests.formal.rule_demands import DEMANDS, STAYS, blocks_reset, is_noted, refuses_permit, trips
from tests.formal.rule_transitions import TRANSITIONS
from tests.formal.rule_words import (
    ALL,
    ARMED,
    ENDING,
    IDLE,
    UNFIRED,
    PlantRule,
    Rule,
    Scan,
    Truth,
    both_dump,
    by,
    dwelt,
    goes,
    no_energy,
    of,
    supply,
)

S = PlcState
C = PlcCommand


def _one_pulse(s: Scan) -> bool:
    rehearsal = s.before.state is S.TEST and by(s, C.REHEARSE)
    return not s.out.fire or rehearsal or goes(s, S.SHOT)


OUTPUTS: tuple[Rule, ...] = (
    Rule(
        "P2 unlocked",
        "unlocked only with both dumps proven closed for the dwell and no energy read",
        ALL,
        lambda s: s.out.door_lock or (no_energy(s.seen) and dwelt(s)),
    ),
    Rule("P3 unlocked", "unlocked only in SAFE or TEST", ALL, lambda s: s.out.door_lock or s.after.state in IDLE),
    Rule("P4 door", "no supply with a door open", ALL, lambda s: not (supply(s.out) and s.door_open)),
    Rule("P5 estop", "no supply with the e-stop seen", ALL, lambda s: not (supply(s.out) and not s.seen.estop_ok)),
    Rule("P6 key", "no supply with the key off", ALL, lambda s: not (supply(s.out) and not s.seen.operator_key)),
    Rule(
        "P7 heartbeat",
        "no supply without the heartbeat",
        ALL,
        lambda s: not (supply(s.out) and not s.seen.facts.heartbeat),
    ),
    Rule(
        "P14 both",
        "supply and dump are never commanded together",
        ALL,
        lambda s: not supply(s.out) or (s.out.dump_a_open and s.out.dump_b_open),
    ),
    Rule(
        "P28 dumps",
        "outside armed states both dumps are commanded, one-path dumps and the wait after SHOT aside",
        ALL,
        lambda s: (
            s.after.state in ARMED
            or both_dump(s.out)
            or (s.after.state in ENDING and (s.after.current_wait or s.after.single))
        ),
    ),
    Rule("P28 wait", "after SHOT the dumps wait for the current, and not for long", ENDING, wait_ends),
    Rule(
        "P28 no wait",
        "only SHOT makes the dumps wait",
        ALL - ENDING,
        lambda s: not s.after.current_wait or s.before.state is S.SHOT,
    ),
    Rule(
        "P29 supply",
        "the supply is on in CHARGE, FLOAT and RUN only, contactor and charger together",
        ALL,
        lambda s: (s.out.contactor_close, s.out.charger_enable) == (s.after.state in (S.CHARGE, S.FLOAT, S.RUN),) * 2,
    ),
    Rule("P30 pulse", "one fire pulse, on the scan that enters SHOT (or a rehearsal)", ALL, _one_pulse),
    Rule("P30 every", "SHOT begins with its pulse", ALL, lambda s: not goes(s, S.SHOT) or s.out.fire),
    Rule("P30 gate", "the gate is open in SHOT only", ALL, lambda s: s.out.gate_open is (s.after.state is S.SHOT)),
)

SCAN_RULES: tuple[Rule, ...] = (
    *(trips(demand) for demand in DEMANDS),
    *(blocks_reset(demand) for demand in DEMANDS if demand.cause in STAYS),
    *(is_noted(demand) for demand in DEMANDS if demand.cause in STAYS),
    *(refuses_permit(demand) for demand in DEMANDS if S.OPENING in demand.states),
    *TRANSITIONS,
    *OUTPUTS,
)


def rules_of(rules: tuple[Rule, ...]) -> dict[tuple[PlcState, PlcState], tuple[Rule, ...]]:
    """The rules that a scan from one state to another has to keep."""
    return {
        (before, after): tuple(
            rule
            for rule in rules
            if before in rule.sources and (rule.entering is None or (rule.entering is after and before is not after))
        )
        for before in S
        for after in S
    }


RULES_OF = rules_of(SCAN_RULES)


def _entered(t: Truth, target: PlcState) -> bool:
    return t.after.state is target and t.before.state is not target


def _plant_safe(t: Truth) -> bool:
    return t.plant.level <= SAFE


PLANT_RULES: tuple[PlantRule, ...] = (
    PlantRule(
        "P1 unlocked", "unlocked only when there is truly no energy", ALL, lambda t: t.out.door_lock or _plant_safe(t)
    ),
    PlantRule(
        "P1 safe",
        "SAFE is entered only when there is truly no energy",
        ENDING,
        lambda t: t.after.state is not S.SAFE or _plant_safe(t),
    ),
    PlantRule(
        "P2 true",
        "unlocked only when both dumps are truly closed",
        ALL,
        lambda t: t.out.door_lock or t.plant.dump_a == t.plant.dump_b == CLOSED,
    ),
    PlantRule(
        "P5 true",
        "with the e-stop pressed nothing charges, whatever the PLC reads",
        ALL,
        lambda t: not t.estop_pressed or not (supply(t.out) if t.chain_dead else t.drive.charger_enable),
    ),
    PlantRule(
        "P11 true",
        "true over-voltage trips on its scan",
        UNFIRED,
        lambda t: t.plant.level != OVER or t.after.state is S.TRIP,
    ),
    PlantRule(
        "P15 true",
        "the supply comes on only when both dumps are truly open",
        of(S.OPENING),
        lambda t: t.after.state is not S.CHARGE or t.plant.dump_a == t.plant.dump_b == OPEN,
    ),
    PlantRule(
        "P16 true",
        "a pulse only at a true voltage in tolerance, contactor and dumps truly open",
        of(S.FIREWIN),
        lambda t: (
            not t.out.fire or (t.plant.level == AIMED and t.plant.contactor == t.plant.dump_a == t.plant.dump_b == OPEN)
        ),
    ),
    PlantRule(
        "P25 true",
        "PERMIT only with truly no energy, dumps truly closed and contactor truly open",
        of(S.SAFE),
        lambda t: (
            t.after.state is not S.OPENING
            or (_plant_safe(t) and t.plant.dump_a == t.plant.dump_b == CLOSED and t.plant.contactor == OPEN)
        ),
    ),
    PlantRule(
        "P16 rehearsal",
        "a rehearsal only at true zero volts",
        of(S.TEST),
        lambda t: not t.out.fire or t.plant.level <= SAFE,
    ),
)
RULE_COUNT = len(SCAN_RULES) + len(PLANT_RULES)

Checks = Mapping[tuple[PlcState, PlcState], tuple[tuple[str, Callable[[Scan], bool]], ...]]


def checks_of(rules: tuple[Rule, ...]) -> Checks:
    """Ids and predicates of :func:`rules_of`, for who asks often."""
    return {pair: tuple((rule.id, rule.holds) for rule in those) for pair, those in rules_of(rules).items()}


CHECKS = checks_of(SCAN_RULES)


def broken_by(scan: Scan, checks: Checks = CHECKS) -> Iterable[str]:
    """Ids of the rules that this scan breaks."""
    return [name for name, holds in checks[scan.before.state, scan.after.state] if not holds(scan)]
