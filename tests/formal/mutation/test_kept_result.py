"""The result of the last whole run of source mutation: is it of these sources, and good enough?"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.formal.mutation.mutants import sources_hash
from tests.formal.mutation.run import FIGURES, KILLED_MIN_PERCENT, ROOT

COMMAND = "run: python -m tests.formal.mutation.run"


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    result: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return result


def test_kept_result_is_of_these_sources(kept: dict[str, Any]) -> None:
    assert kept["sources_sha256"] == sources_hash(ROOT), f"controller/safety or firmware_sim/plc changed; {COMMAND}"


def test_kept_result_is_good_enough(kept: dict[str, Any], figure: Callable[..., None]) -> None:
    """Hanging mutants and those that no test reaches are not killed ones; every survivor is explained."""
    figure("mutation.source", mutants=kept["mutants"], killed=kept["killed"], percent=kept["percent"])
    assert kept["percent"] >= KILLED_MIN_PERCENT
    assert kept["percent"] == pytest.approx(100.0 * kept["killed"] / kept["mutants"], abs=0.01)
    left = kept["survived"] + kept["timeout"] + kept["no_tests"] + kept["broken"]
    assert kept["killed"] + left == kept["mutants"] == sum(part["mutants"] for part in kept["files"].values())
