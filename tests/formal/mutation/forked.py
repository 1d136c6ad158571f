"""Runs mutants in a child process each, in which one module is imported from changed text, nothing else being loaded.

``python -m tests.formal.mutation.forked OUT PREFIXES NAMES TEST...`` runs the mutants whose names are in the file
NAMES: what mutmut's way cannot (tables, constants and properties), and once more the functions whose mutants survived
there: a module's tables and the tests' fixtures are then built with the mutant in force. Nothing is written to the
source tree.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import hypothesis
import pytest
import ruamel.yaml

from tests.formal.mutation.mutants import PACKAGES, Mutant, find_mutants, module_of

WORKERS = 2
CPU_LIMIT_S = 60
"""The tests that a child runs take 7 s; whoever needs this long hangs. A hanging mutant is not a killed one."""
PRELOADED = (hypothesis, ruamel.yaml)
"""Imported here once instead of in every child."""
PYTEST = (
    *("-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-p", "no:schemathesis"),
    # pytest-timeout would make a failed test, that is a kill, of a hanging one
    "--timeout=0",
    # what is preloaded is not rewritten; nothing in there asserts for these tests
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
FIRST = {
    "bench": ("test_watch_edges.py",),
    "charge": ("test_charge_edges.py", "test_charge.py"),
    "decay": ("test_decay.py",),
    "guards": ("test_guards.py", "test_table.py"),
    "levels": ("test_levels_exact.py",),
    "limits": ("test_limits_exact.py", "test_limits.py"),
    "link": ("test_tokens.py", "test_commands.py"),
    "machine": ("test_step.py", "test_guards.py", "test_table.py"),
    "plc": ("test_scan_edges.py", "test_scan.py", "test_plc.py"),
    "running": ("test_running.py", "test_run_hazards.py"),
    "trips": ("test_guards.py", "test_table.py"),
    "watch": ("test_watch_edges.py", "test_watch.py"),
}
"""Module -> tests to run first. Only the time depends on it: whatever they leave over, all others see."""


class Result(NamedTuple):
    """One mutant's fate (killed, survived, timeout, no tests, broken: pytest could not run) and who noticed it."""

    name: str
    verdict: str
    witness: str


class Results:
    """A file with one result per line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, result: Result) -> None:
        """Append one."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")

    def read(self) -> list[Result]:
        """All so far; none when nothing was written."""
        if not self._path.exists():
            return []
        return [Result(*json.loads(line)) for line in self._path.read_text(encoding="utf-8").splitlines()]


class Job(NamedTuple):
    """One mutant to run; the groups of tests are run in this order until one fails."""

    name: str
    path: str
    source: str
    tests: tuple[tuple[str, ...], ...]


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a file's module from other text; the compiled code is kept nowhere."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class Finder(importlib.abc.MetaPathFinder):
    """Put first in ``sys.meta_path``: the module of ``path`` is made of ``source`` instead of the file's text."""

    def __init__(self, path: str, source: str) -> None:
        self._name, self._path, self._source = module_of(path), os.path.abspath(path), source

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """The changed module, or None: somebody else's."""
        if fullname != self._name:
            return None
        loader = _Loader(fullname, self._path, self._source)
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


class _Witness:
    """The plugin that brings the mutant in and says which test failed first."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.first = ""

    def pytest_configure(self) -> None:
        # after pytest's own import hook, which would take self_test.py for a test file
        sys.meta_path.insert(0, Finder(self._job.path, self._job.source))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.first = self.first or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.first = self.first or report.nodeid


def run_jobs(jobs: Iterable[Job], workers: int = WORKERS) -> Iterator[Result]:
    """Run all jobs, ``workers`` at a time, in any order. Raises RuntimeError when a mutated package is loaded here."""
    pytest.main([*PYTEST, "--collect-only", "-qq", __file__], plugins=[])  # loads every plugin once, finds no test
    loaded = [name for name in sys.modules if name.startswith(tuple(p.replace("/", ".") + "." for p in PACKAGES))]
    if loaded:
        raise RuntimeError(f"{loaded[0]} is imported already; mutants are run from a process without it")
    running: dict[int, tuple[str, int]] = {}
    for job in jobs:
        if len(running) >= workers:
            yield _wait(running)
        read, write = os.pipe()
        running[_start(job, write)] = (job.name, read)
        os.close(write)
    while running:
        yield _wait(running)


def _start(job: Job, write: int) -> int:
    child = os.fork()
    if child == 0:
        status = 70
        try:
            status = _run(job, write)
        finally:
            os._exit(status)
    return child


def _run(job: Job, write: int) -> int:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + CPU_LIMIT_S, used + CPU_LIMIT_S))
    for tests in job.tests:
        witness = _Witness(job)
        code = int(pytest.main([*PYTEST, *tests], plugins=[witness]))
        if code:
            os.write(write, witness.first.encode())
            return code
    return 0


def _wait(running: dict[int, tuple[str, int]]) -> Result:
    pid, status = os.wait()
    name, read = running.pop(pid)
    with os.fdopen(read, "rb") as pipe:
        return Result(name, judge(status), pipe.read().decode())


def judge(status: int) -> str:
    """What a child's wait status says about its mutant."""
    if os.WIFSIGNALED(status):
        return "timeout"
    code = os.WEXITSTATUS(status)
    # 1: a test failed; 2: a test file cannot be imported; 3: the mutant broke pytest itself
    return {0: "survived", 1: "killed", 2: "killed", 3: "killed", 5: "no tests"}.get(code, "broken")


def tests_for(path: str, test_files: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """All test files in two groups: those most likely to notice a change of ``path`` first."""
    first = tuple(test for test in test_files if is_likely(path, test))
    rest = tuple(test for test in test_files if test not in first)
    return tuple(group for group in (first, rest) if group)


def is_likely(path: str, test_file: str) -> bool:
    """True for a test file that is about ``path``."""
    stem = path.rpartition("/")[2].removesuffix(".py")
    return test_file.rpartition("/")[2] in FIRST.get(stem, (f"test_{stem}.py",))


def make_jobs(mutants: Iterable[Mutant], test_files: Sequence[str]) -> Iterator[Job]:
    """Jobs that run all tests on each mutant."""
    for mutant in mutants:
        yield Job(mutant.name, mutant.path, mutant.source(), tests_for(mutant.path, test_files))


def main(arguments: list[str]) -> int:
    """OUT PREFIXES NAMES TEST...: see the top of this file."""
    out, prefixes, names, *tests = arguments
    wanted = set(Path(names).read_text(encoding="utf-8").splitlines())
    chosen = [mutant for mutant in find_mutants(Path.cwd(), tuple(prefixes.split(","))) if mutant.name in wanted]
    results = Results(Path(out))
    for result in run_jobs(make_jobs(chosen, tests)):
        results.write(result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
