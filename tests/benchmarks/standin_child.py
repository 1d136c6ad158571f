"""A process with stand-ins as ``sparkgap sim --instrument`` serves them: ``standin_child.py MODEL...``.

Prints one line of JSON, a list of endpoints by transport, and ends when its input does.
"""

import asyncio
import json
import sys

from controller.app.single import serve_single


async def serve(models: list[str]) -> None:
    """Serve until stdin ends."""
    opened = [await serve_single(model, seed) for seed, model in enumerate(models, 1)]
    print(json.dumps([dict(doors.endpoints) for doors in opened]), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for doors in opened:
        await doors.close()


if __name__ == "__main__":
    try:
        import uvloop as loops
    except ImportError:
        loops = asyncio  # type: ignore[assignment]
    loops.run(serve(sys.argv[1:]))
