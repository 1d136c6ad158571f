"""PURE: the stand-in of an R&S SMB100A with pulse modulation: settings, sweeps, lists, status (instruments.md 2.10).

A value outside its limits is refused with -222 and the old one stays. A sweep that runs once is pending work: ``*OPC``
and ``*OPC?`` wait for its end.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from drivers.wire.scpi import HeaderTable, ScpiError, Unit
from drivers.wire.scpi_rows import ScpiRow
from drivers.wire.smb100a import CENTRE_SPAN, ENABLES, SETTINGS, SMB100A, ListRow, Setting
from firmware_sim.personalities.smb100a_pulse import PulseTiming, pulses_of
from firmware_sim.personalities.smb100a_sweep import Sweep, SweepKind
from firmware_sim.personalities.status488 import Status488, Stb
from firmware_sim.sessions.scpi import Handler, Reply
from firmware_sim.signals import Acts, switch, unheard

VENDOR, MODEL, FIRMWARE = "Rohde&Schwarz", "SMB100A", "3.1.19.15-3.20.390.24"
REGISTERS = 100
"""``*SAV`` and ``*RCL`` registers 0 to 99."""

OPER_SWEEPING = 8
"""Bit 3 of the operation status: a sweep is running."""

FAULTS: Mapping[str, str] = {
    "refuses": "answers every setting with -221 (settings conflict)",
    "wrong_frequency": "the frequency moves by 1 MHz by itself",
    "output_lost": "the output switches itself off (reverse power protection)",
}

_HW_NODES = re.compile(r"(SOURce|OUTPut|TRIGger)(?=[\]:\[?]|$)")

HEADERS: HeaderTable[ScpiRow | ListRow] = HeaderTable(
    (_HW_NODES.sub(r"\1<n>", row.pattern), row)
    for row in SMB100A.rows.values()
    if isinstance(row, ScpiRow | ListRow) and not row.pattern.startswith("*")
)
"""Every header, once per process, with the instrument's optional hardware index: ``SOUR1:FREQ`` is ``SOUR:FREQ``."""

_SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}

_INTERNAL_MODES = {"SQU": ("SING", "AUTO"), "FRUN": ("SING", "AUTO"), "TRIG": ("SING", "EXT"),
                   "DOUB": ("DOUB", "EXT"), "GATE": ("SING", "EGAT")}  # fmt: skip
"""E8257D pulse sources as pulse mode and trigger of this instrument."""


class Smb100a:
    """One generator, shared by its connections (``ScpiSession``)."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(self, serial: str = "112233", part: str = "1406.6000k02") -> None:
        self.identification = f"{VENDOR},{MODEL},{part}/{serial},{FIRMWARE}"
        self.status = Status488(signed_zero=False)
        self.values: dict[str, Any] = {}
        self.lists: dict[str, list[float]] = {}
        self.now_ns = 0
        self.on_act: Acts = unheard
        self._sweep: Sweep | None = None
        self._enables = dict.fromkeys(ENABLES, 0)
        self._operation_event = 0
        self._registers: dict[int, tuple[dict[str, Any], dict[str, list[float]]]] = {}
        self._faults: dict[str, None] = {}
        self._actions = self._make_actions()
        self._readings = self._make_readings()
        self.reset()

    # ------------------------------------------------------------------------------------ the bench

    @property
    def frequency_hz(self) -> float:
        """Of the carrier at the output now."""
        found = self._running()
        if found is not None and found.kind in (SweepKind.FREQUENCY, SweepKind.LIST):
            return found.value(self.now_ns)
        return float(self.values["frequency"])

    @property
    def power_dbm(self) -> float | None:
        """Of the carrier at the output now; None while the output is off."""
        if not self.values["output"]:
            return None
        found = self._running()
        swept = found is not None and found.kind is SweepKind.POWER
        return found.value(self.now_ns) if swept and found is not None else float(self.values["power"])

    @property
    def pulses(self) -> PulseTiming:
        """How the carrier is pulsed now."""
        return pulses_of(self.values)

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch one of :data:`FAULTS` on or off. Raises KeyError for an unknown one."""
        switch(FAULTS, self._faults, fault_id, on)
        if fault_id == "wrong_frequency":
            self.values["frequency"] += 1e6 if on else -1e6
        if fault_id == "output_lost" and on:
            self.values["output"] = False
        if fault_id != "refuses" and on:
            self.on_act(fault_id, FAULTS[fault_id])

    # ------------------------------------------------------------------------------------ ScpiDevice

    def compile(self, unit: Unit) -> Handler:
        """A callable for one unit; raises ScpiError for what the grammar refuses."""
        row, suffixes = HEADERS.find(unit)
        if any(suffix != 1 for suffix in suffixes):
            raise ScpiError(-114)
        values = row.read_arguments(unit, suffixes)
        action = self._actions.get(row.name)
        if action is not None:
            return lambda: action()
        if not row.answers:
            argument = values["values"] if isinstance(row, ListRow) else values["value"]
            return lambda: self._write(row.name, argument)
        if row.name == "error?":
            return lambda: self.status.next_error().encode("ascii")
        if row.name == "error.all?":
            return self._all_errors
        if isinstance(row, ListRow):
            return lambda: row.write_results({"values": self.lists[row.name.rstrip("?")]})
        write = row.results["value"].write
        reading = self._readings.get(row.name) or self._setting_reader(row.name[:-1], values.get("which"))
        return lambda: write(reading()).encode("ascii")

    def advance(self, now_ns: int) -> None:
        """Bring a sweep up to this instant."""
        self.now_ns = now_ns
        if self._sweep is not None and not self._sweep.running(now_ns):
            self._sweep = None
        self.status.settle(self.pending())

    def pending(self) -> bool:
        """True while a sweep runs that has an end."""
        return self._sweep is not None and self._sweep.running(self.now_ns)

    def device_bits(self) -> int:
        """OPER of the status byte."""
        return int(Stb.OPER) if self._operation_event & self._enables["operation.enable"] else 0

    def clear_events(self) -> None:
        """``*CLS`` of the operation register."""
        self._operation_event = 0

    def reset(self) -> None:
        """``*RST``: output off, pulse modulation off."""
        self._sweep = None
        self.values = {setting.name: setting.default for setting in SETTINGS}
        self.lists = {"list.frequency": [], "list.power": []}
        if "wrong_frequency" in self._faults:
            self.values["frequency"] += 1e6

    def save(self, register: int) -> None:
        """``*SAV``. Raises ScpiError."""
        self._registers[self._register(register)] = (dict(self.values), dict(self.lists))

    def recall(self, register: int) -> None:
        """``*RCL``; a register never saved is refused with -222."""
        found = self._registers.get(self._register(register))
        if found is None:
            raise ScpiError(-222)
        self.values, self.lists = dict(found[0]), dict(found[1])
        self._sweep = None

    def group_trigger(self) -> Reply:
        """``*TRG`` starts the sweep or list that waits for a single trigger."""
        return self._trigger_now()

    def self_test(self) -> int:
        """``*TST?``."""
        return 0

    # -------------------------------------------------------------------------------------- settings

    def _register(self, register: int) -> int:
        if not 0 <= register < REGISTERS:
            raise ScpiError(-222)
        return register

    def _write(self, name: str, value: Any) -> Reply:
        if "refuses" in self._faults:
            self.on_act("refuses", "a setting is answered with -221")
            raise ScpiError(-221)
        if name in ENABLES:
            if not 0 <= value <= 0xFFFF:
                raise ScpiError(-222)
            self._enables[name] = value
        elif name in CENTRE_SPAN:
            self._write_span(name, value)
        elif name in self.lists:
            limits = _SETTINGS[name.removeprefix("list.")]
            self.lists[name] = [_within(limits, each) for each in value]
        else:
            setting = _SETTINGS[name]
            checked = _within(setting, value) if isinstance(value, int | float) else value
            if name == "power" and checked > self.values["power.limit"]:
                raise ScpiError(-222)
            self.values[name] = int(checked) if name.endswith((".points", ".index")) else checked
            self._follow(name, self.values[name])
        return None

    def _write_span(self, name: str, value: float) -> None:
        """Centre and span move start and stop together, or not at all."""
        values = self.values
        centre, span = (values["frequency.start"] + values["frequency.stop"]) / 2, self._span_hz()
        centre, span = (value, span) if name == "frequency.center" else (centre, value)
        start, stop = (
            _within(_SETTINGS[f"frequency.{edge}"], centre + sign * span / 2)
            for edge, sign in (("start", -1.0), ("stop", 1.0))
        )
        values["frequency.start"], values["frequency.stop"] = start, stop

    def _span_hz(self) -> float:
        return float(self.values["frequency.stop"] - self.values["frequency.start"])

    def _follow(self, name: str, value: Any) -> None:
        """What a setting changes beside itself."""
        values = self.values
        if name in ("frequency.mode", "power.mode"):
            values[name] = "CW" if value == "FIX" else value
            self._sweep = None
        elif name == "pulse.internal":
            values["pulse.mode"], values["pulse.trigger"] = _INTERNAL_MODES[value]
            if value == "SQU":
                values["pulse.width"] = values["pulse.period"] / 2
        elif name == "pulse.rate":
            values["pulse.period"] = 1.0 / value
            if values["pulse.internal"] == "SQU":
                values["pulse.width"] = values["pulse.period"] / 2
        elif name == "pulse.period":
            values["pulse.rate"] = 1.0 / value
        elif name == "output" and value:
            self._faults.pop("output_lost", None)
        elif name == "sweep.points" and value > 1:
            values["sweep.step"] = abs(self._span_hz()) / (value - 1)
        elif name == "sweep.step":
            values["sweep.points"] = max(2, int(abs(self._span_hz()) / value) + 1)

    def _setting_reader(self, name: str, which: str | None) -> Callable[[], Any]:
        if name in ENABLES:
            return lambda: self._enables[name]
        if name == "frequency.span":
            return self._span_hz
        if name == "frequency.center":
            return lambda: (self.values["frequency.start"] + self.values["frequency.stop"]) / 2
        if which is not None:
            setting = _SETTINGS[name]
            limit = {"MIN": setting.low, "MAX": setting.high, "DEF": setting.default}[which]
            return lambda: limit
        return lambda: self.values[name]

    def _all_errors(self) -> bytes:
        """Empties the queue into one answer."""
        errors = [self.status.next_error()]
        while self.status.error_count:
            errors.append(self.status.next_error())
        return ",".join(errors).encode("ascii")

    # ---------------------------------------------------------------------------------------- sweeps

    def _make_actions(self) -> Mapping[str, Callable[[], Reply]]:
        return {
            "sweep.execute": lambda: self._start(SweepKind.FREQUENCY),
            "sweep.power.execute": lambda: self._start(SweepKind.POWER),
            "list.execute": lambda: self._start(SweepKind.LIST),
            "trigger.frequency.now": lambda: self._start(SweepKind.FREQUENCY),
            "trigger.power.now": lambda: self._start(SweepKind.POWER),
            "trigger.now": self._trigger_now,
            "initiate": self._trigger_now,
            "sweep.reset": self._stop,
            "list.reset": self._stop,
            "abort": self._stop,
            "list.learn": self._learn,
            "list.delete": self._delete_lists,
            "pulse.trigger.now": self._trigger_pulse,
            "preset": self._preset,
            "status.preset": self._preset_status,
        }

    def _make_readings(self) -> Mapping[str, Callable[[], Any]]:
        def running(kind: SweepKind) -> bool:
            found = self._running()
            return found is not None and found.kind is kind

        return {
            "sweep.running?": lambda: running(SweepKind.FREQUENCY),
            "sweep.power.running?": lambda: running(SweepKind.POWER),
            "list.running?": lambda: running(SweepKind.LIST),
            "list.frequency.points?": lambda: len(self.lists["list.frequency"]),
            "list.power.points?": lambda: len(self.lists["list.power"]),
            "error.count?": lambda: self.status.error_count,
            "version?": lambda: "1999.0",
            "output.impedance?": lambda: "G50",
            "operation.condition?": lambda: OPER_SWEEPING if self._running() is not None else 0,
            "operation.event?": self._take_operation_event,
            "questionable.condition?": lambda: 0,
            "questionable.event?": lambda: 0,
        }

    def _running(self) -> Sweep | None:
        """The sweep under way: one that was triggered, or the endless one of trigger AUTO."""
        if self.pending():
            return self._sweep
        values = self.values
        if values["frequency.mode"] == "SWE" and values["trigger.frequency"] == "AUTO":
            return self._make_sweep(SweepKind.FREQUENCY, endless=True)
        if values["frequency.mode"] == "LIST" and values["list.trigger"] == "AUTO" and self.lists["list.frequency"]:
            return self._make_sweep(SweepKind.LIST, endless=True)
        if values["power.mode"] == "SWE" and values["trigger.power"] == "AUTO":
            return self._make_sweep(SweepKind.POWER, endless=True)
        return None

    def _make_sweep(self, kind: SweepKind, endless: bool = False) -> Sweep:
        values = self.values
        start_ns = 0 if endless else self.now_ns
        if kind is SweepKind.LIST:
            return Sweep(kind, tuple(self.lists["list.frequency"]), values["list.dwell"], start_ns, endless)
        if kind is SweepKind.POWER:
            ends = values["power.start"], values["power.stop"]
            return Sweep.between(
                kind, ends, values["sweep.power.points"], values["sweep.power.dwell"], start_ns, endless
            )
        ends = values["frequency.start"], values["frequency.stop"]
        logarithmic = values["sweep.spacing"] == "LOG"
        return Sweep.between(
            kind, ends, values["sweep.points"], values["sweep.dwell"], start_ns, endless, logarithmic=logarithmic
        )

    def _start(self, kind: SweepKind) -> Reply:
        """One sweep or list; refused outside its mode and trigger source (-211, -221)."""
        values = self.values
        mode, trigger = {
            SweepKind.FREQUENCY: (values["frequency.mode"] == "SWE", values["trigger.frequency"]),
            SweepKind.POWER: (values["power.mode"] == "SWE", values["trigger.power"]),
            SweepKind.LIST: (values["frequency.mode"] == "LIST", values["list.trigger"]),
        }[kind]
        if not mode or (kind is SweepKind.LIST and not self.lists["list.frequency"]):
            raise ScpiError(-221)
        if trigger != "SING":
            raise ScpiError(-211)
        self._sweep = self._make_sweep(kind)
        self._operation_event |= OPER_SWEEPING
        return None

    def _trigger_now(self) -> Reply:
        if self.values["frequency.mode"] == "LIST":
            return self._start(SweepKind.LIST)
        if self.values["frequency.mode"] == "SWE":
            return self._start(SweepKind.FREQUENCY)
        if self.values["power.mode"] == "SWE":
            return self._start(SweepKind.POWER)
        raise ScpiError(-211)

    def _stop(self) -> Reply:
        self._sweep = None
        self.status.settle(False)
        return None

    def _learn(self) -> Reply:
        """The list must have as many levels as frequencies, or one."""
        frequencies, levels = self.lists["list.frequency"], self.lists["list.power"]
        if not frequencies or len(levels) not in (1, len(frequencies)):
            raise ScpiError(-221)
        return None

    def _delete_lists(self) -> Reply:
        self.lists = {name: [] for name in self.lists}
        return None

    def _trigger_pulse(self) -> Reply:
        if self.values["pulse.trigger"] != "SING":
            raise ScpiError(-211)
        return None

    def _preset(self) -> Reply:
        self.reset()
        return None

    def _preset_status(self) -> Reply:
        self._enables = dict.fromkeys(ENABLES, 0)
        return None

    def _take_operation_event(self) -> int:
        event, self._operation_event = self._operation_event, 0
        return event


def _within(setting: Setting, value: float) -> float:
    """``value`` when the instrument takes it; MINimum and MAXimum (infinities) become the limits. Raises -222."""
    if value in (float("-inf"), float("inf")):
        return setting.low if value < 0 else setting.high
    if not setting.low <= value <= setting.high:
        raise ScpiError(-222)
    return value
