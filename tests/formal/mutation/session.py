"""Runs mutmut's mutants of functions from one pytest session: the tests are collected once, a child forks per mutant.

``python -m tests.formal.mutation.session OUT PREFIXES NAMES TEST...`` writes one JSON line per mutant. mutmut's own
runner starts pytest anew for each mutant and needs ten times as long; mutants, trampolines and the choice of tests by
what they reach are mutmut's. The mutated modules exist in memory only.
"""

import os
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import mutmut.mutation.trampoline as trampoline
import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation.file_mutation import combine_mutations_to_source

from tests.formal.mutation.forked import CPU_LIMIT_S, PYTEST, WORKERS, Finder, Result, Results, is_likely, judge
from tests.formal.mutation.mutants import FUNCTION, Mutant, find_mutants

RECENT_MAX = 8
"""Tests that noticed the last mutants of a function are tried first on its next one."""


REACHING_MAX = 600
"""Tests that a mutant meets here; of a function that nearly all reach, the quickest are enough for this round."""


class Session:
    """The plugin that takes the place of pytest's loop over the tests."""

    def __init__(self, mutants: list[Mutant], out: Results, witnesses: dict[str, str] | None = None) -> None:
        """With ``witnesses`` (mutant -> test) only that test is run on each mutant, after it has passed without."""
        self._mutants = mutants
        self._witnesses = witnesses
        self._names: dict[Mutant, str] = {}
        self._out = out
        self._items: dict[str, pytest.Item] = {}
        self._durations: dict[str, float] = {}
        self._reaching: dict[str, set[str]] = defaultdict(set)
        self._recent: dict[str, list[str]] = defaultdict(list)
        self._running: dict[int, tuple[Mutant, int]] = {}

    def pytest_configure(self) -> None:
        """After pytest's own import hook, which would take ``self_test.py`` for a test file, and before any import."""
        self._names = install(self._mutants)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run every test once to see what it reaches, then the mutants."""
        if session.testsfailed:
            raise pytest.UsageError("the tests cannot be collected")
        self._items = {item.nodeid: item for item in session.items}
        self._look(session)
        for mutant in self._mutants:
            if len(self._running) >= WORKERS:
                self._out.write(self._wait())
            tests = self._order(mutant)
            if tests:
                self._start(mutant, tests)
            else:
                self._out.write(Result(mutant.name, "no tests", ""))
        while self._running:
            self._out.write(self._wait())
        return True

    def _look(self, session: pytest.Session) -> None:
        """The clean run: every test passes, and which functions it reaches."""
        hits: set[str] = set()
        vars(trampoline)["record_trampoline_hit"] = lambda name, caller=None: hits.add(name)
        force("stats")
        for item in session.items:
            hits.clear()
            started = time.process_time()
            if not _passes(item):
                raise pytest.UsageError(f"{item.nodeid} fails without any mutant")
            self._durations[item.nodeid] = time.process_time() - started
            for name in hits:
                self._reaching[name].add(item.nodeid)
        force("")

    def _order(self, mutant: Mutant) -> list[str]:
        """Tests that reach it: the last witnesses, those of its own file, then the others, the quick ones first.

        What they leave over, all tests see in ``forked``, where each costs a new start of pytest.
        """
        if self._witnesses is not None:
            return [self._witnesses[mutant.name]] if self._witnesses[mutant.name] in self._items else []
        function = mutant.name.partition("__mutmut_")[0]
        reaching = self._reaching[function]
        recent = self._recent[function]
        own = {test for test in reaching if is_likely(mutant.path, test.partition("::")[0])}
        others = sorted(reaching.difference(recent), key=lambda test: (test not in own, self._durations[test], test))
        return [*recent, *others[:REACHING_MAX]]

    def _start(self, mutant: Mutant, tests: list[str]) -> None:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            status = 70
            try:
                os.close(read)
                status = self._child(mutant, tests, write)
            finally:
                os._exit(status)
        os.close(write)
        self._running[child] = (mutant, read)

    def _child(self, mutant: Mutant, tests: list[str], write: int) -> int:
        used = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (used + CPU_LIMIT_S, used + CPU_LIMIT_S))
        force(self._names[mutant])
        for test in tests:
            if not _passes(self._items[test]):
                os.write(write, test.encode())
                return 1
        return 0

    def _wait(self) -> Result:
        pid, status = os.wait()
        mutant, read = self._running.pop(pid)
        with os.fdopen(read, "rb") as pipe:
            witness = pipe.read().decode()
        if witness:
            recent = self._recent[mutant.name.partition("__mutmut_")[0]]
            if witness in recent:
                recent.remove(witness)
            recent.insert(0, witness)
            del recent[RECENT_MAX:]
        return Result(mutant.name, judge(status), witness)


def force(mutant: str) -> None:
    """Every function asks at each call which mutant is in force: from memory, because the environment is slow."""
    trampoline.set_mutant_under_test(mutant)
    vars(trampoline)["get_mutant_under_test"] = lambda: mutant


def _passes(item: pytest.Item) -> bool:
    return all(report.passed for report in runtestprotocol(item, log=False, nextitem=None))


def install(mutants: Iterable[Mutant]) -> dict[Mutant, str]:
    """From now on their modules are imported with these mutants and mutmut's trampolines; returns what they are called.

    Of all mutants of a function, in mutmut's order, the names are mutmut's own.
    """
    names: dict[Mutant, str] = {}
    counts: Counter[str] = Counter()
    by_path: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        function = mutant.name.partition("__mutmut_")[0]
        counts[function] += 1
        names[mutant] = f"{function}__mutmut_{counts[function]}"
        by_path[mutant.path].append(mutant)
    for path, chosen in by_path.items():
        code = combine_mutations_to_source(chosen[0].tree, [mutant.mutation for mutant in chosen]).code
        sys.meta_path.insert(0, Finder(path, code))
    return names


def main(arguments: list[str]) -> int:
    """OUT PREFIXES NAMES TEST...: run the mutants of functions named in NAMES; commas between PREFIXES."""
    out, prefixes, names, *tests = arguments
    wanted = set(Path(names).read_text(encoding="utf-8").splitlines())
    chosen = find_mutants(Path.cwd(), tuple(prefixes.split(",")))
    mutants = [mutant for mutant in chosen if mutant.kind == FUNCTION and mutant.name in wanted]
    os.environ["MUTANT_UNDER_TEST"] = ""
    return int(pytest.main([*PYTEST, *tests], plugins=[Session(mutants, Results(Path(out)))]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
