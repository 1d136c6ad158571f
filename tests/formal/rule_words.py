"""PURE: what the rules of safety.md 3.5 are made of: a scan, the truth behind it, and what may be asked of both.

Nothing here comes from the PLC's table, guards or trips: only its vocabulary (states, commands, levels) is shared.
"""

from collections.abc import Callable
from typing import NamedTuple

from drivers.wire.plc import PlcCommand, PlcState, Refusal
from firmware_sim.plc.levels import Aux, Band, Levels
from firmware_sim.plc.machine import ControlState, Outputs
from tests.formal.bench_levels import SHORT, Drive, Plant

S = PlcState
C = PlcCommand
CHARGED = frozenset({S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN})
UNFIRED = CHARGED | {S.OPENING, S.RUN}
ARMED = UNFIRED | {S.SHOT}
IDLE = frozenset({S.SAFE, S.TEST})
ENDING = frozenset({S.DUMPING, S.TRIP})
ALL = frozenset(S)
WATCHED = ALL - {S.TRIP, S.LOCKOUT}
"""States that a trip can end."""


class Scan(NamedTuple):
    """One scan as the PLC lived it. ``door_open``: both leaves may truly be open, whatever the channels say."""

    before: ControlState
    seen: Levels
    after: ControlState
    out: Outputs
    door_open: bool


class Truth(NamedTuple):
    """The same scan on the bench: ``plant`` as it was when the terminals were read."""

    before: ControlState
    after: ControlState
    out: Outputs
    plant: Plant
    drive: Drive
    estop_pressed: bool
    chain_dead: bool
    called_zero: bool = False
    """The PLC takes the high voltage for gone after this scan (``high_voltage_zero``)."""


class Rule(NamedTuple):
    """``holds`` is asked for scans that begin in one of ``sources`` (and, with ``entering``, that enter that state)."""

    id: str
    sentence: str
    sources: frozenset[PlcState]
    holds: Callable[[Scan], bool]
    entering: PlcState | None = None


class PlantRule(NamedTuple):
    """As :class:`Rule`, about what is true."""

    id: str
    sentence: str
    sources: frozenset[PlcState]
    holds: Callable[[Truth], bool]


def no_energy(v: Levels) -> bool:
    return all(Band.ZERO <= band <= Band.SAFE for band in (v.a, v.b, v.modules))


def below_120(v: Levels) -> bool:
    return all(Band.ZERO <= band <= Band.LOW for band in (v.a, v.b, v.modules))


def at_zero(v: Levels) -> bool:
    return v.a is v.b is v.modules is Band.ZERO


def closed(v: Levels) -> bool:
    return v.dump_a is v.dump_b is Aux.CLOSED


def opened(v: Levels) -> bool:
    return v.dump_a is v.dump_b is Aux.OPEN


def supply(out: Outputs) -> bool:
    return out.contactor_close or out.charger_enable


def both_dump(out: Outputs) -> bool:
    return not (out.dump_a_open or out.dump_b_open)


def goes(s: Scan, target: PlcState) -> bool:
    return s.after.state is target and s.before.state is not target


def enter(
    target: PlcState, name: str, sentence: str, sources: frozenset[PlcState], holds: Callable[[Scan], bool]
) -> Rule:
    """A rule for scans that enter ``target``."""
    return Rule(name, sentence, sources, holds, entering=target)


def by(s: Scan, command: PlcCommand) -> bool:
    return s.seen.facts.command is command


def token_good(s: Scan) -> bool:
    return s.seen.facts.token is Refusal.ACCEPTED


def dwelt(s: Scan) -> bool:
    """Both dumps proven closed now and for the dwell: the count is checked by rule COUNT."""
    return closed(s.seen) and s.before.dwell + 1 >= SHORT.dwell


def counted(before: int, after: int, limit: int, going: bool) -> bool:
    return after == (min(before + 1, limit) if going else 0)


def of(*states: PlcState) -> frozenset[PlcState]:
    return frozenset(states)


def single_asked(s: Scan) -> bool:
    return (by(s, C.DUMP_A) or by(s, C.DUMP_B)) and below_120(s.seen)
