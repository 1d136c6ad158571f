"""The result of the last whole run of source mutation: is it of these sources, and good enough?"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.formal.mutation.mutants import sources_hash
from tests.formal.mutation.run import FIGURES, KILLED_MIN_PERCENT, ROOT, read_survivors

COMMAND = "run: python -m tests.formal.mutation.run"


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    result: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return result


def test_kept_result_is_of_these_sources(kept: dict[str, Any]) -> None:
    assert kept["sources_sha256"] == sources_hash(ROOT), f"controller/safety or firmware_sim/plc changed; {COMMAND}"


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
    unexplained = set(survivors) - set(explained)
    assert not unexplained, "a survivor is a missing test, or needs a line in survivors.txt"
    assert not set(explained) - set(survivors), "explained, but killed: the line is not true any more"
    assert kept["explained"] == len(survivors)
