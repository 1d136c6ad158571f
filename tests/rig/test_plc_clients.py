"""Clients that nobody here wrote drive the PLC and the T7 over TCP: pymodbus and Debian's mbpoll."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient

from drivers.errors import WrongInstrument
from drivers.families.daq import open_labjack_t7
from drivers.families.rig_plc import open_rig_plc
from drivers.transports.tcp import tcp
from drivers.wire.plc import EventCode, PlcCommand, PlcRequest, PlcState, Refusal
from firmware_sim.personalities.labjack_t7 import LabJackT7
from firmware_sim.plc.registers import PlcRegisters
from firmware_sim.servers.tcp import serve_tcp
from firmware_sim.sessions.modbus import ModbusDevice, ModbusSession
from tests.support import require_tool
from tests.unit.plc.kit import Station

SERIAL = 470010001


@dataclass
class Served:
    """A PLC in CHARGE and a T7, each on a port of its own."""

    station: Station
    t7: LabJackT7
    plc_port: int
    t7_port: int


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    station = Station()
    station.reach(PlcState.CHARGE)
    station.scan(380)
    t7 = LabJackT7(SERIAL, lambda index: 0.25 * index)
    plc_registers = PlcRegisters(station.plc)

    def open_plc() -> ModbusSession:
        return ModbusSession(plc_registers)

    plc_server, t7_server = await serve_tcp(open_plc), await serve_tcp(lambda: ModbusSession(_as_device(t7)))
    yield Served(station, t7, _port(plc_server.address), _port(t7_server.address))
    await plc_server.close()
    await t7_server.close()


def _as_device(t7: LabJackT7) -> ModbusDevice:
    return t7


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


async def _mbpoll(*arguments: str) -> tuple[int, str]:
    """Run mbpoll once with addresses counted from 0."""
    tool = require_tool("mbpoll")
    process = await asyncio.create_subprocess_exec(
        tool, "-0", "-1", "-m", "tcp", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 10.0)
    return process.returncode or 0, output.decode()


def _mbpoll_values(output: str) -> list[str]:
    return [line.partition("]:")[2].strip() for line in output.splitlines() if line.startswith("[")]


async def test_mbpoll_reads_the_plc(served: Served) -> None:
    port = str(served.plc_port)
    code, output = await _mbpoll("-p", port, "-a", "1", "-t", "4", "-r", "100", "-c", "2", "127.0.0.1")
    assert code == 0 and _mbpoll_values(output) == [str(PlcState.CHARGE.value), "0"]
    code, output = await _mbpoll("-p", port, "-B", "-t", "4:float", "-r", "136", "-c", "2", "127.0.0.1")
    assert code == 0
    assert [float(value) for value in _mbpoll_values(output)] == pytest.approx([1000.0, 1000.0], abs=1.0)
    code, output = await _mbpoll("-p", port, "-t", "3", "-r", "134", "-c", "2", "127.0.0.1")
    assert code == 0 and _mbpoll_values(output) == ["15", "15"], "FC 4 reads the same map"


async def test_mbpoll_is_told_what_is_illegal(served: Served) -> None:
    code, output = await _mbpoll("-p", str(served.plc_port), "-t", "4", "-r", "5000", "-c", "1", "127.0.0.1")
    assert code != 0 and "Illegal data address" in output
    code, output = await _mbpoll("-p", str(served.plc_port), "-t", "4", "-r", "0", "127.0.0.1", "8")
    assert code != 0 and "Illegal data value" in output
    served.station.scan()
    assert served.station.state is PlcState.CHARGE


async def test_mbpoll_reads_the_t7(served: Served) -> None:
    port = str(served.t7_port)
    code, output = await _mbpoll("-p", port, "-B", "-t", "4:float", "-r", "0", "-c", "4", "127.0.0.1")
    assert code == 0
    assert [float(value) for value in _mbpoll_values(output)] == pytest.approx([0.0, 0.25, 0.5, 0.75], abs=1e-3)
    code, output = await _mbpoll("-p", port, "-B", "-t", "4:float", "-r", "60000", "-c", "1", "127.0.0.1")
    assert code == 0 and _mbpoll_values(output) == ["7"]
    code, output = await _mbpoll("-p", port, "-B", "-t", "4:int", "-r", "60028", "-c", "1", "127.0.0.1")
    assert code == 0 and _mbpoll_values(output) == [str(SERIAL)]


async def test_pymodbus_reads_status_and_dumps_the_bench(served: Served) -> None:
    """A whole exchange by FC 23 with a client's own encoder, CRC included."""
    client = AsyncModbusTcpClient("127.0.0.1", port=served.plc_port, retries=0)
    assert await client.connect()
    reply = await client.read_holding_registers(100, count=70)
    words = reply.registers
    assert words[0] == PlcState.CHARGE and words[34] == 0b1111
    body = struct.pack(">70H", *words)
    assert zlib.crc32(body[:-4]) == int.from_bytes(body[-4:], "big")
    request = struct.pack(">HHIIII32x", PlcCommand.DUMP, 0, 0, 0, 0, 0)
    block = request + zlib.crc32(request).to_bytes(4, "big")
    await client.readwrite_registers(
        read_address=100, read_count=70, write_address=0, values=list(struct.unpack(">28H", block))
    )
    served.station.scan()
    assert served.station.state is PlcState.DUMPING
    client.close()


async def test_pymodbus_reads_the_ring(served: Served) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=served.plc_port, retries=0)
    assert await client.connect()
    words = (await client.read_holding_registers(1000, count=120)).registers
    slots = [words[start : start + 12] for start in range(0, 120, 12)]
    held = served.station.plc.events
    assert [slot[1] for slot in slots[: len(held)]] == [event.number for event in held[:10]]
    assert [slot[4] for slot in slots[: len(held)]] == [event.code for event in held[:10]]
    client.close()


async def test_pymodbus_configures_the_t7(served: Served) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=served.t7_port, retries=0)
    assert await client.connect()
    wanted = client.convert_to_registers(1.0, client.DATATYPE.FLOAT32)
    assert not (await client.write_registers(40002, wanted)).isError()
    assert (await client.read_holding_registers(40002, count=2)).registers == wanted
    test = await client.read_input_registers(55100, count=2)
    assert client.convert_from_registers(test.registers, client.DATATYPE.UINT32) == 0x00112233
    unknown = await client.read_holding_registers(5000, count=2)
    assert unknown.isError() and unknown.exception_code == 2
    client.close()
    with pytest.raises(ModbusException):
        client.convert_from_registers([1], client.DATATYPE.UINT32)


async def test_our_drivers_over_tcp(served: Served) -> None:
    """The same stand-ins with this project's own clients; identity is checked before anything else."""
    plc = await open_rig_plc("plc", tcp("127.0.0.1", served.plc_port), rig_id=1)
    station = served.station
    status = await plc.exchange(station.request())
    assert status.state is PlcState.CHARGE and plc.limits_hash == status.limits_hash != 0
    refused = await plc.exchange(PlcRequest(PlcCommand.WARN, (), 1, 1, 9, status.scan))
    assert refused.ack is Refusal.BAD_SEQUENCE
    events = await plc.read_events(0, 256)
    assert events == station.plc.events and events[0].code == EventCode.BOOT
    assert (await plc.identify()).model == "rig-plc 1"
    await plc.close()
    with pytest.raises(WrongInstrument, match="rig 1 where rig 2 belongs"):
        await open_rig_plc("plc", tcp("127.0.0.1", served.plc_port), rig_id=2)
    with pytest.raises(WrongInstrument):
        await open_labjack_t7("daq", tcp("127.0.0.1", served.t7_port), serial=1)
    daq = await open_labjack_t7("daq", tcp("127.0.0.1", served.t7_port), serial=SERIAL)
    await daq.configure({"AIN2": 1.0, "AIN8": 10.0})
    assert await daq.read() == pytest.approx({"AIN2": 0.5, "AIN8": 2.0}, abs=1e-3)
    await daq.close()
