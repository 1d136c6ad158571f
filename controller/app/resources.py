"""An instrument's address as people write it -> the route to it.

``HOST:PORT``, a serial device (``/dev/ttyUSB0``, ``COM3``, ``/dev/ttyUSB0#6`` for a unit on a shared line), any VISA
resource string, or ``TRANSPORT:ADDRESS`` with what ``sparkgap sim --json`` prints (``hislip:127.0.0.1:4880``).
"""

import re
from dataclasses import dataclass

from controller.app.instruments import route_to
from controller.rig.source import Problem, Refused
from drivers.transports.route import Route, Visa
from drivers.wire.visa import BadResource, check_resource

TRANSPORTS = ("socket", "hislip", "vxi11", "serial", "modbus", "visa")
HISLIP_PORT = "4880"
"""IVI-6.1: where HiSLIP listens unless the resource says otherwise."""
SPELLINGS = "write HOST:PORT, a serial device, hislip:HOST:PORT, vxi11:HOST or a VISA resource string"

_SERIAL = re.compile(r"/dev/\S+|COM[0-9]{1,3}(#[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Resource:
    """What was written, the transport it means (a key of lab.yaml), that transport's address, and the route."""

    text: str
    transport: str
    address: str
    route: Route


def parse_resource(text: str) -> Resource:
    """Read an address. Raises Refused with what would be right."""
    transport, address = _split(text.strip())
    try:
        route = route_to(transport, address)
        if isinstance(route, Visa):
            check_resource(route.resource)
    except BadResource as error:
        raise Refused([Problem(text, 0, "", str(error), f"write {error.remedy}")]) from None
    except ValueError as error:
        raise Refused([Problem(text, 0, "", f"is no address: {error}", SPELLINGS)]) from None
    return Resource(text, transport, address, route)


def _split(text: str) -> tuple[str, str]:
    head, colon, rest = text.partition(":")
    if colon and head in TRANSPORTS and not rest.startswith(":"):
        return head, rest
    if _SERIAL.fullmatch(text):
        return "serial", text
    parts = text.split("::")
    if len(parts) == 1:
        return "socket", text
    kind = parts[0].upper()
    if kind.startswith("ASRL"):
        device = parts[0][4:]
        return "serial", f"COM{device}" if device.isdecimal() else device
    if kind.startswith("TCPIP") and parts[-1].upper() == "SOCKET" and len(parts) == 4:
        return "socket", f"{parts[1]}:{parts[2]}"
    if kind.startswith("TCPIP") and len(parts) > 2 and parts[2].lower().startswith("hislip"):
        return "hislip", f"{parts[1]}:{parts[2].partition(',')[2] or HISLIP_PORT}"
    return "visa", text
