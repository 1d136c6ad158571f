"""Two hardware faults at once on a bench that runs: ``python -m tests.formal.run_pairs [FAULT FAULT ...]``.

As two_faults.py, for the pairs that touch what only such a bench has, and for those that are accepted there. A pair
takes half a minute of CPU, all of PAIRS some ten minutes; other pairs are taken by their names. Exit code 1 when what
breaks is not exactly what ACCEPTED says.
"""

import sys
from functools import lru_cache

from tests.formal.plc_runs import SingleRun
from tests.formal.run_world import NARROW, QUICK_FAULTS, faulty_runs, run_model, run_under
from tests.formal.two_faults import Accepted, run_pair

ACCEPTED: tuple[Accepted, ...] = (
    Accepted("P4 door", "door_1=1", "door_2=1", "both channels of one door: nothing else sees it"),
    Accepted("R true", "a_frozen", "b_frozen", "both probes frozen alike at the aim: RUN is entered beside it"),
)
SHORT: tuple[tuple[str, str], ...] = (
    ("gate_stuck_open", "counter_dead"),
    ("contactor_closed=0", "gate_stuck_open"),
)
"""The pairs of the test: pulses that the PLC can neither stop nor see, and a permit that never leads to RUN."""
PAIRS: tuple[tuple[str, str], ...] = (
    *SHORT,
    ("dump_a_stuck_open", "gate_stuck_open"),
    ("dump_a_stuck_open", "counter_dead"),
    ("contactor_welded", "gate_stuck_open"),
    ("contactor_welded", "counter_noise"),
    ("contactor_welded", "charger_runaway"),
    ("dump_a_stuck_open", "dump_b_stuck_open"),
    ("dump_a_open=0", "dump_a_closed=1"),
    ("door_1=1", "door_2=1"),
    ("a_frozen", "b_frozen"),
    ("a_frozen", "counter_dead"),
    ("latches_dead", "counter_dead"),
)


@lru_cache(maxsize=1)
def single_runs(faults: frozenset[str]) -> SingleRun:
    """Each of ``faults`` alone; those of QUICK_FAULTS are shared with the tests of one process."""
    if faults <= set(QUICK_FAULTS):
        return faulty_runs()
    model = run_model(exact=False, site=NARROW)
    base = run_under(model, None)
    return SingleRun(model, base, {name: run_under(model, base, name) for name in sorted(faults)})


def broken_by_pair(pair: tuple[str, str], single: SingleRun) -> tuple[set[tuple[str, str, str]], int, str]:
    """(rule, first, second) of what ``pair`` breaks, how many states it has, and the traces."""
    rules, states, traces = run_pair(single, *pair)
    return {(rule, *pair) for rule in rules}, states, traces


def wanted_of(pairs: tuple[tuple[str, str], ...]) -> set[tuple[str, str, str]]:
    """What ACCEPTED says of ``pairs``."""
    return {(entry.rule, entry.first, entry.second) for entry in ACCEPTED if (entry.first, entry.second) in pairs}


def main(names: list[str]) -> int:
    """The named pairs, or all of PAIRS."""
    pairs = tuple(zip(names[::2], names[1::2], strict=True)) or PAIRS
    single = single_runs(frozenset(name for pair in pairs for name in pair))
    found: set[tuple[str, str, str]] = set()
    total = 0
    for pair in pairs:
        broken, states, traces = broken_by_pair(pair, single)
        found |= broken
        total += states
        print(f"{' + '.join(pair)}: {states} states, {sorted(rule for rule, *_ in broken)}", flush=True)
        if broken - wanted_of(pairs):
            print(traces, flush=True)
    wrong = sorted(found ^ wanted_of(pairs))
    print(f"{len(pairs)} pairs, {total} states, {len(found)} violations, not as accepted: {wrong}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
