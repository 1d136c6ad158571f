"""PURE: the volts at an oscilloscope's inputs, from the marks and shapes of pulses; noise is each record's own."""

from collections.abc import Callable, Mapping

import numpy as np

from firmware_sim.plant.modulator.tube import Array
from firmware_sim.plant.tube_bench.parameters import ProbeParameters
from firmware_sim.plant.tube_bench.shapes import Traces
from firmware_sim.plant.tube_bench.stray import Stray
from firmware_sim.plant.tube_bench.train import PulseMark

STREAM_PROBES = 400
"""First number of the probes' random streams; a probe's place in plant.yaml is added."""

Trace = Callable[[Traces], tuple[Array, Array]]

KINDS: Mapping[str, Trace | None] = {
    "line_voltage": lambda t: (t.time_s, t.line_v),
    "beam_voltage": lambda t: (t.time_s, t.beam_v),
    "beam_current": lambda t: (t.time_s, t.beam_a),
    "forward": lambda t: (t.rf_s, t.forward_v),
    "reflected": lambda t: (t.rf_s, t.reflected_v),
    "load": lambda t: (t.rf_s, t.load_v),
    "arc_light": lambda t: (t.rf_s, t.light_w),
    "ion_pump_current": None,
    "fiducial": None,
}
"""What an input may be connected to: V, A, detector volts, W of light; the last two are no trace of a pulse."""

SCALED = frozenset({"line_voltage", "beam_voltage", "beam_current"})
"""Kinds that follow the line's voltage; detectors have curves of their own and keep the shape's."""


class Probes:
    """The inputs by name."""

    def __init__(self, probes: Mapping[str, ProbeParameters], stray: Stray, seed: int) -> None:
        for name, probe in probes.items():
            if probe.kind not in KINDS:
                raise ValueError(f"probes.{name}.kind: {probe.kind!r}; right would be one of {', '.join(KINDS)}")
        self._probes = probes
        self._stray = stray
        self._seed = seed
        self._place = {name: n for n, name in enumerate(probes)}
        self.names = tuple(probes)

    def volts(self, name: str, t_s: Array, mark: PulseMark | None, rest: Mapping[str, float], salt: int = 0) -> Array:
        """Volts at input ``name``, ``t_s`` in s after the mark's T0, shape of ``t_s``.

        ``rest`` has what each kind shows without a pulse (V, A, detector volts; 0 unless it says so). Raises KeyError.
        """
        probe = self._probes[name]
        t = np.asarray(t_s, dtype=np.float64) - probe.delay_s
        volts = self._values(probe, t, mark, rest) * probe.volts_per_unit + probe.offset_v
        if probe.emi_v and mark is not None:
            volts = volts + probe.emi_v * self._stray.bursts(t, mark)
        if not probe.noise_v:
            return volts
        first = round(float(t.flat[0]) * 1e12) & 0xFFFFFFFF if t.size else 0
        key = [self._seed, 0 if mark is None else mark.t0_ns & (2**63 - 1), STREAM_PROBES + self._place[name], salt]
        noise = np.random.default_rng([*key, first]).standard_normal(t.shape)
        return np.asarray(volts + probe.noise_v * noise, dtype=np.float64)

    def _values(self, probe: ProbeParameters, t: Array, mark: PulseMark | None, rest: Mapping[str, float]) -> Array:
        if probe.kind == "fiducial":
            lit = (t >= 0.0) & (t < probe.step_s) & (mark is not None and not mark.spontaneous)
            return np.asarray(lit, dtype=np.float64)
        if probe.kind == "ion_pump_current":
            return np.full(t.shape, rest["ion_pump_current"] if mark is None else mark.ion_pump_a)
        quiet = rest.get(probe.kind, 0.0) if mark is None or probe.kind != "line_voltage" else mark.line_v
        trace = KINDS[probe.kind]
        if mark is None or mark.shape is None or trace is None:
            return np.full(t.shape, quiet)
        at_s, values = trace(mark.shape.traces)
        share = mark.share if probe.kind in SCALED else 1.0
        found = np.interp(t - mark.trigger_s, at_s, values, left=float(values[0]), right=float(values[-1]))
        return np.asarray(found * share, dtype=np.float64)
