"""Runs SPIN's verifier on a hand-written text and reads the lines that the text prints; for the second opinions."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.support import require_tool

TOOLS = ("spin", "gcc")
NICE = ("nice", "-n", "19")
LIMIT_S = 100.0
"""Each of the three programs needs about a second of a free processor; one that hangs must not hold up the run."""
DEPTH = 20_000
"""Longest path that pan may follow; it needs about 3,000. Passing it would be "Search not completed"."""


class Verdict(NamedTuple):
    """What pan found."""

    lines: list[str]
    transitions: int
    errors: int
    output: str


def _run(command: tuple[str, ...], folder: Path) -> str:
    done = subprocess.run((*NICE, *command), cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, (
        f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    return done.stdout


def verify(text: str, folder: Path, *options: str) -> Verdict:
    """Everything that ``text`` reaches. Full states in memory: no bitstate, no hash compaction, no reduction."""
    spin, gcc = (require_tool(tool) for tool in TOOLS)
    folder.mkdir(exist_ok=True)
    (folder / "plc.pml").write_text(text, encoding="utf-8")
    _run((spin, "-a", "plc.pml"), folder)
    _run((gcc, "-O0", "-w", "-DSAFETY", "-DNOREDUCE", "-DMEMLIM=512", "-o", "pan", "pan.c"), folder)
    output = _run((str(folder / "pan"), f"-m{DEPTH}", "-w18", *options), folder)
    report = "\n".join(line for line in output.splitlines() if not line.startswith("@"))
    errors, transitions = re.search(r"errors: (\d+)", report), re.search(r"(\d+) transitions", report)
    assert errors and transitions, report
    for cut in ("not completed", "too small", "truncated", "Bit statespace", "Hash-Compact", "out of memory"):
        assert cut not in report, report
    found = sorted(line[1:] for line in output.splitlines() if line.startswith("@"))
    return Verdict(found, int(transitions[1]), int(errors[1]), report)
