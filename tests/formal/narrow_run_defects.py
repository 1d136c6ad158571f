"""RUN's guards, trips and rows switched off, against the second text: ``python -m tests.formal.narrow_run_defects``.

About two minutes of CPU. Exit code 1 when a defect changes nothing that is not in COVERED, or one of COVERED does.
"""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from firmware_sim.plc.table import RUN_TABLE, TABLE, Row, Rules, make_run_rules, without_running
from firmware_sim.plc.trips import RUN_PREDICATES
from tests.formal.narrow_run import TEXT, explore
from tests.formal.spin import verify

_NEW = tuple(row for row in RUN_TABLE if row.name not in {one.name for one in TABLE})
_TRIPS = ("DOOR_1", "DOOR_2", "HEARTBEAT", "CONTACTOR_MISMATCH", "DUMP_MISMATCH", "PREFIRE")
"""What this bench can show of the trips that every bench has."""


def _without_row(name: str) -> Rules:
    return make_run_rules(table=tuple(row for row in RUN_TABLE if row.name != name))


def _without_in_row(changed: Row, guard: str) -> Rules:
    fewer = changed._replace(guards=tuple(one for one in changed.guards if one != guard))
    return make_run_rules(table=tuple(fewer if row is changed else row for row in RUN_TABLE))


def _defects() -> dict[str, Rules]:
    found = {f"{row.name} gone": _without_row(row.name) for row in _NEW}
    found |= {f"{row.name} without {guard}": _without_in_row(row, guard) for row in _NEW for guard in row.guards}
    return found | {f"no {name}": without_running(name) for name in (*(str(c.name) for c in RUN_PREDICATES), *_TRIPS)}


DEFECTS = _defects()
COVERED = {
    "run without latches_clear": "PREFIRE trips FLOAT on any latch before RUN is looked at",
}
"""Defects that this bench cannot show, with what covers them (``test_exceptions_directly`` in test_run_exploration)."""
SHORT = (
    "no RETRIES",
    "no PULSE_OVERRUN",
    "no WINDOW",
    "no HEARTBEAT",
    "run without inhibit_clear",
    "run without run_time_left",
    "run without windows_fit",
    "run_late gone",
    "consent_lost gone",
    "pulses_done without pulses_done",
)
"""What the tests try each time."""


def is_noticed(defect: str, lines: Iterable[str]) -> bool:
    """True when the code with this defect does not reach exactly ``lines``."""
    wanted = list(lines)
    return explore(DEFECTS[defect], frozenset(wanted)).lines != wanted


def main() -> int:
    """All of them."""
    with tempfile.TemporaryDirectory(prefix="spin-") as folder:
        lines = verify(TEXT, Path(folder) / "text").lines
    wrong = []
    for defect in DEFECTS:
        noticed = is_noticed(defect, lines)
        print(f"{defect}: {'noticed' if noticed else COVERED.get(defect, 'NOT NOTICED')}", flush=True)
        if noticed is (defect in COVERED):
            wrong.append(defect)
    print(f"{len(DEFECTS)} defects, {len(COVERED)} covered otherwise, {len(wrong)} wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
