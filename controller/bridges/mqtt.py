"""Everything the panel hears, published to an MQTT broker; nothing is ever subscribed to."""

from dataclasses import dataclass
from pathlib import Path

from controller.messages import Message
from controller.rig.model import Rig
from controller.rig.site import Site


@dataclass(frozen=True, slots=True)
class MqttStatus:
    """How the bridge does, for /healthz and /metrics; ``state`` is off, connecting, connected or down."""

    state: str = "off"
    text: str = "no broker in site.yaml"
    published: int = 0
    dropped: int = 0

    @property
    def connected(self) -> bool:
        """Whether the broker takes messages now."""
        return self.state == "connected"


class MqttBridge:
    """Publishes for one bench. ``folder`` is where site.yaml stands; raises Refused for files it names and cannot use."""

    def __init__(self, site: Site, rig: Rig, version: str, folder: Path) -> None:
        self.status = MqttStatus()

    def take(self, message: Message) -> None:
        """Queue what ``message`` says. Never blocks, never raises."""

    def set_link(self, link: str) -> None:
        """The panel's link to the core: none, connected or lost."""

    def stop(self) -> None:
        """Ask run() to say ``off`` and end."""

    async def run(self) -> None:
        """Connect, publish, reconnect, until stop() or cancelled; both end with ``off`` when the broker still hears."""
