"""The rules of design.md section 6 that a machine can check."""

import ast
import subprocess
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, calls, dotted, imported_modules, modules
from tests.support import require_tool

FILE_LINES_MAX = 450
"""About 400 lines; the slack is for docstrings."""

FUNCTION_LINES_MAX = 70
"""About 40 lines; the slack is for docstrings and tables of options."""

CLOCK_READERS = ("controller/cli/", "controller/app/wall_clock.py")
"""The terminal paces its redraws, and one file makes labels. Everything else asks its loop."""

RUNTIME_MAY_SEE = {
    "drivers.ports",
    "drivers.errors",
    "drivers.wire.plc",
    "drivers.wire.plc_arguments",
    "drivers.wire.plc_run",
}

FORBIDDEN_TEXT = ("pypi" + ".org", "pythonhosted" + ".org", "/opt/" + "pypi", "/work/" + "main", "/work/" + "shared")
"""Addresses and folders of the machine this was written on, spelled so that this file passes its own test."""


def repository_files() -> list[Path]:
    listed = subprocess.run([require_tool("git"), "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_files_stay_short() -> None:
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_functions_stay_short() -> None:
    long = [
        f"{path}:{function.lineno}: {function.name}"
        for path, tree in modules().items()
        for function in functions(tree)
        if (function.end_lineno or function.lineno) - function.lineno >= FUNCTION_LINES_MAX
    ]
    assert long == []


def test_every_task_has_a_name() -> None:
    nameless = [
        f"{path}:{call.lineno}"
        for path, tree in modules().items()
        for call in calls(tree)
        if dotted(call.func).endswith("create_task") and "name" not in {keyword.arg for keyword in call.keywords}
    ]
    assert nameless == []


def test_nobody_reads_a_clock_beside_the_loop() -> None:
    wrong = [
        f"{path}:{line}: {name}"
        for path, tree in modules().items()
        if not path.startswith(CLOCK_READERS)
        for name, line in imported_modules(tree)
        if name == "time"
    ]
    wrong += [
        f"{path}:{call.lineno}: {dotted(call.func)}"
        for path, tree in modules().items()
        if not path.startswith(CLOCK_READERS)
        for call in calls(tree)
        if dotted(call.func).endswith((".now", ".utcnow", ".today"))
    ]
    assert wrong == []


def test_nothing_random_beside_the_seed() -> None:
    wrong = [
        f"{path}:{line}: {name}"
        for path, tree in modules().items()
        for name, line in imported_modules(tree)
        if name in {"random", "secrets", "uuid"}
    ]
    assert wrong == []


def test_no_exception_is_swallowed() -> None:
    swallowed = [
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in node.body)
    ]
    assert swallowed == []


def test_runtime_sees_only_the_ports() -> None:
    wrong = [
        f"{path}:{line}: {name}"
        for path, tree in modules().items()
        if path.startswith("controller/runtime/")
        for name, line in imported_modules(tree)
        if name.startswith("drivers") and name not in RUNTIME_MAY_SEE
    ]
    assert wrong == []


def test_no_metaclasses_and_no_leftovers() -> None:
    markers = ("raise NotImplementedError", "TO" + "DO", "FIX" + "ME")
    wrong = [
        f"{path}:{number}: {line.strip()}"
        for path in modules()
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if any(marker in line for marker in markers)
    ]
    wrong += [
        f"{path}:{node.lineno}: metaclass"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.keywords
        if any(keyword.arg == "metaclass" for keyword in node.keywords)
    ]
    assert wrong == []


@pytest.mark.parametrize("text", FORBIDDEN_TEXT)
def test_no_file_names_the_machine_it_was_written_on(text: str) -> None:
    assert [str(path) for path in repository_files() if text.encode() in path.read_bytes()] == []


def test_the_lock_has_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = [line for line in lock.splitlines() if "==" in line and not line.startswith(" ")]
    assert len(pins) > 40
    assert lock.count("--hash=sha256:") >= len(pins)
    assert "://" not in lock
