"""PURE: one pulse of a modulator and its tube: trigger to records, in one call.

Thyratron (fires or not), discharge (physics.md B1-B2), tube (B3, B4), RF envelope before the line, scalars.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from firmware_sim.plant.modulator.discharge import Discharge, solve_discharge
from firmware_sim.plant.modulator.line import energy_j
from firmware_sim.plant.modulator.measure import PulseScalars, integral, shape_of
from firmware_sim.plant.modulator.network import clipper_a
from firmware_sim.plant.modulator.parameters import CircuitParameters, RecordParameters, read
from firmware_sim.plant.modulator.streams import STREAM_MODE, draws
from firmware_sim.plant.modulator.thyratron import WARM, Firing, Refusal, ThyratronParameters, ThyratronState, fire
from firmware_sim.plant.modulator.tube import NOMINAL, Array, Conditions, Drive, Mode, Tube
from firmware_sim.plant.modulator.tubes import build_tube

LINGER_S = 200e-6
"""A switch that still conducts at the record's end is followed for so long: what it leaves on the line decides whether
it recovers. The line and the transformer's magnetising inductance ring with some 130 us."""

REMEMBERED = 32
"""Solved discharges kept: about half a megabyte each; a train needs one per rounded line voltage."""


@dataclass(frozen=True, slots=True)
class ModulatorParameters:
    """Everything that makes a pulse. ``tube`` is any :class:`~firmware_sim.plant.modulator.tube.Tube`."""

    circuit: CircuitParameters
    thyratron: ThyratronParameters
    tube: Tube
    record: RecordParameters


@dataclass(frozen=True, slots=True)
class PulseOrder:
    """One trigger: the line's voltage and everything that differs from pulse to pulse.

    ``index`` keys the random streams. ``arc_s`` after the trigger: the tube arcs then (0 or before: shorted).
    ``open_load``: the tube carries no current at all. ``drive`` None: no RF. ``untriggered``: the thyratron fired by
    itself, the record's zero is its closing.
    """

    index: int
    line_v: float
    drive: Drive | None = None
    conditions: Conditions = NOMINAL
    thyratron: ThyratronState = WARM
    arc_s: float | None = None
    open_load: bool = False
    untriggered: bool = False


@dataclass(frozen=True, slots=True)
class ModulatorRecord:
    """What one trigger made. Arrays of shape (points,), read-only; ``time_s`` counts from the trigger, evenly spaced.

    ``line_v`` is the voltage at the switch's end of the line and ``switch_a`` the thyratron's current, both primary;
    ``tube_v``, ``tube_a``, ``arc_a`` secondary; ``power_w`` and ``phase_rad`` the RF at the tube's output. The points
    lie on the switch's closing, so the first one is within a step of the record's start. ``delay_s`` is from trigger
    to closing; ``refusal`` says why there was no pulse. ``discharge`` is the solution from the closing on, longer than
    the record by the delay. It is None without a pulse; without a refusal too, the switch closed after the record.
    """

    time_s: Array
    line_v: Array
    switch_a: Array
    tube_v: Array
    tube_a: Array
    arc_a: Array
    power_w: Array
    phase_rad: Array
    delay_s: float
    refusal: Refusal | None
    mode: Mode
    arced_back: bool
    scalars: PulseScalars
    discharge: Discharge | None


def build_modulator(data: Any, where: str = "modulator") -> ModulatorParameters:
    """Parameters of a mapping with the keys circuit, thyratron, tube, record (SI numbers, the unit is in the key).

    Raises ValueError naming the key that is missing, unknown or of the wrong kind.
    """
    keys = {"circuit", "thyratron", "tube", "record"}
    if not isinstance(data, Mapping) or set(data) != keys:
        found = sorted(map(str, data)) if isinstance(data, Mapping) else repr(data)
        raise ValueError(f"{where}: found {found}; right would be the keys {', '.join(sorted(keys))}")
    return ModulatorParameters(
        circuit=read(CircuitParameters, data["circuit"], f"{where}.circuit"),
        thyratron=read(ThyratronParameters, data["thyratron"], f"{where}.thyratron"),
        tube=build_tube(data["tube"], f"{where}.tube"),
        record=read(RecordParameters, data["record"], f"{where}.record"),
    )


def modulate(parameters: ModulatorParameters, order: PulseOrder, seed: int) -> ModulatorRecord:
    """Trigger the modulator once. Pure: needs nothing but its arguments, so that any thread may run it.

    Raises ArithmeticError when the circuit cannot be solved (chattering or stiff beyond the solver).
    """
    firing = Firing(0.0)
    if not order.untriggered:
        firing = fire(parameters.thyratron, order.thyratron, order.line_v, (seed, order.index))
    record = parameters.record
    count = round((record.end_s - record.start_s) / record.step_s) + 1
    before = max(0, round((firing.delay_s - record.start_s) / record.step_s))
    time_s = np.asarray(firing.delay_s + record.step_s * (np.arange(count) - before), dtype=np.float64)
    if firing.refusal is not None or before >= count:
        return _quiet(parameters, order, time_s, firing.delay_s, firing.refusal)
    line_v = _rounded(order.line_v, record.line_step_v)
    arc_s = None if order.arc_s is None else order.arc_s - firing.delay_s
    conditions = order.conditions
    solution = _solve(parameters, conditions, line_v, arc_s, order.open_load)
    mode = _mode(parameters.tube, solution, conditions, (seed, order.index))
    if mode is not conditions.mode:
        conditions = replace(conditions, mode=mode)
        solution = _solve(parameters, conditions, line_v, arc_s, order.open_load)
    return _record(parameters, order, replace(conditions, mode=mode), time_s, before, firing.delay_s, solution)


def _rounded(voltage_v: float, step_v: float) -> float:
    """The voltage a pulse is solved for; never rounded to nothing."""
    if step_v <= 0.0 or voltage_v < step_v:
        return voltage_v
    return round(voltage_v / step_v) * step_v


@lru_cache(maxsize=REMEMBERED)
def _solve(
    parameters: ModulatorParameters,
    conditions: Conditions,
    line_v: float,
    arc_s: float | None,
    open_load: bool,
) -> Discharge:
    """The discharge, remembered: equal arguments give the same (read-only) arrays, ``end_s`` long."""
    law = _no_current if open_load else parameters.tube.characteristic(conditions)
    step_s = parameters.record.step_s
    points_s = np.asarray(step_s * np.arange(round(parameters.record.end_s / step_s) + 2), dtype=np.float64)
    solution = solve_discharge(parameters.circuit, law, line_v, points_s, arc_s=arc_s, linger_s=LINGER_S)
    for name in Discharge.__slots__:
        value = getattr(solution, name)
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return solution


def _no_current(voltage_v: float) -> float:
    """A tube that is not there."""
    del voltage_v
    return 0.0


def _mode(tube: Tube, solution: Discharge, conditions: Conditions, key: tuple[int, int]) -> Mode:
    """Ask the tube how it takes the pulse that it would see in its normal mode; an ordered mode stays."""
    if conditions.mode is not Mode.NORMAL:
        return conditions.mode
    threshold_v = tube.threshold_v(conditions)
    beyond = np.flatnonzero(solution.tube_v > threshold_v)
    if not len(beyond):
        return Mode.NORMAL
    k = max(1, int(beyond[0]))
    t, v = solution.t_s, solution.tube_v
    slope = float((v[k] - v[k - 1]) / (t[k] - t[k - 1])) if len(t) > k else 0.0
    draw = float(draws(*key, STREAM_MODE).random())
    return tube.starting_mode(slope, float(solution.tube_a.max()), draw, conditions)


def _padded(values: Array, before: int, points: int, fill: float) -> Array:
    """``points`` of them: ``fill`` before the switch closes, then the discharge."""
    padded = np.concatenate((np.full(before, fill), values[: points - before]))
    padded.flags.writeable = False
    return padded


def _quiet(
    parameters: ModulatorParameters, order: PulseOrder, time_s: Array, delay_s: float, refusal: Refusal | None
) -> ModulatorRecord:
    """The record of a trigger without a pulse: the line keeps its voltage."""
    zero = np.zeros_like(time_s)
    line_v = np.full_like(time_s, order.line_v)
    for array in (zero, line_v, time_s):
        array.flags.writeable = False
    stored_j = energy_j(parameters.circuit.line, order.line_v)
    return ModulatorRecord(
        time_s=time_s,
        line_v=line_v,
        switch_a=zero,
        tube_v=zero,
        tube_a=zero,
        arc_a=zero,
        power_w=zero,
        phase_rad=zero,
        delay_s=delay_s,
        refusal=refusal,
        mode=Mode.NORMAL,
        arced_back=False,
        scalars=PulseScalars(line_j=stored_j, left_v=order.line_v),
        discharge=None,
    )


def _record(
    parameters: ModulatorParameters,
    order: PulseOrder,
    conditions: Conditions,
    time_s: Array,
    before: int,
    delay_s: float,
    solution: Discharge,
) -> ModulatorRecord:
    tube_v = _padded(solution.tube_v, before, len(time_s), 0.0)
    tube_a = _padded(solution.tube_a, before, len(time_s), 0.0)
    envelope = parameters.tube.radiate(time_s, tube_v, tube_a, order.drive, conditions)
    for array in (time_s, envelope.power_w, envelope.phase_rad):
        array.flags.writeable = False
    return ModulatorRecord(
        time_s=time_s,
        line_v=_padded(solution.line_v[0], before, len(time_s), order.line_v),
        switch_a=_padded(solution.switch_a, before, len(time_s), 0.0),
        tube_v=tube_v,
        tube_a=tube_a,
        arc_a=_padded(solution.arc_a, before, len(time_s), 0.0),
        power_w=envelope.power_w,
        phase_rad=envelope.phase_rad,
        delay_s=delay_s,
        refusal=None,
        mode=conditions.mode,
        arced_back=solution.arced_back,
        scalars=_scalars(parameters, solution, time_s, tube_v, tube_a, envelope.power_w),
        discharge=solution,
    )


def _scalars(
    parameters: ModulatorParameters, solution: Discharge, time_s: Array, tube_v: Array, tube_a: Array, power_w: Array
) -> PulseScalars:
    record, clipper = parameters.record, parameters.circuit.end_of_line_clipper
    common = PulseScalars(
        peak_v=float(tube_v.max()),
        peak_a=float(tube_a.max()),
        backswing_v=float(tube_v.min()),
        line_j=solution.stored_j,
        tube_j=float(solution.ledger_j["tube"][-1]),
        arc_j=float(solution.ledger_j["arc"][-1]),
        rf_j=integral(time_s, power_w),
        switch_a=float(solution.switch_a.max()),
        reverse_a=max(0.0, -float(solution.switch_a.min())),
        inverse_v=float(solution.inverse_v.max()),
        end_of_line_a=0.0 if clipper is None else clipper_a(clipper, float(solution.line_v[-1].min())),
        left_v=solution.left_v(),
        flux_vs=float(np.abs(solution.flux_vs).max()),
    )
    shape = shape_of(time_s, tube_v, record.flat_from, record.flat_until)
    if shape is None:
        return common
    return replace(
        common,
        flat_top_v=shape.height,
        flat_top_a=float(tube_a[shape.flat].mean()),
        flat_top_w=float((tube_v[shape.flat] * tube_a[shape.flat]).mean()),
        ripple=shape.ripple,
        rise_s=shape.rise_s,
        fwhm_s=shape.fwhm_s,
        rf_flat_w=float(power_w[shape.flat].mean()),
    )
