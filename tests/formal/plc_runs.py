"""PURE: the explorations that the tests and commands of tests/formal share: healthy, one fault, bounded responses."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar

from drivers.wire.plc import ARMED_STATES, PlcCommand, PlcState
from tests.formal.bench_faults import FAULTS, HEALTHY, PEOPLE_CONTACTS, Condition, condition_of
from tests.formal.bench_levels import DEAD, SAFE, Plant, move_plant, read_terminals
from tests.formal.choices import Choice, bench_part, run_choice
from tests.formal.explorer import Bound, Graph, cannot_reach, longest_way
from tests.formal.plc_model import INITIAL, Label, Model, Node, Violation, drive_of, struck
from tests.formal.symmetry import is_first

S = PlcState
T = TypeVar("T")
STEPS_MAX = 30
"""A bounded response longer than this is none."""

DEMANDS: dict[str, tuple[Choice, bool]] = {
    "door": (Choice(bad=("doors",)), False),
    "estop": (Choice(), True),
    "key": (Choice(bad=("operator_key",)), False),
    "heartbeat": (Choice(bad=("heartbeat",)), False),
    "DUMP": (Choice(PlcCommand.DUMP), False),
}
RUN_DEMANDS: dict[str, tuple[Choice, bool]] = {**DEMANDS, "window": (Choice(bad=("window_trip",)), False)}
"""What stays on every scan of a bounded response: the choice, and the e-stop pressed or not."""

SUBSUMED = tuple(
    fault.id for fault in FAULTS.values() if fault.part in PEOPLE_CONTACTS and fault.id not in ("door_1=1", "door_2=1")
)
"""A people's contact that is stuck reads what arbitrary people may do anyway: the scans are a subset of the healthy
ones. Only what is *true* differs, and only for the doors is that known otherwise (two channels). The full run does
them all, and shows that they reach no state which the healthy bench does not reach."""
CI_FAULTS = tuple(name for name in FAULTS if name not in SUBSUMED and is_first(name))
"""What the tests run: people's contacts and mirror images (tests/formal/symmetry.py) are left to the full run."""


class FaultRun(NamedTuple):
    """What one exploration found."""

    faults: tuple[str, ...]
    graph: Graph[Node, Label]
    violations: tuple[Violation, ...]
    stranded: tuple[Node, ...]
    """Nodes from which no resting place (:func:`at_rest`) can be reached."""
    bounds: dict[str, Bound[Node]]


def at_rest(node: Node) -> bool:
    """SAFE, TRIP or LOCKOUT with truly no energy, supply off and both dumps commanded."""
    c, p = node
    off = not (c.contactor_close or c.charger_enable or c.dump_a_open or c.dump_b_open)
    return c.state in (S.SAFE, S.TRIP, S.LOCKOUT) and off and p.level <= SAFE


def _relieved(node: Node) -> bool:
    c, p = node
    off = not (c.contactor_close or c.charger_enable or c.dump_a_open or c.dump_b_open)
    return off and p.level <= SAFE and c.state not in ARMED_STATES


def respond(model: Model, starts: Iterable[Node], demand: str, condition: Condition) -> Bound[Node]:
    """B1, B2: scans from any armed node until the energy is gone and stays commanded so, while ``demand`` persists."""
    choice, pressed = RUN_DEMANDS[demand]

    def follow(node: Node) -> Iterable[Node]:
        control, plant = node
        drive = drive_of(control, pressed, condition)
        for moved in move_plant(plant, drive, condition):
            seen = read_terminals(moved, drive, pressed, condition)
            outcome = run_choice(control, seen, bench_part(seen), condition.people, model.rules, choice, model.site)
            yield Node(model.reduce(outcome.control), moved)

    armed = [node for node in starts if node.control.state in ARMED_STATES]
    return longest_way(armed, follow, _relieved, STEPS_MAX)


def die(plants: Iterable[Plant], condition: Condition) -> Bound[Plant]:
    """B3: scans until the plant alone is without energy, the PLC's outputs being dead."""
    return longest_way(
        set(plants), lambda p: move_plant(p, DEAD, condition), lambda p: p.level <= SAFE, STEPS_MAX
    )  # fmt: skip


def run_fault(
    model: Model, starts: Iterable[Node], *faults: str, bounded: bool = True, demands: Iterable[str] = DEMANDS
) -> FaultRun:
    """Explore under ``faults`` from ``starts`` (the nodes at which the last of them appears) and judge everything."""
    condition = condition_of(*faults) if faults else HEALTHY
    graph = model.explore(starts, condition)
    violations = tuple(v for v in model.violations.values() if v.faults == condition.ids)
    stranded = tuple(cannot_reach(graph, at_rest))
    bounds: dict[str, Bound[Node]] = {}
    if bounded:
        bounds = {name: respond(model, graph, name, condition) for name in demands}
        dead = die((node.plant for node in graph), condition)
        bounds["PLC dead"] = Bound(dead.steps, ())
    return FaultRun(condition.ids, graph, violations, stranded, bounds)


@lru_cache(maxsize=1)
def exact_model() -> Model:
    """The model that keeps all that can be read again."""
    return Model()


@lru_cache(maxsize=1)
def healthy() -> FaultRun:
    """The bench without a fault, exactly; shared by the tests of one process."""
    return run_fault(exact_model(), INITIAL)


def spread_out(items: list[T], stride: int = 41) -> Iterator[T]:
    """``items`` in an order that comes to every region early: exploration order has all of one fault together."""
    for offset in range(stride):
        yield from items[offset::stride]


class SingleRun(NamedTuple):
    """All single faults together. ``runs`` by fault id; the graphs are kept: two-fault runs start from them."""

    model: Model
    healthy: FaultRun
    runs: dict[str, FaultRun]


@lru_cache(maxsize=1)
def single_faults() -> SingleRun:
    """Every fault of CI_FAULTS, appearing at any time, with the relaxed model; shared by the tests of one process."""
    model = Model(exact=False)
    base = run_fault(model, INITIAL)
    runs = {name: run_fault(model, struck(base.graph, name), name) for name in CI_FAULTS}
    return SingleRun(model, base, runs)
