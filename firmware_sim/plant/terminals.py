"""PURE: the analogue side of the PLC's terminals, and the slow readings that instruments take from the bench."""

from math import nan

import numpy as np

from firmware_sim.plant.bank import Bank
from firmware_sim.plant.charger import Charger
from firmware_sim.plant.faults import ACTS_RATIO, COMMON_GAIN, DRIFT_PER_S, FULLY_RATIO, OFFSET_RATIO
from firmware_sim.plant.parameters import SlowProbeParameters
from firmware_sim.signals import RUN_SELF_TEST_PATHS, FieldInputs

NOISE_SIZE = 4_099
"""Samples of the noise table, a prime: with 6 readings a tick it repeats after 41 s."""

STREAM_TERMINALS = 103
"""Number of this random stream, apart from the probes' (which count from 0)."""

OUT_OF_RANGE_RATIO = 2.0
"""A probe under self-test reads this many full scales."""

PULSE_LATCHES = 0b1111
"""Arc, VSWR, over-current and vacuum, all set."""

READINGS = frozenset(
    (
        "charger_voltage_v",
        "charger_current_a",
        "charger_constant_voltage",
        "charger_output_on",
        "charger_inhibited",
        "probe_b_daq",
        "charger_monitor_daq",
    )
)
"""Slow readings: the charger's own meters (V, A, 0/1), and volts at a DAQ's inputs, by the channel's name."""

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


_COMMON = ("probes", "voltage")
"""First words of faults that both probes share."""


class Terminals:
    """Readings with noise, faults and interference. Noise depends on the seed and the number of ticks only."""

    def __init__(
        self, slow: SlowProbeParameters, *, modules: int, zero_current_a: float, garbage_v: float, seed: int
    ) -> None:
        random = np.random.default_rng([seed, 0, STREAM_TERMINALS])
        self._slow = slow
        self._zero_a = zero_current_a
        count = modules + 2
        table = random.standard_normal(NOISE_SIZE + count).tolist()
        self._noise: list[float] = [slow.noise_v * sample for sample in table]
        self._garbage: list[float] = [garbage_v * sample for sample in table]
        self._count = count
        self._at = 0
        self._faults: dict[str, int] = {}
        self._last_v = [0.0, 0.0]
        self._modules_show = 1.0
        self._witness_v = 0.0
        self.wrong: dict[str, float] = {}
        """Probe faults that make a reading wrong by ACTS_RATIO or more, with the first such reading."""
        self.very_wrong: dict[str, float] = {}
        """The same by FULLY_RATIO."""

    def inject(self, fault_id: str, on: bool, t_ns: int = 0) -> None:
        """probe_a_frozen and its kin, from ``t_ns`` on."""
        if on:
            self._faults[fault_id] = t_ns
        else:
            self._faults.pop(fault_id, None)
        self._modules_show = COMMON_GAIN if "voltage_common_gain" in self._faults else 1.0
        self.wrong.pop(fault_id, None)
        self.very_wrong.pop(fault_id, None)

    def refresh(
        self,
        inputs: FieldInputs,
        bank: Bank,
        charger: Charger,
        pulsing: bool,
        garbage: bool,
        latches: int,
        t_ns: int = 0,
    ) -> None:
        """Write the analogue inputs, the latches and the zero-current contact."""
        at = self._at
        self._at = (at + self._count) % NOISE_SIZE
        noise = self._garbage if garbage else self._noise
        bus_v = bank.bus_v
        if self._faults:
            inputs.probe_a_v = self._read_faulty(0, bus_v + noise[at], t_ns)
            inputs.probe_b_v = self._read_faulty(1, bus_v + noise[at + 1], t_ns)
        else:
            inputs.probe_a_v = bus_v + noise[at]
            inputs.probe_b_v = bus_v + noise[at + 1]
        self._last_v[:] = inputs.probe_a_v, inputs.probe_b_v
        self._witness_v = inputs.probe_b_v  # the T7 sits before the PLC's test relay
        at += 2
        readings = inputs.module_v
        for k, v in enumerate(bank.voltage_v):
            readings[k] = v * self._modules_show + noise[at + k]
        inputs.latches = latches
        inputs.zero_current = not pulsing and charger.current_a < self._zero_a

    def _read_faulty(self, probe: int, true_v: float, t_ns: int) -> float:
        reading_v = true_v
        for fault, since_ns in self._faults.items():
            name, _, what = fault.rpartition("_")
            family = fault.partition("_")[0]
            if family in _COMMON or name == ("probe_a", "probe_b")[probe]:
                what = fault.removeprefix(f"{family}_") if family in _COMMON else what
                reading_v = self._spoil(what, probe, reading_v, (t_ns - since_ns) * 1e-9)
                error = abs(reading_v - true_v) / self._slow.full_scale_v
                if not error <= ACTS_RATIO:
                    self.wrong.setdefault(fault, reading_v)
                if not error <= FULLY_RATIO:
                    self.very_wrong.setdefault(fault, reading_v)
        return reading_v

    def _spoil(self, what: str, probe: int, reading_v: float, since_s: float) -> float:
        """The reading of a probe with the fault ``what``."""
        if what == "nan":
            return nan
        if what == "frozen":
            return self._last_v[probe]
        if what == "open":
            return 0.0
        if what == "offset":
            return reading_v + OFFSET_RATIO * self._slow.full_scale_v
        if what == "drift":
            return reading_v * (1.0 + DRIFT_PER_S * since_s)
        if what == "common_gain":
            return reading_v * COMMON_GAIN
        return reading_v * self._slow.gain_fault

    def force(self, inputs: FieldInputs, path: int) -> None:
        """Energise the test relay of a path (1-based index into RUN_SELF_TEST_PATHS); an unknown one does nothing."""
        if not 1 <= path <= len(RUN_SELF_TEST_PATHS):
            return
        name = RUN_SELF_TEST_PATHS[path - 1]
        if (dead := f"selftest_{name}_dead") in self._faults:
            self.wrong.setdefault(dead, 0.0)
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
        elif name == "windows":
            inputs.analogue = [nan] * len(inputs.analogue)
        elif name == "pulse_latches":
            inputs.pulse_latches = PULSE_LATCHES
        else:
            setattr(inputs, _FORCED[name], False)

    def read(self, name: str, bank: Bank, charger: Charger, inputs: FieldInputs) -> float:
        """One of READINGS. Raises KeyError for another name."""
        if name == "charger_voltage_v":
            return charger.voltage_v * charger.sense
        if name == "charger_current_a":
            return charger.current_a
        if name == "charger_constant_voltage":
            return float(charger.constant_voltage)
        if name == "charger_output_on":
            return float(charger.enabled)
        if name == "charger_inhibited":
            return float(charger.inhibited)
        if name == "probe_b_daq":
            return self._witness_v * self._slow.volts_per_volt
        if name == "charger_monitor_daq":
            return charger.voltage_v * self._slow.volts_per_volt
        raise KeyError(name)
