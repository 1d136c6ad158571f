"""What stand-ins cost: CPU of each while connected and busy by itself, memory of a process with twenty.

CPU: one process per stand-in, one client that has made it do what it does by itself (ramps, free-running triggers,
continuous output, service requests); per cent of one core, median of one-second samples over 30 s. Memory: PSS of one
process with 20 stand-ins after each has served its largest record. Run: ``python -m tests.benchmarks.bench_standins``.
"""

import json
import os
import select
import socket
import statistics
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path

from drivers.wire import hislip
from firmware_sim.standalone import STANDALONE

SECONDS = 30
CPU_BAR_PERCENT = 1.0
PSS_BAR_MB = 150.0
"""Beside the records (issue 5, Show)."""
STANDINS = 20
REPLY_S = 120.0
START_S = 180.0
"""A process with its imports on a machine that is busy."""

ARMED = b"*CLS;*SRE 32;*ESE 1\n:TRIG:SWEEP NORM;:TRIG:LEV 50\n:SINGLE\n*OPC\n"
BUSY: dict[str, tuple[str, bytes]] = {
    "FuG HCK 2000-4000": ("serial", b">S0R 0.5\n>S0B 1\nI1\nU2000\nF1\n"),
    "FuG HCK 800-20000": ("serial", b">S0R 0.5\n>S0B 1\nI1\nU700\nF1\n"),
    "Technix CCR10KV-7.5KJ": ("socket", b"P7,1\rd1,1000\rP5,1\r"),
    "Technix CCR25KV-7.5KJ": ("socket", b"P7,1\rd1,1000\rP5,1\r"),
    "TDK-Lambda Genesys GEN80-65": ("serial", b"ADR 6\rSENA FF\rFENA FF\rPV 40\rPC 10\rOUT 1\r"),
    "SRS DG645": ("socket", b"TRAT 1000\nTSRC 0\n"),
    "Highland T560": ("socket", b"SY 1000\rTR SY\r"),
    "Keysight DSO-X 3014A": ("hislip", ARMED),
    "Tektronix MSO54": ("hislip", b"*CLS;*SRE 32;*ESE 1\nTRIG:A:LEV:CH1 50\nACQ:STOPA SEQ;STATE ON\n*OPC\n"),
    "R&S RTO1024": ("hislip", b"*CLS;*SRE 32;*ESE 1\nTRIG1:LEV1 50\nTRIG1:MODE NORM\nSING\n*OPC\n"),
    "Teledyne LeCroy WaveRunner": ("socket", b"TRMD AUTO\n"),
    "Pfeiffer TPG 262": ("serial", b"COM,0\r\n"),
    "Pfeiffer TPG 256A": ("serial", b"COM,0\r\n"),
    "R&S SMB100A": ("hislip", b"*SRE 32;*ESE 1\n:SWE:FREQ:DWEL 10ms\n:FREQ:MODE SWE\n:OUTP ON\n*OPC\n"),
    "LAUDA PRO RP245E": ("socket", b"START\r\nOUT_SP_00_25.0\r\n"),
    "LabJack T7": ("modbus", b""),
}
"""Model -> a transport, and what makes it busy by itself. Another model is measured while only connected."""

BATCH = 250_000
"""Samples that a DS1000Z sends at once."""

RECORDS: dict[str, tuple[bytes, tuple[bytes, ...]]] = {
    "Keysight DSO-X 3014A": (
        b":WAV:POIN:MODE RAW;:ACQ:TYPE NORM;:TRIG:SWEEP AUTO;:DIG CHAN1;:WAV:SOUR CHAN1;FORM WORD;POIN MAX\n",
        (b":WAV:DATA?\n",),
    ),
    "Tektronix MSO54": (
        b"HOR:RECO 2000000\nACQ:STOPA SEQ\nACQ:STATE ON\nTRIG FORC\n"
        b"DAT:SOU CH1\nDAT:ENC RIB\nDAT:WID 2\nDAT:STAR 1\nDAT:STOP 2000000\n",
        (b"CURV?\n",),
    ),
    "R&S RTO1024": (
        b"ACQ:POIN 10000000;:FORM INT,16;:FORM:BORD LSBF;:SING;:TRIG1:FORC\n",
        (b"CHAN1:DATA?\n",),
    ),
    "Rigol DS1074Z": (
        b":RUN;:TIM:SCAL 0.002;:ACQ:MDEP 24000000;:SING;:TFOR;:WAV:SOUR CHAN1;MODE RAW;FORM BYTE\n",
        tuple(b":WAV:STAR %d;STOP %d;DATA?\n" % (start + 1, start + BATCH) for start in range(0, 24_000_000, BATCH)),
    ),
    "Teledyne LeCroy WaveRunner": (
        b"MSIZ 1M;CFMT DEF9,WORD,BIN;TRMD SINGLE;FRTR\n",
        (b"WAIT;C1:WF? DAT1\n",),
    ),
}
"""Model -> what makes it take its largest record, and what reads all of it by its socket."""
SETTLE_S = 1.0
"""From the set-up to the end of the acquisition."""
HEAD_MAX = 40
"""Bytes beside a block: ``:CURVE``, ``C1:WF DAT1,``, the line's end."""


@dataclass(frozen=True)
class Cpu:
    model: str
    percent: float


@dataclass(frozen=True)
class Memory:
    pss_mb: float
    records_mb: float

    @property
    def beside_mb(self) -> float:
        return self.pss_mb - self.records_mb


class Process:
    """A process with stand-ins of ``models``; it ends with the block."""

    def __init__(self, models: Sequence[str]) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.standin_child", *models]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self._child.pid

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._child.communicate(timeout=30)
        finally:
            if self._child.poll() is None:
                self._child.kill()
                self._child.wait()

    def endpoints(self) -> list[dict[str, str]]:
        """Of each stand-in, by transport, once all serve. Raises TimeoutError, EOFError."""
        assert self._child.stdout is not None
        descriptor, line, until = self._child.stdout.fileno(), b"", time.monotonic() + START_S
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError(f"the stand-ins' process {self.pid} does not serve after {START_S:g} s")
            part = os.read(descriptor, 1 << 16)
            if not part:
                raise EOFError(f"the stand-ins' process ended with {self._child.wait()} before it served")
            line += part
        return list(json.loads(line))


def cpu_s(pid: int) -> float:
    """CPU time of all threads; from the scheduler, whose unit is finer than the clock tick of ``stat``."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def pss_mb(pid: int) -> float:
    """Proportional set size."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def connect(transport: str, address: str, stack: ExitStack) -> Callable[[bytes], None]:
    """A client: a function that sends; for HiSLIP both channels are opened and kept."""
    if transport == "serial":
        line = os.open(address, os.O_RDWR | os.O_NOCTTY)
        stack.callback(os.close, line)
        tty.setraw(line)

        def write(data: bytes) -> None:
            for part in data.splitlines(True):
                os.write(line, part)
                time.sleep(0.05)

        return write
    host, _, port = address.rpartition(":")
    sync = stack.enter_context(socket.create_connection((host, int(port))))
    if transport != "hislip":
        return sync.sendall
    sync.sendall(hislip.Initialize().message().encode())
    session = int.from_bytes(sync.recv(16, socket.MSG_WAITALL)[6:8], "big")
    events = stack.enter_context(socket.create_connection((host, int(port))))
    events.sendall(hislip.async_initialize(session).encode())
    events.recv(16, socket.MSG_WAITALL)

    def send(data: bytes) -> None:
        for number, part in enumerate(data.splitlines(True)):
            message = hislip.Message(hislip.Kind.DATA_END, 0, hislip.FIRST_ID + 2 * number, part)
            sync.sendall(message.encode())

    return send


def measure_cpu(seconds: float, models: Sequence[str] = tuple(STANDALONE), sample_s: float = 1.0) -> list[Cpu]:
    """Of every model, all at once, each in a process of its own."""
    with ExitStack() as clients_open, ExitStack() as stack:  # the processes end first
        processes = [stack.enter_context(Process([model])) for model in models]
        pids, clients = [process.pid for process in processes], []
        for model, process in zip(models, processes, strict=True):
            [doors] = process.endpoints()
            transport, order = BUSY.get(model, (next(iter(doors)), b""))
            clients.append(connect(transport, doors[transport], clients_open))
            clients[-1](order)
        time.sleep(min(2.0, seconds / 2))
        marks = [[cpu_s(pid) for pid in pids]]
        times = [time.monotonic()]
        while times[-1] - times[0] < seconds:
            time.sleep(sample_s)
            marks.append([cpu_s(pid) for pid in pids])
            times.append(time.monotonic())
    steps = range(1, len(marks))
    return [
        Cpu(model, statistics.median(100 * (marks[k][n] - marks[k - 1][n]) / (times[k] - times[k - 1]) for k in steps))
        for n, model in enumerate(models)
    ]


def serve_record(model: str, doors: dict[str, str], reads_max: int | None = None) -> int:
    """Bytes of the largest record that the stand-in has served; 0 where it has none.

    ``reads_max``: only so many of its parts are read, though all of it is taken.
    """
    if model not in RECORDS:
        return 0
    order, reads = RECORDS[model]
    host, _, port = doors["socket"].rpartition(":")
    size = 0
    with socket.create_connection((host, int(port))) as sock, sock.makefile("rb") as reply:
        sock.settimeout(REPLY_S)
        sock.sendall(order)
        time.sleep(SETTLE_S)
        for read in reads[:reads_max]:
            sock.sendall(read)
            size += _block(reply)
    return size


def _block(reply: BufferedReader) -> int:
    """Bytes of the block that comes next, header aside; read to the end of its line."""
    head = b""
    while not head.endswith(b"#"):
        one = reply.read(1)
        if not one or len(head) > HEAD_MAX:
            raise EOFError(f"no block but {head!r}")
        head += one
    left = size = int(reply.read(int(reply.read(1))))
    while left:
        left -= len(reply.read(min(left, 1 << 20)))
    reply.readline(HEAD_MAX)
    return size


def measure_memory(count: int = STANDINS, reads_max: int | None = None) -> Memory:
    """All models in turn until there are ``count``. ``reads_max``: see :func:`serve_record`."""
    known = tuple(STANDALONE)
    models = [known[number % len(known)] for number in range(count)]
    with Process(models) as process:
        begun = process.endpoints()
        with ThreadPoolExecutor(len(models)) as clients:  # a busy machine makes each wait, so all wait at once
            records = list(clients.map(partial(serve_record, reads_max=reads_max), models, begun))
        served = dict(zip(models, records, strict=True))
        assert all(served[model] for model in RECORDS), served
        return Memory(pss_mb(process.pid), sum(records) / 1e6)


def main() -> int:
    """Print both; the exit code is 1 beyond a bar."""
    found = measure_cpu(SECONDS)
    for one in found:
        print(f"{one.model}: {one.percent:.2f} % of a core (bar {CPU_BAR_PERCENT:g})")
    memory = measure_memory()
    print(f"PSS of {STANDINS} stand-ins: {memory.pss_mb:.0f} MB, of which records {memory.records_mb:.0f} MB;")
    print(f"beside them {memory.beside_mb:.0f} MB (bar {PSS_BAR_MB:g})")
    return int(max(one.percent for one in found) >= CPU_BAR_PERCENT or memory.beside_mb >= PSS_BAR_MB)


if __name__ == "__main__":
    sys.exit(main())
