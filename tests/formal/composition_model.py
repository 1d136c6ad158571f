"""The real engine and the real PLC on a small bench, joined by a link that loses, repeats and delays.

Actions interleave freely: a scan, an intent carried out or failing, a command that arrives, is lost or arrives twice,
a status that leaves the PLC and reaches the controller many scans later, a stop, a dead controller, an open door, a
misfire. The plan is cut to the steps from PERMIT on (those before it are in ``test_controller.py``); all of the PLC's
times are a few scans. What the token and the nonce do is written here in three lines; the real class is tested in
tests/unit/plc/test_link.py.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from controller.safety.bench import BenchState
from controller.sequencer import engine
from controller.sequencer.engine import Cancel, Done, EngineState, Event, Failed, Mode, Seen, Start, Stop
from controller.sequencer.plan import Plan, StepKind
from controller.sequencer.steps import Command, Intent, Journal, Observation, Perform
from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.levels import Aim, Aux, Band, Facts, Latch, Levels, Proof
from firmware_sim.plc.machine import ControlState, Outputs, step
from firmware_sim.plc.settings import Times
from firmware_sim.plc.table import RULES, Rules
from tests.formal.controller_walk import plain

TIMES = Times(
    open=2,
    charge=3,
    float=3,
    isolate=2,
    fire=2,
    shot=1,
    current_wait=1,
    dump=2,
    single_dump=1,
    dwell=1,
    no_approach=1,
    in_tolerance=1,
    contactor_travel=2,
    dump_travel=2,
    charger_travel=2,
    mismatch_debounce=2,
    spread_debounce=2,
    discrepancy_debounce=2,
    top=4,
)

NOW_NS = 10**12
KINDS = (
    StepKind.PERMIT,
    StepKind.CHARGE,
    StepKind.FLOAT,
    StepKind.ISOLATE,
    StepKind.FIRE,
    StepKind.VERIFY,
    StepKind.TRANSFER,
)
TOKENS = ("PERMIT", "CHARGE", "FIRE_ENABLE", "FIRE")
ARMED = frozenset(
    {PlcState.OPENING, PlcState.CHARGE, PlcState.FLOAT, PlcState.ISOLATE, PlcState.FIREWIN, PlcState.SHOT}
)


class Bench(NamedTuple):
    """The hardware: its contacts follow the last scan's outputs."""

    charged: bool = False
    door: bool = True
    fired: Latch = Latch.NONE
    outputs: Outputs = Outputs(False, False, False, False, False, False, False, None, 0)


class Order(NamedTuple):
    """A command on its way: its name and the nonce that it brings back."""

    name: str
    nonce: int


class World(NamedTuple):
    """Everything. ``work`` are the intents still to be carried out, ``asked`` the command whose answer is awaited."""

    engine: EngineState | None = EngineState()
    work: tuple[Intent, ...] = ()
    asked: Order | None = None
    air: Order | None = None
    dump: bool = False
    status: Observation | None = None
    plc: ControlState = ControlState(dwell=1)
    bench: Bench = Bench()
    nonce: int = 0
    permitted: bool = False
    written: frozenset[str] = frozenset()
    fires: int = 0


class Action(Enum):
    """What may happen next."""

    SCAN = "scan"
    SCAN_SILENT = "scan without a heartbeat"
    SCAN_DOOR = "the door opens"
    ARRIVE = "the command arrives"
    ARRIVE_TWICE = "the command arrives, and once more later"
    MISFIRE = "the command arrives, and nothing fires"
    LOSE = "the command is lost"
    WORK = "an intent is carried out"
    FAIL = "an intent fails"
    REPORT = "a status leaves the PLC"
    SEE = "a status arrives"
    SEE_LATE = "a status arrives after the step's time"
    STOP = "somebody stops the run"
    DIE = "the controller dies"
    RECOVER = "recovery looks at the PLC"


class Scanned(NamedTuple):
    """One scan of the PLC, for the rules."""

    before: ControlState
    levels: Levels
    after: ControlState
    outputs: Outputs
    command: str


def cut(plan: Plan) -> Plan:
    """The plan from PERMIT on."""
    return replace(plan, steps=tuple(step for step in plan.steps if step.kind in KINDS))


@lru_cache
def levels_of(bench: Bench, command: PlcCommand, token: Refusal, heartbeat: bool) -> Levels:
    """What the PLC's terminals show. A dump is proven as soon as it is over."""
    out, band = bench.outputs, Band.HIGH if bench.charged else Band.ZERO
    dumps = tuple(Aux.OPEN if opened else Aux.CLOSED for opened in (out.dump_a_open, out.dump_b_open))
    closed = dumps == (Aux.CLOSED, Aux.CLOSED)
    proof = Proof.HOLDS if closed and not bench.charged else Proof.OPEN
    facts = Facts(command, token, heartbeat, self_test_fresh=True, warned=True, proof=proof)
    return Levels(
        a=band,
        b=band,
        modules=band,
        aim=Aim.IN if bench.charged else Aim.BELOW,
        mismatch=False,
        spread=False,
        module_limit=False,
        latch=bench.fired,
        positions_ok=True,
        door_1=bench.door,
        door_2=bench.door,
        estop_ok=True,
        operator_key=True,
        maintenance_key=False,
        search_complete=True,
        ground_stick_stowed=True,
        local_reset=False,
        consent=True,
        contactor=Aux.CLOSED if out.contactor_close else Aux.OPEN,
        dump_a=dumps[0],
        dump_b=dumps[1],
        charger_inhibited=not out.charger_enable,
        charger_locked_out=False,
        zero_current=not (out.charger_enable and out.contactor_close),
        hw_overvoltage_ok=True,
        facts=facts,
    )


def scan(
    world: World, order: Order | None, rules: Rules, heartbeat: bool = True, fires: bool = True
) -> tuple[World, Scanned]:
    """One scan of the real state machine, and what the bench makes of its outputs."""
    command, token = PlcCommand.NONE, Refusal.ACCEPTED
    if order is not None:
        command = PlcCommand[order.name]
        good = not world.permitted if order.name == "PERMIT" else order.nonce == world.nonce
        token = Refusal.ACCEPTED if good or order.name not in TOKENS else Refusal.BAD_TOKEN
    levels = levels_of(world.bench, command, token, heartbeat)
    control, out = step(world.plc, levels, TIMES, rules)
    taken = out.ack is Refusal.ACCEPTED and order is not None
    spent = taken and command in (PlcCommand.PERMIT, PlcCommand.FIRE_ENABLE, PlcCommand.FIRE)
    after = world._replace(
        plc=control,
        bench=_follow(world.bench, out, fires),
        nonce=world.nonce + spent,
        permitted=world.permitted or (taken and command is PlcCommand.PERMIT),
        fires=min(world.fires + out.fire, 2),
    )
    return after, Scanned(world.plc, levels, control, out, command.name)


def _follow(bench: Bench, out: Outputs, fires: bool) -> Bench:
    plain = out._replace(ack=None, guards=0, fire=False, door_lock=False)
    if out.fire and out.gate_open:
        return Bench(bench.charged and not fires, bench.door, Latch.ALL if fires else Latch.NONE, plain)
    closed = not (out.dump_a_open and out.dump_b_open)
    charged = not closed and (bench.charged or (out.contactor_close and out.charger_enable))
    opened = out.dump_a_open and not bench.outputs.dump_a_open
    return Bench(charged, bench.door, Latch.NONE if opened else bench.fired, plain)


_NAMES: dict[PlcState, BenchState] = {state: BenchState[state.name] for state in PlcState if state is not PlcState.RUN}


def report(world: World) -> Observation:
    """The status as it is now."""
    control, levels = world.plc, levels_of(world.bench, PlcCommand.NONE, Refusal.ACCEPTED, True)
    closed, opened = levels.dump_a is Aux.CLOSED, levels.dump_a is Aux.OPEN
    flags = {
        "DUMPS_PROVEN_CLOSED": closed,
        "DUMPS_PROVEN_OPEN": opened,
        "ENERGY_SAFE": not world.bench.charged,
        "SELF_TEST_FRESH": True,
        "WARNED": True,
        "IN_TOLERANCE": world.bench.charged,
        "MISFIRE": control.misfire,
        "PARTIAL": control.partial,
        "PROOF_OF_SAFE": closed and not world.bench.charged,
    }
    return Observation(
        t_ns=NOW_NS,
        state=_NAMES[control.state],
        flags=frozenset(name for name, value in flags.items() if value),
        inputs=frozenset({"CONTACTOR_OPEN"} if levels.contactor is Aux.OPEN else set()),
        trips=tuple(str(trip.name) for trip in Trip if trip & control.trips),
        latches=0,
    )


def post(plan: Plan, world: World, event: Event) -> World:
    """One event into the real engine; its outputs go where the runner takes them."""
    assert world.engine is not None
    state, outputs = engine.step(plan, world.engine, event)
    work, asked, dump = world.work, world.asked, world.dump
    for output in outputs:
        if output == Cancel():
            work, asked = (), None  # what is in the air may still arrive
        elif output == Command("DUMP"):
            dump = True
        elif isinstance(output, Journal | Command | Perform):
            work = (*work, output)
    if state.mode is not Mode.RUN:
        work = work[-1:]  # records and the salvage: only that they end matters, and how many there are does not
    return world._replace(engine=plain(state), work=work, asked=asked, dump=dump)


def actions(world: World) -> Iterator[Action]:
    """What may happen in ``world``."""
    yield from (Action.SCAN, Action.SCAN_SILENT)
    if world.bench.door:
        yield Action.SCAN_DOOR
    if world.air is not None:
        yield from (Action.ARRIVE, Action.ARRIVE_TWICE)
        if world.air.name == "FIRE":
            yield Action.MISFIRE
    if world.air is not None or world.dump:
        yield Action.LOSE
    if world.dump:
        yield Action.ARRIVE
    here = world.engine
    if here is None:
        yield Action.RECOVER
        return
    if here.mode is Mode.DONE:
        return
    if world.work and world.asked is None:
        yield from (Action.WORK, Action.FAIL)
    if world.status is None:
        yield Action.REPORT
    else:
        yield from (Action.SEE, Action.SEE_LATE)
    yield Action.DIE
    if here.mode is Mode.RUN:
        yield Action.STOP


def happen(plan: Plan, world: World, action: Action, rules: Rules = RULES) -> tuple[World, Scanned | None]:
    """The world after ``action``, and the scan that it needed."""
    if action is Action.SCAN_DOOR:
        return scan(world._replace(bench=world.bench._replace(door=False)), None, rules)
    if action in (Action.SCAN, Action.SCAN_SILENT):
        return scan(world, None, rules, heartbeat=action is Action.SCAN)
    if action in (Action.ARRIVE, Action.ARRIVE_TWICE, Action.MISFIRE):
        return _arrive(plan, world, action, rules)
    if action is Action.LOSE:
        if world.dump:  # the runner asks again with the next status of an armed bench
            return world._replace(dump=False), None
        lost = world.asked is not None and world.asked == world.air
        after = world._replace(air=None, asked=None if lost else world.asked)
        return (post(plan, after._replace(work=()), Failed(NOW_NS, "lost")) if lost and world.engine else after), None
    return _controller(plan, world, action), None


def _arrive(plan: Plan, world: World, action: Action, rules: Rules) -> tuple[World, Scanned]:
    """A command reaches the PLC, which judges it in its next scan; DUMP overtakes what is in the air."""
    if world.dump and action is Action.ARRIVE:
        return scan(world._replace(dump=False), Order("DUMP", 0), rules)
    order = world.air
    assert order is not None
    after, scanned = scan(world, order, rules, fires=action is not Action.MISFIRE)
    after = after._replace(air=order if action is Action.ARRIVE_TWICE else None)
    if world.asked != order or world.engine is None:
        return after, scanned
    after = after._replace(asked=None)
    if scanned.outputs.ack is not Refusal.ACCEPTED:
        return post(plan, after._replace(work=()), Failed(NOW_NS, "refused")), scanned
    return (after if after.work else post(plan, after, Done(NOW_NS))), scanned


def _controller(plan: Plan, world: World, action: Action) -> World:
    if action is Action.RECOVER:
        # controller/app/recovery.py: it looks, and asks an armed bench to dump; nothing else is ever sent
        return world._replace(dump=world.plc.state in ARMED, status=None)
    if action is Action.DIE:
        return world._replace(engine=None, work=(), asked=None, dump=False, status=None)
    if action is Action.REPORT:
        return world._replace(status=report(world))
    if action is Action.STOP:
        return post(plan, world, Stop(NOW_NS, "stop"))
    if action in (Action.SEE, Action.SEE_LATE):
        return _see(plan, world, late=action is Action.SEE_LATE)
    if action is Action.FAIL:
        return post(plan, world._replace(work=()), Failed(NOW_NS, "failed"))
    intent, rest = world.work[0], world.work[1:]
    after = world._replace(work=rest)
    if isinstance(intent, Command):
        order = Order(intent.name, world.nonce)
        return after._replace(asked=order, air=order)
    if isinstance(intent, Journal) and intent.barrier:
        after = after._replace(written=world.written | {intent.kind})
    return after if rest else post(plan, after, Done(NOW_NS))


def _see(plan: Plan, world: World, late: bool) -> World:
    """A status reaches the engine, in the step's time (its duration over) or long after."""
    assert world.status is not None and world.engine is not None
    seen, before = world.status, world.engine
    world = world._replace(status=None)
    if before.mode is Mode.RUN and before.step < 0:
        world = post(plan, world, Start(NOW_NS))  # the first status starts the run, and is its first status
    here = world.engine
    assert here is not None
    age_s = 1000.0 if late else 5.0
    if here.mode is Mode.RUN and not late:
        at = plan.steps[here.step]
        age_s = at.duration_s + 0.5 * (at.timeout_s - at.duration_s)
    then = NOW_NS - round(age_s * 1e9)
    return post(plan, world._replace(engine=replace(here, phase_ns=then, step_ns=then, abort_ns=then)), Seen(seen))
