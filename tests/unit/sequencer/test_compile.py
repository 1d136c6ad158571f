# ruff: noqa: E501 - the messages are compared as whole lines
"""Profiles to plans: the shipped ones compile, every kind of bad input is refused in these words and at this line."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.rig import Refused, Rig, load_rig
from controller.sequencer.check import check
from controller.sequencer.compile import compile_profile
from controller.sequencer.parameters import campaign_overrides
from controller.sequencer.plan import RUN_KINDS, Energy, InstrumentClass, Plan, ShotKind, StepKind
from controller.sequencer.profile import load_profile
from controller.sequencer.schema import profile_schema, rig_schema

ROOT = Path(__file__).parents[3]
RIG_FOLDER = ROOT / "hil_rigs" / "railgun_bench"
PROFILES = ROOT / "configs" / "profiles" / "railgun_bench"
SHIPPED = sorted(path.stem for path in PROFILES.glob("*.yaml"))
FULL = (PROFILES / "full.yaml").read_bytes()
RIG = load_rig((RIG_FOLDER / "rig.yaml").read_bytes(), "rig.yaml", (RIG_FOLDER / "plc.yaml").read_bytes(), "plc.yaml")


def compiled(data: bytes, overrides: Mapping[str, str] | None = None, rig: Rig = RIG) -> Plan:
    return compile_profile(load_profile(data, "p.yaml"), rig, overrides or {})


def refusal(data: bytes, overrides: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(Refused) as caught:
        compiled(data, overrides)
    return str(caught.value).splitlines()


def test_all_six_kinds_of_shot_are_shipped_and_compile():
    plans = {name: compiled((PROFILES / f"{name}.yaml").read_bytes()) for name in SHIPPED}
    assert {plan.kind for plan in plans.values()} == set(ShotKind) - RUN_KINDS
    assert all(check(plan, RIG).ok for plan in plans.values())
    assert [name for name, plan in plans.items() if not plan.energises] == ["noise", "trigger-only"]
    assert {step.dump_path for step in plans["dump-proof-a"].steps if step.kind is StepKind.DUMP} == {"a"}
    assert {step.dump_path for step in plans["dump-proof-b"].steps if step.kind is StepKind.DUMP} == {"b"}


def test_the_full_profile_is_the_shot_of_bench_md():
    plan = compiled(FULL)
    assert (plan.charge_voltage_v, plan.charge_current_a, plan.charge_rate_v_per_s) == (3000.0, 1.0, 250.0)
    assert (plan.module_mask, plan.bank_capacitance_f, plan.stored_energy_j) == (0b1111, 4e-3, 18000.0)
    assert plan.trigger_delays_s == (0.0, 150e-6, 350e-6, 600e-6)
    assert plan.daq_ranges_v == {"AIN0": 10.0}
    assert plan.instruments["plc"] is InstrumentClass.SAFETY and plan.instruments["daq"] is InstrumentClass.SAFETY
    kinds = [step.kind for step in plan.steps]
    assert kinds.index(StepKind.ARM) < kinds.index(StepKind.PERMIT) < kinds.index(StepKind.FIRE)
    assert all(step.timeout_s > 0 for step in plan.steps)
    assert sum(s.duration_s for s in plan.steps if s.kind is StepKind.FLOAT) <= 2.0
    assert plan.profile_text == FULL and len(plan.profile_sha256) == 64


def test_energy_classes_rise_and_fall_with_the_steps():
    energies = {step.kind: step.energy for step in compiled(FULL).steps}
    assert energies[StepKind.ARM] is Energy.DEAD
    assert energies[StepKind.CHARGE] is Energy.CHARGED
    assert energies[StepKind.FIRE] is Energy.FIRING
    assert energies[StepKind.VERIFY] is Energy.DEAD


def test_ranges_hold_the_expected_signal_with_headroom():
    ranges = {c.channel: c.range_v for scope in compiled(FULL).scopes for c in scope.channels}
    assert ranges["total_current"] == 8.0  # 64 kA at 20 kA/V is 3.2 V, twice that and a quarter more is 8 V
    assert ranges["muzzle_voltage"] == 16.0
    assert {c.source for scope in compiled(FULL).scopes for c in scope.channels} == {"CHAN1", "CHAN2", "CHAN3", "CHAN4"}


def test_a_partial_bank_follows_its_mask():
    plan = compiled((PROFILES / "partial-bank.yaml").read_bytes())
    assert (plan.module_mask, plan.bank_capacitance_f) == (0b0011, 2e-3)
    assert plan.charge_current_a == pytest.approx(0.5)
    assert plan.trigger_delays_s == (0.0, 150e-6, None, None)


def test_the_tolerance_keeps_its_fraction_at_lower_voltages():
    assert compiled(FULL).tolerance_v == 60.0
    assert compiled(FULL, {"voltage": "1.5 kV"}).tolerance_v == pytest.approx(30.0)


def test_overrides_change_parameters():
    plan = compiled(FULL, {"voltage": "2500 V", "hold": "0 s"})
    assert plan.parameters == {"voltage": 2500.0, "hold": 0.0, "countdown": 2.0}
    assert [s.voltage_v for s in plan.steps if s.kind is StepKind.CHARGE] == [2500.0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"volts": "3 kV"}, "--set: volts: the profile has no such parameter; use one of voltage, hold, countdown"),
        ({"voltag": "3 kV"}, "--set: voltag: the profile has no such parameter; did you mean voltage?"),
        ({"voltage": "2,5 kV"}, "--set: voltage: '2,5 kV' has a decimal comma; write 2.5 kV, not 2,5 kV"),
        ({"voltage": "2500"}, "--set: voltage: the number 2500 has no unit; write a voltage, for example 2500 V"),
        ({"voltage": "5 kV"}, "--set: voltage: 5 kV is outside the range of the parameter; write 1 kV to 3 kV"),
        ({"voltage": "-1 kV"}, "--set: voltage: -1 kV is outside the range of the parameter; write 1 kV to 3 kV"),
        ({"hold": "3 kV"}, "--set: hold: '3 kV' is a voltage, not a time; write a time, for example 20 ms"),
    ],
)
def test_bad_overrides(overrides: Mapping[str, str], message: str):
    assert refusal(FULL, overrides) == [message]


def test_every_shipped_profile_has_a_short_set_for_campaigns():
    for name in SHIPPED:
        profile = load_profile((PROFILES / f"{name}.yaml").read_bytes(), f"{name}.yaml")
        assert "campaign" in profile.document.data
        short = compile_profile(profile, RIG, campaign_overrides(profile))
        full = compile_profile(profile, RIG, {})
        assert [step.id for step in short.steps] == [step.id for step in full.steps]
        assert short.charge_voltage_v <= full.charge_voltage_v
        held_s = [sum(step.duration_s for step in plan.steps) for plan in (short, full)]
        assert held_s[0] < held_s[1] or name == "trigger-only"


def test_the_short_set_is_given_as_it_is_written_and_may_be_missing():
    assert campaign_overrides(load_profile(FULL, "p.yaml")) == {
        "voltage": "1.0 kV",
        "hold": "0.5 s",
        "countdown": "1.2 s",
    }
    without = re.sub(rb"campaign: .*\n", b"", FULL)
    assert campaign_overrides(load_profile(without, "p.yaml")) == {}


CASES = [
    ("campaign: {voltage: 1.0 kV", "campaign: {volts: 1.0 kV", "p.yaml:14: campaign.volts: the profile has no such parameter; use one of voltage, hold, countdown"),
    ("campaign: {voltage: 1.0 kV", "campaign: {voltage: 1.0", "p.yaml:14: campaign.voltage: the number 1.0 has no unit; write a voltage, for example 1 V"),
    ("campaign: {voltage: 1.0 kV", "campaign: {voltage: 900 V", "p.yaml:14: campaign.voltage: 900 V is outside the range of the parameter; write 1 kV to 3 kV"),
    ("campaign: {voltage: 1.0 kV", "campaign: {voltage: 5 s", "p.yaml:14: campaign.voltage: '5 s' is a time, not a voltage; write a voltage, for example 3.0 kV"),
    ("campaign: {voltage: 1.0 kV", "campaign: {voltage: much", "p.yaml:14: campaign.voltage: 'much' is not a number with a unit; write a number with its unit, for example 3.0 kV"),
    ("min: 1.0 kV", "min: 1.0", "p.yaml:11: parameters.voltage: default, min and max are in V, 1, V; write all three as the same kind of quantity"),
    ("rate: 250 V/s", "rate: 250", "p.yaml:17: charge.rate: the number 250 has no unit; write a charging rate, for example 250 V/s"),
    ("rate: 250 V/s", "rate: 250 V", "p.yaml:17: charge.rate: '250 V' is a voltage, not a charging rate; write a charging rate, for example 250 V/s"),
    ("rate: 250 V/s", "rate: 2,5 V/s", "p.yaml:17: charge.rate: '2,5 V/s' has a decimal comma; write 2.5 V/s, not 2,5 V/s"),
    ("rate: 250 V/s", "rate: .nan", "p.yaml:17: charge.rate: 'nan' is not a finite number; write a charging rate, for example 250 V/s"),
    ("rate: 250 V/s", "rate: -250 V/s", "p.yaml:17: charge.rate: '-250 V/s' is negative; write a charging rate of zero or more, for example 250 V/s"),
    ("rate: 250 V/s", "rat: 250 V/s", "p.yaml:17: charge.rat: unknown key; did you mean rate?"),
    ("rate: 250 V/s", "voltage: 2 kV", "p.yaml:17: charge.voltage: duplicate key, first given on line 16; keep one of them"),
    ("rate: 250 V/s", "rate: 300 V/s", "p.yaml:17: charge.rate: charge rate of 300 V/s is more than the allowed 250 V/s; write at most 250 V/s"),
    ("rate: 250 V/s", "rate: 5 V/s", "p.yaml:17: charge.rate: charge rate of 5 V/s is less than the allowed 10 V/s; charge with at least 10 V/s"),
    ("rate: 250 V/s", "tolerance: 10 V", "p.yaml:17: charge.tolerance: droop in the 1.5 s from isolate to the end of the fire window of 44.66 V is more than the allowed 10 V; widen the tolerance to at least 44.7 V or lower the voltage"),
    ("voltage: $voltage", "voltage: $volts", "p.yaml:16: charge.voltage: there is no parameter 'volts'; use one of voltage, hold, countdown"),
    ("voltage: $voltage", "voltage: $hold", "p.yaml:16: charge.voltage: $hold is a time, not a voltage; declare hold as a voltage"),
    ("voltage: $voltage", "voltage: 3.05 kV", "p.yaml:16: charge.voltage: charge voltage of 3.05 kV is more than the allowed 3 kV; write at most 3 kV"),
    ("voltage: $voltage", "voltage: 3.2 kV", "p.yaml:16: charge.voltage: stored energy of 20.48 kJ is more than the allowed 18.5 kJ; lower the voltage or use fewer modules"),
    ("profile: 1", "profile: 2", "p.yaml:2: profile: version 2 is newer than version 1, the newest this Sparkgap reads; update Sparkgap"),
    ("profile: 1\n", "", "p.yaml:2: profile: the version of the file is missing; add `profile: 1` as the first line"),
    ("rig: railgun_bench", "rig: microwave_bench", "p.yaml:3: rig: the profile is for microwave_bench, not for railgun_bench; run it with --rig microwave_bench"),
    ("kind: full", "kind: fulll", "p.yaml:5: kind: 'fulll' is not known here; did you mean full?"),
    ("load: launcher", "load: cannon", "p.yaml:7: load: the rig has no load 'cannon'; use one of launcher, dummy_load, none"),
    ("modules: [1, 2, 3, 4]", "modules: [1, 2, 3, 5]", "p.yaml:8: modules[3]: the rig has no module 5; write 1 to 4"),
    ("modules: [1, 2, 3, 4]", "modules: [1, 2, 3, 3]", "p.yaml:8: modules[3]: module 3 is listed twice; list every module once"),
    ("modules: [1, 2, 3, 4]", "modules: [1, 2, 3]", "p.yaml:22: trigger_delays.4: module '4' is not in `modules`; give one delay per module in use"),
    ("  4: 600 us\n", "", "p.yaml:18: trigger_delays: module 4 has no delay; add `4: 0 us`"),
    ("4: 600 us", "4: 600 ms", "p.yaml:22: trigger_delays.4: trigger delay of module 4 of 600 ms is more than the allowed 20 ms; write at most 20 ms"),
    ("action_integral: 5.6e6 A^2 s", "action_integral: 9e6 A^2 s", "p.yaml:25: expect.action_integral: expected action integral of 9e+06 A^2 s is more than the allowed 7e+06 A^2 s; write at most 7e+06 A^2 s"),
    ("module_1_current: 20 kA", "module_1_current: 20 V", "p.yaml:33: scopes.scope_1.channels.module_1_current: is in V, but the channel is in A; write a current"),
    ("module_1_current: 20 kA", "module_5_current: 20 kA", "p.yaml:33: scopes.scope_1.channels.module_5_current: scope_1 has no channel 'module_5_current'; did you mean module_4_current?"),
    ("total_current: 64 kA", "total_current: 640 kA", "p.yaml:42: scopes.scope_2.channels.total_current: 640 kA is not within the channel's full scale; write more than 0, up to 100 kA"),
    ("pretrigger: 1 ms", "pretrigger: 11 ms", "p.yaml:30: scopes.scope_1.pretrigger: 11 ms of a window of 10 ms before the trigger; write more than 0 s and less than the window"),
    ("{step: charge, timeout: 20 s}", "{step: charge, timeout: 10 s}", "p.yaml:61: steps[5].timeout: timeout of step charge of 10 s is less than the allowed 12.4 s; allow at least 12.4 s"),
    ("{step: charge, timeout: 20 s}", "{step: charge}", "p.yaml:61: steps[5].timeout: is missing; add `timeout: ...`"),
    ("  - {step: arm, timeout: 10 s}\n", "", "p.yaml:64: steps[8]: the scopes are not armed before permit; put arm before warn and permit"),
    ("  - {step: verify, timeout: 20 s}\n", "", "p.yaml:66: steps[10]: transfer cannot follow fire; after fire comes verify or dump"),
    ("{step: isolate, timeout: 1 s}", "{step: force_trigger, timeout: 1 s}", "p.yaml:64: steps[8]: a full shot must not have the step force_trigger; remove it or change `kind`"),
    ("{step: countdown, duration: $countdown,", "{step: countdown,", "p.yaml:63: steps[7].duration: is missing; add `duration: 1 s`"),
    ("{step: countdown, duration: $countdown, timeout: 15 s}", "{step: countdown, duration: 70 s, timeout: 80 s}", "p.yaml:61: steps[5]: time on the charger after step charge of 71.2 s is more than the allowed 60 s; shorten float and countdown"),
    ("channel: total_current, function: peak,", "channel: totl_current, function: peak,", "p.yaml:71: measure.peak_current.channel: 'totl_current' is not recorded by this profile; did you mean total_current?"),
    ("min: 62 kA", "min: 62 kV", "p.yaml:71: measure.peak_current.min: is in V, but peak of total_current is in A; write a value in A"),
    ("min: 62 kA", "min: 68 kA", "p.yaml:71: measure.peak_current.min: 68 kA is above max; write at most 67 kA"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), CASES)
def test_bad_profiles(old: str, new: str, message: str):
    assert old.encode() in FULL
    assert message in refusal(FULL.replace(old.encode(), new.encode(), 1))


def test_a_safety_instrument_cannot_be_made_optional():
    data = FULL.replace(b"parts:", b"instruments: {scope_2: optional, daq: optional}\nparts:")
    assert refusal(data) == [
        "p.yaml:46: instruments.daq: daq is a safety instrument of the rig; write safety or leave the line out"
    ]
    fine = compiled(FULL.replace(b"parts:", b"instruments: {scope_2: optional}\nparts:"))
    assert fine.instruments["scope_2"] is InstrumentClass.OPTIONAL


def test_one_dump_path_alone_is_for_low_voltage_only():
    data = (PROFILES / "dump-proof-a.yaml").read_bytes()
    data = data.replace(b"max: 110 V", b"max: 200 V").replace(b"tolerance: 5 V", b"tolerance: 10 V")
    found = refusal(data, {"voltage": "150 V"})
    assert len(found) == 1
    assert "voltage for one dump path alone of 150 V is more than the allowed 120 V" in found[0]


def test_several_problems_are_reported_at_once_in_the_order_of_the_file():
    data = (
        FULL.replace(b"rate: 250 V/s", b"rate: 250").replace(b"4: 600 us", b"4: 600").replace(b"kind: full", b"kind: x")
    )
    assert [line.split(":")[1] for line in refusal(data)] == ["5", "17", "22"]


def test_load_predictions_only_warn():
    predicted = {"peak_current_a": 64.58e3, "action_integral_a2s": 7.5e6}
    report = check(compiled(FULL), RIG, lambda _: predicted)
    broken = [row for row in report.rows if not row.ok]
    assert [row.problem for row in broken] == [
        "predicted action integral of 7.5e+06 A^2 s is more than the allowed 7e+06 A^2 s"
    ]
    assert broken[0].margin == -0.5e6
    assert broken[0].predicted and broken[0].warns
    assert report.ok and report.bad == ()


@pytest.mark.parametrize(
    ("key", "value", "item"),
    [
        ("stored_energy_j", 18.6e3, "predicted stored energy of 18.6 kJ is more than the allowed 18.5 kJ"),
        ("charge_time_s", 20.5, "predicted time to charge of 20.5 s is more than the allowed 20 s"),
    ],
)
def test_predictions_of_the_bank_block(key: str, value: float, item: str):
    report = check(compiled(FULL), RIG, lambda _: {key: value})
    assert not report.ok
    assert [row.problem for row in report.bad] == [item]


def test_the_exported_schemas_are_current():
    for name, text in (("profile.json", profile_schema()), ("rig.json", rig_schema())):
        assert (ROOT / "configs" / "schema" / name).read_text(encoding="utf-8") == text
        assert json.loads(text)["additionalProperties"] is False


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_file_names_its_schema(name: str):
    first = (PROFILES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../schema/profile.json"
    assert (PROFILES / "../../schema/profile.json").resolve().is_file()


DAMAGE = ["drop", "x1000", "no unit", "negative", "swap", "text", "empty"]


@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SHIPPED),
    st.integers(0, 200),
    st.sampled_from(DAMAGE),
    st.integers(0, 200),
    st.sampled_from(["", "1e6 ", "0 "]),
)
def test_a_damaged_profile_compiles_within_limits_or_is_refused_by_line(
    name: str, number: int, damage: str, other: int, number_text: str
):
    lines = (PROFILES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    number, other = number % len(lines), other % len(lines)
    key, _, value = lines[number].partition(": ")
    changed = {
        "drop": "",
        "x1000": f"{key}: {value.replace(' ', '000 ', 1)}",
        "no unit": f"{key}: {value.split(' ')[0]}",
        "negative": f"{key}: -{value}",
        "swap": lines[other],
        "text": f"{key}: {number_text}{key}",
        "empty": f"{key}:",
    }
    lines[number] = changed[damage]
    try:
        plan = compiled("\n".join(lines).encode())
    except Refused as refused:
        assert refused.problems
        assert all(problem.file == "p.yaml" and problem.problem for problem in refused.problems)
        return
    assert plan.charge_voltage_v <= RIG.bank.max_voltage_v
    assert plan.stored_energy_j <= RIG.limits.energy_j
    assert check(plan, RIG).ok
