"""The whole ``Plc.scan`` on real floats, noise, NaN and nonsense: main invariants of safety.md 3.5 on every scan.

The exploration covers states, this covers values: a bench that charges and dumps in volts, readings with noise or
nothing readable at all, contacts that lie, links that fall silent, people who press what they should not. A walk is
a seeded sequence of moves; a failure names seed and scan.
"""

import math
import random
from collections import Counter
from collections.abc import Callable

import pytest

from drivers.wire.plc import PlcCommand, PlcState
from firmware_sim.plc import levels as levels_module
from firmware_sim.plc import plc as plc_module
from firmware_sim.plc.machine import ControlState, step
from firmware_sim.plc.plc import Plc
from firmware_sim.plc.settings import Bands
from firmware_sim.plc.table import without
from firmware_sim.signals import FieldInputs, FieldOutputs
from tests.unit.plc.kit import ARMED, LIMITS, TIMES, IdealBench, Station

S = PlcState
C = PlcCommand

SEEDS = 8
SCANS = 10_000
"""Scans of one walk: 100 s of a bench, some fifteen permits."""
TARGETS_V = (60.0, 100.0, 180.0, 400.0, 800.0)
NOISE_V = (0.0, 0.2, 1.0, 4.0)
NONSENSE_V = (math.nan, math.inf, -math.inf, -3.0, -81.0, 5e-324, 9.9e37, -9999.0, 3100.0, 4081.0, 55.0, 130.0)
WIRES = (
    "door_1", "door_2", "estop_ok", "operator_key", "search_complete", "ground_stick_stowed", "hw_overvoltage_ok",
    "second_consent", "contactor_open", "contactor_closed", "dump_a_closed", "dump_a_open", "dump_b_closed",
    "dump_b_open", "charger_inhibited", "zero_current",
)  # fmt: skip
MUST_HOLD = (
    "door_1", "door_2", "estop_ok", "operator_key", "search_complete", "ground_stick_stowed", "hw_overvoltage_ok",
)  # fmt: skip
"""While armed each of these ends it on the very scan (safety.md 3.4)."""
LONGEST = {S.OPENING: TIMES.open + 1, S.ISOLATE: TIMES.isolate, S.FIREWIN: TIMES.fire, S.SHOT: TIMES.shot}
SILENT_SCANS = 50
STEADY_SCANS = 20
DUMPS_WAIT_SCANS = 60
"""Longest that a dump relay may stay open once the PLC is not armed: 0.2 s for the current, or one dump alone."""


class Walk(Station):
    """A station under noise and nonsense, and what every scan of it must fulfil."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.draw = random.Random(seed)
        self.noise_v = self.draw.choice(NOISE_V)
        self.target_v = 400.0
        self.heard = 0
        self.seen: Counter[PlcState] = Counter()
        self.fired: Counter[int] = Counter()
        self.bad_module: tuple[int, float] | None = None
        self.left_open = 0
        self.steady = 0

    def renew(self) -> None:
        """Another PLC on another bench: out of LOCKOUT nothing else leads."""
        self.plc, self.bench, self.heard = Plc(LIMITS, 1, self.draw.randrange(1 << 30)), IdealBench(), 0

    def scan(self, count: int = 1) -> None:
        for _ in range(count):
            inputs = self._spoil(self.bench.tick(self.plc.outputs))
            before = self.plc.control
            silent = self.plc.scan_number - self.heard
            out = self.plc.scan(inputs)
            self.seen[self.plc.control.state] += 1
            self._check(before, inputs, out, silent)
            if self.alive and self.plc.scan_number % 5 == 0:
                self.exchange()
                self.heard = self.plc.scan_number

    def _spoil(self, inputs: FieldInputs) -> FieldInputs:
        gauss, noise_v, modules = self.draw.gauss, self.noise_v, inputs.module_v
        inputs.probe_a_v += gauss(0.0, noise_v)
        inputs.probe_b_v += gauss(0.0, noise_v)
        modules[:] = [voltage_v + gauss(0.0, noise_v) for voltage_v in modules]
        if self.bad_module is not None:
            modules[self.bad_module[0]] = self.bad_module[1]
        for name, value in self.force.items():
            setattr(inputs, name, value)
        return inputs

    # ---- what must hold ---------------------------------------------------------------------------------------------

    def _check(self, before: ControlState, i: FieldInputs, out: FieldOutputs, silent: int) -> None:
        old, new = before.state, self.plc.control.state
        readings = (i.probe_a_v, i.probe_b_v, *i.module_v)
        readable = all(-80.0 <= voltage_v <= 4080.0 for voltage_v in readings)
        held = all(getattr(i, name) for name in MUST_HOLD)
        if out.charger_enable or out.contactor_close:
            assert new in (S.CHARGE, S.FLOAT), "P29"
            assert out.dump_a_open and out.dump_b_open, "P14, P15"
            assert readable and held and silent <= SILENT_SCANS, "P4 to P7"
            assert i.probe_a_v < 3100.0 and i.probe_b_v < 3100.0
        if old in ARMED:
            assert (held and silent <= SILENT_SCANS) or new is S.TRIP, "P8 to P10"
            assert readable or old is S.SHOT or new is S.TRIP, "P11"
        permit = self.plc.permit
        aimed = all(abs(v - permit.target_v) <= permit.tolerance_v + 1e-9 for v in readings[:2])
        self.steady = self.steady + 1 if aimed and old is S.CHARGE else 0
        assert (old, new) != (S.CHARGE, S.FLOAT) or self.steady >= STEADY_SCANS, "within tolerance for 200 ms"
        if out.fire:
            self._check_fire(old, new, i, readings)
        assert not out.gate_open_ns or new is S.SHOT
        self.left_open = self.left_open + 1 if new not in ARMED and (out.dump_a_open or out.dump_b_open) else 0
        assert self.left_open <= DUMPS_WAIT_SCANS, "P28"
        assert not self.left_open or new in (S.DUMPING, S.TRIP), "P28"
        closed = i.dump_a_closed and i.dump_b_closed and not (i.dump_a_open or i.dump_b_open)
        if not out.door_lock:
            assert new in (S.SAFE, S.TEST) and closed and readable and max(readings) <= 50.0, "P1 to P3"
        if old is S.TRIP and new is not S.TRIP:
            gone = i.local_reset and closed and readable and max(readings) <= 50.0
            assert new is S.LOCKOUT or (new is S.SAFE and gone), "P20, P21"
        assert old is not S.LOCKOUT or new is S.LOCKOUT, "P22"
        assert new not in ARMED or old in ARMED or (old is S.SAFE and closed and max(readings) <= 50.0), "P24, P25"
        assert self.plc.state_age_scans <= LONGEST.get(new, 1 << 30), "P17 to P19, P30"

    def _check_fire(self, old: PlcState, new: PlcState, i: FieldInputs, readings: tuple[float, ...]) -> None:
        if old is S.TEST:
            assert new is S.TEST and max(readings) <= 10.0, "rehearsal at zero volts"
            return
        permit = self.plc.permit
        assert (old, new) == (S.FIREWIN, S.SHOT), "P16"
        for voltage_v in (i.probe_a_v, i.probe_b_v):
            assert abs(voltage_v - permit.target_v) <= permit.tolerance_v + 1e-9, "P16"
        assert i.contactor_open and not i.contactor_closed and i.charger_inhibited and i.zero_current
        assert i.dump_a_open and i.dump_b_open and not (i.dump_a_closed or i.dump_b_closed)
        assert i.second_consent or 0.5 * 4e-3 * permit.target_v**2 <= 100.0
        self.fired[permit.shot] += 1
        assert self.fired[permit.shot] == 1, "X2"

    # ---- moves ------------------------------------------------------------------------------------------------------

    def move(self) -> None:
        """One move: mostly what leads to the next shot."""
        if self.state is S.LOCKOUT:
            self.renew()
        moves: tuple[Callable[[], None], ...] = (
            self._forward, self._wait, self._babble, self._break, self._hush, self._reset, self._maintain,
        )  # fmt: skip
        self.draw.choices(moves, (80, 4, 3, 9, 2, 3, 1))[0]()

    def _forward(self) -> None:
        plc, state = self.plc, self.state
        if state is S.SAFE and (not plc.self_test_fresh or self.bench.inputs.latches):
            self._send(C.SELF_TEST)
            self.scan(60)
        elif state is S.SAFE and not plc.warned:
            self._send(C.WARN)
            self.scan(101)
        elif state is S.SAFE:
            self.shot += 1
            self.target_v = self.draw.choice(TARGETS_V)
            self.bench.will_fire = self.draw.choice((0b1111, 0b1111, 0b1111, 0b0011, 0))
            self._send(C.PERMIT, self.permit_arguments(self.target_v))
            self.scan(2)
        elif state in (S.OPENING, S.FIREWIN):
            self._send(C.CHARGE if state is S.OPENING else C.FIRE, self.shot_arguments())
        elif state is S.FLOAT:
            self._send(C.ISOLATE)
            self.scan(2)
        elif state is S.ISOLATE:
            self._send(C.FIRE_ENABLE, self.fire_enable_arguments())
        elif state is S.TRIP:
            self._reset()
            self.scan(30)
        else:
            self.scan(40)

    def _send(self, command: PlcCommand, arguments: tuple[int, ...] = ()) -> None:
        self.exchange(command, arguments)
        self.heard = self.plc.scan_number
        self.scan()

    def _wait(self) -> None:
        self.scan(self.draw.randrange(1, 80))

    def _babble(self) -> None:
        """A command out of order, with good or bad arguments."""
        arguments = self.draw.choice(
            (
                (),
                self.shot_arguments(),
                self.fire_enable_arguments(),
                self.permit_arguments(self.target_v),
                tuple(self.draw.randrange(1 << 16) for _ in range(self.draw.randrange(17))),
            )
        )
        self._send(self.draw.choice(list(C)), arguments)

    def _break(self) -> None:
        """Something reads wrong for a while."""
        kind = self.draw.randrange(6)
        value_v = self.draw.choice((*NONSENSE_V, self.draw.uniform(-100.0, 4200.0)))
        if kind == 0:
            self.force[self.draw.choice(("probe_a_v", "probe_b_v"))] = value_v
        elif kind == 1:
            self.bad_module = (self.draw.randrange(4), value_v)
        elif kind == 2:
            self.force[self.draw.choice(WIRES)] = self.draw.random() < 0.3
        else:
            self.force[self.draw.choice(MUST_HOLD)] = False
        self.scan(self.draw.choice((1, 2, 5, 20, 100)))
        self.force.clear()
        self.bad_module = None

    def _hush(self) -> None:
        self.alive = False
        self.scan(self.draw.randrange(30, 80))
        self.alive = True

    def _reset(self) -> None:
        self.force["local_reset"] = self.draw.random() < 0.9
        self.scan(2)
        self.force["local_reset"] = False
        self.scan()

    def _maintain(self) -> None:
        self.force |= {"maintenance_key": True, "charger_locked_out": True}
        self._send(C.ENTER_TEST)
        self._send(C.REHEARSE)
        self.scan(self.draw.randrange(5))
        self._send(C.LEAVE_TEST)
        self.force.clear()
        self.force |= {"maintenance_key": False, "charger_locked_out": False}
        self.scan()


def _walk(seed: int, scans: int = SCANS) -> Walk:
    walk = Walk(seed)
    try:
        while walk.seen.total() < scans:
            walk.move()
    except AssertionError as problem:
        problem.add_note(f"seed {seed}, scan {walk.seen.total()}, {walk.plc.control}")
        raise
    return walk


def test_invariants_hold_on_real_floats(figure: Callable[..., None]) -> None:
    walks = [_walk(seed) for seed in range(SEEDS)]
    seen: Counter[PlcState] = sum((walk.seen for walk in walks), Counter())
    shots = sum(walk.fired.total() for walk in walks)
    assert set(seen) == set(S) - {S.RUN}, f"walks that miss states prove little: {seen}"
    assert shots >= 10, f"{shots} shots"
    figure("plc.analogue_walk", scans=seen.total(), shots=shots, seeds=SEEDS)


def _nan_is_zero(voltage_v: float, bands: Bands) -> levels_module.Band:
    return _BAND_OF(0.0 if math.isnan(voltage_v) else voltage_v, bands)


_BAND_OF = levels_module.band_of


@pytest.mark.parametrize(
    "guard", ["DOOR_1", "KEY", "HW_OVERVOLTAGE", "PROBE_INVALID", "HEARTBEAT", "steady", "reset_edge"]
)
def test_walks_find_a_missing_guard(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = without(guard)
    monkeypatch.setattr(plc_module, "step", lambda c, v, t, _: step(c, v, t, rules))
    with pytest.raises(AssertionError):
        for seed in range(SEEDS):
            _walk(seed)


def test_walks_find_nan_read_as_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels_module, "band_of", _nan_is_zero)
    with pytest.raises(AssertionError):
        for seed in range(SEEDS):
            _walk(seed)
