"""PURE: the shape of rig.yaml (version 1). Exported to configs/schema/rig.json for editors."""

from typing import Annotated, Literal

from pydantic import Field

from controller.rig.alarm_rows import AlarmFile, StateName
from controller.rig.fields import (
    Action,
    Amperes,
    AnyQuantity,
    Farads,
    Fraction,
    Joules,
    Ohms,
    Rate,
    Seconds,
    StrictModel,
    Volts,
)
from controller.rig.mimic_file import MimicFile
from controller.rig.run_file import RunFile

VERSION = 1
"""The newest rig.yaml this code reads."""

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Role = Literal["safety", "required", "optional"]


class BankFile(StrictModel):
    """``bank:`` the capacitor bank, every value per module unless its name says otherwise."""

    modules: Annotated[int, Field(ge=1, le=8)]
    module_capacitance: Farads
    capacitance_tolerance: Fraction
    rated_voltage: Volts
    max_voltage: Volts
    overvoltage: Volts
    bleeder: Ohms
    dump: Ohms
    dump_energy: Joules
    module_current: Amperes
    charge_rate: Rate
    charge_rate_min: Rate
    charge_current: Amperes
    fire_tolerance: Volts
    fire_tolerance_min: Volts
    safe_voltage: Volts
    safe_energy: Joules


class LimitsFile(StrictModel):
    """``limits:`` what no profile may exceed, and the PLC's times."""

    energy: Joules
    action_integral: Action
    trigger_delay: Seconds
    consent_energy: Joules
    single_dump_voltage: Volts
    scan: Seconds
    watchdog: Seconds
    contactor: Seconds
    dump_travel: Seconds
    open: Seconds
    float: Seconds
    isolate: Seconds
    fire: Seconds
    warn: Seconds
    charge_margin: Fraction
    dump_margin: Fraction
    dwell_taus: Fraction


class TriggerFile(StrictModel):
    """``trigger:`` the chain from the PLC's fire output to the modules."""

    instrument: Name
    pairs: list[Literal["AB", "CD", "EF", "GH"]]
    width: Seconds
    holdoff: Seconds
    level: Volts
    input_level: Volts


class InstrumentFile(StrictModel):
    """One entry of ``instruments:``. Instruments with the same ``line`` share it, each with a ``unit`` of its own."""

    title: Text
    model: Text
    port: Literal[
        "Oscilloscope",
        "CapacitorCharger",
        "DelayGenerator",
        "RfSource",
        "PowerSupply",
        "VacuumGauge",
        "Daq",
        "Chiller",
        "RigPlc",
    ]
    identity: Text
    transport: Literal["socket", "serial", "modbus", "hislip", "vxi11"]
    role: Role = "required"
    serial: str = ""
    ranges: list[Volts] = Field(default_factory=list)
    line: Name | None = None
    unit: Annotated[int, Field(ge=0, le=30)] | None = None


class PartFile(StrictModel):
    """One serial-numbered part of a calibration chain; ``factor`` is engineering units per volt, or a plain ratio."""

    kind: Text
    serial: Text
    factor: AnyQuantity | None = None
    sign: Literal[1, -1] = 1
    delay: Seconds = 0.0
    delay_uncertainty: Seconds = 0.0
    uncertainty: Fraction = 0.0
    termination: Ohms | None = None
    due: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None


ChannelUnit = Literal[
    "A", "A/s", "V", "T", "T/s", "J", "Pa", "W", "K", "degC", "kg/s", "l/min", "W/m^2", "Sv/h", "s", "Hz", "1"
]


class ChannelFile(StrictModel):
    """One entry of ``channels:``. One with a ``group`` is read all the time and published with the telemetry, and
    judged by ``low`` and ``high`` while the PLC is in one of ``states`` (none: always)."""

    title: Text
    instrument: Name
    input: Text
    unit: ChannelUnit
    full_scale: AnyQuantity
    chain: list[PartFile] = Field(default_factory=list)
    module: Annotated[int, Field(ge=0, le=8)] = 0
    group: Name | None = None
    low: AnyQuantity | None = None
    high: AnyQuantity | None = None
    states: Annotated[list[StateName], Field(max_length=20)] = Field(default_factory=list)


class InterlockFile(StrictModel):
    """One row of ``interlocks:``."""

    title: Text
    plc_trip: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")]
    guidance: Text


class RigFile(StrictModel):
    """rig.yaml."""

    rig: Literal[1]
    name: Name
    title: Text
    rig_id: Annotated[int, Field(ge=1, le=65535)]
    bank: BankFile
    limits: LimitsFile
    trigger: TriggerFile
    loads: dict[Name, Text]
    instruments: dict[Name, InstrumentFile]
    channels: dict[Name, ChannelFile]
    interlocks: dict[Name, InterlockFile]
    mimic: MimicFile | None = None
    alarms: dict[Name, AlarmFile] = Field(default_factory=dict)
    run: RunFile | None = None
