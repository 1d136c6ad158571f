"""The Chiller port over the LAUDA PRO RP 245 E (instruments.md 2.12). Closing the port leaves the chiller running."""

from typing import Any

from drivers.errors import InstrumentRefused, RemoteWireError
from drivers.families.identity import match_identity
from drivers.ports import ChillerReading, Identity
from drivers.transports.link import Hello
from drivers.transports.route import InstrumentLink, Route, make_link
from drivers.wire.dialect import BadReply, Values
from drivers.wire.lauda import END, FAULT_TEXTS, LAUDA, Fault, fault_of

OPEN_S = 5.0
"""Connecting and one identification."""

EXCHANGE_S = 0.9
"""One exchange on a local network. A miss ends the step, and has to within a second (safety.md 2.3 row 10)."""

TOLERANCE_C = 0.006
"""The set-point reads back with two decimals."""

_NO_SENSOR = (Fault.NO_EXTERNAL_SENSOR, Fault.NO_MODULE)


class LaudaChiller:
    """One chiller. Made by :func:`open_lauda`."""

    def __init__(self, link: InstrumentLink) -> None:
        self.name = link.name
        self._link = link

    async def identify(self) -> Identity:
        """Type and the control system's software version; a serial number is not told."""
        model = str((await self._ask("TYPE"))["value"])
        version = str((await self._ask("VERSION_R"))["value"])
        return Identity("LAUDA", model.strip(), "", version.strip())

    async def configure(self, set_point_c: float, *, pump: int | None = None) -> None:
        """Write set-point and pump step, and read them back; raises InstrumentRefused when one differs.

        The communication timeout is switched off: it would change the chiller's state when this port is closed.
        """
        await self._ask("OUT_SP_08", value=0)
        await self._ask("OUT_SP_00", value=set_point_c)
        held_c = (await self._ask("IN_SP_00"))["value"]
        if abs(held_c - set_point_c) > TOLERANCE_C:
            raise InstrumentRefused(self.name, f"set-point {set_point_c:g} C reads back {held_c:g} C")
        if pump is not None:
            await self._ask("OUT_SP_01", value=pump)
            held = (await self._ask("IN_SP_01"))["value"]
            if held != pump:
                raise InstrumentRefused(self.name, f"pump step {pump} reads back {held}")

    async def run(self, on: bool) -> None:
        """Start or stop cooling and pump, and confirm it; raises InstrumentRefused."""
        await self._ask("START" if on else "STOP")
        if await self._running() is not on:
            raise InstrumentRefused(self.name, f"did not {'start' if on else 'stop'}")

    async def read(self) -> ChillerReading:
        """Temperatures and whether it runs, in four exchanges."""
        bath_c = (await self._ask("IN_PV_00"))["value"]
        set_point_c = (await self._ask("IN_SP_00"))["value"]
        return ChillerReading(bath_c, set_point_c, await self._external_c(), await self._running())

    async def close(self) -> None:
        """Release the socket. Nothing is sent: the chiller goes on."""
        await self._link.close()

    async def _running(self) -> bool:
        return bool((await self._ask("IN_MODE_02"))["value"] == 0)

    async def _external_c(self) -> float | None:
        row = LAUDA["IN_PV_03"]
        reply = await self._query(row.request())
        if fault_of(reply) in _NO_SENSOR:
            return None
        return float(self._parse("IN_PV_03", reply)["value"])

    async def _ask(self, name: str, **values: Any) -> Values:
        """One exchange; raises InstrumentRefused for ``ERR_n`` and for a value that has no place in the command."""
        try:
            request = LAUDA[name].request(**values)
        except ValueError as error:
            raise InstrumentRefused(self.name, f"{name} cannot be set: {error}") from error
        return self._parse(name, await self._query(request))

    async def _query(self, request: bytes) -> bytes:
        return await self._link.query(request, timeout_s=EXCHANGE_S, terminator=END)

    def _parse(self, name: str, reply: bytes) -> Values:
        fault = fault_of(reply)
        if fault is not None:
            raise InstrumentRefused(self.name, f"{name}: ERR_{fault} {FAULT_TEXTS.get(fault, 'unknown')}")
        try:
            return LAUDA[name].parse_reply(reply)
        except BadReply as error:
            self._link.poison(str(error))
            raise RemoteWireError(self.name, str(error)) from error


async def open_lauda(name: str, route: Route, *, identity: str) -> LaudaChiller:
    """Connect to the chiller called ``name``; ``identity`` is part of its ``TYPE``, which also contains ``PRO``.

    Raises ConnectFailed, LinkTimeout, WrongInstrument.
    """
    wanted = match_identity(identity)
    hello = Hello(LAUDA["TYPE"].request(), END, lambda answer: b"PRO" in answer and wanted(answer))
    link = make_link(name, route, hello=hello)
    await link.open(OPEN_S)
    return LaudaChiller(link)
