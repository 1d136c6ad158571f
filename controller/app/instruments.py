"""Open a rig's instruments: over the network and serial lines, or linked in memory on virtual time."""

import asyncio
from collections.abc import Mapping
from typing import cast

from controller.app.linked import Connect
from controller.rig.model import InstrumentSpec, Rig
from controller.rig.source import Problem, Refused
from controller.runtime.bench import Bench
from drivers.errors import InstrumentError, WrongInstrument
from drivers.ports import CapacitorCharger, Daq, DelayGenerator, Identity, Instrument, Oscilloscope, RigPlc
from drivers.registry import open_instrument
from drivers.transports.serial import serial_port
from drivers.transports.tcp import tcp

OPEN_TIMEOUT_S = 10.0
"""Longest time to connect to one instrument and hear its identity; drivers' own deadlines are shorter."""


def connects_from(rig: Rig, endpoints: Mapping[str, Mapping[str, str]], where: str) -> dict[str, Connect]:
    """A ``connect`` callable per instrument. ``where`` names the source of the addresses in a refusal."""
    problems: list[Problem] = []
    connects: dict[str, Connect] = {}
    for spec in rig.instruments:
        address = endpoints.get(spec.name, {}).get(spec.transport)
        if address is None:
            remedy = f"give {spec.transport}: ADDRESS"
            problems.append(Problem(where, 0, spec.name, f"has no {spec.transport} address", remedy))
        elif spec.transport == "serial":
            connects[spec.name] = cast(Connect, serial_port(address))
        else:
            host, _, port = address.rpartition(":")
            if not host or not port.isdigit():
                problems.append(Problem(where, 0, spec.name, f"{address!r} is no address", "write HOST:PORT"))
            else:
                connects[spec.name] = cast(Connect, tcp(host, int(port)))
    if problems:
        raise Refused(problems)
    return connects


async def open_bench(rig: Rig, connects: Mapping[str, Connect]) -> tuple[Bench, dict[str, Identity]]:
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


async def _open(spec: InstrumentSpec, connect: Connect) -> Instrument:
    async with asyncio.timeout(OPEN_TIMEOUT_S):
        return await open_instrument(spec.model, spec.name, connect, identity=spec.identity)


def _bench(rig: Rig, opened: Mapping[str, Instrument]) -> Bench:
    def one(port: str) -> Instrument:
        return next(opened[spec.name] for spec in rig.instruments if spec.port == port)

    return Bench(
        plc=cast(RigPlc, one("RigPlc")),
        charger=cast(CapacitorCharger, one("CapacitorCharger")),
        delay=cast(DelayGenerator, one("DelayGenerator")),
        scopes={
            spec.name: cast(Oscilloscope, opened[spec.name]) for spec in rig.instruments if spec.port == "Oscilloscope"
        },
        daq=cast(Daq, one("Daq")),
    )
