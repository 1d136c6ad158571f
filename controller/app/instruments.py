"""Open a rig's instruments: over the network and serial lines, or linked in memory on virtual time."""

import asyncio
from collections.abc import Mapping
from typing import cast

from controller.app.learned_scopes import open_model
from controller.rig.lab import transport_of
from controller.rig.model import InstrumentSpec, Rig
from controller.rig.source import Problem, Refused
from controller.runtime.bench import Bench
from drivers.errors import InstrumentError, WrongInstrument
from drivers.ports import CapacitorCharger, Daq, DelayGenerator, Identity, Instrument, Oscilloscope, RigPlc
from drivers.transports.multidrop import SharedLine
from drivers.transports.route import Hislip, Route, Visa
from drivers.transports.serial import serial_port
from drivers.transports.tcp import tcp
from drivers.wire.visa import BadResource, split_library

OPEN_TIMEOUT_S = 10.0
"""Longest time to connect to one instrument and hear its identity; drivers' own deadlines are shorter."""


def connects_from(rig: Rig, endpoints: Mapping[str, Mapping[str, str]], where: str) -> dict[str, Route]:
    """The route to each instrument. ``where`` names the source of the addresses in a refusal."""
    problems: list[Problem] = []
    connects: dict[str, Route] = {}
    lines: dict[str, SharedLine] = {}
    for spec in rig.instruments:
        given = endpoints.get(spec.name, {})
        transport = transport_of(spec.transport, given)
        if transport is None:
            remedy = f"give {spec.transport}: ADDRESS"
            problems.append(Problem(where, 0, spec.name, f"has no {spec.transport} address", remedy))
            continue
        try:
            connects[spec.name] = route_to(transport, given[transport], lines)
        except BadResource as problem:
            problems.append(Problem(where, 0, spec.name, str(problem), f"write {problem.remedy}"))
        except ValueError as problem:
            problems.append(Problem(where, 0, spec.name, str(problem), "write HOST:PORT, or DEVICE#UNIT"))
    if problems:
        raise Refused(problems)
    return connects


def route_to(transport: str, address: str, lines: dict[str, SharedLine] | None = None) -> Route:
    """The way to an instrument by one of the transports that ``sparkgap sim --json`` and lab.yaml name.

    ``/dev/ttyUSB0#6`` is unit 6 on a serial line with several units; ``lines`` has the lines met so far, so that all
    units of one device share it; ``GPIB0::7::INSTR@py`` names PyVISA's library too.
    Raises ValueError for an address that is none of the transport's.
    """
    if transport == "serial":
        device, mark, unit = address.partition("#")
        if not mark:
            return cast(Route, serial_port(address))
        if not device or not unit.isdecimal():
            raise ValueError(f"{address!r} is no unit on a serial line")
        line = SharedLine(serial_port(device))
        return line.drop(int(unit)) if lines is None else lines.setdefault(device, line).drop(int(unit))
    if transport == "visa":
        return Visa(*split_library(address))
    host, colon, port = address.rpartition(":")
    if transport == "vxi11":  # PyVISA's spelling; a host alone has a port mapper (instruments.md 4b)
        return Visa(f"TCPIP::{host},{port}::inst0::INSTR" if colon else f"TCPIP::{address}::inst0::INSTR")
    if not host or not port.isdigit():
        raise ValueError(f"{address!r} is no address")
    stream = cast(Route, tcp(host, int(port)))
    return Hislip(tcp(host, int(port))) if transport == "hislip" else stream


async def open_bench(rig: Rig, connects: Mapping[str, Route]) -> tuple[Bench, dict[str, Identity]]:
    """Connect to everything at once and check every identity.

    Raises Refused naming each instrument that is not there, or is another one; those that did open are closed.
    """
    answers = await asyncio.gather(
        *(_open(spec, connects[spec.name]) for spec in rig.instruments), return_exceptions=True
    )
    opened: dict[str, Instrument] = {}
    problems: list[Problem] = []
    for spec, answer in zip(rig.instruments, answers, strict=True):
        if isinstance(answer, InstrumentError):
            wrong = isinstance(answer, WrongInstrument)
            remedy = f"{'give' if wrong else 'switch it on and check'} the address of {spec.model}"
            problems.append(Problem(rig.name, 0, spec.name, answer.problem, remedy))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            opened[spec.name] = answer
    if problems:
        await asyncio.gather(*(instrument.close() for instrument in opened.values()))
        raise Refused(problems)
    identities = {name: await instrument.identify() for name, instrument in opened.items()}
    return _bench(rig, opened), identities


async def _open(spec: InstrumentSpec, route: Route) -> Instrument:
    async with asyncio.timeout(OPEN_TIMEOUT_S):
        return await open_model(spec.model, spec.name, route, identity=spec.identity)


def _bench(rig: Rig, opened: Mapping[str, Instrument]) -> Bench:
    left = dict(opened)

    def one(port: str) -> Instrument:
        return left.pop(next(spec.name for spec in rig.instruments if spec.port == port))

    scopes = [spec.name for spec in rig.instruments if spec.port == "Oscilloscope"]
    return Bench(
        plc=cast(RigPlc, one("RigPlc")),
        charger=cast(CapacitorCharger, one("CapacitorCharger")),
        delay=cast(DelayGenerator, one("DelayGenerator")),
        scopes={name: cast(Oscilloscope, left.pop(name)) for name in scopes},
        daq=cast(Daq, one("Daq")),
        others=left,
    )
