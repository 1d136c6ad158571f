"""What a shot leaves behind, judged by others: validators, xarray, h5py, hashlib, and the plant's own pulse."""

import hashlib
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

from controller.app import virtual
from controller.app.benches import build_plant
from controller.app.locate import profile_names
from controller.cli.entry import invoke
from controller.messages import Finished, RunConfig
from controller.shots.catalogue import Catalogue
from controller.shots.checks import NOTES
from controller.shots.journal import scan_journal
from controller.shots.model import ChannelCapture, ShotRecord
from controller.shots.reader import read_record
from controller.shots.signals import baseline, before_t0, lsb, scale_values, time_axis
from firmware_sim.plant.bench import BenchPlant
from firmware_sim.plant.record import PulseRecord
from tests.virtual.virtual_bench import Run

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # nexusformat's own imports warn; what it finds is what counts here
    from nexusformat.nexus.validate import validate_application, validate_file

RIG = "railgun_bench"
NXDL = str(Path(__file__).parents[2] / "controller/shots/NXpulsed_shot.nxdl.xml")
SIGMAS = 6.0
"""Of 400 000 samples of normal noise none lies further out."""

DROOP = 1e-3
"""What a 0.1 Hz Rogowski coil has lost of its peak within the pulse (plant.yaml)."""

SWITCHING_S = 4e-6
"""Around a closing switch: interference (0.2 us decay), and the sensors' 0.16 us at a step."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shot:
    """One full shot on virtual time, with the plant that fired it."""

    finished: Finished
    plant: BenchPlant
    record: ShotRecord
    out: Path

    @property
    def path(self) -> Path:
        return Path(self.finished.record)

    @property
    def pulse(self) -> PulseRecord:
        assert self.plant.record is not None
        return self.plant.record


def run(profile: str, out: Path, seed: int = 3) -> Finished:
    config = RunConfig(rig=RIG, profile_path=profile, out=str(out), seed=seed)
    return virtual.run_virtual(config, lambda message: None, lambda: "")


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shot]:
    plants: list[BenchPlant] = []

    def remember(rig: str, seed: int) -> BenchPlant:
        plants.append(build_plant(rig, seed))
        return plants[-1]

    out = tmp_path_factory.mktemp("shots")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("controller.app.virtual.build_plant", remember)
        finished = run("full", out)
    yield Shot(finished, plants[-1], read_record(Path(finished.record)), out)


@pytest.mark.parametrize("profile", profile_names(RIG))
def test_every_shipped_profile_passes(profile: str, shipped: Callable[[str], Run]) -> None:
    finished = shipped(profile).finished
    assert (finished.verdict, finished.ended, finished.exit) == ("pass", "completed", 0), finished.reason
    assert finished.measurements and all(item.value is not None for item in finished.measurements)
    assert finished.safe.startswith("verified")


def test_a_missed_limit_is_exit_1_and_an_operator_abort_exit_3(tmp_path: Path) -> None:
    slack = RunConfig(rig=RIG, profile_path="full", out=str(tmp_path), overrides={"voltage": "2.5 kV"})
    failed = virtual.run_virtual(slack, lambda message: None, lambda: "")
    assert (failed.verdict, failed.ended, failed.exit) == ("fail", "completed", 1)
    stopped = virtual.run_virtual(slack, lambda message: None, lambda: "test")
    assert (stopped.verdict, stopped.exit) == ("aborted", 3)


def test_a_tripped_shot_says_when_it_was_safe_and_what_it_dumped(tmp_path: Path) -> None:
    config = RunConfig(rig=RIG, profile_path="full", out=str(tmp_path), faults=("plant.door_1_open@float",))
    finished = virtual.run_virtual(config, lambda message: None, lambda: "")
    record = read_record(Path(finished.record))
    assert (finished.verdict, finished.ended, finished.exit) == ("aborted", "tripped", 3)
    assert record.t0_s is None and record.dump_s is not None and record.safe_s is not None
    assert record.dump_s < record.safe_s
    assert "s after the dump" in Path(finished.sheet).read_text(encoding="utf-8")
    catalogue = Catalogue.open(tmp_path)
    try:
        assert catalogue.wear("DUMP-01") == {"dumps": 1.0, "dump_joules": pytest.approx(18e3, rel=0.01)}
        assert catalogue.wear("ARM-0001") == {}
    finally:
        catalogue.close()


def test_the_public_validators_find_nothing(shot: Shot) -> None:
    assert validate_file(str(shot.path)) == (0, 0)
    assert validate_application(str(shot.path), path="/entry", application=NXDL) == (0, 0)


def test_xarray_sees_real_time_coordinates(shot: Shot) -> None:
    xarray = pytest.importorskip("xarray")
    for capture in shot.record.captures:
        group = f"/entry/instrument/{capture.channel}/data"
        with xarray.open_dataset(shot.path, group=group, engine="h5netcdf", phony_dims=None) as data:
            assert data["raw"].dims == ("time",)
            assert data["raw"].dtype == capture.raw.dtype and data["raw"].dtype.itemsize == 2
            np.testing.assert_allclose(data["time"].values, time_axis(capture), rtol=0.0, atol=1e-12)


def test_h5py_alone_rebuilds_the_values(shot: Shot) -> None:
    with h5py.File(shot.path) as file:
        for capture in shot.record.captures:
            data = file[f"/entry/instrument/{capture.channel}/data"]
            values = (data["raw"][:] + data["raw_offset"][()]) * data["raw_scaling_factor"][()]
            np.testing.assert_allclose(values, scale_values(capture), rtol=1e-9, atol=1e-9 * lsb(capture))


def _truth(pulse: PulseRecord, channel: str) -> Array | None:
    """The plant's own waveform of a channel; None for the pick-up, which sees the armature pass."""
    s = pulse.solution
    if channel.startswith("module_"):
        current: Array = s.current_a[int(channel.split("_")[1]) - 1]
        return current
    bus: Array = s.capacitor_v[list(pulse.edges.inserted())].mean(axis=0)
    return {"total_current": s.load_a, "muzzle_voltage": s.muzzle_v, "bus_voltage": bus}.get(channel)


def _quiet(t_s: Array, pulse: PulseRecord) -> npt.NDArray[np.bool_]:
    """Samples within the pulse, away from its switching instants."""
    s, edges = pulse.solution, [t for t in pulse.edges.fire_s if t is not None]
    edges += [] if s.exit_s is None else [s.exit_s + pulse.offset_s]
    keep: npt.NDArray[np.bool_] = (t_s > s.t_s[0] + pulse.offset_s) & (t_s < s.t_s[-1] + pulse.offset_s)
    for edge_s in edges:
        keep &= np.abs(t_s - edge_s) > SWITCHING_S
    return keep


def test_values_rebuilt_from_raw_are_the_plants(shot: Shot) -> None:
    pulse, checked = shot.pulse, []
    for capture in shot.record.captures:
        truth = _truth(pulse, capture.channel)
        if truth is None:
            continue
        t_s, values = time_axis(capture), scale_values(capture)
        zero = baseline(capture)
        assert zero is not None
        if capture.channel != "bus_voltage":  # a level, not a change
            values = values - zero[0]
        error = (values - np.interp(t_s, pulse.solution.t_s + pulse.offset_s, truth))[_quiet(t_s, pulse)]
        noise = float(np.std(before_t0(capture)))
        assert error.size > 10_000
        assert np.abs(error).max() <= lsb(capture) + SIGMAS * noise, capture.channel
        assert np.sqrt(np.mean(error**2)) <= lsb(capture) + 1.1 * noise + DROOP * np.abs(truth).max(), capture.channel
        checked.append(capture.channel)
    assert len(checked) == 7


def test_every_channel_is_what_its_sensor_gave(shot: Shot) -> None:
    """The sensor model again, with a draw of noise of its own; the pick-up included."""
    assert len(shot.record.captures) == 8
    for capture in shot.record.captures:
        t_s = time_axis(capture)
        again = shot.plant.scope_volts(capture.channel, t_s + capture.delay_s, salt=99) * capture.scale
        noise = float(np.std(before_t0(capture)))
        difference = (scale_values(capture) - again)[_quiet(t_s, shot.pulse)]
        assert np.abs(difference).max() <= lsb(capture) + SIGMAS * noise * np.sqrt(2.0), capture.channel


def test_catalogue_journal_and_files_agree(shot: Shot) -> None:
    catalogue = Catalogue.open(shot.out)
    try:
        entry = catalogue.get(shot.finished.shot)
    finally:
        catalogue.close()
    files = entry.files or {}
    assert {"record", "report", "sheet", "journal"} <= set(files)
    assert {f"raw:{capture.channel}" for capture in shot.record.captures} <= set(files)
    for path, sha256 in files.values():
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == sha256
    journal = Path(shot.finished.journal).read_bytes()
    assert len(shot.record.journal) > 1000
    assert journal.startswith(shot.record.journal)  # the file goes on with the seal, which names the record's hash
    assert files["record"][1].encode() in journal[len(shot.record.journal) :]
    scan = scan_journal(shot.record.journal)
    assert scan.head.hex() == shot.record.journal_head
    assert scan.kinds()[-1] == "verdict" and {"permit", "fire_intent", "safe_verified"} <= set(scan.kinds())


def test_the_record_tells_the_whole_story(shot: Shot) -> None:
    record = shot.record
    assert [item.path for item in record.self_test][:3] == ["door_1", "door_2", "estop"]
    assert len(record.self_test) == 13 and all(item.passed for item in record.self_test)
    assert {item.detail for item in record.self_test} == {record.self_test[0].detail}
    assert record.self_test[0].detail.endswith(" s before the permit")
    assert {part.role for part in record.parts} == {"armature", "rails", "dump_resistors"}
    assert record.ledger["stored (twin)"] == pytest.approx(18e3)
    assert abs(record.ledger["residual of the twin's account"]) <= 1e-5 * 18e3
    fired_j = 0.5 * 1e-3 * sum(v * v for v in shot.pulse.edges.voltage_v)
    assert record.ledger["stored before fire (measured)"] == pytest.approx(fired_j, rel=2e-3)
    at_fire = next(item for item in record.measurements if item.function == "value_at_fire")
    assert at_fire.value == pytest.approx(max(shot.pulse.edges.voltage_v), abs=2.0 * at_fire.uncertainty)  # 95 %
    with h5py.File(shot.path) as file:
        assert all(f"/entry/configuration/{name}/data" in file for name in NOTES)


def test_a_tampered_record_is_found(shot: Shot, tmp_path: Path) -> None:
    out = tmp_path / "shots"
    shutil.copytree(shot.out, out)
    with CliRunner().isolation():
        assert invoke(["shots", "verify", "--out", str(shot.out)]) == 0
    record = Path(shot.finished.record)
    sealed = record.read_bytes()
    try:
        with h5py.File(record, "r+") as file:
            raw = file["/entry/instrument/total_current/data/raw"]
            raw[1234] = raw[1234] + 1
        with CliRunner().isolation():
            assert invoke(["shots", "verify", "--out", str(shot.out)]) == 2
    finally:
        record.write_bytes(sealed)


def test_export_gives_the_samples_back(shot: Shot, tmp_path: Path) -> None:
    channel = "module_2_current"
    capture: ChannelCapture = next(item for item in shot.record.captures if item.channel == channel)
    with CliRunner().isolation():
        assert invoke(["shots", "export", "1", str(tmp_path), "--channel", channel, "--out", str(shot.out)]) == 0
    t_s, value = np.loadtxt(tmp_path / f"{channel}.csv", delimiter=",", skiprows=3, unpack=True)
    assert np.array_equal(t_s, time_axis(capture))
    assert np.array_equal(value, scale_values(capture))


def test_remarks_and_wear_are_kept_beside_the_sealed_file(tmp_path: Path) -> None:
    first = run("full", tmp_path)
    run("dump-proof-a", tmp_path)
    sealed = Path(first.record).read_bytes()
    with CliRunner().isolation():
        assert invoke(["shots", "comment", "1", "contact looked good", "--by", "ada", "--out", str(tmp_path)]) == 0
        assert invoke(["shots", "tag", "1", "golden", "--out", str(tmp_path)]) == 0
        assert invoke(["shots", "tag", "1", "two words", "--out", str(tmp_path)]) == 2
        assert invoke(["shots", "reevaluate", "1", "--factor", "total_current=1.1", "--out", str(tmp_path)]) == 1
        assert invoke(["shots", "reevaluate", "1", "--factor", "total_current=1.0", "--out", str(tmp_path)]) == 0
        assert invoke(["shots", "reevaluate", "1", "--factor", "nowhere=1.1", "--out", str(tmp_path)]) == 2
        assert invoke(["shots", "reevaluate", "1", "--factor", "total_current=1,1", "--out", str(tmp_path)]) == 2
    assert Path(first.record).read_bytes() == sealed
    catalogue = Catalogue.open(tmp_path)
    try:
        entry = catalogue.get(1)
        armature, dumps = catalogue.wear("ARM-0001"), catalogue.wear("DUMP-01")
    finally:
        catalogue.close()
    assert [(item.author, item.text) for item in entry.comments] == [("ada", "contact looked good")]
    assert entry.tags == ("golden",)
    assert armature["shots"] == 1.0
    action = next(item.value for item in first.measurements if item.title == "action integral")
    assert armature["action_integral_a2s"] == pytest.approx(action)
    assert dumps == {"dumps": 1.0, "dump_joules": pytest.approx(20.0, rel=0.03)}
