"""A program that nobody here wrote the engine of, in a process of its own that knows nothing of this repository."""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

PROGRAM_S = 100.0
"""A program's whole job, its imports included, on a busy machine."""

KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
"""What of our environment a program gets: no PYTHONPATH, no home with settings of a VISA or of Python."""


async def run_foreign(program: Path, *arguments: str) -> Any:
    """What ``program`` prints last, read as JSON.

    Isolated (``python -I``), in an empty directory that is also its home. AssertionError with its complaints when it
    fails; TimeoutError after :data:`PROGRAM_S`.
    """
    with tempfile.TemporaryDirectory(prefix="foreign-") as home:
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", str(program), *arguments,
            cwd=home, env={**environment, "HOME": home},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PROGRAM_S):
                printed, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, complaints.decode()
    return json.loads(printed.splitlines()[-1])
