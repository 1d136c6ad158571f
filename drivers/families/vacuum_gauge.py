"""The VacuumGauge port over Pfeiffer TPG 262 and TPG 256A (instruments.md 2.9).

A request has two steps, ACK and ENQ, and nobody may come between them: one lock per controller. Pressures are converted
by what ``UNI`` says at the time, because somebody at the panel may change it.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from drivers.errors import InstrumentRefused, LinkBusy, RemoteWireError, WrongInstrument
from drivers.families.identity import match_identity
from drivers.ports import GaugeStatus, Identity, PressureReading
from drivers.transports.link import Connect, Hello, Recovery
from drivers.transports.route import InstrumentLink, Route, make_link
from drivers.wire.dialect import BadReply, Values
from drivers.wire.tpg import (
    ACK,
    END,
    ENQ,
    ETX,
    MODELS,
    NAK,
    PASCALS,
    TPG_256A,
    TPG_262,
    GaugeModel,
    Status,
    Switch,
    read_error,
)

OPEN_S = 5.0
"""Opening a port, draining it and one identification."""

STEP_S = 0.3
"""One step: the longest answer, six gauges, is 86 characters or 90 ms at 9600 baud. A miss ends the step, and has to
within a second (safety.md 2.3 row 10)."""

TURN_S = 2.0
"""Waiting for another request on the same controller: four steps of a reading and a recovery."""


class PfeifferGauges:
    """One controller; ``model`` says how many gauges it has. Made by :func:`open_tpg_262`, :func:`open_tpg_256a`."""

    def __init__(self, link: InstrumentLink, model: GaugeModel, greetings: Callable[[], int]) -> None:
        self.name = link.name
        self._link = link
        self._model = model
        self._greetings = greetings
        self._turn = asyncio.Lock()

    async def identify(self) -> Identity:
        """The controller, told by its number of gauges: it has no identification of its own in this protocol."""
        await self._ask("TID")
        return Identity("Pfeiffer", self._model.model.removeprefix("Pfeiffer "), "", "")

    async def gauges(self) -> tuple[str, ...]:
        """What is plugged in, by ``TID``: ``PKR``, ``TPR``, ``noSEn`` ... Raises LinkError."""
        data = await self._take_turn(self._model.dialect["TID"].request(), "TID")
        return tuple(data.decode("latin-1").replace(" ", "").split(","))

    async def read(self) -> Mapping[int, PressureReading]:
        """All gauges in pascals. Raises LinkError, RemoteWireError, InstrumentRefused."""
        pascals = PASCALS[(await self._ask("UNI?"))["unit"]]
        held = await self._ask("PRX")
        return {
            number: PressureReading(
                GaugeStatus[Status(held[f"status_{number}"]).name], held[f"pressure_{number}"] * pascals
            )
            for number in range(1, self._model.gauges + 1)
        }

    async def switch(self, gauge: int, on: bool) -> None:
        """Switch a gauge and confirm it; raises InstrumentRefused for one that cannot be switched or is not there."""
        key, wanted = f"gauge_{gauge}", Switch.ON if on else Switch.OFF
        held = await self._ask("SEN?")
        if key not in held:
            raise InstrumentRefused(self.name, f"has no gauge {gauge}, only 1..{self._model.gauges}")
        if held[key] == Switch.NONE:
            raise InstrumentRefused(self.name, f"gauge {gauge} cannot be switched")
        held = await self._ask("SEN", **{other: wanted if other == key else Switch.NONE for other in held})
        if held[key] != wanted:
            raise InstrumentRefused(self.name, f"gauge {gauge} did not become {wanted.name.lower()}")

    async def close(self) -> None:
        """Release the port; the gauges stay as they are."""
        await self._link.close()

    async def _ask(self, name: str, **values: Any) -> Values:
        """One row in its two steps; raises InstrumentRefused for NAK with what the error word says."""
        row = self._model.dialect[name]
        data = await self._take_turn(row.request(**values), name)
        try:
            return row.parse_reply(data)
        except BadReply as error:
            self._link.poison(str(error))
            raise RemoteWireError(self.name, str(error)) from error

    async def _take_turn(self, request: bytes, name: str) -> bytes:
        try:
            async with asyncio.timeout(TURN_S):
                await self._turn.acquire()
        except TimeoutError as error:
            raise LinkBusy(self.name, "the controller was busy until the deadline") from error
        try:
            return await self._fetch(request, name)
        finally:
            self._turn.release()

    async def _fetch(self, request: bytes, name: str) -> bytes:
        answer = await self._link.query(request, timeout_s=STEP_S, terminator=END)
        if answer not in (ACK, NAK):
            self._link.poison("neither ACK nor NAK")
            raise RemoteWireError(self.name, f"{name}: {answer[:40]!r} is neither ACK nor NAK")
        greetings = self._greetings()
        data = await self._link.query(ENQ, timeout_s=STEP_S, terminator=END)
        if greetings != self._greetings():
            raise RemoteWireError(self.name, f"{name}: the line was restored between request and ENQ")
        if answer == NAK:
            raise InstrumentRefused(self.name, f"{name}: {read_error(data)}")
        return data


class _Greeter:
    """Counts the greetings of a link: a restored line has forgotten the request that ENQ would fetch."""

    def __init__(self) -> None:
        self.count = 0

    def accept(self, answer: bytes) -> bool:
        """The error word, which is what ENQ fetches after ETX."""
        self.count += 1
        return len(answer) == 4 and not answer.strip(b"01")


def _quiet(route: Connect) -> Connect:
    """``route`` with an ETX as its first byte: it ends a continuous output, which would never let the line drain."""

    async def connect(
        factory: Callable[[], asyncio.BaseProtocol],
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        transport, protocol = await route(factory)
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(ETX)
        return transport, protocol

    return connect


async def _open(name: str, route: Route, identity: str, model: GaugeModel) -> PfeifferGauges:
    greeter = _Greeter()
    hello = Hello(ETX + ENQ, END, greeter.accept)
    link = make_link(name, _quiet(route) if callable(route) else route, recovery=Recovery.DRAIN, hello=hello)
    gauges = PfeifferGauges(link, model, lambda: greeter.count)
    try:
        await link.open(OPEN_S)
        kinds = await gauges.gauges()
        found = MODELS.get(len(kinds))
        text = f"{found.model if found else 'gauge controller'} {','.join(kinds)}"
        if found is not model or not match_identity(identity)(text.encode("latin-1")):
            raise WrongInstrument(name, f"{text!r} answers, not {identity!r} ({model.model})")
    except BaseException:
        await gauges.close()
        raise
    return gauges


async def open_tpg_262(name: str, route: Route, *, identity: str) -> PfeifferGauges:
    """Connect to the TPG 262 called ``name``; ``identity`` may name the model or its gauges (``PKR``).

    Raises ConnectFailed, LinkTimeout, WrongInstrument (also for a controller with another number of gauges).
    """
    return await _open(name, route, identity, TPG_262)


async def open_tpg_256a(name: str, route: Route, *, identity: str) -> PfeifferGauges:
    """Connect to the TPG 256A called ``name``; as :func:`open_tpg_262`."""
    return await _open(name, route, identity, TPG_256A)
