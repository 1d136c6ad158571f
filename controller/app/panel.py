"""The panel composed: the page, its stream and the bridges, beside a bench that does not need them (design.md 1, 2).

First line on standard input: a PanelConfig; later ones: an Attach for every core. First line on standard output: the
address, or why there is none. It ends when standard input closes, whatever viewers and brokers do.
"""

import asyncio
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

import controller.panel
from controller.app.control import Lines
from controller.app.logs import LOGS, configure_logs
from controller.app.ports import BACKLOG, LOOPBACK, bind
from controller.app.preflight import read_bounded, read_rig
from controller.bridges.metrics import Metrics
from controller.bridges.mqtt import MqttBridge
from controller.messages import Attach, Message, PanelConfig
from controller.panel.addresses import LOOPBACK_NAMES
from controller.panel.app import PanelParts, create_app
from controller.panel.bounded_http import http_protocol
from controller.panel.feed import Feed
from controller.panel.live import LiveState
from controller.panel.requests import CoreRequests
from controller.panel.shots import ShotStore
from controller.panel.stream import Broadcaster
from controller.panel.websocket import stream_protocol
from controller.rig.model import Rig
from controller.rig.site import load_site
from controller.rig.source import Refused

END_WITHIN_S = 1.8
"""From the closed input to the end; a process that hangs is ended hard then (its supervisor allows 3 s)."""

EXIT_HUNG = 5
"""Exit code of an end that had to be enforced (design.md 4: internal error)."""

GRACE_S = 1
"""Whole seconds that open requests and viewers get to finish."""

BRIDGE_GRACE_S = 0.5
"""Time for a broker to hear that the panel ends."""

HANGING_S = 1.0
"""Time for everything else to end; a broker that hangs is not waited for."""

BRIDGE_BACKOFF_S = 5.0
"""Pause before a bridge that broke is started again; a broker that is away is the bridge's own concern."""

log = logging.getLogger("sparkgap.panel")


class Server(uvicorn.Server):
    """uvicorn without its signal handlers (the supervisor has them), and telling when it listens."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen and say so."""
        await super().startup(sockets)
        self._on_listening()


@dataclass(frozen=True, slots=True)
class Panel:
    """The parts that run, and those that later lines go to."""

    feed: Feed
    requests: CoreRequests
    server: Server
    sockets: list[socket.socket]
    bridge: MqttBridge | None
    shots: ShotStore


async def main() -> int:
    """Serve until standard input closes. Returns the exit code."""
    lines = Lines(on_closed=end_soon)
    config = msgspec.json.decode(await lines.first(), type=PanelConfig)
    try:
        configure_logs("panel", Path(config.out) / LOGS)
        panel = compose(config)
    except Refused as refused:
        _say({"refused": [str(problem) for problem in refused.problems]})
        return 2
    await serve(panel, lines)
    panel.shots.close()
    return 0


def compose(config: PanelConfig) -> Panel:
    """Everything the panel is made of. Raises Refused for files that cannot be used and for a port that is taken."""
    rig, _ = read_rig(config.rig)
    version = metadata.version("sparkgap")
    live, requests = LiveState(), CoreRequests()
    stream = Broadcaster(live, os.urandom(8).hex())
    metrics = Metrics(rig, version, asyncio.get_running_loop().time)
    bridge = open_bridge(config, rig, version)
    listener = bind(config.port)
    port = listener.getsockname()[1]
    feed = Feed(*_fan_out(live, stream, metrics, bridge))

    def render() -> tuple[bytes, str]:
        stats = stream.stats()
        metrics.observe_stream(stats.viewers, stats.frames_sent, stats.frames_dropped)
        if bridge is not None:
            metrics.observe_mqtt(bridge.status)
        return metrics.render()

    parts = PanelParts(
        rig=rig,
        live=live,
        requests=requests,
        shots=ShotStore(Path(config.out), config.catalogue),
        metrics=render,
        static=Path(controller.panel.__file__).parent / "static",
        version=version,
        simulated=config.simulated,
    )
    server = Server(
        uvicorn_config(parts, stream_protocol(stream, LOOPBACK_NAMES)),
        lambda: _say({"panel": f"http://{LOOPBACK}:{port}"}),
    )
    return Panel(feed, requests, server, [listener], bridge, parts.shots)


def open_bridge(config: PanelConfig, rig: Rig, version: str) -> MqttBridge | None:
    """The bridge to the broker that the site file names; None when it names none. Raises Refused."""
    if not config.site:
        return None
    path = Path(config.site)
    site = load_site(read_bounded(path), str(path))
    return MqttBridge(site, rig, version, path.parent) if site.broker is not None else None


def _fan_out(
    live: LiveState, stream: Broadcaster, metrics: Metrics, bridge: MqttBridge | None
) -> tuple[list[Callable[[Message], None]], Callable[[str], None]]:
    """Who gets every message, and what to call when the link changes; only the page's own parts may raise."""
    sinks: list[Callable[[Message], None]] = [live.take, stream.take, shielded("metrics", metrics.take)]
    links: list[Callable[[str], None]] = [live.set_link, stream.set_link, shielded("metrics", metrics.set_link)]
    if bridge is not None:
        sinks.append(shielded("mqtt", bridge.take))
        links.append(shielded("mqtt", bridge.set_link))

    def on_link(link: str) -> None:
        for tell in links:
            tell(link)

    return sinks, on_link


def uvicorn_config(parts: PanelParts, websocket: type[asyncio.Protocol]) -> uvicorn.Config:
    """HTTP by httptools within our own bounds, the stream by our own class; its log records go where all others go."""
    return uvicorn.Config(
        create_app(parts),
        http=http_protocol(),
        ws=websocket,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
    )


async def serve(panel: Panel, lines: Lines) -> None:
    """Run everything until standard input closes; a defect in feed or server ends the process."""
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(panel.feed.run(), name="panel: feed")
        serving = group.create_task(panel.server.serve(panel.sockets), name="panel: http")
        bridging = group.create_task(keep_bridge(panel.bridge), name="panel: mqtt")
        await lines.until_closed(lambda line: attach(panel, line))
        log.info("standard input closed: the panel ends")
        listening.cancel()
        panel.server.should_exit = True
        if panel.bridge is not None:  # told, not only cancelled: Python 3.11's wait_for can lose a cancellation
            panel.bridge.stop()
            await asyncio.wait({bridging}, timeout=BRIDGE_GRACE_S)
        bridging.cancel()
        _, hanging = await asyncio.wait({serving, bridging}, timeout=HANGING_S)
        if hanging:
            log.warning("ended without waiting for %s", ", ".join(sorted(task.get_name() for task in hanging)))
            os._exit(0)


def attach(panel: Panel, line: bytes) -> None:
    """Show the core that an Attach line names. A line that is none is logged and changes nothing."""
    try:
        wanted = msgspec.json.decode(line, type=Attach)
        panel.feed.attach(wanted.bus)
        if wanted.requests:
            panel.requests.attach(wanted.requests)
    except (msgspec.DecodeError, ValueError) as error:
        log.error("no core can be attached: %s", error)


async def keep_bridge(bridge: MqttBridge | None) -> None:
    """Run the bridge, again and again when it breaks: it must not take the page with it."""
    while bridge is not None:
        try:
            await bridge.run()
            return
        except Exception:
            log.exception("the MQTT bridge broke; started again in %.0f s", BRIDGE_BACKOFF_S)
        await asyncio.sleep(BRIDGE_BACKOFF_S)


def shielded(name: str, take: Callable[[Any], None]) -> Callable[[Any], None]:
    """``take``, switched off and logged the first time it raises: only the page itself may end the panel."""
    broken = False

    def pass_on(value: Any) -> None:
        nonlocal broken
        if broken:
            return
        try:
            take(value)
        except Exception:
            broken = True
            log.exception("%s is switched off", name)

    return pass_on


def end_soon() -> None:
    """On the thread that saw standard input close: end this process even if its loop hangs."""
    threading.Event().wait(END_WITHIN_S)
    os._exit(EXIT_HUNG)


def _say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
