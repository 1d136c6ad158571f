"""PURE: one TDK-Lambda Genesys supply (instruments.md 2.6): output, protection, registers. Its language is beside it.

The output settles exponentially onto what set-points and load allow. What the sheet does not say is marked unverified:
``OUT OFF`` acknowledges a latched trip, and the registers' events are rising edges of enabled conditions.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from drivers.wire.genesys import EVENTS, FOLDBACK_S, FOLDBACK_STEP_S, Fault, Status
from firmware_sim.signals import Acts, switch, unheard

RISE_S = 0.02
"""Time constant of the output voltage."""

SETTLED_V = 5e-4
"""Half of the last digit shown."""

POWER_ON_MINUTES = 123_456
"""What the counter of operating minutes starts from."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What distinguishes the models of the family."""

    model: str
    voltage_v: float
    current_a: float
    over_voltage_v: tuple[float, float]
    under_voltage_v: float

    def form(self, full_scale: float) -> str:
        """Format of a five-digit number: as many decimals as ``full_scale`` leaves."""
        whole = len(str(int(full_scale)))
        return f"06.{5 - whole}f"


GEN80_65 = Rating("GEN80-65", 80.0, 65.0, (5.0, 88.0), 76.0)
"""OVP goes from 5 V to 110 % of the rating, UVL up to 95 %."""

CONDITIONS: Mapping[str, Fault] = {
    "ac_fail": Fault.AC_FAIL,
    "over_temperature": Fault.OVER_TEMPERATURE,
    "shut_off": Fault.SHUT_OFF,
    "enable_open": Fault.ENABLE_OPEN,
}
"""Faults that last as long as their cause."""

FAULTS: Mapping[str, str] = {
    "ac_fail": "loses its mains: output off",
    "over_temperature": "is too hot: output off",
    "shut_off": "is shut off at its rear connector",
    "enable_open": "its enable loop is open",
    "over_voltage": "its output jumps above OVP: trips until the output is commanded off",
    "front_off": "somebody presses the output button on its front",
    "wrong_set_point": "takes nine tenths of any voltage it is sent",
    "stuck_current": "measures no current any more",
    "srq_inside": "sends a service request in the middle of every reply",
}

LATCHED = Fault.FOLDBACK | Fault.OVER_VOLTAGE | Fault.OUTPUT_OFF
"""Faults that stay until the output is commanded off."""


@dataclass(slots=True)
class Settings:
    """What SAV stores and RST sets. Set-points keep the text that they were sent as."""

    pv: str
    pc: str
    ovp: float
    uvl: float = 0.0
    out: bool = False
    foldback: bool = False
    foldback_steps: int = 0
    auto_start: bool = False
    remote: int = 1


@dataclass(slots=True)
class Registers:
    """Enable and event registers of one supply."""

    sena: int = 0
    fena: int = 0
    seve: int = 0
    feve: int = 0
    requested: bool = False

    def note(self, status: int, fault: int) -> None:
        """Conditions that have just become true: events where enabled, and a service request for the first."""
        seve, feve = self.seve | (status & self.sena & EVENTS), self.feve | (fault & self.fena)
        if (seve and not self.seve) or (feve and not self.feve):
            self.requested = True
        self.seve, self.feve = seve, feve


@dataclass(slots=True)
class _Output:
    """The terminals."""

    voltage_v: float = 0.0
    limited: bool = False
    limited_since_ns: int = 0
    then_ns: int = 0
    seen: tuple[int, int] = field(default=(0, 0))


class GenesysUnit:
    """One supply. ``load_ohm`` says what hangs at its output now."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(
        self,
        address: int = 6,
        *,
        rating: Rating = GEN80_65,
        load_ohm: Callable[[], float] = lambda: 1.0,
        serial: str = "123A456-0001",
    ) -> None:
        self.address = address
        self.rating = rating
        self.serial = serial
        self.settings = self.defaults()
        self.saved = self.defaults()
        self.registers = Registers()
        self.filter_hz = 18
        self._load_ohm = load_ohm
        self._latched = Fault(0)
        self._injected: dict[str, None] = {}
        self._output = _Output()
        self._output.seen = (int(self.status), 0)
        self.on_act: Acts = unheard

    def defaults(self) -> Settings:
        """As after RST: both set-points zero, output off, OVP at its highest, UVL zero, remote, no auto-start."""
        volts, amperes = self.rating.form(self.rating.voltage_v), self.rating.form(self.rating.current_a)
        return Settings(format(0.0, volts), format(0.0, amperes), self.rating.over_voltage_v[1])

    # -- time

    def advance(self, now_ns: int) -> None:
        """Let the output settle and protection act up to ``now_ns``; note what became true."""
        output = self._output
        elapsed_s, output.then_ns = max(0, now_ns - output.then_ns) / 1e9, now_ns
        self._protect(now_ns)
        target_v = self._target_v()
        gap_v = (output.voltage_v - target_v) * math.exp(-elapsed_s / RISE_S)
        output.voltage_v = target_v if abs(gap_v) < SETTLED_V else target_v + gap_v
        self.look()

    def look(self) -> None:
        """Note conditions that have become true since the last look."""
        status, fault = int(self.status), int(self.fault)
        old_status, old_fault = self._output.seen
        self._output.seen = (status, fault)
        self.registers.note(status & ~old_status, fault & ~old_fault)

    def _protect(self, now_ns: int) -> None:
        output = self._output
        limited = self.delivers and self._limited()
        if limited and not output.limited:
            output.limited_since_ns = now_ns
        output.limited = limited
        delay_s = FOLDBACK_S + FOLDBACK_STEP_S * self.settings.foldback_steps
        if limited and self.settings.foldback and now_ns - output.limited_since_ns >= round(delay_s * 1e9):
            self._trip(Fault.FOLDBACK)

    def _trip(self, fault: Fault) -> None:
        self._latched |= fault
        self.settings.out = False

    @property
    def watched(self) -> bool:
        """True while a service request could come by itself."""
        return bool(self.registers.sena or self.registers.fena)

    # -- what it does

    def switch(self, on: bool) -> bool:
        """The output command; False when a fault forbids it. Off acknowledges what is latched."""
        if on and self.fault:
            return False
        if not on:
            self._latched = Fault(0)
        self.settings.out = on
        return True

    def set_by_hand(self, voltage_v: float, current_a: float) -> None:
        """Set-points turned and output switched on at the front; the unit stays in remote."""
        volts, amperes = self.rating.form(self.rating.voltage_v), self.rating.form(self.rating.current_a)
        self.settings = replace(self.settings, pv=format(voltage_v, volts), pc=format(current_a, amperes))
        self.switch(True)

    def recall(self) -> None:
        """RCL: what SAV stored; a fault keeps the output off."""
        on = self.saved.out
        self.settings = replace(self.saved, out=False)
        self.switch(on)

    def reset(self) -> None:
        """RST."""
        self.settings = self.defaults()
        self._latched = Fault(0)

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch a fault of :data:`FAULTS` on or off; raises KeyError for an unknown one."""
        switch(FAULTS, self._injected, fault_id, on)
        if fault_id == "over_voltage" and on and self.delivers:
            self.on_act(fault_id, "the output exceeded OVP")
            self._trip(Fault.OVER_VOLTAGE)
        elif fault_id == "front_off" and on:
            self.on_act(fault_id, "the output is switched off at the front")
            self._trip(Fault.OUTPUT_OFF)
        elif fault_id in CONDITIONS:
            self.on_act(fault_id, FAULTS[fault_id])
            if not self.settings.auto_start and on:
                self.settings.out = False

    def injected(self, fault_id: str) -> bool:
        """True while that fault is on."""
        return fault_id in self._injected

    # -- what it reports

    @property
    def pv_v(self) -> float:
        """Programmed voltage."""
        return float(self.settings.pv)

    @property
    def pc_a(self) -> float:
        """Programmed current."""
        return float(self.settings.pc)

    @property
    def delivers(self) -> bool:
        """True when the output is commanded on and no fault holds it off."""
        return self.settings.out and not self.fault

    @property
    def measured_v(self) -> float:
        """Output voltage."""
        return self._output.voltage_v

    @property
    def measured_a(self) -> float:
        """Output current."""
        if self.injected("stuck_current"):
            return 0.0
        return min(self._output.voltage_v / self._load_ohm(), self.rating.current_a * 1.05)

    @property
    def fault(self) -> Fault:
        """The fault condition register."""
        fault = self._latched
        for fault_id in self._injected:
            fault |= CONDITIONS.get(fault_id, Fault(0))
        return fault

    @property
    def status(self) -> Status:
        """The status condition register."""
        status = Status.FAULT if self.fault else Status.NO_FAULT
        if self.delivers:
            status |= Status.CONSTANT_CURRENT if self._limited() else Status.CONSTANT_VOLTAGE
        if self.settings.auto_start:
            status |= Status.AUTO_START
        if self.settings.foldback:
            status |= Status.FOLDBACK_ENABLED
        if self.settings.remote == 0:
            status |= Status.LOCAL
        return status

    @property
    def mode(self) -> str:
        """CV, CC or OFF."""
        if not self.delivers:
            return "OFF"
        return "CC" if self._limited() else "CV"

    def _limited(self) -> bool:
        return self.pc_a * self._load_ohm() < self.pv_v

    def _target_v(self) -> float:
        return min(self.pv_v, self.pc_a * self._load_ohm()) if self.delivers else 0.0
