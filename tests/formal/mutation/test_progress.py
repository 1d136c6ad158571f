"""A run that was interrupted goes on, and files that did not change keep their result."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.formal.mutation import run
from tests.formal.mutation.forked import Result, Results
from tests.formal.mutation.kept import Progress, believed, file_hashes, unchanged
from tests.formal.mutation.mutants import FUNCTION, Mutant, find_mutants
from tests.formal.mutation.run import ROOT, join_samples, list_survivors, summarise

RING, TRIPS = "firmware_sim/plc/ring.py", "firmware_sim/plc/trips.py"
HASHES = file_hashes(ROOT)


@pytest.fixture(scope="module")
def mutants() -> tuple[Mutant, ...]:
    return find_mutants(ROOT, (RING, TRIPS))


def functions_of(mutants: tuple[Mutant, ...]) -> list[str]:
    return [one.name for one in mutants if one.kind == FUNCTION]


def tables_of(mutants: tuple[Mutant, ...]) -> list[str]:
    return [one.name for one in mutants if one.kind != FUNCTION]


def test_what_is_known_is_not_run_again(tmp_path: Path, mutants: tuple[Mutant, ...]) -> None:
    functions, tables = functions_of(mutants), tables_of(mutants)
    assert len(functions) > 9 and len(tables) > 9
    progress = Progress(tmp_path / "progress")
    progress.begin(mutants, HASHES, resume=True)
    assert progress.functions_left(mutants) == functions and progress.others_left(mutants) == tables
    for name, verdict in zip(functions, ("killed", "survived", "no tests", "timeout"), strict=False):
        Results(progress.functions).write(Result(name, verdict, ""))
    assert progress.functions_left(mutants) == functions[4:]
    assert progress.others_left(mutants) == [*functions[1:3], *tables], "what a few tests left is for all of them"
    Results(progress.others).write(Result(functions[1], "killed", "a test"))
    Results(progress.others).write(Result(tables[0], "survived", ""))
    later = Progress(tmp_path / "progress")
    later.begin(mutants, HASHES, resume=True)
    assert later.others_left(mutants) == [functions[2], *tables[1:]]
    found = {result.name: result.verdict for result in later.results()}
    assert [found[name] for name in functions[:4]] == ["killed", "killed", "no tests", "timeout"]
    later.begin(mutants, HASHES, resume=False)
    assert later.functions_left(mutants) == functions and not later.results()


def test_results_of_another_state_of_a_file_are_forgotten(tmp_path: Path, mutants: tuple[Mutant, ...]) -> None:
    progress = Progress(tmp_path / "progress")
    progress.begin(mutants, HASHES, resume=True)
    for name in functions_of(mutants):
        Results(progress.functions).write(Result(name, "killed", ""))
    for name in tables_of(mutants):
        Results(progress.others).write(Result(name, "killed", ""))
    progress.begin(mutants, HASHES | {RING: "0" * 64}, resume=True)
    assert {result.name for result in progress.results()} == {one.name for one in mutants if one.path == TRIPS}


def test_a_kept_result_speaks_for_files_that_did_not_change(mutants: tuple[Mutant, ...]) -> None:
    ring = [one for one in mutants if one.path == RING]
    lived = Result(ring[3].name, "survived", "")
    kept = {"survivors": list_survivors(mutants, [lived]), "file_sha256": HASHES | {TRIPS: "0" * 64}}
    assert unchanged(kept, HASHES) == set(HASHES) - {TRIPS} and not unchanged({}, HASHES)
    said = {result.name: result.verdict for result in believed(kept, mutants, {RING})}
    assert set(said) == {one.name for one in ring}
    assert [name for name, verdict in said.items() if verdict != "killed"] == [ring[3].name]


def test_samples_are_joined() -> None:
    old = [{"name": f"old{at}"} for at in range(30)]
    new = [{"name": f"new{at}"} for at in range(50)]
    joined = join_samples(old, new, {f"old{at}" for at in range(0, 30, 2)})
    assert [entry["name"] for entry in joined[:15]] == [f"old{at}" for at in range(0, 30, 2)]
    assert 30 <= len(joined) <= 50 and {entry["name"] for entry in joined[15:]} <= {entry["name"] for entry in new}
    assert join_samples([], new, set()) == new


def test_only_changed_files_are_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutants: tuple[Mutant, ...]
) -> None:
    """The whole command: the ring changed, the trips did not; a survivor of each is in the result."""
    ring, trips = ([one for one in mutants if one.path == path] for path in (RING, TRIPS))
    old = [Result(one.name, "killed", "") for one in (*ring, *trips[1:])] + [Result(trips[0].name, "survived", "")]
    survivors = list_survivors(mutants, old)
    figures, sample = tmp_path / "figures.json", tmp_path / "sample.json"
    kept = summarise(mutants, old) | {"survivors": survivors, "file_sha256": HASHES | {RING: "0" * 64}}
    figures.write_text(json.dumps(kept), encoding="utf-8")
    sample.write_text("[]", encoding="utf-8")
    ran: list[tuple[str, ...]] = []

    def run_mutants(some: list[Mutant], prefixes: tuple[str, ...], work: Path, progress: Progress) -> list[Result]:
        ran.append(prefixes)
        assert {one.path for one in some} == {RING} and progress.functions_left(some)
        return [Result(one.name, "killed" if one is not ring[1] else "survived", "t") for one in some]

    monkeypatch.setattr(run, "FIGURES", figures)
    monkeypatch.setattr(run, "SAMPLE", sample)
    monkeypatch.setattr(run, "PROGRESS", tmp_path / "progress")
    monkeypatch.setattr(run, "run_mutants", run_mutants)
    monkeypatch.setattr(run, "find_mutants", lambda root, prefixes: mutants)
    monkeypatch.setattr(run, "_git", lambda *arguments: "def")
    assert run.main(["--changed"]) == 1, "survivors of this made-up result are not explained"
    result: dict[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
    assert ran == [(RING,)] and result["run_files"] == [RING] and result["file_sha256"] == HASHES
    assert {entry["mutant"] for entry in result["survivors"]} == {ring[1].key(), trips[0].key()}
    assert result["killed"] == len(mutants) - 2 and result["git"] == "def"
    assert json.loads(sample.read_text(encoding="utf-8"))
