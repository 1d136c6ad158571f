"""Every model of instrument on a simulated bench: found by name in the plant, driven by its own driver."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from controller.app.benches import build_plant
from controller.app.instruments import open_bench
from controller.app.preflight import read_rig
from controller.app.rig_sim import SimulatedRig, fault_lists
from controller.rig.model import Channel, InstrumentSpec, Rig
from controller.rig.source import Refused
from controller.runtime.bench import Bench
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import run_virtual
from drivers.ports import RfPlan
from firmware_sim.plant import contract
from tests.support import ROOT

T = TypeVar("T")

EXTRAS = {
    "heater_supply": ("TDK-Lambda Genesys GEN80-65", "PowerSupply", "GEN80-65", "serial", "psu_line", 6),
    "magnet_supply": ("TDK-Lambda Genesys GEN80-65", "PowerSupply", "GEN80-65", "serial", "psu_line", 7),
    "gauge": ("Pfeiffer TPG 262", "VacuumGauge", "TPG 262", "serial", "", 0),
    "gauge_row": ("Pfeiffer TPG 256A", "VacuumGauge", "TPG 256 A", "serial", "", 0),
    "drive": ("R&S SMB100A", "RfSource", "SMB100A", "socket", "", 0),
    "drive_by_hislip": ("R&S SMB100A", "RfSource", "SMB100A", "hislip", "", 0),
    "chiller": ("LAUDA PRO RP245E", "Chiller", "PRO", "socket", "", 0),
    "scope_rto": ("R&S RTO1024", "Oscilloscope", "RTO", "hislip", "", 0),
    "scope_dsox": ("Keysight DSO-X 3014A", "Oscilloscope", "DSO-X 3014A,MY00000077", "socket", "", 0),
    "other_charger": ("FuG HCK 800-20000", "CapacitorCharger", "HCK 800 - 20", "serial", "", 0),
    "other_delay": ("SRS DG645", "DelayGenerator", "DG645", "serial", "", 0),
}

PRESSURE_PA = 2.5e-4

WORLD = """


class WorldPlant(ToyPlant):
    readings = ToyPlant.readings | {
        "heater_supply_load_ohm", "magnet_supply_load_ohm", "chamber_pressure", "chiller_load_w",
        "other_charger_voltage_v", "other_charger_current_a", "other_charger_constant_voltage",
    }
    controls = ToyPlant.controls | {
        "heater_supply_voltage_v", "heater_supply_current_a", "magnet_supply_voltage_v", "magnet_supply_current_a",
        *(f"{name}_{what}" for name in ("drive", "drive_by_hislip")
          for what in ("frequency_hz", "power_dbm", "pulse_width_s", "pulse_delay_s", "pulse_period_s")),
        "chiller_loop_c", "chiller_running",
        "other_charger_set_voltage_v", "other_charger_set_current_a", "other_charger_output",
    }

    def read(self, probe):
        world = {"heater_supply_load_ohm": 0.5, "magnet_supply_load_ohm": 2.0, "chamber_pressure": 2.5e-4,
                 "chiller_load_w": 500.0, "other_charger_voltage_v": 12_000.0, "other_charger_current_a": 0.04,
                 "other_charger_constant_voltage": 0.0}
        return world[probe] if probe in world else super().read(probe)

    def drive(self, name, value):
        if name in ToyPlant.controls:
            super().drive(name, value)
        else:
            self.__dict__.setdefault("told", {})[name] = value


def build(text, seed, toy=build):
    plant = toy(text, seed)
    plant.__class__ = WorldPlant
    return plant
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy bench with a plant that has terminals for everything."""
    made = tmp_path_factory.mktemp("world") / "bench"
    shutil.copytree(ROOT / "tests" / "toy_bench", made)
    with (made / "plant.py").open("a", encoding="utf-8") as file:
        file.write(WORLD)
    return made


def widened(folder: Path, names: tuple[str, ...] = tuple(EXTRAS)) -> Rig:
    """The toy rig with further instruments."""
    rig, _ = read_rig(str(folder))
    extras = tuple(
        InstrumentSpec(name, name, model, port, identity, transport, line=line, unit=unit)
        for name, (model, port, identity, transport, line, unit) in EXTRAS.items()
        if name in names
    )
    gauge = Channel("chamber_pressure", "Pressure in the chamber", "gauge", "GAUGE1", "Pa", 1.0)
    channels = (*rig.channels, gauge) if "gauge" in names else rig.channels
    return replace(rig, instruments=(*rig.instruments, *extras), channels=channels)


def on_bench(folder: Path, rig: Rig, body: Callable[[SimulatedRig, Bench], Awaitable[T]]) -> T:
    """Run ``body`` on the opened bench, on virtual time."""

    async def run() -> T:
        files = read_rig(str(folder))[1]
        plant = build_plant(str(folder), 1)
        sim = SimulatedRig(rig, plant, files.plc.read_text(encoding="utf-8"), str(files.plc), 1, inline)
        sim.start()
        try:
            bench, identities = await open_bench(rig, sim.connects())
            assert set(identities) == {spec.name for spec in rig.instruments}
            try:
                return await body(sim, bench)
            finally:
                await bench.close()
        finally:
            await sim.stop()

    return run_virtual(run())


def test_two_supplies_on_one_line_drive_their_own_loads(folder: Path) -> None:
    async def body(sim: SimulatedRig, bench: Bench) -> dict[str, Any]:
        heater, magnet = bench.others["heater_supply"], bench.others["magnet_supply"]
        for supply, volts in ((heater, 5.0), (magnet, 30.0)):
            await supply.configure(volts, 60.0)  # type: ignore[attr-defined]
            await supply.output(True)  # type: ignore[attr-defined]
        await asyncio.sleep(2.0)
        readings = [await supply.read() for supply in (heater, magnet)]  # type: ignore[attr-defined]
        assert [round(reading.current_a, 1) for reading in readings] == [10.0, 15.0]
        return dict(sim.plant.told)  # type: ignore[attr-defined]

    told = on_bench(folder, widened(folder, ("heater_supply", "magnet_supply")), body)
    assert told["heater_supply_current_a"] == pytest.approx(10.0, rel=1e-3)
    assert told["magnet_supply_voltage_v"] == pytest.approx(30.0, rel=1e-3)


def test_gauge_generator_and_chiller_are_wired_to_the_plant(folder: Path) -> None:
    async def body(sim: SimulatedRig, bench: Bench) -> dict[str, Any]:
        others: Any = bench.others
        pressures = await others["gauge"].read()
        assert pressures[1].pressure_pa == pytest.approx(PRESSURE_PA, rel=0.01)
        assert pressures[2].status.value == "no sensor"
        await others["drive"].configure(RfPlan(2.998e9, 3.0, pulse_width_s=2e-6))
        await others["drive"].output(True)
        await others["chiller"].configure(25.0)
        await others["chiller"].run(True)
        await asyncio.sleep(0.1)
        return dict(sim.plant.told)  # type: ignore[attr-defined]

    told = on_bench(folder, widened(folder), body)
    assert (told["drive_frequency_hz"], told["drive_power_dbm"]) == (2.998e9, 3.0)
    assert (told["drive_pulse_width_s"], told["drive_pulse_delay_s"], told["drive_pulse_period_s"]) == (2e-6, 0.0, 0.0)
    assert told["drive_by_hislip_pulse_width_s"] == float("inf"), "not pulsed"
    assert told["drive_by_hislip_power_dbm"] == -200.0, "its output is off"
    assert told["chiller_running"] == 1.0 and told["chiller_loop_c"] > 22.0, "500 W warm the loop"


def test_every_kind_of_scope_and_trigger_box_opens_beside_each_other(folder: Path) -> None:
    async def body(sim: SimulatedRig, bench: Bench) -> None:
        assert set(bench.scopes) == {"scope", "scope_rto", "scope_dsox"}
        assert {"other_charger", "other_delay"} <= set(bench.others), "the first of a port is the bench's own"
        reading = await bench.others["other_charger"].read()  # type: ignore[attr-defined]
        assert reading.voltage_v == pytest.approx(12_000.0, rel=1e-3), "20 kV full scale"

    on_bench(folder, widened(folder), body)


def test_a_shared_line_is_one_pty_and_its_units_are_published(folder: Path) -> None:
    async def published() -> dict[str, Any]:
        rig, files = widened(folder, ("heater_supply", "magnet_supply")), read_rig(str(folder))[1]
        text = files.plc.read_text(encoding="utf-8")
        sim = SimulatedRig(rig, build_plant(str(folder), 1), text, str(files.plc), 1, inline)
        try:
            return await sim.serve()
        finally:
            await sim.stop()

    said = asyncio.run(published())
    devices = [said[name]["endpoints"]["serial"] for name in ("heater_supply", "magnet_supply")]
    assert [device.partition("#")[2] for device in devices] == ["6", "7"]
    assert len({device.partition("#")[0] for device in devices}) == 1


def test_a_fault_of_a_line_is_one_fault(folder: Path) -> None:
    """Whichever of its units it is injected at: the cable is the same."""

    async def body(sim: SimulatedRig, bench: Bench) -> None:
        assert sim.standins["heater_supply"].link is sim.standins["magnet_supply"].link

    on_bench(folder, widened(folder, ("heater_supply", "magnet_supply")), body)


MISWIRED = {
    "transport": (("gauge", "transport", "socket"), "the simulated Pfeiffer TPG 262 has no socket; use serial"),
    "line": (("gauge", "line", "psu_line"), "only supplies share a line"),
    "model": (("gauge", "model", "Pfeiffer TPG 999"), "no bench has a stand-in of 'Pfeiffer TPG 999'"),
}


@pytest.mark.parametrize("case", MISWIRED)
def test_what_a_stand_in_cannot_be_is_refused(case: str, folder: Path) -> None:
    (name, field, value), said = MISWIRED[case]
    rig = widened(folder)
    changed = tuple(replace(spec, **{field: value}) if spec.name == name else spec for spec in rig.instruments)

    async def body(sim: SimulatedRig, bench: Bench) -> None:
        raise AssertionError("it was built")

    with pytest.raises(Refused, match=said):
        on_bench(folder, replace(rig, instruments=changed), body)


def test_an_input_that_the_instrument_has_not_is_refused(folder: Path) -> None:
    rig = widened(folder)
    channels = tuple(replace(c, input="AIN_Z") if c.name == "probe_b_daq" else c for c in rig.channels)

    async def body(sim: SimulatedRig, bench: Bench) -> None:
        raise AssertionError("it was built")

    with pytest.raises(Refused, match="channel probe_b_daq: LabJack T7 has no input 'AIN_Z'"):
        on_bench(folder, replace(rig, channels=channels), body)


def test_a_trigger_chain_without_a_delay_generator_is_refused(folder: Path) -> None:
    rig = widened(folder)

    async def body(sim: SimulatedRig, bench: Bench) -> None:
        raise AssertionError("it was built")

    with pytest.raises(Refused, match=r"charger is a Technix CCR10KV-7\.5KJ, which delays nothing"):
        on_bench(folder, replace(rig, trigger=replace(rig.trigger, instrument="charger")), body)


def test_fault_lists_are_those_of_the_stand_ins(folder: Path) -> None:
    lists = fault_lists(widened(folder), {})
    for name in EXTRAS:
        assert len(lists[name]) == 2, name
        assert any(lists[name][0]), name


def test_the_contract_s_list_is_the_protocol() -> None:
    declared = {name for name in (*vars(contract.Plant), *contract.Plant.__annotations__) if not name.startswith("_")}
    assert declared == set(contract.MEMBERS)
