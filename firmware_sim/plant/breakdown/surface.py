"""PURE: the breakdown probability of a surface of given strength (physics.md B7, B8) and how the strength grows.

The progress variable of conditioning is E* = E tau^(1/6) / BDR^(1/30) (Degiovanni and others, PRAB 2016, physics.md
B8); it is the power law of B7 solved for the field. ``strength`` is E* relative to that of the finished surface.
"""

from math import exp

from firmware_sim.plant.breakdown.parameters import LawParameters, SurfaceParameters


def probability(law: LawParameters, strength: float, field_v_per_m: float, pulse_s: float) -> float:
    """Mean breakdowns per pulse at constant conditions, follow-ups included (B7); may pass 1, as a power law does."""
    if field_v_per_m <= 0.0 or pulse_s <= 0.0:
        return 0.0
    over = field_v_per_m / (strength * law.field_v_per_m)
    return float(law.probability * over**law.field_exponent * (pulse_s / law.pulse_s) ** law.pulse_exponent)


def scaled_field(law: LawParameters, field_v_per_m: float, pulse_s: float, rate: float) -> float:
    """E* of a field held at breakdown rate ``rate`` per pulse, in V/m s^(1/6) with the exponents of B7 (B8)."""
    ratio = law.pulse_exponent / law.field_exponent
    return float(field_v_per_m * pulse_s**ratio / rate ** (1.0 / law.field_exponent))


def effort(surface: SurfaceParameters, law: LawParameters, at_probability: float) -> float:
    """How much a pulse conditions, 0 to 1: fully from ``hard_probability`` on, below with a power of the field."""
    if at_probability <= 0.0:
        return 0.0
    field_ratio = (at_probability / surface.hard_probability) ** (1.0 / law.field_exponent)
    return float(min(1.0, field_ratio) ** surface.effort_exponent)


def conditioned(surface: SurfaceParameters, strength: float, hard_pulses: float) -> float:
    """The strength after ``hard_pulses`` further pulses at full effort.

    ASSUMPTION, by pulses and not by breakdowns as the comparison of PRAB 2016 found: what is missing to the finished
    surface decays exponentially. Breakdowns do no lasting damage here; their clusters are the process's part.
    """
    return 1.0 - (1.0 - strength) * exp(-hard_pulses / surface.conditioning_pulses)
