"""Links to instruments: asyncio protocols with a deadline on every exchange."""
