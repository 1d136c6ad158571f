"""Changes the safety code in every way that mutmut knows, and a few more, and counts what the tests notice.

``python -m tests.formal.mutation.run`` runs everything (25 minutes on two quiet cores) and keeps the result in
``docs/reference/figures-mutation.json``; ``--package firmware_sim/plc/link.py`` runs a part and keeps nothing.
It exits with 1 when less than 95 % of all mutants are killed, or when one that survives is not explained in
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
from tests.formal.mutation.mutants import FUNCTION, PACKAGES, Mutant, find_mutants, sources_hash

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
FIGURES = ROOT / "docs" / "reference" / "figures-mutation.json"
SURVIVORS = HERE / "survivors.txt"
SAMPLE = HERE / "sample.json"
SAMPLE_SIZE = 50
COPIED = ("controller", "drivers", "firmware_sim", "hil_rigs", "configs", "docs", "tests", "pyproject.toml")
TESTS = ("tests/unit/plc", "tests/unit/safety")
KILLED_MIN_PERCENT = 95.0
VERDICTS = ("killed", "survived", "timeout", "no tests", "broken")
RUN_LIMIT_S = 5400


def run_mutants(prefixes: tuple[str, ...], work: Path) -> list[Result]:
    """Copy the repository to ``work`` and run all mutants of files that begin with one of ``prefixes`` there."""
    skip = shutil.ignore_patterns("node_modules", "__pycache__", ".*", "web", "_configs")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, work / name, ignore=skip)
        else:
            shutil.copy2(source, work / name)
    tests = sorted(path.relative_to(work).as_posix() for folder in TESTS for path in (work / folder).glob("test_*.py"))
    functions = work / "functions.jsonl"
    _call("session", work, functions, ",".join(prefixes), *tests)
    results = {result.name: result for result in Results(functions).read()}
    again = [result.name for result in results.values() if result.verdict in ("survived", "no tests")]
    (work / "again.txt").write_text("\n".join(again), encoding="utf-8")
    _call("forked", work, work / "others.jsonl", ",".join(prefixes), work / "again.txt", *tests)
    results |= {result.name: result for result in Results(work / "others.jsonl").read()}
    return list(results.values())


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


def _git_sha() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main(arguments: list[str]) -> int:
    """The command; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m tests.formal.mutation.run", description=__doc__)
    parser.add_argument("--package", action="append", help="a package or file to mutate; repeat for more")
    asked = parser.parse_args(arguments)
    prefixes = tuple(asked.package or PACKAGES)
    mutants = find_mutants(ROOT, prefixes)
    if not mutants:
        parser.error(f"nothing to mutate in {', '.join(prefixes)}; the packages are {', '.join(PACKAGES)}")
    sources, started = sources_hash(ROOT), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutation-") as work:
        results = run_mutants(prefixes, Path(work))
    summary = summarise(mutants, results)
    explained = read_survivors()
    alive = {result.name: result.verdict for result in results if result.verdict != "killed"}
    survivors = {mutant.key(): alive[mutant.name] for mutant in mutants if mutant.name in alive}
    _print(summary, survivors, explained)
    unexplained = [key for key in survivors if key not in explained]
    if not asked.package:
        wall_s = round(time.monotonic() - started)
        kept = summary | {"explained": len(survivors) - len(unexplained), "wall_s": wall_s, "git": _git_sha()}
        FIGURES.write_text(json.dumps(kept | {"sources_sha256": sources}, indent=2) + "\n", encoding="utf-8")
        SAMPLE.write_text(json.dumps(choose_sample(mutants, results), indent=0) + "\n", encoding="utf-8")
    print(f"{summary['percent']} % killed, {len(unexplained)} survivors not explained")
    return 1 if unexplained or summary["percent"] < KILLED_MIN_PERCENT else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
