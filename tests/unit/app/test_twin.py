"""The twin: the reference shot's figures, a ledger that adds up, and what it blocks."""

from dataclasses import replace

import pytest

from controller.app.locate import find_profile
from controller.app.preflight import read_bounded, read_rig
from controller.app.twin import check_with_twin, foresee, predict
from controller.rig.source import Refused
from controller.sequencer.compile import compile_profile
from controller.sequencer.plan import Plan
from controller.sequencer.profile import load_profile

RIG = "railgun_bench"


def plan_of(name: str) -> Plan:
    path = find_profile(name, RIG)
    return compile_profile(load_profile(read_bounded(path), str(path)), read_rig(RIG)[0], {})


def test_the_full_shot_is_the_reference_shot() -> None:
    """bench.md 1: 64.58 kA and 143.6 m/s within 0.1 %."""
    prediction = predict(plan_of("full"), RIG)
    assert prediction.numbers["peak_current_a"] == pytest.approx(64.58e3, rel=1e-3)
    assert prediction.numbers["exit_speed_mps"] == pytest.approx(143.6, rel=1e-3)
    assert prediction.numbers["charge_time_s"] == pytest.approx(12.0)


@pytest.mark.parametrize("name", ["full", "partial-bank", "polarity", "dummy-load"])
def test_every_joule_is_accounted_for(name: str) -> None:
    plan = plan_of(name)
    ledger = dict(predict(plan, RIG).ledger)
    stored_j = ledger.pop("stored")
    assert stored_j == pytest.approx(plan.stored_energy_j, rel=1e-9)
    assert sum(ledger.values()) == pytest.approx(stored_j, rel=1e-5)
    assert all(energy_j >= 0.0 for energy_j in ledger.values())
    assert ("kinetic energy" in ledger) is (plan.load != "dummy_load")


@pytest.mark.parametrize("name", ["noise", "trigger-only", "dump-proof-a"])
def test_a_plan_that_fires_nothing_has_no_pulse(name: str) -> None:
    prediction = predict(plan_of(name), RIG)
    assert prediction.facts == () and prediction.ledger == {}
    assert set(prediction.numbers) <= {"stored_energy_j", "charge_time_s"}


def test_the_partial_bank_is_weaker_than_the_whole() -> None:
    partial, full = (predict(plan_of(name), RIG).numbers for name in ("partial-bank", "full"))
    assert partial["peak_current_a"] < full["peak_current_a"]
    assert partial["stored_energy_j"] < full["stored_energy_j"]


def test_too_much_energy_blocks_and_a_load_prediction_only_warns() -> None:
    rig, plan = read_rig(RIG)[0], replace(plan_of("full"), expected_action_a2s=4.9e6)
    tight = replace(rig, limits=replace(rig.limits, action_integral_a2s=5.0e6))
    report, _ = check_with_twin(plan, tight)
    warned = [row.item for row in report.rows if row.warns and not row.ok]
    assert warned == ["predicted action integral"]
    assert foresee(plan, tight).ledger
    weak = replace(rig, limits=replace(rig.limits, energy_j=17.9e3))
    with pytest.raises(Refused) as refused:
        foresee(plan, weak)
    assert "predicted stored energy of 18 kJ is more than the allowed 17.9 kJ" in str(refused.value.problems[-1])
