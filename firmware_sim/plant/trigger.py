"""PURE: from the delay generator's edges to conducting switches: fibre links, gate, module position, voltage.

The gate is the PLC's (bench.md section 1, "Trigger chain"): an edge passes only between the scan of the fire pulse
and ``gate_open_ns`` later, so that ``*TRG`` on the delay generator fires nothing in any other state.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firmware_sim.plant.parameters import TriggerParameters

STREAM_TRIGGER = 101
"""Number of this random stream, apart from the probes' (which count from 0)."""


@dataclass(frozen=True, slots=True)
class TriggerEdges:
    """A shot about to happen: which switches close when, and everything the pulse depends on.

    ``fire_s`` is relative to ``t0_ns``, None for a module that does not conduct. ``load`` is rails or dummy.
    ``spontaneous`` marks a pre-fire (``t0_ns`` is then the instant of the first switch, and no T0 was sent).
    """

    shot: int
    t0_ns: int
    fire_s: tuple[float | None, ...]
    voltage_v: tuple[float, ...]
    crowbar_open: tuple[bool, ...]
    load: str = "rails"
    stuck_armature: bool = False
    spontaneous: bool = False
    positions: int = 0xFF
    emi: bool = True

    def inserted(self) -> tuple[int, ...]:
        """Indices of the modules that are in (all of them when none is)."""
        everyone = range(len(self.voltage_v))
        return tuple(k for k in everyone if self.positions >> k & 1) or tuple(everyone)


@dataclass(frozen=True, slots=True)
class Gate:
    """The trigger gate: open from ``open_ns`` for ``length_ns`` (0: shut)."""

    open_ns: int
    length_ns: int

    def passes(self, t_ns: int) -> bool:
        """True when an edge at ``t_ns`` gets through."""
        return 0 <= t_ns - self.open_ns < self.length_ns


def route_edges(
    parameters: TriggerParameters,
    edges_ns: Sequence[int | None],
    t0_ns: int,
    gate: Gate,
    positions: int,
    voltage_v: Sequence[float],
    faults: Sequence[str | None],
    key: tuple[int, int],
) -> tuple[tuple[float | None, ...], list[str]]:
    """Fire offsets relative to ``t0_ns`` in s per module, and one line per refused edge.

    ``edges_ns`` are the module outputs (AB, CD, EF, GH). ``faults`` per module is None, no_fire or late. Jitter is
    drawn for every module in order, keyed by ``key`` (seed, shot), so that a fault on one moves no other.
    """
    jitter = np.random.default_rng([key[0], key[1], STREAM_TRIGGER]).standard_normal(len(voltage_v)).tolist()
    offsets: list[float | None] = []
    refused: list[str] = []
    for k, (volts, fault) in enumerate(zip(voltage_v, faults, strict=True)):
        edge_ns = edges_ns[k] if k < len(edges_ns) else None
        reason = _refuse(edge_ns, gate, positions >> k & 1, volts, parameters.latch_v, fault)
        if edge_ns is None or reason:
            offsets.append(None)
            if reason:
                refused.append(f"module {k + 1} not fired: {reason}")
            continue
        late_s = parameters.late_fault_s if fault == "late" else 0.0
        delay_s = parameters.fibre_delay_s[k] + parameters.jitter_s * jitter[k] + late_s
        offsets.append((edge_ns - t0_ns) * 1e-9 + max(0.0, delay_s))
    return tuple(offsets), refused


def _refuse(
    edge_ns: int | None, gate: Gate, inserted: int, volts: float, latch_v: float, fault: str | None
) -> str | None:
    if edge_ns is None:
        return None
    if not gate.passes(edge_ns):
        return "gate shut"
    if not inserted:
        return "module is out"
    if volts < latch_v:
        return f"{volts:.1f} V does not latch the switch"
    if fault == "no_fire":
        return "switch does not fire"
    return None
