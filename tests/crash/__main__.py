"""All crash points: ``python -m tests.crash [EVERY [FILE]]``: each EVERY-th one, into FILE alone if it is named.

One forge per processor, each with its share of the points: a shot under strace takes some five seconds, all points
about half an hour on two processors.
"""

import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from controller.shots.journal import scan_journal
from tests.crash.bench import Forge, Point
from tests.crash.campaign import (
    JOURNAL,
    SUBJECTS,
    Control,
    Tally,
    order_of,
    points_of,
    run_control,
    run_points,
    run_recoveries,
)
from tests.support import require_tool

SHARE = 10
"""Points of one piece of work: a minute, so that somebody who waits sees it go on."""


def run_share(control: Control, points: list[Point]) -> Tally:
    """These points, with a forge of their own."""
    with tempfile.TemporaryDirectory() as name, Forge(require_tool("strace"), Path(name)) as forge:
        return run_points(forge, control, points, Path(name))


def run_killed_recoveries(control: Control, kind: str) -> Tally:
    """A run killed after the record ``kind``, and its recovery killed at every call of its own."""
    with tempfile.TemporaryDirectory() as name, Forge(require_tool("strace"), Path(name)) as forge:
        left = Path(name) / "left"
        number = next(n for n, record in enumerate(scan_journal(control.journal).kinds(), 1) if record == kind)
        writes = [n for call, n, file in control.calls if (call, file) == ("write", JOURNAL)]
        killed = forge.harm(order_of(left, control.subject), Point("write", writes[number], "KILL"))
        return run_recoveries(forge, killed, left, Path(name), subject=control.subject)


def main() -> int:
    """Run everything; 1 when anything went wrong."""
    every, only = int((sys.argv[1:2] or ["1"])[0]), (sys.argv[2:3] or [""])[0]
    return max([run_subject(name, every, only) for name in SUBJECTS])


def run_subject(subject: str, every: int, only: str) -> int:
    """One kind of run; 1 when anything went wrong."""
    with tempfile.TemporaryDirectory() as name, Forge(require_tool("strace"), Path(name)) as forge:
        control = run_control(forge, Path(name) / "control", SUBJECTS[subject])
    points = list(points_of(control, only))[::every]
    print(f"{subject}: {len(control.calls)} writes and fsyncs, {len(points)} crash points", flush=True)
    shots, recoveries, harms, wrong = 0, 0, Counter[str](), list[str]()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        shares = [pool.submit(run_share, control, points[at : at + SHARE]) for at in range(0, len(points), SHARE)]
        shares += [pool.submit(run_killed_recoveries, control, kind) for kind in control.subject.killed_at]
        for share in as_completed(shares):
            tally = share.result()
            shots, recoveries = shots + tally.shots, recoveries + tally.recoveries
            harms.update(tally.harms)
            wrong += tally.wrong
            print(f"{shots} of {len(points)} points, {recoveries} recoveries, {len(wrong)} wrong", flush=True)
    print(f"{shots} shots {dict(harms)}, {recoveries} recoveries, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
