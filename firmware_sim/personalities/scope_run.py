"""PURE: run control of any scope: stopped, filling the pre-trigger memory, waiting, storing (instruments.md 2.1-2.3).

Time is an argument; the state catches up with it in :meth:`RunControl.advance`, which is called before every message
and costs one comparison when nothing is due.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

ARM_NS = 2_000_000
"""From the command until samples flow; the pre-trigger part of the window is filled after that."""
AUTO_WAIT_NS = 50_000_000
"""AUTO sweep triggers by itself when no edge came for this long after arming."""
REARM_NS = 20_000_000
"""Between two acquisitions while running: display and processing."""
IDLE_NS = 200_000_000
"""After a silence longer than this, a running scope is brought up to date in one stride."""
NEVER_NS = 2**63 - 1


class Run(Enum):
    """Where the acquisition stands."""

    STOPPED = "stopped"
    FILLING = "filling the pre-trigger memory"
    WAITING = "armed, waiting for the trigger"
    STORING = "triggered, storing the rest of the window"


class Mode(Enum):
    """What started the acquisition. Only the last two are pending operations (``*OPC``)."""

    CONTINUOUS = "run"
    SINGLE = "single"
    DIGITIZE = "digitize"


def condition_bits(acquiring: int, waiting: int) -> Mapping[Run, int]:
    """Operation status condition bits by state."""
    return {
        Run.STOPPED: 0,
        Run.FILLING: acquiring,
        Run.WAITING: acquiring | waiting,
        Run.STORING: acquiring,
    }


class Timing(Protocol):
    """What run control reads of the panel."""

    def window(self) -> tuple[float, float]:
        """Time of the first sample relative to the trigger, and length of the record, in s."""
        ...

    def auto(self) -> bool:
        """True when a running scope triggers by itself."""
        ...

    def segments(self) -> int:
        """Triggers that a single acquisition takes before it stops."""
        ...


class RunControl:
    """The acquisition state machine. ``capture(trigger_ns, mode)`` is called once per accepted trigger.

    ``condition`` gives the operation status bits of each state.
    """

    def __init__(
        self, timing: Timing, capture: Callable[[int, Mode], None], condition: Mapping[Run, int] | None = None
    ) -> None:
        self._timing = timing
        self._capture = capture
        self._condition = condition or dict.fromkeys(Run, 0)
        self.state = Run.STOPPED
        self.mode = Mode.CONTINUOUS
        self.armed_event = False
        self.trigger_event = False
        self.operation_event = 0
        self.taken = 0
        """Triggers accepted since the start of the acquisition."""
        self.arm_lost = False
        self.never_triggers = False
        self.next_edge_ns: Callable[[int], int | None] = lambda _: None
        self._forced = False
        self._due_ns = NEVER_NS
        self._ready_ns = NEVER_NS

    @property
    def pending(self) -> bool:
        """True while a single acquisition is unfinished."""
        return self.state is not Run.STOPPED and self.mode is not Mode.CONTINUOUS

    @property
    def condition(self) -> int:
        """Operation status condition bits of run control."""
        return self._condition[self.state]

    def start(self, mode: Mode, now_ns: int) -> None:
        """Run, single or digitize."""
        self.mode = mode
        self._forced = False
        self.taken = 0
        self.armed_event = self.trigger_event = False
        self._fill(now_ns + ARM_NS)

    def stop(self) -> None:
        """``:STOP``, and the end of a single acquisition."""
        self._enter(Run.STOPPED)
        self._due_ns = NEVER_NS

    def force(self, now_ns: int) -> bool:
        """``:TRIGger:FORCe``: at once when armed, or as soon as the pre-trigger memory is full; False when stopped."""
        if self.state is Run.WAITING:
            self._accept(now_ns)
        elif self.state is Run.FILLING:
            self._forced = True
        return self.state is not Run.STOPPED

    def trigger(self, t_ns: int) -> bool:
        """An edge at the trigger input; True when it starts the record."""
        self.advance(t_ns)
        if self.state is not Run.WAITING or self.never_triggers or t_ns < self._ready_ns:
            return False
        self._accept(t_ns)
        return True

    def advance(self, now_ns: int) -> None:
        """Bring the state up to ``now_ns``."""
        if now_ns < self._due_ns:
            return
        if self.mode is Mode.CONTINUOUS and now_ns - self._due_ns > IDLE_NS:
            self._due_ns = now_ns - REARM_NS
        while now_ns >= self._due_ns:
            self._due()

    def lose_arm(self) -> None:
        """Fault: an armed acquisition is gone."""
        if self.pending:
            self.stop()

    def _due(self) -> None:
        """The timed transition out of the present state, at its own instant."""
        at_ns = self._due_ns
        if self.state is Run.FILLING:
            self._become_ready(at_ns)
        elif self.state is Run.WAITING:
            self._accept(at_ns)
        elif self.mode is Mode.CONTINUOUS:
            self._fill(at_ns + REARM_NS)
        elif self.taken < self._timing.segments():
            self._fill(at_ns)
        else:
            self.stop()

    def _fill(self, start_ns: int) -> None:
        start_s, _ = self._timing.window()
        self._enter(Run.FILLING)
        self._due_ns = start_ns + max(0, round(-start_s * 1e9))

    def _become_ready(self, at_ns: int) -> None:
        self.armed_event = True
        if self.arm_lost and self.pending:
            self.stop()
            return
        self._ready_ns = at_ns
        self._due_ns = NEVER_NS
        self._enter(Run.WAITING)
        if self._forced:
            self._accept(at_ns)
        elif not self.never_triggers:
            edge_ns = self.next_edge_ns(at_ns)
            if edge_ns is not None:
                self._due_ns = edge_ns
            elif self._timing.auto() and self.mode is not Mode.SINGLE:
                self._due_ns = at_ns + AUTO_WAIT_NS

    def _accept(self, t_ns: int) -> None:
        start_s, range_s = self._timing.window()
        self._forced = False
        self.trigger_event = True
        self.taken += 1
        self._due_ns = t_ns + max(0, round((start_s + range_s) * 1e9))
        self._enter(Run.STORING)
        self._capture(t_ns, self.mode)

    def _enter(self, state: Run) -> None:
        before, self.state = self._condition[self.state], state
        self.operation_event |= self._condition[state] & ~before
