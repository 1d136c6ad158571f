"""PURE: what cools and heats: pumps, cooling, heater, magnet (bench.md 2; safety.md 2.3 row 45).

Nothing of it stops on close, crash or TRIP: the outputs are bistable relays and this function is their only author.
One stops when it is no longer asked for or by a fault of its own, and then only when nothing on it needs it. One that
is asked for before what it needs has come (a heater before its water flows) starts when that has come.
"""

from typing import NamedTuple


class Auxiliary(NamedTuple):
    """One output; masks have one bit per window or auxiliary in the order of plc.yaml."""

    name: str
    stops_on: int
    """Windows whose loss is its own fault."""
    until_hv_zero: bool
    """It stays on until the high voltage is gone, whatever else."""
    serves: int
    """Auxiliaries that need it: it stays on while one of them is."""


class AuxiliaryState(NamedTuple):
    """``asked``: what shall be on; an own fault of what is on clears the bit, so that nothing starts again by itself.
    ``on``: is."""

    asked: int = 0
    on: int = 0


def drive_auxiliaries(
    state: AuxiliaryState, lost: int, high_voltage_zero: bool, plan: tuple[Auxiliary, ...]
) -> AuxiliaryState:
    """What is on after this scan. ``lost`` are the windows that are out of bounds now, one bit each.

    Those that are served come after those that serve them in ``plan``, so the last is decided first.
    """
    asked, on = state.asked, 0
    for at in range(len(plan) - 1, -1, -1):
        one, bit = plan[at], 1 << at
        if one.stops_on & lost:
            asked &= ~(bit & state.on)
            wanted = False
        else:
            wanted = bool(asked & bit or one.serves & on & ~bit)
        held = one.until_hv_zero and not high_voltage_zero and bool(state.on & bit)
        if wanted or held:
            on |= bit
    return AuxiliaryState(asked, on)


def may_ask(state: AuxiliaryState, asked: int, high_voltage_zero: bool, plan: tuple[Auxiliary, ...]) -> bool:
    """Anything may be switched on at any time; off only without high voltage."""
    return asked < 1 << len(plan) and (high_voltage_zero or not state.on & ~asked)
