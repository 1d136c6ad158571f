"""What is known now: the fold of the bus's messages that state, run, alarms and the stream's snapshot are read from."""

from collections import deque

from controller.messages import AlarmChanged, Event, Finished, Frame, Hello, Message, StepEntered

EVENTS_MAX = 512
"""Events kept for a viewer that joins: as many as the core replays, several shots' worth."""

ALARMS_MAX = 1024
"""Alarms kept; a rig defines some dozens. The one that changed longest ago leaves."""

LINKS = ("none", "connected", "lost")
"""No core was ever attached; one talks; one talked and does not now."""


class LiveState:
    """The present, as the bus told it.

    Events and alarms outlive a core; hello, frame and marks belong to the present one, and ``finished`` is the last
    run's until another begins: who finds the bench watched after a run wants to know how that ended. ``marks`` has
    one of pending, running, done, broken for each of the plan's steps.
    """

    def __init__(self) -> None:
        self.hello: Hello | None = None
        self.frame: Frame | None = None
        self.marks: list[str] = []
        self.events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.alarms: dict[str, AlarmChanged] = {}
        self.finished: Finished | None = None
        self.link = "none"

    def set_link(self, link: str) -> None:
        """Note whether a core is heard: one of LINKS. Raises ValueError on anything else."""
        if link not in LINKS:
            raise ValueError(f"link {link!r} is none of {', '.join(LINKS)}")
        self.link = link

    def take(self, message: Message) -> None:
        """Fold one message in."""
        match message:
            case Frame():
                self.frame = message
            case Event():
                self.events.append(message)
            case StepEntered():
                self._step(message)
            case AlarmChanged():
                self._alarm(message)
            case Hello():
                self._hello(message)
            case Finished():
                self._finish(message)

    def _hello(self, hello: Hello) -> None:
        """Another core, or the same with another plan, starts afresh; the same one again changes nothing."""
        before, self.hello = self.hello, hello
        if before is None or (before.session, before.shot_id, before.steps) != (
            hello.session,
            hello.shot_id,
            hello.steps,
        ):
            self.frame = None
            if hello.mode != "watch":
                self.finished = None
            self.marks = ["pending"] * len(hello.steps)

    def _step(self, step: StepEntered) -> None:
        """A step that still runs when a later one is entered was broken off."""
        if 0 <= step.index < len(self.marks):
            if step.phase == "enter":
                self._break_off(step.index)
            self.marks[step.index] = "running" if step.phase == "enter" else "done"

    def _alarm(self, alarm: AlarmChanged) -> None:
        self.alarms.pop(alarm.id, None)
        self.alarms[alarm.id] = alarm
        if len(self.alarms) > ALARMS_MAX:
            del self.alarms[next(iter(self.alarms))]

    def _finish(self, finished: Finished) -> None:
        self.finished = finished
        self._break_off(len(self.marks))

    def _break_off(self, before: int) -> None:
        self.marks[:before] = ["broken" if mark == "running" else mark for mark in self.marks[:before]]
