"""Trains: what is measured of every pulse, what stays visible, and how they are kept."""

import os
import time
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path

import h5py
import numpy as np
import pytest
from nexusformat.nexus.validate import validate_application, validate_file

from controller.sequencer.plan import Measurement
from controller.shots.capture_store import CaptureStore, decode_capture, encode_capture
from controller.shots.checks import required_paths
from controller.shots.document import describe
from controller.shots.measure import measure, measure_all
from controller.shots.model import ChannelCapture, PulseTrain
from controller.shots.pulses import (
    TRAIN_FUNCTIONS,
    deviations,
    pulse_table,
    statistics_of,
    typical_pulse,
)
from controller.shots.quantities import MeasureContext
from controller.shots.reader import read_record, record_version, reevaluate, verify
from controller.shots.record import RecordUnusable, check_file, write_record
from controller.shots.signals import scale_values, time_axis
from controller.shots.summary import read_summary, read_train
from tests.unit.shots.samples import CONTEXT, shot
from tests.unit.shots.test_record import same
from tests.unit.shots.trains import PERIOD_NS, TOP_V, WIDTH_S, train, train_shot

NXDL = str(files("controller.shots") / "NXpulsed_shot.nxdl.xml")
MISSING, BROKEN = (1200, 1201, 3900), 3127


@pytest.fixture(scope="module")
def long() -> PulseTrain:
    return train()


def slow_shape(values: np.ndarray, step_s: float) -> tuple[float, float]:
    """Flat top and width of one positive pulse by plain loops, as the page of the profile says it."""
    peak = max(values)
    above = [i for i, v in enumerate(values) if v >= 0.5 * peak]
    first, last = above[0], above[-1]
    middle = values[first + -(-(last - first) // 4) : first + 3 * (last - first) // 4 + 1]
    top = float(np.mean(middle))
    above = [i for i, v in enumerate(values) if v >= 0.5 * top]
    first, last = above[0], above[-1]
    rise = first - (values[first] - 0.5 * top) / (values[first] - values[first - 1])
    fall = last + (values[last] - 0.5 * top) / (values[last] - values[last + 1])
    return top, (fall - rise) * step_s


def test_every_pulse_is_measured_as_one_by_one() -> None:
    short = train(40, missing=(7,), broken=(9,))
    table = pulse_table(short)
    values = scale_values(short.capture)
    quiet = time_axis(short.capture) < -0.1 * 2e-6
    for index in range(40):
        pulse = -(values[index] - values[index][quiet].mean())
        if index == 7:
            assert table.missing[index] and np.isnan(table.flat_top[index]) and np.isnan(table.width[index])
            continue
        top, width = slow_shape(pulse, short.capture.x_increment_s)
        assert table.peak[index] == pytest.approx(-pulse.max(), rel=1e-12)
        assert table.flat_top[index] == pytest.approx(-top, rel=1e-9)
        assert table.width[index] == pytest.approx(width, rel=1e-9)
    assert table.width[9] == pytest.approx(1.6e-6, rel=0.05)


def test_thousands_of_pulses_in_less_than_a_second(long: PulseTrain) -> None:
    before = time.process_time()
    table = pulse_table(long)
    took_s = time.process_time() - before
    assert took_s < 1.0
    assert table.peak.shape == table.missing.shape == (5000,)
    assert np.flatnonzero(table.missing).tolist() == list(MISSING)
    peak, top, width = statistics_of(table, "V")
    assert (peak.quantity, peak.unit, width.unit, peak.count) == ("peak", "V", "s", 4997)
    assert top.mean == pytest.approx(TOP_V * 0.99, rel=0.02)
    assert width.mean == pytest.approx(WIDTH_S, rel=0.01) and width.minimum < 0.5 * WIDTH_S < width.maximum
    assert 0.0 < top.std < 0.03 * abs(TOP_V)


def test_segments_that_never_came_are_missing_too() -> None:
    cut = train(100, missing=(3,), broken=(), planned=120)
    assert pulse_table(cut).missing_count == 21


def test_a_train_of_noise_has_no_pulse_and_says_so() -> None:
    silent = train(50, missing=tuple(range(50)), broken=())
    table = pulse_table(silent)
    assert table.missing_count == 50
    assert all(item.count == 0 and np.isnan(item.mean) for item in statistics_of(table, "V"))
    for name in TRAIN_FUNCTIONS:
        spec = Measurement("m", silent.channel, name, "1" if name == "missing_pulses" else "V", None, None)
        found = measure(spec, [silent], [], CONTEXT)
        if name == "missing_pulses":
            assert found.verdict == "pass" and found.value == 50
        elif name == "highest":
            assert found.verdict == "pass" and found.value is not None and 0.0 < found.value < 1e3
        else:
            assert found.verdict == "inconclusive" and found.reason == "no pulse in the train", name


def test_an_empty_train_measures_nothing() -> None:
    whole = train(4)
    empty = replace(whole, capture=replace(whole.capture, raw=whole.capture.raw[:0]), trigger_ns=whole.trigger_ns[:0])
    assert pulse_table(empty).missing_count == 4
    assert typical_pulse(empty).tolist() == [0.0] * whole.points
    assert deviations(empty, typical_pulse(empty)).size == 0


def test_the_pulse_furthest_from_the_typical_one_is_found(long: PulseTrain) -> None:
    alone = replace(long, capture=replace(long.capture, raw=long.capture.raw.copy()))
    alone.capture.raw[list(MISSING)] = alone.capture.raw[0]
    distance = deviations(alone, typical_pulse(alone))
    assert int(np.argmax(distance)) == BROKEN
    assert distance[BROKEN] > 5.0 * np.median(distance)


def test_profile_measurements_of_a_train_have_limits_and_uncertainty(long: PulseTrain) -> None:
    specs = (
        Measurement("top", "cathode_voltage", "flat_top_mean", "kV", -90.0, -70.0),
        Measurement("scatter", "cathode_voltage", "flat_top_std", "kV", None, 1.0),
        Measurement("short", "cathode_voltage", "width_min", "us", 3.0, None),
        Measurement("gone", "cathode_voltage", "missing_pulses", "1", None, 2.0),
        Measurement("none", "other", "peak_max", "V", None, None),
        Measurement("plain", "cathode_voltage", "peak", "V", None, None),
    )
    top, scatter, short, gone, none, plain = measure_all(specs, [long], [], MeasureContext())
    assert top.verdict == "pass" and top.uncertainty == pytest.approx(0.01 * 79.2, rel=0.05)
    drift_kv = 79.2 * 0.03 * float(np.std(np.sin(np.linspace(0.0, 4.0, 5000))))
    assert scatter.verdict == "fail" and scatter.value == pytest.approx(drift_kv, rel=0.1)
    assert short.verdict == "fail" and short.value is not None and short.value < 2.0
    assert (gone.value, gone.verdict, gone.margin) == (3.0, "fail", -1.0)
    assert none.reason == "no train of channel other" and plain.reason == "no record of channel cathode_voltage"


def test_a_clipped_train_counts_its_pulses_and_measures_nothing_else() -> None:
    whole = train(20, missing=(4,), broken=())
    whole.capture.raw[2, 200:220] = 32_752
    for name, value in (("peak_max", None), ("missing_pulses", 1.0)):
        unit = "1" if name == "missing_pulses" else "V"
        assert measure(Measurement("m", whole.channel, name, unit, None, None), [whole], [], CONTEXT).value == value


# -- the record


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trains") / "shot.nxs"
    write_record(train_shot(trains=(train(300, missing=(7,), broken=(9,), planned=310),), captures=True), path)
    return path


def test_a_record_with_trains_reads_back_equal(tmp_path: Path) -> None:
    record = train_shot(trains=(train(300), train(40, planned=50, channel="beam_current")), captures=True)
    digest = write_record(record, tmp_path / "shot.nxs")
    verify(tmp_path / "shot.nxs", digest)
    again = read_record(tmp_path / "shot.nxs")
    different = [
        item.name for item in fields(record) if not same(getattr(record, item.name), getattr(again, item.name))
    ]
    assert different == []
    assert again.trains[1].planned == 50 and again.trains[0].trigger_ns[1] == PERIOD_NS


def test_a_record_without_trains_is_of_version_1_to_the_last_byte_of_its_document(tmp_path: Path) -> None:
    write_record(shot(), tmp_path / "old.nxs")
    assert record_version(tmp_path / "old.nxs") == 1
    assert "trains" not in describe(shot())
    assert read_record(tmp_path / "old.nxs").trains == ()


def test_a_record_with_trains_is_of_version_2(written: Path) -> None:
    assert record_version(written) == 2


@pytest.mark.parametrize("captures", [True, False])
def test_nexusformat_finds_nothing_wrong(captures: bool, tmp_path: Path) -> None:
    path = str(tmp_path / "shot.nxs")
    write_record(train_shot(trains=(train(60),), captures=captures), Path(path))
    assert validate_file(path) == (0, 0)
    assert validate_application(path, path="/entry", application=NXDL) == (0, 0)


def test_samples_are_chunked_by_whole_segments_and_carry_both_axes(written: Path) -> None:
    with h5py.File(written) as file:
        data = file["/entry/instrument/cathode_voltage/data"]
        raw = data["raw"]
        assert raw.shape == (300, 500) and raw.dtype == np.int16 and raw.compression == "gzip"
        assert raw.chunks == (262, 500)
        assert list(data.attrs["axes"]) == ["trigger_time", "time"]
        assert [raw.dims[axis][0].name.rsplit("/", 1)[-1] for axis in (0, 1)] == ["trigger_time", "time"]
        assert data["trigger_time"].attrs["units"] == "ns" and data["trigger_time"][2] == 2 * PERIOD_NS
        rebuilt = (raw[()].astype(float) + data["raw_offset"][()]) * data["raw_scaling_factor"][()]
        settings = file["/entry/instrument/cathode_voltage/settings/data"][()].tobytes()
        assert b"RANGe" in settings
        pulses = file["/entry/pulses_cathode_voltage"]
        assert pulses["width"].attrs["units"] == "s" and np.isnan(pulses["width"][7]) and pulses["missing"][7] == 1
        assert pulses["planned"][()] == 310
    np.testing.assert_allclose(rebuilt, scale_values(read_record(written).trains[0].capture), atol=1e-6)


def test_every_required_field_of_a_train_is_missed_when_deleted(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "shot.nxs"
    whole = written.read_bytes()
    with h5py.File(written) as file:
        required = [name for name in required_paths(file) if "cathode_voltage" in name]
    assert len([name for name in required if "pulses_" in name or name.endswith("trigger_time")]) == 7
    unnoticed = []
    for name in required:
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            del file[name]
        try:
            check_file(path)
            unnoticed.append(name)
        except RecordUnusable as error:
            if f"{name} is missing" not in error.problem:
                unnoticed.append(name)
    assert unnoticed == []


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("instrument/cathode_voltage/data/trigger_time", np.arange(299), "samples of shape"),
        ("instrument/cathode_voltage/data/trigger_time", np.arange(300), "not attached"),
        ("instrument/cathode_voltage/data/trigger_time", np.arange(300.0), "no integers"),
        ("pulses_cathode_voltage/peak", np.zeros(299), "not one row per segment"),
    ],
)
def test_a_train_that_does_not_fit_together_is_noticed(
    name: str, value: object, problem: str, written: Path, tmp_path: Path
) -> None:
    path = tmp_path / "shot.nxs"
    path.write_bytes(written.read_bytes())
    with h5py.File(path, "r+") as file:
        del file[f"/entry/{name}"]
        file[f"/entry/{name}"] = value
    with pytest.raises(RecordUnusable, match=problem):
        check_file(path)


def test_a_summary_has_the_pulses_without_the_samples(written: Path) -> None:
    summary = read_summary(written)
    (held,) = summary.record.trains
    assert (held.segments, held.points, summary.samples["cathode_voltage"]) == (300, 0, 500)
    assert summary.pulses["cathode_voltage"].missing_count == 11
    assert same(read_train(written, held), read_record(written).trains[0])


def test_a_corrected_factor_reaches_the_train(tmp_path: Path) -> None:
    record = train_shot(trains=(train(50, missing=(), broken=()),))
    spec = Measurement("top", "cathode_voltage", "flat_top_mean", "V", None, None)
    values = measure_all([spec], record.trains, (), CONTEXT)
    write_record(replace(record, measurements=values), tmp_path / "shot.nxs")
    (again,) = reevaluate(tmp_path / "shot.nxs", {"cathode_voltage": 1.1})
    assert again.value == pytest.approx(1.1 * (values[0].value or 0.0))


def test_a_train_survives_on_the_disk_before_the_record(tmp_path: Path) -> None:
    store, original = CaptureStore(tmp_path / "raw"), train(30, planned=40)
    store.save(original)
    assert same(store.load("cathode_voltage"), original)
    assert os.listdir(tmp_path / "raw") == ["cathode_voltage.raw"]
    single = replace(original.capture, raw=original.capture.raw[0])
    data = encode_capture(single)
    assert data[8] == 1 and encode_capture(original)[8] == 2, "a waveform is stored as it always was"
    assert isinstance(decode_capture(data), ChannelCapture)
    with pytest.raises(ValueError, match="with 2 dimensions"):
        encode_capture(original.capture)
