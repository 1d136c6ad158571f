"""Whole runs of every plan with pulses over ports: what is asked in which order, and what ends a run."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from controller.runtime.virtual_loop import run_virtual
from controller.sequencer.engine import Ending
from controller.sequencer.plan import RUN_KINDS, Plan, StepKind
from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from drivers.wire.plc_run import InhibitCause
from tests.pulsed_bench import plan
from tests.pulsed_bench.bench import World, make_core, run

ENERGY_UP = ("PERMIT", "CHARGE", "RUN", "drive on", "triggers ")


def raises(text: str) -> bool:
    """Whether what was said raises energy."""
    return text.startswith(ENERGY_UP) and text != "triggers off"


def shortened(name: str, **changes: float) -> Plan:
    """The plan with other numbers in its steps with pulses."""
    whole = plan(name)
    if name == "power-sweep":
        changes = {"settle_s": 1.0, "duration_s": 3.0} | changes
    kinds = (StepKind.RUN, StepKind.SWEEP, StepKind.TRIP_CHECK, StepKind.CONDITION)
    steps = [replace(s, **changes) if s.kind in kinds else s for s in whole.steps]  # type: ignore[arg-type]
    steps = [replace(s, timeout_s=60.0) if s.kind is StepKind.WARM_UP else s for s in steps]
    return replace(whole, steps=tuple(steps))


def test_a_counted_run_goes_through_everything_in_order(tmp_path: Path) -> None:
    world = World()
    outcome, _ = run_virtual(run(world, plan("low-voltage"), tmp_path))
    assert (outcome.state.ending, outcome.state.safe) == (Ending.COMPLETED, True), outcome.state.reason
    assert world.counter == 7 + 20 and world.rate_hz == 0.0 and not world.drive
    order = [
        "SELF_TEST", "journal services_intent", "barrier", "chiller 22", "chiller True", "heater_supply 20 25",
        "heater_supply True", "magnet_supply 60 100", "magnet_supply True", "AUXILIARIES", "journal scope_arm_intent",
        "scope armed", "WARN", "journal permit", "barrier", "PERMIT", "journal charge_intent", "barrier", "CHARGE",
        "drive off", "drive 0.00 dBm 2000 ns", "journal run_intent", "barrier", "drive on", "RUN", "triggers 5 Hz",
        "journal run_start", "triggers off", "drive off", "HOLD", "journal run_done", "DUMP", "charger False",
        "journal safe_verified", "stored beam_voltage",
    ]  # fmt: skip
    at = -1
    for text in order:
        assert text in world.said[at + 1 :], f"{text} does not come after {world.said[: at + 1][-5:]}"
        at = world.said.index(text, at + 1)
    assert outcome.captured.waveforms["beam_voltage"][1].wave.raw.shape[0] == 20  # type: ignore[union-attr]


def test_every_kind_of_plan_completes_and_leaves_services_on(tmp_path: Path) -> None:
    kinds = set()
    for name in ("single-pulse", "pulse-train", "power-sweep", "no-drive", "low-voltage"):
        world = World()
        outcome, _ = run_virtual(run(world, shortened(name), tmp_path))
        assert outcome.state.ending is Ending.COMPLETED, f"{name}: {outcome.state.reason}"
        assert world.state is PlcState.SAFE and not world.drive and world.rate_hz == 0.0
        assert not [text for text in world.said if text.endswith("_supply False") or text == "chiller False"]
        assert ("drive on" in world.said) is (name != "no-drive")
        kinds.add(plan(name).kind)
    assert len(RUN_KINDS - kinds) == 2  # trip check and conditioning have tests of their own


def test_nothing_that_raises_energy_goes_before_its_barrier(tmp_path: Path) -> None:
    for name in ("power-sweep", "pulse-train"):
        world = World()
        run_virtual(run(world, shortened(name), tmp_path))
        written = False
        for text in world.said:
            if text == "barrier":
                written = True
            elif text in ("HOLD", "DUMP", "drive off"):
                written = False
            elif raises(text):
                assert written, f"{name}: {text}"


def test_a_sweep_measures_every_level_and_the_water_tells_the_power(tmp_path: Path) -> None:
    world = World()
    _, journal = run_virtual(run(world, shortened("power-sweep"), tmp_path))
    levels = [payload for kind, payload in journal.payloads if kind == "level_done"]
    assert [level["drive_w"] for level in levels] == [0.01, 0.02, 0.05, 0.1, 0.2, 0.4]
    # 12 l/min and 5 K: 0.2 l/s * 4180 J/(l K) * 5 K
    assert [level["calorimetric_w"] for level in levels] == pytest.approx([4180.0] * 6)
    assert all(145 <= level["pulses"] <= 155 for level in levels)


def test_a_trip_check_wants_its_latch(tmp_path: Path) -> None:
    world = World()

    async def provoke(latch: str, on: bool) -> None:
        world.say(f"provoke {latch} {on}")
        if on:
            world.strike(InhibitCause[latch])

    outcome, _ = run_virtual(run(world, plan("vswr-trip-check"), tmp_path, provoke=provoke))
    assert outcome.state.ending is Ending.COMPLETED, outcome.state.reason
    assert world.said.index("provoke VSWR True") < world.said.index("provoke VSWR False") < world.said.index("HOLD")
    dead = World()
    outcome, _ = run_virtual(run(dead, plan("vswr-trip-check"), tmp_path))
    assert outcome.state.ending is Ending.ABORTED
    assert outcome.state.reason == "step trip_check: no VSWR latch within 20 s: this interlock does not act"
    other = World(causes={9: InhibitCause.ARC})
    outcome, _ = run_virtual(run(other, plan("vswr-trip-check"), tmp_path))
    assert outcome.state.ending is Ending.ABORTED  # another latch is not the one that was to be shown


async def _disturbed(world: World, name: str, folder: Path, at: str, what: str) -> tuple[str, list[str]]:
    """A run in which ``what`` happens once ``at`` has been said; how it ended, and what was said after."""
    core, _ = make_core(world, shortened(name), folder, fresh=True)
    running = asyncio.get_running_loop().create_task(core.run(), name="core")
    while at not in world.said and not running.done():  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    told = len(world.said)
    if what == "hold":
        core.hold("enough")
    elif what == "stop":
        core.stop("enough")
    elif what == "taken away":
        world.live()
        world.state = PlcState.FLOAT
    elif what == "trip":
        world.live()
        world.state, world.trips, world.dumped_s = PlcState.DUMPING, Trip.WINDOW, world.now_s()
    outcome = await running
    assert outcome.state.safe
    return outcome.state.ending.value, world.said[told:]


@pytest.mark.parametrize("name", ["pulse-train", "power-sweep", "vswr-trip-check", "conditioning"])
@pytest.mark.parametrize("what", ["hold", "stop", "trip", "taken away"])
def test_what_ends_the_pulses(name: str, what: str, tmp_path: Path) -> None:
    world = World()
    ending, said = run_virtual(_disturbed(world, name, tmp_path, "journal run_start", what))
    assert ending == {"hold": "stopped", "stop": "aborted", "trip": "tripped", "taken away": "aborted"}[what]
    assert not [text for text in said if raises(text)], said
    assert {"triggers off", "drive off", "DUMP", "charger False"} <= set(said), said
    if what == "hold":
        assert said.index("HOLD") < said.index("DUMP") and said.count("HOLD") == 1
    assert world.state is PlcState.SAFE and not world.drive and world.rate_hz == 0.0


def test_a_hold_before_the_pulses_passes_them_over(tmp_path: Path) -> None:
    world = World()
    ending, said = run_virtual(_disturbed(world, "pulse-train", tmp_path, "CHARGE", "hold"))
    assert ending == "stopped" and "RUN" not in said and "DUMP" in said


def test_what_the_plc_refuses_is_not_asked_again(tmp_path: Path) -> None:
    world = World(refuse={PlcCommand.RUN: Refusal.GUARD})
    outcome, _ = run_virtual(run(world, plan("single-pulse"), tmp_path))
    assert outcome.state.ending is Ending.ABORTED and world.said.count("RUN") == 1
    assert "the PLC refused RUN" in outcome.state.reason and "triggers 1 Hz" not in world.said


def test_windows_that_never_fit_end_the_warm_up_before_any_energy(tmp_path: Path) -> None:
    world = World(broken={"run block"})
    outcome, _ = run_virtual(run(world, shortened("single-pulse"), tmp_path))
    assert outcome.state.ending is Ending.ABORTED and outcome.state.reason.startswith("step warm_up: not done within")
    assert "PERMIT" not in world.said


def test_a_dead_generator_does_not_keep_the_drive_on(tmp_path: Path) -> None:
    world = World(broken={"generator"})
    outcome, _ = run_virtual(run(world, plan("low-voltage"), tmp_path))
    assert outcome.state.ending is Ending.ABORTED and "DUMP" in world.said and not world.drive
    assert "charger False" in world.said and outcome.state.safe
