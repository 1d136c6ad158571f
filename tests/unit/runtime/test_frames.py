"""Frames: every channel of the hello in its place, the ages of what is old, and how late each one is."""

import asyncio
import math
from dataclasses import replace

import pytest

from controller.app.preflight import read_rig
from controller.messages import Frame, Message
from controller.runtime.frames import NEVER_S, FrameMaker, hello_of
from controller.runtime.health import Health
from controller.runtime.pollers import FRAME_S, Pollers
from controller.runtime.situation import Situation
from controller.runtime.virtual_loop import VirtualLoop, run_virtual
from drivers.ports import ChargerReading
from drivers.wire.plc import Input, PlcState, Trip
from tests.unit.runtime.test_heartbeat import make_status

RIG = read_rig("railgun_bench")[0]
NAMES = [channel.name for channel in hello_of(RIG, None, 0, "", True, "watch", "").channels]
WORDS = [word.name for word in hello_of(RIG, None, 0, "", True, "watch", "").words]


def maker_of(situation: Situation) -> FrameMaker:
    return FrameMaker(situation, RIG)


def test_without_a_status_a_frame_carries_no_values() -> None:
    frame = maker_of(Situation(0)).make(5, -1, None, 0.001)
    assert (frame.values, frame.words, frame.ages_s) == ((), (), ())
    assert (frame.plc_state, frame.age_s, frame.late_s) == ("UNKNOWN", NEVER_S, 0.001)


def test_values_words_and_ages_stand_in_the_order_of_the_hello() -> None:
    situation = Situation(0)
    maker = maker_of(situation)
    situation.status = replace(
        make_status(1), probe_a_v=100.0, module_v=(1.0, 2.0, 3.0, 4.0), trips=Trip.ESTOP, inputs=Input.DOOR_1
    )
    situation.status_ns = 1_000_000_000
    frame = maker.make(1_500_000_000, 3, -2.0, 0.0)
    values = dict(zip(NAMES, frame.values, strict=True))
    assert values["probe_a"] == 100.0
    assert [values[f"module_{n}_voltage"] for n in (1, 2, 3, 4)] == [1.0, 2.0, 3.0, 4.0]
    assert math.isnan(values["witness"]) and math.isnan(values["charger_current"])
    words = dict(zip(WORDS, frame.words, strict=True))
    assert (words["trips"], words["inputs"], words["positions"]) == (Trip.ESTOP.value, Input.DOOR_1.value, 15)
    assert frame.ages_s == (0.5, NEVER_S, NEVER_S)
    assert (frame.step, frame.countdown_s) == (3, -2.0)


@pytest.mark.parametrize(
    ("probe_a_v", "reads"), [(4080.0, True), (4081.0, False), (-80.0, True), (-81.0, False), (math.inf, False)]
)
def test_what_interference_throws_beyond_full_scale_is_no_reading(probe_a_v: float, reads: bool) -> None:
    situation = Situation(0)
    situation.status = replace(make_status(1), probe_a_v=probe_a_v)
    frame = maker_of(situation).make(1, -1, None, 0.0)
    assert math.isnan(frame.values[NAMES.index("probe_a")]) is not reads


def test_what_comes_later_is_in_the_next_frame_and_what_does_not_grows_old() -> None:
    situation = Situation(0)
    maker = maker_of(situation)
    situation.status, situation.status_ns = make_status(1), 0
    first = maker.make(1_000_000_000, -1, None, 0.0)
    situation.charger, situation.charger_ns = ChargerReading(12.0, 0.5, True, True), 1_000_000_000
    situation.witness_v, situation.witness_ns = 7.0, 1_000_000_000
    second = maker.make(2_000_000_000, -1, None, 0.0)
    situation.status = replace(make_status(2), state=PlcState.TRIP, trips=Trip.KEY)
    third = maker.make(3_000_000_000, -1, None, 0.0)
    at = NAMES.index("charger_voltage")
    assert [math.isnan(first.values[at]), second.values[at], third.values[at]] == [True, 12.0, 12.0]
    assert [frame.values[NAMES.index("witness")] for frame in (second, third)] == [7.0, 7.0]
    assert [frame.plc_state for frame in (first, second, third)] == ["SAFE", "SAFE", "TRIP"]
    assert [frame.words[WORDS.index("trips")] for frame in (second, third)] == [0, Trip.KEY.value]
    assert second.ages_s == (2.0, 1.0, 1.0) and third.ages_s == (3.0, 2.0, 2.0)
    assert [frame.seq for frame in (first, second, third)] == [1, 2, 3]


@pytest.mark.parametrize("module_v", [(), (1.0,), (1.0,) * 8])
def test_a_plc_that_counts_other_modules_moves_no_channel(module_v: tuple[float, ...]) -> None:
    situation = Situation(0)
    situation.status = replace(make_status(1), module_v=module_v, target_v=77.0)
    frame = maker_of(situation).make(0, -1, None, 0.0)
    assert len(frame.values) == len(NAMES)
    assert frame.values[NAMES.index("target")] == 77.0


class Idle:
    """Nothing runs."""

    def now_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e9)

    def quiet(self, now_ns: int) -> bool:
        return False

    def note(self, source: str, kind: str, text: str) -> None:
        """Nobody listens."""

    def found(self, instrument: str) -> None:
        """Nobody was missing."""

    def lose(self, instrument: str, why: str) -> bool:
        return True

    def step(self) -> int:
        return -1

    def countdown_s(self, now_ns: int) -> float | None:
        return None


def test_frames_keep_their_schedule_and_say_how_late_they_are() -> None:
    """The loop stands still twice: beside the frames' task for 70 ms, and inside a frame's own publication for 50."""
    frames: list[Frame] = []

    def publish(message: Message) -> None:
        assert isinstance(message, Frame)
        frames.append(message)
        if len(frames) == 10:
            stall(0.05)

    def stall(seconds: float) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.now_ns += round(seconds * 1e9)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pollers = Pollers(RIG, Situation(0), Idle(), Health(), publish)
        loop.call_at(0.0999, stall, 0.0701)
        task = loop.create_task(pollers.frames(), name="frames")
        await asyncio.sleep(0.401)
        task.cancel()
        await asyncio.wait([task])

    run_virtual(main())
    late = {round(frame.t_ns / 1e9, 6): round(frame.late_s, 6) for frame in frames if frame.late_s > 1e-6}
    assert late == {0.17: 0.07, 0.29: 0.03}, "the first frame after each stall, against its own place"
    assert all(frame.late_s >= 0.0 for frame in frames)
    on_time = [frame.t_ns / 1e9 / FRAME_S for frame in frames if frame.late_s <= 1e-6]
    assert on_time == pytest.approx([round(place) for place in on_time])
    assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1))
