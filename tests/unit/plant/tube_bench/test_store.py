"""The line as a store: the closed forms of charging, dumping and bleeding, in any steps."""

from dataclasses import replace
from math import exp

import numpy as np
import pytest

from firmware_sim.plant.charger import Charger
from firmware_sim.plant.modulator.chargers import charge_line
from firmware_sim.plant.modulator.charging import DirectParameters, ResonantParameters, direct_voltages_v
from firmware_sim.plant.tube_bench.store import LineStore
from tests.unit.plant.tube_bench.support import shipped

FARADS = 211.6e-9
RESONANT = ResonantParameters(
    supply_v=12.5e3,
    supply_rated_v=14e3,
    supply_w=4e3,
    choke_h=10.0,
    quality=50.0,
    deq_v=None,
    regulation=3e-4,
)


def store(charging=None, volts: float = 0.0, **slow) -> tuple[LineStore, Charger]:
    parameters = replace(shipped(), charging=charging or shipped().charging)
    if slow:
        parameters = replace(parameters, slow=replace(parameters.slow, **slow))
    line, charger = LineStore(parameters), Charger(parameters.slow.charger)
    line.set_voltage(volts)
    charger.set_voltage_v, charger.set_current_a, charger.output_on = 24_350.0, 0.6, True
    charger.update(False)
    return line, charger


NO_BLEEDER = replace(shipped().slow.bank, bleeder_ohm=1e15)


@pytest.mark.parametrize("left_v", [-1500.0, 0.0, 3000.0])
@pytest.mark.parametrize("peak_w", [15e3, 6e3])
def test_direct_charge_follows_the_closed_form_in_any_steps(left_v, peak_w):
    charging = DirectParameters(25e3, 0.6, peak_w, 7.5e3, 0.0)
    line, charger = store(charging, left_v, bank=NO_BLEEDER)
    times_ns = [300_000, 1_000_000, 1_000_001, 4_000_000, 7_000_000, 20_000_000]
    expected = direct_voltages_v(charging, FARADS, 24_350.0, left_v, np.array(times_ns) * 1e-9)
    for t_ns, volts in zip(times_ns, expected, strict=True):
        line.advance(t_ns, connected=True, dumps=0, charger=charger)
        assert line.voltage_v == pytest.approx(volts, rel=1e-9)
    whole = charge_line(charging, FARADS, 24_350.0, left_v)
    assert line.ledger.charged_j == pytest.approx(whole.stored_j, rel=1e-9)
    assert line.ledger.supply_j == pytest.approx(whole.supply_j, rel=1e-9)


def test_resonant_charge_doubles_the_supply_and_is_held_by_its_diode():
    line, charger = store(RESONANT, bank=NO_BLEEDER)
    charger.set_voltage_v = 12_500.0
    whole = charge_line(RESONANT, FARADS, 12_500.0)
    half_ns = round(whole.charge_s * 1e9)
    for n in range(1, 8):
        line.advance(n * half_ns // 7, connected=True, dumps=0, charger=charger)
    line.advance(half_ns + 1_000_000, connected=True, dumps=0, charger=charger)
    assert line.voltage_v == pytest.approx(whole.voltage_v, rel=1e-6) and line.voltage_v > 24e3
    line.advance(half_ns + 20_000_000, connected=True, dumps=0, charger=charger)
    assert line.voltage_v == pytest.approx(whole.voltage_v, rel=1e-6)
    assert line.ledger.supply_j == pytest.approx(whole.supply_j, rel=1e-6)
    assert line.ledger.charged_j == pytest.approx(whole.stored_j, rel=1e-6)


def test_nothing_charges_the_line_before_its_hold_is_over():
    line, charger = store(volts=-200.0, bank=NO_BLEEDER)
    line.hold_until_ns = 5_000_000
    line.advance(5_000_000, connected=True, dumps=0, charger=charger)
    assert line.voltage_v == pytest.approx(-200.0, rel=1e-6)
    line.advance(6_000_000, connected=True, dumps=0, charger=charger)
    assert line.voltage_v == pytest.approx(-200.0 + 1e-3 * 0.6 / FARADS, rel=1e-6)


@pytest.mark.parametrize(("dumps", "ohms"), [(0, 100e6), (1, 470e3), (2, 470e3), (3, 235e3)])
def test_dumps_and_bleeder_take_it_away_and_share_the_energy(dumps, ohms):
    line, charger = store(volts=20e3)
    for n in range(1, 11):
        line.advance(n * 10_000_000, connected=False, dumps=dumps, charger=charger)
    siemens = 1.0 / 100e6 + dumps.bit_count() / 470e3
    assert line.voltage_v == pytest.approx(20e3 * exp(-0.1 * siemens / FARADS), rel=1e-9)
    lost_j = 0.5 * FARADS * (20e3**2 - line.voltage_v**2)
    assert line.ledger.bled_j + line.ledger.dumped_j == pytest.approx(lost_j, rel=1e-9)
    assert line.ledger.bled_j == pytest.approx(lost_j / 100e6 / siemens, rel=1e-9)
    assert (line.ledger.dumped_j > 0.0) is bool(dumps) and ohms > 0


def test_a_charger_that_is_inhibited_leaves_a_reversed_line_alone():
    line, charger = store(volts=-1500.0)
    charger.update(True)
    line.advance(10_000_000, connected=True, dumps=0, charger=charger)
    assert -1500.0 < line.voltage_v < -1480.0 and charger.current_a == 0.0


def test_a_latched_thyratron_takes_the_chargers_current():
    line, charger = store()
    line.latched = True
    line.advance(10_000_000, connected=True, dumps=0, charger=charger)
    assert line.voltage_v == 0.0 and charger.current_a == pytest.approx(0.6)
    assert line.ledger.latched_j == pytest.approx(0.6 * 0.01 * 100.0)
