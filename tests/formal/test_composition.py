"""Controller and PLC together (safety.md 3.5, X1 .. X3): the real engine, the real state machine, a link that loses.

X3 with real journals is in test_recovery_prefixes.py, X4 in test_link_exploration.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Any

import pytest

from controller.sequencer import engine, steps
from controller.sequencer.engine import Ending, Mode
from controller.sequencer.plan import Plan, StepKind
from controller.sequencer.steps import Phase
from drivers.wire.plc import PlcState, Trip
from firmware_sim.plc import machine
from firmware_sim.plc.guards import GUARDS
from firmware_sim.plc.levels import Aux, Levels
from firmware_sim.plc.machine import ControlState, Outputs
from firmware_sim.plc.settings import Times
from firmware_sim.plc.table import RULES, TABLE, Rules, make_rules
from firmware_sim.plc.trips import PREDICATES, Predicate
from tests.formal import composition_model
from tests.formal.composition_model import ARMED, Action, Scanned, World, actions, cut, happen
from tests.formal.test_controller import plans

Figure = Callable[..., None]
S = PlcState
STATES_MAX = 200_000


class Broken(Exception):
    """An invariant does not hold: its name and where."""


def need(name: str, holds: bool, *where: object) -> None:
    if not holds:
        raise Broken(name, *where)


def judge_scan(world: World, scanned: Scanned, after: World) -> None:
    """X1 and X2 on one scan of the PLC."""
    before, now, levels, out = scanned.before.state, scanned.after.state, scanned.levels, scanned.outputs
    doors = levels.door_1 and levels.door_2
    entered = now if now is not before else None
    where = (before, now, scanned.command)
    if entered is S.OPENING:
        closed = levels.dump_a is levels.dump_b is Aux.CLOSED
        need("X1 opened from safe", before is S.SAFE and closed and doors and not world.bench.charged, where)
        need("X1 permit written", "permit" in world.written, where)
    if out.contactor_close or out.charger_enable:
        need("X1 supply behind doors", doors and now in (S.CHARGE, S.FLOAT), where)
        need("X1 supply and dump never together", out.dump_a_open and out.dump_b_open, where)
    if entered is S.CHARGE:
        opened = levels.dump_a is levels.dump_b is Aux.OPEN
        need("X1 charged through opening", before is S.OPENING and opened and doors, where)
        need("X1 charge written", {"permit", "charge_intent"} <= world.written, where)
    if out.fire:
        need("X2 fire once per token", world.fires == 0, where)
        need("X2 fire written", {"fire_token", "fire_intent"} <= world.written, where)
        ready = before is S.FIREWIN and doors and world.bench.charged and levels.contactor is Aux.OPEN
        need("X2 fire from the window", ready, where)


def judge(world: World, action: Action, scanned: Scanned | None, after: World) -> None:
    if scanned is not None:
        judge_scan(world, scanned, after)
    if world.engine is None:
        need("X3 the dead ask for nothing", after.air in (world.air, None) and after.written == world.written, action)
    ended = after.engine is not None and after.engine.mode is Mode.DONE
    if ended and after.engine is not None and after.engine.safe:
        need("a safe end is safe", not after.bench.charged, action)


def dies_safely(world: World, rules: Rules) -> None:
    """X3: nobody speaks to the PLC any more. One scan of silence ends what is armed, three take the energy away."""
    alone = replace_air(world)
    for count in range(1, 4):
        alone, scanned = happen(PLAN, alone, Action.SCAN_SILENT, rules)
        assert scanned is not None
        need("X3 silence ends it", alone.plc.state not in ARMED and not scanned.outputs.fire, world.plc.state, count)
    need("X3 the energy is gone", not alone.bench.charged, world.plc.state)


def replace_air(world: World) -> World:
    """The world without whatever was on its way."""
    return world._replace(engine=None, work=(), asked=None, air=None, dump=False, status=None)


PLAN: Plan = cut(plans()["full"])


class Worlds:
    """Numbers the worlds. Parts that are equal are made the same object, so that a world's key is a few addresses."""

    def __init__(self) -> None:
        self._parts: dict[object, object] = {}
        self._same: set[int] = set()
        self._numbers: dict[tuple[int, ...], int] = {}
        self.worlds: list[World] = []

    def number(self, world: World) -> tuple[int, bool]:
        """The world's number, and whether it is new."""
        key = []
        for part in world:
            same: object = part
            if id(part) not in self._same:
                same = self._parts.setdefault((type(part), part), part)
                self._same.add(id(same))
            key.append(id(same))
        number = self._numbers.setdefault(tuple(key), len(self.worlds))
        if number < len(self.worlds):
            return number, False
        shared: tuple[Any, ...] = tuple(self._parts.get((type(part), part), part) for part in world)
        self.worlds.append(World(*shared))
        return number, True


@dataclass
class Found:
    """The graph: worlds by number, and who leads to whom."""

    worlds: list[World]
    sources: list[list[int]]
    transitions: int = 0


def explore(rules: Rules = RULES) -> Found:
    """Every world, furthest in the plan first. Raises Broken."""
    worlds = Worlds()
    found = Found(worlds.worlds, [[]])
    worlds.number(World())
    waiting, alone = [(0, 0)], set()
    while waiting:
        at = heappop(waiting)[1]
        world = found.worlds[at]
        core = (id(world.plc), id(world.bench))
        if core not in alone:
            alone.add(core)
            dies_safely(world, rules)
        for action in actions(world):
            after, scanned = happen(PLAN, world, action, rules)
            found.transitions += 1
            judge(world, action, scanned, after)
            number, new = worlds.number(after)
            if new:
                assert number < STATES_MAX
                found.sources.append([])
                heappush(waiting, (-(after.engine.step if after.engine is not None else 99), number))
            found.sources[number].append(at)
    return found


def reaching(found: Found, ends: set[int]) -> set[int]:
    """Everything from which one of ``ends`` can be reached."""
    reached, waiting = set(ends), list(ends)
    while waiting:
        for source in found.sources[waiting.pop()]:
            if source not in reached:
                reached.add(source)
                waiting.append(source)
    return reached


def test_controller_and_plc_together(figure: Figure) -> None:
    """X1, X2, X3 on every transition; everything can end de-energised; what should be reachable is."""
    found = explore()
    assert {world.plc.state for world in found.worlds} == set(S) - {S.TEST, S.LOCKOUT, S.RUN}
    assert {world.fires for world in found.worlds} == {0, 1}
    done = [w.engine.ending for w in found.worlds if w.engine is not None and w.engine.mode is Mode.DONE]
    assert set(done) == set(Ending) - {Ending.STOPPED}  # a stop is asked as an abort here
    ends = {
        number
        for number, w in enumerate(found.worlds)
        if (w.engine is None or w.engine.mode is Mode.DONE) and w.plc.state not in ARMED and not w.bench.charged
    }
    assert reaching(found, ends) == set(range(len(found.worlds)))
    figure(
        "composition.exploration",
        states=len(found.worlds),
        transitions=found.transitions,
        invariants=len(DEFECTS),
    )


def _no_doors(patch: pytest.MonkeyPatch) -> Rules:
    never: dict[Trip, Predicate] = {Trip.DOOR_1: lambda c, v, t: False, Trip.DOOR_2: lambda c, v, t: False}
    return make_rules(trips={**PREDICATES, **never})


def _no_watchdog(patch: pytest.MonkeyPatch) -> Rules:
    return make_rules(trips={**PREDICATES, Trip.HEARTBEAT: lambda c, v, t: False})


def _fires_again(patch: pytest.MonkeyPatch) -> Rules:
    rows = tuple(row._replace(guards=(), target=S.FIREWIN) if row.name == "fire" else row for row in TABLE)
    return make_rules(table=rows)


def _charges_from_safe(patch: pytest.MonkeyPatch) -> Rules:
    rows = tuple(row._replace(target=S.CHARGE) if row.name == "permit" else row for row in TABLE)
    return make_rules(table=rows)


def _opens_at_any_time(patch: pytest.MonkeyPatch) -> Rules:
    rows = (*(row for row in TABLE), *(row._replace(source=S.DUMPING) for row in TABLE if row.name == "permit"))
    return make_rules(table=rows, guards={name: lambda c, v, t: True for name in GUARDS})


def _unwritten(kind: StepKind, index: int, name: str) -> Callable[[pytest.MonkeyPatch], Rules]:
    def seed(patch: pytest.MonkeyPatch) -> Rules:
        row = steps.TABLE[kind]
        phase = row.phases[index]
        bare = Phase(tuple(intent for intent in phase.intents if intent != steps.Journal(name, True)), phase.until)
        phases = (*row.phases[:index], bare, *row.phases[index + 1 :])
        patch.setitem(steps.TABLE, kind, replace(row, phases=phases))
        return RULES

    return seed


def _recovery_fires(patch: pytest.MonkeyPatch) -> Rules:
    def recover(plan: Plan, world: World, action: Action) -> World:
        if action is Action.RECOVER and world.plc.state is S.FIREWIN:
            return world._replace(air=composition_model.Order("FIRE", world.nonce))
        return controller(plan, world, action)

    controller = composition_model._controller
    patch.setattr(composition_model, "_controller", recover)
    return RULES


def _dumps_while_charging(patch: pytest.MonkeyPatch) -> Rules:
    real = machine.step

    def step(control: ControlState, levels: Levels, times: Times, rules: Rules) -> tuple[ControlState, Outputs]:
        after, out = real(control, levels, times, rules)
        return after, out._replace(dump_a_open=False) if after.state is S.CHARGE else out

    patch.setattr(composition_model, "step", step)
    return RULES


def _no_window(patch: pytest.MonkeyPatch) -> Rules:
    """FIRE_ENABLE changes nothing, FIRE works without it, and the engine does not look."""
    row = steps.TABLE[StepKind.FIRE]
    patch.setitem(
        steps.TABLE, StepKind.FIRE, replace(row, phases=(replace(row.phases[0], until=None), *row.phases[1:]))
    )
    moved: dict[str, dict[str, Any]] = {"fire_enable": {"target": S.ISOLATE}, "fire": {"source": S.ISOLATE}}
    rows = tuple(row._replace(**moved.get(row.name, {})) for row in TABLE)
    return make_rules(table=rows, guards={**GUARDS, "isolate_time_over": lambda c, v, t: False})


def _dumps_stay_open(patch: pytest.MonkeyPatch) -> Rules:
    real = machine.step

    def step(control: ControlState, levels: Levels, times: Times, rules: Rules) -> tuple[ControlState, Outputs]:
        after, out = real(control, levels, times, rules)
        ends = after.state in (S.TRIP, S.DUMPING)
        return after, out._replace(dump_a_open=True, dump_b_open=True) if ends else out

    patch.setattr(composition_model, "step", step)
    return RULES


def _believes_anything(patch: pytest.MonkeyPatch) -> Rules:
    """The dumps stay open and the engine takes every status for a proof."""
    patch.setattr(engine, "proven_safe", lambda seen, opened: True)
    patch.setitem(globals(), "dies_safely", lambda world, rules: None)
    return _dumps_stay_open(patch)


DEFECTS = {
    "X1 opened from safe": _opens_at_any_time,
    "X1 permit written": _unwritten(StepKind.PERMIT, 0, "permit"),
    "X1 charged through opening": _charges_from_safe,
    "X1 charge written": _unwritten(StepKind.CHARGE, 0, "charge_intent"),
    "X1 supply behind doors": _no_doors,
    "X1 supply and dump never together": _dumps_while_charging,
    "X2 fire once per token": _fires_again,
    "X2 fire written": _unwritten(StepKind.FIRE, 1, "fire_intent"),
    "X3 the dead ask for nothing": _recovery_fires,
    "X2 fire from the window": _no_window,
    "X3 silence ends it": _no_watchdog,
    "X3 the energy is gone": _dumps_stay_open,
    "a safe end is safe": _believes_anything,
}
"""Invariant -> what breaks it."""


@pytest.mark.parametrize("name", DEFECTS)
def test_a_seeded_defect_breaks_its_invariant(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = DEFECTS[name](monkeypatch)
    with pytest.raises(Broken) as broken:
        explore(rules)
    assert broken.value.args[0] == name, broken.value.args
