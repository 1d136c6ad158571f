"""The DelayGenerator port over the SRS DG645 (instruments.md 2.7): external single shot, armed once, read back."""

from typing import Any

from drivers.errors import InstrumentRefused
from drivers.families.identity import match_identity
from drivers.ports import DelayPlan, Identity
from drivers.transports.link import Hello
from drivers.transports.route import InstrumentLink, Route, make_link
from drivers.wire.dg645 import CHANNEL_NAMES, DG645, ERRORS, OUTPUT_NAMES, REPLY_END, Happened, TriggerSource
from drivers.wire.dialect import Values

OPEN_S = 5.0
"""Connecting and one identification."""

EXCHANGE_S = 0.9
"""One exchange on a local network; the instrument answers within milliseconds. A miss ends the step, and has to within
a second (safety.md 2.3 row 10)."""

ERRORS_MAX = 32
"""Entries read from the error queue before we give up emptying it: more than it holds."""

T0 = 0
STARTS = (2, 4, 6, 8)
"""Channels A, C, E, G begin the pulses of AB, CD, EF, GH; the following channel ends each."""

TOLERANCE_S = 1e-12
TOLERANCE_V = 0.01
"""The instrument's resolution in delay (5 ps, written with 12 decimals) and level."""


class Dg645DelayGenerator:
    """One DG645. After every set the error queue is asked, in the same exchange."""

    def __init__(self, link: InstrumentLink) -> None:
        self.name = link.name
        self._link = link

    async def identify(self) -> Identity:
        """The four fields of ``*IDN?``."""
        found = await self._ask("*IDN?")
        return Identity(found["vendor"], found["model"], found["serial"], found["firmware"])

    async def configure(self, plan: DelayPlan) -> None:
        """Program ``plan`` in external single-shot mode, disarmed, and compare the read-back.

        The trigger source goes first: it disarms, so that no edge can start a half-programmed cycle. Raises
        InstrumentRefused with the instrument's error, or with what reads back differently.
        """
        await self._empty_errors()
        await self._set("TSRC", value=TriggerSource.SINGLE_EXTERNAL_RISING)
        for name, value in (("ADVT", 0), ("BURM", 0), ("TLVL", plan.trigger_level_v), ("HOLD", plan.holdoff_s)):
            await self._set(name, value=value)
        for output in range(len(OUTPUT_NAMES)):
            await self._set("LPOL", index=output, value=1)
            await self._set("LOFF", index=output, value=0.0)
            await self._set("LAMP", index=output, value=plan.level_v)
        for start, delay_s in zip(STARTS, plan.delays_s, strict=True):
            await self._set("DLAY", channel=start, reference=T0, delay_s=delay_s)
            await self._set("DLAY", channel=start + 1, reference=start, delay_s=plan.width_s)
        held = await self.read_back()
        if not _same(plan, held):
            raise InstrumentRefused(self.name, f"reads back {held} where {plan} was programmed")

    async def read_back(self) -> DelayPlan:
        """The plan as the instrument holds it.

        Raises InstrumentRefused when its state cannot be one: another trigger source, burst mode, unequal widths or
        levels, a delay that is not relative to T0.
        """
        source = TriggerSource(int((await self._ask("TSRC?"))["value"]))
        if source is not TriggerSource.SINGLE_EXTERNAL_RISING:
            raise InstrumentRefused(self.name, f"trigger source is {source.name}, not external single shot")
        for name in ("ADVT", "BURM"):
            if (await self._ask(f"{name}?"))["value"] != 0:
                raise InstrumentRefused(self.name, f"{name} is on")
        delays_s = [await self._delay_s(start, T0) for start in STARTS]
        widths_s = [await self._delay_s(start + 1, start) for start in STARTS]
        return DelayPlan(
            delays_s=(delays_s[0], delays_s[1], delays_s[2], delays_s[3]),
            width_s=self._common("width", widths_s),
            holdoff_s=(await self._ask("HOLD?"))["value"],
            level_v=self._common("level", [await self._level_v(output) for output in range(len(OUTPUT_NAMES))]),
            trigger_level_v=(await self._ask("TLVL?"))["value"],
        )

    async def arm(self) -> None:
        """Clear the event latch and arm once, in external single-shot mode only: elsewhere ``*TRG`` would fire."""
        source = TriggerSource(int((await self._ask("TSRC?"))["value"]))
        if source is not TriggerSource.SINGLE_EXTERNAL_RISING:
            raise InstrumentRefused(self.name, f"trigger source is {source.name}: *TRG would not arm")
        await self._ask("INSR?")
        await self._set("*TRG")

    async def triggered(self) -> bool:
        """True when a trigger was accepted since :meth:`arm`; reading clears the instrument's latch."""
        return bool((await self._ask("INSR?"))["bits"] & Happened.TRIG)

    async def close(self) -> None:
        """Release the socket; the instrument keeps its settings."""
        await self._link.close()

    async def _delay_s(self, channel: int, reference: int) -> float:
        held = await self._ask("DLAY?", channel=channel)
        if held["reference"] != reference:
            names = CHANNEL_NAMES[channel], CHANNEL_NAMES[held["reference"]], CHANNEL_NAMES[reference]
            raise InstrumentRefused(self.name, "{} is relative to {}, not to {}".format(*names))
        return float(held["delay_s"])

    async def _level_v(self, output: int) -> float:
        offset_v = (await self._ask("LOFF?", index=output))["value"]
        positive = (await self._ask("LPOL?", index=output))["value"]
        if not positive or abs(offset_v) > TOLERANCE_V:
            raise InstrumentRefused(self.name, f"output {OUTPUT_NAMES[output]} is inverted or has an offset")
        return float((await self._ask("LAMP?", index=output))["value"])

    def _common(self, what: str, values: list[float]) -> float:
        if max(values) - min(values) > TOLERANCE_S:
            raise InstrumentRefused(self.name, f"the outputs' {what}s differ: {values}")
        return values[0]

    async def _ask(self, name: str, **values: Any) -> Values:
        return await self._link.ask(DG645[name], timeout_s=EXCHANGE_S, terminator=REPLY_END, **values)

    async def _set(self, name: str, **values: Any) -> None:
        """One set and its error check in one exchange; raises InstrumentRefused."""
        try:
            before = DG645[name].request(**values)
        except ValueError as error:
            raise InstrumentRefused(self.name, f"{name} cannot be set: {error}") from error
        code = (await self._link.ask(DG645["LERR?"], timeout_s=EXCHANGE_S, terminator=REPLY_END, before=before))["code"]
        if code:
            await self._empty_errors()
            text = before.decode("ascii").strip()
            raise InstrumentRefused(self.name, f"{text}: error {code} {ERRORS.get(code, 'hardware')}")

    async def _empty_errors(self) -> None:
        for _ in range(ERRORS_MAX):
            if (await self._ask("LERR?"))["code"] == 0:
                return
        raise InstrumentRefused(self.name, "the error queue does not run empty")


def _same(plan: DelayPlan, held: DelayPlan) -> bool:
    times = zip(
        (*plan.delays_s, plan.width_s, plan.holdoff_s), (*held.delays_s, held.width_s, held.holdoff_s), strict=True
    )
    levels = ((plan.level_v, held.level_v), (plan.trigger_level_v, held.trigger_level_v))
    return all(abs(a - b) <= TOLERANCE_S for a, b in times) and all(abs(a - b) <= TOLERANCE_V for a, b in levels)


async def open_dg645(name: str, route: Route, *, identity: str) -> Dg645DelayGenerator:
    """Connect to the delay generator called ``name``. Raises ConnectFailed, LinkTimeout, WrongInstrument."""
    hello = Hello(DG645["*IDN?"].request(), REPLY_END, match_identity(identity))
    link = make_link(name, route, hello=hello)
    await link.open(OPEN_S)
    return Dg645DelayGenerator(link)
