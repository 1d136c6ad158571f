"""What the PLC tests share: healthy levels for every state, and an ideal bench with a law-abiding controller."""

from pathlib import Path

from drivers.wire.plc import RUN_SELF_TEST_PATHS, PlcCommand, PlcRequest, PlcState, PlcStatus, Refusal
from drivers.wire.plc_arguments import (
    FireEnableArguments,
    PermitArguments,
    PermitToken,
    encode_fire_enable,
    encode_permit,
    encode_shot,
)
from firmware_sim.plc.levels import Aim, Aux, Band, Facts, Latch, Levels, Proof
from firmware_sim.plc.limits import PlcLimits, load_limits
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.plc import Plc
from firmware_sim.plc.settings import Permit, Times, resolve_times
from firmware_sim.signals import FieldInputs, FieldOutputs

PLC_YAML = Path(__file__).parents[3] / "hil_rigs" / "railgun_bench" / "plc.yaml"
LIMITS = load_limits(PLC_YAML.read_text(encoding="utf-8"), "plc.yaml")
SCANS_MAX = 12_000
"""Two minutes: the longest test takes one."""

TIMES: Times = resolve_times(LIMITS, Permit(0b1111, 3000.0, 250.0, 45.0, 1, 0b1111))
S = PlcState

CHARGED = (S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN)
ARMED = (S.OPENING, *CHARGED, S.SHOT)


def control_in(state: PlcState, **changes: object) -> ControlState:
    """A control state as it is in the middle of ``state``."""
    armed = state in ARMED
    on = state in (S.CHARGE, S.FLOAT)
    control = ControlState(
        state=state,
        contactor_close=on,
        charger_enable=on,
        dump_a_open=armed,
        dump_b_open=armed,
        dump_t=0 if armed else 5,
        dwell=0 if armed else TIMES.dwell,
        fired=state is S.SHOT,
    )
    return control._replace(**changes)  # type: ignore[arg-type]


def levels_in(state: PlcState, **changes: object) -> Levels:
    """Levels with nothing wrong in the middle of ``state``; names of ``Facts`` are changed there."""
    armed = state in ARMED
    on = state in (S.CHARGE, S.FLOAT)
    high = Band.HIGH if state in CHARGED else Band.ZERO
    dumps = Aux.OPEN if armed else Aux.CLOSED
    facts = Facts(self_test_fresh=True, warned=True, proof=Proof.HOLDS)
    levels = Levels(
        a=high,
        b=high,
        modules=high,
        aim=Aim.IN if high is Band.HIGH else Aim.BELOW,
        mismatch=False,
        spread=False,
        module_limit=False,
        latch=Latch.ALL if state is S.SHOT else Latch.NONE,
        positions_ok=True,
        door_1=True,
        door_2=True,
        estop_ok=True,
        operator_key=True,
        maintenance_key=state is S.TEST,
        search_complete=True,
        ground_stick_stowed=True,
        local_reset=False,
        consent=True,
        contactor=Aux.CLOSED if on else Aux.OPEN,
        dump_a=dumps,
        dump_b=dumps,
        charger_inhibited=not on,
        charger_locked_out=state is S.TEST,
        zero_current=not on,
        hw_overvoltage_ok=True,
        facts=facts,
    )
    own = {name: value for name, value in changes.items() if name in Facts._fields}
    rest = {name: value for name, value in changes.items() if name not in Facts._fields}
    return levels._replace(facts=facts._replace(**own), **rest)  # type: ignore[arg-type]


RUN_ONLY = ("windows", "pulse_latches")
"""Test relays of terminals that ``run_kit`` adds."""


class IdealBench:
    """Contacts that follow within one scan, a bank that charges by ramp and dumps by RC. No noise."""

    def __init__(self, modules: int = 4, dump_tau_s: float = 0.1) -> None:
        self.inputs = FieldInputs(module_v=[0.0] * modules)
        self.every = (1 << modules) - 1
        self.voltage_v = 0.0
        self.ramp_v_per_s = 250.0
        self.target_v = 3000.0
        self.dump_tau_s = dump_tau_s
        self.fires = 0
        self.will_fire = 0b1111
        self.test_relays = True
        self.forced_latches = False

    def tick(self, out: FieldOutputs) -> FieldInputs:
        """10 ms under these outputs."""
        i = self.inputs
        closed = (not out.dump_a_open) + (not out.dump_b_open)
        if closed:
            self.voltage_v *= 2.718281828459045 ** (-0.01 * closed / (2.0 * self.dump_tau_s))
        elif out.contactor_close and out.charger_enable:
            self.voltage_v = min(self.target_v, self.voltage_v + self.ramp_v_per_s * 0.01)
        if out.fire:
            self.fires += 1
            if out.gate_open_ns and self.will_fire:
                self.voltage_v = 0.0 if self.will_fire == 0b1111 else self.voltage_v
                i.latches = self.will_fire
        i.contactor_open, i.contactor_closed = not out.contactor_close, out.contactor_close
        i.dump_a_open, i.dump_a_closed = out.dump_a_open, not out.dump_a_open
        i.dump_b_open, i.dump_b_closed = out.dump_b_open, not out.dump_b_open
        i.charger_inhibited = not out.charger_enable
        i.zero_current = not (out.contactor_close and out.charger_enable)
        self._read()
        self._test(out.self_test_path)
        return i

    def _read(self) -> None:
        i = self.inputs
        i.probe_a_v = i.probe_b_v = self.voltage_v
        i.module_v[:] = [self.voltage_v] * len(i.module_v)
        i.door_1 = i.door_2 = i.estop_ok = i.operator_key = i.search_complete = True
        i.ground_stick_stowed = i.hw_overvoltage_ok = True
        i.positions = self.every
        if self.forced_latches:
            i.latches, self.forced_latches = 0, False

    def _test(self, path: int) -> None:
        name = RUN_SELF_TEST_PATHS[path - 1] if path else ""
        if not name or not self.test_relays or name in RUN_ONLY:
            return
        if name.startswith("probe"):
            setattr(self.inputs, f"{name}_v", 1.0e5)
        elif name == "modules":
            self.inputs.module_v[:] = [1.0e5] * len(self.inputs.module_v)
        elif name == "positions":
            self.inputs.positions = 0
        elif name == "latches":
            self.inputs.latches, self.forced_latches = self.every, True
        else:
            names = {
                "estop": "estop_ok",
                "ground_stick": "ground_stick_stowed",
                "hw_overvoltage": "hw_overvoltage_ok",
                "charger_inhibit": "charger_inhibited",
            }
            setattr(self.inputs, names.get(name, name), False)


class Station:
    """A PLC on an ideal bench, and a controller that heartbeats every 50 ms. ``fault`` names inputs to force."""

    def __init__(self, limits: PlcLimits = LIMITS) -> None:
        self.plc = Plc(limits, 1, 4242)
        modules = len(limits.capacitance_f)
        self.bench = IdealBench(modules, limits.capacitance_f[0] * limits.dump_ohm / 2.0)
        self.force: dict[str, object] = {}
        self.epoch, self.connection_id, self.sequence = 1, 9, 0
        self.alive = True
        self.shot = 1
        self.scans = 0

    @property
    def state(self) -> PlcState:
        return self.plc.control.state

    def scan(self, count: int = 1) -> None:
        """Scans of 10 ms, with heartbeats while ``alive``; a test that waits for ever fails instead of hanging."""
        self.scans += count
        assert self.scans <= SCANS_MAX, f"{self.scans} scans: {self.plc.control}"
        for _ in range(count):
            inputs = self.bench.tick(self.plc.outputs)
            for name, value in self.force.items():
                setattr(inputs, name, value)
            self.plc.scan(inputs)
            if self.alive and self.plc.scan_number % 5 == 0:
                self.exchange()

    def request(self, command: PlcCommand = PlcCommand.NONE, arguments: tuple[int, ...] = ()) -> PlcRequest:
        self.sequence += 1
        age_echo = self.plc.scan_number
        return PlcRequest(command, arguments, self.sequence, self.epoch, self.connection_id, age_echo)

    def exchange(self, command: PlcCommand = PlcCommand.NONE, arguments: tuple[int, ...] = ()) -> PlcStatus:
        return self.plc.exchange(self.request(command, arguments))

    def do(self, command: PlcCommand, arguments: tuple[int, ...] = ()) -> PlcStatus:
        """Exchange, one scan, and the status that answers."""
        self.exchange(command, arguments)
        sequence = self.sequence
        self.scan()
        status = self.plc.status()
        assert status.ack_sequence == sequence
        return status

    def until(self, state: PlcState, scans_max: int = 5000) -> int:
        """Scan until ``state``; returns how many scans it took."""
        for count in range(scans_max):
            if self.state is state:
                return count
            self.scan()
        raise AssertionError(f"{self.state.name} instead of {state.name}: {self.plc.control}")

    @property
    def token(self) -> PermitToken:
        return PermitToken(1, self.epoch, 0x1234567890ABCDEF, self.shot, self.bench.every)

    def permit_arguments(self, target_v: float = 3000.0, ramp_v_per_s: float = 250.0) -> tuple[int, ...]:
        self.bench.target_v = target_v
        return encode_permit(PermitArguments(self.token, target_v, ramp_v_per_s, max(2.0, target_v * 0.015)))

    def shot_arguments(self) -> tuple[int, ...]:
        return encode_shot(self.shot, self.plc.nonce)

    def fire_enable_arguments(self) -> tuple[int, ...]:
        return encode_fire_enable(FireEnableArguments(self.token, self.plc.nonce, 0b1111, 0.005))

    def ready(self) -> None:
        """SAFE, dwelt, tested and warned."""
        self.scan(TIMES.dwell + 5)
        self.do(PlcCommand.SELF_TEST)
        while self.plc.test.running:
            self.scan()
        self.do(PlcCommand.WARN)
        while not self.plc.warned:
            self.scan()

    def reach(self, state: PlcState, target_v: float = 3000.0) -> None:
        """Go to an armed state by the rules."""
        self.ready()
        if state is S.SAFE:
            return
        assert self.do(PlcCommand.PERMIT, self.permit_arguments(target_v)).ack is Refusal.ACCEPTED
        if state is S.OPENING:
            return
        self.scan(2)
        assert self.do(PlcCommand.CHARGE, self.shot_arguments()).ack is Refusal.ACCEPTED
        if state is S.CHARGE:
            self.scan(20)
            return
        self.until(S.FLOAT)
        if state is S.FLOAT:
            return
        self.do(PlcCommand.ISOLATE)
        if state is S.ISOLATE:
            return
        self.scan(2)
        assert self.do(PlcCommand.FIRE_ENABLE, self.fire_enable_arguments()).ack is Refusal.ACCEPTED
        if state is S.FIREWIN:
            return
        assert self.do(PlcCommand.FIRE, self.shot_arguments()).ack is Refusal.ACCEPTED
