"""The result of the last whole run of source mutation: is it of these sources, and good enough?"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.formal.mutation.mutants import sources_hash
from tests.formal.mutation.run import FIGURES, KILLED_MIN_PERCENT, ROOT, read_survivors

COMMAND = "run: python -m tests.formal.mutation.run --resume"
OWED = ROOT / "tests" / "formal" / "mutation" / "owed.txt"
"""The hash of sources that no whole run has seen, and why; not there when none is owed."""


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    result: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return result


def test_kept_result_is_of_these_sources_or_the_run_is_owed_for_them(
    kept: dict[str, Any], figure: Callable[..., None]
) -> None:
    """A whole run takes hours. Who lands sources without one says so in OWED, for exactly these sources."""
    now = sources_hash(ROOT)
    owed = OWED.read_text(encoding="utf-8").split(maxsplit=1)[0] if OWED.exists() else ""
    figure("mutation.owed", runs=int(kept["sources_sha256"] != now))
    assert now in (kept["sources_sha256"], owed), f"controller/safety or firmware_sim/plc changed; {COMMAND}"
    assert not owed or kept["sources_sha256"] != now, f"nothing is owed any more; delete {OWED.name}"


def test_kept_result_is_good_enough(kept: dict[str, Any], figure: Callable[..., None]) -> None:
    """Hanging mutants and those that no test reaches are not killed ones."""
    figure("mutation.source", mutants=kept["mutants"], killed=kept["killed"], percent=kept["percent"])
    assert kept["percent"] >= KILLED_MIN_PERCENT
    assert kept["percent"] == pytest.approx(100.0 * kept["killed"] / kept["mutants"], abs=0.01)
    left = kept["survived"] + kept["timeout"] + kept["no_tests"] + kept["broken"]
    assert kept["killed"] + left == kept["mutants"] == sum(part["mutants"] for part in kept["files"].values())


def test_every_survivor_is_kept_and_explained(kept: dict[str, Any]) -> None:
    """And nothing else is: whoever says that nobody can notice a mutant is wrong as soon as a test does."""
    survivors = [entry["mutant"] for entry in kept["survivors"]]
    assert len(survivors) == kept["mutants"] - kept["killed"]
    explained = read_survivors()
    if kept["sources_sha256"] != sources_hash(ROOT):
        assert len(explained) <= len(survivors), "the lines move with their code, and none is added before a whole run"
        return
    unexplained = set(survivors) - set(explained)
    assert not unexplained, "a survivor is a missing test, or needs a line in survivors.txt"
    assert not set(explained) - set(survivors), "explained, but killed: the line is not true any more"
    assert kept["explained"] == len(survivors)
