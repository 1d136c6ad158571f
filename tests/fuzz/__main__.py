"""Fuzz the parsers: ``python -m tests.fuzz [TARGET...] [--seconds 60]``; exit code 1 when one broke.

Each target runs in a process of its own. TARGET may be the beginning of several names; ``--list`` shows them all.
"""

import argparse
import contextlib
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

PACKAGES = ["drivers", "firmware_sim", "controller.shots", "controller.app.tape_format", "controller.app.tape_read"]
"""Code whose branches guide the fuzzer."""

ARRAYS = [
    f"firmware_sim.personalities.{name}"
    for name in ("dsox_screen", "scope_engine", "scope_measure", "scope_record", "scope_signals")
]
"""Modules that compare arrays go without guidance: atheris 3.0.0 never frees the array that such a comparison gives,
which looks like a leak of theirs."""

FOUND = Path("fuzz-found")
"""Where inputs that broke something are left, beside their tracebacks."""


def main() -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60.0, help="per target (60)")
    parser.add_argument("--list", action="store_true", help="show the targets and end")
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument("--keep", action="store_true", help="choose the stored corpus anew from what was found")
    options = parser.parse_args()
    if options.plain:
        sys.modules["atheris"] = None  # type: ignore[assignment]
    _import_instrumented()
    from tests.fuzz.targets import TARGETS

    chosen = [name for name in TARGETS if not options.targets or name.startswith(tuple(options.targets))]
    unknown = [given for given in options.targets if not any(name.startswith(given) for name in TARGETS)]
    if unknown:
        parser.error(f"no target begins with {', '.join(unknown)}; --list shows them")
    if options.list:
        print("\n".join(chosen))
        return 0
    return max([_one(name, options.seconds, options.keep) for name in chosen], default=0)


def _import_instrumented() -> None:
    """Import the code under test, with atheris' counters where there is atheris."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))  # a line per module
        with contextlib.suppress(ImportError):
            import atheris

            stack.enter_context(atheris.instrument_imports(include=PACKAGES, exclude=ARRAYS))
        import tests.fuzz.targets  # noqa: F401


def _one(name: str, seconds: float, keep: bool) -> int:
    """Fuzz one target in a child; 1 when it broke."""
    from tests.fuzz import corpus, engine
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as text:
        folder = Path(text)
        child = os.fork()
        if child == 0:
            _child(name, folder, seconds)
        _, status = os.waitpid(child, 0)
        found = engine.result(folder)
        failures = [*found["failures"]]  # type: ignore[misc]
        if status != 0 and not failures:
            failures.append(f"the process ended with status {status}")
        grown = float(found["grown_mb"])  # type: ignore[arg-type]
        if grown > engine.GROWTH_MAX_MB:
            failures.append(f"memory grew by {grown:.0f} MB")
        for path in [*folder.glob("crash-*"), *folder.glob("libfuzzer-*"), *folder.glob("log")] if failures else ():
            (FOUND / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, FOUND / name)
        stored = corpus.update(target, folder / "corpus") if keep else len(corpus.stored(name))
    worst = float(found["worst_cpu_s"])  # type: ignore[arg-type]
    verdict = "; ".join(failures) or "ok"
    cost = f"{found['runs']} runs, worst {worst * 1e3:.0f} ms, {grown:+.0f} MB"
    print(f"{name}: {cost}, {stored} files: {verdict}", flush=True)
    return 1 if failures else 0


def _child(name: str, folder: Path, seconds: float) -> None:
    """The child: its output goes to a log, and it never comes back."""
    from tests.fuzz import corpus, engine
    from tests.fuzz.targets import TARGETS

    log = os.open(folder / "log", os.O_CREAT | os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(log, stream)
    code = 1
    try:
        stored = corpus.CORPUS / name
        engine.fuzz(TARGETS[name], folder, [stored] if stored.is_dir() else [], seconds)
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
