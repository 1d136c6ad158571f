"""PURE: the panel of a Technix CCR capacitor charger (instruments.md 2.5).

Like the FuG's it measures and drives through two callables: a bench's plant, or a small capacitor. What the sheet does
not say is marked unverified: the watchdog's time and effect, and the silence that answers an unknown command.
"""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

from drivers.wire.dialect import Row, Values
from drivers.wire.technix import CCR10KV_7_5KJ, CODE_MAX, COMMAND_MAX, TECHNIX, Rating, Status, value_of
from firmware_sim.signals import Acts, switch, unheard

WATCHDOG_S = 10.0
"""High voltage goes off, with a fault, when nobody has said anything for this long. The sheet knows that there is a
watchdog; its time is unverified, and longer here than any client's polling interval."""

FAULTS: Mapping[str, str] = {
    "interlock_open": "its interlock opens: high voltage off, and a fault that stays until HV off is pulsed",
    "internal_fault": "has a fault that no HV off clears",
    "local": "somebody turned its key to local: set-points and HV on are echoed and ignored",
    "stuck_voltage": "measures the same voltage for ever",
    "greeting": "its network module greets whoever connects, as a telnet server does",
    "wrong_echo": "echoes another set-point than it was sent",
}

STUCK_V = 1.0
"""A stuck reading shows once it is wrong by this much."""

_COMMANDS: tuple[Row, ...] = tuple(TECHNIX.rows.values())
_BLANKS = re.compile(rb"\s+")


class TechnixPanel:
    """One charger. ``read(probe)`` measures and ``drive(name, value)`` acts on what hangs at its output."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        read: Callable[[str], float],
        drive: Callable[[str, float], None],
        *,
        rating: Rating = CCR10KV_7_5KJ,
        watchdog_s: float = WATCHDOG_S,
    ) -> None:
        self._read = read
        self._drive = drive
        self._rating = rating
        self._watchdog_ns = round(watchdog_s * 1e9)
        self._heard_ns = 0
        self._local = True
        self._inhibited = False
        self._hv = False
        self._fault = False
        self._pulse = {"hv_on": 0, "hv_off": 0}
        self._stuck_v: float | None = None
        self._faults: dict[str, None] = {}
        self.on_act: Acts = unheard

    @property
    def due_ns(self) -> int | None:
        """When the watchdog will switch off if nobody says anything until then; None while there is nothing on."""
        return self._heard_ns + self._watchdog_ns if self._hv else None

    @property
    def greets(self) -> bool:
        """True when whoever connects to its network module is greeted."""
        return "greeting" in self._faults

    def advance(self, now_ns: int) -> None:
        """Let the watchdog look at the time."""
        due_ns = self.due_ns
        if due_ns is not None and now_ns >= due_ns:
            self._trip()

    def execute(self, line: bytes, now_ns: int) -> bytes:
        """Answer one command (without its CR); nothing for one that is none."""
        self.advance(now_ns)
        self._heard_ns = now_ns
        text = _BLANKS.sub(b"", line)
        if len(line) > COMMAND_MAX:
            return b""
        for row in _COMMANDS:
            values = row.parse_request(text)
            if values is not None:
                return self._answer(row, values)
        return b""

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch a fault of :data:`FAULTS` on or off; raises KeyError for an unknown one."""
        switch(FAULTS, self._faults, fault_id, on)
        if fault_id in ("interlock_open", "internal_fault") and on:
            self.on_act(fault_id, "high voltage goes off")
            self._trip()
        if fault_id == "local":
            self._local = on
        self._stuck_v = self._read("charger_voltage_v") if "stuck_voltage" in self._faults else None

    def _trip(self) -> None:
        self._fault = True
        self._switch(False)

    def _switch(self, hv: bool) -> None:
        self._hv = hv
        self._drive("charger_output", float(self._hv and not self._inhibited))

    # -- commands

    def _answer(self, row: Row, values: Values) -> bytes:
        name = row.name
        if name == "status?":
            return row.reply(bits=int(self._status()))
        if name == "voltage?":
            return row.reply(code=self._code(self._measured_v(), self._rating.voltage_v))
        if name == "current?":
            return row.reply(code=self._code(self._read("charger_current_a"), self._rating.current_a))
        self._obey(name, values)
        if "wrong_echo" in self._faults and name.startswith("set_"):
            self.on_act("wrong_echo", "a set-point is echoed wrongly")
            return row.reply(code=values["code"] ^ 1)
        return row.reply(**values)

    def _obey(self, name: str, values: Values) -> None:
        if name in ("set_voltage", "set_current"):
            if not self._local:
                volts = name == "set_voltage"
                full_scale = self._rating.voltage_v if volts else self._rating.current_a
                control = "charger_set_voltage_v" if volts else "charger_set_current_a"
                self._drive(control, value_of(values["code"], full_scale))
            return
        on = bool(values["on"])
        if name == "local":
            self._local = on or "local" in self._faults
        elif name == "inhibit":
            self._inhibited = on
            self._switch(self._hv)
        else:
            rising = on and not self._pulse[name]
            self._pulse[name] = values["on"]
            if rising and name == "hv_off":
                self._hv_off()
            elif rising and not (self._local or self._fault or self._interlock_open()):
                self._switch(True)

    def _hv_off(self) -> None:
        """Always obeyed; clears a latched fault whose cause is gone."""
        self._switch(False)
        self._fault = self._interlock_open() or "internal_fault" in self._faults

    # -- what it reports

    def _interlock_open(self) -> bool:
        return "interlock_open" in self._faults

    def _measured_v(self) -> float:
        real_v = self._read("charger_voltage_v")
        if self._stuck_v is None:
            return real_v
        if abs(self._stuck_v - real_v) > STUCK_V:
            self.on_act("stuck_voltage", f"measures {self._stuck_v:.0f} V for ever")
        return self._stuck_v

    def _code(self, value: float, full_scale: float) -> int:
        return max(0, min(CODE_MAX, int(value / full_scale * CODE_MAX + 0.5)))

    def _status(self) -> Status:
        output = self._hv and not self._inhibited
        shown = {
            Status.INHIBIT: self._inhibited,
            Status.LOCAL: self._local,
            Status.HV_OFF: not self._hv,
            Status.HV_ON: self._hv,
            Status.OUTPUT: output,
            Status.INTERLOCK_OPEN: self._interlock_open(),
            Status.FAULT: self._fault,
            Status.VOLTAGE_REGULATION: output and bool(self._read("charger_constant_voltage")),
        }
        status = Status(0)
        for bit, lit in shown.items():
            if lit:
                status |= bit
        return status
