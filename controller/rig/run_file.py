"""PURE: ``run:`` of rig.yaml, of a bench that pulses, and its comparison with the PLC's own limits."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Protocol

from pydantic import Field

from controller.rig.fields import Amperes, Fraction, Hertz, Seconds, StrictModel, Volts, Watts, closest
from controller.rig.run_rig import RunRig, SupplyRow
from controller.rig.source import Document, Path, Problem
from controller.rig.units import spell

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class SupplyRowFile(StrictModel):
    """One entry of ``supplies:``: on before high voltage, with these set-points."""

    voltage: Volts
    current: Amperes


class ChillerRowFile(StrictModel):
    """One entry of ``chillers:``."""

    set_point_c: Annotated[float, Field(ge=5.0, le=95.0)]


class GaugeFile(StrictModel):
    """``gauge:`` the pressure that a conditioning looks at."""

    instrument: _Name
    number: Annotated[int, Field(ge=1, le=6)] = 1


class CalorimetryFile(StrictModel):
    """``calorimetry:`` the PLC's windows that see the load's water, in litres per minute and kelvin.

    ``coupler`` is the DAQ's channel of the mean forward power that the water is compared with.
    """

    flow_window: _Name
    rise_window: _Name
    coupler: _Name | None = None


class RunFile(StrictModel):
    """``run:`` ratings and services of a bench that pulses; without it a bench fires once."""

    source: _Name | None = None
    frequency: Hertz = 0.0
    rate_max: Hertz
    width_max: Seconds
    duty_max: Fraction
    drive_max: Watts = 0.0
    pulses_max: Annotated[int, Field(ge=1)]
    permit: Seconds
    charger_voltage: Volts
    charger_gain: Annotated[float, Field(ge=1.0, le=2.0)] = 1.0
    charger_power: Watts
    efficiency: Annotated[float, Field(gt=0.0, le=1.0)]
    warm_up: Seconds
    charger_meter: Amperes = 0.0
    supplies: dict[_Name, SupplyRowFile] = Field(default_factory=dict)
    chillers: dict[_Name, ChillerRowFile] = Field(default_factory=dict)
    gauge: GaugeFile | None = None
    calorimetry: CalorimetryFile | None = None


class _Instrument(Protocol):
    """What is asked of an entry of ``instruments:``."""

    @property
    def port(self) -> str:
        """Its Protocol in drivers/ports.py."""
        ...


def read_run_rig(file: RunFile | None) -> RunRig | None:
    """The section as everything else reads it; None without one."""
    if file is None:
        return None
    gauge, heat = file.gauge, file.calorimetry
    return RunRig(
        source=file.source or "",
        frequency_hz=file.frequency,
        rate_max_hz=file.rate_max,
        width_max_s=file.width_max,
        duty_max=file.duty_max,
        drive_max_w=file.drive_max,
        pulses_max=file.pulses_max,
        permit_s=file.permit,
        charger_voltage_v=file.charger_voltage,
        charger_gain=file.charger_gain,
        charger_power_w=file.charger_power,
        efficiency=file.efficiency,
        warm_up_s=file.warm_up,
        charger_meter_a=file.charger_meter,
        supplies={name: SupplyRow(row.voltage, row.current) for name, row in file.supplies.items()},
        chillers={name: row.set_point_c for name, row in file.chillers.items()},
        gauge=gauge.instrument if gauge else "",
        gauge_number=gauge.number if gauge else 1,
        flow_window=heat.flow_window if heat else "",
        rise_window=heat.rise_window if heat else "",
        coupler=(heat.coupler or "") if heat else "",
    )


def run_problems(document: Document, file: RunFile | None, instruments: Mapping[str, _Instrument]) -> Iterator[Problem]:
    """Every instrument of the section must be one of the rig, behind the port that is meant."""
    if file is None:
        return
    meant: list[tuple[Path, str, str]] = []
    if file.source:
        meant.append((("run", "source"), file.source, "RfSource"))
        if file.frequency <= 0.0 or file.drive_max <= 0.0:
            yield document.problem(("run", "source"), "has no carrier", "add `frequency:` and `drive_max:`")
    meant += [(("run", "supplies", name), name, "PowerSupply") for name in file.supplies]
    meant += [(("run", "chillers", name), name, "Chiller") for name in file.chillers]
    if file.gauge:
        meant.append((("run", "gauge", "instrument"), file.gauge.instrument, "VacuumGauge"))
    for path, name, port in meant:
        able = [other for other, entry in instruments.items() if entry.port == port]
        if name not in able:
            yield document.problem(path, f"the rig has no {port} '{name}'", closest(name, able))


def with_plc(run: RunRig | None, plc: Document, rig_file: str) -> tuple[RunRig | None, list[Problem]]:
    """The section with the PLC's names for windows and auxiliaries; problems where the PLC is looser, or of a kind
    that the rig is not."""
    data: dict[str, Any] = plc.data
    if run is None:
        if "run" in data:
            return None, [plc.problem(("run",), f"{rig_file} has no `run:` section", "add it there, or remove it here")]
        return None, []
    if not isinstance(data.get("run"), dict):
        return run, [plc.problem((), f"has no `run:` section, and {rig_file} has one", "add it")]
    problems = list(_looser(run, plc, data["run"], rig_file))
    windows, auxiliaries = (tuple(data.get(name) or ()) for name in ("windows", "auxiliaries"))
    for name in (run.flow_window, run.rise_window):
        if name and name not in windows:
            problems.append(plc.problem(("windows",), f"there is no window '{name}'", closest(name, windows)))
    return replace(run, windows=windows, auxiliaries=auxiliaries), problems


def _looser(run: RunRig, plc: Document, found: Mapping[str, Any], rig_file: str) -> Iterator[Problem]:
    for key, limit, name, unit in (
        ("permit_s", run.permit_s, "run.permit", "s"),
        ("pulses_max", float(run.pulses_max), "run.pulses_max", "1"),
        ("charge_power_w", run.charger_power_w, "run.charger_power", "W"),
    ):
        value = found.get(key, 0.0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield plc.problem(("run", key), f"'{value}' is not a number", f"write at most {limit:g} ({name})")
        elif not value <= limit * (1.0 + 1e-9):
            problem = f"{spell(float(value), unit)} is looser than the {spell(limit, unit)} of {rig_file} ({name})"
            yield plc.problem(("run", key), problem, f"write at most {limit:g}")
