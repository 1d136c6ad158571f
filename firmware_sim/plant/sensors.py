"""PURE: from the pulse to the volts at a scope's input: sensor, cable delay, interference, noise (physics.md A10).

Every first-order element is the exact response to the piecewise-linear waveform, so that nothing depends on the grid.
"""

from collections.abc import Mapping, Sequence
from math import exp, expm1

import numpy as np
import numpy.typing as npt

from firmware_sim.plant.parameters import ProbeParameters
from firmware_sim.plant.record import PulseRecord
from firmware_sim.plant.trigger import TriggerEdges

Array = npt.NDArray[np.float64]

GRID_S = 5e-7
"""Grid of the filtered waveform; the fastest sensor modelled on it has 1 MHz (0.16 us)."""

TAIL_S = 20e-3
"""How long after the pulse a sensor is followed (integrator droop); later it reads its quiescent value."""

TWO_PI = 6.283185307179586


class Sensors:
    """The scope inputs of one bench. ``names`` in the order of plant.yaml; a probe's place keys its noise."""

    def __init__(self, probes: Mapping[str, ProbeParameters], emi_decay_s: float, seed: int) -> None:
        self._probes = probes
        self._emi_decay_s = emi_decay_s
        self._seed = seed
        self._waves: dict[str, tuple[PulseRecord, Array, Array]] = {}
        """The last pulse as each probe sees it: a scope's record is read in many pieces."""
        self.names = tuple(probes)

    def volts(
        self,
        name: str,
        t_s: Array,
        record: PulseRecord | None,
        shot: int,
        *,
        bus_v: float,
        fiducial: bool,
        salt: int = 0,
    ) -> Array:
        """Volts at the scope input ``name`` at ``t_s`` (s after T0; shape kept).

        ``bus_v`` is the bus voltage without a pulse, ``fiducial`` whether a T0 was sent; ``salt`` tells apart several
        acquisitions of one shot. Raises KeyError for an unknown name.
        """
        probe = self._probes[name]
        t = np.asarray(t_s, dtype=np.float64) - probe.delay_s
        if probe.kind == "fiducial":
            lit = (t >= 0.0) & (t < probe.step_s) if fiducial else np.zeros(t.shape, dtype=bool)
            volts = np.where(lit, probe.volts_per_unit, 0.0)
        elif record is None:
            volts = np.full(t.shape, bus_v * probe.volts_per_unit if probe.kind == "hv_probe" else 0.0)
        else:
            kept = self._waves.get(name)
            if kept is None or kept[0] is not record:
                kept = self._waves[name] = (record, *self._wave(probe, record))
            grid_s, wave = kept[1], kept[2]
            volts = np.interp(t, grid_s, wave, left=float(wave[0]), right=float(wave[-1]))
        if record is not None and probe.emi_v > 0.0:
            volts = volts + probe.emi_v * self._interference(t, record)
        random = np.random.default_rng([self._seed, shot, self.names.index(name), salt])
        noisy: Array = volts + probe.offset_v + probe.noise_v * random.standard_normal(t.shape)
        return noisy

    def _interference(self, t: Array, record: PulseRecord) -> Array:
        """Sum of the damped oscillations, amplitude 1 (physics.md A10: 1-10 MHz, 200 ns)."""
        total = np.zeros(t.shape)
        for burst in record.bursts:
            since = t - burst.start_s
            live = (since >= 0.0) & (since < 20.0 * self._emi_decay_s)
            age = since[live]
            total[live] += (
                burst.amplitude
                * np.exp(-age / self._emi_decay_s)
                * np.sin(TWO_PI * burst.frequency_hz * age + burst.phase_rad)
            )
        return total

    def _wave(self, probe: ProbeParameters, record: PulseRecord) -> tuple[Array, Array]:
        """The sensor's output in volts on a uniform grid from just before the first trigger."""
        s = record.solution
        end_s = float(s.t_s[-1]) + TAIL_S
        grid = np.arange(-4 * GRID_S, end_s, GRID_S)
        resting = _resting(probe, record)
        raw = np.interp(grid, s.t_s, _quantity(probe, record), left=resting, right=_after(probe, record))
        wave = _respond(probe, raw) * probe.volts_per_unit
        return grid + record.offset_s, wave


def _quantity(probe: ProbeParameters, record: PulseRecord) -> Array:
    """What the sensor looks at, on the solution's points: A, V, or A/s for a B-dot."""
    s = record.solution
    if probe.kind == "rogowski":
        return s.load_a if probe.module == 0 else s.current_a[probe.module - 1]
    if probe.kind == "hv_probe":
        mean: Array = s.capacitor_v[list(record.edges.inserted())].mean(axis=0)
        return mean
    if probe.kind == "divider":
        return s.muzzle_v
    near = 0.5 * (1.0 + np.tanh((s.position_m - probe.position_m) / probe.width_m))
    approach = 2.0 * near * (1.0 - near) / probe.width_m
    seen: Array = near * s.current_slope + s.load_a * approach * s.speed_mps
    return seen


def _resting(probe: ProbeParameters, record: PulseRecord) -> float:
    return _bus(record.edges, record.edges.voltage_v) if probe.kind == "hv_probe" else 0.0


def _after(probe: ProbeParameters, record: PulseRecord) -> float:
    return _bus(record.edges, record.voltage_v) if probe.kind == "hv_probe" else 0.0


def _bus(edges: TriggerEdges, voltage_v: Sequence[float]) -> float:
    inserted = edges.inserted()
    return sum(voltage_v[k] for k in inserted) / len(inserted)


def _respond(probe: ProbeParameters, raw: Array) -> Array:
    """Bandwidth, integrator droop, divider compensation (1 + s zero) / (1 + s pole)."""
    if probe.bandwidth_hz > 0.0:
        raw = _low_pass(raw, 1.0 / (TWO_PI * probe.bandwidth_hz))
    if probe.droop_hz > 0.0:
        raw = raw - _low_pass(raw, 1.0 / (TWO_PI * probe.droop_hz))
    if probe.pole_s > 0.0:
        ratio = probe.zero_s / probe.pole_s
        raw = ratio * raw + (1.0 - ratio) * _low_pass(raw, probe.pole_s)
    return raw


def _low_pass(x: Array, tau_s: float) -> Array:
    """First-order low-pass of a piecewise-linear signal on the grid, exact, at rest in its first value.

    The recursion y[n] = decay y[n-1] + ... is a bidiagonal system: LAPACK solves it in one call.
    """
    from scipy.linalg import solve_banded

    ratio = GRID_S / tau_s
    decay = exp(-ratio)
    mean = -expm1(-ratio) / ratio
    above = x - x[0]
    drive = (1.0 - mean) * above
    drive[1:] += (mean - decay) * above[:-1]
    bands = np.empty((2, len(x)))
    bands[0] = 1.0
    bands[1] = -decay
    low: Array = solve_banded((1, 0), bands, drive, check_finite=False) + x[0]
    return low
