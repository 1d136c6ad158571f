"""Silence around the pulse, interference on the links, a dead journal and a hung task, on virtual time."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from controller.app.rig_sim import SimulatedRig
from controller.messages import StepEntered
from controller.rig.source import Refused
from controller.runtime.pollers import Pollers
from controller.shots.journal_file import JournalFile
from drivers.ports import CapacitorCharger
from drivers.wire.plc import PlcState
from tests.virtual.virtual_bench import Bench, Run

BARRIERS = ("scope_arm_intent", "permit", "charge_intent", "fire_token", "fire_intent")
"""What must be on the disk before the next command goes out (safety.md 6)."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path / "shots", monkeypatch)


def test_nothing_but_plc_traffic_runs_around_the_pulse(bench: Bench) -> None:
    heard: list[tuple[int, dict[str, int]]] = []

    def count(rig: SimulatedRig) -> None:
        heard.append((rig.plant.t_ns, {name: part.link.heard_bytes for name, part in rig.standins.items()}))

    bench.each_scan = count
    run = bench.run()
    (fire_ns,) = [t_ns for t_ns, text in run.rig.plant.log if text.startswith("T0 of")]
    window = [counts for t_ns, counts in heard if fire_ns - 490_000_000 <= t_ns <= fire_ns + 190_000_000]
    before, after = window[0], window[-1]
    assert {name for name in before if after[name] != before[name]} == {"plc"}
    assert after["plc"] - before["plc"] > 500
    ends = heard[0][1], heard[-1][1]
    assert all(ends[1][name] > ends[0][name] for name in before), "every instrument is spoken to at other times"


def test_interference_disturbs_every_link_and_then_none(bench: Bench) -> None:
    answers: dict[str, list[bytes]] = {}
    ask = {"charger": b"*IDN?\n", "delay_generator": b"*IDN?\n", "scope_1": b"*IDN?\n", "scope_2": b"*IDN?\n"}

    def meddle(rig: SimulatedRig) -> None:
        plant = rig.plant
        if not plant.emi_until_ns:
            return
        moment = "during" if plant.t_ns < plant.emi_until_ns else "after"
        if moment not in answers:
            answers[moment] = []
            for name in ask:
                chunks = rig.standins[name].open_session().feed(ask[name], rig.now_ns())
                answers[moment].append(b"".join(bytes(chunk.data) for chunk in chunks))

    bench.each_scan = meddle
    run = bench.run()
    assert run.finished.ended == "completed"
    charger, *network = answers["during"]
    assert charger and b"HCK" not in charger
    assert network == [b"", b"", b""]
    assert all(answers["after"][1:])


def test_the_interference_can_be_switched_off_to_see_its_effect(bench: Bench) -> None:
    assert bench.run("plant.no_emi@charge").finished.ended == "completed"


def run_with_failing_fsync(bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str, code: int) -> Run:
    """The barrier behind the record ``kind`` fails: the error comes from the operating system's own call."""
    real_append, real_fsync = JournalFile.append, os.fsync
    failing = False

    def append(self: JournalFile, name: str, payload: dict[str, object]) -> int:
        nonlocal failing
        failing = failing or name == kind
        return real_append(self, name, payload)

    def fsync(descriptor: int) -> None:
        if failing:
            raise OSError(code, os.strerror(code))
        real_fsync(descriptor)

    monkeypatch.setattr(JournalFile, "append", append)
    monkeypatch.setattr(os, "fsync", fsync)
    try:
        return bench.run()
    finally:
        monkeypatch.undo()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("kind", BARRIERS)
def test_a_dead_journal_never_arms_and_dumps_what_is_charged(
    kind: str, code: int, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[PlcState] = []
    bench.each_scan = lambda rig: states.append(rig.plc.control.state)
    run = run_with_failing_fsync(bench, monkeypatch, kind, code)
    assert run.finished.exit == 3
    assert os.strerror(code) in run.finished.reason
    assert run.fire_pulses == 0 and run.shots == 0
    forbidden = {
        "scope_arm_intent": PlcState.OPENING,
        "permit": PlcState.OPENING,
        "charge_intent": PlcState.CHARGE,
        "fire_token": PlcState.FIREWIN,
        "fire_intent": PlcState.SHOT,
    }
    assert forbidden[kind] not in states
    run.assert_plant_is_safe()


def test_a_journal_that_cannot_be_created_refuses_the_shot(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused) as refused:
        run_with_failing_fsync(bench, monkeypatch, "opened", errno.EIO)
    assert "journal" in [problem.field for problem in refused.value.problems]
    assert max(bench.rigs[0].plant.bank.voltage_v) == 0.0


def test_a_task_that_never_returns_stops_the_heartbeat_and_the_bench_dumps(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The charger's reader hangs while charging: one last DUMP goes out, then silence; the PLC needs nobody."""
    real_read = Pollers._read_charger

    async def read(self: Pollers, charger: CapacitorCharger) -> None:
        if bench.rigs and bench.rigs[-1].plc.control.state is PlcState.CHARGE:
            await asyncio.get_running_loop().create_future()
        await real_read(self, charger)

    monkeypatch.setattr(Pollers, "_read_charger", read)
    seen: list[StepEntered] = []
    run = bench.run(
        overrides={"voltage": "3 kV", "hold": "0 s"},
        on_message=lambda m: seen.append(m) if isinstance(m, StepEntered) else None,
    )
    assert run.finished.exit in (3, 4)
    assert "task charger does not answer" in run.finished.reason or any("task charger" in text for text in run.texts)
    assert run.fire_pulses == 0
    run.assert_plant_is_safe()
