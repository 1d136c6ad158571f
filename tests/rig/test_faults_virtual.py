"""Everything that can be injected into a link, the plant or the PLC, at steps from arming to the transfer.

The judge is the plant's own state, not the controller's word. Every run is on virtual time and takes well under a
second; the broad matrix is sampled with a stride so that every instrument, every fault and every step occurs.
"""

from itertools import product
from pathlib import Path

import pytest

from controller.app.faultspec import DURING_S
from controller.messages import StepEntered
from controller.rig.source import Refused
from controller.shots.reader import read_record
from firmware_sim.link_faults import FAULTS as LINK_FAULTS
from tests.rig.virtual_bench import Bench

INSTRUMENTS = ("charger", "delay_generator", "scope_1", "scope_2", "daq")
MOMENTS = (
    "arm:before", "permit", "charge:before", "charge", "float:after", "countdown", "isolate", "fire:before", "fire",
    "verify", "verify:after",
)  # fmt: skip
MATRIX = list(product(INSTRUMENTS, LINK_FAULTS, MOMENTS))
STRIDE = 12
"""Coprime to 5, 7 and 11: the sample meets every instrument, every fault and every moment."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path / "shots", monkeypatch)


def test_a_healthy_run_is_the_reference(bench: Bench) -> None:
    run = bench.run()
    assert (run.finished.exit, run.finished.ended) == (1, "completed")
    assert (run.fire_pulses, run.shots) == (1, 1)
    run.assert_plant_is_safe()


@pytest.mark.parametrize(("instrument", "fault", "moment"), MATRIX[::STRIDE])
def test_a_broken_link_ends_safe_with_the_instruments_name(
    instrument: str, fault: str, moment: str, bench: Bench
) -> None:
    run = bench.run(f"{instrument}.{fault}@{moment}")
    assert (run.finished.exit, run.finished.ended) == (3, "aborted")
    assert instrument in run.finished.reason
    assert run.finished.safe.startswith("verified")
    run.assert_plant_is_safe()


@pytest.mark.parametrize("fault", LINK_FAULTS)
@pytest.mark.parametrize("moment", ["charge", "fire:before"])
def test_a_lost_plc_dumps_by_itself_and_nobody_claims_a_proof(fault: str, moment: str, bench: Bench) -> None:
    run = bench.run(f"plc.{fault}@{moment}")
    assert (run.finished.exit, run.finished.ended) == (4, "unsafe-unconfirmed")
    assert "plc" in run.finished.reason and run.finished.safe.startswith("NOT VERIFIED")
    assert run.fire_pulses == 0
    run.assert_plant_is_safe()


@pytest.mark.parametrize("instrument", [*INSTRUMENTS, "plc"])
@pytest.mark.parametrize("fault", ["silent", "garbage", "close"])
def test_an_instrument_that_is_not_there_is_refused_by_name(instrument: str, fault: str, bench: Bench) -> None:
    with pytest.raises(Refused) as refused:
        bench.run(f"{instrument}.{fault}")
    assert instrument in [problem.field for problem in refused.value.problems]
    bench.rigs[0].plant.log.clear()
    assert max(bench.rigs[0].plant.bank.voltage_v) == 0.0


OUTCOMES = [
    # fault, exit, what the reason says, both dumps closed at the end
    ("plant.door_1_open@charge", 3, "DOOR_1", True),
    ("plant.door_2_open@isolate", 3, "DOOR_2", True),
    ("plant.estop@charge", 3, "ESTOP", True),
    ("plant.estop_wire_break@isolate", 3, "ESTOP", True),
    ("plant.estop@verify", 3, "ESTOP", True),
    ("plant.key_off@charge", 3, "KEY", True),
    ("plant.key_off@isolate", 3, "KEY", True),
    ("plant.contactor_stuck_open@arm", 3, "CONTACTOR", True),
    ("plant.contactor_welded@charge", 3, "CONTACTOR_MISMATCH", True),
    ("plant.dump_a_stuck_closed@arm", 3, "DUMP", True),
    ("plant.dump_b_stuck_closed@arm", 3, "DUMP", True),
    ("plant.dump_a_stuck_open@charge", 4, "DUMP_MISMATCH", False),
    ("plant.dump_b_stuck_open@isolate", 4, "DUMP_MISMATCH", False),
    ("plant.probe_a_frozen@charge", 4, "PROBE_MISMATCH", True),
    ("plant.probe_b_frozen@charge", 4, "PROBE_MISMATCH", True),
    ("plant.probe_a_nan@charge", 4, "PROBE_INVALID", True),
    ("plant.probe_b_nan@isolate", 4, "PROBE_INVALID", True),
    ("plant.probe_a_gain@charge", 3, "probe", True),
    ("plant.probe_a_gain@isolate", 3, "PROBE_MISMATCH", True),
    ("plant.module_1_no_fire@charge", 3, "only some modules fired", True),
    ("plant.module_1_prefire@charge", 3, "PREFIRE", True),
    ("plant.module_4_prefire@isolate", 3, "PREFIRE", True),
    ("plant.charger_runaway@charge", 3, "CHARGE_ENVELOPE", True),
    ("plant.overvoltage@charge", 3, "CHARGE_ENVELOPE", True),
    ("plant.charger_dead@charge", 3, "CHARGE_ENVELOPE", True),
    ("plc.dead@charge", 4, "the PLC does not answer any more", True),
    ("plc.dead@isolate", 4, "the PLC does not answer any more", True),
    ("plc.reboot@charge", 3, "TRIP", True),
    ("plc.reboot@isolate", 3, "TRIP", True),
    ("delay_generator.no_trigger@countdown", 3, "no module fired", True),
    ("scope_1.not_armed@permit", 3, "scope_1: not armed any more", True),
    ("scope_2.wrong_setup@charge", 3, "scope_2: changed at its front panel", True),
    ("scope_1.never_triggers@countdown", 3, "scope_1: no trigger was recorded", True),
    ("daq.ain_dead@charge", 3, "daq", True),
]


@pytest.mark.parametrize(("fault", "code", "reason", "dumps"), OUTCOMES)
def test_a_fault_of_plant_or_plc_ends_safe_for_the_right_reason(
    fault: str, code: int, reason: str, dumps: bool, bench: Bench
) -> None:
    run = bench.run(fault)
    assert run.finished.exit == code
    assert reason in run.finished.reason
    run.assert_plant_is_safe(dumps, contactor="contactor_welded" not in fault)


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
