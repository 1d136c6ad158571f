"""Results by file: what an interrupted run has done already, and what a kept result still says of unchanged files.

A result belongs to the SHA-256 of its file. What was killed in a file that has not changed since is believed: tests are
added and made stricter, and whether they still kill all of it, only a whole run tells.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.formal.mutation.forked import Result, Results
from tests.formal.mutation.mutants import FUNCTION, Mutant, source_files


def file_hashes(root: Path) -> dict[str, str]:
    """Path of each source file -> SHA-256 of its bytes."""
    return {path: hashlib.sha256((root / path).read_bytes()).hexdigest() for path in source_files(root)}


def unchanged(kept: Mapping[str, Any], hashes: Mapping[str, str]) -> set[str]:
    """Files that the kept result is still a result of."""
    known: Mapping[str, str] = kept.get("file_sha256", {})
    return {path for path, digest in hashes.items() if known.get(path) == digest}


def believed(kept: Mapping[str, Any], mutants: Iterable[Mutant], files: set[str]) -> list[Result]:
    """What ``kept`` says of the mutants of ``files``: its survivors survived, all others were killed."""
    alive = {entry["name"]: entry["verdict"] for entry in kept["survivors"]}
    return [Result(one.name, alive.get(one.name, "killed"), "") for one in mutants if one.path in files]


class Progress:
    """A folder in which a run writes down every verdict as it comes, and from which another one goes on."""

    def __init__(self, folder: Path) -> None:
        self.functions, self.others = folder / "functions.jsonl", folder / "others.jsonl"
        self._folder, self._hashes = folder, folder / "hashes.json"

    def begin(self, mutants: Iterable[Mutant], hashes: Mapping[str, str], resume: bool) -> None:
        """Forget everything, or only what is of another state of its file than ``hashes`` says."""
        before: dict[str, str] = {}
        if resume and self._hashes.exists():
            before = json.loads(self._hashes.read_text(encoding="utf-8"))
        valid = {one.name for one in mutants if before.get(one.path) == hashes[one.path]}
        kept = {file: [result for result in Results(file).read() if result.name in valid] for file in self._files()}
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        for file, results in kept.items():
            for result in results:
                Results(file).write(result)
        self._hashes.write_text(json.dumps(hashes), encoding="utf-8")

    def _files(self) -> tuple[Path, Path]:
        return self.functions, self.others

    def functions_left(self, mutants: Iterable[Mutant]) -> list[str]:
        """Mutants of functions that nothing is known of."""
        done = {result.name for file in self._files() for result in Results(file).read()}
        return [one.name for one in mutants if one.kind == FUNCTION and one.name not in done]

    def others_left(self, mutants: Iterable[Mutant]) -> list[str]:
        """What has to be run with all tests: mutants that are none of functions, and what the functions' tests left."""
        verdicts = {result.name: result.verdict for result in Results(self.functions).read()}
        done = {result.name for result in Results(self.others).read()}
        again = {name for name, verdict in verdicts.items() if verdict in ("survived", "no tests")}
        return [one.name for one in mutants if (one.kind != FUNCTION or one.name in again) and one.name not in done]

    def results(self) -> list[Result]:
        """One per mutant: what all tests said goes before what the functions' tests said."""
        by_name = {result.name: result for file in self._files() for result in Results(file).read()}
        return list(by_name.values())
