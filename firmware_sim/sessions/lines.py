"""PURE: cutting a byte stream into command lines, and the session of an instrument that answers line by line."""

from collections.abc import Callable

from firmware_sim.sessions.base import Chunk
from firmware_sim.sessions.serial_line import SerialPace


class LineSplitter:
    """Cuts at any byte of ``ends``; empty lines vanish.

    A line longer than ``longest`` comes out cut to one byte more: its reader sees that, and memory stays bounded.
    """

    __slots__ = ("_ends", "_held", "_longest", "_table")

    def __init__(self, ends: bytes, longest: int) -> None:
        self._ends = ends[:1]
        self._table = bytes.maketrans(ends, ends[:1] * len(ends))
        self._longest = longest
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes."""
        *lines, rest = (self._held + data.translate(self._table)).split(self._ends)
        self._held = rest[: self._longest + 1]
        return [line[: self._longest + 1] for line in lines if line]


class LineSession:
    """Answers each line with ``execute(line, now_ns)`` at once (``b""``: silence). ``advance`` lets time pass.

    ``due_ns`` tells when there is something to do next, None where that is not known. ``pace``: of a serial line.
    """

    __slots__ = ("_advance", "_due_ns", "_execute", "_pace", "_splitter", "_wants_time")

    def __init__(
        self,
        execute: Callable[[bytes, int], bytes],
        splitter: LineSplitter,
        advance: Callable[[int], None],
        wants_time: Callable[[], bool],
        due_ns: Callable[[], int | None] = lambda: None,
        pace: SerialPace | None = None,
    ) -> None:
        self._execute = execute
        self._due_ns = due_ns
        self._pace = pace
        self._splitter = splitter
        self._advance = advance
        self._wants_time = wants_time

    @property
    def waiting(self) -> bool:
        """True while the instrument does something by itself."""
        return self._wants_time()

    @property
    def due_ns(self) -> int | None:
        """When there is something to do next."""
        return self._due_ns()

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        """Execute the lines that ``data`` completes."""
        answers = [self._execute(line, now_ns) for line in self._splitter.feed(data)]
        joined = answers[0] if len(answers) == 1 else b"".join(answers)
        if self._pace is not None:
            self._pace.hear(len(data), now_ns)
            return self._pace.say(joined, now_ns)
        return [Chunk(joined)] if joined else []

    def tick(self, now_ns: int) -> list[Chunk]:
        """Let the instrument go on."""
        self._advance(now_ns)
        return []
