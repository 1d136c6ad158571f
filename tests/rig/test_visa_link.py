"""PyVISA behind our link, chosen by lab.yaml: VXI-11 to the stand-ins, GPIB and USB strings on pyvisa-sim."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.app.instruments import connects_from
from controller.app.preflight import lab_endpoints, read_rig
from controller.rig.model import InstrumentSpec, Rig
from controller.rig.source import Refused
from drivers.errors import LinkError, LinkTimeout, RemoteWireError
from drivers.families.oscilloscope import open_dsox
from drivers.ports import ScopeChannel, ScopeSetup, ScopeState
from drivers.registry import find_model, open_instrument
from drivers.transports.hislip import HislipLink
from drivers.transports.link import Link
from drivers.transports.route import Visa, make_link
from drivers.transports.turns import Hello
from drivers.transports.visa import VisaLink
from firmware_sim.personalities.dsox import Dsox
from firmware_sim.servers.doors import OpenDoors, open_doors
from firmware_sim.servers.vxi11 import Vxi11Doors, serve_vxi11
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.vxi11 import Vxi11Server
from firmware_sim.standalone import STANDALONE
from tests.rig.test_scope_clients import sensor

SIM = "tests/data/visa_sim.yaml@sim"
GPIB = Visa("GPIB0::7::INSTR", SIM)
USB = Visa("USB0::0x1234::0x5678::1002::INSTR", SIM)
HELLO = Hello(b"*IDN?\n", b"\n", lambda line: line.startswith(b"ACME,PSU 7,"))


def visa(doors: Vxi11Doors) -> Visa:
    return Visa(f"TCPIP::{doors.address.replace(':', ',')}::inst0::INSTR", "@py")


# -- our scope driver over VXI-11


@pytest.fixture
def scope() -> Dsox:
    return Dsox("MY00000042", sensor, seed=11)


async def test_our_driver_takes_a_shot_over_vxi11(scope: Dsox) -> None:
    doors = await serve_vxi11(Vxi11Server(lambda: ScpiSession(scope, held=True)))
    driver = await open_dsox("scope", visa(doors), identity="MY00000042")
    channel = ScopeChannel("CHAN2", 8.0, 0.0, "DC", "ONEM", "I")
    setup = ScopeSetup((channel,), 0.02, 0.002, "EXT", 1.5, 20_000, 16)
    await driver.configure(setup)
    assert await driver.read_back() == setup
    await driver.arm()
    assert await driver.state() is ScopeState.ARMED
    assert scope.trigger(round(asyncio.get_running_loop().time() * 1e9), "EXT")
    async with asyncio.timeout(20):
        while await driver.state() is not ScopeState.TRIGGERED:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    wave = await driver.read_waveform("CHAN2")
    volts = (wave.raw.astype(float) - wave.y_reference) * wave.y_increment_v + wave.y_origin_v
    assert len(volts) == 20_000
    times = (np.arange(20_000) - wave.x_reference) * wave.x_increment_s + wave.x_origin_s
    assert np.abs(volts - sensor(1, times)).max() < 0.01
    await driver.close()
    await doors.close()


async def test_t4_t6_vxi11_recovers_from_a_hung_instrument_without_a_wrong_answer(scope: Dsox) -> None:
    doors = await serve_vxi11(Vxi11Server(lambda: ScpiSession(scope, held=True)))
    link = VisaLink("scope", visa(doors), hello=Hello(b"*IDN?\n", b"\n", lambda line: b"DSO-X" in line))
    await link.send(b"*RST;:TRIG:SWE NORM;SOUR EXT\n", timeout_s=5.0)
    with pytest.raises(LinkTimeout):
        await link.query(b":DIG CHAN1;*OPC?\n", timeout_s=0.2)
    assert await link.query(b"*OPT?\n", timeout_s=5.0) == b"0"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await link.query(b":DIG CHAN1;*OPC?\n", timeout_s=3.0)
    assert await link.query(b"*OPT?\n", timeout_s=5.0) == b"0"
    await link.send(b":NOSUCH\n", timeout_s=5.0)
    assert await link.status_byte(timeout_s=5.0) & 4
    assert await link.lock(wait_s=0.1, timeout_s=5.0)
    await link.unlock(timeout_s=5.0)
    await link.send(b":TRIG:SWE AUTO\n", timeout_s=5.0)
    await link.trigger(timeout_s=5.0)
    assert await link.query(b"*OPC?\n", timeout_s=5.0) == b"1"
    await link.clear(timeout_s=5.0)
    doors.hang_up()
    with pytest.raises(LinkError):
        await link.query(b"*OPT?\n", timeout_s=5.0)
    assert await link.query(b"*OPT?\n", timeout_s=5.0) == b"0"
    await link.close()
    await doors.close()


# -- GPIB and USB strings


@pytest.mark.parametrize("route", [GPIB, USB], ids=["gpib", "usb"])
async def test_gpib_and_usb_strings(route: Visa) -> None:
    link = VisaLink("psu", route, hello=HELLO)
    await link.open(10.0)
    assert (await link.query(b"*IDN?\n", timeout_s=5.0)).startswith(b"ACME,PSU 7,100")
    out = bytearray(8)
    assert await link.query_block(b"BLOCK?\n", out, timeout_s=5.0) == 5
    assert out == b"hello\0\0\0"
    with pytest.raises(RemoteWireError):
        await link.query_block(b"BLOCK?\n", bytearray(4), timeout_s=5.0)
    assert (await link.query(b"*IDN?\n", timeout_s=5.0)).startswith(b"ACME")
    with pytest.raises(LinkError, match="cannot do that"):
        await link.status_byte(timeout_s=5.0)
    assert (await link.query(b"*IDN?\n", timeout_s=5.0)).startswith(b"ACME")
    await link.close()


async def test_a_setting_goes_there_and_comes_back() -> None:
    link = VisaLink("psu", GPIB, hello=HELLO)
    await link.send(b"VOLT 12.50\n", timeout_s=5.0)
    assert await link.query(b"VOLT?\n", timeout_s=5.0) == b"12.50"
    await link.close()


# -- lab.yaml


MODEL_OF = {
    "socket": "Keysight DSO-X 3014A",
    "hislip": "Keysight DSO-X 3014A",
    "vxi11": "R&S SMB100A",
    "serial": "FuG HCK 800-20000",
    "modbus": "LabJack T7",
}


def bench(*specs: InstrumentSpec) -> Rig:
    rig, _ = read_rig("railgun_bench")
    return replace(rig, instruments=specs)


def spec(name: str, model: str, transport: str) -> InstrumentSpec:
    return InstrumentSpec(name, name, model, find_model(model).kind, "", transport)


def lab_file(folder: Path, addresses: Mapping[str, str]) -> Path:
    rows = "".join(f"  {name}: {{{address}}}\n" for name, address in addresses.items())
    path = folder / "lab.yaml"
    path.write_text(f"lab: 1\nrig: railgun_bench\ninstruments:\n{rows}", encoding="utf-8")
    return path


async def test_one_driver_per_transport_by_a_lab_file(tmp_path: Path) -> None:
    """The lab file has, for one instrument each, the address that its stand-in published for that transport."""
    opened: dict[str, OpenDoors] = {t: await open_doors(STANDALONE[m](1), None) for t, m in MODEL_OF.items()}
    addresses = {f"by_{t}": f'{t}: "{doors.endpoints[t]}"' for t, doors in opened.items()}
    host = opened["vxi11"].endpoints["vxi11"].replace(":", ",")
    addresses["by_visa"] = f'visa: "TCPIP::{host}::inst0::INSTR@py"'  # where the rig says socket
    rig = bench(*(spec(f"by_{t}", model, t) for t, model in MODEL_OF.items()), spec("by_visa", "R&S SMB100A", "socket"))
    path = lab_file(tmp_path, addresses)
    routes = connects_from(rig, lab_endpoints(path, rig), str(path))
    for each in rig.instruments:
        instrument = await open_instrument(each.model, each.name, routes[each.name], identity=each.identity)
        identity = await instrument.identify()
        assert identity.model in each.model or each.model.split()[0] in str(identity), identity
        await instrument.close()
    for doors in opened.values():
        await doors.close()


async def test_which_link_a_lab_file_leads_to(tmp_path: Path) -> None:
    rows = {
        "a": ('socket: "h:1"', Link),
        "b": ('hislip: "h:4880"', HislipLink),
        "c": ("vxi11: h", VisaLink),
        "d": ('vxi11: "h:1024"', VisaLink),
        "e": ('visa: "GPIB0::7::INSTR"', VisaLink),
        "f": (f'visa: "USB0::0x1234::0x5678::1002::INSTR@{SIM}"', VisaLink),
    }
    rig = bench(*(spec(name, "Keysight DSO-X 3014A", "socket") for name in rows))
    path = lab_file(tmp_path, {name: row[0] for name, row in rows.items()})
    routes = connects_from(rig, lab_endpoints(path, rig), str(path))
    links = {name: make_link(name, route) for name, route in routes.items()}
    assert {name: type(link) for name, link in links.items()} == {name: row[1] for name, row in rows.items()}
    assert routes["c"] == Visa("TCPIP::h::inst0::INSTR")
    assert routes["d"] == Visa("TCPIP::h,1024::inst0::INSTR")
    assert routes["f"] == USB
    identity = links["f"]
    assert await identity.query(b"*IDN?\n", timeout_s=10.0) == b"ACME,PSU 7,1002,1.0"
    for link in links.values():
        await link.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ('visa: "ASRL1::INSTR"', "is a serial line, which PyVISA does not keep for itself; write serial:"),
        ('visa: "TCPIP::h::hislip0::INSTR"', "is HiSLIP, which has its own link; write hislip: h:4880"),
        ('visa: "GPIB0::7::INSTR@"', "names no library after its @; write GPIB0::7::INSTR@py or"),
        ('modbus: "h:502"', "has no socket address"),
    ],
)
def test_a_wrong_address_is_refused_with_its_line(tmp_path: Path, address: str, words: str) -> None:
    rig = bench(spec("scope", "Keysight DSO-X 3014A", "socket"))
    with pytest.raises(Refused) as caught:
        lab_endpoints(lab_file(tmp_path, {"scope": address}), rig)
    assert "lab.yaml:4: instruments.scope" in str(caught.value)
    assert words in str(caught.value)
