"""What Prometheus scrapes: the latest frame and a few counts, rendered when somebody asks."""

from collections.abc import Callable

from controller.bridges.mqtt import MqttStatus
from controller.messages import Message
from controller.rig.model import Rig


class Metrics:
    """``now_s`` is the loop's time (that of Frame.t_ns)."""

    def __init__(self, rig: Rig, version: str, now_s: Callable[[], float]) -> None:
        self._rig = rig

    def take(self, message: Message) -> None:
        """Keep what ``message`` says; cheap enough for every frame."""

    def set_link(self, link: str) -> None:
        """The panel's link to the core: none, connected or lost."""

    def observe_stream(self, viewers: int, sent: int, dropped: int) -> None:
        """Counts of the WebSocket stream, told just before render()."""

    def observe_mqtt(self, status: MqttStatus) -> None:
        """State of the MQTT bridge, told just before render()."""

    def render(self) -> tuple[bytes, str]:
        """The page of /metrics and its content type."""
        return b"", "text/plain"
