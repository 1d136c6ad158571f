"""PURE: the numbers of a bench that pulses a tube, in SI units; its parts bring their own (physics.md B)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware_sim.plant.breakdown.parameters import BreakdownParameters
from firmware_sim.plant.modulator.chargers import ChargingParameters
from firmware_sim.plant.modulator.line import capacitance_f
from firmware_sim.plant.modulator.parameters import positive
from firmware_sim.plant.modulator.pulse import ModulatorParameters
from firmware_sim.plant.parameters import BankParameters, ChargerParameters, RelayParameters, SlowProbeParameters
from firmware_sim.plant.rf.chain import RfParameters
from firmware_sim.plant.rf.line import Arc
from firmware_sim.plant.utilities.plantroom import UtilityParameters


@dataclass(frozen=True, slots=True)
class DriveParameters:
    """From the RF source to the tube's input: pre-amplifier's gain and most power, input cavity, pulse's edges.

    The source's pulse modulator is triggered together with the thyratron: drive begins ``delay_s`` after that edge and
    lasts ``width_s`` until the source is told another width. The input cavity's -3 dB width is ``bandwidth_hz`` about
    ``frequency_hz``.
    """

    gain_db: float
    most_w: float
    frequency_hz: float
    bandwidth_hz: float
    delay_s: float
    width_s: float
    edge_s: float

    def __post_init__(self) -> None:
        positive("drive", most_w=self.most_w, frequency_hz=self.frequency_hz, bandwidth_hz=self.bandwidth_hz)


@dataclass(frozen=True, slots=True)
class FieldParameters:
    """The highest surface field anywhere on the line: ``field_v_per_m`` at ``power_w``, growing with its root (B7)."""

    field_v_per_m: float
    power_w: float


@dataclass(frozen=True, slots=True)
class SiteParameters:
    """Where the line breaks down first while one load is mounted: its field, and the process there."""

    surface: FieldParameters
    breakdown: BreakdownParameters


@dataclass(frozen=True, slots=True)
class LimiterParameters:
    """The duty limiter in hardware: least time between two pulses, longest drive."""

    shortest_s: float
    width_s: float


@dataclass(frozen=True, slots=True)
class VacuumLatchParameters:
    """Ion pump currents at which the hard-wired vacuum latch sets and lets go (safety.md 2.3 row 42)."""

    trip_a: float
    clear_a: float


@dataclass(frozen=True, slots=True)
class TransmitterParameters:
    """One 4-20 mA input of the PLC: ``value = factor * reading + offset`` between ``at_4_ma`` and ``at_20_ma``.

    ``reading`` is a name of :class:`~firmware_sim.plant.utilities.services.Services`. ``logarithmic``: decades are
    linear. ``loop`` True: the reading is the loop's own current in A. Beyond its range it saturates at 3.8 and 20.5 mA;
    a reading that is no number is a dead loop.
    """

    reading: str
    factor: float = 1.0
    offset: float = 0.0
    at_4_ma: float = 0.0
    at_20_ma: float = 1.0
    logarithmic: bool = False
    loop: bool = False
    minus: str = ""
    """A second reading, taken away from the first one."""


@dataclass(frozen=True, slots=True)
class StrayParameters:
    """What a pulse sends into everything else (physics.md A10).

    Scope inputs get ``emi_v`` of their probe at a line voltage of ``reference_v``, as oscillations of ``frequency_hz``
    (lowest, highest) that die with ``decay_s``, and ``end_share`` of it when the pulse ends. In the scan after a pulse
    the PLC's voltages are off by ``probe_v`` (rms) and its 4-20 mA inputs by at most ``analogue_ma``. ``line_share`` of
    the pulses get into the serial lines, for ``line_s``.
    """

    frequency_hz: tuple[float, ...]
    decay_s: float
    end_share: float
    reference_v: float
    probe_v: float
    analogue_ma: float
    line_share: float
    line_s: float

    def __post_init__(self) -> None:
        positive("emi", decay_s=self.decay_s, reference_v=self.reference_v)
        if len(self.frequency_hz) != 2 or not 0.0 < self.frequency_hz[0] <= self.frequency_hz[1]:
            raise ValueError(f"emi.frequency_hz: {self.frequency_hz}; right would be [lowest, highest]")
        if not 0.0 <= self.line_share <= 1.0:
            raise ValueError(f"emi.line_share: {self.line_share}; right would be 0 to 1")


@dataclass(frozen=True, slots=True)
class ProbeParameters:
    """One input of an oscilloscope. ``kind`` is a name of ``probes.KINDS``; its unit is V, A, W or detector volts.

    ``emi_v`` is what a pulse's stray oscillation makes at the input, whatever is measured there.
    """

    kind: str
    volts_per_unit: float
    noise_v: float = 0.0
    offset_v: float = 0.0
    delay_s: float = 0.0
    step_s: float = 0.0
    emi_v: float = 0.0


@dataclass(frozen=True, slots=True)
class DaqParameters:
    """One input of a DAQ: volts = ``volts_per_unit`` * (reading - ``zero``)."""

    reading: str
    volts_per_unit: float
    zero: float = 0.0


@dataclass(frozen=True, slots=True)
class GaugeParameters:
    """One channel of the gauge controller: which of the vacuum's gauges (from 1)."""

    number: int


@dataclass(frozen=True, slots=True)
class SlowParameters:
    """What moves in milliseconds and more. ``bank`` is the line as a store: one module, all sections together.

    ``dead_s`` is how long after a pulse nothing charges the line; ``reservoir_fault`` the share of its voltage that
    the thyratron's reservoir keeps under ``thyratron_starved``, ``recovery_fault`` by how much its recovery is slower
    under ``thyratron_latch_through``.
    """

    bank: BankParameters
    charger: ChargerParameters
    contactor: RelayParameters
    dump_a: RelayParameters
    dump_b: RelayParameters
    probe: SlowProbeParameters
    dead_s: float
    ambient_k: float
    start_pa: float
    reservoir_fault: float
    recovery_fault: float
    magnet_a: float
    """Nominal current of the magnet: the field that the tube is tuned for."""
    chiller_share: float
    """Of the heat of the loop what the chiller itself has to take; a heat exchanger takes the rest."""
    closed_gate_a: float
    """Switch current that sets the module's current latch when no open gate allowed it."""


@dataclass(frozen=True, slots=True)
class TubeBenchParameters:
    """Everything plant.yaml says. ``mismatch`` is what a breakdown of the kind ``vswr`` does to the line.

    ``sites`` are named as the loads of rig.yaml; a load without one breaks down as the first of them does.
    ``daq``, ``gauges`` and ``probes`` are named as the channels in rig.yaml, ``transmitters`` are in the order of the
    windows in plc.yaml.
    """

    modulator: ModulatorParameters
    charging: ChargingParameters
    rf: RfParameters
    sites: Mapping[str, SiteParameters]
    drive: DriveParameters
    mismatch: Arc
    limiter: LimiterParameters
    vacuum_latch: VacuumLatchParameters
    slow: SlowParameters
    utilities: UtilityParameters
    emi: StrayParameters
    transmitters: tuple[TransmitterParameters, ...] = ()
    probes: Mapping[str, ProbeParameters] = field(default_factory=dict)
    daq: Mapping[str, DaqParameters] = field(default_factory=dict)
    gauges: Mapping[str, GaugeParameters] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.sites:
            raise ValueError("sites: none; right would be one per load that breaks down in its own way")
        line_f = capacitance_f(self.modulator.circuit.line)
        bank_f = self.slow.bank.capacitance_f
        if len(bank_f) != 1 or abs(bank_f[0] - line_f) > 1e-9 * line_f:
            raise ValueError(f"slow.bank.capacitance_f: {bank_f}; right would be the line's, [{line_f:.6g}]")

    @property
    def line_f(self) -> float:
        """Capacitance of the line: all sections in parallel."""
        return self.slow.bank.capacitance_f[0]
