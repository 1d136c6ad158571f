"""PURE: the alarm machine: ISA-18.2 states, a transition table, and what makes a condition an alarm.

The states are those of Yamcs's AlarmState (reference/telemetry.md section 1). Time is an argument in loop nanoseconds,
the label of a raise comes from a function that is given. Nothing here knows what a condition means: ``AlarmBook.judge``
is told whether it holds (None: it cannot be judged now, which is never a reason to call anything healthy).
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

COUNT_MAX = 99_999
"""Raises are counted up to here: enough for a person to see that an alarm chatters."""

SHELF_MAX_S = 12 * 3600.0
"""Nothing is shelved for longer than a shift; a forgotten shelf must end by itself."""


class Priority(Enum):
    """How urgent an alarm is for the person who sees it."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class AlarmState(Enum):
    """Where an alarm stands. UNACK: nobody has acknowledged it; RTN and LATCH: its cause is gone."""

    NORMAL = "NORMAL"
    UNACK_ALARM = "UNACK_ALARM"
    ACK_ALARM = "ACK_ALARM"
    RTN_UNACK = "RTN_UNACK"
    LATCH_UNACK = "LATCH_UNACK"
    LATCH_ACK = "LATCH_ACK"
    SHELVED = "SHELVED"


class AlarmEvent(Enum):
    """What happens to an alarm: by its cause (RAISE, RETURN, LATCH) or by a person (the others)."""

    RAISE = "RAISE"
    RETURN = "RETURN"
    LATCH = "LATCH"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    RESET = "RESET"
    SHELVE = "SHELVE"
    UNSHELVE = "UNSHELVE"


TRANSITIONS: Mapping[AlarmState, Mapping[AlarmEvent, AlarmState]] = {
    AlarmState.NORMAL: {AlarmEvent.RAISE: AlarmState.UNACK_ALARM},
    AlarmState.UNACK_ALARM: {
        AlarmEvent.RETURN: AlarmState.RTN_UNACK,
        AlarmEvent.LATCH: AlarmState.LATCH_UNACK,
        AlarmEvent.ACKNOWLEDGE: AlarmState.ACK_ALARM,
    },
    AlarmState.ACK_ALARM: {AlarmEvent.RETURN: AlarmState.NORMAL, AlarmEvent.LATCH: AlarmState.LATCH_ACK},
    AlarmState.RTN_UNACK: {AlarmEvent.RAISE: AlarmState.UNACK_ALARM, AlarmEvent.ACKNOWLEDGE: AlarmState.NORMAL},
    AlarmState.LATCH_UNACK: {
        AlarmEvent.RAISE: AlarmState.UNACK_ALARM,
        AlarmEvent.ACKNOWLEDGE: AlarmState.LATCH_ACK,
        AlarmEvent.RESET: AlarmState.RTN_UNACK,
    },
    AlarmState.LATCH_ACK: {AlarmEvent.RAISE: AlarmState.UNACK_ALARM, AlarmEvent.RESET: AlarmState.NORMAL},
}
"""State -> event -> next state; what is not in here changes nothing. SHELVED is no row: it lies over a state, which
goes on following this table beneath it (so that nothing is lost on the shelf) and shows again at UNSHELVE."""

ACTIVE = frozenset({AlarmState.UNACK_ALARM, AlarmState.ACK_ALARM})
"""States in which the cause holds."""

UNACKNOWLEDGED = frozenset({AlarmState.UNACK_ALARM, AlarmState.RTN_UNACK, AlarmState.LATCH_UNACK})
"""States that somebody has yet to take note of."""


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """How one condition becomes an alarm. Times in seconds.

    It is raised when the condition holds for ``delay_s``, or (``count`` > 0) when it comes ``count`` times within
    ``within_s``; it returns when the condition is known to be gone for ``return_delay_s``. ``latching`` ones then wait
    for a reset. ``worst`` is +1 when a higher value is worse, -1 when a lower one is, 0 without a value.
    """

    id: str
    delay_s: float = 0.0
    count: int = 0
    within_s: float = 0.0
    return_delay_s: float = 0.0
    latching: bool = False
    worst: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """One alarm as it stands. ``state`` is the one beneath a shelf; ``shown`` is what a person sees.

    ``order`` is 1 for the first fault of the present disturbance, 0 outside one; ``count`` the raises since it was
    last normal, ``worst`` the worst value since the last raise, ``t_ns`` the loop time of the last change.
    """

    id: str
    state: AlarmState = AlarmState.NORMAL
    shelved_until_ns: int | None = None
    order: int = 0
    count: int = 0
    raised_utc: str = ""
    worst: float | None = None
    text: str = ""
    t_ns: int = 0

    @property
    def shown(self) -> AlarmState:
        """The ISA-18.2 state."""
        return self.state if self.shelved_until_ns is None else AlarmState.SHELVED

    @property
    def active(self) -> bool:
        """True while the cause holds."""
        return self.state in ACTIVE


def transition(state: AlarmState, event: AlarmEvent) -> AlarmState | None:
    """The next state by the table, None when the event changes nothing in this state."""
    return TRANSITIONS[state].get(event)


class Detector:
    """Whether one condition is an alarm yet: delay, count and return delay against chatter (see AlarmSpec).

    ``quiet`` is True while it neither is one nor is becoming one: then a condition that still does not hold needs no
    :meth:`judge`.
    """

    __slots__ = ("_came_ns", "_since_ns", "_spec", "active", "held", "quiet")

    def __init__(self, spec: AlarmSpec) -> None:
        self._spec = spec
        self._came_ns: deque[int] = deque(maxlen=max(spec.count, 1))
        self._since_ns: int | None = None
        self.active = False
        self.held = False
        self.quiet = True

    def resume(self, active: bool) -> None:
        """Go on as an alarm (or none) that another life left; its condition has yet to be judged."""
        self.active = self.held = active
        self.quiet = not active

    def judge(self, holds: bool | None, t_ns: int) -> bool:
        """The condition at ``t_ns``; returns whether it is an alarm now."""
        if holds is None:
            self._since_ns = None  # neither a delay nor a return delay runs on what nobody can judge
        else:
            if holds and not self.held:
                self._came_ns.append(t_ns)
            self.held = holds
            if holds is self.active:
                self._since_ns = None
            else:
                self._turn(t_ns)
        self.quiet = not (self.active or self.held)
        return self.active

    def _turn(self, t_ns: int) -> None:
        spec = self._spec
        since_ns = self._since_ns = t_ns if self._since_ns is None else self._since_ns
        wait_s = spec.return_delay_s if self.active else spec.delay_s
        if t_ns - since_ns >= round(wait_s * 1e9) or (not self.active and self._often(t_ns)):
            self.active = not self.active
            self._since_ns = None
            self._came_ns.clear()

    def _often(self, t_ns: int) -> bool:
        spec, came_ns = self._spec, self._came_ns
        return 0 < spec.count <= len(came_ns) and t_ns - came_ns[0] <= round(spec.within_s * 1e9)


class AlarmBook:
    """Every alarm of one bench. ``label()`` gives the wall-clock label of a raise; it is called for nothing else.

    What an event or a judgement changed is collected and handed out by :meth:`take_changes`. A disturbance lasts from
    the first active alarm until none is active any more; its faults are numbered in the order of their first raise.
    """

    def __init__(self, specs: Sequence[AlarmSpec], label: Callable[[], str]) -> None:
        self._specs = tuple(specs)
        self._label = label
        self._index = {spec.id: index for index, spec in enumerate(self._specs)}
        if len(self._index) < len(self._specs):
            raise ValueError("two alarms have the same id")
        self._standings = [Standing(spec.id) for spec in self._specs]
        self._changed: dict[int, None] = {}
        self._worsened: dict[int, None] = {}
        self._order = 0
        self.detectors = tuple(Detector(spec) for spec in self._specs)
        self.shelved = False
        """True while anything is shelved: only then :meth:`expire` has something to do."""

    def standing(self, alarm: str) -> Standing:
        """The alarm called ``alarm``; raises KeyError."""
        return self._standings[self._index[alarm]]

    def standings(self) -> tuple[Standing, ...]:
        """Every alarm that is not normal or has a number in the present disturbance, in the order of the specs."""
        return tuple(s for s in self._standings if s.shown is not AlarmState.NORMAL or s.order)

    def take_changes(self) -> tuple[Standing, ...]:
        """The alarms changed since the last call, in the order of their changes; each once, as it stands now."""
        for index in self._changed:
            self._worsened.pop(index, None)
        return self._take(self._changed)

    def take_worsened(self) -> tuple[Standing, ...]:
        """The alarms of which nothing but the worst value changed: news too, but none that anybody waits for."""
        return self._take(self._worsened)

    def _take(self, indices: dict[int, None]) -> tuple[Standing, ...]:
        taken = tuple(self._standings[index] for index in indices)
        indices.clear()
        return taken

    def judge(self, index: int, holds: bool | None, t_ns: int, value: float | None = None, text: str = "") -> None:
        """Tell the condition of alarm number ``index``; ``value`` and ``text`` describe it while it holds."""
        detector = self.detectors[index]
        before = detector.active
        after = detector.judge(holds, t_ns)
        if after and not before:
            self._raise(index, t_ns, _number(value), text)
        elif before and not after:
            event = AlarmEvent.LATCH if self._specs[index].latching else AlarmEvent.RETURN
            self._set(index, self._moved(self._standings[index], event, t_ns))
            self._end_disturbance()
        elif after:
            self._worsen(index, _number(value))

    def acknowledge(self, alarm: str, t_ns: int) -> bool:
        """Somebody has taken note; False when there is nothing to take note of. Raises KeyError."""
        return self._person(alarm, AlarmEvent.ACKNOWLEDGE, t_ns)

    def reset(self, alarm: str, t_ns: int) -> bool:
        """Let go of a latched alarm; False while its cause holds or when it is not latched. Raises KeyError."""
        return self._person(alarm, AlarmEvent.RESET, t_ns)

    def shelve(self, alarm: str, t_ns: int, until_ns: int) -> bool:
        """Put an alarm out of sight until ``until_ns``; False when it is shelved already.

        Raises KeyError, or ValueError for a time that is over or further away than SHELF_MAX_S.
        """
        if not t_ns < until_ns <= t_ns + round(SHELF_MAX_S * 1e9):
            raise ValueError(f"shelve for more than 0 s and at most {SHELF_MAX_S / 3600.0:g} h")
        index = self._index[alarm]
        standing = self._standings[index]
        if standing.shelved_until_ns is not None:
            return False
        self._set(index, replace(standing, shelved_until_ns=until_ns, order=0, t_ns=t_ns))
        self.shelved = True
        self._end_disturbance()
        return True

    def unshelve(self, alarm: str, t_ns: int) -> bool:
        """Show an alarm again, in the state that it has by now; False when it is not shelved. Raises KeyError."""
        index = self._index[alarm]
        standing = self._standings[index]
        if standing.shelved_until_ns is None:
            return False
        standing = replace(standing, shelved_until_ns=None, t_ns=t_ns)
        self._set(index, self._numbered(standing) if standing.active else standing)
        self.shelved = any(s.shelved_until_ns is not None for s in self._standings)
        return True

    def expire(self, t_ns: int) -> None:
        """Unshelve what was shelved until ``t_ns`` or earlier."""
        for standing in self._standings:
            if standing.shelved_until_ns is not None and standing.shelved_until_ns <= t_ns:
                self.unshelve(standing.id, t_ns)

    def restore(self, kept: Iterable[Standing], t_ns: int) -> tuple[str, ...]:
        """Take over standings of an earlier life, before the first judgement; returns the ids that are unknown here.

        An active one stays so until its condition is judged. A shelf does not outlive its core: loop times mean
        nothing in another life, and showing too much is the safe side.
        """
        unknown = []
        for standing in kept:
            index = self._index.get(standing.id)
            if index is None:
                unknown.append(standing.id)
                continue
            self._set(index, replace(standing, shelved_until_ns=None, t_ns=t_ns))
            self.detectors[index].resume(standing.active)
            self._order = max(self._order, standing.order)
        for index, standing in enumerate(self._standings):
            if standing.active:  # one from a shelf has no number yet
                self._set(index, self._numbered(standing))
        self._end_disturbance()
        return tuple(unknown)

    def _person(self, alarm: str, event: AlarmEvent, t_ns: int) -> bool:
        index = self._index[alarm]
        standing = self._standings[index]
        if transition(standing.state, event) is None:
            return False
        self._set(index, self._moved(standing, event, t_ns))
        return True

    def _raise(self, index: int, t_ns: int, value: float | None, text: str) -> None:
        moved = self._moved(self._standings[index], AlarmEvent.RAISE, t_ns)
        raised = replace(moved, count=min(moved.count + 1, COUNT_MAX), raised_utc=self._label(), worst=value, text=text)
        self._set(index, raised if raised.shelved_until_ns is not None else self._numbered(raised))

    def _moved(self, standing: Standing, event: AlarmEvent, t_ns: int) -> Standing:
        state = transition(standing.state, event) or standing.state
        if state is AlarmState.NORMAL:
            return replace(standing, state=state, t_ns=t_ns, count=0, worst=None, text="")
        return replace(standing, state=state, t_ns=t_ns)

    def _numbered(self, standing: Standing) -> Standing:
        """Keeps the number that the alarm has in this disturbance, or gives it the next."""
        if standing.order:
            return standing
        self._order += 1
        return replace(standing, order=self._order)

    def _end_disturbance(self) -> None:
        if self._order == 0 or any(s.active and s.shelved_until_ns is None for s in self._standings):
            return
        self._order = 0
        for index, standing in enumerate(self._standings):
            if standing.order:
                self._set(index, replace(standing, order=0))

    def _worsen(self, index: int, value: float | None) -> None:
        standing, sense = self._standings[index], self._specs[index].worst
        if value is None or sense == 0:
            return
        if standing.worst is None or (value - standing.worst) * sense > 0.0:
            self._standings[index] = replace(standing, worst=value)
            self._worsened[index] = None

    def _set(self, index: int, standing: Standing) -> None:
        if standing != self._standings[index]:
            self._standings[index] = standing
            self._changed[index] = None


def _number(value: float | None) -> float | None:
    """Only numbers can be compared: what is not finite is no worst value."""
    return value if value is not None and math.isfinite(value) else None
