"""Turns on a link: after a process stood still, a deadline and the end of an exchange come together."""

import asyncio
from collections import deque

import pytest

from drivers.transports.link import Link


async def test_a_turn_that_was_passed_over_is_gone_already() -> None:
    """Its deadline cancels it, and whoever leaves throws it away before the waiter has been told."""
    loop = asyncio.get_running_loop()
    link = object.__new__(Link)
    link.name, link._loop, link._turns, link._busy = "plc", loop, deque(), True
    waiting = asyncio.create_task(link._wait_turn(loop.time() + 60.0), name="waiter")
    await asyncio.sleep(0)
    (turn,) = link._turns
    turn.cancel()
    link._leave()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not link._turns
