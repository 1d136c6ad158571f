"""The real panel of a simulated bench, a real mosquitto: every topic, `lost` when the panel is, and no way back in."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.web.mqtt_broker import Broker, Listener, listening, running

ROOT = Path(__file__).parents[2]
BASE = "sparkgap/v1/lab/railgun_bench"
FIRST_LINE_S = 30.0
END_S = 60.0

TOPICS = {"$state", "$meta", "state", "tlm/bank", "tlm/charger", "tlm/modules", "event", "alarm/trip_door_1"}
COMMANDS = ("abort", "cmd", "command/abort", "set/target", "$state/set", "alarm/trip_door_1/ack", "run", "tlm/bank/set")
PAYLOADS = (b"", b"now", b"\xff" * 300, b'{"abort": "now"}', b'{"plc_state": "FIREWIN", "id": 1, "accepted": true}')


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running(tmp_path) as found:
        site = f"site: 1\nname: lab\nbroker: {{host: localhost, port: {found.port}, keepalive: 1 s}}\n"
        (tmp_path / "site.yaml").write_text(site)
        yield found


@asynccontextmanager
async def sparkgap(folder: Path, *arguments: str) -> AsyncIterator[Process]:
    """A command with the folder's site file; interrupted at the end if it still runs."""
    command = [sys.executable, "-m", "controller.cli", *arguments, "--json", "--site", str(folder / "site.yaml")]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--out",
        str(folder / "shots"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.communicate(), END_S)


async def be_hostile(port: int, done: asyncio.Event) -> None:
    """Claim everything on the bench's own topics, and order what nobody can order."""
    async with aiomqtt.Client("127.0.0.1", port) as stranger:
        while not done.is_set():
            for end in (*COMMANDS, *TOPICS):
                for payload in PAYLOADS:
                    await stranger.publish(f"{BASE}/{end}", payload, qos=1, retain=True)


async def collect(ear: Listener, seen: set[str]) -> None:
    """Everything that speaks as a bench does (the stranger's payloads do not), until somebody says `end`."""
    async for message in ear.client.messages:
        assert isinstance(message.payload, bytes)
        if message.topic.value.endswith("/end"):
            return
        if message.payload not in PAYLOADS:
            seen.add(message.topic.value.removeprefix(f"{BASE}/"))


async def test_a_tripped_shot_is_told_on_every_topic_whatever_strangers_publish(broker: Broker, tmp_path: Path) -> None:
    seen: set[str] = set()
    done = asyncio.Event()
    # late: on a busy machine the panel takes longer to start than the bank to charge
    late = ("--set", "countdown=8 s", "--fault", "plant.door_1_open@countdown:after")
    shot = ("run", "dummy-load", "--rig", "railgun_bench", "--sim", "--panel", *late)
    async with listening(broker.port) as ear, sparkgap(tmp_path, *shot) as process, asyncio.TaskGroup() as tasks:
        collecting = tasks.create_task(collect(ear, seen), name="collect")
        tasks.create_task(be_hostile(broker.port, done), name="be hostile")
        output, _ = await asyncio.wait_for(process.communicate(), END_S)
        done.set()
        last = json.loads(output.splitlines()[-1])
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.publish(f"{BASE}/end", b"end", qos=1)
        await asyncio.wait_for(collecting, END_S)
    assert (process.returncode, last["ended"], last["verdict"]) == (3, "tripped", "aborted")
    assert last["safe"].startswith("verified")
    assert seen >= TOPICS | {f"shot/{last['shot_id']}"}


async def test_a_panel_that_hangs_or_dies_is_lost_and_one_that_ends_is_off(broker: Broker, tmp_path: Path) -> None:
    async with listening(broker.port) as ear, sparkgap(tmp_path, "up", "railgun_bench") as process:
        assert process.stdout is not None
        first = json.loads(await asyncio.wait_for(process.stdout.readline(), FIRST_LINE_S))
        await ear.until(lambda topic, payload: topic.endswith("/state") and b'"stale":false' in payload)
        page = await asyncio.to_thread(fetch, f"{first['panel']}/metrics")
        families = list(text_string_to_metric_families(page))
        samples = {sample.name: sample.value for family in families for sample in family.samples}
        assert samples["sparkgap_mqtt_connected"] == 1
        assert samples["sparkgap_frames_received_total"] > 0
        panel = first["pids"]["panel"]
        os.kill(panel, signal.SIGSTOP)
        await ear.until_topic("/$state", b"lost")
        os.kill(panel, signal.SIGCONT)
        await ear.until_topic("/$state", b"online")
        os.kill(panel, signal.SIGKILL)
        await ear.until_topic("/$state", b"lost")
        await ear.until_topic("/$state", b"online")  # the supervisor has started another
        process.send_signal(signal.SIGINT)
        await ear.until_topic("/$state", b"off")
        await asyncio.wait_for(process.communicate(), END_S)
        assert process.returncode == 0


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10.0) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        return str(answer.read().decode())
