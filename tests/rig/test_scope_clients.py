"""The DSO-X stand-in driven by clients that nobody here wrote, or by their habits as scripted bytes.

pyvisa-py runs in a thread; the stand-in on the test's loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyvisa

from firmware_sim.personalities.dsox import Dsox, open_standalone
from firmware_sim.servers.tcp import TcpServer, serve_tcp
from firmware_sim.sessions.scpi import ScpiSession

ADC_STEP_V = 8.0 / 4096
WINDOW_S = 0.02


def sensor(channel: int, t_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What the scope's inputs see: a damped oscillation from T0 on."""
    ringing = (channel + 1) * np.exp(-np.maximum(t_s, 0.0) * 400.0) * np.sin(2 * np.pi * 700.0 * t_s)
    after: npt.NDArray[np.float64] = np.where(t_s >= 0, ringing, 0.0)
    return after


@pytest.fixture
def scope() -> Dsox:
    return Dsox("MY00000042", sensor, seed=11)


@pytest.fixture
async def server(scope: Dsox) -> AsyncIterator[TcpServer]:
    found = await serve_tcp(lambda: ScpiSession(scope))
    yield found
    await found.close()


async def with_pyvisa(address: str, job: Callable[[Any], Any]) -> Any:
    """Run ``job(resource)`` in a thread on a pyvisa-py SOCKET resource."""
    host, port = address.split(":")

    def run() -> Any:
        manager = pyvisa.ResourceManager("@py")
        try:
            resource = manager.open_resource(f"TCPIP::{host}::{port}::SOCKET")
            resource.read_termination = resource.write_termination = "\n"  # type: ignore[attr-defined]
            resource.timeout = 10_000
            try:
                return job(resource)
            finally:
                resource.close()
        finally:
            manager.close()

    return await asyncio.to_thread(run)


async def test_pyvisa_does_the_whole_job(scope: Dsox, server: TcpServer) -> None:
    loop = asyncio.get_running_loop()

    def fire() -> bool:
        return asyncio.run_coroutine_threadsafe(fire_now(), loop).result()

    async def fire_now() -> bool:
        return scope.trigger(round(loop.time() * 1e9), "EXT")

    def job(visa: Any) -> tuple[str, list[float], npt.NDArray[np.uint16], str]:
        identity = visa.query("*IDN?")
        for line in (
            "*CLS", ":STOP", ":CHANnel2:PROBe 1;RANGe 8 V;OFFSet 0", f":TIMebase:RANGe {WINDOW_S};POSition 8E-3",
            ":ACQuire:TYPE HRESolution", ":TRIGger:SOURce EXTernal;SWEep NORMal;LEVel 1.5",
            ":WAVeform:SOURce CHANnel2;FORMat WORD;BYTeorder LSBFirst;UNSigned 1;POINts:MODE RAW",
            ":WAVeform:POINts 20000", ":SINGle",
        ):  # fmt: skip
            visa.write(line)
        while int(visa.query(":AER?")) == 0:
            continue
        assert int(visa.query(":OPERegister:CONDition?")) == 40
        assert fire()
        while int(visa.query(":OPERegister:CONDition?")) & 8:
            continue
        preamble = [float(text) for text in visa.query(":WAVeform:PREamble?").split(",")]
        codes = visa.query_binary_values(":WAVeform:DATA?", datatype="H", is_big_endian=False, container=np.array)
        return identity, preamble, codes, visa.query(":SYSTem:ERRor?")

    identity, preamble, codes, error = await with_pyvisa(server.address, job)
    assert identity == "KEYSIGHT TECHNOLOGIES,DSO-X 3014A,MY00000042,02.50.2019022736"
    form, _, points, _, x_increment, x_origin, x_reference, y_increment, y_origin, y_reference = preamble
    assert (form, points, len(codes), error) == (1, 20_000, 20_000, '+0,"No error"')
    times = (np.arange(20_000) - x_reference) * x_increment + x_origin
    volts = (codes.astype(float) - y_reference) * y_increment + y_origin
    assert times[0] == pytest.approx(-0.002) and times[-1] == pytest.approx(0.018, abs=2e-6)
    difference = volts - sensor(1, times)
    assert np.abs(difference).max() < 2 * ADC_STEP_V  # half a step of rounding, a quarter step rms of noise
    assert difference.std() < 0.5 * ADC_STEP_V
    assert abs(difference.mean()) < 0.02 * ADC_STEP_V


async def test_pyvisa_reads_a_screen_of_a_scope_standing_alone(server: TcpServer) -> None:
    alone = await serve_tcp(lambda: ScpiSession(open_standalone("MY00000001")))

    def job(visa: Any) -> tuple[bytes, bytes, float]:
        pictures = []
        for line in (":display:data? PNG, COLor", ":display:data? BMP, color"):
            visa.write(line)
            header = visa.read_bytes(10)
            pictures.append(visa.read_bytes(int(header[2:])))
            assert visa.read_bytes(1) == b"\n"
        visa.write(":DIGitize CHANnel2")
        return pictures[0], pictures[1], float(visa.query(":MEASure:FREQuency? CHANnel2"))

    png, bmp, frequency_hz = await with_pyvisa(alone.address, job)
    await alone.close()
    assert png.startswith(b"\x89PNG\r\n\x1a\n") and png.endswith(b"IEND\xaeB`\x82")
    assert bmp.startswith(b"BM") and int.from_bytes(bmp[2:6], "little") == len(bmp)
    assert frequency_hz == pytest.approx(5000, rel=0.01)


class Script:
    """A client that sends bytes and reads lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, address: str) -> "Script":
        host, port = address.split(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def ask(self, message: bytes) -> bytes:
        self.writer.write(message)
        async with asyncio.timeout(5):
            return await self.reader.readline()

    async def block(self, message: bytes) -> bytes:
        self.writer.write(message)
        async with asyncio.timeout(5):
            header = await self.reader.readexactly(10)
            data = await self.reader.readexactly(int(header[2:]))
            assert await self.reader.readexactly(1) == b"\n"
        return data

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def test_pymeasure_reads_the_preamble_before_it_asks_for_ascii(server: TcpServer) -> None:
    client = await Script.connect(server.address)
    client.writer.write(b":digitize CHAN1\n:waveform:source chan1\n:waveform:format BYTE\n")
    client.writer.write(b":waveform:points:mode NORM\n:waveform:points 1000\n")
    preamble = (await client.ask(b":waveform:preamble?\n")).split(b",")
    client.writer.write(b":waveform:format ASC\n")
    data = await client.block(b":waveform:data?\n")
    assert preamble[0] == b"+0" and preamble[2] == b"+1000"  # says BYTE: it was asked while the format was BYTE
    assert len(data.split(b",")) == 1000
    assert max(abs(float(text)) for text in data.split(b",")) < 20.0
    assert await client.ask(b":SYSTem:ERRor?\n") == b'+0,"No error"\n'
    await client.close()


async def test_rsinstrument_opens_and_the_status_byte_tracks_the_queue(server: TcpServer) -> None:
    client = await Script.connect(server.address)
    client.writer.write(b"*CLS\n*ESE 1\n*SRE 0\n*CLS\n")
    assert await client.ask(b"*OPC?\n") == b"1\n"
    assert await client.ask(b"*STB?\n") == b"0\n"
    client.writer.write(b":CHAN1:NOSUCH 1\n")
    assert await client.ask(b"*STB?\n") == b"4\n"
    assert await client.ask(b"SYST:ERR?\n") == b'-113,"Undefined header"\n'
    assert await client.ask(b"*STB?\n") == b"0\n"
    client.writer.write(b":CHAN1:RANG 4;*OPC\n")
    assert await client.ask(b"*STB?\n") == b"32\n"
    assert await client.ask(b"*ESR?\n") == b"33\n"  # OPC, and the CME of the bad header above
    assert await client.ask(b"*STB?\n") == b"0\n"
    await client.close()


async def test_a_parser_held_by_digitize_does_not_hold_another_client(scope: Dsox, server: TcpServer) -> None:
    first, second = await Script.connect(server.address), await Script.connect(server.address)
    first.writer.write(b":TRIG:SOUR EXT;SWE NORM;:DIGitize CHAN1\n")
    assert await second.ask(b"*ESE?\n") == b"0\n"
    held = asyncio.ensure_future(first.ask(b"*IDN?\n"))
    while await second.ask(b":OPERegister:CONDition?\n") != b"+40\n":
        assert not held.done()
    assert scope.trigger(round(asyncio.get_running_loop().time() * 1e9), "EXT")
    assert (await held).startswith(b"KEYSIGHT")
    await first.close()
    await second.close()
