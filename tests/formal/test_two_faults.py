"""Two hardware faults at once: what breaks is exactly a list written by hand (tests/formal/two_faults.py).

Here a representative set; every pair: ``python -m tests.formal.two_faults``.
"""

from collections.abc import Callable

import pytest

from tests.formal.bench_faults import FAULTS
from tests.formal.plc_runs import single_faults
from tests.formal.two_faults import ACCEPTED, REPRESENTATIVE, run_pair

pytestmark = pytest.mark.timeout(900)  # seconds of CPU, but the cores are shared


def test_two_faults_break_exactly_what_is_accepted(figure: Callable[..., None]) -> None:
    single = single_faults()
    found: set[tuple[str, str, str]] = set()
    states, explained = 0, []
    for first, second in REPRESENTATIVE:
        broken, count, traces = run_pair(single, first, second)
        found |= {(rule, first, second) for rule in broken}
        states += count
        explained.append(traces)
    wanted = {(entry.rule, entry.first, entry.second) for entry in ACCEPTED}
    assert found == wanted, "\n".join(explained)
    figure("plc.two_faults", pairs=len(REPRESENTATIVE), states=states, accepted=len(ACCEPTED))


def test_the_list_is_well_formed() -> None:
    order = list(FAULTS)
    for pair in (*REPRESENTATIVE, *((entry.first, entry.second) for entry in ACCEPTED)):
        assert order.index(pair[0]) < order.index(pair[1])
    assert {(entry.first, entry.second) for entry in ACCEPTED} <= set(REPRESENTATIVE)
