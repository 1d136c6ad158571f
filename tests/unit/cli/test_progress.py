"""What the terminal shows while a run goes on: the folded view, plain lines, and the picture."""

import math

import msgspec
import pytest
from rich.console import Console

from controller import messages
from controller.cli.lines import LineScreen
from controller.cli.live import draw
from controller.cli.view import BROKEN, DONE, EVENTS_KEPT, PENDING, RUNNING, RunView
from tests.unit.cli.samples import FINISHED, HELLO, event, frame, step


class Sink:
    """Takes text as the writer does."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)


def take(*messages: object) -> RunView:
    view = RunView()
    for message in messages:
        view.take(message)
    return view


def test_marks_follow_the_steps() -> None:
    view = take(HELLO, step(0.0, 0, "enter"))
    assert view.marks == [RUNNING, PENDING, PENDING]
    view.take(step(1.0, 0, "done"))
    view.take(step(1.0, 1, "enter"))
    assert view.marks == [DONE, RUNNING, PENDING]
    view.take(step(2.0, 2, "enter"))
    assert view.marks == [DONE, BROKEN, RUNNING]


def test_voltage_is_the_first_valid_channel_in_volts() -> None:
    assert take(HELLO, frame(0.0, 1500.0)).voltage_v == 1500.0
    assert take(HELLO, frame(0.0, 1500.0)).charged_fraction == 0.5
    assert take(HELLO, frame(0.0, float("nan"))).voltage_v is None
    assert take(HELLO).charged_fraction == 0.0


def test_only_the_last_events_are_kept() -> None:
    view = take(*(event(0.0, "info", str(number)) for number in range(50)))
    assert [item.text for item in view.events] == [str(number) for number in range(50 - EVENTS_KEPT, 50)]


def test_lines_say_steps_states_events_and_voltage_every_two_seconds() -> None:
    sink = Sink()
    screen = LineScreen(sink)
    screen.show(HELLO)
    for tenth in range(45):
        screen.show(frame(10.0 + tenth / 10, 100.0 * tenth))
    screen.show(step(14.5, 1, "enter"))
    screen.show(event(14.6, "trip", "door open"))
    screen.show(FINISHED)
    assert sink.text.splitlines() == [
        "railgun_bench: Full shot, shot 12",
        "    0.00 s  PLC CHARGE, 0 V of 3000 V",
        "    2.00 s  PLC CHARGE, 2000 V of 3000 V",
        "    4.00 s  PLC CHARGE, 4000 V of 3000 V",
        "    4.50 s  step fire",
        "    4.60 s  trip plc: door open",
    ]


def test_the_picture_has_steps_bar_countdown_and_events() -> None:
    view = take(HELLO, step(0.0, 0, "enter"), frame(0.0, 0.0), frame(3.0, 1500.0, "FLOAT", 2.5))
    view.take(event(3.0, "warning", "fan slow"))
    view.stopping = "SIGINT"
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115 - lives as long as the test
    console.print(draw(view))
    text = console.export_text()
    console.file.close()
    for part in (
        "▶ charge",
        "· fire",
        "FLOAT",
        "1500.0 V of 3000 V",
        "2.5 s",
        "fan slow",
        "SIGINT: dumping",
        "shot 12",
    ):
        assert part in text
    assert text.count("━") > 10


PULSING = (
    "probe_a",
    "pulses",
    "pulses_asked",
    "inhibits",
    "field",
    "pulse_length",
    "hours_to_goal",
    "hours_to_goal_late",
)


def pulsing(*values: float, state: str = "RUN", t_s: float = 1.0) -> RunView:
    channels = tuple(messages.ChannelInfo(name, name, "V" if name == "probe_a" else "count") for name in PULSING)
    hello = msgspec.structs.replace(HELLO, channels=channels)
    padded = (*values, *(math.nan,) * (len(PULSING) - len(values)))
    return take(hello, messages.Frame(0, round(t_s * 1e9), padded, state, 0, None, 0.01))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((2e4, 12.0, 50.0, 0.0), "12 of 50 pulses"),
        ((2e4, 7.0, 0.0, 2.0), "7 pulses, inhibited 2 times"),
        ((2e4, 9.0, 0.0, 0.0, 43.2e6, 50e-9), "9 pulses, 43.2 MV/m for 50 ns"),
        ((2e4, 9.0, 0.0, 0.0, 43.2e6, 50e-9, 100.0, 160.0), "9 pulses, 43.2 MV/m for 50 ns, 100 to 160 h to the goal"),
        ((2e4,), ""),
    ],
)
def test_pulses_are_told_instead_of_a_voltage_that_swings(values: tuple[float, ...], said: str) -> None:
    assert pulsing(*values).pulsing == said
    assert pulsing(*values, state="FLOAT").pulsing == ""


def test_a_long_run_says_something_less_and_less_often() -> None:
    sink = Sink()
    screen = LineScreen(sink)
    screen.show(HELLO)
    for t_s in range(3600):
        screen.show(frame(float(t_s), 100.0))
    lines = sink.text.count("\n")
    assert 60 < lines < 140, lines
