"""PURE: the analogue side of the PLC's terminals, and the slow readings that instruments take from the bench."""

from math import nan

import numpy as np

from firmware_sim.plant.bank import Bank
from firmware_sim.plant.charger import Charger
from firmware_sim.plant.parameters import BenchParameters
from firmware_sim.signals import SELF_TEST_PATHS, FieldInputs

NOISE_SIZE = 4_099
"""Samples of the noise table, a prime: with 6 readings a tick it repeats after 41 s."""

STREAM_TERMINALS = 103
"""Number of this random stream, apart from the probes' (which count from 0)."""

OUT_OF_RANGE_RATIO = 2.0
"""A probe under self-test reads this many full scales."""

READINGS = (
    "charger_voltage_v",
    "charger_current_a",
    "charger_constant_voltage",
    "charger_output_on",
    "charger_inhibited",
    "t7_probe_b_v",
    "t7_charger_monitor_v",
)
"""Slow readings: the charger's own meters (V, A, 0/1), and volts at the T7's inputs."""

_FORCED = {
    "door_1": "door_1",
    "door_2": "door_2",
    "estop": "estop_ok",
    "operator_key": "operator_key",
    "search_complete": "search_complete",
    "ground_stick": "ground_stick_stowed",
    "hw_overvoltage": "hw_overvoltage_ok",
    "charger_inhibit": "charger_inhibited",
}


class Terminals:
    """Readings with noise, faults and interference. Noise depends on the seed and the number of ticks only."""

    def __init__(self, parameters: BenchParameters, seed: int) -> None:
        slow = parameters.slow_probe
        random = np.random.default_rng([seed, 0, STREAM_TERMINALS])
        self._slow = slow
        self._zero_a = parameters.charger.zero_current_a
        count = parameters.pulse.modules + 2
        table = random.standard_normal(NOISE_SIZE + count).tolist()
        self._noise: list[float] = [slow.noise_v * sample for sample in table]
        self._garbage: list[float] = [parameters.emi.garbage_v * sample for sample in table]
        self._count = count
        self._at = 0
        self._faults: set[str] = set()
        self._witness_v = 0.0

    def inject(self, fault_id: str, on: bool) -> None:
        """probe_a_frozen and its kin, selftest_door_1_dead and its kin."""
        if on:
            self._faults.add(fault_id)
        else:
            self._faults.discard(fault_id)

    def refresh(
        self, inputs: FieldInputs, bank: Bank, charger: Charger, pulsing: bool, garbage: bool, latches: int
    ) -> None:
        """Write the analogue inputs, the latches and the zero-current contact."""
        at = self._at
        self._at = (at + self._count) % NOISE_SIZE
        noise = self._garbage if garbage else self._noise
        bus_v = bank.bus_v
        if self._faults:
            inputs.probe_a_v = self._read_faulty("a", bus_v + noise[at], inputs.probe_a_v)
            inputs.probe_b_v = self._read_faulty("b", bus_v + noise[at + 1], inputs.probe_b_v)
        else:
            inputs.probe_a_v = bus_v + noise[at]
            inputs.probe_b_v = bus_v + noise[at + 1]
        self._witness_v = inputs.probe_b_v  # the T7 sits before the PLC's test relay
        at += 2
        readings = inputs.module_v
        for k, v in enumerate(bank.voltage_v):
            readings[k] = v + noise[at + k]
        inputs.latches = latches
        inputs.zero_current = not pulsing and charger.current_a < self._zero_a

    def _read_faulty(self, probe: str, reading_v: float, last_v: float) -> float:
        faults = self._faults
        if f"probe_{probe}_nan" in faults:
            return nan
        if f"probe_{probe}_frozen" in faults:
            return last_v
        if f"probe_{probe}_gain" in faults:
            return reading_v * self._slow.gain_fault
        return reading_v

    def force(self, inputs: FieldInputs, path: int) -> None:
        """Energise the test relay of a path (1-based index into SELF_TEST_PATHS); an unknown one does nothing."""
        if not 1 <= path <= len(SELF_TEST_PATHS):
            return
        name = SELF_TEST_PATHS[path - 1]
        if f"selftest_{name}_dead" in self._faults:
            return
        beyond_v, modules = OUT_OF_RANGE_RATIO * self._slow.full_scale_v, len(inputs.module_v)
        if name == "probe_a":
            inputs.probe_a_v = beyond_v
        elif name == "probe_b":
            inputs.probe_b_v = beyond_v
        elif name == "modules":
            inputs.module_v[:] = [beyond_v] * modules
        elif name == "latches":
            inputs.latches = (1 << modules) - 1
        elif name == "positions":
            inputs.positions = 0
        else:
            setattr(inputs, _FORCED[name], False)

    def read(self, name: str, bank: Bank, charger: Charger, inputs: FieldInputs) -> float:
        """One of READINGS. Raises KeyError for another name."""
        if name == "charger_voltage_v":
            return charger.voltage_v
        if name == "charger_current_a":
            return charger.current_a
        if name == "charger_constant_voltage":
            return float(charger.constant_voltage)
        if name == "charger_output_on":
            return float(charger.enabled)
        if name == "charger_inhibited":
            return float(charger.inhibited)
        if name == "t7_probe_b_v":
            return self._witness_v * self._slow.volts_per_volt
        if name == "t7_charger_monitor_v":
            return charger.voltage_v * self._slow.volts_per_volt
        raise KeyError(name)
