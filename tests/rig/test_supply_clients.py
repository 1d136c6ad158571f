"""Stand-ins on real ptys and sockets, driven by clients that nobody here wrote: PyMeasure and pyserial.

PyMeasure has a process of its own, as other people's programs have. The drivers of this project use the same doors.
"""

import asyncio
import json
import sys
from typing import Any

import pytest
import serial

from drivers.registry import find_model, open_instrument
from drivers.transports.multidrop import SharedLine
from drivers.transports.serial import serial_port
from drivers.transports.tcp import tcp
from firmware_sim.personalities.genesys import GenesysUnit
from firmware_sim.servers.doors import open_doors
from firmware_sim.servers.pty import serve_pty
from firmware_sim.sessions.genesys import GenesysLine
from firmware_sim.standalone import STANDALONE

CLIENT_S = 100
"""A client's whole job, its imports included, on a busy machine."""

PYMEASURE = """
import json, sys, time
from pymeasure.instruments.tdk import TDK_Gen80_65

supply = TDK_Gen80_65(f"ASRL{sys.argv[1]}::INSTR", visa_library="@py", timeout=20000)
found = {"id": supply.id, "version": supply.version, "serial": supply.serial, "tested": supply.last_test_date}
supply.remote = "REM"
found["remote"] = supply.remote
supply.over_voltage = 30
supply.voltage_setpoint = 24
supply.current_setpoint = 30
supply.under_voltage = 5
supply.foldback_delay = 5
supply.foldback_enabled = True
supply.pass_filter = 46
supply.auto_restart_enabled = False
found["set"] = [supply.over_voltage, supply.voltage_setpoint, supply.current_setpoint, supply.under_voltage,
                supply.foldback_delay, supply.foldback_enabled, supply.pass_filter, supply.auto_restart_enabled]
found["off"] = [supply.mode, supply.output_enabled, supply.voltage]
supply.output_enabled = True
time.sleep(0.3)
found["cv"] = [supply.mode, supply.output_enabled, supply.voltage, supply.current]
found["again"] = supply.repeat
found["display"] = supply.display
found["status"] = supply.status
supply.foldback_enabled = False
supply.ramp_to_current(10, steps=3, pause=0.1)
time.sleep(0.3)
found["cc"] = [supply.mode, supply.voltage, supply.current, supply.current_setpoint]
supply.over_voltage = 5.5
found["kept"] = supply.over_voltage
found["multidrop"] = [supply.multidrop_capability, supply.master_slave_setting]
supply.output_enabled = False
time.sleep(0.3)
found["end"] = [supply.mode, supply.output_enabled, supply.voltage]
supply.address = 7
found["other"] = [supply.serial, supply.voltage_setpoint]
print(json.dumps(found))
"""


async def run_client(script: str, *arguments: str) -> Any:
    """What ``script`` prints as JSON, run in a process of its own."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(CLIENT_S):
            said, complaint = await client.communicate()
    except BaseException:
        client.kill()
        await client.wait()
        raise
    assert client.returncode == 0, complaint.decode()
    return json.loads(said)


async def test_pymeasure_runs_a_supply_on_a_shared_line() -> None:
    pytest.importorskip("pymeasure")
    line = GenesysLine([GenesysUnit(6, serial="first"), GenesysUnit(7, serial="second")])
    server = await serve_pty(lambda: line)
    found = await run_client(PYMEASURE, server.address)
    await server.close()
    assert found["id"] == ["LAMBDA", "GEN80-65"]
    assert (found["version"], found["serial"], found["tested"]) == ("REV:1U:4.3", "first", "2021/03/15")
    assert found["remote"] == "REM"
    assert found["set"] == [30, 24, 30, 5, 5, True, 46, False]
    assert found["off"] == ["OFF", False, 0]
    assert found["cv"] == ["CV", True, 24, 24]
    assert found["again"] == 24
    assert found["display"] == [24, 24, 24, 30, 30, 5]
    assert found["status"] == ["MV(24.000)", "PV(24.000)", "MC(24.000)", "PC(30.000)", "SR(25)", "FR(00)"]
    assert found["cc"] == ["CC", 10, 10, 10]
    assert found["kept"] == 30, "OVP near the voltage is refused (E04), which this client only reads"
    assert found["multidrop"] == [True, 1]
    assert found["end"] == ["OFF", False, 0]
    assert found["other"] == ["second", 0]


async def test_our_driver_shares_a_pty_with_several_supplies() -> None:
    line = GenesysLine([GenesysUnit(6, serial="first"), GenesysUnit(7, serial="second")])
    server = await serve_pty(lambda: line)
    shared = SharedLine(serial_port(server.address))
    supplies: list[Any] = [
        await open_instrument("gen80-65", f"supply {address}", shared.drop(address), identity="GEN80-65")
        for address in (6, 7)
    ]
    serials = [identity.serial for identity in await asyncio.gather(*(supply.identify() for supply in supplies))]
    assert serials == ["first", "second"]
    await asyncio.gather(*(supply.configure(10.0 + supply.address, 60.0) for supply in supplies))
    await asyncio.gather(*(supply.output(True) for supply in supplies))
    await asyncio.sleep(0.3)
    readings = await asyncio.gather(*(supply.read() for supply in supplies))
    assert [(reading.voltage_v, reading.output_on) for reading in readings] == [(16.0, True), (17.0, True)]
    for supply in supplies:
        await supply.close()
    await server.close()


async def test_the_genesys_standing_alone_answers_at_address_6() -> None:
    doors = await open_doors(STANDALONE["TDK-Lambda Genesys GEN80-65"](0), None)
    supply: Any = await open_instrument(
        "TDK-Lambda Genesys GEN80-65", "heater", serial_port(doors.endpoints["serial"]), identity="GEN80-65"
    )
    await supply.configure(12.0, 20.0, over_voltage_v=15.0)
    await supply.output(True)
    await asyncio.sleep(0.3)
    reading = await supply.read()
    assert (reading.voltage_v, reading.current_a, reading.constant_voltage) == (12.0, 12.0, True)
    await supply.output(False)
    await supply.close()
    await doors.close()


TECHNIX = {"ccr10kv-7.5kj": 1.5, "ccr25kv-7.5kj": 0.6}
"""Model -> its full current."""


@pytest.mark.parametrize("model", TECHNIX)
@pytest.mark.parametrize("transport", ["socket", "serial"])
async def test_the_technix_standing_alone_charges_at_both_doors(transport: str, model: str) -> None:
    doors = await open_doors(STANDALONE[find_model(model).name](0), None)
    address = doors.endpoints[transport]
    host, _, port = address.rpartition(":")
    route = serial_port(address) if transport == "serial" else tcp(host, int(port))
    charger: Any = await open_instrument(model, "charger", route, identity=model[:7].upper())
    await charger.configure(1000.0, TECHNIX[model])
    await charger.output(True)
    await asyncio.sleep(0.3)
    reading = await charger.read()
    assert reading.voltage_v == pytest.approx(1000.0, abs=8.0)  # a step is 6.1 V at 25 kV
    assert (reading.output_on, reading.constant_voltage) == (True, True)
    await charger.output(False)
    await charger.close()
    await doors.close()


@pytest.mark.parametrize("model", TECHNIX)
async def test_pyserial_speaks_the_first_clients_start_order_to_the_technix(model: str) -> None:
    doors = await open_doors(STANDALONE[find_model(model).name](0), None)
    words = (b"P7,0\r", b"P6,1\r", b"P6,0\r", b"P8,0\r", b"d1,2047\r")

    def job() -> list[bytes]:
        with serial.Serial(doors.endpoints["serial"], 9600, timeout=10) as port:
            answers = []
            for word in (*words, b"E\r", b"a1\r"):
                port.write(word)
                answers.append(port.read_until(b"\r"))
            return answers

    assert await asyncio.to_thread(job) == [*words, b"E32\r", b"a10\r"]
    await doors.close()


async def test_the_20_kv_charger_standing_alone_reaches_its_target() -> None:
    doors = await open_doors(STANDALONE["FuG HCK 800-20000"](0), None)
    charger: Any = await open_instrument(
        "hck-800-20000", "charger", serial_port(doors.endpoints["serial"]), identity="HCK 800 - 20000"
    )
    assert (await charger.identify()).model == "HCK 800-20000"
    await charger.configure(1500.0, 0.08)
    await charger.output(True)
    await asyncio.sleep(0.3)
    reading = await charger.read()
    assert (reading.voltage_v, reading.constant_voltage) == (1500.0, True)
    await charger.output(False)
    await charger.close()
    await doors.close()
