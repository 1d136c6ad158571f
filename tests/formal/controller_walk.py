"""Walks the controller's engine state by state, with a PLC that may report anything at any moment.

A status is not drawn from a list: it is asked. Whatever the engine (or a rule) looks at is decided when it looks, and
every answer is tried (:class:`Chooser`). What nobody asks cannot matter, so all states x 2^13 flags and inputs x
trips are covered without writing them down. Time is a few classes before, at and after every limit of the step.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import NamedTuple, cast

from controller.safety.bench import BenchState
from controller.sequencer.engine import Done, EngineState, Event, Failed, Hold, Mode, Output, Seen, Start, Stop
from controller.sequencer.engine import Ending as EngineEnding
from controller.sequencer.plan import Plan, StepKind
from controller.sequencer.steps import Command, Observation, Perform
from drivers.wire.plc import Flag, Input
from drivers.wire.plc_run import InhibitCause, RunFlag

STATES_MAX = 100_000
"""A plan has a few hundred states; more means that something unbounded got into the engine's memory."""

NOW_NS = 10**12
RUN_WORDS = {str(flag.name) for flag in RunFlag} | {f"INHIBIT_{cause.name}" for cause in InhibitCause}
WORDS = frozenset(
    {str(flag.name) for flag in Flag} | {str(bit.name) for bit in Input} | RUN_WORDS | {"INHIBIT_CLEAR", "PULSES_DONE"}
)
TRIPS = ((), ("DOOR_1",), ("PREFIRE",), ("REBOUND",))
ENERGY = frozenset(BenchState) - {BenchState.SAFE, BenchState.TEST, BenchState.TRIP}
"""Where the bank may hold energy; a state that nobody knows is one of them (rule C10)."""

Step = Callable[[Plan, EngineState, Event], tuple[EngineState, tuple[Output, ...]]]


class Chooser:
    """Answers questions from a script and then with the first option; remembers how many options there were."""

    def __init__(self, script: list[int]) -> None:
        self._script = script
        self.taken: list[tuple[int, int]] = []

    def pick(self, count: int) -> int:
        """A number below ``count``."""
        at = len(self.taken)
        index = self._script[at] if at < len(self._script) else 0
        self.taken.append((index, count))
        return index

    def next_script(self) -> list[int] | None:
        """The script of the next combination, None after the last."""
        taken = self.taken
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return None
        return [index for index, _count in taken[:-1]] + [taken[-1][0] + 1]


class AnyNames:
    """A set of names of which each is decided when somebody asks for it."""

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser
        self._known: dict[str, bool] = {}

    def __contains__(self, name: object) -> bool:
        known = self._known.get(str(name))
        if known is None:
            assert name in WORDS, f"the PLC has no flag or input {name!r}"
            known = self._known[str(name)] = bool(self._chooser.pick(2))
        return known

    def __rand__(self, names: set[str]) -> set[str]:
        return {name for name in names if name in self}

    def __ge__(self, names: set[str]) -> bool:
        return all(name in self for name in names)


class AnyStatus:
    """An ``Observation`` nothing of which is decided yet but its time."""

    refusal = "GUARD"
    self_test = (3, 9)
    self_test_failed = ("door_1",)
    latches = 0

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser
        self.t_ns = NOW_NS
        self.flags = AnyNames(chooser)
        self.inputs = AnyNames(chooser)
        self._state: BenchState | None = None
        self._trips: tuple[str, ...] | None = None

    @property
    def state(self) -> BenchState:
        """Any of them."""
        if self._state is None:
            self._state = _BENCH_STATES[self._chooser.pick(len(_BENCH_STATES))]
        return self._state

    @property
    def trips(self) -> tuple[str, ...]:
        """None, an ordinary one, or one of the two that say that there was energy."""
        if self._trips is None:
            self._trips = TRIPS[self._chooser.pick(len(TRIPS))]
        return self._trips


_BENCH_STATES = tuple(BenchState)


class Memory(NamedTuple):
    """What the rules remember of a run, on their own account: nothing of it comes from the engine's state."""

    fires: int = 0
    scope_armed: bool = False
    energy: bool = False
    """The PLC reported a state with energy, and nothing has proven since that it is gone."""
    seen: BenchState | None = None
    """The last status's state, while the run goes on."""
    proven: bool = False
    """After the abort's DUMP a status proved the bench safe, and none since then took that back."""


class Node(NamedTuple):
    """One state of engine and rules; times and texts are taken out."""

    state: EngineState
    memory: Memory


class Ages(NamedTuple):
    """Seconds since the phase's intents were done, since the step began, since the abort."""

    phase_s: float = 0.01
    step_s: float = 0.01
    abort_s: float = 0.01


@dataclass(slots=True)
class Moved:
    """One transition, for the rules to judge. ``status`` is None for events that are none."""

    plan: Plan
    before: EngineState
    memory: Memory
    event: Event
    status: AnyStatus | None
    ages: Ages
    after: EngineState
    outputs: tuple[Output, ...]
    now: Memory


def ages_of(plan: Plan, state: EngineState) -> tuple[Ages, ...]:
    """Times at which a status may come: late, at the same instant, and around every limit of where the run is."""
    late_s, tick_s = -0.02, 0.001
    if state.mode is Mode.ABORT:
        return tuple(Ages(age_s, age_s, age_s) for age_s in (late_s, 0.0, tick_s, 60.0 - tick_s, 60.0 + tick_s))
    if state.mode is not Mode.RUN or state.step < 0:
        return (Ages(),)
    step = plan.steps[state.step]
    long_s = max(step.duration_s, step.settle_s, 0.15)
    over_s = step.timeout_s + tick_s
    pairs = [(late_s, tick_s), (0.0, tick_s), (tick_s, tick_s), (long_s, long_s), (long_s, step.timeout_s - tick_s)]
    pairs += [(late_s, over_s), (tick_s, over_s), (long_s, over_s)]
    if step.kind is StepKind.VERIFY:  # a misfire keeps people away for longer
        pairs += [(late_s, over_s + 45.0), (tick_s, over_s + 45.0)]
    if step.duration_s > 0.0:
        pairs.append((step.duration_s - tick_s, step.duration_s - tick_s))
    return tuple(Ages(*pair) for pair in pairs)


def _at(state: EngineState, ages: Ages) -> EngineState:
    """``state`` as it is when its step, phase and abort began so long ago."""
    phase_ns, step_ns, abort_ns = (NOW_NS - round(age_s * 1e9) for age_s in ages)
    return replace(state, phase_ns=phase_ns, step_ns=step_ns, abort_ns=abort_ns)


Befores = Sequence[tuple[Ages, EngineState]]


def happen(plan: Plan, node: Node, befores: Befores, chooser: Chooser, step: Step) -> Moved:
    """One arbitrary event in ``node``; the last of ``befores`` is for events that are no status."""
    kind, status = chooser.pick(6 if plan.runs else 5), None
    ages, before = befores[-1]
    event: Event = Start(NOW_NS)
    if kind == 0:
        ages, before = befores[chooser.pick(len(befores) - 1)]
        status = AnyStatus(chooser)
        event = Seen(cast(Observation, status))
    elif kind == 1:
        event = Done(NOW_NS)
    elif kind == 2:
        event = Failed(NOW_NS, "the journal cannot be written")
    elif kind == 3:
        ending = (EngineEnding.ABORTED, EngineEnding.STOPPED)[chooser.pick(2)]
        event = Stop(NOW_NS, "somebody wants the energy gone", ending)
    elif kind == 5:
        event = Hold(NOW_NS, "no further pulses")
    after, outputs = step(plan, before, event)
    moved = Moved(plan, before, node.memory, event, status, ages, after, outputs, node.memory)
    moved.now = remember(moved)
    return moved


def remember(moved: Moved) -> Memory:
    """The rules' memory after a transition."""
    fires, scope_armed, energy, seen, proven = moved.memory
    status, before = moved.status, moved.before
    lasts = before.mode in (Mode.ABORT, Mode.SALVAGE) or (before.mode is Mode.RUN and before.step >= 0)
    if status is not None and lasts:
        seen = status.state
        gone = (
            seen not in ENERGY and "PROOF_OF_SAFE" in status.flags
            if energy or moved.before.mode is Mode.ABORT
            else False
        )
        energy = (energy or seen in ENERGY) and not gone
        if moved.before.mode is Mode.ABORT and moved.ages.abort_s > 0.0:
            proven = gone or (
                not energy and seen not in ENERGY and {"ENERGY_SAFE", "DUMPS_PROVEN_CLOSED"} <= status.flags
            )
        elif moved.before.mode is Mode.SALVAGE and proven:
            proven = seen not in ENERGY and {"ENERGY_SAFE", "DUMPS_PROVEN_CLOSED"} <= status.flags
            proven = proven and "REBOUND" not in status.trips
    for output in moved.outputs:
        fires += output == Command("FIRE")
        scope_armed = scope_armed or output == Perform("arm")
    return Memory(min(fires, 2), scope_armed, energy, seen if moved.after.mode is Mode.RUN else None, proven)


def rest(node: Node, moved: Moved) -> Node:
    """The node a transition leads to."""
    state = moved.after
    if state is moved.before and moved.now == moved.memory:
        return node
    return Node(plain(state), moved.now)


def plain(state: EngineState) -> EngineState:
    """Without times and texts; written out, because ``replace`` would take most of the exploration's time."""
    mode, step, phase, opened, fired = state.mode, state.step, state.phase, state.opened, state.fired
    reason, seen = "said" if state.reason else "", state.seen if mode is Mode.RUN else None
    return EngineState(
        mode, step, phase, 0, 0, state.waiting, opened, fired, state.ending, reason, 0, state.safe, seen, state.held
    )


def transitions(plan: Plan, node: Node, step: Step, judge: Callable[[Moved], None]) -> Iterator[Moved]:
    """Every transition out of ``node``, each judged while its status can still be asked."""
    befores = [(ages, _at(node.state, ages)) for ages in (*ages_of(plan, node.state), Ages())]
    script: list[int] | None = []
    while script is not None:
        chooser = Chooser(script)
        moved = happen(plan, node, befores, chooser, step)
        judge(moved)
        yield moved
        script = chooser.next_script()


@dataclass
class Walk:
    """What an exploration has seen."""

    states: int = 0
    transitions: int = 0
    followers: dict[Node, set[Node]] = field(default_factory=dict)
    came_from: dict[Node, tuple[Node, str]] = field(default_factory=dict)

    def trace(self, node: Node) -> list[str]:
        """How a node was reached, for a person."""
        lines: list[str] = []
        while node in self.came_from:
            node, text = self.came_from[node]
            lines.append(text)
        return lines[::-1]


def explore(plan: Plan, step: Step, judge: Callable[[Walk, Moved], None]) -> Walk:
    """Every state that the engine can get into while it walks ``plan``; the states furthest in the plan first."""
    walk = Walk()
    first = Node(EngineState(), Memory())
    walk.followers[first] = set()
    waiting = [(0, 0, first)]
    while waiting:
        node = heappop(waiting)[2]
        for moved in transitions(plan, node, step, lambda moved: judge(walk, moved)):
            walk.transitions += 1
            after = rest(node, moved)
            walk.followers[node].add(after)
            if after not in walk.followers:
                assert len(walk.followers) < STATES_MAX, "the engine's memory is not bounded"
                walk.followers[after] = set()
                walk.came_from[after] = (node, describe(moved))
                heappush(waiting, (-after.state.step, len(walk.followers), after))
    walk.states = len(walk.followers)
    return walk


def describe(moved: Moved) -> str:
    """One line of a trace."""
    what = type(moved.event).__name__
    if moved.status is not None:
        flags = [name for name, value in moved.status.flags._known.items() if value]
        what = f"Seen {moved.status.state.value} {flags} {moved.status._trips or ''} at {moved.ages}"
    here = moved.before
    return (
        f"{here.mode.value} step {here.step}.{here.phase} {'waits' if here.waiting else ''}: {what} -> {moved.outputs}"
    )
