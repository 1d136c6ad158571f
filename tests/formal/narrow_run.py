"""FLOAT, RUN and the pulse inhibit in a small world, under the PLC's real ``step``; plc_run.pml has it a second time.

The bench is charged and at rest in FLOAT; its contacts are where they were told to be and both probes in tolerance,
unless the one event of this scan says otherwise. Pulses come whenever they like, through a shut gate too. DUMPING and
TRIP end the search: what comes then is the same as on a bench that fires once (narrow_bench.py). Without an event all
commands of COMMANDS come with none, one or two pulses; with one, nothing, RUN or HOLD with none or one.
"""

from collections.abc import Iterator
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

from drivers.wire.plc import PlcCommand, PlcState, Refusal
from drivers.wire.plc_run import LATCHES, InhibitCause
from firmware_sim.plc.levels import Aim, Aux, Latch, Levels
from firmware_sim.plc.machine import ControlState, step
from firmware_sim.plc.pulses import PulseState, RunSeen, RunTimes, at_rest
from firmware_sim.plc.table import RUN_RULES, Rules
from tests.formal.narrow_bench import TIMES as NARROW_TIMES
from tests.unit.plc.run_kit import run_control, run_levels

S = PlcState
C = PlcCommand
TEXT = (Path(__file__).parent / "plc_run.pml").read_text(encoding="utf-8")
"""The second text."""
TIMES = NARROW_TIMES._replace(
    float=3,
    contactor_travel=2,
    dump_travel=2,
    top=4,
    run=RunTimes(run=7, hold_off=1, latch_reset=1, retry_window=7, retries=2, duty_pulses=1, duty_window=1, pulses=2),
)
"""plc_run.pml has the same."""
COMMANDS = (C.NONE, C.PERMIT, C.ISOLATE, C.DUMP, C.RUN, C.HOLD)


class Event(IntEnum):
    """What happens on a scan. Numbers are those of plc_run.pml."""

    NOTHING = 0
    ARC = 1
    VACUUM = 2
    BOTH = 3
    WINDOW = 4
    UNFIT = 5
    NO_CONSENT = 6
    CONTACTOR = 7
    DUMP_A = 8
    ABOVE = 9
    BELOW = 10
    CURRENT = 11
    DOORS = 12
    SILENCE = 13
    TOKEN = 14


_ARC, _SOFT = int(InhibitCause.ARC), int(InhibitCause.WINDOW)
_SEEN: dict[Event, dict[str, object]] = {
    Event.ARC: {"causes": _ARC},
    Event.VACUUM: {"causes": _SOFT, "soft": True},
    Event.BOTH: {"causes": _ARC | _SOFT, "soft": True},
    Event.WINDOW: {"window_trip": True, "fit": False},
    Event.UNFIT: {"fit": False},
}
_SHOWN: dict[Event, dict[str, object]] = {
    Event.NO_CONSENT: {"consent": False},
    Event.CONTACTOR: {"contactor": Aux.BETWEEN},
    Event.DUMP_A: {"dump_a": Aux.BETWEEN},
    Event.ABOVE: {"aim": Aim.ABOVE},
    Event.BELOW: {"aim": Aim.BELOW},
    Event.CURRENT: {"latch": Latch.SOME},
    Event.DOORS: {"door_1": False, "door_2": False},
    Event.SILENCE: {"heartbeat": False},
    Event.TOKEN: {"token": Refusal.BAD_TOKEN},
}


class Choice(NamedTuple):
    """What the environment does on one scan."""

    event: Event
    pulses: int
    command: PlcCommand


CHOICES = (
    *(Choice(Event.NOTHING, pulses, command) for pulses in (0, 1, 2) for command in COMMANDS),
    *(
        Choice(event, pulses, command)
        for event in Event
        if event
        for pulses in (0, 1)
        for command in (C.NONE, C.RUN, C.HOLD)
    ),
)


@cache
def show(choice: Choice) -> Levels:
    """What the PLC sees: the same in FLOAT and in RUN."""
    seen = RunSeen(pulses=choice.pulses, **_SEEN.get(choice.event, {}))  # type: ignore[arg-type]
    levels = run_levels(S.FLOAT, command=choice.command, **_SHOWN.get(choice.event, {}))
    return levels._replace(facts=levels.facts._replace(run=seen))


START = run_control(S.FLOAT)._replace(t=0, steady=0, pulse=at_rest(TIMES.run))
_ENDS = frozenset({S.DUMPING, S.TRIP})


def keep(c: ControlState) -> ControlState:
    """``c`` without what differs only by how FLOAT was reached, and of an end only that it is one."""
    if c.state in _ENDS:
        return START._replace(state=c.state)
    p = c.pulse
    hard, soft = p.inhibit & LATCHES, p.inhibit & _SOFT
    return START._replace(
        state=c.state,
        t=c.t,
        contactor_moving=c.contactor_moving,
        dumps_moving=c.dumps_moving,
        pulse=PulseState(p.t, _ARC * bool(hard) | soft, p.hold, p.pulses, p.bucket, p.exhausted, p.overrun, p.ages),
    )


class Seen(NamedTuple):
    """What a scan showed, for the state that it leads to."""

    gate: bool = False
    answer: int = 0
    """0 no command, 1 carried out, 2 refused."""
    trips: int = 0
    source: int = 0
    event: int = 0
    """Where it came from and under which event, when the state changed or a command was carried out."""


class Result(NamedTuple):
    """Outcome of the search."""

    lines: list[str]
    """One per state and thing seen on the way to it, sorted, as plc_run.pml prints them."""
    transitions: int
    states: set[ControlState]
    edges: set[tuple[PlcState, PlcState, PlcCommand]]


def scans(state: ControlState, rules: Rules) -> Iterator[tuple[Choice, ControlState, Seen]]:
    """Every scan from ``state``."""
    for choice in CHOICES:
        after, out = step(state, show(choice), TIMES, rules)
        answer = 0 if out.ack is None else 1 if out.ack is Refusal.ACCEPTED else 2
        told = after.state is not state.state or answer == 1
        marks = (int(state.state), int(choice.event)) if told else (0, 0)
        trips = after.trips if after.state is S.TRIP else 0
        yield choice, keep(after), Seen(out.pulse_gate, answer, trips, *marks)


def explore(rules: Rules = RUN_RULES, expected: frozenset[str] | None = None) -> Result:
    """Breadth first from FLOAT at rest until nothing new comes, or until a line that ``expected`` does not have."""
    found: dict[ControlState, set[Seen]] = {START: {Seen()}}
    waiting, edges, transitions = [START], set(), 0
    for state in waiting:
        if state.state in _ENDS:
            continue
        for choice, after, seen in scans(state, rules):
            transitions += 1
            edges.add((state.state, after.state, choice.command))
            if after not in found:
                found[after] = set()
                waiting.append(after)
            if seen not in found[after]:
                found[after].add(seen)
                if expected is not None and line(after, seen) not in expected:
                    return Result([line(after, seen)], transitions, set(found), edges)
    lines = sorted(line(state, seen) for state, shown in found.items() for seen in shown)
    return Result(lines, transitions, set(found), edges)


def line(c: ControlState, seen: Seen) -> str:
    """In the order of plc_run.pml's ``report``."""
    p = c.pulse
    hard, soft = bool(p.inhibit & _ARC), bool(p.inhibit & _SOFT)
    memory = (c.state, c.t, p.t, hard, soft, p.hold, p.pulses, p.bucket, *p.ages, c.contactor_moving, c.dumps_moving)
    return " ".join(str(int(number)) for number in (*memory, *seen))
