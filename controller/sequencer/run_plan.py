"""PURE: what a plan with pulses needs beside its steps: rate, carrier, services, and a conditioning's recipe."""

from dataclasses import dataclass
from math import sqrt

from controller.sequencer.conditioning_recipe import ConditioningRecipe


@dataclass(frozen=True, slots=True)
class SupplyPlan:
    """A supply that must be on before high voltage: a heater, a magnet."""

    instrument: str
    voltage_v: float
    current_a: float


@dataclass(frozen=True, slots=True)
class ChillerPlan:
    """A chiller that must run, at its set-point in degrees Celsius."""

    instrument: str
    set_point_c: float


@dataclass(frozen=True, slots=True)
class Services:
    """What serves the tube. ``auxiliaries`` are the PLC's outputs to be asked for, one bit each; ``gauge`` and its
    number say which pressure a conditioning looks at."""

    supplies: tuple[SupplyPlan, ...] = ()
    chillers: tuple[ChillerPlan, ...] = ()
    auxiliaries: int = 0
    gauge: str = ""
    gauge_number: int = 1


@dataclass(frozen=True, slots=True)
class ConditioningPlan:
    """A conditioning: the ``part`` that is conditioned, its recipe, and which drive makes which field.

    Field goes with the root of the power: ``reference_field_v_per_m`` at ``reference_drive_w``.
    """

    part: str
    serial: str
    recipe: ConditioningRecipe
    reference_field_v_per_m: float
    reference_drive_w: float

    def drive_w(self, field_v_per_m: float) -> float:
        """The source's power for a field, in W."""
        return self.reference_drive_w * (field_v_per_m / self.reference_field_v_per_m) ** 2

    def field_v_per_m(self, drive_w: float) -> float:
        """The field that a power of the source makes, in V/m."""
        return self.reference_field_v_per_m * sqrt(max(0.0, drive_w) / self.reference_drive_w)


@dataclass(frozen=True, slots=True)
class Calorimetry:
    """Where a load's water is seen: names of the PLC's windows, and what one litre of it carries in J per kelvin.

    ``coupler`` is the channel of the mean forward power in W that it is compared with; empty for none.
    """

    flow_window: str
    rise_window: str
    heat_j_per_l_k: float = 4180.0
    coupler: str = ""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """``source`` and ``generator`` are instruments; no source means pulses without drive.

    ``windows`` are the names of the PLC's windows in the order of its limits file.
    """

    rate_hz: float
    frequency_hz: float
    source: str
    generator: str
    services: Services
    windows: tuple[str, ...] = ()
    calorimetry: Calorimetry | None = None
    conditioning: ConditioningPlan | None = None
