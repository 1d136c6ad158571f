"""Actions on a scope that records a train: waits while segments come, reads them all, says which did not come."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from controller.runtime.actions import TRIGGER_WAIT_S, ActionFailed, Actions
from controller.runtime.bench import Bench
from controller.runtime.health import Health
from controller.runtime.scope_records import CHANGED, Recorded, scope_setup
from controller.runtime.situation import Situation
from controller.runtime.virtual_loop import run_virtual
from controller.sequencer.plan import InstrumentClass, Plan, ScopeChannelPlan, ScopePlan
from drivers.ports import ScopeSetup, ScopeState, SegmentedWaveform, Waveform

PERIOD_S = 1.9
PLAN = ScopePlan("scope", 1e-4, 1e-5, 100, 16, "EXT", 1.0, (ScopeChannelPlan("a", "CHAN1", 8.0, 0.0, "ONEM"),), 6)


@dataclass
class Scope:
    """Takes a segment every :data:`PERIOD_S`, ``comes`` of them."""

    comes: int
    begun_s: float = 0.0
    held: ScopeSetup = field(default_factory=lambda: scope_setup(PLAN))

    async def segments_done(self) -> int:
        return min(self.comes, round((asyncio.get_running_loop().time() - self.begun_s) // PERIOD_S))

    async def state(self) -> ScopeState:
        return ScopeState.TRIGGERED if await self.segments_done() else ScopeState.ARMED

    async def read_back(self) -> ScopeSetup:
        return self.held

    async def read_train(self, source: str) -> SegmentedWaveform:
        count = await self.segments_done()
        raw = np.zeros((count, 100), dtype=np.int16)
        wave = Waveform(source, raw, 1e-6, -1e-5, 0, 1e-3, 0.0, 0.0, (-100, 100), {"acquire.count": "6"})
        return SegmentedWaveform(wave, np.arange(count, dtype=np.int64) * 1_900_000_000, 6)


def play(scope: Scope, changed: bool = False) -> tuple[list[str], dict[str, Recorded], float]:
    """Transfer from the scope; the notes, what was stored, and how long it took."""
    notes: list[str] = []
    stored: dict[str, Recorded] = {}

    async def store(channel: str, instrument: str, recorded: Recorded) -> None:
        stored[channel] = recorded

    async def main() -> float:
        plan = cast(Plan, _Plan())
        bench = Bench(cast(Any, None), cast(Any, _Other()), cast(Any, _Other()), cast(Any, {"scope": scope}), _other())
        actions = Actions(
            plan, bench, Situation(0), cast(Any, None), Health(), lambda *said: notes.append(" ".join(said)), store
        )
        scope.begun_s = asyncio.get_running_loop().time()
        if changed:
            actions.captured.setups["scope"] = replace(scope.held, points=200)
        await actions.perform("transfer")
        return asyncio.get_running_loop().time() - scope.begun_s

    took_s = run_virtual(main())
    return notes, stored, took_s


class _Plan:
    scopes = (PLAN,)
    instruments: ClassVar = {"scope": InstrumentClass.REQUIRED}
    steps = ()


class _Other:
    name = "other"

    async def read(self) -> dict[str, float]:
        return {}


def _other() -> Any:
    return _Other()


def shape(recorded: Recorded) -> tuple[int, ...]:
    assert isinstance(recorded, SegmentedWaveform)
    return recorded.wave.raw.shape


def test_a_slow_train_is_waited_for_while_segments_come() -> None:
    notes, stored, took_s = play(Scope(comes=6))
    assert (notes, shape(stored["a"])) == ([], (6, 100))
    assert 6 * PERIOD_S <= took_s < 6 * PERIOD_S + 0.1


def test_a_train_that_stops_is_recorded_as_it_is_and_noted_once() -> None:
    notes, stored, took_s = play(Scope(comes=4))
    assert notes == ["scope warning 4 of 6 segments came, the train is recorded as it is"]
    assert shape(stored["a"]) == (4, 100)
    assert took_s == pytest.approx(4 * PERIOD_S + TRIGGER_WAIT_S, abs=0.1)


def test_no_segment_at_all_ends_the_shot() -> None:
    with pytest.raises(ActionFailed, match="scope: no trigger was recorded; it is armed"):
        play(Scope(comes=0))


def test_a_knob_turned_during_the_train_marks_it() -> None:
    _, stored, _ = play(Scope(comes=6), changed=True)
    recorded = stored["a"]
    assert isinstance(recorded, SegmentedWaveform)
    assert recorded.wave.settings[CHANGED] == "points 200 -> 100"


def test_the_setup_of_a_plan_says_how_many_segments() -> None:
    assert scope_setup(PLAN).segments == 6
