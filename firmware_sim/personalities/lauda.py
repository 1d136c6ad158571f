"""PURE: the panel of a LAUDA PRO RP 245 E: set-points, programmer, safety mode, errors (instruments.md 2.12)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from drivers.wire.dialect import Values
from drivers.wire.lauda import (
    ACTIONS,
    LAUDA,
    LINE_MAX,
    PROGRAMS,
    SEGMENTS_MAX,
    SET_POINT_C,
    Fault,
    write_fault,
)
from firmware_sim.personalities.lauda_bath import Bath
from firmware_sim.signals import Acts, switch, unheard

FAULTS: Mapping[str, str] = {
    "refuses": "answers every command that would change something with ERR_8",
    "low_level": "reports low level and stops",
    "cooling_lost": "the compressor does not cool",
}

OVERTEMPERATURE_C = 210.0
"""``IN_SP_03``: the overtemperature switch, set with a tool at the front."""

LEFT_ALONE_S = 3600.0
"""Bath and loop have settled by then."""

_EXTERNAL_PT100, _EXTERNAL_ANALOG = 1, 2


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a programme: reach this temperature in so many minutes, then wait until within the tolerance."""

    temperature_c: float
    minutes: int
    tolerance_c: float
    pump: int


@dataclass(slots=True)
class Programmer:
    """The five programmes and the one that runs."""

    programs: list[list[Segment]] = field(default_factory=lambda: [[] for _ in range(PROGRAMS)])
    loops: list[int] = field(default_factory=lambda: [1] * PROGRAMS)
    selected: int = 5
    running: int = 0
    paused: bool = False
    segment: int = 0
    loop: int = 0
    elapsed_s: float = 0.0
    from_c: float = 20.0

    def advance(self, elapsed_s: float, bath_c: float) -> Segment | None:
        """Let the running programme go on; the segment it is in, None when it has ended."""
        if not self.running:
            return None
        segments = self.programs[self.running - 1]
        if not self.paused:
            self.elapsed_s += elapsed_s
            self._next(segments, bath_c)
        return segments[self.segment] if self.running else None

    def goal_c(self, segment: Segment) -> float:
        """The set-point on its way through ``segment``."""
        duration_s = segment.minutes * 60
        done = 1.0 if self.elapsed_s >= duration_s else self.elapsed_s / duration_s
        return self.from_c + (segment.temperature_c - self.from_c) * done

    def _next(self, segments: list[Segment], bath_c: float) -> None:
        """Go on to the next segments whose time has come."""
        while self.running:
            now = segments[self.segment]
            if self.elapsed_s < now.minutes * 60:
                return
            if now.tolerance_c and abs(bath_c - now.temperature_c) > now.tolerance_c:
                return
            self.elapsed_s = 0.0 if now.tolerance_c else self.elapsed_s - now.minutes * 60
            self.from_c = now.temperature_c
            self.segment += 1
            if self.segment < len(segments):
                continue
            self.segment, self.loop = 0, self.loop + 1
            if self.loop == self.loops[self.running - 1]:
                self.running = 0
            elif not any(each.minutes for each in segments):
                return


class LaudaPanel:
    """One chiller, shared by its connections; nothing that a connection does by ending stops it."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(self, bath: Bath, model: str = "PRO RP 245 E") -> None:
        self.bath = bath
        self.on_act: Acts = unheard
        self.running = False
        self.safety_mode = False
        self.programmer = Programmer()
        self._model = model
        self._then_ns: int | None = None
        self._heard_ns = 0
        self._faults: dict[str, None] = {}
        self._values: dict[str, float] = {
            "SP_00": 20.0, "SP_01": 4, "SP_02": 2, "SP_04": 205.0, "SP_05": -50.0, "SP_07": 20.0, "SP_08": 0,
            "MODE_00": 0, "MODE_01": 0, "MODE_03": 0, "PV_05": 20.0,
        }  # fmt: skip

    def advance(self, now_ns: int) -> None:
        """Bring programme and bath up to ``now_ns``; silence beyond the communication timeout is safety mode."""
        then_ns = now_ns if self._then_ns is None else self._then_ns
        self._then_ns = now_ns
        elapsed_s = max(0, now_ns - then_ns) / 1e9
        timeout_s = self._values["SP_08"]
        if timeout_s and now_ns - self._heard_ns > timeout_s * 1e9:
            self.safety_mode = True
        was_running = self.programmer.running
        segment = self.programmer.advance(elapsed_s, self.bath.bath_c)
        if was_running and segment is None:
            self._values["SP_00"] = self.programmer.programs[was_running - 1][-1].temperature_c
        if segment is not None:
            self._values["SP_00"] = round(self.programmer.goal_c(segment), 2)
            self._values["SP_01"] = segment.pump
        goal_c = self._values["SP_07" if self.safety_mode else "SP_00"]
        self.bath.set_point_c = min(max(goal_c, self._values["SP_05"]), self._values["SP_04"])
        self.bath.running = self.running
        self.bath.pump = int(self._values["SP_01"])
        self.bath.cooling = self._values["SP_02"] != 0 and "cooling_lost" not in self._faults
        self.bath.by_external = self._values["MODE_01"] == _EXTERNAL_PT100
        self.bath.advance(elapsed_s)

    def execute(self, line: bytes, now_ns: int) -> bytes:
        """Answer one command line (without its end)."""
        self.advance(now_ns)
        self._heard_ns = now_ns
        if len(line) > LINE_MAX:
            return write_fault(Fault.INPUT)
        if not line.strip():
            return b""
        name, values = _read(line)
        if values is None:
            return write_fault(_why(line))
        if name.startswith(("IN_", "RMP_IN", "TYPE", "VERSION", "STAT")):
            answer = self._answer(name, values)
            return write_fault(answer) if isinstance(answer, Fault) else LAUDA[name].reply(**answer)
        fault = self._act(name, values)
        self.advance(now_ns)
        return LAUDA[name].reply() if fault is None else write_fault(fault)

    def set_by_hand(self, set_point_c: float) -> None:
        """Set-point turned and started at the front, and left alone for an hour."""
        self._values["SP_00"] = set_point_c
        self.running = self.bath.running = True
        self.bath.set_point_c = set_point_c
        self.bath.advance(LEFT_ALONE_S)

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch a fault of :data:`FAULTS` on or off; raises KeyError for an unknown one."""
        switch(FAULTS, self._faults, fault_id, on)
        if fault_id == "low_level" and on:
            self.on_act("low_level", "the chiller stops")
            self.running = False
        if fault_id == "cooling_lost" and on:
            self.on_act("cooling_lost", "the compressor is off")

    # -- reads

    def _answer(self, name: str, values: Values) -> Values | Fault:
        if name == "RMP_IN_00":
            segments = self.programmer.programs[self.programmer.selected - 1]
            if values["number"] > len(segments):
                return Fault.VALUE
            found = segments[values["number"] - 1]
            return {
                "temperature_c": found.temperature_c,
                "minutes": found.minutes,
                "tolerance_c": found.tolerance_c,
                "pump": found.pump,
            }
        if name in ("IN_PV_03", "IN_PV_13") and self.bath.external_c is None:
            return Fault.NO_EXTERNAL_SENSOR
        low = "low_level" in self._faults
        programmer = self.programmer
        known: dict[str, float | str | None] = {
            "TYPE": self._model,
            "VERSION_R": "1.36",
            "VERSION_S": "1.12",
            "VERSION_T": "1.20",
            "STATUS": -1 if low else 0,
            "STAT": f"{int(low)}0{int(self.safety_mode)}0{int(low)}00",
            "IN_PV_00": self.bath.bath_c,
            "IN_PV_01": self.bath.controlled_c,
            "IN_PV_02": self.bath.pressure_bar,
            "IN_PV_03": self.bath.external_c,
            "IN_PV_05": 1 if low else 6,
            "IN_PV_10": self.bath.bath_c,
            "IN_PV_13": self.bath.external_c,
            "IN_SP_03": OVERTEMPERATURE_C,
            "IN_MODE_02": int(not self.running),
            "RMP_IN_01": programmer.segment + 1 if programmer.running else 0,
            "RMP_IN_02": programmer.loops[programmer.selected - 1],
            "RMP_IN_03": programmer.loop + 1 if programmer.running else 0,
            "RMP_IN_04": programmer.selected,
            "RMP_IN_05": programmer.running,
        }
        return {"value": known[name] if name in known else self._values[name.removeprefix("IN_")]}

    # -- writes

    def _act(self, name: str, values: Values) -> Fault | None:
        if "refuses" in self._faults:
            self.on_act("refuses", "a command is answered ERR_8")
            return Fault.NO_MODULE
        if name in ("START", "STOP"):
            if name == "START" and "low_level" in self._faults:
                return Fault.NO_MODULE
            self.running = name == "START"
            self.safety_mode = self.safety_mode and not self.running
            return None
        if name.startswith("RMP"):
            return self._program(name, values)
        key, value = name.removeprefix("OUT_"), float(values["value"])
        fault = self._check(key, value)
        if fault is None:
            self._values[key] = value
            if key == "SP_08" and not value:
                self.safety_mode = False
        return fault

    def _check(self, key: str, value: float) -> Fault | None:
        """Why a value is not taken."""
        if key in ("SP_00", "SP_07") and not SET_POINT_C[0] <= value <= SET_POINT_C[1]:
            return Fault.VALUE
        if key == "SP_00" and self.programmer.running:
            return Fault.PROGRAM_RUNS
        if key == "SP_00" and self.safety_mode:
            return Fault.SAFETY_MODE_ON
        if (key == "SP_04" and value <= self._values["SP_05"]) or (key == "SP_05" and value >= self._values["SP_04"]):
            return Fault.LIMITS_CROSSED
        if key == "MODE_01" and value == _EXTERNAL_PT100 and self.bath.external_c is None:
            return Fault.NO_EXTERNAL_SENSOR
        if key == "MODE_01" and value == _EXTERNAL_ANALOG:
            return Fault.NO_ANALOG_VALUE
        return None

    def _program(self, name: str, values: Values) -> Fault | None:
        programmer = self.programmer
        segments = programmer.programs[programmer.selected - 1]
        if name == "RMP_SELECT":
            programmer.selected = values["value"]
        elif name == "RMP_OUT_02":
            programmer.loops[programmer.selected - 1] = values["value"]
        elif name == "RMP_OUT_00":
            if sum(map(len, programmer.programs)) >= SEGMENTS_MAX:
                return Fault.SEGMENTS_FULL
            segments.append(Segment(**values))
        elif name == "RMP_START":
            if not segments:
                return Fault.VALUE
            programmer.running, programmer.paused = programmer.selected, False
            programmer.segment = programmer.loop = 0
            programmer.elapsed_s, programmer.from_c = 0.0, self.bath.bath_c
        elif name == "RMP_RESET":
            if programmer.running == programmer.selected:
                return Fault.PROGRAM_RUNS
            segments.clear()
        elif name == "RMP_STOP":
            programmer.running = 0
        else:
            programmer.paused = name == "RMP_PAUSE"
        return None


def _read(line: bytes) -> tuple[str, Values | None]:
    """The row a line belongs to and its arguments."""
    for name, row in LAUDA.rows.items():
        values = row.parse_request(line)
        if values is not None:
            return name, values
    return "", None


def _why(line: bytes) -> Fault:
    """Which error a line deserves: an unknown command, or a known one with a value that is none or not allowed."""
    text = line.decode("latin-1").strip().replace(" ", "_").upper()
    for name in LAUDA.rows:
        if text.startswith(f"{name}_") and name not in ACTIONS:
            value = text.removeprefix(f"{name}_")
            number = value.replace("-", "", 1).replace("+", "", 1).replace(".", "", 1)
            return Fault.VALUE if number.replace("_", "").replace(".", "").isdigit() else Fault.VALUE_SYNTAX
    return Fault.COMMAND
