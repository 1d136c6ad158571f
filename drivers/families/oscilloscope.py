"""Keysight InfiniiVision scopes (instruments.md 2.1) behind the port of :mod:`drivers.families.scope_port`.

Records are refused when the preamble and the block do not agree with each other and with what was asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from drivers.families.scope_port import (
    Asking,
    Exchange,
    is_possible,
    near_channel,
    near_setup,
    number_of,
    open_scope,
    refuse_sources,
    unsigned_samples,
)
from drivers.families.scope_segments import Frame, Trains, read_record, refuse_segments
from drivers.families.scope_table import order_sources
from drivers.ports import Oscilloscope, ScopeChannel, ScopeSetup, Waveform
from drivers.transports.route import Route
from drivers.wire.dialect import Values
from drivers.wire.dsox import CHANNELS, DSOX, FORMAT_CODES, OPER_RUN, OPER_WAIT_TRIGGER, RECORD_POINTS_MAX
from drivers.wire.segments import DSOX_SEGMENTS

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

SEGMENTED = "SEGM"
"""Acquisition mode of a train."""


@dataclass(frozen=True, slots=True)
class _Panel:
    """Everything read back at one instant."""

    channels: Mapping[int, Values]
    timebase: Values
    others: Mapping[str, Any]


class DsoxModel:
    """How a DSO-X spells what the port asks for; a :class:`drivers.families.scope_port.ScopeModel`."""

    dialect = DSOX
    channels = CHANNELS

    def setup_lines(self, name: str, setup: ScopeSetup) -> list[bytes]:
        """The commands of a setup, one line each. Raises InstrumentRefused."""
        return _setup_lines(name, setup)

    async def read_panel(self, ask: Asking) -> _Panel:
        """The dumps of all channels and the timebase, and the settings that no dump has."""
        channels = {number: await ask("channel?", channel=number) for number in range(1, len(CHANNELS) + 1)}
        timebase = await ask("timebase?")
        names = ("acquire.type", "acquire.mode", "waveform.points", "trigger.source", "trigger.level", *FORCED)
        others = {name: (await ask(f"{name}?"))["value"] for name in dict.fromkeys(names)}
        if others["acquire.mode"] == SEGMENTED:
            others["acquire.segments"] = (await ask("acquire.segments?"))["value"]
        return _Panel(channels, timebase, others)

    def setup_of(self, panel: _Panel, expected: ScopeSetup | None) -> ScopeSetup:
        """The panel as a setup."""
        return _setup_of(panel, expected)

    def changed(self, panel: _Panel, setup: ScopeSetup) -> list[str]:
        """What is not as :data:`FORCED` and :data:`FORCED_CHANNEL` say."""
        forced = {**FORCED, **_mode_of(setup)}
        changed = [f"{name} is {panel.others[name]}" for name, value in forced.items() if panel.others[name] != value]
        for channel in setup.channels:
            held = panel.channels[number_of(channel.source)]
            changed += [
                f"{channel.source} {name} is {held[name]}"
                for name, value in FORCED_CHANNEL.items()
                if held[name] != value
            ]
        return changed

    def settings(self, panel: _Panel, source: str) -> Mapping[str, str]:
        """The settings at capture, as read back last: at arming, in the hold, before fire or before the transfer."""
        own = {f"channel.{key}": str(value) for key, value in panel.channels[number_of(source)].items()}
        base = {f"timebase.{key}": str(value) for key, value in panel.timebase.items()}
        return own | base | {key: str(value) for key, value in panel.others.items()}

    async def forget(self, ask: Asking) -> None:
        """Read ``:TER?`` and ``:AER?`` away."""
        await ask("triggered?")
        await ask("armed?")

    async def armed(self, ask: Asking) -> bool:
        """The armed event."""
        return bool((await ask("armed?"))["value"])

    async def progress(self, ask: Asking) -> tuple[bool, bool]:
        """RUN and WAIT TRIG of the operation condition."""
        condition = (await ask("operation.condition?"))["value"]
        return bool(condition & OPER_RUN), bool(condition & OPER_WAIT_TRIGGER)

    async def triggered(self, ask: Asking) -> bool:
        """The trigger event; reading clears it."""
        return bool((await ask("triggered?"))["value"])

    async def read(
        self,
        link: Exchange,
        source: str,
        setup: ScopeSetup | None,
        panel: _Panel | None,
        out: bytearray | memoryview | None,
    ) -> Waveform:
        """Preamble, then the block straight into the memory."""
        return await read_record(link, await _frame(link, source, setup, panel), out)


class DsoxTrain:
    """Segments of a DSO-X, a :class:`drivers.families.scope_segments.TrainModel`; its own numbers count from 1."""

    async def count(self, ask: Asking) -> int:
        """``:WAVeform:SEGMented:COUNt?``."""
        return int((await ask("waveform.segments?"))["value"])

    def select(self, source: str, index: int, count: int) -> bytes:
        """``:ACQuire:SEGMented:INDex``."""
        return DSOX["acquire.segment"].request(value=index + 1)

    async def trigger_s(self, ask: Asking, source: str, before: bytes) -> float:
        """The time tag: seconds after the first segment's trigger."""
        return float((await ask("waveform.time_tag?", before=before))["value"])

    async def frame(self, link: Exchange, source: str, setup: ScopeSetup | None, panel: _Panel | None) -> Frame:
        """The preamble, which all segments share."""
        return await _frame(link, source, setup, panel)


async def _frame(link: Exchange, source: str, setup: ScopeSetup | None, panel: _Panel | None) -> Frame:
    """Set the read-out and ask for the preamble. Raises RemoteWireError for one that cannot be right."""
    bits = 16 if setup is None else setup.bits
    points_max = RECORD_POINTS_MAX if setup is None else setup.points
    preamble = await link.ask("waveform.preamble?", before=_readout_lines(source, bits, points_max))
    form = FORMAT_CODES["WORD" if bits == 16 else "BYTE"]
    if not is_possible(preamble, form, points_max) or preamble["y_reference"] != 1 << (bits - 1):
        raise link.impossible(f"preamble cannot be right: {dict(preamble)}")
    wave = Waveform(
        source=source,
        raw=np.empty(0, dtype=np.uint16),
        x_increment_s=preamble["x_increment"],
        x_origin_s=preamble["x_origin"],
        x_reference=preamble["x_reference"],
        y_increment_v=preamble["y_increment"],
        y_origin_v=preamble["y_origin"],
        y_reference=float(preamble["y_reference"]),
        full_scale=(1, (1 << bits) - 1),
        settings={} if panel is None else DsoxModel().settings(panel, source),
    )
    request = DSOX["waveform.data?"].request()
    return Frame(wave, request, int(preamble["points"]), bits // 8, lambda memory: unsigned_samples(memory, bits))


async def open_dsox(name: str, route: Route, *, identity: str, timeout_s: float = 5.0) -> Oscilloscope:
    """Connect to a DSO-X and check who answers: Keysight, this model, and ``identity`` found in its ``*IDN?``.

    ``identity`` is text or a regular expression, such as the serial number; empty accepts any. The same check runs
    after every reconnect. Raises ConnectFailed, LinkTimeout, WrongInstrument.
    """
    trains = Trains(DsoxTrain())
    return await open_scope(
        name, route, DsoxModel(), VENDORS, (DSOX.model,), identity=identity, timeout_s=timeout_s, trains=trains
    )


# -- pure parts


def _setup_lines(name: str, setup: ScopeSetup) -> list[bytes]:
    """The commands of a setup, one line each. Raises InstrumentRefused for what no scope of this kind can do."""
    sources = [channel.source for channel in setup.channels]
    refuse_sources(name, setup, CHANNELS)
    refuse_segments(name, setup, DSOX_SEGMENTS)
    lines = [
        DSOX["channel.display"].request(channel=number, value=source in sources)
        for number, source in enumerate(CHANNELS, 1)
    ]
    for channel in setup.channels:
        number = number_of(channel.source)
        lines += [DSOX[f"channel.{key}"].request(channel=number, value=value) for key, value in FORCED_CHANNEL.items()]
        written = {
            "range": channel.range_v,
            "offset": channel.offset_v,
            "coupling": channel.coupling,
            "impedance": channel.impedance,
            "label": channel.label,
        }
        lines += [DSOX[f"channel.{key}"].request(channel=number, value=value) for key, value in written.items()]
    lines += [DSOX[key].request(value=value) for key, value in {**FORCED, **_mode_of(setup)}.items()]
    if setup.segments > 1:
        lines.append(DSOX["acquire.segments"].request(value=setup.segments))
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


def _mode_of(setup: ScopeSetup) -> Mapping[str, Any]:
    return {"acquire.mode": SEGMENTED} if setup.segments > 1 else {}


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
    shown = [source for number, source in enumerate(CHANNELS, 1) if panel.channels[number]["display"]]
    window_s = float(panel.timebase["range"])
    fraction = {"LEFT": 0.1, "CENT": 0.5, "RIGH": 0.9}[panel.timebase["reference"]]
    held = ScopeSetup(
        channels=tuple(_channel_of(panel, *pair) for pair in order_sources(shown, expected)),
        window_s=window_s,
        pretrigger_s=fraction * window_s - float(panel.timebase["position"]),
        trigger_source=panel.others["trigger.source"],
        trigger_level_v=float(panel.others["trigger.level"]),
        points=int(panel.others["waveform.points"]),
        bits=16 if panel.others["acquire.type"] == "HRES" else 8,
        segments=int(panel.others.get("acquire.segments", 1)),
    )
    return held if expected is None else near_setup(held, expected)


def _channel_of(panel: _Panel, source: str, wanted: ScopeChannel | None) -> ScopeChannel:
    held = panel.channels[number_of(source)]
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
    shortened = wanted.label.upper()[: len(channel.label) or None]
    return replace(near_channel(channel, wanted), label=wanted.label if channel.label == shortened else channel.label)
