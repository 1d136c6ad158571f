"""The core's alarms: every frame is judged by the rules of rig.yaml, every change is published and kept."""

from collections.abc import Callable, Iterable, Sequence

from controller.messages import Frame, Message
from controller.rig.model import Rig
from controller.runtime.situation import Situation
from controller.telemetry.alarms import Standing


class Alarming:
    """Judges frames. ``publish`` gets an AlarmChanged per change, ``utc()`` labels raises.

    ``stored`` is told every standing that is not normal whenever one of them changed (it must not block).
    """

    def __init__(
        self,
        rig: Rig,
        publish: Callable[[Message], None],
        utc: Callable[[], str],
        stored: Callable[[Sequence[Standing]], None] | None = None,
    ) -> None:
        self.disk_free_bytes: float | None = None
        """Free space where shots are written; None: nobody knows (virtual runs)."""

    def restore(self, kept: Iterable[Standing]) -> tuple[str, ...]:
        """Alarms of an earlier core, published with the first frame; returns ids that rig.yaml no longer has."""
        return ()

    def on_frame(self, frame: Frame, situation: Situation) -> None:
        """Judge one frame; call it for each, right after it was published."""
