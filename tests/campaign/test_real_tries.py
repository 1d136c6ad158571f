"""Real cells on a busy machine: what is tried again, and from when on the PLC is believed after a power failure."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.app.faultspec import Phase
from controller.app.plc_reader import PlcSaid
from controller.campaign import real
from controller.campaign.judge_real import machine_lateness_s
from controller.campaign.model import Cell, CellResult, Status, Venue
from controller.campaign.power_loss import until_safe
from controller.campaign.real_table import BY_NAME
from controller.runtime.virtual_loop import run_virtual
from tests.campaign.fake_cells import result
from tests.campaign.test_real_judge import killed_while_charging, sight

CELL = Cell("railgun_bench", "full", "22", "panel_killed", "float", Phase.DURING, 0, Venue.REAL)
PASSED = result(CELL, Status.PASSED, "done")
FAILED = result(CELL, Status.FAILED, "exit 3 instead of [0, 1]")
LATE_S = 0.27


def run(monkeypatch: pytest.MonkeyPatch, *tries: tuple[CellResult, float]) -> tuple[CellResult, int]:
    """The cell's result when its trials come out so, and how many of them there were."""
    left = list(tries)
    monkeypatch.setattr(real, "_try", lambda cell, variant, overrides: left.pop(0))
    return real.run_real_cell(CELL), len(tries) - len(left)


def test_a_failure_on_a_machine_in_time_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    judged, count = run(monkeypatch, (FAILED, 0.02), (PASSED, 0.02))
    assert (judged.status, judged.why, count) == (Status.FAILED, FAILED.why, 1)


def test_a_failure_on_a_late_machine_is_tried_again_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    judged, count = run(monkeypatch, (FAILED, LATE_S), (PASSED, LATE_S))
    assert (judged.status, count) == (Status.PASSED, 2)
    assert judged.why == "done (failed on a machine that was late 1x: scans of 10 ms came up to 0.27 s late)"


def test_three_failures_are_a_failure_however_late_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    judged, count = run(monkeypatch, *[(FAILED, LATE_S)] * 4)
    assert (judged.status, count) == (Status.FAILED, real.TRIES_MAX)
    assert "late 3x: scans of 10 ms came up to 0.27 s, 0.27 s, 0.27 s late" in judged.why


def test_a_rig_that_was_stopped_on_purpose_tells_nothing_about_the_machine() -> None:
    stood = (sight(900, "CHARGE"), sight(4000, "TRIP", worst_ns=3_000_000_000))
    trial = replace(killed_while_charging(), sights=stood)
    assert machine_lateness_s(trial, BY_NAME["29", "rig_stopped"]) == pytest.approx(0.004)
    assert machine_lateness_s(trial, BY_NAME["29", "core_stopped"]) == pytest.approx(3.0)


class Told:
    """A reader whose PLC was given a permit just before the power failed, by virtual time."""

    STATES = ((0.0, "SAFE", True), (0.05, "OPENING", True), (0.6, "TRIP", False), (1.5, "TRIP", True))

    @property
    def said(self) -> PlcSaid:
        now_s = asyncio.get_running_loop().time()
        _, state, safe = [entry for entry in self.STATES if entry[0] <= now_s][-1]
        return PlcSaid(state, ("ENERGY_SAFE",) if safe else ())

    async def until(self, seen: Callable[[PlcSaid], bool]) -> None:
        assert seen(self.said)


def test_what_the_plc_said_before_the_power_failed_is_not_believed() -> None:
    """Once in a while it had reported SAFE and then been given the permit: the next run came back into its trip."""

    async def wait() -> PlcSaid:
        reader = Told()
        await until_safe(reader)  # type: ignore[arg-type]
        return reader.said

    assert run_virtual(wait()) == PlcSaid("TRIP", ("ENERGY_SAFE",))
