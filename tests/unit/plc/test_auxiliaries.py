"""What cools and heats: every combination of the four outputs of such a bench, and the invariants of its function."""

from collections.abc import Iterator
from itertools import product

from firmware_sim.plc.auxiliaries import Auxiliary, AuxiliaryState, drive_auxiliaries, may_ask

COOLING, PUMPS, HEATER, MAGNET = 1, 2, 4, 8
TUBE_FLOW, MAGNET_FLOW, MAINS = 1, 2, 4
PLAN = (
    Auxiliary("cooling", MAINS, True, HEATER | MAGNET),
    Auxiliary("pumps", 0, True, 0),
    Auxiliary("heater", TUBE_FLOW, False, 0),
    Auxiliary("magnet", MAGNET_FLOW, True, 0),
)
ALL = range(16)


def every() -> Iterator[tuple[AuxiliaryState, int, bool, AuxiliaryState]]:
    """All states, faults and voltages, with what follows."""
    for asked, on, lost, zero in product(ALL, ALL, range(8), (False, True)):
        state = AuxiliaryState(asked, on)
        yield state, lost, zero, drive_auxiliaries(state, lost, zero, PLAN)


def test_nothing_is_on_or_asked_for_at_first() -> None:
    assert AuxiliaryState() == (0, 0)


def test_without_a_fault_what_is_asked_for_is_on_and_stays_on() -> None:
    for asked in ALL:
        state = AuxiliaryState(asked, 0)
        for zero in (False, True):
            after = drive_auxiliaries(state, 0, zero, PLAN)
            assert after.on & asked == asked == after.asked
            assert drive_auxiliaries(after, 0, zero, PLAN) == after


def test_the_magnet_stays_until_the_high_voltage_is_gone() -> None:
    for state, _, zero, after in every():
        if state.on & MAGNET and not zero:
            assert after.on & MAGNET


def test_the_heater_stays_only_with_its_flow() -> None:
    for _, lost, _, after in every():
        assert not (lost & TUBE_FLOW and after.on & HEATER)


def test_cooling_stays_while_something_hot_is_on_unless_its_own_fault_stops_it() -> None:
    for state, lost, zero, after in every():
        if after.on & (HEATER | MAGNET) and not lost & MAINS:
            assert after.on & COOLING
        if lost & MAINS and zero:
            assert not after.on & COOLING
        if state.on & COOLING and not zero:
            assert after.on & COOLING


def test_a_fault_of_its_own_is_not_forgotten() -> None:
    """Nothing starts again by itself when the flow comes back: it is asked for anew."""
    for state, lost, _, after in every():
        for at, one in enumerate(PLAN):
            if one.stops_on & lost and state.on >> at & 1:
                assert not after.asked >> at & 1
        again = drive_auxiliaries(after, 0, True, PLAN)
        hot = again.on & (HEATER | MAGNET)
        assert not again.on & ~after.asked & ~(COOLING if hot else 0)


def test_what_is_asked_for_before_its_water_flows_starts_when_it_does() -> None:
    """One AUXILIARIES for all of them: the flow needs seconds after the pump has started."""
    dry = drive_auxiliaries(AuxiliaryState(COOLING | HEATER | MAGNET, 0), TUBE_FLOW | MAGNET_FLOW, True, PLAN)
    assert dry.on == COOLING
    tube = drive_auxiliaries(dry, MAGNET_FLOW, True, PLAN)
    assert tube.on == COOLING | HEATER
    assert drive_auxiliaries(tube, 0, True, PLAN).on == COOLING | HEATER | MAGNET


def test_nothing_that_nobody_asked_for_starts() -> None:
    for state, _, _, after in every():
        started = after.on & ~state.on
        assert not started & ~(state.asked | COOLING)
        if started & COOLING & ~state.asked:
            assert after.on & (HEATER | MAGNET)


def test_a_fault_of_one_stops_no_other() -> None:
    for state, lost, zero, after in every():
        clean = drive_auxiliaries(state, 0, zero, PLAN)
        concerned = sum(1 << at for at, one in enumerate(PLAN) if one.stops_on & lost)
        concerned |= COOLING if concerned & (HEATER | MAGNET) else 0
        assert (clean.on ^ after.on) & ~concerned == 0


def test_off_only_at_rest_and_on_at_any_time() -> None:
    state = AuxiliaryState(COOLING | HEATER, COOLING | HEATER)
    assert may_ask(state, COOLING | HEATER | MAGNET, False, PLAN)
    assert not may_ask(state, COOLING, False, PLAN)
    assert may_ask(state, COOLING, True, PLAN)
    assert may_ask(AuxiliaryState(HEATER, 0), 0, False, PLAN), "what is not on may be taken back"
    assert not may_ask(state, 16, True, PLAN), "there is no fifth"
