"""The CapacitorCharger port over a Technix CCR/SR (instruments.md 2.5).

The protocol has no identification and no query of a set-point: who answers ``E`` is taken for the model that the rig
names, and the echo of a set-point is its read-back.
"""

import asyncio
import re
from typing import Any

from drivers.errors import InstrumentRefused, WrongInstrument
from drivers.families.identity import match_identity
from drivers.ports import ChargerReading, Identity
from drivers.transports.filtered import after_greeting
from drivers.transports.link import Hello
from drivers.transports.route import InstrumentLink, Route, make_link
from drivers.wire.dialect import Values
from drivers.wire.technix import CCR10KV_7_5KJ, CCR25KV_7_5KJ, END, TECHNIX, Rating, Status, code_of, value_of

OPEN_S = 5.0
"""Connecting, the greeting, and one status: who needs longer is not there."""

GREETING_S = 0.2
"""The network module may greet; it has done so when it was silent this long."""

EXCHANGE_S = 0.3
"""One exchange of a reading: 15 characters at 9600 baud take 16 ms. After a miss a new connection, ``GREETING_S`` and
the first status come before it. Two misses have to end within a second (safety.md 2.3 row 10)."""

COMMAND_S = 0.8
"""One exchange that changes something: the first miss ends the step, and nothing is sent twice."""

POLL_S = 0.1
"""Readings may not follow each other faster."""

PULSE_S = 0.1
"""HV on and HV off are pulses of about this length."""

_STATUS = re.compile(rb"E\d{1,3}$")


class TechnixCharger:
    """One Technix charger. It must be polled: its watchdog switches off when it hears nothing (time unverified)."""

    def __init__(self, link: InstrumentLink, rating: Rating = CCR10KV_7_5KJ) -> None:
        self.name = link.name
        self._link = link
        self._rating = rating
        self._loop = asyncio.get_running_loop()
        self._next_poll = self._loop.time()
        self._raised: dict[str, None] = {}

    async def identify(self) -> Identity:
        """The model that the rig expects, once its status has answered: the instrument itself cannot say."""
        await self.status()
        return Identity("Technix", self._rating.model, "", "")

    async def configure(self, voltage_v: float, current_a: float) -> None:
        """Take remote control and write both set-points, truncated to the 4095 steps of the rating.

        Raises InstrumentRefused for a value above the rating, in local mode, or when another value is echoed.
        """
        codes = {
            "set_current": self._code(current_a, self._rating.current_a, "A"),
            "set_voltage": self._code(voltage_v, self._rating.voltage_v, "V"),
        }
        await self._take_control()
        for row, code in codes.items():
            await self._write(row, code=code)

    async def output(self, on: bool) -> None:
        """Pulse HV on or HV off and confirm it. A latched fault is cleared by HV off first.

        Raises InstrumentRefused: interlock open, a fault that HV off does not clear, local mode.
        """
        if on:
            await self._ready()
            await self._pulse("hv_on")
        else:
            self._link.retry_now()  # off does not wait for a pause between attempts to connect
            await self._pulse("hv_off")
            if Status.HV_ON in await self.status():  # a pulse that another one had left half done
                await self._pulse("hv_off")
        status = await self.status()
        if (Status.HV_ON in status) is not on:
            raise InstrumentRefused(self.name, f"high voltage did not go {'on' if on else 'off'} ({_words(status)})")

    async def read(self) -> ChargerReading:
        """Measured voltage, current and regulation mode, in three exchanges, ``POLL_S`` after the last ones."""
        wait_s = self._next_poll - self._loop.time()
        self._next_poll = max(self._loop.time(), self._next_poll) + POLL_S
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        voltage_v = value_of((await self._ask("voltage?"))["code"], self._rating.voltage_v)
        current_a = value_of((await self._ask("current?"))["code"], self._rating.current_a)
        status = await self.status()
        return ChargerReading(
            voltage_v,
            current_a,
            output_on=Status.OUTPUT in status,
            constant_voltage=Status.VOLTAGE_REGULATION in status,
        )

    async def status(self) -> Status:
        """The status byte. Raises LinkError, RemoteWireError."""
        return Status((await self._ask("status?"))["bits"])

    async def inhibit(self, on: bool) -> None:
        """Hold the output off, or let it go, without switching high voltage."""
        await self._write("inhibit", on=int(on))

    async def close(self) -> None:
        """Release the link; nothing is switched, but the instrument's watchdog will miss us."""
        await self._link.close()

    # -- pieces

    def _code(self, value: float, full_scale: float, unit: str) -> int:
        try:
            return code_of(value, full_scale)
        except ValueError:
            problem = f"{value:g} {unit} is outside the rating of 0..{full_scale:g} {unit}"
            raise InstrumentRefused(self.name, problem) from None

    async def _take_control(self) -> None:
        await self._write("local", on=0)
        if Status.LOCAL in await self.status():
            raise InstrumentRefused(self.name, "stays in local mode: turn it to remote at its panel")

    async def _ready(self) -> None:
        """Remote, no fault, not inhibited; raises InstrumentRefused naming what is in the way."""
        await self._take_control()
        status = await self.status()
        if Status.FAULT in status and Status.INTERLOCK_OPEN not in status:
            await self._pulse("hv_off")
            status = await self.status()
        if Status.INTERLOCK_OPEN in status:
            raise InstrumentRefused(self.name, "the interlock is open")
        if Status.FAULT in status:
            raise InstrumentRefused(self.name, "has a fault that HV off does not clear")
        if Status.INHIBIT in status:
            await self._write("inhibit", on=0)

    async def _pulse(self, row: str) -> None:
        """Up, wait, down; the line goes down again even when the caller gives up meanwhile."""
        if row in self._raised:  # the last pulse was cut off by a lost answer: its edge must come again
            await self._write(row, on=0)
        self._raised[row] = None
        await self._write(row, on=1)
        try:
            await asyncio.sleep(PULSE_S)
        finally:
            await self._write(row, on=0)
        self._raised.pop(row, None)  # another task's pulse may have ended meanwhile

    async def _write(self, row: str, **values: int) -> None:
        echoed = await self._ask(row, COMMAND_S, **values)
        if echoed != values:
            raise InstrumentRefused(self.name, f"{row} was sent {values} and echoed {echoed}")

    async def _ask(self, row: str, timeout_s: float = EXCHANGE_S, **values: Any) -> Values:
        return await self._link.ask(TECHNIX[row], timeout_s=timeout_s, terminator=END, **values)


def _words(status: Status) -> str:
    shown = [str(bit.name).lower().replace("_", " ") for bit in Status if bit in status]
    return "status: " + (", ".join(shown) or "nothing")


async def open_technix(name: str, route: Route, *, identity: str, rating: Rating = CCR10KV_7_5KJ) -> TechnixCharger:
    """Connect to the charger called ``name``; it is left as it is. Its answer to ``E`` proves that a Technix is there.

    Raises ConnectFailed, LinkTimeout, and WrongInstrument also when ``identity`` names another model than ``rating``,
    because the instrument cannot be asked.
    """
    model = f"Technix {rating.model}"
    if not match_identity(identity)(model.encode()):
        raise WrongInstrument(name, f"identity {identity!r} does not fit the {model} that its model names")
    hello = Hello(TECHNIX["status?"].request(), END, lambda answer: _STATUS.search(answer.strip()) is not None)
    link = make_link(name, after_greeting(route, GREETING_S) if callable(route) else route, hello=hello)
    await link.open(OPEN_S)
    return TechnixCharger(link, rating)


async def open_technix_25_kv(name: str, route: Route, *, identity: str) -> TechnixCharger:
    """As :func:`open_technix`, for the 25 kV model."""
    return await open_technix(name, route, identity=identity, rating=CCR25KV_7_5KJ)
