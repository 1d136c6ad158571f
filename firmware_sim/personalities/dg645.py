"""PURE: the panel of an SRS DG645: settings, delays, trigger logic, status and error queue (instruments.md 2.7).

``*TRG`` fires a cycle in single-shot mode only; in external single-shot it arms for the next edge, and in every other
mode it is refused with error 11. Delays form a tree of channels relative to each other, resolved when a cycle starts.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from drivers.wire.dg645 import DELAY_MAX_S, DG645, SETTINGS, Happened, TriggerSource
from drivers.wire.dialect import Values
from firmware_sim.personalities.dg645_errors import ILLEGAL_DELAY, ILLEGAL_LINK, ILLEGAL_MODE, RECALL_FAILED, diagnose
from firmware_sim.signals import Acts, switch, unheard

ERRORS_MAX = 20
"""The error queue; when it overflows its last entry becomes 254."""

LINE_HZ = 50.0
"""Mains frequency for TSRC 6."""

T0, T1, FIRST = 0, 1, 2
"""Channels: T0 and T1 are the cycle's own, A is the first that can be programmed."""

CHANNELS = 10

FAULTS: Mapping[str, str] = {
    "no_trigger": "does not see its trigger input",
    "false_trigger": "takes the next command it receives for a trigger edge",
    "double_trigger": "sees every trigger edge twice, 200 us apart",
}


@dataclass(frozen=True, slots=True)
class OutputEdges:
    """One cycle: leading edges of T0 and of the four output pairs, absolute in ns; None: that pair makes no pulse."""

    t0_ns: int
    ab_ns: int | None
    cd_ns: int | None
    ef_ns: int | None
    gh_ns: int | None


_Memory = tuple[dict[tuple[str, int], float], list[tuple[int, float]]]


class DelayGeneratorPanel:
    """One instrument, shared by its connections. ``on_cycle`` hears of cycles that no input edge started."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(self, on_cycle: Callable[[OutputEdges], None] | None = None, serial: str = "001234") -> None:
        self.on_cycle = on_cycle
        self.armed = False
        self._serial = serial
        self._events = 128
        self._happened = Happened(0)
        self._errors: deque[int] = deque(maxlen=ERRORS_MAX)
        self._saved: dict[int, _Memory] = {}
        self._display = (0, 0)
        self._t0_ns = 0
        self._end_ns: int | None = None
        self._ready_ns = 0
        self._skipped = 0
        self._next_ns: int | None = None
        self.on_act: Acts = unheard
        self._faults: dict[str, None] = {}
        self._settings: dict[tuple[str, int], float] = {}
        self._delays: list[tuple[int, float]] = []
        self._reset()

    # -- the trigger input and the rate generator

    @property
    def source(self) -> TriggerSource:
        """``TSRC`` as it stands."""
        return TriggerSource(int(self._settings["TSRC", 0]))

    @property
    def free_running(self) -> bool:
        """True while the instrument triggers itself."""
        return self.source in (TriggerSource.INTERNAL, TriggerSource.LINE)

    @property
    def due_ns(self) -> int | None:
        """When the next cycle begins that somebody wants to hear of; None where nobody does or none is planned."""
        return self._next_ns if self.on_cycle is not None else None

    def trigger_input(self, t_ns: int, *, rising: bool = True, level_v: float = 5.0) -> OutputEdges | None:
        """An edge of ``level_v`` at the external input; the cycle it starts, or None when it is not accepted."""
        source = self.source
        wanted = (
            (TriggerSource.EXTERNAL_RISING, TriggerSource.SINGLE_EXTERNAL_RISING)
            if rising
            else (TriggerSource.EXTERNAL_FALLING, TriggerSource.SINGLE_EXTERNAL_FALLING)
        )
        if source not in wanted or level_v < self._settings["TLVL", 0]:
            return None
        if "no_trigger" in self._faults:
            self.on_act("no_trigger", "an edge at the trigger input is not seen")
            return None
        single = source in (TriggerSource.SINGLE_EXTERNAL_RISING, TriggerSource.SINGLE_EXTERNAL_FALLING)
        if single and not self.armed:
            return None
        if not single and self._prescaled():
            return None
        edges = self._start(t_ns)
        if edges is not None:
            self.armed = False
        return edges

    def advance(self, now_ns: int) -> None:
        """Let the rate generator run; several periods in one call are reported as their last cycle."""
        if not self.free_running:
            self._next_ns = None
            return
        rate_hz = LINE_HZ if self.source is TriggerSource.LINE else self._settings["TRAT", 0]
        period_ns = max(1, round(1e9 / rate_hz))
        if self._next_ns is None:
            self._next_ns = now_ns + period_ns
            return
        if now_ns < self._next_ns:
            return
        last_ns = self._next_ns + (now_ns - self._next_ns) // period_ns * period_ns
        self._next_ns = last_ns + period_ns
        self._announce(self._start(last_ns))

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch a fault of :data:`FAULTS` on or off; raises KeyError for an unknown one."""
        switch(FAULTS, self._faults, fault_id, on)

    def _prescaled(self) -> bool:
        """Advanced triggering: True when this edge is only counted."""
        if not self._settings["ADVT", 0]:
            return False
        self._skipped += 1
        if self._skipped < self._settings["PRES", 0]:
            return True
        self._skipped = 0
        return False

    def _announce(self, edges: OutputEdges | None) -> None:
        if edges is not None and self.on_cycle is not None:
            self.on_cycle(edges)

    def _start(self, t_ns: int) -> OutputEdges | None:
        """Start a cycle, unless one runs or the hold-off lasts: then the RATE bit says so."""
        self._settle(t_ns)
        if t_ns < self._ready_ns:
            self._happened |= Happened.RATE
            return None
        offsets_s = [self._absolute_s(channel) for channel in range(CHANNELS)]
        longest_s = max(offsets_s)
        if self._settings["BURM", 0]:
            repeats = self._settings["BURC", 0] - 1
            longest_s += self._settings["BURD", 0] + repeats * self._settings["BURP", 0]
        self._happened |= Happened.TRIG
        self._end_ns = t_ns + round(longest_s * 1e9)
        self._ready_ns = t_ns + round(max(longest_s, self._settings["HOLD", 0]) * 1e9)
        first_s = self._settings["BURD", 0] if self._settings["BURM", 0] else 0.0
        pairs = [self._leading_ns(t_ns, first_s, offsets_s[at], offsets_s[at + 1]) for at in range(2, CHANNELS, 2)]
        return OutputEdges(t_ns, *pairs)

    @staticmethod
    def _leading_ns(t_ns: int, first_s: float, on_s: float, off_s: float) -> int | None:
        return None if on_s == off_s else t_ns + round((first_s + min(on_s, off_s)) * 1e9)

    def _settle(self, now_ns: int) -> None:
        """Record the end of a cycle that is over by now."""
        if self._end_ns is not None and now_ns >= self._end_ns:
            self._end_ns = None
            self._happened |= Happened.END_OF_BURST if self._settings["BURM", 0] else Happened.END_OF_DELAY

    def _abort(self, now_ns: int) -> None:
        """A change of the trigger source ends what was armed or under way."""
        self._settle(now_ns)
        if self._end_ns is not None:
            self._end_ns = None
            self._happened |= Happened.ABORT_DELAY
        self._ready_ns = now_ns
        self.armed = False
        self._next_ns = None

    # -- delays

    def _absolute_s(self, channel: int) -> float:
        total_s, at = 0.0, channel
        for _ in range(CHANNELS):
            if at in (T0, T1):
                return total_s
            at, delay_s = self._delays[at]
            total_s += delay_s
        return total_s

    def _relink(self, channel: int, reference: int, delay_s: float | None) -> int:
        """Set a channel's reference and delay; the error number, 0 when it was done."""
        at = reference
        for _ in range(CHANNELS):
            if at in (channel, T1):
                return ILLEGAL_LINK
            if at == T0:
                break
            at = self._delays[at][0]
        before = list(self._delays)
        if delay_s is None:
            delay_s = self._absolute_s(channel) - self._absolute_s(reference)
        self._delays[channel] = (reference, delay_s)
        if all(-1e-15 <= self._absolute_s(each) <= DELAY_MAX_S for each in range(CHANNELS)):
            return 0
        self._delays = before
        return ILLEGAL_DELAY

    # -- commands

    def execute(self, line: bytes, now_ns: int) -> bytes:
        """Carry out one input line and return its answers."""
        self._settle(now_ns)
        if "false_trigger" in self._faults:
            del self._faults["false_trigger"]
            self.on_act("false_trigger", "a command is taken for a trigger edge")
            self._announce(self._start(now_ns))
        out = b""
        for command in line.split(b";"):
            if command.strip():
                out += self._command(command.strip(), now_ns)
        return out

    def _command(self, text: bytes, now_ns: int) -> bytes:
        name, values, error = diagnose(text)
        if error:
            self._error(error)
            return b""
        answer = self._answer(name, values, now_ns) if name.endswith("?") else None
        if answer is not None:
            return DG645[name].reply(**answer)
        error = 0 if name.endswith("?") else self._act(name, values, now_ns)
        if error:
            self._error(error)
        return b""

    def _answer(self, name: str, values: Values, now_ns: int) -> Values | None:
        if name == "*IDN?":
            vendor = "Stanford Research Systems"
            return {"vendor": vendor, "model": "DG645", "serial": f"s/n{self._serial}", "firmware": "ver1.14.10E"}
        if name == "LERR?":
            return {"code": self._errors.popleft() if self._errors else 0}
        if name == "INSR?":
            happened, self._happened = self._happened, Happened(0)
            return {"bits": int(happened)}
        if name == "*ESR?":
            events, self._events = self._events, 0
            return {"bits": events}
        if name == "*STB?":
            return {"bits": self._status()}
        if name == "*OPC?":
            return {"done": 1}
        if name == "*TST?":
            return {"code": 0}
        if name == "DLAY?":
            reference, delay_s = self._delays[values["channel"]]
            return {"reference": reference, "delay_s": delay_s}
        if name == "LINK?":
            return {"reference": self._delays[values["channel"]][0]}
        if name == "DISP?":
            return {"mode": self._display[0], "channel": self._display[1]}
        return {"value": self._settings[name[:-1], values.get("index", 0)]}

    def _act(self, name: str, values: Values, now_ns: int) -> int:
        """Carry out a command without answer; the error number, 0 when it was done."""
        if name == "*TRG":
            return self._trigger(now_ns)
        if name == "DLAY":
            return self._relink(values["channel"], values["reference"], values["delay_s"])
        if name == "LINK":
            return self._relink(values["channel"], values["reference"], None)
        if name in ("SPDL", "SPLA", "SPLO"):
            return self._step(name, values["index"], values["steps"])
        if name == "*RCL":
            return self._recall(values["slot"], now_ns)
        if name == "*SAV":
            self._saved[values["slot"]] = (dict(self._settings), list(self._delays))
        elif name == "*RST":
            self._abort(now_ns)
            self._reset()
        elif name == "*CLS":
            self._events, self._happened = 0, Happened(0)
            self._errors.clear()
        elif name == "*OPC":
            self._events |= 1
        elif name == "DISP":
            self._display = (values["mode"], values["channel"])
        elif "value" in values:
            if name == "TSRC":
                self._abort(now_ns)
            self._settings[name, values.get("index", 0)] = values["value"]
        return 0

    def _trigger(self, now_ns: int) -> int:
        source = self.source
        if source is TriggerSource.SINGLE:
            self._announce(self._start(now_ns))
        elif source in (TriggerSource.SINGLE_EXTERNAL_RISING, TriggerSource.SINGLE_EXTERNAL_FALLING):
            self.armed = True
        else:
            return ILLEGAL_MODE
        return 0

    def _step(self, name: str, index: int, steps: int) -> int:
        """Move a delay or level by ``steps`` times its step size."""
        if name == "SPDL":
            if index < FIRST:
                return ILLEGAL_DELAY
            reference, delay_s = self._delays[index]
            return self._relink(index, reference, delay_s + steps * self._settings["SSDL", index])
        target, size = ("LAMP", "SSLA") if name == "SPLA" else ("LOFF", "SSLO")
        value = self._settings[target, index] + steps * self._settings[size, index]
        _, values, error = diagnose(f"{target} {index},{value:.4f}".encode())
        if not error:
            self._settings[target, index] = values["value"]
        return error

    def _recall(self, slot: int, now_ns: int) -> int:
        self._abort(now_ns)
        if slot == 0:
            self._reset()
            return 0
        if slot not in self._saved:
            return RECALL_FAILED
        settings, delays = self._saved[slot]
        self._settings, self._delays = dict(settings), list(delays)
        return 0

    def _reset(self) -> None:
        self._settings = {}
        for setting in SETTINGS:
            low, high = setting.index or (0, 0)
            for index in range(low, high + 1):
                self._settings[setting.mnemonic, index] = setting.default
        self._delays = [(T0, 0.0)] * CHANNELS

    # -- status

    def _error(self, code: int) -> None:
        if len(self._errors) == ERRORS_MAX:
            self._errors[-1] = 254
        else:
            self._errors.append(code)
        self._events |= 16 if code < 110 else 32

    def _status(self) -> int:
        status = 1 if int(self._happened) & int(self._settings["INSE", 0]) else 0
        status |= 2 if self._end_ns is not None else 0
        status |= 32 if self._events & int(self._settings["*ESE", 0]) else 0
        return status | (64 if status & int(self._settings["*SRE", 0]) & ~64 else 0)
