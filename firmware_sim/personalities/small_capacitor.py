"""PURE: the load of a charger that runs alone, its interlock closed (instruments.md 4b)."""

import math


class SmallCapacitor:
    """A capacitor with a bleeder. Both are chosen so that the charger can reach its full voltage within seconds."""

    def __init__(self, capacitance_f: float = 1e-3, bleeder_ohm: float = 5e3) -> None:
        self._farad = capacitance_f
        self._ohm = bleeder_ohm
        self._set = {"charger_set_voltage_v": 0.0, "charger_set_current_a": 0.0, "charger_output": 0.0}
        self._voltage_v = 0.0
        self._then_ns: int | None = None

    def advance(self, now_ns: int) -> None:
        """Charge or bleed up to ``now_ns``: dV/dt = (I - V/R) / C, held at the set-point."""
        elapsed_s = 0.0 if self._then_ns is None else max(0, now_ns - self._then_ns) / 1e9
        self._then_ns = now_ns
        if elapsed_s <= 0:
            return  # or rounding would take a held voltage for a lower one
        source_a = self._set["charger_set_current_a"] if self._charging() else 0.0
        end_v = source_a * self._ohm
        fraction = math.exp(-elapsed_s / (self._ohm * self._farad))
        voltage_v = end_v + (self._voltage_v - end_v) * fraction
        if source_a > 0:
            voltage_v = min(voltage_v, self._set["charger_set_voltage_v"])
        elif self._set["charger_output"]:
            voltage_v = max(voltage_v, min(self._voltage_v, self._set["charger_set_voltage_v"]))
        self._voltage_v = voltage_v

    def read(self, probe: str) -> float:
        """The plant's charger probes."""
        if probe == "charger_voltage_v":
            return self._voltage_v
        if probe == "charger_constant_voltage":
            return float(not self._charging() or self._holds())
        if not self._charging():
            return 0.0
        return self._voltage_v / self._ohm if self._holds() else self._set["charger_set_current_a"]

    def drive(self, name: str, value: float) -> None:
        """The plant's charger controls."""
        self._set[name] = value

    def _charging(self) -> bool:
        return bool(self._set["charger_output"]) and self._set["charger_set_voltage_v"] >= self._voltage_v > -1.0

    def _holds(self) -> bool:
        return self._voltage_v >= self._set["charger_set_voltage_v"]
