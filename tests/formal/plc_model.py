"""PURE: the abstract bench and the real PLC as one graph for the explorer, judged by every rule on the way.

A node is (control state, plant). One transition: the e-stop is pressed or not, the plant moves under the outputs of
the last scan, the terminals are read, and ``step`` runs for every choice of controller and people. What a scan makes
of (control state, terminals) does not depend on how the bench got there, so it is computed once for all faults.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from drivers.wire.plc import PlcState
from firmware_sim.plc.machine import ControlState, high_voltage_zero
from firmware_sim.plc.pulses import at_rest
from firmware_sim.plc.table import RULES, Rules
from tests.formal.bench_faults import HEALTHY, PROBES, RESTARTS, Condition
from tests.formal.bench_levels import DEAD, LEVEL_NAMES, Drive, Plant, Terminals, move_plant, read_terminals
from tests.formal.choices import ONCE, Choice, Outcome, Site, door_is_open, project, relax, run_choices
from tests.formal.explorer import Graph, explore
from tests.formal.rule_words import PlantRule, Scan, Truth
from tests.formal.rules import CHECKS, PLANT_RULES, Checks, broken_by

S = PlcState
Stuck = tuple[tuple[str, bool], ...]
ScanKey = tuple[ControlState, Terminals, Stuck]


class Node(NamedTuple):
    """Control state (projected) and bench after one scan."""

    control: ControlState
    plant: Plant


class Label(NamedTuple):
    """What the environment chose on the way to a node."""

    choice: Choice
    estop_pressed: bool

    def __str__(self) -> str:
        return f"{self.choice}{' estop' if self.estop_pressed else ''}"


class Violation(NamedTuple):
    """One broken rule: where from, by which choice."""

    rule: str
    faults: tuple[str, ...]
    node: Node
    label: Label
    after: ControlState


class Scanned(NamedTuple):
    """All that one scan may make of a control state and terminals."""

    outcomes: tuple[Outcome, ...]
    """One per (control state after, fire, lock): the rest is the same for the bench."""
    broken: tuple[tuple[str, Outcome], ...]
    runs: int


class Judges(NamedTuple):
    """The rules of one kind of bench."""

    checks: Checks
    plant_rules: tuple[PlantRule, ...]


FIRING = Judges(CHECKS, PLANT_RULES)


class Model:
    """The real ``step`` under one set of ``rules``, with its memory of scans already judged."""

    def __init__(
        self,
        rules: Rules = RULES,
        bad_together: int = 1,
        exact: bool = True,
        site: Site = ONCE,
        judges: Judges = FIRING,
    ) -> None:
        self.rules = rules
        self.site = site
        self._checks = judges.checks
        self._plant_rules = {state: tuple(r for r in judges.plant_rules if state in r.sources) for state in S}
        self.bad_together = bad_together
        self.reduce = project if exact else relax
        """What of a control state is kept: all that can be read again, or less than that and so more behaviour."""
        self.violations: dict[tuple[str, tuple[str, ...]], Violation] = {}
        self.scans: dict[ScanKey, Scanned] = {}
        self.judged = 0
        self.raw: dict[ControlState, ControlState] = {}
        """Control states as ``step`` left them, where projecting changed them -> projected."""
        self._plant_verdicts: dict[Truth, tuple[str, ...]] = {}

    def scan(self, control: ControlState, seen: Terminals, stuck: Stuck) -> Scanned:
        """Every outcome of one scan, each judged by the rules for what the PLC saw."""
        key = (control, seen, stuck)
        known = self.scans.get(key)
        if known is not None:
            return known
        outcomes: dict[tuple[ControlState, bool, bool], Outcome] = {}
        broken: dict[str, Outcome] = {}
        runs = 0
        for outcome in run_choices(control, seen, stuck, self.rules, self.bad_together, self.site):
            runs += 1
            _, raw, out, levels = outcome
            after = self.reduce(raw)
            for rule in broken_by(Scan(control, levels, raw, out, door_is_open(levels, stuck)), self._checks):
                broken.setdefault(rule, outcome)
            if raw != after:
                self.raw.setdefault(raw, after)
            outcomes.setdefault((after, out.fire, out.door_lock), outcome._replace(control=after))
        self.judged += runs
        known = self.scans[key] = Scanned(tuple(outcomes.values()), tuple(broken.items()), runs)
        return known

    def successors(self, node: Node, condition: Condition = HEALTHY) -> Iterator[tuple[Label, Node]]:
        """Every transition from ``node``; broken rules are kept in ``violations``."""
        control, plant = node
        for pressed in (False, True):
            drive = drive_of(control, pressed, condition)
            for moved in move_plant(plant, drive, condition):
                seen = read_terminals(moved, drive, pressed, condition)
                scanned = self.scan(control, seen, condition.people)
                for rule, outcome in scanned.broken:
                    self._keep(rule, condition, node, Label(outcome.choice, pressed), outcome.control)
                for outcome in scanned.outcomes:
                    label = Label(outcome.choice, pressed)
                    for rule in self._judge_plant(control, outcome, moved, drive, pressed, condition):
                        self._keep(rule, condition, node, label, outcome.control)
                    yield label, Node(outcome.control, moved)

    def _keep(self, rule: str, condition: Condition, node: Node, label: Label, after: ControlState) -> None:
        self.violations.setdefault((rule, condition.ids), Violation(rule, condition.ids, node, label, after))

    def _judge_plant(
        self, before: ControlState, outcome: Outcome, plant: Plant, drive: Drive, pressed: bool, condition: Condition
    ) -> tuple[str, ...]:
        zero = high_voltage_zero(outcome.control, outcome.levels, self.site.times)
        truth = Truth(
            before, outcome.control, outcome.out, plant, drive, pressed, "estop_chain_dead" in condition.others, zero
        )
        known = self._plant_verdicts.get(truth)
        if known is None:
            known = tuple(rule.id for rule in self._plant_rules[before.state] if not rule.holds(truth))
            self._plant_verdicts[truth] = known
        return known

    def explore(self, starts: Iterable[Node], condition: Condition = HEALTHY) -> Graph[Node, Label]:
        """Everything reachable from ``starts`` under ``condition``."""
        return explore(starts, lambda node: self.successors(node, condition))


def drive_of(control: ControlState, estop_pressed: bool, condition: Condition) -> Drive:
    """What reaches the coils of the outputs that ``control`` holds: nothing with the e-stop chain open."""
    if estop_pressed and "estop_chain_dead" not in condition.others:
        return DEAD
    pulse = control.state is S.SHOT and control.t == 0
    return Drive(
        control.dump_a_open,
        control.dump_b_open,
        control.contactor_close,
        control.charger_enable,
        pulse,
        control.state is S.SAFE,
        control.state is S.RUN and not control.pulse.inhibit,
    )


def initial(site: Site) -> tuple[Node, ...]:
    """Switched on: the PLC in SAFE, or in TRIP after a restart; relays de-energised, bank empty."""
    start = ControlState(pulse=at_rest(site.times.run))
    return Node(start, Plant()), Node(project(start._replace(state=S.TRIP)), Plant())


INITIAL = initial(ONCE)


def strike(node: Node, fault: str) -> Node:
    """The node at which ``fault`` appears: a probe freezes at what it reads, a PLC forgets."""
    control, plant = node
    if fault.endswith("_frozen"):
        name = fault.removesuffix("_frozen")
        a, b, modules = (
            plant.level if name == probe else kept for probe, kept in zip(PROBES, plant.frozen, strict=True)
        )
        plant = plant._replace(frozen=(a, b, modules))
    if fault in RESTARTS and control.state is not S.LOCKOUT:  # which is kept through a restart
        control = ControlState(state=S.TRIP, misfire=fault == "plc_memory")
    return Node(control, plant)


def struck(nodes: Iterable[Node], fault: str) -> list[Node]:
    """Every node at which ``fault`` may appear."""
    return list(dict.fromkeys(strike(node, fault) for node in nodes))


def describe(node: Node, label: Label | None) -> str:
    """One line of a trace."""
    c, p = node
    counters = " ".join(
        f"{name}={value}"
        for name, value in zip(c._fields, c, strict=True)
        if name != "state" and value is not False and value != 0
    )
    relays = "/".join("-oc"[position] for position in (p.contactor, p.dump_a, p.dump_b))
    marks = f" latch {p.latch}" * bool(p.latch) + " OV-latched" * p.overvoltage + " fell" * p.fell
    return f"  [{label or 'start'}] {c.state.name} | {LEVEL_NAMES[p.level]} contactor/A/B {relays}{marks} | {counters}"


def render(graph: Graph[Node, Label], violation: Violation) -> str:
    """A violation with the way there, state by state."""
    lines = [f"{violation.rule} broken under {', '.join(violation.faults) or 'no fault'}:"]
    lines += [describe(step.node, step.label) for step in graph.trace(violation.node)]
    lines.append(f"  [{violation.label}] -> {violation.after.state.name} breaks {violation.rule}")
    return "\n".join(lines)
