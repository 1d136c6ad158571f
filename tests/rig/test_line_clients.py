"""The charger's and the delay generator's stand-ins driven by clients that nobody here wrote: pyvisa-py and pyserial.

The clients block, so they run in a thread; the stand-ins on the test's loop.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import pyvisa
import serial

from firmware_sim.personalities.dg645 import DelayGeneratorPanel, OutputEdges
from firmware_sim.personalities.fug_hck import CapacitorChargerPanel
from firmware_sim.personalities.small_capacitor import SmallCapacitor
from firmware_sim.servers.pty import serve_pty
from firmware_sim.servers.tcp import serve_tcp
from firmware_sim.sessions.dg645 import BAUD as DG645_BAUD
from firmware_sim.sessions.dg645 import open_dg645_session
from firmware_sim.sessions.probus import ProbusSession


async def with_pyvisa(resource_name: str, read_end: str, job: Callable[[Any], Any]) -> Any:
    """Run ``job(resource)`` in a thread on a pyvisa-py resource."""

    def run() -> Any:
        manager = pyvisa.ResourceManager("@py")
        try:
            resource: Any = manager.open_resource(resource_name)
            resource.read_termination, resource.write_termination = read_end, "\n"
            resource.timeout = 10_000
            try:
                return job(resource)
            finally:
                resource.close()
        finally:
            manager.close()

    return await asyncio.to_thread(run)


async def test_pyvisa_asks_the_delay_generator_on_its_serial_line() -> None:
    panel = DelayGeneratorPanel()
    server = await serve_pty(lambda: open_dg645_session(panel, DG645_BAUD))

    def job(visa: Any) -> list[str]:
        visa.write("DLAY 2,0,1e-6")
        return [visa.query("*IDN?"), visa.query("DLAY?2"), visa.query("LERR?")]

    try:
        idn, delay, error = await with_pyvisa(f"ASRL{server.address}::INSTR", "\r\n", job)
    finally:
        await server.close()
    assert idn.startswith("Stanford Research Systems,DG645,")
    assert (delay, error) == ("0,+0.000001000000", "0")


async def test_pyvisa_programs_and_fires_the_delay_generator() -> None:
    cycles: list[OutputEdges] = []
    panel = DelayGeneratorPanel(cycles.append)
    server = await serve_tcp(lambda: open_dg645_session(panel))
    host, port = server.address.split(":")

    def job(visa: Any) -> list[str]:
        visa.write("")
        answers = [visa.query("*IDN?"), visa.query("LERR?")]
        visa.write("*CLS")
        for line in (
            "TLVL1.50",
            "DLAY 2,0,0.0",
            "DLAY 3,2,9.999999999999999e-06",
            "DLAY 4,2,1E-3",
            "DLAY5,4,1e-6",
            "TSRC 5",
            "*TRG",
        ):
            visa.write(line)
            answers.append(visa.query("LERR?"))
        return [*answers, visa.query("DLAY?3"), visa.query("LAMP? 1"), visa.query("INSR?")]

    answers = await with_pyvisa(f"TCPIP::{host}::{port}::SOCKET", "\r\n", job)
    assert answers[0] == "Stanford Research Systems,DG645,s/n001234,ver1.14.10E"
    assert answers[1:9] == ["0"] * 8
    assert answers[9:11] == ["2,+0.000010000000", "+2.50"]
    assert int(answers[11]) & 1
    assert len(cycles) == 1
    assert cycles[0].ab_ns == cycles[0].t0_ns
    assert cycles[0].cd_ns == cycles[0].t0_ns + 1_000_000
    await server.close()


@pytest.fixture
def charger() -> Callable[[], ProbusSession]:
    load = SmallCapacitor()
    panel = CapacitorChargerPanel(load.read, load.drive)
    return lambda: ProbusSession(panel, load.advance)


async def test_pyvisa_charges_over_the_pty(charger: Callable[[], ProbusSession]) -> None:
    server = await serve_pty(charger)

    def job(visa: Any) -> list[str]:
        visa.baud_rate = 9600
        script = ("*IDN?", ">S1 1", ">S0 2", ">BON 1", ">S0 ?", ">BONA ?", ">QQ ?", "F0", "=")
        return [visa.query(line) for line in script]

    answers = await with_pyvisa(f"ASRL{server.address}::INSTR", "\n", job)
    assert answers == [
        "FUG HCK 2000 - 4 000 MOD 17022-01-01",
        "E0",
        "E0",
        "E0",
        "S0:+2.00000E+00",
        "BONA:1",
        "E2",
        "E0",
        "E0",
    ]
    await server.close()


async def test_pyserial_speaks_nul_and_waits_for_the_line(charger: Callable[[], ProbusSession]) -> None:
    server = await serve_pty(charger)
    loop = asyncio.get_running_loop()

    def job() -> tuple[bytes, bytes, float]:
        with serial.Serial(server.address, 9600, timeout=10) as port:
            port.write(b">KT 0\0")
            first = port.read_until(b"\r\n")
            begin = loop.time()
            port.write(b">CFN?\0")
            return first, port.read_until(b"\r\n"), loop.time() - begin

    first, second, elapsed_s = await asyncio.to_thread(job)
    assert (first, second) == (b"E0\r\n", b"CFN:FUG HCK 2000 - 4 000 MOD 17022-01-01\r\n")
    assert elapsed_s >= (6 + len(second)) * 10 / 9600 - 0.002
    await server.close()
