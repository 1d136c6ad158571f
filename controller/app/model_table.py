"""Which models there are, what of them is covered, and who else's client drove their stand-ins.

The one place for that: ``sparkgap instruments`` prints it, and a test holds each line to the registry, to the stand-ins
and to the tests that it names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drivers.registry import MODELS
from firmware_sim.standalone import STANDALONE

OURS = "rig PLC of the benches"


@dataclass(frozen=True, slots=True)
class Check:
    """A client that nobody here wrote, by which transport, and the test in which it drives the stand-in."""

    client: str
    transport: str
    test: str


@dataclass(frozen=True, slots=True)
class Notes:
    """What the registry does not say of a model."""

    options: str
    checks: tuple[Check, ...] = ()


def _checks(test: str, *pairs: str) -> tuple[Check, ...]:
    """``client/transport`` pairs of one test file."""
    split = (pair.partition("/") for pair in pairs)
    return tuple(Check(client, transport, f"tests/rig/{test}") for client, _, transport in split)


NOTES: Mapping[str, Notes] = {
    "FuG HCK 2000-4000": Notes(
        "Probus V; the bench's charger", _checks("test_line_clients.py", "pyvisa/serial", "pyserial/serial")
    ),
    "FuG HCK 800-20000": Notes("Probus V"),
    "Technix CCR10KV-7.5KJ": Notes("local and remote inhibit", _checks("test_supply_clients.py", "pyserial/serial")),
    "Technix CCR25KV-7.5KJ": Notes("local and remote inhibit", _checks("test_supply_clients.py", "pyserial/serial")),
    "TDK-Lambda Genesys GEN80-65": Notes(
        "RS-485 addresses 0 to 30", _checks("test_supply_clients.py", "pymeasure/serial")
    ),
    "SRS DG645": Notes(
        "single shot, external trigger", _checks("test_line_clients.py", "pyvisa/socket", "pyvisa/serial")
    ),
    "Highland T560": Notes("arm and fire"),
    "Keysight DSO-X 3014A": Notes(
        "8 bit, 12 bit high resolution; segmented memory",
        _checks("test_scope_clients.py", "pyvisa/socket")
        + _checks("test_scope_programs.py", "pymeasure/socket", "pymeasure/hislip", "pymeasure/vxi11")
        + _checks("test_hislip_clients.py", "pyvisa/hislip"),
    ),
    "Pfeiffer TPG 262": Notes("two gauges", _checks("test_foreign_programs.py", "pyvisa/serial")),
    "Pfeiffer TPG 256A": Notes("six gauges"),
    "R&S SMB100A": Notes(
        "pulse modulation",
        _checks("test_rf_clients.py", "rsinstrument/socket", "rsinstrument/hislip", "rsinstrument/vxi11")
        + _checks("test_foreign_programs.py", "lxi/socket"),
    ),
    "LAUDA PRO RP245E": Notes("external sensor, ramps"),
    "LabJack T7": Notes(
        "14 inputs, stream registers refused", _checks("test_plc_clients.py", "mbpoll/modbus", "pymodbus/modbus")
    ),
    "Sparkgap rig PLC": Notes(OURS, _checks("test_plc_clients.py", "mbpoll/modbus", "pymodbus/modbus")),
    "Rigol DS1074Z": Notes("8 bit, screen or deep memory", _checks("test_scope_programs.py", "pyvisa/socket")),
    "R&S RTO1024": Notes(
        "8 and 16 bit, segmented memory, history",
        _checks("test_scope_programs.py", "pyvisa/socket", "pyvisa/hislip", "pyvisa/vxi11")
        + _checks("test_scope_programs.py", "rsinstrument/socket", "rsinstrument/hislip", "rsinstrument/vxi11"),
    ),
    "Tektronix MSO54": Notes("learned: verbs mso5"),
    "Teledyne LeCroy WaveRunner": Notes("learned: verbs lecroy"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of ``sparkgap instruments``. ``simulated``: doors of its stand-in alone; ``learned``: by verbs only."""

    model: str
    kind: str
    transports: tuple[str, ...]
    simulated: tuple[str, ...]
    notes: Notes


def model_rows() -> Iterator[Row]:
    """Every model with a driver, then the stand-ins without one: scopes to learn."""
    for model in MODELS.values():
        doors = STANDALONE[model.name](0) if model.name in STANDALONE else {}
        yield Row(model.name, model.kind, model.endpoints, tuple(doors), NOTES.get(model.name, Notes("")))
    for name, build in STANDALONE.items():
        if name not in MODELS:
            names = tuple(build(0))
            yield Row(name, "oscilloscope", names, names, NOTES.get(name, Notes("")))
