"""Scopes and delay generator are looked at before fire, in time, and what was changed since is refused or marked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pytest

from controller.app.preflight import Prepared, prepare
from controller.messages import RunConfig
from controller.runtime.actions import LAST_LOOK_S, ActionFailed, Actions
from controller.runtime.bench import Bench
from controller.runtime.core import delay_plan
from controller.runtime.health import Health
from controller.runtime.scope_records import CHANGED, Recorded, scope_setup
from controller.runtime.situation import Situation
from controller.runtime.virtual_loop import run_virtual
from controller.sequencer.plan import InstrumentClass
from drivers.errors import InstrumentRefused
from drivers.ports import DelayPlan, Identity, ScopeSetup, ScopeState, Waveform

HEALTHY_BUT_SLOW_S = 0.05
"""The slowest answer of a healthy scope (drivers/families/oscilloscope.py)."""

EXCHANGES = 17
"""Questions of one whole read-back."""


@dataclass
class Panel:
    """What all parts of the little bench share: how long an answer takes, who was asked what, and when."""

    answer_s: float = 0.001
    asked: list[tuple[float, str, str]] = field(default_factory=list)
    slow: frozenset[str] = frozenset()

    async def answer(self, name: str, question: str, exchanges: int = 1) -> None:
        for _ in range(exchanges):
            self.asked.append((asyncio.get_running_loop().time(), name, question))
            await asyncio.sleep(HEALTHY_BUT_SLOW_S if name in self.slow else self.answer_s)


@dataclass
class Scope:
    name: str
    panel: Panel
    setup: ScopeSetup
    holds: ScopeState = ScopeState.ARMED
    refuses: str = ""

    async def arm(self) -> None:
        await self.panel.answer(self.name, "arm")

    async def state(self) -> ScopeState:
        await self.panel.answer(self.name, "state")
        return self.holds

    async def read_back(self) -> ScopeSetup:
        await self.panel.answer(self.name, "setup", EXCHANGES)
        if self.refuses:
            raise InstrumentRefused(self.name, self.refuses)
        return self.setup

    async def read_waveform(self, source: str) -> Waveform:
        raw = np.zeros(4, dtype=np.uint16)
        return Waveform(source, raw, 1e-6, 0.0, 0, 1e-3, 0.0, 0.0, (1, 65535), {"channel.range": "8.0"})


@dataclass
class Delay:
    panel: Panel
    plan: DelayPlan
    name: str = "delay_generator"

    async def arm(self) -> None:
        await self.panel.answer(self.name, "arm")

    async def read_back(self) -> DelayPlan:
        await self.panel.answer(self.name, "setup", EXCHANGES)
        return self.plan

    async def identify(self) -> Identity:
        await self.panel.answer(self.name, "identify")
        return Identity("SRS", "DG645", "1", "1")

    async def triggered(self) -> bool:
        return True


class Quiet:
    """Charger and DAQ: they answer."""

    name = "other"

    async def read(self) -> dict[str, float]:
        return {}


class Looks:
    """Actions with two scopes and a delay generator, as configured."""

    def __init__(self, prepared: Prepared, classes: dict[str, InstrumentClass] | None = None) -> None:
        plan = replace(prepared.plan, instruments=classes or {})
        self.panel = Panel()
        self.scopes = {p.instrument: Scope(p.instrument, self.panel, scope_setup(p)) for p in plan.scopes}
        self.delay = Delay(self.panel, delay_plan(plan, prepared.rig))
        bench = Bench(
            cast(Any, None), cast(Any, Quiet()), cast(Any, self.delay), cast(Any, self.scopes), cast(Any, Quiet())
        )
        self.situation = Situation(0)
        self.notes: list[str] = []

        async def store(channel: str, instrument: str, waveform: Recorded) -> None:
            pass

        self.actions = Actions(
            plan,
            bench,
            self.situation,
            self.delay.plan,
            Health(),
            lambda source, kind, text: self.notes.append(f"{source} {kind}: {text}"),
            store,
        )

    def double_range(self, name: str = "scope_1") -> None:
        scope = self.scopes[name]
        first, *others = scope.setup.channels
        wider = replace(first, range_v=2 * first.range_v)
        scope.setup = replace(scope.setup, channels=(wider, *others))

    def asked_of(self, name: str) -> set[str]:
        return {question for _, asked, question in self.panel.asked if asked == name}


Script = Callable[[Looks], Awaitable[None]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(RunConfig("railgun_bench", "full", str(tmp_path_factory.mktemp("shots"))))


def play(prepared: Prepared, script: Script, classes: dict[str, InstrumentClass] | None = None) -> Looks:
    made: list[Looks] = []

    async def run() -> None:
        made.append(Looks(prepared, classes))
        await script(made[0])

    run_virtual(run())
    return made[0]


async def armed_and_held(looks: Looks) -> None:
    await looks.actions.perform("arm")
    await looks.actions.perform("recheck_scopes")
    looks.panel.asked.clear()


def test_arm_refuses_a_range_that_was_doubled_since_it_was_configured(prepared: Prepared) -> None:
    async def script(looks: Looks) -> None:
        looks.double_range()
        with pytest.raises(ActionFailed, match=r"scope_1: changed since it was configured: CHAN\d range_v"):
            await looks.actions.perform("arm")

    play(prepared, script)


@pytest.mark.parametrize("look", ["recheck_scopes", "last_look"])
def test_every_look_asks_delay_generator_and_scopes_for_everything(look: str, prepared: Prepared) -> None:
    async def script(looks: Looks) -> None:
        await armed_and_held(looks)
        await looks.actions.perform(look)

    looks = play(prepared, script)
    assert looks.asked_of("delay_generator") == {"setup"}
    for name in ("scope_1", "scope_2"):
        assert looks.asked_of(name) == {"state", "setup"}
    assert looks.panel.asked[0][1] == "delay_generator", "a trigger that it gives by mistake must show in the scopes"


@pytest.mark.parametrize("look", ["recheck_scopes", "last_look"])
@pytest.mark.parametrize("what", ["range", "arm", "delays", "probe"])
def test_every_look_refuses_what_is_not_as_it_was_armed(what: str, look: str, prepared: Prepared) -> None:
    async def script(looks: Looks) -> None:
        await armed_and_held(looks)
        if what == "range":
            looks.double_range()
        elif what == "arm":
            looks.scopes["scope_1"].holds = ScopeState.STOPPED
        elif what == "probe":
            looks.scopes["scope_1"].refuses = "changed since it was configured: CHAN1 probe is 10.0"
        else:
            looks.delay.plan = replace(looks.delay.plan, holdoff_s=0.5)
        with pytest.raises((ActionFailed, InstrumentRefused), match="delay" if what == "delays" else "scope_1"):
            await looks.actions.perform(look)

    play(prepared, script)


def test_an_instrument_that_has_become_slow_ends_the_last_look_within_its_time(prepared: Prepared) -> None:
    async def script(looks: Looks) -> None:
        await armed_and_held(looks)
        looks.panel.slow = frozenset({"scope_2"})
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(ActionFailed, match="scope_2: not looked at in time before the links fall quiet"):
            await looks.actions.perform("last_look")
        assert asyncio.get_running_loop().time() - began_s <= LAST_LOOK_S + 1e-6
        assert LAST_LOOK_S == 0.4

    play(prepared, script)


@pytest.mark.parametrize("slow", ["scope_1", "delay_generator"])
def test_one_that_was_slow_in_the_hold_already_is_asked_one_question_and_does_not_end_the_shot(
    slow: str, prepared: Prepared
) -> None:
    async def script(looks: Looks) -> None:
        looks.panel.slow = frozenset({slow})
        await armed_and_held(looks)
        began_s = asyncio.get_running_loop().time()
        await looks.actions.perform("last_look")
        assert asyncio.get_running_loop().time() - began_s < LAST_LOOK_S

    looks = play(prepared, script)
    assert looks.asked_of(slow) == {"state" if slow == "scope_1" else "identify"}
    assert looks.asked_of("scope_2") == {"state", "setup"}
    assert [note for note in looks.notes if note.startswith(f"{slow} warning: reading it back took 0.")]


def test_one_question_is_enough_to_see_that_a_slow_scope_lost_its_arm(prepared: Prepared) -> None:
    async def script(looks: Looks) -> None:
        looks.panel.slow = frozenset({"scope_1"})
        await armed_and_held(looks)
        looks.scopes["scope_1"].holds = ScopeState.TRIGGERED
        with pytest.raises(ActionFailed, match="scope_1: not armed any more but triggered"):
            await looks.actions.perform("last_look")

    play(prepared, script)


@pytest.mark.parametrize("left_s", [0.1, -0.001, -0.2])
def test_a_look_that_begins_late_ends_before_the_quiet_time_all_the_same(left_s: float, prepared: Prepared) -> None:
    async def script(looks: Looks) -> None:
        await armed_and_held(looks)
        looks.panel.slow = frozenset({"scope_1", "scope_2", "delay_generator"})
        quiet_s = asyncio.get_running_loop().time() + left_s
        looks.situation.quiet_ns = round(quiet_s * 1e9)
        with pytest.raises(ActionFailed, match="not looked at in time"):
            await looks.actions.perform("last_look")
        assert all(asked_s < quiet_s for asked_s, _, _ in looks.panel.asked)
        assert bool(looks.panel.asked) is (left_s > 0)

    play(prepared, script)


def test_an_optional_scope_that_is_late_is_lost_and_the_shot_goes_on(prepared: Prepared) -> None:
    async def script(looks: Looks) -> None:
        await armed_and_held(looks)
        looks.panel.slow = frozenset({"scope_2"})
        await looks.actions.perform("last_look")
        await looks.actions.perform("last_look")

    looks = play(prepared, script, {"scope_2": InstrumentClass.OPTIONAL})
    assert set(looks.situation.lost_optional) == {"scope_2"}


@pytest.mark.parametrize("what", ["range", "probe", "nothing"])
def test_what_was_changed_after_the_last_look_marks_the_record_and_warns(what: str, prepared: Prepared) -> None:
    async def script(looks: Looks) -> None:
        await armed_and_held(looks)
        await looks.actions.perform("last_look")
        if what == "range":
            looks.double_range()
        elif what == "probe":
            looks.scopes["scope_1"].refuses = "CHAN1 probe is 10.0"
        for scope in looks.scopes.values():
            scope.holds = ScopeState.TRIGGERED
        await looks.actions.perform("transfer")

    looks = play(prepared, script)
    marked = {
        name: waveform.settings[CHANGED]
        for name, (_, waveform) in looks.actions.captured.waveforms.items()
        if isinstance(waveform, Waveform) and CHANGED in waveform.settings
    }
    of_scope_1 = {name for name, (scope, _) in looks.actions.captured.waveforms.items() if scope == "scope_1"}
    assert CHANGED == "changed_since_arming"
    assert set(marked) == (of_scope_1 if what != "nothing" else set())
    assert all({"range": "range_v", "probe": "CHAN1 probe is 10.0"}[what] in text for text in marked.values())
    assert bool([note for note in looks.notes if "the record is marked" in note]) is (what != "nothing")


def test_a_plan_that_armed_nothing_looks_at_nothing(prepared: Prepared) -> None:
    async def script(looks: Looks) -> None:
        await looks.actions.perform("recheck_scopes")
        await looks.actions.perform("last_look")

    assert play(prepared, script).panel.asked == []
