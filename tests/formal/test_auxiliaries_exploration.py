"""What cools and heats, explored: nothing stops on close, crash or trip unless its own fault demands it.

Every state that any order of commands, faults, states of the machine, voltages and restarts can reach, with the real
functions and the auxiliaries of the shipped bench. Of the state machine only "high voltage is zero" is asked for, so it
is arbitrary here; that it is true when the PLC says so is the rule ``R zero`` of the exploration (rule_run.py).
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import pytest

from firmware_sim.plc.auxiliaries import AuxiliaryState, drive_auxiliaries, may_ask
from tests.unit.plc.run_kit import AUXILIARIES, RUN, WINDOWS

PLAN = RUN.auxiliaries
EVERY = range(1 << len(PLAN))
OWN = sorted({bit for one in PLAN for bit in range(len(WINDOWS)) if one.stops_on >> bit & 1})
"""Windows whose loss is some auxiliary's own fault."""
LOST = [
    sum(1 << bit for bit, gone in zip(OWN, which, strict=True) if gone) for which in product((0, 1), repeat=len(OWN))
]
COMMANDS = (None, *EVERY)


class World(NamedTuple):
    """What is left of one scan; ``zero``: the high voltage was gone at its end."""

    state: AuxiliaryState
    zero: bool


class Scan(NamedTuple):
    """One scan, as ``Plc.scan`` orders it: the command first, then the outputs."""

    before: World
    restarted: bool
    command: int | None
    accepted: bool
    lost: int
    after: World


Drive = Callable[..., AuxiliaryState]
Ask = Callable[..., bool]


def scan(world: World, restarted: bool, command: int | None, lost: int, zero: bool, drive: Drive, ask: Ask) -> Scan:
    """A PLC that restarts, or lost its memory, knows where the relays are and nothing else."""
    before = World(AuxiliaryState(world.state.on, world.state.on), False) if restarted else world
    state, accepted = before.state, False
    if command is not None and ask(state, command, before.zero, PLAN):
        state, accepted = AuxiliaryState(command, state.on), True
    return Scan(before, restarted, command, accepted, lost, World(drive(state, lost, zero, PLAN), zero))


def explore(drive: Drive = drive_auxiliaries, ask: Ask = may_ask) -> Iterator[Scan]:
    start = World(AuxiliaryState(), False)
    known, waiting = {start}, [start]
    while waiting:
        world = waiting.pop()
        for restarted, command, lost, zero in product((False, True), COMMANDS, LOST, (False, True)):
            one = scan(world, restarted, command, lost, zero, drive, ask)
            yield one
            if one.after not in known:
                known.add(one.after)
                waiting.append(one.after)


def stopped(s: Scan) -> list[int]:
    return [at for at in range(len(PLAN)) if s.before.state.on >> at & 1 and not s.after.state.on >> at & 1]


def own_fault(s: Scan, at: int) -> bool:
    return bool(PLAN[at].stops_on & s.lost)


def nothing_stops_by_itself(s: Scan) -> bool:
    """Close, crash, trip, restart: whatever the state, without a command or an own fault all stays on."""
    return all(own_fault(s, at) or s.accepted or not s.before.state.asked >> at & 1 for at in stopped(s))


def only_what_was_not_asked_for(s: Scan) -> bool:
    """A command stops only what it does not name, and only with the high voltage gone."""
    if s.accepted and s.command is not None and s.before.state.on & ~s.command:
        return s.before.zero
    return True


def magnet_waits_for_zero(s: Scan) -> bool:
    return all(s.after.zero for at in stopped(s) if PLAN[at].until_hv_zero)


def what_is_cooled_is_cooled(s: Scan) -> bool:
    """While something is on, what serves it is, but for the server's own fault."""
    on = s.after.state.on
    return all(
        on >> at & 1 or not one.serves & on or own_fault(s, at) or not s.before.state.on >> at & 1
        for at, one in enumerate(PLAN)
    )


def own_fault_stops(s: Scan) -> bool:
    """At once; with the high voltage still there, what waits for its end stops on the scan that sees it."""
    return all(
        not s.after.state.on >> at & 1 or (one.until_hv_zero and not s.after.zero)
        for at, one in enumerate(PLAN)
        if own_fault(s, at)
    )


def nothing_starts_unasked(s: Scan) -> bool:
    """What comes on was asked for, or serves what is on."""
    new = s.after.state.on & ~s.before.state.on
    asked = s.after.state.asked
    return all(asked >> at & 1 or PLAN[at].serves & s.after.state.on for at in range(len(PLAN)) if new >> at & 1)


def a_fault_is_remembered(s: Scan) -> bool:
    """What an own fault stopped does not come back by itself."""
    return not any(s.after.state.asked >> at & 1 for at in stopped(s))


RULES = (
    nothing_stops_by_itself,
    only_what_was_not_asked_for,
    magnet_waits_for_zero,
    what_is_cooled_is_cooled,
    own_fault_stops,
    nothing_starts_unasked,
    a_fault_is_remembered,
)


def test_no_rule_is_broken(figure: Callable[..., None]) -> None:
    states: set[World] = set()
    scans = 0
    for one in explore():
        broken = [rule.__name__ for rule in RULES if not rule(one)]
        assert not broken, (broken, one)
        states.add(one.after)
        scans += 1
    reached = {world.state.on for world in states}
    cooling, hot = 1 << AUXILIARIES.index("cooling"), PLAN[AUXILIARIES.index("cooling")].serves
    assert reached == {on for on in EVERY if on & cooling or not on & hot}, "all, but nothing hot without its cooling"
    figure("plc.auxiliaries", states=len(states), transitions=scans, invariants=len(RULES))


def test_what_is_on_stays_on_for_ever_without_a_command_or_a_fault() -> None:
    """The bounded form of "nothing stops": from every reachable state, whatever else happens."""
    for world in {one.after for one in explore()}:
        for restarted, zero in product((False, True), (False, True)):
            after = scan(world, restarted, None, 0, zero, drive_auxiliaries, may_ask).after.state
            kept = world.state.on if restarted else world.state.on & world.state.asked
            assert after.on & kept == kept


def _stops_in_trip(state: AuxiliaryState, lost: int, zero: bool, plan: object) -> AuxiliaryState:
    after = drive_auxiliaries(state, lost, zero, PLAN)
    return after._replace(on=after.on if zero else 0)


def _forgets_zero(state: AuxiliaryState, lost: int, zero: bool, plan: object) -> AuxiliaryState:
    return drive_auxiliaries(state, lost, True, PLAN)


def _serves_nobody(state: AuxiliaryState, lost: int, zero: bool, plan: object) -> AuxiliaryState:
    return drive_auxiliaries(state, lost, zero, tuple(one._replace(serves=0) for one in PLAN))


def _ignores_faults(state: AuxiliaryState, lost: int, zero: bool, plan: object) -> AuxiliaryState:
    return drive_auxiliaries(state, 0, zero, PLAN)


def _starts_again(state: AuxiliaryState, lost: int, zero: bool, plan: object) -> AuxiliaryState:
    return drive_auxiliaries(state, lost, zero, PLAN)._replace(asked=state.asked)


def _starts_all(state: AuxiliaryState, lost: int, zero: bool, plan: object) -> AuxiliaryState:
    after = drive_auxiliaries(state, lost, zero, PLAN)
    return after._replace(on=after.on | 1 if zero else after.on)


DEFECTS: dict[str, tuple[Drive, Ask, str]] = {
    "a trip stops all": (_stops_in_trip, may_ask, "nothing_stops_by_itself"),
    "the magnet does not wait": (_forgets_zero, may_ask, "magnet_waits_for_zero"),
    "cooling does not serve": (_serves_nobody, may_ask, "what_is_cooled_is_cooled"),
    "faults do not stop": (_ignores_faults, may_ask, "own_fault_stops"),
    "a fault is forgotten": (_starts_again, may_ask, "a_fault_is_remembered"),
    "one starts by itself": (_starts_all, may_ask, "nothing_starts_unasked"),
    "off is taken at any time": (drive_auxiliaries, lambda *_: True, "only_what_was_not_asked_for"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_every_rule_can_fail(name: str) -> None:
    drive, ask, expected = DEFECTS[name]
    assert any(expected in [rule.__name__ for rule in RULES if not rule(one)] for one in explore(drive, ask))


def test_the_shipped_bench_has_what_the_rules_are_about() -> None:
    assert {expected for _, _, expected in DEFECTS.values()} == {rule.__name__ for rule in RULES}
    by_name = dict(zip(AUXILIARIES, PLAN, strict=True))
    assert by_name["magnet"].until_hv_zero and by_name["cooling"].serves and by_name["heater"].stops_on
