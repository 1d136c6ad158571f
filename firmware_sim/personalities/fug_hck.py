"""PURE: the panel of a FuG HCK capacitor charger with its Probus V registers (instruments.md 2.4).

It measures and drives through two callables, so that the same panel serves a bench (the plant's charger) and a
stand-in started alone (``small_capacitor.py``). Full scale follows from the rating: I = 2 P / V.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from drivers.wire.dialect import Values
from drivers.wire.probus import COMMAND_MAX, FUG_HCK, REGISTERS, TERMINATORS, Access, Error
from firmware_sim.signals import Acts, switch, unheard


@dataclass(frozen=True, slots=True)
class Rating:
    """What distinguishes the models of one family: charging power in J/s and full-scale voltage."""

    power_w: float
    voltage_v: float

    @property
    def current_a(self) -> float:
        """Full-scale current of a capacitor charger: I = 2 P / V."""
        return 2 * self.power_w / self.voltage_v


HCK_2000_4000 = Rating(2000.0, 4000.0)
HCK_800_20000 = Rating(800.0, 20_000.0)
"""2 kJ/s at 4 kV and 1 A; 800 J/s at 20 kV and 80 mA."""

SPECIAL_RAMP_V_S = 11.11e-3
"""Ramp mode 3 goes from 0 to 1 V at this rate (instruments.md 2.4)."""

RAW_FULL = 65535
"""Codes of the readback converter over the rating (width unverified)."""

HELD_MAX = 16
"""Commands that may wait for ``X`` in execute-on-X mode."""

FAULTS: Mapping[str, str] = {
    "refuses": "answers every command that would change something with E11 (local mode)",
    "stuck_voltage": "measures the same voltage for ever",
}

STUCK_V = 1.0
"""A stuck reading shows once it is wrong by this much."""

_ACCESS = {register.name: register.access for register in REGISTERS}
_COMMAND = re.compile(r">([A-Z][A-Z0-9]{0,3})\s*(\?|.*)")
_SHORT = {"*IDN?": "idn", "=": "reset", "?": "query", "X": "execute"}
_LETTERS = {
    "F": "output",
    "U": "voltage",
    "I": "current",
    "N": "select",
    "S": "adc_mode",
    "P": "polarity",
    "R": "x_outputs",
    "G": "hold_until_x",
    "Y": "terminator",
}


class CapacitorChargerPanel:
    """One charger. ``read(probe)`` measures and ``drive(name, value)`` acts on what hangs at its output."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        read: Callable[[str], float],
        drive: Callable[[str, float], None],
        *,
        rating: Rating = HCK_2000_4000,
        serial: str = "17022-01-01",
    ) -> None:
        self._read = read
        self._drive = drive
        voltage_v = rating.voltage_v
        self._rating = {"S0": voltage_v, "S1": rating.current_a, "S0R": voltage_v * 100}
        kilo, rest = divmod(round(voltage_v), 1000)
        self._identity = f"FUG HCK {rating.power_w:.0f} - {kilo} {rest:03d} MOD {serial}"
        self._values: dict[str, float] = {name: 0 for name, access in _ACCESS.items() if access is Access.BOTH}
        self._values |= {"KT": 2, "S0R": voltage_v / 10}
        self._actual_v = 0.0
        self._then_ns = 0
        self._last = Error.OK
        self._held: list[tuple[str, Values]] = []
        self._stuck_v: float | None = None
        self.on_act: Acts = unheard
        self._faults: dict[str, None] = {}

    @property
    def ramping(self) -> bool:
        """True while the actual set-point still follows S0."""
        return self._actual_v != self._goal_v()

    def advance(self, now_ns: int) -> None:
        """Let the set-point ramp run up to ``now_ns``."""
        elapsed_s, self._then_ns = max(0, now_ns - self._then_ns) / 1e9, now_ns
        goal_v, mode = self._goal_v(), int(self._values["S0B"])
        if self._actual_v == goal_v:
            return
        rising = goal_v > self._actual_v
        if mode == 0 or (not rising and mode in (2, 4)):
            self._follow(goal_v)
            return
        rate_v_s = self._values["S0R"]
        if mode == 3 and rising and self._actual_v < 1.0:
            slow_s = min(elapsed_s, (min(1.0, goal_v) - self._actual_v) / SPECIAL_RAMP_V_S)
            self._follow(self._actual_v + slow_s * SPECIAL_RAMP_V_S)
            elapsed_s -= slow_s
        step_v = elapsed_s * rate_v_s
        distance_v = goal_v - self._actual_v
        self._follow(goal_v if abs(distance_v) <= step_v else self._actual_v + (step_v if rising else -step_v))

    def execute(self, line: bytes, now_ns: int) -> bytes:
        """Answer one command line (without its terminator)."""
        self.advance(now_ns)
        answer = self._answer(line)
        if isinstance(answer, Error):
            self._last = answer
            answer = FUG_HCK["reset"].reply(code=int(answer))
        self.advance(now_ns)
        return answer[:-1] + TERMINATORS[int(self._values["KT"])]

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch a fault of :data:`FAULTS` on or off; raises KeyError for an unknown one."""
        switch(FAULTS, self._faults, fault_id, on)
        self._stuck_v = self._read("charger_voltage_v") if "stuck_voltage" in self._faults else None

    # -- commands

    def _answer(self, line: bytes) -> bytes | Error:
        if len(line) > COMMAND_MAX:
            return Error.OVERFLOW
        text = line.decode("latin-1").strip().upper()
        found = _COMMAND.fullmatch(text)
        if found is not None:
            return self._register(found[1], found[2].strip(), line)
        if text.startswith("*") and text not in _SHORT:
            return Error.UNKNOWN_SCPI
        name = _SHORT.get(text) or _LETTERS.get(text[:1])
        if name is None:
            return Error.UNKNOWN_REGISTER
        values = FUG_HCK[name].parse_request(line)
        if values is None:
            return Error.BAD_N if name == "select" else Error.BAD_ARGUMENT
        if name == "idn":
            return FUG_HCK[name].reply(identity=self._identity)
        if name == "query":
            return FUG_HCK[name].reply(value=self._selected())
        return self._short(name, values)

    def _register(self, name: str, argument: str, line: bytes) -> bytes | Error:
        access = _ACCESS.get(name)
        if access is None:
            return Error.UNKNOWN_REGISTER
        if argument == "?":
            return FUG_HCK[f"read_{name}"].reply(value=self._value(name))
        if not argument:
            return Error.NO_DATA
        if access is Access.READ:
            return Error.READ_ONLY
        values = FUG_HCK[f"set_{name}"].parse_request(line)
        return Error.BAD_ARGUMENT if values is None else self._set(name, values["value"])

    def _short(self, name: str, values: Values) -> Error:
        if name == "execute":
            held, self._held = self._held, []
            outcome = Error.OK
            for command, arguments in held:
                outcome = self._apply(command, arguments) or outcome
            return outcome
        if self._values["KX"] and name in ("output", "voltage", "current"):
            if len(self._held) >= HELD_MAX:
                return Error.OVERFLOW
            self._held.append((name, values))
            return Error.OK
        return self._apply(name, values)

    def _apply(self, name: str, values: Values) -> Error:
        if name == "reset":
            return self._set("S0", 0.0) or self._set("S1", 0.0)
        if name == "adc_mode":
            return self._set("M0I", values["mode"]) or self._set("M1I", values["mode"])
        if name == "x_outputs":
            for bit in range(3):
                self._set(f"B{bit}", values["bits"] >> bit & 1)
            return Error.OK
        register = {
            "output": "BON",
            "voltage": "S0",
            "current": "S1",
            "select": "KN",
            "polarity": "BX",
            "hold_until_x": "KX",
            "terminator": "KT",
        }[name]
        (value,) = values.values()
        return self._set(register, value)

    def _set(self, name: str, value: float) -> Error:
        if "refuses" in self._faults:
            self.on_act("refuses", "a command is refused with E11")
            return Error.NOT_ALLOWED_REMOTE
        if not 0 <= value <= self._rating.get(name, float("inf")):
            return Error.OUT_OF_RANGE
        self._values[name] = value
        if name == "S1":
            self._drive("charger_set_current_a", value)
        elif name == "BON":
            self._drive("charger_output", float(value))
            if self._values["S0B"] == 4 and not value:
                self._values["S0"] = 0.0
        return Error.OK

    # -- what it reports

    def _goal_v(self) -> float:
        return 0.0 if self._values["S0B"] == 4 and not self._values["BON"] else self._values["S0"]

    def _follow(self, voltage_v: float) -> None:
        self._actual_v = voltage_v
        self._drive("charger_set_voltage_v", voltage_v)

    def _measure(self, name: str) -> float:
        if name == "M0":
            if self._stuck_v is not None and abs(self._stuck_v - self._read("charger_voltage_v")) > STUCK_V:
                self.on_act("stuck_voltage", f"measures {self._stuck_v:.0f} V for ever")
            return self._read("charger_voltage_v") if self._stuck_v is None else self._stuck_v
        return self._read("charger_current_a")

    def _value(self, name: str) -> float | str:
        """What a register reads now."""
        if name in self._values:
            return self._values[name]
        on = self._values["BON"]
        voltage_mode = bool(on and self._read("charger_constant_voltage"))
        computed: dict[str, Callable[[], float | str]] = {
            "S0A": lambda: self._actual_v,
            "S1A": lambda: self._values["S1"],
            "S0S": lambda: int(self.ramping),
            "M0": lambda: self._measure("M0"),
            "M1": lambda: self._measure("M1"),
            "M0R": lambda: self._raw("S0", self._measure("M0")),
            "M1R": lambda: self._raw("S1", self._measure("M1")),
            "DVR": lambda: int(voltage_mode),
            "DIR": lambda: int(bool(on) and not voltage_mode),
            "DON": lambda: on,
            "DX": lambda: self._values["BX"],
            "DSD": lambda: 1,
            "KS": lambda: f"{self._status(on, voltage_mode):08b}",
            "KQS": lambda: self._status(on, voltage_mode) & int(self._values["KQM"]),
            "KE": lambda: int(self._last),
            "CFN": lambda: self._identity,
            "H1": self._snapshot,
        }
        if name in computed:
            return computed[name]()
        return self._values.get(name[:-1], 0) if name.endswith("A") else 0

    def _status(self, on: float, voltage_mode: bool) -> int:
        """The status byte: I-REG, V-REG, ON, 3-REG, X-STAT, CAL, unused, SEL-D."""
        held = bool(self._held)
        return int(bool(on) and not voltage_mode) << 7 | int(voltage_mode) << 6 | int(on) << 5 | int(held) << 3 | 1

    def _raw(self, register: str, value: float) -> int:
        return max(0, min(RAW_FULL, round(value / self._rating[register] * RAW_FULL)))

    def _snapshot(self) -> str:
        """``H1``: readbacks and actual set-points, voltage then current, four hex digits each (order unverified)."""
        values = (
            ("S0", self._measure("M0")),
            ("S1", self._measure("M1")),
            ("S0", self._actual_v),
            ("S1", self._values["S1"]),
        )
        return "".join(f"{self._raw(register, value):04X}" for register, value in values)

    def _selected(self) -> str:
        """The answer to ``?``: N selects voltage, current, status, set-points, error or identification."""
        register = ("M0", "M1", "KS", "S0A", "S1A", "KE", "CFN")[int(self._values["KN"])]
        value = self._value(register)
        return value if isinstance(value, str) else f"{value:+.5E}"
