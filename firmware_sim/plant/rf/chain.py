"""PURE: one pulse from the tube's arrays to detector volts, latches, joules: line, coupler, detectors, interlocks."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from firmware_sim.plant.rf.coupler import CouplerParameters, coupled
from firmware_sim.plant.rf.detectors import Pickup
from firmware_sim.plant.rf.envelope import Cavity, fill
from firmware_sim.plant.rf.faults import RF_FAULTS, STRUCTURE
from firmware_sim.plant.rf.interlocks import InterlockParameters, Latches, watch
from firmware_sim.plant.rf.line import NO_ARC, Arc, LineLedger, LineParameters, LineWaves, LoadParameters, propagate
from firmware_sim.plant.rf.waves import Array, Wave, resample


@dataclass(frozen=True, slots=True)
class RfParameters:
    """Everything between tube and load.

    ``step_s`` is the grid (F: 4-10 ns), ``tail_s`` how long the record goes on after the tube's arrays. ``cavities``
    are resonators behind the tube's own. ``blank_tau_s`` is how fast the tube's output amplitude dies without drive.
    The load has three conditions, ``load_structure`` is a structure in front of a good one; ``load_coupling_db`` is the
    coupler in front of the water. ``window_arc`` and ``waveguide_arc`` are what the two arc faults make; their
    ``start_s`` is replaced.
    """

    step_s: float
    tail_s: float
    cavities: tuple[Cavity, ...]
    line: LineParameters
    load: LoadParameters
    load_detuned: LoadParameters
    load_missing: LoadParameters
    load_structure: LoadParameters
    coupler: CouplerParameters
    load_coupling_db: float
    forward_detector: Pickup
    reverse_detector: Pickup
    load_detector: Pickup
    interlocks: InterlockParameters
    blank_tau_s: float
    window_arc: Arc
    waveguide_arc: Arc


@dataclass(frozen=True, slots=True)
class TubeOutput:
    """A tube's arrays, all of one length: times in s (growing), power in W, phase in rad, tube current in A."""

    time_s: Array
    power_w: Array
    phase_rad: Array
    current_a: Array


@dataclass(frozen=True, slots=True)
class RfRecords:
    """Detector outputs in V over ``time_s``: coupler forward and reflected, and at the load."""

    time_s: Array
    forward_v: Array
    reflected_v: Array
    load_v: Array


@dataclass(frozen=True, slots=True)
class RfPulse:
    """One pulse as it went. ``blanked_s`` is when the drive went off (None: it did not).

    ``arc_energy_j`` is the plant's integral of the power absorbed by the arc. ``waves`` are the true ones, ``ports``
    the coupler's.
    """

    latches: Latches
    blanked_s: float | None
    inhibit_next: bool
    arc_energy_j: float
    records: RfRecords
    waves: LineWaves
    ports: tuple[Wave, Wave]

    @property
    def ledger(self) -> LineLedger:
        """Where the energy went."""
        return self.waves.ledger


def solve_rf(p: RfParameters, tube: TubeOutput, arc: Arc = NO_ARC, faults: Collection[str] = ()) -> RfPulse:
    """One pulse: the latches see the unblanked waves, the first one cuts the drive, the rest follows from causality.

    Until the drive is off both passes are the same, hence so is the first latch; later latches, records and energy
    come from the blanked pass. ``faults`` are ids of RF_FAULTS; arcs are chosen by ``arc`` (see :func:`arc_of`).
    Raises KeyError for an unknown fault and ValueError as :func:`resample`.
    """
    for fault in faults:
        if fault not in RF_FAULTS and fault != STRUCTURE:
            raise KeyError(fault)
    source = resample(tube.time_s, tube.power_w, tube.phase_rad, p.step_s, p.tail_s)
    current_a = np.interp(source.time_s, tube.time_s, tube.current_a, right=0.0)
    load = load_of(p, faults)
    waves, ports, latches = _pass(p, source, load, arc, current_a, faults)
    blanked_s = None
    if latches.first_s is not None and "blanking_dead" not in faults:
        blanked_s = latches.first_s + p.interlocks.switch_s
        waves, ports, latches = _pass(p, blank(source, blanked_s, p.blank_tau_s), load, arc, current_a, faults)
    return RfPulse(
        latches=latches,
        blanked_s=blanked_s,
        inhibit_next=latches.inhibit_next,
        arc_energy_j=waves.ledger.arc_j,
        records=_records(p, load, waves, ports),
        waves=waves,
        ports=ports,
    )


def load_of(p: RfParameters, faults: Collection[str]) -> LoadParameters:
    """The load in its present condition."""
    if "load_missing" in faults:
        return p.load_missing
    if "load_detuned" in faults:
        return p.load_detuned
    return p.load_structure if STRUCTURE in faults else p.load


def arc_of(p: RfParameters, faults: Collection[str], start_s: float) -> Arc:
    """The arc that an injected fault makes at ``start_s``; the one at the window first, NO_ARC without."""
    if "arc_window" in faults:
        return replace(p.window_arc, start_s=start_s)
    return replace(p.waveguide_arc, start_s=start_s) if "arc_waveguide" in faults else NO_ARC


def blank(source: Wave, at_s: float, tau_s: float) -> Wave:
    """The source with its drive off from ``at_s``: the amplitude dies with ``tau_s``."""
    since = np.maximum(0.0, source.time_s - at_s)
    return replace(source, amplitude=source.amplitude * np.exp(-since / tau_s))


def _pass(
    p: RfParameters, source: Wave, load: LoadParameters, arc: Arc, current_a: Array, faults: Collection[str]
) -> tuple[LineWaves, tuple[Wave, Wave], Latches]:
    waves = propagate(p.line, load, fill(p.cavities, source), arc)
    forward, reverse = coupled(p.coupler, waves.forward, waves.back)
    if "coupler_forward_open" in faults:
        forward = replace(forward, amplitude=np.zeros_like(forward.amplitude))
    if "coupler_reverse_open" in faults:
        reverse = replace(reverse, amplitude=np.zeros_like(reverse.amplitude))
    ports = (forward, reverse)
    return waves, ports, watch(p.interlocks, ports, p.coupler.coupling_db, waves.arc_w, current_a, faults)


def _records(p: RfParameters, load: LoadParameters, waves: LineWaves, ports: tuple[Wave, Wave]) -> RfRecords:
    at_load = waves.at_load
    picked = replace(at_load, amplitude=at_load.amplitude * 10.0 ** (-(p.load_coupling_db + load.loss_db) / 20.0))
    return RfRecords(
        time_s=waves.forward.time_s,
        forward_v=p.forward_detector.detector.detect(ports[0]),
        reflected_v=p.reverse_detector.detector.detect(ports[1]),
        load_v=p.load_detector.detector.detect(picked),
    )
