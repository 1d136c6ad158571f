"""The DelayGenerator port over the Highland T560 (instruments.md 2.8).

The instrument has no single shot of its own: armed means that its external trigger is enabled, and the first look that
finds the shots counter moved disarms it. Two edges between two looks are two shots. It cannot be triggered again before
the longest delay and width have passed, which is all the hold-off it has.
"""

import asyncio
import re
from dataclasses import replace

from drivers.errors import InstrumentRefused, LocalWireError, RemoteWireError, WrongInstrument
from drivers.families.identity import match_identity
from drivers.ports import DelayPlan, Identity
from drivers.transports.link import Hello
from drivers.transports.route import InstrumentLink, Route, make_link
from drivers.wire.dialect import BadReply, Values
from drivers.wire.t560 import (
    BUFFER_BYTES,
    CHANNELS,
    COMMAND_END,
    FLUSH,
    OUTPUT_LEVEL_V,
    REFUSED,
    REPLY_END,
    RESOLUTION_S,
    T560,
    split_answers,
)

OPEN_S = 5.0
"""Connecting, one identification and the status page."""

EXCHANGE_S = 0.9
"""One line of commands: 150 characters and their answers take 80 ms at 38.4 kbaud. A miss ends the step, and has to
within a second (safety.md 2.3 row 10)."""

PAGE_S = 2.0
"""The status page takes up to 500 ms, and its characters as long again."""

PAGE_BYTES_MAX = 4096
"""A status page is below one kilobyte."""

INSTALL_S = 0.001
"""An install takes 350 us, in which triggers are lost: arming waits it out."""

RATE_TOLERANCE = 0.01
"""Its synthesizer has steps of 0.02 Hz: one in a hundred at 2 Hz."""

TOLERANCE_V = 0.01
LEVEL_TOLERANCE_V = 0.5
"""The trigger level has three decimals; the outputs' level is fixed, and known as roughly as any TTL level."""

_PAGE_END = re.compile(rb";Trig [^\r\n;]*\r\n\Z")
_SERIAL = re.compile(r"S/N\s*(\S+)")
_FIRMWARE = re.compile(r"Firmware\s*(\S+)")


class T560DelayGenerator:
    """One T560; delays_s are its outputs A, B, C and D."""

    def __init__(self, link: InstrumentLink) -> None:
        self.name = link.name
        self._link = link
        self._holdoff_s = 0.0
        self._shots: int | None = None

    async def identify(self) -> Identity:
        """Model, serial number and firmware from the status page, as far as it names them."""
        page = await self.status_page()
        serial, firmware = _SERIAL.search(page), _FIRMWARE.search(page)
        model = "T560" if "T560" in page else page.split("\n", 1)[0]
        return Identity(
            "Highland Technology", model, serial[1] if serial else "", firmware[1].rstrip(",") if firmware else ""
        )

    async def status_page(self) -> str:
        """The page for people that ``STATUS`` prints. Raises InstrumentRefused, LinkError."""
        request = b"STATUS;" + T560["TR?"].request()
        reply = await self._link.query(
            request, timeout_s=PAGE_S, terminator=REPLY_END, framer=_page_length, max_bytes=PAGE_BYTES_MAX
        )
        if reply.startswith(REFUSED):
            raise InstrumentRefused(self.name, "refuses STATUS")
        return reply[: reply.rindex(b";Trig")].decode("latin-1").replace("\r\n", "\n").strip()

    async def configure(self, plan: DelayPlan) -> None:
        """Disarm, program ``plan`` and compare the read-back.

        Raises InstrumentRefused for what the instrument cannot do (a hold-off beyond the longest delay and width, an
        output level), for ``??``, and for what reads back differently.
        """
        self._shots = None
        await self._command(("TR", "OFF"), ("AU", 1), ("GA", "OFF"))
        _check_possible(self.name, plan)
        await self._command(("TL", plan.trigger_level_v), ("TD", 0))
        for channel, delay_s in zip(CHANNELS, plan.delays_s, strict=True):
            await self._command(
                (f"{channel}D", delay_s), (f"{channel}W", plan.width_s), (f"{channel}S", "POS"), (f"{channel}S", "ON")
            )
        self._holdoff_s = plan.holdoff_s
        held = await self.read_back()
        if not _same(plan, held):
            raise InstrumentRefused(self.name, f"reads back {held} where {plan} was programmed")

    async def read_back(self) -> DelayPlan:
        """The plan as the instrument holds it; its hold-off is what was configured, at most the longest pulse's end.

        Raises InstrumentRefused when its state cannot be one: a trigger other than off or external, a gate, a divisor,
        an output that is off or inverted, unequal widths.
        """
        trigger, gate = await self._ask("TR?", "GA?")
        if trigger["mode"] not in ("OFF", "POS"):
            raise InstrumentRefused(self.name, f"trigger source is {trigger['mode']}, not external rising")
        if gate["mode"] == "INP":
            raise InstrumentRefused(self.name, "the gate input is on: it would hold triggers back")
        if trigger["divisor"] > 1:
            raise InstrumentRefused(self.name, f"triggers are divided by {trigger['divisor']}")
        outputs = await self._ask(*(f"{channel}S?" for channel in CHANNELS))
        for channel, output in zip(CHANNELS, outputs, strict=True):
            if (output["state"], output["polarity"]) != ("ON", "POS"):
                raise InstrumentRefused(self.name, f"output {channel} is {output['state']} {output['polarity']}")
        widths_s = [output["width_s"] for output in outputs]
        if max(widths_s) - min(widths_s) > RESOLUTION_S:
            raise InstrumentRefused(self.name, f"the outputs' widths differ: {widths_s}")
        delays_s = [output["delay_s"] for output in outputs]
        return DelayPlan(
            delays_s=(delays_s[0], delays_s[1], delays_s[2], delays_s[3]),
            width_s=widths_s[0],
            holdoff_s=min(self._holdoff_s, max(delays_s) + widths_s[0]),
            level_v=OUTPUT_LEVEL_V,
            trigger_level_v=trigger["level_v"],
        )

    async def arm(self) -> None:
        """Enable the external trigger and note the shots counter; returns once edges are seen.

        Raises InstrumentRefused when the source is another one than external: nobody has configured that.
        """
        (trigger,) = await self._ask("TR?")
        if trigger["mode"] not in ("OFF", "POS"):
            raise InstrumentRefused(self.name, f"trigger source is {trigger['mode']}: arming is for external edges")
        await self._command(("TR", "OFF"))
        (gate,) = await self._ask("GA?")
        self._shots = gate["shots"]
        await self._command(("TR", "POS"))
        (trigger,) = await self._ask("TR?")
        if trigger["mode"] != "POS":
            raise InstrumentRefused(self.name, f"trigger source is {trigger['mode']} after arming")
        await asyncio.sleep(INSTALL_S)

    async def triggered(self) -> bool:
        """True when the shots counter has moved since :meth:`arm`; disarms then, and is False until the next arm."""
        if self._shots is None:
            return False
        (gate,) = await self._ask("GA?")
        if gate["shots"] == self._shots:
            return False
        self._shots = None
        await self._command(("TR", "OFF"))
        return True

    async def run_at(self, rate_hz: float) -> None:
        """Trigger by its own synthesizer at ``rate_hz``; raises InstrumentRefused when it reads back differently."""
        await self._command(("TR", "OFF"), ("SY", rate_hz))
        (rate,) = await self._ask("SY?")
        if abs(rate["value"] - rate_hz) > RATE_TOLERANCE * rate_hz:
            raise InstrumentRefused(self.name, f"would trigger at {rate['value']} Hz, not at {rate_hz:g} Hz")
        await self._command(("TR", "SYN"))
        (trigger,) = await self._ask("TR?")
        if trigger["mode"] != "SYN":
            raise InstrumentRefused(self.name, f"trigger source is {trigger['mode']}, not its own synthesizer")

    async def halt(self) -> None:
        """No trigger any more; raises InstrumentRefused when it goes on."""
        self._shots = None
        await self._command(("TR", "OFF"))
        (trigger,) = await self._ask("TR?")
        if trigger["mode"] != "OFF":
            raise InstrumentRefused(self.name, f"trigger source is {trigger['mode']} after it was told to stop")

    async def close(self) -> None:
        """Release the socket; the instrument keeps its settings."""
        await self._link.close()

    async def _ask(self, *names: str) -> list[Values]:
        """Several queries on one line."""
        line = b";".join(T560[name].request().removesuffix(COMMAND_END) for name in names)
        answers = await self._exchange(line)
        try:
            return [T560[name].parse_reply(answer) for name, answer in zip(names, answers, strict=True)]
        except (BadReply, ValueError) as error:
            self._link.poison(str(error))
            raise RemoteWireError(self.name, str(error)) from error

    async def _command(self, *settings: tuple[str, object]) -> None:
        """Several settings on one line; raises InstrumentRefused naming the one that was not taken."""
        try:
            parts = [T560[name].request(value=value).removesuffix(COMMAND_END) for name, value in settings]
        except ValueError as error:
            raise InstrumentRefused(self.name, f"cannot be set: {error}") from error
        answers = await self._exchange(b";".join(parts))
        for part, answer in zip(parts, answers, strict=False):
            if answer == REFUSED:
                raise InstrumentRefused(self.name, f"{part.decode('ascii')}: ??")
        if answers != [b"OK"] * len(parts):
            self._link.poison("unexpected answers")
            raise RemoteWireError(self.name, f"answers {answers!r} to {len(parts)} commands")

    async def _exchange(self, line: bytes) -> list[bytes]:
        if len(line) > BUFFER_BYTES:
            raise LocalWireError(self.name, f"a line of {len(line)} bytes does not fit its buffer of {BUFFER_BYTES}")
        reply = await self._link.query(line + COMMAND_END, timeout_s=EXCHANGE_S, terminator=REPLY_END)
        answers = split_answers(reply)
        if REFUSED in answers and line.count(b";") + 1 > len(answers):
            return answers[: answers.index(REFUSED) + 1]
        return answers


def _page_length(held: bytearray) -> int:
    """The status page ends where the trigger line behind it does."""
    if held.startswith(REFUSED):
        return len(held) if held.endswith(REPLY_END) else 0
    return len(held) if _PAGE_END.search(held) else 0


def _check_possible(name: str, plan: DelayPlan) -> None:
    end_s = max(plan.delays_s) + plan.width_s
    if plan.holdoff_s > end_s:
        raise InstrumentRefused(name, f"holds off for its longest pulse ({end_s:g} s), not {plan.holdoff_s:g} s")
    if abs(plan.level_v - OUTPUT_LEVEL_V) > LEVEL_TOLERANCE_V:
        raise InstrumentRefused(name, f"its outputs give {OUTPUT_LEVEL_V:g} V, not {plan.level_v:g} V")


def _same(plan: DelayPlan, held: DelayPlan) -> bool:
    wanted = replace(plan, level_v=held.level_v)
    ours = (*wanted.delays_s, wanted.width_s, wanted.holdoff_s)
    theirs = (*held.delays_s, held.width_s, held.holdoff_s)
    return (
        all(abs(a - b) <= RESOLUTION_S for a, b in zip(ours, theirs, strict=True))
        and abs(wanted.trigger_level_v - held.trigger_level_v) <= TOLERANCE_V
    )


async def open_t560(name: str, route: Route, *, identity: str) -> T560DelayGenerator:
    """Connect to the delay generator called ``name``; the status page must match ``identity``.

    The backspace before the first command empties what a former client left in the buffer. Raises ConnectFailed,
    LinkTimeout, WrongInstrument.
    """
    hello = Hello(FLUSH + T560["TR?"].request(), REPLY_END, lambda answer: answer.startswith(b"Trig "))
    link = make_link(name, route, hello=hello)
    await link.open(OPEN_S)
    generator = T560DelayGenerator(link)
    try:
        page = await generator.status_page()
        if not match_identity(identity)(page.encode("latin-1")):
            raise WrongInstrument(name, f"its status page begins {page[:80]!r}, not {identity!r}")
    except BaseException:
        await generator.close()
        raise
    return generator
