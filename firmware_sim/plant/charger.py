"""PURE: the power stage of a capacitor charger: constant current, then constant voltage, with a hard-wired inhibit.

Set-points and output switch come from the instrument's panel (the FuG stand-in); the inhibit comes from the PLC and
the e-stop chain and needs no software (bench.md section 1, "Charge path"; physics.md A9).
"""

from math import exp

from firmware_sim.plant.parameters import ChargerParameters


class Charger:
    """``voltage_v`` and ``current_a`` are what its output terminals carry now; ``constant_voltage`` its regulation."""

    __slots__ = (
        "_p",
        "constant_voltage",
        "current_a",
        "dead",
        "enabled",
        "ignores_inhibit",
        "ignores_set_point",
        "inhibited",
        "output_on",
        "sense",
        "set_current_a",
        "set_voltage_v",
        "share",
        "voltage_v",
    )

    def __init__(self, parameters: ChargerParameters) -> None:
        self._p = parameters
        self.set_voltage_v = 0.0
        self.set_current_a = 0.0
        self.output_on = False
        self.inhibited = True
        self.enabled = False
        self.voltage_v = 0.0
        self.current_a = 0.0
        self.constant_voltage = False
        self.ignores_set_point = False
        self.ignores_inhibit = False
        self.dead = False
        self.share = 1.0
        self.sense = 1.0
        """Share of the truth that the charger's own voltage divider shows it."""
        """What the charger makes of its set-points: 1 when it is healthy."""

    def update(self, inhibited: bool) -> None:
        """Settle whether the output stage runs, from the inhibit, the output switch and the faults."""
        self.inhibited = inhibited
        runs = self.output_on and not inhibited
        self.enabled = (runs or self.ignores_inhibit) and not self.dead

    def limits(self) -> tuple[float, float]:
        """Voltage and current limit of the output stage in V and A (0, 0 when it does not run)."""
        if not self.enabled:
            return 0.0, 0.0
        if self.ignores_inhibit:
            return self._p.rated_v, self._p.rated_a
        rated_v, rated_a, set_v, set_a = (
            self._p.rated_v,
            self._p.rated_a,
            self.set_voltage_v * self.share / self.sense,
            self.set_current_a * self.share,
        )
        voltage_v = rated_v if self.ignores_set_point or rated_v < set_v else set_v
        return voltage_v, rated_a if rated_a < set_a else set_a

    def idle(self, step_s: float) -> None:
        """Advance with nothing connected: the output capacitor follows the set-point, or bleeds away."""
        self.current_a = 0.0
        limit_v, limit_a = self.limits()
        if limit_a > 0.0:
            self.voltage_v = min(limit_v, self.voltage_v + limit_a * step_s / self._p.output_f)
            self.constant_voltage = self.voltage_v >= limit_v
        elif self.voltage_v > 0.0:
            self.constant_voltage = False
            decayed_v = self.voltage_v * exp(-step_s / self._p.output_tau_s)
            self.voltage_v = decayed_v if decayed_v > 1e-3 else 0.0
