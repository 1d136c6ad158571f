"""The twin: what the simulated bench says a plan will do, before anybody charges anything.

The plant forecasts the pulse once, at the plan's voltage, delays, module mask and load, without interference. What
follows from the bank alone (energy, charge time) is held against the limits; what depends on the load only warns until
the twin is fitted to five shots of that kind and load (bench.md 4), and no fit is kept yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from controller.app.benches import build_plant
from controller.rig.model import Rig
from controller.rig.source import Problem, Refused
from controller.sequencer.check import CheckReport, check
from controller.sequencer.plan import Plan
from firmware_sim.plant.contract import Intention

SEED = 0
"""The prediction draws nothing at random."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the twin expects: ``numbers`` by key (unit in the key), ``ledger`` in joules by name.

    ``ledger`` and ``facts`` (title, value, unit) are empty for a plan that fires nothing. The ledger's first line is
    the stored energy, the others say where it goes.
    """

    numbers: Mapping[str, float]
    ledger: Mapping[str, float]
    facts: tuple[tuple[str, float, str], ...]


def predict(plan: Plan, rig: str) -> Prediction:
    """The twin's expectation of ``plan`` on bench ``rig`` (name or path). Raises Refused for an unknown rig."""
    forecast = build_plant(rig, SEED).forecast(
        Intention(
            charge_voltage_v=plan.charge_voltage_v,
            charge_current_a=plan.charge_current_a,
            module_mask=plan.module_mask,
            delays_s=plan.trigger_delays_s,
            load=plan.load,
            energises=plan.energises,
            fires=plan.fires,
        )
    )
    return Prediction(forecast.numbers, forecast.ledger, forecast.facts)


def check_with_twin(plan: Plan, rig: Rig, reference: str = "") -> tuple[CheckReport, Prediction]:
    """Every comparison, the twin's included, and the prediction itself. ``reference``: name or path of the bench."""
    prediction = predict(plan, reference or rig.name)
    return check(plan, rig, lambda _: prediction.numbers), prediction


def foresee(plan: Plan, rig: Rig, reference: str = "") -> Prediction:
    """The prediction of a plan that may run. Raises Refused where the twin blocks it (bench.md 4)."""
    report, prediction = check_with_twin(plan, rig, reference)
    problems = [Problem(plan.profile, 0, ".".join(map(str, row.field)), row.problem, row.advice) for row in report.bad]
    if problems:
        raise Refused(problems)
    return prediction
