"""Invariants of safety.md 3.5 on long random walks of ``step``: any inputs, any commands, any people."""

import random

import pytest

from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.levels import Aim, Aux, Band, Facts, Latch, Levels, Proof
from firmware_sim.plc.machine import ControlState, Outputs, step
from firmware_sim.plc.trips import ACTS
from tests.unit.plc.kit import ARMED, TIMES, levels_in

S = PlcState
SHORT = TIMES._replace(
    open=6, charge=30, float=20, isolate=5, fire=8, shot=3, current_wait=3, dump=12, single_dump=5, dwell=8,
    no_approach=9, in_tolerance=3, top=31,
)  # fmt: skip
"""The same machine with short times, so that a walk passes through every state many times."""
STEPS = 20_000


def _next_levels(control: ControlState, draw: random.Random) -> Levels:
    """Mostly what a healthy bench would show in this state, and now and then anything."""
    levels = levels_in(control.state)
    following = levels.facts._replace(command=_next_command(control.state, draw))
    if control.state is S.TRIP and draw.random() < 0.3:
        levels = levels._replace(local_reset=draw.random() < 0.5)
    levels = levels._replace(
        dump_a=Aux.OPEN if control.dump_a_open else Aux.CLOSED, dump_b=Aux.OPEN if control.dump_b_open else Aux.CLOSED
    )
    if draw.random() < 0.03:
        levels = _disturb(levels, draw)
    if draw.random() < 0.01:
        following = Facts(
            draw.choice(list(PlcCommand)), draw.choice(list(Refusal)), *(draw.random() < 0.7 for _ in range(3)),
            draw.random() < 0.1, draw.random() < 0.1, draw.choice(list(Proof)), 0,
        )  # fmt: skip
    return levels._replace(facts=following)


def _next_command(state: PlcState, draw: random.Random) -> PlcCommand:
    forward = {
        S.SAFE: PlcCommand.PERMIT,
        S.OPENING: PlcCommand.CHARGE,
        S.FLOAT: PlcCommand.ISOLATE,
        S.ISOLATE: PlcCommand.FIRE_ENABLE,
        S.FIREWIN: PlcCommand.FIRE,
    }
    chance = draw.random()
    if chance < 0.4:
        return forward.get(state, PlcCommand.NONE)
    return draw.choice(list(PlcCommand)) if chance > 0.98 else PlcCommand.NONE


def _disturb(levels: Levels, draw: random.Random) -> Levels:
    field = draw.choice([name for name in Levels._fields if name != "facts"])
    kinds: dict[str, list[object]] = {
        "a": list(Band), "b": list(Band), "modules": list(Band), "aim": list(Aim), "latch": list(Latch),
        "contactor": list(Aux), "dump_a": list(Aux), "dump_b": list(Aux),
    }  # fmt: skip
    return levels._replace(**{field: draw.choice(kinds.get(field, [False, True]))})  # type: ignore[arg-type]


def _check(before: ControlState, seen: Levels, after: ControlState, out: Outputs) -> None:
    supply = out.contactor_close or out.charger_enable
    dumping = not (out.dump_a_open and out.dump_b_open)
    assert not (supply and dumping), "P14, P15"
    assert not supply or after.state in (S.CHARGE, S.FLOAT), "P29"
    if supply:
        safe = seen.door_1 and seen.door_2 and seen.estop_ok and seen.operator_key and seen.facts.heartbeat
        assert safe or before.state is S.SAFE, "P4 to P7"
    if out.fire:
        assert before.state in (S.FIREWIN, S.TEST), "P16"
    if out.fire and before.state is S.FIREWIN:
        on_scan = seen.aim is Aim.IN and seen.contactor is Aux.OPEN and seen.door_1 and seen.door_2 and seen.estop_ok
        assert on_scan and not before.fired and after.fired, "P16, X2"
    assert not out.gate_open or after.state is S.SHOT
    if before.state in (S.TRIP, S.LOCKOUT):
        assert after.state in (S.TRIP, S.LOCKOUT, S.SAFE)
        assert after.state is not S.SAFE or (before.state is S.TRIP and seen.local_reset), "P20 to P22"
        assert after.state is not S.SAFE or max(seen.a, seen.b, seen.modules) <= Band.SAFE, "P21"
    if after.state in ARMED and before.state not in ARMED:
        assert (before.state, after.state) == (S.SAFE, S.OPENING), "P24"
        assert seen.dump_a is Aux.CLOSED and seen.dump_b is Aux.CLOSED and seen.a <= Band.SAFE, "P25"
    assert after.state is not S.FIREWIN or before.state in (S.ISOLATE, S.FIREWIN), "P26"
    if not out.door_lock:
        assert after.state in (S.SAFE, S.TEST) and seen.dump_a is Aux.CLOSED and seen.dump_b is Aux.CLOSED, "P1 to P3"
        assert Band.ZERO <= max(seen.a, seen.b, seen.modules) <= Band.SAFE and after.dwell >= SHORT.dwell
    for cause, wrong in ((Trip.DOOR_1, not seen.door_1), (Trip.ESTOP, not seen.estop_ok)):
        if wrong and before.state in ACTS[cause]:
            assert after.state is S.TRIP, "P8 to P13"


@pytest.mark.parametrize("seed", range(5))
def test_random_walk_keeps_the_invariants(seed: int) -> None:
    draw = random.Random(seed)
    control = ControlState(dwell=SHORT.dwell)
    visited: set[PlcState] = set()
    for _ in range(STEPS):
        seen = _next_levels(control, draw)
        after, out = step(control, seen, SHORT)
        _check(control, seen, after, out)
        visited.add(after.state)
        control = ControlState(dwell=SHORT.dwell) if after.state is S.LOCKOUT else after
    assert visited == set(PlcState) - {S.RUN} - ({S.TEST} - visited), "a walk that misses states proves little"
