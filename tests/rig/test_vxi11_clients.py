"""VXI-11 stand-ins on real sockets: pyvisa-py and lxi-tools, each in a process of its own, and our own driver."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.errors import WrongInstrument
from drivers.families.oscilloscope import open_dsox
from drivers.transports.route import Visa
from firmware_sim.personalities.dsox import Dsox, open_standalone
from firmware_sim.servers.doors import open_doors
from firmware_sim.servers.vxi11 import Vxi11Doors, serve_vxi11
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.vxi11 import Vxi11Server
from firmware_sim.standalone import STANDALONE
from tests.rig.test_scope_clients import sensor
from tests.rig.visa_child import CHILD_S, said_last, start, whole_job
from tests.support import require_tool
from tests.unit.vxi11.bench import Caller, opaque


def may_map() -> bool:
    """May this process open port 111?"""
    try:
        with socket.create_server(("127.0.0.254", 111)):
            return True
    except OSError:
        return False


needs_port_111 = pytest.mark.skipif(not may_map(), reason="port 111 takes root or ip_unprivileged_port_start")


@pytest.fixture
def scope() -> Dsox:
    return Dsox("MY00000042", sensor, seed=11)


async def serve(scope: Dsox, **options: int) -> Vxi11Doors:
    return await serve_vxi11(Vxi11Server(lambda: ScpiSession(scope, held=True)), **options)


@pytest.fixture
async def doors(scope: Dsox) -> AsyncIterator[Vxi11Doors]:
    found = await serve(scope)
    yield found
    await found.close()


def visa_host(address: str) -> str:
    """``host:port`` and a host alone, as PyVISA spells them."""
    return address.replace(":", ",")


async def test_pyvisa_does_the_whole_job(scope: Dsox, doors: Vxi11Doors) -> None:
    found = await whole_job(scope, "vxi11_pyvisa", visa_host(doors.address))
    assert found == {
        "identity": "KEYSIGHT TECHNOLOGIES,DSO-X 3014A,MY00000042,02.50.2019022736",
        "service": 96 | found["service"] & 1,
        "polled": 32 | found["service"] & 1,
        "mav": 16,
        "no_mav": 0,
        "triggered": "1;+1",
        "message_bit": 4,
        "error": '-113,"Undefined header"',
        "hung": "VI_ERROR_TMO",
        "after_clear": "0",
        "locked_out": "VI_ERROR_IO",
        "holder": "0",
        "unlocked": "0",
    }


async def recorded() -> Dsox:
    """A scope with a long record in its memory."""
    scope = Dsox("MY00000042", sensor, seed=11)
    session = ScpiSession(scope)
    session.feed(b":TIM:RANG 0.02;:TRIG:SOUR EXT;SWE NORM;:ACQ:TYPE NORM;:WAV:POIN:MODE RAW;:SING\n", 0)
    session.feed(b"*OPT?\n", 1_000_000_000)
    assert scope.trigger(1_100_000_000, "EXT")
    session.feed(b"*OPT?\n", 2_000_000_000)
    return scope


async def test_t7_pyvisa_meets_its_own_bug_and_our_link_does_not() -> None:
    """A record whose message is a multiple of pyvisa's chunk: pyvisa-py 0.8.1 waits for more, our link never does."""
    scope = await recorded()
    doors = await serve(scope)
    client = await start("vxi11_pyvisa", visa_host(doors.address), "t7")
    async with asyncio.timeout(CHILD_S):
        found = await said_last(client)
    assert found["exact"] == "VI_ERROR_TMO"  # 40 960 bytes in pyvisa-py 0.9
    ours = await open_dsox("scope", Visa(f"TCPIP::{visa_host(doors.address)}::inst0::INSTR", "@py"), identity="")
    link = ours._link
    out = bytearray(40_949)
    assert await link.query_block(b":WAVeform:DATA?\n", out, timeout_s=5.0) == 40_949
    assert await link.query(b"*OPT?\n", timeout_s=5.0) == b"0"
    await ours.close()
    await doors.close()


async def run_lxi(*arguments: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        require_tool("lxi"), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(CHILD_S):
        output, _ = await process.communicate()
    return process.returncode or 0, output


@needs_port_111
async def test_lxi_tools_ask_and_take_a_screenshot(tmp_path: Path) -> None:
    scope = open_standalone("MY00000001")
    doors = await serve(scope)
    assert ":" not in doors.address
    assert await run_lxi("scpi", "-a", doors.address, "*IDN?") == (0, f"{scope.identification}\n".encode())
    picture = tmp_path / "screen.bmp"
    code, output = await run_lxi("screenshot", "-a", doors.address, str(picture))
    assert code == 0, output
    data = picture.read_bytes()
    assert data[:2] == b"BM" and int.from_bytes(data[2:6], "little") == len(data)
    await doors.close()


@needs_port_111
async def test_each_instrument_has_an_address_and_its_port_mapper_speaks_udp_too() -> None:
    one, two = await serve(open_standalone("MY00000001")), await serve(open_standalone("MY00000002"))
    assert one.address != two.address
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        for doors in (one, two):
            call = struct.pack(">14I", 9, 0, 2, 100_000, 2, 3, 0, 0, 0, 0, 0x0607AF, 1, 6, 0)
            await loop.sock_sendto(client, call, (doors.address, 111))
            async with asyncio.timeout(5):
                reply = await loop.sock_recv(client, 100)
            assert reply == struct.pack(">7I", 9, 1, 0, 0, 0, 0, doors.port)
    await one.close()
    await two.close()


async def test_without_the_privilege_the_core_channel_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Vxi11Doors, "_map", refused)
    doors = await serve(open_standalone("MY00000001"))
    assert doors.address == f"127.0.0.1:{doors.port}"
    scope = await open_dsox("scope", Visa(f"TCPIP::{visa_host(doors.address)}::inst0::INSTR", "@py"), identity="")
    assert (await scope.identify()).serial == "MY00000001"
    with pytest.raises(WrongInstrument):
        await open_dsox("scope", Visa(f"TCPIP::{visa_host(doors.address)}::inst0::INSTR", "@py"), identity="MY7")
    await scope.close()
    await doors.close()


async def test_the_interrupt_channel_is_dialled_over_a_real_socket() -> None:
    doors = await serve(open_standalone("MY00000001"))
    host = "127.0.0.1" if ":" in doors.address else doors.address
    loop = asyncio.get_running_loop()
    caller, listener = Caller(), Caller()
    listening = await loop.create_server(lambda: listener, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    await loop.create_connection(lambda: caller, host, doors.port)
    assert (await caller.create())[2] == doors.port
    assert await caller.plain(25, struct.pack(">5I", 0x7F000001, port, 0x0607B1, 1, 0)) == 0
    await caller.plain(20, struct.pack(">iI", 0, 1) + opaque(b"h"))
    await caller.write_text(0, b"*SRE 4")
    await caller.write_text(0, b":NOSUCH")
    srq = await listener.reply(5.0)
    assert srq is not None and srq.endswith(opaque(b"h"))
    assert await caller.plain(26, b"") == 0
    assert await listener.reply(5.0) is None
    assert await caller.plain(25, struct.pack(">5I", 0x08080808, port, 0x0607B1, 1, 0)) == 6  # only this machine
    caller.transport.close()
    listening.close()
    await listening.wait_closed()
    await doors.close()


@pytest.mark.parametrize("model", ["Keysight DSO-X 3014A", "R&S SMB100A"])
async def test_the_models_that_stand_alone_have_a_vxi11_door(model: str) -> None:
    from controller.app.instruments import route_to
    from drivers.registry import open_instrument

    doors = await open_doors(STANDALONE[model](1), None)
    assert set(doors.endpoints) == {"socket", "hislip", "vxi11"}
    for transport, address in doors.endpoints.items():
        instrument = await open_instrument(model, "one", route_to(transport, address), identity="")
        assert (await instrument.identify()).model
        await instrument.close()
    await doors.close()
