"""Frames of a bench at rest, and of one where something is wrong, for the tests of the alarms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

from controller.app.preflight import read_rig
from controller.messages import AlarmChanged, Event, Frame, Message
from controller.runtime.alarming import Alarming
from controller.runtime.frames import frame_words
from controller.runtime.situation import Situation
from controller.telemetry.channels import telemetry_channels, telemetry_sources
from drivers.wire.plc import PlcStatus

RIG, _ = read_rig("railgun_bench")
CHANNELS = [channel.name for channel in telemetry_channels(RIG)]
SOURCES = [source.name for source in telemetry_sources(RIG)]
WORDS = {word.name: {bit: 1 << n for n, bit in enumerate(word.bits) if bit} for word in frame_words()}
AT_REST = (
    "inputs.DUMP_A_CLOSED",
    "inputs.DUMP_B_CLOSED",
    "inputs.CONTACTOR_OPEN",
    "inputs.CHARGER_INHIBITED",
    "flags.ENERGY_SAFE",
)
FRAME_NS = 20_000_000


def words(*points: str) -> tuple[int, ...]:
    """The words of a frame in which just these points are 1."""
    return tuple(
        sum(bits[point.partition(".")[2]] for point in points if point.startswith(f"{word}."))
        for word, bits in WORDS.items()
    )


@dataclass
class Watched:
    """An Alarming under test, its frames and what it published. ``second`` sends fifty frames."""

    alarming: Alarming = field(init=False)
    said: list[AlarmChanged] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    situation: Situation = field(default_factory=lambda: Situation(0))
    t_ns: int = 0

    def __post_init__(self) -> None:
        self.alarming = Alarming(RIG, self.hear, lambda: f"label {self.t_ns}")

    def hear(self, message: Message) -> None:
        if isinstance(message, AlarmChanged):
            self.said.append(message)
        else:
            assert isinstance(message, Event)
            self.events.append(message)

    def frames(
        self,
        count: int,
        *points: str,
        values: Mapping[str, float] | None = None,
        ages: Mapping[str, float] | None = None,
        state: str = "SAFE",
        late_s: float = 0.0,
        status: bool = True,
    ) -> None:
        """``count`` frames with these points beside those of a bench at rest; one that starts with "-" is 0."""
        named = [*AT_REST, *(p for p in points if not p.startswith("-"))]
        word_values = words(*(p for p in named if f"-{p}" not in points)) if status else ()
        readings = tuple((values or {}).get(name, 0.0) for name in CHANNELS) if status else ()
        ages_s = tuple((ages or {}).get(name, 0.0) for name in SOURCES) if status else ()
        age_s = ages_s[0] if status else float("inf")
        for number in range(count):
            self.t_ns += FRAME_NS
            late = late_s if number == 0 else 0.0
            frame = Frame(number, self.t_ns, readings, state, -1, None, age_s, word_values, ages_s, late)
            self.alarming.on_frame(frame, self.situation)

    def second(self, *points: str, **more: object) -> None:
        self.frames(50, *points, **more)  # type: ignore[arg-type]

    def take(self) -> list[tuple[str, str]]:
        """Alarm and state of what was said since the last call."""
        said = [(message.id, message.state) for message in self.said]
        self.said.clear()
        return said


def status_of(first_fault: int) -> PlcStatus:
    """A status of which nothing but the first fault is looked at."""
    return cast(PlcStatus, SimpleNamespace(first_fault=first_fault))
