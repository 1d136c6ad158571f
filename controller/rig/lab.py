"""PURE: lab.yaml, the addresses of a bench's real hardware: instrument -> {transport: address}."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from controller.rig.fields import StrictModel, closest, require_version, validate
from controller.rig.model import Rig
from controller.rig.schema import Name
from controller.rig.source import Document, Problem, Refused, load

VERSION = 1
"""The newest lab.yaml this code reads."""

PORT_MAX = 65535

Address = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S+$")]


class LabFile(StrictModel):
    """lab.yaml; the transports' names are those of ``sparkgap sim --json``."""

    lab: Literal[1]
    rig: Name
    instruments: dict[Name, dict[Literal["socket", "hislip", "vxi11", "serial", "modbus"], Address]]


def load_lab(data: bytes, filename: str, rig: Rig) -> dict[str, dict[str, str]]:
    """Addresses of the instruments of ``rig`` by instrument and transport.

    Raises :class:`Refused` for a file of another rig, an instrument without an address or that the rig does not
    have, and an address that is none; whether anybody answers is found out later.
    """
    document = load(data, filename)
    require_version(document, "lab", VERSION)
    file = validate(document, LabFile)
    if file.rig != rig.name:
        problem = f"the addresses are those of {file.rig}, not of {rig.name}"
        raise Refused([document.problem(("rig",), problem, f"give the lab file of {rig.name}")])
    problems = list(_missing(document, file, rig))
    for name, addresses in file.instruments.items():
        for transport, address in addresses.items():
            if transport in ("socket", "modbus") and not _is_endpoint(address):
                problem = f"'{address}' is not host:port"
                remedy = "write for example 192.168.10.21:5025"
                problems.append(document.problem(("instruments", name, transport), problem, remedy))
    if problems:
        raise Refused(problems)
    return {name: {str(key): value for key, value in found.items()} for name, found in file.instruments.items()}


def _missing(document: Document, file: LabFile, rig: Rig) -> Iterator[Problem]:
    names = [spec.name for spec in rig.instruments]
    for name in file.instruments:
        if name not in names:
            yield document.problem(("instruments", name), "the rig has no such instrument", closest(name, names))
    for spec in rig.instruments:
        if spec.transport not in file.instruments.get(spec.name, {}):
            remedy = f"write `{spec.name}: {{{spec.transport}: ...}}`"
            yield document.problem(("instruments", spec.name), f"has no {spec.transport} address", remedy)


def _is_endpoint(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX
