"""PURE: what a capacitor-bank bench will do: the pulse solved once, without interference (physics.md A1-A10)."""

import numpy as np

from firmware_sim.plant.contract import Fact, Forecast, Intention
from firmware_sim.plant.parameters import BenchParameters, DummyLoad, RailLoad
from firmware_sim.plant.record import PulseRecord, solve_record
from firmware_sim.plant.trigger import TriggerEdges

SEED = 0
"""The forecast draws nothing at random: interference is off and the fibre delays are nominal."""

DUMMY = "dummy_load"
"""The load of rig.yaml that is a resistor and an inductor; every other one is the rails."""

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


def forecast(p: BenchParameters, intention: Intention) -> Forecast:
    """The forecast: charging alone where nothing is fired, numbers of the pulse and its ledger otherwise."""
    numbers = _charging(p, intention) if intention.energises else {}
    if not intention.fires:
        return Forecast(numbers, {})
    pulse = solve_record(p, _edges(p, intention), SEED)
    numbers |= _pulse_numbers(pulse, intention)
    return Forecast(numbers, _ledger(pulse, p, intention), _facts(numbers))


def _charging(p: BenchParameters, wanted: Intention) -> dict[str, float]:
    """Stored energy with the plant's capacitances, and the time at the charger's constant current."""
    bank_f = sum(c for k, c in enumerate(p.bank.capacitance_f) if wanted.module_mask >> k & 1)
    current_a = min(wanted.charge_current_a, p.charger.rated_a)
    return {
        "stored_energy_j": 0.5 * bank_f * wanted.charge_voltage_v**2,
        "charge_time_s": bank_f * wanted.charge_voltage_v / current_a if current_a > 0.0 else float("inf"),
    }


def _edges(p: BenchParameters, wanted: Intention) -> TriggerEdges:
    used = [bool(wanted.module_mask >> k & 1) for k in range(p.pulse.modules)]
    fire_s = tuple(
        None if delay_s is None or not on else delay_s + fibre_s
        for on, delay_s, fibre_s in zip(used, wanted.delays_s, p.trigger.fibre_delay_s, strict=True)
    )
    return TriggerEdges(
        shot=0,
        t0_ns=0,
        fire_s=fire_s,
        voltage_v=tuple(wanted.charge_voltage_v if on else 0.0 for on in used),
        crowbar_open=(False,) * len(used),
        load="dummy" if wanted.load == DUMMY else "rails",
        positions=wanted.module_mask,
        emi=False,
    )


def _pulse_numbers(pulse: PulseRecord, wanted: Intention) -> dict[str, float]:
    summary = pulse.summary()
    numbers = {
        "peak_current_a": summary["peak_a"],
        "time_of_peak_s": summary["time_of_peak_s"],
        "action_integral_a2s": summary["action_a2s"],
        "module_current_a": max(pulse.peak_a),
        "ledger_residual_j": summary["residual_j"],
    }
    if wanted.load != DUMMY:
        numbers["final_speed_mps"] = float(pulse.solution.speed_mps[-1])
        if pulse.solution.exit_s is not None:
            numbers |= {"exit_time_s": summary["exit_s"], "exit_speed_mps": summary["exit_mps"]}
    return numbers


def _facts(numbers: dict[str, float]) -> tuple[Fact, ...]:
    facts = [
        Fact("peak", numbers["peak_current_a"], "A"),
        Fact("time of the peak after T0", numbers["time_of_peak_s"], "s"),
        Fact("action integral", numbers["action_integral_a2s"], "A^2 s"),
    ]
    if "exit_speed_mps" in numbers:
        facts.append(Fact("armature out with", numbers["exit_speed_mps"], "m/s"))
        facts.append(Fact("after", numbers["exit_time_s"], "s"))
    elif "final_speed_mps" in numbers:
        facts.append(Fact("armature stays inside, at the end with", numbers["final_speed_mps"], "m/s"))
    return tuple(facts)


def _ledger(pulse: PulseRecord, p: BenchParameters, wanted: Intention) -> dict[str, float]:
    """Where the stored joules are when the pulse is over (physics.md A8)."""
    s = pulse.solution
    ledger = {"stored": s.stored_j}
    ledger |= {title: float(s.ledger_j[name][-1]) for name, title in ELEMENTS.items()}
    load = p.dummy_load if wanted.load == DUMMY else p.pulse.load
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
