"""How often a child that ends by itself is started again, and after what pause: the same for panels and watches."""

import asyncio

RESTARTS_MAX = 5
"""Restarts of a child that keeps dying; after that somebody has to look."""

STEADY_S = 60.0
"""A child that lived this long had no trouble to start: its restarts are forgotten."""

BACKOFF_FIRST_S = 0.5
"""Pause before the first restart, doubled at every further one: 15 s in all."""


class Restarts:
    """Counts the restarts of one child."""

    def __init__(self) -> None:
        self.count = 0

    def after(self, lived_s: float) -> bool:
        """Note that the child ended after ``lived_s`` seconds; whether it may be started again."""
        self.count = 1 if lived_s > STEADY_S else self.count + 1
        return self.count <= RESTARTS_MAX

    def __str__(self) -> str:
        return f"restart {self.count} of {RESTARTS_MAX}"

    async def pause(self, ending: asyncio.Event) -> None:
        """Wait before the next start, at most until ``ending`` is set."""
        try:
            await asyncio.wait_for(ending.wait(), BACKOFF_FIRST_S * 2 ** (self.count - 1))
        except TimeoutError:
            return
