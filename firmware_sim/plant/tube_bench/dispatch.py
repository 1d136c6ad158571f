"""PURE: from a trigger to a pulse: does the thyratron fire, with what drive, does anything break down.

Everything that is drawn for a pulse is keyed by (seed, index), so that it depends on no other pulse.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from firmware_sim.plant.breakdown.faults import Breakdown
from firmware_sim.plant.breakdown.parameters import FaultKind
from firmware_sim.plant.breakdown.process import OFF
from firmware_sim.plant.breakdown.process import Drive as SurfaceDrive
from firmware_sim.plant.modulator.chargers import line_voltages_v, pulse_line_v
from firmware_sim.plant.modulator.thyratron import (
    Firing,
    Refusal,
    ThyratronState,
    fire,
    latches_at,
    recovered_v,
)
from firmware_sim.plant.modulator.tube import Conditions, Drive
from firmware_sim.plant.rf.chain import arc_of
from firmware_sim.plant.rf.faults import RF_FAULTS, STRUCTURE
from firmware_sim.plant.rf.line import NO_ARC, Arc
from firmware_sim.plant.tube_bench.orders import TubeEdges
from firmware_sim.plant.tube_bench.parameters import TubeBenchParameters
from firmware_sim.plant.tube_bench.shapes import PulseRequest, Shapes
from firmware_sim.plant.tube_bench.striking import Striking

LINE_ARCS = frozenset({"arc_waveguide", "arc_window"})
"""Faults of the line that strike in every pulse, this share into it:"""

ARC_SHARE = 0.3

CATHODE_STEP_K = 2.0
"""Cathode temperatures are rounded to this before a pulse is solved: 2 K change the emission by 3 %, ten times above
what the tube takes."""

FIELD_STEP = 0.01
"""And the magnet's field to this share of its nominal one."""

LEAST_DRIVE_W = 1e-6
"""Less drive is none."""

CLOCK_PPM = 2.0
"""By how much the clock of a source that pulses by itself differs from the trigger generator's [T]."""

CLOCK_PHASE = 0.37
"""And where in a period of the source the bench was switched on: anywhere."""

PHASE_STEP_S = 50e-9
"""Where such a pulse meets the beam is rounded to this before it is solved."""

SAFE_SIGMAS = 6.0
"""A recharge that stays this many scatters of hold-off below it never finds the thyratron conducting."""

RECHARGE_POINTS = 400


@dataclass(slots=True)
class Generator:
    """The RF source. ``width_s`` inf: a carrier, or as long as the gate; 0: no pulse comes of a trigger.

    ``delay_s`` is after the trigger. ``period_s`` 0: each trigger makes one pulse; else it pulses by its own clock.
    """

    power_dbm: float = -200.0
    frequency_hz: float = 0.0
    width_s: float = 0.0
    delay_s: float = 0.0
    period_s: float = 0.0


class Dispatch:
    """Makes a bench's pulses. ``generator`` is what the RF source was told; ``striking`` the breakdowns."""

    def __init__(self, parameters: TubeBenchParameters, seed: int) -> None:
        self.parameters = parameters
        self.seed = seed
        self.generator = Generator(frequency_hz=parameters.drive.frequency_hz, width_s=parameters.drive.width_s)
        self.shapes = Shapes(parameters.modulator, parameters.rf)
        self.shapes.warm()
        self._sites = {name: (site.surface, Striking(site.breakdown, seed)) for name, site in parameters.sites.items()}
        self.surface, self.striking = next(iter(self._sites.values()))
        self._regime_v = 0.0
        self._nominal_delay_s = parameters.modulator.thyratron.delay_s
        self._recharge: tuple[tuple[float, float, float], bool] | None = None

    def edges(
        self,
        t0_ns: int,
        index: int,
        line_v: float,
        trigger_s: float,
        state: ThyratronState,
        conditions: Conditions,
        faults: Collection[str],
    ) -> TubeEdges:
        """What a trigger ``trigger_s`` after T0 makes."""
        thyratron = self.parameters.modulator.thyratron
        line_v = pulse_line_v(self.parameters.charging, line_v, (self.seed, index))
        firing = fire(thyratron, state, line_v, (self.seed, index))
        if "thyratron_dead" in faults:
            firing = Firing(0.0, Refusal.MISSED)
        if firing.refusal is not None:
            return TubeEdges(t0_ns, index, line_v, trigger_s, 0.0, None, firing.refusal)
        stray = "no_emi" not in faults
        drive = None if "drive_off" in faults else self._drive(t0_ns + round(trigger_s * 1e9))
        request = PulseRequest(line_v, drive, conditions, self._line_faults(faults))
        request, breakdown = self._strike(request, faults)
        jitter_s = firing.delay_s - self._nominal_delay_s
        return TubeEdges(t0_ns, index, line_v, trigger_s, jitter_s, request, None, breakdown, stray=stray)

    def ahead(self, line_v: float, conditions: Conditions, faults: Collection[str]) -> Callable[[], object] | None:
        """How to solve the ordinary pulse of a trigger now; None: it is known, or nothing would fire."""
        if line_v < self.parameters.modulator.thyratron.minimum_v:
            return None
        request = PulseRequest(line_v, self._drive(0), conditions, self._line_faults(faults))
        return None if self.shapes.knows(request) else partial(self.shapes.of, request)

    def mount(self, load: str) -> None:
        """Another load: what breaks down first is elsewhere, and remembers what it has been through."""
        self.surface, self.striking = self._sites.get(load, next(iter(self._sites.values())))

    def spontaneous(self, t0_ns: int, index: int, line_v: float, conditions: Conditions) -> TubeEdges:
        """The thyratron fires by itself: no drive, no gate that allowed it."""
        self.striking.skip()
        request = PulseRequest(line_v, None, conditions, untriggered=True)
        return TubeEdges(t0_ns, index, line_v, 0.0, 0.0, request, spontaneous=True, allowed=False)

    def conditions(self, cathode_k: float, magnet_a: float) -> Conditions:
        """What the tube stands in, rounded so that settled utilities make one kind of pulse."""
        ratio = magnet_a / self.parameters.slow.magnet_a
        return Conditions(
            cathode_k=CATHODE_STEP_K * round(cathode_k / CATHODE_STEP_K),
            field_ratio=round(FIELD_STEP * round(ratio / FIELD_STEP), 6),
        )

    def latches_through(
        self, index: int, set_v: float, left_v: float, state: ThyratronState, faults: Collection[str]
    ) -> bool:
        """Whether the recharge after pulse ``index`` overtakes the recovering thyratron (safety.md, latch-through)."""
        slow, thyratron = self.parameters.slow, self.parameters.modulator.thyratron
        if "thyratron_latch_through" in faults:
            thyratron = replace(thyratron, recovery_s=thyratron.recovery_s * slow.recovery_fault)
        key = (round(set_v, -1), round(left_v, -2), thyratron.recovery_s)
        if self._recharge is not None and self._recharge == (key, True):
            return False
        since_s = np.linspace(0.0, 4.0 * (slow.dead_s + thyratron.recovery_s), RECHARGE_POINTS)
        charging, line_f = self.parameters.charging, self.parameters.line_f
        anode_v = line_voltages_v(charging, line_f, set_v, left_v, since_s - slow.dead_s)
        held_v = (1.0 - SAFE_SIGMAS * thyratron.hold_spread) * recovered_v(thyratron, state, since_s)
        burning_v = self.parameters.modulator.circuit.switch.drop_v
        safe = bool((anode_v <= held_v)[anode_v > burning_v].all())
        self._recharge = key, safe
        if safe:
            return False
        return latches_at(thyratron, state, since_s, anode_v, (self.seed, index), burning_v) is not None

    def _drive(self, trigger_ns: int) -> Drive | None:
        """Pre-amplifier with its limit, and the tube's input cavity off its frequency (first order, B5)."""
        p, g = self.parameters.drive, self.generator
        watts = min(10.0 ** ((g.power_dbm + p.gain_db - 30.0) / 10.0), p.most_w)
        watts /= 1.0 + (2.0 * (g.frequency_hz - p.frequency_hz) / p.bandwidth_hz) ** 2
        width_s = min(g.width_s, self.parameters.limiter.width_s)
        start_s = p.delay_s + (g.delay_s if g.period_s <= 0.0 else self._phase_s(trigger_ns))
        end_s = min(start_s + width_s, self.parameters.modulator.record.end_s)
        start_s = max(start_s, 0.0)
        if watts < LEAST_DRIVE_W or end_s <= start_s:
            return None
        return Drive(watts, start_s, round(end_s - start_s, 12), p.edge_s)

    def _phase_s(self, trigger_ns: int) -> float:
        """When the pulse nearest to this trigger begins, of a source that pulses by a clock of its own."""
        g = self.generator
        clock_s = trigger_ns * 1e-9 * (1.0 + CLOCK_PPM * 1e-6)
        since_s = (clock_s - g.delay_s + CLOCK_PHASE * g.period_s) % g.period_s
        nearest_s = -since_s if since_s < 0.5 * g.period_s else g.period_s - since_s
        return PHASE_STEP_S * round(nearest_s / PHASE_STEP_S)

    def _line_faults(self, faults: Collection[str]) -> frozenset[str]:
        return frozenset(
            fault for fault in faults if fault == STRUCTURE or (fault in RF_FAULTS and fault not in LINE_ARCS)
        )

    def _strike(self, request: PulseRequest, faults: Collection[str]) -> tuple[PulseRequest, Breakdown | None]:
        """The request with the arc that strikes in it, if any."""
        if request.drive is None:
            self.striking.skip()
            return (replace(request, tube_arc_s=0.0) if "arc_gun" in faults else request), None
        usual = self.shapes.of(replace(request, line_v=self._regime(request.line_v))).radiated
        surface = self.surface
        field = surface.field_v_per_m * (usual.power_w / surface.power_w) ** 0.5
        drive = SurfaceDrive(field, usual.width_s) if usual.power_w > 0.0 else OFF
        breakdown = self.striking.strike(drive)
        if breakdown is not None and breakdown.kind is not FaultKind.VACUUM:
            at_s = usual.from_s + breakdown.latches[0].offset_s
            if breakdown.kind is FaultKind.GUN_ARC:
                return replace(request, tube_arc_s=at_s), breakdown
            return replace(request, arc=self._arc(breakdown.kind, at_s)), breakdown
        at_s = usual.from_s + ARC_SHARE * usual.width_s
        if "arc_gun" in faults:
            return replace(request, tube_arc_s=at_s), breakdown
        injected = arc_of(self.parameters.rf, faults, at_s)
        return (request if injected is NO_ARC else replace(request, arc=injected)), breakdown

    def _arc(self, kind: FaultKind, at_s: float) -> Arc:
        p = self.parameters
        return replace(p.rf.waveguide_arc if kind is FaultKind.WAVEGUIDE_ARC else p.mismatch, start_s=at_s)

    def _regime(self, line_v: float) -> float:
        """The line voltage that pulses scatter about: the breakdown law sees that, not each pulse's own."""
        p = self.parameters
        step_v = p.modulator.record.line_step_v
        if abs(line_v - self._regime_v) > 5.0 * p.charging.regulation * line_v + 2.0 * step_v:
            self._regime_v = line_v
        return self._regime_v
