"""CI's share of the source mutation: a kept sample is still noticed, every explained survivor still exists.

The whole run is ``python -m tests.formal.mutation.run`` (docs/how-to/mutate-the-safety-code.md).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.formal.mutation.forked import Results
from tests.formal.mutation.gate import find_keys
from tests.formal.mutation.mutants import find_mutants
from tests.formal.mutation.run import ROOT, SAMPLE, read_survivors

SAMPLE_MIN = 40
"""Mutants of the sample that must still exist; when fewer do, the sample says little about these sources."""
GATE_TIMEOUT_S = 300
"""Under ten seconds of processor time; CI gives it what others leave."""

COMMAND = "run: python -m tests.formal.mutation.run"


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


@pytest.mark.timeout(GATE_TIMEOUT_S + 20)
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
