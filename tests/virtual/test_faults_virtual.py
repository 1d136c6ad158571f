"""What the fault campaign (tests/campaign) does not do: instruments that are missing from the start, a person's abort
at every step, and an optional instrument that is lost.

The judge is the plant's own state, not the controller's word. Every run is on virtual time.
"""

from pathlib import Path

import pytest

from controller.app.faultspec import DURING_S
from controller.messages import StepEntered
from controller.rig.source import Refused
from controller.shots.reader import read_record
from tests.virtual.virtual_bench import Bench

INSTRUMENTS = ("charger", "delay_generator", "scope_1", "scope_2", "daq")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path / "shots", monkeypatch)


def test_a_healthy_run_is_the_reference(bench: Bench) -> None:
    run = bench.run()
    assert (run.finished.exit, run.finished.ended) == (1, "completed")
    assert (run.fire_pulses, run.shots) == (1, 1)
    run.assert_plant_is_safe()


@pytest.mark.parametrize("instrument", [*INSTRUMENTS, "plc"])
@pytest.mark.parametrize("fault", ["silent", "garbage", "close"])
def test_an_instrument_that_is_not_there_is_refused_by_name(instrument: str, fault: str, bench: Bench) -> None:
    with pytest.raises(Refused) as refused:
        bench.run(f"{instrument}.{fault}")
    assert instrument in [problem.field for problem in refused.value.problems]
    bench.rigs[0].plant.log.clear()
    assert max(bench.rigs[0].plant.bank.voltage_v) == 0.0


@pytest.mark.parametrize("after_s", [0.0, DURING_S, 0.4])
@pytest.mark.parametrize(
    "step", ["self_test", "arm", "permit", "charge", "float", "countdown", "isolate", "fire", "verify", "transfer"]
)
def test_an_abort_at_any_step_dumps_first_and_verifies(step: str, after_s: float, bench: Bench) -> None:
    asked_ns: list[int] = []
    seen: list[StepEntered] = []

    def abort() -> str:
        entered = [message for message in seen if message.id == step]
        now_ns = bench.rigs[-1].now_ns()
        if not entered or now_ns < entered[0].t_ns + after_s * 1e9:
            return ""
        asked_ns.append(now_ns)
        return "the test says stop"

    run = bench.run(abort=abort, on_message=lambda m: seen.append(m) if isinstance(m, StepEntered) else None)
    if run.finished.ended == "completed":
        # the step was over before the wish could be heard: only the last ones may be as short as that
        assert step in ("verify", "transfer") and (not asked_ns or step == "transfer")
    else:
        assert (run.finished.exit, run.finished.ended) == (3, "aborted")
        assert "the test says stop" in run.finished.reason
        assert run.finished.safe.startswith("verified")
    run.assert_plant_is_safe()
    assert run.fire_pulses == 0 or run.steps[-1] in ("fire", "verify", "transfer")


def test_a_scope_that_was_never_armed_is_not_read_after_an_abort(bench: Bench) -> None:
    """A probe that reads 300 V too much ends the self-test; the scopes still hold what was before this run."""
    run = bench.run("plant.probe_a_offset@self_test")
    assert run.finished.exit in (3, 4)
    assert not any(text.endswith("nothing was recorded") or "not transferred" in text for text in run.texts)
    assert not list(bench.out.glob("*/raw/*"))
    run.assert_plant_is_safe()


def test_losing_an_optional_scope_marks_the_shot_and_completes(tmp_path: Path, bench: Bench) -> None:
    source = Path("configs/profiles/railgun_bench/full.yaml").read_text()
    profile = tmp_path / "optional.yaml"
    profile.write_text(source + "\ninstruments:\n  scope_2: optional\n")
    run = bench.run("scope_2.silent@charge", profile=str(profile))
    assert (run.finished.exit, run.finished.ended) in ((0, "completed"), (1, "completed"))
    assert any("scope_2" in text and "optional instrument lost" in text for text in run.texts)
    run.assert_plant_is_safe()
    record = read_record(Path(run.finished.record))
    assert {use.name for use in record.instruments if use.lost} == {"scope_2"}
