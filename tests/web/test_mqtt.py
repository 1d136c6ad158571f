"""A real mosquitto hears every topic of the bridge, and cannot do anything to it: restart, hang, refuse, lie."""

import asyncio
import gc
import signal
import subprocess
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path

import aiomqtt
import msgspec
import pytest
import trustme

from controller.bridges.mqtt import MqttBridge, MqttStatus
from controller.bridges.outbox import REPORTS_MAX, TELEMETRY_MAX
from controller.messages import Event, StepEntered
from controller.rig.site import Site, load_site
from tests.support import require_tool
from tests.unit.bridges.bench import FINISHED, HELLO, alarm, frame, rig
from tests.web.mqtt_broker import DEADLINE_S, Broker, Listener, listening, running

ROOT = Path(__file__).parents[2]
BASE = "sparkgap/v1/lab/railgun_bench"
RETAINED = {"$state", "$meta", "state", "alarm/door_1"}
EVERYTHING = RETAINED | {"tlm/bank", "tlm/charger", "tlm/other", "event", "shot/2026-0007"}


def site_of(port: int, *more: str) -> Site:
    lines = ("site: 1", "name: lab", "broker:", "host: localhost", f"port: {port}", "keepalive: 1 s", *more)
    return load_site("\n  ".join(lines).replace("\n  name", "\nname").replace("\n  broker", "\nbroker").encode(), "s")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path) as found:
        yield found


@asynccontextmanager
async def bridging(site: Site, folder: Path = ROOT) -> AsyncIterator[MqttBridge]:
    """A bridge that runs, and is stopped at the end."""
    bridge = MqttBridge(site, rig(), "1.2.3", folder, delays_s=(0.05,))
    running_bridge = asyncio.create_task(bridge.run(), name="bridge")
    try:
        yield bridge
    finally:
        bridge.stop()
        _, late = await asyncio.wait({running_bridge}, timeout=1.0)
        for task in late:  # a broker that hangs: the panel cancels as well
            task.cancel()
        await asyncio.wait({running_bridge})
        assert running_bridge.cancelled() or running_bridge.exception() is None


async def until(condition: Callable[[], bool], pump: Callable[[], None] = lambda: None) -> None:
    """Let the loop turn until ``condition`` holds, calling ``pump`` at every turn."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            pump()
            await asyncio.sleep(0.002)


async def hear_all(ear: Listener, wanted: set[str]) -> set[str]:
    """The topics that were heard until all of ``wanted`` were."""
    known: set[str] = set()

    def complete(topic: str, _: bytes) -> bool:
        known.add(topic.removeprefix(f"{BASE}/"))
        return known >= wanted

    await ear.until(complete)
    return known


def tell(bridge: MqttBridge, record: Path | None = None) -> None:
    bridge.set_link("connected")
    shot = msgspec.structs.replace(FINISHED, record=str(record)) if record else FINISHED
    event, step = Event(1, "plc", "trip", "door 1 opened"), StepEntered(2, 1, "charge", "enter")
    for message in (HELLO, frame(0), event, step, alarm("door_1"), shot):
        bridge.take(message)


async def test_every_topic_is_heard_and_the_retained_ones_by_a_late_subscriber_too(
    broker: Broker, tmp_path: Path
) -> None:
    record = tmp_path / "shot.h5"
    record.write_bytes(b"not really HDF5")
    async with listening(broker.port) as early, bridging(site_of(broker.port)) as bridge:
        await early.until_topic("/$state", b"online")
        tell(bridge, record)
        assert await hear_all(early, EVERYTHING - {"$state"}) == EVERYTHING - {"$state"}
        quality = {(topic.removeprefix(f"{BASE}/"), qos) for topic, _, qos, _ in early.heard}
        assert quality == {(topic, 0 if topic.startswith("tlm") else 1) for topic in EVERYTHING}
        (shot,) = (msgspec.json.decode(payload) for topic, payload, _, _ in early.heard if "/shot/" in topic)
        assert shot["record"] == {"path": str(record), "sha256": sha256(b"not really HDF5").hexdigest()}
        async with listening(broker.port) as late:
            known = await hear_all(late, RETAINED)
            assert known == RETAINED
            assert all(retained for _, _, _, retained in late.heard)
        assert bridge.status.connected
        assert bridge.status.published >= len(EVERYTHING) - 1
        assert (bridge.status.dropped_telemetry, bridge.status.dropped_reports) == (0, 0)
        bridge.stop()
        await early.until_topic("/$state", b"off")
        said = await early.until_topic("/state")
        assert (said["link"], said["stale"]) == ("none", True)
    assert bridge.status.state == "off"


async def test_a_broker_that_forgot_everything_is_told_again(broker: Broker) -> None:
    async with bridging(site_of(broker.port)) as bridge:
        tell(bridge)
        await until(lambda: bridge.status.connected and bridge.status.waiting == 0)
        broker.stop()
        await until(lambda: bridge.status.state == "down")
        bridge.take(Event(9, "plc", "info", "while you were away"))
        bridge.take(frame(100, plc_state="SAFE"))
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.to_thread(broker.start)
        await until(lambda: bridge.status.connected and bridge.status.waiting == 0)
        assert bridge.status.connections == 2
        assert bridge.status.dropped_reports == 0
        async with listening(broker.port) as late:
            await hear_all(late, RETAINED)
            states = [payload for topic, payload, _, _ in late.heard if topic == f"{BASE}/state"]
            assert msgspec.json.decode(states[-1])["plc_state"] == "SAFE"


async def test_a_broker_that_comes_later_is_found(tmp_path: Path) -> None:
    broker = Broker(tmp_path, "allow_anonymous true")
    async with bridging(site_of(broker.port)) as bridge:
        tell(bridge)
        await until(lambda: bridge.status.state == "down")
        assert "Connection refused" in bridge.status.text
        await asyncio.to_thread(broker.start)
        await until(lambda: bridge.status.connected and bridge.status.waiting == 0)
        assert bridge.status.dropped_reports == 0
    broker.stop()


async def test_a_host_that_cannot_be_looked_up_is_said_in_words() -> None:
    site = load_site(b"site: 1\nname: lab\nbroker: {host: a..b}\n", "site.yaml")
    async with bridging(site) as bridge:
        await until(lambda: bridge.status.state == "down")
        assert bridge.status.text.startswith("a..b:1883: ")


async def test_the_pauses_between_attempts_grow_and_never_end() -> None:
    bridge = MqttBridge(site_of(1), rig(), "1", ROOT)
    assert list(islice(bridge._new_delays(), 9)) == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0, 30.0]


async def test_a_broker_that_hangs_costs_one_bounded_queue(broker: Broker) -> None:
    async with bridging(site_of(broker.port, "telemetry_period: 20 ms")) as bridge:
        tell(bridge)
        await until(lambda: bridge.status.connected and bridge.status.waiting == 0)
        broker.signal(signal.SIGSTOP)
        sent = 0

        def pump() -> None:
            nonlocal sent
            for _ in range(20):
                sent += 1
                bridge.take(frame(sent))
                bridge.take(Event(sent, "plc", "info", "flood"))

        await until(lambda: bridge.status.state == "down", pump)
        assert "localhost" in bridge.status.text
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(200):
            pump()
            await asyncio.sleep(0)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert bridge.status.waiting <= REPORTS_MAX + TELEMETRY_MAX + len(RETAINED)
        assert bridge.status.dropped_telemetry > 0
        assert bridge.status.dropped_reports > 0
        assert after - before < 1 << 20
        broker.signal(signal.SIGCONT)
        await until(lambda: bridge.status.connected and bridge.status.waiting == 0)


async def test_a_panel_ends_although_the_broker_hangs(broker: Broker) -> None:
    async with bridging(site_of(broker.port)) as bridge:
        await until(lambda: bridge.status.connected)
        broker.signal(signal.SIGSTOP)
    assert bridge.status.state == "off"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(tmp_path: Path, authority: trustme.CA) -> Iterator[Broker]:
    """A broker that wants TLS, a name and a password."""
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "broker.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "broker.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    (tmp_path / "right.txt").write_text("correct horse\n")
    (tmp_path / "wrong.txt").write_text("wrong horse\n")
    passwords = tmp_path / "passwords"
    make = [require_tool("mosquitto_passwd"), "-b", "-c", str(passwords), "panel", "correct horse"]
    subprocess.run(make, check=True, timeout=10)
    key = (f"certfile {tmp_path / 'broker.pem'}", f"keyfile {tmp_path / 'broker.key'}")
    with running(tmp_path, *key, "allow_anonymous false", f"password_file {passwords}") as found:
        yield found


def secure_site(port: int, ca: str, password: str) -> Site:
    return site_of(port, f"tls: {{ca: {ca}}}", "username: panel", f"password_file: {password}")


async def test_tls_and_a_password(secure: Broker, tmp_path: Path) -> None:
    async with bridging(secure_site(secure.port, "ca.pem", "right.txt"), tmp_path) as bridge:
        tell(bridge)
        await until(lambda: bridge.status.connected and bridge.status.waiting == 0)
        assert bridge.status.published > 5


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")  # paho 2.2 after a refused handshake
@pytest.mark.parametrize(
    ("ca", "password", "reason"),
    [("other.pem", "right.txt", "certificate verify failed"), ("ca.pem", "wrong.txt", "Not authorized")],
)
async def test_a_broker_that_is_not_ours_is_refused_in_words(
    secure: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture, ca: str, password: str, reason: str
) -> None:
    async with bridging(secure_site(secure.port, ca, password), tmp_path) as bridge:
        await until(lambda: bridge.status.state == "down" and bridge.status.attempts >= 3)
        assert reason in bridge.status.text
        assert f"localhost:{secure.port}" in bridge.status.text
        assert [record.name for record in caplog.records] == ["sparkgap.mqtt"]  # once, not at every attempt
    gc.collect()


def heard_of(bridge: MqttBridge) -> MqttStatus:
    """Everything of its status but how much it has published by itself: a heartbeat may be due at any moment."""
    return replace(bridge.status, published=0, waiting=0)


async def test_hostile_messages_change_nothing(broker: Broker) -> None:
    async with bridging(site_of(broker.port)) as bridge, listening(broker.port) as ear:
        tell(bridge)
        await until(lambda: bridge.status.connected and bridge.status.waiting == 0)
        before = heard_of(bridge)
        async with aiomqtt.Client("127.0.0.1", broker.port) as stranger:
            for end in (*EVERYTHING, "abort", "command", "set", "$state/set", "alarm/door_1/ack", "tlm/bank/set"):
                for payload in (b"", b"off", b"\xff" * 1000, b'{"abort": "now", "plc_state": "FIRE"}'):
                    await stranger.publish(f"{BASE}/{end}", payload, qos=1, retain=True)
            await stranger.publish(f"{BASE}/end", b"", qos=1)
        await ear.until_topic("/end")
        assert heard_of(bridge) == before
        bridge.take(alarm("door_1", "RTN_UNACK", active=False))
        said = await ear.until(lambda topic, payload: topic.endswith("alarm/door_1") and b"RTN_UNACK" in payload)
        assert msgspec.json.decode(said)["title"] == "Door 1 is open"


async def test_the_bridge_only_ever_connects_publishes_pings_and_leaves() -> None:
    """A broker of our own, so that every packet is seen; it also sends what nobody asked for."""
    kinds: set[int] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.read(1):
                length = shift = 0
                while (byte := (await reader.readexactly(1))[0]) & 0x80:
                    length, shift = length | (byte & 0x7F) << shift, shift + 7
                body = await reader.readexactly(length | byte << shift)
                kind = head[0] >> 4
                kinds.add(kind)
                if kind == 1:
                    writer.write(bytes([0x20, 2, 0, 0]) + unasked("abort") + unasked(f"{BASE}/$state"))
                elif kind == 3 and head[0] & 0x06:
                    at = 2 + int.from_bytes(body[:2])
                    writer.write(bytes([0x40, 2]) + body[at : at + 2])
                elif kind == 12:
                    writer.write(bytes([0xD0, 0]))
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with bridging(site_of(server.sockets[0].getsockname()[1])) as bridge:
        tell(bridge)
        await until(lambda: 12 in kinds and bridge.status.waiting == 0)
        assert bridge.status.connections == 1
    server.close()
    await server.wait_closed()
    await until(lambda: 14 in kinds)
    assert kinds == {1, 3, 12, 14}  # CONNECT, PUBLISH, PINGREQ, DISCONNECT: no SUBSCRIBE (8)


def unasked(topic: str) -> bytes:
    """A PUBLISH packet with QoS 0."""
    body = len(topic).to_bytes(2) + topic.encode() + b"now"
    return bytes([0x30, len(body)]) + body
