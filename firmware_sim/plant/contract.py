"""PURE: what a simulated bench needs of its plant: the Protocol that ``hil_rigs/<bench>/plant.py`` builds.

The PLC's terminals (``tick``, ``inputs``), the trigger chain (``offer_edges``, ``pulse``, ``apply``), what instruments
measure and do (``scope_volts``, ``read``, ``drive``), people, faults, the truth for judges, a forecast for the twin.
Names of readings and controls are ``<instrument>_<quantity>`` with the instrument's name in rig.yaml; a DAQ's and an
oscilloscope's inputs are named as their channels in rig.yaml (docs/how-to/add-a-bench.md has the lists).
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from firmware_sim.plant.people import People
from firmware_sim.signals import FieldInputs, FieldOutputs

Array = npt.NDArray[np.float64]


class Edges(Protocol):
    """A pulse about to happen, as the plant describes it to itself."""

    @property
    def t0_ns(self) -> int:
        """Its T0, absolute."""
        ...


class Pulse(Protocol):
    """A pulse that was solved. Interference lasts until ``emi_until_ns`` and makes edges on the trigger cable."""

    @property
    def emi_until_ns(self) -> int:
        """Links are disturbed until then (absolute; 0: not at all)."""
        ...

    @property
    def false_edges_ns(self) -> tuple[int, ...]:
        """Edges at the delay generator's input that nobody sent (absolute)."""
        ...


class Truth(NamedTuple):
    """The bench as it really is, for judges: no probe and no contact in between.

    ``commanded``: a coil or the charger is powered by anybody, so that energy may come in or stay; ``highest_v`` is the
    highest voltage of any module, of either sign; ``pulses`` counts discharges since the bench was switched on.

    Only benches that run have the rest: ``arc_j`` is the most energy that arcs of one pulse took, ``arc_s`` the longest
    that drive went on in a pulse that latched; ``serving`` has one bit per auxiliary whose relay is on.
    """

    commanded: bool
    contactor_closed: bool
    dump_a_closed: bool
    dump_b_closed: bool
    highest_v: float
    pulses: int
    arc_j: float = 0.0
    arc_s: float = 0.0
    serving: int = 0


@dataclass(frozen=True, slots=True)
class Intention:
    """What a plan is going to do: voltage and current of the charge, modules (bit mask), delays after T0, load.

    ``load`` is a name of rig.yaml's ``loads``; ``delays_s`` has one entry per module, None where nothing is triggered.
    """

    charge_voltage_v: float
    charge_current_a: float
    module_mask: int
    delays_s: tuple[float | None, ...]
    load: str
    energises: bool
    fires: bool


class Fact(NamedTuple):
    """One line of a forecast for people; ``unit`` as in rig.yaml, or "m/s"."""

    title: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an intention leads to. ``ledger`` is empty unless something is fired: ``stored`` first, then where it goes.

    ``numbers`` that are held against limits, where the plant knows them: ``stored_energy_j``, ``charge_time_s``,
    ``peak_current_a``, ``module_current_a``, ``action_integral_a2s``.
    """

    numbers: Mapping[str, float]
    ledger: Mapping[str, float]
    facts: tuple[Fact, ...] = ()


EdgesT = TypeVar("EdgesT", bound=Edges)
PulseT = TypeVar("PulseT", bound=Pulse)


class Plant(Protocol[EdgesT, PulseT]):
    """One simulated bench. Time is absolute nanoseconds; ``tick`` comes once per PLC scan, before the scan."""

    inputs: FieldInputs
    people: People
    log: deque[tuple[int, str]]
    """(t_ns, text), written by the plant and by who sees what is true on the bench's side: the independent witness."""
    t_ns: int

    @property
    def FAULTS(self) -> Mapping[str, str]:
        """Fault id -> one line."""
        ...

    @property
    def spontaneous(self) -> EdgesT | None:
        """A pulse that nobody triggered and that waits for :meth:`pulse` and :meth:`apply`."""
        ...

    @property
    def readings(self) -> frozenset[str]:
        """What :meth:`read` knows."""
        ...

    @property
    def controls(self) -> frozenset[str]:
        """What :meth:`drive` knows."""
        ...

    @property
    def probes(self) -> tuple[str, ...]:
        """What :meth:`scope_volts` knows."""
        ...

    def tick(self, t_ns: int, out: FieldOutputs) -> None:
        """Advance to ``t_ns`` under these outputs of the PLC and rewrite ``inputs``.

        ``out`` is one object that the PLC rewrites at the end of its scan: whoever keeps it sees in :meth:`offer_edges`
        the gate that was opened by the scan of the fire pulse.
        """
        ...

    def offer_edges(self, t_fire_ns: int, edges_ns: Sequence[int | None]) -> EdgesT | None:
        """Take the delay generator's edges (T0 and its four outputs); the pulse they start, or None."""
        ...

    def pulse(self, edges: EdgesT) -> PulseT:
        """Solve a pulse. Reads nothing that changes: it may run in a thread."""
        ...

    def apply(self, record: PulseT) -> None:
        """Let a solved pulse have happened."""
        ...

    def ahead(self) -> Callable[[], object] | None:
        """Work that the next pulse will need, if it were triggered now; it may run in a thread. None: nothing."""
        ...

    def scope_volts(self, probe: str, t_s: Array, *, t0_ns: int | None = None) -> Array:
        """Volts at an oscilloscope's input, ``t_s`` in seconds after T0. Raises KeyError for an unknown probe.

        ``t0_ns`` is that T0 (None: the last one), for segments that are read long after their triggers. A bench that
        pulses once has no other than the last.
        """
        ...

    def read(self, probe: str) -> float:
        """One of ``readings``, in the unit of its name; inputs of a DAQ in volts at the input. Raises KeyError."""
        ...

    def drive(self, name: str, value: float) -> None:
        """One of ``controls``. Raises KeyError."""
        ...

    def mount(self, load: str) -> None:
        """Put the load of that name (rig.yaml's ``loads``) in place. Raises KeyError for one that the plant has not."""
        ...

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Break or mend something, by an id of FAULTS. Raises KeyError."""
        ...

    def truth(self) -> Truth:
        """The bench as it really is."""
        ...

    def forecast(self, intention: Intention) -> Forecast:
        """What ``intention`` leads to. Pure: the bench's state and its noise do not matter."""
        ...


AnyPlant = Plant[Any, Any]
"""A plant whose edges and pulses are nobody else's business."""

MEMBERS = (
    *("inputs", "people", "log", "t_ns", "FAULTS", "spontaneous", "readings", "controls", "probes", "tick"),
    *("offer_edges", "pulse", "apply", "ahead", "scope_volts", "read", "drive", "mount", "inject"),
    *("truth", "forecast"),
)
"""Every member of :class:`Plant`, for a refusal that says which one a bench's plant has not (a test compares them)."""
