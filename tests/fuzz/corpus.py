"""The stored corpus: few small inputs per target, chosen by the lines they reach, and all that once broke it."""

import sys
from collections.abc import Iterable
from hashlib import sha1
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.bounds import INPUT_MAX, Breach, cpu_bound
from tests.fuzz.targets import Target

CORPUS = Path(__file__).parent / "corpus"
FILES_MAX = 30
"""Per target, those that once broke it included (issue 5)."""
CHOSEN_MAX = 10
"""Per target by coverage: the replay must take seconds."""
CANDIDATES_MAX = 250
"""Inputs that are looked at when choosing, the newest first."""

_ROOT = Path(__file__).parents[2]
_WATCHED = tuple(str(_ROOT / part) for part in ("drivers", "firmware_sim", "controller/shots", "controller/app/tape"))

Arc = tuple[str, int, int]


def arcs(target: Target, data: bytes) -> set[Arc]:
    """(file, line before, line) of every step that an input takes in the code under test."""
    found: set[Arc] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(_WATCHED):
            return None
        last = 0

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "line":
                found.add((name, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with cpu_bound():
            target.run(data)
    except (Exception, Breach):
        return set()
    finally:
        sys.settrace(before)
    return found


def choose(target: Target, candidates: Iterable[bytes], most: int = CHOSEN_MAX) -> list[bytes]:
    """At most ``most`` inputs that together reach most, greedily; of equals the shorter."""
    reached = [(data, arcs(target, data)) for data in sorted(set(candidates), key=lambda data: (len(data), data))]
    chosen: list[bytes] = []
    covered: set[Arc] = set()
    while reached and len(chosen) < most:
        best, steps = max(reached, key=lambda pair: len(pair[1] - covered))
        if not steps - covered:
            break
        chosen.append(best)
        covered |= steps
        reached = [pair for pair in reached if pair[0] != best]
    return chosen


def stored(name: str) -> list[Path]:
    """The files of one target."""
    return sorted((CORPUS / name).glob("*"))


def update(target: Target, fresh: Path) -> int:
    """Choose anew from what is stored and what ``fresh`` has; crashes stay. The number of files."""
    folder = CORPUS / target.name
    crashes = [path for path in stored(target.name) if path.name.startswith("crash-")]
    newest = sorted(fresh.glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)[:CANDIDATES_MAX]
    old = [path for path in stored(target.name) if path not in crashes]
    candidates = [path.read_bytes() for path in (*newest, *old)]
    chosen = choose(target, [data for data in candidates if len(data) < INPUT_MAX])
    folder.mkdir(parents=True, exist_ok=True)
    for path in old:
        path.unlink()
    for data in chosen[: FILES_MAX - len(crashes)]:
        (folder / sha1(data).hexdigest()[:12]).write_bytes(data)
    return len(stored(target.name))
