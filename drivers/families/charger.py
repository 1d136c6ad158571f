"""The CapacitorCharger port over FuG Probus V (instruments.md 2.4)."""

import re
from typing import Any

from drivers.errors import InstrumentRefused, RemoteWireError
from drivers.families.identity import match_identity
from drivers.ports import ChargerReading, Identity
from drivers.transports.link import Hello, Recovery
from drivers.transports.route import InstrumentLink, Route, make_link
from drivers.wire.dialect import BadReply, Values
from drivers.wire.probus import FUG_HCK, Error, error_of

OPEN_S = 5.0
"""Opening a port, draining it and one identification: a port that needs longer is not there."""

EXCHANGE_S = 0.3
"""One exchange of a reading (instruments.md 2.4). A command has 51 characters at most and the longest answer, the
identification, some 40: 95 ms at 9600 baud; a conversion of ``ADC_MODE`` 40 ms. After a miss a drained line (0.1 s of
silence) and the identification (50 ms) come before a reading of 25 ms. Two misses have to end within a second
(safety.md 2.3 row 10)."""

COMMAND_S = 0.8
"""One exchange of a set-point or of the output: the first miss ends the step, and nothing is sent twice."""

SLOW_EXCHANGE_S = 1.5
"""The first words with a charger that still has its slowest ADC mode: 800 ms for a conversion, and a drain before."""

ADC_MODE = 4
"""Register M0I and M1I: 40 ms. Slower modes, up to 800 ms, answer too late for ``EXCHANGE_S``: they are changed."""

TOLERANCE = 1e-4
"""A read-back set-point may differ by this fraction: the instrument answers with six digits."""

_IDENTITY = re.compile(r"FUG ([A-Z]{3}) ([\d ]+?) - ([\d ]+?) MOD (\S+)")


class ProbusCharger:
    """One FuG charger. Every set-point is read back, because ``E0`` says received, not set."""

    def __init__(self, link: InstrumentLink, exchange_s: float = EXCHANGE_S) -> None:
        self.name = link.name
        self._link = link
        self._exchange_s = exchange_s

    async def identify(self) -> Identity:
        """Model with its rating in J/s and V. Raises RemoteWireError for an answer of another form."""
        answer = str((await self._ask("idn"))["identity"])
        found = _IDENTITY.match(answer)
        if found is None:
            raise RemoteWireError(self.name, f"identification {answer!r}")
        power, voltage = found[2].replace(" ", ""), found[3].replace(" ", "")
        return Identity("FuG", f"{found[1]} {power}-{voltage}", found[4], "")

    async def configure(self, voltage_v: float, current_a: float) -> None:
        """Write both set-points and read them back; raises InstrumentRefused when the read-back differs."""
        for register, value in (("S1", current_a), ("S0", voltage_v)):
            await self._set(register, value)
            held = await self._get(register, COMMAND_S)
            if abs(held - value) > TOLERANCE * max(abs(value), 1e-3):
                raise InstrumentRefused(self.name, f"{register} was set to {value:g} and reads back {held:g}")

    async def output(self, on: bool) -> None:
        """Switch the output stage and confirm the command; the hard-wired inhibit may still hold it off."""
        if not on:
            self._link.retry_now()  # off does not wait for a pause between attempts to connect
        await self._set("BON", int(on))
        if bool(await self._get("BON", COMMAND_S)) is not on:
            raise InstrumentRefused(self.name, f"the output command did not become {'on' if on else 'off'}")

    async def read(self) -> ChargerReading:
        """Measured voltage, current and regulation mode, in three exchanges."""
        voltage_v = await self._get("M0")
        current_a = await self._get("M1")
        status = str((await self._ask("read_KS"))["value"])
        return ChargerReading(voltage_v, current_a, output_on=status[2] == "1", constant_voltage=status[1] == "1")

    async def hasten(self) -> None:
        """Change an ADC mode that is slower than ``ADC_MODE``; raises InstrumentRefused when that is not taken."""
        for register in ("M0I", "M1I"):
            mode = (await self._ask(f"read_{register}", SLOW_EXCHANGE_S))["value"]
            if int(mode) > ADC_MODE:
                await self._ask(f"set_{register}", SLOW_EXCHANGE_S, value=ADC_MODE)

    async def close(self) -> None:
        """Release the port; the set-points stay as they are."""
        await self._link.close()

    async def _get(self, register: str, timeout_s: float | None = None) -> float:
        return float((await self._ask(f"read_{register}", timeout_s))["value"])

    async def _set(self, register: str, value: float) -> None:
        await self._ask(f"set_{register}", COMMAND_S, value=value)

    async def _ask(self, name: str, timeout_s: float | None = None, **values: Any) -> Values:
        """One exchange; raises InstrumentRefused for ``E<n>``, RemoteWireError for what no Probus would answer."""
        row = FUG_HCK[name]
        deadline_s = max(self._exchange_s, timeout_s or 0.0)
        reply = await self._link.query(row.request(**values), timeout_s=deadline_s)
        error = error_of(reply)
        if error is not None and error is not Error.OK:
            raise InstrumentRefused(self.name, f"{name}: E{error.value} {error.name.lower().replace('_', ' ')}")
        try:
            return row.parse_reply(reply)
        except BadReply as problem:
            self._link.poison(str(problem))
            raise RemoteWireError(self.name, str(problem)) from problem


async def open_fug_hck(name: str, route: Route, *, identity: str, exchange_s: float = EXCHANGE_S) -> ProbusCharger:
    """Connect to the charger called ``name`` in the rig. ``exchange_s`` is the least deadline of an exchange.

    The empty line before the identification ends whatever half command the port may hold; the instrument ignores it.
    A slow ADC mode is changed. Raises ConnectFailed, LinkTimeout, WrongInstrument, InstrumentRefused.
    """
    hello = Hello(b"\n" + FUG_HCK["idn"].request(), b"\n", match_identity(identity))
    link = make_link(name, route, recovery=Recovery.DRAIN, hello=hello)
    await link.open(OPEN_S)
    charger = ProbusCharger(link, exchange_s)
    try:
        await charger.hasten()
    except BaseException:
        await charger.close()
        raise
    return charger
