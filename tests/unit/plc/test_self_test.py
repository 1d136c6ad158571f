"""The self-test of interlock paths, scan by scan: what passes, what fails, and when it gives up."""

import math

import pytest

from drivers.wire.plc import PlcState, Trip
from firmware_sim.plc.levels import Band, Levels
from firmware_sim.plc.pulses import RunSeen
from firmware_sim.plc.self_test import BIAS_PATHS, FORCED_V, PATHS, SelfTest
from firmware_sim.signals import RUN_SELF_TEST_PATHS, SELF_TEST_PATHS, FieldInputs
from tests.unit.plc.kit import levels_in

QUIET = levels_in(PlcState.SAFE)
INPUTS = FieldInputs(module_v=[0.0] * 4)
PROBE = Trip.PROBE_INVALID | Trip.PROBE_MISMATCH | Trip.OVERVOLTAGE
MODULES = Trip.PROBE_INVALID | Trip.PROBE_MISMATCH | Trip.MODULE_LIMIT | Trip.MODULE_SPREAD

# path -> (trip bits that are expected, levels that show the trip), typed from safety.md 3.1
WRITTEN: dict[str, tuple[Trip, dict[str, object]]] = {
    "door_1": (Trip.DOOR_1 | Trip.DOOR_DISCREPANCY, {"door_1": False}),
    "door_2": (Trip.DOOR_2 | Trip.DOOR_DISCREPANCY, {"door_2": False}),
    "estop": (Trip.ESTOP, {"estop_ok": False}),
    "operator_key": (Trip.KEY, {"operator_key": False}),
    "search_complete": (Trip.SEARCH, {"search_complete": False}),
    "ground_stick": (Trip.GROUND_STICK, {"ground_stick_stowed": False}),
    "hw_overvoltage": (Trip.HW_OVERVOLTAGE, {"hw_overvoltage_ok": False}),
    "probe_a": (PROBE, {"a": Band.INVALID}),
    "probe_b": (PROBE, {"b": Band.INVALID}),
    "modules": (MODULES, {"modules": Band.INVALID}),
    "latches": (Trip.PREFIRE, {}),
    "positions": (Trip.POSITION, {}),
    "charger_inhibit": (Trip.CHARGER_UNCOMMANDED, {"charger_inhibited": False}),
    "windows": (Trip.WINDOW, {"run": RunSeen(all_dead=True)}),
    "pulse_latches": (Trip.RETRIES, {}),
}
# path -> terminals that show the trip; positions reads "all out" when nothing is forced here
FORCED: dict[str, FieldInputs] = {
    "modules": FieldInputs(module_v=[100.5, 8000.0]),
    "latches": FieldInputs(module_v=[0.0] * 4, latches=0b1111, positions=0b1111),
    "positions": FieldInputs(module_v=[0.0] * 4, positions=0),
    "pulse_latches": FieldInputs(module_v=[0.0] * 4, positions=0b1111, pulse_latches=0b1111),
}
CALM = FieldInputs(module_v=[0.0] * 4, positions=0b1111)


def shown(name: str) -> tuple[Levels, FieldInputs]:
    return levels_in(PlcState.SAFE, **WRITTEN[name][1]), FORCED.get(name, CALM)


def test_every_wired_path_is_written_down_here() -> None:
    assert tuple(WRITTEN) == RUN_SELF_TEST_PATHS == tuple(PATHS)
    assert RUN_SELF_TEST_PATHS[:13] == SELF_TEST_PATHS
    assert BIAS_PATHS == ("probe_a", "probe_b") and FORCED_V == 100.0


@pytest.mark.parametrize("name", RUN_SELF_TEST_PATHS)
def test_path_raises_its_own_trips_and_looks_at_its_own_input(name: str) -> None:
    bits, look = PATHS[name]
    assert bits == WRITTEN[name][0]
    assert look(*shown(name))
    assert not look(QUIET, CALM)
    for other in RUN_SELF_TEST_PATHS:
        assert look(*shown(other)) is (other == name), f"{name} is satisfied by {other}"


@pytest.mark.parametrize("name", ["probe_a", "probe_b"])
def test_probe_driven_off_scale_or_over_voltage_shows_it(name: str) -> None:
    level = name[-1]
    for band, trips in ((Band.INVALID, True), (Band.OVER, True), (Band.HIGH, False), (Band.ZERO, False)):
        assert PATHS[name][1](levels_in(PlcState.SAFE, **{level: band}), CALM) is trips


@pytest.mark.parametrize(
    ("module_v", "trips"),
    [([100.5] * 4, True), ([100.0, 8000.0, 8000.0, 8000.0], False), ([0.0, 8000.0], False), ([math.nan, 0.0], False)],
)
def test_every_module_readback_has_to_be_driven(module_v: list[float], trips: bool) -> None:
    """The level alone is the worst module's: one that is driven would speak for all."""
    levels = levels_in(PlcState.SAFE, modules=Band.INVALID)
    assert PATHS["modules"][1](levels, FieldInputs(module_v=module_v)) is trips
    assert not PATHS["modules"][1](levels_in(PlcState.SAFE, modules=Band.OVER), FieldInputs(module_v=[8000.0]))


@pytest.mark.parametrize(("latches", "trips"), [(0b1111, True), (0b0111, False), (0b11111, False), (0, False)])
def test_every_latch_has_to_be_set(latches: int, trips: bool) -> None:
    assert PATHS["latches"][1](QUIET, FieldInputs(module_v=[0.0] * 4, latches=latches)) is trips


@pytest.mark.parametrize(("latches", "trips"), [(0b1111, True), (0b0111, False), (0b1110, False), (0b11111, False)])
def test_every_pulse_latch_has_to_be_set(latches: int, trips: bool) -> None:
    assert PATHS["pulse_latches"][1](QUIET, FieldInputs(module_v=[0.0] * 4, pulse_latches=latches)) is trips


def follow(test: SelfTest, name: str, tripped: bool) -> bool:
    return test.follow(*(shown(name) if tripped else (QUIET, CALM)))


def state_of(test: SelfTest) -> tuple[bool, int, int, int, tuple[str, ...]]:
    return test.running, test.relay, test.passed, test.total, test.failed


def test_new_self_test_does_nothing() -> None:
    test = SelfTest(10)
    assert state_of(test) == (False, 0, 0, 0, ()) and test.under_test == 0 and test.failed_bits == 0
    assert test.follow(QUIET, CALM) is False
    test.start(())
    assert state_of(test) == (False, 0, 0, 0, ())


def test_path_passes_when_its_input_trips_and_recovers() -> None:
    test = SelfTest(10)
    test.start(("estop", "probe_b"))
    assert state_of(test) == (True, 3, 0, 2, ()) and test.under_test == Trip.ESTOP
    assert follow(test, "estop", False) is False and test.relay == 3
    assert follow(test, "estop", True) is False
    assert test.relay == 0 and test.under_test == Trip.ESTOP, "let go, but not yet back"
    assert follow(test, "estop", True) is False and test.relay == 0
    assert follow(test, "estop", False) is False
    assert state_of(test) == (True, 9, 1, 2, ()) and test.under_test == PROBE
    assert follow(test, "probe_b", True) is False
    assert follow(test, "probe_b", False) is True
    assert state_of(test) == (False, 0, 2, 2, ()) and test.under_test == 0
    assert follow(test, "estop", True) is False


def test_input_that_does_not_trip_fails_after_its_time() -> None:
    test = SelfTest(3)
    test.start(("door_2", "estop"))
    assert [follow(test, "door_2", False) for _ in range(2)] == [False, False]
    assert test.failed == () and test.relay == 2
    follow(test, "door_2", False)
    assert state_of(test) == (True, 3, 0, 2, ("door_2",)) and test.failed_bits == 0b10


def test_input_that_does_not_recover_fails_after_its_time_again() -> None:
    test = SelfTest(3)
    test.start(("estop", "door_1"))
    for _ in range(2):
        follow(test, "estop", False)
    for _ in range(3):
        assert test.failed == ()
        follow(test, "estop", True)
    assert test.failed == (), "the time starts anew when the relay lets go"
    assert follow(test, "estop", True) is False
    assert state_of(test) == (True, 1, 0, 2, ("estop",)) and test.failed_bits == 0b100
    for _ in range(2):
        assert follow(test, "door_1", False) is False
    assert follow(test, "door_1", False) is True
    assert state_of(test) == (False, 0, 0, 2, ("estop", "door_1")) and test.failed_bits == 0b101


def test_stopped_test_has_failed_what_it_did_not_try() -> None:
    test = SelfTest(2)
    test.start(("door_1", "door_2", "estop"))
    follow(test, "door_1", False)
    follow(test, "door_1", False)
    test.stop()
    assert state_of(test) == (False, 0, 0, 3, ("door_1", "door_2", "estop"))
    assert test.under_test == 0 and test.follow(QUIET, CALM) is False


def test_new_start_forgets_everything() -> None:
    test = SelfTest(2)
    test.start(("door_1", "estop"))
    follow(test, "door_1", True)
    test.start(("door_1", "estop", "door_2"))
    assert state_of(test) == (True, 1, 0, 3, ())
    follow(test, "door_1", False)
    assert not test.failed and test.relay == 1
    follow(test, "door_1", True)
    follow(test, "door_1", False)
    follow(test, "estop", False)
    assert follow(test, "estop", False) is False and test.failed == ("estop",)
    test.start(("door_2",))
    assert state_of(test) == (True, 2, 0, 1, ())
