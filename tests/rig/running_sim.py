"""``sparkgap sim`` as a child of a test, and the command line beside it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

TIMEOUT_S = 60
"""The slowest machine starts in ten seconds, and a noise shot takes five."""


@dataclass(frozen=True)
class RunningSim:
    """The process and the object on its first line."""

    process: "subprocess.Popen[str]"
    said: Mapping[str, Any]

    def address(self, name: str) -> str:
        """The first address of an instrument: the one that the rig file names."""
        return str(next(iter(self.said["instruments"][name]["endpoints"].values())))

    def lab(self, changed: Mapping[str, str] | None = None) -> str:
        """The published endpoints as a lab file, with other addresses for the instruments in ``changed``."""
        lines = ["lab: 1", f"rig: {self.said['rig']}", "instruments:"]
        for name, entry in self.said["instruments"].items():
            doors = {**entry["endpoints"]}
            if changed and name in changed:
                doors[next(iter(doors))] = changed[name]
            lines.append(f"  {name}: {{" + ", ".join(f'{door}: "{where}"' for door, where in doors.items()) + "}")
        return "\n".join(lines) + "\n"


@contextmanager
def running_sim(*arguments: str, cwd: Path) -> Iterator[RunningSim]:
    """``sparkgap sim ARGUMENTS --json`` until the block ends; a test that stops it earlier may do so."""
    process = subprocess.Popen(
        [sys.executable, "-m", "controller.cli", "sim", *arguments, "--json"],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield RunningSim(process, json.loads(line))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)


def ask(address: str, question: bytes) -> bytes:
    """One line over a plain socket."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), TIMEOUT_S) as link, link.makefile("rwb") as lines:
        lines.write(question)
        lines.flush()
        return lines.readline()


def closed_port() -> str:
    """An address where nobody listens: bound, never listening, and free again."""
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{link.getsockname()[1]}"
