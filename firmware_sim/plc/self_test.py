"""PURE: the self-test of the interlock paths: a relay drives each input to its trip level and lets it go again."""

from collections.abc import Callable

from drivers.wire.plc import Trip
from drivers.wire.plc_run import LATCHES
from firmware_sim.plc.levels import Band, Levels
from firmware_sim.signals import RUN_SELF_TEST_PATHS, FieldInputs

_PROBE = int(Trip.PROBE_INVALID | Trip.PROBE_MISMATCH | Trip.OVERVOLTAGE)
FORCED_V = 100.0
"""A module readback under test reads beyond its full scale; a bench in SAFE reads below V_safe, 50 V at most."""

_MODULES = int(Trip.PROBE_INVALID | Trip.PROBE_MISMATCH | Trip.MODULE_LIMIT | Trip.MODULE_SPREAD)
PATHS: dict[str, tuple[int, Callable[[Levels, FieldInputs], bool]]] = {
    "door_1": (int(Trip.DOOR_1 | Trip.DOOR_DISCREPANCY), lambda v, i: not v.door_1),
    "door_2": (int(Trip.DOOR_2 | Trip.DOOR_DISCREPANCY), lambda v, i: not v.door_2),
    "estop": (int(Trip.ESTOP), lambda v, i: not v.estop_ok),
    "operator_key": (int(Trip.KEY), lambda v, i: not v.operator_key),
    "search_complete": (int(Trip.SEARCH), lambda v, i: not v.search_complete),
    "ground_stick": (int(Trip.GROUND_STICK), lambda v, i: not v.ground_stick_stowed),
    "hw_overvoltage": (int(Trip.HW_OVERVOLTAGE), lambda v, i: not v.hw_overvoltage_ok),
    "probe_a": (_PROBE, lambda v, i: v.a is Band.INVALID or v.a is Band.OVER),
    "probe_b": (_PROBE, lambda v, i: v.b is Band.INVALID or v.b is Band.OVER),
    # of a group every member has to show it: the level alone is the worst one's
    "modules": (_MODULES, lambda v, i: v.modules is Band.INVALID and min(i.module_v) > FORCED_V),
    "latches": (int(Trip.PREFIRE), lambda v, i: i.latches == (1 << len(i.module_v)) - 1),
    "positions": (int(Trip.POSITION), lambda v, i: not i.positions),
    "charger_inhibit": (int(Trip.CHARGER_UNCOMMANDED), lambda v, i: not v.charger_inhibited),
    "windows": (int(Trip.WINDOW), lambda v, i: v.facts.run.all_dead),
    "pulse_latches": (int(Trip.RETRIES), lambda v, i: i.pulse_latches == LATCHES),
}
"""Path -> (trip bits it raises, "the input shows its trip level")."""

BIAS_PATHS = ("probe_a", "probe_b")
"""The bias check of the proof of safe: a probe whose input cannot be driven off zero is not connected."""


class SelfTest:
    """Runs a list of paths, one after the other. A path passes when its input shows the trip and then recovers."""

    __slots__ = ("_released", "_scans_max", "_waited", "_waiting", "failed", "passed", "running", "total")

    def __init__(self, scans_max: int) -> None:
        self._scans_max = scans_max
        """Scans a path may take in each direction; then it has failed."""
        self._waiting: list[int] = []
        self._waited = 0
        self._released = False
        self.running = False
        self.passed = 0
        self.total = 0
        self.failed: tuple[str, ...] = ()

    def start(self, names: tuple[str, ...]) -> None:
        """Begin with the first of ``names``."""
        self._waiting = [RUN_SELF_TEST_PATHS.index(name) for name in names]
        self.passed, self.total, self.failed = 0, len(names), ()
        self.running = bool(names)
        self._waited, self._released = 0, False

    def stop(self) -> None:
        """Give up: what has not passed yet has failed."""
        self.failed += tuple(RUN_SELF_TEST_PATHS[index] for index in self._waiting)
        self._waiting = []
        self.running = False

    @property
    def relay(self) -> int:
        """``FieldOutputs.self_test_path``: 1-based path whose relay is energised now, 0 for none."""
        return self._waiting[0] + 1 if self._waiting and not self._released else 0

    @property
    def under_test(self) -> int:
        """Trip bits that are expected now."""
        return PATHS[RUN_SELF_TEST_PATHS[self._waiting[0]]][0] if self._waiting else 0

    def follow(self, levels: Levels, inputs: FieldInputs) -> bool:
        """Take one scan's levels and terminals, seen with the relay as it was before; True when that was the last."""
        if not self._waiting:
            return False
        name = RUN_SELF_TEST_PATHS[self._waiting[0]]
        tripped = PATHS[name][1](levels, inputs)
        self._waited += 1
        if not self._released and tripped:
            self._released, self._waited = True, 0
        elif self._released and not tripped:
            self._finish(name, True)
        elif self._waited >= self._scans_max:
            self._finish(name, False)
        return not self.running

    @property
    def failed_bits(self) -> int:
        """``self_test_failed`` of the status block: one bit per failed path."""
        return sum(1 << RUN_SELF_TEST_PATHS.index(name) for name in self.failed)

    def _finish(self, name: str, passed: bool) -> None:
        self.passed += passed
        if not passed:
            self.failed += (name,)
        self._waiting.pop(0)
        self._waited, self._released = 0, False
        self.running = bool(self._waiting)
