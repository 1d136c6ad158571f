"""Proof of safe on whole virtual shots: what it accepts, what it does not, and that SAFE stays watched (bench.md 2)."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.app.locate import profile_names
from controller.app.preflight import read_bounded, read_rig
from controller.app.rig_sim import SimulatedRig
from controller.app.watch import watcher_of
from controller.messages import Event, Message
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import run_virtual
from controller.runtime.watching import Parting
from controller.safety import charge
from drivers.wire.plc import EventCode, PlcState, Trip
from hil_rigs.railgun_bench.plant import build
from tests.virtual.virtual_bench import Bench, Run

FOLDER = Path(__file__).parents[2] / "hil_rigs" / "railgun_bench"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path / "shots", monkeypatch)


@pytest.mark.parametrize("profile", profile_names("railgun_bench"))
def test_every_shipped_profile_ends_proven(profile: str, shipped: Callable[[str], Run]) -> None:
    """Shots that end near zero volts, dumps at 100 V and shots that charge nothing: none of them is left unproven."""
    run = shipped(profile)
    assert run.finished.ended == "completed" and run.finished.safe.startswith("verified")
    assert run.finished.trips == ()
    opened = any(e.code == EventCode.STATE and e.detail & 0xFF == PlcState.OPENING for e in run.rig.plc.events)
    proofs = [e.detail for e in run.rig.plc.events if e.code == EventCode.PROOF]
    assert proofs == ([1] if opened else [])
    run.assert_plant_is_safe()


def test_every_profile_of_the_bench_is_in_that_list() -> None:
    shipped = {path.stem for path in (FOLDER.parents[1] / "configs" / "profiles" / "railgun_bench").glob("*.yaml")}
    assert shipped == set(profile_names("railgun_bench"))


def test_only_the_charge_sees_that_every_voltage_is_wrong_alike(bench: Bench) -> None:
    """Row 15: probes, T7, modules and charger read 20 % too little; 1 kV are 1.25 kV. Nothing is fired."""
    run = bench.run("plant.voltage_common_gain")
    assert run.finished.exit == 3 and run.finished.reason.startswith("charge-estimate: ")
    assert run.fire_pulses == 0 and run.finished.trips == ()
    run.assert_plant_is_safe()


def test_without_the_estimate_it_would_have_been_fired(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charge, "AGREE_FRACTION", 1.0)
    assert bench.run("plant.voltage_common_gain").fire_pulses == 1


def test_both_probes_wrong_alike_disagree_with_the_modules(bench: Bench) -> None:
    run = bench.run("plant.probes_common_gain")
    assert run.finished.exit == 3 and "PROBE_MISMATCH" in run.finished.trips
    assert run.fire_pulses == 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("plant.charger_dead", "the bank does not charge"), ("plant.contactor_stuck_open", "CONTACTOR_MISMATCH")],
)
def test_a_bank_that_does_not_charge_is_noticed_within_2_s(fault: str, reason: str, bench: Bench) -> None:
    run = bench.run(fault)
    assert run.finished.exit == 3 and reason in run.finished.reason
    states = [e for e in run.rig.plc.events if e.code == EventCode.STATE]
    charging = next(e.scan for e in states if e.detail & 0xFF == PlcState.CHARGE)
    ended = next(e.scan for e in states if e.detail >> 8 == PlcState.CHARGE)
    assert (ended - charging) * 0.01 <= 2.0


def make_rig(seed: int) -> SimulatedRig:
    plant = build(read_bounded(FOLDER / "plant.yaml").decode(), seed)
    text = read_bounded(FOLDER / "plc.yaml").decode()
    return SimulatedRig(read_rig("railgun_bench")[0], plant, text, "plc.yaml", seed, inline)


def test_safe_stays_watched_for_minutes_and_a_rebound_locks_again() -> None:
    """After a run has ended: the dielectric gives back ten times too much, then a module really comes back."""
    heard: list[Message] = []
    seen: dict[str, object] = {}

    async def main() -> Parting:
        rig = make_rig(3)
        for k in range(4):
            rig.plant.bank.voltage_v[k] = 3000.0
        rig.plant.inject("rebound_high")
        rig.start()
        try:
            await asyncio.sleep(2.0)
            rig.press("local_reset")
            await asyncio.sleep(2.0)
            watcher = watcher_of(read_rig("railgun_bench")[0], rig.connects(), heard.append, "", virtual=True)
            watching = asyncio.get_running_loop().create_task(watcher.run(), name="watch")
            highest_v = 0.0
            for _ in range(300):
                await asyncio.sleep(1.0)
                highest_v = max(highest_v, *rig.plant.bank.voltage_v)
            seen.update(quiet=rig.plc.control.state, highest_v=highest_v, locked=rig.plc.outputs.door_lock)
            rig.plant.bank.voltage_v[2] = 200.0
            await asyncio.sleep(0.02)
            seen.update(state=rig.plc.control.state, first=rig.plc.control.first_fault)
            seen.update(relocked=rig.plc.outputs.door_lock)
            await asyncio.sleep(3.0)
            seen.update(after_v=max(rig.plant.bank.voltage_v))
            watcher.leave()
            return await watching
        finally:
            await rig.stop()

    parting = run_virtual(main())
    assert seen["quiet"] is PlcState.SAFE and not seen["locked"], "five minutes with both dumps closed: nothing returns"
    assert isinstance(seen["highest_v"], float) and seen["highest_v"] < 50.0
    assert seen["state"] is PlcState.TRIP and seen["first"] == Trip.REBOUND and seen["relocked"]
    assert isinstance(seen["after_v"], float) and seen["after_v"] < 50.0, "the dumps took it away"
    assert [m.text for m in heard if isinstance(m, Event) and m.kind == "trip"] == ["trip REBOUND"]
    assert parting in (Parting.SAFE, Parting.DUMPED)
