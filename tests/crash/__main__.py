"""All crash points: ``python -m tests.crash [EVERY [FILE]]``: each EVERY-th one, into FILE alone if it is named."""

import sys
import tempfile
from pathlib import Path

from tests.crash.bench import Forge, Point
from tests.crash.campaign import order_of, points_of, run_control, run_points, run_recoveries
from tests.support import require_tool


def main() -> int:
    """Run everything; 1 when anything went wrong."""
    with tempfile.TemporaryDirectory() as name, Forge(require_tool("strace"), Path(name)) as forge:
        scratch = Path(name)
        control = run_control(forge, scratch / "control")
        every, only = int((sys.argv[1:2] or ["1"])[0]), (sys.argv[2:3] or [""])[0]
        points = list(points_of(control, only))[::every]
        print(f"{len(control.calls)} writes and fsyncs, {len(points)} crash points")
        tally = run_points(forge, control, points, scratch)
        wrong = list(tally.wrong)
        recoveries = tally.recoveries
        for kind in ("charge_start", "fire_intent"):
            left = scratch / f"left-{kind}"
            number = next(n for n, record in enumerate(kinds_written(control.journal), 1) if record == kind)
            killed = forge.harm(order_of(left), Point("write", number + 1, "KILL"))
            again = run_recoveries(forge, killed, left, scratch)
            recoveries += again.recoveries
            wrong += again.wrong
        print(f"{tally.shots} shots {tally.harms}, {recoveries} recoveries, {len(wrong)} wrong")
        return 1 if wrong else 0


def kinds_written(journal: bytes) -> tuple[str, ...]:
    """Kinds of a journal's records in order: the n-th is its n-th write."""
    from controller.shots.journal import scan_journal

    return scan_journal(journal).kinds()


if __name__ == "__main__":
    sys.exit(main())
