"""PURE: whichever way a line is charged, behind one set of functions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from firmware_sim.plant.modulator.charging import (
    Charge,
    ChargerFit,
    DirectParameters,
    Resonant,
    ResonantParameters,
    direct_charge,
    direct_fit,
    direct_voltages_v,
    regulated_v,
    resonant_fit,
)
from firmware_sim.plant.modulator.parameters import read
from firmware_sim.plant.modulator.tube import Array

ChargingParameters = ResonantParameters | DirectParameters


def build_charging(data: Any, where: str = "charging") -> ChargingParameters:
    """Parameters of a mapping with one key, resonant or direct. Raises ValueError for any other shape."""
    if not isinstance(data, Mapping) or len(data) != 1 or next(iter(data)) not in ("resonant", "direct"):
        raise ValueError(f"{where}: right would be one key, resonant or direct, with its parameters below")
    kind = next(iter(data))
    if kind == "resonant":
        return read(ResonantParameters, data[kind], f"{where}.{kind}")
    return read(DirectParameters, data[kind], f"{where}.{kind}")


def _set_to(p: ResonantParameters, set_v: float) -> ResonantParameters:
    """De-Q'ing, where it is fitted, works at the set-point."""
    return p if p.deq_v is None else replace(p, deq_v=set_v)


def charge_line(p: ChargingParameters, capacitance_f: float, set_v: float, left_v: float = 0.0) -> Charge:
    """Charge the line to ``set_v`` from what was left on it. Without de-Q'ing the supply alone decides the voltage."""
    if isinstance(p, ResonantParameters):
        return Resonant(_set_to(p, set_v), capacitance_f, left_v).charge()
    return direct_charge(p, capacitance_f, set_v, left_v)


def line_voltages_v(p: ChargingParameters, capacitance_f: float, set_v: float, left_v: float, t_s: Array) -> Array:
    """Line voltage at times since the charge began: what a recovering thyratron has to hold."""
    if isinstance(p, ResonantParameters):
        return Resonant(_set_to(p, set_v), capacitance_f, left_v).voltages_v(t_s)
    return direct_voltages_v(p, capacitance_f, set_v, left_v, t_s)


def pulse_line_v(p: ChargingParameters, charged_v: float, key: tuple[int, int]) -> float:
    """The voltage of one pulse, scattered by this charger's regulation, keyed by (seed, pulse index)."""
    return regulated_v(charged_v, p.regulation, key)


def charger_fit(
    p: ChargingParameters, capacitance_f: float, line_v: float, rate_hz: float, dead_s: float
) -> ChargerFit:
    """Does it bring the line to ``line_v`` at ``rate_hz``, when no charge flows for ``dead_s`` after each pulse?"""
    if isinstance(p, ResonantParameters):
        return resonant_fit(_set_to(p, line_v), capacitance_f, line_v, rate_hz, dead_s)
    return direct_fit(p, capacitance_f, line_v, rate_hz, dead_s)
