"""What a person wants to know about the run now, folded from the messages on the bus. No terminal in here."""

from collections import deque
from dataclasses import dataclass, field

from controller import messages

EVENTS_KEPT = 6
"""Lines of the event list: what fits beside the steps on a 24-line terminal. The journal has all of them."""

VOLTAGE_UNIT = "V"
RUN = "RUN"
"""The PLC's state in which pulses come."""

PENDING, RUNNING, DONE, BROKEN = "pending", "running", "done", "broken"


def _events() -> deque[messages.Event]:
    return deque(maxlen=EVENTS_KEPT)


@dataclass(slots=True)
class RunView:
    """The state of the display. Times are seconds since the first frame."""

    hello: messages.Hello | None = None
    frame: messages.Frame | None = None
    finished: messages.Finished | None = None
    marks: list[str] = field(default_factory=list)
    events: deque[messages.Event] = field(default_factory=_events)
    stopping: str = ""
    page: str = ""
    _start_ns: int | None = None

    def take(self, message: messages.Message) -> None:
        """Fold one message in."""
        match message:
            case messages.Hello(mode=mode) if mode != "run" and self.hello is not None:
                pass  # a recovery looks after the run that is shown: its steps and its number stay
            case messages.Hello():
                self.hello = message
                self.marks = [PENDING] * len(message.steps)
            case messages.Frame():
                self.frame = message
                if self._start_ns is None:
                    self._start_ns = message.t_ns
            case messages.StepEntered():
                self._mark(message)
            case messages.Event():
                self.events.append(message)
            case messages.Finished():
                self.finished = message

    def _mark(self, entered: messages.StepEntered) -> None:
        if 0 <= entered.index < len(self.marks):
            if entered.phase == "enter":
                self.marks[: entered.index] = [BROKEN if m == RUNNING else m for m in self.marks[: entered.index]]
            self.marks[entered.index] = RUNNING if entered.phase == "enter" else DONE

    def seconds(self, t_ns: int) -> float:
        """A message's time since the first frame; 0 before there was one."""
        return (t_ns - self._start_ns) / 1e9 if self._start_ns is not None else 0.0

    @property
    def elapsed_s(self) -> float:
        """Time of the latest frame since the first one."""
        return self.seconds(self.frame.t_ns) if self.frame is not None else 0.0

    @property
    def voltage_v(self) -> float | None:
        """The first channel in volts that is valid now: the bank's voltage comes first in a rig's telemetry."""
        if self.hello is None or self.frame is None:
            return None
        for channel, value in zip(self.hello.channels, self.frame.values, strict=False):
            if channel.unit == VOLTAGE_UNIT and value == value:  # NaN: not valid now
                return value
        return None

    def value(self, name: str) -> float | None:
        """A channel's value by name; None for one that is not there or not valid now."""
        if self.hello is None or self.frame is None:
            return None
        for channel, value in zip(self.hello.channels, self.frame.values, strict=False):
            if channel.name == name:
                return value if value == value else None
        return None

    @property
    def pulsing(self) -> str:
        """How far the pulses are, and a conditioning with them; empty while none come. The store swings meanwhile."""
        pulses = self.value("pulses")
        if self.frame is None or self.frame.plc_state != RUN or pulses is None:
            return ""
        asked, inhibits = self.value("pulses_asked"), self.value("inhibits")
        said = f"{pulses:.0f} of {asked:.0f} pulses" if asked else f"{pulses:.0f} pulses"
        said += f", inhibited {inhibits:.0f} times" if inhibits else ""
        field, length = self.value("field"), self.value("pulse_length")
        said += f", {field / 1e6:.1f} MV/m" if field else ""
        said += f" for {length * 1e9:.0f} ns" if field and length else ""
        soon, late = self.value("hours_to_goal"), self.value("hours_to_goal_late")
        return said + (f", {soon:.0f} to {late:.0f} h to the goal" if soon is not None and late is not None else "")

    @property
    def charged_fraction(self) -> float:
        """Voltage over set-point, 0 to 1; 0 without a set-point."""
        voltage_v = self.voltage_v
        if self.hello is None or voltage_v is None or self.hello.target_v <= 0.0:
            return 0.0
        return min(max(voltage_v / self.hello.target_v, 0.0), 1.0)
