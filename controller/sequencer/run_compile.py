"""PURE: the part of compiling that only plans with pulses have: their steps, services, and a conditioning's recipe."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from controller.rig.fields import closest
from controller.rig.model import Rig
from controller.rig.run_rig import RunRig
from controller.rig.source import Path
from controller.sequencer.conditioning_recipe import ConditioningRecipe, RecipeRefused
from controller.sequencer.parameters import Resolver
from controller.sequencer.plan import RUNNING, Step, StepKind
from controller.sequencer.profile import ConditioningFile, StepFile
from controller.sequencer.run_plan import Calorimetry, ChillerPlan, ConditioningPlan, RunPlan, Services, SupplyPlan

_K = StepKind
STEP_FIELDS: Mapping[str, frozenset[StepKind]] = {
    "pulses": frozenset({_K.RUN}),
    "drive": frozenset({_K.RUN, _K.TRIP_CHECK}),
    "width": frozenset({_K.RUN, _K.SWEEP, _K.TRIP_CHECK}),
    "levels": frozenset({_K.SWEEP}),
    "settle": frozenset({_K.SWEEP}),
    "latch": frozenset({_K.TRIP_CHECK}),
}
"""Fields of a step that only some kinds have."""

WARM_UP_MAX_S = 6.0 * 3600.0
"""The longest wait for heater, magnet, vacuum and flow: a cold oil-filled tube tank and its pump-down."""

EXTRA_S = 600.0
"""A step with pulses may wait this much longer than a permit lasts."""


def longest_s(kind: StepKind, rig: Rig, usual_s: float) -> float:
    """The longest useful timeout of a step of this kind."""
    if kind is _K.WARM_UP:
        return WARM_UP_MAX_S
    if kind in RUNNING and rig.run is not None:
        return rig.run.permit_s + EXTRA_S
    return usual_s


def pulse_steps(resolver: Resolver, index: int, file: StepFile, step: Step) -> tuple[Step, ...]:
    """``step`` with what its pulses need; a sweep becomes one step per level, any other stays one."""
    if step.kind not in RUNNING:
        return (step,)
    path: Path = ("steps", index)
    run = resolver.profile.file.run
    width = file.width or (run.width if run is not None else None)
    width_path: Path = (*path, "width") if file.width is not None else ("run", "width")
    width_s = 0.0 if width is None else resolver.si(width, width_path)
    drive_w = 0.0 if file.drive is None else resolver.si(file.drive, (*path, "drive"))
    pulses = 0 if file.pulses is None else resolver.count(file.pulses, (*path, "pulses"))
    step = replace(step, width_s=width_s, drive_w=drive_w, pulses=pulses, latch=file.latch or "")
    _require(resolver, path, file, step)
    if step.kind is not _K.SWEEP:
        return (step,)
    settle_s = 0.0 if file.settle is None else resolver.si(file.settle, (*path, "settle"))
    levels = file.levels or []
    return tuple(
        replace(
            step, id=f"{step.id}_level_{at}", drive_w=resolver.si(level, (*path, "levels", at - 1)), settle_s=settle_s
        )
        for at, level in enumerate(levels, start=1)
    )


def _require(resolver: Resolver, path: Path, file: StepFile, step: Step) -> None:
    if file.pulses is not None and file.duration is not None:
        resolver.add((*path, "pulses"), "beside a duration", "keep one of them")
    if file.pulses is None and step.duration_s <= 0.0:
        remedy = "add `pulses: 100` or `duration: 1 s`" if step.kind is _K.RUN else "add `duration: 1 s`"
        resolver.add((*path, "duration"), "is missing", remedy)
    if step.kind is _K.SWEEP and not file.levels:
        resolver.add((*path, "levels"), "is missing", "add the drive levels, such as `levels: [10 mW, 20 mW]`")
    if step.kind is _K.TRIP_CHECK and not step.latch:
        resolver.add((*path, "latch"), "is missing", "add `latch: VSWR`")


def run_plan(resolver: Resolver, rig: Rig, steps: tuple[Step, ...]) -> RunPlan | None:
    """What the pulses need beside the steps; None when no step has any."""
    file = resolver.profile.file
    if not any(step.kind in RUNNING or step.kind is _K.WARM_UP for step in steps):
        for name in ("run", "conditioning"):
            if getattr(file, name) is not None:
                resolver.add((name,), "no step makes pulses", "remove it, or add a run step")
        return None
    run = rig.run
    if run is None:
        resolver.add(("steps",), f"{rig.name} has no `run:` section: it fires once", "take a rig that pulses")
        return None
    if file.run is None:
        resolver.add(("run",), "is missing", "add `run:` with `rate:` and `width:`")
        return None
    rate_hz = resolver.si(file.run.rate, ("run", "rate"))
    if rate_hz <= 0.0:
        resolver.add(("run", "rate"), "is zero", "write a rate above zero")
        rate_hz = 1.0
    driven = any(step.drive_w > 0.0 or step.kind is _K.CONDITION for step in steps)
    if driven and not run.source:
        resolver.add(("steps",), f"{rig.name} has no source for a drive", "remove `drive:` and `levels:`")
    watered = run.flow_window and run.rise_window
    heat = Calorimetry(run.flow_window, run.rise_window, coupler=run.coupler) if watered else None
    return RunPlan(
        rate_hz=rate_hz,
        frequency_hz=run.frequency_hz,
        source=run.source if driven else "",
        generator=rig.trigger.instrument,
        services=_services(run, conditioned=file.conditioning is not None),
        windows=run.windows,
        calorimetry=heat,
        conditioning=_conditioning(resolver, rate_hz, steps),
    )


def _services(run: RunRig, conditioned: bool) -> Services:
    return Services(
        supplies=tuple(SupplyPlan(name, row.voltage_v, row.current_a) for name, row in run.supplies.items()),
        chillers=tuple(ChillerPlan(name, set_point_c) for name, set_point_c in run.chillers.items()),
        auxiliaries=(1 << len(run.auxiliaries)) - 1,
        gauge=run.gauge if conditioned else "",
        gauge_number=run.gauge_number,
    )


def serving(run: RunPlan | None) -> frozenset[str]:
    """Instruments that a plan with pulses uses beside those of every shot."""
    if run is None:
        return frozenset()
    names = {run.source, run.services.gauge}
    names |= {supply.instrument for supply in run.services.supplies}
    names |= {chiller.instrument for chiller in run.services.chillers}
    return frozenset(names - {""})


def _conditioning(resolver: Resolver, rate_hz: float, steps: tuple[Step, ...]) -> ConditioningPlan | None:
    file = resolver.profile.file.conditioning
    wanted = any(step.kind is _K.CONDITION for step in steps)
    if file is None:
        if wanted:
            resolver.add(("conditioning",), "is missing", "say which part, which fields and which pulses")
        return None
    if not wanted:
        resolver.add(("conditioning",), "no step conditions anything", "remove it, or add a condition step")
    parts = resolver.profile.file.parts
    if file.part not in parts:
        resolver.add(("conditioning", "part"), f"'{file.part}' is not in `parts`", closest(file.part, parts))
    reference: Path = ("conditioning", "reference")
    field = resolver.si(file.reference.field, (*reference, "field"))
    drive_w = resolver.si(file.reference.drive, (*reference, "drive"))
    if field <= 0.0 or drive_w <= 0.0:
        resolver.add(reference, "is zero", "write a field and the drive that makes it, both above zero")
        return None
    recipe = _recipe(resolver, file, rate_hz)
    if recipe is None or file.part not in parts:
        return None
    return ConditioningPlan(file.part, parts[file.part], recipe, field, drive_w)


_NAMED = {
    "start_field_v_per_m": "start_field",
    "normal_field_v_per_m": "normal_field",
    "nominal_field_v_per_m": "nominal_field",
    "start_pulse_s": "start_pulse",
    "pulse_step_s": "pulse_step",
    "nominal_pulse_s": "nominal_pulse",
}
"""Numbers of the recipe that the profile gives with their units."""


def _recipe(resolver: Resolver, file: ConditioningFile, rate_hz: float) -> ConditioningRecipe | None:
    known = [item.name for item in fields(ConditioningRecipe) if item.name not in (*_NAMED, "rate_hz")]
    strange = [name for name in file.recipe if name not in known]
    for name in strange:
        resolver.add(("conditioning", "recipe", name), "the recipe has no such number", closest(name, known))
    values: dict[str, Any] = {name: value for name, value in file.recipe.items() if name in known}
    for name, key in _NAMED.items():
        values[name] = resolver.si(getattr(file, key), ("conditioning", key))
    try:
        return ConditioningRecipe(rate_hz=rate_hz, **values)
    except RecipeRefused as refused:
        for text in refused.problems:
            name, _, rest = text.partition(": ")
            problem, _, remedy = rest.rpartition("; ")
            path: Path = ("conditioning", _NAMED[name]) if name in _NAMED else ("conditioning", "recipe", name)
            resolver.add(path, problem, remedy)
        return None
