"""A tape as what it holds: runs, their connections, and the conversation on each of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from controller.app.tape_format import Begin, Closed, Ended, Failed, Frame, Full, Lost, Opened, Reader, Received, Sent

Event = Sent | Received | Closed


@dataclass(slots=True)
class Connection:
    """The ``index``-th connection (from 1) to ``instrument``; not ``stood`` when nobody answered."""

    instrument: str
    index: int
    opened_ns: int
    stood: bool = True
    problem: str = ""
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Recording:
    """What one process recorded. ``gaps`` counts frames that the disk was too slow for; ``full``: the bound was hit."""

    begin: Begin
    connections: list[Connection] = field(default_factory=list)
    ended: Ended | None = None
    gaps: int = 0
    full: bool = False

    def of(self, instrument: str) -> list[Connection]:
        """The connections to one instrument, oldest first."""
        return [connection for connection in self.connections if connection.instrument == instrument]


@dataclass(frozen=True, slots=True)
class Content:
    """Everything on a tape; ``cut`` says where it ends early, if it does."""

    recordings: tuple[Recording, ...]
    cut: str


def read_tape(path: Path) -> Content:
    """Read a tape up to its last whole frame. Raises NoTape; OSError."""
    reader = Reader(path)
    return Content(tuple(sort_frames(reader)), reader.cut)


def sort_frames(frames: Iterable[Frame]) -> list[Recording]:
    """Frames by recording and connection; those of a connection whose beginning is missing are left out."""
    recordings: list[Recording] = []
    stands: dict[int, Connection] = {}
    for frame in frames:
        if isinstance(frame, Begin):
            recordings.append(Recording(frame))
            stands = {}
        elif recordings:
            _take(recordings[-1], stands, frame)
    return recordings


def _take(recording: Recording, stands: dict[int, Connection], frame: Frame) -> None:
    if isinstance(frame, Sent | Received | Closed):
        connection = stands.get(frame.connection)
        if connection is not None:
            connection.events.append(frame)
    elif isinstance(frame, Opened):
        index = len(recording.of(frame.instrument)) + 1
        stands[frame.connection] = Connection(frame.instrument, index, frame.t_ns)
        recording.connections.append(stands[frame.connection])
    elif isinstance(frame, Failed):
        index = len(recording.of(frame.instrument)) + 1
        recording.connections.append(Connection(frame.instrument, index, frame.t_ns, False, frame.problem))
    elif isinstance(frame, Ended):
        recording.ended = frame
    elif isinstance(frame, Lost):
        recording.gaps += frame.frames
    elif isinstance(frame, Full):
        recording.full = True
