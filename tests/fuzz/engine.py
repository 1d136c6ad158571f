"""One fuzzing run of one target: by atheris (libFuzzer), or by a plain mutation loop where atheris is not installed.

A crash does not end a run: each place that breaks gives one input, and the run goes on. The process's results are
files, because libFuzzer ends its process without returning.
"""

import contextlib
import gc
import json
import random
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path

from tests.fuzz.bounds import CPU_MAX_S, INPUT_MAX, Breach, cpu_bound
from tests.fuzz.targets import Target

GROWTH_MAX_MB = 96
"""Resident memory that a run may gain once caches are warm; libFuzzer's own corpus is part of it."""
WARM = 0.3
"""Part of a run after which caches count as warm."""
NOTE_S = 0.5
RSS_MAX_MB = 1536


@dataclass
class Recorder:
    """Runs inputs, keeps one of each kind of failure, and notes in ``folder`` how far it is."""

    target: Target
    folder: Path
    seconds: float
    cpu_max_s: float = CPU_MAX_S
    begin: float = field(default_factory=time.monotonic)
    runs: int = 0
    worst_cpu_s: float = 0.0
    warm_mb: float = 0.0
    seen: set[str] = field(default_factory=set)
    noted: float = 0.0

    def __call__(self, data: bytes) -> None:
        """One input."""
        data = bytes(data[:INPUT_MAX])
        start = time.process_time()
        try:
            with cpu_bound(self.cpu_max_s):
                self.target.run(data)
        except (Exception, Breach) as trouble:
            self._keep(data, trouble)
        self.worst_cpu_s = max(self.worst_cpu_s, time.process_time() - start)
        self.runs += 1
        now = time.monotonic()
        if not self.warm_mb and now - self.begin > WARM * self.seconds:
            self.warm_mb = resident_mb()
        if now - self.noted > NOTE_S:
            self.noted = now
            self.note()

    def note(self) -> None:
        """Write down where the run stands.

        Instruments are cycles of objects, and each input makes one: the collector, which counts objects and not their
        bytes, would leave gigabytes of dead records lying.
        """
        gc.collect()
        grown = resident_mb() - self.warm_mb if self.warm_mb else 0.0
        state = {"runs": self.runs, "worst_cpu_s": self.worst_cpu_s, "grown_mb": grown, "failures": sorted(self.seen)}
        partial = self.folder / "state.tmp"
        partial.write_text(json.dumps(state))
        partial.replace(self.folder / "state.json")

    def _keep(self, data: bytes, trouble: BaseException) -> None:
        frames = traceback.extract_tb(trouble.__traceback__)
        inner = [frame for frame in frames if "/site-packages/" not in frame.filename] or list(frames)
        where = f"{type(trouble).__name__} at {Path(inner[-1].filename).name}:{inner[-1].lineno}"
        if isinstance(trouble, Breach):
            where = f"Breach: {''.join(c for c in str(trouble) if not c.isdigit())}"
        if where in self.seen:
            return
        self.seen.add(where)
        name = f"crash-{sha1(where.encode()).hexdigest()[:12]}"
        (self.folder / name).write_bytes(data)
        (self.folder / f"{name}.txt").write_text("".join(traceback.format_exception(trouble)))
        self.note()


def resident_mb() -> float:
    """Resident memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def fuzz(target: Target, folder: Path, corpus: Sequence[Path], seconds: float) -> None:
    """Fuzz for ``seconds``; ``folder/corpus`` gets what reached new code. Does not return under atheris."""
    found = folder / "corpus"
    found.mkdir(parents=True)
    for seed in target.seeds:
        (found / f"seed-{sha1(seed).hexdigest()[:12]}").write_bytes(seed[:INPUT_MAX])
    recorder = Recorder(target, folder, seconds)
    try:
        import atheris
    except ImportError:
        mutate(recorder, target, corpus, seconds)
        return
    arguments = [
        sys.argv[0],
        f"-max_total_time={max(1, round(seconds))}",
        f"-max_len={INPUT_MAX}",
        "-timeout=120",
        f"-rss_limit_mb={RSS_MAX_MB}",
        f"-artifact_prefix={folder}/libfuzzer-",
        "-print_final_stats=1",
        "-close_fd_mask=0",
        str(found),
        *map(str, corpus),
    ]
    atheris.Setup(arguments, recorder)
    atheris.Fuzz()


def mutate(recorder: Recorder, target: Target, corpus: Sequence[Path], seconds: float) -> None:
    """The plain loop: random changes to seeds and corpus, without feedback."""
    dice = random.Random(1)
    pool = [*target.seeds, *(file.read_bytes() for folder in corpus for file in sorted(folder.glob("*")))] or [b""]
    until = time.monotonic() + seconds
    for one in pool:
        recorder(one)
    while time.monotonic() < until:
        recorder(mutant(dice, pool))
    recorder.note()


def mutant(dice: random.Random, pool: Sequence[bytes]) -> bytes:
    """Some changes to one of ``pool``: bytes, lengths, pieces of others."""
    data = bytearray(dice.choice(pool))
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(data) + 1)
        end = min(len(data), at + dice.randint(1, 16))
        kind = dice.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = dice.choice((0, 1, 10, 13, 32, 63, 127, 128, 245, 255, dice.randrange(256)))
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            data[at:at] = data[at:end] * dice.choice((1, 2, 30))
        else:
            other = dice.choice(pool)
            start = dice.randrange(len(other) + 1)
            data[at : at if kind == 4 else end] = other[start : start + dice.randint(1, 40)]
    return bytes(data[:INPUT_MAX])


def result(folder: Path) -> dict[str, object]:
    """What a finished run left."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads((folder / "state.json").read_text()))
    return {"runs": 0, "worst_cpu_s": 0.0, "grown_mb": 0.0, "failures": []}
