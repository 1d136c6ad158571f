"""A panel that pours out gigabytes, or dies and leaves a child with its output: noticed, and never waited for."""

import asyncio
import sys
from pathlib import Path

import pytest

from controller import messages
from controller.app.panel_child import PanelJob, PanelKeeper

END_S = 20.0

POURS = """
print('{"panel": "http://127.0.0.1:1"}', flush=True)
import sys
while True:
    sys.stdout.write("z" * 65536)
"""

LEAVES_A_CHILD = """
import os, time
print('{"panel": "http://127.0.0.1:1"}', flush=True)
if os.fork() == 0:
    os.setsid()
    time.sleep(30)
os._exit(1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize(("code", "dies"), [(POURS, False), (LEAVES_A_CHILD, True)], ids=["pours", "forks"])
async def test_whatever_a_panel_does_with_its_output_its_end_is_noticed(code: str, dies: bool, tmp_path: Path) -> None:
    up, dead = asyncio.Event(), asyncio.Event()
    job = PanelJob(
        messages.PanelConfig(rig="railgun_bench", out=str(tmp_path)), tmp_path, (sys.executable, "-P", "-c", code)
    )
    keeper = PanelKeeper(job, lambda address: up.set(), lambda text: dead.set())
    async with asyncio.timeout(END_S):
        running = asyncio.create_task(keeper.run(), name="panel")
        await (dead if dies else up).wait()
        keeper.end()
        await running
