"""PURE: the plant's own evidence of a fault: one log line when it first does something, and what that is.

A fault may lie hidden for a long time: a welded contactor shows only when it is told to open. A judge that asks for
evidence needs the moment of the first effect, not that of the injection.
"""

from collections import deque
from collections.abc import Mapping

from firmware_sim.plant.charger import Charger
from firmware_sim.plant.faults import module_of
from firmware_sim.plant.relays import Relay, Stuck

ENERGY_V = 50.0
"""A module below this holds no energy to speak of (safety.md F1): leaks and dielectrics do nothing there."""

SPREAD_V = 25.0
SPREAD_FRACTION = 0.05
"""What modules may differ by (safety.md 2.3 row 07; the floor is plc.yaml's)."""

ABOVE_SET_V = 1.0
"""A charger this far above its set-point ignores it: the rounding of a set-point is 0.1 V."""

_CONTACTS = {
    "door_1_open": "door channel 1 reads open",
    "door_2_open": "door channel 2 reads open",
    "door_open": "both door channels read open",
    "estop": "the emergency-stop loop is open",
    "estop_wire_break": "the emergency-stop loop is open",
    "key_off": "the operator key reads off",
    "rebound_high": "the dielectric stores ten times as much",
    "no_emi": "pulses make no interference",
}
"""Faults that act at once and always."""


class Acting:
    """Says once per injection that a fault acts."""

    def __init__(self, log: deque[tuple[int, str]]) -> None:
        self._log = log
        self._said: set[str] = set()
        self._said_fully: set[str] = set()

    def forget(self, fault: str) -> None:
        """The fault was injected anew or mended: its next effect is news."""
        self._said.discard(fault)
        self._said_fully.discard(fault)

    def say(self, t_ns: int, fault: str, what: str) -> None:
        """``fault`` does something now."""
        if fault not in self._said:
            self._said.add(fault)
            self._log.append((t_ns, f"fault plant.{fault} acts: {what}"))

    def say_fully(self, t_ns: int, fault: str, what: str) -> None:
        """``fault`` has grown to what a detector must see; only faults that grow say so."""
        if fault not in self._said_fully:
            self._said_fully.add(fault)
            self._log.append((t_ns, f"fault plant.{fault} acts fully: {what}"))

    def watch(
        self,
        t_ns: int,
        faults: set[str],
        jams: Mapping[str, tuple[Relay, Stuck]],
        mirrors: Mapping[str, tuple[Relay, bool]],
        charger: Charger,
        connected: bool,
        voltage_v: list[float],
    ) -> None:
        """Look at everything that shows in the slow part. ``connected``: the contactor is closed."""
        for fault in faults - self._said:
            what = (
                _CONTACTS.get(fault, "")
                or _jammed(fault, jams)
                or _mirrored(fault, mirrors)
                or _charging(fault, charger, connected)
                or _module(fault, voltage_v, connected)
            )
            if what:
                self.say(t_ns, fault, what)
        for fault in faults:
            module = module_of(fault, "leak", "uncharged")
            if module is not None and fault not in self._said_fully:
                gap_v = max(voltage_v) - voltage_v[module]
                if gap_v > SPREAD_V and gap_v > SPREAD_FRACTION * max(voltage_v):
                    self.say_fully(t_ns, fault, f"{gap_v:.0f} V behind the others")


def _jammed(fault: str, jams: Mapping[str, tuple[Relay, Stuck]]) -> str:
    if fault not in jams or not jams[fault][0].defies:
        return ""
    name = fault.rsplit("_stuck", 1)[0].removesuffix("_welded").replace("_", " ")
    return f"{name} held {'closed' if jams[fault][1] is Stuck.CLOSED else 'open'} against command"


def _mirrored(fault: str, mirrors: Mapping[str, tuple[Relay, bool]]) -> str:
    """A mirror contact that shows what is not so. The flag says what a stuck one shows (closed)."""
    if fault not in mirrors:
        return ""
    relay, shows_closed = mirrors[fault]
    if fault.endswith("_broken"):
        return f"{fault.split('_mirror')[0].replace('_', ' ')}: neither mirror contact reads"
    if relay.moving or relay.closed is shows_closed:
        return ""
    return f"{fault.split('_mirror')[0].replace('_', ' ')}: the mirror shows what is not so"


def _charging(fault: str, charger: Charger, connected: bool) -> str:
    runs = charger.output_on and not charger.inhibited
    if fault == "charger_dead":
        return "it is to run and delivers nothing" if runs and connected else ""
    if fault in ("charger_setpoint_lost", "charger_wrong_range"):
        return "it runs on other set-points than were sent" if runs and connected else ""
    if fault == "overvoltage":
        high = connected and charger.enabled and charger.voltage_v > charger.set_voltage_v + ABOVE_SET_V
        return f"{charger.voltage_v:.0f} V at a set-point of {charger.set_voltage_v:.0f} V" if high else ""
    if fault == "charger_runaway":
        return "it runs against inhibit, output switch or set-points" if charger.enabled else ""
    return ""


def _module(fault: str, voltage_v: list[float], connected: bool) -> str:
    module = module_of(fault, "leak", "uncharged")
    if module is None:
        return ""
    v = voltage_v[module]
    if fault.endswith("_leak"):
        return f"leaks at {v:.0f} V" if v > ENERGY_V else ""
    behind = connected and max(voltage_v) > ABOVE_SET_V
    return f"stays at {v:.0f} V while the others charge" if behind else ""
