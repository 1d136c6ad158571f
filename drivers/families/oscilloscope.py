"""The :class:`drivers.ports.Oscilloscope` port over a link to a Keysight InfiniiVision scope (instruments.md 2.1).

Set-ups are written and read back; what the port cannot express (probe factor, inversion, sweep ...) is forced and
checked as well, so that a knob turned between arming and fire is seen. Records are refused when the preamble and the
block do not agree with each other and with what was asked for.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InstrumentRefused, LinkTimeout, RemoteWireError
from drivers.families.identity import match_identity
from drivers.ports import Identity, Oscilloscope, ScopeChannel, ScopeSetup, ScopeState, Waveform
from drivers.transports.link import Connect, Hello, Link
from drivers.wire.dialect import BadReply, Values
from drivers.wire.dsox import CHANNELS, DSOX, FORMAT_CODES, OPER_RUN, OPER_WAIT_TRIGGER, RECORD_POINTS_MAX

EXCHANGE_S = 0.9
"""Deadline of one exchange of text: the scope answers within a screen update, 50 ms. A miss ends the step, and has to
within a second (safety.md 2.3 row 10)."""
STORING_S = 2.0
"""The same where a record is read out: the scope may be busy storing, and nothing waits for it but the record."""
ARM_MARGIN_S = 2.0
"""Allowed beyond the pre-trigger time until the scope must report that it waits."""
STORE_MARGIN_S = 2.0
"""Allowed beyond the window until a triggered acquisition must have stopped."""
POLL_S = 0.005
"""Between two polls of the acquisition: a tenth of the heartbeat."""
BLOCK_RATE_BYTES_S = 1e6
"""Slowest transfer that is not a fault: a tenth of what the scope's LAN port does."""
ERRORS_MAX = 30
"""Entries the scope's error queue can hold; a queue that never ends is a fault."""
TOLERANCE = 0.005
"""Read-back against set-point, relative: the scope keeps ranges in three figures."""
VENDORS = ("KEYSIGHT TECHNOLOGIES", "AGILENT TECHNOLOGIES")
"""Older firmware names the former company (instruments.md 2.1)."""

FORCED_CHANNEL: Mapping[str, Any] = {
    "probe": 1.0,
    "invert": False,
    "bandwidth_limit": False,
    "units": "VOLT",
    "skew": 0.0,
}
FORCED: Mapping[str, Any] = {
    "timebase.mode": "MAIN",
    "acquire.mode": "RTIM",
    "trigger.mode": "EDGE",
    "trigger.slope": "POS",
    "trigger.coupling": "DC",
    "trigger.sweep": "NORM",
}
"""Settings a :class:`ScopeSetup` does not name: forced by configure, checked by every read-back."""


@dataclass(frozen=True, slots=True)
class _Panel:
    """Everything read back at one instant."""

    channels: Mapping[int, Values]
    timebase: Values
    others: Mapping[str, Any]


class DsoxOscilloscope:
    """One scope; not for concurrent acquisitions. Made by :func:`open_dsox`."""

    def __init__(self, name: str, link: Link) -> None:
        self.name = name
        self._link = link
        self._setup: ScopeSetup | None = None
        self._panel: _Panel | None = None
        self._armed = False
        self._triggered = False

    async def identify(self) -> Identity:
        """``*IDN?``."""
        return Identity(**await self._ask("idn?"))

    async def close(self) -> None:
        """Release the link; the scope keeps what it does."""
        await self._link.close()

    async def configure(self, setup: ScopeSetup) -> None:
        """Stop, write the setup with 1:1 probes, check the error queue and the read-back. Raises InstrumentRefused."""
        self._setup, self._panel, self._armed, self._triggered = None, None, False, False
        await self._command([DSOX["stop"].request(), DSOX["cls"].request(), *_setup_lines(self.name, setup)])
        self._setup = setup
        held = await self.read_back()
        if held != setup:
            raise InstrumentRefused(self.name, f"holds {_differences(setup, held)}")

    async def read_back(self) -> ScopeSetup:
        """The setup as the scope holds it now; a value within :data:`TOLERANCE` of the configured one counts as it.

        Channels come in the configured order, further displayed ones after them. Raises InstrumentRefused when a
        setting outside :class:`ScopeSetup` (probe, inversion, sweep ...) was changed since :meth:`configure`.
        """
        panel = await self._read_panel()
        self._panel = panel
        if self._setup is not None:
            self._check_forced(panel, self._setup)
        return _setup_of(panel, self._setup)

    async def arm(self) -> None:
        """Start one acquisition, return once the scope waits for its trigger. Raises InstrumentRefused, LinkError."""
        self._armed, self._triggered = True, False
        if self._panel is None:
            await self.read_back()
        window_s = float(self._panel.timebase["range"]) if self._panel is not None else 0.0
        await self._ask("triggered?")
        await self._ask("armed?")
        await self._command([DSOX["single"].request()])
        loop = asyncio.get_running_loop()
        deadline = loop.time() + window_s + ARM_MARGIN_S
        while not (await self._ask("armed?"))["value"]:
            if loop.time() >= deadline:
                raise InstrumentRefused(self.name, "does not report that it is armed")
            await asyncio.sleep(POLL_S)
        if await self.state() is ScopeState.STOPPED:
            raise InstrumentRefused(self.name, "lost its arm")

    async def state(self) -> ScopeState:
        """Where the acquisition stands. TRIGGERED stays until the next arm; reads no latch that others need."""
        condition = (await self._ask("operation.condition?"))["value"]
        if condition & OPER_RUN and condition & OPER_WAIT_TRIGGER:
            return ScopeState.ARMED
        if not self._triggered:
            self._triggered = bool((await self._ask("triggered?"))["value"])
        if self._triggered:
            return ScopeState.TRIGGERED
        return ScopeState.ARMING if condition & OPER_RUN else ScopeState.STOPPED

    async def force_trigger(self) -> None:
        """``:TRIGger:FORCe``: for noise records only. Raises InstrumentRefused when the scope is not armed."""
        await self._command([DSOX["trigger.force"].request()])

    async def read_waveform(self, source: str, out: bytearray | memoryview | None = None) -> Waveform:
        """Transfer one channel's record into ``out`` (at least points * 2 bytes for 16 bit, points for 8 bit).

        Raises InstrumentRefused when there is no record, RemoteWireError when preamble and block cannot be right.
        """
        if source not in CHANNELS:
            raise InstrumentRefused(self.name, f"has no {source!r}")
        await self._wait_stored()
        setup = self._setup
        if setup is None and self._panel is not None:  # configured by somebody else: read as it reads back
            setup = _setup_of(self._panel, None)
        bits = 16 if setup is None else setup.bits
        points_max = RECORD_POINTS_MAX if setup is None else setup.points
        preamble = await self._ask("waveform.preamble?", before=_readout_lines(source, bits, points_max))
        width = bits // 8
        points = self._check_preamble(preamble, bits, points_max)
        memory = memoryview(bytearray(points * width) if out is None else out).cast("B")
        if len(memory) < points * width:
            raise InstrumentRefused(self.name, f"{points * width} bytes do not fit the {len(memory)} given")
        memory = memory[: points * width]
        timeout_s = STORING_S + len(memory) / BLOCK_RATE_BYTES_S
        received = await self._link.query_block(DSOX["waveform.data?"].request(), memory, timeout_s=timeout_s)
        if received != points * width:
            self._link.poison("short block")
            raise RemoteWireError(self.name, f"sent {received} bytes for {points} points of {bits} bit")
        await self._check_errors()
        return Waveform(
            source=source,
            raw=_samples(memory, bits),
            x_increment_s=preamble["x_increment"],
            x_origin_s=preamble["x_origin"],
            x_reference=preamble["x_reference"],
            y_increment_v=preamble["y_increment"],
            y_origin_v=preamble["y_origin"],
            y_reference=float(preamble["y_reference"]),
            full_scale=(1, (1 << bits) - 1),
            settings=_settings_text(self._panel, source),
        )

    # -- exchanges

    async def _ask(self, row: str, before: bytes = b"", **values: Any) -> Values:
        return await self._link.ask(DSOX[row], timeout_s=EXCHANGE_S, before=before, **values)

    async def _command(self, lines: Iterable[bytes]) -> None:
        """Write commands and check the error queue in the same exchange."""
        await self._check_errors(b"".join(lines))

    async def _check_errors(self, before: bytes = b"") -> None:
        """Empty the error queue; raises InstrumentRefused naming what was in it."""
        problems: list[str] = []
        for _ in range(ERRORS_MAX + 1):
            error = await self._ask("error?", before=before)
            before = b""
            if error["code"] == 0:
                break
            problems.append(f"{error['code']} {error['text']}")
        if problems:
            raise InstrumentRefused(self.name, "; ".join(problems))

    async def _read_panel(self) -> _Panel:
        channels = {number: await self._ask("channel?", channel=number) for number in range(1, len(CHANNELS) + 1)}
        timebase = await self._ask("timebase?")
        names = ("acquire.type", "acquire.mode", "waveform.points", "trigger.source", "trigger.level", *FORCED)
        return _Panel(
            channels, timebase, {name: (await self._ask(f"{name}?"))["value"] for name in dict.fromkeys(names)}
        )

    def _check_forced(self, panel: _Panel, setup: ScopeSetup) -> None:
        changed = [f"{name} is {panel.others[name]}" for name, value in FORCED.items() if panel.others[name] != value]
        for channel in setup.channels:
            held = panel.channels[_number(channel.source)]
            changed += [
                f"{channel.source} {name} is {held[name]}"
                for name, value in FORCED_CHANNEL.items()
                if held[name] != value
            ]
        if changed:
            raise InstrumentRefused(self.name, "changed since it was configured: " + ", ".join(changed))

    async def _wait_stored(self) -> None:
        """Until the acquisition has stopped with a record. Raises InstrumentRefused, LinkTimeout."""
        loop = asyncio.get_running_loop()
        window_s = self._setup.window_s if self._setup is not None else 0.0
        deadline = loop.time() + window_s + STORE_MARGIN_S
        while True:
            state = await self.state()
            if self._armed and state is not ScopeState.TRIGGERED:
                raise InstrumentRefused(self.name, f"has no record: {state.value}")
            if not (await self._ask("operation.condition?"))["value"] & OPER_RUN or not self._armed:
                return
            if loop.time() >= deadline:
                raise LinkTimeout(self.name, "still storing after the window has passed")
            await asyncio.sleep(POLL_S)

    def _check_preamble(self, preamble: Values, bits: int, points_max: int) -> int:
        """Points the block must have. Raises RemoteWireError."""
        points = int(preamble["points"])
        y_reference = 1 << (bits - 1)
        good = (
            preamble["format"] == FORMAT_CODES["WORD" if bits == 16 else "BYTE"]
            and 1 <= points <= points_max
            and all(math.isfinite(value) for value in preamble.values())
            and preamble["x_increment"] > 0
            and preamble["y_increment"] > 0
            and preamble["y_reference"] == y_reference
        )
        if not good:
            self._link.poison("impossible preamble")
            raise RemoteWireError(self.name, f"preamble cannot be right: {dict(preamble)}")
        return points


async def open_dsox(name: str, connect: Connect, *, identity: str, timeout_s: float = 5.0) -> Oscilloscope:
    """Connect to a DSO-X and check who answers: Keysight, this model, and ``identity`` found in its ``*IDN?``.

    ``identity`` is text or a regular expression, such as the serial number; empty accepts any. The same check runs
    after every reconnect. Raises ConnectFailed, LinkTimeout, WrongInstrument.
    """

    matches = match_identity(identity)

    def accept(line: bytes) -> bool:
        try:
            found = Identity(**DSOX["idn?"].parse_reply(line))
        except BadReply:
            return False
        return found.vendor in VENDORS and found.model == DSOX.model and matches(line)

    link = Link(name, connect, hello=Hello(DSOX["idn?"].request(), b"\n", accept))
    await link.open(timeout_s)
    return DsoxOscilloscope(name, link)


# -- pure parts


def _number(source: str) -> int:
    return int(source.removeprefix("CHAN"))


def _setup_lines(name: str, setup: ScopeSetup) -> list[bytes]:
    """The commands of a setup, one line each. Raises InstrumentRefused for what no scope of this kind can do."""
    sources = [channel.source for channel in setup.channels]
    if not set(sources) <= set(CHANNELS) or len(set(sources)) != len(sources) or setup.bits not in (8, 16):
        raise InstrumentRefused(name, f"cannot record {sources} with {setup.bits} bit")
    lines = [
        DSOX["channel.display"].request(channel=number, value=source in sources)
        for number, source in enumerate(CHANNELS, 1)
    ]
    for channel in setup.channels:
        number = _number(channel.source)
        lines += [DSOX[f"channel.{key}"].request(channel=number, value=value) for key, value in FORCED_CHANNEL.items()]
        written = {
            "range": channel.range_v,
            "offset": channel.offset_v,
            "coupling": channel.coupling,
            "impedance": channel.impedance,
            "label": channel.label,
        }
        lines += [DSOX[f"channel.{key}"].request(channel=number, value=value) for key, value in written.items()]
    lines += [DSOX[key].request(value=value) for key, value in FORCED.items()]
    settings: dict[str, Any] = {
        "timebase.reference": "CENT",
        "timebase.range": setup.window_s,
        "timebase.position": setup.window_s / 2 - setup.pretrigger_s,
        "acquire.type": "HRES" if setup.bits == 16 else "NORM",
        "trigger.source": setup.trigger_source,
        "trigger.level": setup.trigger_level_v,
    }
    lines += [DSOX[key].request(value=value) for key, value in settings.items()]
    return [*lines, _points_lines(setup.points)]


def _points_lines(points: int) -> bytes:
    return DSOX["waveform.points_mode"].request(value="RAW") + DSOX["waveform.points"].request(value=points)


def _readout_lines(source: str, bits: int, points: int) -> bytes:
    """How records are asked for: little-endian, unsigned, from acquisition memory."""
    settings: dict[str, Any] = {
        "waveform.source": source,
        "waveform.format": "WORD" if bits == 16 else "BYTE",
        "waveform.byteorder": "LSBF",
        "waveform.unsigned": True,
    }
    return b"".join(DSOX[key].request(value=value) for key, value in settings.items()) + _points_lines(points)


def _setup_of(panel: _Panel, expected: ScopeSetup | None) -> ScopeSetup:
    """The panel as a setup, values near the expected ones taken for them."""
    wanted = {channel.source: channel for channel in expected.channels} if expected is not None else {}
    shown = [source for number, source in enumerate(CHANNELS, 1) if panel.channels[number]["display"]]
    order = [source for source in wanted if source in shown] + [source for source in shown if source not in wanted]
    window_s = float(panel.timebase["range"])
    fraction = {"LEFT": 0.1, "CENT": 0.5, "RIGH": 0.9}[panel.timebase["reference"]]
    trigger_level_v = float(panel.others["trigger.level"])
    held = ScopeSetup(
        channels=tuple(_channel_of(panel, source, wanted.get(source)) for source in order),
        window_s=window_s,
        pretrigger_s=fraction * window_s - float(panel.timebase["position"]),
        trigger_source=panel.others["trigger.source"],
        trigger_level_v=trigger_level_v,
        points=int(panel.others["waveform.points"]),
        bits=16 if panel.others["acquire.type"] == "HRES" else 8,
    )
    if expected is None:
        return held
    return replace(
        held,
        window_s=_near(held.window_s, expected.window_s, expected.window_s),
        pretrigger_s=_near(held.pretrigger_s, expected.pretrigger_s, expected.window_s),
        trigger_level_v=_near(trigger_level_v, expected.trigger_level_v, abs(expected.trigger_level_v)),
    )


def _channel_of(panel: _Panel, source: str, wanted: ScopeChannel | None) -> ScopeChannel:
    held = panel.channels[_number(source)]
    channel = ScopeChannel(
        source=source,
        range_v=held["range"] / held["probe"],
        offset_v=held["offset"] / held["probe"],
        coupling=held["coupling"],
        impedance=held["impedance"],
        label=held["label"],
    )
    if wanted is None:
        return channel
    return replace(
        channel,
        range_v=_near(channel.range_v, wanted.range_v, wanted.range_v),
        offset_v=_near(channel.offset_v, wanted.offset_v, wanted.range_v),
        label=wanted.label if channel.label == wanted.label.upper()[: len(channel.label) or None] else channel.label,
    )


def _near(held: float, wanted: float, scale: float) -> float:
    return wanted if abs(held - wanted) <= TOLERANCE * scale else held


def _differences(expected: ScopeSetup, held: ScopeSetup) -> str:
    """For a person: what the scope holds where it differs."""
    names = ScopeSetup.__dataclass_fields__
    pairs = ((name, getattr(expected, name), getattr(held, name)) for name in names)
    return ", ".join(f"{name} {actual} where {wanted} was set" for name, wanted, actual in pairs if wanted != actual)


def _samples(memory: memoryview, bits: int) -> npt.NDArray[np.uint16]:
    if bits == 16:
        return np.frombuffer(memory, dtype="<u2")
    return np.frombuffer(memory, dtype=np.uint8).astype(np.uint16)


def _settings_text(panel: _Panel | None, source: str) -> Mapping[str, str]:
    """The settings at capture, as read back last: at arming, in the hold, before fire or before the transfer."""
    if panel is None:
        return {}
    own = {f"channel.{key}": str(value) for key, value in panel.channels[_number(source)].items()}
    base = {f"timebase.{key}": str(value) for key, value in panel.timebase.items()}
    return own | base | {key: str(value) for key, value in panel.others.items()}
