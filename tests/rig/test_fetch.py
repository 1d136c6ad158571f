"""A record that could not be transferred keeps its scope from being armed until it is fetched or waived (bench.md 3,
item 8): a rig child, a lab file, and the command line on both sides of the fault."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from controller.app import shot
from controller.app.booking import JOURNAL_NAME
from controller.app.fetch import changed
from controller.app.interrupted import book_interrupted
from controller.app.preflight import read_rig
from controller.app.unstored import triggered
from controller.messages import Control
from controller.runtime.core import Outcome
from controller.runtime.scope_records import scope_setup
from controller.sequencer.plan import Plan, ScopeChannelPlan, ScopePlan
from controller.shots.capture_store import CaptureStore
from controller.shots.catalogue import Catalogue
from controller.shots.journal_file import JournalFile
from controller.shots.model import ChannelCapture
from drivers.ports import ScopeChannel
from tests.rig.running_sim import ENVIRONMENT, TIMEOUT_S, RunningSim, ask
from tests.support import sparkgap
from tests.virtual.virtual_bench import Bench

RIG = "railgun_bench"
SCOPES = {
    "scope_1": ["module_1_current", "module_2_current", "module_3_current", "module_4_current"],
    "scope_2": ["b_dot", "bus_voltage", "muzzle_voltage", "total_current"],
}


class RigChild(RunningSim):
    """The rig process itself, whose standard input takes faults."""

    def send(self, **control: str) -> None:
        """One Control line."""
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(Control(**control)).decode() + "\n")
        self.process.stdin.flush()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[RigChild]:
    process = subprocess.Popen(
        [sys.executable, "-m", "controller.app.rig_process"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps({"rig": RIG, "seed": 1, "instrument": ""}) + "\n")
        process.stdin.flush()
        child = RigChild(process, json.loads(process.stdout.readline()))
        (tmp_path / "lab.yaml").write_text(child.lab(), encoding="utf-8")
        yield child
    finally:
        process.communicate(timeout=TIMEOUT_S)


def rehearse_and_lose(rig: RigChild, cwd: Path) -> None:
    """Rehearse the trigger; both scopes have recorded it when they fall silent, before anything is transferred."""
    command = ("run", "trigger-only", "--rig", RIG, "--lab", "lab.yaml", "--out", "shots")
    with subprocess.Popen(
        [sys.executable, "-m", "controller.cli", *command],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert run.stdout is not None
        said = ""
        for line in run.stdout:
            said += line
            if "step leave_test" in line:
                for scope in SCOPES:
                    rig.send(inject=f"{scope}.silent")
        assert run.wait(TIMEOUT_S) == 3, said
    for scope in SCOPES:
        rig.send(clear=f"{scope}.silent")


def stored(cwd: Path) -> list[str]:
    return list(CaptureStore(cwd / "shots" / "000001-trigger-only" / "raw").channels())


def notes(cwd: Path) -> list[tuple[int, str]]:
    catalogue = Catalogue.open(cwd / "shots")
    try:
        return [(note.number, note.instrument) for note in catalogue.unstored(RIG)]
    finally:
        catalogue.close()


def run_noise(cwd: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return sparkgap("run", "noise", "--rig", RIG, "--lab", "lab.yaml", "--out", "shots", *options, cwd=cwd)


def fetch(cwd: Path) -> "subprocess.CompletedProcess[str]":
    return sparkgap("shots", "fetch", "1", "--lab", "lab.yaml", "--out", "shots", cwd=cwd)


def test_lost_records_are_fetched_or_waived_before_the_scopes_are_armed_again(rig: RigChild, tmp_path: Path) -> None:
    rehearse_and_lose(rig, tmp_path)
    assert stored(tmp_path) == []
    assert notes(tmp_path) == [(1, "scope_1"), (1, "scope_2")]

    refused = run_noise(tmp_path)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    lines = refused.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [["shot 1", scope] for scope in SCOPES]
    assert all("shots fetch 1 --lab lab.yaml" in line and "--waive scope_" in line for line in lines)
    assert not (tmp_path / "shots" / "000002-noise").exists(), "a shot was begun"

    ask(rig.address("scope_2"), b":SING\n*IDN?\n")  # somebody presses Single: that record is gone
    fetched = fetch(tmp_path)
    assert fetched.returncode == 2, fetched.stdout + fetched.stderr
    paths = [Path(line) for line in fetched.stdout.splitlines()]
    assert [path.stem for path in paths] == SCOPES["scope_1"] and all(path.is_file() for path in paths)
    assert fetched.stderr.startswith("shot 1: scope_2: was armed again since: the record of this shot is gone; ")
    assert stored(tmp_path) == SCOPES["scope_1"]
    assert notes(tmp_path) == [(1, "scope_2")]
    for capture in CaptureStore(paths[0].parent).load_all():
        assert isinstance(capture, ChannelCapture)
        assert capture.raw.size == 50_000 and int(np.ptp(capture.raw)) > 0
        assert (capture.instrument, capture.unit, capture.settings["trigger.sweep"]) == ("scope_1", "A", "NORM")
    assert sparkgap("shots", "verify", "1", "--out", "shots", cwd=tmp_path).returncode == 0

    shown = sparkgap("shots", "show", "1", "--out", "shots", cwd=tmp_path).stdout
    assert "not stored   scope_2: fetch the record" in shown and "scope_1: fetched after the shot" in shown

    waived = run_noise(tmp_path, "--waive", "scope_2", "--operator", "ada")
    assert waived.returncode == 0, waived.stdout + waived.stderr
    assert notes(tmp_path) == []
    again = fetch(tmp_path)
    assert again.returncode == 2 and "no scope holds an unstored record" in again.stderr
    shown = sparkgap("shots", "show", "1", "--out", "shots", cwd=tmp_path).stdout
    assert "scope_2: its record was never stored; waived for shot 2" in shown and "ada" in shown


PLAN = ScopePlan("scope_1", 1e-2, 1e-3, 50_000, 16, "EXT", 1.0, (ScopeChannelPlan("b_dot", "CHAN1", 8.0, 0.0, "ONEM"),))
UTC = "2026-11-20T09:00:00Z"


def note_by_hand(out: Path, *kinds: str) -> Catalogue:
    """A shot whose controller died after it wrote these journal records."""
    catalogue = Catalogue.open(out)
    number = catalogue.reserve_number(RIG, UTC)
    catalogue.note_unstored(number, PLAN.instrument, msgspec.json.encode(PLAN).decode())
    folder = out / f"{number:06d}-full"
    folder.mkdir()
    journal = JournalFile.create(folder / JOURNAL_NAME, {"shot": number})
    for kind in kinds:
        journal.append(kind, {})
    journal.close()
    return catalogue


@pytest.mark.parametrize(
    ("kinds", "left"),
    [
        (("scope_arm_intent", "permit", "charge_intent"), []),
        (("scope_arm_intent", "permit", "charge_intent", "fire_token", "fire_intent"), ["scope_1"]),
        (("scope_arm_intent", "capture_start"), ["scope_1"]),
    ],
)
def test_a_crash_keeps_the_note_once_a_trigger_was_meant(
    kinds: tuple[str, ...], left: list[str], tmp_path: Path
) -> None:
    catalogue = note_by_hand(tmp_path, *kinds)
    book_interrupted(catalogue, RIG, tmp_path, ())
    assert [note.instrument for note in catalogue.unstored(RIG)] == left
    catalogue.close()


def test_nothing_is_read_from_a_bench_that_is_not_safe(rig: RigChild, tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    catalogue = note_by_hand(tmp_path / "shots", "fire_intent")
    catalogue.update(1, profile="full", rig_sha256=read_rig(RIG)[0].sha256)
    catalogue.close()
    rig.send(press="estop")
    refused = fetch(tmp_path)
    assert refused.returncode == 2 and refused.stdout == ""
    assert refused.stderr.startswith(f"{RIG}: plc: is in TRIP, not proven safe; ")
    assert notes(tmp_path) == [(1, "scope_1")]


def test_another_rig_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    catalogue = note_by_hand(tmp_path / "shots", "fire_intent")
    catalogue.update(1, profile="full", rig_sha256="00" * 32)
    catalogue.close()
    refused = fetch(tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("shot 1: rig: was made with another rig.yaml, and it has no record; ")


def test_waivers_name_scopes_and_belong_to_hardware(tmp_path: Path) -> None:
    nobody = run_noise(tmp_path, "--waive", "scope_9")
    assert nobody.returncode == 2
    assert nobody.stderr.splitlines()[0] == "--waive: scope_9: is no scope of this rig; scopes: scope_1, scope_2"
    virtual = sparkgap("run", "noise", "--rig", RIG, "--virtual", "--waive", "scope_1", cwd=tmp_path)
    assert virtual.returncode == 2 and "works with --lab only" in virtual.stderr


def test_a_changed_setup_is_told_from_rounding() -> None:
    setup = scope_setup(PLAN)
    (channel,) = setup.channels
    rounded = replace(channel, range_v=8.01, offset_v=0.02, label="B_DOT")
    assert changed(setup, replace(setup, window_s=1.002e-2, channels=(rounded,))) == []
    assert changed(setup, replace(setup, window_s=2e-2)) == ["window_s 0.01 -> 0.02"]
    assert changed(setup, replace(setup, channels=(replace(channel, range_v=4.0),))) == ["CHAN1 range_v 8.0 -> 4.0"]
    other = ScopeChannel("CHAN2", 8.0, 0.0, "DC", "ONEM", "")
    assert changed(setup, replace(setup, channels=(other,))) == ["CHAN1 is off", "CHAN2 is on"]


@pytest.mark.parametrize(
    ("fault", "caught"), [("plant.module_1_prefire@float", True), ("plant.door_1_open@float", False)]
)
def test_current_by_itself_counts_as_a_trigger_and_an_early_trip_does_not(
    fault: str, caught: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[bool] = []

    def listen(plan: Plan, outcome: Outcome) -> bool:
        answers.append(triggered(plan, outcome))
        return answers[-1]

    monkeypatch.setattr(shot, "triggered", listen)
    assert Bench(tmp_path / "shots", monkeypatch).run(fault).finished.ended == "tripped"
    assert answers == [caught]
