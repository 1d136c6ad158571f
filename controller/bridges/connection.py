"""One connection to the broker: the files it needs, opening it and leaving it, with a deadline on everything.

aiomqtt connects in a thread that cannot be interrupted and leaves its socket behind when the broker does not answer
(aiomqtt 2.5, Client.__aenter__); what that needs is here, so that mqtt.py reads as what it does.
"""

import asyncio
import logging
import ssl
from pathlib import Path

from aiomqtt import Client, MqttError, Will

from controller.bridges.topics import LOST, Place
from controller.rig.site import Broker, Site, Tls
from controller.rig.source import Problem, Refused

CALL_TIMEOUT_S = 5.0
"""A broker answers within milliseconds; paho gives the TCP and TLS handshakes the same five seconds each."""

CONNECT_TIMEOUT_S = 20.0
"""For all of it; beyond the handshakes only the look-up of a name can take that long."""

LEAVE_TIMEOUT_S = 0.5
"""To take leave, and to free the socket of a broker that never answered."""

ABANDON_TIMEOUT_S = 1.0
"""How long the end of the panel waits for a connection that is just being made."""

PACKET_BYTES_MAX = 4096
"""Longest packet taken from a broker. Who subscribes to nothing hears acknowledgements of a few bytes; paho would make
room for 256 MB at every turn of the loop, and an abort from the page would wait for it."""

PASSWORD_BYTES_MAX = 1024
"""A password file is one line; anything longer is another file."""

log = logging.getLogger("sparkgap.mqtt")
client_log = logging.getLogger("sparkgap.mqtt.client")
client_log.setLevel(logging.ERROR)  # aiomqtt warns of every attempt that failed; the bridge says it once, in words


def read_password(site: Site, broker: Broker, folder: Path) -> str | None:
    """The first line of the password file, None without one. Raises :class:`Refused` when it cannot be read."""
    if not broker.password_file:
        return None
    try:
        with open(folder / broker.password_file, "rb") as file:
            password = file.read(PASSWORD_BYTES_MAX).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(site, ("broker", "password_file"), _reason(error), "write the password into it") from error
    if not password or not password[0]:
        raise _refused(site, ("broker", "password_file"), "the file is empty", "write the password into its first line")
    return password[0]


def tls_context(site: Site, tls: Tls, folder: Path) -> ssl.SSLContext:
    """TLS 1.2 or later, certificate and name of the broker checked. Raises :class:`Refused` for unusable files."""
    field = "ca"
    try:
        context = ssl.create_default_context(cafile=str(folder / tls.ca) if tls.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        field = "certificate"
        if tls.certificate:
            context.load_cert_chain(folder / tls.certificate, folder / tls.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise _refused(site, ("broker", "tls", field), _reason(error), "name a readable PEM file") from error
    return context


def make_client(broker: Broker, place: Place, password: str | None, context: ssl.SSLContext | None) -> Client:
    """A client that has not connected yet; its last will is ``lost``. Must be called on the loop it will use."""
    client = Client(
        broker.host,
        broker.port,
        username=broker.username or None,
        password=password,
        # The same name every time: a broker that still holds our dead connection drops it (and says `lost`) before it
        # answers the new one, never after.
        identifier=broker.client_id or f"sparkgap-{place.site}-{place.rig}",
        will=Will(place.state, LOST, qos=1, retain=True),
        clean_session=True,
        logger=client_log,
        timeout=CALL_TIMEOUT_S,
        keepalive=broker.keepalive_s,
        max_queued_incoming_messages=1,
        max_queued_outgoing_messages=16,
        tls_context=context,
    )
    _bound_packets(client)
    return client


def _bound_packets(client: Client) -> None:
    """Hang up on a packet that is too long before any room is made for it; neither library has an option for that."""
    paho = client._client  # noqa: SLF001
    receive = paho._sock_recv  # noqa: SLF001

    def receive_bounded(size: int) -> bytes:
        if size > PACKET_BYTES_MAX:
            raise ConnectionAbortedError(f"a packet of {size} bytes from a broker of which nothing is expected")
        return receive(size)

    paho._sock_recv = receive_bounded  # type: ignore[method-assign,assignment]  # noqa: SLF001


async def open_connection(client: Client) -> None:
    """Connect. Raises MqttError with the reason; nothing of a failed attempt is left behind."""
    entering = asyncio.get_running_loop().create_task(client.__aenter__(), name="mqtt: connect")
    try:
        await asyncio.wait({entering}, timeout=CONNECT_TIMEOUT_S)
        if not entering.done():
            raise MqttError(f"no connection after {CONNECT_TIMEOUT_S:g} s")
        try:
            entering.result()
        except ValueError as error:  # a host that is no name for the resolver either: UnicodeError
            raise MqttError(str(error)) from error
    except BaseException:
        await asyncio.wait({entering}, timeout=ABANDON_TIMEOUT_S)
        if not entering.done():
            entering.cancel()
        elif not entering.cancelled():
            entering.exception()  # seen: it is the one on its way, or the caller no longer wants to know
        await leave_connection(client)
        raise


async def leave_connection(client: Client) -> None:
    """Disconnect as MQTT wants it, so that the broker keeps the will to itself; a broker that hangs is left anyway."""
    try:
        async with asyncio.timeout(LEAVE_TIMEOUT_S):
            await client.__aexit__(None, None, None)
    except (MqttError, TimeoutError) as error:
        log.debug("left the broker without its answer: %s", error)


def _no_password() -> str:
    """Instead of OpenSSL asking on the terminal for the key's passphrase."""
    raise ValueError("the key is protected by a passphrase")


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _refused(site: Site, path: tuple[str | int, ...], problem: str, remedy: str) -> Refused:
    found: Problem = site.document.problem(path, problem, remedy)
    return Refused([found])
