"""A flood of the panel, as a child of a test: GETs, viewers that read and viewers that do not, until it is killed.

It gives way to everything else on the machine: a flood comes from other machines, and only its effect is of interest.
"""

import asyncio
import os
import sys
from urllib.parse import urlsplit

GETTERS = 8
VIEWERS = 24
STALLED = 8
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
PATHS = ("/api/v1/state", "/api/v1/rig", "/api/v1/shots", "/metrics", "/api/v1/openapi.json", "/nothing")


async def get_forever(host: str, port: int, path: str) -> None:
    """One GET after the other on connections of their own."""
    while True:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        while await reader.read(1 << 16):
            pass
        writer.close()


async def view(host: str, port: int, stalled: bool) -> None:
    """One viewer; a stalled one never reads on."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(
        f"GET /api/v1/stream?backfill_s=600 HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
    )
    while not stalled and await reader.read(1 << 16):
        pass
    await asyncio.Event().wait()


async def main(url: str) -> None:
    """Everything at once."""
    parts = urlsplit(url)
    host, port = str(parts.hostname), int(parts.port or 80)
    getters = [get_forever(host, port, PATHS[index % len(PATHS)]) for index in range(GETTERS)]
    viewers = [view(host, port, index < STALLED) for index in range(VIEWERS)]
    await asyncio.gather(*getters, *viewers)


if __name__ == "__main__":
    os.nice(19)
    asyncio.run(main(sys.argv[1]))
