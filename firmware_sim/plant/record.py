"""PURE: what one pulse leaves behind: the solution, the bench's state after it, and the interference it makes."""

from dataclasses import dataclass, replace

import numpy as np

from firmware_sim.plant.parameters import BenchParameters, PulseParameters, RailLoad
from firmware_sim.plant.pulse import PulseSolution, solve_pulse
from firmware_sim.plant.trigger import TriggerEdges

STREAM_EMI = 102
"""Number of this random stream, apart from the probes' (which count from 0)."""

END_A = 1.0
"""The pulse is over when the load carries less than this."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One damped oscillation: start relative to T0 in s, frequency, phase, relative amplitude."""

    start_s: float
    frequency_hz: float
    phase_rad: float
    amplitude: float


@dataclass(frozen=True, slots=True)
class PulseRecord:
    """A finished pulse. ``solution`` runs from ``offset_s`` after T0, where its own t = 0 is.

    ``emi_until_ns``: until then PLC probes read garbage and links may drop out; ``false_edges_ns`` are spurious
    edges on trigger cables (absolute).
    """

    edges: TriggerEdges
    solution: PulseSolution
    offset_s: float
    voltage_v: tuple[float, ...]
    peak_a: tuple[float, ...]
    end_ns: int
    bursts: tuple[Burst, ...]
    emi_until_ns: int
    false_edges_ns: tuple[int, ...]

    def summary(self) -> dict[str, float]:
        """The pulse in a few numbers (A, s, m/s, A^2 s, J), the ledger's joules by element included."""
        s = self.solution
        peak = int(np.argmax(s.load_a))
        numbers = {
            "peak_a": float(s.load_a[peak]),
            "time_of_peak_s": float(s.t_s[peak]) + self.offset_s,
            "exit_mps": s.exit_mps,
            "exit_s": -1.0 if s.exit_s is None else s.exit_s + self.offset_s,
            "action_a2s": float(s.action_a2s[-1]),
            "stored_j": s.stored_j,
            "residual_j": float(np.abs(s.residual_j).max()),
        }
        return numbers | {f"{name}_j": float(joules[-1]) for name, joules in s.ledger_j.items()}


def solve_record(parameters: BenchParameters, edges: TriggerEdges, seed: int) -> PulseRecord:
    """Solve the pulse of ``edges``. Pure: needs nothing but its arguments, so that any thread may run it."""
    first_s = min(t for t in edges.fire_s if t is not None)
    fire_s = [None if t is None else t - first_s for t in edges.fire_s]
    solution = solve_pulse(
        _circuit(parameters, edges),
        edges.voltage_v,
        fire_s,
        parameters.pulse_end_s,
        crowbar_open=edges.crowbar_open,
    )
    first_ns = edges.t0_ns + round(first_s * 1e9)
    bursts, until_ns, false_ns = _interfere(parameters, edges, seed, first_ns) if edges.emi else ((), 0, ())
    return PulseRecord(
        edges=edges,
        solution=solution,
        offset_s=first_s,
        voltage_v=tuple(solution.capacitor_v[:, -1].tolist()),
        peak_a=tuple(np.abs(solution.current_a).max(axis=1).tolist()),
        end_ns=first_ns + round(_last_current_s(solution) * 1e9),
        bursts=bursts,
        emi_until_ns=until_ns,
        false_edges_ns=false_ns,
    )


def _last_current_s(solution: PulseSolution) -> float:
    """When the load last carried more than END_A; the armature may glide on for longer."""
    carrying = np.flatnonzero(solution.load_a > END_A)
    return float(solution.t_s[carrying[-1]]) if len(carrying) else 0.0


def _circuit(parameters: BenchParameters, edges: TriggerEdges) -> PulseParameters:
    load = parameters.dummy_load if edges.load == "dummy" else parameters.pulse.load
    if edges.stuck_armature and isinstance(load, RailLoad):
        load = replace(load, stuck=True)
    return replace(parameters.pulse, load=load)


def _interfere(
    parameters: BenchParameters, edges: TriggerEdges, seed: int, first_ns: int
) -> tuple[tuple[Burst, ...], int, tuple[int, ...]]:
    """One burst per closing switch, the time of garbage, and spurious trigger edges, keyed by (seed, shot)."""
    emi = parameters.emi
    random = np.random.default_rng([seed, edges.shot, STREAM_EMI])
    draws = random.random((len(edges.fire_s), 3)).tolist()
    low, high = emi.frequency_hz
    bursts = tuple(
        Burst(start_s, low * (high / low) ** draw[0], 6.283185307179586 * draw[1], 0.5 + 0.5 * draw[2])
        for start_s, draw in zip(edges.fire_s, draws, strict=True)
        if start_s is not None
    )
    shortest, longest = emi.garbage_s
    until_ns = first_ns + round((shortest + (longest - shortest) * random.random()) * 1e9)
    spread = sorted((random.random(emi.false_edges) * emi.false_edge_span_s * 1e9).tolist())
    return bursts, until_ns, tuple(first_ns + round(ns) for ns in spread)
