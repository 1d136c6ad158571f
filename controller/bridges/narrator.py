"""PURE: the messages of the bus in, publications out: telemetry thinned out, states at every change.

Times are nanoseconds of the panel's loop; nobody is asked for them here.
"""

from controller.bridges import topics
from controller.bridges.topics import Place, Publication, Standing
from controller.messages import AlarmChanged, Finished, Frame, Hello, Message
from controller.rig.model import Rig
from controller.telemetry.channels import FRAME_STALE_AFTER_S, STALE_AFTER_S

_NS = 1_000_000_000


class Narrator:
    """One bench's story. ``telemetry_period_s`` is the time between two telemetry messages of a group."""

    def __init__(self, place: Place, rig: Rig, version: str, telemetry_period_s: float) -> None:
        self._place, self._rig, self._version = place, rig, version
        self._plc = next((spec.name for spec in rig.instruments if spec.port == "RigPlc"), "")
        self._period_ns = max(1, round(telemetry_period_s * _NS))
        self._hello: Hello | None = None
        self._frame: Frame | None = None
        self._heard_ns = 0
        self._finished: Finished | None = None
        self._link = "none"
        self._silent = True
        self._said: object = None
        self._slot = -1

    def take(self, message: Message, now_ns: int) -> list[Publication]:
        """What the broker is to be told of ``message``, which arrived at ``now_ns``."""
        if isinstance(message, Frame):
            return self._on_frame(message, now_ns)
        if isinstance(message, Hello):
            return self._on_hello(message)
        if isinstance(message, AlarmChanged):
            return [topics.alarm(self._place, message)]
        if isinstance(message, Finished):
            self._finished = message
            return [topics.shot(self._place, self._hello, message), *self._state()]
        return [topics.event(self._place, self._session, message)]

    def begin(self) -> list[Publication]:
        """Before anything was heard: whatever a broker still holds of an earlier panel is not true any more."""
        return self._state()

    def set_link(self, link: str) -> list[Publication]:
        """The panel's link to the core changed: none, connected or lost."""
        self._link = link
        return self._fall_silent() if link != "connected" else self._state()

    def tick(self, now_ns: int) -> list[Publication]:
        """Called now and then: a core that is connected and says nothing is noticed here."""
        if self._silent or now_ns - self._heard_ns <= FRAME_STALE_AFTER_S * _NS:
            return []
        return self._fall_silent()

    @property
    def _session(self) -> str:
        return self._hello.session if self._hello else ""

    def _on_hello(self, hello: Hello) -> list[Publication]:
        if hello.session != self._session:
            self._finished = None
        self._hello, self._frame, self._silent, self._slot = hello, None, True, -1
        return [topics.meta(self._place, self._rig, hello, self._version), *self._state()]

    def _on_frame(self, frame: Frame, now_ns: int) -> list[Publication]:
        if self._hello is None:
            return []
        self._frame, self._heard_ns, self._silent = frame, now_ns, False
        found = self._state()
        slot = frame.t_ns // self._period_ns
        if slot != self._slot:
            self._slot = slot
            found += topics.telemetry(self._place, self._hello, frame, stale=False)
        return found

    def _fall_silent(self) -> list[Publication]:
        last = []
        if not self._silent and self._hello is not None and self._frame is not None:
            last = topics.telemetry(self._place, self._hello, self._frame, stale=True)
        self._silent = True
        return [*self._state(), *last]

    def _state(self) -> list[Publication]:
        frame, stale = self._frame, self._silent or self._is_old(self._frame)
        said = (
            self._link,
            stale,
            self._hello,
            self._finished,
            frame and (frame.plc_state, frame.step, frame.words),
        )
        if said == self._said:
            return []
        self._said = said
        return [topics.state(self._place, self._hello, Standing(self._link, stale, frame, self._finished))]

    def _is_old(self, frame: Frame | None) -> bool:
        sources = self._hello.sources if self._hello else ()
        limits_s = (source.stale_after_s for source in sources if source.name == self._plc)
        return frame is None or not frame.age_s <= next(limits_s, STALE_AFTER_S["RigPlc"])
