"""Two hardware faults at once: ``python -m tests.formal.two_faults`` runs every pair and prints what breaks.

The first fault appears at any time, the second at any time after it (and the other way round). The PLC is built for one
fault; what two may break is a list written by hand (``ACCEPTED``), and nothing else may. About 8 minutes of CPU, on two
processes; progress goes to standard error, the violations to standard output. Names of faults as arguments: only the
pairs with one of them. Left out are mirror images (symmetry.py) and people's contacts that are arbitrary anyway.
"""

import sys
from collections.abc import Iterable
from itertools import combinations
from multiprocessing import get_context
from typing import NamedTuple

from tests.formal.bench_faults import FAULTS, condition_of, same_part
from tests.formal.plc_model import Model, Node, render, struck
from tests.formal.plc_runs import SUBSUMED, SingleRun, single_faults
from tests.formal.symmetry import MIRRORS, is_first


class Accepted(NamedTuple):
    """A violation that two faults may cause, and why that is accepted."""

    rule: str
    first: str
    second: str
    why: str


_PROBES = (
    "both independent probes wrong alike, within the modules' tolerance: a common cause is met by the controller's "
    "charge estimate (row 15), two separate ones are beyond the design basis"
)
_ONE_DUMP = (
    "both auxiliary contacts of one dump wrong at once; no energy is left (P1 is not broken): the other dump works"
)
_TWO_DUMPS = (
    "the open contacts of both dumps: CHARGE may come while they still travel, as they were told to; at rest each pair "
    "of contacts contradicts itself and trips"
)
ACCEPTED: tuple[Accepted, ...] = (
    Accepted("P4 door", "door_1=1", "door_2=1", "both channels of one door: nothing else sees it"),
    Accepted(
        "P5 true", "estop_ok=1", "estop_chain_dead", "the hard-wired chain and its readback, two independent parts"
    ),
    Accepted("P2 true", "dump_a_open=0", "dump_a_closed=1", _ONE_DUMP),
    Accepted("P15 true", "dump_a_open=1", "dump_b_open=1", _TWO_DUMPS),
    Accepted("P16 true", "a_frozen", "b_frozen", _PROBES),
    Accepted("P16 true", "a_frozen", "b_high_1", _PROBES),
    Accepted("P16 true", "a_frozen", "b_low_1", _PROBES),
    Accepted("P16 true", "a_high_1", "b_high_1", _PROBES),
    Accepted("P16 true", "a_low_1", "b_low_1", _PROBES),
)
"""One of each set of mirror images: ``a_frozen`` with ``b_low_1`` stands for ``a_low_1`` with ``b_frozen`` too."""
REPRESENTATIVE: tuple[tuple[str, str], ...] = (
    ("contactor_welded", "contactor_open=1"),
    ("contactor_welded", "charger_runaway"),
    ("dump_a_stuck_open", "dump_b_stuck_open"),
    ("dump_a_stuck_open", "dump_a_closed=1"),
    ("dump_a_stuck_closed", "dump_a_open=1"),
    ("dump_a_stuck_closed", "a_frozen"),
    ("door_1=1", "door_2=1"),
    ("estop_ok=1", "estop_chain_dead"),
    ("dump_a_open=0", "dump_a_closed=1"),
    ("dump_a_open=1", "dump_b_open=1"),
    ("hw_overvoltage_ok=1", "a_low_3"),
    ("a_frozen", "b_frozen"),
    ("a_frozen", "b_high_1"),
    ("a_frozen", "b_low_1"),
    ("a_high_1", "b_high_1"),
    ("a_low_1", "b_low_1"),
    ("a_low_3", "b_low_3"),
    ("a_low_3", "modules_low_3"),
    ("b_frozen", "comparator_dead"),
    ("modules_low_1", "rebound"),
    ("prefire", "latches_dead"),
)
"""The pairs of the test: every redundancy of the bench with both sides dead, actuators with the contact that reads
them, and every pair of ACCEPTED."""


def pairs_of(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs that can be at once, in the order of FAULTS, one of each set of mirror images."""
    pairs = combinations(names, 2)
    return [(a, b) for a, b in pairs if not same_part(FAULTS[a], FAULTS[b]) and is_first(a, b)]


def starts_of(single: SingleRun, first: str, second: str) -> list[Node]:
    """Where the second fault may appear after the first, in both orders."""
    later = struck(_nodes(single, first), second)
    return list(dict.fromkeys((*later, *struck(_nodes(single, second), first))))


def _nodes(single: SingleRun, fault: str) -> list[Node]:
    """What one fault reaches; of a fault on a B side the mirror of what was run on the A side."""
    if fault in single.runs:
        return list(single.runs[fault].graph)
    mirror = next(mirror for mirror in MIRRORS if mirror.fault(fault) in single.runs)
    nodes = single.runs[mirror.fault(fault)].graph
    return [Node(mirror.control(control), mirror.plant(plant)) for control, plant in nodes]


def run_pair(single: SingleRun, first: str, second: str) -> tuple[set[str], int, str]:
    """The rules that a pair breaks, how many states it has, and the traces."""
    model: Model = single.model
    both = condition_of(first, second)
    graph = model.explore(starts_of(single, first, second), both)
    broken = [violation for violation in model.violations.values() if violation.faults == both.ids]
    return {violation.rule for violation in broken}, len(graph), "\n".join(render(graph, v) for v in broken)


def _work(pair: tuple[str, str]) -> tuple[tuple[str, str], set[str], int, str]:
    """One pair in a process that inherited the runs with one fault."""
    single = single_faults()
    result = run_pair(single, *pair)
    if len(single.model.scans) > SCANS_MAX:
        single.model.scans.clear()
    return (pair, *result)


def main(wanted_faults: list[str]) -> int:
    """Every pair, or those with one of the named faults; exit code 1 when the violations are not exactly ACCEPTED."""
    single_faults()
    pairs = pairs_of(name for name in FAULTS if name not in SUBSUMED)
    if wanted_faults:
        pairs = [pair for pair in pairs if not set(pair).isdisjoint(wanted_faults)]
    found: set[tuple[str, str, str]] = set()
    states = 0
    with get_context("fork").Pool(WORKERS) as pool:
        for number, ((first, second), broken, count, traces) in enumerate(pool.imap(_work, pairs, 20), 1):
            states += count
            found |= {(rule, first, second) for rule in broken}
            print(f"{number}/{len(pairs)} {first} + {second}: {count} states", file=sys.stderr, flush=True)
            if broken:
                print(traces, flush=True)
    wanted = {(entry.rule, entry.first, entry.second) for entry in ACCEPTED if (entry.first, entry.second) in pairs}
    for rule, first, second in sorted(found):
        print(f"{'accepted' if (rule, first, second) in wanted else 'NEW'}: {rule} under {first} + {second}")
    for rule, first, second in sorted(wanted - found):
        print(f"VANISHED: {rule} under {first} + {second}")
    print(f"{len(pairs)} pairs, {states} states, {len(found)} violations, {len(wanted)} accepted")
    return 0 if found == wanted else 1


SCANS_MAX = 200_000
"""Scans that a process remembers between pairs: about 1 GB of tuples."""
WORKERS = 2

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
