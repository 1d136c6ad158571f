"""PURE: closed forms of an artificial line discharged into a load (physics.md B1). All on the line's side."""

from math import pi, sqrt

from firmware_sim.plant.modulator.parameters import LineParameters


def impedance_ohm(line: LineParameters) -> float:
    """Z = sqrt(L / C) of a section (physics.md B1)."""
    return sqrt(line.section_h / line.section_f)


def pulse_s(line: LineParameters) -> float:
    """Length of the pulse, tau = 2 n sqrt(L C) (physics.md B1)."""
    return 2.0 * line.sections * sqrt(line.section_h * line.section_f)


def capacitance_f(line: LineParameters) -> float:
    """What the charger sees: all sections in parallel."""
    return line.sections * line.section_f


def energy_j(line: LineParameters, voltage_v: float) -> float:
    """Stored energy n C V^2 / 2 (physics.md B-parameters: 62.7 J at 24.35 kV)."""
    return 0.5 * capacitance_f(line) * voltage_v**2


def load_voltage_v(line: LineParameters, voltage_v: float, load_ohm: float) -> float:
    """First step into a resistive load, V0 Z_L / (Z + Z_L): half of V0 when matched (physics.md B1)."""
    return voltage_v * load_ohm / (impedance_ohm(line) + load_ohm)


def load_current_a(line: LineParameters, voltage_v: float, load_ohm: float) -> float:
    """First step's current V0 / (Z + Z_L): V0 / Z, twice the matched one, into a short (physics.md B1)."""
    return voltage_v / (impedance_ohm(line) + load_ohm)


def residual_v(line: LineParameters, voltage_v: float, load_ohm: float) -> float:
    """Left on the line after the first pulse, V0 (Z_L - Z) / (Z_L + Z): -V0 after a short (physics.md B1)."""
    z = impedance_ohm(line)
    return voltage_v * (load_ohm - z) / (load_ohm + z)


def matched_tube_v(line: LineParameters, voltage_v: float, ratio: float, perveance: float) -> float:
    """Voltage of a diode I = K V^1.5 behind an ideal transformer: the root of V + N^2 Z K V^1.5 = N V0, in V.

    The load line of physics.md B1 through the transformer (B2) met with the diode's law (B3). Newton from above on a
    convex rising function, so every step gets nearer.
    """
    slope = ratio**2 * impedance_ohm(line) * perveance
    target = ratio * voltage_v
    v = target
    for _ in range(60):
        step = (v + slope * v**1.5 - target) / (1.0 + 1.5 * slope * sqrt(v))
        v -= step
        if abs(step) <= 1e-12 * target:
            break
    return v


def needed_v(line: LineParameters, tube_v: float, tube_a: float, ratio: float, series_ohm: float = 0.0) -> float:
    """Line voltage for a flat top of ``tube_v`` at ``tube_a``: V / N + N I (Z + R), R in series on the line's side.

    The load line of physics.md B1 read the other way round, through the ideal transformer of B2.
    """
    return tube_v / ratio + ratio * tube_a * (impedance_ohm(line) + series_ohm)


def droop_share(line: LineParameters, magnetising_h: float) -> float:
    """Magnetising current at the end of the pulse over the matched load's, Z tau / L_m (physics.md B2).

    Both are on the primary. The load's voltage sinks by half of it, since line and load share the change.
    """
    return impedance_ohm(line) * pulse_s(line) / magnetising_h


def cutoff_hz(line: LineParameters) -> float:
    """Above 1 / (pi sqrt(L C)) the sections carry nothing: the fastest ripple the line makes."""
    return 1.0 / (pi * sqrt(line.section_h * line.section_f))
