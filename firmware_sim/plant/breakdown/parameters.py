"""PURE: the numbers of the breakdown process, in SI units.

What is measured, what is a fit and what is assumed: docs/explanation/conditioning.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from math import isfinite
from typing import Any, TypeVar

T = TypeVar("T")


class FaultKind(Enum):
    """What latches (safety.md 2.3, rows 42-44)."""

    WAVEGUIDE_ARC = "waveguide_arc"
    GUN_ARC = "gun_arc"
    VSWR = "vswr"
    VACUUM = "vacuum"


@dataclass(frozen=True, slots=True)
class LawParameters:
    """The power law of physics.md B7: ``probability * (E/field)^field_exponent * (tau/pulse)^pulse_exponent``.

    ``probability`` is the mean breakdown probability per pulse of the finished surface, follow-ups included, at
    ``field_v_per_m`` and ``pulse_s``.
    """

    probability: float
    field_v_per_m: float
    pulse_s: float
    field_exponent: float = 30.0
    pulse_exponent: float = 5.0


@dataclass(frozen=True, slots=True)
class ClusterParameters:
    """Self-excitation (physics.md B7): every breakdown causes ``branching`` others on average within ``decay_pulses``.

    0.5 and 8,000 pulses are a FIT to the gaps of one structure, TD26CC (Giner-Navarro 2014): 676 breakdowns at
    1.31e-5 per pulse, 397 gaps below 26,000 pulses. ``branching`` 0 is a Poisson process.
    """

    branching: float = 0.5
    decay_pulses: float = 8000.0


@dataclass(frozen=True, slots=True)
class SurfaceParameters:
    """How the surface conditions: an ASSUMPTION (surface.py says which).

    ``start_strength`` is the fresh surface's strength relative to the finished one's, ``conditioning_pulses`` the
    number of hard-driven pulses in which the rest falls by e; a pulse counts as hard-driven from
    ``hard_probability`` on, and less below with the power ``effort_exponent`` of the field. The strength is carried on
    every ``update_pulses``.
    """

    start_strength: float = 1.0
    conditioning_pulses: float = 1.5e8
    hard_probability: float = 1e-5
    effort_exponent: float = 4.0
    update_pulses: int = 16_384


@dataclass(frozen=True, slots=True)
class FaultParameters:
    """What a breakdown shows itself as: ASSUMED shares of the four kinds, and its gas burst.

    The burst is log-uniform between the two limits; physics.md B6 gives 1e-6 to 1e-4 mbar l, from memory.
    ``reflection_delay_s`` is the time until the reflected wave trips (below 100 ns, physics.md B5).
    """

    waveguide_arc: float = 0.6
    gun_arc: float = 0.1
    vswr: float = 0.2
    vacuum: float = 0.1
    burst_min_pa_m3: float = 1e-7
    burst_max_pa_m3: float = 1e-5
    reflection_delay_s: float = 1e-7


@dataclass(frozen=True, slots=True)
class BreakdownParameters:
    """Everything the process needs. Raises ValueError naming the number that cannot be."""

    law: LawParameters
    cluster: ClusterParameters = ClusterParameters()
    surface: SurfaceParameters = SurfaceParameters()
    faults: FaultParameters = FaultParameters()

    def __post_init__(self) -> None:
        law, cluster, surface, faults = self.law, self.cluster, self.surface, self.faults
        for group, values in (("law", law), ("cluster", cluster), ("surface", surface), ("faults", faults)):
            for field in fields(values):
                value = getattr(values, field.name)
                _demand(isfinite(value) and value >= 0.0, f"{group}.{field.name}", value, "a number of zero or more")
        for name in ("field_v_per_m", "pulse_s", "field_exponent", "pulse_exponent"):
            _demand(getattr(law, name) > 0.0, f"law.{name}", getattr(law, name), "a number above zero")
        _demand(0.0 < law.probability < 1.0, "law.probability", law.probability, "a probability above 0 and below 1")
        _demand(cluster.branching < 1.0, "cluster.branching", cluster.branching, "below 1, or a cluster never ends")
        _demand(cluster.decay_pulses >= 1.0, "cluster.decay_pulses", cluster.decay_pulses, "at least one pulse")
        _demand(
            0.0 < surface.start_strength <= 1.0, "surface.start_strength", surface.start_strength, "above 0, at most 1"
        )
        _demand(
            surface.conditioning_pulses > 0.0, "surface.conditioning_pulses", surface.conditioning_pulses, "above 0"
        )
        _demand(0.0 < surface.hard_probability < 1.0, "surface.hard_probability", surface.hard_probability, "0 to 1")
        _demand(surface.update_pulses >= 1, "surface.update_pulses", surface.update_pulses, "at least one pulse")
        _demand(sum(self.shares()) > 0.0, "faults", self.shares(), "at least one kind with a share above zero")
        _demand(
            0.0 < faults.burst_min_pa_m3 <= faults.burst_max_pa_m3,
            "faults.burst_min_pa_m3",
            faults.burst_min_pa_m3,
            "above zero and not above faults.burst_max_pa_m3",
        )

    def shares(self) -> tuple[float, ...]:
        """The weights of the kinds in the order of :class:`FaultKind`."""
        return tuple(getattr(self.faults, kind.value) for kind in FaultKind)


def breakdown_parameters(data: Mapping[str, Any]) -> BreakdownParameters:
    """The parameters from a mapping with the groups ``law``, ``cluster``, ``surface`` and ``faults``.

    Keys are the fields of the dataclasses. Raises ValueError naming the key that is unknown, missing or no number.
    """
    groups = {
        "law": LawParameters,
        "cluster": ClusterParameters,
        "surface": SurfaceParameters,
        "faults": FaultParameters,
    }
    for name in data:
        _demand(name in groups, name, data[name], f"one of the groups {', '.join(groups)}")
    _demand("law" in data, "law", None, "a group with probability, field_v_per_m and pulse_s")
    return BreakdownParameters(**{name: _group(groups[name], name, data[name]) for name in data})


def _group(kind: type[T], name: str, data: object) -> T:
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(data, Mapping):
        raise ValueError(f"{name}: {data!r}; write a group with {', '.join(known)}")
    values: dict[str, float | int] = {}
    for key, value in data.items():
        _demand(key in known, f"{name}.{key}", value, f"one of {', '.join(known)}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        _demand(number, f"{name}.{key}", value, "a number in SI units")
        values[key] = int(value) if known[key].type is int else float(value)
    missing = {"probability", "field_v_per_m", "pulse_s"} - set(values) if kind is LawParameters else set()
    _demand(not missing, name, sorted(values), f"also {', '.join(sorted(missing))}")
    return kind(**values)


def _demand(holds: bool, where: str, value: object, right: str) -> None:
    if not holds:
        raise ValueError(f"breakdown: {where}: {value!r} cannot be; write {right}")
