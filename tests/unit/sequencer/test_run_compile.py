# ruff: noqa: E501 - the messages are compared as whole lines
"""Profiles with pulses to plans: the drafts compile, and every kind of bad input is refused in these words and there."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from controller.rig import Refused, Rig, load_rig
from controller.sequencer.check import check
from controller.sequencer.compile import compile_profile
from controller.sequencer.parameters import campaign_overrides
from controller.sequencer.plan import RUN_KINDS, RUNNING, Energy, InstrumentClass, Plan, StepKind
from controller.sequencer.profile import load_profile
from tests.pulsed_bench import NAMES, ROOT, plan, rig, text
from tests.unit.sequencer.test_compile import FULL, RIG

RUN_RIG = ROOT / "tests" / "pulsed_bench" / "rig.yaml"
PLC = ROOT / "hil_rigs" / "microwave_bench" / "plc.yaml"


def compiled(data: bytes, overrides: Mapping[str, str] | None = None, on: Rig | None = None) -> Plan:
    return compile_profile(load_profile(data, "p.yaml"), on or rig(), overrides or {})


def refusal(data: bytes, overrides: Mapping[str, str] | None = None, on: Rig | None = None) -> list[str]:
    with pytest.raises(Refused) as caught:
        compiled(data, overrides, on)
    return [line.split(": ", 1)[1] for line in str(caught.value).splitlines()]


def changed(name: str, old: str, new: str) -> bytes:
    data = text(name)
    assert data.count(old.encode()) >= 1
    return data.replace(old.encode(), new.encode(), 1)


def test_every_kind_that_runs_is_drafted_and_compiles() -> None:
    assert {plan(name).kind for name in NAMES} == RUN_KINDS
    for name in NAMES:
        assert plan(name).runs and check(plan(name), rig()).ok, name
        short = compile_profile(
            load_profile(text(name), name), rig(), campaign_overrides(load_profile(text(name), name))
        )
        assert [step.id for step in short.steps] == [step.id for step in plan(name).steps]
        assert short.stored_energy_j <= plan(name).stored_energy_j


def test_a_sweep_is_a_run_of_its_own_for_every_level() -> None:
    levels = [step for step in plan("power-sweep").steps if step.kind is StepKind.SWEEP]
    assert [step.drive_w for step in levels] == [0.01, 0.02, 0.05, 0.1, 0.2, 0.4]
    assert {(step.settle_s, step.duration_s, step.width_s) for step in levels} == {(300.0, 30.0, 4e-6)}
    assert len({step.id for step in levels}) == 6


def test_energy_goes_before_the_transfer_and_services_come_before_energy() -> None:
    for name in NAMES:
        steps = plan(name).steps
        kinds = [step.kind for step in steps]
        assert kinds.index(StepKind.WARM_UP) < kinds.index(StepKind.PERMIT) < kinds.index(StepKind.RUN_DOWN)
        assert kinds.index(StepKind.RUN_DOWN) < kinds.index(StepKind.VERIFY) < kinds.index(StepKind.TRANSFER)
        assert all(step.energy is Energy.CHARGED for step in steps if step.kind in RUNNING)


def test_what_serves_is_used_and_what_the_rig_calls_optional_stays_so() -> None:
    classes = plan("conditioning").instruments
    assert classes["rf_source"] is classes["heater_supply"] is classes["vacuum_gauge"] is InstrumentClass.REQUIRED
    assert classes["chiller"] is InstrumentClass.OPTIONAL
    assert "rf_source" not in plan("no-drive").instruments
    run = plan("conditioning").run
    assert run is not None and run.services.auxiliaries == 0b1111


def test_a_conditioning_knows_its_part_and_the_drive_of_each_field() -> None:
    run = plan("conditioning").run
    assert run is not None and run.conditioning is not None
    conditioning = run.conditioning
    assert (conditioning.serial, conditioning.recipe.rate_hz, conditioning.recipe.rungs) == ("STRUCT-0001", 50.0, 4)
    assert conditioning.drive_w(50e6) == pytest.approx(0.025)
    assert conditioning.field_v_per_m(conditioning.drive_w(80e6)) == pytest.approx(80e6)


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("pulse-train", "default: 50 Hz, min: 1 Hz, max: 50 Hz", "default: 60 Hz, min: 1 Hz, max: 60 Hz", "run.rate: charger power for 62.73 J per pulse at 0.85 efficiency of 4.428 kW is more than the allowed 4 kW; pulse at most at 54.2 Hz, or lower the voltage"),
        ("pulse-train", "default: 50 Hz, min: 1 Hz, max: 50 Hz", "default: 60 Hz, min: 1 Hz, max: 60 Hz", "run.rate: pulse rate of 60 Hz is more than the allowed 50 Hz; write at most 50 Hz"),
        ("pulse-train", "default: 50 Hz, min: 1 Hz, max: 50 Hz", "default: 60 Hz, min: 1 Hz, max: 60 Hz", "run.rate: pulse rate of a counted run of 60 Hz is more than the allowed 50 Hz; pulse more slowly, or run for a duration"),
        ("pulse-train", "width: 4 us", "width: 8 us", "steps[8]: pulse width of step run of 8 us is more than the allowed 5 us; write at most 5 us"),
        ("pulse-train", "width: 4 us", "width: 8 us", "steps[8]: duty of step run of 0.0004 is more than the allowed 0.00025; shorten the pulse to 5 us, or pulse more slowly"),
        ("single-pulse", "drive: $drive", "drive: 2 W", "steps[8]: drive of step run of 2 W is more than the allowed 1 W; write at most 1 W"),
        ("single-pulse", "pulses: 1,", "pulses: 20000000,", "steps[8]: pulses of step run of 2e+07 is more than the allowed 1e+07; write at most 1e+07"),
        ("single-pulse", "pulses: 1,", "duration: 13 h,", "steps[5]: time of the permit of step permit of 46.8 ks is more than the allowed 43.2 ks; shorten its steps, or take a second permit"),
        ("single-pulse", "timeout: 4 h", "timeout: 30 min", "steps[1].timeout: timeout of step warm_up of 1.8 ks is less than the allowed 3.6 ks; allow at least 3.6 ks"),
        ("single-pulse", "timeout: 4 h", "timeout: 7 h", "steps[1].timeout: 25200 s is not a useful timeout; write up to 21600 s"),
        ("single-pulse", "pulses: 1,", "pulses: 1, duration: 1 s,", "steps[8].pulses: beside a duration; keep one of them"),
        ("single-pulse", "pulses: 1,", "", "steps[8].duration: is missing; add `pulses: 100` or `duration: 1 s`"),
        ("single-pulse", "pulses: 1,", "pulses: 1, latch: VSWR,", "steps[8].latch: a run step has no latch; remove the line"),
        ("single-pulse", "run:\n  rate: 1 Hz\n  width: 4 us\n", "", "run: is missing; add `run:` with `rate:` and `width:`"),
        ("vswr-trip-check", "latch: VSWR,", "", "steps[7].latch: is missing; add `latch: VSWR`"),
        ("power-sweep", "200 mW, 400 mW]", "200 mW, 4 W]", "steps[7]: drive of step sweep_level_6 of 4 W is more than the allowed 1 W; write at most 1 W"),
        ("power-sweep", "settle: $settle", "settle: 50 s", ""),
        ("conditioning", "part: structure", "part: window", "conditioning.part: 'window' is not in `parts`; use one of structure, tube, switch_tube"),
        ("conditioning", "nominal_pulse: 200 ns", "nominal_pulse: 190 ns", "conditioning.nominal_pulse: 1.9e-07 is no rung of the ladder; write start_pulse_s + a whole number of steps of 5e-08 s"),
        ("conditioning", "nominal_pulse: 200 ns", "nominal_pulse: 200 ns\n  recipe: {arc_budge: 4}", "conditioning.recipe.arc_budge: the recipe has no such number; did you mean arc_budget?"),
        ("conditioning", "nominal_pulse: 200 ns", "nominal_pulse: 200 ns\n  recipe: {arc_budget: 4.5}", "conditioning.recipe.arc_budget: 4.5 is no whole number; write one in SI units"),
        ("conditioning", "drive: 100 mW}   #", "drive: 2 W}   #", "steps[8]: drive of step condition of 2 W is more than the allowed 1 W; write at most 1 W"),
        ("conditioning", "timeout: 11.5 h", "timeout: 8 h", "steps[8].timeout: timeout of step condition of 28.8 ks is less than the allowed 28.9 ks; allow at least 28.9 ks"),
        ("conditioning", "  - {step: run_down, timeout: 5 s}", "  - {step: dump, timeout: 5 s}", "steps[9]: dump cannot follow condition; after condition comes run_down"),
    ],
)  # fmt: skip
def test_refusals(name: str, old: str, new: str, complaint: str) -> None:
    data = changed(name, old, new)
    if not complaint:
        compiled(data)
        return
    found = refusal(data)
    assert complaint in found, found


def test_a_charger_behind_its_rating_is_refused() -> None:
    weak = rig()
    assert weak.run is not None
    resonant = replace(weak, run=replace(weak.run, charger_voltage_v=13e3, charger_gain=1.9))
    assert compiled(text("single-pulse"), on=resonant).charge_voltage_v == 24350.0
    direct = replace(weak, run=replace(weak.run, charger_voltage_v=13e3))
    wanted = "charge.voltage: charger voltage of 24.35 kV is more than the allowed 13 kV; write at most 13 kV"
    assert wanted in refusal(text("single-pulse"), on=direct)


def test_a_rig_that_fires_once_refuses_pulses_and_the_other_way_round() -> None:
    data = changed("single-pulse", "rig: microwave_bench", f"rig: {RIG.name}").replace(b"dummy_load", b"launcher")
    assert f"steps: {RIG.name} has no `run:` section: it fires once; take a rig that pulses" in refusal(data, on=RIG)
    found = refusal(FULL.replace(b"charge:\n", b"run: {rate: 1 Hz, width: 1 us}\ncharge:\n"), on=RIG)
    assert found == ["run: no step makes pulses; remove it, or add a run step"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("source: rf_source", "source: rf_sauce", "run.source: the rig has no RfSource 'rf_sauce'; did you mean rf_source?"),
        ("permit: 12 h", "permit: 6 h", "run.permit_s: 43.2 ks is looser than the 21.6 ks of rig.yaml (run.permit); write at most 21600"),
        ("flow_window: flow_load_l_per_min", "flow_window: flow_l", "windows: there is no window 'flow_l'; use one of"),
        ("gauge: {instrument: vacuum_gauge", "gauge: {instrument: chiller", "run.gauge.instrument: the rig has no VacuumGauge 'chiller'; use one of vacuum_gauge"),
    ],
)  # fmt: skip
def test_bad_rigs(old: str, new: str, complaint: str) -> None:
    data = RUN_RIG.read_bytes()
    assert old.encode() in data
    with pytest.raises(Refused) as caught:
        load_rig(data.replace(old.encode(), new.encode(), 1), "rig.yaml", PLC.read_bytes(), "plc.yaml")
    assert complaint in str(caught.value)


def test_plc_and_rig_are_both_of_the_same_kind() -> None:
    without = RUN_RIG.read_text()
    without = without[: without.index("run:\n")] + without[without.index("instruments:\n") :]
    with pytest.raises(Refused, match=r"rig\.yaml has no `run:` section; add it there, or remove it here"):
        load_rig(without.encode(), "rig.yaml", PLC.read_bytes(), "plc.yaml")
