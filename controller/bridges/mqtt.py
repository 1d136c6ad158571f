"""Everything the panel hears, published to an MQTT broker (design.md section 4); nothing is ever subscribed to.

The broker is a convenience for people elsewhere. Whatever it does, slow, stalled or gone, costs the panel one bounded
queue: :meth:`MqttBridge.take` never waits, and one task alone talks to the broker.

aiomqtt needs a loop with add_reader: uvloop and the selector loop have it, Windows' proactor loop has not.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path

from aiomqtt import Client, MqttError

from controller.bridges.connection import leave_connection, make_client, open_connection, read_password, tls_context
from controller.bridges.narrator import Narrator
from controller.bridges.outbox import Outbox
from controller.bridges.topics import OFF, ONLINE, Place, Publication, with_sha256
from controller.messages import Message
from controller.rig.model import Rig
from controller.rig.site import Site
from controller.rig.source import Refused
from controller.shots.hashing import hash_file

DELAYS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Between attempts; the last one repeats. No jitter: a bench is one client, not a crowd."""

STEADY_S = 10.0
"""A connection that lived this long was a good one: after it the delays begin anew."""

TICK_S = 0.25
"""How often an idle sender looks whether the core has fallen silent; half of channels.FRAME_STALE_AFTER_S."""

OFF_TIMEOUT_S = 1.0
"""To say `off` at the end; the supervisor gives the whole panel a few seconds."""

HASH_TIMEOUT_S = 10.0
"""A record of 20 MB takes 0.1 s; a disk that hangs must not keep the telemetry back."""

log = logging.getLogger("sparkgap.mqtt")


@dataclass(frozen=True, slots=True)
class MqttStatus:
    """How the bridge does, for /healthz and /metrics; ``state`` is off, connecting, connected or down.

    ``text`` is where to, or why not; ``attempts`` counts tries to connect, ``connections`` those that succeeded.
    """

    state: str = "off"
    text: str = "no broker in site.yaml"
    published: int = 0
    dropped_telemetry: int = 0
    dropped_reports: int = 0
    waiting: int = 0
    connections: int = 0
    attempts: int = 0

    @property
    def connected(self) -> bool:
        """Whether the broker takes messages now."""
        return self.state == "connected"


class MqttBridge:
    """Publishes for one bench. ``folder`` is where site.yaml stands.

    Raises :class:`Refused` for a site without a broker, and for files it names that cannot be used (they are read
    again at every connection, so a renewed certificate needs no restart).
    """

    def __init__(
        self, site: Site, rig: Rig, version: str, folder: Path, *, delays_s: Sequence[float] = DELAYS_S
    ) -> None:
        if site.broker is None:
            raise Refused([site.document.problem(("broker",), "no broker is named", "add `broker: {host: ...}`")])
        self._site, self._broker, self._folder = site, site.broker, folder
        self._place = Place(site.name, rig.name)
        self._delays_s = delays_s
        self._narrator = Narrator(self._place, rig, version, site.broker.telemetry_period_s)
        self._outbox = Outbox()
        self._wake, self._stopped = asyncio.Event(), asyncio.Event()
        self._status = MqttStatus("connecting", "not connected yet")
        self._secrets()
        self._put(self._narrator.begin())
        if site.broker.username and site.broker.tls is None:
            log.warning("the broker's password crosses the network in the clear: name `tls:` in site.yaml")

    @property
    def status(self) -> MqttStatus:
        """How it does now."""
        box = self._outbox
        return replace(
            self._status,
            dropped_telemetry=box.dropped_telemetry,
            dropped_reports=box.dropped_reports,
            waiting=len(box),
        )

    def take(self, message: Message) -> None:
        """Queue what ``message`` says (on the loop's thread). Never waits."""
        self._put(self._narrator.take(message, _now_ns()))

    def set_link(self, link: str) -> None:
        """The panel's link to the core: none, connected or lost."""
        self._put(self._narrator.set_link(link))

    def stop(self) -> None:
        """Ask run() to say ``off`` and end."""
        self._stopped.set()
        self._wake.set()

    async def run(self) -> None:
        """Connect, publish, connect again, until stop() or cancelled; both say ``off`` if the broker still hears."""
        if not _has_add_reader():
            self._say("down", "MQTT needs asyncio's selector event loop on Windows")
            return
        try:
            await self._live()
        finally:
            self._status = replace(self._status, state="off", text="stopped")

    async def _live(self) -> None:
        clock = asyncio.get_running_loop().time
        delays = self._new_delays()
        while not self._stopped.is_set():
            began_s = clock()
            self._status = replace(self._status, attempts=self._status.attempts + 1)
            try:
                await self._live_once()
            except (MqttError, Refused) as error:
                self._say("down", f"{self._broker.host}:{self._broker.port}: {error}")
            if _is_cancelled():  # a TaskGroup that fails while it is cancelled reports the failure only (Python 3.11)
                raise asyncio.CancelledError
            if clock() - began_s >= STEADY_S:
                delays = self._new_delays()
            await self._pause(next(delays))

    async def _live_once(self) -> None:
        """One connection's life. Returns when stopped; raises MqttError when it broke or never came to be."""
        client = make_client(self._broker, self._place, *self._secrets())
        await open_connection(client)
        try:
            self._outbox.connected()
            await client.publish(self._place.state, ONLINE, qos=1, retain=True)
            self._status = replace(self._status, connections=self._status.connections + 1)
            self._say("connected", f"{self._broker.host}:{self._broker.port}")
            await self._converse(client)
            await self._say_off(client)
        except asyncio.CancelledError:
            if not self._stopped.is_set():  # else it was said, and whoever stopped us has waited long enough
                await self._say_off(client)
            raise
        finally:
            await leave_connection(client)

    async def _converse(self, client: Client) -> None:
        reason: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(_watch(client), name="mqtt: watch the connection")
                await self._send(client)
                watch.cancel()
        except* MqttError as group:
            reason = group.exceptions[0]
        if reason is not None:
            raise MqttError(_in_words(reason.__cause__ or reason)) from reason

    async def _send(self, client: Client) -> None:
        while not self._stopped.is_set():
            publication = self._outbox.first()
            if publication is None:
                await self._idle()
                continue
            if publication.qos == 0:
                self._outbox.remove(publication)  # telemetry that fails is not told later
            await self._deliver(client, publication)

    async def _deliver(self, client: Client, publication: Publication) -> None:
        complete = await self._with_fingerprint(publication)
        await client.publish(complete.topic, complete.payload, complete.qos, complete.retain)
        self._outbox.remove(publication)
        self._status = replace(self._status, published=self._status.published + 1)

    async def _idle(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(TICK_S):
                await self._wake.wait()
        except TimeoutError:
            self._put(self._narrator.tick(_now_ns()))

    async def _with_fingerprint(self, publication: Publication) -> Publication:
        if not publication.record:
            return publication
        try:
            async with asyncio.timeout(HASH_TIMEOUT_S):
                digest = await asyncio.to_thread(hash_file, Path(publication.record))
        except (OSError, TimeoutError) as error:
            log.warning("no sha256 of %s for the broker: %s", publication.record, error)
            return with_sha256(publication, None)
        return with_sha256(publication, digest)

    async def _say_off(self, client: Client) -> None:
        """The end, on purpose: `off` first, in case there is no time for what is still owed."""
        self._put(self._narrator.set_link("none"))
        try:
            async with asyncio.timeout(OFF_TIMEOUT_S):
                await client.publish(self._place.state, OFF, qos=1, retain=True)
                while self._outbox.owes_reports and (publication := self._outbox.first()) is not None:
                    await self._deliver(client, publication)
        except (MqttError, TimeoutError) as error:
            log.warning("the broker did not hear `off`: %s", error or "no answer")

    async def _pause(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._stopped.wait()
        except TimeoutError:
            self._put(self._narrator.tick(_now_ns()))

    def _secrets(self) -> tuple[str | None, ssl.SSLContext | None]:
        broker = self._broker
        password = read_password(self._site, broker, self._folder)
        return password, tls_context(self._site, broker.tls, self._folder) if broker.tls is not None else None

    def _new_delays(self) -> Iterator[float]:
        return chain(self._delays_s, repeat(self._delays_s[-1]))

    def _put(self, publications: Sequence[Publication]) -> None:
        for publication in publications:
            self._outbox.put(publication)
        if publications:
            self._wake.set()

    def _say(self, state: str, text: str) -> None:
        if (state, text) != (self._status.state, self._status.text):
            log.log(logging.INFO if state == "connected" else logging.WARNING, "%s: %s", state, text)
        self._status = replace(self._status, state=state, text=text)


async def _watch(client: Client) -> None:
    """Raise MqttError as soon as the connection is gone; what a broker sends that nobody asked for is thrown away."""
    async for _ in client.messages:
        log.debug("the broker sent something nobody subscribed to; ignored")


def _in_words(reason: BaseException) -> str:
    text = str(reason)  # paho calls a connection that was closed or that nobody answered on "unspecified"
    return "the connection broke" if "Unspecified error" in text else text


def _now_ns() -> int:
    return round(asyncio.get_running_loop().time() * 1e9)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _has_add_reader() -> bool:
    proactor = getattr(asyncio, "ProactorEventLoop", None)
    return proactor is None or not isinstance(asyncio.get_running_loop(), proactor)
