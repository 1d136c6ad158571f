"""The simulated physics of toy_bench: a plant of its own, which shares only relays, bank and charger with others."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from firmware_sim.plant.bank import DUMP_A, DUMP_B, Bank
from firmware_sim.plant.chain import Chain
from firmware_sim.plant.charger import Charger
from firmware_sim.plant.contract import Array, Fact, Forecast, Intention, Truth
from firmware_sim.plant.parameters import BankParameters, ChargerParameters, RelayParameters
from firmware_sim.plant.people import People
from firmware_sim.plant.relays import Relay
from firmware_sim.signals import SELF_TEST_PATHS, FieldInputs, FieldOutputs

from .circuit import Circuit

MS = 1_000_000
CONTACTOR = RelayParameters(pull_ns=20 * MS, drop_ns=15 * MS, bounce_ns=2 * MS)
DUMP_RELAY = RelayParameters(pull_ns=20 * MS, drop_ns=15 * MS, bounce_ns=3 * MS)
LOG_MAX = 5_000
PULSE_S = 0.01
LATCHES_PATH = SELF_TEST_PATHS.index("latches") + 1
TEST_CONTACTS = {
    "door_1": "door_1",
    "door_2": "door_2",
    "estop": "estop_ok",
    "operator_key": "operator_key",
    "search_complete": "search_complete",
    "ground_stick": "ground_stick_stowed",
    "hw_overvoltage": "hw_overvoltage_ok",
    "charger_inhibit": "charger_inhibited",
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What plant.yaml says."""

    capacitance_f: tuple[float, ...]
    charge_ohm: float
    bleeder_ohm: float
    dump_ohm: float
    load_ohm: float
    load_h: float
    overvoltage_v: float
    latch_a: float
    charger_rated_v: float
    charger_rated_a: float
    full_scale_v: float
    noise_v: float
    daq_volts_per_volt: float
    sensor_volts_per_ampere: float
    sensor_noise_v: float
    trigger_delay_s: float

    @property
    def circuits(self) -> tuple[Circuit, ...]:
        """One per module."""
        return tuple(Circuit(c, self.load_ohm, self.load_h) for c in self.capacitance_f)

    @property
    def bank(self) -> BankParameters:
        """As the shared bank wants it: no dielectric, no faults."""
        ohms = self.bleeder_ohm, self.dump_ohm, self.charge_ohm
        return BankParameters(self.capacitance_f, *ohms, (), self.latch_a, self.overvoltage_v, 1e3, 1.0)


@dataclass(frozen=True, slots=True)
class Firing:
    """A pulse about to happen."""

    t0_ns: int
    fire_s: tuple[float | None, ...]
    voltage_v: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fired:
    """A pulse that happened. The toy bench makes no interference."""

    firing: Firing
    peak_a: tuple[float, ...]
    emi_until_ns: int = 0
    false_edges_ns: tuple[int, ...] = ()


def build(text: str, seed: int) -> "ToyPlant":
    """The bench of a plant.yaml text. Raises ValueError naming what is wrong in it."""
    from ruamel.yaml import YAML

    data: Any = YAML(typ="safe", pure=True).load(text)
    if not isinstance(data, dict) or data.pop("version", None) != 1:
        raise ValueError("plant.yaml: version: 1 is needed")
    known = {field.name for field in fields(Parameters)}
    if set(data) != known:
        raise ValueError(f"plant.yaml: {', '.join(sorted(set(data) ^ known))}: missing, or unknown")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    parameters = Parameters(**values)
    for circuit in parameters.circuits:
        _ = circuit.roots
    return ToyPlant(parameters, seed)


class ToyPlant:
    """A :class:`firmware_sim.plant.contract.Plant`."""

    FAULTS: Mapping[str, str] = {
        "door_open": "the door opens: both channels",
        "estop": "the emergency stop is pressed",
        "probe_a_open": "probe A's divider is open: it reads zero",
    }
    readings = frozenset({"charger_voltage_v", "charger_current_a", "charger_constant_voltage", "probe_b_daq"})
    controls = frozenset({"charger_set_voltage_v", "charger_set_current_a", "charger_output"})
    probes = ("module_1_current", "module_2_current")
    spontaneous: Firing | None = None

    def __init__(self, parameters: Parameters, seed: int) -> None:
        count = len(parameters.capacitance_f)
        self._p = parameters
        self._all = (1 << count) - 1
        self._random = np.random.default_rng([seed, 77])
        self._seed = seed
        self.people = People(positions=self._all)
        self.inputs = FieldInputs(module_v=[0.0] * count, positions=self._all)
        self.log: deque[tuple[int, str]] = deque(maxlen=LOG_MAX)
        self.t_ns = 0
        self.load = ""
        self._bank = Bank(parameters.bank)
        rated = parameters.charger_rated_v, parameters.charger_rated_a
        self._charger = Charger(ChargerParameters(*rated, output_f=1e-6, output_tau_s=0.5, zero_current_a=5e-3))
        self._chain = Chain(
            Relay(CONTACTOR, normally_closed=False),
            Relay(DUMP_RELAY, normally_closed=True),
            Relay(DUMP_RELAY, normally_closed=True),
            parameters.overvoltage_v,
            self.log,
        )
        self._faults: set[str] = set()
        self._gate_ns = (0, 0)
        self._out = FieldOutputs()
        self._latches = 0
        self._armed = False
        self._pulses = 0
        self._pulse_end_ns = 0
        self._fired: Fired | None = None
        self._refresh()

    # -- the PLC's side

    def tick(self, t_ns: int, out: FieldOutputs) -> None:
        """As the contract says."""
        self.log.extend((self.t_ns, line) for line in self.people.act(t_ns))
        chain = self._chain
        chain.drive(self.t_ns, out, self.people, self._charger, self._faults)
        self._out = out
        self._watch_gate()
        armed = out.dump_a_open and out.dump_b_open
        if (armed and not self._armed) or out.self_test_path == LATCHES_PATH:
            self._latches = 0
        self._armed = armed
        while self.t_ns < t_ns:
            change_ns = chain.next_change_ns()
            until_ns = t_ns if change_ns is None else max(self.t_ns, min(change_ns, t_ns))
            self._step(until_ns - self.t_ns)
            self.t_ns = until_ns
            chain.advance(until_ns)
        chain.compare(t_ns, max(self._bank.voltage_v), self.people.local_reset)
        self._refresh()

    def _watch_gate(self) -> None:
        """The gate opens at the scan that wrote it; the PLC has rewritten its outputs since the last tick."""
        length_ns = self._out.gate_open_ns if self._chain.live else 0
        if length_ns != self._gate_ns[1]:
            self._gate_ns = (self.t_ns, length_ns)

    def _step(self, step_ns: int) -> None:
        chain, charger, bank = self._chain, self._charger, self._bank
        if step_ns == 0:
            return
        bank.positions = self.people.positions
        dumps = (DUMP_A if chain.dump_a.closed else 0) | (DUMP_B if chain.dump_b.closed else 0)
        if chain.contactor.closed:
            charger.current_a, charger.constant_voltage = bank.step(step_ns, dumps, *charger.limits())
            charger.voltage_v = bank.bus_v
        else:
            bank.step(step_ns, dumps, 0.0, 0.0)
            charger.idle(step_ns * 1e-9)

    def _refresh(self) -> None:
        inputs, bank = self.inputs, self._bank
        self._chain.report(inputs, self.people, self._faults, self._charger)
        noise = (self._p.noise_v * self._random.standard_normal(2 + len(bank.voltage_v))).tolist()
        inputs.probe_a_v = 0.0 if "probe_a_open" in self._faults else bank.bus_v + noise[0]
        inputs.probe_b_v = bank.bus_v + noise[1]
        self._witness_v = inputs.probe_b_v
        inputs.module_v[:] = [v + noise[2 + k] for k, v in enumerate(bank.voltage_v)]
        inputs.latches = self._latches
        inputs.zero_current = self.t_ns >= self._pulse_end_ns and self._charger.current_a < 5e-3
        if 1 <= self._out.self_test_path <= len(SELF_TEST_PATHS):
            self._test(SELF_TEST_PATHS[self._out.self_test_path - 1])

    def _test(self, path: str) -> None:
        """The test relay of one interlock path (signals.SELF_TEST_PATHS) is energised."""
        inputs, beyond_v = self.inputs, 2.0 * self._p.full_scale_v
        if path in TEST_CONTACTS:
            setattr(inputs, TEST_CONTACTS[path], False)
        elif path in ("probe_a", "probe_b"):
            setattr(inputs, f"{path}_v", beyond_v)
        elif path == "modules":
            inputs.module_v[:] = [beyond_v] * len(inputs.module_v)
        elif path == "latches":
            inputs.latches = self._all
        elif path == "positions":
            inputs.positions = 0

    # -- the trigger chain

    def offer_edges(self, t_fire_ns: int, edges_ns: Sequence[int | None]) -> Firing | None:
        """As the contract says: an edge counts while the gate is open, for a module that is in and charged."""
        t0_ns = edges_ns[0] if edges_ns and edges_ns[0] is not None else t_fire_ns
        self.log.append((t0_ns, "T0"))
        self._fired = None
        self._watch_gate()
        opened_ns, length_ns = self._gate_ns
        voltage_v = tuple(self._bank.voltage_v)
        fire_s: list[float | None] = []
        for k, v in enumerate(voltage_v):
            edge_ns = edges_ns[1 + k]
            goes = edge_ns is not None and 0 <= edge_ns - opened_ns < length_ns
            goes = goes and bool(self.people.positions >> k & 1) and v > 5.0
            fire_s.append((edge_ns - t0_ns) * 1e-9 + self._p.trigger_delay_s if goes and edge_ns is not None else None)
        return Firing(t0_ns, tuple(fire_s), voltage_v) if any(t is not None for t in fire_s) else None

    def pulse(self, edges: Firing) -> Fired:
        """As the contract says."""
        peaks = (
            0.0 if at_s is None else circuit.peak(v)[0]
            for circuit, at_s, v in zip(self._p.circuits, edges.fire_s, edges.voltage_v, strict=True)
        )
        return Fired(edges, tuple(peaks))

    def apply(self, record: Fired) -> None:
        """As the contract says: whatever was switched is empty afterwards."""
        self._fired = record
        self._pulses += 1
        self._pulse_end_ns = record.firing.t0_ns + round(PULSE_S * 1e9)
        for k, at_s in enumerate(record.firing.fire_s):
            if at_s is not None:
                self._bank.voltage_v[k] = 0.0
                self._latches |= (record.peak_a[k] >= self._p.latch_a) << k
        self.log.append((record.firing.t0_ns, f"pulse {self._pulses}: {max(record.peak_a):.0f} A"))

    def ahead(self) -> None:
        """As the contract says: a pulse costs nothing."""

    def scope_volts(self, probe: str, t_s: Array, *, t0_ns: int | None = None) -> Array:
        """As the contract says."""
        k = self.probes.index(probe) if probe in self.probes else -1
        if k < 0:
            raise KeyError(probe)
        noise = self._p.sensor_noise_v * np.random.default_rng([self._seed, self._pulses, k]).standard_normal(t_s.shape)
        fired = self._fired
        at_s = None if fired is None else fired.firing.fire_s[k]
        if fired is None or at_s is None:
            return np.asarray(noise, dtype=np.float64)
        current = self._p.circuits[k].current_a(fired.firing.voltage_v[k], t_s - at_s)
        return np.asarray(current * self._p.sensor_volts_per_ampere + noise, dtype=np.float64)

    # -- instruments, people, faults, judges

    def read(self, probe: str) -> float:
        """As the contract says."""
        charger = self._charger
        if probe == "probe_b_daq":
            return self._witness_v * self._p.daq_volts_per_volt
        meters: dict[str, Any] = {
            "charger_voltage_v": charger.voltage_v,
            "charger_current_a": charger.current_a,
            "charger_constant_voltage": charger.constant_voltage,
        }
        return float(meters[probe])

    def drive(self, name: str, value: float) -> None:
        """As the contract says."""
        if name not in self.controls:
            raise KeyError(name)
        if name == "charger_output":
            self._charger.output_on = bool(value)
        else:
            setattr(self._charger, name.removeprefix("charger_"), value)

    def mount(self, load: str) -> None:
        """The toy bench has one load only."""
        if load not in ("resistors", "none"):
            raise KeyError(load)
        self.load = load

    def inject(self, fault_id: str, on: bool = True) -> None:
        """As the contract says."""
        if fault_id not in self.FAULTS:
            raise KeyError(fault_id)
        (self._faults.add if on else self._faults.discard)(fault_id)
        self.log.append((self.t_ns, f"fault plant.{fault_id} {'on' if on else 'off'}"))

    def truth(self) -> Truth:
        """As the contract says."""
        chain = self._chain
        contacts = chain.contactor.closed, chain.dump_a.closed, chain.dump_b.closed
        return Truth(chain.commanded, *contacts, max(map(abs, self._bank.voltage_v)), self._pulses)

    def forecast(self, intention: Intention) -> Forecast:
        """As the contract says: closed forms."""
        p, v = self._p, intention.charge_voltage_v
        used = [circuit for k, circuit in enumerate(p.circuits) if intention.module_mask >> k & 1]
        stored_j = sum(0.5 * circuit.capacitance_f * v * v for circuit in used)
        numbers: dict[str, float] = {}
        if intention.energises:
            charge_c = sum(circuit.capacitance_f for circuit in used) * v
            current_a = min(intention.charge_current_a, p.charger_rated_a)
            numbers = {"stored_energy_j": stored_j, "charge_time_s": charge_c / current_a}
        if not intention.fires:
            return Forecast(numbers, {})
        peaks = [circuit.peak(v)[0] for circuit in used]
        numbers |= {"module_current_a": max(peaks), "peak_current_a": sum(peaks)}
        numbers["action_integral_a2s"] = sum(circuit.action_a2s(v) for circuit in used)
        return Forecast(numbers, {"stored": stored_j, "load": stored_j}, (Fact("peak", sum(peaks), "A"),))
