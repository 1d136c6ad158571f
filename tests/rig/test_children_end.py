"""How the real children end when nobody needs them, and when a defect stops the bench's scans."""

import json
import os
import subprocess
import sys
from pathlib import Path

HUNG_CORE = """
import asyncio, sys, threading
from controller.app import core_process

async def hang(config, lines):
    threading.Event().wait()

core_process.END_WITHIN_S = 0.1
core_process._watch = hang
sys.exit(asyncio.run(core_process.main()))
"""

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
END_TIMEOUT_S = 60

BROKEN_RIG = """
import asyncio, sys
from controller.app import rig_process
from firmware_sim.plc.plc import Plc

scan = Plc.scan

def break_down(plc, inputs):
    if plc.scan_number >= 5:
        raise ZeroDivisionError("a defect of the bench")
    return scan(plc, inputs)

Plc.scan = break_down
sys.exit(asyncio.run(rig_process.main()))
"""


def test_a_core_that_was_never_needed_ends_quietly() -> None:
    command = (sys.executable, "-P", "-m", "controller.app.core_process")
    ended = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, input=b"", capture_output=True, timeout=END_TIMEOUT_S)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_a_core_that_hangs_ends_when_its_supervisor_is_gone() -> None:
    command = (sys.executable, "-P", "-c", HUNG_CORE)
    order = json.dumps({"rig": "railgun_bench", "profile_path": "", "out": "", "mode": "watch"}).encode() + b"\n"
    ended = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, input=order, capture_output=True, timeout=END_TIMEOUT_S)
    assert (ended.returncode, ended.stdout, ended.stderr) == (5, b"", b"")


def test_a_bench_that_breaks_is_switched_off_and_says_why() -> None:
    child = subprocess.Popen(
        (sys.executable, "-P", "-c", BROKEN_RIG),
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None and child.stdout is not None and child.stderr is not None
    with child, child.stdin as order:
        order.write(json.dumps({"rig": "railgun_bench", "seed": 1}).encode() + b"\n")
        order.flush()  # and kept open: it is not the closed input that ends this child
        said = json.loads(child.stdout.readline())
        assert said["rig"] == "railgun_bench"
        assert child.wait(END_TIMEOUT_S) == 5
        assert b"ZeroDivisionError: a defect of the bench" in child.stderr.read()
