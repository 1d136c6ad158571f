"""The watch over an idle bench: it only looks, it dumps what it finds armed, and it survives every instrument."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from controller.app.benches import build_plant
from controller.app.preflight import read_bounded, read_rig
from controller.app.rig_sim import SimulatedRig
from controller.app.watch import watcher_of
from controller.messages import Event, Frame, Hello, Message
from controller.runtime.alarming import Alarming
from controller.runtime.frames import NEVER_S, hello_of
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import run_virtual
from controller.runtime.watching import LEAVE_S, PERIOD_S, Opens, Parting, Watcher
from drivers.errors import ConnectFailed, LinkTimeout
from drivers.ports import CapacitorCharger, Daq, RigPlc
from drivers.wire.plc import EventCode, Flag, PlcCommand, PlcRequest, PlcState, PlcStatus, Trip
from tests.unit.runtime.test_heartbeat import ScriptedPlc, make_status

NAME = "railgun_bench"
RIG, FILES = read_rig(NAME)
UTC = "2026-11-21T09:00:00.000+00:00"
SOURCES = [source.name for source in hello_of(RIG, None, 0, "", True, "watch", UTC).sources]


@dataclass
class Heard:
    """Everything the watch published."""

    messages: list[Message] = field(default_factory=list)

    @property
    def frames(self) -> list[Frame]:
        return [message for message in self.messages if isinstance(message, Frame)]

    @property
    def events(self) -> list[tuple[str, str, str]]:
        return [(m.source, m.kind, m.text) for m in self.messages if isinstance(m, Event)]

    def age_s(self, source: str) -> float:
        """Age of a source's values in the last frame."""
        return self.frames[-1].ages_s[SOURCES.index(source)]


Play = Callable[[Watcher, SimulatedRig, Heard], Awaitable[None]]


def watch_simulated(play: Play) -> tuple[Heard, Parting, SimulatedRig]:
    """Watch the simulated bench while ``play`` happens, then leave."""

    async def main() -> tuple[Heard, Parting, SimulatedRig]:
        rig = SimulatedRig(RIG, build_plant(NAME, 1), read_bounded(FILES.plc).decode(), "plc.yaml", 1, inline)
        rig.start()
        heard = Heard()
        watcher = watcher_of(RIG, rig.connects(), heard.messages.append, UTC, virtual=True)
        running = asyncio.get_running_loop().create_task(watcher.run(), name="watch")
        try:
            await play(watcher, rig, heard)
            watcher.leave()
            return heard, await running, rig
        finally:
            await rig.stop()

    return run_virtual(main())


def test_an_idle_bench_is_shown_fifty_times_a_second_and_nothing_is_asked_of_it() -> None:
    async def play(watcher: Watcher, rig: SimulatedRig, heard: Heard) -> None:
        await asyncio.sleep(3.0)

    heard, parting, rig = watch_simulated(play)
    hello = heard.messages[0]
    assert isinstance(hello, Hello)
    assert (hello.mode, hello.steps, hello.shot, hello.session) == ("watch", (), 0, f"watch-{UTC}")
    assert len(heard.frames) == pytest.approx(150, abs=2)
    last = heard.frames[-1]
    assert (last.plc_state, last.step, last.countdown_s) == ("SAFE", -1, None)
    assert all(abs(value) < 5.0 for value in last.values)
    assert [age <= source.stale_after_s for age, source in zip(last.ages_s, hello.sources, strict=True)] == [True] * 3
    assert heard.events == [("plc", "info", "PLC SAFE")]
    assert parting is Parting.SAFE
    assert not any(event.code in (EventCode.COMMAND, EventCode.CONTROLLER) for event in rig.plc.events)


@pytest.mark.parametrize("name", ["charger", "daq", "plc"])
def test_an_instrument_that_falls_silent_grows_old_and_comes_back(name: str) -> None:
    ages: list[float] = []

    async def play(watcher: Watcher, rig: SimulatedRig, heard: Heard) -> None:
        await asyncio.sleep(3.0)
        rig.board.switch(f"{name}.silent", True)
        await asyncio.sleep(20.0)
        ages.append(heard.age_s(name))
        rig.board.switch(f"{name}.silent", False)
        await asyncio.sleep(15.0)
        ages.append(heard.age_s(name))

    heard, parting, _ = watch_simulated(play)
    assert ages[0] > 19.0, "the other values went on meanwhile"
    assert ages[1] < 2.0
    told = [(kind, text) for source, kind, text in heard.events if source == name]
    assert [text for _, text in told if text.startswith("lost, and asked again until it answers")] != []
    assert told[-1] == ("info", "answers again")
    assert len(told) <= 5, "a loss is news once"
    assert len(heard.frames) == pytest.approx(38 * 50, rel=0.01)
    assert parting is Parting.SAFE


def test_trips_and_states_are_told_as_they_come_and_go() -> None:
    async def play(watcher: Watcher, rig: SimulatedRig, heard: Heard) -> None:
        await asyncio.sleep(1.0)
        rig.press("estop")
        await asyncio.sleep(1.0)
        rig.press("release_estop")
        rig.press("local_reset")
        await asyncio.sleep(5.0)

    heard, _, _ = watch_simulated(play)
    assert [event[1:] for event in heard.events][:3] == [
        ("info", "PLC SAFE"),
        ("info", "PLC TRIP"),
        ("trip", "trip ESTOP"),
    ]


def test_an_abort_reaches_the_plc_with_the_next_exchange() -> None:
    answers = []

    async def play(watcher: Watcher, rig: SimulatedRig, heard: Heard) -> None:
        await asyncio.sleep(1.0)
        answers.append(watcher.abort("just in case"))
        await asyncio.sleep(PERIOD_S)

    heard, parting, rig = watch_simulated(play)
    assert answers[0].accepted and "DUMP goes to the PLC" in answers[0].text
    assert ("core", "operator", "abort: just in case") in heard.events
    commands = [event.detail >> 8 for event in rig.plc.events if event.code == EventCode.COMMAND]
    assert commands == [PlcCommand.DUMP]
    assert parting is Parting.SAFE, "there was nothing to dump"


# --- benches in states that nobody leaves behind on purpose -----------------------------------------------------------


@dataclass
class ArmedPlc(ScriptedPlc):
    """A PLC in CHARGE that dumps when told to, if it ``obeys``, and is safe half a second later."""

    state: PlcState = PlcState.CHARGE
    obeys: bool = True
    dumped_s: float = -1.0

    async def exchange(self, request: PlcRequest) -> PlcStatus:
        now = asyncio.get_running_loop().time()
        self.seen.append((now, request))
        if self.fails:
            raise LinkTimeout(self.name, "no answer")
        if request.command is PlcCommand.DUMP and self.obeys and self.state is PlcState.CHARGE:
            self.state, self.dumped_s = PlcState.DUMPING, now
        if self.state is PlcState.DUMPING and now - self.dumped_s > 0.5:
            self.state = PlcState.SAFE
        flags = Flag.ENERGY_SAFE if self.state is PlcState.SAFE else Flag(0)
        return replace(make_status(len(self.seen)), state=self.state, flags=flags, trips=Trip(0))

    @property
    def dumps_s(self) -> list[float]:
        """When DUMP came."""
        return [round(t, 3) for t, request in self.seen if request.command is PlcCommand.DUMP]


async def daq_is_off() -> Daq:
    raise ConnectFailed("daq", "nobody answers at the address")


def watch_scripted(
    plc: ScriptedPlc,
    play: Callable[[Watcher], Awaitable[None]],
    open_daq: Callable[[], Awaitable[Daq]] = daq_is_off,
    alarming: Alarming | None = None,
) -> tuple[Heard, Parting, float]:
    """Watch a PLC of a few lines whose charger is switched off; also how long leaving took."""

    async def plc_is_there() -> RigPlc:
        return plc

    async def charger_is_off() -> CapacitorCharger:
        raise ConnectFailed("charger", "nobody answers at the address")

    async def main() -> tuple[Heard, Parting, float]:
        heard, loop = Heard(), asyncio.get_running_loop()
        opens = Opens(plc_is_there, charger_is_off, open_daq)
        hello = hello_of(RIG, None, 0, "", True, "watch", UTC)
        watcher = Watcher(RIG, opens, hello, heard.messages.append, alarming)
        running = loop.create_task(watcher.run(), name="watch")
        await play(watcher)
        since = loop.time()
        watcher.leave()
        watcher.leave()
        parting = await running
        return heard, parting, loop.time() - since

    return run_virtual(main())


def test_a_bench_found_armed_is_dumped_at_once_and_told_about() -> None:
    plc = ArmedPlc()

    async def play(watcher: Watcher) -> None:
        await asyncio.sleep(2.0)

    heard, parting, _ = watch_scripted(plc, play)
    assert plc.dumps_s == [0.0], "the status that shows it is answered with DUMP without waiting for the next beat"
    assert ("core", "fault", "the bench is in CHARGE and nothing runs here: DUMP is sent") in heard.events
    assert [text for source, _, text in heard.events if source == "plc"] == ["PLC CHARGE", "PLC DUMPING", "PLC SAFE"]
    assert parting is Parting.DUMPED
    assert {request.epoch for _, request in plc.seen} == {0}, "nobody's questions: they feed no watchdog"


def test_dump_is_repeated_while_the_bench_stays_armed_and_leaving_it_says_so() -> None:
    plc = ArmedPlc(obeys=False)

    async def play(watcher: Watcher) -> None:
        await asyncio.sleep(1.0)

    heard, parting, left_s = watch_scripted(plc, play)
    assert len(plc.dumps_s) == pytest.approx((1.0 + LEAVE_S) / PERIOD_S, rel=0.05)
    assert parting is Parting.UNVERIFIED
    assert left_s == pytest.approx(LEAVE_S)
    assert "treat it as charged" in heard.events[-1][2]
    assert sum("nothing runs here" in text for _, _, text in heard.events) == 1


def test_nobody_leaves_while_the_bench_is_being_dumped() -> None:
    plc = ArmedPlc()

    async def play(watcher: Watcher) -> None:
        await asyncio.sleep(0.1)

    heard, parting, left_s = watch_scripted(plc, play)
    assert parting is Parting.DUMPED
    assert 0.3 < left_s < 0.6
    assert heard.frames[-1].t_ns > 0.5e9, "it was shown to the end"


def test_a_plc_that_does_not_answer_is_no_proof_and_an_abort_is_kept_for_it() -> None:
    plc = ArmedPlc(state=PlcState.SAFE)
    answers = []

    async def play(watcher: Watcher) -> None:
        await asyncio.sleep(1.0)
        plc.fails = True
        await asyncio.sleep(3.0)
        answers.append(watcher.abort("smoke"))
        await asyncio.sleep(3.0)
        assert len(plc.dumps_s) > 1, "tried again and again"
        plc.fails = False
        await asyncio.sleep(3.0)
        plc.fails = True
        await asyncio.sleep(3.0)

    heard, parting, left_s = watch_scripted(plc, play)
    assert not answers[0].accepted and "e-stop" in answers[0].text
    assert parting is Parting.UNVERIFIED
    assert left_s == 0.0, "it was last seen safe: nothing is gained by waiting"
    kinds = [kind for source, kind, _ in heard.events if source == "plc"]
    assert kinds == ["info", "warning", "info", "warning"]


def test_what_is_switched_off_from_the_start_is_told_once_and_the_rest_is_watched() -> None:
    async def play(watcher: Watcher) -> None:
        await asyncio.sleep(60.0)

    heard, parting, _ = watch_scripted(ArmedPlc(state=PlcState.SAFE), play)
    for name in ("charger", "daq"):
        text = "lost, and asked again until it answers: nobody answers at the address"
        assert [event for event in heard.events if event[0] == name] == [(name, "warning", text)]
    assert heard.frames[-1].plc_state == "SAFE"
    assert heard.age_s("charger") == heard.age_s("daq") == NEVER_S
    assert parting is Parting.SAFE


class BrokenDaq:
    """A driver with a defect: it raises what nobody expects, opened, read or closed."""

    name = "daq"

    async def configure(self, ranges: object) -> None:
        raise ZeroDivisionError("a defect of the driver")

    async def close(self) -> None:
        raise ValueError("and another one")


async def defective() -> Daq:
    return cast(Daq, BrokenDaq())


async def not_even_there() -> Daq:
    raise struct.error("unpack requires a buffer of 4 bytes")


@pytest.mark.parametrize("opens", [defective, not_even_there])
def test_a_defect_of_one_driver_ends_nobody_elses_watch(opens: Callable[[], Awaitable[Daq]]) -> None:
    plc = ArmedPlc(state=PlcState.SAFE)

    async def play(watcher: Watcher) -> None:
        await asyncio.sleep(20.0)
        plc.state = PlcState.CHARGE
        await asyncio.sleep(2.0)

    heard, parting, _ = watch_scripted(plc, play, opens)
    assert len(plc.dumps_s) == 1, "the bench is still watched"
    assert parting is Parting.DUMPED
    told = [text for source, kind, text in heard.events if (source, kind) == ("core", "fault") and "defect" in text]
    assert len(told) == 1, "once"


class BrokenAlarming:
    """A defect in the judgement of alarms."""

    def on_frame(self, frame: Frame, situation: object) -> None:
        raise KeyError("a defect of the alarms")


def test_a_defect_of_the_alarms_ends_no_watch_and_is_told_once() -> None:
    plc = ArmedPlc(state=PlcState.SAFE)

    async def play(watcher: Watcher) -> None:
        await asyncio.sleep(2.0)

    heard, parting, _ = watch_scripted(plc, play, alarming=cast(Alarming, BrokenAlarming()))
    assert parting is Parting.SAFE
    assert len(heard.frames) == pytest.approx(100, abs=2)
    assert [text for source, kind, text in heard.events if kind == "fault"] == [
        "alarms are not judged any more: KeyError('a defect of the alarms')"
    ]
