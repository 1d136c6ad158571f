"""PURE: what can be known before the first pulse: charger, average power, duty, drive, pulses and time of a permit."""

from collections.abc import Iterator

from controller.rig.model import Rig
from controller.rig.run_rig import RunRig
from controller.rig.source import Path
from controller.rig.units import spell
from controller.sequencer.check_row import CheckRow
from controller.sequencer.plan import RUNNING, Plan, Step, StepKind

STOP_S = 0.5
"""A step's own time beside its pulses: set the drive, RUN, HOLD, and an answer of each."""

PASSES = 10
"""A conditioning's step may take this much longer than its session: it looks at its time between two decisions."""


def run_rows(plan: Plan, rig: Rig) -> Iterator[CheckRow]:
    """Every comparison that only a plan with pulses needs; none for any other."""
    run = rig.run
    if plan.run is None or run is None:
        return
    yield from _charger_rows(plan, run)
    rate: Path = ("run", "rate")
    yield CheckRow("pulse rate", plan.run.rate_hz, run.rate_max_hz, "Hz", rate)
    if any(step.pulses for step in plan.steps):
        # the PLC ends a run of N on the scan after the last one, and the next pulse must come later than that
        remedy = "pulse more slowly, or run for a duration"
        yield CheckRow("pulse rate of a counted run", plan.run.rate_hz, 0.5 / rig.limits.scan_s, "Hz", rate, remedy)
    for index, step in enumerate(plan.steps):
        if step.kind in RUNNING:
            yield from _pulse_rows(plan, run, index, step)
    yield from _permit_rows(plan, run)


def _charger_rows(plan: Plan, run: RunRig) -> Iterator[CheckRow]:
    assert plan.run is not None
    volts: Path = ("charge", "voltage")
    highest_v = run.charger_voltage_v * run.charger_gain
    remedy = f"write at most {spell(highest_v, 'V')}"
    charger_v = plan.charge_voltage_v / run.charger_gain
    yield CheckRow("charger voltage", charger_v, run.charger_voltage_v, "V", volts, remedy)
    power_w = average_power_w(plan, run)
    most_hz = plan.run.rate_hz * run.charger_power_w / power_w if power_w > 0.0 else plan.run.rate_hz
    item = f"charger power for {spell(plan.stored_energy_j, 'J')} per pulse at {spell(run.efficiency, '1')} efficiency"
    remedy = f"pulse at most at {spell(most_hz, 'Hz', 3)}, or lower the voltage"
    yield CheckRow(item, power_w, run.charger_power_w, "W", ("run", "rate"), remedy)


def average_power_w(plan: Plan, run: RunRig) -> float:
    """What the charger delivers on average, in W: the energy of every pulse times the rate, and the losses on its way
    (physics.md B1: the store is emptied by each pulse)."""
    rate_hz = plan.run.rate_hz if plan.run is not None else 0.0
    return plan.stored_energy_j * rate_hz / run.efficiency


def _pulse_rows(plan: Plan, run: RunRig, index: int, step: Step) -> Iterator[CheckRow]:
    assert plan.run is not None
    path: Path = ("steps", index)
    widths_s = [step.width_s]
    drive_w = step.drive_w
    if step.kind is StepKind.CONDITION and plan.run.conditioning is not None:
        widths_s.append(plan.run.conditioning.recipe.nominal_pulse_s)
        drive_w = plan.run.conditioning.drive_w(plan.run.conditioning.recipe.nominal_field_v_per_m)
    width_s = max(widths_s)
    yield CheckRow(f"pulse width of step {step.id}", width_s, run.width_max_s, "s", path)
    duty = width_s * plan.run.rate_hz
    remedy = f"shorten the pulse to {spell(run.duty_max / plan.run.rate_hz, 's', 3)}, or pulse more slowly"
    yield CheckRow(f"duty of step {step.id}", duty, run.duty_max, "1", path, remedy)
    if drive_w > 0.0:
        yield CheckRow(f"drive of step {step.id}", drive_w, run.drive_max_w, "W", path)
    pulses = step.pulses or round(_pulsed_s(plan, step) * plan.run.rate_hz)
    yield CheckRow(f"pulses of step {step.id}", float(pulses), float(run.pulses_max), "1", path)


def _pulsed_s(plan: Plan, step: Step) -> float:
    """How long pulses come in a step."""
    if step.kind not in RUNNING or plan.run is None:
        return 0.0
    if step.pulses:
        return step.pulses / plan.run.rate_hz
    return step.settle_s + step.duration_s


def _permit_rows(plan: Plan, run: RunRig) -> Iterator[CheckRow]:
    """A permit's time runs from its first RUN through every hold, and cannot be made longer."""
    permits = [index for index, step in enumerate(plan.steps) if step.kind is StepKind.PERMIT]
    ends = [*permits[1:], len(plan.steps)]
    for first, end in zip(permits, ends, strict=True):
        inside = plan.steps[first:end]
        begun = next((at for at, step in enumerate(inside) if step.kind in RUNNING), None)
        if begun is None:
            continue
        used_s = sum(_pulsed_s(plan, step) + STOP_S for step in inside[begun:] if step.kind in RUNNING)
        used_s += sum(step.duration_s for step in inside[begun:] if step.kind is StepKind.FLOAT)
        remedy = "shorten its steps, or take a second permit"
        item = f"time of the permit of step {plan.steps[first].id}"
        yield CheckRow(item, used_s, run.permit_s, "s", ("steps", first), remedy)


def needed_s(plan: Plan, rig: Rig, step: Step) -> float:
    """The least time of a step that only a plan with pulses has; 0 for any other."""
    if step.kind is StepKind.WARM_UP:
        return rig.run.warm_up_s if rig.run is not None else 0.0
    if step.kind not in RUNNING:
        return 0.0
    pulsed_s = _pulsed_s(plan, step) + STOP_S
    if step.kind is StepKind.CONDITION and plan.run is not None and plan.run.conditioning is not None:
        recipe = plan.run.conditioning.recipe
        pulsed_s += PASSES * max(recipe.vacuum_poll_s, recipe.pause_s)
    return pulsed_s
