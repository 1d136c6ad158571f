"""PURE: lab.yaml, the addresses of a bench's real hardware: instrument -> {transport: address}."""

import re
from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import Field

from controller.rig.fields import StrictModel, closest, require_version, validate
from controller.rig.model import Rig
from controller.rig.schema import Name
from controller.rig.source import Document, Problem, Refused, load
from drivers.wire.visa import BadResource, split_library

VERSION = 1
"""The newest lab.yaml this code reads."""

PORT_MAX = 65535

Address = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S+$")]


EXAMPLES = {"socket": 5025, "modbus": 502, "hislip": 4880, "vxi11": 1024}
"""Ports for the examples in refusals."""


class LabFile(StrictModel):
    """lab.yaml; the transports' names are those of ``sparkgap sim --json``."""

    lab: Literal[1]
    rig: Name
    instruments: dict[Name, dict[Literal["socket", "hislip", "vxi11", "serial", "modbus", "visa"], Address]]


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
            found = _wrong(transport, address)
            if found is not None:
                problems.append(document.problem(("instruments", name, transport), *found))
    if problems:
        raise Refused(problems)
    return {name: {str(key): value for key, value in found.items()} for name, found in file.instruments.items()}


def transport_of(named: str, given: Collection[str]) -> str | None:
    """Which of the ``given`` transports leads to an instrument whose rig names ``named``; None when none does.

    The one the rig names; else the only one there is, because real hardware may have another cable than the stand-in.
    Registers (modbus) and text are no substitutes for each other.
    """
    if named in given:
        return named
    others = list(given)
    return others[0] if len(others) == 1 and "modbus" not in (named, others[0]) else None


def _wrong(transport: str, address: str) -> tuple[str, str] | None:
    """What is wrong with an address and what would be right."""
    if transport == "visa":
        try:
            split_library(address)
        except BadResource as trouble:
            return str(trouble), f"write {trouble.remedy}"
        return None
    if transport == "serial" or _is_endpoint(address):
        return None
    if "::" in address:
        other = _wrong("visa", address)
        remedy = f"write visa: {address}" if other is None else other[1]
        return f"'{address}' is a VISA resource, not an address of {transport}", remedy
    example = f"192.168.10.21:{EXAMPLES[transport]}"
    if transport == "vxi11":
        host = re.fullmatch(r"[A-Za-z0-9_.\-]+", address) is not None
        remedy = f"write the host alone (its port mapper is asked), or for example {example}"
        return None if host else (f"'{address}' is neither a host nor host:port", remedy)
    return f"'{address}' is not host:port", f"write for example {example}"


def _missing(document: Document, file: LabFile, rig: Rig) -> Iterator[Problem]:
    names = [spec.name for spec in rig.instruments]
    for name in file.instruments:
        if name not in names:
            yield document.problem(("instruments", name), "the rig has no such instrument", closest(name, names))
    for spec in rig.instruments:
        if transport_of(spec.transport, file.instruments.get(spec.name, {})) is None:
            remedy = f"write `{spec.name}: {{{spec.transport}: ...}}`"
            yield document.problem(("instruments", spec.name), f"has no {spec.transport} address", remedy)


def _is_endpoint(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX
