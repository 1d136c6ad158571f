"""PURE: a profile and a rig to a :class:`Plan`, or a refusal with everything that is wrong.

Order: the right rig, parameters and overrides, modules, charge, steps and their order, trigger, scopes and
measurements; then every row of ``check.py``. After this nobody reads YAML again.
"""

from collections.abc import Mapping
from dataclasses import replace

from controller.rig.fields import closest
from controller.rig.model import Rig
from controller.rig.source import Path, Problem, Refused
from controller.sequencer.acquisition import daq_ranges, instrument_classes, measurements, scope_plans
from controller.sequencer.check import limit_rows
from controller.sequencer.graph import LEAVES, check_graph
from controller.sequencer.parameters import Resolver, resolve_parameters
from controller.sequencer.plan import RUNNING, Plan, ShotKind, Step, StepKind
from controller.sequencer.profile import ProfileDocument, StepFile
from controller.sequencer.run_compile import STEP_FIELDS, longest_s, pulse_steps, run_plan, serving

TIMEOUT_MAX_S = 600.0
"""No step of a bench takes ten minutes; a longer wait hides a mistake."""

_DURATION = (StepKind.WARN, StepKind.FLOAT, StepKind.COUNTDOWN, StepKind.FORCE_TRIGGER, *RUNNING)
_TRIGGERS = (StepKind.FIRE, StepKind.REHEARSE)


def compile_profile(profile: ProfileDocument, rig: Rig, overrides: Mapping[str, str]) -> Plan:
    """The plan of ``profile`` on ``rig`` with ``--set`` values applied. Raises :class:`Refused`."""
    file = profile.file
    if file.rig != rig.name:
        problem = f"the profile is for {file.rig}, not for {rig.name}"
        raise Refused([profile.document.problem(("rig",), problem, f"run it with --rig {file.rig}")])
    resolver = resolve_parameters(profile, overrides)
    mask = _mask(resolver, rig)
    steps, lines = _steps(resolver, rig)
    for index, complaint, remedy in check_graph(ShotKind(file.kind), steps):
        resolver.add(("steps",) if index < 0 else ("steps", lines[index]), complaint, remedy)
    if file.load not in rig.loads:
        resolver.add(("load",), f"the rig has no load '{file.load}'", closest(file.load, rig.loads))
    if mask == 0:
        raise Refused(resolver.problems)
    plan = _plan(resolver, rig, mask, steps)
    _require_expectations(resolver, plan)
    if resolver.problems:
        raise Refused(_sorted(resolver))
    for row in limit_rows(plan, rig):
        if not row.ok:
            resolver.add(_at_line(row.field, lines), row.problem, row.advice)
    if resolver.problems:
        raise Refused(_sorted(resolver))
    return plan


def _plan(resolver: Resolver, rig: Rig, mask: int, steps: tuple[Step, ...]) -> Plan:
    profile, file, bank = resolver.profile, resolver.profile.file, rig.bank
    energises = any(step.kind is StepKind.PERMIT for step in steps)
    triggers = any(step.kind in _TRIGGERS or step.kind in RUNNING for step in steps)
    voltage_v, rate_v_per_s, tolerance_v = _charge(resolver, rig, energises)
    scopes = scope_plans(resolver, rig)
    expect = file.expect
    run = run_plan(resolver, rig, steps)
    capacitance_f = bank.capacitance_f(mask)
    # a charger for pulses fills a store in milliseconds: its set-point makes the ramp, its current feeds bleeders too
    ramp_v_per_s, leak_a = (0.0, 0.0) if run is None else (rate_v_per_s, voltage_v / bank.bleeder_ohm)
    return Plan(
        profile=profile.name,
        title=file.title,
        rig=rig.name,
        kind=ShotKind(file.kind),
        load=file.load,
        steps=tuple(_charged(step, voltage_v, ramp_v_per_s) for step in steps),
        module_mask=mask,
        charge_voltage_v=voltage_v,
        charge_current_a=rate_v_per_s * capacitance_f + leak_a,
        tolerance_v=tolerance_v,
        trigger_delays_s=_delays(resolver, rig, mask, triggers),
        scopes=scopes,
        daq_ranges_v=daq_ranges(rig),
        instruments=instrument_classes(resolver, rig, energises, triggers, serving(run)),
        measurements=measurements(resolver, rig, scopes),
        parameters={name: quantity.value for name, quantity in resolver.values.items()},
        checklist=tuple(file.checklist),
        purpose=file.purpose,
        bank_capacitance_f=capacitance_f,
        v_safe_v=bank.v_safe_v(mask),
        dump_tau_s=bank.dump_tau_s(_dump_path(steps)),
        stored_energy_j=bank.energy_j(voltage_v, mask),
        profile_text=profile.text,
        profile_sha256=profile.sha256,
        rig_text=rig.text,
        rig_sha256=rig.sha256,
        parts=dict(file.parts),
        charge_rate_v_per_s=rate_v_per_s,
        expected_current_a=resolver.si(expect.peak_current, ("expect", "peak_current")) if expect else 0.0,
        expected_action_a2s=resolver.si(expect.action_integral, ("expect", "action_integral")) if expect else 0.0,
        run=run,
    )


def _mask(resolver: Resolver, rig: Rig) -> int:
    mask = 0
    for index, module in enumerate(resolver.profile.file.modules):
        path: Path = ("modules", index)
        if module > rig.bank.modules:
            resolver.add(path, f"the rig has no module {module}", f"write 1 to {rig.bank.modules}")
        elif mask & 1 << (module - 1):
            resolver.add(path, f"module {module} is listed twice", "list every module once")
        else:
            mask |= 1 << (module - 1)
    return mask


def _charge(resolver: Resolver, rig: Rig, energises: bool) -> tuple[float, float, float]:
    """Voltage, rate and tolerance; zeros when the bank stays dead."""
    charge = resolver.profile.file.charge
    if charge is None:
        if energises:
            resolver.add(("charge",), "is missing", "add `charge:` with `voltage: ...`")
        return 0.0, 0.0, 0.0
    if not energises:
        resolver.add(("charge",), "nothing in the steps charges the bank", "remove `charge:` or add the steps")
    voltage_v = resolver.si(charge.voltage, ("charge", "voltage"))
    bank = rig.bank
    rate = bank.charge_rate_v_per_s if charge.rate is None else resolver.si(charge.rate, ("charge", "rate"))
    tolerance_v = bank.tolerance_v * min(voltage_v / bank.max_voltage_v, 1.0)  # the same fraction at every voltage
    if charge.tolerance is not None:
        tolerance_v = resolver.si(charge.tolerance, ("charge", "tolerance"))
    for name, value in (("voltage", voltage_v), ("rate", rate), ("tolerance", tolerance_v)):
        if value <= 0.0 and not resolver.problems:
            resolver.add(("charge", name), "is zero", "write a value above zero")
    return voltage_v, rate, tolerance_v


def _at_line(field: Path, lines: tuple[int, ...]) -> Path:
    """A field of a step of the plan as a field of the profile: a sweep's levels are one step there."""
    if len(field) > 1 and field[0] == "steps" and isinstance(field[1], int):
        return ("steps", lines[field[1]], *field[2:])
    return field


def _steps(resolver: Resolver, rig: Rig) -> tuple[tuple[Step, ...], tuple[int, ...]]:
    """The plan's steps, and of each its index in the profile."""
    steps: list[Step] = []
    lines: list[int] = []
    names: dict[str, int] = {}
    for index, file in enumerate(resolver.profile.file.steps):
        count = names[file.step] = names.get(file.step, 0) + 1
        name = file.id or (file.step if count == 1 else f"{file.step}_{count}")
        made = pulse_steps(resolver, index, file, _step(resolver, rig, index, file, name))
        steps += made
        lines += [index] * len(made)
    return tuple(steps), tuple(lines)


def _step(resolver: Resolver, rig: Rig, index: int, file: StepFile, name: str) -> Step:
    kind, path = StepKind(file.step), ("steps", index)
    timeout_s = resolver.si(file.timeout, (*path, "timeout"))
    most_s = longest_s(kind, rig, TIMEOUT_MAX_S)
    if not 0.0 < timeout_s <= most_s:
        resolver.add((*path, "timeout"), f"{timeout_s:g} s is not a useful timeout", f"write up to {most_s:g} s")
    duration_s = rig.limits.warn_s if kind is StepKind.WARN else 0.0
    if file.duration is not None:
        duration_s = resolver.si(file.duration, (*path, "duration"))
        if kind not in _DURATION:
            resolver.add((*path, "duration"), f"a {file.step} step has no duration", "remove the line")
    elif kind in (StepKind.FLOAT, StepKind.COUNTDOWN):
        resolver.add((*path, "duration"), "is missing", "add `duration: 1 s`")
    for field_name, kinds in STEP_FIELDS.items():
        if getattr(file, field_name) is not None and kind not in kinds:
            resolver.add((*path, field_name), f"a {file.step} step has no {field_name}", "remove the line")
    if file.path is not None and kind is not StepKind.DUMP:
        resolver.add((*path, "path"), f"a {file.step} step has no path", "remove the line")
    return Step(name, kind, timeout_s, LEAVES[kind], duration_s=duration_s, dump_path=file.path or "both")


def _charged(step: Step, voltage_v: float, ramp_v_per_s: float) -> Step:
    return replace(step, voltage_v=voltage_v, ramp_v_per_s=ramp_v_per_s) if step.kind is StepKind.CHARGE else step


def _dump_path(steps: tuple[Step, ...]) -> str:
    """The path of the last DUMP step; the PLC dumps with both when there is none."""
    return next((step.dump_path for step in reversed(steps) if step.kind is StepKind.DUMP), "both")


def _delays(resolver: Resolver, rig: Rig, mask: int, triggers: bool) -> tuple[float | None, ...]:
    """One delay per module of the rig relative to T0; None for a module that is not triggered."""
    delays: list[float | None] = [None] * rig.bank.modules
    declared = resolver.profile.file.trigger_delays
    if declared and not triggers:
        resolver.add(("trigger_delays",), "no step triggers anything", "remove it, or add a fire or rehearse step")
    for name, quantity in declared.items():
        path: Path = ("trigger_delays", name)
        module = int(name) if name.isascii() and name.isdigit() and len(name) == 1 else 0
        if module < 1 or not mask & 1 << (module - 1):
            resolver.add(path, f"module '{name}' is not in `modules`", "give one delay per module in use")
            continue
        delays[module - 1] = resolver.si(quantity, path)
    for module in range(1, rig.bank.modules + 1):
        if triggers and mask & 1 << (module - 1) and delays[module - 1] is None:
            resolver.add(("trigger_delays",), f"module {module} has no delay", f"add `{module}: 0 us`")
    return tuple(delays)


def _require_expectations(resolver: Resolver, plan: Plan) -> None:
    if plan.fires and resolver.profile.file.expect is None:
        resolver.add(("expect",), "is missing", "add `peak_current` and `action_integral` that the shot should reach")
    recording = (*_TRIGGERS, StepKind.FORCE_TRIGGER) if plan.run is None else (StepKind.ARM,)
    if any(step.kind in recording for step in plan.steps) and not plan.scopes:
        resolver.add(("scopes",), "is missing", "say what the oscilloscopes record")


def _sorted(resolver: Resolver) -> list[Problem]:
    """In the order of the file, each once."""
    return sorted(dict.fromkeys(resolver.problems), key=lambda problem: (problem.line, problem.field))
