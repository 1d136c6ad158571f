"""R&S RTO scopes (instruments.md 2.2) behind the port of :mod:`drivers.families.scope_port`.

A range is the full scale of ten divisions. 1 MOhm and 50 Ohm are values of the coupling; labels stay here. The
operation status bits and ``ACQuire:CURRent?`` tell the state [UNV].
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InstrumentRefused
from drivers.families.scope_port import (
    Asking,
    Exchange,
    near_channel,
    near_setup,
    number_of,
    open_scope,
    refuse_sources,
)
from drivers.families.scope_segments import Frame, Trains, read_record, refuse_segments
from drivers.families.scope_table import Table, changed_settings, order_sources, read_table, settings_text, write_lines
from drivers.ports import Oscilloscope, ScopeChannel, ScopeSetup, Waveform
from drivers.transports.route import Route
from drivers.wire.rto import (
    CHANNELS,
    CODE_SPAN,
    EXTERNAL_LEVEL,
    OPER_MEASURING,
    OPER_WAIT_TRIGGER,
    RECORD_POINTS_MAX,
    RTO,
)
from drivers.wire.segments import RTO_SEGMENTS

VENDORS = ("Rohde&Schwarz",)
NAMES = ("RTO", "RTO1024")
"""Second field of ``*IDN?``."""

COUPLINGS: Mapping[tuple[str, str], str] = {("DC", "FIFT"): "DC", ("DC", "ONEM"): "DCL", ("AC", "ONEM"): "AC"}
"""(coupling, impedance) of the port -> the scope's one setting."""

FORCED_CHANNEL: Mapping[str, Any] = {
    "channel.probe": 1.0,
    "channel.position": 0.0,
    "channel.invert": False,
    "channel.ground": False,
    "channel.bandwidth": "FULL",
    "channel.skew": 0.0,
    "channel.arithmetics": "OFF",
}
FORCED: Mapping[str, Any] = {
    "timebase.reference": 50.0,
    "acquire.count": 1,
    "acquire.segmented": False,
    "trigger.type": "EDGE",
    "trigger.mode": "NORM",
    "trigger.slope": "POS",
}
"""Settings a :class:`ScopeSetup` does not name: forced by configure, checked by every read-back."""

CODE_MAX = 127
"""Largest 8-bit code, either sign; a clipped input stays there."""


class RtoModel:
    """How an RTO spells what the port asks for; a :class:`drivers.families.scope_port.ScopeModel`."""

    dialect = RTO
    channels = CHANNELS

    def setup_lines(self, name: str, setup: ScopeSetup) -> list[bytes]:
        """The commands of a setup. Raises InstrumentRefused."""
        refuse_sources(name, setup, CHANNELS)
        refuse_segments(name, setup, RTO_SEGMENTS)
        for channel in setup.channels:
            if (channel.coupling, channel.impedance) not in COUPLINGS:
                raise InstrumentRefused(name, f"{channel.source} has no {channel.coupling} with {channel.impedance}")
        return write_lines(RTO, _numbers, _table_of(setup))

    async def read_panel(self, ask: Asking) -> Table:
        """All common settings, and those of the channels that are on."""
        held = await read_table(ask, _numbers, [("channel.state", number) for number in range(1, 5)])
        rows = ("channel.range", "channel.offset", "channel.coupling", *FORCED_CHANNEL)
        shown = [number for number in range(1, 5) if held["channel.state", number]]
        held |= await read_table(ask, _numbers, [(row, number) for number in shown for row in rows])
        common = ("timebase.range", "timebase.position", "acquire.points", "trigger.source", *FORCED)
        held |= await read_table(ask, _numbers, [("channel.type", 1), *((row, 0) for row in common)])
        level = await ask("trigger.level?", trigger=1, level=_level_of(held["trigger.source", 0]))
        return held | {("trigger.level", 0): level["value"]}

    def setup_of(self, panel: Table, expected: ScopeSetup | None) -> ScopeSetup:
        """The panel as a setup."""
        shown = [source for number, source in enumerate(CHANNELS, 1) if panel["channel.state", number]]
        window_s = panel["timebase.range", 0]
        held = ScopeSetup(
            channels=tuple(_channel_of(panel, *pair) for pair in order_sources(shown, expected)),
            window_s=window_s,
            pretrigger_s=window_s * panel["timebase.reference", 0] / 100 - panel["timebase.position", 0],
            trigger_source=panel["trigger.source", 0],
            trigger_level_v=panel["trigger.level", 0],
            points=panel["acquire.points", 0],
            bits=16 if panel["channel.type", 1] == "HRES" else 8,
            segments=panel["acquire.count", 0] if panel["acquire.segmented", 0] else 1,
        )
        return held if expected is None else near_setup(held, expected)

    def changed(self, panel: Table, setup: ScopeSetup) -> list[str]:
        """What is not as :data:`FORCED` and :data:`FORCED_CHANNEL` say, of the channels that are on."""
        return changed_settings(panel, setup, "channel.state", FORCED_CHANNEL, _forced_of(setup))

    def settings(self, panel: Table, source: str) -> Mapping[str, str]:
        """The settings at capture, as read back last: at arming, in the hold, before fire or before the transfer."""
        return settings_text(panel, number_of(source))

    async def forget(self, ask: Asking) -> None:
        """Nothing is latched: ``ACQuire:CURRent?`` starts again by itself."""

    async def armed(self, ask: Asking) -> bool:
        """Waiting, or not acquiring any more."""
        acquiring, waiting = await self.progress(ask)
        return waiting or not acquiring

    async def progress(self, ask: Asking) -> tuple[bool, bool]:
        """MEASuring and WTRIgger of the operation condition."""
        condition = (await ask("operation.condition?"))["value"]
        return bool(condition & (OPER_MEASURING | OPER_WAIT_TRIGGER)), bool(condition & OPER_WAIT_TRIGGER)

    async def triggered(self, ask: Asking) -> bool:
        """An acquisition was counted since the start."""
        return bool((await ask("acquire.current?"))["value"])

    async def read(
        self,
        link: Exchange,
        source: str,
        setup: ScopeSetup | None,
        panel: Table | None,
        out: bytearray | memoryview | None,
    ) -> Waveform:
        """Header, vertical scale, then the block straight into the memory."""
        return await read_record(link, await _frame(link, source, setup, panel), out)


class RtoTrain:
    """Segments of an RTO, a :class:`drivers.families.scope_segments.TrainModel`: its history, whose newest is 0."""

    async def count(self, ask: Asking) -> int:
        """``ACQuire:AVAilable?``: records of the history."""
        return int((await ask("acquire.available?"))["value"])

    def select(self, source: str, index: int, count: int) -> bytes:
        """``CHANnel<n>:HISTory:CURRent``, with the history on."""
        number = number_of(source)
        shown = RTO["history.state"].request(channel=number, value=True) if index == 0 else b""
        return shown + RTO["history.current"].request(channel=number, value=index - count + 1)

    async def trigger_s(self, ask: Asking, source: str, before: bytes) -> float:
        """``TSRelative?``: seconds after the newest trigger, so zero or less."""
        return float((await ask("history.time?", before=before, channel=number_of(source)))["value"])

    async def frame(self, link: Exchange, source: str, setup: ScopeSetup | None, panel: Table | None) -> Frame:
        """Header and scale, which all segments share."""
        return await _frame(link, source, setup, panel)


async def _frame(link: Exchange, source: str, setup: ScopeSetup | None, panel: Table | None) -> Frame:
    """Set the read-out, ask for header and scale. Raises RemoteWireError, InstrumentRefused."""
    bits = 16 if setup is None else setup.bits
    number = number_of(source)
    lines = RTO["format"].request(format="INT", bits=bits) + RTO["data.border"].request(value="LSBF")
    header = await link.ask("data.header?", before=lines, channel=number)
    points, window_s = header["points"], header["x_stop"] - header["x_start"]
    if not (
        0 < points <= (RECORD_POINTS_MAX if setup is None else setup.points)
        and header["values_per_sample"] == 1
        and 0 < window_s < math.inf
    ):
        raise link.impossible(f"data header cannot be right: {dict(header)}")
    scale = {key: (await link.ask(f"channel.{key}?", channel=number))["value"] for key in _SCALE}
    if panel is not None and any(panel.get((f"channel.{key}", number), scale[key]) != scale[key] for key in _SCALE):
        raise InstrumentRefused(link.name, f"the scale of {source} was changed after the record was taken")
    unit = CODE_SPAN * (256 if bits == 16 else 1)
    limit = CODE_MAX * (256 if bits == 16 else 1)
    wave = Waveform(
        source=source,
        raw=np.empty(0, dtype=np.int16),
        x_increment_s=window_s / points,
        x_origin_s=header["x_start"],
        x_reference=0,
        y_increment_v=scale["range"] / unit,
        y_origin_v=scale["offset"] - scale["position"] * scale["range"] / 10,
        y_reference=0.0,
        full_scale=(-limit, limit),
        settings={} if panel is None else settings_text(panel, number),
    )
    request = RTO["data?"].request(channel=number)
    return Frame(wave, request, points, bits // 8, lambda memory: _samples(memory, bits))


_SCALE = ("range", "offset", "position")


async def open_rto(name: str, route: Route, *, identity: str, timeout_s: float = 5.0) -> Oscilloscope:
    """Connect to an RTO and check who answers: R&S, this model, and ``identity`` found in its ``*IDN?``.

    ``identity`` is text or a regular expression, such as the serial number; empty accepts any. The same check runs
    after every reconnect. Raises ConnectFailed, LinkTimeout, WrongInstrument.
    """
    trains = Trains(RtoTrain())
    return await open_scope(
        name, route, RtoModel(), VENDORS, NAMES, identity=identity, timeout_s=timeout_s, trains=trains
    )


# -- pure parts


def _numbers(row: str, number: int) -> Mapping[str, Any]:
    if row == "trigger.level":
        return {"trigger": 1, "level": number}
    if row.startswith("trigger."):
        return {"trigger": 1}
    return {"channel": number} if row.startswith("channel.") else {}


def _level_of(source: str) -> int:
    return number_of(source) if source in CHANNELS else EXTERNAL_LEVEL


def _table_of(setup: ScopeSetup) -> Table:
    """Every setting of a setup, in the order in which it is written."""
    sources = [channel.source for channel in setup.channels]
    table: dict[tuple[str, int], Any] = {
        ("channel.state", number): source in sources for number, source in enumerate(CHANNELS, 1)
    }
    for channel in setup.channels:
        number = number_of(channel.source)
        table |= {(row, number): value for row, value in FORCED_CHANNEL.items()}
        table["channel.range", number] = channel.range_v
        table["channel.offset", number] = channel.offset_v
        table["channel.coupling", number] = COUPLINGS[channel.coupling, channel.impedance]
    table |= {(row, 0): value for row, value in _forced_of(setup).items()}
    if setup.segments > 1:
        table["acquire.count", 0] = setup.segments
    table["channel.type", 1] = "HRES" if setup.bits == 16 else "SAMP"
    table["timebase.range", 0] = setup.window_s
    table["timebase.position", 0] = setup.window_s / 2 - setup.pretrigger_s
    table["acquire.points", 0] = setup.points
    table["trigger.source", 0] = setup.trigger_source
    table["trigger.level", _level_of(setup.trigger_source)] = setup.trigger_level_v
    return table


def _forced_of(setup: ScopeSetup) -> Mapping[str, Any]:
    """A train is segmented, and its count is the set-up's own; a single shot is neither."""
    if setup.segments == 1:
        return FORCED
    return {**{row: value for row, value in FORCED.items() if row != "acquire.count"}, "acquire.segmented": True}


def _channel_of(panel: Table, source: str, wanted: ScopeChannel | None) -> ScopeChannel:
    number = number_of(source)
    coupling, impedance = {text: pair for pair, text in COUPLINGS.items()}[panel["channel.coupling", number]]
    held = ScopeChannel(source, panel["channel.range", number], panel["channel.offset", number], coupling, impedance)
    return held if wanted is None else replace(near_channel(held, wanted), label=wanted.label)


def _samples(memory: memoryview, bits: int) -> npt.NDArray[np.int16]:
    if bits == 16:
        return np.frombuffer(memory, dtype="<i2")
    return np.frombuffer(memory, dtype=np.int8).astype(np.int16)
