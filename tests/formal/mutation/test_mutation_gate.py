"""CI's share of the source mutation: a kept sample is still noticed, the result is of these sources, nothing is stale.

The whole run is ``python -m tests.formal.mutation.run`` (docs/how-to/mutate-the-safety-code.md).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.formal.mutation.forked import Results
from tests.formal.mutation.gate import find_keys
from tests.formal.mutation.mutants import find_mutants, sources_hash
from tests.formal.mutation.run import FIGURES, KILLED_MIN_PERCENT, ROOT, SAMPLE, read_survivors

COMMAND = "run: python -m tests.formal.mutation.run"
SAMPLE_MIN = 40
"""Mutants of the sample that must still exist; when fewer do, the sample says little about these sources."""
GATE_TIMEOUT_S = 110


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    if not FIGURES.exists():
        pytest.skip(f"no result is kept yet; {COMMAND}")
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


def test_explained_survivors_still_exist() -> None:
    explained = read_survivors()
    assert set(explained) - set(find_keys(ROOT, set(explained))) == set(), "explained, but there is no such mutant"


def test_line_without_a_reason_is_refused(tmp_path: Path) -> None:
    listed = tmp_path / "survivors.txt"
    listed.write_text("a.b | x => y\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"survivors.txt:1: no reason"):
        read_survivors(listed)


def test_mutants_have_names_of_their_own() -> None:
    mutants = find_mutants(ROOT, ("controller/safety/", "firmware_sim/plc/ring.py", "firmware_sim/plc/trips.py"))
    assert len({mutant.name for mutant in mutants}) == len(mutants) > 300
    assert {mutant.kind for mutant in mutants} == {"function", "table"}


def test_kept_sample_is_still_noticed(tmp_path: Path, figure: Callable[..., None]) -> None:
    """Each mutant by the test that noticed it in the last whole run, in a child process that imports the change."""
    sample = json.loads(SAMPLE.read_text(encoding="utf-8"))
    out = tmp_path / "results.jsonl"
    run = subprocess.run(
        [sys.executable, "-m", "tests.formal.mutation.gate", str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: os.nice(19 - os.nice(0)),
        capture_output=True,
        text=True,
        timeout=GATE_TIMEOUT_S,
        check=False,
    )
    results = Results(out).read()
    assert len(results) >= min(SAMPLE_MIN, len(sample)), f"{COMMAND}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
    lived = [result for result in results if result.verdict != "killed"]
    figure("mutation.sample", mutants=len(results), killed=len(results) - len(lived))
    assert not lived, f"not noticed any more; {COMMAND}"
