"""PURE: what the bench's own faults do, said when they do it (``acting.py`` says each once per injection)."""

from collections.abc import Callable, Collection, Iterator, Mapping

from firmware_sim.plant.modulator.thyratron import Refusal
from firmware_sim.plant.rf.interlocks import DEAD_OF, InterlockParameters
from firmware_sim.plant.tube_bench.orders import TubePulse
from firmware_sim.plant.tube_bench.shapes import Shape, arc_j

Says = Callable[[Shape], str]

RF_EVIDENCE: Mapping[str, Says] = {
    "load_missing": lambda s: f"{100 * s.reflects:.0f} % of the wave comes back",
    "load_detuned": lambda s: f"{100 * s.reflects:.0f} % of the wave comes back",
    "arc_waveguide": lambda s: f"{arc_j(s):.2f} J into an arc in the waveguide",
    "arc_window": lambda s: f"{arc_j(s):.2f} J into an arc at the window",
    "coupler_forward_open": lambda _: "the forward detector sees nothing of the pulse",
    "coupler_reverse_open": lambda _: "the reverse detector sees nothing of the pulse",
}
"""Faults that act in every pulse with RF."""


def of_pulse(pulse: TubePulse, faults: Collection[str], interlocks: InterlockParameters) -> Iterator[tuple[str, str]]:
    """(fault id, what it does) of one pulse."""
    edges, shape = pulse.edges, pulse.shape
    if shape is None:
        if "thyratron_dead" in faults:
            yield "thyratron_dead", "a trigger does not fire it"
        if "thyratron_starved" in faults and edges.refusal is Refusal.STARVED:
            yield "thyratron_starved", "a pulse is missing"
        return
    if edges.spontaneous and "thyratron_prefires" in faults:
        yield "thyratron_prefires", f"it fires by itself at {edges.line_v:.0f} V"
    if "arc_gun" in faults and shape.joules.tube_arc_j > 0.0:
        yield "arc_gun", f"{shape.joules.tube_arc_j:.2f} J into an arc in the gun"
    if shape.radiated.power_w > 0.0 or arc_j(shape) > 0.0:
        for fault, says in RF_EVIDENCE.items():
            if fault in faults:
                yield fault, says(shape)
    yield from _dead(shape, faults, interlocks)


def _dead(shape: Shape, faults: Collection[str], interlocks: InterlockParameters) -> Iterator[tuple[str, str]]:
    """A comparator or a blanking switch that did not act although it had to."""
    arced = shape.joules.rf_arc_j > 0.0
    needed = {
        "arc_detector_dead": arced,
        "vswr_trip_dead": shape.reflects > interlocks.vswr.threshold,
        "over_current_trip_dead": float(shape.traces.beam_a.max()) > interlocks.over_current.threshold,
        "blanking_dead": shape.latches.first_s is not None and shape.blanked_s is None,
    }
    for fault in (*DEAD_OF, "blanking_dead"):
        if fault in faults and needed[fault]:
            yield fault, "does not act in a pulse that asks for it"
