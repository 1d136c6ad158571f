"""PURE: the modules between shots: capacitor, bleeder, own dump contacts, dielectric rebound, charge resistors and bus.

Closed-form exponentials over one step (physics.md A9). The dielectric branches are split off: each follows the
capacitor's voltage exactly over the step and hands its charge back, so that charge is conserved.
"""

from math import exp

from firmware_sim.plant.parameters import BankParameters

COEFFICIENTS_MAX = 256
"""Cached step coefficients: one steady step plus the sub-steps of relays that bounce, some tens in practice."""

Coefficients = tuple[list[tuple[float, float, float, float, float]], list[tuple[float, float]]]

DUMP_A = 1
DUMP_B = 2


class Bank:
    """``voltage_v`` per module and ``bus_v`` of the charge bus.

    Module k hangs on the bus through its own charge resistor when its bit of ``positions`` is set; its bleeder and
    its own contacts of both dump relays are always connected.
    """

    __slots__ = (
        "_absorbed_v",
        "_all",
        "_cache",
        "_factor",
        "_leaks_ohm",
        "_p",
        "bus_v",
        "positions",
        "uncharged",
        "voltage_v",
    )

    def __init__(self, parameters: BankParameters) -> None:
        count = len(parameters.capacitance_f)
        self._p = parameters
        self._leaks_ohm: list[float | None] = [None] * count
        self._factor = 1.0
        self._absorbed_v = [[0.0] * len(parameters.absorption) for _ in range(count)]
        self._cache: dict[tuple[int, int], Coefficients] = {}
        self.voltage_v = [0.0] * count
        self.bus_v = 0.0
        self._all = self.positions = (1 << count) - 1
        self.uncharged = 0
        """Modules with an open charge resistor, one bit each: they hang on nothing but their bleeder and dumps."""

    def set_leak(self, module: int, leak_ohm: float | None) -> None:
        """Put a leak across a module's capacitor (0-based), or take it away."""
        self._leaks_ohm[module] = leak_ohm
        self._cache.clear()

    def set_rebound_factor(self, factor: float) -> None:
        """Multiply the capacitance of every dielectric branch."""
        self._factor = factor
        self._cache.clear()

    def stored_j(self) -> float:
        """Energy in the capacitors, in J."""
        return sum(0.5 * c * v * v for c, v in zip(self._p.capacitance_f, self.voltage_v, strict=True))

    def step(self, step_ns: int, dumps: int, limit_v: float, limit_a: float) -> tuple[float, bool]:
        """Advance by ``step_ns`` with the dump contacts ``dumps`` made and a source of these limits on the bus.

        ``limit_a`` 0 means that no source is connected. Returns the source's current in A and whether it
        regulates voltage.
        """
        key = (step_ns, dumps)
        coefficients = self._cache.get(key)
        if coefficients is None:
            coefficients = self._coefficients(step_ns, dumps)
        positions = self.positions & self._all & ~self.uncharged
        connected = positions.bit_count()
        current_a, constant_voltage, feed_a, reference_v = self._settle_bus(positions, connected, limit_v, limit_a)
        voltages, modules_absorbed_v, branches = self.voltage_v, self._absorbed_v, coefficients[1]
        held = constant_voltage and current_a > 0.0
        for k, (decay, rise_ohm, share_s, held_decay, held_gain) in enumerate(coefficients[0]):
            v = voltages[k]
            if not positions >> k & 1:
                v = v * decay
            elif held:
                v = v * held_decay + reference_v * held_gain
            else:
                v = v * decay + (feed_a + (reference_v - v) * share_s) * rise_ohm
            if branches:
                absorbed = modules_absorbed_v[k]
                before_v = v
                for j, (follow, weight) in enumerate(branches):
                    moved = (before_v - absorbed[j]) * follow
                    absorbed[j] += moved
                    v -= weight * moved
            voltages[k] = v
        return current_a, constant_voltage

    def _settle_bus(
        self, positions: int, connected: int, limit_v: float, limit_a: float
    ) -> tuple[float, bool, float, float]:
        """Source current, regulation, current fed to each connected module, and voltage the rest relaxes to."""
        if not connected:
            self.bus_v = limit_v if limit_a > 0.0 else 0.0
            return 0.0, limit_a > 0.0, 0.0, 0.0
        total_v = 0.0
        for k, v in enumerate(self.voltage_v):
            if positions >> k & 1:
                total_v += v
        mean_v = total_v / connected
        if limit_a <= 0.0 or mean_v >= limit_v:
            self.bus_v = mean_v
            return 0.0, limit_a > 0.0, 0.0, mean_v
        bus_v = mean_v + limit_a * self._p.charge_ohm / connected
        if bus_v <= limit_v:
            self.bus_v = bus_v
            return limit_a, False, limit_a / connected, mean_v
        self.bus_v = limit_v
        return (limit_v - mean_v) * connected / self._p.charge_ohm, True, 0.0, limit_v

    def _coefficients(self, step_ns: int, dumps: int) -> Coefficients:
        """The step's constants.

        Per module: decay alone, ohms of rise per ampere fed, siemens of relaxation to the other modules, decay and
        gain on a bus that the source holds. Per dielectric branch: share that follows, weight on the capacitor.
        """
        step_s = step_ns * 1e-9
        p = self._p
        modules = []
        for c, leak in zip(p.capacitance_f, self._leaks_ohm, strict=True):
            siemens = 1.0 / p.bleeder_ohm + dumps.bit_count() / p.dump_ohm
            if leak is not None:
                siemens += 1.0 / leak
            decay = exp(-step_s * siemens / c)
            share = c / step_s * (1.0 - exp(-step_s / (p.charge_ohm * c)))
            held = 1.0 / p.charge_ohm + siemens
            held_decay = exp(-step_s * held / c)
            held_gain = (1.0 - held_decay) / (p.charge_ohm * held)
            modules.append((decay, (1.0 - decay) / siemens, share, held_decay, held_gain))
        branches = [(1.0 - exp(-step_s / tau_s), fraction * self._factor) for fraction, tau_s in p.absorption]
        if len(self._cache) >= COEFFICIENTS_MAX:
            self._cache.clear()
        self._cache[(step_ns, dumps)] = (modules, branches)
        return modules, branches
