"""2,000 hours of conditioning at 50 Hz, 3.6e8 pulses, by the profile's own decision function: how long it takes here.

Run: python -m tests.benchmarks.bench_conditioning [--hours N] [--seed N] [--kills N] [--plot FILE.png|FILE.html]
Processor time of this process on one core. Every pulse is accounted for, fired or inhibited. With --kills the run is
repeated and killed at so many seeded pulses: its state goes through text into fresh objects, and the end must be equal
to the last bit. Issue 6, Show.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np

from controller.sequencer.conditioning_estimate import hours_to_goal
from controller.sequencer.conditioning_state import Phase
from tests.conditioning import case
from tests.conditioning.plot import Logbook, write
from tests.conditioning.simulation import Bench, Note, Run, begin, play, run_from_text

BAR_S = 60.0
"""Processor seconds for 2,000 hours (issue 6, Show)."""


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a run and the processor time it took."""

    end: Run
    cpu_s: float


def run(bench: Bench, pulses: int, note: Note = lambda _run, _seen: None) -> Result:
    """One conditioning over ``pulses``."""
    began = process_time()
    end = play(bench, begin(bench), pulses, note)
    return Result(end, process_time() - began)


def run_killed(bench: Bench, pulses: int, kills: int) -> Run:
    """The same, killed at ``kills`` pulses that the seed chooses, mostly in the middle of a step."""
    points = np.sort(np.random.default_rng(bench.seed).integers(1, pulses, kills)).tolist()
    state = begin(bench)
    for stop in [*points, pulses]:
        fresh = Bench(bench.recipe, bench.breakdown, bench.seed)
        state = play(fresh, run_from_text(state.to_text(), fresh), stop)
    return state


def reached(found: Run, hours: float) -> str:
    """Where a run has got to, in words."""
    control, estimate = found.control, hours_to_goal(case.RECIPE, found.control)
    ahead = "unknown" if estimate is None else f"{estimate.low_h:.0f} to {estimate.high_h:.0f} h"
    field = f"{control.working_field_v_per_m / 1e6:.1f} MV/m, {case.RECIPE.pulse_s(control.rung) * 1e9:.0f} ns"
    if control.phase is Phase.DONE:
        return f"done after {control.total_s / 3600.0:.0f} of {hours:g} h at {field}"
    return f"{control.phase.value} after {control.total_s / 3600.0:.0f} of {hours:g} h at {field}; to the goal {ahead}"


def main() -> int:
    """Print the figures; 1 when the time, the sum of the pulses or the kills miss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=float(case.HOURS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=0, help="run again, killed at so many seeded pulses")
    parser.add_argument("--plot", type=Path, help="write the hours as a picture or a page")
    options = parser.parse_args()
    pulses = round(options.hours * 3600.0 * case.RATE_HZ)
    bench, book = case.bench(options.seed), Logbook()
    found = run(bench, pulses, book.note if options.plot else lambda _run, _seen: None)
    end = found.end
    print(f"processor time                 {found.cpu_s:8.2f} s  (bar {BAR_S:g} s for {case.HOURS} h)")
    print(f"pulses fired + inhibited       {end.fired} + {end.inhibited} = {end.fired + end.inhibited} of {pulses}")
    print(f"breakdowns, decisions, stops   {end.breakdowns}, {end.decisions}, {end.stops}")
    print(reached(end, options.hours))
    held = found.cpu_s <= BAR_S and end.fired + end.inhibited == pulses
    if options.kills:
        equal = run_killed(bench, pulses, options.kills) == end
        print(f"killed at {options.kills} points            the end is {'equal' if equal else 'NOT EQUAL'}")
        held = held and equal
    if options.plot:
        shown_h = min(options.hours, end.control.total_s / 3600.0 * 1.05)
        write(
            bench,
            book,
            options.plot,
            shown_h,
            f"Simulated conditioning, seed {options.seed}: {reached(end, options.hours)}",
        )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
