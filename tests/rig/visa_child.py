"""A pyvisa-py client of a DSO-X stand-in (``visa_job.py``) in a process of its own, seen from outside."""

import asyncio
import json
import sys
from typing import Any

import numpy as np

from firmware_sim.personalities.dsox import Dsox
from tests.rig.test_scope_clients import ADC_STEP_V, sensor

CHILD_S = 60.0
"""A child with its imports on a loaded machine."""


async def start(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """``module`` of this folder as a program."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.rig.{module}", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22,
    )  # fmt: skip


async def said_last(client: asyncio.subprocess.Process) -> dict[str, Any]:
    """The JSON with which it ends."""
    assert client.stdout is not None
    found: dict[str, Any] = json.loads(await client.stdout.readline())
    assert await client.wait() == 0
    return found


async def whole_job(scope: Dsox, module: str, *arguments: str) -> dict[str, Any]:
    """What it found beside the record of ``sensor`` on channel 2, which is right."""
    client = await start(module, *arguments)
    assert client.stdin is not None and client.stdout is not None
    async with asyncio.timeout(CHILD_S):
        assert await client.stdout.readline() == b"armed\n"
        assert scope.trigger(round(asyncio.get_running_loop().time() * 1e9), "EXT")
        client.stdin.write(b"fired\n")
        found = await said_last(client)
    codes, preamble = np.array(found.pop("codes"), dtype=float), found.pop("preamble")
    form, _, points, _, x_increment, x_origin, x_reference, y_increment, y_origin, y_reference = preamble
    assert (form, points, len(codes)) == (1, 20_000, 20_000)
    times = (np.arange(20_000) - x_reference) * x_increment + x_origin
    difference = (codes - y_reference) * y_increment + y_origin - sensor(1, times)
    assert np.abs(difference).max() < 2 * ADC_STEP_V
    assert abs(difference.mean()) < 0.02 * ADC_STEP_V
    return found
