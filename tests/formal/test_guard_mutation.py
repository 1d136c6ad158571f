"""Every guard and every trip of the PLC matters: switched off, a rule breaks on a scan that the real PLC reaches.

``machine.without(name)`` makes the mutants; tests/formal/plc_mutants.py looks for the first reachable scan on which the
mutant goes another way and breaks a rule. Survivors are listed with their argument and the direct test that fails.
"""

from collections.abc import Callable
from functools import lru_cache

import pytest

from drivers.wire.plc import PlcCommand, PlcState, Refusal
from firmware_sim.plc.guards import GUARDS
from firmware_sim.plc.machine import step
from firmware_sim.plc.table import make_rules, without
from firmware_sim.plc.trips import PREDICATES
from tests.formal.plc_mutants import IN_ROWS, NAMES, Kill, find_kills
from tests.unit.plc.kit import TIMES, control_in, levels_in

S = PlcState
pytestmark = pytest.mark.timeout(900)  # seconds of CPU, but the cores are shared

EXCEPTIONS: dict[str, str] = {
    "token_unused": "FIREWIN comes after OPENING, which clears the mark, and before SHOT, which sets it: within `step` "
    "it is never false. It stands for a permit that is used twice, which the link's nonce prevents first.",
    "search_complete": "SEARCH is one of the trips that no_trip looks for at the same PERMIT: a pair on one input.",
    "ground_stick_stowed": "GROUND_STICK is one of the trips that no_trip looks for at the same PERMIT.",
}
"""Guards that no reachable scan needs, and why they stay; :func:`test_exceptions_directly` is their direct test."""
EXCEPTIONS_MAX = 6


@lru_cache(maxsize=1)
def _kills() -> dict[str, Kill]:
    return find_kills({*EXCEPTIONS, *(f"{row}.{guard}" for row, guard in ROW_EXCEPTIONS)})


def test_every_guard_and_trip_switched_off_breaks_a_rule(figure: Callable[..., None]) -> None:
    survivors = set(NAMES) - _kills().keys()
    assert survivors == set(EXCEPTIONS)
    assert len(EXCEPTIONS) <= EXCEPTIONS_MAX
    figure(
        "plc.guard_mutation",
        guards=len(GUARDS),
        trips=len(PREDICATES),
        killed=len(NAMES) - len(survivors),
        exceptions=len(EXCEPTIONS),
    )


def test_exceptions_directly() -> None:
    """Each exception decides where what covers it is out of the way."""
    fire = levels_in(S.FIREWIN, command=PlcCommand.FIRE)
    used = control_in(S.FIREWIN, fired=True)
    after, out = step(used, fire, TIMES)
    assert (after.state, out.ack, out.fire) == (S.FIREWIN, Refusal.TOKEN_USED, False)
    assert step(used, fire, TIMES, without("token_unused"))[1].fire

    blind = {**GUARDS, "no_trip": lambda c, v, t: True}
    for name in ("search_complete", "ground_stick_stowed"):
        seen = levels_in(S.SAFE, command=PlcCommand.PERMIT, **{name: False})
        assert step(control_in(S.SAFE), seen, TIMES, make_rules(guards=blind))[0].state is S.SAFE
        both = {**blind, name: lambda c, v, t: True}
        assert step(control_in(S.SAFE), seen, TIMES, make_rules(guards=both))[0].state is S.OPENING


_REBOUND = "REBOUND trips SAFE on the same readings before any row is looked at"
_DWELL = "the dwell counts only while both dumps are proven closed"
_EMPTY = "OPENING is entered without energy and nothing charges there; a probe that reads high is a mismatch"
ROW_EXCEPTIONS: dict[tuple[str, str], str] = {
    ("enter_test", "energy_safe"): _REBOUND,
    ("permit", "energy_safe"): _REBOUND,
    ("permit", "search_complete"): EXCEPTIONS["search_complete"],
    ("permit", "ground_stick_stowed"): EXCEPTIONS["ground_stick_stowed"],
    ("fire", "token_unused"): EXCEPTIONS["token_unused"],
    ("fire", "latches_clear"): "PREFIRE trips on any latch before FIRE is looked at",
    ("shot_misfire", "latches_clear"): "the two rows above take every other case",
    ("dumped", "dumps_closed"): _DWELL,
    ("reset", "dumps_closed"): _DWELL,
    ("dump_a_opening", "low_voltage"): _EMPTY,
    ("dump_b_opening", "low_voltage"): _EMPTY,
}
"""(row, guard) whose removal from that row alone changes nothing reachable, with what covers it."""


def test_every_guard_matters_in_every_row(figure: Callable[..., None]) -> None:
    survivors = {(row, guard) for row, guard in IN_ROWS if f"{row}.{guard}" not in _kills()}
    assert survivors == set(ROW_EXCEPTIONS)
    killed = len(IN_ROWS) - len(survivors)
    figure("plc.row_mutation", guards_in_rows=len(IN_ROWS), killed=killed, exceptions=len(survivors))
