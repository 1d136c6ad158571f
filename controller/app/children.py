"""A child process of the supervisor: its own session, its control pipe, its lines, its end."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

LINE_BYTES_MAX = 1 << 20
"""Longest line a child may print: the endpoints of a hundred instruments are about 20 kB, a Finished about 5 kB."""

STDERR_BYTES_MAX = 10_000_000
"""A child's raw standard error is a file (a pipe could stall the child); it starts anew above this size."""


START_TIMEOUT_S = 60.0
"""A child that has not said its first line by then never will: a cold import on a slow disk takes 10 s."""


STOP_TIMEOUT_S = 10.0
"""Time for a child to end by itself after its input closed."""


LOOK_S = 0.2
"""Time between two looks at whether a child has ended whose output stays open."""


class ChildFailed(Exception):
    """A child ended or said something else before it was ready. One line for a person."""


class ControlPipe:
    """The write end of a child's standard input.

    On POSIX a second child may inherit the same end (``share_with``): the first child's input then closes only when
    the supervisor *and* that second child are gone. That is how the rig outlives a core whose supervisor was killed.
    A pipe that is not ``patient`` loses a line rather than wait for a child that does not read.
    """

    def __init__(self, patient: bool = True) -> None:
        self.read_fd, self._write_fd = os.pipe()
        self._open = True
        if not patient and os.name == "posix":
            os.set_blocking(self._write_fd, False)

    @property
    def share_with(self) -> tuple[int, ...]:
        """Descriptors to pass to the other child; empty where descriptors cannot be passed."""
        return (self._write_fd,) if self._open and os.name == "posix" else ()

    def send(self, line: bytes) -> bool:
        """Write one line; False when the child no longer reads."""
        if not self._open:
            return False
        try:
            os.write(self._write_fd, line.rstrip(b"\n") + b"\n")
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Close the end: the child takes it as the order to end."""
        if self._open:
            self._open = False
            os.close(self._write_fd)


@dataclass(slots=True)
class Child:
    """A started child. Lines are read by :meth:`read_line`; ``returncode`` is None while it runs."""

    name: str
    process: asyncio.subprocess.Process
    control: ControlPipe
    last_line: bytes = b""

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while the child runs."""
        return self.process.returncode

    async def read_line(self) -> bytes:
        """The next line without its end; empty when the child closed its output."""
        stdout = self.process.stdout
        if stdout is None:
            return b""
        try:
            line = await stdout.readline()
        except ValueError:  # longer than LINE_BYTES_MAX: not one of ours
            return b""
        if line.strip():
            self.last_line = line.strip()
        return line.strip() if line else b""

    async def read_to_end(self) -> bytes:
        """Read until the child closes its output and return the last line it printed."""
        stdout = self.process.stdout
        while stdout is not None and not stdout.at_eof():
            await self.read_line()
        return self.last_line

    async def wait(self) -> None:
        """Return when the process has ended, whatever is in its output and whoever else holds it open.

        asyncio's own wait ends with the pipe: never, when nobody reads what a child has poured into it, or when a
        child of the child has inherited it. Nobody else may read lines meanwhile.
        """
        ended = asyncio.create_task(self.process.wait(), name=f"{self.name}: process")
        draining = asyncio.create_task(self._drain(), name=f"{self.name}: output")
        try:
            while self.returncode is None and not ended.done():
                await asyncio.wait({ended}, timeout=LOOK_S)
        finally:
            if self.returncode is not None and not ended.done():
                self.process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - lets go of the pipe
            ended.cancel()
            draining.cancel()
            await asyncio.wait({ended, draining})

    async def _drain(self) -> None:
        while self.process.stdout is not None and await self.process.stdout.read(1 << 16):
            pass

    async def stop(self, timeout_s: float) -> None:
        """Close the control pipe, wait ``timeout_s`` for the child to end, then kill it."""
        self.control.close()
        try:
            await asyncio.wait_for(self.wait(), timeout_s)
        except TimeoutError:
            self.kill()
            await self.wait()

    def kill(self) -> None:
        """End the child at once; nothing happens when it has ended already."""
        with suppress(ProcessLookupError):
            self.process.kill()


async def start_child(
    name: str,
    command: tuple[str, ...],
    first_line: bytes,
    log_dir: Path,
    inherit: tuple[int, ...] = (),
    patient: bool = True,
) -> Child:
    """Start ``command`` in its own session (Windows: process group) and hand it its first line, unless that is empty.

    Standard error goes to ``log_dir/<name>.stderr``. Raises OSError when the process cannot be started.
    """
    control = ControlPipe(patient)
    options: dict[str, Any] = {"start_new_session": True, "pass_fds": inherit}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        with _open_stderr(name, log_dir) as stderr:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=control.read_fd,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=LINE_BYTES_MAX,
                **options,
            )
    except OSError:
        control.close()
        raise
    finally:
        os.close(control.read_fd)
    if first_line:
        control.send(first_line)
    return Child(name, process, control)


async def first_object(child: Child) -> dict[str, Any]:
    """The JSON object on a child's first line. Raises ChildFailed when there is none in time."""
    try:
        line = await asyncio.wait_for(child.read_line(), START_TIMEOUT_S)
        said = json.loads(line)
    except TimeoutError:
        raise ChildFailed(f"the {child.name} process said nothing for {START_TIMEOUT_S:.0f} s") from None
    except ValueError:
        raise ChildFailed(f"the {child.name} process ended before it was ready") from None
    if not isinstance(said, dict):
        raise ChildFailed(f"the {child.name} process said {line[:80]!r} instead of an object")
    return said


def module_command(module: str) -> tuple[str, ...]:
    """The command that runs one of our modules, ignoring whatever lies in the current folder (``-P``)."""
    return (sys.executable, "-P", "-m", module)


def _open_stderr(name: str, log_dir: Path) -> BinaryIO:
    path = log_dir / f"{name}.stderr"
    if path.exists() and path.stat().st_size > STDERR_BYTES_MAX:
        path.replace(path.with_suffix(".stderr.1"))
    return path.open("ab")
