"""Breadth-first search of the narrow bench under the PLC's real ``step``, and the lines that plc.pml prints too."""

from typing import NamedTuple

from drivers.wire.plc import PlcCommand, PlcState, Refusal
from firmware_sim.plc.levels import Levels
from firmware_sim.plc.machine import ControlState, Outputs, step
from firmware_sim.plc.table import RULES, Rules
from tests.formal.narrow_bench import CHOICES, FORGETS, TIMES, Event, Fault, State, keep, move, show

S = PlcState


class Seen(NamedTuple):
    """What a scan shows outside: compared as well, per state that it leads to."""

    fire: bool
    door_lock: bool
    answer: int
    """0 no command, 1 carried out, 2 refused."""
    causes: int
    """Trip bits found on this scan that were not latched yet (of those that ``keep`` keeps)."""
    source: int = 0
    event: int = 0
    """Where the scan came from and under which event, when a command was carried out or the PLC went anywhere but to
    TRIP: the guards were true under this event."""


REST = Seen(False, False, 0, 0)
"""What is printed for the state at the start, that no scan has led to."""

Found = dict[State, set[Seen]]


class Result(NamedTuple):
    """Outcome of an exploration."""

    found: Found
    """Every reachable state, and what the scans that led to it showed."""
    transitions: int
    edges: frozenset[tuple[PlcState, PlcState, PlcCommand]]
    """(from, to, command) of every scan, staying included."""
    strange: str
    """The line of the first scan that ``expected`` does not know; the search stopped there. "" when there is none."""


def explore(rules: Rules = RULES, expected: frozenset[str] | None = None) -> Result:
    """Breadth first from SAFE at rest until nothing new comes, or until a line that ``expected`` does not have."""
    start = State()
    found: Found = {start: {REST}}
    waiting = [start]
    views: dict[tuple[object, ...], Levels] = {}
    edges: set[tuple[PlcState, PlcState, PlcCommand]] = set()
    transitions = 0
    for state in waiting:
        control, bench = state
        for command, event in CHOICES[control.state, bench.fault is not Fault.NONE]:
            transitions += 1
            moved = move(control, bench, event)
            key = (moved, control.charger_enable, event, command)
            levels = views.get(key)
            if levels is None:
                levels = views[key] = show(control, moved, event, command)
            before = FORGETS.get(event, control)
            after, out = step(before, levels, TIMES, rules)
            edges.add((before.state, after.state, command))
            reached, seen = State(keep(after), moved), see(before, after, out, event)
            shown = found.get(reached)
            if shown is None:
                shown = found[reached] = set()
                waiting.append(reached)
            if seen not in shown:
                shown.add(seen)
                if expected is not None and line(reached, seen) not in expected:
                    return Result(found, transitions, frozenset(edges), line(reached, seen))
    return Result(found, transitions, frozenset(edges), "")


def see(before: ControlState, after: ControlState, out: Outputs, event: Event) -> Seen:
    """What the scan from ``before`` to ``after`` showed."""
    answer = 0 if out.ack is None else 1 if out.ack is Refusal.ACCEPTED else 2
    if after.state is S.TRIP:
        return Seen(out.fire, out.door_lock, answer, after.trips & ~before.trips)
    if answer == 1 or after.state is not before.state:
        return Seen(out.fire, out.door_lock, answer, 0, before.state, event)
    return Seen(out.fire, out.door_lock, answer, 0)


def numbers(state: State) -> tuple[int, ...]:
    """The tuple of a state, in the order of plc.pml's ``report``."""
    c, b = state
    return (
        c.state, c.t, c.steady, c.dump_t, c.dwell, c.quiet, c.contactor_moving, c.dumps_moving, c.charger_moving,
        c.mismatch, c.spread, c.discrepancy, c.contactor_close, c.charger_enable, c.dump_a_open, c.dump_b_open,
        c.current_wait, c.single, c.fired, c.misfire, c.partial, c.reset_held, c.trips, *b,
    )  # fmt: skip


def line(state: State, seen: Seen) -> str:
    """The line that plc.pml prints for a scan that showed ``seen`` and led to ``state``."""
    return " ".join(str(int(number)) for number in (*numbers(state), *seen))


def lines(found: Found) -> list[str]:
    """``found`` as plc.pml prints it, sorted: a line per state and thing seen on the way to it."""
    return sorted(line(state, seen) for state, shown in found.items() for seen in shown)
