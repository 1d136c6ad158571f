"""Every single fault with all memory: ``python -m tests.formal.explore [--run] [--pairs] [FAULT ...]``.

As the tests, but exactly (nothing relaxed in TRIP), with all 82 faults, people's contacts included. ``--pairs`` takes
every pair of bad inputs on one scan too (about ten times as long). ``--run`` takes the table of a bench that runs and
its own faults as well, relaxed in TRIP and with a budget of one place (20 minutes). Progress goes to standard error,
violations with their traces to standard output; exit code 1 when there are any. About 6 minutes of CPU.
"""

import sys

from tests.formal.bench_faults import FAULTS, condition_of
from tests.formal.plc_model import INITIAL, Model, describe, initial, render, struck
from tests.formal.plc_runs import DEMANDS, RUN_DEMANDS, SUBSUMED, run_fault
from tests.formal.run_world import ALL_FAULTS, NARROW, run_model

SCANS_MAX = 400_000
"""Scans remembered between faults: about 2 GB of tuples."""


def beyond_healthy() -> list[str]:
    """Faults of SUBSUMED that reach a state which the healthy bench does not, with the relaxed model: none may."""
    model = Model(exact=False)
    base = set(model.explore(INITIAL))
    return [name for name in SUBSUMED if not set(model.explore(struck(base, name), condition_of(name))) <= base]


def main(arguments: list[str]) -> int:
    """Explore the named faults, or all."""
    bad_together = 2 if "--pairs" in arguments else 1
    runs = "--run" in arguments
    model = run_model(exact=False, bad_together=bad_together, site=NARROW) if runs else Model(bad_together=bad_together)
    every = list(ALL_FAULTS if runs else FAULTS)
    names = [name for name in arguments if not name.startswith("--")] or every
    demands = RUN_DEMANDS if runs else DEMANDS
    base = run_fault(model, initial(model.site), demands=demands)
    bad = bool(base.violations or base.stranded)
    states, transitions = len(base.graph), base.graph.transitions
    for violation in base.violations:
        print(render(base.graph, violation))
    for name in names:
        run = run_fault(model, struck(base.graph, name), name, demands=demands)
        states, transitions = states + len(run.graph), transitions + run.graph.transitions
        bounds = " ".join(f"{demand} {bound.steps}" for demand, bound in run.bounds.items())
        print(f"{name}: {len(run.graph)} states, {run.graph.transitions} transitions; {bounds}", file=sys.stderr)
        for violation in run.violations:
            print(render(run.graph, violation))
        for node in run.stranded[:1]:
            print(f"no resting place from here under {name}:\n{describe(node, None)}")
        bad = bad or bool(run.violations or run.stranded)
        if len(model.scans) > SCANS_MAX:
            model.scans.clear()
    extra = [] if runs or len(names) < len(FAULTS) else beyond_healthy()
    for name in extra:
        print(f"{name} is not covered by arbitrary people: take it out of SUBSUMED")
    print(f"{len(names)} faults, {states} states, {transitions} transitions, {model.judged} scans judged")
    return int(bad or bool(extra))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
