"""PURE: the rig as everything else reads it: bank, instruments, channels, calibration chains, interlocks, limits.

Plain SI values. ``load.py`` makes a :class:`Rig` from rig.yaml; nobody else reads that file.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from controller.rig.mimic import Mimic
from controller.rig.run_rig import RunRig


@dataclass(frozen=True, slots=True)
class Part:
    """One serial-numbered link of a calibration chain (bench.md section 4).

    ``factor`` is output unit per input unit seen from the instrument (engineering value per volt for a
    sensor, 1 for a cable), ``sign`` +1 or -1, ``uncertainty`` relative (k=2), ``delay_uncertainty_s`` in seconds,
    ``termination_ohm`` what the part must see at its far end (None: high impedance), ``due`` when the
    calibration runs out.
    """

    kind: str
    serial: str
    factor: float = 1.0
    sign: int = 1
    delay_s: float = 0.0
    uncertainty: float = 0.0
    due: date | None = None
    delay_uncertainty_s: float = 0.0
    termination_ohm: float | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A measured quantity: which input of which instrument sees it, and through which parts.

    ``value = volts_at_input * scale`` in ``unit``; ``full_scale`` is the largest meaningful magnitude in ``unit``.
    ``module`` is the bank module (1-based) the channel belongs to, 0 for none. Channels of the PLC have their
    calibration inside the PLC, so their chain's scale is 1 and the input is a name in its status block, or that of a
    window of its limits file. One with a ``group`` is polled and published under it, judged by ``low`` and ``high``
    while the PLC is in one of ``states`` (none: always).
    """

    name: str
    title: str
    instrument: str
    input: str
    unit: str
    full_scale: float
    chain: tuple[Part, ...] = ()
    module: int = 0
    group: str = ""
    low: float | None = None
    high: float | None = None
    states: tuple[str, ...] = ()

    @property
    def scale(self) -> float:
        """Engineering units per volt at the instrument's input: the product of all factors and signs."""
        return math.prod(part.factor * part.sign for part in self.chain)

    @property
    def delay_s(self) -> float:
        """How much later than the bench the signal arrives at the input: the sum of the parts' delays."""
        return math.fsum(part.delay_s for part in self.chain)

    @property
    def delay_uncertainty_s(self) -> float:
        """Uncertainty of :attr:`delay_s`, parts combined as root of the sum of squares."""
        return math.hypot(*(part.delay_uncertainty_s for part in self.chain))

    @property
    def uncertainty(self) -> float:
        """Relative uncertainty (k=2) of :attr:`scale`, parts combined as root of the sum of squares."""
        return math.hypot(*(part.uncertainty for part in self.chain))

    @property
    def impedance(self) -> str:
        """The scope input the chain needs: ``FIFT`` when a part asks for 50 Ohm, else ``ONEM``."""
        return "FIFT" if any(part.termination_ohm == 50.0 for part in self.chain) else "ONEM"

    def overdue(self, today: date) -> tuple[Part, ...]:
        """Parts whose calibration is overdue on ``today``; they flag every result of the channel."""
        return tuple(part for part in self.chain if part.due is not None and part.due < today)


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """One instrument: ``model`` as in ``drivers.registry``, ``port`` the Protocol in drivers/ports.py, its transport.

    ``identity`` must occur in what the instrument answers to ``*IDN?`` (or its own identification).
    ``role`` is ``safety``, ``required`` or ``optional`` unless the profile says otherwise; ``ranges_v`` are the
    full input ranges in volts it can be set to, smallest first (peak to peak for a scope, +- for a DAQ). ``line`` is
    the serial line that it shares with others (empty: none), and ``unit`` its address there.
    """

    name: str
    title: str
    model: str
    port: str
    identity: str
    transport: str
    role: str = "required"
    serial: str = ""
    ranges_v: tuple[float, ...] = ()
    line: str = ""
    unit: int = 0


@dataclass(frozen=True, slots=True)
class Bank:
    """The capacitor bank. One module = one capacitor with its own bleeder and its own contacts of dump relays A and B.

    ``dump_ohm`` is one contact's resistor (both dumps in parallel halve it); ``tolerance`` that of C, relative;
    ``tolerance_v`` how far from the target the bank may be when it is fired.
    """

    modules: int
    module_capacitance_f: float
    rated_voltage_v: float
    max_voltage_v: float
    overvoltage_v: float
    bleeder_ohm: float
    dump_ohm: float
    dump_energy_j: float
    charge_rate_v_per_s: float
    charge_current_a: float
    tolerance: float
    tolerance_v: float
    safe_voltage_v: float
    safe_energy_j: float
    module_current_a: float
    tolerance_min_v: float = 0.0
    charge_rate_min_v_per_s: float = 0.0

    @property
    def full_mask(self) -> int:
        """All modules, one bit each, module 1 = bit 0."""
        return (1 << self.modules) - 1

    def capacitance_f(self, mask: int) -> float:
        """Capacitance of the modules in ``mask``."""
        return (mask & self.full_mask).bit_count() * self.module_capacitance_f

    def energy_j(self, voltage_v: float, mask: int) -> float:
        """Stored energy C V^2 / 2 of the modules in ``mask``."""
        return 0.5 * self.capacitance_f(mask) * voltage_v * voltage_v

    def v_safe_v(self, mask: int) -> float:
        """The voltage below which the bank is safe: min(50 V, sqrt(2 * 10 J / C)), safety.md 2."""
        return min(self.safe_voltage_v, math.sqrt(2.0 * self.safe_energy_j / self.capacitance_f(mask)))

    def dump_tau_s(self, path: str = "both") -> float:
        """Time constant of a module's dump (``both``, ``a`` or ``b``), bleeder in parallel; the same for every mask."""
        dump_ohm = self.dump_ohm / 2.0 if path == "both" else self.dump_ohm
        return self.module_capacitance_f / (1.0 / dump_ohm + 1.0 / self.bleeder_ohm)

    @property
    def bleed_tau_s(self) -> float:
        """Time constant of the bleeder alone: how fast a floating module droops."""
        return self.module_capacitance_f * self.bleeder_ohm


@dataclass(frozen=True, slots=True)
class Limits:
    """What a profile may never exceed, and the PLC's times that a profile must fit into (seconds)."""

    energy_j: float
    action_integral_a2s: float
    trigger_delay_s: float
    consent_energy_j: float
    float_s: float
    isolate_s: float
    fire_s: float
    open_s: float
    charge_margin: float
    dump_margin: float
    dwell_taus: float
    single_dump_voltage_v: float
    warn_s: float
    dump_travel_s: float
    scan_s: float
    watchdog_s: float
    contactor_s: float


@dataclass(frozen=True, slots=True)
class Interlock:
    """One row of the table: ``plc_trip`` is the name in ``drivers.wire.plc.Trip``, ``guidance`` what a person does."""

    id: str
    title: str
    plc_trip: str
    guidance: str


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """One row of ``alarms:``: ``kind`` (channel, source, point, state, health) and ``subject`` say what is looked at.

    ``above`` or ``below`` is where it is an alarm, in ``unit``, and ``deadband`` how far inside it is healthy again;
    a ``point`` that starts with "not " is an alarm while it is 0. ``states`` are the PLC states in which it is judged,
    none meaning all. It is raised after ``delay_s``, or when it came ``count`` times within ``within_s``, and returns
    after ``return_delay_s``; a ``latching`` one then waits for its reset.
    """

    id: str
    title: str
    priority: str
    guidance: str
    kind: str
    subject: str
    above: float | None = None
    below: float | None = None
    unit: str = ""
    deadband: float = 0.0
    states: tuple[str, ...] = ()
    delay_s: float = 0.0
    count: int = 0
    within_s: float = 0.0
    return_delay_s: float = 1.0
    latching: bool = False


@dataclass(frozen=True, slots=True)
class TriggerChain:
    """PLC fire output -> delay generator -> one output pair per module. Levels in volts, times in seconds."""

    instrument: str
    pairs: tuple[str, ...]
    width_s: float
    holdoff_s: float
    level_v: float
    trigger_level_v: float


@dataclass(frozen=True, slots=True)
class Rig:
    """One bench. ``text``/``sha256`` are rig.yaml as loaded; ``plc_limits`` the compared limits of plc.yaml.

    ``self_test_paths`` are the interlock paths that plc.yaml lists, in the PLC's order of testing.
    """

    name: str
    title: str
    rig_id: int
    bank: Bank
    limits: Limits
    trigger: TriggerChain
    instruments: tuple[InstrumentSpec, ...]
    channels: tuple[Channel, ...]
    interlocks: tuple[Interlock, ...]
    text: bytes
    sha256: str
    plc_limits: Mapping[str, float]
    plc_text: bytes = b""
    self_test_paths: tuple[str, ...] = ()
    loads: Mapping[str, str] = field(default_factory=dict)
    mimic: Mimic = field(default_factory=Mimic)
    alarms: tuple[AlarmRow, ...] = ()
    run: RunRig | None = None
    """Ratings and services of a bench that pulses; None for one that fires once."""

    def instrument(self, name: str) -> InstrumentSpec:
        """The instrument called ``name``; raises KeyError."""
        return _named(self.instruments, name)

    def channel(self, name: str) -> Channel:
        """The channel called ``name``; raises KeyError."""
        return _named(self.channels, name)

    def channels_of(self, instrument: str) -> tuple[Channel, ...]:
        """The channels that ``instrument`` records, in the order of rig.yaml."""
        return tuple(c for c in self.channels if c.instrument == instrument)

    def interlock(self, plc_trip: str) -> Interlock | None:
        """The table row for a PLC trip's name, or None when rig.yaml has none."""
        return next((i for i in self.interlocks if i.plc_trip == plc_trip), None)


_Named = TypeVar("_Named", Channel, InstrumentSpec)


def _named(items: tuple[_Named, ...], name: str) -> _Named:
    for item in items:
        if item.name == name:
            return item
    raise KeyError(name)
