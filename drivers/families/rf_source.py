"""The RfSource port over the R&S SMB100A (instruments.md 2.10), on any transport that carries SCPI."""

from collections.abc import Mapping
from typing import Any

from drivers.errors import InstrumentRefused
from drivers.families.identity import match_identity
from drivers.ports import Identity, RfPlan, RfReading
from drivers.transports.link import Hello
from drivers.transports.route import InstrumentLink, Route, make_link
from drivers.wire.dialect import Values
from drivers.wire.smb100a import SMB100A

OPEN_S = 5.0
"""Connecting and one identification."""

EXCHANGE_S = 0.9
"""One exchange; the instrument settles within milliseconds. A miss ends the step, and has to within a second
(safety.md 2.3 row 10)."""

ERRORS_MAX = 64
"""Entries read from the error queue before it counts as endless."""

FREQUENCY_TOLERANCE_HZ = 0.01
POWER_TOLERANCE_DB = 0.005
TIME_TOLERANCE = 1e-6
"""The instrument's resolution: 1 mHz, 0.01 dB, 10 ns in times (relative, as far as it shows in what is written)."""

PULSE_STEP_S = 5e-9
"""The pulse generator rounds to this half step."""

FORCED: Mapping[str, Any] = {
    "frequency.mode": "CW",
    "frequency.offset": 0.0,
    "frequency.multiplier": 1.0,
    "power.mode": "CW",
    "power.offset": 0.0,
    "pulse.mode": "SING",
    "pulse.trigger.slope": "POS",
    "pulse.polarity": "NORM",
    "pulse.delay": 0.0,
}
"""Settings an RfPlan does not name: written by configure, checked by every read-back."""

CLOCKED, TRIGGERED = "AUTO", "EXT"
"""Trigger modes of its pulse generator that a plan describes: by its own period, by edges at its input."""


class Smb100aSource:
    """One generator. Made by :func:`open_smb100a`."""

    def __init__(self, link: InstrumentLink) -> None:
        self.name = link.name
        self._link = link

    async def identify(self) -> Identity:
        """``*IDN?``."""
        return Identity(**await self._ask("idn?"))

    async def configure(self, plan: RfPlan) -> None:
        """Write ``plan``, check the error queue, read it back; raises InstrumentRefused when it differs.

        The output stays as it was. With pulse modulation and no width an external gate makes the pulses.
        """
        internal = plan.pulse_modulation and plan.pulse_width_s is not None
        triggered = internal and plan.pulse_period_s is None
        if plan.pulse_period_s is not None and not internal:
            raise InstrumentRefused(self.name, "a plan with a pulse period needs pulse modulation and a pulse width")
        settings = dict(FORCED)
        settings["pulse.trigger"] = TRIGGERED if triggered else CLOCKED
        settings["frequency"] = plan.frequency_hz
        settings["power"] = plan.power_dbm
        if plan.pulse_modulation:
            settings["pulse.source"] = "INT" if internal else "EXT"
        if internal:
            settings["pulse.width"] = plan.pulse_width_s
        if internal and not triggered:
            settings["pulse.period"] = plan.pulse_period_s
        settings["pulse"] = plan.pulse_modulation
        await self._check_errors(b"*CLS\n")
        await self._check_errors(b"".join(SMB100A[name].request(value=value) for name, value in settings.items()))
        held = await self.read_back()
        if not _same(plan, held):
            raise InstrumentRefused(self.name, f"reads back {held} where {plan} was programmed")

    async def read_back(self) -> RfPlan:
        """The plan as the instrument holds it.

        Raises InstrumentRefused when it is in a state that no plan describes: a sweep, an offset, double pulses.
        """
        changed = [
            f"{name} is {held}" for name, value in FORCED.items() if (held := await self._value(f"{name}?")) != value
        ]
        trigger = await self._value("pulse.trigger?")
        if trigger not in (CLOCKED, TRIGGERED):
            changed.append(f"pulse.trigger is {trigger}")
        if changed:
            raise InstrumentRefused(self.name, "changed since it was configured: " + ", ".join(changed))
        pulsed = bool(await self._value("pulse?"))
        internal = pulsed and await self._value("pulse.source?") == "INT"
        return RfPlan(
            frequency_hz=await self._value("frequency?"),
            power_dbm=await self._value("power?"),
            pulse_modulation=pulsed,
            pulse_width_s=await self._value("pulse.width?") if internal else None,
            pulse_period_s=await self._value("pulse.period?") if internal and trigger == CLOCKED else None,
        )

    async def read(self) -> RfReading:
        """Level and output, in two exchanges."""
        return RfReading(float(await self._value("power?")), await self._value("output?") is True)

    async def output(self, on: bool) -> None:
        """Switch the RF output and confirm it; raises InstrumentRefused."""
        if not on:
            self._link.retry_now()  # off does not wait for a pause between attempts to connect
        await self._check_errors(SMB100A["output"].request(value=on))
        if await self._value("output?") is not on:
            raise InstrumentRefused(self.name, f"the output did not become {'on' if on else 'off'}")

    async def close(self) -> None:
        """Release the link; the output stays as it is."""
        await self._link.close()

    async def _value(self, name: str) -> Any:
        return (await self._ask(name))["value"]

    async def _ask(self, name: str, before: bytes = b"") -> Values:
        return await self._link.ask(SMB100A[name], timeout_s=EXCHANGE_S, before=before)

    async def _check_errors(self, before: bytes) -> None:
        """Send commands and empty the error queue; raises InstrumentRefused naming what was in it."""
        problems: list[str] = []
        for _ in range(ERRORS_MAX):
            error = await self._ask("error?", before)
            before = b""
            if error["code"] == 0:
                break
            problems.append(f"{error['code']} {error['text']}")
        if problems:
            raise InstrumentRefused(self.name, "; ".join(problems))


def _same(plan: RfPlan, held: RfPlan) -> bool:
    internal = plan.pulse_modulation and plan.pulse_width_s is not None
    wanted_s = (plan.pulse_width_s, plan.pulse_period_s) if internal else (None, None)
    return (
        abs(plan.frequency_hz - held.frequency_hz) <= FREQUENCY_TOLERANCE_HZ
        and abs(plan.power_dbm - held.power_dbm) <= POWER_TOLERANCE_DB
        and plan.pulse_modulation is held.pulse_modulation
        and all(_near(a, b) for a, b in zip(wanted_s, (held.pulse_width_s, held.pulse_period_s), strict=True))
    )


def _near(wanted_s: float | None, held_s: float | None) -> bool:
    if wanted_s is None or held_s is None:
        return wanted_s is held_s
    return abs(wanted_s - held_s) <= max(PULSE_STEP_S, TIME_TOLERANCE * wanted_s)


async def open_smb100a(name: str, route: Route, *, identity: str) -> Smb100aSource:
    """Connect to the generator called ``name``. Raises ConnectFailed, LinkTimeout, WrongInstrument."""
    hello = Hello(SMB100A["idn?"].request(), b"\n", match_identity(identity))
    link = make_link(name, route, hello=hello)
    await link.open(OPEN_S)
    return Smb100aSource(link)
