"""What a tape costs: one query on a socket with and without it, rounds interleaved, and one frame by itself.

Run: ``python -m tests.benchmarks.bench_tape``.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import uvloop

from controller.app.tape import Tape
from controller.app.tape_format import Begin, Sent
from controller.app.tape_tap import taped
from drivers.transports.link import Connect, Link
from drivers.transports.tcp import tcp
from firmware_sim.servers.tcp import serve_tcp
from firmware_sim.standalone import STANDALONE

ROUNDS = 9
QUERIES = 2000


async def round_of(link: Link) -> float:
    """Microseconds per query."""
    begin = time.perf_counter()
    for _ in range(QUERIES):
        await link.query(b"*ESR?\n", timeout_s=5.0)
    return (time.perf_counter() - begin) / QUERIES * 1e6


async def measure(folder: Path) -> tuple[float, float, float]:
    """(bare query, taped query, one frame) in microseconds, medians."""
    server = await serve_tcp(STANDALONE["SRS DG645"](0)["socket"])
    host, _, port = server.address.rpartition(":")
    connect: Connect = tcp(host, int(port))
    tape = Tape(folder / "bench.tape", Begin("driver", "", False), threaded=True)
    route = taped({"it": connect}, tape)["it"]
    assert callable(route)
    links = Link("bare", connect), Link("taped", route)
    times: tuple[list[float], list[float]] = [], []
    for _ in range(ROUNDS):
        for link, kept in zip(links, times, strict=True):
            kept.append(await round_of(link))
    begin = time.perf_counter()
    for _ in range(QUERIES):
        tape.put(Sent(0, 1, bytes(100)))
    frame_us = (time.perf_counter() - begin) / QUERIES * 1e6
    for link in links:
        await link.close()
    await server.close()
    tape.close()
    return statistics.median(times[0]), statistics.median(times[1]), frame_us


def main() -> None:
    """Print the medians."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        bare_us, taped_us, frame_us = runner.run(measure(Path(folder)))
    print(f"query {bare_us:.0f} us, on a tape {taped_us:.0f} us; one frame {frame_us:.1f} us")


if __name__ == "__main__":
    main()
