"""A mosquitto of the test's own, and somebody who listens to it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiomqtt

from tests.support import require_tool

DEADLINE_S = 20.0
"""Of everything that a test waits for: far more than it takes, so that only what never comes fails."""


SETTINGS = ("persistence false", "connection_messages false", "max_queued_messages 0")
"""Nothing retained outlives a start; a slow listener of a test misses nothing."""


class Broker:
    """mosquitto on a free loopback port, with nothing kept from one start to the next."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = _free_port()
        self._program = require_tool("mosquitto")
        self._config = folder / "mosquitto.conf"
        listener = f"listener {self.port} 127.0.0.1"
        settings = (listener, "user root", "log_dest stderr", "log_type information", *SETTINGS, *lines, "")
        self._config.write_text("\n".join(settings))
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it listens."""
        self._process = subprocess.Popen([self._program, "-c", self._config], stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.rstrip().endswith(" running"):
                return
        raise AssertionError(f"mosquitto ended with {self._process.wait()}")

    def stop(self) -> None:
        """End it, stopped or not."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def running(folder: Path, *lines: str) -> Iterator[Broker]:
    broker = Broker(folder, *(lines or ("allow_anonymous true",)))
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


class Listener:
    """Everything that was heard, oldest first."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: list[tuple[str, bytes, int, bool]] = []

    async def until(self, wanted: Callable[[str, bytes], bool]) -> bytes:
        """The payload of the next message that is ``wanted``."""
        async with asyncio.timeout(DEADLINE_S):
            async for message in self.client.messages:
                topic, payload = message.topic.value, message.payload
                assert isinstance(payload, bytes)
                self.heard.append((topic, payload, message.qos, message.retain))
                if wanted(topic, payload):
                    return payload
        raise AssertionError("the broker hung up")

    async def until_topic(self, end: str, payload: bytes | None = None) -> Any:
        """The next message of a topic that ends so; its payload as JSON when it is JSON."""
        found = await self.until(lambda t, p: t.endswith(end) and (payload is None or p == payload))
        return json.loads(found) if found[:1] == b"{" else found.decode()


@asynccontextmanager
async def listening(port: int, topic: str = "sparkgap/#") -> AsyncIterator[Listener]:
    async with aiomqtt.Client("127.0.0.1", port, timeout=DEADLINE_S) as client:
        await client.subscribe(topic, qos=1)
        yield Listener(client)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
