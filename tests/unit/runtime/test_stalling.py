"""A part of the virtual world stands still: nothing of it runs, everything of it is made up for when it goes on."""

import asyncio

from controller.app.stalling import StallingLoop
from controller.runtime.virtual_loop import Rank, ranked, run_virtual


async def tick(times: list[float]) -> None:
    while True:
        times.append(round(asyncio.get_running_loop().time(), 3))
        await asyncio.sleep(0.1)


def conduct(stop_s: float, go_s: float, end_s: float, hang: bool = False) -> tuple[list[float], list[float]]:
    """Two clocks, the core's and the bench's; the core's stands still for a while. Returns what they showed."""
    core: list[float] = []
    bench: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StallingLoop)
        tasks = [
            loop.create_task(tick(core), name="core", context=ranked(Rank.CORE)),
            loop.create_task(tick(bench), name="bench", context=ranked(Rank.PLANT)),
        ]
        await asyncio.sleep(stop_s)
        if hang:
            loop.hang(tasks[0])
        else:
            loop.stop_ranks(Rank.CORE)
        await asyncio.sleep(go_s - stop_s)
        loop.resume()
        await asyncio.sleep(end_s - go_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def supervised() -> None:
        await asyncio.get_running_loop().create_task(main(), name="main", context=ranked(Rank.PLC))

    run_virtual(supervised(), StallingLoop)
    return core, bench


def test_a_stopped_rank_wakes_up_late_and_does_not_catch_up() -> None:
    core, bench = conduct(0.25, 1.05, 1.52)
    assert core == [0.0, 0.1, 0.2, 1.05, 1.15, 1.25, 1.35, 1.45]
    assert bench == [round(0.1 * n, 3) for n in range(16)]


def test_a_hung_task_stands_alone() -> None:
    core, bench = conduct(0.25, 1.05, 1.22, hang=True)
    assert core == [0.0, 0.1, 0.2, 1.05, 1.15]
    assert bench == [round(0.1 * n, 3) for n in range(13)]
