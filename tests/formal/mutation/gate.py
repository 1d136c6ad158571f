"""Runs the kept sample of mutants, each with the test that noticed it: ``python -m tests.formal.mutation.gate OUT``.

For ``test_mutation_gate``, in a process of its own that has not imported what it mutates. Mutants of the sample that
the sources do not have any more are left out; the gate counts what was run.
"""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.formal.mutation.forked import PYTEST, Results
from tests.formal.mutation.mutants import PACKAGES, Mutant, find_mutants, list_mutants, module_of, source_files
from tests.formal.mutation.run import SAMPLE
from tests.formal.mutation.session import Session


def find_keys(root: Path, keys: set[str]) -> dict[str, Mutant]:
    """Key -> the first mutant of that key; keys that no mutant has are missing."""
    places: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        where = key.partition(" | ")[0]
        for path in source_files(root):
            if where.startswith(module_of(path) + "."):
                places[path].add(where.removeprefix(module_of(path) + "."))
    found: dict[str, Mutant] = {}
    for path, wanted in places.items():
        for mutant in list_mutants(root, path):
            if mutant.place in wanted and (key := mutant.key()) in keys:
                found.setdefault(key, mutant)
    return found


def main(arguments: list[str]) -> int:
    """OUT: write one result per mutant of the sample that is still what it was."""
    sample = {entry["name"]: entry for entry in json.loads(SAMPLE.read_text(encoding="utf-8"))}
    named = [mutant for mutant in find_mutants(Path.cwd(), PACKAGES) if mutant.name in sample]
    found = [mutant for mutant in named if mutant.key() == sample[mutant.name]["mutant"]]
    witnesses = {mutant.name: sample[mutant.name]["test"] for mutant in found}
    os.environ["MUTANT_UNDER_TEST"] = ""
    session = Session(found, Results(Path(arguments[0])), witnesses)
    return int(pytest.main([*PYTEST, *sorted(set(witnesses.values()))], plugins=[session]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
