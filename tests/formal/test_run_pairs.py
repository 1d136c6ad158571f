"""Two hardware faults at once on a bench that runs: what breaks is exactly a list written by hand (run_pairs.py)."""

from collections.abc import Callable

import pytest

from tests.formal.bench_faults import condition_of
from tests.formal.run_pairs import ACCEPTED, PAIRS, SHORT, broken_by_pair, single_runs, wanted_of
from tests.formal.run_world import ALL_FAULTS

pytestmark = pytest.mark.timeout(900)  # seconds of CPU, but the cores are shared


def test_two_faults_break_exactly_what_is_accepted(figure: Callable[..., None]) -> None:
    single = single_runs(frozenset(name for pair in SHORT for name in pair))
    found: set[tuple[str, str, str]] = set()
    states, explained = 0, []
    for pair in SHORT:
        broken, count, traces = broken_by_pair(pair, single)
        found |= broken
        states += count
        explained.append(traces)
    assert found == wanted_of(SHORT), "\n".join(explained)
    figure("plc.run_pairs", pairs=len(SHORT), of=len(PAIRS), states=states, accepted=len(wanted_of(SHORT)))


def test_the_list_is_well_formed() -> None:
    assert set(SHORT) < set(PAIRS) and len(set(PAIRS)) == len(PAIRS)
    assert {(entry.first, entry.second) for entry in ACCEPTED} <= set(PAIRS)
    assert {name for pair in SHORT for name in pair} <= set(ALL_FAULTS)
    for first, second in PAIRS:
        assert first in ALL_FAULTS and second in ALL_FAULTS and condition_of(first, second)
