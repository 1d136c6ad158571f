"""PURE: the panel of a Highland T560: four outputs, trigger, gate, shots counter (instruments.md 2.8).

Timing settings (delay, width, output switches, divisor, synthesizer) wait to be installed: at once (AU 1), at the next
end of delay (AU 2), or with ``INSTALL`` (AU 0). An install ends a cycle that runs and takes 350 us, in which triggers
are lost. Trigger source, level and gate act at once (unverified).
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import ClassVar

from drivers.wire.dialect import Values
from drivers.wire.t560 import CHANNELS, GATE_MODES, KEYWORDS, REFUSED, RESOLUTION_S, T560, TERMINATIONS, TRIGGER_MODES
from firmware_sim.personalities.dg645 import OutputEdges
from firmware_sim.signals import Acts, switch, unheard

INSTALL_NS = 350_000
"""An install forces the end of delay for this long."""

INSERTION_NS = 20
"""From the trigger to an output of delay zero (unverified)."""

SHOTS_MODULO = 10**10
"""The shots counter has ten digits."""

FAULTS: Mapping[str, str] = {
    "no_trigger": "does not see its trigger input",
    "false_trigger": "takes the next command it receives for a trigger edge",
    "refuses": "answers every command that would change something with ??",
}

_TIMING = frozenset("DWS")
"""Last letters of the channel commands; they and these need an install:"""
_INSTALLED = frozenset(("TD", "SY"))


@dataclass(slots=True)
class Output:
    """One output's settings."""

    delay_s: float = 0.0
    width_s: float = 1e-6
    positive: bool = True
    on: bool = False


@dataclass(slots=True)
class Timing:
    """What an install makes effective."""

    outputs: dict[str, Output] = field(default_factory=lambda: {channel: Output() for channel in CHANNELS})
    divisor: int = 0
    rate_hz: float = 10_000.0


@dataclass(slots=True)
class Front:
    """Everything that acts at once (power-on values unverified, those of the sheet's examples)."""

    trigger: str = "REM"
    trigger_termination: str = "HIZ"
    level_v: float = 1.25
    gate: str = "OFF"
    gate_polarity: str = "POS"
    gate_termination: str = "HIZ"
    autoinstall: int = 1
    clock: str = "OFF"
    verbose: int = 0


class T560Panel:
    """One instrument, shared by its connections. ``on_cycle`` hears of cycles that no input edge started."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(self, on_cycle: Callable[[OutputEdges], None] | None = None, serial: str = "00123") -> None:
        self.on_cycle = on_cycle
        self.on_act: Acts = unheard
        self.gate_open = True
        """What the gate connector sees when it is an input."""
        self.shots = 0
        self.front = Front()
        self._serial = serial
        self._wanted = Timing()
        self._active = Timing()
        self._pending = False
        self._blind_until_ns = 0
        self._busy_until_ns = 0
        self._skipped = 0
        self._next_ns: int | None = None
        self._saved = (Front(), Timing())
        self._faults: dict[str, None] = {}

    # -- triggers

    @property
    def free_running(self) -> bool:
        """True while the synthesizer triggers."""
        return self.front.trigger == "SYN"

    @property
    def wants_time(self) -> bool:
        """True while something happens without a command: the synthesizer, or an install that waits for a cycle."""
        return self.free_running or (self._pending and self.front.autoinstall == 2)

    @property
    def due_ns(self) -> int | None:
        """When the next cycle begins that somebody wants to hear of; None where nobody does or none is planned."""
        return self._next_ns if self.on_cycle is not None else None

    def trigger_input(self, t_ns: int, *, rising: bool = True, level_v: float = 5.0) -> OutputEdges | None:
        """An edge of ``level_v`` at the trigger input; the cycle it starts, or None when it is not accepted."""
        self.advance(t_ns)
        if self.front.trigger != ("POS" if rising else "NEG") or level_v < self.front.level_v:
            return None
        if "no_trigger" in self._faults:
            self.on_act("no_trigger", "an edge at the trigger input is not seen")
            return None
        return self._trigger(t_ns)

    def advance(self, now_ns: int) -> None:
        """Let queued installs and the synthesizer go on; of several periods in one call the last is reported."""
        if self._pending and self.front.autoinstall == 2 and now_ns >= self._busy_until_ns:
            self._install(max(self._busy_until_ns, self._blind_until_ns))
        if not self.free_running:
            self._next_ns = None
            return
        period_ns = max(1, round(1e9 / self._active.rate_hz))
        if self._next_ns is None:
            self._next_ns = now_ns + period_ns
        elif now_ns >= self._next_ns:
            periods = (now_ns - self._next_ns) // period_ns
            last_ns = self._next_ns + periods * period_ns
            self._next_ns = last_ns + period_ns
            if self._cycle_ns() <= period_ns and self._active.divisor <= 1:
                self.shots = (self.shots + periods) % SHOTS_MODULO
            self._announce(self._trigger(last_ns))

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch a fault of :data:`FAULTS` on or off; raises KeyError for an unknown one."""
        switch(FAULTS, self._faults, fault_id, on)

    def _trigger(self, t_ns: int) -> OutputEdges | None:
        """A trigger from the selected source: counted down, gated, and lost while busy or installing."""
        if t_ns < self._blind_until_ns or t_ns < self._busy_until_ns:
            return None
        if self.front.gate == "INP" and self.gate_open is not (self.front.gate_polarity == "POS"):
            return None
        if self._active.divisor > 1:
            self._skipped += 1
            if self._skipped < self._active.divisor:
                return None
            self._skipped = 0
        self.shots = (self.shots + 1) % SHOTS_MODULO
        self._busy_until_ns = t_ns + self._cycle_ns()
        edges = [self._leading_ns(t_ns, output) for output in self._active.outputs.values()]
        return OutputEdges(t_ns, *edges)

    @staticmethod
    def _leading_ns(t_ns: int, output: Output) -> int | None:
        made = output.on and output.width_s > 0
        return t_ns + INSERTION_NS + round(output.delay_s * 1e9) if made else None

    def _cycle_ns(self) -> int:
        """Until the end of delay: the longest delay and width of the outputs that are on (unverified)."""
        lasting = [output.delay_s + output.width_s for output in self._active.outputs.values() if output.on]
        return INSERTION_NS + round(max(lasting, default=0.0) * 1e9)

    def _announce(self, edges: OutputEdges | None) -> None:
        if edges is not None and self.on_cycle is not None:
            self.on_cycle(edges)

    def _install(self, now_ns: int) -> None:
        self._active = deepcopy(self._wanted)
        self._pending = False
        self._busy_until_ns = 0
        self._skipped = 0
        self._blind_until_ns = now_ns + INSTALL_NS

    # -- commands

    def execute(self, line: bytes, now_ns: int) -> bytes:
        """Carry out one line (without CR) and return its answers; ``??`` ends the line where it occurs."""
        self.advance(now_ns)
        if "false_trigger" in self._faults:
            del self._faults["false_trigger"]
            self.on_act("false_trigger", "a command is taken for a trigger edge")
            self._announce(self._trigger(now_ns))
        answers: list[bytes] = []
        for command in line.split(b";"):
            if not command.strip():
                continue
            answers.append(self._command(command, now_ns))
            if answers[-1] == REFUSED:
                break
        return b";".join(answers) + b"\r\n" if answers else b""

    def _command(self, command: bytes, now_ns: int) -> bytes:
        name = _name_of(command)
        values = T560[name].parse_request(command) if name in T560.rows else None
        if values is None:
            return REFUSED
        changes = "value" in values or name in ("FI", "IN", "RE")
        if changes and "refuses" in self._faults:
            self.on_act("refuses", "a command is refused")
            return REFUSED
        if name.endswith("?") or name in ("ST", "HE"):
            return T560[name].reply(**self._answer(name)).removesuffix(b"\r\n")
        return b"OK" if self._act(name, values, now_ns) else REFUSED

    def _answer(self, name: str) -> Values:
        """What a query reports: settings as programmed, installed or not."""
        front, timing = self.front, self._wanted
        if name == "TR?":
            return {
                "mode": front.trigger,
                "termination": front.trigger_termination,
                "level_v": front.level_v,
                "divisor": timing.divisor,
                "rate_hz": timing.rate_hz,
            }
        if name == "GA?":
            modes = {"mode": front.gate, "polarity": front.gate_polarity, "termination": front.gate_termination}
            return {**modes, "shots": self.shots}
        if name in ("ST", "HE"):
            return {"page": self._status_page() if name == "ST" else "\n".join(sorted(KEYWORDS))}
        if name[0] in CHANNELS and name[1] in _TIMING:
            output = timing.outputs[name[0]]
            if name[1] != "S":
                return {"value": output.delay_s if name[1] == "D" else output.width_s}
            polarity, state = "POS" if output.positive else "NEG", "ON" if output.on else "OFF"
            return {"polarity": polarity, "state": state, "delay_s": output.delay_s, "width_s": output.width_s}
        values = {"TL?": front.level_v, "TD?": timing.divisor, "SY?": timing.rate_hz, "AU?": front.autoinstall}
        return {"value": {**values, "CL?": front.clock, "VE?": front.verbose}[name]}

    def _act(self, name: str, values: Values, now_ns: int) -> bool:
        """Carry out a command; False when it is not possible now."""
        value = values.get("value")
        if name == "FI":
            if self.front.trigger != "REM":
                return False
            self._announce(self._trigger(now_ns))
        elif name == "IN":
            self._install(now_ns)
        elif name == "SA":
            self._saved = (deepcopy(self.front), deepcopy(self._wanted))
        elif name in ("RE", "LO"):
            front, timing = self._saved if name == "RE" else (Front(), Timing())
            self.front, self._wanted = deepcopy(front), deepcopy(timing)
            self._install(now_ns)
        elif name in _INSTALLED or (name[0] in CHANNELS and name[1] in _TIMING):
            self._set_timing(name, value, now_ns)
        else:
            self._set_front(name, value)
        return True

    def _set_timing(self, name: str, value: object, now_ns: int) -> None:
        timing = self._wanted
        if name == "TD":
            timing.divisor = int(str(value))
        elif name == "SY":
            timing.rate_hz = float(str(value))
        elif name[1] == "S":
            output = timing.outputs[name[0]]
            output.on = value == "ON" if value in ("ON", "OFF") else output.on
            output.positive = value == "POS" if value in ("POS", "NEG") else output.positive
        else:
            seconds = round(float(str(value)) / RESOLUTION_S) * RESOLUTION_S
            output = timing.outputs[name[0]]
            if name[1] == "D":
                output.delay_s = round(seconds, 11)
            else:
                output.width_s = round(seconds, 11)
        if self.front.autoinstall == 1 or (self.front.autoinstall == 2 and now_ns >= self._busy_until_ns):
            self._install(now_ns)
        else:
            self._pending = True

    def _set_front(self, name: str, value: object) -> None:
        front, word = self.front, str(value)
        if name == "TR":
            if word in TRIGGER_MODES:
                front.trigger, self._next_ns = word, None
            else:
                front.trigger_termination = word
        elif name == "GA":
            if word in GATE_MODES:
                front.gate = word
            elif word in TERMINATIONS:
                front.gate_termination = word
            else:
                front.gate_polarity = word
        elif name == "TL":
            front.level_v = float(word)
        elif name == "AU":
            front.autoinstall = int(word)
        elif name == "CL":
            front.clock = word
        elif name == "VE":
            front.verbose = int(word)

    def _status_page(self) -> str:
        """One answer of several lines, separated by LF so that CR LF ends it as it ends every answer (unverified)."""
        lines = [f"Highland Technology T560 Digital Delay Generator  S/N {self._serial}  Firmware 22E560-A"]
        names = (*(f"{channel}S?" for channel in CHANNELS), "TR?", "GA?")
        lines += [T560[name].reply(**self._answer(name)).decode("ascii").strip() for name in names]
        lines.append(f"Clock {self.front.clock}  Autoinstall {self.front.autoinstall}")
        return "\n".join(lines)


def _name_of(command: bytes) -> str:
    """The row a command belongs to: by its keyword or the first two letters, query when nothing follows."""
    words = command.split(None, 1)
    word = words[0].decode("latin-1").upper()
    name = KEYWORDS.get(word, word if len(word) == 2 else "")
    return f"{name}?" if len(words) == 1 and f"{name}?" in T560.rows else name
