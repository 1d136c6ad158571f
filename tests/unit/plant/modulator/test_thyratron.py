"""The thyratron between pulses: warm-up, firing, hold-off, recovery, and its keyed random streams."""

from dataclasses import replace
from math import exp

import numpy as np
import pytest

from firmware_sim.plant.modulator.charging import Resonant, ResonantParameters
from firmware_sim.plant.modulator.parameters import read
from firmware_sim.plant.modulator.thyratron import (
    WARM,
    Refusal,
    ThyratronParameters,
    ThyratronState,
    advance,
    fire,
    hold_off_v,
    is_ready,
    latches_at,
    pressure,
    recovered_v,
    spontaneous_hz,
    spontaneous_s,
    stays_latched,
)
from tests.unit.plant.modulator.support import THYRATRON

P = read(ThyratronParameters, THYRATRON, "thyratron")
VOLTS = 24.35e3
PULSES = 3_000


def test_warm_up_is_exact_for_any_step_and_ready_needs_all_three():
    state = ThyratronState()
    for _ in range(600):
        state = advance(P, state, 1.0, 1.0, 1.0)
    assert state.heater == pytest.approx(1 - exp(-600 / 120), rel=1e-12)
    assert advance(P, ThyratronState(), 600.0, 1.0, 1.0).heater == pytest.approx(state.heater, rel=1e-12)
    assert state.heater > P.ready_heater
    assert state.reservoir > P.ready_reservoir
    assert not is_ready(P, state)  # levels are reached, the time is not
    assert is_ready(P, advance(P, state, 300.0, 1.0, 1.0))
    assert not is_ready(P, advance(P, ThyratronState(), 2000.0, 0.9, 1.0))
    assert not is_ready(P, advance(P, ThyratronState(), 2000.0, 1.0, 0.9))
    off = advance(P, WARM, 30.0, 0.0, 1.0)
    assert off.heated_s == 0.0
    assert not is_ready(P, off)
    assert is_ready(P, WARM)


def test_delay_and_jitter_by_key():
    delays = np.array([fire(P, WARM, VOLTS, (3, k)).delay_s for k in range(PULSES)])
    print(f"delay {delays.mean() * 1e9:.2f} ns, jitter {delays.std() * 1e9:.3f} ns")
    assert delays.mean() == pytest.approx(250e-9, abs=4 * 2e-9 / PULSES**0.5)
    assert delays.std() == pytest.approx(2e-9, rel=0.05)
    assert fire(P, WARM, VOLTS, (3, 1234)).delay_s == delays[1234]  # no pulse depends on the ones before it
    assert fire(P, WARM, VOLTS, (4, 1234)).delay_s != delays[1234]
    assert fire(P, WARM, VOLTS, (0, 360_000_000)).refusal is None


def test_low_pressure_is_later_holds_more_and_starves():
    low = replace(WARM, reservoir=0.9)
    assert pressure(P, low) == pytest.approx(0.6561)
    assert hold_off_v(P, low) == pytest.approx(33e3 / 0.6561)
    assert fire(P, low, VOLTS, (3, 5)).delay_s == pytest.approx(fire(P, WARM, VOLTS, (3, 5)).delay_s / 0.81)
    at_half = replace(WARM, reservoir=0.45**0.25)
    missed = [fire(P, at_half, VOLTS, (1, k)).refusal for k in range(1000)]
    assert missed.count(Refusal.STARVED) / 1000 == pytest.approx(0.5, abs=0.05)
    assert fire(P, replace(WARM, reservoir=0.0), VOLTS, (1, 1)).refusal is Refusal.STARVED


def test_refusals():
    assert fire(P, replace(WARM, heater=0.5), VOLTS, (1, 1)).refusal is Refusal.COLD
    assert fire(P, WARM, 500.0, (1, 1)).refusal is Refusal.LOW_ANODE
    lame = replace(P, missing_share=0.02)
    missing = [fire(lame, WARM, VOLTS, (9, k)).refusal for k in range(PULSES)]
    share = missing.count(Refusal.MISSED) / PULSES
    print(f"missing {share:.4f} of {PULSES}")
    assert share == pytest.approx(0.02, abs=0.008)
    assert all(fire(P, WARM, VOLTS, (9, k)).refusal is None for k in range(500))


def test_spontaneous_firing_waits_exponentially_and_grows_steeply():
    assert spontaneous_hz(P, WARM, 33e3) == pytest.approx(50.0)
    assert spontaneous_hz(P, WARM, 33e3 * 0.98) == pytest.approx(50.0 / np.e)
    assert spontaneous_hz(P, WARM, VOLTS) < 2e-4
    assert spontaneous_hz(P, WARM, 0.0) == 0.0
    hold_s = 0.01
    found = [spontaneous_s(P, WARM, 33e3, hold_s, (2, k)) for k in range(PULSES)]
    share = sum(s is not None for s in found) / PULSES
    print(f"spontaneous {share:.3f}, expected {1 - exp(-0.5):.3f}")
    assert share == pytest.approx(1 - exp(-0.5), abs=0.03)
    assert all(s is None or 0.0 <= s <= hold_s for s in found)
    assert all(spontaneous_s(P, WARM, VOLTS, hold_s, (2, k)) is None for k in range(500))
    high = replace(WARM, reservoir=1.1)  # too much hydrogen: it holds less
    assert spontaneous_hz(P, high, VOLTS) > 10 * spontaneous_hz(P, WARM, VOLTS)


def test_recovery_and_latch_through_when_recharged_too_early():
    since = np.linspace(0.0, 4e-3, 4001)
    assert recovered_v(P, WARM, np.array([15e-6]))[0] == pytest.approx(33e3 * (1 - exp(-1)))
    charge = Resonant(
        ResonantParameters(13.2e3, 14e3, 5e3, choke_h=5.0, quality=25.0, deq_v=24.35e3, regulation=0.0), 211.6e-9
    )
    volts = charge.voltages_v(since)
    assert latches_at(P, WARM, since, volts, (1, 1)) is None
    sudden = np.full_like(since, 13.2e3)
    assert latches_at(P, WARM, since, sudden, (1, 1)) == 0.0
    assert latches_at(P, WARM, since + 100e-6, sudden, (1, 1)) is None
    high = replace(WARM, reservoir=1.5)  # five times the pressure: recovers slower and holds a fifth
    caught = latches_at(P, high, since, volts, (1, 1))
    assert caught is not None
    print(f"over-pressure latches {caught * 1e3:.2f} ms after the pulse, hold-off {hold_off_v(P, high):.0f} V")
    assert volts[np.searchsorted(since, caught)] == pytest.approx(hold_off_v(P, high), rel=0.1)
    instants = {latches_at(P, high, since, volts, (1, k)) for k in range(50)}
    assert len(instants) > 5  # the scatter of hold-off is the pulse's
    assert stays_latched(P, 0.1)
    assert not stays_latched(P, 0.01)
