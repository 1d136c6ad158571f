"""The asyncio shell of the core: read, decide, act."""
