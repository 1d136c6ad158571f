"""Turns on a link: after a process stood still, a deadline and the end of an exchange come together."""

import asyncio

import pytest

from drivers.transports.turns import OVERDUE, Hello, Turns


class Nothing:
    """The hooks of a link without a transport."""

    async def restore(self) -> None:
        """It always works."""

    async def greet(self, hello: Hello, deadline: float) -> None:
        """Everybody is the right one."""

    def fail(self, error: Exception) -> None:
        """Nothing is under way."""

    def overdue(self) -> str:
        return OVERDUE


async def test_a_turn_that_was_passed_over_is_gone_already() -> None:
    """Its deadline cancels it, and whoever leaves throws it away before the waiter has been told."""
    turns = Turns("plc", Nothing(), None)
    await turns.enter(turns.loop.time() + 60.0)
    waiting = asyncio.create_task(turns.enter(turns.loop.time() + 60.0), name="waiter")
    await asyncio.sleep(0)
    (turn,) = turns._waiting
    turn.cancel()
    turns.leave()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not turns._waiting and not turns.busy
