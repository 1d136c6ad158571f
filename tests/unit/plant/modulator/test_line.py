"""Closed forms of the line (physics.md B1), and the solver against them."""

from math import exp, sin, sqrt

import numpy as np
import pytest

from firmware_sim.plant.modulator import line as closed
from firmware_sim.plant.modulator.discharge import solve_discharge
from firmware_sim.plant.modulator.network import Contact, Network, clipper_a
from firmware_sim.plant.modulator.parameters import CircuitParameters, ClipperParameters, LineParameters, read
from tests.unit.plant.modulator.support import (
    ARC,
    CLIPPER,
    LINE,
    LINE_V,
    PERVEANCE,
    SERIES_OHM,
    bench,
    diode,
    fine_line,
    reference_circuit,
    resistor_circuit,
)

REFERENCE = LineParameters(10, 21.16e-9, 2.954e-6)
SECTIONS = 40
TAU_S = 5.0e-6


def test_the_line_of_the_b_parameters():
    assert closed.impedance_ohm(REFERENCE) == pytest.approx(11.815, abs=1e-3)
    assert closed.pulse_s(REFERENCE) == pytest.approx(5.0e-6, rel=1e-3)
    assert closed.energy_j(REFERENCE, LINE_V) == pytest.approx(62.7, abs=0.05)
    assert closed.capacitance_f(REFERENCE) == pytest.approx(211.6e-9)
    assert closed.load_voltage_v(REFERENCE, 30e3, closed.impedance_ohm(REFERENCE)) == pytest.approx(15e3)
    assert closed.residual_v(REFERENCE, LINE_V, closed.impedance_ohm(REFERENCE)) == pytest.approx(0.0)
    assert closed.residual_v(REFERENCE, LINE_V, 0.0) == pytest.approx(-LINE_V)
    assert closed.load_current_a(REFERENCE, LINE_V, 0.0) == pytest.approx(LINE_V / 11.815, rel=1e-4)


def test_tube_voltage_and_needed_line_voltage_are_one_law():
    tube_v = closed.matched_tube_v(REFERENCE, LINE_V, 11.0, PERVEANCE)
    assert tube_v + 121 * closed.impedance_ohm(REFERENCE) * diode(tube_v) == pytest.approx(11 * LINE_V, rel=1e-12)
    assert closed.needed_v(REFERENCE, tube_v, diode(tube_v), 11.0) == pytest.approx(LINE_V, rel=1e-12)
    needed = closed.needed_v(REFERENCE, 130.96e3, 91.9, 11.0, SERIES_OHM)
    print(f"lossless load line {tube_v / 1e3:.2f} kV; 130.96 kV need {needed / 1e3:.3f} kV on the line")
    # the load line knows no droop: the magnetising current costs another 1.4 % of the current by mid-pulse
    assert needed == pytest.approx(LINE_V, rel=0.01)
    assert closed.droop_share(REFERENCE, 2e-3) == pytest.approx(0.0295, abs=1e-4)


@pytest.mark.parametrize("ratio", [0.4, 1.0, 2.5])
def test_resistive_load_gives_the_steps_of_the_ideal_line(ratio):
    """First step V0 Z_L / (Z + Z_L), second one reflected; 40 sections ring by percents, plateaus' middles do not."""
    p = resistor_circuit(fine_line(SECTIONS))
    z = closed.impedance_ohm(p.line)
    load = ratio * z
    times = np.arange(0.0, 2.0 * TAU_S, 5e-9)
    solution = solve_discharge(p, lambda v: v / load, LINE_V, times)
    first, second = (solution.tube_v[(times > a) & (times < b)].mean() for a, b in ((1e-6, 4e-6), (6e-6, 9e-6)))
    expected = closed.load_voltage_v(p.line, LINE_V, load)
    reflection = closed.residual_v(p.line, LINE_V, load) / LINE_V
    print(f"Z_L = {ratio} Z: {first:.0f} V, then {second:.0f} V; ideal {expected:.0f} V, {expected * reflection:.0f} V")
    assert first == pytest.approx(expected, rel=0.005)
    if ratio >= 1.0:  # this load is a diode: it shows no negative step
        # the tail of a matched ladder rings below zero, where this load takes nothing: 2 % of the pulse
        assert second == pytest.approx(expected * reflection, abs=0.025 * expected)
    left = solve_discharge(p, lambda v: v / load, LINE_V, np.array([0.0, TAU_S])).line_v.mean(axis=0)[-1]
    if ratio >= 1.0:
        assert left == pytest.approx(closed.residual_v(p.line, LINE_V, load), abs=0.03 * LINE_V)


def test_mismatch_below_leaves_the_line_reversed():
    """Z_L < Z behind a one-way switch: the line keeps V0 (Z_L - Z) / (Z_L + Z)."""
    line = fine_line(SECTIONS)
    bare = {"ratio": 1.0, "leakage_h": 1e-12, "stray_f": 1e-9, "magnetising_h": 1e6}
    p = reference_circuit(line=line, switch={}, transformer=bare)
    load = 0.4 * closed.impedance_ohm(p.line)
    solution = solve_discharge(p, lambda v: v / load, LINE_V, np.arange(0.0, 8e-6, 5e-9))
    expected = closed.residual_v(p.line, LINE_V, load)
    print(f"left {solution.left_v():.0f} V, ideal {expected:.0f} V, inverse {solution.inverse_v.max():.0f} V")
    assert solution.left_v() == pytest.approx(expected, rel=0.02)
    assert solution.switch_a.min() > -1.0
    assert solution.inverse_v.max() > 0.5 * abs(expected)


def test_short_doubles_the_current_and_reverses_the_line():
    bare = {"ratio": 1.0, "leakage_h": 1e-12, "stray_f": 1e-9, "magnetising_h": 1e6}
    short = {"drop_v": 0.0, "resistance_ohm": 0.01, "growth_s": 0.0}
    p = reference_circuit(line=fine_line(SECTIONS), switch={}, transformer=bare, arc=short)
    times = np.arange(0.0, 8e-6, 5e-9)
    solution = solve_discharge(p, diode, LINE_V, times, arc_s=0.0)
    current = solution.switch_a[(times > 1e-6) & (times < 4e-6)].mean()
    print(f"short: {current:.0f} A, V0/Z {LINE_V / closed.impedance_ohm(p.line):.0f} A, left {solution.left_v():.0f} V")
    assert current == pytest.approx(closed.load_current_a(p.line, LINE_V, 0.0), rel=0.005)
    # a ladder's current ends before the last section has reversed wholly: 1.5 % with 40 sections
    assert solution.left_v() == pytest.approx(-LINE_V, rel=0.02)
    clipped = reference_circuit(
        line=fine_line(SECTIONS), switch={}, transformer=bare, arc=short, end_of_line_clipper=CLIPPER
    )
    saved = solve_discharge(clipped, diode, LINE_V, times, arc_s=0.0)
    print(f"with a clipper {saved.left_v():.0f} V, it took {saved.ledger_j['end_of_line_clipper'][-1]:.1f} J")
    assert abs(saved.left_v()) < 0.1 * LINE_V
    assert saved.ledger_j["end_of_line_clipper"][-1] > 0.9 * saved.stored_j


def test_one_section_is_an_rlc_circuit():
    """physics.md C2: underdamped current V0 / (w L) e^(-at) sin wt. A farad of stray capacitance is a short circuit."""
    c, inductance, r = 211.6e-9, 29.54e-6, 4.0
    one = {"sections": 1, "section_f": c, "section_h": inductance}
    far = {"ratio": 1.0, "leakage_h": 1e-15, "stray_f": 1.0, "magnetising_h": 1e6}
    p = reference_circuit(line=one, switch={"resistance_ohm": r, "reverse": True}, transformer=far)
    alpha = r / (2 * inductance)
    omega = sqrt(1 / (inductance * c) - alpha**2)
    times = np.linspace(0.0, 20e-6, 500)
    solution = solve_discharge(p, diode, 1000.0, times, rtol=1e-9)
    expected = np.array([1000.0 / (omega * inductance) * exp(-alpha * t) * sin(omega * t) for t in times.tolist()])
    worst = np.abs(solution.switch_a - expected).max() / expected.max()
    print(f"RLC: worst {worst:.1e} of the peak")
    assert worst < 1e-6


def test_arc_in_the_pulse_collapses_the_tube_and_reverses_the_line():
    oneway = {"resistance_ohm": SERIES_OHM}
    p = reference_circuit(switch=oneway, backswing_clipper=CLIPPER)
    times = np.arange(0.0, 8e-6, 2e-9)
    arc = solve_discharge(p, diode, LINE_V, times, arc_s=2e-6)
    whole = solve_discharge(p, diode, LINE_V, times)
    before, after = times < 2e-6, times > 2.2e-6
    assert np.abs(arc.tube_v - whole.tube_v)[before].max() < 1e-4 * 131e3
    assert arc.tube_v[after].max() < 0.1 * 131e3
    assert arc.arc_a[before].max() == 0.0
    assert arc.switch_a.max() > 1.7 * whole.switch_a[1000]
    assert arc.left_v() < -0.4 * LINE_V
    print(f"arc: {arc.switch_a.max():.0f} A, {arc.ledger_j['arc'][-1]:.2f} J, left {arc.left_v():.0f} V")
    assert 0.0 < arc.ledger_j["arc"][-1] < 10.0
    ended = reference_circuit(switch=oneway, backswing_clipper=CLIPPER, end_of_line_clipper=CLIPPER)
    assert solve_discharge(ended, diode, LINE_V, times, arc_s=2e-6).left_v() > -0.1 * LINE_V


def test_inverse_voltage_arcs_the_switch_back():
    p = reference_circuit(switch={"resistance_ohm": SERIES_OHM, "arcback_v": 10e3})
    times = np.arange(0.0, 8e-6, 4e-9)
    solution = solve_discharge(p, diode, LINE_V, times, arc_s=0.0)
    assert solution.arced_back
    assert solution.switch_a.min() < -500.0
    assert solution.inverse_v.max() <= 10e3
    assert not solve_discharge(p, diode, LINE_V, times).arced_back


def test_inverse_voltage_that_grows_after_the_current_arcs_the_switch_back_later():
    """The line's far end is reversed later than its near end: the switch blocks first and breaks down then."""
    bare = {"ratio": 1.0, "leakage_h": 1e-12, "stray_f": 1e-9, "magnetising_h": 1e6}
    load = 0.4 * 11.815
    times = np.arange(0.0, 8e-6, 5e-9)

    def solve(arcback_v):
        p = reference_circuit(line=fine_line(SECTIONS), switch={"arcback_v": arcback_v}, transformer=bare)
        return solve_discharge(p, lambda v: v / load, LINE_V, times)

    whole, broken = solve(None), solve(15e3)
    first = times[np.argmax(whole.inverse_v > 0.0)]
    later = times[np.argmax(whole.inverse_v > 15e3)]
    back = times[np.argmax(broken.switch_a < -1.0)]
    print(f"blocks at {first * 1e6:.3f} us, 15 kV inverse at {later * 1e6:.3f} us, arcs back at {back * 1e6:.3f} us")
    assert not whole.arced_back
    assert broken.arced_back
    assert first < later
    assert back == pytest.approx(later, abs=15e-9)
    assert broken.inverse_v.max() <= 15e3
    assert np.abs(broken.residual_j).max() < 1e-5 * broken.stored_j


def test_clipper_conducts_beyond_its_threshold_only():
    clipper = ClipperParameters(threshold_v=100.0, resistance_ohm=5.0)
    assert [clipper_a(clipper, v) for v in (50.0, -99.0, -100.0, -600.0)] == [0.0, 0.0, 0.0, 100.0]


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("contact", Contact)
def test_slopes_are_the_derivative_of_the_rates(contact, sign):
    """A wrong one would only cost time, which no other test sees."""
    network = Network(bench().circuit, diode, 0.0, LINE_V)
    network.contact = contact
    y = np.random.default_rng(1).normal(size=network.size) * 1000.0
    y[network.vs], y[network.count - 1], y[network.flux] = sign * 5000.0, sign * 4000.0, 0.01
    slopes, found = network.slopes(2e-7, y), np.empty((network.size, network.size))
    for k in range(network.size):
        step = np.zeros(network.size)
        step[k] = 1e-6 if k == network.flux else 1e-3
        found[:, k] = (network.rates(2e-7, y + step) - network.rates(2e-7, y - step)) / (2.0 * step[k])
    scale = np.abs(found).max(axis=1, keepdims=True)
    assert (np.abs(slopes - found) <= 1e-6 * np.abs(found) + 1e-8 * scale + 1e-3).all()


def test_open_load_doubles_the_voltage():
    p = reference_circuit()
    times = np.arange(0.0, 8e-6, 4e-9)
    solution = solve_discharge(p, lambda _: 0.0, LINE_V, times)
    flat = (times > 2e-6) & (times < 4e-6)
    assert solution.tube_v[flat].mean() == pytest.approx(2 * 131e3, rel=0.05)


def test_a_core_that_saturates_ends_the_pulse():
    small = {"ratio": 11.0, "leakage_h": 0.6e-6, "stray_f": 4e-9, "magnetising_h": 2e-3}
    small |= {"saturation_vs": 0.03, "saturated_h": 1e-5}
    times = np.arange(0.0, 8e-6, 4e-9)
    whole = solve_discharge(reference_circuit(), diode, LINE_V, times)
    short = solve_discharge(reference_circuit(transformer=small), diode, LINE_V, times)
    reached = times[np.argmax(short.flux_vs > 0.03)]
    print(f"saturates at {reached * 1e6:.2f} us")
    assert 2.4e-6 < reached < 3e-6
    assert np.abs(whole.tube_v - short.tube_v)[times < reached - 0.05e-6].max() < 1e-4 * 131e3
    assert short.tube_v[np.searchsorted(times, reached + 1.5e-6)] < 0.6 * 131e3
    assert np.abs(short.residual_j).max() < 1e-5 * short.stored_j


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"line": LINE}, "switch is missing"),
        ({"line": {**LINE, "colour": 1}, "switch": {}, "transformer": {}, "arc": ARC}, "'colour' is unknown"),
        ({"line": {**LINE, "section_f": "21 nF"}, "switch": {}, "transformer": {}, "arc": ARC}, "not a finite number"),
        ({"line": {**LINE, "sections": 1.5}, "switch": {}, "transformer": {}, "arc": ARC}, "not a whole number"),
        ({"line": {**LINE, "section_h": None}, "switch": {}, "transformer": {}, "arc": ARC}, "a value is missing"),
        ({"line": 5, "switch": {}, "transformer": {}, "arc": ARC}, "c.line: 5 is not a mapping"),
        ({"line": LINE, "switch": {"reverse": 1}, "transformer": {}, "arc": ARC}, "1 is not a bool"),
        ({"line": {**LINE, "section_h": 0.0}, "switch": {}, "transformer": {}, "arc": ARC}, "above zero"),
    ],
)
def test_wrong_data_is_named(data, words):
    with pytest.raises(ValueError, match=words):
        read(CircuitParameters, data, "c")


def test_an_uncharged_line_is_refused():
    with pytest.raises(ValueError, match="positive"):
        solve_discharge(reference_circuit(), diode, 0.0, np.array([0.0, 1e-6]))
    with pytest.raises(ValueError, match="begin at 0"):
        solve_discharge(reference_circuit(), diode, 1.0, np.array([-1e-9]))
