"""``run --again``: only unexplained survivors are run; what they say is merged into the kept result, nothing else."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.formal.mutation import run
from tests.formal.mutation.forked import Result
from tests.formal.mutation.mutants import Mutant, find_mutants, sources_hash
from tests.formal.mutation.run import ROOT, list_survivors, merge, summarise

RING = "firmware_sim/plc/ring.py"


@pytest.fixture(scope="module")
def mutants() -> tuple[Mutant, ...]:
    return find_mutants(ROOT, (RING,))


@pytest.fixture
def kept(mutants: tuple[Mutant, ...]) -> dict[str, Any]:
    """Three of the ring's mutants live."""
    alive = {mutants[0].name: "survived", mutants[1].name: "survived", mutants[5].name: "no tests"}
    results = [Result(mutant.name, alive.get(mutant.name, "killed"), "") for mutant in mutants]
    survivors = list_survivors(mutants, results)
    return summarise(mutants, results) | {"git": "abc", "wall_s": 9, "survivors": survivors}


def verdicts(kept: dict[str, Any], *words: str) -> list[Result]:
    return [Result(entry["name"], word, "") for entry, word in zip(kept["survivors"], words, strict=True)]


def test_killed_survivors_are_counted_as_killed(kept: dict[str, Any], mutants: tuple[Mutant, ...]) -> None:
    before = json.loads(json.dumps(kept))
    merged = merge(kept, mutants, verdicts(kept, "killed", "survived", "timeout"))
    count = len(mutants)
    assert (merged["mutants"], merged["killed"], merged["survived"]) == (count, count - 2, 1)
    assert (merged["timeout"], merged["no_tests"]) == (1, 0) and merged["files"][RING]["killed"] == count - 2
    assert merged["percent"] == round(100.0 * (count - 2) / count, 2)
    assert [entry["mutant"] for entry in merged["survivors"]] == [mutants[1].key(), mutants[5].key()]
    assert [entry["verdict"] for entry in merged["survivors"]] == ["survived", "timeout"]
    assert (merged["git"], merged["wall_s"]) == ("abc", 9), "those of the whole run"
    assert kept == before


def test_nothing_new_changes_nothing(kept: dict[str, Any], mutants: tuple[Mutant, ...]) -> None:
    assert merge(kept, mutants, verdicts(kept, "survived", "survived", "no tests")) == kept


def test_other_mutants_than_the_survivors_are_refused(kept: dict[str, Any], mutants: tuple[Mutant, ...]) -> None:
    again = verdicts(kept, "killed", "killed", "killed")
    with pytest.raises(ValueError, match="not what survived"):
        merge(kept, mutants, [*again, Result(mutants[9].name, "survived", "")])


def test_survivor_that_was_not_run_has_survived(kept: dict[str, Any], mutants: tuple[Mutant, ...]) -> None:
    merged = merge(kept, mutants, verdicts(kept, "killed", "killed", "killed")[1:])
    assert [entry["mutant"] for entry in merged["survivors"]] == [mutants[0].key()]


def test_survivor_without_a_result_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_copy", lambda work: [])
    monkeypatch.setattr(run, "_call", lambda *arguments: None)
    with pytest.raises(ValueError, match="0 of 1 survivors"):
        run.run_again(["a.b__mutmut_1"], tmp_path)


def test_counts_that_are_not_those_of_the_survivors_are_refused(
    kept: dict[str, Any], mutants: tuple[Mutant, ...]
) -> None:
    again = verdicts(kept, "killed", "killed", "killed")
    with pytest.raises(ValueError, match="kept counts"):
        merge(kept | {"killed": kept["killed"] + 1}, mutants, again)


def test_result_of_other_sources_is_not_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = tmp_path / "figures.json"
    figures.write_text(json.dumps({"sources_sha256": "0" * 64, "survivors": []}), encoding="utf-8")
    monkeypatch.setattr(run, "FIGURES", figures)
    with pytest.raises(SystemExit, match="of other sources"):
        run.main(["--again"])


def test_tests_that_are_not_committed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result names the commit of the tests that it is a result of."""
    figures = tmp_path / "figures.json"
    figures.write_text(json.dumps({"sources_sha256": sources_hash(ROOT), "survivors": []}), encoding="utf-8")
    monkeypatch.setattr(run, "FIGURES", figures)
    monkeypatch.setattr(run, "_git", lambda *arguments: " M tests/unit/plc/test_scan.py")
    with pytest.raises(SystemExit, match="commit first"):
        run.main(["--again"])


def test_whole_command_runs_the_survivors_and_keeps_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any], mutants: tuple[Mutant, ...]
) -> None:
    figures = tmp_path / "figures.json"
    figures.write_text(json.dumps(kept | {"sources_sha256": sources_hash(ROOT)}), encoding="utf-8")
    called: list[tuple[object, ...]] = []

    def call(module: str, work: Path, *arguments: object) -> None:
        called.append((module, *arguments[1:]))
        names = (work / "names.txt").read_text(encoding="utf-8").splitlines()
        assert names == [entry["name"] for entry in kept["survivors"][1:]] and (work / RING).is_file()
        lines = [json.dumps(result) for result in verdicts(kept, "", "killed", "survived")[1:]]
        (work / "others.jsonl").write_text("\n".join(lines), encoding="utf-8")

    monkeypatch.setattr(run, "FIGURES", figures)
    monkeypatch.setattr(run, "_call", call)
    monkeypatch.setattr(run, "_git", lambda *arguments: "" if arguments[0] == "status" else "def")
    monkeypatch.setattr(run, "find_mutants", lambda root, prefixes: mutants)
    monkeypatch.setattr(run, "read_survivors", lambda: {mutants[0].key(): "nobody can notice"})
    assert run.main(["--again"]) == 1, "a survivor of this made-up result is not explained"
    assert [arguments[0] for arguments in called] == ["forked"] and "tests/unit/plc/test_ring.py" in called[0]
    result = json.loads(figures.read_text(encoding="utf-8"))
    assert (result["killed"], result["git"], result["explained"]) == (len(mutants) - 2, "abc", 1)
    (again,) = result["again"]
    assert (again["mutants"], again["killed"], again["git"]) == (2, 1, "def")
    assert [entry["mutant"] for entry in result["survivors"]] == [mutants[0].key(), mutants[5].key()]


def test_commit_is_the_repositorys() -> None:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run._git("rev-parse", "HEAD") == done.stdout.strip()
