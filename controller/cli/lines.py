"""Progress as plain lines: for pipes, files and terminals that cannot be redrawn."""

from controller import messages
from controller.cli.view import RunView
from controller.cli.writer import Writer

PROGRESS_EVERY_S = 2.0
"""Seconds of the run between two voltage lines while nothing else happens."""

PROGRESS_PART = 0.05
"""The same as a part of the time so far: a run of hours says something every few minutes."""


class LineScreen:
    """One line per step, PLC state, event, and every two seconds the voltage."""

    def __init__(self, writer: Writer) -> None:
        self.view = RunView()
        self._writer = writer
        self._plc_state = ""
        self._next_progress_s = 0.0

    def start(self) -> None:
        """Nothing to prepare."""

    def show(self, message: messages.Message) -> None:
        """Fold a message in and print what is new in it."""
        self.view.take(message)
        match message:
            case messages.Hello(mode="run"):
                self._writer.write(f"{message.rig}: {message.title}, shot {message.shot}\n")
            case messages.Frame():
                self._show_frame(message)
            case messages.StepEntered(phase="enter"):
                self._line(message.t_ns, f"step {message.id}")
            case messages.Event():
                self._line(message.t_ns, f"{message.kind} {message.source}: {message.text}")

    def stopping(self, reason: str) -> None:
        """Say that the run is being brought to safe."""
        self._writer.write(f"{reason}: dumping, waiting for proof of safety\n")

    def page(self, address: str) -> None:
        """Say where the page is."""
        self._writer.write_line(page_line(address))

    def stop(self) -> None:
        """Nothing to restore."""

    def _show_frame(self, frame: messages.Frame) -> None:
        now_s = self.view.seconds(frame.t_ns)
        if frame.plc_state != self._plc_state:
            self._plc_state = frame.plc_state
            self._line(frame.t_ns, f"PLC {frame.plc_state}{self._voltage()}")
        elif now_s >= self._next_progress_s and self._voltage():
            self._line(frame.t_ns, f"PLC {frame.plc_state}{self._voltage()}")

    def _voltage(self) -> str:
        pulsing = self.view.pulsing
        if pulsing:
            return f", {pulsing}"
        voltage_v, hello = self.view.voltage_v, self.view.hello
        if voltage_v is None or hello is None or hello.target_v <= 0.0:
            return ""
        return f", {voltage_v:.0f} V of {hello.target_v:.0f} V"

    def _line(self, t_ns: int, text: str) -> None:
        seconds = self.view.seconds(t_ns)
        self._next_progress_s = seconds + max(PROGRESS_EVERY_S, PROGRESS_PART * seconds)
        self._writer.write(f"{seconds:8.2f} s  {text}\n")


class WatchScreen:
    """For a bench that runs nothing: only what somebody has to know, as plain lines."""

    KINDS = ("warning", "trip", "fault", "operator")

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def start(self) -> None:
        """Nothing to prepare."""

    def show(self, message: messages.Message) -> None:
        """Print an event that is not mere information."""
        if isinstance(message, messages.Event) and message.kind in self.KINDS:
            self._writer.write(f"{message.kind} {message.source}: {message.text}\n")

    def stopping(self, reason: str) -> None:
        """Say that the bench is being left safe."""
        self._writer.write(f"{reason}: ending, waiting for proof of safety\n")

    def page(self, address: str) -> None:
        """Say where the page is."""
        self._writer.write_line(page_line(address))

    def stop(self) -> None:
        """Nothing to restore."""


def page_line(address: str) -> str:
    """Where the page is, as every command says it."""
    return f"page    {address}"


def stay_line(address: str) -> str:
    """What follows the verdicts of a bench that stays up; ``address`` is empty when its page did not come."""
    if not address:
        return "The bench stays up without its page; Ctrl-C ends it."
    return f"{page_line(address)}\nThe page stays up; Ctrl-C ends it."
