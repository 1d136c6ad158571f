"""Alarms of whole benches on virtual time: a healthy shot has none, a broken one tells its first fault.

That kill -9 loses none is in tests/rig/test_kept_alarms.py.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.app.benches import build_plant
from controller.app.preflight import read_bounded, read_rig
from controller.app.rig_sim import SimulatedRig
from controller.app.virtual import run_virtual as run_config
from controller.app.watch import watcher_of
from controller.messages import AlarmChanged, Frame, Message, RunConfig
from controller.runtime.alarming import Alarming
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import run_virtual
from controller.shots.catalogue import CATALOGUE_NAME
from tests.virtual.virtual_bench import QUICK, Bench, Run

ROOT = Path(__file__).parents[2]
PROFILES = sorted(path.stem for path in (ROOT / "configs" / "profiles" / "railgun_bench").glob("*.yaml"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path / "shots", monkeypatch)


def alarms(run: Run) -> list[AlarmChanged]:
    return [message for message in run.messages if isinstance(message, AlarmChanged)]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_healthy_shot_raises_no_alarm_and_leaves_no_file(profile: str, shipped: Callable[[str], Run]) -> None:
    run = shipped(profile)
    assert run.finished.exit == 0
    assert alarms(run) == []
    assert (run.out / CATALOGUE_NAME).is_file() and list(run.out.glob("*alarms*")) == []


# fault -> the alarms in the order of their raise
BROKEN = [
    ("plant.door_1_open@charge", ["trip_door_1", "trip_door_discrepancy"]),
    ("plant.probe_a_nan@charge", ["trip_probe_invalid", "trip_probe_mismatch", "bank_high_a"]),
    ("plant.contactor_welded@charge", ["trip_contactor"]),
    ("plant.dump_a_stuck_open@fire", ["trip_dump", "dump_a_at_rest"]),
    ("plant.module_1_no_fire", ["partial_fire"]),
    ("daq.silent@charge", ["instrument_lost"]),
    ("plc.silent@charge", ["plc_silent"]),
]


@pytest.mark.parametrize(("fault", "raised"), BROKEN, ids=[fault for fault, _ in BROKEN])
def test_a_broken_shot_tells_its_faults_in_their_order(bench: Bench, fault: str, raised: list[str]) -> None:
    run = bench.run(fault, overrides=QUICK)
    assert run.finished.exit in (3, 4)
    heard = {message.id: message for message in alarms(run) if message.active}
    assert [(m.id, m.order) for m in sorted(heard.values(), key=lambda m: m.order)] == [
        (alarm, number) for number, alarm in enumerate(raised, start=1)
    ]
    assert all(message.guidance and message.raised_utc for message in heard.values())
    assert list(bench.out.glob("*alarms*")) == []


def test_a_healthy_run_with_pulses_raises_no_alarm(tmp_path: Path) -> None:
    said: list[Message] = []
    config = RunConfig("microwave_bench", "single-pulse", str(tmp_path / "shots"), 1)
    assert run_config(config, said.append, lambda: "").exit == 0
    assert [message for message in said if isinstance(message, AlarmChanged)] == []


@pytest.mark.parametrize("name", ["railgun_bench", "microwave_bench"])
def test_a_bench_at_rest_raises_no_alarm(name: str) -> None:
    """A minute of watching on virtual time."""
    model, files = read_rig(name)
    said: list[Message] = []

    async def watch() -> None:
        plc = read_bounded(files.plc).decode()
        bench = SimulatedRig(model, build_plant(name, 1), plc, str(files.plc), 1, inline)
        bench.start()
        alarming = Alarming(model, said.append, lambda: "")
        watcher = watcher_of(model, bench.connects(), said.append, "", virtual=True, alarming=alarming)
        asyncio.get_running_loop().call_later(60.0, watcher.leave)
        try:
            await watcher.run()
        finally:
            await bench.stop()

    run_virtual(watch())
    frames = [message for message in said if isinstance(message, Frame)]
    assert len(frames) >= 2900
    assert frames[-1].words
    assert all(age_s < 5.0 for age_s in frames[-1].ages_s), "everything that is published is read"
    assert [message for message in said if isinstance(message, AlarmChanged)] == []
