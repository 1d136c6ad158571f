"""PURE: what a pulse leaves behind: marks for scopes, latches, gas, lines in the log, evidence of faults."""

from collections import deque
from collections.abc import Collection, Mapping

from firmware_sim.plant.acting import Acting
from firmware_sim.plant.breakdown.parameters import FaultKind
from firmware_sim.plant.charger import Charger
from firmware_sim.plant.terminals import Terminals
from firmware_sim.plant.tube_bench import evidence
from firmware_sim.plant.tube_bench.dispatch import LINE_ARCS
from firmware_sim.plant.tube_bench.gate import LATCH_OF, PulseGate, PulseLatch
from firmware_sim.plant.tube_bench.orders import TubePulse
from firmware_sim.plant.tube_bench.parameters import TubeBenchParameters
from firmware_sim.plant.tube_bench.plantroom import PlantRoom
from firmware_sim.plant.tube_bench.shapes import Shape, arc_j
from firmware_sim.plant.tube_bench.store import LineStore
from firmware_sim.plant.tube_bench.train import PulseMark

ABOVE_V = 500.0
"""A charger that drives on must be seen this far above its set-point (the envelope's margin of plc.yaml)."""

ARCS = LINE_ARCS | {"arc_gun"}
"""Injected arcs free gas as well."""


class Aftermath:
    """Says what happened; ``log`` is the bench's."""

    def __init__(self, parameters: TubeBenchParameters, log: deque[tuple[int, str]], acting: Acting) -> None:
        self._p = parameters
        self._log = log
        self._acting = acting
        rf = parameters.rf
        self._quiet = {
            "forward": rf.forward_detector.detector.volts_of(0.0),
            "reflected": rf.reverse_detector.detector.volts_of(0.0),
            "load": rf.load_detector.detector.volts_of(0.0),
        }
        low, high = parameters.utilities.vacuum.burst_pa_m3
        self._arc_gas_pa_m3 = (low * high) ** 0.5
        self._missing = 0

    def mark(self, record: TubePulse, ion_pump_a: float) -> PulseMark:
        """For the scopes."""
        edges = record.edges
        return PulseMark(
            t0_ns=edges.t0_ns,
            index=edges.index,
            trigger_s=edges.trigger_s + edges.jitter_s,
            share=record.share,
            line_v=edges.line_v,
            ion_pump_a=ion_pump_a,
            shape=record.shape,
            spontaneous=edges.spontaneous,
            stray=edges.stray,
        )

    def rest(self, line_v: float, ion_pump_a: float) -> Mapping[str, float]:
        """What inputs show without a pulse."""
        return {**self._quiet, "line_voltage": line_v, "ion_pump_current": ion_pump_a}

    def latches(self, record: TubePulse) -> PulseLatch:
        """What the pulse set in hardware."""
        latches = PulseLatch(0)
        if record.shape is not None:
            for trip, when_s in record.shape.latches.times().items():
                if when_s is not None:
                    latches |= LATCH_OF[trip]
        breakdown = record.edges.breakdown
        if breakdown is not None and breakdown.kind is FaultKind.VACUUM:
            latches |= PulseLatch.VACUUM
        return latches

    def gas_pa_m3(self, record: TubePulse, faults: Collection[str]) -> float:
        """Gas that was freed: the breakdown's own, or the mean one of an injected arc."""
        if record.edges.breakdown is not None:
            return record.edges.breakdown.burst_pa_m3
        arced = record.shape is not None and arc_j(record.shape) > 0.0 and not ARCS.isdisjoint(faults)
        return self._arc_gas_pa_m3 if arced else 0.0

    def witness(self, record: TubePulse, faults: Collection[str]) -> None:
        """Lines of the log: missing pulses, breakdowns, arcs; and what faults did."""
        edges, shape = record.edges, record.shape
        t_ns = edges.t0_ns
        if shape is None:
            self._missing += 1
            self._log.append((t_ns, f"trigger {edges.index}: pulse missing, {_why(record)}"))
        elif edges.breakdown is not None or arc_j(shape) > 0.0 or shape.latches.first is not None:
            self._log.append((t_ns, _told(record, shape)))
        if faults:
            for fault, what in evidence.of_pulse(record, faults, self._p.rf.interlocks):
                self._acting.say(t_ns, fault, what)
            if "drive_off" in faults and shape is not None and edges.allowed:
                self._acting.say(t_ns, "drive_off", "a pulse without RF")

    def watch_terminals(
        self, t_ns: int, terminals: Terminals, store: LineStore, charger: Charger, faults: Collection[str]
    ) -> None:
        """Probes that read wrongly, a charger that drives on, doors that show what is not so."""
        acting, line_v = self._acting, store.voltage_v
        for fault, reading_v in terminals.wrong.items():
            acting.say(t_ns, fault, f"reads {reading_v:.0f} V at {line_v:.0f} V")
        for fault, reading_v in terminals.very_wrong.items():
            acting.say_fully(t_ns, fault, f"reads {reading_v:.0f} V at {line_v:.0f} V")
        for fault in ("overvoltage", "charger_runaway"):
            if fault in faults and charger.enabled and line_v > charger.set_voltage_v + ABOVE_V:
                acting.say_fully(t_ns, fault, f"{line_v:.0f} V, {ABOVE_V:.0f} V above its set-point")
        for side in ("1", "2"):
            if f"door_{side}_stuck" in faults and "door_open" in faults:
                acting.say(t_ns, f"door_{side}_stuck", f"channel {side} reads closed at an open door")

    def watch_room(self, t_ns: int, room: PlantRoom, gate: PulseGate, faults: Collection[str], moved: bool) -> None:
        """Faults of the utilities, and of the hardware between them and the gate."""
        if moved:
            for fault in room.services.acting():
                self._acting.say(t_ns, fault, "it shows")
        unlatched = PulseLatch.VACUUM not in gate.latches and room.ion_pump_a > self._p.vacuum_latch.trip_a
        if "vacuum_latch_dead" in faults and unlatched:
            self._acting.say(t_ns, "vacuum_latch_dead", f"ion pump at {room.ion_pump_a * 1e6:.0f} uA and no latch")
        if "pulse_latch_stuck" in faults and gate.latches:
            self._acting.say(t_ns, "pulse_latch_stuck", "a latch would not let go")


def _why(record: TubePulse) -> str:
    refusal = record.edges.refusal
    return "no reason" if refusal is None else refusal.value


def _told(record: TubePulse, shape: Shape) -> str:
    """One line: what broke down, what latched when, how much went into arcs."""
    edges, latches = record.edges, shape.latches
    what = "latched" if edges.breakdown is None else f"breakdown ({edges.breakdown.kind.value})"
    parts = [f"trigger {edges.index}: {what}"]
    if latches.first is not None and latches.first_s is not None:
        parts.append(f"{latches.first.value} latch at {latches.first_s * 1e6:.2f} us")
    if shape.blanked_s is not None:
        parts.append(f"RF off at {shape.blanked_s * 1e6:.2f} us")
    parts.append(f"{arc_j(shape):.2f} J into arcs")
    return ", ".join(parts)
