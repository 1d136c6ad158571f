"""Rigol DS1000Z scopes (instruments.md 2.3) behind the port of :mod:`drivers.families.scope_port`.

The scope knows neither a trigger input nor 50 Ohm, only some memory depths and a 1-2-5 row of time scales. A setup
takes the smallest scale whose screen holds the window, and the largest depth that gives no more points than asked for;
the record is the part of the memory that the window covers. ``:TRIGger:POSition?`` tells of a trigger [UNV].
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from drivers.errors import InstrumentRefused
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
from drivers.families.scope_segments import refuse_segments
from drivers.families.scope_table import Table, changed_settings, order_sources, read_table, settings_text, write_lines
from drivers.ports import Oscilloscope, ScopeChannel, ScopeSetup, Waveform
from drivers.transports.route import Route
from drivers.wire.dialect import Values
from drivers.wire.ds1000z import (
    BATCH_POINTS,
    CHANNELS,
    DIVISIONS_X,
    DS1000Z,
    FORMAT_CODES,
    MODE_CODES,
    MODEL,
    RECORD_POINTS_MAX,
    SCALES_S,
    depths,
)

VENDORS = ("RIGOL TECHNOLOGIES",)
MODELS = (MODEL,)

FORCED_CHANNEL: Mapping[str, Any] = {
    "channel.probe": 1.0,
    "channel.vernier": True,
    "channel.invert": False,
    "channel.bandwidth": "OFF",
    "channel.units": "VOLT",
    "channel.skew": 0.0,
}
FORCED: Mapping[str, Any] = {
    "timebase.mode": "MAIN",
    "trigger.mode": "EDGE",
    "trigger.slope": "POS",
    "trigger.coupling": "DC",
    "trigger.sweep": "SING",
}
"""Settings a :class:`ScopeSetup` does not name: forced by configure, checked by every read-back."""

COMMON_ROWS = ("timebase.scale", "timebase.offset", "acquire.type", "acquire.depth", "trigger.source", "trigger.level")


class RigolModel:
    """How a DS1000Z spells what the port asks for; a :class:`drivers.families.scope_port.ScopeModel`."""

    dialect = DS1000Z
    channels = CHANNELS

    def setup_lines(self, name: str, setup: ScopeSetup) -> list[bytes]:
        """The commands of a setup. Raises InstrumentRefused."""
        refuse_sources(name, setup, CHANNELS)
        refuse_segments(name, setup, None)
        _scale_of(name, setup)
        _depth_of(name, setup)
        if setup.trigger_source not in CHANNELS:
            raise InstrumentRefused(name, f"cannot trigger on {setup.trigger_source}, only on {', '.join(CHANNELS)}")
        for channel in setup.channels:
            if channel.impedance != "ONEM":
                raise InstrumentRefused(name, f"{channel.source} has no {channel.impedance} input, only ONEM")
        return write_lines(DS1000Z, _numbers, _table_of(name, setup))

    async def read_panel(self, ask: Asking) -> Table:
        """All common settings, and those of the channels that are on."""
        held = await read_table(ask, _numbers, [("channel.display", number) for number in range(1, 5)])
        rows = ("channel.range", "channel.offset", "channel.coupling", *FORCED_CHANNEL)
        shown = [number for number in range(1, 5) if held["channel.display", number]]
        held |= await read_table(ask, _numbers, [(row, number) for number in shown for row in rows])
        return held | await read_table(ask, _numbers, [(row, 0) for row in (*COMMON_ROWS, *FORCED)])

    def setup_of(self, panel: Table, expected: ScopeSetup | None) -> ScopeSetup:
        """The panel as a setup: the whole screen, or the configured window when scale and depth are those it takes."""
        shown = [source for number, source in enumerate(CHANNELS, 1) if panel["channel.display", number]]
        window_s = DIVISIONS_X * panel["timebase.scale", 0]
        points = panel["acquire.depth", 0]
        if expected is not None:
            if math.isclose(panel["timebase.scale", 0], _scale_of("", expected), rel_tol=1e-6):
                window_s = expected.window_s
            if points == _depth_of("", expected):
                points = expected.points
        held = ScopeSetup(
            channels=tuple(_channel_of(panel, *pair) for pair in order_sources(shown, expected)),
            window_s=window_s,
            pretrigger_s=window_s / 2 - panel["timebase.offset", 0],
            trigger_source=panel["trigger.source", 0],
            trigger_level_v=panel["trigger.level", 0],
            points=RECORD_POINTS_MAX if points == "AUTO" else points,
            bits=16 if panel["acquire.type", 0] == "HRES" else 8,
        )
        if expected is None:
            return held
        return replace(near_setup(held, expected), window_s=window_s)  # another scale is never the configured one

    def changed(self, panel: Table, setup: ScopeSetup) -> list[str]:
        """What is not as :data:`FORCED` and :data:`FORCED_CHANNEL` say, of the channels that are on."""
        return changed_settings(panel, setup, "channel.display", FORCED_CHANNEL, FORCED)

    def settings(self, panel: Table, source: str) -> Mapping[str, str]:
        """The settings at capture, as read back last: at arming, in the hold, before fire or before the transfer."""
        return settings_text(panel, number_of(source))

    async def forget(self, ask: Asking) -> None:
        """Nothing is latched: the trigger position belongs to the acquisition at hand."""

    async def armed(self, ask: Asking) -> bool:
        """Waiting, or past it."""
        return (await ask("trigger.status?"))["value"] in ("WAIT", "TD", "STOP")

    async def progress(self, ask: Asking) -> tuple[bool, bool]:
        """Not STOP, and WAIT, of the trigger status."""
        status = (await ask("trigger.status?"))["value"]
        return status != "STOP", status == "WAIT"

    async def triggered(self, ask: Asking) -> bool:
        """The acquisition has a trigger position, inside the memory or (-1) outside."""
        return bool((await ask("trigger.position?"))["value"] >= -1)

    async def read(
        self,
        link: Exchange,
        source: str,
        setup: ScopeSetup | None,
        panel: Table | None,
        out: bytearray | memoryview | None,
    ) -> Waveform:
        """Preamble, then as many batches as it takes, each straight into its part of the memory."""
        bits = 8 if setup is None else setup.bits
        form = "WORD" if bits == 16 else "BYTE"
        preamble = await link.ask("waveform.preamble?", before=_readout_lines(source, form))
        if not is_possible(preamble, FORMAT_CODES[form], RECORD_POINTS_MAX) or preamble["type"] != MODE_CODES["RAW"]:
            raise link.impossible(f"preamble cannot be right: {dict(preamble)}")
        first, count = _part(preamble, setup)
        if setup is not None and count > setup.points:
            raise link.impossible(f"{count} points in the window where {setup.points} were asked for")
        width, batch = bits // 8, BATCH_POINTS[form]
        memory = link.memory(out, count * width)
        for start in range(0, count, batch):
            stop = min(count, start + batch)
            request = (
                DS1000Z["waveform.start"].request(value=first + start + 1)
                + DS1000Z["waveform.stop"].request(value=first + stop)
                + DS1000Z["waveform.data?"].request()
            )
            await link.block(request, memory[start * width : stop * width])
        return Waveform(
            source=source,
            raw=unsigned_samples(memory, bits),  # the low byte of a word
            x_increment_s=preamble["x_increment"],
            x_origin_s=preamble["x_origin"] + first * preamble["x_increment"],
            x_reference=preamble["x_reference"],
            y_increment_v=preamble["y_increment"],
            y_origin_v=0.0,
            y_reference=float(preamble["y_origin"] + preamble["y_reference"]),
            full_scale=(0, 255),
            settings={} if panel is None else self.settings(panel, source),
        )


async def open_ds1000z(name: str, route: Route, *, identity: str, timeout_s: float = 5.0) -> Oscilloscope:
    """Connect to a DS1074Z and check who answers: Rigol, this model, and ``identity`` found in its ``*IDN?``.

    ``identity`` is text or a regular expression, such as the serial number; empty accepts any. The same check runs
    after every reconnect. Raises ConnectFailed, LinkTimeout, WrongInstrument.
    """
    return await open_scope(name, route, RigolModel(), VENDORS, MODELS, identity=identity, timeout_s=timeout_s)


# -- pure parts


def _numbers(row: str, number: int) -> Mapping[str, Any]:
    return {"channel": number} if row.startswith("channel.") else {}


def _scale_of(name: str, setup: ScopeSetup) -> float:
    """The smallest time scale whose screen holds the window. Raises InstrumentRefused."""
    for scale_s in SCALES_S:
        if scale_s * DIVISIONS_X >= setup.window_s * (1 - 1e-6):
            return scale_s
    raise InstrumentRefused(name, f"a window of {setup.window_s} s is longer than {SCALES_S[-1] * DIVISIONS_X} s")


def _depth_of(name: str, setup: ScopeSetup) -> int:
    """The largest depth of which the window is no more than the points asked for. Raises InstrumentRefused."""
    share = setup.window_s / (_scale_of(name, setup) * DIVISIONS_X)
    fitting = [depth for depth in depths(len(setup.channels)) if math.ceil(depth * share) <= setup.points]
    if not fitting:
        least = math.ceil(depths(len(setup.channels))[0] * share)
        raise InstrumentRefused(name, f"takes at least {least} points of this window, not {setup.points}")
    return fitting[-1]


def _table_of(name: str, setup: ScopeSetup) -> Table:
    """Every setting of a setup, in the order in which it is written: the depth depends on the channels that are on."""
    sources = [channel.source for channel in setup.channels]
    table: dict[tuple[str, int], Any] = {
        ("channel.display", number): source in sources for number, source in enumerate(CHANNELS, 1)
    }
    for channel in setup.channels:
        number = number_of(channel.source)
        table |= {(row, number): value for row, value in FORCED_CHANNEL.items()}
        table["channel.range", number] = channel.range_v
        table["channel.offset", number] = -channel.offset_v  # it moves the trace, not the middle of the screen
        table["channel.coupling", number] = channel.coupling
    table |= {(row, 0): value for row, value in FORCED.items()}
    table["timebase.scale", 0] = _scale_of(name, setup)
    table["timebase.offset", 0] = setup.window_s / 2 - setup.pretrigger_s
    table["acquire.depth", 0] = _depth_of(name, setup)
    table["acquire.type", 0] = "HRES" if setup.bits == 16 else "NORM"
    table["trigger.source", 0] = setup.trigger_source
    table["trigger.level", 0] = setup.trigger_level_v
    return table


def _channel_of(panel: Table, source: str, wanted: ScopeChannel | None) -> ScopeChannel:
    number = number_of(source)
    offset_v = -panel["channel.offset", number] + 0.0
    held = ScopeChannel(source, panel["channel.range", number], offset_v, panel["channel.coupling", number])
    return held if wanted is None else replace(near_channel(held, wanted), label=wanted.label)


def _readout_lines(source: str, form: str) -> bytes:
    """How records are asked for: from memory, which needs a stopped scope."""
    settings = {"waveform.source": source, "waveform.mode": "RAW", "waveform.format": form}
    return b"".join(DS1000Z[key].request(value=value) for key, value in settings.items())


def _part(preamble: Values, setup: ScopeSetup | None) -> tuple[int, int]:
    """First sample, from 0, and number of samples of the configured window; the whole memory without a setup."""
    points, step_s = int(preamble["points"]), preamble["x_increment"]
    if setup is None:
        return 0, points
    first = min(points - 1, max(0, round((-setup.pretrigger_s - preamble["x_origin"]) / step_s)))
    return first, max(1, min(points - first, math.floor(setup.window_s / step_s + 1e-6)))
