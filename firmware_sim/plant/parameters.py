"""PURE: the numbers of a capacitor-bank bench, in SI units. A term that a parameter set does not list is zero.

The pulse side follows physics.md A1-A6, the slow side physics.md A9 and bench.md section 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RailLoad:
    """Rails with a moving armature (physics.md A2-A6).

    ``contact_v * tanh(I / contact_a)`` is the contact voltage, ``friction_n * tanh(u / friction_mps)`` the friction,
    ``field_t * gap_m * I`` the force in an augmenting field. ``muzzle_ohm`` lies in parallel with the armature branch
    (``armature_ohm`` and contact); after the exit an arc of ``muzzle_arc_v`` takes the armature's place. ``exit_m``
    None means rails without end, ``stuck`` an armature that never moves.
    """

    inductance_h: float
    resistance_ohm: float
    gradient_h_per_m: float
    gradient_ohm_per_m: float = 0.0
    contact_v: float = 0.0
    contact_a: float = 1.0
    mass_kg: float = 1.0
    friction_n: float = 0.0
    friction_mps: float = 0.05
    start_m: float = 0.0
    exit_m: float | None = None
    field_t: float = 0.0
    gap_m: float = 0.0
    armature_ohm: float = 0.0
    muzzle_ohm: float | None = None
    muzzle_arc_v: float = 0.0
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class DummyLoad:
    """A fixed resistor and inductor in the place of the rails."""

    inductance_h: float
    resistance_ohm: float


Load = RailLoad | DummyLoad


@dataclass(frozen=True, slots=True)
class PulseParameters:
    """N modules and a load. One entry per module; ``snubber_ohm`` None means no snubber at node A.

    ``switch_ohm`` is R_c of physics.md A1 (capacitor ESR and switch), ``switch_v`` the switch's forward drop.
    """

    capacitance_f: tuple[float, ...]
    switch_ohm: tuple[float, ...]
    switch_v: tuple[float, ...]
    coil_h: tuple[float, ...]
    coil_ohm: tuple[float, ...]
    crowbar_v: float
    crowbar_ohm: float
    load: Load
    snubber_ohm: float | None = None

    @property
    def modules(self) -> int:
        """Number of modules."""
        return len(self.capacitance_f)


def parameters_from_json(data: Mapping[str, Any]) -> PulseParameters:
    """Build parameters from the short names of bench_4x1mF.json (physics.md "A-parameters").

    Raises KeyError for a missing required name.
    """
    snubber = data.get("Rsn")
    return PulseParameters(
        capacitance_f=tuple(data["C"]),
        switch_ohm=tuple(data["Rc"]),
        switch_v=tuple(data["VT"]),
        coil_h=tuple(data["L"]),
        coil_ohm=tuple(data["R"]),
        crowbar_v=data["VF"],
        crowbar_ohm=data["RF"],
        snubber_ohm=None if snubber is None else float(snubber),
        load=RailLoad(
            inductance_h=data["L0"],
            resistance_ohm=data["R0"],
            gradient_h_per_m=data["Lp"],
            gradient_ohm_per_m=data.get("Rp", 0.0),
            contact_v=data.get("Vc0", 0.0),
            contact_a=data.get("Ic0", 1.0),
            mass_kg=data["m"],
            friction_n=data.get("Ff", 0.0),
            friction_mps=data.get("vf", 0.05),
            start_m=data.get("x0", 0.0),
            exit_m=data.get("xexit"),
            field_t=data.get("Bp", 0.0),
            gap_m=data.get("gap", 0.0),
            muzzle_ohm=data.get("Rm"),
            muzzle_arc_v=data.get("Varc", 0.0),
        ),
    )


@dataclass(frozen=True, slots=True)
class RelayParameters:
    """Travel of a relay or contactor in nanoseconds.

    ``pull_ns`` from energising, ``drop_ns`` from de-energising until the contact has moved; a making contact then
    bounces for ``bounce_ns``.
    """

    pull_ns: int
    drop_ns: int
    bounce_ns: int


@dataclass(frozen=True, slots=True)
class BankParameters:
    """Slow side of the modules (bench.md section 1, physics.md A9).

    ``absorption`` lists dielectric branches (fraction of C, time constant in s).
    """

    capacitance_f: tuple[float, ...]
    bleeder_ohm: float
    dump_ohm: float
    charge_ohm: float
    absorption: tuple[tuple[float, float], ...]
    latch_a: float
    overvoltage_v: float
    leak_fault_ohm: float
    rebound_fault_factor: float


@dataclass(frozen=True, slots=True)
class ChargerParameters:
    """A capacitor charger: ratings, output capacitance behind the contactor and its discharge time constant."""

    rated_v: float
    rated_a: float
    output_f: float
    output_tau_s: float
    zero_current_a: float


@dataclass(frozen=True, slots=True)
class TriggerParameters:
    """Fibre links and switches: delay and jitter in s, lowest anode voltage that latches, late-fire fault delay."""

    fibre_delay_s: tuple[float, ...]
    jitter_s: float
    latch_v: float
    late_fault_s: float
    prefire_v: float


@dataclass(frozen=True, slots=True)
class EmiParameters:
    """What every shot injects (bench.md section 1 "EMI")."""

    frequency_hz: tuple[float, float]
    decay_s: float
    garbage_s: tuple[float, float]
    garbage_v: float
    false_edges: int
    false_edge_span_s: float


@dataclass(frozen=True, slots=True)
class ProbeParameters:
    """One scope input: factor to volts, noise, EMI amplitude, cable delay, and the sensor's dynamics.

    ``kind`` is rogowski, hv_probe, divider, b_dot or fiducial. ``droop_hz`` and ``bandwidth_hz`` are the integrator's
    corner and the sensor's; ``zero_s`` / ``pole_s`` the divider's compensation; ``position_m`` / ``width_m``
    place a B-dot; ``step_s`` is the fiducial's length.
    """

    kind: str
    volts_per_unit: float
    module: int = 0
    noise_v: float = 0.0
    offset_v: float = 0.0
    emi_v: float = 0.0
    delay_s: float = 0.0
    droop_hz: float = 0.0
    bandwidth_hz: float = 0.0
    zero_s: float = 0.0
    pole_s: float = 0.0
    position_m: float = 0.0
    width_m: float = 0.01
    step_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SlowProbeParameters:
    """The PLC's and the T7's slow voltage readings: full scale, noise of one reading, T7 divider."""

    full_scale_v: float
    noise_v: float
    volts_per_volt: float
    gain_fault: float


@dataclass(frozen=True, slots=True)
class BenchParameters:
    """Everything plant.yaml says."""

    pulse: PulseParameters
    dummy_load: DummyLoad
    bank: BankParameters
    charger: ChargerParameters
    contactor: RelayParameters
    dump_a: RelayParameters
    dump_b: RelayParameters
    trigger: TriggerParameters
    emi: EmiParameters
    slow_probe: SlowProbeParameters
    probes: Mapping[str, ProbeParameters]
    pulse_end_s: float
