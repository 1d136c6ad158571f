"""A bench is one folder: tests/toy_bench, which nothing of the product knows, on virtual time."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from controller.app.benches import build_plant
from controller.app.locate import BENCH_FILES, default_rig, rig_files, rig_names, rig_reference
from controller.app.standin_models import MAKERS
from controller.cli.entry import invoke
from controller.rig.source import Refused
from controller.shots.reader import read_record
from controller.shots.signals import scale_values, time_axis
from drivers.registry import MODELS
from tests.support import ROOT

TOY = ROOT / "tests" / "toy_bench"

SLOW_PER_S, FAST_PER_S = -2226.835502, -47773.164499
"""Roots of L s^2 + R s + 1 / C for 20 uH, 1 ohm and 470 uF, by numpy.roots."""


@dataclass(frozen=True)
class Done:
    """What one command line came to."""

    returncode: int
    stdout: str
    stderr: str


Sparkgap = Callable[..., Done]


@pytest.fixture
def sparkgap(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sparkgap:
    """The command line, in this process and in ``tmp_path``."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        capfd.readouterr()
        code = invoke(arguments)
        return Done(code, *capfd.readouterr())

    return run


def discharge(voltage_v: float, t_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Current of one module that is switched on at t = 0."""
    late_s = np.maximum(t_s, 0.0)
    rise: npt.NDArray[np.float64] = np.exp(SLOW_PER_S * late_s) - np.exp(FAST_PER_S * late_s)
    return voltage_v / (20e-6 * (SLOW_PER_S - FAST_PER_S)) * rise


def test_check_predicts_with_the_bench_s_own_plant(sparkgap: Sparkgap) -> None:
    done = sparkgap("check", "full", "--rig", str(TOY))
    assert (done.returncode, done.stderr) == (0, "")
    assert "twin     peak 540.6 A\n" in done.stdout, "two closed forms of an RLC circuit at 300 V"
    assert done.stdout.endswith("ok: nothing is refused\n")
    refused = sparkgap("check", "full", "--rig", str(TOY), "--set", "voltage=430 V")
    assert refused.returncode == 2 and "write 100 V to 400 V" in refused.stderr


def test_a_shot_on_virtual_time_passes_and_is_the_closed_form(sparkgap: Sparkgap) -> None:
    """Technix, T560, DS1074Z and T7 by their drivers; the scope's record is compared with V / (L (s1 - s2)) (...)."""
    done = sparkgap("run", "full", "--rig", str(TOY), "--virtual", "--out", "made", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["verdict"], result["ended"]) == ("pass", "completed")
    record = read_record(Path(result["record"]))
    assert [capture.channel for capture in record.captures] == ["module_1_current", "module_2_current"]
    (charged_v,) = (row.value for row in record.measurements if row.name == "charge_voltage")
    assert charged_v is not None
    shown_s = time_axis(record.captures[0])
    shown_a = [scale_values(capture) for capture in record.captures]

    def worst_a(trigger_s: float) -> float:
        """Both records beside the closed form, when the scope triggered so long after the first switch closed."""
        wanted_a = (discharge(charged_v or 0.0, shown_s + trigger_s - at_s) for at_s in (0.0, 200e-6))
        return max(float(np.abs(shown - wanted).max()) for shown, wanted in zip(shown_a, wanted_a, strict=True))

    # an eight-bit step is 3 A; the current rises through the trigger level by 13 A/us
    assert min(map(worst_a, np.linspace(2e-6, 6e-6, 81))) < 10.0
    again = sparkgap("run", "full", "--rig", str(TOY), "--virtual", "--out", "again", "--json")
    journals = [Path(json.loads(run.stdout.splitlines()[-1])["journal"]).read_bytes() for run in (done, again)]
    assert journals[0] == journals[1], "equal seeds, unequal journals"


def test_a_fault_of_its_own_plant_is_offered_and_acts(sparkgap: Sparkgap) -> None:
    listed = sparkgap("faults", "--rig", str(TOY), "--json")
    ids = set(json.loads(listed.stdout))
    assert {"plant.probe_a_open", "charger.interlock_open", "delay_generator.no_trigger", "scope.clipped"} <= ids
    assert "plant.armature_stuck" not in ids
    faulty = ("--virtual", "--out", "made", "--json", "--fault", "plant.probe_a_open@charge:during")
    done = sparkgap("run", "full", "--rig", str(TOY), *faulty)
    assert done.returncode == 3, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["ended"], "PROBE_MISMATCH" in done.stdout) == ("tripped", True)


def test_a_trigger_box_that_misses_its_trigger_is_a_misfire(sparkgap: Sparkgap) -> None:
    faulty = ("--virtual", "--out", "made", "--json", "--fault", "delay_generator.no_trigger@countdown")
    done = sparkgap("run", "full", "--rig", str(TOY), *faulty)
    assert done.returncode == 3 and json.loads(done.stdout.splitlines()[-1])["ended"] == "misfire"


def test_profiles_beside_the_bench_are_listed(sparkgap: Sparkgap) -> None:
    listed = sparkgap("profiles", "--rig", str(TOY))
    assert listed.returncode == 0 and str(TOY / "profiles" / "full.yaml") in listed.stdout


def test_a_shipped_name_is_a_name_and_everything_else_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = default_rig()
    assert name in rig_names() and rig_reference(name) == name
    shutil.copytree(TOY, tmp_path / name)
    assert rig_reference(name) == name, "a folder here shadows a shipped bench"
    assert rig_reference(f"./{name}") == str(tmp_path / name)
    shipped = rig_files(name)
    assert rig_reference(str(shipped.folder)) == name and rig_files(f"{shipped.folder}/") == shipped
    assert rig_files(f"./{name}").profiles == tmp_path / name / "profiles"


@pytest.mark.parametrize("missing", BENCH_FILES)
def test_a_folder_that_is_no_bench_is_refused_with_what_it_lacks(missing: str, tmp_path: Path) -> None:
    shutil.copytree(TOY, tmp_path / "bench")
    (tmp_path / "bench" / missing).unlink()
    with pytest.raises(Refused, match=f"it has no {missing}; a bench is a folder with rig.yaml, plc.yaml"):
        rig_files(str(tmp_path / "bench"))


BROKEN = {
    "syntax": ("def build(", "def build((", "cannot be imported"),
    "import": ("from .circuit import", "from .nowhere import", "cannot be imported: No module named"),
    "no build": ("def build(", "def construct(", "there is no such function"),
    "no truth": ("def truth(", "def lie(", "builds a plant without truth"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plant_that_is_none_is_refused_by_file(case: str, tmp_path: Path) -> None:
    shutil.copytree(TOY, tmp_path / "bench")
    path = tmp_path / "bench" / "plant.py"
    old, new, said = BROKEN[case]
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(Refused) as refused:
        build_plant(str(path.parent), 0)
    assert said in str(refused.value) and str(path) in str(refused.value)


def test_a_wrong_number_in_plant_yaml_is_refused(tmp_path: Path) -> None:
    shutil.copytree(TOY, tmp_path / "bench")
    path = tmp_path / "bench" / "plant.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("load_ohm: 1.0", "load_ohm: 0.1"), encoding="utf-8")
    with pytest.raises(Refused, match="the circuit rings"):
        build_plant(str(path.parent), 0)


def test_what_the_plant_does_not_know_is_refused_before_anything_starts(sparkgap: Sparkgap, tmp_path: Path) -> None:
    shutil.copytree(TOY, tmp_path / "bench")
    path = tmp_path / "bench" / "rig.yaml"
    text = path.read_text(encoding="utf-8").replace("  charger:\n    title: Capacitor", "  psu:\n    title: Capacitor")
    path.write_text(text.replace("instrument: charger", "instrument: psu"), encoding="utf-8")
    done = sparkgap("run", "full", "--rig", str(tmp_path / "bench"), "--virtual", "--out", "made")
    assert done.returncode == 2
    assert "instruments.psu: the simulated plant knows no psu_voltage_v, psu_current_a" in done.stderr


def test_every_model_with_a_driver_has_a_stand_in_on_a_bench() -> None:
    assert set(MAKERS) == set(MODELS)
