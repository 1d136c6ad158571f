"""The DSO-X stand-in over HiSLIP on real sockets: a client that nobody here wrote, and our own driver beside it."""

from collections.abc import AsyncIterator

import pytest

from controller.app.instruments import route_to
from drivers.errors import LinkClosed
from drivers.families.oscilloscope import open_dsox
from firmware_sim.personalities.dsox import Dsox
from firmware_sim.servers.tcp import TcpServer, serve_tcp
from firmware_sim.sessions.hislip import HislipServer
from firmware_sim.sessions.scpi import ScpiSession
from firmware_sim.standalone import STANDALONE
from tests.rig.test_scope_clients import sensor
from tests.rig.visa_child import whole_job


@pytest.fixture
def scope() -> Dsox:
    return Dsox("MY00000042", sensor, seed=11)


@pytest.fixture
async def server(scope: Dsox) -> AsyncIterator[TcpServer]:
    door = HislipServer(lambda: ScpiSession(scope, held=True))
    found = await serve_tcp(door.open_session)
    yield found
    await found.close()


async def test_pyvisa_does_the_whole_job(scope: Dsox, server: TcpServer) -> None:
    found = await whole_job(scope, "hislip_pyvisa", server.address)
    assert found == {
        "identity": "KEYSIGHT TECHNOLOGIES,DSO-X 3014A,MY00000042,02.50.2019022736",
        "mav": 16,
        "no_mav": 0,
        "message_bit": 4,
        "error": '-113,"Undefined header"',
        "hung": "VI_ERROR_TMO",
        "after_clear": "0",
        "last_error": '+0,"No error"',
    }


async def test_our_driver_by_the_address_that_sim_publishes(server: TcpServer) -> None:
    scope = await open_dsox("scope", route_to("hislip", server.address), identity="MY00000042")
    assert (await scope.identify()).model == "DSO-X 3014A"
    server.hang_up()
    with pytest.raises(LinkClosed):  # never sent again by itself
        await scope.identify()
    assert (await scope.identify()).serial == "MY00000042"
    await scope.close()


async def test_the_scope_standing_alone_has_both_doors_to_one_panel() -> None:
    doors = STANDALONE["Keysight DSO-X 3014A"](1)
    socket_door, hislip_door = await serve_tcp(doors["socket"]), await serve_tcp(doors["hislip"])
    one = await open_dsox("one", route_to("socket", socket_door.address), identity="")
    two = await open_dsox("two", route_to("hislip", hislip_door.address), identity="")
    setup = await one.read_back()
    assert await two.read_back() == setup
    await one.close()
    await two.close()
    await socket_door.close()
    await hislip_door.close()
