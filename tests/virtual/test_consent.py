"""On hardware nothing is permitted or fired without the second person's key, however small the energy (bench.md 2)."""

from pathlib import Path
from typing import Any

import pytest

from controller.app import virtual
from controller.app.rig_sim import SimulatedRig
from controller.app.shot import World
from drivers.wire.plc import EventCode, PlcCommand
from tests.virtual.virtual_bench import Bench

LOW = "dump-proof-a"
"""20 J at 100 V: below the energy from which the PLC itself demands the key."""


def turn_key(position: bool) -> Any:
    def act(rig: SimulatedRig) -> None:
        rig.plant.people.second_consent = position

    return act


def on_hardware(**facts: Any) -> World:
    return World(**{**facts, "simulated": False})


def test_without_the_key_hardware_gets_no_permit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path / "o", monkeypatch)
    bench.each_scan = turn_key(False)
    monkeypatch.setattr(virtual, "World", on_hardware)
    run = bench.run(profile=LOW, overrides={})
    assert run.finished.exit == 3
    assert "PERMIT needs the second person's consent key, and it is not turned" in run.finished.reason
    sent = [PlcCommand(e.detail >> 8) for e in run.rig.plc.events if e.code == EventCode.COMMAND]
    assert PlcCommand.PERMIT not in sent
    run.assert_plant_is_safe()


@pytest.mark.parametrize(("key", "simulated"), [(True, False), (False, True)])
def test_with_the_key_or_on_stand_ins_the_low_energy_shot_runs(
    key: bool, simulated: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path / "o", monkeypatch)
    bench.each_scan = turn_key(key)
    if not simulated:
        monkeypatch.setattr(virtual, "World", on_hardware)
    assert bench.run(profile=LOW, overrides={}).finished.exit == 0
