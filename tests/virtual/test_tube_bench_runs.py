"""The plans of a bench that pulses, whole, on virtual time: from services that were left running to the record."""

from pathlib import Path

import pytest

from controller.app.virtual import run_virtual
from controller.messages import Event, Finished, RunConfig, StepEntered
from controller.shots.reader import read_record

RIG = "microwave_bench"


def run(folder: Path, profile: str, **options: object) -> tuple[Finished, list[str], list[str]]:
    """One run; its end, its steps, its texts."""
    steps: list[str] = []
    texts: list[str] = []

    def hear(message: object) -> None:
        if isinstance(message, StepEntered):
            steps.append(message.id)
        elif isinstance(message, Event):
            texts.append(message.text)

    config = RunConfig(rig=RIG, profile_path=profile, out=str(folder), **options)  # type: ignore[arg-type]
    return run_virtual(config, hear, lambda: ""), steps, texts


@pytest.mark.parametrize("profile", ["single-pulse", "low-voltage", "no-drive", "vswr-trip-check"])
def test_it_passes_as_shipped(profile: str, tmp_path: Path) -> None:
    finished, steps, texts = run(tmp_path, profile)
    assert (finished.exit, finished.verdict) == (0, "pass"), (finished.reason, texts[-5:])
    assert "warm_up" in steps and steps[-1] == "transfer"
    assert not [text for text in texts if "trip " in text]


def test_a_train_has_a_segment_per_pulse_and_an_even_beam(tmp_path: Path) -> None:
    finished, _, _ = run(tmp_path, "pulse-train")
    assert (finished.exit, finished.verdict) == (0, "pass"), finished.reason
    record = read_record(Path(finished.record))
    assert {train.channel for train in record.trains} >= {"beam_voltage", "beam_current", "forward_detector"}
    assert {train.segments for train in record.trains} == {2000}
    spread = {value.name: value.value for value in record.measurements}
    assert spread["missing"] == 0.0 and (spread["beam_voltage_spread"] or 1e9) < 500.0


def test_a_sweep_saturates_and_the_water_agrees_with_the_coupler(tmp_path: Path) -> None:
    """The water is not waited for here: what it must agree within is asked of the whole profile by hand."""
    finished, _, _ = run(tmp_path, "power-sweep", overrides={"settle": "20 s", "measure": "10 s"})
    assert finished.exit == 1, finished.reason
    levels = read_record(Path(finished.record)).levels
    assert [level.drive_w for level in levels] == [0.01, 0.02, 0.05, 0.1, 0.2, 0.4]
    assert all(level.pulses in (500, 501) for level in levels), levels
    coupler = [level.coupler_w or 0.0 for level in levels]
    assert coupler.index(max(coupler)) == 3, "100 mW saturate the tube"
    assert all(0.0 < (level.calorimetric_w or 0.0) < 1.1 * (level.coupler_w or 0.0) for level in levels)


def test_a_cold_bench_stays_in_its_warm_up_and_raises_nothing(tmp_path: Path) -> None:
    polls = iter(range(200))  # ten seconds of the hour
    config = RunConfig(rig=RIG, profile_path="single-pulse", out=str(tmp_path), faults=("plant.cold_start",))
    steps: list[str] = []

    def hear(message: object) -> None:
        if isinstance(message, StepEntered):
            steps.append(message.id)

    finished = run_virtual(config, hear, lambda: "" if next(polls, None) is not None else "enough")
    assert finished.exit == 3 and "permit" not in steps and "warm_up" in steps, (finished.reason, steps)
