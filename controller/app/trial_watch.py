"""The witness of a trial: after every PLC scan, what the plant and the PLC really are."""

from typing import Any, NamedTuple

from controller.app.rig_sim import SimulatedRig
from drivers.wire.plc import PlcState, Trip
from drivers.wire.plc_run import InhibitCause
from firmware_sim.plant.contract import Edges, Pulse, Truth

INHIBITS_MAX = 1_000
"""Changes of the pulse inhibit in one run: a budget of retries allows a handful."""

POINTS_MAX = 5_000
"""Changes of state, relays and outputs in one run: a shot has some thirty; bouncing contacts are the most."""


class Point(NamedTuple):
    """The bench after one scan, whenever something but the voltage has changed.

    ``commanded``: the plant's coils or the charger are powered by anybody, so that energy may come in or stay;
    ``highest_v`` is the highest true module voltage, of either sign.
    """

    t_ns: int
    state: str
    commanded: bool
    contactor_closed: bool
    dump_a_closed: bool
    dump_b_closed: bool
    highest_v: float


class Inhibit(NamedTuple):
    """A change of what keeps the pulse gate shut, by the PLC: its causes by name, none when it opens again."""

    t_ns: int
    causes: tuple[str, ...]


PULSES_KEPT = 16
"""Solved pulses that equal trials share; each is some megabytes."""


class ObservedRig(SimulatedRig):
    """A simulated bench that keeps book of itself.

    ``pulses`` remembers the pulses of equal edges: the undisturbed ones of a campaign are all alike.
    """

    points: list[Point]
    first_faults: list[str]
    trips_seen: list[str]
    fire_pulses: int
    raised_v: float
    unlocked_v: float
    inhibits: list[Inhibit]
    stray_pulses: int
    """Pulses of the plant on scans that began with the gate's inhibit standing, or with all power taken away."""
    services_lost: int
    """Auxiliaries that went off without a fault of their own, one bit each."""
    pulses: dict[Edges, Pulse]

    def __init__(self, *parts: Any) -> None:
        *whole, self.pulses = parts
        super().__init__(*whole)

    def solve(self, edges: Edges) -> Pulse:
        """As the bench's own."""
        if edges not in self.pulses:
            if len(self.pulses) >= PULSES_KEPT:
                self.pulses.clear()
            self.pulses[edges] = super().solve(edges)
        return self.pulses[edges]

    def start(self) -> None:
        """As the bench's own; the book begins."""
        self.points, self.first_faults, self.trips_seen = [], [], []
        self.fire_pulses, self.raised_v, self.unlocked_v = 0, 0.0, 0.0
        self._fire_before = False
        self._known = (0, 0, False)
        self._high: list[tuple[int, float]] = []
        self._lowest_v = float("inf")
        self._last: tuple[object, ...] = ()
        self.inhibits, self.stray_pulses, self.services_lost = [], 0, 0
        self._shut, self._inhibit, self._pulses_before, self._serving = True, 0, 0, 0
        super().start()

    def _scan(self, t_ns: int) -> Edges | None:
        edges = super()._scan(t_ns)
        self._observe(t_ns)
        return edges

    def _observe(self, t_ns: int) -> None:
        plc, truth = self.plc, self.plant.truth()
        highest_v, commanded = truth.highest_v, truth.commanded
        seen = (plc.control.state, commanded, truth.contactor_closed, truth.dump_a_closed, truth.dump_b_closed)
        if seen != self._last and len(self.points) < POINTS_MAX:
            self._last = seen
            self.points.append(Point(t_ns, plc.control.state.name, *seen[1:], highest_v))
        if highest_v > 1.0:
            self._high.append((t_ns, highest_v))
        if commanded:
            self._lowest_v = float("inf")
            self.raised_v = 0.0
        else:
            self._lowest_v = min(self._lowest_v, highest_v)
            self.raised_v = max(self.raised_v, highest_v - self._lowest_v)
        scans = not self.board.active.get("plc.dead")  # a dead PLC decides nothing: its outputs fall, the lock's too
        if scans and not plc.outputs.door_lock:
            self.unlocked_v = max(self.unlocked_v, highest_v)
        self._note_trips()
        self._note_pulses(t_ns, truth)
        fire = plc.outputs.fire and plc.outputs.gate_open_ns > 0
        self.fire_pulses += fire and not self._fire_before
        self._fire_before = fire

    def _note_trips(self) -> None:
        control = self.plc.control
        known = (control.trips, control.first_fault, control.state is PlcState.TRIP)
        if known == self._known:
            return
        if control.first_fault and control.first_fault != self._known[1]:
            self.first_faults.append(str(Trip(control.first_fault).name))
        self.trips_seen += [
            str(trip.name) for trip in Trip if trip & control.trips and trip.name not in self.trips_seen
        ]
        if self.plc.control.state is PlcState.TRIP and not control.first_fault and "RESTART" not in self.first_faults:
            self.first_faults.append("RESTART")
        self._known = known

    def _note_pulses(self, t_ns: int, truth: Truth) -> None:
        """What only a bench that runs has: its inhibit, pulses that nothing allowed, what cools and heats."""
        if self.rig.run is None:
            return
        plc = self.plc
        inhibit = plc.control.pulse.inhibit
        if inhibit != self._inhibit and len(self.inhibits) < INHIBITS_MAX:
            self.inhibits.append(Inhibit(t_ns, tuple(str(c.name) for c in InhibitCause if c & inhibit)))
        if truth.pulses > self._pulses_before and self._shut:
            self.stray_pulses += truth.pulses - self._pulses_before
        self._shut = bool(inhibit) or not truth.commanded
        self._inhibit, self._pulses_before = inhibit, truth.pulses
        if truth.serving != self._serving:
            self.services_lost |= self._serving & ~truth.serving & ~plc.excused
            self._serving = truth.serving

    def energised_until_ns(self, v_safe_v: float) -> int:
        """The last scan at which a module was above ``v_safe_v`` (0: never)."""
        return next((t_ns for t_ns, v in reversed(self._high) if v >= v_safe_v), 0)
