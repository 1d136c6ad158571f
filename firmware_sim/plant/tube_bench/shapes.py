"""PURE: one pulse solved: modulator, tube, RF chain, latches, joules. An ordinary one is solved once and remembered.

A shape depends on nothing that is drawn for a pulse: the thyratron's jitter shifts it as a whole, and the line's
voltage is rounded to the modulator's ``line_step_v``; joules are scaled to the true one.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace

import numpy as np

from firmware_sim.plant.modulator.line import capacitance_f
from firmware_sim.plant.modulator.measure import CORE, PulseScalars, crossing_s, shape_of
from firmware_sim.plant.modulator.pulse import ModulatorParameters, ModulatorRecord, PulseOrder, modulate
from firmware_sim.plant.modulator.tube import Array, Conditions, Drive, Mode
from firmware_sim.plant.rf.chain import RfParameters, RfPulse, TubeOutput, solve_rf
from firmware_sim.plant.rf.interlocks import Latches
from firmware_sim.plant.rf.line import NO_ARC, Arc
from firmware_sim.plant.rf.waves import follow_real

SHAPES_MAX = 64
"""Ordinary pulses kept: a conditioning step has about three (the charger's scatter), 130 kB each."""

SHAPE_SEED = 0
"""A shape draws nothing that would differ from pulse to pulse, but a mode: that is part of what is asked for."""


@dataclass(frozen=True, slots=True)
class PulseRequest:
    """What makes a pulse different from another. ``tube_arc_s`` counts from the thyratron's trigger.

    ``faults`` are those of ``RF_FAULTS`` that act; ``arc`` lies on the line.
    """

    line_v: float
    drive: Drive | None
    conditions: Conditions
    faults: frozenset[str] = frozenset()
    arc: Arc = NO_ARC
    tube_arc_s: float | None = None
    untriggered: bool = False

    @property
    def ordinary(self) -> bool:
        """Nothing strikes at a moment of its own: worth remembering."""
        return self.arc is NO_ARC and self.tube_arc_s is None


@dataclass(frozen=True, slots=True)
class Traces:
    """What probes look at. Times in s after the thyratron's trigger; ``*_s`` evenly spaced, shape (points,).

    Modulator: line V at the switch, tube V and A (arc included). RF: detector volts and the light of an arc in W.
    """

    time_s: Array
    line_v: Array
    beam_v: Array
    beam_a: Array
    rf_s: Array
    forward_v: Array
    reflected_v: Array
    load_v: Array
    light_w: Array


@dataclass(frozen=True, slots=True)
class PulseJoules:
    """Where one pulse's energy went. ``line_j`` is what the line held, ``left_j`` what is left on it.

    line = left + beam + circuit + tube arc + ring; ``beam_j`` includes ``rf_j`` = load + back + walls + RF arc + what
    is still in the guide. ``ring_j`` dies in the circuit after the record's end.
    """

    line_j: float
    left_j: float
    beam_j: float
    circuit_j: float
    tube_arc_j: float
    ring_j: float
    rf_j: float
    load_j: float
    back_j: float
    walls_j: float
    rf_arc_j: float


@dataclass(frozen=True, slots=True)
class Radiated:
    """The RF pulse at the tube: mean power of its flat top, half-height width, when it begins (s after the trigger)."""

    power_w: float = 0.0
    width_s: float = 0.0
    from_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A solved pulse, known by identity. ``solved_v`` is its line voltage, ``delay_s`` is from trigger to closing."""

    solved_v: float
    delay_s: float
    left_v: float
    """What stays on the line until it is charged again."""
    scalars: PulseScalars
    joules: PulseJoules
    latches: Latches
    blanked_s: float | None
    reflects: float
    """Highest reflected over highest forward wave at the tube."""
    radiated: Radiated
    traces: Traces
    mode: Mode = Mode.NORMAL


@dataclass(slots=True)
class Shapes:
    """Solves requests and remembers ordinary ones. ``solved`` counts what had to be computed."""

    modulator: ModulatorParameters
    rf: RfParameters
    solved: int = 0
    _kept: OrderedDict[PulseRequest, Shape] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        thyratron = replace(self.modulator.thyratron, jitter_s=0.0, missing_share=0.0)
        self.modulator = replace(self.modulator, thyratron=thyratron)

    def warm(self) -> None:
        """Load what solving needs, half a second of it, while no pulse waits."""
        from scipy import integrate, linalg

        del integrate, linalg

    def knows(self, request: PulseRequest) -> bool:
        """Whether :meth:`of` has it."""
        return self._rounded(request) in self._kept

    def _rounded(self, request: PulseRequest) -> PulseRequest:
        step_v = self.modulator.record.line_step_v
        if step_v <= 0.0 or request.line_v < step_v:
            return request
        return replace(request, line_v=round(request.line_v / step_v) * step_v)

    def of(self, request: PulseRequest) -> Shape:
        """The pulse of ``request``, its line voltage rounded. Raises ArithmeticError when it has no solution."""
        request = self._rounded(request)
        kept = self._kept.get(request)
        if kept is not None:
            self._kept.move_to_end(request)
            return kept
        shape = solve_shape(self.modulator, self.rf, request)
        self.solved += 1
        if request.ordinary:
            if len(self._kept) >= SHAPES_MAX:
                self._kept.popitem(last=False)
            self._kept[request] = shape
        return shape


def solve_shape(modulator: ModulatorParameters, rf: RfParameters, request: PulseRequest) -> Shape:
    """Modulator, then RF chain; ``modulator`` without jitter and missing pulses."""
    order = PulseOrder(
        index=0,
        line_v=request.line_v,
        drive=request.drive,
        conditions=request.conditions,
        arc_s=request.tube_arc_s,
        untriggered=request.untriggered,
    )
    record = modulate(modulator, order, SHAPE_SEED)
    if record.discharge is None:
        raise ArithmeticError(f"a pulse from {request.line_v:.0f} V was refused: {record.refusal}")
    tube = TubeOutput(record.time_s, record.power_w, record.phase_rad, record.tube_a + record.arc_a)
    line = solve_rf(rf, tube, request.arc, request.faults)
    return Shape(
        solved_v=request.line_v,
        delay_s=record.delay_s,
        left_v=_left_v(modulator, record),
        scalars=record.scalars,
        joules=_joules(modulator, record, line),
        latches=line.latches,
        blanked_s=line.blanked_s,
        reflects=_reflects(line),
        radiated=_radiated(record),
        traces=_traces(record, line, rf.interlocks.light_tau_s),
        mode=record.mode,
    )


def _left_v(modulator: ModulatorParameters, record: ModulatorRecord) -> float:
    """What the record ends with; the clipper at the line's end takes a reversed rest away within microseconds (B1)."""
    clipper = modulator.circuit.end_of_line_clipper
    return record.scalars.left_v if clipper is None else max(record.scalars.left_v, 0.0 - clipper.threshold_v)


def _joules(modulator: ModulatorParameters, record: ModulatorRecord, rf: RfPulse) -> PulseJoules:
    discharge = record.discharge
    if discharge is None:
        raise ArithmeticError("a pulse without a discharge has no joules")
    ends = {name: float(values[-1]) for name, values in discharge.ledger_j.items()}
    beam_j, arc_j = ends.pop("tube"), ends.pop("arc")
    left_j = 0.5 * capacitance_f(modulator.circuit.line) * _left_v(modulator, record) ** 2
    return PulseJoules(
        line_j=discharge.stored_j,
        left_j=left_j,
        beam_j=beam_j,
        circuit_j=sum(ends.values()),
        tube_arc_j=arc_j,
        ring_j=float(discharge.field_j[-1]) - left_j,
        rf_j=rf.ledger.incident_j,
        load_j=rf.ledger.load_j,
        back_j=rf.ledger.back_j + rf.ledger.held_j,
        walls_j=rf.ledger.lost_j,
        rf_arc_j=rf.ledger.arc_j,
    )


def _reflects(rf: RfPulse) -> float:
    ahead, behind = float(np.abs(rf.waves.forward.amplitude).max()), float(np.abs(rf.waves.back.amplitude).max())
    return behind / ahead if ahead > 0.0 else 0.0


def _radiated(record: ModulatorRecord) -> Radiated:
    shape = shape_of(record.time_s, record.power_w, *CORE)
    if shape is None:
        return Radiated()
    begin_s = crossing_s(record.time_s, record.power_w, 0.5 * shape.height, rising=True)
    return Radiated(shape.height, shape.fwhm_s, begin_s)


def _traces(record: ModulatorRecord, rf: RfPulse, light_tau_s: float) -> Traces:
    wave = rf.waves.forward
    return Traces(
        time_s=record.time_s,
        line_v=record.line_v,
        beam_v=record.tube_v,
        beam_a=record.tube_a + record.arc_a,
        rf_s=rf.records.time_s,
        forward_v=rf.records.forward_v,
        reflected_v=rf.records.reflected_v,
        load_v=rf.records.load_v,
        light_w=follow_real(rf.waves.arc_w, wave.step_s, light_tau_s),
    )


def arc_j(shape: Shape) -> float:
    """Energy of this pulse's arcs, on the line and across the tube: at most 10 J is what the rule asks (row 43)."""
    return shape.joules.rf_arc_j + shape.joules.tube_arc_j
