"""The :class:`drivers.ports.Oscilloscope` port over six verbs of a verb file and a stored panel (issue 5, item 4).

``configure`` gives the scope its stored panel back, writes those settings that the verb file can write, and refuses a
set-up that the scope does not tell as its own. What the file cannot ask is the stored panel's, on trust of who learned
it; ``read_back`` asks for the panel again and compares it whole, so that a knob turned later is seen.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InstrumentRefused, LinkTimeout, RemoteWireError
from drivers.families.identity import match_identity
from drivers.families.scope_segments import refuse_segments
from drivers.ports import Identity, ScopeSetup, ScopeState, SegmentedWaveform, Waveform
from drivers.transports.link import Hello
from drivers.transports.route import InstrumentLink, Route, make_link
from drivers.wire.formula import BadFormula
from drivers.wire.verbs import (
    BLOB_MAX,
    RECORD_MAX,
    REPLY_MAX,
    BadVerbReply,
    Condition,
    Setting,
    Verbs,
    as_block,
    block_data,
    block_framer,
    block_numbers,
    fill,
    sample_bytes,
    text_numbers,
)

EXCHANGE_S = 0.9
"""Deadline of one question about state (safety.md 2.3 row 10, as for every scope)."""
POLL_S = 0.005
"""Between two polls while something is waited for."""
TOLERANCE = 0.005
"""A told value against the wanted one, relative."""
CHANNEL_FIELDS = ("range", "offset", "coupling", "impedance")
"""Settings that are asked once per channel; the others belong to the whole scope."""
ATTRIBUTES: Mapping[str, str] = {
    "range": "range_v",
    "offset": "offset_v",
    "coupling": "coupling",
    "impedance": "impedance",
    "window": "window_s",
    "pretrigger": "pretrigger_s",
    "trigger_level": "trigger_level_v",
    "trigger_source": "trigger_source",
    "points": "points",
}
"""A verb file's name of a setting -> the field of ScopeSetup or ScopeChannel."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What a scope holds, as far as it can be asked: the panel to compare, and the set-up's own values."""

    panel: tuple[bytes, ...]
    told: Mapping[tuple[str, str], float | str]


class LearnedOscilloscope:
    """One scope by its verbs and its stored panel; not for concurrent acquisitions. Made by :func:`open_learned`."""

    def __init__(self, name: str, link: InstrumentLink, verbs: Verbs, blob: bytes) -> None:
        self.name = name
        self._link = link
        self._verbs = verbs
        self._blob = blob
        self._setup: ScopeSetup | None = None
        self._held: _Held | None = None
        self._armed = False
        self._seen: dict[str, int] = {}

    async def identify(self) -> Identity:
        """As the verb file asks; missing fields stay empty."""
        answer = await self._ask(self._verbs.identify)
        fields = [part.strip() for part in answer.split(",", 3)]
        return Identity(*(fields + [""] * 4)[:4])

    async def close(self) -> None:
        """Release the link; the scope keeps what it does."""
        await self._link.close()

    async def prepare(self) -> None:
        """What the verb file wants sent once a connection stands: reply headers off, byte order."""
        await self._send(self._verbs.prepare)

    async def save(self) -> bytes:
        """The panel as the scope tells it: what ``scope learn`` stores. Raises LinkError, RemoteWireError."""
        restore = self._verbs.restore
        request = fill(restore.ask)
        if not restore.block:
            reply = await self._link.query(request, timeout_s=restore.timeout_s, max_bytes=BLOB_MAX)
            return reply.rstrip(b"\r")
        framer = block_framer(restore.prefix, BLOB_MAX)
        reply = await self._link.query(
            request, timeout_s=restore.timeout_s, framer=framer, max_bytes=BLOB_MAX + REPLY_MAX
        )
        return bytes(self._block(reply, restore.prefix))

    async def restore(self) -> None:
        """Give the scope its stored panel back and compare. Raises InstrumentRefused when it did not take it."""
        verbs = self._verbs
        await self._send(verbs.stop)
        for template in verbs.restore.send:
            request = fill(template, blob=self._blob, block=as_block(self._blob))
            await self._link.send(request, timeout_s=verbs.restore.timeout_s)
        await self._send(verbs.prepare)
        await self._check(verbs.restore.check, "refused its stored panel")
        wanted = verbs.restore.comparable(self._blob)
        held = verbs.restore.comparable(await self.save())
        if held != wanted:
            raise InstrumentRefused(self.name, f"did not take its stored panel: {_difference(wanted, held)}")

    async def configure(self, setup: ScopeSetup) -> None:
        """Restore the panel, write what can be written, and refuse what the scope tells otherwise."""
        self._setup, self._held, self._armed = None, None, False
        unknown = [item.source for item in setup.channels if item.source not in self._verbs.channels]
        if unknown or setup.bits != self._verbs.bits:
            raise InstrumentRefused(self.name, f"cannot record {unknown or 'that'} with {setup.bits} bit")
        refuse_segments(self.name, setup, None)
        await self.restore()
        for setting in self._verbs.settings:
            for source in _sources(setting, setup) if setting.send else ():
                await self._write(setting, source, _wanted(setup, setting.field, source))
        await self._check(self._verbs.restore.check, "refused a setting")
        self._setup = setup
        self._held = await self._hold()
        if _as_told(setup, self._held.told) != setup:
            raise InstrumentRefused(self.name, _unlike(setup, self._held.told))

    async def read_back(self) -> ScopeSetup:
        """The configured set-up, with what the scope tells otherwise now.

        Raises InstrumentRefused when its panel is no longer the one that :meth:`configure` left, or was never set.
        """
        if self._setup is None or self._held is None:
            raise InstrumentRefused(self.name, "is read back before it was configured")
        held = await self._hold()
        told = _as_told(self._setup, held.told)
        if told == self._setup and held.panel != self._held.panel:
            raise InstrumentRefused(
                self.name, f"changed since it was configured: {_difference(self._held.panel, held.panel)}"
            )
        return told

    async def arm(self) -> None:
        """Start one acquisition, return once the scope says that it waits for its trigger."""
        verbs = self._verbs
        for condition in (verbs.armed, verbs.done):
            if condition.clears:
                await self._ask(condition.ask)
        self._seen.clear()
        self._armed = True
        await self._send(verbs.arm)
        await self._until(verbs.armed, verbs.armed_timeout_s, "does not report that it is armed")

    async def state(self) -> ScopeState:
        """TRIGGERED once the record is complete; ARMING also while it is being stored."""
        if not self._armed:
            return ScopeState.STOPPED
        if await self._holds(self._verbs.done):
            return ScopeState.TRIGGERED
        return ScopeState.ARMED if await self._holds(self._verbs.armed) else ScopeState.ARMING

    async def force_trigger(self) -> None:
        """For noise records only. Raises InstrumentRefused when the verb file has no word for it."""
        if not self._verbs.force:
            raise InstrumentRefused(self.name, "has no verb that forces a trigger")
        await self._send(self._verbs.force)

    async def read_waveform(self, source: str, out: bytearray | memoryview | None = None) -> Waveform:
        """Transfer one channel's record. Raises InstrumentRefused without a record, RemoteWireError for nonsense."""
        read = self._verbs.read
        if source not in self._verbs.channels:
            raise InstrumentRefused(self.name, f"has no {source!r}")
        if self._armed:
            await self._until(self._verbs.done, self._verbs.done_timeout_s, "has no record")
        await self._send(read.send, source)
        text = await self._ask(read.text_ask, source) if read.text_ask else ""
        reply = await self._link.query(
            self._line(read.ask, source),
            timeout_s=read.timeout_s,
            framer=block_framer(read.prefix, RECORD_MAX),
            max_bytes=RECORD_MAX + REPLY_MAX,
        )
        try:
            numbers = text_numbers(read, text) if read.text_ask else {}
            data = block_data(reply, read.prefix)
            numbers |= block_numbers(read, data)
            samples = sample_bytes(read, data, numbers)
            volts = read.volts.line(numbers, "raw")
            time = read.time.line(numbers, "i")
        except ValueError as error:  # BadVerbReply, BadFormula, BadBlock
            self._link.poison(str(error))
            raise RemoteWireError(self.name, f"record of {source}: {error}") from error
        if volts.slope == 0.0 or time.slope <= 0.0:
            raise RemoteWireError(self.name, f"record of {source}: scaling {volts} and {time} cannot be right")
        if out is not None:
            self._copy(samples, out)
        return Waveform(
            source=source,
            raw=_raw(samples, read.sample, read.big_endian),
            x_increment_s=time.slope,
            x_origin_s=time.offset,
            x_reference=0,
            y_increment_v=volts.slope,
            y_origin_v=volts.offset,
            y_reference=0.0,
            full_scale=read.full_scale,
            settings={name: f"{value:.9g}" for name, value in numbers.items()} | {"verbs": self._verbs.name},
        )

    async def segments_done(self) -> int:
        """A verb file knows single shots only. Raises InstrumentRefused."""
        raise InstrumentRefused(self.name, "has no segmented memory")

    async def read_train(self, source: str) -> SegmentedWaveform:
        """As :meth:`segments_done`."""
        raise InstrumentRefused(self.name, "has no segmented memory")

    # -- exchanges

    def _line(self, template: str, source: str = "", value: str = "") -> bytes:
        number = self._verbs.channels.index(source) + 1 if source in self._verbs.channels else 0
        return fill(template, channel=source, number=str(number), value=value)

    async def _ask(self, template: str, source: str = "", timeout_s: float = EXCHANGE_S) -> str:
        reply = await self._link.query(self._line(template, source), timeout_s=timeout_s, max_bytes=REPLY_MAX)
        return reply.decode("latin-1").strip()

    async def _send(self, templates: tuple[str, ...], source: str = "") -> None:
        lines = b"".join(self._line(template, source) for template in templates)
        if lines:
            await self._link.send(lines, timeout_s=EXCHANGE_S)

    async def _holds(self, condition: Condition) -> bool:
        reply = await self._ask(condition.ask)
        try:
            holds, register = condition.holds(reply, self._seen.get(condition.ask, 0))
        except BadVerbReply as error:
            self._link.poison(str(error))
            raise RemoteWireError(self.name, f"{condition.ask}: {error}") from error
        if condition.clears:
            self._seen[condition.ask] = register
        return holds and (condition.also is None or await self._holds(condition.also))

    async def _until(self, condition: Condition, timeout_s: float, problem: str) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not await self._holds(condition):
            if loop.time() >= deadline:
                raise InstrumentRefused(self.name, problem)
            await asyncio.sleep(POLL_S)

    async def _check(self, condition: Condition | None, problem: str) -> None:
        if condition is None:
            return
        try:
            reply = await self._ask(condition.ask, timeout_s=self._verbs.restore.timeout_s)
        except LinkTimeout as error:
            raise InstrumentRefused(self.name, f"{problem}: no answer to {condition.ask}") from error
        if not condition.holds(reply)[0]:
            raise InstrumentRefused(self.name, f"{problem}: {condition.ask} says {reply[:80]!r}")

    async def _write(self, setting: Setting, source: str, wanted: Any) -> None:
        if isinstance(wanted, str):
            word = next((word for word, value in setting.words.items() if value == wanted), wanted)
        else:
            word = f"{setting.write.value({'value': wanted}) if setting.write else wanted:.9g}"
        await self._link.send(self._line(setting.send, source, word), timeout_s=EXCHANGE_S)

    async def _hold(self) -> _Held:
        told: dict[tuple[str, str], float | str] = {}
        setup = self._setup
        for setting in self._verbs.settings:
            for source in _sources(setting, setup) if setup is not None else ():
                told[setting.field, source] = self._tell(setting, await self._ask(setting.ask, source))
        return _Held(self._verbs.restore.comparable(await self.save()), told)

    def _tell(self, setting: Setting, reply: str) -> float | str:
        if setting.value is None:
            return setting.words.get(reply, reply)
        try:
            return setting.value.value({"reply": float(reply)})
        except (ValueError, BadFormula) as error:
            self._link.poison(str(error))
            raise RemoteWireError(self.name, f"{setting.ask}: {reply[:40]!r} is no number") from error

    def _block(self, reply: bytes, prefix: str) -> memoryview:
        try:
            return block_data(reply, prefix)
        except ValueError as error:
            self._link.poison(str(error))
            raise RemoteWireError(self.name, str(error)) from error

    def _copy(self, samples: memoryview, out: bytearray | memoryview) -> None:
        memory = memoryview(out).cast("B")
        if len(memory) < len(samples):
            raise InstrumentRefused(self.name, f"{len(samples)} bytes do not fit the {len(memory)} given")
        memory[: len(samples)] = samples


async def open_learned(
    name: str, route: Route, *, identity: str, verbs: Verbs, blob: bytes = b"", timeout_s: float = 5.0
) -> LearnedOscilloscope:
    """Connect and check who answers: the verb file's kind, and ``identity`` found in the answer (empty: any).

    ``blob`` is the stored panel; without one the scope can be learned, not configured. Raises ConnectFailed,
    LinkTimeout, WrongInstrument.
    """
    matches = match_identity(identity)

    def accept(line: bytes) -> bool:
        return verbs.accepts(line) and matches(line)

    link = make_link(name, route, hello=Hello(fill(verbs.identify), b"\n", accept))
    await link.open(timeout_s)
    scope = LearnedOscilloscope(name, link, verbs, blob)
    try:
        await scope.prepare()
    except BaseException:
        await link.close()
        raise
    return scope


# -- pure parts


def _sources(setting: Setting, setup: ScopeSetup) -> tuple[str, ...]:
    return tuple(item.source for item in setup.channels) if setting.field in CHANNEL_FIELDS else ("",)


def _wanted(setup: ScopeSetup, name: str, source: str) -> Any:
    owner = next(item for item in setup.channels if item.source == source) if source else setup
    return getattr(owner, ATTRIBUTES[name])


def _as_told(setup: ScopeSetup, told: Mapping[tuple[str, str], float | str]) -> ScopeSetup:
    """``setup`` with every value that the scope tells otherwise; a near one counts as the wanted one."""
    channels = tuple(
        replace(item, **_changes(setup, told, item.source)) if _changes(setup, told, item.source) else item
        for item in setup.channels
    )
    return replace(setup, channels=channels, **_changes(setup, told, ""))


def _changes(setup: ScopeSetup, told: Mapping[tuple[str, str], float | str], source: str) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for (name, owner), value in told.items():
        wanted = _wanted(setup, name, source) if owner == source else None
        if owner != source or value == wanted or _is_near(setup, name, source, value, wanted):
            continue
        changes[ATTRIBUTES[name]] = int(value) if name == "points" else value
    return changes


def _is_near(setup: ScopeSetup, name: str, source: str, value: float | str, wanted: Any) -> bool:
    if isinstance(value, str) or isinstance(wanted, str):
        return False
    scale = _wanted(setup, "range", source) if name == "offset" else setup.window_s if name == "pretrigger" else wanted
    return bool(abs(value - wanted) <= TOLERANCE * abs(scale))


def _unlike(setup: ScopeSetup, told: Mapping[tuple[str, str], float | str]) -> str:
    """For a person: where the panel is not what is wanted."""
    parts = []
    for source in ("", *(item.source for item in setup.channels)):
        for attribute, value in _changes(setup, told, source).items():
            name = next(key for key, found in ATTRIBUTES.items() if found == attribute)
            where = f"{source} {attribute}".strip()
            parts.append(f"{where} {value} where {_wanted(setup, name, source)} is wanted")
    return f"its panel has {', '.join(parts)}; set the front panel and learn it again"


def _difference(wanted: tuple[bytes, ...], held: tuple[bytes, ...]) -> str:
    """The first part that differs, cut to a line."""
    for before, after in zip(wanted, held, strict=False):
        if before != after:
            return f"{_short(after)} where {_short(before)} was stored"
    return f"{len(held)} settings where {len(wanted)} were stored"


def _short(part: bytes) -> str:
    return part[:60].decode("latin-1")


def _raw(samples: memoryview, sample: str, big_endian: bool) -> npt.NDArray[np.int16] | npt.NDArray[np.uint16]:
    found = np.frombuffer(samples, dtype=np.dtype(sample).newbyteorder(">" if big_endian else "<"))
    return found.astype(np.uint16) if sample.startswith("u") else found.astype(np.int16)
