"""PURE: what cools, heats and pumps on this bench: relays of the auxiliaries, supplies, chiller, and the pulses' heat.

The utilities answer exactly to constant inputs (``utilities/``), so they are advanced in steps of CALM_S while nothing
happens, and on every tick for LIVELY_S after something did. Joules of the pulses count as power over the step in which
they came: none is lost.
"""

from dataclasses import replace
from enum import IntFlag
from math import expm1

from firmware_sim.plant.modulator.thyratron import ThyratronState, advance, is_ready
from firmware_sim.plant.tube_bench.parameters import TubeBenchParameters
from firmware_sim.plant.tube_bench.shapes import Shape
from firmware_sim.plant.utilities.plantroom import UtilityDrive
from firmware_sim.plant.utilities.services import Services
from firmware_sim.plant.utilities.vacuum import add_burst

CALM_NS = 100_000_000
"""Step of settled utilities: five pulses at 50 Hz; windows debounce for 0.5 s."""

LIVELY_NS = 1_000_000_000
"""For this long after a change every tick counts: gauges answer within 50 ms, monitors within a second."""

SENSOR_S = 1.0
"""Time constant of a thermal power sensor: fifty pulses at 50 Hz."""

LEFT_S = 7_200.0
"""Since when everything has run that :meth:`PlantRoom.left_running` finds: longer than the longest warm-up."""

OPEN_OHM = 1e6
"""What a supply sees of an open circuit."""


class Auxiliary(IntFlag):
    """Bistable relays in the order of plc.yaml."""

    COOLING = 1
    PUMPS = 2
    HEATER = 4
    MAGNET = 8


class PlantRoom:
    """``services`` are the utilities; ``relays`` the auxiliaries' positions; the rest is what instruments told."""

    def __init__(self, parameters: TubeBenchParameters) -> None:
        slow = parameters.slow
        self._p = parameters
        self.services = Services(parameters.utilities, ambient_k=slow.ambient_k, pressure_pa=slow.start_pa)
        self.relays = Auxiliary(0)
        self.heater_a = 0.0
        self.magnet_a = 0.0
        self.chiller_k = slow.ambient_k
        self.chiller_on = False
        self.starved = False
        self.thyratron = ThyratronState()
        self._t_ns = 0
        self._lively_until_ns = 0
        self._beam_j = self._rf_j = self._load_j = 0.0
        self._beam_v = self._beam_as = 0.0
        self._pulses = 0
        self.rf_mean_w = 0.0
        """What an averaging power sensor behind the coupler follows, with :data:`SENSOR_S`."""
        self.booked_beam_j = self.booked_rf_j = 0.0
        """All that was given to the utilities so far."""

    def disturb(self, t_ns: int) -> None:
        """Something changed: look closely for a while."""
        self._lively_until_ns = t_ns + LIVELY_NS

    def switch(self, relays: Auxiliary, t_ns: int) -> None:
        """The PLC's pulses to the bistable relays; unpowered they stay as they are, and nobody calls this."""
        if relays != self.relays:
            self.relays = relays
            self.disturb(t_ns)

    def left_running(self) -> None:
        """As somebody finds it who comes back: heater, magnet, water and pumps have run for hours."""
        self.relays = Auxiliary.COOLING | Auxiliary.PUMPS | Auxiliary.HEATER | Auxiliary.MAGNET
        self.heater_a, self.magnet_a = self._p.utilities.heater.nominal_a, self._p.slow.magnet_a
        self.chiller_on = True
        self.services.tick(LEFT_S, self._drive(LEFT_S))
        self.thyratron = advance(self._p.modulator.thyratron, self.thyratron, LEFT_S, 1.0, 1.0)
        self.disturb(self._t_ns)

    def book(self, shape: Shape, share: float) -> None:
        """One pulse: its beam, RF and what the load took; ``share`` is the true energy over the shape's."""
        joules = shape.joules
        self._beam_j += joules.beam_j * share
        self._rf_j += joules.rf_j * share
        self._load_j += joules.load_j * share
        self._beam_v = shape.scalars.flat_top_v
        if self._beam_v > 0.0:
            self._beam_as += joules.beam_j * share / self._beam_v
        self._pulses += 1

    def burst(self, gas_pa_m3: float, t_ns: int) -> None:
        """Gas that a breakdown frees at ``t_ns``: what was calm until then is advanced to that moment first."""
        self.disturb(t_ns)
        self.advance(t_ns)
        vacuum = add_burst(self._p.utilities.vacuum, self.services.state.vacuum, gas_pa_m3)
        self.services.state = replace(self.services.state, vacuum=vacuum)

    def advance(self, t_ns: int) -> bool:
        """On to ``t_ns``; True when the utilities moved, False while they are calm."""
        step_ns = t_ns - self._t_ns
        if step_ns <= 0 or (step_ns < CALM_NS and t_ns >= self._lively_until_ns):
            return False
        step_s = step_ns * 1e-9
        self.services.tick(step_s, self._drive(step_s))
        on = float(Auxiliary.HEATER in self.relays)
        reservoir = on * (self._p.slow.reservoir_fault if self.starved else 1.0)
        self.thyratron = advance(self._p.modulator.thyratron, self.thyratron, step_s, on, reservoir)
        self._t_ns = t_ns
        self.booked_beam_j += self._beam_j
        self.booked_rf_j += self._rf_j
        self.rf_mean_w += (self._rf_j / step_s - self.rf_mean_w) * -expm1(-step_s / SENSOR_S)
        self._beam_j = self._rf_j = self._load_j = self._beam_as = 0.0
        self._pulses = 0
        return True

    def _drive(self, step_s: float) -> UtilityDrive:
        relays = self.relays
        pumps = Auxiliary.PUMPS in relays
        return UtilityDrive(
            beam_w=self._beam_j / step_s,
            rf_w=self._rf_j / step_s,
            load_w=self._load_j / step_s,
            beam_v=self._beam_v if self._pulses else 0.0,
            beam_mean_a=self._beam_as / step_s,
            heater_on=Auxiliary.HEATER in relays,
            heater_set_a=self.heater_a,
            magnet_on=Auxiliary.MAGNET in relays,
            magnet_set_a=self.magnet_a,
            cooling_on=Auxiliary.COOLING in relays and self.chiller_on,
            supply_set_k=self.chiller_k,
            ambient_k=self._p.slow.ambient_k,
            turbo_on=pumps,
            ion_on=pumps,
        )

    @property
    def ready(self) -> bool:
        """The thyratron is warm."""
        return is_ready(self._p.modulator.thyratron, self.thyratron)

    @property
    def ion_pump_a(self) -> float:
        """The ion pump's current: what its own supply's comparator looks at."""
        return self.services.truth("ion_pump_a")

    def heater_ohm(self) -> float:
        """What the heater supply sees."""
        closed = Auxiliary.HEATER in self.relays and "heater_open" not in self.services.acting()
        return self._p.utilities.heater.resistance_ohm if closed else OPEN_OHM

    def magnet_ohm(self) -> float:
        """What the magnet supply sees."""
        return self._p.utilities.magnet.resistance_ohm if Auxiliary.MAGNET in self.relays else OPEN_OHM

    def water_w(self) -> float:
        """Heat that the cooling water brings back to the chiller once temperatures have settled."""
        drive, state = self.services.drive, self.services.state
        magnet_w = state.magnet_a**2 * self._p.utilities.magnet.resistance_ohm
        return self._p.slow.chiller_share * (drive.beam_w - drive.rf_w + drive.load_w + magnet_w)
