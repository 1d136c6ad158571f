"""The connection to a broker that is not friendly."""

import asyncio
from contextlib import suppress

import pytest
from aiomqtt import MqttError

from controller.bridges.connection import PACKET_BYTES_MAX, leave_connection, make_client, open_connection
from controller.bridges.topics import Place
from controller.rig.site import Broker

DEADLINE_S = 10.0
CONNECTED = b"\x20\x02\x00\x00"
HUGE = b"\x30\xff\xff\xff\x7f\x00\x03a/b"
"""The begin of a publication of 256 MB, the most that the protocol has a number for."""


async def test_a_packet_that_nobody_asked_for_is_hung_up_on_at_its_length() -> None:
    async def be_hostile(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(CONNECTED)
        await reader.read(1024)
        writer.write(HUGE + b"x" * PACKET_BYTES_MAX)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(be_hostile, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        client = make_client(Broker(host, port, keepalive_s=60), Place("lab", "bench"), None, None)
        await open_connection(client)
        try:
            with pytest.raises(MqttError):
                async with asyncio.timeout(DEADLINE_S):
                    await client.publish("a/b", b"we only talk")
                    async for _ in client.messages:
                        pass
        finally:
            await leave_connection(client)
