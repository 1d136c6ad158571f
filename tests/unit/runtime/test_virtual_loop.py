"""The virtual loop keeps asyncio's promises and adds an order to simultaneous timers."""

import asyncio

import pytest

from controller.runtime.virtual_loop import CallbackFailed, NothingScheduled, Rank, VirtualLoop, ranked, run_virtual


def test_an_hour_passes_at_once_and_to_the_nanosecond() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in range(3600):
            await asyncio.sleep(1.0)
        return loop.now_ns

    assert run_virtual(main()) == 3600 * 1_000_000_000


def test_timers_of_one_instant_run_in_rank_order_whoever_set_them_first() -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        order: list[str] = []
        for name, rank in (("core", Rank.CORE), ("links", Rank.LINKS), ("plc", Rank.PLC), ("plant", Rank.PLANT)):
            ranked(rank).run(loop.call_at, 0.05, order.append, name)
        loop.call_at(0.03 + 0.02, order.append, "core again")
        await asyncio.sleep(0.06)
        return order

    assert run_virtual(main()) == ["plant", "plc", "links", "core", "core again"]


def test_a_periodic_timer_does_not_drift() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        seen = []
        for n in range(1, 10_001):
            await asyncio.sleep(n * 0.01 - loop.time())
            seen.append(loop.now_ns)
        return seen

    assert run_virtual(main()) == [n * 10_000_000 for n in range(1, 10_001)]


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingScheduled):
        run_virtual(main())


def break_down(why: str) -> None:
    raise KeyError(why)


def test_a_callback_that_raises_ends_the_run_after_it_has_put_its_things_away() -> None:
    tidied: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().call_later(0.5, break_down, "missing")
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.1)
            tidied.append("link closed")

    with pytest.raises(CallbackFailed) as caught:
        run_virtual(main())
    assert isinstance(caught.value.__cause__, KeyError)
    assert tidied == ["link closed"]


def test_a_task_nobody_waits_for_is_heard_too() -> None:
    async def forgotten() -> None:
        await asyncio.sleep(0.1)
        raise ValueError("lost")

    async def main() -> str:
        task = asyncio.get_running_loop().create_task(forgotten())
        await asyncio.wait([task])
        del task
        return "went on"

    with pytest.raises(CallbackFailed) as caught:
        run_virtual(main())
    assert str(caught.value.__cause__) == "lost"


def test_the_first_failure_is_told_not_what_follows_from_it() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(break_down, "first")
        try:
            await asyncio.sleep(1.0)
        finally:
            raise OSError("the links are gone")

    with pytest.raises(CallbackFailed) as caught:
        run_virtual(main())
    assert repr(caught.value.__cause__) == "KeyError('first')"


def test_an_ordinary_failure_of_the_run_keeps_its_own_name() -> None:
    async def main() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run_virtual(main())
