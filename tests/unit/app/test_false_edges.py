"""Interference on the trigger cable reaches the delay generator on every shot, and single shot refuses it."""

import tempfile
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from controller.app.virtual import run_virtual
from controller.messages import RunConfig
from firmware_sim.personalities.dg645 import DelayGeneratorPanel, OutputEdges


@pytest.fixture
def offered() -> Iterator[list[tuple[int, bool]]]:
    """(time, accepted) of every edge at the delay generator's input."""
    seen: list[tuple[int, bool]] = []
    original = DelayGeneratorPanel.trigger_input

    def watch(panel: DelayGeneratorPanel, t_ns: int) -> OutputEdges | None:
        edges = original(panel, t_ns)
        seen.append((t_ns, edges is not None))
        return edges

    with patch.object(DelayGeneratorPanel, "trigger_input", watch):
        yield seen


def test_three_false_edges_follow_the_fire_pulse_and_start_nothing(offered: list[tuple[int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        finished = run_virtual(RunConfig("railgun_bench", "polarity", f"{folder}/o"), lambda message: None, lambda: "")
    assert finished.exit == 0
    assert [accepted for _, accepted in offered] == [True, False, False, False]
    fire_ns = offered[0][0]
    assert all(0 < t_ns - fire_ns < 6_000_000 for t_ns, _ in offered[1:])
