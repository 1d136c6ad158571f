"""Every instrument port has a conformance suite, and every model is one of its rows."""

import inspect
from pathlib import Path

import pytest

from drivers import ports
from drivers.ports import Instrument
from drivers.registry import MODELS

HERE = Path(__file__).parent
SUITES = {
    "CapacitorCharger": ("charger", "test_charger_port.py"),
    "PowerSupply": ("power_supply", "test_supply_port.py"),
    "DelayGenerator": ("delay_generator", "test_delay_port.py"),
    "Oscilloscope": ("oscilloscope", "test_scope_port.py"),
    "VacuumGauge": ("vacuum_gauge", "test_gauge_port.py"),
    "RfSource": ("rf_source", "test_rf_port.py"),
    "Chiller": ("chiller", "test_chiller_port.py"),
    "Daq": ("daq", "test_daq_port.py"),
    "RigPlc": ("plc", "test_plc_port.py"),
}
"""Port -> ``Model.kind``, its suite."""


def test_no_port_is_without_a_suite() -> None:
    declared = {
        name
        for name, port in inspect.getmembers(ports, inspect.isclass)
        if port.__module__ == ports.__name__ and Instrument in port.__mro__[1:]
    }
    assert declared == set(SUITES)
    assert {model.kind for model in MODELS.values()} == {kind for kind, _ in SUITES.values()}
    assert {path.name for path in HERE.glob("test_*_port.py")} == {file for _, file in SUITES.values()}


@pytest.mark.parametrize("port", SUITES)
def test_every_models_driver_is_in_the_suite_of_its_port(port: str) -> None:
    kind, file = SUITES[port]
    text = (HERE / file).read_text(encoding="utf-8")
    openers = {model.open.__name__ for model in MODELS.values() if model.kind == kind}  # type: ignore[attr-defined]
    missing = sorted(name for name in openers if text.count(name) < 2)
    assert openers and not missing, "imported, and used in a row"
