"""Changes the safety code in every way that mutmut knows, and a few more, and counts what the tests notice.

``python -m tests.formal.mutation.run`` runs everything (25 minutes on two quiet cores) and keeps the result in
``docs/reference/figures-mutation.json``; ``--package firmware_sim/plc/link.py`` runs a part and keeps nothing.
``--changed`` runs the files that have changed since the kept result and keeps what it says of the others; ``--resume``
goes on with a run that was interrupted (``build/mutation`` has what it had done), whole or changed.
``--again`` runs only what survived in the kept result and is not explained, after tests were added, and keeps what they
notice. It exits with 1 when less than 95 % of all mutants are killed, or when one that survives is not explained in
``survivors.txt``. Hanging mutants are not killed ones. It works in a copy: nothing is left in the repository but the
result.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.formal.mutation.forked import Result, Results
from tests.formal.mutation.kept import Progress, believed, file_hashes, unchanged
from tests.formal.mutation.mutants import FUNCTION, PACKAGES, Mutant, find_mutants, source_files, sources_hash

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
FIGURES = ROOT / "docs" / "reference" / "figures-mutation.json"
SURVIVORS = HERE / "survivors.txt"
SAMPLE = HERE / "sample.json"
PROGRESS = ROOT / "build" / "mutation"
SAMPLE_SIZE = 50
COPIED = ("controller", "drivers", "firmware_sim", "hil_rigs", "configs", "docs", "tests", "pyproject.toml")
TESTS = ("tests/unit/plc", "tests/unit/safety")
KILLED_MIN_PERCENT = 95.0
VERDICTS = ("killed", "survived", "timeout", "no tests", "broken")
RUN_LIMIT_S = 5400


def run_mutants(mutants: Iterable[Mutant], prefixes: tuple[str, ...], work: Path, progress: Progress) -> list[Result]:
    """Copy the repository to ``work`` and run what of ``mutants`` is not in ``progress`` yet; all their results.

    ``prefixes`` begin the paths of their files, and of no others.
    """
    mutants, hashes = list(mutants), file_hashes(ROOT)
    tests = _copy(work)
    if file_hashes(work) != hashes:
        raise SystemExit("the sources changed meanwhile; run again")
    if functions := progress.functions_left(mutants):
        _call_with("session", functions, progress.functions, prefixes, tests, work)
    if others := progress.others_left(mutants):
        _call_with("forked", others, progress.others, prefixes, tests, work)
    return progress.results()


def run_again(names: Iterable[str], work: Path) -> list[Result]:
    """Copy the repository to ``work`` and run the mutants called ``names``, each with all tests.

    Raises ValueError when one of them has no result.
    """
    names = list(names)
    out = work / "others.jsonl"
    _call_with("forked", names, out, PACKAGES, _copy(work), work)
    results = Results(out).read()
    if {result.name for result in results} != set(names):
        raise ValueError(f"{len(results)} of {len(names)} survivors were run")
    return results


def _copy(work: Path) -> list[str]:
    """Returns the test files in there, relative to ``work``."""
    skip = shutil.ignore_patterns("node_modules", "__pycache__", ".*", "web", "_configs")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, work / name, ignore=skip)
        else:
            shutil.copy2(source, work / name)
    return sorted(path.relative_to(work).as_posix() for folder in TESTS for path in (work / folder).glob("test_*.py"))


def _call_with(
    module: str, names: Iterable[str], out: Path, prefixes: tuple[str, ...], tests: list[str], work: Path
) -> None:
    (work / "names.txt").write_text("\n".join(names), encoding="utf-8")
    _call(module, work, out, ",".join(prefixes), work / "names.txt", *tests)


def _call(module: str, work: Path, *arguments: object) -> None:
    command = ["nice", "-n", "15", sys.executable, "-m", f"tests.formal.mutation.{module}", *map(str, arguments)]
    print(f"{module}: running", flush=True)
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=RUN_LIMIT_S, check=False)
    if done.returncode not in (0, 5):  # 5: pytest counted no test, because ours ran them
        raise SystemExit(f"{module} failed ({done.returncode}):\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def read_survivors(path: Path = SURVIVORS) -> dict[str, str]:
    """Key of a mutant -> why nobody can, or need, notice it. Raises ValueError for a line without a reason."""
    explained = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        key, _, why = line.partition(" ## ")
        if not why.strip():
            raise ValueError(f"{path.name}:{number}: no reason; MUTANT ## WHY")
        explained[key] = why.strip()
    return explained


def summarise(mutants: Iterable[Mutant], results: Iterable[Result]) -> dict[str, Any]:
    """Counts in all, by kind and by file. Raises ValueError when a mutant has no result."""
    verdicts = {result.name: result.verdict for result in results}
    total: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = {}
    files: dict[str, Counter[str]] = {}
    for mutant in mutants:
        verdict = verdicts.get(mutant.name)
        if verdict is None:
            raise ValueError(f"{mutant.name} was not run")
        kind = "functions" if mutant.kind == FUNCTION else "tables"
        for counter in (total, kinds.setdefault(kind, Counter()), files.setdefault(mutant.path, Counter())):
            counter["mutants"] += 1
            counter[verdict] += 1
    return _counts(total) | {
        "kinds": {name: _counts(counter) for name, counter in sorted(kinds.items())},
        "files": {name: _counts(counter) for name, counter in sorted(files.items())},
    }


def _counts(counter: Counter[str]) -> dict[str, Any]:
    percent = round(100.0 * counter["killed"] / counter["mutants"], 2)
    return {
        "mutants": counter["mutants"],
        **{verdict.replace(" ", "_"): counter[verdict] for verdict in VERDICTS},
        "percent": percent,
    }


def choose_sample(mutants: Iterable[Mutant], results: Iterable[Result]) -> list[dict[str, str]]:
    """A fixed choice of killed mutants of functions, evenly over all files, each with the test that noticed it."""
    killed = {result.name: result.witness for result in results if result.verdict == "killed" and result.witness}
    known = [mutant for mutant in mutants if mutant.kind == FUNCTION and mutant.name in killed]
    step = max(1, len(known) // SAMPLE_SIZE)
    chosen = known[step // 2 :: step][:SAMPLE_SIZE]
    return [{"name": mutant.name, "mutant": mutant.key(), "test": killed[mutant.name]} for mutant in chosen]


def join_samples(old: list[dict[str, str]], new: list[dict[str, str]], still: set[str]) -> list[dict[str, str]]:
    """The old choice where its mutants are ``still`` the same, filled up evenly with the new one."""
    chosen = [entry for entry in old if entry["name"] in still]
    step = max(1, -(-len(new) // max(1, SAMPLE_SIZE - len(chosen))))
    return [*chosen, *new[::step]][:SAMPLE_SIZE]


def _print(summary: dict[str, Any], survivors: dict[str, str], explained: dict[str, str]) -> None:
    head = f"{'':36}" + "".join(f"{name:>10}" for name in ("mutants", *VERDICTS, "percent"))
    print(head)
    rows = [*summary["files"].items(), *summary["kinds"].items(), ("all", summary)]
    for name, counts in rows:
        cells = [counts["mutants"], *(counts[verdict.replace(" ", "_")] for verdict in VERDICTS), counts["percent"]]
        print(f"{name:36}" + "".join(f"{cell:>10}" for cell in cells))
    for key in sorted(survivors):
        if key not in explained:
            print(f"{survivors[key]}, not explained: {key}")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def list_survivors(mutants: Iterable[Mutant], results: Iterable[Result]) -> list[dict[str, str]]:
    """Every mutant that was not killed, by its name for these sources, its key and its verdict."""
    alive = {result.name: result.verdict for result in results if result.verdict != "killed"}
    return [
        {"name": mutant.name, "mutant": mutant.key(), "verdict": alive[mutant.name]}
        for mutant in mutants
        if mutant.name in alive
    ]


def merge(kept: dict[str, Any], mutants: Iterable[Mutant], again: Iterable[Result]) -> dict[str, Any]:
    """The kept result with new verdicts of some survivors: what was killed stays killed, who was not run survived.

    True as long as tests were only added since, or made stricter. Raises ValueError when a mutant was run that had not
    survived, and when the counts kept are not those of the survivors kept.
    """
    mutants, again = list(mutants), list(again)
    before = {entry["name"]: entry["verdict"] for entry in kept["survivors"]}
    if not {result.name for result in again} <= set(before):
        raise ValueError("what was run is not what survived in the kept result")
    old = [Result(mutant.name, before.get(mutant.name, "killed"), "") for mutant in mutants]
    if any(kept[name] != value for name, value in summarise(mutants, old).items()):
        raise ValueError("the kept counts are not those of the kept survivors")
    results = {result.name: result for result in [*old, *again]}.values()
    return kept | summarise(mutants, results) | {"survivors": list_survivors(mutants, results)}


def _run_part(prefixes: tuple[str, ...]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    mutants = find_mutants(ROOT, prefixes)
    with tempfile.TemporaryDirectory(prefix="mutation-") as work:
        progress = Progress(Path(work) / "progress")
        progress.begin(mutants, file_hashes(ROOT), resume=False)
        results = run_mutants(mutants, prefixes, Path(work), progress)
    return summarise(mutants, results), list_survivors(mutants, results)


def _run_all(only_changed: bool, resume: bool) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """``wall_s`` is the time of this call: what ``--changed`` believes and what ``--resume`` finds took none of it."""
    mutants, hashes = find_mutants(ROOT, PACKAGES), file_hashes(ROOT)
    sources, git, started = sources_hash(ROOT), _git("rev-parse", "HEAD"), time.monotonic()
    kept: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8")) if only_changed else {}
    same = unchanged(kept, hashes)
    rest = [mutant for mutant in mutants if mutant.path not in same]
    files = tuple(dict.fromkeys(mutant.path for mutant in rest))
    progress = Progress(PROGRESS)
    progress.begin(rest, hashes, resume)
    with tempfile.TemporaryDirectory(prefix="mutation-") as work:
        new = run_mutants(rest, files, Path(work), progress) if rest else []
    if sources != sources_hash(ROOT):
        raise SystemExit("the sources changed meanwhile; run again with --resume")
    results = [*(believed(kept, mutants, same) if same else ()), *new]
    summary, survivors = summarise(mutants, results), list_survivors(mutants, results)
    whole = {"wall_s": round(time.monotonic() - started), "git": git, "sources_sha256": sources}
    _keep(summary | whole | {"run_files": list(files), "file_sha256": hashes, "survivors": survivors})
    old = json.loads(SAMPLE.read_text(encoding="utf-8")) if same else []
    sample = join_samples(old, choose_sample(mutants, new), {mutant.name for mutant in mutants if mutant.path in same})
    SAMPLE.write_text(json.dumps(sample, indent=0) + "\n", encoding="utf-8")
    return summary, survivors


def _run_again() -> tuple[dict[str, Any], list[dict[str, str]]]:
    """``git`` and ``wall_s`` stay those of the whole run; ``again`` says which tests the survivors have met since."""
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))
    if kept["sources_sha256"] != sources_hash(ROOT):
        raise SystemExit("the kept result is of other sources; run: python -m tests.formal.mutation.run")
    if changed := _git("status", "--porcelain", "--", *PACKAGES, *TESTS):
        raise SystemExit(f"commit first, so that the result can name the commit of its tests:\n{changed}")
    git, started, explained = _git("rev-parse", "HEAD"), time.monotonic(), read_survivors()
    names = [entry["name"] for entry in kept["survivors"] if entry["mutant"] not in explained]
    with tempfile.TemporaryDirectory(prefix="mutation-") as work:
        results = run_again(names, Path(work)) if names else []
    merged = merge(kept, find_mutants(ROOT, PACKAGES), results)
    if not names:
        _keep(merged)
        return merged, merged["survivors"]
    killed = merged["killed"] - kept["killed"]
    again = {"mutants": len(results), "killed": killed, "wall_s": round(time.monotonic() - started), "git": git}
    _keep(merged | {"again": [*kept.get("again", ()), again]})
    return merged, merged["survivors"]


def _keep(result: dict[str, Any]) -> None:
    explained = read_survivors()
    count = sum(entry["mutant"] in explained for entry in result["survivors"])
    ordered = {name: value for name, value in result.items() if name not in ("explained", "survivors")}
    ordered |= {"explained": count, "survivors": result["survivors"]}
    FIGURES.write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """The command; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m tests.formal.mutation.run", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--package", action="append", help="a package or file to mutate; repeat for more")
    which.add_argument("--again", action="store_true", help="run what survived in the kept result, unexplained")
    which.add_argument("--changed", action="store_true", help="run only files that changed since the kept result")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    asked = parser.parse_args(arguments)
    prefixes = tuple(asked.package or PACKAGES)
    if not any(path.startswith(prefixes) for path in source_files(ROOT)):
        parser.error(f"nothing to mutate in {', '.join(prefixes)}; the packages are {', '.join(PACKAGES)}")
    if asked.again:
        summary, survivors = _run_again()
    else:
        summary, survivors = _run_part(prefixes) if asked.package else _run_all(asked.changed, asked.resume)
    explained = read_survivors()
    _print(summary, {entry["mutant"]: entry["verdict"] for entry in survivors}, explained)
    unexplained = [entry for entry in survivors if entry["mutant"] not in explained]
    print(f"{summary['percent']} % killed, {len(unexplained)} survivors not explained")
    return 1 if unexplained or summary["percent"] < KILLED_MIN_PERCENT else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
