"""HiSLIP: ``HislipLink`` (turn, total deadline, ids, uvloop) against raw blocking exchanges of the same messages.

Query: a blocking socket that packs a header, sends, receives and compares the id. Block: ``recv_into`` of the same
stream, headers included, as fast as a socket gives it. One C responder, one core, rounds interleaved, every byte
compared. Run: ``python -m tests.benchmarks.bench_hislip``.
"""

import shutil
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import uvloop

from drivers.transports.hislip import HislipLink
from drivers.transports.route import Hislip
from drivers.transports.tcp import tcp
from drivers.wire.hislip import FIRST_ID, HEADER, HEADER_BYTES, IDS, MESSAGE_MAX, PROLOGUE, Initialize, Kind
from tests.benchmarks.responder import responder

SOURCE = Path(__file__).with_name("hislip_responder.c")
ROUNDS = 9
QUERIES = 3000
BLOCK_ROUNDS = {10_000_000: 61, 100_000_000: 31}
"""Rounds by size: a 10 MB round lasts a few ms, so that one pre-emption decides it."""
KINDS = {"ramp": 0, "line feeds": 1, "random": 2}
QUERY_BAR = 2.0
"""At most this many times the raw exchange's time (issue 5, Show)."""
BLOCK_BAR = 0.9
"""At least this fraction of the raw speed (issue 5, Show)."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Result:
    what: str
    raw: float
    link: float
    ratio: float


class Raw:
    """The synchronous channel on a blocking socket; the responder does not ask for the other one."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(Initialize().message().encode())
        assert self.sock.recv(4096)[2] == Kind.INITIALIZE_RESPONSE
        self.id = FIRST_ID

    def send(self, request: bytes) -> None:
        self.id = (self.id + 2) % IDS
        self.sock.sendall(HEADER.pack(PROLOGUE, Kind.DATA_END, 1, self.id, len(request)) + request)

    def query(self, request: bytes) -> bytes:
        self.send(request)
        reply = self.sock.recv(4096)
        prologue, kind, _, message_id, size = HEADER.unpack_from(reply)
        assert (prologue, kind, message_id) == (PROLOGUE, Kind.DATA_END, self.id)
        while len(reply) < HEADER_BYTES + size:
            reply += self.sock.recv(4096)
        return reply[HEADER_BYTES:]

    def block(self, request: bytes, view: memoryview) -> float:
        begin = time.perf_counter()
        self.send(request)
        got = 0
        while got < len(view):
            got += self.sock.recv_into(view[got:])
        return time.perf_counter() - begin


def raw_round(raw: Raw, requests: list[bytes]) -> float:
    begin = time.perf_counter()
    for request in requests:
        assert raw.query(request) == request
    return time.perf_counter() - begin


async def link_round(link: HislipLink, requests: list[bytes]) -> float:
    begin = time.perf_counter()
    for request in requests:
        assert await link.query(request, timeout_s=1.0) == request[:-1]
    return time.perf_counter() - begin


async def measure_query(port: int, rounds: int) -> Result:
    """Medians over ``rounds`` of the times per query in microseconds, and of the rounds' ratios."""
    requests = [f"MEAS:VOLT? {number}\n".encode() for number in range(QUERIES)]
    link, raw = HislipLink("responder", Hislip(tcp("127.0.0.1", port))), Raw(port)
    raws, links = [], []
    raw_round(raw, requests)
    await link_round(link, requests)
    for _ in range(rounds):
        raws.append(raw_round(raw, requests) / QUERIES * 1e6)
        links.append(await link_round(link, requests) / QUERIES * 1e6)
    await link.close()
    raw.sock.close()
    ratio = statistics.median(ours / theirs for ours, theirs in zip(links, raws, strict=True))
    return Result("query, us", statistics.median(raws), statistics.median(links), ratio)


def payload_of(stream: Bytes) -> Bytes:
    """The messages' payloads, one after the other."""
    step = MESSAGE_MAX + HEADER_BYTES
    return np.concatenate([stream[at + HEADER_BYTES : at + step] for at in range(0, len(stream), step)])


async def measure_block(port: int, size: int, kind: str, rounds: int) -> Result:
    """Medians over ``rounds`` in MB/s; ratio of speeds, link to raw, round by round."""
    request = f"B {size} {KINDS[kind]}\n".encode()
    head = 10 if size < 100_000_000 else 11
    whole = head + size + 1
    stream = np.empty(whole + HEADER_BYTES * -(-whole // MESSAGE_MAX), dtype=np.uint8)
    out = np.zeros(size, dtype=np.uint8)
    link, raw = HislipLink("responder", Hislip(tcp("127.0.0.1", port))), Raw(port)
    raws, links = [], []
    for number in range(rounds + 1):
        stream[:] = 0
        out[:] = 0
        raw_s = raw.block(request, stream.data) if number % 2 else 0.0
        begin = time.perf_counter()
        assert await link.query_block(request, out.data, timeout_s=60.0) == size
        link_s = time.perf_counter() - begin
        raw_s = raw_s or raw.block(request, stream.data)
        assert np.array_equal(out, payload_of(stream)[head:-1])
        if number:
            raws.append(size / raw_s / 1e6)
            links.append(size / link_s / 1e6)
    await link.close()
    raw.sock.close()
    ratio = statistics.median(ours / theirs for ours, theirs in zip(links, raws, strict=True))
    return Result(f"{size / 1e6:.0f} MB {kind}, MB/s", statistics.median(raws), statistics.median(links), ratio)


def run(compiler: str, sizes: tuple[int, ...] = tuple(BLOCK_ROUNDS), rounds: int = ROUNDS) -> list[Result]:
    """Compile the responder with ``compiler``; first the query, then every size and kind of data."""
    with tempfile.TemporaryDirectory() as folder, responder(compiler, Path(folder), SOURCE) as port:
        found = [uvloop.run(measure_query(port, rounds))]
        return found + [
            uvloop.run(measure_block(port, size, kind, BLOCK_ROUNDS[size])) for size in sizes for kind in KINDS
        ]


def main() -> int:
    """Print the results; exit code 1 when a bar is missed."""
    compiler = shutil.which("gcc")
    if compiler is None:
        print("gcc is not installed: sudo apt-get install -y gcc", file=sys.stderr)
        return 2
    query, *blocks = run(compiler)
    for found, bar in ((query, f"at most {QUERY_BAR}"), *((block, f"at least {BLOCK_BAR}") for block in blocks)):
        print(f"{found.what:26} raw {found.raw:8.2f}   link {found.link:8.2f}   ratio {found.ratio:.2f} ({bar})")
    return 0 if query.ratio <= QUERY_BAR and all(block.ratio >= BLOCK_BAR for block in blocks) else 1


if __name__ == "__main__":
    sys.exit(main())
