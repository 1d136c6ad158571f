"""What the tests of a PLC whose bench runs share: the second bench's limits, levels, and an ideal bench with pulses."""

import math
from functools import cache
from pathlib import Path

from drivers.wire.plc import PlcCommand, PlcState, PlcStatus, Refusal
from drivers.wire.plc_run import PlcRunStatus, RunArguments, encode_run
from firmware_sim.plc.levels import Aux, Band, Levels
from firmware_sim.plc.limits import load_limits
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.pulses import RunSeen, at_rest
from firmware_sim.plc.run_limits import RunLimits
from firmware_sim.plc.settings import Permit, Times, resolve_times
from firmware_sim.plc.windows import value_of
from firmware_sim.signals import RUN_SELF_TEST_PATHS, FieldInputs, FieldOutputs
from tests.unit.plc.kit import IdealBench, Station, control_in, levels_in

RUN_YAML = Path(__file__).parents[3] / "hil_rigs" / "microwave_bench" / "plc.yaml"
RUN_TEXT = RUN_YAML.read_text(encoding="utf-8")
RUN_LIMITS = load_limits(RUN_TEXT, "plc.yaml")
assert RUN_LIMITS.run is not None
RUN: RunLimits = RUN_LIMITS.run
WINDOWS = [window.name for window in RUN.windows]
AUXILIARIES = [auxiliary.name for auxiliary in RUN.auxiliaries]
TARGET_V = 4000.0
"""Enough for everything but the permit's width, and charged in two seconds."""
RUN_TIMES: Times = resolve_times(RUN_LIMITS, Permit(1, TARGET_V, 2000.0, 300.0, 1, 1), pulses=5)
S = PlcState
HEALTHY = {
    "vacuum_gun_torr": 5.0e-8,
    "vacuum_window_torr": 5.0e-8,
    "flow_tube_l_per_min": 40.0,
    "flow_magnet_l_per_min": 10.0,
    "flow_load_l_per_min": 15.0,
    "temperature_tube_c": 25.0,
    "temperature_load_c": 30.0,
    "heater_current_a": 25.0,
    "magnet_current_a": 50.0,
    "rf_leakage_mw_per_cm2": 0.1,
    "xray_dose_usv_per_h": 0.5,
    "load_temperature_rise_k": 8.0,
}


@cache
def milliamperes(name: str, value: float) -> float:
    """The loop current that means ``value``, by bisection: written from what a loop is, not from the PLC's formula."""
    window = RUN.windows[WINDOWS.index(name)]
    low, high = 4.0, 20.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if value_of(middle, window) < value else (low, middle)
    return low


def run_control(state: PlcState, **changes: object) -> ControlState:
    """A control state in the middle of ``state`` of a bench that runs; names of the pulse inhibit are changed there."""
    rest = at_rest(RUN_TIMES.run)._replace(t=7 if state is S.RUN else 0)
    pulse = rest._replace(**{k: v for k, v in changes.items() if k in rest._fields and k != "t"})  # type: ignore[arg-type]
    pulse = pulse._replace(t=changes["run_t"]) if "run_t" in changes else pulse  # type: ignore[arg-type]
    plain = {k: v for k, v in changes.items() if k not in rest._fields or k == "t"}
    plain.pop("run_t", None)
    start = control_in(S.FLOAT)._replace(state=S.RUN) if state is S.RUN else control_in(state)
    return start._replace(pulse=pulse, **plain)  # type: ignore[arg-type]


def run_levels(state: PlcState, **changes: object) -> Levels:
    """Levels with nothing wrong in ``state``; names of ``RunSeen`` are changed there."""
    own = {name: value for name, value in changes.items() if name in RunSeen._fields}
    rest = {name: value for name, value in changes.items() if name not in RunSeen._fields}
    seen = RunSeen(**own)  # type: ignore[arg-type]
    if state is S.RUN:
        rest = {"contactor": Aux.CLOSED, "charger_inhibited": False, "a": Band.HIGH, **rest}
        return levels_in(S.FLOAT, run=seen, **rest)
    return levels_in(state, run=seen, **rest)


class RunBench:
    """An ideal bench with windows, counter, latches and auxiliaries; ``rate`` pulses per scan with the gate open."""

    def __init__(self, ideal: IdealBench) -> None:
        self.ideal = ideal
        self.values = dict(HEALTHY)
        self.dead: set[str] = set()
        self.rate = 0.5
        self.charge = 0.0
        self.counter = 0xFFFFFFF0
        self.latches = 0
        self.relays = 0
        self.relays_working = {"windows", "pulse_latches"}
        """Test relays that are alive."""
        self.leaks = False
        """Pulses pass a shut gate."""

    def tick(self, out: FieldOutputs) -> FieldInputs:
        """10 ms under these outputs."""
        inputs = self.ideal.tick(out)
        self.charge = self.charge + self.rate if (out.pulse_gate or self.leaks) and not self.latches else 0.0
        while self.charge >= 1.0:
            self.charge -= 1.0
            self.counter = self.counter + 1 & 0xFFFFFFFF
        if out.latch_reset:
            self.latches = 0
        self.relays = out.auxiliaries
        inputs.analogue[:] = [0.0 if n in self.dead else milliamperes(n, v) for n, v in self.values.items()]
        inputs.pulse_counter, inputs.pulse_latches, inputs.auxiliaries = self.counter, self.latches, self.relays
        path = RUN_SELF_TEST_PATHS[out.self_test_path - 1] if out.self_test_path else ""
        if path in self.relays_working:
            if path == "windows":
                inputs.analogue[:] = [math.nan] * len(self.values)
            else:
                inputs.pulse_latches = 0b1111
        return inputs


class RunStation(Station):
    """A station whose bench runs."""

    def __init__(self) -> None:
        super().__init__(RUN_LIMITS)
        self.ideal, self.run_bench = self.bench, RunBench(self.bench)
        self.ideal.ramp_v_per_s = 2000.0

    def scan(self, count: int = 1) -> None:
        """As the station's, with this bench's terminals."""
        self.scans += count
        for _ in range(count):
            inputs = self.run_bench.tick(self.plc.outputs)
            for name, value in self.force.items():
                setattr(inputs, name, value)
            self.plc.scan(inputs)
            if self.alive and self.plc.scan_number % 5 == 0:
                self.exchange()

    @property
    def status(self) -> PlcRunStatus:
        """The run block."""
        status = self.plc.run_status()
        assert status is not None
        return status

    def warm(self) -> None:
        """Everything has held for its warm-up: the hour is written into the PLC, twice as it keeps it."""
        side = self.plc._run
        assert side is not None
        self.scan(2)
        side.memory = side.memory._replace(lost=0, good=tuple(window.good_max for window in RUN.windows))
        side.store(self.plc.control.pulse, self.plc.times.run)

    def arm(self, state: PlcState = S.RUN, pulses: int = 0, target_v: float = TARGET_V) -> None:
        """SAFE, warm, permitted, up to ``state``."""
        self.warm()
        self.ready()
        if state is S.SAFE:
            return
        ack = self.do(PlcCommand.PERMIT, self.permit_arguments(target_v, 2000.0)).ack
        assert ack is Refusal.ACCEPTED, (ack, self.plc.status().guards)
        if state is S.OPENING:
            return
        self.scan(2)
        assert self.do(PlcCommand.CHARGE, self.shot_arguments()).ack is Refusal.ACCEPTED
        if state is S.CHARGE:
            self.scan(20)
            return
        self.until(S.FLOAT)
        if state is S.RUN:
            assert self.run(pulses).ack is Refusal.ACCEPTED

    def run(self, pulses: int = 0) -> PlcStatus:
        """RUN with the permit's shot and the present nonce."""
        return self.do(PlcCommand.RUN, encode_run(RunArguments(self.shot, self.plc.nonce, pulses)))
