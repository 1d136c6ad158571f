"""What the core knows: the age of what the PLC says, and the account of the charge."""

from dataclasses import replace

import pytest

from controller.runtime.situation import Situation, observe
from controller.safety.bench import BenchState
from controller.safety.charge import BankModel
from drivers.ports import ChargerReading
from drivers.wire.plc import Input, PlcState, PlcStatus
from tests.unit.runtime.test_heartbeat import make_status

BANK = BankModel(4e-3, 4 / 1e5, 1.0)


def status(scan: int, state: PlcState = PlcState.CHARGE, zero: bool = False, **changes: object) -> PlcStatus:
    inputs = Input.ZERO_CURRENT if zero else Input(0)
    return replace(make_status(scan), state=state, inputs=inputs, **changes)  # type: ignore[arg-type]


def ns(time_s: float) -> int:
    return round(time_s * 1e9)


def test_a_plc_that_repeats_itself_gets_older() -> None:
    situation = Situation(0)
    situation.take(status(10), ns(1.0))
    situation.take(status(10), ns(1.05))
    assert situation.reading(ns(1.1)).age_s == pytest.approx(0.1)
    situation.take(status(10), ns(1.4))
    assert situation.reading(ns(1.4)).age_s == pytest.approx(0.4), "stamps frozen, whatever arrives (row 11)"
    situation.take(status(11), ns(1.45))
    assert situation.reading(ns(1.45)).age_s == 0.0
    situation.take(status(11, boot_id=2), ns(1.5))
    assert situation.reading(ns(1.5)).age_s == 0.0, "another life may be at the same scan"


def charge(situation: Situation, seconds: float, current_a: float = 1.0) -> float:
    """OPENING, then ``seconds`` of charge at ``current_a`` and FLOAT; statuses every 50 ms, readings every 0.5 s."""
    situation.take(status(1, PlcState.OPENING, zero=True), ns(0.05))
    beats = round(seconds / 0.05)
    for beat in range(beats + 2):
        now_s = 0.1 + beat * 0.05
        state = PlcState.CHARGE if beat <= beats else PlcState.FLOAT
        situation.take(status(2 + beat, state, zero=beat == 0), ns(now_s))
        if beat % 10 == 9 or state is PlcState.FLOAT:
            situation.take_charger(ChargerReading(0.0, current_a, True, False), ns(now_s))
    return now_s


def test_the_charge_that_went_in_is_an_estimate_once_it_is_over() -> None:
    situation = Situation(0)
    situation.bank = BANK
    end_s = charge(situation, 4.0)
    reading = situation.reading(ns(end_s))
    assert reading.state is BenchState.FLOAT
    assert reading.charge_v == pytest.approx(4.0 / 4e-3, rel=0.03)  # 2 % of it bled away
    assert reading.charge_doubt_v < 25.0


def test_there_is_no_estimate_before_the_end_nor_after_the_dump() -> None:
    situation = Situation(0)
    situation.bank = BANK
    end_s = charge(situation, 1.0)
    assert situation.charge_v is not None
    situation.take(status(900, PlcState.DUMPING), ns(end_s + 0.1))
    assert situation.charge_v is None
    situation.take(status(901, PlcState.CHARGE), ns(end_s + 0.2))
    situation.take_charger(ChargerReading(0.0, 1.0, True, False), ns(end_s + 0.25))
    assert situation.charge_v is None


def test_nothing_is_counted_without_a_bank_or_before_a_status() -> None:
    situation = Situation(0)
    situation.take_charger(ChargerReading(1.0, 1.0, True, False), 0)
    situation.take(status(1, PlcState.FLOAT), ns(1.0))
    situation.take_charger(ChargerReading(1.0, 1.0, True, False), ns(1.0))
    assert situation.charge_v is None and situation.charger is not None


def test_failed_paths_have_names() -> None:
    seen = observe(replace(make_status(1), self_test_failed=0b1000000000001), 0)
    assert seen.self_test_failed == ("door_1", "charger_inhibit")
    assert observe(make_status(1), 0).self_test_failed == ()


def test_the_daq_witnesses_nothing_while_a_store_is_recharged_after_its_pulses() -> None:
    situation = Situation(0)
    situation.witness_v, situation.witness_ns = 24e3, ns(1.0)
    situation.take(status(1, PlcState.FLOAT), ns(1.0))
    assert situation.reading(ns(1.0)).witness_v == 24e3, "before any pulse it is held still"
    situation.take(status(2, PlcState.RUN), ns(1.05))
    situation.take(status(3, PlcState.FLOAT, state_age_ms=50), ns(1.1))
    assert situation.reading(ns(1.1)).witness_v is None
    situation.witness_ns = ns(3.15)
    situation.take(status(40, PlcState.FLOAT, state_age_ms=2100), ns(3.15))
    assert situation.reading(ns(3.15)).witness_v == 24e3
    assert situation.reading(ns(3.4)).witness_v is None, "too old"
