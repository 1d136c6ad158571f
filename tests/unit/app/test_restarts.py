"""A child that ends by itself is started again a few times, after growing pauses, and forgiven once it was steady."""

import asyncio

from controller.app.restarts import BACKOFF_FIRST_S, RESTARTS_MAX, STEADY_S, Restarts
from controller.runtime.virtual_loop import run_virtual


def test_so_many_restarts_and_no_more() -> None:
    restarts = Restarts()
    assert [restarts.after(0.0) for _ in range(RESTARTS_MAX + 1)] == [True] * RESTARTS_MAX + [False]


def test_a_steady_life_is_a_new_beginning() -> None:
    restarts = Restarts()
    for _ in range(RESTARTS_MAX):
        restarts.after(STEADY_S)
    assert str(restarts) == f"restart {RESTARTS_MAX} of {RESTARTS_MAX}"
    assert restarts.after(STEADY_S + 1.0)
    assert restarts.count == 1


def test_pauses_grow_and_whoever_ends_waits_for_none() -> None:
    async def pauses() -> list[float]:
        loop, restarts, ending, found = asyncio.get_running_loop(), Restarts(), asyncio.Event(), []
        for index in range(4):
            restarts.after(0.0)
            if index == 3:
                ending.set()
            before_s = loop.time()
            await restarts.pause(ending)
            found.append(round(loop.time() - before_s, 6))
        return found

    assert run_virtual(pauses()) == [BACKOFF_FIRST_S, 2 * BACKOFF_FIRST_S, 4 * BACKOFF_FIRST_S, 0.0]
