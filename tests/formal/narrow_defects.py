"""Every defect that can be seeded in the PLC's rules, one at a time, against the states of the narrow bench.

``python -m tests.formal.narrow_defects [NAME]...`` (some five minutes for all): each guard always true, each trip never
coming, each row gone. A defect that changes neither states nor what scans show is silent; exit 1 when the silent ones
are not exactly ``SILENT``. test_promela.py seeds a few of them on every run.
"""

import sys
from collections.abc import Iterator

from firmware_sim.plc.guards import GUARDS
from firmware_sim.plc.table import TABLE, Rules, make_rules, without
from firmware_sim.plc.trips import PREDICATES
from tests.formal.narrow_search import explore, lines

SILENT = {
    "guard token_unused": "what has fired leads to the fire window only through a permit, which is a new token",
    "guard search_complete": "asked twice at a permit: the trip SEARCH would come at once, so no_trip says no",
    "guard ground_stick_stowed": "as above, by the trip GROUND_STICK",
    "row dump_lockout": "both dumps are commanded closed for ever: DUMP is accepted without the row too",
    **{
        f"row dump_{path}_{state}": "the narrow bench is above 120 V there: explored in test_plc_exploration"
        for path in "ab"
        for state in ("float", "isolate", "firewin")
    },
}
"""Defects that this bench cannot show -> why. test_narrow_defects.py tests every reason."""


def list_defects() -> Iterator[tuple[str, Rules]]:
    """Every single defect and the rules with it."""
    for guard in GUARDS:
        yield f"guard {guard}", without(guard)
    for cause in PREDICATES:
        yield f"trip {cause.name}", without(cause.name or "")
    for row in TABLE:
        yield f"row {row.name}", make_rules(tuple(other for other in TABLE if other is not row))


def main(names: list[str]) -> int:
    """Seed the defects of these names (none: all) and print which ones show."""
    expected = frozenset(lines(explore().found))
    wrong = seeded = 0
    for name, rules in list_defects():
        if names and name.split()[1] not in names:
            continue
        result = explore(rules, expected)
        silent = not result.strange and len(lines(result.found)) == len(expected)
        seeded += 1
        wrong += silent is not (name in SILENT)
        print(f"{name}: {'silent' if silent else 'shows'} after {len(result.found)} states", flush=True)
    print(f"{seeded} defects, {wrong} not as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
