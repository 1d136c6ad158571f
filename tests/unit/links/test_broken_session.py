"""A defect in a stand-in: real time closes the one link and says so, virtual time ends the run."""

import asyncio
import os
from typing import Any

import pytest

from controller.app.linked import linked
from controller.runtime.virtual_loop import CallbackFailed, run_virtual
from firmware_sim.servers.pty import serve_pty
from firmware_sim.servers.tcp import SessionProtocol, serve_tcp
from firmware_sim.sessions.base import Chunk

ANSWER_S = 5.0


class Fragile:
    """Answers, unless it is fed a ``!`` (breaks at once) or a ``?`` (breaks in its next tick)."""

    def __init__(self) -> None:
        self.waiting = False

    def feed(self, data: bytes, now_ns: int) -> list[Chunk]:
        if data.startswith(b"!"):
            raise ZeroDivisionError("a defect of the stand-in")
        self.waiting = data.startswith(b"?")
        return [] if self.waiting else [Chunk(data.upper())]

    def tick(self, now_ns: int) -> list[Chunk]:
        raise ZeroDivisionError("a defect in its tick")


def listen(told: list[dict[str, Any]]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))


@pytest.mark.parametrize("trigger", [b"!\n", b"?\n"])
async def test_on_a_socket_one_link_closes_and_the_others_go_on(trigger: bytes) -> None:
    told: list[dict[str, Any]] = []
    listen(told)
    server = await serve_tcp(Fragile)
    host, port = server.address.split(":")
    (victim, kill), (other, ask) = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
    async with asyncio.timeout(ANSWER_S):
        kill.write(trigger)
        try:
            assert await victim.read() == b""
        except ConnectionResetError:
            told.append({"exception": None})  # an abort may arrive as a reset: the link is gone either way
        ask.write(b"idn\n")
        assert await other.readline() == b"IDN\n"
    kill.close()
    ask.close()
    await server.close()
    assert [type(c["exception"]) for c in told if c["exception"] is not None] == [ZeroDivisionError]


@pytest.mark.skipif(os.name != "posix", reason="ptys exist on POSIX only")
async def test_on_a_pty_the_device_goes_away() -> None:
    loop = asyncio.get_running_loop()
    told: asyncio.Future[BaseException] = loop.create_future()
    loop.set_exception_handler(lambda loop, context: told.set_result(context["exception"]))
    server = await serve_pty(Fragile)
    line = os.open(server.address, os.O_RDWR | os.O_NOCTTY)
    os.write(line, b"!\n")
    async with asyncio.timeout(ANSWER_S):
        assert isinstance(await told, ZeroDivisionError)
    await server.close()
    os.close(line)
    with pytest.raises(FileNotFoundError):
        os.open(server.address, os.O_RDWR | os.O_NOCTTY)


@pytest.mark.parametrize("trigger", [b"!\n", b"?\n"])
def test_on_virtual_time_the_run_ends(trigger: bytes) -> None:
    async def main() -> None:
        transport, _ = await linked(lambda: SessionProtocol(Fragile))(asyncio.Protocol)
        transport.write(trigger)
        await asyncio.sleep(3600)

    with pytest.raises(CallbackFailed, match="stand-in broke on its link") as caught:
        run_virtual(main())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
