"""Stand-ins driven by programs of their own, isolated from this repository: pyvisa-py (serial), pymodbus, lxi-tools."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from drivers.wire.plc import PlcCommand, PlcState
from drivers.wire.tpg import TPG_262
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.personalities.smb100a import Smb100a
from firmware_sim.personalities.tpg import NO_SENSOR, GaugePanel, Head
from firmware_sim.plc.registers import PlcRegisters
from firmware_sim.servers.pty import serve_pty
from firmware_sim.servers.tcp import serve_tcp
from firmware_sim.sessions.modbus import ModbusSession
from firmware_sim.sessions.probus import ProbusSession
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.tpg import GaugeSession
from tests.rig.foreign import PROGRAM_S, run_foreign
from tests.support import require_tool
from tests.unit.plc.kit import Station

HERE = Path(__file__).parent
ACK, NAK = "06", "15"


async def test_pymodbus_reads_a_t7_and_dumps_a_bench() -> None:
    station = Station()
    station.reach(PlcState.CHARGE)
    station.scan(380)
    station.alive = False
    t7 = LabJackT7(470010001, lambda index: 0.25 * index)
    registers = PlcRegisters(station.plc)
    t7_server = await serve_tcp(lambda: ModbusSession(t7))
    plc_server = await serve_tcp(lambda: ModbusSession(registers))
    ports = [server.address.rpartition(":")[2] for server in (t7_server, plc_server)]
    try:
        found = await run_foreign(HERE / "modbus_pymodbus_client.py", *ports, str(PlcCommand.DUMP.value))
    finally:
        await t7_server.close()
        await plc_server.close()
    volts = found["t7"].pop("volts")
    assert volts == pytest.approx([0.0, 0.25, 0.5, 0.75], abs=1e-3)
    assert found["t7"] == {
        "product": 7, "serial": 470010001, "written": True, "range": 1.0, "unknown": 2, "refused": 3,
    }  # fmt: skip
    assert found["plc"].pop("probes") == pytest.approx([1000.0, 1000.0], abs=1.0)
    assert found["plc"] == {
        "state": PlcState.CHARGE.value, "checksum": True, "events": [0, 1],
        "answered": 70, "bad": False, "half": 3,
    }  # fmt: skip
    station.scan()
    assert station.state is PlcState.DUMPING


async def test_pyvisa_runs_a_charger_by_its_serial_line() -> None:
    load = SmallCapacitor()
    panel = CapacitorChargerPanel(load.read, load.drive)
    server = await serve_pty(lambda: ProbusSession(panel, load.advance))
    try:
        found: dict[str, Any] = await run_foreign(HERE / "serial_pyvisa_client.py", "charge", server.address)
    finally:
        await server.close()
    assert found.pop("voltage") == pytest.approx(250.0, abs=0.5)
    assert found == {
        "identity": "FUG HCK 2000 - 4 000 MOD 17022-01-01", "on": "DON:1", "answers": ["E0"] * 7, "unknown": "E2",
    }  # fmt: skip


async def test_pyvisa_reads_a_gauge_by_its_serial_line() -> None:
    panel = GaugePanel(TPG_262, [Head("PKR", lambda: 3.2e-4), Head(NO_SENSOR)])
    server = await serve_pty(lambda: GaugeSession(panel))
    try:
        found: dict[str, Any] = await run_foreign(HERE / "serial_pyvisa_client.py", "gauge", server.address)
    finally:
        await server.close()
    continuous = found.pop("continuous")
    assert continuous[0] == ACK_TEXT and set(continuous[1:]) == {"0,+3.2000E-04,5,+2.0000E+00"}
    assert [answer for answer, _ in found["PR1"]] == [ACK] * 3
    assert [data.partition(",")[0] for _, data in found["PR1"]] == ["0", "4", "0"]
    assert found["PR1"][0][1] == found["PR1"][2][1] == "0,+3.2000E-04", "in pascals, as UNI,2 has set"
    assert found["QQQ"] == [[NAK, "0001"]]
    assert found["UNI,2"] == [[ACK, "2"]]


ACK_TEXT = "\x06"


async def test_lxi_tools_set_a_generator_by_its_socket() -> None:
    panel = Smb100a("654321")
    server = await serve_tcp(lambda: ScpiSession(panel))
    host, _, port = server.address.rpartition(":")

    async def lxi(command: str) -> str:
        process = await asyncio.create_subprocess_exec(
            require_tool("lxi"), "scpi", "--raw", "--port", port, "--address", host, command,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(PROGRAM_S):
            output, _ = await process.communicate()
        assert process.returncode == 0, output
        return output.decode()

    try:
        assert (await lxi("*IDN?")).startswith("Rohde&Schwarz,SMB100A,1406.6000k02/654321,")
        for command in ("*RST", "SOUR:FREQ 2.856 GHz", "SOUR:POW -12.5 dBm", "OUTP ON", "SOUR:POW 500"):
            assert await lxi(command) == ""
        assert float(await lxi("SOUR:FREQ?")) == 2.856e9
        assert float(await lxi("SOUR:POW?")) == -12.5
        assert (await lxi("SYST:ERR?")).startswith("-222,")
        assert panel.values["output"] is True
    finally:
        await server.close()
