"""PURE: the acquisition of any scope: trigger inputs, run control, records and their history, faults.

A personality has one engine beside its own settings and commands; it says through :class:`ScopePanel` what those
settings mean, and wraps each :class:`ScopeRecord` into what it reads out.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from drivers.wire.scpi import ScpiError
from firmware_sim.personalities.scope_record import FrontEndFaults, ScopeRecord, Sweep, Volts, source_index
from firmware_sim.personalities.scope_run import Mode, Run, RunControl, Timing
from firmware_sim.signals import Acts, unheard

EDGE_POINTS = 20_000
"""Samples searched for the trigger edge of a channel: 1 us resolution in a 20 ms window."""
LIVE_EDGE_POINTS = 2_000
"""The same for every sweep of a running scope: it must stay cheap."""
HYSTERESIS = 0.04
"""Of full range: what the signal must swing through the trigger level to count as an edge (a third of a division)."""

AUTO_KEY = 1 << 32
"""Noise keys of unattended acquisitions start here, so that their number never shifts the noise of single shots."""

LIVE_KEPT = 16
"""Records of a running scope that stay in its history; a single acquisition keeps all its segments."""
SEGMENTS_MAX = 4096
"""Records one acquisition may take: a bound on memory, above what the sheets' scopes are asked for."""

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "not_armed": "the arm is lost: the scope falls back to stopped without a record",
        "wrong_setup": "the vertical range of channel 1 doubles by itself",
        "clipped": "every channel's input amplifier is saturated",
        "dead_channel": "channel 1 reads zero volts whatever is connected",
        "never_triggers": "trigger edges are ignored",
    }
)


@dataclass(frozen=True, slots=True)
class Edge:
    """What triggers: a source (``EXT``, ``CHAN2``), a level at the probe tip and POS, NEG or either slope."""

    source: str
    level_v: float
    slope: str


class ScopePanel(Timing, Protocol):
    """What the engine reads of a model's settings."""

    def freeze(self) -> Sweep:
        """The settings that shape a record."""
        ...

    def edge(self) -> Edge:
        """The trigger as set."""
        ...

    def scale_channel_1(self, factor: float) -> None:
        """The fault ``wrong_setup``: the vertical range of channel 1 changes by itself."""
        ...


Made = TypeVar("Made")


class ScopeEngine(Generic[Made]):
    """``make`` wraps a record, with the settings of this instant, into what the model reads out."""

    def __init__(
        self,
        panel: ScopePanel,
        volts: Volts,
        key: tuple[int, ...],
        make: Callable[[ScopeRecord], Made],
        condition: Mapping[Run, int],
    ) -> None:
        self._panel = panel
        self.since: Callable[[int], Volts] = lambda t0_ns: volts
        """What the inputs see, in time after a given T0: a train is read long after its triggers."""
        self._key = key
        self._make = make
        self.run = RunControl(panel, self._capture, condition)
        self.now_ns = 0
        self.history: deque[Made] = deque(maxlen=SEGMENTS_MAX)
        self.times_ns: deque[int] = deque(maxlen=SEGMENTS_MAX)
        """Trigger times of :attr:`history`."""
        self.selected = -1
        """Which record of the history is read out; the last by default."""
        self.held: Made | None = None
        """The record of a running scope that is being read out, slice by slice: later sweeps do not replace it."""
        self.on_act: Acts = unheard
        self.faults: dict[str, bool] = dict.fromkeys(FAULTS, False)
        self._shots = 0
        self._sweeps = AUTO_KEY
        self._t0_ns = 0

    # ------------------------------------------------------------------------------------ the bench

    def trigger(self, t_ns: int, source: str) -> bool:
        """An edge at trigger input ``source`` at ``t_ns``; True when it was accepted.

        An ``EXT`` edge is T0, the origin of the time that ``volts`` is asked for, whether accepted or not.
        """
        self.advance(t_ns)
        if source == "EXT":
            self._t0_ns = t_ns
        wanted = source == self._panel.edge().source
        if self.faults["never_triggers"] and wanted and self.run.pending:
            self.on_act("never_triggers", "a trigger edge is ignored")
        return wanted and self.run.trigger(t_ns)

    def trigger_from_signal(self, t0_ns: int, search_s: float) -> bool:
        """Look for the set edge on the trigger channel within ``search_s`` after T0 and trigger there.

        For scopes triggered by a measured signal (total current): call it once the pulse is known.
        """
        source = self._panel.edge().source
        if not source.startswith("CHAN"):
            return False
        self.advance(t0_ns)
        if not self.run.pending:
            return False  # nobody waits for it: a search costs more than a pulse
        edge_s = self._find_edge(source_index(source), np.linspace(0.0, search_s, EDGE_POINTS), t0_ns)
        if edge_s is None:
            return False
        self._t0_ns = t0_ns
        return self.run.trigger(t0_ns + round(edge_s * 1e9))

    def next_edge_ns(self, from_ns: int) -> int | None:
        """When the trigger channel's signal next passes the level, within one window; None when it does not."""
        source = self._panel.edge().source
        if not source.startswith("CHAN"):
            return None
        start_s = (from_ns - self._t0_ns) * 1e-9
        times = np.linspace(start_s, start_s + self._panel.window()[1], LIVE_EDGE_POINTS)
        edge_s = self._find_edge(source_index(source), times, self._t0_ns)
        return None if edge_s is None else from_ns + round((edge_s - start_s) * 1e9)

    def trigger_itself(self) -> None:
        """While running, a signal that passes the trigger level triggers: nobody else has to."""
        self.run.next_edge_ns = self.next_edge_ns

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch one of :data:`FAULTS` on or off. Raises KeyError for an unknown one."""
        if fault_id not in self.faults:
            raise KeyError(fault_id)
        changed = self.faults[fault_id] is not on
        self.faults[fault_id] = on
        self.run.arm_lost = self.faults["not_armed"]
        self.run.never_triggers = self.faults["never_triggers"]
        if fault_id == "not_armed" and on:
            if self.run.pending:
                self.on_act("not_armed", "the arm is lost")
            self.run.lose_arm()
        if fault_id == "wrong_setup" and changed:
            self._panel.scale_channel_1(2.0 if on else 0.5)
            if on:
                self.on_act("wrong_setup", "the range of channel 1 is doubled")

    # ----------------------------------------------------------------------------------- acquisition

    @property
    def record(self) -> Made | None:
        """The record that is read out, if there is one."""
        return self.history[self.selected] if self.history else None

    def advance(self, now_ns: int) -> None:
        """Bring the acquisition up to this instant."""
        self.now_ns = now_ns
        self.run.advance(now_ns)

    def start(self, mode: Mode) -> None:
        """Start an acquisition; the records before it are given up."""
        self.forget()
        self._shots += mode is not Mode.CONTINUOUS
        if self.faults["not_armed"] and mode is not Mode.CONTINUOUS:
            self.on_act("not_armed", "the arm will be lost")
        self.run.start(mode, self.now_ns)

    def forget(self) -> None:
        """Give up all records."""
        self.history.clear()
        self.times_ns.clear()
        self.selected = -1
        self.held = None

    def require_record(self) -> Made:
        """The record to read; raises ScpiError -230 when none was captured since arming.

        A scope running in AUTO always has a picture: before its first sweep it takes one now.
        """
        if self.held is not None:
            return self.held
        if not self.history and self.run.mode is Mode.CONTINUOUS and self._panel.auto():
            self._capture(self.now_ns, Mode.CONTINUOUS)
        if not self.history:
            raise ScpiError(-230)
        return self.history[self.selected]

    def force(self) -> None:
        """A trigger by command. Raises ScpiError -211 when nothing is armed."""
        if not self.run.force(self.now_ns):
            raise ScpiError(-211)

    def self_test(self) -> int:
        """``*TST?``: 0 passed, 1 when the analogue part is broken."""
        return int(self.faults["clipped"] or self.faults["dead_channel"])

    def _capture(self, trigger_ns: int, mode: Mode) -> None:
        """Freeze the settings with the trigger; samples follow when somebody reads them."""
        live = mode is Mode.CONTINUOUS
        if live:
            self._sweeps += 1
            while len(self.history) >= LIVE_KEPT:
                self.history.popleft()
                self.times_ns.popleft()
            self.selected = -1
        number = self._sweeps if live else self._shots
        for fault in ("clipped", "dead_channel"):
            if self.faults[fault] and not live:
                self.on_act(fault, "a record is taken with it")
        faults = FrontEndFaults(self.faults["clipped"], 0 if self.faults["dead_channel"] else None)
        segment = () if live or self.run.taken <= 1 else (self.run.taken,)
        origin_s = (trigger_ns - self._t0_ns) * 1e-9
        key = (*self._key, number, *segment)
        record = ScopeRecord(self._panel.freeze(), self.since(self._t0_ns), key, origin_s, trigger_ns, faults)
        self.history.append(self._make(record))
        self.times_ns.append(trigger_ns)

    def _find_edge(self, channel: int, times: npt.NDArray[np.float64], t0_ns: int) -> float | None:
        """First time at which the trigger channel passes the level in the set direction, hysteresis included."""
        own, edge = self._panel.freeze().inlets[channel], self._panel.edge()
        sign = -1.0 if edge.slope == "NEG" else 1.0
        signal = sign * own.gain * self.since(t0_ns)(channel, times)
        level, band = sign * edge.level_v, own.range_v * HYSTERESIS
        below = np.flatnonzero(signal < level - band / 2)
        if not below.size:
            return None
        above = np.flatnonzero(signal[below[0] :] >= level + band / 2)
        return float(times[below[0] + above[0]]) if above.size else None
