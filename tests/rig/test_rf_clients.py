"""The SMB100A's stand-in driven by RsInstrument, in a process of its own: four transports.

Its own socket, and pyvisa-py's socket, HiSLIP and VXI-11.

RsInstrument opens with ``*CLS``, ``*ESE 1``, ``*SRE 0``, ``*CLS``, ``*OPC?`` and asks ``*STB?`` after every exchange:
a stand-in whose status byte does not follow its queues fails it (instruments.md 2.0).
"""

from pathlib import Path

import pytest

from firmware_sim.personalities.smb100a import Smb100a
from firmware_sim.servers.tcp import serve_tcp
from firmware_sim.servers.vxi11 import serve_vxi11
from firmware_sim.sessions.base import Chunk, SessionFactory
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.sessions.vxi11 import Vxi11Server
from tests.rig.foreign import run_foreign

CLIENT = Path(__file__).with_name("rs_smb100a_client.py")

OPENING = [b"*CLS", b"*ESE 1", b"*SRE 0", b"*CLS", b"*OPC?", b"*STB?"]


class Listening(ScpiSession):
    """A session that keeps what its client said."""

    def __init__(self, device: Smb100a, heard: list[bytes], held: bool = False) -> None:
        super().__init__(device, held)
        self._heard = heard

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        self._heard += data.split(b"\n")
        return super().feed(data, now_ns)


@pytest.mark.parametrize(
    ("transport", "options"),
    [
        ("socket", "SelectVisa=SocketIo"),
        ("socket", "SelectVisa=@py"),
        ("hislip", "SelectVisa=@py"),
        ("vxi11", "SelectVisa=@py"),
    ],
)
async def test_rsinstrument_does_the_whole_job(transport: str, options: str) -> None:
    panel, heard = Smb100a("654321"), list[bytes]()
    hislip = HislipServer(lambda: Listening(panel, heard, held=True), vendor=b"RS")
    vxi11 = Vxi11Server(lambda: Listening(panel, heard, held=True))
    doors: dict[str, SessionFactory] = {"socket": lambda: Listening(panel, heard), "hislip": hislip.open_session}
    server = await (serve_vxi11(vxi11) if transport == "vxi11" else serve_tcp(doors[transport]))
    host, _, port = server.address.partition(":")
    resources = {
        "socket": f"TCPIP::{host}::{port}::SOCKET",
        "hislip": f"TCPIP::{host}::hislip0,{port}::INSTR",
        "vxi11": f"TCPIP::{host}{',' if port else ''}{port}::inst0::INSTR",
    }
    try:
        found = await run_foreign(CLIENT, resources[transport], options)
    finally:
        await server.close()
    said = [line.strip() for line in heard if line.strip()]
    opening = OPENING if transport == "socket" else OPENING[:3]  # a device clear takes the place of the rest
    assert said[: len(opening)] == opening
    assert transport == "hislip" or said.count(b"*STB?") > 10
    assert found["idn"].startswith("Rohde&Schwarz,SMB100A,1406.6000k02/654321,")
    assert found["model"] == "SMB100A"
    assert (found["frequency"], found["power"], found["pulse"], found["output"]) == (2.856e9, -12.5, True, True)
    assert found["swept"] is True, "write_with_opc waited for the end of the sweep"
    assert found["list"] == [1e9, 2e9, 3e9]
    assert [code for code, _ in found["errors"]] == [-222, -113]
    assert found["kept"] == -12.5
    assert panel.values["output"] is True
