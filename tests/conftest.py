"""Rules for every test: no task is left behind, and under CI=true nothing is skipped or expected to fail."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from hypothesis import settings

settings.register_profile("sparkgap", derandomize=True, deadline=None)
settings.load_profile("sparkgap")
"""Property tests are deterministic and never timed: the machine is shared (house style: no wall time in tests)."""

FIGURES = pytest.StashKey[dict[str, dict[str, float | str]]]()

IN_CI = os.environ.get("CI") == "true"


@pytest_asyncio.fixture
async def _no_task_left_behind() -> AsyncIterator[None]:
    """Fail an async test that ends while tasks it started still run."""
    before = asyncio.all_tasks()
    yield
    mine = {asyncio.current_task()}  # this very teardown
    left = sorted(task.get_name() for task in asyncio.all_tasks() - before - mine if not task.done())
    assert not left, f"tasks left behind: {', '.join(left)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every async test gets the check for leaked tasks."""
    for item in items:
        if isinstance(item, pytest.Function) and asyncio.iscoroutinefunction(item.obj):
            item.fixturenames.insert(0, "_no_task_left_behind")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Under CI=true a skip and an xfail are failures: whatever is missing there has to be installed."""
    report = yield
    if IN_CI and (report.skipped or hasattr(report, "wasxfail")):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped or expected to fail under CI=true: {reason}"
        if hasattr(report, "wasxfail"):
            del report.wasxfail
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """The same for a whole module that skips itself while it is collected."""
    report = yield
    if IN_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: the module skips itself under CI=true: {report.longrepr[2]}"
    return report


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """``figure("plc.exploration", states=11976)``: keep what a test has measured, printed at the end of the run.

    In a JUnit file (``--junitxml``) it becomes a property ``figure:NAME`` of the test, as JSON: that is where the
    assurance file reads it.
    """

    def keep(name: str, **values: float | str) -> None:
        request.node.user_properties.append((f"figure:{name}", json.dumps(values)))
        request.config.stash.setdefault(FIGURES, {})[name] = values

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the figures of this run."""
    figures = config.stash.get(FIGURES, {})
    if figures:
        terminalreporter.section("figures")
    for name in sorted(figures):
        values = ", ".join(f"{key} {value}" for key, value in figures[name].items())
        terminalreporter.line(f"{name}: {values}")
