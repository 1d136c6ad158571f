"""PURE: lab.yaml, the addresses of a bench's real hardware: instrument -> {transport: address}."""

from typing import Annotated, Literal

from pydantic import Field

from controller.rig.fields import StrictModel, require_version, validate
from controller.rig.schema import Name
from controller.rig.source import Refused, load

VERSION = 1
"""The newest lab.yaml this code reads."""

PORT_MAX = 65535

Address = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S+$")]


class LabFile(StrictModel):
    """lab.yaml; the transports' names are those of ``sparkgap sim --json``."""

    lab: Literal[1]
    rig: Name
    instruments: dict[Name, dict[Literal["socket", "hislip", "vxi11", "serial", "modbus"], Address]]


def load_lab(data: bytes, filename: str) -> dict[str, dict[str, str]]:
    """Addresses by instrument and transport. Raises :class:`Refused`; whether anybody answers is found out later."""
    document = load(data, filename)
    require_version(document, "lab", VERSION)
    file = validate(document, LabFile)
    problems = []
    for name, addresses in file.instruments.items():
        if not addresses:
            remedy = "write `socket: host:port` or `serial: device`"
            problems.append(document.problem(("instruments", name), "has no address", remedy))
        for transport, address in addresses.items():
            if transport in ("socket", "modbus") and not _is_endpoint(address):
                problem = f"'{address}' is not host:port"
                remedy = "write for example 192.168.10.21:5025"
                problems.append(document.problem(("instruments", name, transport), problem, remedy))
    if problems:
        raise Refused(problems)
    return {name: {str(key): value for key, value in found.items()} for name, found in file.instruments.items()}


def _is_endpoint(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX
