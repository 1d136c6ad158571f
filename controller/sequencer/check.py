"""PURE: everything that can be known before energy, as rows of value against limit (``sparkgap check``).

``compile.py`` refuses a profile with a bad row, at the row's field; ``sparkgap check`` prints them all. The twin's
prediction is passed in by the application and only compared here.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from controller.rig.model import Rig
from controller.rig.source import Path
from controller.rig.units import spell
from controller.sequencer.plan import Plan, Step, StepKind
from controller.sequencer.trains import transfer_s

SETTLE_S = 0.3
"""Charging: contactor travel and the 200 ms both probes must be within tolerance (bench.md section 2)."""

LINK_S = 0.1
"""Two heartbeat exchanges: what a step needs beyond the time on the bench itself."""

PREDICTED = {
    "stored_energy_j": ("predicted stored energy", "J", "energy", False),
    "charge_time_s": ("predicted time to charge", "s", "charge", False),
    "peak_current_a": ("predicted peak current", "A", "current", True),
    "module_current_a": ("predicted peak current of one module", "A", "module", True),
    "action_integral_a2s": ("predicted action integral", "A^2 s", "action", True),
}
"""What is compared of a prediction: key -> (item, unit, which limit, depends on the load).

A row that depends on the load only warns until the twin is fitted to five shots of that kind and load (bench.md 4).
"""

Predict = Callable[[Plan], Mapping[str, float]]
"""The dry run on the twin: a plan to predicted numbers, keys of :data:`PREDICTED`."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One comparison in ``unit``. ``field`` is the profile's field to blame; ``remedy`` says what would be right.

    ``ok`` means ``value <= limit``, or ``value >= limit`` when ``at_least``. ``predicted`` marks what the twin said;
    a row that ``warns`` refuses nothing.
    """

    item: str
    value: float
    limit: float
    unit: str
    field: Path = ()
    remedy: str = ""
    at_least: bool = False
    predicted: bool = False
    warns: bool = False

    @property
    def ok(self) -> bool:
        """True when the value respects the limit; a value that is not finite never does."""
        slack = 1e-9 * abs(self.limit)
        if self.at_least:
            return self.value >= self.limit - slack
        return self.value <= self.limit + slack

    @property
    def margin(self) -> float:
        """Distance to the limit in ``unit``; negative when it is broken."""
        return self.value - self.limit if self.at_least else self.limit - self.value

    @property
    def advice(self) -> str:
        """What would be right."""
        return self.remedy or f"write at {'least' if self.at_least else 'most'} {spell(self.limit, self.unit)}"

    @property
    def problem(self) -> str:
        """The broken row as one clause."""
        relation = "is less than the" if self.at_least else "is more than the"
        return f"{self.item} of {spell(self.value, self.unit)} {relation} allowed {spell(self.limit, self.unit)}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All rows of one plan on one rig."""

    profile: str
    rig: str
    rows: tuple[CheckRow, ...]

    @property
    def ok(self) -> bool:
        """True when no row refuses."""
        return not self.bad

    @property
    def bad(self) -> tuple[CheckRow, ...]:
        """The rows that refuse."""
        return tuple(row for row in self.rows if not row.ok and not row.warns)


def check(plan: Plan, rig: Rig, predict: Predict | None = None) -> CheckReport:
    """Compare the plan with the rig, and the twin's prediction with the ratings when there is one."""
    rows = list(limit_rows(plan, rig))
    if predict is not None and plan.energises:
        rows.extend(_predicted_rows(plan, rig, predict(plan)))
    return CheckReport(plan.profile, plan.rig, tuple(rows))


def limit_rows(plan: Plan, rig: Rig) -> Iterator[CheckRow]:
    """Every comparison that needs no prediction."""
    if plan.energises:
        yield from _bank_rows(plan, rig)
        yield from _droop_rows(plan, rig)
    if plan.fires:
        yield from _load_rows(plan, rig)
    for index, delay_s in enumerate(plan.trigger_delays_s):
        if delay_s is not None:
            field: Path = ("trigger_delays", str(index + 1))
            yield CheckRow(f"trigger delay of module {index + 1}", delay_s, rig.limits.trigger_delay_s, "s", field)
    for index, step in enumerate(plan.steps):
        yield from _step_rows(plan, rig, index, step)


def _bank_rows(plan: Plan, rig: Rig) -> Iterator[CheckRow]:
    bank, limits, rate = rig.bank, rig.limits, plan.charge_rate_v_per_s
    volts: Path = ("charge", "voltage")
    ramp: Path = ("charge", "rate")
    highest = f"write at most {spell(bank.max_voltage_v, 'V')}"
    yield CheckRow("charge voltage", plan.charge_voltage_v, bank.max_voltage_v, "V", volts, highest)
    lower = "lower the voltage or use fewer modules"
    yield CheckRow("stored energy", plan.stored_energy_j, limits.energy_j, "J", volts, lower)
    yield CheckRow("charge rate", rate, bank.charge_rate_v_per_s, "V/s", ramp)
    slowest = bank.charge_rate_min_v_per_s
    yield CheckRow("charge rate", rate, slowest, "V/s", ramp, f"charge with at least {slowest:g} V/s", at_least=True)
    yield CheckRow("charge current", plan.charge_current_a, bank.charge_current_a, "A", ramp, "charge more slowly")
    blind_v = plan.charge_voltage_v + rate * (limits.watchdog_s + limits.scan_s)
    item = "voltage when a dead controller is noticed"
    yield CheckRow(item, blind_v, bank.rated_voltage_v, "V", ramp, "charge more slowly (safety.md 3.2)")
    late_v = plan.charge_voltage_v + rate * (2.0 * limits.scan_s + limits.contactor_s)
    item = "voltage when the contactor has opened"
    yield CheckRow(item, late_v, bank.overvoltage_v, "V", ramp, "charge more slowly (safety.md 3.2)")
    # A misfire leaves all of a module's energy to its dump resistors, and one path may have failed.
    one_path_j = bank.energy_j(plan.charge_voltage_v, 1)
    yield CheckRow("heat in one dump resistor", one_path_j, bank.dump_energy_j, "J", volts, "lower the voltage")


def _droop_rows(plan: Plan, rig: Rig) -> Iterator[CheckRow]:
    """From ISOLATE on nothing holds the voltage but the bleeders' leak; it must still fit when FIRE comes last."""
    tolerance: Path = ("charge", "tolerance")
    yield CheckRow("tolerance", plan.tolerance_v, rig.bank.tolerance_v, "V", tolerance)
    finest_v = rig.bank.tolerance_min_v
    remedy = f"write at least {spell(finest_v, 'V')} as charge.tolerance"
    yield CheckRow("tolerance", plan.tolerance_v, finest_v, "V", tolerance, remedy, at_least=True)
    if plan.fires:
        alone_s = rig.limits.isolate_s + rig.limits.fire_s
        droop_v = -plan.charge_voltage_v * math.expm1(-alone_s / rig.bank.bleed_tau_s)
        item = f"droop in the {spell(alone_s, 's')} from isolate to the end of the fire window"
        remedy = f"widen the tolerance to at least {spell(droop_v, 'V', 3)} or lower the voltage"
        yield CheckRow(item, droop_v, plan.tolerance_v, "V", tolerance, remedy)


def _load_rows(plan: Plan, rig: Rig) -> Iterator[CheckRow]:
    current_a = plan.module_mask.bit_count() * rig.bank.module_current_a
    item = "expected peak current"
    yield CheckRow(item, plan.expected_current_a, current_a, "A", ("expect", "peak_current"))
    limit = rig.limits.action_integral_a2s
    item = "expected action integral"
    yield CheckRow(item, plan.expected_action_a2s, limit, "A^2 s", ("expect", "action_integral"))


def _predicted_rows(plan: Plan, rig: Rig, predicted: Mapping[str, float]) -> Iterator[CheckRow]:
    limits = {
        "energy": rig.limits.energy_j,
        "charge": min((s.timeout_s for s in plan.steps if s.kind is StepKind.CHARGE), default=math.inf),
        "current": plan.module_mask.bit_count() * rig.bank.module_current_a,
        "module": rig.bank.module_current_a,
        "action": rig.limits.action_integral_a2s,
    }
    volts: Path = ("charge", "voltage")
    for key, (item, unit, limit, of_load) in PREDICTED.items():
        if key in predicted:
            remedy = "allow more time" if limit == "charge" else "lower the voltage"
            yield CheckRow(item, predicted[key], limits[limit], unit, volts, remedy, predicted=True, warns=of_load)


def dump_time_s(plan: Plan, rig: Rig, path: str) -> float:
    """Supervised dump time for ``path`` plus travel and dwell: margin * tau ln(V0 / V_safe) + 5 tau (safety.md 3.2)."""
    tau_s = rig.bank.dump_tau_s(path)
    decades = math.log(max(plan.charge_voltage_v / plan.v_safe_v, 1.0))
    return rig.limits.dump_travel_s + tau_s * (rig.limits.dump_margin * decades + rig.limits.dwell_taus)


def _step_rows(plan: Plan, rig: Rig, index: int, step: Step) -> Iterator[CheckRow]:
    field: Path = ("steps", index, "timeout")
    needed_s = _needed_s(plan, rig, index, step)
    remedy = f"allow at least {spell(math.ceil(10.0 * needed_s) / 10.0, 's')}"
    yield CheckRow(f"timeout of step {step.id}", step.timeout_s, needed_s, "s", field, remedy, at_least=True)
    if step.kind is StepKind.DUMP and step.dump_path != "both":
        limit_v = rig.limits.single_dump_voltage_v
        remedy = f"charge to at most {spell(limit_v, 'V')} or dump with both"
        yield CheckRow(
            "voltage for one dump path alone", plan.charge_voltage_v, limit_v, "V", ("steps", index, "path"), remedy
        )
    if step.kind is StepKind.CHARGE:
        held_s = _held_s(plan, index)
        item = f"time on the charger after step {step.id}"
        yield CheckRow(item, held_s, rig.limits.float_s, "s", ("steps", index), "shorten float and countdown")


def _needed_s(plan: Plan, rig: Rig, index: int, step: Step) -> float:
    """The least time the step can be done in, worst case of a healthy bench."""
    limits = rig.limits
    if step.kind is StepKind.CHARGE:
        return step.voltage_v / plan.charge_rate_v_per_s + SETTLE_S + LINK_S
    if step.kind is StepKind.VERIFY:
        path = plan.steps[index - 1].dump_path
        return dump_time_s(plan, rig, path) + LINK_S
    fixed = {
        StepKind.WARN: max(step.duration_s, limits.warn_s),
        StepKind.FLOAT: step.duration_s,
        StepKind.COUNTDOWN: step.duration_s,
        StepKind.FORCE_TRIGGER: step.duration_s,
        StepKind.ISOLATE: 2.0 * limits.contactor_s,
        StepKind.TRANSFER: max((transfer_s(scope) for scope in plan.scopes), default=0.0),
    }
    return fixed.get(step.kind, 0.0) + LINK_S


def _held_s(plan: Plan, index: int) -> float:
    held_s = 0.0
    for step in plan.steps[index + 1 :]:
        if step.kind not in (StepKind.FLOAT, StepKind.COUNTDOWN):
            break
        held_s += step.duration_s + LINK_S
    return held_s
