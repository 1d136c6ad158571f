"""PURE: what each row of the DSO-X dialect does to the stand-in: settings table, actions, readings."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from drivers.wire.dsox import CHANNELS, ROWS
from drivers.wire.scpi import HeaderTable, ScpiError, Unit, format_engineering
from drivers.wire.scpi_rows import BlockRow, DumpRow, ScpiRow, block_header
from firmware_sim.personalities.dsox_record import Acquisition
from firmware_sim.personalities.dsox_screen import encode_bmp, encode_png, render_screen
from firmware_sim.personalities.dsox_settings import MEMORY_POINTS, SCREEN_POINTS, SEGMENTS_MAX
from firmware_sim.personalities.scope_measure import MEASUREMENTS
from firmware_sim.personalities.scope_record import source_index
from firmware_sim.personalities.scope_run import Mode, Run
from firmware_sim.sessions.scpi import Handler, Reply, Wait

if TYPE_CHECKING:
    from firmware_sim.personalities.dsox import Dsox

HEADERS: HeaderTable[ScpiRow | BlockRow | DumpRow] = HeaderTable(
    (row.pattern, row) for row in ROWS.values() if not row.pattern.startswith("*")
)
"""Every header of the dialect, once per process; common commands belong to the session."""

RANGE_FIGURES = 3
"""Vertical and horizontal ranges are set in three figures, as the vernier does."""

OVERFLOW_TEXT = b"+9.9E+37"
"""A measurement that cannot be made (instruments.md 2.0)."""

AUTOSCALE_POINTS = 1000
"""Points that ``:AUToscale`` looks at."""
AUTOSCALE_ROOM = 1.5
"""Range over signal, at least."""
AUTOSCALE_RANGES_V = tuple(8 * step * 10.0**decade for decade in (-3, -2, -1, 0) for step in (1, 2, 5))
"""Ranges it chooses from, at the connector: 1 mV to 5 V per division."""

Limits = tuple[float, float]

ATTRIBUTES: Mapping[str, tuple[str, str, Limits | None]] = MappingProxyType(
    {
        "channel.offset": ("channel", "offset_v", (-1e5, 1e5)),
        "channel.coupling": ("channel", "coupling", None),
        "channel.impedance": ("channel", "impedance", None),
        "channel.display": ("channel", "display", None),
        "channel.bandwidth_limit": ("channel", "bandwidth_limit", None),
        "channel.invert": ("channel", "invert", None),
        "channel.label": ("channel", "label", None),
        "channel.units": ("channel", "units", None),
        "channel.probe": ("channel", "probe", (1e-3, 1e4)),
        "channel.skew": ("channel", "skew_s", (-1e-7, 1e-7)),
        "channel.range": ("channel", "range_v", (8e-3, 40.0)),
        "timebase.mode": ("timebase", "mode", None),
        "timebase.range": ("timebase", "range_s", (2e-8, 500.0)),
        "timebase.position": ("timebase", "position_s", (-500.0, 500.0)),
        "timebase.reference": ("timebase", "reference", None),
        "acquire.type": ("acquire", "type", None),
        "acquire.mode": ("acquire", "mode", None),
        "acquire.count": ("acquire", "count", (2, 65_536)),
        "acquire.segments": ("acquire", "segments", (2, SEGMENTS_MAX)),
        "acquire.complete": ("acquire", "complete", (100, 100)),
        "trigger.mode": ("trigger", "mode", None),
        "trigger.source": ("trigger", "source", None),
        "trigger.level": ("trigger", "level_v", (-1e5, 1e5)),
        "trigger.slope": ("trigger", "slope", None),
        "trigger.coupling": ("trigger", "coupling", None),
        "trigger.sweep": ("trigger", "sweep", None),
        "trigger.holdoff": ("trigger", "holdoff_s", (40e-9, 10.0)),
        "waveform.source": ("waveform", "source", None),
        "waveform.format": ("waveform", "format", None),
        "waveform.byteorder": ("waveform", "byteorder", None),
        "waveform.unsigned": ("waveform", "unsigned", None),
        "waveform.points_mode": ("waveform", "points_mode", None),
        "measure.source": ("other", "measure_source", None),
        "hardcopy.inksaver": ("other", "inksaver", None),
        "operation.enable": ("other", "operation_enable", (0, 65_535)),
    }
)
"""Setting -> (part of the panel, attribute, limits). Channel ranges are at the connector, times the probe factor."""

MODELLED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "timebase.mode": frozenset({"MAIN"}),
        "acquire.mode": frozenset({"RTIM", "SEGM"}),
        "trigger.mode": frozenset({"EDGE"}),
        "trigger.slope": frozenset({"POS", "NEG"}),
    }
)
"""Modes this stand-in has, as a scope without the options; the others are refused (-221), never pretended."""

UPPER_CASE = frozenset({"channel.label"})
ROUNDED = frozenset({"channel.range", "timebase.range"})


class Commands:
    """Compiles units into handlers bound to one scope."""

    def __init__(self, scope: "Dsox") -> None:
        self._scope = scope
        self._settings = scope.settings
        self._actions: Mapping[str, Callable[[Mapping[str, Any]], Reply]] = {
            "run": lambda _: self._start(Mode.CONTINUOUS),
            "autoscale": lambda _: self._autoscale(),
            "preset": lambda _: self._preset(),
            "stop": lambda _: self._stop(),
            "single": lambda _: self._start(Mode.SINGLE),
            "digitize": lambda values: self.digitize(*values.values()),
            "trigger.force": lambda _: self._force(),
            "display.clear": lambda _: self._clear_display(),
            "view": lambda values: self._view(values["source"], True),
            "blank": lambda values: self._view(values.get("source", ""), False),
            "channel.scale": lambda values: self._write("channel.range", values["value"] * 8, values["channel"]),
            "timebase.scale": lambda values: self._write("timebase.range", values["value"] * 10, 0),
            "channel.probe": lambda values: self._probe(values["value"], values["channel"]),
            "acquire.segment": lambda values: self._select(values["value"]),
            "waveform.points": lambda values: self._points(values["value"]),
            "display.data?": self._screen,
            "waveform.data?": lambda _: self._data(),
        }
        self._readings: Mapping[str, Callable[[], Any]] = {
            "armed?": lambda: self._take("armed_event"),
            "triggered?": lambda: self._take("trigger_event"),
            "operation.condition?": lambda: self._scope.run.condition,
            "operation.event?": lambda: self._take("operation_event"),
            "acquire.points?": self._settings.memory_points,
            "acquire.sample_rate?": self._settings.sample_rate_hz,
            "timebase.scale?": lambda: self._settings.timebase.range_s / 10,
            "waveform.points?": self._read_points,
            "acquire.segment?": self._selected_segment,
            "waveform.segments?": lambda: len(self._scope.engine.history),
            "waveform.time_tag?": self._time_tag,
            "waveform.count?": lambda: self._preamble()["count"],
            "waveform.type?": lambda: self._acquisition_type(),
            **{f"waveform.{name}?": self._preamble_field(name) for name in _PREAMBLE_QUERIES},
        }

    def compile(self, unit: Unit) -> Handler:
        """A handler for one unit; raises ScpiError."""
        row, suffixes = HEADERS.find(unit)
        values = row.read_arguments(unit, suffixes)
        name = row.name
        action = self._actions.get(name)
        if action is not None:
            return lambda: action(values)
        if name.startswith("measure.") and name != "measure.source?" and row.answers:
            return lambda: self._measure(name, values.get("source"))
        if not row.answers:
            return lambda: self._write(name, values["value"], values.get("channel", 0))
        return self._query(row, values.get("channel", 0))

    # ---------------------------------------------------------------------------------------- queries

    def _query(self, row: ScpiRow | BlockRow | DumpRow, channel: int) -> Handler:
        name = row.name
        if isinstance(row, DumpRow):
            return lambda: row.write_results(self._dump(name, channel))
        if name == "error?":
            return lambda: self._scope.status.next_error().encode("ascii")
        if name == "waveform.preamble?" and isinstance(row, ScpiRow):
            return lambda: row.write_results(self._preamble())
        if not isinstance(row, ScpiRow):
            raise ScpiError(-113, name)
        write = row.results["value"].write
        reading = self._readings.get(name)
        if reading is not None:
            return lambda: write(reading()).encode("ascii")
        if name == "channel.scale?":
            own = self._settings.channels[channel - 1]
            return lambda: format_engineering(own.range_v / 8, RANGE_FIGURES).encode("ascii")
        part, attribute, _ = ATTRIBUTES[name[:-1]]
        owner = self._owner(part, channel)
        return lambda: write(getattr(owner, attribute)).encode("ascii")

    def _owner(self, part: str, channel: int) -> object:
        return self._settings.channels[channel - 1] if part == "channel" else getattr(self._settings, part)

    def _dump(self, name: str, channel: int) -> Mapping[str, Any]:
        """Values of a long dump by the row's own names."""
        if name == "timebase?":
            base = self._settings.timebase
            return {"mode": base.mode, "reference": base.reference, "range": base.range_s, "position": base.position_s}
        own = self._settings.channels[channel - 1]
        return {
            "channel": channel,
            "range": own.range_v,
            "offset": own.offset_v,
            "coupling": own.coupling,
            "impedance": own.impedance,
            "display": own.display,
            "bandwidth_limit": own.bandwidth_limit,
            "invert": own.invert,
            "label": own.label,
            "units": own.units,
            "probe": own.probe,
            "skew": own.skew_s,
            "signal_type": "SING",
        }

    def _take(self, event: str) -> int:
        """Read and clear an event of run control."""
        value = int(getattr(self._scope.run, event))
        setattr(self._scope.run, event, 0 if event == "operation_event" else False)
        return value

    # --------------------------------------------------------------------------------------- settings

    def _write(self, name: str, value: Any, channel: int) -> Reply:
        part, attribute, limits = ATTRIBUTES[name]
        owner = self._owner(part, channel)
        if limits is not None:
            factor = self._settings.channels[channel - 1].probe if name == "channel.range" else 1.0
            if not limits[0] * factor * (1 - 1e-9) <= value <= limits[1] * factor * (1 + 1e-9):
                raise ScpiError(-222, name)
        if name in MODELLED and value not in MODELLED[name]:
            raise ScpiError(-221, name)
        if name in ROUNDED:
            value = float(f"{value:.{RANGE_FIGURES - 1}E}")
        if name in UPPER_CASE:
            value = value.upper()
        setattr(owner, attribute, value)
        return None

    def _probe(self, factor: float, channel: int) -> Reply:
        """A new probe factor rescales range, offset and trigger level, as the scope does."""
        own, trigger = self._settings.channels[channel - 1], self._settings.trigger
        before = own.probe
        self._write("channel.probe", factor, channel)
        ratio = factor / before
        own.range_v = float(f"{own.range_v * ratio:.{RANGE_FIGURES - 1}E}")
        own.offset_v *= ratio
        if trigger.source == CHANNELS[channel - 1]:
            trigger.level_v *= ratio
        return None

    def _points(self, value: int | str) -> Reply:
        waveform = self._settings.waveform
        if isinstance(value, str):
            waveform.points_mode = value
            waveform.points = SCREEN_POINTS if value == "NORM" else MEMORY_POINTS
        elif 1 <= value <= MEMORY_POINTS:
            waveform.points = value
        else:
            raise ScpiError(-222, "points")
        return None

    # ---------------------------------------------------------------------------------------- actions

    def _start(self, mode: Mode) -> Reply:
        self._scope.engine.start(mode)
        return None

    def _autoscale(self) -> Reply:
        """Show every channel at the range that holds its signal, five periods of what is there, and run."""
        trigger = self._settings.trigger
        self._start(Mode.CONTINUOUS)
        trigger.source, trigger.sweep = CHANNELS[0], "AUTO"
        record = self._scope.engine.require_record()
        for index, own in enumerate(self._settings.channels):
            volts = record.volts_of(index, AUTOSCALE_POINTS)
            low, high = float(volts.min()), float(volts.max())
            steps = [step for step in AUTOSCALE_RANGES_V if step * own.probe >= (high - low) * AUTOSCALE_ROOM]
            own.range_v = (steps[0] if steps else AUTOSCALE_RANGES_V[-1]) * own.probe
            own.offset_v = (low + high) / 2
            if index == 0:
                trigger.level_v = own.offset_v
        return self._start(Mode.CONTINUOUS)

    def _preset(self) -> Reply:
        """``:SYSTem:PRESet``: the default setup."""
        self._scope.reset()
        return None

    def _stop(self) -> Reply:
        self._scope.run.stop()
        self._scope.settle()
        return None

    def digitize(self, *sources: str) -> Reply:
        """``:DIGitize``: one acquisition of these channels, the parser held until it is complete."""
        for source in sources:
            self._settings.channels[source_index(source)].display = True
        self._scope.engine.start(Mode.DIGITIZE)
        return Wait.THEN_CONTINUE

    def _force(self) -> Reply:
        self._scope.engine.force()
        return None

    def _clear_display(self) -> Reply:
        if self._scope.run.state is Run.STOPPED:
            self._scope.engine.forget()
        return None

    def _view(self, source: str, shown: bool) -> Reply:
        for index, own in enumerate(self._settings.channels):
            if source in ("", CHANNELS[index]):
                own.display = shown
        return None

    # ---------------------------------------------------------------------------------------- records

    def _selected(self) -> tuple[Acquisition, int, int]:
        """Record, channel index and points that waveform queries speak of."""
        record, waveform = self._scope.engine.require_record(), self._settings.waveform
        return record, source_index(waveform.source), record.points(waveform.points, waveform.points_mode)

    def _select(self, number: int) -> Reply:
        """``:ACQuire:SEGMented:INDex``: the segment that waveform queries speak of, counted from 1."""
        if not 1 <= number <= len(self._scope.engine.history):
            raise ScpiError(-222, "segment")
        self._scope.engine.selected = number - 1
        return None

    def _selected_segment(self) -> int:
        engine = self._scope.engine
        return engine.selected + 1 if engine.selected >= 0 else max(1, len(engine.history))

    def _time_tag(self) -> float:
        """Trigger of the selected segment after that of the first, in s."""
        engine = self._scope.engine
        engine.require_record()
        return (engine.times_ns[engine.selected] - engine.times_ns[0]) * 1e-9

    def _read_points(self) -> int:
        """Points a record taken with the present settings has; the preamble speaks of the record at hand."""
        waveform = self._settings.waveform
        limit = SCREEN_POINTS if waveform.points_mode == "NORM" else MEMORY_POINTS
        return min(waveform.points, limit, self._settings.memory_points())

    def _preamble(self) -> Mapping[str, float]:
        record, channel, points = self._selected()
        waveform = self._settings.waveform
        return record.preamble(channel, points, waveform.format, waveform.unsigned)

    def _preamble_field(self, name: str) -> Callable[[], float]:
        return lambda: self._preamble()[name]

    def _acquisition_type(self) -> str:
        record = self._scope.engine.record
        return (record.settings if record is not None else self._settings).acquire.type

    def _data(self) -> Reply:
        record, channel, points = self._selected()
        form = self._settings.waveform
        data = record.encode(channel, points, form.format, form.byteorder, form.unsigned)
        self._scope.engine.held = record if data is None else None
        return Wait.UNTIL_TICK if data is None else (block_header(len(data)), data)

    def _measure(self, name: str, source: str | None) -> Reply:
        record = self._scope.engine.record
        if record is None:
            return OVERFLOW_TEXT
        channel = source_index(source or self._settings.other.measure_source)
        points = record.points(SCREEN_POINTS, "NORM")
        value = MEASUREMENTS[name](record.volts_of(channel, points), record.settings.timebase.range_s / points)
        return OVERFLOW_TEXT if value is None else f"{value:+.5E}".encode("ascii")

    def _screen(self, values: Mapping[str, Any]) -> Reply:
        """The screen as PNG (default) or BMP; ``:HARDcopy:INKSaver`` makes the background white."""
        picture = render_screen(self._settings, self._scope.engine.record)
        encode = encode_png if values.get("format", "PNG") == "PNG" else encode_bmp
        data = encode(picture)
        return block_header(len(data)), memoryview(data)


_PREAMBLE_QUERIES = ("x_increment", "x_origin", "x_reference", "y_increment", "y_origin", "y_reference")
