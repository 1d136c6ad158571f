"""PURE: the stand-in of a Keysight InfiniiVision DSO-X 3014A: panel, acquisition, status (instruments.md 2.0, 2.1).

One object per instrument, shared by its connections (``ScpiSession``). It asks ``volts`` for what its inputs see and
applies its own range, offset, clipping, resolution and noise. Standing alone it shows test signals.
"""

from collections.abc import Mapping
from types import MappingProxyType
from zlib import crc32

import numpy as np
import numpy.typing as npt

from drivers.wire.dsox import MODEL, TRIGGER_SOURCE
from drivers.wire.scpi import ScpiError, Unit, parse_choice, parse_message
from firmware_sim.personalities.dsox_commands import Commands
from firmware_sim.personalities.dsox_record import Acquisition, FrontEndFaults, Volts, source_index
from firmware_sim.personalities.dsox_run import Mode, RunControl
from firmware_sim.personalities.dsox_settings import Settings
from firmware_sim.personalities.dsox_signals import panel_signals
from firmware_sim.personalities.status488 import Status488, Stb
from firmware_sim.sessions.scpi import Handler, Reply
from firmware_sim.signals import Acts, unheard

VENDOR = "KEYSIGHT TECHNOLOGIES"
FIRMWARE = "02.50.2019022736"
REGISTERS = 10
"""``*SAV`` and ``*RCL`` registers 0 to 9."""

EDGE_POINTS = 20_000
"""Samples searched for the trigger edge of a channel: 1 us resolution in a 20 ms window."""
LIVE_EDGE_POINTS = 2_000
"""The same for every sweep of a running scope: it must stay cheap."""
HYSTERESIS = 0.04
"""Of full range: what the signal must swing through the trigger level to count as an edge (a third of a division)."""

AUTO_KEY = 1 << 32
"""Noise keys of unattended acquisitions start here, so that their number never shifts the noise of single shots."""

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "not_armed": "the arm is lost: the scope falls back to stopped without a record",
        "wrong_setup": "the vertical range of channel 1 doubles by itself",
        "clipped": "every channel's input amplifier is saturated",
        "dead_channel": "channel 1 reads zero volts whatever is connected",
        "never_triggers": "trigger edges are ignored",
    }
)


class Dsox:
    """A DSO-X 3014A. ``volts(channel index, times in s)`` is the voltage at an input connector, times relative to T0.

    ``serial`` is the last field but one of ``*IDN?`` (``MY########``); ``seed`` makes its noise its own.
    """

    FAULTS = FAULTS

    def __init__(self, serial: str, volts: Volts, seed: int) -> None:
        self.identification = f"{VENDOR},{MODEL},{serial},{FIRMWARE}"
        self.status = Status488()
        self.settings = Settings()
        self.run = RunControl(self.settings, self._capture)
        self.now_ns = 0
        self.record: Acquisition | None = None
        self._volts = volts
        self._noise_key = (seed, crc32(serial.encode()))
        self._shots = 0
        self._sweeps = AUTO_KEY
        self._t0_ns = 0
        self.on_act: Acts = unheard
        self._faults: dict[str, bool] = dict.fromkeys(FAULTS, False)
        self._registers: dict[int, Settings] = {}
        self._commands = Commands(self)
        self.run.start(Mode.CONTINUOUS, 0)

    # ------------------------------------------------------------------------------------ the bench

    def trigger(self, t_ns: int, source: str) -> bool:
        """An edge at trigger input ``source`` (``EXT``, ``CHAN2`` ...) at ``t_ns``; True when it was accepted.

        An ``EXT`` edge is T0, the origin of the time that ``volts`` is asked for, whether accepted or not.
        """
        name = parse_choice(source, TRIGGER_SOURCE.mnemonics)
        self.advance(t_ns)
        if name == "EXT":
            self._t0_ns = t_ns
        if self._faults["never_triggers"] and name == self.settings.trigger.source and self.run.pending:
            self.on_act("never_triggers", "a trigger edge is ignored")
        return name == self.settings.trigger.source and self.run.trigger(t_ns)

    def trigger_from_signal(self, t0_ns: int, search_s: float) -> bool:
        """Look for the set edge on the trigger channel within ``search_s`` after T0 and trigger there.

        For scopes triggered by a measured signal (total current): call it once the pulse is known.
        """
        source = self.settings.trigger.source
        if not source.startswith("CHAN"):
            return False
        self.advance(t0_ns)
        edge_s = self._find_edge(source_index(source), np.linspace(0.0, search_s, EDGE_POINTS))
        if edge_s is None:
            return False
        self._t0_ns = t0_ns
        return self.run.trigger(t0_ns + round(edge_s * 1e9))

    def next_edge_ns(self, from_ns: int) -> int | None:
        """When the trigger channel's signal next passes the level, within one window; None when it does not."""
        source = self.settings.trigger.source
        if not source.startswith("CHAN"):
            return None
        start_s = (from_ns - self._t0_ns) * 1e-9
        times = np.linspace(start_s, start_s + self.settings.timebase.range_s, LIVE_EDGE_POINTS)
        edge_s = self._find_edge(source_index(source), times)
        return None if edge_s is None else from_ns + round((edge_s - start_s) * 1e9)

    def front_panel(self, setting: str, value: str) -> None:
        """Somebody turns a knob: ``front_panel(":CHANnel1:RANGe", "4")``. Raises ScpiError for an unknown knob."""
        for unit in parse_message(f"{setting} {value}".encode("ascii")):
            self.compile(unit)()

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch one of :data:`FAULTS` on or off. Raises KeyError for an unknown one."""
        if fault_id not in self._faults:
            raise KeyError(fault_id)
        changed = self._faults[fault_id] is not on
        self._faults[fault_id] = on
        self.run.arm_lost = self._faults["not_armed"]
        self.run.never_triggers = self._faults["never_triggers"]
        if fault_id == "not_armed" and on:
            if self.run.pending:
                self.on_act("not_armed", "the arm is lost")
            self.run.lose_arm()
            self.settle()
        if fault_id == "wrong_setup" and changed:
            self.settings.channels[0].range_v *= 2.0 if on else 0.5
            if on:
                self.on_act("wrong_setup", "the range of channel 1 is doubled")

    # ------------------------------------------------------------------------------- ScpiDevice

    def compile(self, unit: Unit) -> Handler:
        """A callable for one unit; raises ScpiError for what the grammar refuses."""
        return self._commands.compile(unit)

    def advance(self, now_ns: int) -> None:
        """Bring the acquisition up to this instant."""
        self.now_ns = now_ns
        self.run.advance(now_ns)
        self.status.settle(self.run.pending)

    def pending(self) -> bool:
        """True while a single acquisition is unfinished."""
        return self.run.pending

    def settle(self) -> None:
        """Tell the status model that pending work may have ended."""
        self.status.settle(self.run.pending)

    def device_bits(self) -> int:
        """TRG and OPER of the status byte."""
        bits = int(Stb.TRG) if self.run.trigger_event else 0
        return bits | (Stb.OPER if self.run.operation_event & self.settings.other.operation_enable else 0)

    def clear_events(self) -> None:
        """``*CLS`` of the scope's own registers."""
        self.run.trigger_event = False
        self.run.armed_event = False
        self.run.operation_event = 0

    def reset(self) -> None:
        """``*RST``: power-on settings, running."""
        self.settings.assign(Settings())
        self.start(Mode.CONTINUOUS)

    def save(self, register: int) -> None:
        """``*SAV``: keep the panel. Raises ScpiError."""
        self._registers[self._register(register)] = self.settings.copy()

    def recall(self, register: int) -> None:
        """``*RCL``: restore the panel, power-on settings for a register never saved. Raises ScpiError."""
        self.settings.assign(self._registers.get(self._register(register)) or Settings())

    def group_trigger(self) -> Reply:
        """``*TRG`` acts as ``:DIGitize`` of the displayed channels."""
        return self._commands.digitize()

    def self_test(self) -> int:
        """``*TST?``: 0 passed, 1 when the analogue part is broken."""
        return int(self._faults["clipped"] or self._faults["dead_channel"])

    # ----------------------------------------------------------------------------------- acquisition

    def start(self, mode: Mode) -> None:
        """Start an acquisition; the record before it is given up."""
        self.record = None
        self._shots += mode is not Mode.CONTINUOUS
        if self._faults["not_armed"] and mode is not Mode.CONTINUOUS:
            self.on_act("not_armed", "the arm will be lost")
        self.run.start(mode, self.now_ns)

    def require_record(self) -> Acquisition:
        """The record to read; raises ScpiError -230 when none was captured since arming.

        A scope running in AUTO always has a picture: before its first sweep it takes one now.
        """
        if self.record is None and self.run.mode is Mode.CONTINUOUS and self.settings.trigger.sweep == "AUTO":
            self._capture(self.now_ns, Mode.CONTINUOUS)
        if self.record is None:
            raise ScpiError(-230)
        return self.record

    def _register(self, register: int) -> int:
        if not 0 <= register < REGISTERS:
            raise ScpiError(-222)
        return register

    def _capture(self, trigger_ns: int, mode: Mode) -> None:
        """Freeze the settings with the trigger; samples follow when somebody reads them."""
        if mode is Mode.CONTINUOUS:
            self._sweeps += 1
        number = self._sweeps if mode is Mode.CONTINUOUS else self._shots
        origin_s = (trigger_ns - self._t0_ns) * 1e-9
        for fault in ("clipped", "dead_channel"):
            if self._faults[fault] and mode is not Mode.CONTINUOUS:
                self.on_act(fault, "a record is taken with it")
        faults = FrontEndFaults(self._faults["clipped"], 0 if self._faults["dead_channel"] else None)
        self.record = Acquisition(self.settings.copy(), self._volts, (*self._noise_key, number), origin_s, faults)

    def _find_edge(self, channel: int, times: npt.NDArray[np.float64]) -> float | None:
        """First time at which the trigger channel passes the level in the set direction, hysteresis included."""
        own, trigger = self.settings.channels[channel], self.settings.trigger
        sign = -1.0 if trigger.slope == "NEG" else 1.0
        gain = -own.probe if own.invert else own.probe
        signal = sign * gain * self._volts(channel, times)
        level, band = sign * trigger.level_v, own.range_v * HYSTERESIS
        below = np.flatnonzero(signal < level - band / 2)
        if not below.size:
            return None
        above = np.flatnonzero(signal[below[0] :] >= level + band / 2)
        return float(times[below[0] + above[0]]) if above.size else None


def open_standalone(serial: str, seed: int = 0) -> Dsox:
    """A scope that is wired to nothing but its own test signals; a signal that passes the trigger level triggers it."""
    scope = Dsox(serial, panel_signals, seed)
    scope.run.next_edge_ns = scope.next_edge_ns
    return scope
