"""Reaction: from a reply arriving on one link to the safe command on another, idle and beside two CPU hogs.

``trip``: a PLC status with a trip arrives -> the charger is told to switch off, on its own link. ``loss``: the T7
refuses the second reading -> DUMP on the PLC's link. Beside them, in the same run and by the same stamps, a bare C
loop and a bare uvloop loop that forward at once. Stamps are the bench's: loopback and wake-ups count. Run:
``python -m tests.benchmarks.bench_reaction``.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drivers.wire.plc_map import encode_status
from tests.benchmarks.reaction_bench import HOLDING, ReactionBench

TRIALS = 150
GAP_S = 0.02
"""Rest between two forwards of a bare loop: they wake from the same sleep as a core between two beats."""

HOGS = 2
BAR = 3.0
"""Idle p50 at most this many times the bare uvloop loop's (issue 4, Show)."""

ROOT = Path(__file__).parents[2]
SUBJECTS = ("c", "uvloop", "trip", "loss")


@dataclass(frozen=True)
class Times:
    """Microseconds of one subject."""

    p50_us: float
    p99_us: float


@dataclass(frozen=True)
class Result:
    """Times by subject, idle and loaded; ratios of the idle medians to the bare uvloop loop's."""

    idle: dict[str, Times]
    loaded: dict[str, Times]

    def ratio(self, subject: str) -> float:
        """Idle p50 over that of the bare uvloop loop."""
        return self.idle[subject].p50_us / self.idle["uvloop"].p50_us


def times_of(samples_ns: list[int]) -> Times:
    """Median and 99th percentile."""
    ordered = sorted(samples_ns)
    return Times(statistics.median(ordered) / 1e3, ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))] / 1e3)


def forward(bench: ReactionBench, command: list[str], trials: int) -> list[int]:
    """A bare loop's times in nanoseconds: ``command`` connects to doors a and b."""
    a, b = bench.doors["a"], bench.doors["b"]
    frame = encode_status(HOLDING)
    samples = []
    with subprocess.Popen([*command, str(bench.port("a")), str(bench.port("b"))], cwd=ROOT) as process:
        bench.until(lambda: a.peer is not None and b.peer is not None)
        for _ in range(trials):
            bench.rest(GAP_S)
            b.heard = b""
            bench.say("a", frame)
            bench.until(lambda: bool(b.heard))
            samples.append(b.heard_ns - a.said_ns)
        bench.hang_up("a")
        process.wait(10)
        bench.hang_up("b")
    return samples


@contextmanager
def core(bench: ReactionBench, folder: Path) -> Iterator[None]:
    """Sparkgap's core, connected to the bench."""
    ports = [str(bench.port(name)) for name in ("plc", "charger", "daq", "control")]
    command = [sys.executable, "-m", "tests.benchmarks.reaction_subject", "core", *ports, str(folder)]
    control = bench.doors["control"]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            bench.until(lambda: control.peer is not None)
            yield
            bench.say("control", b"end\n")
            bench.until(lambda: control.peer is None)
        finally:
            process.terminate()


def _converse(bench: ReactionBench, line: bytes, answer: bytes) -> None:
    control = bench.doors["control"]
    control.heard = b""
    bench.say("control", line)
    bench.until(lambda: control.heard == answer)


def react(bench: ReactionBench, trials: int, cause: Callable[[ReactionBench], int]) -> list[int]:
    """The core's times in nanoseconds; ``cause`` makes one reaction happen and returns its time."""
    samples = []
    for _ in range(trials):
        bench.plc.tripped = bench.plc.told_trip = bench.plc.dumped = bench.daq.refusing = False
        bench.daq.refused = 0
        _converse(bench, b"begin\n", b"ready\n")
        samples.append(cause(bench))
        bench.daq.refusing = False
        _converse(bench, b"seen\n", b"done\n")
    return samples


def trip(bench: ReactionBench) -> int:
    """The next status has a trip; the charger hears of it."""
    charger, plc = bench.doors["charger"], bench.doors["plc"]
    charger.heard = b""
    bench.plc.tripped = True
    bench.until(lambda: bench.plc.told_trip)
    said_ns, charger.heard = plc.said_ns, b""
    bench.until(lambda: b"BON" in charger.heard)
    return charger.heard_ns - said_ns


def loss(bench: ReactionBench) -> int:
    """The T7 refuses two readings; the PLC hears DUMP."""
    daq, plc = bench.doors["daq"], bench.doors["plc"]
    bench.daq.refusing = True
    bench.until(lambda: bench.daq.refused == 2)
    said_ns = daq.said_ns
    bench.until(lambda: bench.plc.dumped)
    return plc.heard_ns - said_ns


def measure(binary: Path, folder: Path, trials: int, subjects: tuple[str, ...]) -> dict[str, Times]:
    """All subjects, one after the other, on one bench."""
    bench = ReactionBench()
    uvloop = [sys.executable, "-m", "tests.benchmarks.reaction_subject", "loop"]
    found: dict[str, Times] = {}
    try:
        found["c"] = times_of(forward(bench, [str(binary)], trials))
        found["uvloop"] = times_of(forward(bench, uvloop, trials))
        folder.mkdir()
        with core(bench, folder):
            for name, cause in (("trip", trip), ("loss", loss)):
                if name in subjects:
                    found[name] = times_of(react(bench, trials, cause))
    finally:
        bench.close()
    return found


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """Processes that do nothing but compute."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def run(compiler: str, trials: int = TRIALS, subjects: tuple[str, ...] = SUBJECTS, loaded: bool = True) -> Result:
    """Compile the C loop and measure, idle first."""
    with tempfile.TemporaryDirectory() as name:
        binary, folder = Path(name) / "loop", Path(name)
        source = Path(__file__).with_name("reaction_loop.c")
        subprocess.run([compiler, "-O2", "-o", str(binary), str(source)], check=True)
        idle = measure(binary, folder / "idle", trials, subjects)
        if not loaded:
            return Result(idle, {})
        with hogs(HOGS):
            return Result(idle, measure(binary, folder / "loaded", trials, subjects))


def main() -> int:
    """Print the result; exit code 1 when the bar is missed."""
    compiler = shutil.which("gcc")
    if compiler is None:
        print("gcc is not installed: sudo apt-get install -y gcc", file=sys.stderr)
        return 2
    found = run(compiler)
    print(f"{'':8} {'idle p50':>10} {'p99':>10} {'x uvloop':>9}   {HOGS} hogs p50 {'p99':>9}   (us)")
    for name in SUBJECTS:
        idle, loaded = found.idle[name], found.loaded[name]
        print(
            f"{name:8} {idle.p50_us:10.0f} {idle.p99_us:10.0f} {found.ratio(name):9.2f}"
            f"   {loaded.p50_us:10.0f} {loaded.p99_us:9.0f}"
        )
    worst = max(found.ratio("trip"), found.ratio("loss"))
    print(f"worst idle p50 {worst:.2f} times the bare uvloop loop (bar {BAR:g})")
    return 0 if worst <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
