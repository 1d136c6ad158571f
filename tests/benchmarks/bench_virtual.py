"""How much faster than real time a shot runs on virtual time, and what one PLC scan costs.

Run: python -m tests.benchmarks.bench_virtual [--rounds N] [--profile]
Measured from the permit (step ``permit`` entered) to verified safe (step ``verify`` done) of the shipped profile
`full`, one pulse included. Processor time, not wall time: a shared machine must not decide. The bar is BAR times real
time. --profile prints where one further round spends its time (the profiler itself makes that round slower).
"""

import argparse
import cProfile
import pstats
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

from controller.app.virtual import run_virtual
from controller.messages import Message, RunConfig, StepEntered

RIG = "railgun_bench"
PROFILE = "full"
SCAN_S = 0.01
ROUNDS = 7
BAR = 100.0
"""Virtual seconds per second of processor time, from the permit to verified safe."""

PROFILE_ROWS = 45

FIRST = ("permit", "enter")
LAST = ("verify", "done")


@dataclass(frozen=True, slots=True)
class Span:
    """One round: virtual and processor seconds between permit and verified safe."""

    virtual_s: float
    cpu_s: float

    @property
    def ratio(self) -> float:
        """Times real time."""
        return self.virtual_s / self.cpu_s

    @property
    def scan_us(self) -> float:
        """Processor microseconds per PLC scan of 10 ms, everything else of the span shared out among the scans."""
        return self.cpu_s * SCAN_S / self.virtual_s * 1e6


class Stopwatch:
    """Hears the run's messages and takes both times at the two steps; ``on`` and ``off`` bracket the span."""

    def __init__(self, on: Callable[[], None] = lambda: None, off: Callable[[], None] = lambda: None) -> None:
        self._on = on
        self._off = off
        self._begin: tuple[int, float] | None = None
        self.span: Span | None = None

    def hear(self, message: Message) -> None:
        """Take the times when ``message`` is one of the two steps."""
        if not isinstance(message, StepEntered):
            return
        mark = (message.id, message.phase)
        if mark == FIRST:
            self._on()
            self._begin = (message.t_ns, process_time())
        elif mark == LAST and self._begin is not None:
            t_ns, cpu_s = self._begin
            self.span = Span((message.t_ns - t_ns) * 1e-9, process_time() - cpu_s)
            self._off()


def fire(seed: int, watch: Stopwatch) -> Span:
    """One shot. Raises RuntimeError when it did not pass or never got from permit to verified safe."""
    with TemporaryDirectory() as folder:
        config = RunConfig(rig=RIG, profile_path=PROFILE, out=str(Path(folder) / "shots"), seed=seed)
        finished = run_virtual(config, watch.hear, lambda: "")
    if finished.exit != 0 or watch.span is None:
        raise RuntimeError(f"the shot did not pass: {finished}")
    return watch.span


def run(rounds: int = ROUNDS) -> Span:
    """Medians of ``rounds`` shots after one that warms caches up."""
    fire(0, Stopwatch())
    spans = [fire(seed, Stopwatch()) for seed in range(1, rounds + 1)]
    return Span(median(span.virtual_s for span in spans), median(span.cpu_s for span in spans))


def print_profile() -> None:
    """Run one shot under cProfile and print the dearest functions of the span."""
    profiler = cProfile.Profile()
    fire(0, Stopwatch(profiler.enable, profiler.disable))
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(PROFILE_ROWS)


def main() -> None:
    """Print the figures; fail below the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    options = parser.parse_args()
    found = run(options.rounds)
    print(f"virtual time from permit to verified safe  {found.virtual_s:8.2f} s")
    print(f"processor time, median of {options.rounds:2d}             {found.cpu_s:10.3f} s")
    print(f"times real time (bar {BAR:g})                   {found.ratio:6.1f}")
    print(f"per PLC scan                               {found.scan_us:8.1f} us")
    if options.profile:
        print_profile()
    raise SystemExit(0 if found.ratio >= BAR else 1)


if __name__ == "__main__":
    main()
