"""Descriptors of VXI-11 sessions that do not open or do not close: none is left behind, however often it is tried.

Real sockets on loopback, because it is pyvisa-py that holds them; the garbage collector is off, so that it cannot help.
"""

import asyncio
import gc
import importlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from drivers.transports import visa_thread
from drivers.transports.route import Visa
from drivers.transports.visa_thread import VisaThread
from firmware_sim.servers.vxi11 import Vxi11Doors, serve_vxi11
from firmware_sim.sessions.vxi11 import Vxi11Server
from firmware_sim.standalone import STANDALONE

pytest.importorskip("pyvisa_py")
pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")

ATTEMPTS = 40
TIMEOUT_S = 20.0
"""Nothing here waits for it."""


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def thread_to(address: str, device: str = "inst0") -> VisaThread:
    """As much of a thread as its functions use; they run in the caller's."""
    host, _, port = address.partition(":")
    resource = f"TCPIP::{host}{',' + port if port else ''}::{device}::INSTR"
    return cast(VisaThread, SimpleNamespace(route=Visa(resource, "@py"), resource=None))


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
async def doors() -> AsyncIterator[Vxi11Doors]:
    door = STANDALONE["R&S SMB100A"](0)["vxi11"]
    assert isinstance(door, Vxi11Server)
    served = await serve_vxi11(door, mapper_port=0)
    yield served
    await served.close()


async def settled(wanted: int) -> int:
    """Descriptors once the stand-in has noticed who hung up."""
    for _ in range(200):
        if descriptors() <= wanted:
            break
        await asyncio.sleep(0.01)
    return descriptors()


def core_of(doors: Vxi11Doors, device: str = "inst0") -> VisaThread:
    return thread_to(f"{doors.address.partition(':')[0]}:{doors.port}", device)


def fail_to_open(thread: VisaThread) -> None:
    with pytest.raises(Exception, match=r"error|refused"):
        visa_thread.open_resource(thread, TIMEOUT_S)
    assert thread.resource is None


@pytest.mark.usefixtures("no_collector")
def test_a_refused_connection_costs_no_descriptor() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        thread = thread_to(f"127.0.0.1:{taken.getsockname()[1]}")
        fail_to_open(thread)
        before = descriptors()
        for _ in range(ATTEMPTS):
            fail_to_open(thread)
        assert descriptors() == before


@pytest.mark.usefixtures("no_collector")
async def test_a_refused_link_costs_no_descriptor_on_either_side(doors: Vxi11Doors) -> None:
    thread = core_of(doors, "inst7")
    await asyncio.to_thread(fail_to_open, thread)
    before = descriptors()
    for _ in range(ATTEMPTS):
        await asyncio.to_thread(fail_to_open, thread)
    assert await settled(before) <= before


@pytest.mark.usefixtures("no_collector")
async def test_a_close_that_fails_costs_no_descriptor_and_no_session(
    doors: Vxi11Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = importlib.import_module("pyvisa_py.protocols.vxi11").CoreClient

    def fails(client: Any, link: int) -> None:
        raise EOFError("half an answer")  # which pyvisa-py 0.8.1 does not expect

    def once() -> int:
        visa_thread.open_resource(thread, TIMEOUT_S)
        sessions = thread.resource.visalib.sessions
        visa_thread.close_resource(thread)
        return len(sessions)

    monkeypatch.setattr(client, "destroy_link", fails)
    thread = core_of(doors)
    sessions = await asyncio.to_thread(once)
    before = descriptors()
    for _ in range(ATTEMPTS):
        assert await asyncio.to_thread(once) == sessions
    assert await settled(before) <= before
