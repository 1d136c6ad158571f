"""What a campaign does to real processes: signals, hangs, a stepped clock, a failing journal, a broker in trouble."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from controller.app.booking import JOURNAL_NAME
from controller.app.children import module_command
from controller.campaign.flood import flood_command
from controller.campaign.trial_bench import Deed, TrialBench, read_catalogue

END_S = 10.0
"""A tool that was told to end has ended by then."""

CLOCK_STEP_S = 3600
"""An hour: what daylight saving does to clocks that keep local time, and far beyond every deadline."""

SHARED_MEMORY = Path("/dev/shm")
"""Where Linux shows what processes share by name."""

FAKETIME = "faketime/libfaketime.so.1"
"""Where Debian's package puts the library, below a folder of libraries."""


class ToolMissing(Exception):
    """A program that a deed needs is not installed; the text says how to get it."""


def find_tool(tool: str) -> str:
    """Path of a program. Raises ToolMissing."""
    path = shutil.which(tool, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
    if path is None:
        raise ToolMissing(f"{tool} is not installed: sudo apt-get install -y {tool}")
    return path


@dataclass
class Signal:
    """A signal to every process of a role, and for a stop that is to end, after how long it goes on."""

    role: str
    number: signal.Signals
    resume_s: float | None = None
    _sent: list[int] = field(default_factory=list)

    def prepare(self, bench: TrialBench) -> None:
        """Nothing to prepare."""

    def act(self, bench: TrialBench) -> None:
        """Send it."""
        self._sent = list(bench.find(self.role))
        bench.stamp()  # looking for the process took a while
        for pid in self._sent:
            send(pid, self.number)
        if self.resume_s is not None:
            bench.later(self.resume_s, self._resume)

    def _resume(self) -> None:
        for pid in self._sent:
            send(pid, signal.SIGCONT)

    def end(self, bench: TrialBench) -> str:
        """Who got it."""
        return f"{self.number.name} to {self.role} {self._sent}" if self._sent else ""


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@dataclass
class Hang:
    """The core, or one of its tasks, hangs: see ``hung_core.py`` for ``how``."""

    how: str
    _signal: Signal = field(default_factory=lambda: Signal("core", signal.SIGUSR1))

    def prepare(self, bench: TrialBench) -> None:
        """A core that can be told to hang."""
        bench.core_command = (*module_command("controller.campaign.hung_core"), self.how)

    def act(self, bench: TrialBench) -> None:
        """Let it hang."""
        self._signal.act(bench)

    def end(self, bench: TrialBench) -> str:
        """How."""
        done = self._signal.end(bench)
        return done and f"{self.how}: {done}"


@dataclass
class ClockStep:
    """The core's wall clock jumps by ``step_s``; its monotonic clock, which is another one, does not."""

    step_s: int
    _pids: tuple[int, ...] = ()

    def prepare(self, bench: TrialBench) -> None:
        """Run the core under libfaketime, with an offset of zero for now."""
        library = next((path for path in sorted(Path("/usr/lib").glob(f"*/{FAKETIME}"))), None)
        if library is None:
            raise ToolMissing("libfaketime is not installed: sudo apt-get install -y faketime")
        self._write(bench, 0)
        bench.core_wrap = (
            "env",
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={bench.folder / 'clock'}",
            # looked up at every call: the step comes at once
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            # its fix for another libc makes waits on monotonic conditions late, and so Python's threads wait for a turn
            "FAKETIME_FORCE_MONOTONIC_FIX=0",
        )

    def act(self, bench: TrialBench) -> None:
        """Step it."""
        self._pids = bench.find("core")
        self._write(bench, self.step_s)

    def _write(self, bench: TrialBench, offset_s: int) -> None:
        path = bench.folder / "clock"
        path.with_suffix(".new").write_text(f"{offset_s:+d}\n", encoding="ascii")
        path.with_suffix(".new").replace(path)

    def end(self, bench: TrialBench) -> str:
        """The step as the shot's labels show it: the start has the supervisor's clock, the end the core's."""
        for pid in self._pids:  # the library leaves its shared memory behind
            for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
                (SHARED_MEMORY / name).unlink(missing_ok=True)
        for shot in read_catalogue(bench.config):
            if shot.ended_utc:
                passed = datetime.fromisoformat(shot.ended_utc) - datetime.fromisoformat(shot.started_utc)
                if abs(passed.total_seconds() - self.step_s) < CLOCK_STEP_S / 2:
                    return f"the shot took {passed.total_seconds():+.0f} s by the wall clock"
        return ""


@dataclass
class FailingJournal:
    """From the moment on the kernel answers ``calls`` on the journal's file with ``error``: strace injects it."""

    calls: str
    error: str
    _tracer: subprocess.Popen[bytes] | None = None

    def prepare(self, bench: TrialBench) -> None:
        """See that it can be done."""
        find_tool("strace")

    def act(self, bench: TrialBench) -> None:
        """Trace the core's calls on the journal, and let them fail."""
        paths = sorted(bench.out.glob(f"*-*/{JOURNAL_NAME}"))
        pids = bench.find("core")
        if not paths or not pids:
            return
        inject = f"inject={self.calls}:error={self.error}"
        command = [find_tool("strace"), "-f", "-q", "-P", str(paths[-1]), "-p", str(pids[0])]
        command += ["-e", f"trace={self.calls}", "-e", inject, "-o", str(bench.folder / "strace")]
        self._tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self, bench: TrialBench) -> str:
        """How many calls failed so."""
        stop(self._tracer)
        path = bench.folder / "strace"
        failed = path.read_text(encoding="utf-8", errors="replace").count("(INJECTED)") if path.exists() else 0
        return f"{failed} calls of {self.calls} failed with {self.error}" if failed else ""


@dataclass
class BrokerTrouble:
    """A broker of the trial's own, to which the panel publishes: killed, stopped, or flooded by somebody else."""

    what: str
    _port: int = 0
    _broker: subprocess.Popen[bytes] | None = None
    _flood: subprocess.Popen[bytes] | None = None
    _shown: str = ""

    def prepare(self, bench: TrialBench) -> None:
        """Start it, and name it in the site file."""
        self._port = free_port()
        settings = bench.folder / "mosquitto.conf"
        lines = (f"listener {self._port} 127.0.0.1", "allow_anonymous true", "user root", "persistence false", "")
        settings.write_text("\n".join(lines), encoding="ascii")
        log: IO[bytes]
        with (bench.folder / "mosquitto.log").open("wb") as log:
            self._broker = subprocess.Popen(
                bench.marked(find_tool("mosquitto"), "-c", str(settings), "-v"), stdout=log, stderr=log
            )
        site = bench.folder / "site.yaml"
        site.write_text(f"site: 1\nname: trial\nbroker: {{host: 127.0.0.1, port: {self._port}}}\n", encoding="ascii")
        bench.site = str(site)

    def act(self, bench: TrialBench) -> None:
        """Make the trouble."""
        broker = self._broker
        if broker is None or broker.poll() is not None:
            return
        if self.what == "flooded":
            self._flood = subprocess.Popen(flood_command(self._port), stdin=subprocess.DEVNULL)
        else:
            broker.send_signal(signal.SIGKILL if self.what == "killed" else signal.SIGSTOP)
        self._shown = f"broker {broker.pid} {self.what}"

    def end(self, bench: TrialBench) -> str:
        """End broker and flood. It counts only when the panel had reached the broker, or might have (early moments)."""
        stop(self._flood)
        stop(self._broker, kill=True)
        return self._shown


def stop(process: "subprocess.Popen[bytes] | None", kill: bool = False) -> None:
    """End a tool of ours and wait for it."""
    if process is None:
        return
    if process.poll() is None:
        process.kill() if kill else process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


CORE_STILL_S, RIG_STILL_S = 2.0, 3.0
"""How long the stopped ones stand still: four watchdogs; for the rig longer than it catches up (1 s)."""

DEEDS: Mapping[str, Callable[[], Deed]] = {
    "core_killed": lambda: Signal("core", signal.SIGKILL),
    "core_terminated": lambda: Signal("core", signal.SIGTERM),
    "core_stopped": lambda: Signal("core", signal.SIGSTOP, CORE_STILL_S),
    "core_hung": lambda: Signal("core", signal.SIGSTOP),
    "core_blocked": lambda: Hang("blocked"),
    "core_spinning": lambda: Hang("spinning"),
    "frames_hung": lambda: Hang("task:frames"),
    "heartbeat_hung": lambda: Hang("task:heartbeat"),
    "panel_killed": lambda: Signal("panel", signal.SIGKILL),
    "panel_terminated": lambda: Signal("panel", signal.SIGTERM),
    "panel_stopped": lambda: Signal("panel", signal.SIGSTOP),
    "rig_killed": lambda: Signal("rig", signal.SIGKILL),
    "rig_terminated": lambda: Signal("rig", signal.SIGTERM),
    "rig_hung": lambda: Signal("rig", signal.SIGSTOP),
    "rig_stopped": lambda: Signal("rig", signal.SIGSTOP, RIG_STILL_S),
    "clock_forward": lambda: ClockStep(CLOCK_STEP_S),
    "clock_back": lambda: ClockStep(-CLOCK_STEP_S),
    "fsync_eio": lambda: FailingJournal("fsync", "EIO"),
    "write_eio": lambda: FailingJournal("write", "EIO"),
    "write_enospc": lambda: FailingJournal("write", "ENOSPC"),
    "write_erofs": lambda: FailingJournal("write,fsync", "EROFS"),
    "broker_killed": lambda: BrokerTrouble("killed"),
    "broker_stopped": lambda: BrokerTrouble("stopped"),
    "broker_flooded": lambda: BrokerTrouble("flooded"),
}
"""Name of a deed in ``real_table.py`` -> how it is made."""
