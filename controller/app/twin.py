"""The twin: what the simulated bench says a plan will do, before anybody charges anything.

The pulse is solved once, at the plan's voltage, delays, module mask and load, with the plant's own circuit
(physics.md A1-A10) and without interference. What follows from the bank alone (energy, charge time) is held against
the limits; what depends on the load only warns until the twin is fitted to five shots of that kind and load
(bench.md 4), and no fit is kept yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from controller.app.benches import build_plant
from controller.rig.model import Rig
from controller.rig.source import Problem, Refused
from controller.sequencer.check import CheckReport, check
from controller.sequencer.plan import Plan
from firmware_sim.plant.bench import BenchPlant
from firmware_sim.plant.parameters import BenchParameters, DummyLoad, RailLoad
from firmware_sim.plant.record import PulseRecord, solve_record
from firmware_sim.plant.trigger import TriggerEdges

SEED = 0
"""The prediction draws nothing at random: interference is off and the fibre delays are nominal."""

ELEMENTS = {
    "switch": "switches",
    "coil": "pulse coils",
    "snubber": "snubbers",
    "crowbar": "crowbar diodes",
    "rail": "rails or load resistance",
    "contact": "sliding contact",
    "friction": "friction",
    "muzzle": "muzzle",
}
"""The ledger's element in the plant -> its name in the record."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the twin expects: ``numbers`` by key (unit in the key), ``ledger`` in joules by name.

    ``pulse`` is None for a plan that fires nothing; the ledger is then empty. The ledger's first line is the stored
    energy, the others say where it goes; their sum differs from it by ``numbers["ledger_residual_j"]``.
    """

    numbers: Mapping[str, float]
    ledger: Mapping[str, float]
    pulse: PulseRecord | None


def predict(plan: Plan, rig: str) -> Prediction:
    """The twin's expectation of ``plan`` on bench ``rig``. Raises Refused for an unknown rig."""
    plant: BenchPlant = build_plant(rig, SEED)
    p = plant.parameters
    numbers: dict[str, float] = {}
    if plan.energises:
        numbers |= _charging(plan, p)
    if not plan.fires:
        return Prediction(numbers, {}, None)
    pulse = solve_record(p, _edges(plan, p), SEED)
    ledger = _ledger(pulse, p, plan)
    return Prediction(numbers | _pulse_numbers(pulse, plan), ledger, pulse)


def check_with_twin(plan: Plan, rig: Rig) -> tuple[CheckReport, Prediction]:
    """Every comparison, the twin's included, and the prediction itself."""
    prediction = predict(plan, rig.name)
    return check(plan, rig, lambda _: prediction.numbers), prediction


def foresee(plan: Plan, rig: Rig) -> Prediction:
    """The prediction of a plan that may run. Raises Refused where the twin blocks it (bench.md 4)."""
    report, prediction = check_with_twin(plan, rig)
    problems = [Problem(plan.profile, 0, ".".join(map(str, row.field)), row.problem, row.advice) for row in report.bad]
    if problems:
        raise Refused(problems)
    return prediction


def _charging(plan: Plan, p: BenchParameters) -> dict[str, float]:
    """Stored energy with the plant's capacitances, and the time at the charger's constant current."""
    bank_f = sum(c for k, c in enumerate(p.bank.capacitance_f) if plan.module_mask >> k & 1)
    current_a = min(plan.charge_current_a, p.charger.rated_a)
    return {
        "stored_energy_j": 0.5 * bank_f * plan.charge_voltage_v**2,
        "charge_time_s": bank_f * plan.charge_voltage_v / current_a if current_a > 0.0 else float("inf"),
    }


def _edges(plan: Plan, p: BenchParameters) -> TriggerEdges:
    used = [bool(plan.module_mask >> k & 1) for k in range(p.pulse.modules)]
    fire_s = tuple(
        None if delay_s is None or not on else delay_s + fibre_s
        for on, delay_s, fibre_s in zip(used, plan.trigger_delays_s, p.trigger.fibre_delay_s, strict=True)
    )
    return TriggerEdges(
        shot=0,
        t0_ns=0,
        fire_s=fire_s,
        voltage_v=tuple(plan.charge_voltage_v if on else 0.0 for on in used),
        crowbar_open=(False,) * len(used),
        load="dummy" if plan.load == "dummy_load" else "rails",
        positions=plan.module_mask,
        emi=False,
    )


def _pulse_numbers(pulse: PulseRecord, plan: Plan) -> dict[str, float]:
    summary = pulse.summary()
    numbers = {
        "peak_current_a": summary["peak_a"],
        "time_of_peak_s": summary["time_of_peak_s"],
        "action_integral_a2s": summary["action_a2s"],
        "module_current_a": max(pulse.peak_a),
        "ledger_residual_j": summary["residual_j"],
    }
    if plan.load != "dummy_load":
        numbers["final_speed_mps"] = float(pulse.solution.speed_mps[-1])
        if pulse.solution.exit_s is not None:
            numbers |= {"exit_time_s": summary["exit_s"], "exit_speed_mps": summary["exit_mps"]}
    return numbers


def _ledger(pulse: PulseRecord, p: BenchParameters, plan: Plan) -> dict[str, float]:
    """Where the stored joules are when the pulse is over (physics.md A8)."""
    s = pulse.solution
    ledger = {"stored": s.stored_j}
    ledger |= {title: float(s.ledger_j[name][-1]) for name, title in ELEMENTS.items()}
    load = p.dummy_load if plan.load == "dummy_load" else p.pulse.load
    if isinstance(load, RailLoad):
        ledger["kinetic energy"] = 0.5 * load.mass_kg * float(s.speed_mps[-1]) ** 2
    capacitance_f, coil_h = np.array(p.pulse.capacitance_f), np.array(p.pulse.coil_h)
    ledger["left in capacitors"] = 0.5 * float(np.sum(capacitance_f * s.capacitor_v[:, -1] ** 2))
    field_j = 0.5 * float(np.sum(coil_h * s.current_a[:, -1] ** 2))
    ledger["left in coils and load"] = field_j + 0.5 * _load_h(load, float(s.position_m[-1])) * float(s.load_a[-1]) ** 2
    return ledger


def _load_h(load: RailLoad | DummyLoad, position_m: float) -> float:
    if isinstance(load, DummyLoad):
        return load.inductance_h
    inside_m = position_m if load.exit_m is None else min(position_m, load.exit_m)
    return load.inductance_h + load.gradient_h_per_m * inside_m
